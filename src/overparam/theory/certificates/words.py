"""What a certificate says: its reason in one sentence, and its conditions with what was found."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from overparam.theory.assumption import Assumption, checked
from overparam.theory.certificates.interpolation import Ball


@dataclass(frozen=True)
class Case:
    """What the sentences are about: numbers as in a certificate, and the balls that were proved."""

    flow: bool
    flows: Ball | None
    ball: Ball | None
    sigma: float
    h: float
    lipschitz: float
    counted: bool
    step: float
    largest: float
    sizes: tuple[int, int, int]
    why: Callable[[], str]


def reason(case: Case) -> str:
    """What is proved, or the first condition that fails, as one sentence or two."""
    what = "gradient flow" if case.flow else f"gradient descent with step {case.step:.4g}"
    if case.ball is not None:
        return (
            f"{what} in exact arithmetic fits every target, within a distance of {case.ball.radius:.4g}, and multiplies "
            f"the residual by at most {case.ball.rate:.6g} {'a unit of time' if case.flow else 'a step'}."
        )
    if case.sigma <= 0:
        return (
            f"the smallest singular value of the Jacobian is not proved to be positive: {case.why()}. "
            "Nothing follows about training."
        )
    if not case.counted and not math.isfinite(case.lipschitz):
        return (
            "no Lipschitz constant of the Jacobian is known for this network and activation. Use a smooth activation "
            "with bounded slope, or two layers with only the first trained."
        )
    if case.flows is None:
        what = "r/(2 int (sigma - delta))" if case.counted else "L r/sigma^2"
        return (
            f"h = {what} = {case.h:.4g}, above 1/2: the residual is too large for how fast the Jacobian may change. A "
            "wider network, a larger output scale, or parameters that are trained already bring it down. Nothing "
            "follows about training."
        )
    if not case.largest:
        return "gradient flow is certified, but no step of gradient descent; ask with flow=True."
    return (
        f"the step {case.step:.4g} is above the largest that is certified, {case.largest:.4g}. "
        "Nothing follows about training."
    )


def conditions(case: Case) -> tuple[Assumption, ...]:
    """The conditions of the proof, each with what was found."""
    n, outputs, parameters = case.sizes
    counted = case.counted
    changes = (
        "which units can switch on the ball is counted"
        if counted
        else f"Lipschitz constant at most {case.lipschitz:.6g}"
    )
    found = [
        checked(
            "enough parameters", "There are at least as many trained parameters as targets.",
            parameters >= n * outputs, f"{parameters} parameters, {n * outputs} targets",
        ),
        checked(
            "independent gradients", "The smallest singular value of the Jacobian is positive.",
            case.sigma > 0, f"at least {case.sigma:.6g}",
        ),
        checked(
            "bounded change", "How fast the Jacobian changes is bounded on the ball.",
            counted or math.isfinite(case.lipschitz), changes,
        ),
        checked("small residual", "h is at most 1/2.", case.flows is not None, f"h = {case.h:.6g}"),
    ]  # fmt: skip
    if not case.flow:
        found.append(
            checked(
                "step", "The step is at most the largest that is certified.",
                case.ball is not None, f"step {case.step:.6g}, largest {case.largest:.6g}",
            )
        )  # fmt: skip
    found.append(
        Assumption(
            "exact arithmetic",
            "Training follows the gradient of all examples in exact arithmetic, from exactly these parameters.",
            "unchecked",
            "rounding of the certificate is accounted for, rounding of the training is not",
        )
    )
    found.append(
        Assumption(
            "elementary functions",
            "tanh, exp, erf and the like are within 32 units of rounding, as tested for NumPy and SciPy.",
            "unchecked",
            "a property of the installation",
        )
    )
    return tuple(found)
