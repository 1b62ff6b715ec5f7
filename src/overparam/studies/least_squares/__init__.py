"""Least squares with more unknowns than labels: where gradient descent ends, how fast, and by how long a way."""

from __future__ import annotations

from typing import Any

from overparam.core import Axis, Chart, Profile, Series, Study, XAxis
from overparam.studies.least_squares.claims import CLAIMS
from overparam.studies.least_squares.work import estimate, work
from overparam.studies.sources import SOLTANOLKOTABI

AXES = (
    Axis("data", "Where inputs and labels come from: normal inputs and labels, or digits labelled even and odd.", str,
         choices=("gaussian", "digits"), flag="data"),
    Axis("inputs", "Inputs as they are, or with the mean taken out and norm 1.", str, "raw",
         choices=("raw", "normalised"), flag="inputs"),
    Axis("n", "Labels.", int, 20, low=2, flag="n"),
    Axis("features", "Random ReLU features that the inputs are lifted to; 0 for the inputs themselves (4 n unknowns "
         "of normal inputs, 64 of digits).", int, 0, low=0, flag="features"),
    Axis("step", "Step of gradient descent, in units of 1/|X|^2.", float, 1.0, low=0.01, high=1.99, flag="step"),
    Axis("seed", "Draws the inputs, the labels, the features and the start.", int, 0, low=0, flag="seeds"),
)  # fmt: skip


def _profile(text: str, n: tuple[int, ...], features: tuple[int, ...], seeds: int) -> Profile:
    axes: dict[str, tuple[Any, ...]] = {
        "data": ("gaussian", "digits"), "inputs": ("raw", "normalised"), "n": n, "features": features,
        "step": (1.0,), "seed": tuple(range(seeds)),
    }  # fmt: skip
    return Profile(text, axes)


PROFILES = {
    "quick": _profile(
        "20 labels, normal inputs and digits, with and without 400 features, 5 seeds", (20,), (0, 400), 5
    ),
    "laptop": _profile(
        "10, 20 and 30 labels, up to 1,600 features, 10 seeds", (10, 20, 30), (0, 400, 1600), 10
    ),
    "paper": _profile(
        "10, 20 and 30 labels, up to 6,400 features, 20 seeds; the slides show no experiment of their own",
        (10, 20, 30),
        (0, 400, 1600, 6400),
        20,
    ),
}

TIMES = (XAxis("times", "steps"),)
CHARTS = (
    Chart(
        "residual", "How fast the labels are fitted", TIMES, "residual |X theta - y|, relative to the start",
        (
            Series("residual_line", "gradient descent"),
            Series("theory_line", "theory: closed form", dashed=True),
            Series("momentum_line", "momentum 0.9, same step"),
        ),
        y_log=True, arm="inputs", arm_title="inputs", fit=False,
        note="Straight lines are single components; the slowest is left alone at the end. Runs that had settled are "
        "not continued, so late points average over fewer seeds.",
    ),
    Chart(
        "path", "How long the way is", TIMES, "path length over the distance to the closest solution",
        (Series("path_line", "gradient descent"),),
        arm="inputs", arm_title="inputs", fit=False,
        note="The straight way is 1; the claim promises at most sqrt(n).",
    ),
    Chart(
        "ends", "Where each method ends", (XAxis("n", "labels n", log=False),),
        "distance from the closest solution, relative",
        (
            Series("distance", "gradient descent"),
            Series("momentum_distance", "momentum 0.9"),
            Series("adam_distance", "Adam"),
            Series("adam_residual", "Adam: residual left, relative"),
        ),
        y_log=True, arm="inputs", arm_title="inputs", fit=False,
        note="Adam fits the labels at another solution: the distance does not fall with its residual.",
    ),
    Chart(
        "ways", "The way of gradient descent against its bounds", (XAxis("n", "labels n", log=False),),
        "path length over distance",
        (
            Series("path", "gradient descent"),
            Series("overshoot_path", "step 1.9 / |X|^2"),
            Series("momentum_path", "momentum 0.9"),
            Series("theory_path_low", "theory: at least", dashed=True),
            Series("theory_path_high", "theory: at most", dashed=True),
        ),
        y_log=True, arm="inputs", arm_title="inputs", fit=False,
    ),
)  # fmt: skip

STUDY = Study(
    name="least-squares",
    title="Least squares with more unknowns than labels",
    question="Where does gradient descent end when many solutions exist, how fast, and by how long a way?",
    sources=(SOLTANOLKOTABI,),
    axes=AXES,
    profiles=PROFILES,
    work=work,
    stack_by=("data", "inputs", "n", "features", "step"),
    estimate=estimate,
    stack_limit=4,
    claims=CLAIMS,
    charts=CHARTS,
    differences=(
        "The slides name three properties in words: global convergence, the closest optimum, a relatively short path. "
        "The cut-offs, the rate and the bound sqrt(n) on path over distance are added; the bound is proved for steps "
        "up to 1/|X|^2.",
        "The slides do not say that X must have rank n; with dependent rows descent ends at the closest least-squares "
        "solution instead. Here the rank is a precondition.",
        "Momentum is sometimes said to lose the closest solution. From rest it cannot: its moves are sums of gradients, "
        "which lie in the span of the rows. It has a claim of its own; the control is Adam.",
        "Labels of digits are +1 for even and -1 for odd; the slides show no data.",
        "Digits are taken at 10 to 30 samples: more would need more than 400,000 steps, since their matrices are "
        "ill-conditioned.",
        "Adam runs 20,000 steps with a learning rate that falls from 0.01 to 0 along a cosine; how much of the residual "
        "it leaves is drawn beside its distance.",
    ),
)
