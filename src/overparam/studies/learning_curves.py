"""Learning curves: exponential, linear and slower ones, on classes whose curves are known exactly.

The theorem speaks of whole classes and of all numbers of samples. Finite runs show curves of each kind beside their exact
expectations; they cannot test it, and one question here shows why.
"""

from __future__ import annotations

import math
from typing import Any

from overparam.core import (Axis, Claim, Estimate, Hero, MissingEvidence, Params, UsageError, World, charts, computed, each_cell,
    grid, later, line, per_seed, planned, power_law, profiles, study, worst)  # fmt: skip
from overparam.core.axes import ascends

FEW = (1, 5, 10, 20, 30, 40, 50, 60, 70, 80)
SIZES = tuple(2**k for k in range(13))
TAILS = {"power_1": "tail i^-1", "power_03": "tail i^-0.3", "power_01": "tail i^-0.1", "log": "tail 1/log i",
         "loglog": "tail 1/log log i"}  # fmt: skip
CURVES = ("few_finite", "few_integers", "threshold", "average", "negative", *TAILS)
POWERS = {"power_1": 1 / 2, "power_03": 0.3 / 1.3, "power_01": 0.1 / 1.1}

AXES = (
    Axis("data", "Law of the inputs on the line. The learner knows it and halves gaps in probability, so that any continuous law "
         "gives the same curve; laws on whole numbers have a known tail.", str, "gaussian", choices=("gaussian",), flag="data"),
    Axis("n", "Numbers of samples of the linear and slower curves, ascending, all in one cell.", int, SIZES, low=1, high=100_000,
         inside_cell=True, flag="n"),
    Axis("few", "Numbers of samples of the exponential curves, ascending, all in one cell.", int, FEW, low=1, high=10_000,
         inside_cell=True, flag="few"),
    Axis("repeats", "Training sets that a linear or slower curve is a mean of.", int, 300, low=10, high=100_000, flag="repeats"),
    Axis("trials", "Training sets that an exponential curve is a mean of.", int, 30_000, low=100, high=10_000_000,
         flag="trials"),
    Axis("points", "Points of the finite class; point i has a probability proportional to i.", int, 5, low=2, high=100),
    Axis("first", "The least positive point of thresholds on the whole numbers.", int, 5, low=2, high=30),
    Axis("place", "Probability below the target of thresholds on the line.", float, 0.3, low=0.0, high=1.0),
    Axis("seed", "Draws the training sets.", int, 0, low=0, flag="seeds"),
)  # fmt: skip
PROFILES = profiles(
    {"data": "gaussian"},
    quick=("up to 4,096 samples, 5 seeds: seconds", {"seed": planned(5)}),
    laptop=("up to 16,384 samples, 10 seeds: a minute",
            {"n": tuple(2**k for k in range(15)), "repeats": 400, "trials": 60_000, "seed": planned(10)}),
    paper=("up to 65,536 samples, 20 seeds: a quarter of an hour; the source is a theorem and has no experiment",
           {"n": tuple(2**k for k in range(17)), "repeats": 1000, "trials": 100_000, "seed": planned(20)}))  # fmt: skip

# what is measured
samples, few = grid("samples"), grid("few")
finite = line("few_finite", "error of a finite class")
integers = line("few_integers", "error of thresholds on the whole numbers")
threshold = line("threshold", "error of thresholds on the line")
negative = line("negative", "error of thresholds on the whole numbers without a positive label")
tails = {name: line(name, f"error of the memorizer, {words}") for name, words in TAILS.items()}
STRAIGHT, FROM, LATE = 0.97, 10, 64


def straight(errors: Any, sizes: Any) -> Any:
    """R^2 of the logarithm of each seed's error against the number of samples, from 10 samples on, shape ``(seeds,)``."""
    import numpy as np

    keep = sizes >= FROM
    if keep.sum() < 3 or (errors[:, keep] <= 0).any():
        raise MissingEvidence(
            "a straight line needs three errors above 0. Add numbers of samples to --few, or --trials."
        )
    x, y = sizes[keep] - sizes[keep].mean(), np.log(errors[:, keep])
    y = y - y.mean(axis=1, keepdims=True)
    return np.square(y @ x) / (x @ x) / np.square(y).sum(axis=1)


def exponential(errors: Any, words: str) -> Any:
    """Straight against the number of samples, and straighter than against its logarithm."""
    told = f"R^2 of log {words} against the number of samples, from {FROM} on"
    semi = per_seed(straight, told, errors, few)
    return semi.at_least(STRAIGHT) & (semi - errors.inside(few >= FROM).straightness()).at_least(0.0)


def falls_as(curve: Any, power: float, within: float, start: int) -> Any:
    """A slope in logarithms near minus a power, from a number of samples on."""
    return curve.inside(samples >= start).slope().within(-power - within, -power + within)


def bends(name: str) -> Any:
    """The exponent at 10^12 samples is at most half of that at 10^3."""
    return worst(f"bend_{name}", f"exponent at 10^12 samples over that at 10^3, {TAILS[name]}").at_most(0.5)


L28, SOURCE = ("L28",), "bousquet2021"
FALLING = {name: [sum(w * (1 - w) ** n for w in weights) for n in FEW] for name, weights in
           {"few_finite": [i / 15 for i in range(1, 6)], "few_integers": [0.06, 0.12, 0.25, 0.5]}.items()}  # fmt: skip
SHORT = World(("few", FEW), seeds=10, lines=FALLING, spread={"few_finite": 0.03, "few_integers": 0.03})
SLOW = [1 / (1 + math.log(1 + n)) for n in SIZES]
WORLD = World(
    ("samples", SIZES), seeds=10,
    lines={"threshold": power_law(-1.0, 0.5), "negative": power_law(-1.0), "power_1": power_law(-POWERS["power_1"]),
           "power_03": power_law(-POWERS["power_03"]), "power_01": power_law(-POWERS["power_01"]), "log": SLOW},
    spread={"threshold": 0.06, "negative": 0.06, "power_1": 0.02, "power_03": 0.01, "power_01": 0.004, "log": 0.002},
    lists={"farthest": [2.5] * len(CURVES), "bend_log": [0.3], "bend_loglog": [0.2], "power_off": [1e-5] * 3},
)  # fmt: skip
CLAIMS = (
    Claim("exact", "Measured curves agree with their exact expectations: exponential, linear and slower ones, each mean within "
          "six standard errors at every number of samples.", L28, SOURCE,
          worst("farthest", "distance of a mean from its exact expectation, in standard errors").at_most(6.0), chart="curves",
          kind="check", effect=WORLD, null=(WORLD.but(farthest=[2.0] * 9 + [6.1]),)),
    Claim("slower", "By the exact curves, tails of 1/log i and 1/log log i are slower than every power of n: from 10^3 to 10^12 "
          "samples their exponents fall to less than half. Those of the tails i^-a stay at a/(1 + a).", L28, SOURCE,
          bends("log") & bends("loglog")
          & worst("power_off", "distance of an exponent at 10^12 samples from a/(1 + a)").at_most(1e-3),
          chart="exponents", kind="check", effect=WORLD,
          null=(WORLD.but(bend_log=[0.51]), WORLD.but(bend_loglog=[1.0]), WORLD.but(power_off=[1e-5, 2e-3, 1e-5]))),
    Claim("exponential", "Illustration: does the error of a finite class, and of thresholds on the whole numbers, fall "
          "exponentially: log error straight in n, and straighter than in log n?", L28, SOURCE,
          exponential(finite, "error of a finite class")
          & exponential(integers, "error of thresholds on the whole numbers"),
          chart="few", kind="question", effect=SHORT, x="few",
          null=(SHORT.but(few_finite=power_law(-1.0)), SHORT.but(few_integers=power_law(-1.0)))),
    Claim("linear", "Illustration: does the error of thresholds on the line fall like 1/n, and that of thresholds on the whole "
          "numbers where no label is positive?", L28, SOURCE,
          falls_as(threshold, 1.0, 0.1, 16) & falls_as(negative, 1.0, 0.1, 16), chart="linear", kind="question", effect=WORLD,
          null=(WORLD.but(threshold=power_law(-0.9, 0.5)), WORLD.but(threshold=power_law(-1.1, 0.5)),
                WORLD.but(negative=power_law(-0.9)))),
    Claim("powers", "Illustration: does the error of a memorizer of infinitely many points fall like n^-a/(1 + a) where their "
          "tail falls like i^-a, for a = 1, 0.3 and 0.1?", L28, SOURCE,
          falls_as(tails["power_1"], POWERS["power_1"], 0.03, LATE) & falls_as(tails["power_03"], POWERS["power_03"], 0.03, LATE)
          & falls_as(tails["power_01"], POWERS["power_01"], 0.03, LATE), chart="slow", kind="question", effect=WORLD,
          null=(WORLD.but(power_1=power_law(-0.53)), WORLD.but(power_03=power_law(0.03 - POWERS["power_03"])),
                WORLD.but(power_01=power_law(-0.03 - POWERS["power_01"])))),
    Claim("untestable", "Does the curve of the tail 1/log i, slower than every power, look like a power of n at the numbers of "
          "samples that were run? Then no run of this kind tests whether a class is learned arbitrarily slowly.", L28, SOURCE,
          tails["log"].inside(samples >= LATE).straightness().at_least(0.99), chart="slow", kind="question", effect=WORLD,
          null=(WORLD.but(log=[1 / (1 + math.log(1 + math.log(1 + n))) for n in SIZES]),)),
)  # fmt: skip

EXACT = "-exact: "
CHARTS = charts(
    {"samples": "samples"},
    curves=("Three kinds of learning curve", "log error",
            {"drawn_finite": "a finite class: exponential", "threshold": "thresholds on the line: linear",
             "power_1": "memorizer, tail 1/i", "log": "memorizer, tail 1/log i",
             "drawn_finite_exact": f"{EXACT}a finite class", "threshold_exact": f"{EXACT}thresholds on the line",
             "power_1_exact": f"{EXACT}tail 1/i", "log_exact": f"{EXACT}tail 1/log i"},
            "The finite class is drawn no lower than 1e-5."),
    few=("Exponential", "log error",
         {"few_finite": "a finite class", "few_integers": "thresholds on the whole numbers",
          "few_finite_exact": f"{EXACT}a finite class", "few_integers_exact": f"{EXACT}thresholds on the whole numbers"},
         "The second class is infinite.", {"x": {"few": "lin samples"}}),
    linear=("Linear", "log error",
            {"threshold": "thresholds on the line", "average": "the same, targets drawn uniformly",
             "negative": "thresholds on the whole numbers, no positive label",
             "threshold_exact": f"{EXACT}thresholds on the line",
             "average_exact": f"{EXACT}the least that any learner has on average", "negative_exact": f"{EXACT}no positive label"},
            "Averaged over uniformly drawn targets no learner has a smaller error than 1/(2 (n + 2)), which the middle has. The "
            "last curve has the learner, the class and the inputs of an exponential one, and labels that are all negative."),
    slow=("Slower", "log error",
          {**{name: f"memorizer, {words}" for name, words in TAILS.items()},
           **{f"{name}_exact": f"{EXACT}{words}" for name, words in TAILS.items()}},
          "All functions on the whole numbers: the tail of the inputs decides, and no rate holds for all of them."),
    exponents=("The exact curves have powers, or none", "local exponent of n",
               {f"exponent_{name}": words for name, words in TAILS.items()},
               "From the exact expectations, at numbers of samples that no run has. Slower than every power: it tends to 0.",
               {"x": {"far": "samples"}}),
)  # fmt: skip


def estimate(cell: Params) -> Estimate:
    """Draws of all training sets, and sorting those of the memorizer."""
    for flag in ("n", "few"):
        ascends(cell, flag, flag, "numbers of samples")
    if min(cell["n"]) < 1 or min(cell["few"]) < 1:
        raise UsageError("--n, --few: expected at least 1 sample, got 0. Start at 1.")
    long, short = cell["repeats"] * max(cell["n"]), cell["trials"] * (max(cell["few"]) + 64)
    made = computed(0, 6.0 * max(long, short))
    return Estimate(0.3 + made.seconds + 5e-7 * long + 6e-8 * short, made.bytes)


STUDY = study(
    name="learning-curves", title="Universal learning curves",
    question="At which rates do learning curves fall, and what can finite runs show of that?", x="samples",
    sources=(SOURCE, "allenzhu2019"), axes=AXES, profiles=PROFILES, claims=CLAIMS, charts=CHARTS, hero=Hero("curves"),
    estimate=estimate, stack_limit=1, work=each_cell(later("overparam.studies.learning_curves_work:run")),
    values=("few", "samples", "far", *(f"exponent_{name}" for name in TAILS),
            *(f"{name}{end}" for name in CURVES for end in ("", "_exact")), "drawn_finite", "drawn_finite_exact", "farthest",
            "bend_log", "bend_loglog", "power_off"),
    differences=(
        "The source proves that every class is learned at an exponential, a linear or an arbitrarily slow rate. That is about "
        "all learners of a class and all numbers of samples: these runs illustrate it, and cannot test it.",
        "The source has no experiments; classes, learners and laws are ours, chosen so that each curve is known exactly.",
        "A curve is that of one learner and one distribution. The class of all functions on the whole numbers has no rate of its "
        "own: whichever is named, some distribution is slower. So a curve like n^-0.5 is no fourth rate.",
        "Of learners that minimise the training error there are four rates, log(n)/n among them (Hanneke and Xu, recalled); it "
        "needs a distribution made along a sequence of n, and is not shown.",
        "The memorizer answers 0 where it saw nothing, and all labels are 1: the worst case for it. Labels of a fair coin give "
        "half of the error, and then no learner has less.",
        "A mean is compared with its expectation where at least 100 training sets are expected to err."))  # fmt: skip
