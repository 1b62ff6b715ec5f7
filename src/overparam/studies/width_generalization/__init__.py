"""Width and generalization: test error of a two-layer network beyond the width that fits (Neyshabur et al. 2015)."""

from __future__ import annotations

from typing import Any

from overparam.core import (
    Axis,
    Chart,
    Claim,
    Control,
    FitRule,
    Precondition,
    Profile,
    Series,
    Source,
    Study,
    XAxis,
)
from overparam.studies.width_generalization import rules
from overparam.studies.width_generalization.work import estimate, work

NEYSHABUR = Source(
    key="neyshabur2015",
    citation="B. Neyshabur, R. Tomioka and N. Srebro, In search of the real inductive bias: on the role of implicit "
    "regularization in deep learning, ICLR 2015 workshop.",
    url="https://arxiv.org/abs/1412.6614",
    bibtex="""@inproceedings{neyshabur2015search,
  title = {In Search of the Real Inductive Bias: On the Role of Implicit Regularization in Deep Learning},
  author = {Neyshabur, Behnam and Tomioka, Ryota and Srebro, Nathan},
  booktitle = {International Conference on Learning Representations, workshop track},
  year = {2015},
  eprint = {1412.6614},
  archivePrefix = {arXiv}
}""",
)

AXES = (
    Axis("data", "Data set: a name or the path of a file.", str, flag="data"),
    Axis("n", "Training samples.", int, default=800, low=2),
    Axis("n_validation", "Further samples, not trained on, that choose the best time.", int, default=400, low=1),
    Axis("side", "Pixels of a side to which images are shrunk, in grey; 0 leaves inputs as they are.", int,
         default=0, low=0),
    Axis("width", "Hidden units H.", int, low=1, flag="widths"),
    Axis("labels", "Training labels: as given, or random, each drawn anew from all classes.", str,
         choices=("given", "random")),
    Axis("steps", "Training steps.", int, default=2000, low=1),
    Axis("batch", "Samples in a minibatch.", int, default=100, low=1),
    Axis("learning_rate", "Learning rate of SGD, constant.", float, default=0.05, low=1e-9),
    Axis("momentum", "Momentum of SGD.", float, default=0.9, low=0, high=0.9999),
    Axis("seed", "Drives the initialisation, the order of the minibatches and the random labels.", int, low=0,
         flag="seeds"),
)  # fmt: skip


def _profile(text: str, widths: tuple[int, ...], seeds: int, **more: Any) -> Profile:
    fixed = {
        "data": ("digits",), "n": 800, "n_validation": 400, "side": 0, "steps": 2000, "batch": 100,
        "learning_rate": 0.05, "momentum": 0.9,
    }  # fmt: skip
    values = {name: v if isinstance(v, tuple) else (v,) for name, v in {**fixed, **more}.items()}
    return Profile(
        text, {**values, "width": widths, "labels": ("given", "random"), "seed": tuple(range(seeds))}
    )


def powers(first: int, last: int) -> tuple[int, ...]:
    """Powers of two from ``2^first`` to ``2^last``.

    >>> powers(1, 3)
    (2, 4, 8)
    """
    return tuple(2**k for k in range(first, last + 1))


PROFILES = {
    "quick": _profile(
        "digits, 800 samples, 2 to 1,024 hidden units, given and random labels, 5 seeds, 250 epochs: under a minute",
        powers(1, 10), 5,
    ),
    "laptop": _profile(
        "digits, 800 samples, 2 to 2,048 hidden units, given and random labels, 10 seeds, 500 epochs",
        powers(1, 11), 10, steps=4000,
    ),
    "paper": _profile(
        "MNIST and Fashion-MNIST at 10 x 10 pixels, 40,000 samples and 10,000 for validation, 4 to 4,096 hidden "
        "units, 5 seeds, 100 epochs: many hours",
        powers(2, 12), 5, data=("mnist", "fashion-mnist"), n=40_000, n_validation=10_000, side=10, steps=40_000,
    ),
}  # fmt: skip

FITS = Precondition(
    "fit point",
    "Some width, not the narrowest, ends without training error in every seed; the first is H0.",
    rules.fits,
)
REACHES = Precondition("right end", "The widths go on to at least 16 H0.", rules.reaches)


def _rule(reading: str) -> str:
    return (
        "H0 is the first width at which every seed ends without training error (charts mark the fit point of the "
        f"median seed). Of the widths from 16 to 64 H0 the one with the largest mean test error {reading} is "
        "judged, chosen on all seeds (which works against the claim). Paired over seeds, 95 % Student t intervals: "
        "its error minus that at H0 is at most one standard error of the error at H0; the error at H0 is at least "
        "1/0.9 times its own, a relative gain of 10 %; and Page's test for an error that falls over all widths from "
        "H0 on has p of at most 0.05."
    )


def _claim(name: str, reading: str, sentence: str, metric: str) -> Claim:
    return Claim(
        name,
        sentence,
        ("L47",),
        "neyshabur2015",
        _rule(reading),
        lambda evidence: rules.improves(evidence, metric),
        Control(
            "With random labels the same widths do not err less.",
            lambda evidence: rules.improves(evidence, metric, "random"),
        ),
        (FITS, REACHES),
        chart="error",
    )


CLAIMS = (
    _claim(
        "convergence", "at the end of training",
        "Networks far wider than the first that fits all training samples have a lower test error at the end of "
        "training.",
        "test_error",
    ),
    _claim(
        "best-time", "at the best time",
        "Networks far wider than the first that fits all training samples have a lower test error when training is "
        "stopped early.",
        "stopped_test_error",
    ),
)  # fmt: skip

X = (
    XAxis("width", "hidden units H"),
    XAxis("parameters", "parameters"),
    XAxis("parameters_per_sample", "parameters per training sample"),
)
CHARTS = (
    Chart(
        "error", "Error against width", X, "error (share of samples)",
        (
            Series("test_error", "test, end of training"),
            Series("stopped_test_error", "test, stopped by validation"),
            Series("train_error", "train, against the given labels", dashed=True),
        ),
        arm="labels", arm_title="training labels",
        note="The best time is the probe time of lowest error on validation samples, the first of equals.",
    ),
    Chart(
        "loss", "Loss against width", X, "cross-entropy (nats)",
        (Series("test_loss", "test"), Series("train_loss", "train, against the given labels", dashed=True)),
        arm="labels", arm_title="training labels", y_log=True, note="At the end of training.",
    ),
    Chart(
        "oracle", "How much the validation set misses", X, "test error (share of samples)",
        (
            Series("stopped_test_error", "stopped by validation"),
            Series("oracle_test_error", "best time, chosen on the test set", dashed=True),
        ),
        arm="labels", arm_title="training labels",
        note="The best time on the test set is an oracle, drawn for comparison only; no claim uses it.",
    ),
)  # fmt: skip

STUDY = Study(
    name="width-generalization",
    title="Test error beyond the width that fits",
    question="Does the test error of a two-layer network keep falling as it grows past the width that fits?",
    sources=(NEYSHABUR,),
    axes=AXES,
    profiles=PROFILES,
    work=work,
    stack_by=(
        "data", "n", "n_validation", "side", "width", "steps", "batch", "learning_rate", "momentum",
    ),
    estimate=estimate,
    claims=CLAIMS,
    charts=CHARTS,
    fit=FitRule("train_error", 0.0, "width", "no training error"),
    differences=(
        "The paper trains on 50,000 MNIST and 40,000 CIFAR-10 images shrunk to 100 pixels (recalled); quick and "
        "laptop use 800 digits of 8 x 8 pixels. The paper profile takes MNIST and Fashion-MNIST with 40,000 samples.",
        "SGD has a constant learning rate of 0.05 and momentum 0.9; in the paper the rate starts at 0.1 and falls by "
        "1 % an epoch while momentum rises from 0.5 to 0.9 (recalled).",
        "'At convergence' means after a fixed number of epochs (250 in quick, 500 in laptop), whether or not the "
        "loss still falls.",
        "The best time is the best of about 30 probe times, evenly spaced in the logarithm of the step.",
        "Training, validation and test samples are one fixed draw: a seed changes initialisation, minibatch order "
        "and random labels, so an interval does not cover the draw of the data.",
        "Widths are powers of two, so the fit point is known to a factor of two.",
        "Initialisation is uniform in plus or minus one over the root of the number of inputs of a layer; the paper "
        "draws Gaussian weights.",
    ),
)  # fmt: skip
