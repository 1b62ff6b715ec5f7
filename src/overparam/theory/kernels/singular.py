"""Why a covariance is singular: an exact rule from the rows, and how many directions each cause costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64
from numpy.typing import ArrayLike

from overparam.theory.activations import Activation
from overparam.theory.activations import activation as activation_of
from overparam.theory.kernels.row_angles import Angles, angles, rows_of

SAME = 1e-13  # angle in radians, and relative difference of norms, up to which rows count as equal


@dataclass(frozen=True)
class Reason:
    """One cause of zero eigenvalues.

    Attributes:
        name: ``zero rows``, ``duplicated rows``, ``parallel rows``, ``antipodal rows``, ``dependent rows``,
            ``dependent products`` or ``below rounding``.
        directions: how many zero eigenvalues it causes.
        rows: examples of the rows concerned, at most 20, counted from 0.
        sentence: the cause in words.
        remedy: what to do.
    """

    name: str
    directions: int
    rows: tuple[int, ...]
    sentence: str
    remedy: str


def with_constant(x: ArrayLike) -> Float64[np.ndarray, "n inputs"]:
    r"""Rows with a constant coordinate 1 appended, then divided by their norm: what a bias does to the kernel.

    It separates rows that are opposite, zero or multiples of each other; duplicated rows stay duplicates.

    Args:
        x: shape ``(n, features)``; divide rows by their norms first if they differ much from 1.

    Returns:
        Unit rows of shape ``(n, features + 1)``.

    Raises:
        DataError: inputs that are no finite table.

    References: none; ``w.x + b = (w, b).(x, 1)``.

    >>> with_constant([[0.0], [0.0]]).tolist()
    [[0.0, 1.0], [0.0, 1.0]]
    """
    rows = rows_of(x)
    out = np.concatenate([rows, np.ones((len(rows), 1))], axis=1)
    return out / np.linalg.norm(out, axis=1, keepdims=True)


def why_singular(x: ArrayLike, activation: str | Activation) -> tuple[Reason, ...]:
    r"""Causes of zero eigenvalues of the covariance that follow from the rows alone, exactly.

    ``Sigma u = 0`` if and only if ``sum_i u_i phi(w.x_i)`` does not depend on w. Hence, for rows that are not zero:

    - analytic phi that is odd or even and no polynomial: rows equal up to sign are dependent, nothing else;
    - ``phi(z) - phi(-z) = z`` (softplus, gelu, silu) and ReLU: equal rows are dependent, and of the antipodal pairs
      as many as their directions are linearly dependent; more than d pairs always are;
    - ReLU, being homogeneous, counts multiples as equal or opposite whatever their norms;
    - quadratic: the products ``x_i x_i^T`` are dependent, always beyond ``d (d + 1)/2`` rows;
    - identity: the rows are dependent.

    Args:
        x: shape ``(n, features)``.
        activation: phi; the rule is exact for the activations of this package.

    Returns:
        The causes, empty if the covariance is positive definite. Rows count as equal up to 13 digits.

    Raises:
        DataError: inputs that are no finite table.
        UsageError: an unknown activation.

    References: the condition 'no two rows parallel' of S. Du, X. Zhai, B. Poczos, A. Singh, ICLR 2019, theorem 3.1,
        does not exclude antipodal rows unless multiples are meant with either sign; the rule above is derived here.

    >>> [one.name for one in why_singular([[1.0, 0.0], [-1.0, 0.0]], "tanh")]
    ['antipodal rows']
    >>> why_singular([[1.0, 0.0], [-1.0, 0.0]], "softplus")
    ()
    """
    rows = rows_of(x)
    act = activation_of(activation)
    return reasons(rows, angles(rows), act)


def reasons(rows: Float64[np.ndarray, "n features"], geometry: Angles, act: Activation) -> tuple[Reason, ...]:
    """As :func:`why_singular`, from angles that are there already."""
    alive = geometry.left > 0
    found = [_zero(alive)]
    homogeneous = act.name == "relu" or act.name.startswith("leaky_relu")
    equal, opposite = _aligned(geometry, alive, any_norm=homogeneous)
    first = equal.argmax(axis=1)
    copies = alive & (first != np.arange(len(rows)))
    found.append(_copies(copies, first, geometry))
    left = np.flatnonzero(alive & ~copies)
    kept = set(left.tolist())
    pairs = [
        (i, j)
        for i, j in zip(*(k.tolist() for k in np.nonzero(np.triu(opposite))), strict=True)
        if i in kept and j in kept
    ]
    if act.parity != "none":
        found.append(_antipodal(rows, geometry, pairs, act))
    left = np.setdiff1d(left, [j for _, j in pairs])
    if act.name == "identity":
        found.append(_rank_reason(left, _rank(rows[left]), "dependent rows", "rows", rows.shape[1]))
    elif act.name == "quadratic":
        d = rows.shape[1]
        unit = rows[left] / geometry.left[left, None]
        rank = _rank((unit @ unit.T) ** 2)
        found.append(_rank_reason(left, rank, "dependent products", "products x x^T", d * (d + 1) // 2))
    return tuple(one for one in found if one is not None)


def _aligned(
    geometry: Angles, alive: Bool[np.ndarray, " n"], any_norm: bool
) -> tuple[Bool[np.ndarray, "n n"], Bool[np.ndarray, "n n"]]:
    """Which rows are equal (or positive multiples), and which are opposite (or negative multiples)."""
    both = alive[:, None] & alive[None, :]
    if not any_norm:
        p, q = geometry.left[:, None], geometry.left[None, :]
        both &= np.abs(p - q) <= SAME * np.maximum(p, q)
    short = 2.0 * np.arcsin(np.clip(0.5 * geometry.sine, 0, 1))
    near = both & (short <= SAME)
    return (near & (geometry.cosine > 0)) | np.eye(len(alive), dtype=bool), near & (geometry.cosine < 0)


def _zero(alive: Bool[np.ndarray, " n"]) -> Reason | None:
    dead = np.flatnonzero(~alive)
    if not len(dead):
        return None
    return Reason(
        "zero rows",
        len(dead),
        tuple(dead[:20].tolist()),
        f"{_many(len(dead), 'row')} zero: no weight of the hidden layer changes the output there.",
        "Remove these rows, or append a constant coordinate (with_constant).",
    )


def _copies(copies: Bool[np.ndarray, " n"], first: np.ndarray, geometry: Angles) -> Reason | None:
    found = np.flatnonzero(copies)
    if not len(found):
        return None
    norms = geometry.left
    multiples = bool((np.abs(norms[found] - norms[first[found]]) > SAME * norms[found]).any())
    what = "positive multiples of other rows" if multiples else "copies of other rows"
    pairs = sorted({*found[:10].tolist(), *first[found[:10]].tolist()})
    return Reason(
        "parallel rows" if multiples else "duplicated rows",
        len(found),
        tuple(pairs),
        f"{_many(len(found), 'row')} {what} (to 13 digits): the network treats them alike.",
        "Append a constant coordinate (with_constant)."
        if multiples
        else "Keep one of each, with the mean of their targets.",
    )


def _antipodal(
    rows: Float64[np.ndarray, "n features"],
    geometry: Angles,
    pairs: list[tuple[int, int]],
    act: Activation,
) -> Reason | None:
    if not pairs:
        return None
    first = [i for i, _ in pairs]
    linear = act.parity == "linear odd part" and _odd_slope(act) != 0.0
    rank = _rank(rows[first] / geometry.left[first, None]) if linear else 0
    if len(pairs) == rank:
        return None
    if linear:
        why = (
            f"phi(z) - phi(-z) is a multiple of z, and {len(pairs)} antipodal pairs have directions of rank {rank} "
            f"(in {rows.shape[1]} features)"
        )
    else:
        why = (
            f"phi is {'odd' if act.parity == 'odd' else 'even'}, and {len(pairs)} antipodal pairs give one each"
        )
    return Reason(
        "antipodal rows",
        len(pairs) - rank,
        tuple(int(k) for pair in pairs[:10] for k in pair),
        f"{why}: {_many(len(pairs) - rank, 'direction')} never fitted.",
        "Append a constant coordinate (with_constant), or use biases.",
    )


def _odd_slope(act: Activation) -> float:
    return float(np.subtract(*act.value(np.array([1.0, -1.0]))))


def _rank_reason(left: np.ndarray, rank: int, name: str, what: str, most: int) -> Reason | None:
    if len(left) == rank:
        return None
    return Reason(
        name,
        len(left) - rank,
        (),
        f"{len(left)} different rows, but their {what} have rank {rank} (at most {most}).",
        "Use fewer rows, more features, or another activation.",
    )


def _rank(matrix: np.ndarray) -> int:
    return int(np.linalg.matrix_rank(matrix)) if matrix.size else 0


def _many(number: int, noun: str) -> str:
    return f"1 {noun} is" if number == 1 else f"{number} {noun}s are"
