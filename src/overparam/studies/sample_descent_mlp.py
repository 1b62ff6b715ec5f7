"""Sample-wise double descent in a trained network: a small MLP of fixed width on ever more samples (exploratory)."""

from __future__ import annotations

from typing import Any

from overparam.core import (FRESH, BATCH, DATA, MOMENTUM, MOST, N, NOISE, NOISE_KIND, NONE, PROBES, RATE, SEED, STEPS, WIDTH,
    Check, Claim, Control, MissingEvidence, World, arm, charts, enough_noise, grid, later, line, need, per_point, planned,
    profiles, study)  # fmt: skip
from overparam.core.sweeps import WidthSweep

AXES = (
    DATA, N.but(default=4000), WIDTH, NOISE, NOISE_KIND, STEPS, BATCH, RATE, MOMENTUM, PROBES, SEED.but(default=None),
)  # fmt: skip
FINE = (500, 750, 1000, 1500, 2000, 2500, 3000, 3500, 4000)
PROFILES = profiles(
    {"data": "mnist1d", "n": FINE, "width": (27, 36), "noise": (0.0, 0.15), "noise_kind": "inclusive", "steps": 20_000,
     "batch": 100, "learning_rate": 0.01, "momentum": 0.9, "seed": planned(10)},
    quick=("MNIST-1D, an MLP with 36 units a layer, 500 to 4,000 samples, clean and 15 % noise, 8 seeds: under a minute on "
           "two cores",
           {"n": (500, 1000, 2000, 4000), "width": 36, "seed": planned(8)}),
    laptop=("MNIST-1D, 27 and 36 units a layer, 500 to 4,000 samples, clean and 15 % noise, 10 seeds", {}),
    paper=("The noise protocol of Nakkiran et al. (labels replaced by wrong ones) at 15 %, four times the steps, 20 "
           "seeds: still a small network on MNIST-1D",
           {"noise_kind": "exclusive", "steps": 80_000, "seed": planned(20)}))  # fmt: skip

FITTED, UNFITTED = 0.01, 0.05  # mean training error at the fewest and at the most samples
error, fit = line("test_error", "test error", "points", 100), line("train_error", "training error")
NOISY, CLEAN = arm("most label noise", noise=MOST), arm("clean labels", noise=NONE)


def _steps(error: Any, n: Any) -> Any:
    """The rise of the test error from each number of samples to the next."""
    return error[:, 1:] - error[:, :-1]


def _doublings(error: Any, n: Any) -> Any:
    """The fall of the test error over each doubling of the samples."""
    import numpy as np

    pairs = [(i, j) for i, low in enumerate(n) for j, high in enumerate(n) if high == 2 * low]
    if not pairs:
        raise MissingEvidence("no number of samples is twice another. Add some to --n.")
    return np.stack([error[:, i] - error[:, j] for i, j in pairs], axis=1)


def _crosses(view: Any) -> Check:
    mean, n = view.on(view.arm, fit.reads).read(fit).y.mean(axis=0), view.grid("n")
    told = f"mean training error {mean[0]:.1%} at {n[0]:g} samples, {mean[-1]:.1%} at {n[-1]:g}"
    ok = bool(mean[0] <= FITTED and mean[-1] >= UNFITTED)
    return Check(ok, f"{told}; asked at most {FITTED:.0%} and at least {UNFITTED:.0%}")


NEEDS = (
    enough_noise(0.1),
    need("threshold", "The numbers of samples cross the interpolation threshold: the fewest are fitted (mean training "
         "error at most 1 %), the most are not (at least 5 %).", _crosses, values=("train_error",)))  # fmt: skip
n = grid("n")
steps = per_point(_steps, "rise of test error from one number of samples to the next", error, n, unit="points")
doublings = per_point(_doublings, "fall of test error over a doubling of the samples", error, n, unit="points")
UNVERSIONED = (
    "version 2, not raised at the time: with the sibling study's rule, half of the seeds chose the place and the other half "
    "was read, where each seed had been read at the place of all others.",
)


def planted(*errors: float) -> World:
    """Test errors in percent, with label noise."""
    lines = {"test_error": [v / 100 for v in errors], "train_error": (0, 0, 0.05, 0.19)}
    return World(("n", (500, 1000, 2000, 4000)), apart=True, arms={"noise": (0.15,)}, fixed={"width": 36},
                 lines=lines, spread={"test_error": 0.012}, level=0.006, straight=tuple(lines), seeds=10)  # fmt: skip


CLAIMS = (
    Claim(
        "bump",
        "With label noise, more samples raise the test error of a trained network somewhere.",
        ("L54",),
        "nakkiran2020",
        steps.some.at_least(0.0),
        NOISY,
        Control("With clean labels the same rule finds no rise.", CLEAN),
        NEEDS,
        (
            *UNVERSIONED,
            "version 3: every step from one number of samples to the next is judged, each at its share of the "
            "error; the source says that such a step exists in its settings, so nothing contradicts it.",
        ),
        "error",
        form="exists",
        scope=(
            "Nakkiran et al. show it for convolutional networks on CIFAR-10 with 20 % label noise and for "
            "Transformers, at sizes near the peak; here is a small network on MNIST-1D.",
        ),
        null=(planted(*[56] * 4), planted(66, 56, 56, 56), planted(62, 56, 50, 42)),
        effect=planted(66, 56, 59.5, 57),
    ),
    Claim(
        "plateau",
        "With label noise, is there a doubling of the samples that lowers the test error by at most 1 point?",
        (),
        "nakkiran2020",
        doublings.some.at_most(1.0),
        NOISY,
        Control("With clean labels every doubling helps more.", CLEAN),
        NEEDS,
        (
            *UNVERSIONED,
            "version 3: every doubling is judged, each at its share of the error; a question, because no source "
            "gives such a number.",
        ),
        "error",
        kind="question",
        null=(planted(58, 57, 56, 55), planted(66, 61, 56, 55), planted(62, 56, 50, 42)),
        effect=planted(66, 62, 55, 57),
    ),
)

GIVEN = "-train, against the given labels"
CHARTS = charts(
    {"n": "training samples", "parameters_per_sample": "parameters per training sample"}, ("noise", "label noise"),
    error=("Error as samples are added", "error (share of samples)", {"test_error": "test", "train_error": GIVEN},
           "The number of steps is the same for all numbers of samples; so few samples are seen more often.",
           {"fit": False}),
    loss=("Loss as samples are added", "log cross-entropy (nats)", {"test_loss": "test", "train_loss": GIVEN},
          {"fit": False}))  # fmt: skip


STUDY = study(
    profile_history=(FRESH,),
    name="sample-descent-mlp", title="Sample-wise double descent in a trained network",
    question="Does the test error of a trained network of fixed width ever rise, or stall, as samples are added?", x="n",
    sources=("nakkiran2020", "greydanus2024"), values=(*WidthSweep().values, "labels_digest"), axes=AXES,
    profiles=PROFILES, claims=CLAIMS, charts=CHARTS, work=later("overparam.sweep.width_work:mlp_cells"),
    estimate=later("overparam.sweep.width_work:mlp_cost"), first_rows=True,
    stack_by=tuple(axis.name for axis in AXES if axis.name not in ("noise", "seed")),
    differences=(
        "Exploratory: no published number stands behind this setting. Nakkiran et al. train five-layer convolutional "
        "networks on CIFAR-10 with 20 % label noise, and Transformers.",
        "The network is a ReLU MLP d-H-H-K on MNIST-1D, as in the study double-descent, whose work it shares.",
        "The number of steps is fixed, not the number of epochs.",
        "The training samples of each number are one fixed nested draw: a seed changes initialisation, minibatch order "
        "and label noise.",
        "Label noise is inclusive by default: the new label may be the old one."))  # fmt: skip
