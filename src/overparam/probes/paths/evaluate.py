"""Loss and error at every point of a path, as one stack of networks in one compiled program."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Bool, Float, Float64
from numpy.typing import ArrayLike

from overparam.core.errors import DataError, UsageError
from overparam.core.memory import memory_budget
from overparam.models.network import Network, PyTree
from overparam.models.state import join, split
from overparam.probes.paths.front import Front, front_of
from overparam.probes.paths.path import Path
from overparam.training import inputs
from overparam.training.choice import one_by_one
from overparam.training.evaluate import BLOCK, block_of
from overparam.training.losses import Loss, wrong
from overparam.training.losses import loss as loss_of
from overparam.training.recipe import Recipe
from overparam.training.statistics import STATISTICS, refreshed

EXAMPLES = 64e6  # bytes of intermediate values that a part of the examples may take
TOGETHER = 16  # points side by side, where they are not taken one after another
SHARE = 0.2  # of the memory that may be used: losses of every example at every point
AGAIN = (
    "Statistics of batches were found anew at every point from {n:,} examples; only trained weights are summed."
)
BETWEEN = "Points between those of the grid were not looked at."


@dataclass(frozen=True, eq=False)
class Along:
    """What was measured at the points of a path.

    Attributes:
        t: places, as the path has them.
        loss: mean loss at each point, in the unit of the loss; infinite or missing where it is not finite.
        error: share of wrong labels at each point, from 0 to 1; None for targets that are no labels.
        each_loss: loss of every example at every point; None where it was not asked for.
        each_wrong: whether every example is wrong at every point; None likewise, and for targets that are no labels.
        examples: how many.
        remarks: what the numbers rest on, one sentence each.
    """

    t: Float64[np.ndarray, "points ..."]
    loss: Float64[np.ndarray, " points"]
    error: Float64[np.ndarray, " points"] | None
    each_loss: Float[np.ndarray, "points n"] | None = field(repr=False)
    each_wrong: Bool[np.ndarray, "points n"] | None = field(repr=False)
    examples: int
    remarks: tuple[str, ...]


def along(
    path: Path,
    x: ArrayLike,
    y: ArrayLike,
    *,
    loss: Any = "cross_entropy",
    statistics: ArrayLike | None = None,
    each: bool = True,
) -> Along:
    """Loss and error at every point of a path.

    The points are one stack: one compiled program forms the weighted sums and evaluates them, side by side or one after
    another, whichever is faster for their size, and a part of the examples at a time. The first layer of a network of dense
    layers is linear in the weights, so it is multiplied once for each network that is summed instead of at every point.
    Where batches normalise, the statistics are found anew at every point (trained weights alone are summed).

    Args:
        path: of :func:`straight`, :func:`polygon`, :func:`bezier` or :func:`plane`.
        x: examples, shape ``(n, inputs)``.
        y: labels or targets.
        loss: ``cross_entropy``, ``squared`` or a function, see :func:`overparam.training.losses.loss`.
        statistics: examples from which statistics of batches are found, usually those of training; None takes ``x``.
        each: whether to keep the loss of every example, which intervals need: 5 bytes a point and example.

    Returns:
        Losses and errors; nothing is said about points between those of the path.

    Raises:
        UsageError: no path, or a loss that cannot be taken.
        DataError: examples that do not fit, or more losses than the memory holds.

    A squared loss of a linear network along a straight line is a parabola.

    >>> from overparam.models import linear
    >>> from overparam.probes.paths import straight
    >>> network = linear(1, 1, bias=False)
    >>> ends = [{"output": {"weight": np.full((1, 1), w, np.float32)}} for w in (-2.0, 2.0)]
    >>> along(straight(network, *ends, 5), np.ones((1, 1)), np.zeros(1), loss="squared").loss.tolist()
    [2.0, 0.5, 0.0, 0.5, 2.0]
    """
    if not isinstance(path, Path):
        raise UsageError(f"path: expected one of straight(...) or bezier(...), got {type(path).__name__}.")
    network, criterion = path.network, loss_of(loss)
    rows = inputs.examples("x", x, network)
    aims = inputs.targets("y", y, len(rows), network, Recipe(1, 1.0, loss=loss))
    seen = rows if statistics is None else inputs.examples("statistics", statistics, network)
    if network.moments is not None and len(seen) < 2:
        raise DataError(f"statistics: expected at least 2 examples where batches normalise, got {len(seen)}.")
    labels = np.issubdtype(aims.dtype, np.integer)
    need, free = 5.0 * len(path) * len(rows), SHARE * memory_budget()
    if each and need > free:
        raise DataError(
            f"x: expected examples whose losses at {len(path):,} points take at most {free / 1e9:.3g} GB, got {len(rows):,} "
            f"({need / 1e9:.3g} GB). Take fewer, or each=False without intervals."
        )
    with np.errstate(over="ignore", invalid="ignore"):
        found = _found(path, criterion, rows, aims, seen, each)
    remarks = (BETWEEN, *((AGAIN.format(n=len(seen)),) if network.moments is not None else ()))
    losses, errors, every, faults = found
    return Along(
        path.t, losses, errors if labels else None, every, faults if labels else None, len(rows), remarks
    )


def _found(path: Path, criterion: Loss, rows: Any, aims: Any, seen: Any, each: bool) -> tuple[Any, ...]:
    """Mean losses, mean errors, and those of every example, a part of the examples at a time."""
    network = path.network
    parts = [split(network.state, one) for one in path.anchors]
    anchors = jax.tree.map(
        lambda *leaves: jnp.stack([jnp.asarray(leaf) for leaf in leaves]), *(p[0] for p in parts)
    )
    held, weights = parts[0][1], jnp.asarray(path.weights, _kind(anchors))
    front = front_of(network)
    kept = _statistics(network, anchors, held, weights, jnp.asarray(seen))
    size = _part(network, front, len(path.anchors), len(rows))
    together = 1 if one_by_one(network) else min(TOGETHER, len(path))
    sums, wrongs, every, faults = np.zeros(len(path)), np.zeros(len(path)), [], []
    for at in range(0, len(rows), size):
        x, y = jnp.asarray(rows[at : at + size]), jnp.asarray(aims[at : at + size])
        first = front.outputs(anchors, x) if front is not None else None
        if first is not None and not bool(jnp.isfinite(first).all()):
            first = None  # nothing times infinity is missing, but an end alone is not
        losses, odd = (
            np.asarray(one)
            for one in _program(
                anchors,
                held,
                weights,
                kept,
                x,
                y,
                first,
                network=network,
                criterion=criterion,
                together=together,
            )
        )
        sums += losses.sum(axis=1, dtype=np.float64)
        wrongs += odd.sum(axis=1)
        if each:
            every.append(losses)
            faults.append(odd)
    whole = (np.concatenate(one, axis=1) if each else None for one in (every, faults))
    return (sums / len(rows), wrongs / len(rows), *whole)


@partial(jax.jit, static_argnames=("network", "criterion", "together"))
def _program(
    anchors: PyTree, held: PyTree, weights: Any, kept: Any, x: Any, y: Any, first: Any, *,
    network: Network, criterion: Loss, together: int,
) -> Any:  # fmt: skip
    """Losses and faults of some examples at all points, shape ``(points, n)`` each."""
    front = front_of(network) if first is not None else None
    labels = jnp.issubdtype(y.dtype, jnp.integer)
    n = x.shape[0]
    blocks = -(-n // min(BLOCK, block_of(network) or BLOCK))
    size = -(-n // blocks)

    def cut(array: Any, axis: int = 0) -> Any:
        """Blocks of examples in front."""
        pad = [(0, blocks * size - n) if i == axis else (0, 0) for i in range(array.ndim)]
        whole = jnp.moveaxis(jnp.pad(array, pad), axis, 0)
        return jnp.moveaxis(whole.reshape(blocks, size, *whole.shape[1:]), 1, axis + 1)

    given = cut(x) if front is None else cut(first, 2)
    aims = cut(y)

    def point(one: Any) -> Any:
        weight, own = one
        params = join(summed(weight, anchors), held)
        params = params if own is None else {**params, STATISTICS: own}

        def block(pair: Any) -> Any:
            columns, target = pair
            outputs = (
                network.apply(params, columns)
                if front is None
                else front.rest(params, jnp.tensordot(weight, columns, 1))
            )
            faults = wrong(outputs, target) > 0 if labels else jnp.zeros(size, bool)
            return criterion.each(outputs, target), faults

        losses, faults = lax.map(block, (given, aims))
        return losses.reshape(-1)[:n], faults.reshape(-1)[:n]

    many = (weights, kept)
    if together == 1:
        return lax.map(point, many)
    return lax.map(point, many, batch_size=together)


def summed(weight: Any, anchors: PyTree) -> PyTree:
    """The weighted sum of stacked trees.

    Args:
        weight: one a tree, shape ``(anchors,)``.
        anchors: trees with a leading axis.
    """
    return jax.tree.map(lambda leaf: jnp.tensordot(weight.astype(leaf.dtype), leaf, 1), anchors)


def _statistics(network: Network, anchors: PyTree, held: PyTree, weights: Any, seen: Any) -> Any:
    """Statistics of batches at every point, with the points in front; None where there are none."""
    if network.moments is None:
        return None
    return _refreshed(anchors, held, weights, seen, network=network)


@partial(jax.jit, static_argnames=("network",))
def _refreshed(anchors: PyTree, held: PyTree, weights: Any, seen: Any, *, network: Network) -> Any:
    return lax.map(lambda w: refreshed(network, join(summed(w, anchors), held), seen)[STATISTICS], weights)


def _kind(anchors: PyTree) -> Any:
    floats = [leaf.dtype for leaf in jax.tree.leaves(anchors) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    return jnp.result_type(*floats) if floats else jnp.float32


def _part(network: Network, front: Front | None, anchors: int, n: int) -> int:
    """Examples of a part: a multiple of blocks, so that few programs are compiled."""
    width = network.inputs if front is None else max(network.inputs, anchors * front.units)
    most = max(BLOCK, int(EXAMPLES / 4 / width) // BLOCK * BLOCK)
    parts = -(-n // most)
    return -(-n // parts)
