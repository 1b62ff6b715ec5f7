"""Lazy training: when a network trains like its linearisation, and what the kernel then foretells."""

from __future__ import annotations

from overparam.core import Axis, Profile, Study
from overparam.studies.lazy_training.charts import CHARTS
from overparam.studies.lazy_training.claims import CLAIMS
from overparam.studies.lazy_training.sources import SOURCES
from overparam.studies.lazy_training.work import EXPERIMENTS, estimate, work

SCALES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)
WIDTHS = (16, 32, 64, 128, 256, 512, 1024)
SMOOTH = ("tanh", "erf", "gelu", "softplus", "silu", "sine")

AXES = (
    Axis("experiment", "What is varied: the output scale, the width (two-layer; deep: drift), the initialisation "
         "alone (ensemble), or the target.", str, "scale", choices=EXPERIMENTS, flag="experiments"),
    Axis("data", "Inputs: on the unit sphere, standard normal, or handwritten digits.", str, "sphere",
         choices=("sphere", "gaussian", "digits"), flag="data"),
    Axis("inputs", "Digits centred and every input scaled to norm 1 (unit), or inputs as they come (raw).", str, "unit",
         choices=("unit", "raw"), flag="inputs"),
    Axis("n", "Training samples.", int, 32, low=4, high=500, flag="n"),
    Axis("d", "Dimension of generated inputs.", int, 10, low=3, high=1000, flag="d"),
    Axis("activation", "Activation of the scale, drift and ensemble experiments; the others use relu.", str, "tanh",
         choices=SMOOTH, flag="activation"),
    Axis("steps", "Steps of gradient descent.", int, 400, low=8, flag="steps"),
    Axis("scale", "Output scales alpha, all in one cell.", float, SCALES, low=1e-3, high=1e6, inside_cell=True,
         flag="scales"),
    Axis("units", "Hidden units of the scale experiment (an even number; half are copies).", int, 128, low=4,
         flag="units"),
    Axis("width", "Widths, all in one cell (even numbers; half of the units are copies where outputs start at 0).", int,
         WIDTHS, low=2, high=65536, inside_cell=True, flag="widths"),
    Axis("widest_deep", "Widest network of the drift experiment; wider values of --widths are left out there.", int,
         256, low=2, flag="widest-deep"),
    Axis("ensemble_width", "Hidden units of the ensemble experiment.", int, 512, low=2, flag="ensemble-width"),
    Axis("members", "Networks of the ensemble experiment.", int, 100, low=10, flag="members"),
    Axis("samples", "Training samples of the targets experiment.", int, 100, low=10, high=1000, flag="samples"),
    Axis("targets_width", "Hidden units of the targets experiment (an even number).", int, 1024, low=4,
         flag="targets-width"),
    Axis("target_steps", "Steps of the targets experiment.", int, 500, low=8, flag="target-steps"),
    Axis("seed", "Draws inputs, labels and initial weights.", int, 0, low=0, flag="seeds"),
)  # fmt: skip


def _profile(text: str, seeds: int, **change: tuple[object, ...]) -> Profile:
    plain = {
        "experiment": EXPERIMENTS, "data": ("sphere", "digits"), "inputs": ("unit",), "n": (32,), "d": (10,),
        "activation": ("tanh",), "steps": (400,), "scale": SCALES, "units": (128,), "width": WIDTHS,
        "widest_deep": (256,), "ensemble_width": (512,), "members": (100,), "samples": (100,),
        "targets_width": (1024,), "target_steps": (500,), "seed": tuple(range(seeds)),
    }  # fmt: skip
    return Profile(text, plain | change)


PROFILES = {
    "quick": _profile(
        "inputs on the sphere, small networks, 5 seeds: under a minute",
        5,
        data=("sphere",),
        n=(16,),
        steps=(200,),
        scale=(1.0, 4.0, 16.0, 64.0, 256.0),
        width=(16, 64, 256, 1024),
        ensemble_width=(256,),
        members=(50,),
        samples=(50,),
        targets_width=(512,),
        target_steps=(400,),
    ),
    "laptop": _profile("inputs on the sphere and digits, widths to 1,024, 6 seeds: minutes", 6),
    "paper": _profile(
        "both inputs, centred and raw, widths to 8,192, 10 seeds; the papers show few experiments of this kind",
        10,
        inputs=("unit", "raw"),
        steps=(4000,),
        width=(*WIDTHS, 2048, 4096, 8192),
        widest_deep=(1024,),
        ensemble_width=(2048,),
        members=(400,),
        samples=(400,),
        targets_width=(4096,),
        target_steps=(4000,),
    ),
}

STUDY = Study(
    name="lazy-training",
    title="Lazy training: the kernel's predictions and where they end",
    question="When does a network train like its linearisation, and what does the kernel then foretell?",
    sources=SOURCES,
    axes=AXES,
    profiles=PROFILES,
    work=work,
    stack_by=tuple(axis.name for axis in AXES if axis.name != "seed"),
    estimate=estimate,
    stack_limit=1,
    claims=CLAIMS,
    charts=CHARTS,
    differences=(
        "Gradient descent with a fixed number of steps stands for the papers' gradient flow; the step is a fixed share "
        "of 1 / largest eigenvalue of the kernel at the start, divided by alpha^2.",
        "Deviations are the largest over about eight probe steps, evenly spaced in the logarithm, not over all steps.",
        "Outputs start at exactly zero by two copies of one network with opposite signs; half of a width are copies. "
        "Chizat, Oyallon and Bach allow any model with zero output.",
        "The claim outputs-bound was added after a first run had shown that the gap of outputs falls faster than "
        "claimed; its cut-off is the upper one of outputs.",
        "The bound of Arora et al. is its leading term; the term with a constant that is not known is left out. The loss "
        "there is bounded by 1, here it is the absolute error, which is not.",
        "The targets experiment starts from zero outputs, where the paper asks small ones, and stops after a fixed "
        "number of steps.",
        "Weights are drawn as 24-bit numbers, all computations are in float64.",
    ),
)
