"""What the five studies of lazy training share: inputs with labels +1 and -1, one trained network, an outcome."""

from __future__ import annotations

from typing import Any, NamedTuple

from overparam.core.algebra import Outcome, Params, Progress

SHARE = 0.5  # step, as a share of 1 / largest eigenvalue of the kernel at the start


class Inputs(NamedTuple):
    """Inputs and labels in float64.

    Attributes:
        x: shape ``(n, features)``.
        y: +1 for the upper half of the classes, -1 for the lower, shape ``(n,)``.
        classes: shape ``(n,)``.
        x_test: test inputs.
        classes_test: their classes.
    """

    x: Any
    y: Any
    classes: Any
    x_test: Any
    classes_test: Any


def inputs_of(cell: Params, n: int, n_test: int) -> Inputs:
    """The inputs of a cell: drawn or chosen by its seed, as they come or centred and scaled to norm 1.

    Args:
        cell: with ``data``, ``inputs``, ``d`` and ``seed``.
        n: training samples.
        n_test: test samples, at most 500.
    """
    import numpy as np

    from overparam.data import flatten, load, unit_rows
    from overparam.data.stream import stream

    digits = cell["data"] == "digits"
    if digits:
        whole, rng = flatten(load("digits")), stream("lazy-training", cell["seed"])
        train, test = rng.permutation(len(whole.y))[:n], rng.permutation(len(whole.y_test))[:n_test]
        x, labels, x_test, labels_test = whole.x[train], whole.y[train], whole.x_test[test], whole.y_test[test]
    else:
        made = load(f"{cell['data']}:n={n},d={cell['d']},n_test={n_test},seed={cell['seed']}")
        x, labels, x_test, labels_test = made.x, made.y, made.x_test, made.y_test
    x, x_test = x.astype(np.float64), x_test.astype(np.float64)
    if cell["inputs"] == "unit":
        mean = x.mean(axis=0) if digits else 0.0
        x, x_test = unit_rows(x - mean), unit_rows(x_test - mean)
    return Inputs(x, np.where(labels >= (5 if digits else 1), 1.0, -1.0), labels, x_test, labels_test)


def trained(cell: Params, model: Any, params: Any, given: Inputs, progress: Progress) -> dict[str, Any]:
    """Train one network and measure it at the probe steps.

    Returns:
        ``gram``: its kernel at the start. ``moved``: largest distance of a hidden unit's weights from their start.
        ``drift``: largest relative change of the kernel. ``least``: smallest eigenvalue of the kernel at any probe.
        ``gradient_low``, ``gradient_high``: smallest margins of ``s_min^2 <= |grad|^2 / (2 F) <= s_max^2`` over
        ``s_max^2``; ``mean_low`` the first with the gradient of the mean loss, which obeys no such law. All but the
        first are NaN where training diverged.
    """
    import jax
    import jax.numpy as jnp
    import numpy as np

    from overparam.training.full_batch import descend, flat_params, log_steps, model_jacobian

    x, y = jnp.asarray(given.x), jnp.asarray(given.y)
    jac = model_jacobian(model, params, given.x)
    gram = jac @ jac.T
    rate = SHARE / float(np.linalg.eigvalsh(gram)[-1])
    stack = jax.tree.map(lambda leaf: leaf[None], params)
    run = descend(model, stack, given.x, given.y[None], [rate], [1.0], log_steps(cell["steps"]), progress)
    half = jax.value_and_grad(lambda p: 0.5 * jnp.sum((model(p, x) - y) ** 2))
    names = ("moved", "drift", "least", "gradient_low", "gradient_high", "mean_low")
    seen = []
    for probe in range(len(run.steps)):
        now = run.member(probe, 0)
        if not np.isfinite(flat_params(now)).all():
            return {"gram": gram, **dict.fromkeys(names, np.nan)}
        jac = model_jacobian(model, now, given.x)
        here = jac @ jac.T
        lam, (value, grad) = np.linalg.eigvalsh(here), half(now)
        ratio = float(np.square(flat_params(grad)).sum()) / (2 * float(value))
        margins = np.array([ratio - lam[0], lam[-1] - ratio, ratio / len(given.y) - lam[0]]) / lam[-1]
        seen.append([-_moved(params, now), -np.linalg.norm(here - gram) / np.linalg.norm(gram), lam[0], *margins])
    low = np.min(seen, axis=0)
    return {"gram": gram, **dict(zip(names, (-low[0], -low[1], *low[2:]), strict=True))}


def _moved(params: Any, now: Any) -> float:
    """Largest distance of a first-layer unit's weights from their start."""
    import numpy as np

    copies = zip(params, now, strict=True) if isinstance(params, tuple) else [(params, now)]
    gaps = [np.asarray(b["hidden1"]["weight"] - a["hidden1"]["weight"]) for a, b in copies]
    return max(float(np.linalg.norm(gap, axis=1).max()) for gap in gaps)


def finished(values: dict[str, Any], note: str = "") -> Outcome:
    """An outcome: diverged, with the metrics named, where a list of measurements holds a number that is not finite.

    Steps to fit and bounds may be missing without divergence: not reached, or infinite.

    >>> finished({"width": [2, 4], "moved": [0.5, float("nan")]}).note
    'training diverged at 1 of 2 values of moved'
    """
    from overparam.sweep.work import outcome

    made = outcome(values, digits=7).values
    gone = {name: row.count(None) for name, row in made.items()
            if isinstance(row, list) and not name.endswith(("steps", "bound")) and None in row}  # fmt: skip
    lost = ", ".join(f"{many} of {len(made[name])} values of {name}" for name, many in gone.items())
    return outcome(made, digits=7, lost=lost, note=note)
