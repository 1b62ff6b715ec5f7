"""Dual activations: what an activation does to the covariance of two Gaussian inputs.

For ``(u, v)`` Gaussian with variances q, q' and covariance c, the dual of phi is ``E[phi(u) phi(v)]`` and its slope
``E[phi'(u) phi'(v)]``. Closed forms: relu, leaky_relu, erf, gelu (the exact one), sine, polynomials. Others are summed
as a series of Hermite coefficients, long enough for 12 digits, or refused with the reason.

Near-duplicates. relu and its kin see the angle of the two inputs, which a covariance in floating point tells only to
the root of the rounding unit. So they take and give, where it is known, the gap ``sqrt(q q') - c`` with its own
relative accuracy: kernels of rows an angle of 1e-10 apart keep their digits. Smooth activations have no such trouble.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from overparam.errors import DataError, UsageError
from overparam.theory.activations import Activation, Function, activation
from overparam.theory.assumption import Assumption, checked
from overparam.theory.kernels.series import expand
from overparam.theory.theorem import Theorem

Block = Float[np.ndarray, "..."]
_TERMS, _AIM, _DROPPED = 1024, 1e-13, 1e-9
_NEAR = 1e-3  # below this 1 - cos, and above 2 minus this, closed forms are replaced by stable ones


@dataclass(frozen=True, eq=False)
class Pair:
    """Second moments of two Gaussian inputs, entry by entry; q1 and q2 broadcast against cov.

    Attributes:
        cov: covariance.
        q1: variance of the first.
        q2: variance of the second.
        gap: ``sqrt(q1 q2) - cov`` to relative accuracy; None where it is not known better than that.
        anti: the same for ``sqrt(q1 q2) + cov``.
    """

    cov: Block
    q1: Block
    q2: Block
    gap: Block | None = None
    anti: Block | None = None


@dataclass(frozen=True, eq=False)
class Moved:
    """The same behind the activation: covariance, gap if it is known, and ``E[phi' phi']`` if asked for."""

    cov: Block
    gap: Block | None
    slope: Block | None


@dataclass(frozen=True, eq=False)
class Dual:
    """A dual activation.

    Attributes:
        name: of the activation.
        variance: ``E[phi(sqrt(q) g)^2]`` from q.
        pair: from a :class:`Pair`, and whether the slope is asked for.
        kinked: whether phi' jumps, so that the gap is worth carrying.
    """

    name: str
    variance: Callable[[Block], Block]
    pair: Callable[[Pair, bool], Moved]
    kinked: bool = False


def inverse_root(q: Block) -> Block:
    """``1 / sqrt(q)``, and 0 where q is 0: a zero row has the angle 0 with everything, and counts for nothing."""
    return np.divide(1, np.sqrt(q), out=np.zeros_like(q), where=q > 0)


def rectified(negative: float = 0.0) -> Dual:
    """The dual of ``max(z, a z)``: relu (a = 0), leaky_relu, the absolute value (a = -1).

    ``c' = sqrt(q q') (A cos t + F (sin t - t cos t))``, slope ``A - F t``, with the angle t,
    ``A = (1 + a^2) / 2`` and ``F = (1 - a)^2 / (2 pi)``.

    Args:
        negative: the slope a below 0.

    Returns:
        Its dual.

    References: Cho and Saul 2009, equations 3 to 7 (n = 0, 1); Tsuchida et al. 2018 for a slope below 0.

    >>> float(rectified().variance(np.array([4.0]))[0])
    2.0
    """
    size, turn = (1 + negative**2) / 2, (1 - negative) ** 2 / (2 * math.pi)

    def pair(given: Pair, sloped: bool) -> Moved:
        radius = np.sqrt(given.q1) * np.sqrt(given.q2)
        h, theta, sine = angle(given)
        bend = np.subtract(1, h)
        bend *= theta
        np.subtract(sine, bend, out=bend)  # sin t - t cos t
        if given.gap is None:
            bend *= turn
            h *= -size
            h += size
            h += bend
            h *= radius
            cov, gap = h, None
        else:
            near = h < _NEAR
            if near.any():
                t = theta[near]
                bend[near] = t**3 / 3 * (1 - t * t / 10 * (1 - t * t / 28))
            bend *= turn
            h *= size
            h -= bend
            h *= radius
            np.multiply(radius, size, out=bend)
            bend -= h
            cov, gap = bend, h
        if sloped:
            theta *= -turn
            theta += size
        return Moved(cov, gap, theta if sloped else None)

    name = {0.0: "relu", -1.0: "abs"}.get(negative, f"leaky_relu({negative:g})")
    return Dual(name, lambda q: size * q, pair, kinked=True)


def angle(given: Pair) -> tuple[Block, Block, Block]:
    """``1 - cos t``, the angle t and ``sin t`` of two inputs, with the accuracy that gap and anti allow.

    Args:
        given: their second moments.

    Returns:
        Three arrays of one shape, the caller's to change.

    References: elementary; t = 2 arcsin(sqrt((1 - cos t) / 2)).
    """
    i1, i2 = inverse_root(given.q1), inverse_root(given.q2)
    if given.gap is None:
        h = given.cov * i1
        h *= i2
        np.subtract(1, h, out=h)
        h *= (i1 > 0) & (i2 > 0) if (i1 == 0).any() or (i2 == 0).any() else 1
    else:
        h = given.gap * i1
        h *= i2
    np.clip(h, 0, 2, out=h)
    theta = h * 0.5
    np.sqrt(theta, out=theta)
    np.arcsin(theta, out=theta)
    theta *= 2
    sine = 2 - h
    sine *= h
    np.sqrt(sine, out=sine)
    if given.anti is not None:
        far = h > 2 - _NEAR
        other = (given.anti * i1 * i2)[far]
        theta[far] = math.pi - 2 * np.arcsin(np.sqrt(other / 2))
        sine[far] = np.sqrt(other * (2 - other))
    return h, theta, sine


def _erf_pair(given: Pair, sloped: bool) -> Moved:
    a, b, c = 1 + 2 * given.q1, 1 + 2 * given.q2, 2 * given.cov
    cov = c / np.sqrt(a)
    cov /= np.sqrt(b)
    np.clip(cov, -1, 1, out=cov)
    np.arcsin(cov, out=cov)
    cov *= 2 / math.pi
    if not sloped:
        return Moved(cov, None, None)
    c *= c
    np.subtract(a * b, c, out=c)
    np.sqrt(c, out=c)
    return Moved(cov, None, np.divide(4 / math.pi, c, out=c))


def _gelu_pair(given: Pair, sloped: bool) -> Moved:
    a, b, c = 1 + given.q1, 1 + given.q2, given.cov
    det = a * b - c * c
    root = 2 * math.pi * np.sqrt(det)
    both = 0.25 + np.arcsin(np.clip(c / (np.sqrt(a) * np.sqrt(b)), -1, 1)) / (2 * math.pi)
    inverse = 1 / a + 1 / b
    cov = c * both + (given.q1 * given.q2 + c * c * (inverse - 1)) / root
    return Moved(cov, None, both + c * (inverse + 1 / det) / root if sloped else None)


def sine(frequency: float = 1.0) -> Dual:
    """The dual of ``sin(w z)``: ``exp(-w^2 (q + q') / 2) sinh(w^2 c)``, slope with cosh and a factor w^2.

    Args:
        frequency: w.

    Returns:
        Its dual.

    References: elementary, the characteristic function of ``u - v`` and ``u + v``.

    >>> round(float(sine().variance(np.array([1.0]))[0]), 9)  # (1 - exp(-2)) / 2
    0.432332358
    """
    w = frequency**2

    def pair(given: Pair, sloped: bool) -> Moved:
        middle = (given.q1 + given.q2) * (w / 2)
        less, more = np.exp(w * given.cov - middle), np.exp(-w * given.cov - middle)
        return Moved((less - more) / 2, None, (less + more) * (w / 2) if sloped else None)

    return Dual(f"sine({frequency:g})", lambda q: -np.expm1(-2 * w * q) / 2, pair)


def polynomial(coefficients: Sequence[float]) -> Dual:
    """The dual of ``a_0 + a_1 z + a_2 z^2 + ...``, exact: ``sum_r alpha_r(q) alpha_r(q') c^r``.

    ``alpha_r(q) = sum_k a_k k! (q / 2)^((k - r) / 2) / (((k - r) / 2)! sqrt(r!))`` over k = r, r + 2, ...

    Args:
        coefficients: a_0, a_1, ..., at least one.

    Returns:
        Its dual.

    Raises:
        UsageError: no coefficients, or some that are not finite.

    References: Hermite expansion of a monomial.

    >>> round(float(polynomial((0, 0, 1)).variance(np.array([1.0]))[0]), 9)  # E g^4
    3.0
    """
    a = tuple(float(one) for one in coefficients)
    if not a or not all(map(math.isfinite, a)):
        raise UsageError(
            f"polynomial: expected at least one finite coefficient, a_0 first, got {tuple(coefficients)}."
        )
    slopes = tuple(k * one for k, one in enumerate(a))[1:] or (0.0,)

    def alpha(a: tuple[float, ...], r: int, q: Block) -> Block:
        total = np.zeros_like(q)
        for j, one in enumerate(a[r::2]):
            k = r + 2 * j
            total += one * math.factorial(k) / (2**j * math.factorial(j) * math.sqrt(math.factorial(r))) * q**j
        return total

    def expand(a: tuple[float, ...], given: Pair) -> Block:
        total = np.zeros_like(given.cov)
        for r in reversed(range(len(a))):
            total *= given.cov
            total += alpha(a, r, given.q1) * alpha(a, r, given.q2)
        return total

    def variance(q: Block) -> Block:
        return np.asarray(expand(a, Pair(q, q, q)))

    def pair(given: Pair, sloped: bool) -> Moved:
        return Moved(expand(a, given), None, expand(slopes, given) if sloped else None)

    return Dual(f"polynomial{a}", variance, pair)


def _identity_pair(given: Pair, sloped: bool) -> Moved:
    return Moved(given.cov, given.gap, np.ones_like(given.cov) if sloped else None)


def _series_dual(act: Activation) -> Dual:
    def pair(given: Pair, sloped: bool) -> Moved:
        cos = given.cov * inverse_root(given.q1)
        cos *= inverse_root(given.q2)
        np.clip(cos, -1, 1, out=cos)
        cov = _by_series(act.name, act.value, cos, given)
        return Moved(cov, None, _by_series(act.name, act.slope, cos, given) if sloped else None)

    def variance(q: Block) -> Block:
        found = expand(act.value, np.sqrt(q.astype(np.float64)).reshape(-1), orders=0)
        return found.square.reshape(q.shape).astype(q.dtype)

    return Dual(act.name, variance, pair)


def _by_series(name: str, function: Function, cos: Block, given: Pair) -> Block:
    """``sum_r mu_r(q1) mu_r(q2) cos^r``, with as many terms as leave 1e-13 of ``E f^2``; 1e-9 at the longest."""
    sizes = [given.q1.size, given.q2.size]
    scales = np.sqrt(np.concatenate([given.q1.reshape(-1), given.q2.reshape(-1)]).astype(np.float64))
    found = expand(function, scales, orders=_TERMS, enough=_AIM)
    dropped = float((found.tail / np.where(found.square > 0, found.square, 1.0)).max())
    if dropped > _DROPPED:
        raise UsageError(
            f"activation '{name}': expected a dual that converges, but {_TERMS} terms of its series leave "
            f"{dropped:.1g} of E[phi^2], because its inputs vary too much (variance up to {scales.max() ** 2:.3g}). "
            "Scale the inputs or weight_std down."
        )
    lines = found.coefficients.astype(cos.dtype)
    first = np.ascontiguousarray(lines[: sizes[0]].T).reshape(-1, *given.q1.shape)
    second = np.ascontiguousarray(lines[sizes[0] :].T).reshape(-1, *given.q2.shape)
    total = np.zeros_like(cos)
    for one, other in zip(first[::-1], second[::-1], strict=True):
        total *= cos
        total += one * other
    return total


def _erf_variance(q: Block) -> Block:
    return 2 / math.pi * np.arcsin(2 * q / (1 + 2 * q))


def _gelu_variance(q: Block) -> Block:
    return _gelu_pair(Pair(q, q, q), False).cov


_CLOSED = {
    "relu": rectified(),
    "erf": Dual("erf", _erf_variance, _erf_pair),
    "gelu": Dual("gelu", _gelu_variance, _gelu_pair),
    "quadratic": replace(polynomial((0.0, 0.0, 1.0)), name="quadratic"),
    "identity": Dual("identity", lambda q: q + 0, _identity_pair),
}


def dual_of(function: str | Activation | Dual) -> Dual:
    """The dual activation of that name.

    Args:
        function: as in :func:`~overparam.theory.activations.activation`; or a dual, which is returned.

    Returns:
        Closed form where there is one, else a series.

    Raises:
        UsageError: no activation has that name.

    References: see the functions of this file.

    >>> dual_of("relu").kinked, dual_of("tanh").kinked
    (True, False)
    """
    if isinstance(function, Dual):
        return function
    act = activation(function)
    if act.name in _CLOSED:
        return _CLOSED[act.name]
    if act.name.startswith("leaky_relu"):
        return rectified(-float(act.value(np.array([-1.0]))[0]))
    if act.name.startswith("sine"):
        return sine(math.pi / act.period)
    return _series_dual(act)


@dataclass(frozen=True, eq=False)
class DualValue:
    """Values of a dual activation.

    Attributes:
        value: ``E[phi(u) phi(v)]``.
        slope: ``E[phi'(u) phi'(v)]``.
    """

    value: Block
    slope: Block


def dual_activation(
    function: str | Activation | Dual, first: ArrayLike, second: ArrayLike, covariance: ArrayLike
) -> DualValue:
    """``E[phi(u) phi(v)]`` and ``E[phi'(u) phi'(v)]``, in squared units of phi, for Gaussian u, v.

    Args:
        function: name, activation or dual.
        first: variance of u.
        second: variance of v.
        covariance: of u and v, at most the root of the variances' product. The three broadcast.

    Returns:
        Both in float64, of the common shape.

    Raises:
        DataError: numbers that are missing or infinite, or no covariance.
        UsageError: no activation has that name.

    References:
        relu: Cho and Saul 2009, equations 3 to 7. erf: Williams 1997, equation 11. gelu: Gaussian integration by
        parts; the same expectation in Tsuchida et al. 2021.

    >>> dual_activation("relu", 1.0, 1.0, 1.0)
    DualValue(value=array([0.5]), slope=array([0.5]))
    """
    q1, q2, cov = (
        np.atleast_1d(np.array(one, dtype=np.float64))
        for one in np.broadcast_arrays(first, second, covariance)
    )
    if not all(np.isfinite(one).all() for one in (q1, q2, cov)):
        raise DataError("dual activation: expected finite variances and covariances, got some that are not.")
    excess = np.abs(cov) - np.sqrt(np.maximum(q1, 0)) * np.sqrt(np.maximum(q2, 0)) * (1 + 1e-12)
    if (q1 < 0).any() or (q2 < 0).any() or (excess > 0).any():
        raise DataError(
            "dual activation: expected variances of at least 0 and a covariance of at most the root of their "
            "product, got others. Check the order: first variance, second variance, covariance."
        )
    moved = dual_of(function).pair(Pair(cov, q1, q2), True)
    assert moved.slope is not None
    return DualValue(moved.cov, moved.slope)


def assumptions(function: str | Activation | Dual, **_: object) -> tuple[Assumption, ...]:
    """What the expectation asks.

    Args: as for :func:`dual_activation`.

    References: none; a convention.

    >>> [one.state for one in assumptions("erf")]
    ['unchecked', 'holds']
    """
    return (
        Assumption(
            "gaussian inputs",
            "The two inputs are jointly Gaussian with mean 0.",
            "unchecked",
            "true of units behind random weights as their number grows",
        ),
        checked("known activation", "The activation has a dual.", True, dual_of(function).name),
    )


CITATION = (
    "Y. Cho and L. K. Saul, Kernel methods for deep learning, NeurIPS 2009 (relu); C. K. I. Williams, Computing with "
    "infinite networks, NeurIPS 1996 (erf)."
)
THEOREMS = (
    Theorem(
        "dual-activation",
        dual_activation,
        {"function": "gelu", "first": [1.0, 0.5], "second": [1.0, 2.0], "covariance": [0.3, -0.7]},
        assumptions,
        CITATION,
    ),
)
