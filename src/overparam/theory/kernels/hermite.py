"""The covariance term by term: Hermite coefficients of the slope, and lower bounds from a cut series."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.theory.activations import Activation
from overparam.theory.activations import activation as activation_of
from overparam.theory.certificates.rump import smallest_eigenvalue_bound
from overparam.theory.inputs import count, nonnegative
from overparam.theory.kernels.row_angles import Angles, angles, rows_of
from overparam.theory.kernels.series import Expansion, expand

_UNIT = 2.0**-53
MOST = 10_000  # coefficients of an expansion


@dataclass(frozen=True)
class HermiteBound:
    """Lower bounds of the smallest eigenvalue of the covariance from its first Hermite terms.

    Attributes:
        orders: number of terms.
        truncated: smallest eigenvalue of the sum of these terms, computed.
        rest: what the dropped terms add for certain (Gershgorin), at least 0.
        lower: proved for ``truncated`` with its rounding, plus ``rest``; 0 where nothing is proved.
    """

    orders: int
    truncated: float
    rest: float
    lower: float


def slope_coefficients(
    activation: str | Activation, orders: int, norm: float = 1.0
) -> Float64[np.ndarray, " rank"]:
    r"""Hermite coefficients of the slope, ``mu_r = E[phi'(norm g) h_r(g)]``, in the unit of phi'.

    Orders count from 0: ``mu_1 = E[phi''(g)]`` at norm 1 (Stein), so the two-factor term of the covariance has the
    coefficient ``mu_1^2``.

    Args:
        activation: phi.
        orders: how many coefficients.
        norm: length of the row.

    Returns:
        Shape ``(orders,)``.

    Raises:
        UsageError: an activation whose slope jumps, other than relu and leaky_relu, or a number out of range.

    References: M. Soltanolkotabi's slides of April 2019 print mu_2 where the count from 0 gives mu_1.

    >>> [round(float(c), 6) for c in slope_coefficients("relu", 4)]  # 1/2, 1/sqrt(2 pi), 0, -1/sqrt(12 pi)
    [0.5, 0.398942, 0.0, -0.162868]
    """
    many, size = count(orders, "orders", high=MOST), nonnegative(norm, "norm")
    found = slope_expansion(activation_of(activation), np.array([size]), many).coefficients[0]
    return np.pad(found, (0, max(0, many - len(found))))[:many]


def slope_expansion(act: Activation, scales: Float64[np.ndarray, " n"], orders: int) -> Expansion:
    """The slope's Hermite expansion at the norms of rows; closed form where the slope is a step.

    References: as :func:`slope_coefficients`.
    """
    if not (act.name == "relu" or act.name.startswith("leaky_relu")):
        return expand(act.slope, scales, orders, enough=0.0)
    below = float(act.slope(np.array([-1.0]))[0])
    at_zero, mu = [1.0, 0.0], [0.5 * (1 + below)]
    for r in range(1, orders):  # mu_r = (1 - below) h_{r-1}(0) / sqrt(2 pi r)
        mu.append((1 - below) * at_zero[r - 1] / math.sqrt(2 * math.pi * r))
        at_zero.append(-math.sqrt(r / (r + 1)) * at_zero[r - 1])
    row = np.array(mu[:orders])
    square = 0.5 * (1 + below**2)
    n = len(scales)
    tail = max(0.0, square - float(row @ row))
    return Expansion(np.tile(row, (n, 1)), np.full(n, square), np.full(n, tail))


def hermite_covariance(
    x: ArrayLike, activation: str | Activation, orders: int
) -> tuple[Float64[np.ndarray, "n n"], Float64[np.ndarray, "n n"]]:
    r"""The first terms of the covariance, in squared units of x, and a bound on the size of the rest.

    .. math:: \sum_{r < R} \mu_r(|x|)\, \mu_r(|z|) \cos^r\!\theta\; x \cdot z

    Every term is positive semi-definite (Schur), so the covariance is at least the cut sum, as matrices. On unit rows
    it is ``sum_r mu_r^2 (XX^T)^(r + 1)`` with entrywise powers.

    Args:
        x: shape ``(n, features)``.
        activation: phi.
        orders: R.

    Returns:
        The sum, and entrywise bounds ``sqrt(t t') |cos|^R |x.z|`` with the tail ``t = E phi'^2 - sum_{r < R} mu_r^2``.

    Raises:
        DataError: inputs that are no finite table.
        UsageError: as :func:`slope_coefficients`.

    References: S. Oymak and M. Soltanolkotabi, arXiv:1902.04674, lemma on Hermite expansions (recalled, not checked).

    >>> cut, rest = hermite_covariance([[1.0, 0.0]], "relu", 2)
    >>> round(float(cut[0, 0] + rest[0, 0]), 12)
    0.5
    """
    return _cut(angles(rows_of(x)), activation_of(activation), count(orders, "orders", high=MOST))[:2]


def hermite_terms(x: ArrayLike, activation: str | Activation, orders: int = 4) -> Float64[np.ndarray, " rank"]:
    r"""Smallest eigenvalue of every single Hermite term, each a lower bound of that of the covariance.

    The term r = 1 is the lemma ``Sigma >= (E phi'')^2 (XX^T) o (XX^T)`` on unit rows. It is empty for odd phi, whose
    ``E phi''`` is 0, and beyond ``d (d + 1)/2`` rows; then look at r = 2.

    Args:
        x: shape ``(n, features)``.
        activation: phi.
        orders: how many terms.

    Returns:
        Shape ``(orders,)``, computed, without a proof for rounding; negative only by rounding.

    Raises:
        DataError: inputs that are no finite table.
        UsageError: as :func:`slope_coefficients`.

    References: as :func:`hermite_covariance`.

    >>> hermite_terms([[1.0, 0.0], [0.0, 1.0]], "relu", 2).round(6).tolist()  # 1/4 and 1/(2 pi)
    [0.25, 0.159155]
    """
    geometry = angles(rows_of(x))
    many = count(orders, "orders", high=MOST)
    mu = slope_expansion(activation_of(activation), geometry.left, many).coefficients
    out = np.zeros(many)
    for r in range(min(many, mu.shape[1])):
        term = np.multiply.outer(mu[:, r], mu[:, r]) * geometry.cosine**r * geometry.inner
        out[r] = np.linalg.eigvalsh(term)[0]
    return out


def hermite_bound(x: ArrayLike, activation: str | Activation, orders: int = 20) -> HermiteBound:
    r"""Lower bound of the smallest eigenvalue of the covariance without its closed form, in squared units of x.

    .. math:: \lambda_{min}(\Sigma) \ge \lambda_{min}(\Sigma_{<R}) + \max\Big(0,
        \min_i \big[t_i |x_i|^2 - \sum_{j \ne i} \sqrt{t_i t_j}\, |\cos\theta_{ij}|^{R+1} |x_i||x_j|\big]\Big)

    Args:
        x: shape ``(n, features)``.
        activation: phi.
        orders: R, the number of terms.

    Returns:
        The cut series' eigenvalue and the bound.

    Raises:
        DataError: inputs that are no finite table.
        UsageError: as :func:`slope_coefficients`.

    References: the Schur product theorem and Gershgorin's circles on the dropped terms.

    >>> bound = hermite_bound([[1.0, 0.0], [0.0, 1.0]], "relu", 5)
    >>> 0.499999 < bound.lower <= 0.5  # the covariance is half the identity
    True
    """
    many = count(orders, "orders", high=MOST)
    geometry = angles(rows_of(x))
    cut, rest, expansion = _cut(geometry, activation_of(activation), many)
    square, mu = expansion.square, expansion.coefficients
    n, d, top = len(cut), np.shape(x)[1], float(geometry.left.max())
    doubt = (mu.shape[1] + 64) * 2 * _UNIT
    sure = np.maximum(expansion.tail - doubt * square, 0.0) * geometry.left**2
    off = rest.sum(axis=1) - rest.diagonal()
    circles = sure - off * (1 + 1e-12) - n * (d + 8) * many * 8 * _UNIT * expansion.tail.max() * top**2
    more = max(0.0, float(circles.min()))
    steep = float((np.arange(mu.shape[1]) * mu**2).sum(axis=1).max())
    each = _UNIT * ((d + 4) * square.max() + 4 * (d + 8) * steep) + doubt * square.max()
    proved = smallest_eigenvalue_bound(cut, float(each * (geometry.left**2).sum()))
    return HermiteBound(many, float(np.linalg.eigvalsh(cut)[0]), more, proved + more)


def _cut(
    geometry: Angles, act: Activation, orders: int
) -> tuple[Float64[np.ndarray, "n n"], Float64[np.ndarray, "n n"], Expansion]:
    expansion = slope_expansion(act, geometry.left, orders)
    mu = expansion.coefficients
    total, power = np.zeros_like(geometry.inner), np.ones_like(geometry.inner)
    for r in range(mu.shape[1]):
        total += np.multiply.outer(mu[:, r], mu[:, r]) * power
        power = power * geometry.cosine
    root = np.sqrt(expansion.tail)
    rest = np.multiply.outer(root, root) * np.abs(geometry.cosine) ** mu.shape[1] * np.abs(geometry.inner)
    return total * geometry.inner, rest, expansion
