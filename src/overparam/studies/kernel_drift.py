"""Kernels of deep networks at their start and in training: Jacot, Gabriel and Hongler (2018), Lee et al. (2019).

Networks of one to three hidden layers, all layers trained from random outputs. Their tangent kernels start near limits
that do not depend on the draw, and change little in training, the less the wider the layers.
"""

from __future__ import annotations

from typing import Any

from overparam.core.algebra import (
    Axis, Choice, Claim, Control, Estimate, Formerly, Params, Progress, World, arm, charts, each_cell, line, profiles,
    study,
)  # fmt: skip

WIDTHS = (16, 32, 64, 128, 256, 512, 1024)
QUICK, PAPER = (16, 64, 256, 1024), (*WIDTHS, 2048, 4096, 8192)
SMOOTH = ("tanh", "erf", "gelu", "softplus", "silu", "sine")
DEPTHS = (1, 2, 3)

AXES = (
    Axis("data", "Inputs: on the unit sphere, standard normal, or handwritten digits.", str, "sphere",
         choices=("sphere", "gaussian", "digits"), flag="data"),
    Axis("inputs", "Digits centred and every input scaled to norm 1 (unit), or inputs as they come (raw).", str, "unit",
         choices=("unit", "raw"), flag="inputs"),
    Axis("n", "Training samples.", int, 32, low=4, high=500, flag="n"),
    Axis("d", "Dimension of generated inputs.", int, 10, low=3, high=1000, flag="d"),
    Axis("activation", "Activation.", str, "tanh", choices=SMOOTH, flag="activation"),
    Axis("steps", "Steps of gradient descent.", int, 400, low=8, flag="steps"),
    Axis("width", "Widths, all in one cell.", int, WIDTHS, low=2, high=65536, inside_cell=True, flag="widths"),
    Axis("widest_deep", "Widest network; wider values of --widths are left out.", int, 256, low=2, flag="widest-deep"),
    Axis("seed", "Draws inputs, labels and initial weights.", int, 0, low=0, flag="seeds"),
)  # fmt: skip

PROFILES = profiles(
    {"width": WIDTHS},
    quick=("inputs on the sphere, 3 widths, 5 seeds: under a minute",
           {"n": 16, "steps": 200, "width": QUICK, "seed": (0, 1, 2, 3, 4)}),
    laptop=("inputs on the sphere and digits, widths to 256, 6 seeds", {"data": ("sphere", "digits"), "seed": tuple(range(6))}),
    paper=("both inputs, centred and raw, widths to 1,024, 10 seeds; the papers show few experiments of this kind",
           {"data": ("sphere", "digits"), "inputs": ("unit", "raw"), "steps": 4000, "width": PAPER, "widest_deep": 1024,
            "seed": tuple(range(10))}),
)  # fmt: skip

# what is measured: lines over the width, one a seed and depth
start = {k: line(f"start_{k}", f"distance of the kernel from its limit at depth {k}") for k in DEPTHS}
drift = {k: line(f"drift_{k}", f"largest relative change of the kernel at depth {k}") for k in DEPTHS}
mean_field = line("drift_mean_field", "largest relative change of the kernel with mean-field scaling")

UNIT = Choice("unit if there are any", lambda axis, levels: "unit" if "unit" in levels else "raw")
HERE = arm(inputs=UNIT)
MOVING = "Mean-field scaling (1/width, step times width), under the same rule: features move at every width."


def falling(power: float) -> Any:
    """A planted line that falls as a power of the width."""
    return ((16.0, 1.0), (256.0, 16.0**power))


WORLD = World(
    ("width", (16, 32, 64, 128, 256)), fixed={"inputs": "unit"}, level=0.1,
    lines={**{f"{name}_{k}": falling(-0.5) for name in ("start", "drift") for k in DEPTHS},
           **{f"other_start_{k}": falling(0) for k in DEPTHS}, "drift_mean_field": falling(0)},
    spread={f"{name}_{k}": 0.03 for name in ("start", "drift") for k in DEPTHS},
)  # fmt: skip

CLAIMS = (
    Claim("deep-start", "Kernels of networks with two and three hidden layers start O(1/sqrt(width)) from their limits.",
          ("L22B",), "jacot2018", start[2].slope().within(-0.6, -0.4) & start[3].slope().within(-0.6, -0.4), HERE,
          Control("Distance to the kernel of one layer more, under the same rule: it stays.",
                  HERE.but("the kernel of one layer more", metrics={"start_2": "other_start_2", "start_3": "other_start_3"})),
          chart="deep-start", null=(WORLD.but(start_2=falling(-0.4)), WORLD.but(start_3=falling(-0.6))), effect=WORLD),
    Claim("drift", "The kernel's relative change in training is at most O(1/sqrt(width)), at depths 1 to 3.",
          ("L22D", "L25"), "lee2019",
          drift[1].slope().at_most(-0.4) & drift[2].slope().at_most(-0.4) & drift[3].slope().at_most(-0.4), HERE,
          Control(MOVING, rule=mean_field.slope().at_most(-0.4)), chart="drift",
          null=(WORLD.but(drift_1=falling(-0.4)), WORLD.but(drift_3=falling(-0.4))), effect=WORLD),
    Claim("drift-rate", "The kernel's relative change falls like 1/sqrt(width), not faster.", ("L22D",), "lee2019",
          drift[1].slope().within(-0.6, -0.4) & drift[2].slope().within(-0.6, -0.4) & drift[3].slope().within(-0.6, -0.4),
          HERE, Control(MOVING, rule=mean_field.slope().within(-0.6, -0.4)), chart="drift",
          null=(WORLD.but(drift_2=falling(-0.6)), WORLD.but(drift_2=falling(-0.4))), effect=WORLD),
)  # fmt: skip

CHARTS = charts(
    {"width": "hidden units"}, ("inputs", "inputs"),
    deep_start=("Deep kernels at the start and their limits", "log difference over the limit's smallest eigenvalue",
                {"start_1": "1 hidden layer", "start_2": "2 hidden layers", "start_3": "3 hidden layers",
                 "other_start_2": "2 layers from the limit of 3 (control)"}),
    drift=("How much the kernel changes in training", "log largest relative change of the kernel",
           {"drift_1": "1 hidden layer", "drift_2": "2 hidden layers", "drift_3": "3 hidden layers",
            "drift_mean_field": "mean-field scaling (control)"}, "Theory promises at most 1/sqrt(width)."),
)  # fmt: skip


@each_cell
def work(cell: Params, progress: Progress) -> Any:
    """Train networks of one to three hidden layers, and one with mean-field scaling: kernels at start and end."""
    import jax
    import numpy as np

    from overparam.models import mlp
    from overparam.studies.lazy_work import finished, inputs_of, trained
    from overparam.sweep.work import within
    from overparam.theory.kernels import dense_network, kernels
    from overparam.training.full_batch import draw, scalar_model

    given = inputs_of(cell, cell["n"], 1)
    d, act = given.x.shape[1], cell["activation"]
    widths = [m for m in cell["width"] if m <= cell["widest_deep"]]
    limits: list[Any] = []
    for depth in (*DEPTHS, DEPTHS[-1] + 1):
        form: Any = mlp(d, (1,) * depth, 1, activation=act, bias=False, parametrisation="ntk_unit").form
        limits.append(kernels(dense_network(form), given.x, get="ntk").ntk)
    lines: dict[str, list[Any]] = {"width": list(widths)}
    runs = [(m, k) for m in widths for k in range(len(DEPTHS) + 1)]
    with jax.enable_x64(True):
        for at, (m, k) in enumerate(runs):
            hidden, rule, gain = ((m,) * DEPTHS[k], "ntk_unit", 1.0) if k < len(DEPTHS) else ((m,), "mean_field", d**0.5)
            network = mlp(d, hidden, 1, activation=act, bias=False, parametrisation=rule, gain=gain)
            params = draw(network, jax.random.key(cell["seed"]))
            part = within(progress, at / len(runs), (at + 1) / len(runs))
            found = trained(cell, scalar_model(network), params, given, part)
            values = {f"drift_{DEPTHS[k]}" if k < len(DEPTHS) else "drift_mean_field": found["drift"]}
            if k < len(DEPTHS):
                small = float(np.linalg.eigvalsh(limits[k])[0])
                for name, limit in (("start", limits[k]), ("other_start", limits[k + 1])):
                    values[f"{name}_{DEPTHS[k]}"] = float(np.linalg.norm(found["gram"] - limit, 2)) / small
            for name, value in values.items():
                lines.setdefault(name, []).append(value)
    return finished(lines)


def estimate(cell: Params) -> Estimate:
    """Four networks of every width, a dozen float64 operations a weight and sample."""
    from overparam.sweep.cost import NARROW, computed

    n, d = cell["n"], 64 if cell["data"] == "digits" else cell["d"]
    widths = [m for m in cell["width"] if m <= cell["widest_deep"]]
    passes = cell["steps"] * n * sum(2 * m + 3 * m * (1 + m / d) for m in widths)
    held = 2e7 + 6 * n * max(widths, default=1) ** 2
    return computed(passes * (6 * d + 72), held, speed=NARROW, starts=2 * len(widths))


STUDY = study(
    name="kernel-drift",
    title="How deep networks' kernels start and change in training",
    question="How near to their limits do the kernels of deep networks start, and how much do they change in training?",
    x="width", sources=("jacot2018", "lee2019"),
    values=("width", "drift_mean_field", *(f"{name}_{k}" for name in ("start", "other_start", "drift") for k in DEPTHS)),
    axes=AXES, profiles=PROFILES, claims=CLAIMS, charts=CHARTS, work=work, estimate=estimate, stack_limit=1,
    formerly=Formerly("lazy-training", {"experiment": "drift"}, also=(
        {"scale": (1.0, 4.0, 16.0, 64.0, 256.0), "ensemble_width": 256, "members": 50, "samples": 50,
         "targets_width": 512, "target_steps": 400},
        {"ensemble_width": 2048, "members": 400, "samples": 400, "targets_width": 4096, "target_steps": 4000})),
    differences=(
        "Gradient descent with a fixed number of steps stands for the papers' gradient flow; the step is half of 1 / "
        "largest eigenvalue of the kernel at the start.",
        "The change is the largest over about eight probe steps, evenly spaced in the logarithm, not over all steps.",
        "The theory gives an upper bound on the change only; Lee et al. report that measured changes are nearer to 1/width.",
        "Weights are drawn as 24-bit numbers, all computations are in float64.",
    ),
)  # fmt: skip
