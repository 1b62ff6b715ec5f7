"""Two sufficient widths with explicit constants: where gradient flow is proved to interpolate, and a talk's key lemma."""

from __future__ import annotations

import math
from fractions import Fraction

from overparam.theory.assumption import Assumption, checked
from overparam.theory.inputs import count, nonnegative


def flow_width(
    n: int, d: int, kappa: float, curvature: float, *, start: float = 1.0, sharpness: float = 1.0
) -> float:
    """Width from which gradient flow is proved to interpolate, in hidden units, where the kernel has concentrated.

    For ``f(x) = sum_l v_l phi(w_l.x)``, only W trained, ``|v_l| = |y| / sqrt(k n)`` and rows of norm 1, the number
    that decides is ``h = |D^2 f| |r_0| / sigma^2 = B2 rho kappa n / sqrt(k d)``; flow interpolates if ``h <= 1/2``:

        sqrt(k d) >= 2 B2 rho kappa n

    Args:
        n: training samples.
        d: features.
        kappa: ``sqrt(d / n) |X| / lambda(X)``.
        curvature: B2, largest ``|phi''|``.
        start: ``rho = |r_0| / |y|``; 1 for a network that starts at zero.
        sharpness: ``tau / |X|`` at most 1, where a sharper Lipschitz constant than ``B2 |v|_inf |X|`` is known.

    Returns:
        A width, not rounded to a whole number.

    Raises:
        UsageError: a number out of range.

    Assumptions: ``sigma_min(J)^2`` is its expectation ``|v|^2 lambda(X)`` (true for wide networks); else multiply by
        the square of their ratio.

    References: Derived from the condition of Kantorovich for Newton's method, ``h <= 1/2``; the form
        ``sqrt(k d) >= C kappa n`` is that of Oymak and Soltanolkotabi 2020 (constant not given there as recalled).

    >>> flow_width(20, 10, kappa=5.0, curvature=0.25)
    250.0
    """
    return _law(2.0, n, d, kappa, curvature, start, sharpness)


def lemma_width(
    n: int, d: int, kappa: float, curvature: float, *, start: float = 1.0, sharpness: float = 1.0
) -> float:
    """Width at which the talk's key lemma applies, in hidden units: ``sqrt(k d) >= 16 B2 rho kappa n``.

    The lemma asks ``|r_0| <= alpha^2 / (4 L)`` with ``2 alpha = sigma_min(J)``, that is ``h <= 1/16``: 64 times the
    width of :func:`flow_width`.

    Args: as for :func:`flow_width`.

    Returns:
        A width, not rounded to a whole number.

    Raises:
        UsageError: a number out of range.

    References: S. Oymak and M. Soltanolkotabi, Overparameterized nonlinear learning: gradient descent takes the
        shortest path?, ICML 2019, arXiv:1812.10004 (the lemma as the talk of 2019 states it).

    >>> lemma_width(20, 10, kappa=5.0, curvature=0.25)
    16000.0
    """
    return _law(16.0, n, d, kappa, curvature, start, sharpness)


def _law(
    factor: float, n: int, d: int, kappa: float, curvature: float, start: float, sharpness: float
) -> float:
    k, b, rho, s = (
        nonnegative(value, name)
        for value, name in (
            (kappa, "kappa"),
            (curvature, "curvature"),
            (start, "start"),
            (sharpness, "sharpness"),
        )
    )
    samples, features = count(n, "n"), count(d, "d")
    parts = (factor, b, rho, s, k)
    if samples < 1e60 and features < 1e60 and all(part == 0 or 1e-30 < part < 1e30 for part in parts):
        return float((math.prod(parts) * samples) ** 2 / features)
    root = math.prod((Fraction(part) for part in parts), start=Fraction(samples))
    return nearest(root * root / features)


def nearest(value: Fraction) -> float:
    """The float64 next to a fraction that is not negative; infinite beyond the largest.

    >>> nearest(Fraction(1, 2)), nearest(Fraction(10) ** 400)
    (0.5, inf)
    """
    try:
        return float(value)
    except OverflowError:
        return math.inf


def law_assumptions(
    n: int, d: int, kappa: float, curvature: float, start: float = 1.0, sharpness: float = 1.0
) -> tuple[Assumption, ...]:
    """What the two laws with explicit constants ask.

    Args: as for :func:`flow_width`.

    References: as for :func:`flow_width`.

    >>> law_assumptions(20, 10, 5.0, 0.25)[0].state
    'holds'
    """
    everywhere = isinstance(curvature, float) and curvature == math.inf
    bend = math.inf if everywhere else nonnegative(curvature, "curvature")
    return (
        checked(
            "smooth",
            "The activation has a bounded second derivative.",
            math.isfinite(bend),
            f"B2 = {bend:.4g}",
        ),
        Assumption(
            "concentration",
            "The kernel of the network is that of infinite width.",
            "unchecked",
            "no weights are given here",
        ),
        Assumption(
            "balance", "|v_l| = |y| / sqrt(k n) and rows of norm 1.", "unchecked", "no network is given here"
        ),
    )
