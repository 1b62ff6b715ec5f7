"""From what is known at the start of training to a certificate."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from overparam.theory.certificates import interpolation, relu
from overparam.theory.certificates.certificate import Certificate, step_factor
from overparam.theory.certificates.interpolation import Ball
from overparam.theory.certificates.rounding import above, below
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
        bend = ball.lipschitz if ball else self.lipschitz(above(self.residual / self.sigma))
        return ball, above(bend * self.residual) / below(self.sigma * self.sigma)

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


def conclude(facts: Facts, step: float | None, flow: bool, loss: str, notes: tuple[str, ...]) -> Certificate:
    """The certificate that follows from what is known at the start.

    Args:
        facts: bounds at the start.
        step: of gradient descent in the units of ``loss``; None takes half the largest that is certified.
        flow: whether the statement is for gradient flow instead.
        loss: as in :class:`~overparam.theory.certificates.certificate.Certificate`.
        notes: what was done to the inputs.

    Raises:
        UsageError: a step that is not positive, or an unknown loss.
    """
    n, outputs, parameters = facts.sizes
    factor = step_factor(loss, n, outputs)
    if step is not None:
        step = positive(step, "step", ", or None for one that is certified")
    flows, h = facts.flow()
    largest = 0.0 if flow else facts.largest_step()
    own = 0.5 * largest if step is None else above(step * factor)
    ball = flows if flow else (facts.descent(own) if own > 0 else None)
    bend = math.inf if facts.switches is not None else (ball or flows or facts).lipschitz
    number = (
        bend
        if isinstance(bend, float)
        else bend(above(facts.residual / facts.sigma) if facts.sigma else math.inf)
    )
    used = 0.0 if flow else (step if step is not None else own / factor)
    case = Case(
        flow, flows, ball, facts.sigma, h, number, facts.switches is not None, used, largest / factor,
        facts.sizes, facts.why, facts.unbounded,
    )  # fmt: skip
    return Certificate(
        certified=ball is not None,
        reason=reason(case),
        method="gradient flow" if flow else "gradient descent",
        sigma=facts.sigma,
        beta=ball.beta if ball else facts.norm,
        lipschitz=number,
        residual=facts.residual,
        h=h,
        radius=ball.radius if ball else 0.0,
        distance=ball.radius if ball else math.inf,
        step=used,
        largest_step=below(largest / factor),
        rate=ball.rate if ball else 1.0,
        kept=ball.c if ball else 0.0,
        loss=loss,
        examples=n,
        outputs=outputs,
        parameters=parameters,
        assumptions=conditions(case),
        rounding=facts.rounding,
        notes=notes,
    )
