"""Inputs of kernels: checked examples, and the moments of a block of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import ArrayLike

from overparam.core.errors import DataError
from overparam.theory.inputs import array_of
from overparam.theory.kernels.recursion import State

Block = Float[np.ndarray, "..."]
Mask = Bool[np.ndarray, "..."]
_NEAR = {8: 1e-4, 4: 1e-3}  # share of sqrt(q q') below which the gap is computed from the rows' difference
_CHUNK = 2_000_000
_SIZES = {8: (1e-60, 1e60), 4: (1e-8, 1e8)}  # outside, squares of squares leave the range of the type


def examples(x: ArrayLike, name: str, dtype: np.dtype) -> Block:
    """Examples as floats, at least one, finite.

    Args:
        x: shape ``(n, features)``, or ``(n, *space, channels)``.
        name: for errors.
        dtype: float32 or float64.

    Returns:
        A contiguous array of that type.

    Raises:
        DataError: another shape, no rows, numbers that are missing or infinite, or of a size whose squares are not
            numbers of that type.

    References: none; a check.

    >>> examples([[1, 2]], "x", np.dtype(np.float64)).shape
    (1, 2)
    """
    given = array_of(x, name)
    with np.errstate(over="ignore"):
        out = np.ascontiguousarray(given, dtype=dtype)
    if given.ndim < 2:
        out = out.reshape(given.shape)
    if out.ndim < 2 or out.size == 0:
        raise DataError(
            f"{name}: expected examples in rows, shape (n, features) or (n, *space, channels), got shape {out.shape}."
        )
    bad = int((~np.isfinite(out)).reshape(len(out), -1).any(axis=1).sum())
    if bad:
        raise DataError(
            f"{name}: expected finite numbers, got {bad} of {len(out)} rows with missing or infinite ones. "
            "Drop or fill them."
        )
    low, high = _SIZES[out.dtype.itemsize]
    largest = float(np.abs(out).max())
    if largest > high or 0 < largest < low:
        raise DataError(
            f"{name}: expected entries between {low:.0e} and {high:.0e} in size in {out.dtype}, got {largest:.3g}. "
            "Rescale the inputs."
        )
    return out


def variances(x: Block) -> Block:
    """``|x|^2 / channels`` at every position of every example, shape ``(n, *space)``.

    References: the convention of Lee et al. 2018.

    >>> variances(np.ones((2, 5)))
    array([1., 1.])
    """
    squares = np.einsum("...c,...c->...", x, x, dtype=np.float64) / x.shape[-1]
    return squares.astype(x.dtype)


def vector_state(x: Block, z: Block, qx: Block, qz: Block, cov: Block, same: bool) -> State:
    """The moments of two sets of vectors, with gaps that keep the digits of near-duplicates.

    ``sqrt(q q') - c`` is half of the squared distance of the normalised rows, times ``sqrt(q q')``. The rows
    themselves are used only for pairs that nearly point the same or the opposite way; elsewhere the covariance does.

    Args:
        x: rows, shape ``(a, features)``.
        z: other rows, shape ``(b, features)``.
        qx: their variances.
        qz: the same of z.
        cov: ``x z^T / features``; kept.
        same: whether the diagonal holds rows with themselves.

    Returns:
        The block before the first layer.

    References: Kahan, the angle of two vectors, 2 arctan2(|u - v|, |u + v|).

    >>> x = np.array([[1.0, 0.0], [1.0, 1e-9]])
    >>> q = variances(x)
    >>> round(float(vector_state(x, x, q, q, x @ x.T / 2, True).gap[0, 1]) * 1e19, 9)  # q t^2 / 2 at t = 1e-9
    2.5
    """
    q1, q2 = qx[:, None], qz[None, :]
    radius = np.sqrt(q1) * np.sqrt(q2)
    gap = radius - cov
    limit = radius * _NEAR[cov.dtype.itemsize]
    near = gap < limit
    if same:
        np.fill_diagonal(near, False)
        np.fill_diagonal(gap, 0)
    if near.any():
        _refine(gap, near, radius, x, z, -1.0)
    anti = None
    far = cov < limit - radius
    if far.any():
        anti = radius + cov
        _refine(anti, far, radius, x, z, 1.0)
    return State(cov, q1, q2, gap=gap, anti=anti)


def _refine(gap: Block, chosen: Mask, radius: Block, x: Block, z: Block, sign: float) -> None:
    rows, columns = np.nonzero(chosen)
    u, v = (_unit(one) for one in (x, z))
    step = max(1, _CHUNK // x.shape[1])
    for start in range(0, len(rows), step):
        i, j = rows[start : start + step], columns[start : start + step]
        distance = u[i] + sign * v[j]
        gap[i, j] = radius[i, j] * np.einsum("ij,ij->i", distance, distance) / 2


def _unit(x: Block) -> Block:
    norms = np.sqrt(np.einsum("ij,ij->i", x, x, dtype=np.float64))[:, None]
    return np.divide(x, norms, out=np.zeros(x.shape), where=norms > 0)


def map_state(x: Block, z: Block, pairs: bool) -> State:
    """The moments of two sets of maps, at the same positions or at all pairs of them.

    Args:
        x: shape ``(a, *space, channels)``.
        z: shape ``(b, *space, channels)``.
        pairs: whether all pairs of positions are asked for.

    Returns:
        The block before the first layer.

    References: Arora et al. 2019, section 4.

    >>> map_state(np.ones((2, 3, 1)), np.ones((4, 3, 1)), True).cov.shape
    (3, 3, 2, 4)
    """
    space, channels = x.shape[1:-1], x.shape[-1]
    q1, q2 = (np.moveaxis(variances(one), 0, -1) for one in (x, z))
    if not pairs:
        left, right = (np.moveaxis(one, 0, -2) for one in (x, z))  # (*space, examples, channels)
        cov = np.matmul(left, np.swapaxes(right, -1, -2))
    else:
        left, right = (np.moveaxis(one, 0, -2).reshape(-1, channels) for one in (x, z))
        dims = len(space)
        order = [axis for s in range(dims) for axis in (s, dims + 1 + s)] + [dims, 2 * dims + 1]
        cov = (left @ right.T).reshape(*space, len(x), *space, len(z)).transpose(order)
        q1, q2 = spread(q1, dims, 0, 1), spread(q2, dims, 1, 1)
    cov = np.divide(cov, np.asarray(channels, x.dtype), order="C")
    return State(cov, q1[..., :, None], q2[..., None, :], space=tuple(space), pairs=pairs)


def own_state(x: Block) -> State:
    """The moments of maps with themselves at all pairs of positions; one axis of examples.

    Args:
        x: shape ``(a, *space, channels)``.

    Returns:
        The block before the first layer; its NTK is not asked for.

    References: Arora et al. 2019, section 4.

    >>> own_state(np.ones((2, 3, 1))).cov.shape
    (3, 3, 2)
    """
    space, channels = x.shape[1:-1], x.shape[-1]
    left = np.moveaxis(x, 0, -2)
    q = np.moveaxis(variances(x), 0, -1)
    first, second = (spread(left, len(space), side, 2) for side in (0, 1))
    cov = np.einsum("...c,...c->...", first, second) / np.asarray(channels, x.dtype)
    q1, q2 = (spread(q, len(space), side, 1) for side in (0, 1))
    return State(cov, q1, q2, space=tuple(space), pairs=True, wanted=False, same=True)


def spread(values: Block, dims: int, side: int, last: int) -> Block:
    """Positions on the even axes (side 0) or on the odd ones (side 1), an axis of size 1 beside each.

    >>> spread(np.ones((3, 4, 7)), 2, 1, 1).shape
    (1, 3, 1, 4, 7)
    """
    shape: list[int] = []
    for size in values.shape[:dims]:
        shape += [size, 1] if side == 0 else [1, size]
    return values.reshape(*shape, *_tail(values.shape, last))


def _tail(shape: Sequence[int], last: int) -> tuple[int, ...]:
    return tuple(shape[len(shape) - last :])
