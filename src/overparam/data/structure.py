"""How structured labelled data are: separation of the classes against the diameter of their components, measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64, Int64
from numpy.typing import ArrayLike

from overparam.core.checked import all_finite, array_of, count, numbers
from overparam.core.errors import DataError
from overparam.data.rows import unit_rows

MOST = 10_000  # rows: all pairs of them are looked at
_BLOCK = 2048
_ROOM = 1e-9  # of squared norms: pairs so close to the closest are measured anew from their difference


@dataclass(frozen=True)
class Structure:
    """The geometry that Li and Liang's theorem asks about, on real data.

    Attributes:
        separation: least distance of two rows of different classes, delta.
        parts: components a class, l.
        diameter: largest diameter of a component when every class is cut into at most l components by complete linkage.
        diameter_at_least: no cut of the classes into l components each has a smaller largest diameter.
        ratio: ``diameter / separation``.
        ratio_at_least: ``diameter_at_least / separation``.
        allowed: the largest ratio that the theorem allows, ``1 / (8 l)``.
        state: ``holds`` if the assumption is met, ``fails`` if no cut into l components meets it, else ``unchecked``.
        parts_at_least: no smaller number of components a class can meet the assumption; infinite where none can.
        rows: rows that were compared.
        largest_class: rows of the largest class; with as many components each row is one of its own.
    """

    separation: float
    parts: int
    diameter: float
    diameter_at_least: float
    ratio: float
    ratio_at_least: float
    allowed: float
    state: Literal["holds", "fails", "unchecked"]
    parts_at_least: float
    rows: int
    largest_class: int


def structure(x: ArrayLike, y: ArrayLike, parts: int = 1, *, unit: bool = True) -> Structure:
    r"""Measure separation and diameter of labelled data, and whether Li and Liang's assumption holds on them.

    The assumption: every class is a union of l components; two components of different classes are at least
    :math:`\delta` apart, and each has a diameter of at most :math:`\delta / (8 l)`; rows have norm 1. The separation is read
    from the rows. Which cut into components is best is a hard problem, so it is enclosed: complete linkage finds a cut, and
    :math:`l + 1` rows of one class that are pairwise at least r apart prove that no cut has a diameter below r.

    The cost is that of all pairs of rows, about 10 s for 10,000 images of MNIST.

    Args:
        x: inputs, shape ``(n, features)`` or images; at most 10,000 rows.
        y: labels, whole numbers of shape ``(n,)``, of at least 2 classes.
        parts: components a class, l, at least 1.
        unit: divide every row by its norm first, as the theorem has it; False measures the rows as they are.

    Returns:
        The measured geometry; where rows of different classes coincide the separation is 0, the ratios are infinite and the
        assumption fails.

    Raises:
        DataError: arrays that do not fit together, fewer than 2 classes, a row of zeros with ``unit``, or too many rows.
        UsageError: a number of components below 1.

    References:
        Y. Li, Y. Liang, Learning overparameterized neural networks via stochastic gradient descent on structured data,
        NeurIPS 2018, arXiv:1808.01204, assumptions A1 to A3 (constant as on the slides of source 002). The lower bound is that
        of T. Gonzalez, Clustering to minimize the maximum intercluster distance, 1985.

    >>> points = np.array([[0.0, 1.0], [0.0, 1.02], [3.0, 1.0], [3.0, 1.02]])
    >>> found = structure(points, [0, 0, 1, 1], unit=False)
    >>> found.separation, round(found.diameter, 9), found.state
    (3.0, 0.02, 'holds')
    """
    count(parts, "parts", 1)
    rows, labels = _checked(x, y)
    rows = np.asarray(unit_rows(rows), np.float64) if unit else rows
    groups = [np.flatnonzero(labels == one) for one in np.unique(labels)]
    separation = _separation(rows, labels)
    found = [_bounds(rows[own], parts) for own in groups]
    radii = [one for one, _ in found]
    largest = max(len(own) for own in groups)
    low = max(_at(one, parts) for one in radii)
    high = max(one for _, one in found)
    allowed = 1.0 / (8.0 * parts)
    limit = separation * allowed
    met = separation > 0 and high <= limit
    return Structure(
        separation=separation,
        parts=parts,
        diameter=high,
        diameter_at_least=low,
        ratio=_over(high, separation),
        ratio_at_least=_over(low, separation),
        allowed=allowed,
        state="holds" if met else "fails" if low > limit or separation == 0 else "unchecked",
        parts_at_least=_parts_at_least(radii, separation, largest),
        rows=len(rows),
        largest_class=largest,
    )


def _at(radii: Float64[np.ndarray, " rows"], parts: int) -> float:
    return float(radii[parts - 1]) if parts <= len(radii) else 0.0


def _over(size: float, separation: float) -> float:
    return size / separation if separation > 0 else math.inf


def _parts_at_least(radii: list[Float64[np.ndarray, " _"]], separation: float, largest: int) -> float:
    """The least number of components that the lower bound does not rule out."""
    if separation == 0:
        return math.inf
    for parts in range(1, largest + 1):
        low = max(_at(one, parts) for one in radii)
        if low <= separation / (8.0 * parts):
            return float(parts)
    return float(largest)


def _bounds(rows: Float64[np.ndarray, "n features"], parts: int) -> tuple[Float64[np.ndarray, " rows"], float]:
    """Lower bounds of one class by number of parts, and the largest diameter after complete linkage into ``parts``.

    Entry l - 1 of the first is a distance r such that l + 1 rows are pairwise at least r apart, found farthest first; it is 0
    from as many parts as there are rows.
    """
    if len(rows) < 2:
        return np.zeros(1), 0.0
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import pdist, squareform

    pairs = pdist(rows)
    gaps = squareform(pairs)
    near = gaps[int(gaps[0].argmax())].copy()  # any row may be the first; one at the rim gives a better bound
    found = np.zeros(len(rows))
    for at in range(len(rows) - 1):
        next_one = int(near.argmax())
        found[at] = near[next_one]
        np.minimum(near, gaps[next_one], out=near)
    if len(rows) <= parts:
        return found, 0.0
    return found, float(np.sort(linkage(pairs, "complete")[:, 2])[len(rows) - 1 - parts])


def _separation(rows: Float64[np.ndarray, "n features"], labels: Int64[np.ndarray, " n"]) -> float:
    """Least distance of two rows of different labels; the closest pairs are measured from their differences."""
    squares = np.square(rows).sum(axis=1)
    least = math.inf
    for first in range(0, len(rows), _BLOCK):
        block = slice(first, first + _BLOCK)
        gaps = squares[block, None] + squares - 2.0 * (rows[block] @ rows.T)
        gaps[labels[block, None] == labels] = math.inf
        i, j = np.nonzero(gaps <= max(gaps.min(), 0.0) + _ROOM * squares.max())
        keep = min(
            len(i), 4 * _BLOCK
        )  # as many as are worth a look; ties beyond them are as close up to rounding
        order = np.argsort(gaps[i, j], kind="stable")[:keep]
        exact = np.linalg.norm(rows[first + i[order]] - rows[j[order]], axis=1)
        least = min(least, float(exact.min(initial=math.inf)))
    return least


def _checked(x: Any, y: Any) -> tuple[Any, Any]:
    """Rows as float64 and labels, checked."""
    given, labels = array_of(x, "x"), array_of(y, "y")
    if given.ndim < 2 or not given.size:
        raise DataError(f"x: expected shape (n, features), got {given.shape}.")
    if labels.shape != (len(given),) or labels.dtype.kind not in "iu":
        raise DataError(
            f"x, y: expected one whole-number label a row, of shape ({len(given)},), got {labels.dtype} of shape {labels.shape}."
        )
    if len(given) > MOST:
        raise DataError(
            f"x: expected at most {MOST:,} rows, because all pairs are compared, got {len(given):,}. Take a subset."
        )
    if len(np.unique(labels)) < 2:
        raise DataError("y: expected labels of at least 2 classes, got 1. There is nothing to separate.")
    rows = given.reshape(len(given), -1).astype(np.float64)
    all_finite(rows, "x")
    numbers(rows, "x", 1e-100, 1e100)  # their squares are numbers of float64
    return rows, labels.astype(np.int64)
