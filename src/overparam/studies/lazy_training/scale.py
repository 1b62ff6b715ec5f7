"""The scale experiment: networks that start at zero output, times alpha, beside their own linearisation."""

from __future__ import annotations

from typing import Any

from overparam.core import Outcome, Params, Progress

SHARE = 0.5  # step, as a share of 1 / largest eigenvalue
TEST = 100


def solve(cell: Params, report: Progress) -> Outcome:
    """Train at every output scale, from zero outputs (two copies, or outputs less their start) and from random ones."""
    import jax
    import numpy as np

    from overparam.models import two_layer
    from overparam.studies.lazy_training.inputs import task
    from overparam.studies.lazy_training.train import finished, model_of, start
    from overparam.studies.progress import within
    from overparam.studies.rounding import rounded

    given = task(cell, cell["n"], TEST)
    scales = np.asarray(cell["scale"], dtype=np.float64)
    half = two_layer(
        given.x.shape[1],
        cell["units"] // 2,
        activation=cell["activation"],
        bias=False,
        parametrisation="ntk_unit",
    )
    values: dict[str, Any] = {"scale": list(cell["scale"])}
    with jax.enable_x64(True):
        for k, arm in enumerate(("", "random_", "centred_")):
            params = start(half, jax.random.key(cell["seed"]), arm == "")
            model = model_of(half, arm == "")
            part = within(report, k / 3, (k + 1) / 3)
            found = measure(cell, model, params, given, scales, part, arm == "centred_")
            values |= {f"{arm}{name}": rounded(line) for name, line in found.items()}
    return finished(values)


def measure(
    cell: Params, model: Any, params: Any, given: Any, scales: Any, report: Progress, centred: bool
) -> dict[str, Any]:
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

    from overparam.studies.lazy_training.train import descend, flat, jacobian, probes
    from overparam.theory.dynamics import feature_dynamics

    members = len(scales)
    jac = jacobian(model, params, given.x)
    jac_test = jacobian(model, params, given.x_test)
    start, start_test = (np.asarray(model(params, jnp.asarray(x))) for x in (given.x, given.x_test))
    course = feature_dynamics(jac)
    rate = SHARE / float(course.eigenvalues[0])
    stack = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (members, *leaf.shape)), params)
    targets = given.y + scales[:, None] * start * centred
    run = descend(model, stack, given.x, targets, rate / scales**2, scales, probes(cell["steps"]), report)
    origin, gram = flat(params), jac @ jac.T
    found: dict[str, list[float]] = {
        name: [] for name in ("distance", "theory_distance", "weight_gap", "output_gap", "drift", "loss")
    }
    for k, alpha in enumerate(scales):
        # in the parameters' unit: alpha J has the kernel alpha^2 J J^T, and the step is divided by alpha^2
        dual = course.dual(alpha * start - targets[k], run.steps, rate) / alpha
        line = -dual @ jac
        line_test = alpha * start_test + alpha * line @ jac_test.T
        moved = np.stack([flat(run.member(p, k)) for p in range(len(run.steps))]) - origin
        outputs = np.stack(
            [
                alpha * np.asarray(model(run.member(p, k), jnp.asarray(given.x_test)))
                for p in range(len(run.steps))
            ]
        )
        end = jacobian(model, run.member(-1, k), given.x)
        found["distance"].append(float(np.linalg.norm(moved, axis=1).max()))
        found["theory_distance"].append(float(np.linalg.norm(line, axis=1).max()))
        found["weight_gap"].append(float(np.linalg.norm(moved - line, axis=1).max()))
        found["output_gap"].append(float(np.sqrt(np.mean((outputs - line_test) ** 2, axis=1)).max()))
        found["drift"].append(float(np.linalg.norm(end @ end.T - gram) / np.linalg.norm(gram)))
        found["loss"].append(float(run.losses[-1, k] / run.losses[0, k]))
    return found
