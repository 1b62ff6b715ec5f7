"""Two-layer networks trained on the squared loss: the double descent of Belkin et al. (2019) and its weight reuse."""

from __future__ import annotations

from overparam.core import Axis, Chart, FitRule, Profile, Series, Source, Study, XAxis
from overparam.studies.sources import BELKIN
from overparam.studies.two_layer_descent.claims import CLAIMS
from overparam.studies.two_layer_descent.curves import FITTED
from overparam.studies.two_layer_descent.work import ARMS, estimate, work

JOSCH14 = Source(
    key="josch14",
    citation="josch14, double-descent: networks with one hidden layer on MNIST, with label noise and with reuse of "
    "weights; code and logs, University of Ulm.",
    url="https://github.com/josch14/double-descent",
    bibtex="""@misc{josch14,
  author = {josch14},
  title  = {double-descent},
  note   = {Code and logs, University of Ulm},
  url    = {https://github.com/josch14/double-descent}
}""",
)

WIDTHS = (2, 4, 7, 11, 16, 22, 28, 34, 40, 44, 48, 53, 58, 64, 71, 82, 96, 114, 136, 160)
QUICK_WIDTHS = (6, 12, 24, 40, 48, 53, 58, 71, 120, 160)
PAPER_WIDTHS = (
    *(5, 6, 9, 13, 15, 25, 30, 34, 38, 41, 44, 47, 48, 49, 50, 51),
    *(57, 63, 88, 107, 252, 314, 1006),
)  # the hidden units whose 795 H + 10 parameters come nearest to the published numbers

AXES = (
    Axis("data", "Data set, or a path to one.", str, "digits", flag="data"),
    Axis("n", "Training samples.", int, 400, low=2),
    Axis("width", "Hidden units, ascending, all in one cell.", int, WIDTHS, low=1, inside_cell=True, flag="widths"),
    Axis("noise", "Share of training labels replaced by a class drawn from all classes.", float, 0.0, low=0, high=1),
    Axis("reuse", "Also train the two arms of weight reuse (all), or not (none).", str, "all",
         choices=("all", "none"), flag="reuse"),
    Axis("steps", "Training steps a width.", int, 20_000, low=1),
    Axis("batch", "Samples in a minibatch.", int, 50, low=1),
    Axis("learning_rate", "Learning rate of SGD for squares averaged over samples and outputs.", float, 0.1, low=1e-9),
    Axis("momentum", "Momentum of SGD.", float, 0.95, low=0, high=0.9999),
    Axis("schedule", "Rate below p = nK: constant; or published, 10 % less every 500 epochs and a stop at zero "
         "training error.", str, "constant", choices=("constant", "published"), flag="schedule"),
    Axis("spread", "Standard deviation of the weights that reuse adds.", float, 0.1, low=0.0, flag="spread"),
    Axis("seed", "Draws the initialisation, the order of minibatches, the added weights and the label noise.", int, 0,
         low=0, flag="seeds"),
)  # fmt: skip


def _profile(text: str, widths: tuple[int, ...], noise: tuple[float, ...], **more: object) -> Profile:
    fixed = {
        "data": "digits", "n": 400, "reuse": "all", "steps": 20_000, "batch": 50, "learning_rate": 0.1,
        "momentum": 0.95, "schedule": "constant", "spread": 0.1,
    }  # fmt: skip
    single = {name: (value,) for name, value in {**fixed, **more}.items()}
    return Profile(text, {**single, "width": widths, "noise": noise, "seed": tuple(range(5))})


PROFILES = {
    "quick": _profile(
        "digits, 400 samples, 10 widths, clean and 20 % noise, 5 seeds, 10,000 steps: under a minute. Two rates of "
        "noise are too few for the claim 'dose'.",
        QUICK_WIDTHS, (0.0, 0.2), steps=10_000,
    ),
    "laptop": _profile(
        "digits, 400 samples, 20 widths from 2 to 160, noise of 0, 5, 10, 15 and 20 %, 5 seeds, 20,000 steps",
        WIDTHS, (0.0, 0.05, 0.1, 0.15, 0.2),
    ),
    "paper": _profile(
        "MNIST, 4,000 samples, the 23 published sizes up to 800,000 parameters, the published schedule, 6,000 epochs, "
        "5 seeds, clean and 20 % noise: most of a day on two cores",
        PAPER_WIDTHS, (0.0, 0.2), data="mnist", n=4000, batch=128, steps=6000 * (4000 // 128), schedule="published",
    ),
}  # fmt: skip

_X = (XAxis("width", "hidden units H"), XAxis("parameters", "parameters p"), XAxis("ratio", "p / (n K)"))
_SQUARED = "squared loss, mean over samples and outputs"


def _arms(metric: str) -> tuple[Series, ...]:
    return tuple(Series(prefix + metric, label) for prefix, label in ARMS.items())


CHARTS = (
    Chart(
        "loss", "Test loss without reuse", _X, _SQUARED, (Series("test_loss", "test"),),
        arm="noise", arm_title="Label noise",
        note="The test labels are clean. A network that always answers 1/K has a loss of 0.09 at K = 10.",
    ),
    Chart(
        "error", "0-1 error without reuse", _X, "share of samples misclassified",
        (Series("test_error", "test"), Series("train_error", "training, against the given labels", dashed=True)),
        arm="noise", arm_title="Label noise",
    ),
    Chart(
        "reuse", "Test loss and the reuse of weights", _X, _SQUARED, _arms("test_loss"),
        y_log=True, arm="noise", arm_title="Label noise",
        note="Below p = nK the two arms with reuse are one; from there on, reuse below the threshold is the same as no "
        "reuse. A fall between the two is where the reuse stops, not where networks begin to fit. "
        "The fit point is that without reuse.",
    ),
    Chart(
        "reuse-error", "0-1 test error and the reuse of weights", _X, "share of samples misclassified",
        _arms("test_error"), arm="noise", arm_title="Label noise", note="The fit point is that without reuse.",
    ),
    Chart(
        "train", "Training loss", _X, _SQUARED, _arms("train_loss"),
        y_log=True, arm="noise", arm_title="Label noise",
        note="The fit point is where the training loss, without reuse, is at most 1 % of that of zero outputs, which "
        "is 1/K; it is measured, and need not be at p = nK.",
    ),
    Chart(
        "silent", "Classes that are never predicted", _X, "classes", _arms("silent_classes"),
        arm="noise", arm_title="Label noise",
        note="Classes that the network predicts for no training sample. Under the squared loss a narrow network can "
        "lose a class for good.",
    ),
    Chart(
        "norm", "Norm of the parameters", _X, "Euclidean norm", _arms("norm"),
        y_log=True, arm="noise", arm_title="Label noise",
    ),
)  # fmt: skip

STUDY = Study(
    name="two-layer-descent",
    title="Double descent in two-layer networks, with and without the reuse of weights",
    question="Does the squared test loss of a trained two-layer network peak at p = nK, and how much of the published "
    "peak is due to weights reused from narrower networks?",
    sources=(BELKIN, JOSCH14),
    axes=AXES,
    profiles=PROFILES,
    work=work,
    stack_by=tuple(axis.name for axis in AXES if axis.name != "seed"),
    estimate=estimate,
    claims=CLAIMS,
    charts=CHARTS,
    fit=FitRule(
        "train_loss_ratio", FITTED, "width", f"training loss at most {FITTED:g} of that of zero outputs"
    ),
    differences=(
        "The quick and laptop profiles use 400 digits of 8 x 8 pixels where the paper uses 4,000 of MNIST, and 20,000 "
        "steps (2,500 epochs; quick: 10,000 steps) where it has up to 6,000 epochs.",
        "The paper does not name the learning rate, the batch or the activation; here they are 0.1 (as in the public "
        "logs; per mean over samples and outputs, so 0.02 for half the sum over ten outputs), 50 (paper profile: 128) "
        "and ReLU.",
        "The learning rate is constant. The profile `paper` lowers it by 10 % every 500 epochs below p = nK and stops "
        "there at zero training error, as published; it looks for that at 100 times, spaced evenly in the logarithm.",
        "The paper shows reuse below the threshold and clean labels only. No reuse, reuse at every width and label "
        "noise follow the public logs; those have no measured curve for reuse with noise.",
        "The weights that reuse adds have a standard deviation of 0.1: the published N(0, 0.01) is read as a variance.",
        "Every width of a chain is trained for the full number of steps, with the same minibatches and fresh momentum.",
        "Random weights are Glorot-uniform with zero biases at every width; the paper says so of the first only.",
        "The training and test samples are one fixed draw: a seed changes initialisation, minibatch order, added "
        "weights and label noise, so an interval does not cover the draw of the data.",
        "Label noise is inclusive: the new label may be the old one, so 20 % noise leaves 18 % of ten classes wrong.",
        "No theory curve is drawn: there is no closed form for these trained networks.",
    ),
)
