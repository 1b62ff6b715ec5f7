"""Norms, inner products and angles between rows, with digits kept where two rows almost agree or oppose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core.errors import DataError
from overparam.theory.inputs import all_finite, numbers

CLOSE = 0.01  # pairs with 1 - |cosine| below this get their angle from the rows themselves
_BLOCK = 2**21  # numbers in one block of differences


@dataclass(frozen=True, eq=False)
class Angles:
    """How the rows of x lie to the rows of z.

    Attributes:
        left: Euclidean norms of the rows of x.
        right: of the rows of z.
        inner: inner products.
        angle: between rows, in radians from 0 to pi; pi/2 where a row is zero.
        cosine: of the angle; 0 where a row is zero.
        sine: of the angle.
        same: whether z is x.
    """

    left: Float64[np.ndarray, " n"]
    right: Float64[np.ndarray, " m"]
    inner: Float64[np.ndarray, "n m"]
    angle: Float64[np.ndarray, "n m"]
    cosine: Float64[np.ndarray, "n m"]
    sine: Float64[np.ndarray, "n m"]
    same: bool


def rows_of(x: ArrayLike, name: str = "x") -> Float64[np.ndarray, "n features"]:
    """Return rows as float64, checked.

    Args:
        x: numbers of shape ``(n, features)``.
        name: what they are called in a message.

    Raises:
        DataError: another shape, no rows, or missing or infinite entries.
    """
    out = numbers(x, name)
    if out.ndim != 2 or not out.size:
        raise DataError(
            f"{name}: expected shape (n, features) with at least one row and one column, got {out.shape}. "
            "Flatten images to one row each."
        )
    all_finite(out, name, " Remove these rows.")
    largest = float(np.abs(out).max())
    if largest > 1e100 or 0 < largest < 1e-100:
        raise DataError(f"{name}: expected entries of a usual size, got {largest:.3g}. Rescale the inputs.")
    return out


def angles(x: Float64[np.ndarray, "n features"], z: Float64[np.ndarray, "m inputs"] | None = None) -> Angles:
    r"""Angles between rows, in radians, with a small relative error also for almost equal and almost opposite rows.

    .. math:: \theta = 2\,\mathrm{atan2}(|u - v|, |u + v|), \qquad u = x/|x|,\ v = z/|z|

    The arc cosine of a rounded inner product is 0 for every angle below 1e-8. Here the shorter one of ``u - v`` and
    ``u + v`` comes from the difference of the rows, which is exact for close numbers; the radial part, which is all
    that a difference of norms adds, is removed.

    Args:
        x: rows, finite.
        z: other rows; None compares x with itself.

    Returns:
        The geometry of all pairs.

    Raises:
        DataError: rows of different lengths.

    References:
        W. Kahan, How futile are mindless assessments of roundoff in floating-point computation?, 2006, section 12.

    >>> tiny = angles(np.array([[1.0, 0.0], [1.0, 1e-12]]))
    >>> round(float(tiny.angle[0, 1]) * 1e12, 9)
    1.0
    """
    other = x if z is None else z
    if x.shape[1] != other.shape[1]:
        raise DataError(f"rows of one length: expected {x.shape[1]} features, got {other.shape[1]}.")
    left = np.linalg.norm(x, axis=1)
    right = left if z is None else np.linalg.norm(other, axis=1)
    inner = x @ other.T
    if z is None:
        np.fill_diagonal(inner, left**2)
    scale = np.multiply.outer(left, right)
    alive = scale > 0
    cosine = np.clip(np.divide(inner, scale, out=np.zeros_like(inner), where=alive), -1.0, 1.0)
    angle = 2.0 * np.arctan2(np.sqrt(1.0 - cosine), np.sqrt(1.0 + cosine))
    sine = np.sqrt((1.0 - cosine) * (1.0 + cosine))
    near = alive & (1.0 - np.abs(cosine) < CLOSE)
    i, j = np.nonzero(np.triu(near, 1) if z is None else near)
    short = _short(x, other, left, right, i, j, np.sign(cosine[i, j]))
    close = 2.0 * np.arctan2(short, np.sqrt(np.maximum(4.0 - short**2, 0.0)))
    agree = cosine[i, j] > 0
    precise = np.where(agree, close, np.pi - close)
    angle[i, j], sine[i, j] = precise, np.sin(close)
    cosine[i, j] = np.where(agree, 1.0, -1.0) * np.cos(close)
    if z is None:
        angle[j, i], sine[j, i], cosine[j, i] = angle[i, j], sine[i, j], cosine[i, j]
        np.fill_diagonal(angle, np.where(left > 0, 0.0, 0.5 * np.pi))
        np.fill_diagonal(sine, np.where(left > 0, 0.0, 1.0))
        np.fill_diagonal(cosine, np.where(left > 0, 1.0, 0.0))
    return Angles(left, right, inner, angle, cosine, sine, z is None)


def _short(x, z, left, right, i, j, sign):  # type: ignore[no-untyped-def]
    """``|u - sign v|`` for the pairs (i, j), from differences of the rows, block by block."""
    out = np.empty(len(i))
    step = max(1, _BLOCK // x.shape[1])
    for start in range(0, len(i), step):
        part = slice(start, start + step)
        a, s = x[i[part]], sign[part, None]
        b, p, q = s * z[j[part]], left[i[part]], right[j[part]]
        gap = a - b
        # u - v = gap/p + b (1/p - 1/q), where q - p = -gap.(a + b)/(p + q)
        inverse = -np.einsum("ij,ij->i", gap, a + b) / ((p + q) * p * q)
        out[part] = np.linalg.norm(gap / p[:, None] + b * inverse[:, None], axis=1)
    return out
