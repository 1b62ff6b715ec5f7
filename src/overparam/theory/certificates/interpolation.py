"""When gradient descent or gradient flow must converge to zero loss: a condition on one point, and what follows from it.

With ``sigma <= sigma_min(J)`` and ``r >= ||f - y||`` at the start, L a Lipschitz constant of J and beta a bound of
``||J||`` on the ball of radius R around it, and ``c = 1 - (eta/2)(beta^2 + L r)`` (gradient flow: c = 1)::

    c (sigma R - L R^2/2) >= r,  R < sigma/L

suffices: the path stays in the ball, ends at exact interpolation, and
``||r_{t+1}|| <= (1 - c eta (sigma - L R)^2) ||r_t||``. For gradient flow the condition is ``h = L r/sigma^2 <= 1/2``. The
proof adds up ``||r_t|| - ||r_{t+1}|| >= c (sigma - L s_t) ||theta_{t+1} - theta_t||``, s_t the length of the path so far.
The loss is half the sum of squares.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from overparam.theory.assumption import Assumption, checked
from overparam.theory.certificates.rounding import (
    LARGEST,
    UNIT,
    above,
    below,
    exponent_of,
    over_above,
    scaled_above,
)
from overparam.theory.inputs import nonnegative
from overparam.theory.theorem import Theorem

Lipschitz = Callable[[float], float]
CITATION = (
    "Gradient flow: L. V. Kantorovich's condition. The same family: S. Chatterjee, Convergence of gradient descent for "
    "deep neural networks, arXiv:2203.16462; C. Liu, L. Zhu, M. Belkin, Loss landscapes and optimization in "
    "over-parameterized non-linear systems and neural networks, arXiv:2003.00307. Derived in the package's own words."
)
_ROUNDS = 300


@dataclass(frozen=True)
class Ball:
    """What the condition proves on a ball.

    Attributes:
        radius: of the ball; L and beta hold on it, and distance and length of the path are at most this.
        lipschitz: L on it.
        beta: bound of ``||J||`` on it.
        c: share of the first-order decrease that is kept, 1 for gradient flow.
        rate: factor a step of ``||r_t||``; for gradient flow ``exp(-gain)``, the factor a unit of time, of half the sum
            of squares.
        gain: ``(sigma - L R)^2``, rounded down; infinite where nothing is left to fit.
    """

    radius: float
    lipschitz: float
    beta: float
    c: float
    rate: float
    gain: float


def smaller_root(sigma: float, lipschitz: float, q: float) -> float:
    """Smaller root s of ``sigma s - L s^2/2 = q``, rounded up, in units of the parameters; infinite if there is none.

    ``s = 2 (q/sigma)/(1 + sqrt(1 - 2 L q/sigma^2))``, the form without cancellation; the three numbers are scaled by
    powers of two first, so that no product overflows or underflows that matters.

    Args:
        sigma: a lower bound of the smallest singular value.
        lipschitz: L.
        q: residual over c.

    Returns:
        At least ``q/sigma``, at most ``2 q/sigma``.

    Raises:
        UsageError: a negative number.

    Assumptions: see :func:`assumptions`.

    References: Kantorovich's theorem on Newton's method has the same root.

    >>> round(smaller_root(1.0, 1.0, 0.375), 12)
    0.5
    """
    s, bend, need = nonnegative(sigma, "sigma"), nonnegative(lipschitz, "lipschitz"), nonnegative(q, "q")
    if need == 0:
        return 0.0
    if s == 0:
        return math.inf
    of_s, of_bend, of_need = exponent_of(s), exponent_of(bend), exponent_of(need)
    s, bend, need = (math.ldexp(v, -e) for v, e in ((s, of_s), (bend, of_bend), (need, of_need)))
    double = scaled_above(2 * bend * need, of_bend + of_need - 2 * of_s)
    discriminant = s * s * (1 - 4 * UNIT) - double * (1 + 4 * UNIT)
    if discriminant < 0:
        return math.inf
    return scaled_above(above(2 * need / below(s + math.sqrt(discriminant))), of_need - of_s)


def flow_ball(sigma: float, norm: float, residual: float, lipschitz: Lipschitz) -> Ball | None:
    """What the condition proves for gradient flow; None if nothing.

    Args:
        sigma: proved lower bound of sigma_min(J) at the start.
        norm: proved upper bound of ``||J||`` there.
        residual: proved upper bound of ``||f - y||`` there.
        lipschitz: L as a function of the radius, not decreasing, rounded up.

    Returns:
        The ball with the least radius that was found.

    >>> flow_ball(1.0, 1.0, 0.375, lambda radius: 1.0).radius < 0.500001
    True
    >>> flow_ball(1.0, 1.0, 0.51, lambda radius: 1.0) is None
    True
    """
    return _ball(sigma, norm, residual, lipschitz, None)


def descent_ball(sigma: float, norm: float, residual: float, lipschitz: Lipschitz, step: float) -> Ball | None:
    """What the condition proves for gradient descent with that step on half the sum of squares; None if nothing.

    Args:
        sigma: proved lower bound of sigma_min(J) at the start.
        norm: proved upper bound of ``||J||`` at the start; on the ball it is ``norm + L R``.
        residual: proved upper bound of ``||f - y||`` at the start.
        lipschitz: L as a function of the radius, not decreasing, rounded up.
        step: eta.

    >>> descent_ball(1.0, 1.0, 0.1, lambda radius: 1.0, 0.5).rate < 0.8
    True
    """
    return _ball(sigma, norm, residual, lipschitz, step)


def largest_step(descent: Callable[[float], Ball | None], norm: float) -> float:
    """Largest step, within a thousandth, for which something is proved; 0 if there is none.

    Args:
        descent: what is proved for a step; what holds for one holds for every smaller one.
        norm: upper bound of ``||J||`` at the start; no step from ``2/norm^2`` on is certified.

    >>> round(largest_step(lambda step: "a ball" if step <= 0.3 else None, 1.0), 2)
    0.3
    """
    low, high = 0.0, min(2.0 / (norm * norm), LARGEST) if norm * norm > 0 else 1.0 if norm == 0 else LARGEST
    tried = high
    for _ in range(60):
        if descent(tried):
            low = tried
        else:
            high = tried
        if low and high <= low * 1.001:
            break
        tried = 0.5 * (low + high)
    return low


def _ball(sigma: float, norm: float, residual: float, lipschitz: Lipschitz, step: float | None) -> Ball | None:
    """Grow the radius from r/sigma until the root that it gives lies inside the ball."""
    if not (sigma > 0 and math.isfinite(residual)):
        return None
    radius = over_above(residual, sigma)
    for turn in range(_ROUNDS):
        bend = lipschitz(radius)
        if not math.isfinite(bend):
            return None
        beta = above(norm + bend * radius)
        lost = 0.0 if step is None else above(0.5 * step * above(beta * beta + bend * residual))
        c = (1 - lost) * (1 - 4 * UNIT)
        if c <= 0:
            return None
        root = smaller_root(sigma, bend, above(residual / c))
        if not math.isfinite(root):
            return None
        if root <= radius:
            left = below(sigma - above(bend * root))
            if left <= 0:
                return None
            gain = below(left * left)
            rate = above(math.exp(-gain)) if step is None else above(1 - below(c * step * gain))
            if residual == 0:
                rate, gain = 0.0, math.inf
            return Ball(root, bend, beta, c, min(1.0, rate), gain)
        radius = root * (1 + 1e-9 * 1.1**turn)
    return None


def assumptions(sigma: float, lipschitz: float, q: float) -> tuple[Assumption, ...]:
    """What the condition asks of three numbers.

    Args:
        sigma: lower bound of the smallest singular value.
        lipschitz: L.
        q: residual over c.

    References: see the module.

    >>> [one.state for one in assumptions(1.0, 1.0, 0.6)]
    ['fails', 'unchecked']
    """
    s, bend, need = (
        Fraction(nonnegative(v, name)) for v, name in ((sigma, "sigma"), (lipschitz, "lipschitz"), (q, "q"))
    )
    share = smaller_root(sigma, lipschitz, q)
    return (
        checked(
            "small residual",
            "2 L q is at most sigma^2.",
            2 * bend * need <= s * s,
            f"the root is at most {share:.4g}",
        ),
        Assumption(
            "on the ball", "L holds on the ball of that radius.", "unchecked", "three numbers were given"
        ),
    )


THEOREMS = (
    Theorem("distance-to-interpolation", smaller_root, {"sigma": 1.0, "lipschitz": 1.0, "q": 0.375}, assumptions,
            CITATION, infinite="2 L q above sigma^2: nothing is proved"),
)  # fmt: skip
