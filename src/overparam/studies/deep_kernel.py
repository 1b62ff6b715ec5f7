"""Deep networks beside their analytic kernels: fully connected, convolutional and residual, over the width.

Jacot, Gabriel and Hongler (2018), Lee et al. (2019) for fully connected networks; Allen-Zhu, Li and Song (2019) have the
equivalence at finite width for all three kinds. The kernels of infinite width are exact, in closed form.
"""

from __future__ import annotations

from typing import Any

from overparam.core import (DATA, Axis, Claim, Control, Estimate, Params, UsageError, World, arm, charts, each_cell, later,
    line, planned, power_law, profiles, study)  # fmt: skip

KINDS = {"fc": "fully connected", "cnn": "convolutional", "resnet": "residual"}
WIDTHS, LAWS, PAPER = (8, 16, 32, 64, 128), ("L25", "L22D"), "allenzhu2019"

AXES = (
    DATA.but(help="Images; even and odd labels are told apart.", default="digits"),
    Axis("side", "Longest side of an image, in pixels.", int, 4, low=2, high=32),
    Axis("n", "Training images.", int, 10, low=4, high=200, flag="n"),
    Axis("n_test", "Test images.", int, 10, low=4, high=500),
    Axis("layers", "Hidden layers.", int, 3, low=2, high=8, flag="depths"),
    Axis("width", "Hidden units or channels, ascending, in one cell.", int, WIDTHS, low=2, high=4096, inside_cell=True,
         flag="widths"),
    Axis("draws", "Networks of each width, whose numbers are averaged.", int, 4, low=1, high=100),
    Axis("steps", "Steps of gradient descent.", int, 40, low=2, flag="steps"),
    Axis("share", "Step times the largest eigenvalue of the analytic kernel.", float, 0.2, low=0.01, high=1.9),
    Axis("seed", "Draws images and weights.", int, 0, low=0, flag="seeds"),
)  # fmt: skip
PROFILES = profiles(
    {"data": "digits"},
    quick=("10 digits of 4x4 pixels, widths 8 to 32: 4 seeds", {"draws": 2, "width": (8, 16, 32), "seed": planned(4)}),
    laptop=("10 digits of 4x4 pixels, widths 8 to 128: 8 seeds", {"seed": planned(8)}),
    paper=("64 digits of 8x8 pixels, widths to 512; the sources are theorems, and few such experiments are published",
           {"side": 8, "n": 64, "n_test": 64, "width": (*WIDTHS, 256, 512), "steps": 1000, "seed": planned(8)}),
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
    ("width", WIDTHS), seeds=8, level=0.1, spread=dict.fromkeys([*LINES, *STAYING], 0.2),
    lines={**dict.fromkeys(LINES, power_law(-0.55)), **dict.fromkeys(STAYING, power_law(0.0))})  # fmt: skip


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
FEATURED = "An output 1/sqrt(width) as large with a step times the width: features move at every width."
CLAIMS = (
    Claim("start", "At random weights the tangent kernels of fully connected, convolutional and residual networks lie "
          "O(1/sqrt(width)) from the analytic ones.", LAWS, "jacot2018", falls(start), arm("training images"),
          Control("From the kernels of networks with one hidden layer more.",
                  arm("one layer more", metrics={f"{kind}_start": f"{kind}_other_start" for kind in KINDS})),
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
    {"width": "units or channels"},
    **{name: (title, "log share", {f"{kind}_{name}": words for kind, words in KINDS.items()}
              | {f"{kind}_{other}": f"{words} ({control})" for kind, words in KINDS.items()})
       for name, title, other, control in (
           ("start", "Kernels at the start and their limits", "other_start", "one layer more"),
           ("drift", "How much kernels change in training", "featured_drift", "small outputs"),
           ("function", "Trained networks and their analytic kernels, on test images", "featured_function", "small outputs"))},
)  # fmt: skip


def estimate(cell: Params) -> Estimate:
    """Two trainings of every width and kind."""
    widths = list(cell["width"])
    if widths != sorted(set(widths)):
        raise UsageError(f"--widths: expected widths that ascend, got {widths}. Name each once, in order.")
    places, n, depth = cell["side"] ** 2, cell["n"], cell["layers"]
    passes = 2 * cell["draws"] * cell["steps"] * 2 * n * places * (depth - 1)
    flops = sum(passes * 6 * 9 * w * w for w in widths)
    held = 8.0 * n * (depth - 1) * 9 * max(widths) ** 2 * 4
    return Estimate(4.0 + flops / 6e9, 3e8 + held)


STUDY = study(
    name="deep-kernel", title="Deep networks and their analytic kernels",
    question="How near are wide fully connected, convolutional and residual networks to their kernels, at the start and trained?",
    x="width", sources=("jacot2018", "lee2019", PAPER), axes=AXES, profiles=PROFILES, claims=CLAIMS, charts=CHARTS,
    work=each_cell(later("overparam.studies.deep_kernel_work:run")), estimate=estimate, stack_limit=1,
    values=("width", *LINES, *STAYING),
    differences=(
        "Gradient descent with a fixed number of steps stands for the papers' flow; the step is a fifth of 1 / largest "
        "eigenvalue of the analytic kernel. The kernel's descent has the same steps and the network's own outputs at its start.",
        "The residual networks have no normalisation: blocks of ReLU and a 3x3 convolution are added to their input.",
        "Fully connected networks of one to three layers of tanh are in kernel-drift; here all three kinds are ReLU networks.",
        "All computations are in float64."))  # fmt: skip
