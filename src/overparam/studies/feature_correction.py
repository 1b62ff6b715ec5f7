"""Backward feature correction: does training a second layer improve the first one's features, and is it needed?

The target is a sum of products of two inputs, and of products of two of these. Two layers of squares hold it exactly; they
are trained together, one after the other, and with a random first layer, beside kernels.
"""

from __future__ import annotations

from typing import Any

from overparam.core import (Axis, Claim, Control, Estimate, Hero, Params, UsageError, World, arm, charts, computed, each_cell,
    grid, later, line, planned, profiles, study, worst)  # fmt: skip
from overparam.core.axes import ascends

WIDTHS = (32, 64)
AXES = (
    Axis("data", "Law of the inputs.", str, "gaussian", choices=("gaussian",), flag="data"),
    Axis("d", "Dimension of the inputs.", int, 20, low=4, high=60, flag="d"),
    Axis("products", "Products of two inputs, each of its own, that the target is composed of.", int, 4, low=3, high=20),
    Axis("alpha", "Weight of the products of products.", float, 0.5, low=0.0, high=10.0),
    Axis("n", "Training samples.", int, 5000, low=50, high=50_000, flag="n"),
    Axis("width", "Units of the first layer, ascending, all in one cell.", int, WIDTHS, low=1, high=1024, inside_cell=True,
         flag="widths"),
    Axis("second", "Units of the second layer.", int, 32, low=1, high=1024),
    Axis("steps", "Steps of each stage.", int, 3000, low=10, flag="steps"),
    Axis("batch", "Examples in a step.", int, 128, low=1, high=10_000, flag="batch"),
    Axis("rate", "Learning rate of Adam; it falls along a cosine in each stage.", float, 1e-2, low=1e-6, high=1.0, flag="rate"),
    Axis("seed", "Draws data, weights and orders.", int, 0, low=0, flag="seeds"),
)  # fmt: skip
PROFILES = profiles(
    {"data": "gaussian"},
    quick=("32 and 64 units, 2,000 samples, 5 seeds: half a minute", {"n": 2000, "seed": planned(5)}),
    laptop=("32, 64 and 256 units, 5,000 samples, 6 seeds", {"width": (32, 64, 256), "seed": planned(6)}),
    paper=("up to 1,024 units, 20,000 samples and steps, 20 seeds: a day of two cores; the source has images",
           {"width": (32, 64, 256, 1024), "n": 20_000, "steps": 20_000, "seed": planned(20)}))  # fmt: skip

# what is measured
width = grid("width")
NAMED = {"joint": "both layers together", "unfrozen": "layer by layer, then both", "layerwise": "layer by layer",
         "layer1": "the first layer alone", "longer": "the first layer alone, as long as all stages",
         "random": "a random first layer", "kernel": "the better kernel"}  # fmt: skip
error = {name: line(name, f"test error of {words}") for name, words in NAMED.items()}
aligned = {name: line(f"aligned_{name}", f"alignment after training {words}") for name, words in NAMED.items()
           if name != "kernel"}  # fmt: skip
PLACE, NARROW = width.near(64), width.near(32)
RATIO, GAIN = 0.3, 0.1  # ours


def of(name: str) -> Any:
    """The error of joint training over that of another learner, at 64 units."""
    return error["joint"].at(PLACE) / error[name].at(PLACE)


LONGER = {"joint": "longer"}
L26, SOURCE = ("L26",), "allenzhu2020"
FIXED = (
    "The source's degree grows with d, and its lower bounds are on what grows faster than any power of d; here d is 20 and "
    "the degree 4, where layer-wise and kernel learners need polynomially many samples too."
)
SCOPE = (
    "Allen-Zhu and Li: quadratic layers with skip links, targets of a growing degree with a gap between the levels' "
    "weights, SGD with a schedule of their own.",
    "Here two layers of squares, one target of degree 4, Adam; a third of the error and a rise of 0.1 are ours.")  # fmt: skip
WORLD = World(
    ("width", (32, 64)), seeds=6, fixed={"d": 20, "alpha": 0.5},
    lines={"joint": [0.01, 0.001], "unfrozen": [0.01, 0.001], "layerwise": [0.15, 0.12], "layer1": [0.2, 0.2],
           "longer": [0.2, 0.2], "random": [0.9, 0.8], "kernel": [0.21, 0.21], "aligned_layer1": [0.74, 0.85],
           "aligned_longer": [0.6, 0.62], "aligned_unfrozen": [0.95, 0.96]},
    spread={"joint": 0.6, "unfrozen": 0.6, "layerwise": 0.1, "layer1": 0.03, "longer": 0.03, "random": 0.05, "kernel": 0.03,
            "aligned_layer1": 0.03, "aligned_longer": 0.03, "aligned_unfrozen": 0.03},
    lists={"below": [-0.01], "spans": [1e-9]},
)  # fmt: skip
CONTROL = "The first layer alone, trained as long as all stages together: it does no better."
CLAIMS = (
    Claim("joint", "Trained together, the two layers have at most a third of the error of layer-by-layer training, of the first "
          "layer alone and of a random first layer, at 64 units.", L26, SOURCE,
          of("layerwise").at_most(RATIO) & of("layer1").at_most(RATIO) & of("random").at_most(RATIO),
          control=Control(CONTROL, arm(metrics=LONGER)), chart="error", form="direction", outside=FIXED, scope=SCOPE,
          effect=WORLD,
          null=(WORLD.but(joint=[0.036] * 2), WORLD.but(layerwise=[0.0033] * 2))),
    Claim("kernels", "They have at most a third of the error of kernel ridge regression on the same samples: a polynomial kernel "
          "of the target's degree, or the tangent kernel, whichever is better.", L26, SOURCE, of("kernel").at_most(RATIO),
          control=Control(CONTROL, arm(metrics=LONGER)), chart="error", form="direction", outside=FIXED, scope=SCOPE,
          effect=WORLD,
          null=(WORLD.but(joint=[0.063] * 2),)),
    Claim("corrects", "Training the second layer improves the features of the first: when both are trained after layer-by-layer "
          "training, the alignment of the first with the true products rises by at least 0.1, at 32 units.", L26, SOURCE,
          (aligned["unfrozen"].at(NARROW) - aligned["layer1"].at(NARROW)).at_least(GAIN),
          control=Control("The first layer trained on alone for as many steps.",
                          arm(metrics={"aligned_unfrozen": "aligned_longer"})),
          chart="alignment", form="exists", scope=SCOPE, effect=WORLD,
          null=(WORLD.but(aligned_unfrozen=[0.8, 0.88]),)),
    Claim("floor", "Averaged over all products of four of ten signs, no kernel has a smaller error on n samples than 1 - n/210.",
          L26, "barron1993", worst("below", "the bound less the error of a kernel").at_most(1e-9), chart="floor", kind="check",
          effect=WORLD, null=(WORLD.but(below=[1e-6]),)),
    Claim("spans", "From d (d + 1)/2 units on, the squares of a random first layer span every product of two inputs.", L26,
          SOURCE,
          worst("spans", "distance of the alignment from 1").at_most(1e-6), chart="alignment", kind="check",
          profiles=("laptop", "paper"), effect=WORLD, null=(WORLD.but(spans=[1e-3]),)),
    Claim("recovers", "Does unfreezing make up for layer-by-layer training: to at most a third of its error, at 64 units?", L26,
          SOURCE, (error["unfrozen"].at(PLACE) / error["layerwise"].at(PLACE)).at_most(RATIO), chart="error", kind="question",
          effect=WORLD, null=(WORLD.but(unfrozen=[0.036] * 2),)),
    Claim("wide", "Does joint training keep to a third of the error of layer-by-layer training where the first layer has more "
          "units than there are products of two inputs, so that a random one spans all of them?", L26,
          SOURCE, (error["joint"].last / error["layerwise"].last).at_most(RATIO), chart="error", kind="question",
          profiles=("laptop", "paper"),
          effect=WORLD, null=(WORLD.but(joint=[0.036] * 2),)),
)  # fmt: skip

CHARTS = charts(
    {"width": "units of the first layer"},
    error=("Test error", "log mean squared error over the target's variance",
           {**NAMED, "polynomial": "-polynomial kernel", "tangent": "-tangent kernel"},
           "What only has products of two inputs keeps the share of the products of products."),
    alignment=("The first layer's features", "alignment with the true products",
               {"aligned_start": "at the start",
                **{f"aligned_{name}": NAMED[name] for name in ("joint", "unfrozen", "layer1", "longer")}},
               "Mean squared cosine of the principal angles between the true products and what the first layer's squares span."),
    floor=("What no kernel can do on average", "mean squared error",
           {"polynomial_average": "polynomial kernel", "tangent_average": "tangent kernel",
            "polynomial_span": "the best in the span of the polynomial kernel",
            "tangent_span": "the best in that of the tangent kernel",
            "floor": "-theory: 1 - n/210"}, "Over all 210 products of four of ten signs.", {"x": {"few": "lin samples"}}),
)  # fmt: skip


def estimate(cell: Params) -> Estimate:
    """Steps of six arms at each width, and factorisations of two kernels."""
    ascends(cell, "width", "widths", "numbers of units")
    if 2 * cell["products"] > cell["d"]:
        raise UsageError(
            f"--products: expected at most d/2, {cell['d'] // 2}, since each takes two inputs of its own, got "
            f"{cell['products']}. Take fewer, or a larger --d."
        )
    if cell["batch"] > cell["n"]:
        raise UsageError(
            f"--batch: expected at most n, {cell['n']}, got {cell['batch']}. Take smaller batches."
        )
    n, members = float(cell["n"]), 7
    passes = (
        sum(cell["batch"] * w * (cell["d"] + cell["second"]) for w in cell["width"]) * cell["steps"] * members
    )
    kernels = computed(6 * n**3 / 3 + 60 * n * (n + 4000), 4 * n * (n + 4000))
    return Estimate(0.5 + 1.0 * len(cell["width"]) + 6.0 * passes / 24e9 + kernels.seconds, kernels.bytes + 4e8)


STUDY = study(
    name="feature-correction", title="Backward feature correction",
    question="Does training higher layers improve the features of lower ones, and is that more than kernels can do?", x="width",
    sources=(SOURCE, "barron1993", "allenzhu2019"), axes=AXES, profiles=PROFILES, claims=CLAIMS, charts=CHARTS,
    hero=Hero("error"), estimate=estimate, stack_limit=1, work=each_cell(later("overparam.studies.feature_correction_work:run")),
    values=("width", *NAMED, "polynomial", "tangent", "start",
            *(f"aligned_{name}" for name in ("start", *NAMED) if name != "kernel"), "few", "floor", "below", "spans",
            *(f"{name}_{what}" for name in ("polynomial", "tangent") for what in ("average", "span"))),
    differences=(
        "The source's class has a degree that grows with d, and its experiments are deep networks on images; here one "
        "composition of degree 4 and two layers, small enough to see.",
        "The source trains by SGD in stages of its own, with distillation; here Adam, with one rate for every arm.",
        "Alignment is exact: how much of the true products' forms lies in the span of the first layer's squares.",
        "The penalty of a kernel is the best of three on the test set, in its favour.",
        "The bound on kernels is on an average over targets; on this one target a kernel may do better.",
    ))  # fmt: skip
