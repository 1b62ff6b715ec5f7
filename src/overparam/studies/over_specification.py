"""Over-specification: do students wider than the teacher that made the data learn it in fewer steps? Livni et al. (2014).

A relu teacher answers fresh Gaussian inputs; students have 1 to 16 times its units. The step size decides much, so that each
width is trained at many: its best rate and one rate for all widths are told apart, and two parametrisations.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from overparam.core import (BATCH, Axis, Check, Claim, Control, Estimate, Evidence, Hero, Params, Series,
    UsageError, World, arm, chart, charts, grid, later, line, need, planned, profiles, share_of_trials, study)  # fmt: skip

FACTORS = (1, 2, 4, 8, 16)
RATES = (0.125, 0.25, 0.354, 0.5, 0.707, 1.0, 1.414, 2.0)
BOTH = ("mean_field", "standard")

AXES = (
    Axis("data", "What the teacher answers: standard normal inputs.", str, "gaussian", choices=("gaussian",), flag="data"),
    Axis("d", "Inputs.", int, 30, low=2, high=1000, flag="d"),
    Axis("nodes", "Units of the teacher.", int, 10, low=1, high=1000, flag="nodes"),
    Axis("factor", "Units of the student over those of the teacher.", int, 1, low=1, high=256, flag="factors"),
    Axis("parametrisation", "mean_field: outputs over the width, rate times the width; standard: neither.", str, "mean_field",
         choices=BOTH, flag="parametrisation"),
    Axis("rates", "Rates that are tried at every width, ascending, all in one cell.", float, RATES, low=1e-6, high=1e3,
         inside_cell=True, flag="rates"),
    Axis("one", "The one of them that is common to all widths.", float, 0.25, low=1e-6, high=1e3, flag="one"),
    BATCH.but(default=64, help="Fresh examples in a step."),
    Axis("target", "Mean square error, over that of answering 0, that is to be reached.", float, 0.01, low=1e-6, high=0.9,
         flag="target"),
    Axis("steps", "Most steps of SGD.", int, 4000, low=11, flag="steps"),
    Axis("seed", "Draws the teacher, the student and the examples.", int, 0, low=0, flag="seeds"),
)  # fmt: skip
PROFILES = profiles(
    {"data": "gaussian", "parametrisation": BOTH},
    quick=("a teacher of 5 units on 15 inputs, students of 1 to 8 times as many, 2,000 steps, 8 seeds, in mean-field "
           "parametrisation alone: a minute on two cores",
           {"d": 15, "nodes": 5, "factor": FACTORS[:4], "steps": 2000, "parametrisation": BOTH[:1], "seed": planned(8)}),
    laptop=("a teacher of 10 units on 30 inputs, students of 1 to 16 times as many, 4,000 steps, 20 seeds: six minutes on two "
            "cores",
            {"factor": FACTORS, "seed": planned(20)}),
    paper=("a teacher of 60 units on 150 inputs, students of 1 to 8 times as many (sizes recalled), 100,000 steps, 8 seeds: "
           "several hours of two cores", {"d": 150, "nodes": 60, "factor": FACTORS[:4], "steps": 100_000, "seed": planned(8)}),
)  # fmt: skip

# what is measured: lines over the factor, one a seed
best = line("steps_best", "steps to the target at the best rate", "steps")
one = line("steps_one", "steps to the target at one rate for all widths", "steps")
failed, trials = line("failed", "whether the target is missed"), line("trials", "one")
factor = grid("factor")
SAME, TWICE, FOUR, EIGHT, MANY = (factor.near(k) for k in FACTORS)
FASTER = 1.2  # the smallest gain worth the name: a fifth more steps
FIELD, STANDARD = (arm(f"{words} parametrisation", parametrisation=name)
                   for name, words in (("mean_field", "mean-field"), ("standard", "standard")))  # fmt: skip
L32, LIVNI, LARGER = ("L32",), "livni2014", ("laptop", "paper")
SCOPE = (
    "The slide: data from a ground-truth network, larger networks train more easily and converge faster; shown for networks of "
    "rectifiers and SGD, with sizes that we recall (150 inputs, 60 units, 1 to 8 times as many).",
    "Here 30 inputs and 10 units; a run that does not reach the target counts with all its steps, which makes gains look "
    "smaller. A fifth is ours and decides support alone.")  # fmt: skip


def gain(steps: Any, low: Any = SAME, high: Any = FOUR) -> Any:
    """How many times the steps of one factor a larger one needs fewer."""
    return (steps.at(low) / steps.at(high)).at_least(FASTER).contradicted(below=1.0)


def frozen(where: Any, steps: str) -> Control:
    """The control: the same rule on students whose first layer stays as it was drawn."""
    words = "With the first layer frozen as drawn, more units alone do not reach the target."
    return Control(words, where.but(f"{where.words}, first layer frozen", metrics={steps: "frozen_steps"}))


def inside(view: Any) -> Check:
    """Whether faster or slower rates than were tried could be better."""
    rows = [values.get("rate_on_edge") or 0 for _, values in view.rows()]
    return Check(sum(rows) <= 0.1 * len(rows), f"the best rate is the smallest or largest tried in {sum(rows)} of {len(rows)} "
                 "cells, asked for at most a tenth")  # fmt: skip


INSIDE = need("rates", "The best rates lie inside the range of those tried.", inside, values=("rate_on_edge",))

FALL, REVERSED = [5500, 1000, 420, 330, 290], [730, 540, 480, 620, 1000]
WORLD = World(
    ("factor", FACTORS), arms={"parametrisation": BOTH}, apart=True, seeds=20, level=0.1,
    lines={"steps_best": lambda parametrisation: FALL if parametrisation == "mean_field" else REVERSED,
           "steps_one": lambda parametrisation: FALL if parametrisation == "mean_field" else REVERSED,
           "frozen_steps": [6000] * 5, "rate_on_edge": [0] * 5,
           "failed": [1, 0, 0, 0, 0], "trials": [1] * 5},
    spread={"steps_best": 0.35, "steps_one": 0.35}, straight=("failed", "trials", "rate_on_edge"))  # fmt: skip


def steps_at(*gone: float) -> World:
    """The world with other steps in both parametrisations."""
    return WORLD.but(steps_best=list(gone), steps_one=list(gone))


def half_fail(rng: Any) -> Any:
    """The world in which every student of the teacher's size misses the target with a chance of a half."""
    drawn = WORLD(rng)
    return Evidence(tuple((cell, {**values, "failed": int(rng.uniform() < 0.5)} if cell["factor"] == 1 else values)
                          for cell, values in drawn.rows))  # fmt: skip


LEVEL, TIE, WORSE = (
    steps_at(600, 550, 500, 480, 480),
    steps_at(500, 500, 500, 500, 500),
    steps_at(500, 700, 900, 990, 1000),
)
CLAIMS = (
    Claim("faster", "Students with four times the teacher's units learn it in fewer steps than students of its own size, each "
          "width at its best rate.", L32, LIVNI, gain(best), FIELD,
          frozen(FIELD, "steps_best"), (INSIDE,), chart="steps", form="direction", scope=SCOPE,
          effect=WORLD, null=(LEVEL,), limit=(TIE,), against=WORSE),
    Claim("one-rate", "At one rate for all widths too, students with four times the teacher's units learn it in fewer steps than "
          "students of its own size.", L32, LIVNI, gain(one), FIELD,
          frozen(FIELD, "steps_one"), chart="steps", form="direction", scope=SCOPE,
          effect=WORLD, null=(LEVEL,), limit=(TIE,), against=WORSE),
    Claim("standard", "In the standard parametrisation too, students with four times the teacher's units learn it in fewer steps "
          "than students of its own size, each width at its best rate.", L32, LIVNI, gain(best),
          STANDARD, frozen(STANDARD, "steps_best"), (INSIDE,), chart="steps",
          form="direction", scope=SCOPE, profiles=LARGER, effect=steps_at(900, 600, 480, 620, 1000), null=(LEVEL,), limit=(TIE,),
          against=WORSE),
    Claim("own-size", "Does a student of the teacher's own size miss the target, at its best rate and in all its steps, in most "
          "draws?", L32, LIVNI, share_of_trials(failed.at(SAME), trials.at(SAME), "share of the students that miss it")
          .at_least(0.5), FIELD, Control("Students with four times the units, by the same rule.",
                                         rule=share_of_trials(failed.at(FOUR), trials.at(FOUR), "share of the students that miss "
                                                              "it").at_least(0.5)), chart="reached", kind="question",
          profiles=LARGER, effect=WORLD, null=(half_fail,)),
    Claim("eight", "Do eight times the units need at most half of the steps of twice the units?", L32, LIVNI,
          (best.at(TWICE) / best.at(EIGHT)).at_least(2.0), FIELD, needs=(INSIDE,), chart="steps", kind="question",
          profiles=LARGER, effect=WORLD, null=(WORLD.but(steps_best=[5500, 660, 420, 330, 290]),)),
    Claim("slower", "In the standard parametrisation, do 16 times the units need more steps than four times, a fifth or more, "
          "each at its best rate?", L32, LIVNI, (best.at(MANY) / best.at(FOUR)).at_least(FASTER), STANDARD, needs=(INSIDE,),
          chart="steps", kind="question", profiles=LARGER, effect=WORLD, null=(steps_at(900, 600, 500, 550, 600),)),
)  # fmt: skip

WORDS = {1: "the teacher's size", **{k: f"{k} times" for k in FACTORS[1:]}}
NAMES = {"mean_field": "mean-field", "standard": "standard"}
CHARTS = (
    *(chart(f"courses-{NAMES[name]}", f"Loss in training, {NAMES[name]} parametrisation",
            "log mean square error over that of answering 0",
            [Series("loss", words, where={"factor": k, "parametrisation": name}) for k, words in WORDS.items()],
            x={"step": "steps"}, along="step", note="Each seed at its own best rate. Losses below a hundredth of "
            "the target are drawn there.")
      for name in BOTH),
    *charts({"factor": "units of the student over those of the teacher"}, ("parametrisation", "parametrisation"),
            steps=("Steps to the target", "log steps",
                   {"steps_best": "best rate of each seed", "steps_one": "one rate for all widths",
                    "frozen_steps": "-first layer frozen (control)"},
                   "A run that does not reach the target counts with all its steps."),
            reached=("Students that reach the target", "share of the seeds", {"reached": "best rate", "reached_one": "one rate"}),
            rates=("The best rate", "log rate", {"rate_best": "best rate of each seed"},
                   "In mean-field parametrisation the step is this times the width."),
            floor=("What a frozen first layer could reach at most", "log least mean square error over that of answering 0",
                   {"frozen_floor": "any output layer on the first weights"}, "In closed form, without training.")),
)  # fmt: skip


def estimate(cell: Params) -> Estimate:
    """All rates of one width; a look at the loss for each twentieth of the steps."""
    from overparam.sweep.work import cost, dense

    rates = list(cell["rates"])
    if len(rates) < 3 or any(b <= a for a, b in pairwise(rates)):
        raise UsageError(
            f"--rates: expected three or more rates that ascend, got {rates}. Name each once, in order."
        )
    if cell["one"] not in rates:
        raise UsageError(f"--one: expected one of the rates {rates}, got {cell['one']:g}. Add it to --rates.")
    size = dense(cell["d"], cell["nodes"] * cell["factor"], 1)
    found = cost({**cell, "n": 1000}, size, trained=len(cell["rates"]), probes=100)
    return Estimate(0.83 * found.seconds + 1e-5 * cell["steps"] * len(cell["rates"]), found.bytes)


STUDY = study(
    name="over-specification", title="Over-specification: students wider than their teacher",
    question="Is a teacher network learned in fewer steps by students that are wider than it is?", x="factor",
    sources=(LIVNI, "liang2018"), axes=AXES, profiles=PROFILES, claims=CLAIMS, charts=CHARTS,
    hero=Hero("courses-mean-field", fit=("loss",)), estimate=estimate,
    work=later("overparam.studies.over_specification_work:run"),
    values=("steps_best", "steps_one", "reached", "reached_one", "failed", "trials",
            "rate_best", "rate_on_edge", "step", "loss", "frozen_floor",
            "frozen_steps"),
    differences=(
        "Sizes of Livni et al. (150 inputs, a teacher of 60 rectifiers, students of 1, 2, 4 and 8 times as many) are recalled; "
        "rates, batches and initialisation are not known to us. Ours are smaller, and inputs are standard normal.",
        "Examples are fresh in every step, so that nothing is memorised and training loss is test loss.",
        "The best rate is each seed's own among eight of which the largest diverge; one rate is 0.25 "
        "for all. In mean-field parametrisation it is multiplied by the width, as the limit asks.",
        "Steps are read between looks that lie 5 % apart, by the logarithms; the loss is that on 1,000 further examples.",
        "With the first layer frozen the least loss of any output layer is known in closed form; it is trained only where "
        "that lies below the target.",
        "With one teacher unit and several student units the loss falls like the third power of time only (Xu and Du 2023): "
        "more units are not faster everywhere. See the study of local convergence.",
    ))  # fmt: skip
