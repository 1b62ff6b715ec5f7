"""Memorization: the least width that fits random labels, and how near it lies to as many parameters as samples.

Two optimizers are asked, gradient descent and Levenberg-Marquardt, because a budget that is too small looks like a network
that is too small. Below as many trained weights as samples nothing fits labels in general position: the rank bound.
"""

from __future__ import annotations

from typing import Any

from overparam.core import (Axis, Claim, Control, Estimate, Hero, Params, UsageError, World, charts, computed, each_cell, later,
    line, per_seed, planned, power_law, profiles, study, worst)  # fmt: skip
from overparam.core.axes import ascends

SIZES, RATIOS = (20, 40, 80), (0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)

AXES = (
    Axis("data", "Inputs of norm 1: uniform on the sphere, Gaussian ones, or centred images of digits.", str, "sphere",
         choices=("sphere", "gaussian", "digits"), flag="data"),
    Axis("d", "Dimension of generated inputs; digits have 64.", int, 10, low=2, high=200, flag="d"),
    Axis("n", "Numbers of samples, ascending, all in one cell.", int, SIZES, low=2, high=1000, inside_cell=True, flag="n"),
    Axis("activation", "Activation.", str, "gelu", choices=("gelu", "softplus", "silu", "tanh"), flag="activations"),
    Axis("ratio", "Trained weights over samples at which networks are tried, ascending.", float, RATIOS, low=0.05, high=100,
         inside_cell=True, flag="ratios"),
    Axis("starts", "Random starts at each width.", int, 4, low=1, high=100, flag="starts"),
    Axis("iterations", "Most systems solved by Levenberg-Marquardt.", int, 200, low=10),
    Axis("steps", "Most steps of gradient descent.", int, 4000, low=20, flag="steps"),
    Axis("seed", "Draws inputs, labels and weights.", int, 0, low=0, flag="seeds"),
)  # fmt: skip
PROFILES = profiles(
    {"data": "sphere", "ratio": RATIOS},
    quick=("10 to 40 samples of 5 inputs, gelu, 9 seeds: under a minute on two cores",
           {"d": 5, "n": (10, 20, 40), "seed": planned(9)}),
    laptop=("20 to 80 samples of 10 inputs, gelu and softplus, 8 seeds",
            {"n": SIZES, "activation": ("gelu", "softplus"), "steps": 6000, "iterations": 300, "seed": planned(8)}),
    paper=("20 to 160 samples of 10 inputs, three activations, 20 seeds, 50,000 steps: half a day of two cores. The talk shows "
           "50,000 images and networks of a million parameters: see the study of random labels",
           {"n": (*SIZES, 160), "activation": ("gelu", "softplus", "silu"), "steps": 50_000, "iterations": 500, "starts": 8,
            "seed": planned(20)}))  # fmt: skip

# what is measured: weights over samples of the least width that fits, over the number of samples
strong = line("strong_load", "weights per sample of the least width that Levenberg-Marquardt fits")
descent = line("descent_load", "weights per sample of the least width that gradient descent fits")
width = line("strong_width", "least width that Levenberg-Marquardt fits")
MOST, MOST_DESCENT = 2.0, 4.0  # weights per sample: ours
LITTLE = worst(
    "closest", "what is left of normal labels below as many weights as samples, over their length"
).at_least(1e-3)
RANKS = worst(
    "wrong_ranks", "widths at which the Jacobian's rank is not the smaller of samples and weights"
).at_most(0.0)


def over_sizes(load: Any) -> Any:
    """Geometric mean over the numbers of samples, of each seed."""
    import numpy as np

    return np.exp(np.log(np.asarray(load, float)).mean(axis=1))


def mean_load(load: Any, words: str) -> Any:
    """Weights per sample of the least width that fits, over all numbers of samples."""
    told = f"weights per sample of the least width that {words} fits (geometric mean over the sizes)"
    return per_seed(over_sizes, told, load, estimate="geometric")


needs_strong, needs_descent = mean_load(strong, "Levenberg-Marquardt"), mean_load(descent, "gradient descent")
L1, ZHANG = ("L1",), "zhang2017"


def squares(most: float) -> Control:
    """The control: networks of squares move d (d + 1)/2 labels at most, so that the most samples are fitted at no width."""
    told = worst(
        "square_load", "weights per sample of the least width of squares that fits, or of the widest tried"
    )
    words = "Squares in place of the activation move d (d + 1)/2 labels at most: the most samples are fitted at no width."
    return Control(words, rule=told.at_most(most))


SCOPE = (
    "The talk and Zhang et al.: networks with 3 to 50 times as many parameters as samples fit random labels of images; no least "
    "number is given.",
    "Here one hidden layer is trained, on random signs of points of the sphere; two and four weights are ours.")  # fmt: skip

WORLD = World(
    ("samples", SIZES), seeds=8, fixed={"n": SIZES, "activation": "gelu"},
    lines={"strong_load": [1.3] * 3, "descent_load": [2.2] * 3, "strong_width": power_law(1.0, 0.2),
           "square_load": [1.5, 1.3, 8.0]},
    spread={"strong_load": 0.2, "descent_load": 0.25, "strong_width": 0.1},
    lists={"closest": [0.3] * 3, "wrong_ranks": [0] * 3},
)  # fmt: skip
CLAIMS = (
    Claim("fits", "Networks with few more weights than samples fit random labels: at most two weights a sample are "
          "needed, over all sizes, with Levenberg-Marquardt.", L1, ZHANG,
          needs_strong.at_most(MOST), control=squares(MOST),
          chart="load", form="exists", scope=SCOPE, effect=WORLD, null=(WORLD.but(strong_load=[2.0] * 3),)),
    Claim("descent", "Gradient descent fits random labels with at most four weights a sample, over all sizes.",
          L1, ZHANG, needs_descent.at_most(MOST_DESCENT),
          control=squares(MOST_DESCENT), chart="load",
          form="exists", scope=SCOPE, effect=WORLD, null=(WORLD.but(descent_load=[4.0] * 3),)),
    Claim("bound", "With fewer weights than samples no start fits normal labels, and at random weights the Jacobian has the rank "
          "of the smaller of both numbers.", L1, ZHANG, LITTLE & RANKS, chart="load", kind="check", effect=WORLD,
          null=(WORLD.but(closest=[0.3, 0.3, 9e-4]), WORLD.but(wrong_ranks=[0, 1, 0]))),
    Claim("in-proportion", "Does the least width grow in proportion to the samples: with a power from 0.8 to 1.2?", L1, ZHANG,
          width.slope().within(0.8, 1.2), chart="width", kind="question", effect=WORLD,
          null=(WORLD.but(strong_width=power_law(0.8, 0.4)), WORLD.but(strong_width=power_law(1.2, 0.1)))),
    Claim("budget", "Does gradient descent need wider networks within its steps than Levenberg-Marquardt, by a tenth or more?",
          L1, ZHANG, (needs_descent / needs_strong).at_least(1.1), chart="share", kind="question",
          effect=WORLD,
          null=(WORLD.but(descent_load=[1.43] * 3),)),
)  # fmt: skip

NAMES = {"strong": "Levenberg-Marquardt", "descent": "gradient descent", "square": "squares (control)"}
CHARTS = charts(
    {"samples": "samples"}, ("activation", "activation"),
    share=("Starts that fit random labels", "share of starts", {f"{name}_share": words for name, words in NAMES.items()},
           "At the most samples of the cell. Below 1 there are fewer weights than samples.",
           {"x": {"ratio": "trained weights per sample"}}),
    load=("Weights per sample of the least width that fits", "log trained weights per sample",
          {f"{name}_load": words for name, words in NAMES.items()},
          "The rank bound is 1. Where no width fits, the widest that was tried is drawn."),
    width=("The least width that fits", "log hidden units",
           {**{f"{name}_width": words for name, words in NAMES.items()}, "bound_width": "-theory: as many weights as samples"}),
    left=("What is left of normal labels below the bound", "log |r| / |y|", {"closest": "the best of all starts"}),
)  # fmt: skip


def estimate(cell: Params) -> Estimate:
    """Systems of Levenberg-Marquardt, and networks of all widths side by side."""
    ascends(cell, "n", "n", "numbers of samples")
    ascends(cell, "ratio", "ratios", "ratios")
    if min(cell["n"]) < 2:
        raise UsageError(f"--n: expected at least 2 samples, got {min(cell['n'])}. Take more.")
    d = 64 if cell["data"] == "digits" else cell["d"]
    seconds, held = 1.0, 0.0
    for n in cell["n"]:
        weights = [max(d, ratio * n) for ratio in cell["ratio"]]
        tries = 2.2 * cell["starts"] * cell["iterations"] * 0.4
        seconds += tries * sum(6e-5 + (2.0 * n * n * p + n**3 / 3) / 8e9 for p in weights)
        stack = len(weights) * cell["starts"] * max(weights) * n
        seconds += 1.0 + cell["steps"] * (1e-5 + 1.2e-10 * stack * (6 + 40 / d))
        held = max(held, 4.0 * stack / d + 4.0 * n * max(weights))
    return Estimate(0.4 * seconds + computed(0, 0).seconds, computed(0, held).bytes)


STUDY = study(
    name="memorization-threshold", title="The least width that memorizes",
    question="How wide must a network be to fit random labels, and how near is that to as many weights as samples?", x="samples",
    sources=(ZHANG, "soltanolkotabi2019"), axes=AXES, profiles=PROFILES, claims=CLAIMS, charts=CHARTS, hero=Hero("share"),
    estimate=estimate, stack_limit=1,
    work=each_cell(later("overparam.studies.memorization_threshold_work:run")),
    values=("samples", "ratio", *(f"{name}_{what}" for name in NAMES for what in ("share", "width", "load", "missing")),
            "closest", "wrong_ranks", "bound_width"),
    differences=(
        "The talk's experiment has 50,000 images and networks of up to two million parameters; here are some dozen samples, so "
        "that the least width can be found.",
        "One hidden layer is trained, the output weights stay at +|y|/sqrt(k n) and minus that, without biases: the trained "
        "weights are width times inputs.",
        "A width fits if one of its starts does, to a mean square error of 0.001 of that of answering 0; widths are tried at "
        "ratios of weights to samples from a half to eight, and the least is read on this grid.",
        "Gradient descent takes the step 1 over the largest eigenvalue of the tangent kernel at its start, for a fixed number of "
        "steps, in float32; Levenberg-Marquardt is computed in float64.",
        "With tanh one unit can answer +1 and -1 to labels that a plane separates: random signs are then fitted below the rank "
        "bound, which holds for labels in general position. It is checked on normal labels.",
    ))  # fmt: skip
