"""The ensemble experiment: many wide networks trained alike, against the Gaussian formula for infinitely wide ones."""

from __future__ import annotations

from typing import Any

from overparam.core import Outcome, Params, Progress

SHARE = 0.5  # step, as a share of 1 / largest eigenvalue of the limit kernel
TEST = 20
CHUNK = 50  # networks trained at a time


def solve(cell: Params, report: Progress) -> Outcome:
    """Train networks that differ in their start alone; mean and variance on test inputs, and the formula's."""
    import jax
    import numpy as np

    from overparam.models import mlp
    from overparam.studies.lazy_training.inputs import task
    from overparam.studies.lazy_training.train import probes
    from overparam.studies.progress import within
    from overparam.studies.rounding import rounded
    from overparam.theory.dynamics import ensemble, kernel_dynamics
    from overparam.theory.kernels import dense_network, kernels

    given = task(cell, cell["n"], TEST)
    d, width, act = given.x.shape[1], cell["ensemble_width"], cell["activation"]
    network = mlp(d, (width,), 1, activation=act, bias=False, parametrisation="ntk_unit")
    form: Any = network.form
    whole: Any = kernels(dense_network(form), np.concatenate([given.x, given.x_test]))
    n = len(given.x)
    train, test = slice(0, n), slice(n, None)
    ntk = whole.ntk[train, train]
    rate = SHARE / float(kernel_dynamics(ntk).eigenvalues[0])
    steps = probes(cell["steps"], 5)
    predicted = ensemble(
        ntk, whole.nngp[train, train], given.y, steps, rate,
        cross_ntk=whole.ntk[test, train], cross_nngp=whole.nngp[test, train], test_nngp=whole.nngp[test, test],
    )  # fmt: skip
    mean, variance = predicted.mean[-1], np.diagonal(predicted.covariance[-1])
    values: dict[str, Any] = {
        "time": [max(1, step) for step in steps],
        "theory_spread": rounded(np.sqrt(np.diagonal(predicted.covariance, axis1=1, axis2=2).mean(axis=1))),
    }
    slow = mlp(d, (width,), 1, activation=act, bias=False, parametrisation="mean_field", gain=d**0.5)
    with jax.enable_x64(True):
        # the mean-field kernel is the other one over the width, so the step is as many times larger
        for k, (arm, one, step) in enumerate((("", network, rate), ("mean_field_", slow, rate * width))):
            part = within(report, k / 2, (k + 1) / 2)
            outputs = sample(cell, one, given, step, steps, part)
            end = outputs[-1]
            error = np.sqrt(end.var(axis=0, ddof=1) / len(end))
            values |= {
                f"{arm}spread": rounded(np.sqrt(outputs.var(axis=1, ddof=1).mean(axis=1))),
                f"{arm}variance_ratio": rounded(float(np.mean(end.var(axis=0, ddof=1) / variance))),
                f"{arm}mean_share": rounded(float(end.mean(axis=0) @ mean / (mean @ mean))),
                f"{arm}z": rounded(float(np.sqrt(np.mean(((end.mean(axis=0) - mean) / error) ** 2)))),
            }
    return Outcome(values)


def sample(cell: Params, network: Any, given: Any, rate: float, steps: Any, report: Progress) -> Any:
    """Outputs of the trained networks on the test inputs, shape ``(steps, members, n_test)``."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from overparam.studies.lazy_training.train import descend, model_of
    from overparam.studies.progress import within

    model, found = model_of(network, False), []
    many = -(-cell["members"] // CHUNK)
    show = jax.jit(jax.vmap(lambda p: model(p, jnp.asarray(given.x_test))))
    keys = jax.random.split(jax.random.fold_in(jax.random.key(cell["seed"]), 1), many * CHUNK)
    for i in range(many):
        part = keys[i * CHUNK : (i + 1) * CHUNK]
        params = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), jax.vmap(network.init)(part))
        y = np.broadcast_to(given.y, (CHUNK, len(given.y)))
        told = within(report, i / many, (i + 1) / many)
        run = descend(model, params, given.x, y, np.full(CHUNK, rate), np.ones(CHUNK), steps, told)
        found.append(np.stack([np.asarray(show(p)) for p in run.params]))
    return np.concatenate(found, axis=1)[:, : cell["members"]]
