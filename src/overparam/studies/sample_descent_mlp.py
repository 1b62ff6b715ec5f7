"""Sample-wise double descent in a trained network: a small MLP of fixed width on ever more samples (exploratory)."""

from __future__ import annotations

from typing import Any

from overparam.core import (
    Chart,
    Check,
    Claim,
    Control,
    Evidence,
    Finding,
    MissingEvidence,
    Precondition,
    Profile,
    Series,
    Study,
    XAxis,
)
from overparam.studies import grids
from overparam.studies.double_descent import AXES
from overparam.studies.double_descent.work import estimate, work
from overparam.studies.levels import most_noise
from overparam.studies.sources import GREYDANUS, NAKKIRAN

NOISE = 0.10  # rate of label noise from which an effect is expected in trained networks
CLIMB = 0.0  # points of test error by which more samples raise it
PLATEAU = 1.0  # points of test error that the least useful doubling of the samples gains
FITTED, UNFITTED = 0.01, 0.05  # mean train error at the smallest and at the largest number of samples
SETTING = ("width", "steps", "batch", "learning_rate", "momentum", "noise_kind")


def noisy(evidence: Evidence) -> Evidence:
    """The cells with the most label noise.

    Raises:
        MissingEvidence: no cell has label noise.
    """
    return evidence.where(noise=most_noise(evidence, 0.15))


def clean(evidence: Evidence) -> Evidence:
    """The cells with the labels as published."""
    return evidence.where(noise=0.0)


def bump(evidence: Evidence) -> Finding:
    """Some larger number of samples has a larger test error, at every width.

    The two numbers are those of the largest mean climb of half of the seeds, read at the other half.
    """
    from overparam.core.lines import held_out_climb
    from overparam.core.stats import mean_interval, part

    parts = []
    for setting in grids.settings(evidence, SETTING):
        x, error = _errors(evidence, setting)
        climb, (low, high) = held_out_climb(error)
        label = f"width {setting['width']}: rise of the test error from {x[low]:g} to {x[high]:g} samples"
        parts.append(part(label, mean_interval(climb), at_least=CLIMB, unit="points"))
    return Finding(tuple(parts))


def plateau(evidence: Evidence) -> Finding:
    """Some doubling of the samples gains at most a point of test error, at every width.

    The doubling is the one that gains half of the seeds least, read at the other half.
    """
    import numpy as np

    from overparam.core.lines import halves
    from overparam.core.stats import mean_interval, part

    parts = []
    for setting in grids.settings(evidence, SETTING):
        x, error = _errors(evidence, setting)
        pairs = [(x.index(n), x.index(2 * n)) for n in x if 2 * n in x]
        if not pairs:
            raise MissingEvidence("no number of samples is twice another. Add some to --n.")
        gains = np.stack([error[:, a] - error[:, b] for a, b in pairs], axis=1)
        chosen, read = halves(gains)
        least = int(chosen.mean(axis=0).argmin())
        low, high = pairs[least]
        label = f"width {setting['width']}: fall of the test error from {x[low]:g} to {x[high]:g} samples"
        parts.append(part(label, mean_interval(read[:, least]), at_most=PLATEAU, unit="points"))
    return Finding(tuple(parts))


def _errors(evidence: Evidence, setting: grids.Setting) -> tuple[list[float], Any]:
    from overparam.core.lines import align_seeds

    found = align_seeds(evidence, "n", "test_error", **setting)
    if len(found.x) < 2:
        raise MissingEvidence("one number of samples only. Add more to --n.")
    return list(found.x), 100 * found.lines[0]


def _noise_level(evidence: Evidence) -> Check:
    level = max(evidence.levels("noise"), default=0.0)
    return Check(level >= NOISE, f"most label noise {level:.0%}, asked at least {NOISE:.0%}")


def _crosses(evidence: Evidence) -> Check:
    from overparam.core.lines import align_seeds

    texts, ok = [], True
    rows = noisy(evidence)
    for setting in grids.settings(rows, SETTING):
        found = align_seeds(rows, "n", "train_error", **setting)
        line = found.lines[0].mean(axis=0)
        ok = ok and line[0] <= FITTED and line[-1] >= UNFITTED
        texts.append(
            f"width {setting['width']}: mean train error {line[0]:.1%} at {found.x[0]:g} samples, "
            f"{line[-1]:.1%} at {found.x[-1]:g}"
        )
    return Check(ok, "; ".join(texts) + f"; asked at most {FITTED:.0%} and at least {UNFITTED:.0%}")


PRECONDITIONS = (
    Precondition("noise", f"Some arm has at least {NOISE:.0%} label noise.", _noise_level),
    Precondition(
        "threshold",
        "The numbers of samples cross the fit point: the fewest are fitted (mean train error at most 1 %), the most "
        "are not (at least 5 %).",
        _crosses,
    ),
)
CLAIMS = (
    Claim(
        name="bump",
        sentence="Exploratory: with label noise, more samples raise the test error of a trained network somewhere.",
        ledger=("L54",),
        source="nakkiran2020",
        rule="Test error at a larger minus that at a smaller number of samples, the two numbers those of the largest "
        "mean climb of every second seed, read at the others: the 95 % Student t interval over seeds is at least 0 "
        "points, at every width.",
        judge=lambda evidence: bump(noisy(evidence)),
        control=Control(
            "With clean labels the same rule finds no rise.", lambda evidence: bump(clean(evidence))
        ),
        preconditions=PRECONDITIONS,
        chart="error",
    ),
    Claim(
        name="plateau",
        sentence="Exploratory: with label noise, some doubling of the samples hardly helps a trained network.",
        ledger=("L54",),
        source="nakkiran2020",
        rule="Fall of the test error over a doubling of the samples, the doubling of least mean gain of every second "
        f"seed, read at the others: the 95 % Student t interval over seeds is at most {PLATEAU:g} point, at every "
        "width.",
        judge=lambda evidence: plateau(noisy(evidence)),
        control=Control(
            "With clean labels every doubling helps more.", lambda evidence: plateau(clean(evidence))
        ),
        preconditions=PRECONDITIONS,
        chart="error",
    ),
)


def _profile(text: str, n: tuple[int, ...], widths: tuple[int, ...], seeds: int, **more: Any) -> Profile:
    fixed = {
        "data": "mnist1d", "noise_kind": "inclusive", "steps": 20_000, "batch": 100, "learning_rate": 0.01,
        "momentum": 0.9,
    }  # fmt: skip
    single = {name: (value,) for name, value in {**fixed, **more}.items()}
    arms = {"noise": (0.0, 0.15), "seed": tuple(range(seeds))}
    return Profile(text, {**single, "n": n, "width": widths, **arms})


PROFILES = {
    "quick": _profile(
        "MNIST-1D, an MLP with 36 units a layer, 500 to 4,000 samples, clean and 15 % noise, 10 seeds",
        (500, 1000, 2000, 3000, 4000), (36,), 10,
    ),
    "laptop": _profile(
        "MNIST-1D, 27 and 36 units a layer, 500 to 4,000 samples, clean and 15 % noise, 10 seeds",
        (500, 750, 1000, 1500, 2000, 2500, 3000, 3500, 4000), (27, 36), 10,
    ),
    "paper": _profile(
        "The noise protocol of Nakkiran et al. (labels replaced by wrong ones) at 15 %, four times the steps, "
        "20 seeds: still a small network on MNIST-1D",
        (500, 750, 1000, 1500, 2000, 2500, 3000, 3500, 4000), (27, 36), 20, noise_kind="exclusive", steps=80_000,
    ),
}  # fmt: skip

X = (XAxis("n", "training samples"), XAxis("parameters_per_sample", "parameters per training sample"))
CHARTS = (
    Chart(
        "error", "Error as samples are added", X, "error (share of samples)",
        (Series("test_error", "test"), Series("train_error", "train, against the given labels", dashed=True)),
        arm="noise", arm_title="label noise", fit=False,
        note="The number of steps is the same for all numbers of samples; so few samples are seen more often.",
    ),
    Chart(
        "loss", "Loss as samples are added", X, "cross-entropy (nats)",
        (Series("test_loss", "test"), Series("train_loss", "train, against the given labels", dashed=True)),
        arm="noise", arm_title="label noise", y_log=True, fit=False,
    ),
)  # fmt: skip

STUDY = Study(
    name="sample-descent-mlp",
    title="Sample-wise double descent in a trained network",
    question="Does the test error of a trained network of fixed width ever rise, or stall, as samples are added?",
    sources=(NAKKIRAN, GREYDANUS),
    axes=AXES,
    profiles=PROFILES,
    work=work,
    stack_by=("data", "n", "width", "noise_kind", "steps", "batch", "learning_rate", "momentum"),
    estimate=estimate,
    claims=CLAIMS,
    charts=CHARTS,
    differences=(
        "Exploratory: no published number stands behind this setting. Nakkiran et al. train five-layer "
        "convolutional networks on CIFAR-10 with 20 % label noise, and Transformers.",
        "The network is a ReLU MLP d-H-H-K on MNIST-1D, as in the study double-descent, whose work it shares.",
        "The number of steps is fixed, not the number of epochs.",
        "The training samples of each number are one fixed nested draw: a seed changes initialisation, minibatch "
        "order and label noise.",
        "Label noise is inclusive by default: the new label may be the old one.",
    ),
)
