"""Random features: the double descent of Belkin, Hsu, Ma and Mandal (2019) in closed form."""

from __future__ import annotations

from overparam.core import Axis, FitRule, Profile, Study
from overparam.studies.random_features.charts import CHARTS
from overparam.studies.random_features.claims import CLAIMS
from overparam.studies.random_features.sources import CURTH, SCHAEFFER, SIMON
from overparam.studies.random_features.why_claims import CLAIMS as WHY_CLAIMS
from overparam.studies.random_features.work import estimate, work
from overparam.studies.sources import BELKIN

PERCENT_OF_N = (
    *(5, 10, 20, 30, 50, 70, 80, 86, 90, 94, 97, 100, 103, 106, 110, 116, 125),
    *(150, 200, 300, 450, 700, 1000, 1400, 2000),
)
PAPER_WIDTHS = (500, 1000, 1500, 2000, 2500, *range(3000, 15000, 1000), 20000, 40000, 60000)


def widths(n: int) -> tuple[int, ...]:
    """Numbers of features from 0.05 n to 20 n, dense around n.

    >>> widths(500)[:3], widths(500)[11], widths(500)[-1]
    ((25, 50, 100), 500, 10000)
    """
    return tuple(n * p // 100 for p in PERCENT_OF_N)


AXES = (
    Axis("data", "Data set, or a path to one.", str, "digits", flag="data"),
    Axis("features", "Random feature map: cosines of Gaussian projections, or ReLU of projections.", str,
         "fourier", choices=("fourier", "relu"), flag="features"),
    Axis("n", "Number of training samples.", int, 500, low=2, flag="n"),
    Axis("width", "Numbers of random features, all in one cell.", int, widths(500), low=1, inside_cell=True,
         flag="widths"),
    Axis("noise", "Share of training labels replaced by a class drawn from all classes.", float, 0.0, low=0.0,
         high=1.0, flag="noise"),
    Axis("ridge", "Also solve ridge with the penalty of smallest leave-one-out error (tuned), or not (none).",
         str, "tuned", choices=("tuned", "none"), flag="ridge"),
    Axis("scale", "Standard deviation of the Fourier directions; 0 means 2 over the samples' median distance.",
         float, 0.0, low=0.0, flag="scale"),
    Axis("why", "Also compute the ablations, the effective parameters and the theory curve (all), or not (none).",
         str, "none", choices=("none", "all"), flag="why"),
    Axis("n_test", "Most test samples used; 0 means all.", int, 0, low=0, flag="n-test"),
    Axis("seed", "Draws the training samples, the features and the label noise.", int, 0, low=0, flag="seeds"),
)  # fmt: skip

PROFILES = {
    "quick": Profile(
        "digits, 500 samples, both feature maps, 5 seeds: under a minute",
        {
            "data": ("digits",), "features": ("fourier", "relu"), "n": (500,), "width": widths(500),
            "noise": (0.0,), "ridge": ("tuned",), "scale": (0.0,), "why": ("all",), "n_test": (0,),
            "seed": tuple(range(5)),
        },
    ),
    "laptop": Profile(
        "digits and MNIST, 1,000 samples, both feature maps, 10 seeds",
        {
            "data": ("digits", "mnist"), "features": ("fourier", "relu"), "n": (1000,), "width": widths(1000),
            "noise": (0.0,), "ridge": ("tuned",), "scale": (0.0,), "why": ("all",), "n_test": (2000,),
            "seed": tuple(range(10)),
        },
    ),
    "paper": Profile(
        "MNIST, 10,000 samples, Fourier features up to 60,000 as published, one seed: a curve to look at; "
        "verdicts ask for more seeds",
        {
            "data": ("mnist",), "features": ("fourier",), "n": (10_000,), "width": PAPER_WIDTHS,
            "noise": (0.0,), "ridge": ("none",), "scale": (0.2,), "why": ("none",), "n_test": (0,), "seed": (0,),
        },
    ),
}  # fmt: skip

STUDY = Study(
    name="random-features",
    title="Double descent with random features",
    question="Does the test loss of least squares on random features peak at N = n and fall again beyond it?",
    sources=(BELKIN, CURTH, SCHAEFFER, SIMON),
    axes=AXES,
    profiles=PROFILES,
    work=work,
    stack_by=("data", "features", "n", "width", "noise", "ridge", "scale", "why", "n_test"),
    estimate=estimate,
    stack_limit=1,
    claims=CLAIMS + WHY_CLAIMS,
    charts=CHARTS,
    differences=(
        "The paper uses N complex exponentials; these are N real cosines with a random phase, so N counts real "
        "coefficients a class.",
        "The quick and laptop profiles use 500 and 1,000 training samples where the paper uses 10,000, and the "
        "digits of scikit-learn (8 x 8 pixels) beside MNIST.",
        "The laptop profile measures the test loss on at most 2,000 test samples, drawn with the seed.",
        "By default the Fourier scale is 2 over the samples' median distance; the paper profile uses 0.2.",
        "The paper shows one run a width; here each seed draws its own training samples and features, and the "
        "widths of one seed are nested: more features extend fewer.",
        "Targets are one-hot and not centred, and features carry no factor in N, as in the paper.",
        "The widths go to 20 n, in the paper profile to 6 n as published, less than most claims ask for.",
        "Label noise, when asked for, is inclusive: the new label may be the old one.",
        "A training loss below 1e-9 of its initial value is rounding and stored as that.",
        "Tuned ridge and the ridgeless kernel solution are added here as references.",
        "Schaeffer et al. vary the number of samples of a linear regression and use absolute cut-offs of the singular "
        "values; here the number of features varies, and the cut is half the median singular value of each width.",
        "Schaeffer et al. also replace the test targets in the ablation of residuals, and the test loss is then 0 up "
        "to n features; here the test labels stay. The ideal fit is taken on at most 3 n samples that stand for the "
        "population: the training samples, the test samples and others that were not drawn. A width of at least as "
        "many features meets all of their targets. The digits have 1,797 samples in all, 1.8 n in the laptop profile: "
        "there the ideal fit of wide features is an overfit of the population.",
        "With the same modes kept, projecting the test features and cutting singular values are one and the same "
        "prediction; the two ablations differ in what they keep: a count of n/2, or what is not small.",
        "The theory curve takes the spectrum of the limit kernel from the same 3 n samples, fewer than its authors would "
        "ask for; the training samples among them are taken out of the prediction. It is drawn for clean labels only.",
        "Curth et al. count along two complexity axes, features and principal components left out; here the effective "
        "number of parameters is read along the number of features alone, with their formula as recalled.",
    ),
    fit=FitRule("train_loss_ratio", 1e-6, "width", "train loss at most 1e-6 of its initial value"),
)
