"""Stochastic gradient descent against its exact mean, its largest stable step and its critical batch size.

For a linear model, and for a network near its linearisation, the mean loss over the draws of the batches follows
a recursion without simulation. Runs are measured beside it; steps are shares of the largest stable one, eta*.
"""

from __future__ import annotations

import math
from typing import Any

from overparam.core import (NARROW, Axis, Check, Claim, Control, Estimate, Only, Params, World, arm, charts, computed,
    grid, holding, later, line, need, planned, power_law, profiles, scalar, study, worst)  # fmt: skip

MEAN_BATCHES, SIZES, SHARES = (1, 4, 16), (20, 40, 80, 160), (0.9, 1.1, 1.5)  # n of the rate; shares of eta*
BOTH, MODELS, TINY = ("raw", "centred"), ("linear", "features", "network"), 1e-9  # rounding in float64
JUDGED = ("laptop", "paper")  # profiles with enough seeds

AXES = (
    Axis("data", "Sphere, or digits (even or odd).", str, "sphere", choices=("sphere", "digits")),
    Axis("inputs", "As they are, or less their mean and of length 1.", str, "centred", choices=BOTH),
    Axis("model", "Linear in the inputs; features: a two-layer tanh network linearised at its start, 32 units; network: "
         "the same network itself, with h = 0.05.", str, "linear", choices=MODELS, flag="models"),
    Axis("n", "Number of samples.", int, 40, low=17, high=160),
    Axis("d", "Dimension of inputs on the sphere.", int, 20, low=3),
    Axis("share", "Step of the mean losses, in largest stable ones.", float, 0.25, low=0.01, high=0.99),
    Axis("runs", "Runs of a linear model; a network has a fifth of it.", int, 1000, low=50),
    Axis("seed", "Draws the data, the targets, the weights and the batches.", int, 0, low=0, flag="seeds"))  # fmt: skip

EVERY = {"data": ("sphere", "digits"), "inputs": BOTH}
PROFILES = profiles(
    {"model": MODELS},
    quick=("40 samples on the sphere, linear models, 600 runs, 5 seeds",
           {"model": MODELS[:2], "runs": 600, "seed": planned(5)}),
    laptop=("40 samples of sphere and digits, raw and centred, 8 seeds", {**EVERY, "seed": planned(8)}),
    paper=("the same with 20 seeds and 4,000 runs; the sources show other experiments or none",
           {**EVERY, "runs": 4000, "seed": planned(20)}))  # fmt: skip

# what is measured: numbers of a cell, and two lines
deviation = scalar("deviation", "largest |measured - exact| over the distance allowed", missing="nan")
over = scalar("over_guarantee", "largest (measured - 3 standard errors) over the guarantee", missing="nan")
exact = worst("exact_over_guarantee", "exact mean over the guarantee")
small = scalar("small_slope", "slope of log steps over log batch up to m*/2", missing="nan")
large = scalar("large_slope", "the same from 8 m* to 32 m*", missing="nan")
c = line("c", "constant c")
edge = grid("share_of_edge", words="step over eta*")
leaves = [line(f"leave_{run}", f"powers of ten that the {run} run leaves by").at(edge.near(1.5, 0.01))
          for run in ("mean", "median")]  # fmt: skip
far = [found.plus(-2.0).positive_share().at_least(0.5) for found in leaves]
left = [found.plus(-math.log10(2)).positive_share().at_least(0.5).contradicted(below=0.5) for found in leaves]
stay = line("end_median", "powers of ten of the median run's last loss").at(edge.near(0.9, 0.01))
sufficient = worst("above_sufficient", "log of exact over sufficient step of all batch sizes and seeds")
necessary = worst("below_necessary", "log of necessary over exact step of all batch sizes and seeds")
LOG2 = math.log(2)
printed = worst("over_printed", "log of exact over printed step of all batch sizes and seeds")
built = worst("built_over_printed", "log of exact over printed step at the constructed minimum")


def tails(view: Any) -> Check:
    """No run carries much of a summed loss."""
    tail = max((values.get("tail") or 0.0 for _, values in view.rows()), default=0.0)
    return Check(tail <= 0.1, f"largest share of one run {tail:.3g} (at most 0.1)")


def generic(view: Any) -> Check:
    """Inputs are uniform on the sphere."""
    data = view.evidence.levels("data")
    return Check("digits" not in data, f"data {', '.join(data)}")


def room(view: Any) -> Check:
    """The accuracy is reached, for every slope of every seed."""
    ends = ("small_slope", "large_slope", "fixed_small_slope", "fixed_large_slope")
    rows = [values for _, values in view.rows() if "critical" in values]
    reached = all(values[end] is not None for values in rows for end in ends)
    least = min(values["critical"] for values in rows)
    return Check(reached, f"m* at least {least:.3g}, accuracy {'' if reached else 'not '}reached")


def with_room(rows: Any) -> bool:
    """Every seed has m* of at least 4: two batch sizes up to m*/2."""
    found = [values["critical"] for _, values in rows if "critical" in values]
    return bool(found) and min(found) >= 4


ROOM = Only("m* of at least 4", with_room)
LINEAR = Only(
    "a model that is linear in its weights", lambda rows: all(p.get("model") != "network" for p, _ in rows)
)

# planted worlds: numbers of a good run with their spread between seeds
WORLD = World(
    seeds=8, straight=("deviation", "over_guarantee", "small_slope", "large_slope"),
    numbers={"deviation": 0.65, "descent_deviation": 3.0, "tail": 0.02, "over_guarantee": 0.4, "exact_over_guarantee": 0.6,
             "over_average": 9.0, "critical": 12.0, "small_slope": -0.9, "large_slope": -0.1, "fixed_small_slope": 0.0,
             "fixed_large_slope": 0.0, "above_sufficient": 0.1, "below_necessary": 0.1, "descent_below_necessary": -1.0,
             "over_printed": -0.3, "built_over_printed": -0.1},
    spread={"deviation": 0.15, "over_guarantee": 0.05, "small_slope": 0.02, "large_slope": 0.09})  # fmt: skip
RATE = World(("size", SIZES), seeds=8, lines={"c": power_law(0.5), "crowded_c": power_law(-2)},
             spread={"c": 0.1, "crowded_c": 0.2})  # fmt: skip
SEEN = ("leave_mean", "leave_median", "end_median")
LEFT = World(
    ("share_of_edge", SHARES), seeds=8, straight=(*SEEN, "leave_descent"), spread=dict.fromkeys(SEEN, 1.0),
    lines={"leave_mean": [0.0, 5.0, 12.0], "leave_median": [0.0, 4.0, 8.0], "end_median": [-4.0, 0.0, 5.0],
           "leave_descent": [0.0] * 3})  # fmt: skip


def gone(at: float, *runs: str) -> World:
    """Runs that leave by so many powers of ten at 1.5 eta*."""
    return LEFT.but(**{f"leave_{run}": [0.0, 0.2, at] for run in runs})


CLAIMS = (
    Claim("mean", "The mean loss of stochastic gradient descent on a linear model follows an exact recursion for every batch "
          "size, with nothing simulated.", ("L11",), "mulayoff2024", deviation.at_most(1.0),
          arm("3 standard errors allowed; at n, 5n and 20n steps, batches of 1, 4 and 16", only=LINEAR),
          Control("The loss of gradient descent with the same step, without batch noise, in place of the exact mean is "
                  "too far away.", arm("gradient descent", only=LINEAR, metrics={"deviation": "descent_deviation"})),
          (need("tails", "The mean of the runs can be trusted: no run carries more than a tenth of the summed loss.", tails,
                values=("tail",)),), (
              "Version 1 was listed as a claim and judged networks too, with an allowance of 2h within which gradient "
              "descent lies as well. The recursion is derived here: it is a check now, of the models for which it is "
              "exact.",), "mean", kind="check", null=(WORLD.but(deviation=2.0),), effect=WORLD,
          profiles=JUDGED),
    Claim("rate", "Single-sample descent on a two-layer network with generic inputs shrinks the expected loss at least "
          "by (1 - c d/n^2)^2 a step, with a constant c that does not depend on n.", ("L11",), "soltanolkotabi2019",
          c.slope().at_least(0.0).contradicted(below=-0.5),
          arm("single samples, half of eta*", x="size", only=holding("c")),
          Control("Inputs in pairs whose distance falls as 1/n, not generic, under the same rule: c falls.",
                  arm("inputs in pairs", x="size", only=holding("crowded_c"), metrics={"c": "crowded_c"})),
          (need("generic", "Inputs are uniform on the sphere; with others kappa(X), and with it c, may depend on n.",
                generic),), (
              "Version 1 kept 32 hidden units for every n, so that the largest n had twice as many weights as "
              "samples and the theorem asked for more; it was inconclusive (slope -0.02, interval -0.15 to 0.11, 5 "
              "seeds). Its control, inputs in a plane, had eigenvalues below rounding at every n and showed "
              "nothing. The cut-off is the same.",
              "Version 2 was contradicted by any fall of c, and judged digits, which are not generic. The source gives a "
              "bound for large n: contradicted is now a fall by half a power of n or more, with generic inputs."),
          "rate", form="bound", effect=RATE, null=(RATE.but(c=power_law(0)),), limit=(RATE.but(c=power_law(-0.5)),),
          against=RATE.but(c=power_law(-1)), scope=(
              "The slide bounds the loss of a two-layer network with smooth activations and sqrt(k d) of a constant times "
              "kappa(X) n; neither this constant nor c is given, nor the step.",
              "Here the network has n^2 weights and is linearised at its start; n goes from 20 to 160.")),
    Claim("guarantee", "With the step of its theorem, small-batch descent brings the expected squared distance to the "
          "solution below g^t of its start.", ("L52",), "ma2018", over.at_most(1.0) & exact.at_most(1.0 + TINY),
          arm("100 and 300 steps, batches of 1, 8 and n with replacement", only=holding("over_guarantee")),
          Control("The rate that the average eigenvalue would give in place of the smallest is not kept.",
                  rule=worst("over_average", "(measured - 3 standard errors) over the average rate").at_most(1.0)),
          history=("Version 1 was listed as a claim; the inequality is proved, so it is a check now, with the same cut-offs. "
                   "Its control reads the worst run: ratios of up to 1e17 have no useful mean.",),
          chart="steps", kind="check", effect=WORLD,
          null=(WORLD.but(over_guarantee=1.3), WORLD.but(exact_over_guarantee=1.0 + 2e-9))),
    Claim("scaling", "Up to a critical batch size m* a batch twice as large needs half the steps; far beyond it the "
          "batch size does not matter, so that small batches are as fast as gradient descent.", ("L51", "L52"), "ma2018",
          small.within(-1.2, -0.8).contradicted(above=-0.5) & large.within(-0.25, 0.25).contradicted(below=-0.5),
          arm("5n samples of a linear model, m* of at least 4", only=ROOM),
          Control("The step of one sample for every batch size: larger batches save nothing.",
                  arm("the step of one sample", only=ROOM,
                      metrics={"small_slope": "fixed_small_slope", "large_slope": "fixed_large_slope"})),
          (need("room", "Some setting has m* of at least 4, and the accuracy is reached.", room, values=("critical",)),), (
              "Version 1 was contradicted beyond the bands around -1 and 0, which are ours. The source says 'nearly': "
              "contradicted is now a slope nearer to that of the other regime.",), "steps", form="rate", profiles=JUDGED,
          effect=WORLD,
          null=(WORLD.but(small_slope=-0.8), WORLD.but(small_slope=-1.2), WORLD.but(large_slope=-0.25)),
          limit=(WORLD.but(small_slope=-0.5), WORLD.but(large_slope=-0.5)), against=WORLD.but(small_slope=0.0), scope=(
              "The paper: an iteration with m up to m* is nearly equivalent to m iterations with one sample, one with "
              "more is nearly equivalent to a step of gradient descent, for the quadratic loss and optimal steps.",
              "Here the steps to a thousandth of the training loss of linear models are counted, with the optimal steps.")),
    Claim("bounds", "The largest stable step of every batch size lies between the sufficient bound of Wu, Ma and E and "
          "the smallest of three necessary bounds.", ("L56",), "mulayoff2024",
          sufficient.at_least(-TINY) & necessary.at_least(-TINY),
          arm("no failure allowed", only=holding("below_necessary")),
          Control("The stable step of gradient descent, in place of the batch's, exceeds the necessary bound.",
                  arm("gradient descent", only=holding("below_necessary"),
                      metrics={"below_necessary": "descent_below_necessary"})), chart="threshold", kind="check",
          null=(WORLD.but(above_sufficient=-2e-9), WORLD.but(below_necessary=-2e-9)), effect=WORLD),
    Claim("escape", "Stochastic gradient descent leaves a minimum of the training loss when its step is above the "
          "largest stable one of its batch size, and stays when it is below.", ("L56",), "wu2018",
          far[0] & far[1] & left[0] & left[1] & stay.at_most(-1.0).contradicted(above=0.0),
          arm("100 runs of 5,000 single samples", x="share_of_edge", only=holding("leave_mean")),
          Control("Gradient descent with the same steps does not leave: it is the noise of the batch.",
                  arm("gradient descent", x="share_of_edge", only=holding("leave_mean"),
                      metrics=dict.fromkeys(("leave_mean", "leave_median"), "leave_descent"))), history=(
              "Version 1 took the mean over seeds of powers of ten that end at 12, where runs are stopped, so that seeds can "
              "agree exactly, and was contradicted below 2 powers, a cut-off of ours. Now most seeds must leave by 2 powers, "
              "and what contradicts is that most do not even double their loss, or do not stay.",), chart="escape",
          form="direction", effect=LEFT, profiles=JUDGED,
          null=(LEFT.but(end_median=[-1.0, 0.0, 5.0]), gone(2.0, "mean"), gone(2.0, "median")),
          limit=(gone(math.log10(2), "mean"), gone(math.log10(2), "median"), LEFT.but(end_median=[0.0, 0.0, 5.0])),
          against=gone(0.0, "mean", "median").but(spread=dict.fromkeys(SEEN, 0.1)), scope=(
              "The paper judges minima of trained networks by their linear stability; steps above and below a threshold are "
              "its case. Here the minimum is that of the linearised problem and the threshold is exact.",)),
    Claim("printed", "Is a non-uniformity s of at most sqrt(B(n-1)/(n-B)) / step, which is necessary for the sufficient "
          "condition of Wu, Ma and E, also necessary for stochastic gradient descent to stay at a minimum?", ("L56",),
          "wu2018", printed.at_most(TINY) & built.at_most(TINY).together(),
          arm("no failure allowed", only=holding("over_printed")),
          Control("Half of the printed bound is exceeded.",
                  rule=printed.plus(LOG2).at_most(TINY) & built.plus(LOG2).at_most(TINY).together()),
          history=("Version 1 was listed as a claim of the paper and contradicted. What the paper's bound is necessary for was "
                   "not checked in its text: it is a question of ours now, with the same cut-offs.",), chart="threshold",
          kind="question", effect=WORLD,
          null=(WORLD.but(over_printed=2e-9), WORLD.but(built_over_printed=2e-9))))  # fmt: skip

NO_ARM = {"arm": ("", "")}
CHARTS = charts(
    {"time": "steps"}, ("model", "Model"),
    mean=("Mean loss of runs and the exact mean", "log loss, share of its start",
          {**{f"mean_{b}": f"measured, B = {b}" for b in MEAN_BATCHES},
           **{f"exact_{b}": f"-theory: exact mean, B = {b}" for b in MEAN_BATCHES},
           "descent_1": "-theory: gradient descent, same step as B = 1", "median_1": "measured median, B = 1"},
          "The step is a share of the largest stable one of each batch size. Nothing is fitted. Losses of "
          "runs are skewed: a mean over few runs lies below the exact one more often than above."),
    threshold=("Largest stable step of every batch size, and its bounds", "log step",
               {"exact_step": "exact", "sufficient_step": "-theory: sufficient (Wu, Ma and E)",
                "necessary_step": "-theory: necessary, smallest of three",
                "printed_step": "-theory: bound on s, from the sufficient one",
                "descent_step": "-theory: gradient descent 2/a"},
               "The bound on s is necessary for the sufficient condition, not for stability.",
               {"x": {"batch": "batch size B"}}),
    steps=("Steps to a thousandth of the loss against the batch size", "log steps",
           {"steps": "exact", "perfect_steps": "-theory: perfect scaling",
            "guaranteed_steps": "-theory: guaranteed for the squared distance (bends at m*)"},
           "Linear model, 5n samples, the step of Ma, Bassily and Belkin, batches with replacement.",
           {"x": {"many_batch": "batch size m"}, **NO_ARM}),
    atlas=("Stability: factor of the expected squared distance a step", "log factor a step",
           {**{f"atlas_{b}": f"B = {b}" for b in MEAN_BATCHES}, "atlas_all": "all samples: gradient descent"},
           "Below 1 the distance to the minimum shrinks; the largest stable step is where a line crosses 1.",
           {"x": {"atlas_step": "lin step, share of 2/a"}}),
    rate=("The constant of the rate of single-sample descent", "log c = (1 - sqrt(rho)) n^2 / d",
          {"c": "inputs of the data", "crowded_c": "inputs in close pairs"},
          "From the exact factor of the expected loss a step, at half the largest stable step; n^2 weights.",
          {"x": {"size": "samples n"}, **NO_ARM}),
    escape=("Leaving a minimum: 5,000 single-sample steps", "powers of ten of the loss",
            {"leave_mean": "largest loss, mean of runs", "leave_median": "largest loss, median run",
             "end_median": "last loss, median run", "leave_descent": "-theory: gradient descent, largest loss"},
            "A run that is 10^12 times above its first loss is stopped and counted as that. At 1.1 nothing "
            "is judged: the mean is carried by rare runs there.",
            {"x": {"share_of_edge": "lin step, share of the largest stable one"}}))  # fmt: skip


def estimate(cell: Params) -> Estimate:
    """Steps of all runs: a few float64 operations a run and sample, or a run, unit and input of a network."""
    n, d, runs = cell["n"], cell["d"] if cell["data"] == "sphere" else 64, cell["runs"]
    if cell["model"] == "network":
        flops = 20 * n * (runs // 5) * 32 * (600 * sum(MEAN_BATCHES) + 300 * d)
        return computed(flops, 6e6 + (runs // 5) * 32 * 3 * (d + 16), speed=NARROW, starts=0.6)
    flops = (60 * n + 900) * runs * n * 180 + 6e8 * d
    return computed(flops, 6e6 + 6 * runs * n, speed=NARROW, starts=0.6)


STUDY = study(
    name="sgd-moments", title="Stochastic gradient descent without simulation",
    question="How does the mean loss fall for each batch size, up to which step is it stable, and when do larger batches "
    "stop paying off?", x="time", sources=("soltanolkotabi2019", "ma2018", "wu2018", "mulayoff2024"),
    values=("h", "batch", "exact_step", "sufficient_step", "necessary_step", "printed_step", "descent_step", "sharpness",
            "nonuniformity", "above_sufficient", "below_necessary", "descent_below_necessary", "over_printed", "tail",
            "built_over_printed", "atlas_step", "atlas_all", "time", "deviation", "descent_deviation", "over_guarantee",
            "exact_over_guarantee", "over_average", "share_of_edge", *SEEN, "end_mean", "leave_descent", "size", "c",
            "crowded_c", "critical", "departure", "many_batch", "steps", "perfect_steps", "guaranteed_steps",
            "small_slope", "large_slope", "fixed_small_slope", "fixed_large_slope",
            *(f"{name}_{b}" for b in MEAN_BATCHES for name in ("atlas", "exact", "descent", "mean", "median"))),
    axes=AXES, profiles=PROFILES, claims=CLAIMS, charts=CHARTS, work=later("overparam.studies.sgd_moments_work:solve"),
    estimate=estimate, stack_limit=1,
    differences=(
        "The talk prints the rate with the denominator 'n 2', read as n^2; it gives no c. The rate is computed on a "
        "linearised network of n^2 weights (the order of width that the theorem asks for) from its exact map, at half "
        "the largest stable step, not at a step of the talk. The size of c is reported, not assumed.",
        "The tanh network has 32 hidden units whose output weights are equal in size and cancel at the start, so that "
        "its output is 0 there; its output scale is set so that h is 0.05, which keeps it near linear.",
        "For the network itself an allowance of 2h would be heuristic and wide: the loss of gradient descent would lie "
        "within it, too. Its mean losses are drawn beside the exact ones of its linear model, and not judged.",
        "Network inputs are divided by their root mean square length.",
        "Batches are drawn anew at every step. Ma, Bassily and Belkin draw with replacement, which is followed in the "
        "two claims on their theorem; everywhere else no sample is twice in a batch.",
        "Ma, Bassily and Belkin test on networks and kernels with measured test errors; here training losses of linear "
        "models are followed, where their theorem speaks.",
        "Wu, Ma and E start on networks at minima found by training; here the minimum is that of the linearised problem, "
        "and every sample is fitted exactly. One minimum is constructed against the bound on s: 24 samples in "
        "13 dimensions, B = 3.",
        "The 'necessary' bounds are not those of Wu, Ma and E: their condition on the non-uniformity is a question of its "
        "own.",
        "Targets of the linear model are a random linear function of the inputs, so that they can be fitted.",
    ))  # fmt: skip
