"""Dual activations: what an activation does to the covariance of two Gaussian inputs.

For ``(u, v)`` Gaussian with variances q, q' and covariance c, the dual of phi is ``E[phi(u) phi(v)]`` and its slope
``E[phi'(u) phi'(v)]``. Closed forms stand in :mod:`~overparam.theory.kernels.closed_duals`. Others are summed as a
series of Hermite coefficients, long enough for 12 digits, or refused with the reason.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from overparam.core.errors import DataError, UsageError
from overparam.theory.activations import ACTIVATIONS, Activation, Function, activation, leaky_relu
from overparam.theory.activations import sine as waves
from overparam.theory.assumption import Assumption, checked
from overparam.theory.inputs import LARGEST, all_finite, numbers, representable
from overparam.theory.kernels.closed_duals import CLOSED, rectified, sine
from overparam.theory.kernels.gaussian_moments import Dual, Moved, Pair, inverse_root
from overparam.theory.kernels.series import expand
from overparam.theory.theorem import Theorem

Block = Float[np.ndarray, "..."]
_TERMS, _AIM, _DROPPED = 1024, 1e-13, 1e-9  # of the series: most terms; share dropped, aimed at and at most


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
    if act.name in CLOSED and ACTIVATIONS[act.name] is act:
        return CLOSED[act.name]
    below = -float(act.value(np.array([-1.0]))[0])
    if -1 <= below <= 1 and _equal(act, leaky_relu(below)):
        return rectified(below)
    if act.period and _equal(act, waves(math.pi / act.period)):
        return sine(math.pi / act.period)
    return _series_dual(act)


def _equal(act: Activation, known: Activation) -> bool:
    """Whether two activations are one function, by their names and at some numbers."""
    z = np.array([-2.5, -0.3, 0.7, 1.9])
    return act.name == known.name and np.allclose(act.value(z), known.value(z), rtol=1e-12, atol=0)


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
    dual = dual_of(function)
    given = [
        numbers(value, name, high=LARGEST)
        for value, name in ((first, "first"), (second, "second"), (covariance, "covariance"))
    ]
    for value, name in zip(given, ("first", "second", "covariance"), strict=True):
        all_finite(value, name)
    try:
        q1, q2, cov = (np.atleast_1d(np.array(one)) for one in np.broadcast_arrays(*given))
    except ValueError:
        shapes = ", ".join(str(one.shape) for one in given)
        raise DataError(f"first, second, covariance: expected shapes that broadcast, got {shapes}.") from None
    excess = np.abs(cov) - np.sqrt(np.maximum(q1, 0)) * np.sqrt(np.maximum(q2, 0)) * (1 + 1e-12)
    if (q1 < 0).any() or (q2 < 0).any() or (excess > 0).any():
        raise DataError(
            "first, second, covariance: expected variances of at least 0 and a covariance of at most the root of their "
            "product, got others. Check the order: first variance, second variance, covariance."
        )
    with np.errstate(over="ignore", invalid="ignore"):
        moved = dual.pair(Pair(cov, q1, q2), True)
    assert moved.slope is not None
    representable(moved.cov, "first, second, covariance")
    representable(moved.slope, "first, second, covariance")
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
