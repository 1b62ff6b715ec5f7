"""Steps of a network to a loss against the batch size, with the best rate of each, beside the critical batch size of Ma et al.

Their theorem is about quadratic losses, which sgd-moments has without simulation. Here one network is trained; its tangent
kernel at the start gives the closed form m*.
"""

from __future__ import annotations

from typing import Any

from overparam.core import (Axis, Check, Claim, Control, Estimate, Hero, Params, World, arm, charts, each_cell, later, need,
    planned, power_law, profiles, scalar, study)  # fmt: skip

BATCHES = (1, 2, 4, 8, 16, 32, 64)
AXES = (
    Axis("data", "Digits: odd or even.", str, "digits", choices=("digits",), flag="data"),
    Axis("n", "Samples.", int, 100, low=8, high=1000, flag="n"),
    Axis("width", "Units of the tanh layer.", int, 32, low=2, high=1024, flag="widths"),
    Axis("batch", "Batch sizes, ascending from 1, all in one cell; all samples are added.", int, BATCHES, low=1, high=999,
         inside_cell=True),
    Axis("goal", "Share of the first loss to which steps are counted.", float, 0.1, low=1e-4, high=0.9),
    Axis("most", "Most steps of a run.", int, 10_000, low=50),
    Axis("repeats", "Runs of each batch size and rate.", int, 2, low=1, high=50),
    Axis("seed", "Draws samples, weights and batches.", int, 0, low=0, flag="seeds"),
)  # fmt: skip
PROFILES = profiles(
    {"data": "digits"},
    quick=("100 digits, 32 units, to a tenth of the loss: 5 seeds", {"seed": planned(5)}),
    laptop=("200 digits, 64 units, 4 runs of each: 10 seeds",
            {"n": 200, "width": 64, "batch": (*BATCHES, 128), "most": 60_000, "repeats": 4, "seed": planned(10)}),
    paper=("800 digits, 256 units, to a hundredth of the loss, 4 runs of each: hours; the paper has kernel machines and "
        "networks on "
           "MNIST, CIFAR-10 and other sets", {"n": 800, "width": 256, "batch": (*BATCHES, 128, 256), "goal": 0.01,
                                               "most": 60_000, "repeats": 4, "seed": planned(10)}),
)  # fmt: skip

small = scalar("small", "slope of log steps over log batch from one sample up to m*", missing="nan")
large = scalar("large", "slope of log steps over log batch from 4 m* to all samples", missing="nan")
ratio = scalar("knee", "batch at which steps are twice those of perfect scaling", missing="nan") / scalar(
    "bent_knee", "2 m* of the kernel at the start"
)
few = scalar("few_over_all", "samples with one a step over samples with all").geometric()


def fits(view: Any) -> Check:
    """Whether every batch size reached the goal with some rate."""
    rows = [values for _, values in view.rows()]
    good = sum(bool(values.get("reached")) for values in rows)
    return Check(good == len(rows) > 0, f"every batch size reaches the goal in {good} of {len(rows)} seeds")


FITS = need("fits", "Every batch size reaches the goal with some rate: where samples cannot all be fitted, batch noise leaves a "
            "floor.", fits, values=("reached",))  # fmt: skip


def inside(view: Any) -> Check:
    """Whether the best rate of every batch size lies inside the grid of rates."""
    rows = [values for _, values in view.rows()]
    counts = [values.get("at_edge") for values in rows]
    good = sum(one == 0 for one in counts)
    return Check(
        good == len(rows) > 0,
        f"the best rate of every batch size is inside the grid in {good} of {len(rows)} seeds",
    )


INSIDE = need("inside", "The best rate of every batch size lies inside the grid of rates: at its edge a better one may lie "
              "beyond, and the steps are only an upper bound.", inside, values=("at_edge",))  # fmt: skip
PAPER = (
    "Ma, Bassily and Belkin: quadratic losses of models that interpolate, the best constant step of each batch size.",
    "Here a tanh network on digits, odd against even, the best of seven rates or more of each batch size.")  # fmt: skip
LEVEL = -0.5  # slope of log steps over log batch, half of the way from no saving to one in proportion
OUTSIDE = "The theorem is about quadratic losses; a network's loss is none."
WORLD = World(
    ("batches", (*BATCHES, 100)), seeds=8, straight=("small", "large"), lines={"steps": power_law(-0.5, 1000.0)},
    numbers={"small": -0.85, "large": -0.25, "knee": 16.0, "bent_knee": 11.0, "few_over_all": 0.08, "reached": 1.0,
             "at_edge": 0.0},
    spread={"steps": 0.1, "small": 0.12, "large": 0.13, "knee": 0.3, "bent_knee": 0.05, "few_over_all": 0.25, "reached": 0.0,
            "at_edge": 0.0})  # fmt: skip

CLAIMS = (
    Claim("saves", "Up to the critical batch size m* larger batches save steps in proportion, nearly: steps fall at least with "
          "the root of the batch.", ("L52",), "ma2018", small.at_most(LEVEL), arm("best rate of each batch size"),
          Control("From 4 m* on they do not.", arm("from 4 m* to all samples", metrics={"small": "large"})), (FITS, INSIDE),
          chart="steps", form="rate", effect=WORLD, null=(WORLD.but(small=LEVEL),),
          scope=(*PAPER, "The root is ours: half of the way from no saving to the theorem's."), outside=OUTSIDE),
    Claim("saturates", "Far beyond m* larger batches hardly pay: from 4 m* to all samples steps fall by less than "
          "the root of the batch.",
          ("L51", "L52"), "ma2018", large.at_least(LEVEL), arm("from 4 m* to all samples"),
          Control("Up to m* they do save steps.", arm("up to m*", metrics={"large": "small"})), (FITS, INSIDE),
          chart="steps", form="rate", effect=WORLD, null=(WORLD.but(large=LEVEL),),
          scope=(*PAPER, "The root is ours: by the theorem's rates all samples save up to 36 % of the steps of 4 m*."),
          outside=OUTSIDE),
    Claim("knee", "Is the knee, where steps are twice those of perfect scaling, within a factor of 3 of 2 m*, that of the closed "
          "form for the kernel at the start?", ("L52",), "ma2018", ratio.within(1 / 3, 3.0),
          arm("best rate of each batch size"), needs=(FITS, INSIDE),
          chart="steps", kind="question", effect=WORLD, null=(WORLD.but(knee=33.0), WORLD.but(knee=11 / 3))),
    Claim("samples", "Do single samples reach the loss with at most a quarter of the samples that gradient descent looks at?",
          ("L51", "L52"), "ma2018", few.at_most(0.25), arm("best rate of each batch size"), needs=(FITS, INSIDE), chart="samples",
          kind="question", effect=WORLD, null=(WORLD.but(few_over_all=0.25),)),
)  # fmt: skip

CHARTS = charts(
    {"batches": "batch size"},
    steps=("Steps to a share of the first loss, by batch size", "log steps",
           {"steps": "best rate of each", "fixed_steps": "rate of one sample for all",
            "bent": "-theory: perfect scaling up to m*, then none"},
           "The line bends at the critical batch size m* of the kernel at the start. The best of seven rates or more, "
           "half a power of two apart."),
    samples=("Samples looked at until then", "log samples", {"samples": "best rate of each"},
             "Flat where larger batches save as many steps as they cost samples."),
    rate=("The best rate", "log rate", {"rate": "best of the grid"}),
    share=("The best rate, over the theorem's step for the kernel at the start", "log share of the theorem's step",
           {"rate_share": "best of the grid"}, "At 1 the closed form gives the best rate."),
)  # fmt: skip


def estimate(cell: Params) -> Estimate:
    """Runs of all batch sizes and rates."""
    from overparam.studies.batch_size_work import fitting

    fitting(cell)
    n, p, goal = cell["n"], 66 * cell["width"], cell["goal"]
    steps = min(cell["most"], 90.0 / goal**0.8 * (n / 100) ** 1.2)
    runs = steps * (6e-5 * 8 * cell["repeats"] * (2 + len(cell["batch"])) + 8 * 6.0 * n * p / 6e9)
    return Estimate(2.0 + runs + 3e-9 * n**3, 1e8 + 32.0 * n * p)


STUDY = study(
    name="batch-size", title="Which batch size is enough",
    question="Up to which batch size do larger batches save steps on a network, and is it the one of the closed form?",
    x="batches", sources=("ma2018", "he2021"), axes=AXES, profiles=PROFILES, claims=CLAIMS, charts=CHARTS, hero=Hero("steps"),
    work=each_cell(later("overparam.studies.batch_size_work:run")), estimate=estimate, stack_limit=1,
    profile_history=("At most 60,000 steps, not 10,000: one sample a step did not get to the goal in 3 of the 10 planned seeds, "
                     "so that no statement was applicable and none was read.",),
    values=("batches", "steps", "rate", "rate_share", "at_edge", "samples",
            "fixed_steps", "perfect", "bent", "critical", "critical_end", "goal_share",
            "knee", "bent_knee", "small", "large", "few_over_all", "reached"),
    differences=(
        "The theorem is about quadratic losses; sgd-moments has those without simulation, with the steps of the theorem. Here a "
        "network is trained.",
        "Rates are multiples of the theorem's step for the kernel at the start, from 0.35 to 2.8, half a power of two apart, and "
        "beyond where the best of them is at an edge; the one with the fewest steps counts, as the geometric mean of its runs.",
        "Samples are drawn with replacement, as in the theorem; all samples are one batch without, and their "
        "runs start from weights moved by a thousandth. A rate counts only if all of its runs get there. The loss is looked at "
        "whenever steps have grown by one in 25, and counts as reached where it stays for a quarter as many steps again, 20 or "
        "more.",
        "The critical batch size is that of the tangent kernel at the start; at the end of gradient descent it is stored "
        "too."))  # fmt: skip
