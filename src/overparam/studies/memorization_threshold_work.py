"""The work of memorization-threshold: the least width that fits random labels, by two optimizers, and ranks.

The network is ``f(x) = sum_l v_l phi(w_l . x)`` with v fixed, so that width times inputs is the number of trained weights.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from overparam.core import DataError, Params, Progress, shares, within
from overparam.data import signed
from overparam.data.stream import stream
from overparam.models.activations import activation as jax_activation
from overparam.own.instance import Instance, draw_instance
from overparam.own.required_widths import obstacle
from overparam.theory.activations import activation as activation_of
from overparam.theory.matrix_recovery import local_dimension
from overparam.training.levenberg_marquardt import levenberg_marquardt

FITTED = 1e-3  # mean square error over that of answering 0: fitted, by either optimizer
EXACT = 1e-6  # |r| over |y| at which Levenberg-Marquardt stops: an exact fit
LOOKS = 20  # of gradient descent at its loss
RANK = 1e-9  # of the largest singular value


def task(cell: Params, n: int) -> tuple[Any, Any, Any]:
    """Inputs of norm 1, random signs, and normal labels of the same length.

    Raises:
        DataError: inputs that no network tells apart though their labels differ.
    """
    x = signed(cell["data"], n, 1, d=cell["d"], seed=cell["seed"]).x
    rng = stream(f"memorization labels {n}", cell["seed"])
    y = np.where(rng.uniform(size=n) < 0.5, -1.0, 1.0)
    normal = rng.standard_normal(n)
    told = obstacle(x, y) or opposite(x, cell["activation"])
    if told:
        raise DataError(told)
    return x, y, normal * math.sqrt(n) / np.linalg.norm(normal)


def opposite(x: Any, activation: str) -> str:
    """A sentence on two inputs of which one is minus the other, where an odd or even activation ties their outputs."""
    parity = activation_of(activation).parity
    if parity not in ("odd", "even"):
        return ""
    i, j = np.unravel_index(int(np.argmin(x @ x.T)), (len(x), len(x)))
    if np.abs(x[i] + x[j]).max() > 1e-9:
        return ""
    return (
        f"Rows {min(i, j)} and {max(i, j)} of x are opposite, and {activation} is {parity}: their outputs are tied whatever the "
        "weights. Leave one of them out, or take another activation."
    )


def widths_of(cell: Params, n: int, features: int) -> list[int]:
    """The widths at which parameters over samples come nearest to the asked ratios, ascending and apart."""
    return sorted({max(1, round(ratio * n / features)) for ratio in cell["ratio"]})


def strong(x: Any, y: Any, activation: str, width: int, seed: int, iterations: int) -> float:
    """What Levenberg-Marquardt leaves of the labels from one start, ``|r| / |y|``."""
    start = draw_instance(x, y, activation, width, seed)
    shape, size = start.weights.shape, float(np.linalg.norm(y))
    found = levenberg_marquardt(
        lambda t: start.residual(t.reshape(shape)), lambda t: start.jacobian(t.reshape(shape)), start.weights.ravel(),
        tolerance=1e-12, iterations=iterations, visit=lambda _, __, r: bool(np.linalg.norm(r) <= EXACT * size),
    )  # fmt: skip
    return found.norm / size


@functools.lru_cache(maxsize=8)
def _program(activation: str) -> Any:
    act = jax_activation(activation)

    def loss(w: Any, v: Any, x: Any, y: Any) -> Any:
        return 0.5 * jnp.sum(jnp.square(act(x @ w.T) @ v - y))

    slope = jax.vmap(jax.grad(loss), in_axes=(0, 0, None, None))
    value = jax.vmap(loss, in_axes=(0, 0, None, None))

    @jax.jit
    def advance(w: Any, v: Any, x: Any, y: Any, rates: Any, steps: Any) -> Any:
        w = jax.lax.fori_loop(0, steps, lambda _, now: now - rates[:, None, None] * slope(now, v, x, y), w)
        return w, value(w, v, x, y)

    return advance


def descend(starts: Sequence[Instance], steps: int, progress: Progress) -> list[float]:
    """What gradient descent leaves of the labels, mean square error over that of answering 0, from each start.

    Networks of all widths go side by side: idle units with output weight 0 fill the narrow ones. The step is 1 over the
    largest eigenvalue of the tangent kernel at the start.

    Args:
        starts: networks on the same data.
        steps: most steps.
        progress: told the fraction done.
    """
    if not starts:
        return []
    first = starts[0]
    most = max(one.width for one in starts)
    w = np.zeros((len(starts), most, first.x.shape[1]))
    v = np.zeros((len(starts), most))
    for i, one in enumerate(starts):
        w[i, : one.width], v[i, : one.width] = one.weights, one.output
    rates = [1.0 / float(np.linalg.eigvalsh(one.kernel())[-1]) for one in starts]
    single = [jnp.asarray(a, jnp.float32) for a in (w, v, first.x, first.y, rates)]
    advance, now = _program(first.activation.name), single[0]
    zero = 0.5 * float(first.y @ first.y)
    best = np.full(len(starts), np.inf)
    for look in range(LOOKS):
        now, left = advance(now, *single[1:], steps * (look + 1) // LOOKS - steps * look // LOOKS)
        best = np.fmin(best, np.asarray(left, float) / zero)
        progress((look + 1) / LOOKS)
        if (best <= FITTED).all():
            break
    return [float(one) for one in best]


def least(widths: Sequence[int], fitted: Sequence[float]) -> int | None:
    """The least width at which some start fits."""
    return next((k for k, share in zip(widths, fitted, strict=True) if share > 0), None)


def size_of(cell: Params, n: int, progress: Progress) -> dict[str, Any]:
    """All widths at one number of samples."""
    x, y, normal = task(cell, n)
    act, features = cell["activation"], x.shape[1]
    widths, starts = widths_of(cell, n, features), cell["starts"]
    lm, control, closest, wrong = [], [], [], 0
    for place, k in enumerate(widths):
        seeds = [1000 * cell["seed"] + i for i in range(starts)]
        lm.append([strong(x, y, act, k, s, cell["iterations"]) for s in seeds])
        square = local_dimension(features, k) if k <= features else features * (features + 1) // 2
        if square < n:  # more labels than squares can move: a few starts show it
            seeds = seeds[:1]
        control.append([strong(x, y, "quadratic", k, s, cell["iterations"]) for s in seeds])
        if k * features < n:
            closest += [strong(x, normal, act, k, s, cell["iterations"]) for s in seeds]
        jacobian = draw_instance(x, y, act, k, seeds[0]).jacobian()
        values = np.linalg.svd(jacobian, compute_uv=False)
        wrong += int((values > RANK * values[0]).sum() != min(n, k * features))
        progress(0.6 * (place + 1) / len(widths))
    drawn = [draw_instance(x, y, act, k, 1000 * cell["seed"] + i) for k in widths for i in range(starts)]
    half = starts * (
        len(widths) - len(widths) // 3
    )  # narrow ones apart: all of a stack are as wide as the widest
    found = descend(drawn[:half], cell["steps"], within(progress, 0.6, 0.75))
    found += descend(drawn[half:], cell["steps"], within(progress, 0.75, 1.0))
    left = np.array(found).reshape(len(widths), starts)
    shares_of = {
        "strong": [float(np.mean(np.square(one) <= FITTED)) for one in lm],
        "descent": [float(one) for one in (left <= FITTED).mean(axis=1)],
        "square": [float(np.mean(np.square(one) <= FITTED)) for one in control],
    }
    return {
        **{f"{name}_share": one for name, one in shares_of.items()},
        **{f"{name}_width": least(widths, one) for name, one in shares_of.items()},
        "ratio": [k * features / n for k in widths], "widest": max(widths), "features": features,
        "closest": min(closest, default=None), "wrong_ranks": wrong, "bound_width": math.ceil(n / features),
    }  # fmt: skip


def run(cell: Params, progress: Progress) -> dict[str, Any]:
    """All numbers of samples of one cell; shares over the ratio are those of the most samples."""
    sizes = list(cell["n"])
    for n in sizes:
        task(cell, n)  # what cannot be fitted is refused before any work
    rows = [
        size_of(cell, n, within(progress, low, high))
        for n, (low, high) in zip(sizes, shares([n * n for n in sizes]), strict=True)
    ]
    found: dict[str, Any] = {"samples": sizes}
    for name in ("strong", "descent", "square"):
        found[f"{name}_width"] = [row[f"{name}_width"] or row["widest"] for row in rows]
        found[f"{name}_missing"] = sum(row[f"{name}_width"] is None for row in rows)
        found[f"{name}_load"] = [
            w * row["features"] / n for w, row, n in zip(found[f"{name}_width"], rows, sizes, strict=True)
        ]
        found[f"{name}_share"] = rows[-1][f"{name}_share"]
    found |= {name: [row[name] for row in rows] for name in ("closest", "wrong_ranks", "bound_width")}
    return found | {"ratio": rows[-1]["ratio"]}
