"""From what is known at the start of training to a certificate."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from overparam.core.errors import UsageError
from overparam.theory.certificates import interpolation, relu
from overparam.theory.certificates.certificate import Certificate, step_factor
from overparam.theory.certificates.interpolation import Ball
from overparam.theory.certificates.rounding import (
    LARGEST,
    UNIT,
    above,
    below,
    exponent_of,
    over_above,
    scaled,
    scaled_above,
    scaled_below,
)
from overparam.theory.certificates.words import NO_LIPSCHITZ, Case, conditions, reason
from overparam.theory.inputs import positive


@dataclass(frozen=True)
class Facts:
    """What is known at the start, and the two conditions as functions of it."""

    sigma: float
    norm: float
    residual: float
    lipschitz: Callable[[float], float]
    switches: relu.Switches | None
    sizes: tuple[int, int, int]
    rounding: dict[str, float]
    why: Callable[[], str]
    unbounded: str = NO_LIPSCHITZ

    def flow(self) -> tuple[Ball | None, float]:
        """The ball of gradient flow, and h."""
        if self.switches is not None:
            return relu.flow_ball(self.sigma, self.norm, self.residual, self.switches)
        ball = interpolation.flow_ball(self.sigma, self.norm, self.residual, self.lipschitz)
        if self.sigma <= 0 or not math.isfinite(self.residual):
            return None, math.inf
        bend = ball.lipschitz if ball else self.lipschitz(over_above(self.residual, self.sigma))
        square = below(self.sigma * self.sigma)
        return ball, above(bend * self.residual) / square if square > 0 else math.inf

    def descent(self, step: float) -> Ball | None:
        """The ball of gradient descent with that step on half the sum of squares."""
        if self.switches is not None:
            return relu.descent_ball(self.sigma, self.norm, self.residual, self.switches, step)
        return interpolation.descent_ball(self.sigma, self.norm, self.residual, self.lipschitz, step)

    def largest_step(self) -> float:
        """Largest step on half the sum of squares that is certified, within a thousandth."""
        if not (self.sigma > 0 and math.isfinite(self.residual)):
            return 0.0
        return interpolation.largest_step(self.descent, self.norm)


@dataclass(frozen=True)
class Units:
    """Powers of two by which outputs and parameters are divided, so that sigma and the residual lie near 1.

    With them no product of the proof overflows or underflows, and a problem in other units has the same proof.

    Attributes:
        outputs: exponent of the unit of the outputs.
        params: exponent of the unit of the parameters.
    """

    outputs: int
    params: int

    @property
    def jacobian(self) -> int:
        """Exponent of the unit of the Jacobian."""
        return self.outputs - self.params

    @property
    def step(self) -> int:
        """Exponent of the unit of a step on half the sum of squares; a time has the same."""
        return -2 * self.jacobian

    def of(self, facts: Facts) -> Facts:
        """What is known, in these units."""
        bend = self.jacobian - self.params
        return dataclasses.replace(
            facts,
            sigma=scaled_below(facts.sigma, -self.jacobian),
            norm=scaled_above(facts.norm, -self.jacobian),
            residual=scaled_above(facts.residual, -self.outputs),
            lipschitz=lambda radius: scaled_above(facts.lipschitz(scaled_above(radius, self.params)), -bend),
            switches=None if facts.switches is None else facts.switches.scaled(self.params, self.jacobian),
        )


def units_of(facts: Facts) -> Units:
    """The units in which sigma and the residual lie between 1/2 and 1, as far as they are positive and finite."""
    outputs = exponent_of(facts.residual)
    return Units(outputs, outputs - exponent_of(facts.sigma))


def conclude(facts: Facts, step: float | None, flow: bool, loss: str, notes: tuple[str, ...]) -> Certificate:
    """The certificate that follows from what is known at the start.

    The proof is on half the sum of squares. A loss is ``f/2`` times the sum of squares, f of
    :func:`~overparam.theory.certificates.certificate.step_factor`: a step eta on it is the step ``f eta`` on the half
    sum, and a time t of its flow is the time ``f t``. Both are converted here and nowhere else.

    Args:
        facts: bounds at the start.
        step: of gradient descent in the units of ``loss``; None takes half the largest that is certified.
        flow: whether the statement is for gradient flow instead.
        loss: as in :class:`~overparam.theory.certificates.certificate.Certificate`.
        notes: what was done to the inputs.

    Raises:
        UsageError: a step that is not positive, a step of a flow, or an unknown loss.
    """
    n, outputs, parameters = facts.sizes
    factor = step_factor(loss, n, outputs)
    if not isinstance(flow, bool | np.bool_):
        raise UsageError(f"flow: expected True or False, got {type(flow).__name__}.")
    if flow and step is not None:
        raise UsageError(f"step: expected None with flow=True, got {step!r}. Gradient flow has no step.")
    if step is not None:
        step = positive(step, "step", ", or None for one that is certified")
    units = units_of(facts)
    own = units.of(facts)
    flows, h = own.flow()
    largest = 0.0 if flow else own.largest_step()
    if flow:
        ball, used = flows, 0.0
    else:
        used = min(scaled(0.5 * largest / factor, units.step), LARGEST) if step is None else step
        exact = step is None and scaled(used, -units.step) == 0.5 * largest / factor
        tried = 0.5 * largest if exact else _own_step(used, factor, units)
        ball = own.descent(tried) if 0 < used < math.inf else None
    if facts.switches is not None:
        number = math.inf
    elif (known := ball or flows) is not None:
        number = scaled_above(known.lipschitz, units.jacobian - units.params)
    else:
        number = facts.lipschitz(over_above(facts.residual, facts.sigma))
    top = scaled_below(below(largest / factor), units.step)
    rate = 1.0 if ball is None else ball.rate
    if flow and ball is not None and ball.gain < math.inf:
        rate = _flow_rate(ball.gain, factor, units)
    beta = facts.norm if ball is None else scaled_above(ball.beta, units.jacobian)
    radius = 0.0 if ball is None else scaled_above(ball.radius, units.params)
    case = Case(
        flow, flows is not None, ball is not None, radius, rate, facts.sigma, h, number, facts.switches is not None, used,
        top, facts.sizes, loss, facts.why, facts.unbounded,
    )  # fmt: skip
    return Certificate(
        certified=ball is not None,
        reason=reason(case),
        method="gradient flow" if flow else "gradient descent",
        sigma=facts.sigma,
        beta=beta,
        lipschitz=number,
        residual=facts.residual,
        h=h,
        radius=radius,
        distance=radius if ball else math.inf,
        step=used,
        largest_step=top,
        rate=rate,
        kept=ball.c if ball else 0.0,
        loss=loss,
        examples=n,
        outputs=outputs,
        parameters=parameters,
        assumptions=conditions(case),
        rounding=facts.rounding,
        notes=notes,
    )


def _own_step(step: float, factor: float, units: Units) -> float:
    """A step on the loss as one on half the sum of squares in these units, rounded up."""
    size, exponent = math.frexp(step)
    return scaled_above(above(size * factor), exponent - units.step)


def _flow_rate(gain: float, factor: float, units: Units) -> float:
    """Factor of the residual a unit of time of the loss, ``exp(-f gain)``, rounded up."""
    speed = gain if factor == 1.0 else gain * factor * (1 - 4 * UNIT)
    return min(1.0, above(math.exp(-scaled_below(speed, -units.step))))
