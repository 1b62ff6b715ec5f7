"""Random features: the double descent of Belkin, Hsu, Ma and Mandal (2019) in closed form."""

from __future__ import annotations

from overparam.studies.random_features.claims import CLAIMS
from overparam.studies.random_features.work import estimate, work
from overparam.study import Axis, Chart, FitRule, Profile, Series, Source, Study, XAxis

BELKIN = Source(
    key="belkin2019",
    citation="M. Belkin, D. Hsu, S. Ma and S. Mandal, Reconciling modern machine-learning practice and the "
    "classical bias-variance trade-off, PNAS 116(32):15849-15854, 2019.",
    url="https://doi.org/10.1073/pnas.1903070116",
    bibtex="""@article{belkin2019reconciling,
  title   = {Reconciling modern machine-learning practice and the classical bias-variance trade-off},
  author  = {Belkin, Mikhail and Hsu, Daniel and Ma, Siyuan and Mandal, Soumik},
  journal = {Proceedings of the National Academy of Sciences},
  volume  = {116},
  number  = {32},
  pages   = {15849--15854},
  year    = {2019},
  doi     = {10.1073/pnas.1903070116}
}""",
)
CURTH = Source(
    key="curth2023",
    citation="A. Curth, A. Jeffares and M. van der Schaar, A U-turn on double descent: rethinking parameter "
    "counting in statistical learning, NeurIPS 2023.",
    url="https://arxiv.org/abs/2310.18988",
    bibtex="""@inproceedings{curth2023uturn,
  title     = {A {U}-turn on double descent: rethinking parameter counting in statistical learning},
  author    = {Curth, Alicia and Jeffares, Alan and van der Schaar, Mihaela},
  booktitle = {Advances in Neural Information Processing Systems},
  year      = {2023},
  eprint    = {2310.18988},
  archivePrefix = {arXiv}
}""",
)
SCHAEFFER = Source(
    key="schaeffer2023",
    citation="R. Schaeffer et al., Double descent demystified: identifying, interpreting and ablating the "
    "sources of a deep learning puzzle, 2023.",
    url="https://arxiv.org/abs/2303.14151",
    bibtex="""@misc{schaeffer2023demystified,
  title  = {Double descent demystified: identifying, interpreting and ablating the sources of a deep
            learning puzzle},
  author = {Schaeffer, Rylan and others},
  year   = {2023},
  eprint = {2303.14151},
  archivePrefix = {arXiv}
}""",
)

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
    Axis("width", "Numbers of random features, all in one cell.", int, widths(500), low=1, curve=True,
         flag="widths"),
    Axis("noise", "Share of training labels replaced by a class drawn from all classes.", float, 0.0, low=0.0,
         high=1.0, flag="noise"),
    Axis("ridge", "Also solve ridge with the penalty of smallest leave-one-out error (tuned), or not (none).",
         str, "tuned", choices=("tuned", "none"), flag="ridge"),
    Axis("scale", "Standard deviation of the Fourier directions; 0 means 2 over the samples' median distance.",
         float, 0.0, low=0.0, flag="scale"),
    Axis("n_test", "Most test samples used; 0 means all.", int, 0, low=0, flag="n-test"),
    Axis("seed", "Draws the training samples, the features and the label noise.", int, 0, low=0, flag="seeds"),
)  # fmt: skip

PROFILES = {
    "quick": Profile(
        "digits, 500 samples, both feature maps, 5 seeds: under a minute",
        {
            "data": ("digits",), "features": ("fourier", "relu"), "n": (500,), "width": widths(500),
            "noise": (0.0,), "ridge": ("tuned",), "scale": (0.0,), "n_test": (0,), "seed": tuple(range(5)),
        },
    ),
    "laptop": Profile(
        "digits and MNIST, 1,000 samples, both feature maps, 10 seeds",
        {
            "data": ("digits", "mnist"), "features": ("fourier", "relu"), "n": (1000,), "width": widths(1000),
            "noise": (0.0,), "ridge": ("tuned",), "scale": (0.0,), "n_test": (2000,), "seed": tuple(range(10)),
        },
    ),
    "paper": Profile(
        "MNIST, 10,000 samples, Fourier features up to 60,000 as published, one seed: a curve to look at; "
        "verdicts ask for more seeds",
        {
            "data": ("mnist",), "features": ("fourier",), "n": (10_000,), "width": PAPER_WIDTHS,
            "noise": (0.0,), "ridge": ("none",), "scale": (0.2,), "n_test": (0,), "seed": (0,),
        },
    ),
}  # fmt: skip

X = (XAxis("width", "random features N"), XAxis("ratio", "random features per training sample N/n"))
CHARTS = (
    Chart(
        "loss", "Squared loss", X, "squared loss, summed over classes",
        (
            Series("test_loss", "test, minimum norm"),
            Series("ridge_test_loss", "test, tuned ridge"),
            Series("limit_test_loss", "test, ridgeless kernel limit", dashed=True),
            Series("train_loss", "training, minimum norm", dashed=True),
        ),
        y_log=True, arm="features", arm_title="Features",
        note="A training loss below 1e-9 of its initial value is rounding and drawn there. The peak belongs to "
        "this axis: against the effective number of parameters it goes away (Curth et al. 2023), and it needs "
        "small singular values, test points along them and targets the features miss (Schaeffer et al. 2023).",
    ),
    Chart(
        "error", "0-1 error", X, "fraction of samples misclassified",
        (
            Series("test_error", "test, minimum norm"),
            Series("ridge_test_error", "test, tuned ridge"),
            Series("train_error", "training, minimum norm", dashed=True),
        ),
        arm="features", arm_title="Features",
    ),
    Chart(
        "norm", "Norm of the coefficients", X, "Frobenius norm",
        (Series("norm", "minimum norm"), Series("ridge_norm", "tuned ridge")),
        y_log=True, arm="features", arm_title="Features",
    ),
    Chart(
        "rank", "Rank of the features on the training samples", X, "numerical rank",
        (Series("rank", "rank"),),
        arm="features", arm_title="Features",
        note="Singular values below max(n, N) times 2.2e-16 of the largest count as zero. For some directions "
        "a ReLU feature without a bias is zero, or linear, on all samples, so the rank can stay below N and n.",
    ),
)  # fmt: skip

STUDY = Study(
    name="random-features",
    title="Double descent with random features",
    question="Does the test loss of least squares on random features peak at N = n and fall again beyond it?",
    sources=(BELKIN, CURTH, SCHAEFFER),
    axes=AXES,
    profiles=PROFILES,
    work=work,
    stack_by=("data", "features", "n", "width", "noise", "ridge", "scale", "n_test"),
    estimate=estimate,
    stack_limit=1,
    claims=CLAIMS,
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
    ),
    fit=FitRule("train_loss_ratio", 1e-6, "width", "train loss at most 1e-6 of its initial value"),
)
