"""The width experiments: how near kernels start to their limit, how far neurons go, how much kernels change."""

from __future__ import annotations

from typing import Any

from overparam.core import Outcome, Params, Progress

SHARE = 0.5  # step, as a share of 1 / largest eigenvalue of the kernel at the start
DEPTHS = (1, 2, 3)


def solve(cell: Params, report: Progress) -> Outcome:
    """Two-layer ReLU networks of every width from zero outputs, hidden layer trained, beside mean-field scaling."""
    import jax
    import numpy as np

    from overparam.models import two_layer
    from overparam.studies.lazy_training.inputs import task
    from overparam.studies.lazy_training.train import finished, model_of, start
    from overparam.studies.progress import within
    from overparam.studies.rounding import rounded
    from overparam.theory.dynamics import neuron_movement
    from overparam.theory.kernels.covariance import covariance, second_moment

    given = task(cell, cell["n"], 1)
    n, d = given.x.shape
    limit = covariance(given.x, "relu")
    other = limit + second_moment(given.x, "relu")  # of both layers: not the limit of these networks
    smallest = float(np.linalg.eigvalsh(limit)[0])
    widths = cell["width"]
    lines: dict[str, list[Any]] = {"width": list(widths)}
    with jax.enable_x64(True):
        for i, m in enumerate(widths):
            half = two_layer(d, m // 2, bias=False, parametrisation="ntk_unit", train_output=False)
            params = start(half, jax.random.key(cell["seed"]), True)
            part = within(report, i / len(widths), (i + 0.5) / len(widths))
            found = trained(cell, model_of(half, True), params, given, part)
            first = found.pop("gram")
            found["start"] = float(np.linalg.norm(first - limit, 2)) / smallest
            found["other_start"] = float(np.linalg.norm(first - other, 2)) / smallest
            found["lowest"] = found.pop("least") / smallest
            found["theory_moved"] = float(neuron_movement(smallest, n, float(np.linalg.norm(given.y)), [m])[0])
            slow = two_layer(d, m // 2, bias=False, parametrisation="mean_field", gain=d**0.5)
            params = start(slow, jax.random.key(cell["seed"]), True)
            part = within(report, (i + 0.5) / len(widths), (i + 1) / len(widths))
            control = trained(cell, model_of(slow, True), params, given, part)
            found["mean_field_moved"], found["mean_field_drift"] = control["moved"], control["drift"]
            for name, value in found.items():
                lines.setdefault(name, []).append(rounded(value))
    return finished({**lines, "smallest": rounded(smallest)}, f"lambda_0 = {smallest:.3g}")


def drift(cell: Params, report: Progress) -> Outcome:
    """Networks of one to three hidden layers, all layers trained, random outputs: kernels at the start and the end."""
    import jax
    import numpy as np

    from overparam.models import mlp
    from overparam.studies.lazy_training.inputs import task
    from overparam.studies.lazy_training.train import finished, model_of, start
    from overparam.studies.progress import within
    from overparam.studies.rounding import rounded
    from overparam.theory.kernels import dense_network, kernels

    given = task(cell, cell["n"], 1)
    d, act = given.x.shape[1], cell["activation"]
    widths = [m for m in cell["width"] if m <= cell["widest_deep"]]
    limits: list[Any] = []
    for depth in (*DEPTHS, DEPTHS[-1] + 1):
        form: Any = mlp(d, (1,) * depth, 1, activation=act, bias=False, parametrisation="ntk_unit").form
        limits.append(kernels(dense_network(form), given.x, get="ntk").ntk)
    lines: dict[str, list[Any]] = {"width": list(widths)}
    todo = len(widths) * (len(DEPTHS) + 1)
    with jax.enable_x64(True):
        for i, m in enumerate(widths):
            arms = {str(depth): ((m,) * depth, "ntk_unit", 1.0) for depth in DEPTHS}
            arms["mean_field"] = ((m,), "mean_field", d**0.5)
            for k, (arm, (hidden, rule, gain)) in enumerate(arms.items()):
                network = mlp(d, hidden, 1, activation=act, bias=False, parametrisation=rule, gain=gain)
                params = start(network, jax.random.key(cell["seed"]), False)
                at = i * len(arms) + k
                part = within(report, at / todo, (at + 1) / todo)
                found = trained(cell, model_of(network, False), params, given, part)
                values = {f"drift_{arm}": found["drift"]}
                if arm != "mean_field":
                    limit, wrong = limits[k], limits[k + 1]
                    small = float(np.linalg.eigvalsh(limit)[0])
                    values[f"start_{arm}"] = float(np.linalg.norm(found["gram"] - limit, 2)) / small
                    values[f"other_start_{arm}"] = float(np.linalg.norm(found["gram"] - wrong, 2)) / small
                for name, value in values.items():
                    lines.setdefault(name, []).append(rounded(value))
    return finished(lines)


def trained(cell: Params, model: Any, params: Any, given: Any, report: Progress) -> dict[str, Any]:
    """Train one network and measure it at the probe steps.

    Returns:
        ``gram``: its kernel at the start. ``moved``: largest distance of a hidden unit's weights from their start.
        ``drift``: largest relative change of the kernel. ``least``: smallest eigenvalue of the kernel at any probe.
        ``gradient_low``, ``gradient_high``: smallest margins of ``s_min^2 <= |grad|^2 / (2 F) <= s_max^2`` over
        ``s_max^2``; ``mean_low`` the first with the gradient of the mean loss, which obeys no such law.
    """
    import jax
    import jax.numpy as jnp
    import numpy as np

    from overparam.studies.lazy_training.train import descend, flat, jacobian, probes

    x, y = jnp.asarray(given.x), jnp.asarray(given.y)
    jac = jacobian(model, params, given.x)
    gram = jac @ jac.T
    rate = SHARE / float(np.linalg.eigvalsh(gram)[-1])
    stack = jax.tree.map(lambda leaf: leaf[None], params)
    run = descend(model, stack, given.x, given.y[None], [rate], [1.0], probes(cell["steps"]), report)

    def half(p: Any) -> Any:
        return 0.5 * jnp.sum((model(p, x) - y) ** 2)

    found: dict[str, Any] = {"gram": gram, "moved": 0.0, "drift": 0.0, "least": np.inf}
    margins = []
    for probe in range(len(run.steps)):
        now = run.member(probe, 0)
        if not np.isfinite(flat(now)).all():
            return found | {
                "moved": np.nan, "drift": np.nan, "least": np.nan,
                "gradient_low": np.nan, "gradient_high": np.nan, "mean_low": np.nan,
            }  # fmt: skip
        there = jacobian(model, now, given.x)
        here = there @ there.T
        lam = np.linalg.eigvalsh(here)
        value, grad = jax.value_and_grad(half)(now)
        ratio = float(np.square(flat(grad)).sum()) / (2 * float(value))
        margins.append([ratio - lam[0], lam[-1] - ratio, ratio / len(given.y) - lam[0]] / lam[-1])
        found["drift"] = max(found["drift"], float(np.linalg.norm(here - gram) / np.linalg.norm(gram)))
        found["least"] = min(found["least"], float(lam[0]))
        found["moved"] = max(found["moved"], _moved(params, now))
    low = np.min(margins, axis=0)
    return found | {"gradient_low": low[0], "gradient_high": low[1], "mean_low": low[2]}


def _moved(params: Any, now: Any) -> float:
    """Largest distance of a first-layer unit's weights from their start."""
    import numpy as np

    copies = zip(params, now, strict=True) if isinstance(params, tuple) else [(params, now)]
    return max(
        float(np.linalg.norm(np.asarray(b["hidden1"]["weight"] - a["hidden1"]["weight"]), axis=1).max())
        for a, b in copies
    )
