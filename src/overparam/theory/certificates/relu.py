"""Certificates for relu and leaky relu networks of two layers, the first trained: units that can switch are counted.

Within a distance R of the start, example i can lose or gain at most
``D_i(R) = max {m : sum of the m smallest a_il^2 <= R^2}`` units, ``a_il = |w_l.x_i|/||x_i||``, and so J moves by at most
``delta(R) = g max_l ||V_:,l|| ||X|| sqrt(max_i D_i(R))``, g the jump of the slope. Gradient flow (Clarke's, any slope
between the two at 0) interpolates if ``int_0^R (sigma - delta(s))_+ ds >= r`` for some R; gradient descent if
``c = 1 - eta beta^2/2 - 2 delta/(sigma - delta) > 0`` and ``c (sigma - delta(R)) R >= r``, ``beta = ||J_0|| + delta(R)``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from overparam.theory.certificates.deep_lipschitz import spectral_norm_bound
from overparam.theory.certificates.dense import Dense, Evaluation, jump
from overparam.theory.certificates.interpolation import Ball
from overparam.theory.certificates.rounding import (
    LARGEST,
    UNIT,
    above,
    below,
    exponent_of,
    gamma,
    norm_above,
    row_norms_above,
    scaled_above,
)


@dataclass(frozen=True, eq=False)
class Switches:
    """How many units can switch within a distance, and how far that moves the Jacobian.

    Attributes:
        thresholds: least distance within which m + 1 units of one example can switch, rounded down, ascending.
        each: the same an example, shape ``(n, units)``.
        per_root: ``delta = per_root sqrt(m)`` when at most m units of each example switch.
    """

    thresholds: Float64[np.ndarray, " units"]
    each: Float64[np.ndarray, "n units"]
    per_root: float

    def most(self, radius: float) -> int:
        """Largest number of units of one example that can switch within that distance."""
        return int(np.searchsorted(self.thresholds, radius, side="right"))

    def counts(self, radius: float) -> np.ndarray:
        """Largest number of units that can switch within that distance, one an example."""
        return (self.each <= radius).sum(axis=1)

    def scaled(self, distances: int, jacobian: int) -> Switches:
        """The same with distances and the Jacobian divided by powers of two, rounded as the attributes say.

        Args:
            distances: exponent of the power by which distances are divided.
            jacobian: the same for the Jacobian.
        """
        with np.errstate(over="ignore"):
            each = np.ldexp(self.each, -distances)
        each = np.where(each < 1e-290, np.nextafter(each, 0.0), each)
        return Switches(each.min(axis=0), each, scaled_above(self.per_root, -jacobian))

    def delta(self, count: int) -> float:
        """How far the Jacobian moves when at most that many units of each example switch, rounded up."""
        return above(self.per_root * math.sqrt(count))


def switches(network: Dense, evaluation: Evaluation) -> Switches:
    """Distances within which units can switch, for two layers of which the first is trained.

    Args:
        network: two layers, piecewise linear activation, last layer fixed.
        evaluation: the network at the inputs.
    """
    inputs, error = evaluation.blocks[0].inputs, evaluation.blocks[0].inputs_error
    sizes = row_norms_above(np.abs(inputs) + error)
    sure = np.maximum(np.abs(evaluation.preactivations[0]) - evaluation.preactivations_error[0], 0.0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        reach = np.where(sizes[:, None] > 0, sure / sizes[:, None], np.inf) * (1 - 8 * UNIT)
        finite = np.isfinite(reach)
        # divided by a power of two, so that squares neither overflow nor vanish; what does vanish is rounded down
        exponent = exponent_of(np.where(finite, reach, 0.0))
        small = np.where(finite, np.ldexp(np.where(finite, reach, 0.0), -exponent), np.inf)
        squares = np.sort(small * small, axis=1)
        sums = np.cumsum(squares, axis=1) * (1 - gamma(squares.shape[1] + 8))
        each = np.ldexp(np.sqrt(sums) * (1 - 8 * UNIT), exponent)
    each = np.where(np.isinf(each) & np.isfinite(sums), LARGEST, each)
    each = np.where(each < 1e-290, np.nextafter(each, 0.0), each)
    columns = row_norms_above(network.weights[1].T.copy()) * abs(network.scales[1])
    spread = spectral_norm_bound(inputs) + norm_above(error)
    per_root = above(above(jump(network.activation) * float(columns.max())) * spread)
    return Switches(each.min(axis=0), each, per_root)


def flow_ball(sigma: float, norm: float, residual: float, found: Switches) -> tuple[Ball | None, float]:
    """What the condition proves for gradient flow, and ``r/(2 int (sigma - delta)_+)``, below 1/2 if it does.

    Args:
        sigma: proved lower bound of sigma_min(J) at the start.
        norm: proved upper bound of ``||J||`` there.
        residual: proved upper bound of ``||f - y||`` there.
        found: how many units can switch.
    """
    if not (sigma > 0 and math.isfinite(residual)):
        return None, math.inf
    total, start, ball = 0.0, 0.0, None
    for count in range(len(found.thresholds) + 1):
        delta = found.delta(count)
        left = below(sigma - delta)
        if left <= 0:
            break
        end = float(found.thresholds[count]) if count < len(found.thresholds) else math.inf
        if ball is None and (math.isinf(end) or below(left * (end - start)) >= above(residual - total)):
            radius = above(start + above(max(residual - total, 0.0) / left))
            if found.most(radius) > count:
                radius = end
            furthest = found.delta(found.most(radius))
            last = below(sigma - furthest)
            if last > 0:
                gain = below(last * last)
                ball = Ball(
                    radius, furthest, above(norm + furthest), 1.0, min(1.0, above(math.exp(-gain))), gain
                )
        if math.isinf(end):
            return ball, 0.0
        total = below(total + below(left * (end - start)))
        start = end
    return ball, above(0.5 * residual / total) if total > 0 else math.inf


def descent_ball(sigma: float, norm: float, residual: float, found: Switches, step: float) -> Ball | None:
    """What the condition proves for gradient descent with that step on half the sum of squares; None if nothing.

    Args:
        sigma: proved lower bound of sigma_min(J) at the start.
        norm: proved upper bound of ``||J||`` there.
        residual: proved upper bound of ``||f - y||`` there.
        found: how many units can switch.
        step: eta.
    """
    if not (sigma > 0 and math.isfinite(residual)):
        return None
    for count in range(len(found.thresholds) + 1):
        delta = found.delta(count)
        left = below(sigma - delta)
        if left <= 0:
            return None
        beta = above(norm + delta)
        c = (1 - above(0.5 * step * above(beta * beta)) - above(2 * delta / left)) * (1 - 8 * UNIT)
        if c <= 0:
            return None
        radius = above(residual / below(c * left))
        if found.most(radius) <= count:
            gain = below(left * left)
            return Ball(radius, delta, beta, c, min(1.0, above(1 - below(c * step * gain))), gain)
    return None
