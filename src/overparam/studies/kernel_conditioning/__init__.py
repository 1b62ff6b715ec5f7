"""How well conditioned data are for a wide two-layer network, and whether that depends on their number."""

from __future__ import annotations

from overparam.core import Axis, Profile, Study
from overparam.studies.kernel_conditioning.charts import CHARTS
from overparam.studies.kernel_conditioning.claims import CLAIMS
from overparam.studies.kernel_conditioning.sources import SOURCES
from overparam.studies.kernel_conditioning.work import ACTIVATIONS, estimate, work

SMALL = (0.5, 1.0, 1.4, 2.0, 2.8, 4.0, 5.0)
MEDIUM = (0.5, 1.0, 1.5, 2.2, 3.3, 5.0, 7.0, 10.0)
LARGE = (0.5, 1.0, 1.5, 2.2, 3.3, 5.0, 7.0, 10.0, 14.0, 20.0)

AXES = (
    Axis("data", "Rows: uniform on the unit sphere, or digits, centred and divided by their norms.", str, "sphere",
         choices=("sphere", "digits"), flag="data"),
    Axis("activation", "Activation phi; sine2 is sin(2z).", str, "relu", choices=ACTIVATIONS, flag="activations"),
    Axis("d", "Features of the sphere; digits have 64.", int, 40, low=8, high=400, flag="d"),
    Axis("ratio", "Numbers of rows per feature n/d, all in one cell.", float, MEDIUM, low=0.05, high=100,
         inside_cell=True, flag="ratios"),
    Axis("units", "Hidden units of the Monte-Carlo Gram matrix.", int, 4096, low=16, high=1_000_000, flag="units"),
    Axis("draws", "Draws of the weights at which the smallest eigenvalue is compared with its limit.", int, 20, low=1,
         high=1000, flag="draws"),
    Axis("seed", "Draws the rows and the weights.", int, 0, low=0, flag="seeds"),
)  # fmt: skip


def _profile(text: str, d: int, ratios: tuple[float, ...], draws: int, seeds: int) -> Profile:
    return Profile(
        text,
        {
            "data": ("sphere", "digits"), "activation": ACTIVATIONS, "d": (d,), "ratio": ratios, "units": (4096,),
            "draws": (draws,), "seed": tuple(range(seeds)),
        },
    )  # fmt: skip


PROFILES = {
    "quick": _profile(
        "sphere in 20 dimensions and digits, up to five rows a feature, 5 seeds", 20, SMALL, 20, 5
    ),
    "laptop": _profile(
        "sphere in 40 dimensions and digits, up to ten rows a feature, 10 seeds", 40, MEDIUM, 20, 10
    ),
    "paper": _profile(
        "sphere in 80 dimensions and digits, up to twenty rows a feature, 10 seeds; the sources show no experiment",
        80,
        LARGE,
        20,
        10,
    ),
}

STUDY = Study(
    name="kernel-conditioning",
    title="How well conditioned data are for a wide two-layer network",
    question="Do the data let a wide network fit any labels, how well, and does that depend on how many rows there "
    "are?",
    sources=SOURCES,
    axes=AXES,
    profiles=PROFILES,
    work=work,
    stack_by=("data", "activation", "d", "ratio", "units", "draws"),
    estimate=estimate,
    stack_limit=1,
    claims=CLAIMS,
    charts=CHARTS,
    differences=(
        "The slides print the Hermite lemma with an equals sign and mu_2; read here as 'at least, as matrices' and "
        "mu_1 = E phi'', counting from 0 as the slide's own sum does.",
        "The slides define Sigma by (1/k) E[J J^T], which needs output weights +1 and -1; here J J^T is divided by "
        "|v|^2.",
        "The slides drop the output weights from J J^T, which is right for +1 and -1 only.",
        "'Scales like a constant' has no numbers in the slides; the cut-off 0.15 on the slope of log kappa is ours, "
        "as is the window d <= n <= d^2/4.",
        "The width at which the Gram matrix concentrates has no constant in the slides; the matrix Chernoff bound "
        "gives 8.",
        "Rows of all sizes are nested in one draw: sizes are not independent.",
        "Digits are centred with the mean of all 1,200 training images and divided by their norms; the sources "
        "speak of unit rows only.",
        "There are 1,200 digits to train on; larger sizes are left out.",
        "A smallest eigenvalue below its own rounding is replaced by that rounding in kappa, which is then a lower "
        "bound.",
    ),
)
