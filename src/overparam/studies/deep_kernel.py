"""Deep networks beside their analytic kernels: fully connected, convolutional and residual, over the width.

Jacot, Gabriel and Hongler (2018), Lee et al. (2019) for fully connected networks; Allen-Zhu, Li and Song (2019) have the
equivalence at finite width for all three kinds. The kernels of infinite width are exact, in closed form.
"""

from __future__ import annotations

from typing import Any

from overparam.core import (DATA, Axis, Claim, Control, DataError, Estimate, Hero, Params, UsageError, World, arm, charts,
    each_cell, later, line, planned, power_law, profiles, study)  # fmt: skip
from overparam.core.axes import ascends

KINDS = {"fc": "fully connected", "cnn": "convolutional", "resnet": "residual"}
WIDTHS, LAWS, PAPER = (12, 24, 48, 96, 192), ("L25", "L22D"), "allenzhu2019"

AXES = (
    DATA.but(help="Images; even and odd labels are told apart.", default="digits"),
    Axis("side", "Longest side of an image, in pixels; the kernels of convolutions are 3x3.", int, 4, low=3, high=32),
    Axis("n", "Training images.", int, 10, low=4, high=200, flag="n"),
    Axis("n_test", "Test images.", int, 40, low=4, high=500),
    Axis("layers", "Hidden layers, of a residual network a convolution and blocks.", int, 2, low=2, high=8, flag="depths"),
    Axis("width", "Channels of convolutions, ascending, in one cell; dense layers have four units for each.", int, WIDTHS, low=2,
         high=4096, inside_cell=True, flag="widths"),
    Axis("draws", "Networks of the largest width, whose numbers are averaged: of one half as wide twice as many, fully "
         "connected ones twice that.", int, 3, low=1, high=100),
    Axis("steps", "Steps of gradient descent.", int, 40, low=2, flag="steps"),
    Axis("share", "Step times the largest eigenvalue of the analytic kernel.", float, 0.2, low=0.01, high=1.9),
    Axis("seed", "Draws images and weights.", int, 0, low=0, flag="seeds"),
)  # fmt: skip
PROFILES = profiles(
    {"data": "digits"},
    quick=("10 digits of 4x4 pixels, 12 to 48 channels: 4 seeds", {"width": (12, 24, 48), "seed": planned(4)}),
    laptop=("10 digits of 4x4 pixels, 12 to 192 channels: 10 seeds", {"seed": planned(10)}),
    paper=("32 digits of 8x8 pixels, 12 to 384 channels: hours a seed; the sources are theorems, and few such experiments are "
           "published", {"side": 8, "n": 32, "n_test": 64, "width": (*WIDTHS, 384), "steps": 400, "seed": planned(8)}),
)  # fmt: skip

WORDS = {
    "start": "distance of the kernel at the start from the analytic one, over its norm",
    "drift": "change of the kernel in training over its norm at the start",
    "function": "distance of the trained function from the kernel's, over how far that moved, on test images",
}


def of(name: str) -> dict[str, Any]:
    """The line of every kind of network."""
    return {kind: line(f"{kind}_{name}", f"{WORDS[name]}, {words}") for kind, words in KINDS.items()}


start, drift, function = of("start"), of("drift"), of("function")
LINES = [f"{kind}_{name}" for kind in KINDS for name in ("start", "drift", "function")]
STAYING = [
    f"{kind}_{name}" for kind in KINDS for name in ("other_start", "featured_drift", "featured_function")
]
WORLD = World(
    ("width", WIDTHS), seeds=10, level=0.2, spread=dict.fromkeys([*LINES, *STAYING], 0.12),
    lines={**dict.fromkeys(LINES, power_law(-0.5)), **dict.fromkeys(STAYING, power_law(-0.1))})  # fmt: skip


def falls(several: dict[str, Any]) -> Any:
    """Every kind's line falls at least nearly like 1/sqrt(width); one that does not fall at all contradicts."""
    one, two, three = (some.slope().at_most(-0.4) for some in several.values())
    return (one & two & three).contradicted(above=0.0)


def planted(name: str) -> dict[str, Any]:
    """Worlds at the cut-offs of one of the three statements."""
    return {
        "effect": WORLD,
        "null": (
            WORLD.but(**{f"fc_{name}": power_law(-0.4)}),
            WORLD.but(**{f"resnet_{name}": power_law(-0.4)}),
        ),
        "limit": (WORLD.but(**{f"fc_{name}": power_law(0.0)}), WORLD.but(**{f"cnn_{name}": power_law(0.0)})),
        "against": WORLD.but(**{f"cnn_{name}": power_law(0.3)}),
    }


def renamed_to(name: str) -> dict[str, str]:
    """Metrics of the networks whose features move, for those of a statement."""
    return {f"{kind}_{name}": f"{kind}_featured_{name}" for kind in KINDS}


SCOPE = (
    "Covers networks of these kinds in the limit of large width, with a step below a critical one; at finite width an error of "
    "the order 1/sqrt(width) is what sums of that many terms give, its constant is not given.",
    "Here ReLU, He's variance in the NTK parametrisation, all layers trained, widths to some hundreds: only what does not fall "
    "at all contradicts. The allowance of 0.1 on the exponent is ours and decides support alone.",
)
FEATURED = (
    "Outputs 2 sqrt(units) times smaller, with a step that makes up for it: features move at every width."
)
CLAIMS = (
    Claim("start", "At random weights the tangent kernels of fully connected, convolutional and residual networks lie "
          "O(1/sqrt(width)) from the analytic ones.", LAWS, "jacot2018", falls(start), arm("training images"),
          Control("From the kernels of the same networks with their last layer trained alone: other limits.",
                  arm("last layer's limit", metrics={f"{kind}_start": f"{kind}_other_start" for kind in KINDS})),
          chart="start", form="bound", scope=SCOPE, **planted("start")),
    Claim("drift", "In training these kernels change by O(1/sqrt(width)) of their size.", LAWS, "lee2019", falls(drift),
          arm("training images"), Control(FEATURED, arm("small outputs", metrics=renamed_to("drift"))),
          chart="drift", form="bound", scope=SCOPE, **planted("drift")),
    Claim("function", "The trained networks are, up to O(1/sqrt(width)), what descent with their analytic kernel gives from the "
          "same start, on images that they have not seen.", LAWS, PAPER, falls(function), arm("test images"),
          Control(FEATURED, arm("small outputs", metrics=renamed_to("function"))),
          chart="function", form="bound", scope=SCOPE, **planted("function")),
)  # fmt: skip

CHARTS = charts(
    {"width": "channels, or a quarter of the units"},
    **{name: (title, f"log {unit}", {f"{kind}_{name}": words for kind, words in KINDS.items()}
              | {f"{kind}_{other}": f"-{words}, {control}" for kind, words in KINDS.items()} | {"order": "-1/sqrt(channels)"})
       for name, title, unit, other, control in (
           ("start", "Kernels at the start and their limits", "distance over norm", "other_start", "last layer's limit"),
           ("drift", "How much kernels change in training", "change over norm", "featured_drift", "small outputs"),
           ("function", "Trained networks and their analytic kernels, on test images", "distance over movement",
            "featured_function", "small outputs"))},
)  # fmt: skip
HERO = Hero("function", toggled=tuple(f"{kind}_featured_function" for kind in KINDS), toggle="small outputs")


def estimate(cell: Params) -> Estimate:
    """Two trainings of every width and kind, and what is compiled once for some five cells; measured on one core."""
    from overparam.data import shape_of
    from overparam.studies.deep_kernel_work import MANY, UNITS, networks, task

    ascends(cell, "width", "widths", "widths")
    widths = list(cell["width"])
    shape = shape_of(cell["data"]).image
    if len(shape) > 3:
        raise DataError(
            f"--data: expected images of height, width and channels, got examples of shape {tuple(shape)}. Join the channels."
        )
    if len(shape) > 1 and min(shape[:2]) < 3:
        raise DataError(
            f"--data: expected images as large as the 3 x 3 kernels of the convolutions, got {shape[0]} x {shape[1]} pixels in "
            f"'{cell['data']}'. Take larger images."
        )
    if len(shape) > 1 and cell["side"] > max(shape[:2]):
        raise UsageError(
            f"--side: expected at most the {max(shape[:2])} pixels of '{cell['data']}', got {cell['side']}. Images are only made "
            "smaller: take a shorter side."
        )
    places, n, between = task(cell)[0][0, ..., 0].size, cell["n"], cell["layers"] - 1
    seconds, held = 1.9 * len(widths), 0.0  # a width of all kinds is compiled in 8 to 9
    speeds = {"fc": (1, 8e9), "cnn": (9 * places, 3.2e10), "resnet": (9 * places, 3.2e10)}
    for kind, (window, a_second) in speeds.items():
        for width in widths:
            units, many = UNITS[kind] * width, MANY[kind] * networks(cell, width)
            products = between * window * units**2
            seconds += many * (0.013 + 12 * cell["steps"] * n * products / a_second)
            held = max(held, 8.0 * products / (1 if kind == "fc" else places) * (6 * many + 4 * n))
    return Estimate(seconds, 8e8 + held)


STUDY = study(
    name="deep-kernel", title="Deep networks and their analytic kernels",
    question="How near are wide fully connected, convolutional and residual networks to their kernels, at the start and trained?",
    x="width", sources=("jacot2018", "lee2019", PAPER), axes=AXES, profiles=PROFILES, claims=CLAIMS, charts=CHARTS,
    hero=HERO, work=each_cell(later("overparam.studies.deep_kernel_work:run")), estimate=estimate, stack_limit=1,
    values=("width", "order", *LINES, *STAYING),
    differences=(
        "Descent on all images with a fixed number of steps stands for the papers' flow and for SGD; the step is a fifth "
        "of 1 / largest eigenvalue of the analytic kernel. The kernel's descent has the same steps and the same start.",
        "Residual networks have no normalisation: blocks of ReLU and a 3x3 convolution are added to their input. They and "
        "convolutional ones end in a dense layer that reads all places.",
        "Fully connected networks of one to three layers of tanh are in kernel-drift; here all three kinds are ReLU networks.",
        "All computations are in float64."))  # fmt: skip
