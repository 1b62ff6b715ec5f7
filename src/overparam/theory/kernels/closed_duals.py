"""Dual activations in closed form: relu and its kin, erf, gelu, sine, polynomials, the identity."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from overparam.core.checked import real, shown
from overparam.core.errors import DataError, UsageError
from overparam.theory.inputs import SQUARABLE, vector
from overparam.theory.kernels.gaussian_moments import NEAR, Dual, Moved, Pair, angle

Block = Float[np.ndarray, "..."]


def rectified(negative: float = 0.0) -> Dual:
    """The dual of ``max(z, a z)``: relu (a = 0), leaky_relu, the absolute value (a = -1).

    ``c' = sqrt(q q') (A cos t + F (sin t - t cos t))``, slope ``A - F t``, with the angle t,
    ``A = (1 + a^2) / 2`` and ``F = (1 - a)^2 / (2 pi)``.

    Args:
        negative: the slope a below 0.

    Returns:
        Its dual.

    Raises:
        UsageError: a slope that is no number of such a size that its square is one.

    References: Cho and Saul 2009, equations 3 to 7 (n = 0, 1); Tsuchida et al. 2018 for a slope below 0.

    >>> float(rectified().variance(np.array([4.0]))[0])
    2.0
    """
    given, negative = negative, real(negative)
    if not abs(negative) <= 1e100:
        raise UsageError(f"negative: expected a slope of at most 1e100 in size, got {shown(given)}.")
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
            near = h < NEAR
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
    np.maximum(
        c, a + b - 1, out=c
    )  # its least value, on parallel inputs, where the difference loses its digits
    np.sqrt(c, out=c)
    return Moved(cov, None, np.divide(4 / math.pi, c, out=c))


def _gelu_pair(given: Pair, sloped: bool) -> Moved:
    a, b, c = 1 + given.q1, 1 + given.q2, given.cov
    least = a + b - 1  # of the determinant, on parallel inputs, where the difference loses its digits
    det = np.maximum(a * b - c * c, least)
    root = 2 * math.pi * np.sqrt(det)
    both = 0.25 + np.arcsin(np.clip(c / (np.sqrt(a) * np.sqrt(b)), -1, 1)) / (2 * math.pi)
    inverse = 1 / a + 1 / b
    cov = c * both + (det - least + c * c * inverse) / root
    return Moved(cov, None, both + c * (inverse + 1 / det) / root if sloped else None)


def sine(frequency: float = 1.0) -> Dual:
    """The dual of ``sin(w z)``: ``exp(-w^2 (q + q') / 2) sinh(w^2 c)``, slope with cosh and a factor w^2.

    Args:
        frequency: w.

    Returns:
        Its dual.

    Raises:
        UsageError: a frequency that is no number of such a size that its square is one.

    References: elementary, the characteristic function of ``u - v`` and ``u + v``.

    >>> round(float(sine().variance(np.array([1.0]))[0]), 9)  # (1 - exp(-2)) / 2
    0.432332358
    """
    given, frequency = frequency, real(frequency)
    if not 1e-150 <= abs(frequency) <= 1e150:
        raise UsageError(f"frequency: expected a number from 1e-150 to 1e150 in size, got {shown(given)}.")
    w = frequency**2

    def pair(given: Pair, sloped: bool) -> Moved:
        middle = (given.q1 + given.q2) * (w / 2)
        limit = 1e-4 / float(np.finfo(given.cov.dtype).eps)
        if (largest := float(middle.max(initial=0.0))) > limit:
            raise UsageError(
                f"sine: expected inputs whose variance times the squared frequency is below {limit:.1e}, got "
                f"{largest:.1e}: beyond it rounding takes the phase. Scale the inputs or weight_std down."
            )
        # neither exponent is above 0 but for rounding
        less, more = (np.exp(np.minimum(s * given.cov - middle, 0)) for s in (w, -w))
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
    try:
        a = tuple(vector(coefficients, "coefficients", negative=True, high=SQUARABLE[1]).tolist())
    except DataError:
        raise UsageError(
            "coefficients: expected a polynomial with at least one finite coefficient below 1e140, a_0 first, got "
            f"{shown(coefficients)}."
        ) from None
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


def _erf_variance(q: Block) -> Block:
    return 2 / math.pi * np.arcsin(2 * q / (1 + 2 * q))


def _gelu_variance(q: Block) -> Block:
    return _gelu_pair(Pair(q, q, q), False).cov


CLOSED = {
    "relu": rectified(),
    "erf": Dual("erf", _erf_variance, _erf_pair),
    "gelu": Dual("gelu", _gelu_variance, _gelu_pair),
    "quadratic": replace(polynomial((0.0, 0.0, 1.0)), name="quadratic"),
    "identity": Dual("identity", lambda q: q + 0, _identity_pair),
}
