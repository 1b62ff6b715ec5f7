"""Are two trained networks joined by a path of low loss? Nguyen, Brechet and Mondelli (2021), and six ways to build one.

Two solutions from different initial weights; the straight line, the line after hidden units are put in the closest order, a
trained Bezier curve, and paths through small networks on half of the units: of dropout, learned, and by linear programs.
"""

from __future__ import annotations

from typing import Any

from overparam.core import (BATCH, DATA, EPOCHS, N, RATE, SEED, WIDTH, Axis, Claim, Control, Estimate, Hero, Params, World, arm,
    charts, grid, later, line, on_average, planned, profiles, share_of_trials, study, worst)  # fmt: skip

WIDTHS = (16, 32, 64, 256)  # half the root of 1,024 samples, the root, twice the root, and more

AXES = (
    DATA.but(help="Data set of classes."), N.but(default=1024),
    WIDTH.but(default=None, low=2, help="Units of every hidden layer."),
    Axis("depth", "Hidden layers.", int, 3, low=2, high=10, flag="depth"),
    EPOCHS.but(default=40, help="Passes over the samples, of solutions, small networks and Bezier curves."),
    BATCH.but(default=50), RATE.but(default=2e-3, help="Learning rate of Adam, constant."),
    Axis("draws", "Draws of the units that dropout keeps, of which the best counts.", int, 20, low=1, high=1000, flag="draws"),
    Axis("points", "Points of a straight line or a Bezier curve, both ends among them.", int, 41, low=3, high=1001,
         flag="points"),
    SEED.but(help="Draws both solutions, the small networks and the units that stay."))  # fmt: skip

PROFILES = profiles(
    {"data": "digits"},
    quick=("1,024 digits, three hidden layers of 16, 32 and 64 units, 4 pairs: a minute on two cores",
           {"width": (16, 32, 64), "seed": planned(4)}),
    laptop=("1,024 digits, three hidden layers of 16 to 256 units, 6 pairs: minutes on two cores",
            {"width": WIDTHS, "seed": planned(6)}),
    paper=("MNIST, ten hidden layers of 245 units, 200 passes over 60,000 samples, as the authors' scripts: about a day a pair",
           {"data": "mnist", "n": 60_000, "width": 245, "depth": 10, "epochs": 200, "batch": 100, "learning_rate": 1e-3,
            "draws": 200, "seed": planned(5)}))  # fmt: skip

# what is measured: lines over the width, one a pair of solutions
width = grid("width")
WIDEST, NARROW, TWICE = width.nearest(256), width.nearest(16), width.nearest(64)


def points(name: str, words: str) -> Any:
    """A share of samples as a line over the width, in points."""
    return line(name, words, "points", times=100)


condition = points("condition_error", "training error of the worst learned subnetwork")
gap = points("gap", "training error of the worst dropout subnetwork, less that of the worst learned one")
along_learned = points("learned_error", "largest training error on the path through learned subnetworks")
along_bezier = points("bezier_error", "largest training error on the Bezier curve")
along_aligned = points(
    "aligned_error", "largest training error on the straight line after units changed places"
)
along_separable = points(
    "separable_error",
    "largest training error on the path through linear classifiers of half of the features, 100 where there is none",
)
layers = share_of_trials(line("separated").at(TWICE), line("asked").at(TWICE),
                         "share of the layers of which half of the units separate the classes, at 64 units")  # fmt: skip
ends = points("end_error", "training error at the ends")

CURVES: dict[str, list[float]] = {
    "condition_error": [0.35, 0.06, 0.003, 0.001], "gap": [0.3, 0.4, 0.35, 0.25], "learned_error": [0.35, 0.06, 0.003, 0.001],
    "bezier_error": [0.05, 0.03, 0.004, 0.001], "aligned_error": [0.3, 0.1, 0.02, 0.008], "straight_error": [0.7, 0.7, 0.7, 0.5],
    "separable_error": [0.2, 0.1, 0.002, 0.001], "separated": [0.0, 2.0, 6.0, 6.0], "asked": [6.0] * 4,
    "shuffled_separated": [0.0] * 4, "shuffled_asked": [3.0] * 4,
    "end_error": [0.01, 0.001, 0.0, 0.0], "dropout_error": [0.7, 0.7, 0.6, 0.3]}  # fmt: skip
NOISE = {name: 0.004 for name in CURVES if "separated" not in name and "asked" not in name} | {
    "gap": 0.03,
    "straight_error": 0.04,
    "dropout_error": 0.04,
    "condition_error": 0.002,
}
WORLD = World(("width", WIDTHS), apart=True, lines=CURVES, spread=NOISE, straight=tuple(CURVES), seeds=6)


def at_twice(name: str, value: float) -> World:
    """The planted world with another value at 64 units."""
    return WORLD.but(**{name: [*CURVES[name][:2], value, CURVES[name][3]]})


def half_separable() -> Any:
    """The planted world with 3 layers in 4 that are separable at 64 units, drawn pair by pair."""

    def draw(rng: Any) -> Any:
        from dataclasses import replace

        run = WORLD(rng)
        rows = [(cell, {**values, "separated": float(rng.binomial(6, 0.75))}) for cell, values in run.rows]
        return replace(run, rows=tuple(rows))

    return draw


SOURCE = "nguyen2021"
SCOPE = (
    "Nguyen et al. train MNIST, ten layers of 245 units, and CIFAR-10, VGG and five layers of 500; the abstract names no number.",
    "Here: 1,024 digits, three hidden layers, half of the units stay; 5 and 2 points are ours. That a condition holds in "
    "practice is what can be seen; that it fails in one setting says nothing.")  # fmt: skip
SOLVED = on_average("the ends are solutions", ends.at(TWICE), at_most=1.0)
FOUND = 2.0  # points of training error that a path may show and count as found

CLAIMS = (
    Claim("milder", "The condition holds where dropout stability does not: subnetworks on half of the features can be learned "
          "with a training error of at most 2 points, where removing half of the units costs 5 points more.", ("L27",), SOURCE,
          gap.at(TWICE).at_least(5.0) & condition.at(TWICE).at_most(FOUND), arm("64 units a layer"),
          Control("Networks of 16 units a layer, whose subnetworks are too small to learn.",
                  rule=gap.at(NARROW).at_least(5.0) & condition.at(NARROW).at_most(FOUND)), (SOLVED,), chart="condition",
          form="exists", scope=SCOPE,
          null=(at_twice("gap", 0.05), at_twice("condition_error", 0.02)), effect=WORLD),
    Claim("path", "Where the condition holds, the two solutions are joined: on the path through the learned subnetworks the "
          "training error is at most 2 points at every point that was looked at.", ("L27",), SOURCE,
          along_learned.at(TWICE).at_most(FOUND), arm("the path through learned subnetworks, 64 units a layer"),
          Control("The straight line between the same solutions.",
                  arm("the straight line", metrics={"learned_error": "straight_error"})), (SOLVED,), chart="paths",
          form="exists", scope=SCOPE, null=(at_twice("learned_error", 0.02),), effect=WORLD),
    Claim("separable", "In three layers of four or more, half of the units separate the classes linearly, which is proved "
          "for each, and where all layers do so the path through these classifiers keeps the training error at 2 points or less: "
          "the condition under which the source needs almost no over-parameterisation.",
          ("L27",), SOURCE, layers.at_least(0.75) & along_separable.at(TWICE).at_most(FOUND),
          arm("64 units a layer"), Control("The same units and shuffled labels.", arm(
              "shuffled labels", metrics={"separated": "shuffled_separated", "asked": "shuffled_asked"})), (SOLVED,),
          chart="separable", form="exists", profiles=("quick", "laptop"),
          scope=(*SCOPE, "Read at 64 units, twice the root of the number of samples: 32 features of each layer."),
          null=(half_separable(), at_twice("separable_error", 0.02)),
          effect=WORLD),
    Claim("bound", "On a path through subnetworks the loss is at most that of the ends and of the worst subnetwork, up to "
          "rounding.", ("L27",), SOURCE, worst("excess", "loss of the path above that bound, over 1 + bound").at_most(1e-3),
          arm("every path through subnetworks"), kind="check", chart="paths",
          effect=World(("width", WIDTHS), apart=True, lists={"excess": [1e-7, -0.2, 1e-8]}, seeds=6),
          null=(World(("width", WIDTHS), apart=True, lists={"excess": [1e-7, -0.2, 5e-3]}, seeds=6),)),
    Claim("roots", "Do two thirds of what is lacking at half the root of the number of samples come with twice the root: is the "
          "error of the worst learned subnetwork with 64 units a layer at most a third of that with 16?", ("L27",), SOURCE,
          (condition.at(TWICE) / condition.at(NARROW)).at_most(1 / 3), kind="question", chart="condition",
          profiles=("quick", "laptop"),
          null=(WORLD.but(condition_error=[0.36, 0.2, 0.12, 0.01], spread={"condition_error": 0.005}),),
          effect=WORLD.but(condition_error=[0.36, 0.2, 0.06, 0.01])),
    Claim("bezier", "Is a Bezier curve with one trained bend a path of at most 2 points of training error, at 64 units?",
          ("L27",), "garipov2018", along_bezier.at(TWICE).at_most(FOUND), kind="question", chart="paths",
          null=(at_twice("bezier_error", 0.02),), effect=WORLD),
    Claim("aligned", "Is the straight line after the closest order of hidden units a path of at most 2 points, at 256 units?",
          ("L27",), SOURCE, along_aligned.at(WIDEST).at_most(FOUND), kind="question", chart="paths",
          profiles=("laptop",), null=(WORLD.but(aligned_error=[0.3, 0.1, 0.05, 0.02]),), effect=WORLD))  # fmt: skip

NAMED = {"straight": "straight line", "aligned": "straight, units in the closest order",
         "bezier": "Bezier curve, one trained bend",
         "dropout": "through dropout subnetworks", "learned": "through learned subnetworks",
         "separable": "through linear classifiers of half of the features"}  # fmt: skip
CHARTS = charts(
    {"width": "units of every hidden layer", "root": "units over the root of the number of samples"},
    paths=("The highest training error on a path between two solutions", "largest share of samples wrong",
           {f"{name}_error": words for name, words in NAMED.items()},
           "A path is found where the error stays within 2 points. One that is not found here says nothing of others."),
    along=("Along the paths", "share of training samples wrong", {f"path_{name}": words for name, words in NAMED.items()},
           "Every path takes the same length of the axis.",
           {"x": {"t": "lin place on the path"}, "arm": ("width", "Units"), "arm_first": 64}),
    condition=("The condition, and dropout stability", "share of training samples wrong",
               {"condition_error": "worst learned subnetwork", "dropout_condition_error": "worst dropout subnetwork, best draw",
                "dropout_first_error": "the same, one draw", "end_error": "-the solutions"}),
    separable=("Which layers are linearly separable by half of their units", "share of layers",
               {"separable_layers": "given labels", "shuffled_layers": "shuffled labels"}),
    rise=("The highest training loss on a path, above that of the ends", "log nats",
          {f"{name}_rise": words for name, words in NAMED.items()}))  # fmt: skip

VALUES = (
    "root", "t", "condition_error", "condition_loss", "gap", "dropout_condition_error", "dropout_first_error",
    "separable_layers", "shuffled_layers", "separated", "asked", "shuffled_separated",
    "shuffled_asked", "least_margin", "excess", "end_error", "end_loss",
    *(f"{name}_{what}" for name in NAMED for what in ("error", "rise")), *(f"path_{name}" for name in NAMED))  # fmt: skip


def estimate(cell: Params) -> Estimate:
    """Solutions, small networks and curves of a pair; then paths, permutations and linear programs."""
    from overparam.data import shape_of
    from overparam.sweep.work import cost, dense

    shape, wide = shape_of(str(cell["data"])), cell["width"]
    size = dense(shape.features, *[wide] * cell["depth"], shape.classes)
    steps = cell["epochs"] * max(1, cell["n"] // cell["batch"])
    trained = cost(cell, size, steps=steps, chains=4 + cell["depth"], probes=400)
    return Estimate(trained.seconds + 4.0 + wide / 20, trained.bytes + 2e8)


STUDY = study(
    name="mode-connectivity", title="Mode connectivity",
    question="Are two solutions joined by a path of low loss, and which condition tells?", x="width",
    sources=(SOURCE, "garipov2018"), axes=AXES, profiles=PROFILES, claims=CLAIMS, charts=CHARTS, values=VALUES,
    hero=Hero("paths", fit=("straight_error", "learned_error", "bezier_error")),
    work=later("overparam.studies.mode_connectivity_work:run"), estimate=estimate, first_rows=True, stack_limit=6,
    work_history=("The share that is done reaches the whole; results are the same.",),
    differences=(
        "Nguyen et al. train ten networks on MNIST, ten layers of 245 units, and on CIFAR-10; here 1,024 digits, three layers.",
        "They learn twenty draws of the half of the units that stay, and take two hundred for dropout; here one draw is learned, "
        "and dropout has the best of twenty, which can only hide the difference.",
        "Theorem and constants are not at hand: the path was rebuilt from the authors' code, and that the loss on it is at most "
        "that of the worst subnetwork is proved where it is built, for any width. The root of the number of samples is "
        "a statement about when such subnetworks exist; its constant is not known.",
        "The linear programs ask whether one linear classifier is right on all samples; the network on the inputs that both "
        "paths meet at is learned.",
        "What is not found here may exist: no path says that two solutions are not connected. Nothing is said about points "
        "between those that were looked at."))  # fmt: skip
