"""Wide two-layer ReLU networks near their kernel: Du, Zhai, Poczos and Singh (2019).

The hidden layer of m units is trained from zero outputs. Its tangent kernel starts near a limit H, no unit moves far,
and the kernel stays positive definite. Distances are given over the smallest eigenvalue of H.
"""

from __future__ import annotations

from typing import Any

from overparam.core.algebra import (
    Axis, Choice, Claim, Control, Estimate, Formerly, Params, Progress, World, arm, charts, each_cell, line, profiles,
    study,
)  # fmt: skip

WIDTHS = (16, 32, 64, 128, 256, 512, 1024)
QUICK, PAPER = (16, 64, 256, 1024), (*WIDTHS, 2048, 4096, 8192)

AXES = (
    Axis("data", "Inputs: on the unit sphere, standard normal, or handwritten digits.", str, "sphere",
         choices=("sphere", "gaussian", "digits"), flag="data"),
    Axis("inputs", "Digits centred and every input scaled to norm 1 (unit), or inputs as they come (raw).", str, "unit",
         choices=("unit", "raw"), flag="inputs"),
    Axis("n", "Training samples.", int, 32, low=4, high=500, flag="n"),
    Axis("d", "Dimension of generated inputs.", int, 10, low=3, high=1000, flag="d"),
    Axis("steps", "Steps of gradient descent.", int, 400, low=8, flag="steps"),
    Axis("width", "Hidden units, all in one cell (even numbers; half of the units are copies).", int, WIDTHS, low=2,
         high=65536, inside_cell=True, flag="widths"),
    Axis("seed", "Draws inputs, labels and initial weights.", int, 0, low=0, flag="seeds"),
)  # fmt: skip

PROFILES = profiles(
    {"width": WIDTHS},
    quick=("inputs on the sphere, 4 widths, 5 seeds: seconds", {"n": 16, "steps": 200, "width": QUICK, "seed": (0, 1, 2, 3, 4)}),
    laptop=("inputs on the sphere and digits, widths to 1,024, 6 seeds",
            {"data": ("sphere", "digits"), "seed": tuple(range(6))}),
    paper=("both inputs, centred and raw, widths to 8,192, 10 seeds; the paper shows few experiments of this kind",
           {"data": ("sphere", "digits"), "inputs": ("unit", "raw"), "steps": 4000, "width": PAPER, "seed": tuple(range(10))}),
)  # fmt: skip

# what is measured: lines over the width, one a seed
start = line("start", "distance of the kernel at the start from its limit, over the limit's smallest eigenvalue")
moved = line("moved", "largest distance of a hidden unit's weights from their start")
lowest = line("lowest", "smallest eigenvalue during training over that of the limit")
margin, upper = line("gradient_low", "lower margin"), line("gradient_high", "upper margin")


def inside(low: Any, high: Any) -> Any:
    """Both margins hold, up to rounding: 1e-12 of the largest squared singular value."""
    return (low >= -1e-12) & (high >= -1e-12)


UNIT = Choice("unit if there are any", lambda axis, levels: "unit" if "unit" in levels else "raw")
HERE = arm(inputs=UNIT)
L22A, SOURCE = ("L22A",), "du2019"


def falling(power: float) -> Any:
    """A planted line that falls as a power of the width."""
    return ((16.0, 1.0), (1024.0, 64.0**power))


WORLD = World(
    ("width", QUICK), fixed={"inputs": "unit"}, level=0.1,
    lines={"start": falling(-0.5), "other_start": falling(0), "moved": falling(-0.5), "mean_field_moved": falling(0),
           "gradient_low": [1e-4] * 4, "gradient_high": [0.3] * 4, "mean_low": [-0.1] * 4},
    spread={"start": 0.03, "moved": 0.03}, straight=("gradient_low", "gradient_high", "mean_low"),
)  # fmt: skip
KEPT = World(("width", QUICK), fixed={"inputs": "unit"}, lines={"lowest": [0.4, 0.65, 0.78, 0.84]},
             spread={"lowest": 0.02}, straight=("lowest",))  # fmt: skip

CLAIMS = (
    Claim("start", "A two-layer ReLU network's kernel starts O(1/sqrt(width)) from its limit.", L22A, SOURCE,
          start.slope().within(-0.6, -0.4), HERE,
          Control("Distance to the kernel of both layers, which is not the limit of these networks: it stays.",
                  HERE.but("the kernel of both layers", metrics={"start": "other_start"})), chart="start",
          null=(WORLD.but(start=falling(-0.4)), WORLD.but(start=falling(-0.6))), effect=WORLD),
    Claim("movement", "No neuron moves farther than O(1/sqrt(width)).", L22A, SOURCE,
          moved.slope().within(-0.6, -0.4), HERE,
          Control("Mean-field scaling (1/width, step times width), under the same rule: features move at every width.",
                  HERE.but("mean-field scaling", metrics={"moved": "mean_field_moved"})), chart="movement",
          null=(WORLD.but(moved=falling(-0.4)), WORLD.but(moved=falling(-0.6))), effect=WORLD),
    Claim("eigenvalue", "In a wide network the kernel's smallest eigenvalue stays above half of its limit all along.",
          L22A, SOURCE, lowest.last.at_least(0.5), HERE,
          Control("The narrowest network, under the same rule: below.", rule=lowest.first.at_least(0.5)),
          chart="eigenvalue", null=(KEPT.but(lowest=[0.4, 0.45, 0.48, 0.495]),), effect=KEPT),
    Claim("gradient", "Squared gradient over twice the loss lies between the extreme squared singular values of the "
          "Jacobian.", ("L24",), "allenzhu2019",
          margin.share(inside, "no margin is violated at any probe step", upper).at_least(1.0), HERE,
          Control("The gradient of the mean loss with the same kernel, under the same rule: violated.",
                  HERE.but("the mean loss", metrics={"gradient_low": "mean_low"})), chart="eigenvalue", kind="check",
          null=(WORLD.but(gradient_low=[1e-4, -1e-11, 1e-4, 1e-4]), WORLD.but(gradient_high=[-1e-11, 0.3, 0.3, 0.3])),
          effect=WORLD),
)  # fmt: skip

CHARTS = charts(
    {"width": "hidden units"}, ("inputs", "inputs"),
    start=("The kernel at the start and its limit", "log difference over the limit's smallest eigenvalue",
           {"start": "two-layer ReLU, hidden layer trained", "other_start": "from the kernel of both layers (control)"},
           "Below 1/2 the smallest eigenvalue is surely more than half of the limit's."),
    movement=("How far a neuron moves", "log largest distance of a hidden unit's weights from their start",
              {"moved": "NTK scaling", "mean_field_moved": "mean-field scaling (control)", "theory_moved": "-theory: bound"},
              "The bound is that of Du et al. with the constant of a one-line derivation; it supposes that the kernel's "
              "smallest eigenvalue stays above half of its limit."),
    eigenvalue=("Smallest eigenvalue during training", "smallest eigenvalue over that of the limit",
                {"lowest": "lowest of all probe steps"}),
)  # fmt: skip


@each_cell
def work(cell: Params, progress: Progress) -> Any:
    """Train networks of every width from zero outputs, hidden layer alone, beside mean-field scaling."""
    import jax
    import numpy as np

    from overparam.models import two_layer
    from overparam.studies.lazy_work import finished, inputs_of, trained
    from overparam.sweep.work import within
    from overparam.theory.dynamics import neuron_movement
    from overparam.theory.kernels.covariance import covariance, second_moment
    from overparam.training.full_batch import draw, scalar_model

    given, widths = inputs_of(cell, cell["n"], 1), cell["width"]
    n, d = given.x.shape
    limit = covariance(given.x, "relu")
    other = limit + second_moment(given.x, "relu")  # of both layers: not the limit of these networks
    smallest = float(np.linalg.eigvalsh(limit)[0])
    lines: dict[str, list[Any]] = {"width": list(widths)}
    with jax.enable_x64(True):
        for i, m in enumerate(widths):
            nets = (two_layer(d, m // 2, bias=False, parametrisation="ntk_unit", train_output=False),
                    two_layer(d, m // 2, bias=False, parametrisation="mean_field", gain=d**0.5))  # fmt: skip
            found, control = (
                trained(cell, scalar_model(net, True), draw(net, jax.random.key(cell["seed"]), True), given,
                        within(progress, (i + k / 2) / len(widths), (i + (k + 1) / 2) / len(widths)))
                for k, net in enumerate(nets)
            )  # fmt: skip
            first = found.pop("gram")
            found |= {
                "start": float(np.linalg.norm(first - limit, 2)) / smallest,
                "other_start": float(np.linalg.norm(first - other, 2)) / smallest,
                "lowest": found.pop("least") / smallest,
                "theory_moved": float(neuron_movement(smallest, n, float(np.linalg.norm(given.y)), [m])[0]),
                "mean_field_moved": control["moved"],
                "mean_field_drift": control["drift"],
            }
            for name, value in found.items():
                lines.setdefault(name, []).append(value)
    return finished({**lines, "smallest": smallest}, f"lambda_0 = {smallest:.3g}")


def estimate(cell: Params) -> Estimate:
    """Two networks of every width, a dozen float64 operations a weight and sample."""
    from overparam.sweep.cost import NARROW, computed

    n, d, widths = cell["n"], 64 if cell["data"] == "digits" else cell["d"], cell["width"]
    passes = cell["steps"] * 2 * sum(widths) * n
    held = 2e7 + 3 * n * max(widths) * (d + 1)
    return computed(passes * (6 * d + 72), held, speed=NARROW, starts=len(widths))


STUDY = study(
    name="lazy-width",
    title="Wide two-layer networks stay near their kernel",
    question="How near to its limit does the kernel of a two-layer ReLU network start and stay, and how far do units move?",
    x="width", sources=(SOURCE, "allenzhu2019"),
    values=("width", "moved", "drift", "gradient_low", "gradient_high", "mean_low", "start", "other_start", "lowest",
            "theory_moved", "mean_field_moved", "mean_field_drift", "smallest"),
    axes=AXES, profiles=PROFILES, claims=CLAIMS, charts=CHARTS, work=work, estimate=estimate, stack_limit=1,
    formerly=Formerly("lazy-training", {"experiment": "width"}, also=(
        {"scale": (1.0, 4.0, 16.0, 64.0, 256.0), "ensemble_width": 256, "members": 50, "samples": 50,
         "targets_width": 512, "target_steps": 400},
        {"widest_deep": 1024, "ensemble_width": 2048, "members": 400, "samples": 400, "targets_width": 4096,
         "target_steps": 4000})),
    differences=(
        "Gradient descent with a fixed number of steps stands for the paper's gradient flow; the step is half of 1 / "
        "largest eigenvalue of the kernel at the start.",
        "Deviations are the largest over about eight probe steps, evenly spaced in the logarithm, not over all steps.",
        "Outputs start at exactly zero by two copies of one network with opposite signs; half of a width are copies.",
        "The law of the gradient is exact for the loss |r|^2 / 2, at every probe step of every width and seed.",
        "Weights are drawn as 24-bit numbers, all computations are in float64.",
    ),
)  # fmt: skip
