"""The targets experiment: ten targets on the same inputs, bounds and times from the kernel, and trained networks."""

from __future__ import annotations

from typing import Any

from overparam.core import Outcome, Params, Progress

SHARE = 0.9  # step, as a share of 1 / largest eigenvalue
TEST = 500
FITTED = 0.05  # of the loss at the start


def solve(cell: Params, report: Progress) -> Outcome:
    """Train one network a target; its test error and time to fit beside what the kernel says."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from overparam.data.stream import stream
    from overparam.models import two_layer
    from overparam.studies.lazy_training.inputs import task, ten_targets
    from overparam.studies.lazy_training.train import descend, finished, jacobian, model_of, start
    from overparam.studies.rounding import rounded
    from overparam.theory.dynamics import generalisation_bound, kernel_dynamics
    from overparam.theory.kernels import covariance

    given = task(cell, cell["samples"], TEST)
    y, y_test = ten_targets(cell, given)
    limit = covariance(given.x, "relu")
    half = two_layer(
        given.x.shape[1], cell["targets_width"] // 2, bias=False, parametrisation="ntk_unit", train_output=False
    )
    model = model_of(half, True)
    order = stream("lazy-training-shuffle", cell["seed"]).permutation(len(given.y))
    with jax.enable_x64(True):
        params = start(half, jax.random.key(cell["seed"]), True)
        jac = jacobian(model, params, given.x)
        course = kernel_dynamics(jac @ jac.T)
        rate = SHARE / float(course.eigenvalues[0])
        stack = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (len(y), *leaf.shape)), params)
        run = descend(
            model, stack, given.x, y, np.full(len(y), rate), np.ones(len(y)), (0, cell["target_steps"]), report
        )
        outputs, trained = (
            np.asarray(jax.vmap(lambda p, x=x: model(p, jnp.asarray(x)))(run.params[-1]))
            for x in (given.x_test, given.x)
        )
    lines: dict[str, list[Any]] = {"target": list(range(1, len(y) + 1))}
    for k in range(len(y)):
        bound = generalisation_bound(limit, y[k])
        start_loss = 0.5 * float(y[k] @ y[k])
        below = np.flatnonzero(run.losses[:, k] <= FITTED * start_loss)
        found = {
            "bound": bound.value,
            "shuffled_bound": generalisation_bound(limit, y[k][order]).value,
            "vacuous": int(bound.vacuous),
            "test_error": float(np.abs(outputs[k] - y_test[k]).mean()),
            "train_error": float(np.abs(trained[k] - y[k]).mean()),
            "steps": float(below[0]) if len(below) else None,
            "theory_steps": course.time_to(y[k], FITTED * start_loss, rate),
            "shuffled_steps": course.time_to(y[k][order], FITTED * start_loss, rate),
        }
        for name, value in found.items():
            lines.setdefault(name, []).append(rounded(value))
    slowest = float(kernel_dynamics(limit).condition)
    return finished({**lines, "condition": rounded(slowest)}, f"condition number of the kernel {slowest:.3g}")
