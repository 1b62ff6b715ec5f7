"""Study `epoch-descent`: test error, loss and risk over training time (Nakkiran et al. 2020; Heckel, Yilmaz 2021)."""

from __future__ import annotations

from overparam.core import Axis, Chart, Profile, Series, Source, Study, XAxis
from overparam.studies.epoch_descent.claims import CLAIMS
from overparam.studies.epoch_descent.work import estimate, work
from overparam.studies.sources import GREYDANUS, NAKKIRAN

HECKEL = Source(
    "heckel2021",
    "R. Heckel, F. F. Yilmaz, Early stopping in deep networks: double descent and how to eliminate it, ICLR 2021",
    "https://arxiv.org/abs/2007.10099",
    """@inproceedings{heckel2021early,
  title = {Early Stopping in Deep Networks: Double Descent and How to Eliminate it},
  author = {Heckel, Reinhard and Yilmaz, Fatih Furkan},
  booktitle = {International Conference on Learning Representations},
  year = {2021},
  eprint = {2007.10099},
  archivePrefix = {arXiv}
}""",
)

AXES = (
    Axis("data", "Data set of the networks: a name or the path of an .npz file.", str, flag="data"),
    Axis(
        "model",
        "linear, or a network with its size: mlp-61 (units of both hidden layers), cnn-50 (channels of three "
        "layers). In each family the largest is judged as large, the smallest as near the fit point.",
        str,
        flag="models",
    ),
    Axis("n", "Training samples of the networks.", int, default=4000, low=2),
    Axis(
        "noise",
        "Share of training labels that are replaced, 0 to 1; in the linear model, variance of the label noise "
        "over its axis 'variance'.",
        float,
        low=0,
        high=1,
    ),
    Axis(
        "noise_kind",
        "What replaces a label: exclusive draws from the wrong classes, inclusive from all.",
        str,
        default="exclusive",
        choices=("exclusive", "inclusive"),
    ),
    Axis("epochs", "Passes over the training samples.", int, default=500, low=1, flag="epochs"),
    Axis("batch", "Samples in a minibatch.", int, default=100, low=1),
    Axis("optimizer", "How the networks are trained.", str, default="sgd", choices=("sgd", "adam")),
    Axis("learning_rate", "Learning rate, constant.", float, default=0.01, low=1e-9),
    Axis("momentum", "Momentum of SGD; 0 for Adam.", float, default=0.9, low=0, high=0.9999),
    Axis(
        "variance",
        "Variance of the label noise of the linear model at noise 1 (that of its signal is 2).",
        float,
        default=180.0,
        low=0,
    ),
    Axis(
        "slow", "Scale of the slow features of the linear model (that of the fast ones is 1).", float,
        default=0.05, low=0.02, high=1,
    ),
    Axis(
        "seed",
        "Networks: initialisation, order of the minibatches and label noise. Linear model: design and target.",
        int,
        low=0,
        flag="seeds",
    ),
)  # fmt: skip


def _profile(text: str, models: tuple[str, ...], seeds: int, **more: object) -> Profile:
    fixed = {
        "data": "mnist1d", "n": 4000, "noise_kind": "exclusive", "epochs": 500, "batch": 100, "optimizer": "sgd",
        "learning_rate": 0.01, "momentum": 0.9, "variance": 180.0, "slow": 0.05,
    }  # fmt: skip
    single = {name: (value,) for name, value in {**fixed, **more}.items()}
    return Profile(text, {**single, "model": models, "noise": (0.0, 0.2), "seed": tuple(range(seeds))})


PROFILES = {
    "quick": _profile(
        "The linear model in closed form, and two multi-layer perceptrons on MNIST-1D (61 and 128 units), clean and "
        "20 % noise, 5 seeds, 500 epochs: under a minute on two cores.",
        ("linear", "mlp-61", "mlp-128"), 5,
    ),
    "laptop": _profile(
        "The linear model, perceptrons of 61 and 200 units, and convolutional networks of 20 and 50 channels: about "
        "five minutes on two cores.",
        ("linear", "mlp-61", "mlp-200", "cnn-20", "cnn-50"), 5,
    ),
    "paper": _profile(
        "The optimizer of Nakkiran et al. (Adam at 0.0001, batches of 128, 4,000 epochs) on the convolutional "
        "networks, 10 seeds: some hours. Still MNIST-1D, not their ResNet18 on CIFAR-10.",
        ("linear", "cnn-20", "cnn-50"), 10,
        epochs=4000, batch=128, optimizer="adam", learning_rate=1e-4, momentum=0.0,
    ),
}  # fmt: skip

_EPOCH = (XAxis("epoch", "epoch"),)
_STEP = (XAxis("step", "step"),)
_LINEAR = {"model": "linear"}

CHARTS = (
    Chart(
        "risk", "Linear model: risk over time", _STEP, "excess risk (squared units of the target)",
        (
            Series("risk", "one step size", where=_LINEAR),
            Series("balanced_risk", "matched step sizes", where=_LINEAR),
            Series("theory", "theory: one step size", dashed=True, where=_LINEAR),
            Series("balanced_theory", "theory: matched step sizes", dashed=True, where=_LINEAR),
        ),
        arm="noise", arm_title="label noise", fit=False,
        note="Risk of gradient descent on each seed's design, in expectation over the label noise; the theory is the "
        "sum for many samples. Matched: in proportion to 1 over the squared scale of each feature. The noise has "
        "180 times the label noise as its variance, unless the axis 'variance' says otherwise.",
    ),
    Chart(
        "parts", "Linear model: fast and slow features apart", _STEP, "excess risk (squared units of the target)",
        (
            Series("fast_risk", "fast features", where=_LINEAR),
            Series("slow_risk", "slow features", where=_LINEAR),
            Series("risk", "both", dashed=True, where=_LINEAR),
        ),
        arm="noise", arm_title="label noise", fit=False,
        note="With one step size for all. Each half falls while its signal is learnt and rises while its noise is: "
        "two trade-offs at two times make two minima.",
    ),
    Chart(
        "error", "Networks: test error over epochs", _EPOCH, "test error (share of samples)",
        (Series("test_error", "test error"),),
        arm="noise", arm_title="label noise", fit=False,
        note="The test labels are clean: test error counts true mistakes.",
    ),
    Chart(
        "loss", "Networks: test loss over epochs", _EPOCH, "test cross-entropy (nats)",
        (Series("test_loss", "test loss"),),
        arm="noise", arm_title="label noise", fit=False, y_log=True,
    ),
    Chart(
        "fit", "Networks: training error over epochs", _EPOCH, "training error against the given labels",
        (Series("train_error", "training error"),),
        arm="noise", arm_title="label noise", fit=False,
    ),
)  # fmt: skip

STUDY = Study(
    name="epoch-descent",
    title="Double descent over training time",
    question="Does longer training first help, then hurt, then help again, and why?",
    sources=(NAKKIRAN, HECKEL, GREYDANUS),
    axes=AXES,
    profiles=PROFILES,
    work=work,
    stack_by=tuple(axis.name for axis in AXES if axis.name != "seed"),
    estimate=estimate,
    claims=CLAIMS,
    charts=CHARTS,
    differences=(
        "The networks are small and learn MNIST-1D (the setting of Greydanus and Kobak); Nakkiran et al. train "
        "ResNet18 and a five-layer CNN on CIFAR. No result here is a rerun of theirs.",
        "Label noise is exclusive at 20 %, as in Nakkiran et al.: a replaced label is always wrong. The study "
        "double-descent is inclusive by default, so the two rates are not comparable.",
        "One optimizer: SGD with learning rate 0.01 and momentum 0.9 at a constant rate for 500 epochs. Nakkiran et "
        "al. use Adam at 0.0001 for 4,000 epochs, as the profile `paper` does, and no augmentation is used here.",
        "The sizes near the fit point (61 units, 20 channels) are taken from published curves over width; whether "
        "they are near it is a precondition.",
        "The training and test samples are one fixed draw: a seed changes initialisation, minibatch order and label "
        "noise, so an interval does not cover the draw of the data.",
        "The linear model is in closed form: 50 Gaussian features, half of scale 1 and half of 0.05, 1,000 samples, "
        "each half with a signal of mean variance 1, noise of variance 36. Sizes and noise are ours.",
        "The risk of the linear model is in excess of the noise variance. With that added, as in a test loss, the "
        "two dips are the same in height and far smaller as shares.",
        "Heckel and Yilmaz eliminate the second descent of a network by a smaller learning rate of its last layer; "
        "here only the linear model has step sizes of its own for each feature.",
        "Their theorem bounds the distance between the risk and the sum; here it is measured.",
        "The first minimum is read on the test set: it says what stopping early could give, not how to stop.",
        "The linear model does not look at the data set.",
    ),
)
