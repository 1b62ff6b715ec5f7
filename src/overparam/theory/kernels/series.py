"""Hermite coefficients of a function of one Gaussian number, and the kernel ``E[f(w.x) f(w.z)]`` as their series."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from overparam.core.errors import UsageError
from overparam.theory.activations import Function
from overparam.theory.kernels.row_angles import Angles

REACH = 14.0  # standard deviations; the Gaussian weight beyond is below 1e-42
STEP = 0.02  # of the trapezoid rule, finer for long rows
RESOLVED = 0.15  # largest step times row norm
LONGEST = 1000.0  # row norm
ORDERS = 4096  # most terms of the series
_CHUNK = 32
_BLOCK = 2**23


@dataclass(frozen=True, eq=False)
class Expansion:
    """``f(s g) = sum_r c_r(s) h_r(g)`` for a standard normal g, at several scales s.

    Attributes:
        coefficients: c_r(s), one row a scale, orders from 0.
        square: ``E f(s g)^2``.
        tail: ``E f(s g)^2 - sum_r c_r(s)^2`` over the orders held, at least 0: exact up to rounding.
    """

    coefficients: Float64[np.ndarray, "n rank"]
    square: Float64[np.ndarray, " n"]
    tail: Float64[np.ndarray, " n"]


def expand(
    function: Function, scales: Float64[np.ndarray, " n"], orders: int = ORDERS, enough: float = 1e-17
) -> Expansion:
    r"""Hermite coefficients ``E[f(s g) h_r(g)]`` for a standard normal g, in the unit of f.

    .. math:: h_{r+1} = (g h_r - \sqrt r\, h_{r-1}) / \sqrt{r+1}

    The integrals are trapezoid sums over 14 standard deviations, with a step that resolves ``f(s g)``; for functions
    that are analytic in a strip around the real line, as all smooth activations here are, their error falls
    exponentially in one over the step.

    Args:
        function: f, entry by entry; analytic near the real line, growing slower than a Gaussian falls.
        scales: s, norms of rows.
        orders: most orders computed.
        enough: stop where the tail is at most this share of ``E f^2`` at every scale.

    Returns:
        The coefficients and what they leave out.

    Raises:
        UsageError: a scale above 1,000, or a function with kinks or jumps.

    References: G. Szego, Orthogonal polynomials, 1939, section 5.5; L. Trefethen and J. Weideman, SIAM Review 56
        (2014), theorem 5.1 (the trapezoid rule).

    >>> found = expand(np.square, np.array([1.0]), orders=4)
    >>> [round(float(c), 10) + 0.0 for c in found.coefficients[0, :3]]  # g^2 = 1 + sqrt(2) h_2
    [1.0, 0.0, 1.4142135624]
    """
    top = float(scales.max(initial=0.0))
    if top > LONGEST:
        raise UsageError(
            f"row norms: expected at most {LONGEST:g} for this activation, got {top:.3g}. Normalise the rows."
        )
    step = min(STEP, RESOLVED / max(top, 1e-300))
    nodes = step * np.arange(-math.ceil(REACH / step), math.ceil(REACH / step) + 1)
    half = np.exp(-0.25 * nodes**2) * math.sqrt(step / math.sqrt(2 * math.pi))
    mantissa, exponent = np.frexp(scales)  # norms of unit rows differ in the last bits: one expansion for all
    unique, back = np.unique(np.ldexp(np.round(mantissa * 2.0**50) * 2.0**-50, exponent), return_inverse=True)
    values = np.empty((len(unique), len(nodes)))
    for start in range(0, len(unique), max(1, _BLOCK // len(nodes))):
        part = slice(start, start + max(1, _BLOCK // len(nodes)))
        values[part] = function(np.multiply.outer(unique[part], nodes)) * half
    square = np.einsum("ij,ij->i", values, values)
    coarse = 2.0 * np.einsum("ij,ij->i", values[:, ::2], values[:, ::2])
    if not np.allclose(coarse, square, rtol=1e-10, atol=1e-300):
        raise UsageError(
            "Hermite coefficients: expected a function that is analytic near the real line; its integrals change "
            "with the step of the quadrature. Use an activation with a closed form, or a smoother one."
        )
    columns: list[np.ndarray] = []
    tail, before, now, order = square.copy(), np.zeros_like(half), half.copy(), 0
    while order < orders and (tail > enough * square).any():
        chunk = []
        for _ in range(min(_CHUNK, orders - order)):
            chunk.append(now)
            before, now = now, (nodes * now - math.sqrt(order) * before) / math.sqrt(order + 1)
            order += 1
        found = values @ np.array(chunk).T
        found[np.abs(found) <= 1e-16 * np.sqrt(square)[:, None]] = 0.0
        columns.append(found)
        kept = tail - (found**2).sum(axis=1)
        rounding = kept <= 4e-16 * math.sqrt(order) * square
        tail = np.where(rounding, 0.0, kept)
    coefficients = np.concatenate(columns, axis=1) if columns else np.zeros((len(unique), 1))
    return Expansion(coefficients[back], square[back], tail[back])


def kernel_by_series(function: Function, geometry: Angles) -> tuple[Float64[np.ndarray, "n m"], float]:
    r"""``E[f(w.x) f(w.z)]`` for standard normal w and a smooth f, and a bound on what the cut series left out.

    .. math:: \sum_r c_r(|x|)\, c_r(|z|)\, \cos^r\theta

    Pairs at angle 0 or pi get ``E f(w.x)^2`` and ``E f(w.x) f(-w.x)`` only through the series; the diagonal of a
    symmetric kernel is set to ``E f(w.x)^2`` itself.

    Args:
        function: f.
        geometry: of the rows.

    Returns:
        The kernel, and a bound on the truncation error of its entries.

    Raises:
        UsageError: the series has not converged, because rows are long and close to parallel.

    References: the Hermite expansion of a Gaussian kernel (Mehler 1866).
    """
    both = geometry.left if geometry.same else np.concatenate([geometry.left, geometry.right])
    expansion = expand(function, both)
    n = len(geometry.left)
    a = expansion.coefficients[:n]
    b, tail_b = (a, expansion.tail) if geometry.same else (expansion.coefficients[n:], expansion.tail[n:])
    tail = np.sqrt(np.multiply.outer(expansion.tail[:n], tail_b))
    cosine = geometry.cosine.copy()
    if geometry.same:
        np.fill_diagonal(cosine, 0.0)
    steepest = float(np.abs(cosine).max(initial=0.0))
    enough = (
        a.shape[1] if steepest >= 1.0 else min(a.shape[1], 16 + math.ceil(-41.5 / math.log(steepest + 1e-300)))
    )
    out = _sum(a[:, :enough], b[:, :enough], cosine)
    left_out = float((tail * np.abs(cosine) ** a.shape[1]).max(initial=0.0))
    if geometry.same:
        np.fill_diagonal(out, expansion.square)
    largest = float(expansion.square.max(initial=0.0))
    if left_out > 1e-9 * largest:
        raise UsageError(
            f"kernel of this activation: the series left out {left_out:.2g} after {a.shape[1]} terms, because "
            f"rows are long (up to {both.max():.3g}) and almost parallel. Normalise the rows."
        )
    return out, left_out + 1e-18 * largest


def _sum(
    a: Float64[np.ndarray, "n rank"], b: Float64[np.ndarray, "m rank"], cosine: Float64[np.ndarray, "n m"]
) -> Float64[np.ndarray, "n m"]:
    """``sum_r a_r b_r^T cosine^r``, entrywise; by Horner where all rows have the same coefficients."""
    if (a == a[0]).all() and (b == a[0]).all():
        weights = a[0] ** 2
        odd = not weights[::2].any()
        if odd or not weights[1::2].any():
            weights, base = (weights[1::2], cosine**2) if odd else (weights[::2], cosine**2)
        else:
            base = cosine
        out = np.full_like(cosine, weights[-1])
        for weight in weights[-2::-1]:
            out *= base
            out += weight
        return out * cosine if odd else out
    out, power, term = np.zeros_like(cosine), np.ones_like(cosine), np.empty_like(cosine)
    for order in range(a.shape[1]):
        if a[:, order].any() and b[:, order].any():
            np.multiply(a[:, order, None], b[None, :, order], out=term)  # symmetric to the last bit
            term *= power
            out += term
        power *= cosine
    return out
