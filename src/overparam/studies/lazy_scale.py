"""Lazy training by the output scale: Chizat, Oyallon and Bach (2019).

A network with zero output at the start is multiplied by alpha, and its step divided by alpha^2. The larger alpha, the
nearer it stays to its linearisation, whose training is known in closed form.
"""

from __future__ import annotations

from typing import Any

from overparam.core.algebra import (
    Axis, Choice, Claim, Control, Estimate, Formerly, Params, Progress, World, arm, charts, each_cell, line, profiles,
    renamed, study,
)  # fmt: skip

SCALES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)
QUICK = (1.0, 4.0, 16.0, 64.0, 256.0)
SMOOTH = ("tanh", "erf", "gelu", "softplus", "silu", "sine")
SHARE, TEST = 0.5, 100  # step, as a share of 1 / largest eigenvalue; test inputs

AXES = (
    Axis("data", "Inputs: on the unit sphere, standard normal, or handwritten digits.", str, "sphere",
         choices=("sphere", "gaussian", "digits"), flag="data"),
    Axis("inputs", "Digits centred and every input scaled to norm 1 (unit), or inputs as they come (raw).", str, "unit",
         choices=("unit", "raw"), flag="inputs"),
    Axis("n", "Training samples.", int, 32, low=4, high=500, flag="n"),
    Axis("d", "Dimension of generated inputs.", int, 10, low=3, high=1000, flag="d"),
    Axis("activation", "Activation.", str, "tanh", choices=SMOOTH, flag="activation"),
    Axis("steps", "Steps of gradient descent.", int, 400, low=8, flag="steps"),
    Axis("scale", "Output scales alpha, all in one cell.", float, SCALES, low=1e-3, high=1e6, inside_cell=True,
         flag="scales"),
    Axis("units", "Hidden units (an even number; half are copies).", int, 128, low=4, flag="units"),
    Axis("seed", "Draws inputs, labels and initial weights.", int, 0, low=0, flag="seeds"),
)  # fmt: skip

PROFILES = profiles(
    {"scale": SCALES},
    quick=("inputs on the sphere, 5 scales, 5 seeds: seconds", {"n": 16, "steps": 200, "scale": QUICK, "seed": (0, 1, 2, 3, 4)}),
    laptop=("inputs on the sphere and digits, 9 scales, 6 seeds", {"data": ("sphere", "digits"), "seed": tuple(range(6))}),
    paper=("both inputs, centred and raw, 4,000 steps, 10 seeds; the paper shows few experiments of this kind",
           {"data": ("sphere", "digits"), "inputs": ("unit", "raw"), "steps": 4000, "seed": tuple(range(10))}),
)  # fmt: skip

# what is measured: lines over the scale, one a seed
distance = line("distance", "largest distance of the weights from their start")
weights = line("weight_gap", "largest distance of the weights from the linearised network's")
outputs = line("output_gap", "largest difference of the outputs from the linearised network's")
centred = line("centred_output_gap", "the same difference where outputs are taken less their start")
undoubled = line("random_output_gap", "the same difference with random output at the start")

UNIT = Choice("unit if there are any", lambda axis, levels: "unit" if "unit" in levels else "raw")
HERE = arm(inputs=UNIT)
NO_FALL = "Networks whose output does not start at zero, under the same rule: no such fall."
L22, SOURCE = ("L22",), "chizat2019"


def random(metric: str) -> Control:
    """The same rule where the output at the start is random."""
    return Control(NO_FALL, HERE.but("random output at the start", metrics=renamed("random_", metric)))


def falling(power: float) -> Any:
    """A planted line that falls as a power of the scale."""
    return ((1.0, 1.0), (256.0, 256.0**power))


WORLD = World(
    ("scale", QUICK), fixed={"inputs": "unit"}, level=0.1,
    lines={"distance": falling(-1), "random_distance": falling(0), "weight_gap": falling(-2),
           "random_weight_gap": falling(0), "output_gap": falling(-1), "random_output_gap": falling(0),
           "centred_output_gap": falling(-1)},
    spread={"distance": 0.03, "weight_gap": 0.03, "output_gap": 0.03, "centred_output_gap": 0.03},
)  # fmt: skip

CLAIMS = (
    Claim("distance", "Output scale alpha: the weights move O(1/alpha) from a start with zero output.", L22, SOURCE,
          distance.slope().within(-1.1, -0.9), HERE, random("distance"), chart="distance",
          null=(WORLD.but(distance=falling(-0.9)), WORLD.but(distance=falling(-1.1))), effect=WORLD),
    Claim("weights", "The weights stay O(1/alpha^2) from those of the linearised network.", L22, SOURCE,
          weights.slope().within(-2.2, -1.8), HERE, random("weight_gap"), chart="weights",
          null=(WORLD.but(weight_gap=falling(-1.8)), WORLD.but(weight_gap=falling(-2.2))), effect=WORLD),
    Claim("outputs", "Outputs on test inputs stay O(1/alpha) from those of the linearised network.", L22, SOURCE,
          outputs.slope().within(-1.15, -0.85), HERE, random("output_gap"), chart="outputs",
          null=(WORLD.but(output_gap=falling(-0.85)), WORLD.but(output_gap=falling(-1.15))), effect=WORLD),
    Claim("outputs-bound", "Outputs on test inputs stay at most O(1/alpha) from those of the linearised network, whatever "
          "makes the output start at zero.", L22, SOURCE,
          outputs.slope().at_most(-0.85) & centred.slope().at_most(-0.85), HERE,
          Control(NO_FALL, rule=undoubled.slope().at_most(-0.85)), chart="outputs",
          null=(WORLD.but(output_gap=falling(-0.85)), WORLD.but(centred_output_gap=falling(-0.85))), effect=WORLD),
)  # fmt: skip

CHARTS = charts(
    {"scale": "output scale alpha"}, ("inputs", "inputs"),
    distance=("How far the weights move", "log largest distance of the weights from their start",
              {"distance": "zero output at the start", "random_distance": "random output at the start",
               "theory_distance": "-theory: linearised network"},
              "The step is divided by alpha squared. Without a zero output the first outputs grow with alpha, so that "
              "the weights must undo them, however large alpha is."),
    weights=("Weights and linearised weights", "log largest distance between them",
             {"weight_gap": "zero output at the start", "random_weight_gap": "random output at the start"}),
    outputs=("Outputs and linearised outputs", "log root mean square difference on test inputs",
             {"output_gap": "zero output at the start: two copies", "centred_output_gap": "zero output: less the start's",
              "random_output_gap": "random output at the start",
              "drift": "-relative change of the kernel, zero output"}),
)  # fmt: skip

STARTS = ("", "random_", "centred_")
MEASURED = ("distance", "theory_distance", "weight_gap", "output_gap", "drift", "loss")


@each_cell
def work(cell: Params, progress: Progress) -> Any:
    """Train at every scale, from zero outputs (two copies, or outputs less their start) and from random ones."""
    import jax

    from overparam.models import two_layer
    from overparam.studies.lazy_work import finished, inputs_of
    from overparam.sweep.work import within
    from overparam.training.full_batch import draw, scalar_model

    given = inputs_of(cell, cell["n"], TEST)
    half = two_layer(given.x.shape[1], cell["units"] // 2, activation=cell["activation"], bias=False,
                     parametrisation="ntk_unit")  # fmt: skip
    values: dict[str, Any] = {"scale": list(cell["scale"])}
    with jax.enable_x64(True):
        for k, start in enumerate(STARTS):
            params = draw(half, jax.random.key(cell["seed"]), start == "")
            part = within(progress, k / 3, (k + 1) / 3)
            found = measure(cell, scalar_model(half, start == ""), params, given, part, start == "centred_")
            values |= {start + name: column for name, column in found.items()}
    return finished(values)


def measure(cell: Params, model: Any, params: Any, given: Any, progress: Progress, centre: bool) -> dict[str, list[float]]:
    """Largest deviations over the probe steps, at every scale, with the step divided by alpha^2.

    Centred: ``alpha (f - f_0)`` is trained, which is to train ``alpha f`` on the labels ``y + alpha f_0``.

    Returns:
        Lists over the scales: ``distance`` of the weights from their start and its linear prediction
        ``theory_distance``, ``weight_gap`` and ``output_gap`` from the linear model (root mean square over the test
        inputs), ``drift`` of the kernel relative to its start, ``loss`` left at the end relative to the start.
    """
    import jax
    import jax.numpy as jnp
    import numpy as np

    from overparam.theory.dynamics import feature_dynamics
    from overparam.training.full_batch import descend, flat_params, log_steps, model_jacobian

    scales = np.asarray(cell["scale"], dtype=np.float64)
    jac, jac_test = (model_jacobian(model, params, x) for x in (given.x, given.x_test))
    start, start_test = (np.asarray(model(params, jnp.asarray(x))) for x in (given.x, given.x_test))
    linear = feature_dynamics(jac)
    rate = SHARE / float(linear.eigenvalues[0])
    stack = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (len(scales), *leaf.shape)), params)
    targets = given.y + scales[:, None] * start * centre
    run = descend(model, stack, given.x, targets, rate / scales**2, scales, log_steps(cell["steps"]), progress)
    origin, gram = flat_params(params), jac @ jac.T
    found: dict[str, list[float]] = {name: [] for name in MEASURED}
    for k, alpha in enumerate(scales):
        # in the parameters' unit: alpha J has the kernel alpha^2 J J^T, and the step is divided by alpha^2
        way = -linear.dual(alpha * start - targets[k], run.steps, rate) / alpha @ jac
        way_test = alpha * start_test + alpha * way @ jac_test.T
        members = [run.member(p, k) for p in range(len(run.steps))]
        moved = np.stack([flat_params(one) for one in members]) - origin
        seen = np.stack([alpha * np.asarray(model(one, jnp.asarray(given.x_test))) for one in members])
        end = model_jacobian(model, members[-1], given.x)
        here = (
            np.linalg.norm(moved, axis=1).max(), np.linalg.norm(way, axis=1).max(),
            np.linalg.norm(moved - way, axis=1).max(), np.sqrt(np.mean((seen - way_test) ** 2, axis=1)).max(),
            np.linalg.norm(end @ end.T - gram) / np.linalg.norm(gram), run.losses[-1, k] / run.losses[0, k],
        )  # fmt: skip
        for name, value in zip(MEASURED, here, strict=True):
            found[name].append(float(value))
    return found


def estimate(cell: Params) -> Estimate:
    """Three starts at every scale, a dozen float64 operations a weight and sample."""
    from overparam.sweep.cost import NARROW, computed

    n, units, d = cell["n"], cell["units"], 64 if cell["data"] == "digits" else cell["d"]
    passes = cell["steps"] * 3 * len(cell["scale"]) * units * n
    return computed(passes * (6 * d + 72), 2e7 + n * units * (d + 1), speed=NARROW, starts=2)


STUDY = study(
    name="lazy-scale",
    title="Lazy training by the output scale",
    question="When does a network train like its linearisation?",
    x="scale", sources=(SOURCE,), values=("scale", *(start + name for start in STARTS for name in MEASURED)),
    axes=AXES, profiles=PROFILES, claims=CLAIMS, charts=CHARTS, work=work, estimate=estimate, stack_limit=1,
    formerly=Formerly("lazy-training", also=(
        {"width": (16, 64, 256, 1024), "ensemble_width": 256, "members": 50, "samples": 50, "targets_width": 512,
         "target_steps": 400},
        {"width": (16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192), "widest_deep": 1024, "ensemble_width": 2048,
         "members": 400, "samples": 400, "targets_width": 4096, "target_steps": 4000})),
    differences=(
        "Gradient descent with a fixed number of steps stands for the paper's gradient flow; the step is half of 1 / "
        "largest eigenvalue of the kernel at the start, divided by alpha^2.",
        "Deviations are the largest over about eight probe steps, evenly spaced in the logarithm, not over all steps.",
        "Outputs start at exactly zero by two copies of one network with opposite signs; half of the units are copies. "
        "The paper allows any model with zero output.",
        "The claim outputs-bound was added after a first run had shown that the gap of outputs falls faster than "
        "claimed; its cut-off is the upper one of outputs.",
        "Weights are drawn as 24-bit numbers, all computations are in float64.",
    ),
)  # fmt: skip
