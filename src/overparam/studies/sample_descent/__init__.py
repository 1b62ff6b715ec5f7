"""Sample-wise double descent in closed form: a model of fixed size, and ever more samples."""

from __future__ import annotations

from overparam.core import Axis, Chart, Profile, Series, Study, XAxis
from overparam.studies.sample_descent.claims import CLAIMS
from overparam.studies.sample_descent.sources import BELKIN_2020, NAKKIRAN_2019, NAKKIRAN_2021
from overparam.studies.sample_descent.work import estimate, work
from overparam.studies.sources import NAKKIRAN

PERCENT_OF_N = (
    *(10, 15, 20, 25, 35, 50, 60, 70, 80, 86, 90, 94, 97, 100),
    *(103, 106, 110, 116, 125, 150, 200, 250, 300, 400, 500),
)


def samples(features: int) -> tuple[int, ...]:
    """Numbers of samples from 0.1 N to 5 N, dense around N.

    >>> samples(300)[:4], samples(300)[13], samples(300)[-1]
    ((30, 45, 60, 75), 300, 1500)
    """
    return tuple(features * p // 100 for p in PERCENT_OF_N)


AXES = (
    Axis("data", "gaussian: linear regression on N standard normal features. Any other data set: classification "
         "with N random Fourier features of it.", str, "gaussian", flag="data"),
    Axis("features", "Number of features N, the size of the model.", int, 300, low=2, flag="features"),
    Axis("n", "Numbers of training samples, all in one cell.", int, samples(300), low=2, inside_cell=True, flag="n"),
    Axis("noise", "Standard deviation of the noise in the targets of linear regression; the signal has variance 1.",
         float, 0.5, low=0.0, flag="noise"),
    Axis("label_noise", "Share of training labels replaced by a class drawn from all, for classification.", float,
         0.0, low=0.0, high=1.0),
    Axis("n_test", "Most test samples used, for classification; 0 means all.", int, 0, low=0),
    Axis("seed", "Draws the samples, the coefficients, the noise and the random features.", int, 0, low=0,
         flag="seeds"),
)  # fmt: skip


def _profile(text: str, data: tuple[str, ...], features: int, seeds: int) -> Profile:
    fixed = {"noise": (0.5,), "label_noise": (0.0,), "n_test": (0,)}
    sizes = {"features": (features,), "n": samples(features), "seed": tuple(range(seeds))}
    return Profile(text, {"data": data, **fixed, **sizes})


PROFILES = {
    "quick": _profile(
        "300 features, 30 to 1,500 samples: linear regression and Fourier features on digits, 10 seeds: under a "
        "minute",
        ("gaussian", "digits"), 300, 10,
    ),
    "laptop": _profile(
        "the same with 20 seeds, and MNIST-1D", ("gaussian", "digits", "mnist1d"), 300, 20,
    ),
    "paper": _profile(
        "1,000 features (as in Nakkiran 2019), 100 to 5,000 samples, linear regression and Fourier features on "
        "MNIST, 20 seeds",
        ("gaussian", "mnist"), 1000, 20,
    ),
}  # fmt: skip

X = (XAxis("n", "training samples n"), XAxis("ratio", "training samples per feature n/N"))
CHARTS = (
    Chart(
        "loss", "Test loss as samples are added", X, "squared loss, summed over outputs",
        (
            Series("test_loss", "test, minimum norm"),
            Series("ridge_test_loss", "test, tuned ridge"),
            Series("theory_test_loss", "theory: exact expectation, minimum norm", dashed=True),
        ),
        y_log=True, fit=False,
        note="The theory line is an expectation, infinite at |n - N| <= 1, and holds for linear regression. Lines "
        "of the measured loss are geometric means over seeds, which lie below it near N, where single draws "
        "scatter over decades.",
    ),
    Chart(
        "error", "0-1 error as samples are added", X, "fraction of samples misclassified",
        (
            Series("test_error", "test, minimum norm"),
            Series("ridge_test_error", "test, tuned ridge"),
        ),
        fit=False, note="Classification only; no claim is made on it.",
    ),
    Chart(
        "training", "Training loss as samples are added", X, "squared loss, summed over outputs",
        (Series("train_loss", "training, minimum norm"),), y_log=True, fit=False,
        note="A training loss below 1e-9 of its initial value is rounding and drawn there.",
    ),
    Chart(
        "norm", "Norm of the coefficients", X, "Frobenius norm",
        (Series("norm", "minimum norm"),), y_log=True, fit=False,
    ),
)  # fmt: skip

STUDY = Study(
    name="sample-descent",
    title="Sample-wise double descent in closed form",
    question="Can more training samples make a model of fixed size worse?",
    sources=(NAKKIRAN, NAKKIRAN_2019, NAKKIRAN_2021, BELKIN_2020),
    axes=AXES,
    profiles=PROFILES,
    work=work,
    stack_by=("data", "features", "n", "noise", "label_noise", "n_test"),
    estimate=estimate,
    stack_limit=1,
    claims=CLAIMS,
    charts=CHARTS,
    differences=(
        "Nakkiran et al. 2020 train five-layer convolutional networks with 20 % label noise and Transformers; these "
        "are closed forms. The study sample-descent-mlp trains a small network.",
        "Nakkiran 2019 uses linear regression with 1,000 features (recalled); quick and laptop use 300.",
        "The coefficients of linear regression are a random direction of length 1, the noise has standard deviation "
        "0.5, and the test loss is exact for each draw: squared distance from the coefficients plus noise variance.",
        "Samples of one seed are nested: a larger training set contains every smaller one.",
        "Tuned ridge takes the penalty of smallest leave-one-out error, not the best one in hindsight.",
        "Numbers of samples that a data set does not have are left out, and the cell says so.",
        "Fourier features are N real cosines with a random phase; their scale is 2 over the samples' median "
        "distance; targets are one-hot and not centred.",
    ),
)
