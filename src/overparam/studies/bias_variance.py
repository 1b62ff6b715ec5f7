"""Bias, variance and noise: the parts of the error against the size of a model, classical and modern regime side by side.

Random features fitted by least squares, and trained networks against width and against depth. Many fits of each size, on
training sets without common rows and from several starts, give the parts by an unbiased estimator.
"""

from __future__ import annotations

from typing import Any

from overparam.core import (BATCH, DATA, N, NOISE, RATE, STEPS, VIEW, Axis, Claim, Control, Estimate, Hero, MissingEvidence,
    Params, Progress, Series, World, arm, charts, each_cell, grid, line, lost_in, need, outcome, per_seed, planned, profiles,
    scalar, study, worst, Check)  # fmt: skip

FEATURES, WIDTHS, DEPTHS = (10, 20, 40, 80, 140, 200, 280, 400, 800, 2000), (2, 4, 8, 16, 32, 64, 128, 256), (1, 2, 3, 5, 8)
FAMILIES = {"features": "random features", "width": "networks against width", "depth": "networks against depth"}
AXES = (
    DATA.but(help="Data set, or a path to one.", default="digits"),
    Axis("family", "Random features fitted by least squares, or trained networks against width or depth.", str, "features",
         choices=tuple(FAMILIES)),
    N.but(help="Samples of one training set.", default=200),
    Axis("sets", "Training sets without common rows; all together have at most as many rows as there are.", int, 4, low=2, high=100),
    Axis("starts", "Fits of each training set, each with its own weights.", int, 2, low=1, high=100),
    NOISE.but(help="Share of labels that are replaced by a draw from all classes.", default=0.2),
    Axis("features", "Numbers of random features, in one cell.", int, FEATURES, low=1, inside_cell=True),
    Axis("widths", "Hidden units of a two-layer network, in one cell.", int, WIDTHS, low=1, inside_cell=True),
    Axis("depths", "Hidden layers, in one cell.", int, DEPTHS, low=1, high=50, inside_cell=True),
    Axis("deep_width", "Units of each layer where the depth varies.", int, 32, low=1),
    STEPS.but(help="Steps of Adam.", default=1500), BATCH.but(default=50), RATE.but(help="Learning rate of Adam.", default=3e-3),
    Axis("seed", "Draws training sets, label noise, initial weights and minibatches.", int, low=0, flag="seeds"),
)  # fmt: skip
PROFILES = profiles(
    {"family": tuple(FAMILIES), "seed": planned(6)},
    quick=("digits, 4 training sets of 200 samples, 20 % label noise; 10 numbers of features, 5 widths, 3 depths, 6 seeds",
           {"widths": (2, 8, 32, 128), "depths": (1, 2, 5), "steps": 1000}),
    laptop=("the same at 8 widths and 5 depths", {}),
    paper=("MNIST, 5 training sets of 2,000 samples, to 20,000 features, 1,024 units and 11 layers; the source states the "
           "decomposition without an experiment: hours",
           {"data": "mnist", "n": 2000, "sets": 5, "features": (50, 100, 200, 400, 800, 1400, 2000, 2800, 4000, 8000, 20_000),
            "widths": (*WIDTHS, 512, 1024), "depths": (1, 2, 3, 5, 8, 11), "deep_width": 128, "steps": 20_000}))  # fmt: skip

size = grid("size", words="size")
risk, bias, variance = (line(name, words) for name, words in (
    ("risk", "squared error"), ("bias", "squared bias"), ("variance", "variance")))  # fmt: skip
wrong, bias_01, variance_01 = (line(name, words, "points", 100) for name, words in (
    ("risk_01", "0-1 error"), ("bias_01", "squared bias of the 0-1 error"), ("variance_01", "variance of the 0-1 error")))  # fmt: skip
fit = line("train_loss", "mean squared training error")
RF, NETS, DEEP = (arm(words, family=name) for name, words in FAMILIES.items())
FITTED = 1e-6
THRESHOLD = fit.first_at_most(FITTED)
FLOOR = 1e-4  # a part that its estimator puts below this counts as this, so that it has a logarithm
B, V = bias.floor(FLOOR), variance.floor(FLOOR)


def _crosses(view: Any) -> Check:
    seen = view.on(view.arm, frozenset({"train_loss"})).line("train_loss").y.mean(axis=0)
    fitted = [i for i, one in enumerate(seen) if one <= FITTED]
    ok = bool(fitted) and 2 <= fitted[0] < len(seen) - 1
    told = f"{len(fitted)} of {len(seen)} sizes fit the training sets"
    return Check(ok, f"{told}; asked: not the first two, and the last two")


CROSSES = need("both regimes", "The sizes reach from below the interpolation threshold (mean squared training error at most "
               "1e-6) to beyond it, by two sizes each.", _crosses, values=("train_loss",))  # fmt: skip
DIP = size.nearest(80)
BEFORE, AFTER = THRESHOLD, THRESHOLD.step(1)
