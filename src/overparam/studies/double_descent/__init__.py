"""Study `double-descent`: test error and loss of a trained network against its width (Nakkiran et al. 2020)."""

from __future__ import annotations

from overparam.core import Axis, FitRule, Profile, Study
from overparam.studies.double_descent.claims import CLAIMS, READING
from overparam.studies.double_descent.work import estimate, work
from overparam.studies.sources import GREYDANUS, NAKKIRAN
from overparam.studies.widths.causes import diagnose
from overparam.studies.widths.charts import charts

WIDTHS = (2, 3, 4, 5, 7, 9, 12, 16, 21, 27, 36, 47, 61, 80, 104, 135, 177, 230, 300)
QUICK_WIDTHS = (9, 16, 27, 36, 47, 61, 104)


AXES = (
    Axis("data", "Data set: a name or the path of an .npz file.", str, flag="data"),
    Axis("n", "Training samples.", int, default=4000, low=2),
    Axis("width", "Units in each of the two hidden layers.", int, low=1, flag="widths"),
    Axis("noise", "Share of training labels that are replaced, 0 to 1.", float, low=0, high=1),
    Axis(
        "noise_kind",
        "What replaces a label: inclusive draws from all classes, exclusive from the wrong ones.",
        str,
        default="inclusive",
        choices=("inclusive", "exclusive"),
    ),
    Axis("steps", "Training steps.", int, default=20_000, low=1),
    Axis("batch", "Samples in a minibatch.", int, default=100, low=1),
    Axis("learning_rate", "Learning rate of SGD, constant.", float, default=0.01, low=1e-9),
    Axis("momentum", "Momentum of SGD.", float, default=0.9, low=0, high=0.9999),
    Axis(
        "seed",
        "Drives the initialisation, the order of the minibatches and the draw of the label noise.",
        int,
        low=0,
        flag="seeds",
    ),
)


def _profile(
    text: str, widths: tuple[int, ...], noise: tuple[float, ...], seeds: int, **more: object
) -> Profile:
    fixed = {
        "data": "mnist1d", "n": 4000, "noise_kind": "inclusive", "steps": 20_000, "batch": 100,
        "learning_rate": 0.01, "momentum": 0.9,
    }  # fmt: skip
    single = {name: (value,) for name, value in {**fixed, **more}.items()}
    return Profile(text, {**single, "width": widths, "noise": noise, "seed": tuple(range(seeds))})


PROFILES = {
    "quick": _profile(
        "MNIST-1D, 7 widths from 9 to 104, clean and 15 % noise, 5 seeds, 500 epochs: about two minutes on "
        "one core. The curve ends before the fall of the loss and the strong forms can be judged.",
        QUICK_WIDTHS, (0.0, 0.15), 5,
    ),
    "laptop": _profile(
        "MNIST-1D, the 19 widths of Greydanus and Kobak from 2 to 300, clean and 15 % noise, 5 seeds, 500 "
        "epochs: about ten minutes on one core.",
        WIDTHS, (0.0, 0.15), 5,
    ),
    "paper": _profile(
        "The noise protocol of Nakkiran et al. (labels replaced by wrong ones at rates 0, 5, 10, 15 and 20 "
        "%) and 2,000 epochs, with 10 seeds: some hours. Still the small network on MNIST-1D, not their "
        "ResNet18 on CIFAR.",
        WIDTHS, (0.0, 0.05, 0.1, 0.15, 0.2), 10, noise_kind="exclusive", steps=80_000,
    ),
}  # fmt: skip

CHARTS = charts(READING, few=(16, 47, 104))

STUDY = Study(
    name="double-descent",
    title="Deep double descent in the width of a trained network",
    question="How do test error and test loss change as a trained network grows past the fit point?",
    sources=(NAKKIRAN, GREYDANUS),
    axes=AXES,
    profiles=PROFILES,
    work=work,
    stack_by=("data", "n", "width", "noise_kind", "steps", "batch", "learning_rate", "momentum"),
    estimate=estimate,
    claims=CLAIMS,
    charts=CHARTS,
    fit=FitRule("train_error", 0.01, "width", "training error at most 1 %"),
    diagnose=diagnose(READING),
    diagnosed_claims=("peak", "error-peak", "loss-peak"),
    differences=(
        "The network is a ReLU MLP d-H-H-K on MNIST-1D, the small setting of Greydanus and Kobak; Nakkiran "
        "et al. train ResNet18, a five-layer CNN and Transformers. No result here is a rerun of theirs.",
        "Label noise is inclusive by default (uniform over all classes, so 15 % noise leaves 13.5 % of "
        "10-class labels wrong); Nakkiran et al. replace labels by wrong ones only. The profile `paper` does "
        "as they do.",
        "One optimizer: SGD with learning rate 0.01 and momentum 0.9 at a constant rate for 500 epochs. "
        "Nakkiran et al. use Adam for 4,000 epochs and SGD with a decaying rate.",
        "The training and test samples are one fixed draw: a seed changes initialisation, minibatch order "
        "and label noise, so an interval does not cover the draw of the data.",
        "The fit point is a training error of at most 1 %; Nakkiran et al. put it where the effective model "
        "complexity equals n, with a training error of 10 %.",
        "There is no data augmentation, weight decay, dropout or batch normalisation.",
        "Probe times are log-spaced, so the best time is the best of about 30.",
    ),
)
