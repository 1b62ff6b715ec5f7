"""Certificates of convergence, held against what networks really do."""

from __future__ import annotations

from overparam.core import Axis, Profile, Study
from overparam.studies.certified_convergence.charts import CHARTS
from overparam.studies.certified_convergence.claims import CLAIMS
from overparam.studies.certified_convergence.sources import SOURCES
from overparam.studies.certified_convergence.work import estimate, work

AXES = (
    Axis("data", "Inputs: uniform on the unit sphere with random signs, or two classes of handwritten digits.", str,
         "sphere", choices=("sphere", "digits"), flag="data"),
    Axis("n", "Number of samples.", int, 20, low=4, high=200, flag="n"),
    Axis("d", "Features of the points on the sphere; digits have 64.", int, 10, low=2, flag="d"),
    Axis("activation", "Activation; relu measures the units that switch, the others everything else.", str, "tanh",
         choices=("gelu", "relu", "softplus", "tanh"), flag="activations"),
    Axis("widest", "Largest width at which paths are measured.", int, 8192, low=512, flag="widest"),
    Axis("largest", "Largest width tried for a certificate at the start.", int, 262144, low=256, flag="largest"),
    Axis("seed", "Draws the data and the weights.", int, 0, low=0, flag="seeds"),
)  # fmt: skip


def _profile(
    text: str,
    data: tuple[str, ...],
    n: int,
    activations: tuple[str, ...],
    widest: int,
    largest: int,
    seeds: int,
) -> Profile:
    return Profile(
        text,
        {
            "data": data, "n": (n,), "d": (10,), "activation": activations, "widest": (widest,),
            "largest": (largest,), "seed": tuple(range(seeds)),
        },
    )  # fmt: skip


PROFILES = {
    "quick": _profile(
        "10 points on the sphere, gelu and relu, widths to 2,048, 5 seeds", ("sphere",), 10, ("gelu", "relu"), 2048,
        131072, 5,
    ),
    "laptop": _profile(
        "20 points on the sphere and 20 digits, gelu, tanh and relu, widths to 8,192, 5 seeds", ("sphere", "digits"),
        20, ("gelu", "relu", "tanh"), 8192, 524288, 5,
    ),
    "paper": _profile(
        "40 samples, all activations, widths to 8,192, 10 seeds; the talk shows no experiment on certificates",
        ("sphere", "digits"), 40, ("gelu", "relu", "softplus", "tanh"), 8192, 1048576, 10,
    ),
}  # fmt: skip

STUDY = Study(
    name="certified-convergence",
    title="Networks that are proved to reach zero loss",
    question="Is training proved to succeed for this very network, and how far is the proof from what happens?",
    sources=SOURCES,
    axes=AXES,
    profiles=PROFILES,
    work=work,
    stack_by=("data", "n", "d", "activation", "widest", "largest"),
    estimate=estimate,
    stack_limit=1,
    claims=CLAIMS,
    charts=CHARTS,
    differences=(
        "The talk's theorems leave their constants open. What is checked here are certificates with explicit constants "
        "for the network at hand, of the same form; rounding of the certificates is accounted for, that of the runs is "
        "the tolerance of 1e-9.",
        "Certified runs start at zero output (every unit twice, with opposite signs) and reach the condition by a larger "
        "output; the theorems reach it by width at |v_l| = |y|/sqrt(kn), which the ladder, the path and the law follow.",
        "The slide prints the step of the key lemma as 2 beta; read as 1/(2 beta^2). The control runs the printed one.",
        "The slide's potential lacks the factor alpha in front of the path. The control takes it as printed.",
        "That the deviation from the linearised course is at most h is an allowance, not a theorem.",
        "A width 'certified beforehand' is a width at which the condition was seen to hold for a random draw, with a "
        "width 2 % smaller at which it was not: the condition is random, so there is no smallest width.",
        "Formulas in print are recalled or quoted from abstracts and slides, with constants, logarithms and failure "
        "probabilities set to 1: none of them is a theorem in that form.",
        "Certificates at the start are for gradient flow in the ladder, and for gradient descent in the runs.",
        "Digits are the classes 3 and 8, the mean image subtracted, rows divided by their norm; the ladder also shows "
        "them as they are, for one draw of the weights. Inputs of the theorems have norm 1 and are not centred.",
        "Runs stop at 1e-5 of their residual or after 20,000 steps; paths end at 1 % of the residual.",
    ),
)
