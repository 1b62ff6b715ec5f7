"""Linear systems of m equations in n unknowns: the smallest example of what more parameters do."""

from __future__ import annotations

from overparam.core import Axis, Chart, Profile, Series, Source, Study, XAxis
from overparam.studies.linear_system.claims import CLAIMS
from overparam.studies.linear_system.work import estimate, work

HE = Source(
    key="he2021",
    citation="Z. He, Dive into deep neural networks: a viewpoint from over-parametrization and sparsity, slides, "
    "2 April 2021 (the linear system as an example).",
    url="",
    bibtex="""@misc{he2021dive,
  title  = {Dive into deep neural networks: a viewpoint from over-parametrization and sparsity},
  author = {He, Zheng},
  note   = {Slides},
  year   = {2021}
}""",
)
MARCHENKO = Source(
    key="marchenko1967",
    citation="V. A. Marchenko and L. A. Pastur, Distribution of eigenvalues for some sets of random matrices, "
    "Mathematics of the USSR-Sbornik 1(4):457-483, 1967 (the spectrum behind the theory lines).",
    url="https://doi.org/10.1070/SM1967v001n04ABEH001994",
    bibtex="""@article{marchenko1967distribution,
  title   = {Distribution of eigenvalues for some sets of random matrices},
  author  = {Marchenko, Vladimir A. and Pastur, Leonid A.},
  journal = {Mathematics of the USSR-Sbornik},
  volume  = {1},
  number  = {4},
  pages   = {457--483},
  year    = {1967},
  doi     = {10.1070/SM1967v001n04ABEH001994}
}""",
)

RATIOS = (
    *(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.94, 0.97, 1.0),
    *(1.03, 1.05, 1.1, 1.15, 1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 10.0),
)

AXES = (
    Axis("data", "Law of the rows of A: standard normal, or uniform on the unit sphere.", str, "gaussian",
         choices=("gaussian", "sphere"), flag="data"),
    Axis("m", "Number of equations.", int, 200, low=2, flag="m"),
    Axis("ratio", "Numbers of unknowns per equation n/m, all in one cell.", float, RATIOS, low=0.001, high=100,
         inside_cell=True, flag="ratios"),
    Axis("draws", "Right-hand sides, each N(0, I), over which a residual is averaged.", int, 4000, low=16,
         flag="draws"),
    Axis("tolerance", "Relative error of x at which iterations are counted.", float, 1e-6, low=1e-12, high=0.5,
         flag="tolerance"),
    Axis("seed", "Draws the matrices and the right-hand sides.", int, 0, low=0, flag="seeds"),
)  # fmt: skip


def _profile(text: str, m: tuple[int, ...], seeds: int) -> Profile:
    return Profile(
        text,
        {
            "data": ("gaussian",), "m": m, "ratio": RATIOS, "draws": (4000,), "tolerance": (1e-6,),
            "seed": tuple(range(seeds)),
        },
    )  # fmt: skip


PROFILES = {
    "quick": _profile("200 equations, 20 to 2,000 unknowns, 10 seeds: seconds", (200,), 10),
    "laptop": _profile(
        "100, 200 and 400 equations, up to ten times as many unknowns, 20 seeds", (100, 200, 400), 20
    ),
    "paper": _profile(
        "1,000 equations, 100 to 10,000 unknowns, 20 seeds; the slides show no experiment of their own",
        (1000,),
        20,
    ),
}

X = (XAxis("ratio", "unknowns per equation n/m"), XAxis("unknowns", "unknowns n"))
CHARTS = (
    Chart(
        "residual", "What no choice of x can fit", X,
        "residual |Ax - b|^2 / |b|^2",
        (
            Series("residual", "Gaussian A"),
            Series("copies_residual", "half of the unknowns are copies"),
            Series("theory_residual", "theory: 1 - n/m", dashed=True),
        ),
        note="Mean over right-hand sides. From n = m on the residual is rounding, about 1e-28; the claim says how "
        "small it must be.",
    ),
    Chart(
        "rank", "Rank of the system", X, "rank of A",
        (
            Series("rank", "Gaussian A"),
            Series("copies_rank", "half of the unknowns are copies"),
            Series("theory_rank", "theory: min(m, n)", dashed=True),
        ),
        y_log=True,
        note="Every right-hand side has a solution where the rank reaches the number of equations.",
    ),
    Chart(
        "iterations", "Iterations of gradient descent", X, "iterations to the asked relative error of x",
        (
            Series("iterations", "Gaussian A"),
            Series("whitened_iterations", "all singular values equal"),
            Series("theory_iterations", "theory: Marchenko-Pastur edges", dashed=True),
        ),
        y_log=True,
        note="From the singular values, without running the iterations; step 2/(largest + smallest squared "
        "singular value). The theory line bounds the iterations of an infinitely large system and has a pole at "
        "n = m; a finite one has a smallest singular value above zero.",
    ),
    Chart(
        "condition", "Condition number", X, "condition number of A^T A on its range",
        (
            Series("condition", "Gaussian A"),
            Series("theory_condition", "theory: Marchenko-Pastur edges", dashed=True),
        ),
        y_log=True,
    ),
)  # fmt: skip

STUDY = Study(
    name="linear-system",
    title="A linear system as it gains unknowns",
    question="When does Ax = b have a solution, and how fast does gradient descent find it?",
    sources=(HE, MARCHENKO),
    axes=AXES,
    profiles=PROFILES,
    work=work,
    stack_by=("data", "m", "ratio", "draws", "tolerance"),
    estimate=estimate,
    stack_limit=1,
    claims=CLAIMS,
    charts=CHARTS,
    differences=(
        "The slides write the condition for a solution as 'rank(A) <= n', which holds for every matrix with n "
        "columns and so asks nothing. Read here as: at least as many unknowns as equations, n >= m.",
        "A random matrix has full rank; n >= m alone does not suffice for others, as the control shows.",
        "The slides show no experiment and do not speak of gradient descent here: its iterations are added, as the "
        "smallest example of more parameters making training faster.",
        "Iterations are computed from the singular values in closed form and averaged over right-hand sides, for "
        "the step that is best for each matrix.",
        "A is given with 24-bit entries, as the data set's inputs are; all computations are in float64.",
        "For one seed the matrices of all sizes are cut from one stream of numbers: sizes are not independent.",
    ),
)
