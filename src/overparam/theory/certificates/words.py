"""What a certificate says: its reason in one sentence, and its conditions with what was found."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from overparam.theory.assumption import Assumption, checked
from overparam.theory.certificates.interpolation import Ball

NO_LIPSCHITZ = (
    "no Lipschitz constant of the Jacobian is known for this network and activation. Use a smooth activation with "
    "bounded slope, or two layers with only the first trained."
)


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
    unbounded: str = NO_LIPSCHITZ


def reason(case: Case) -> str:
    """What is proved, or the first condition that fails, as one sentence or two."""
    what = "gradient flow" if case.flow else f"gradient descent with step {case.step:.4g}"
    if case.ball is not None:
        return (
            f"{what} in exact arithmetic fits every target, within a distance of {at_least(case.ball.radius, 4)}, and "
            f"multiplies the residual by at most {at_least(case.ball.rate, 6)} "
            f"{'a unit of time' if case.flow else 'a step'}."
        )
    if case.sigma <= 0:
        return (
            f"the smallest singular value of the Jacobian is not proved to be positive: {case.why()}. "
            "Nothing follows about training."
        )
    if not case.counted and not math.isfinite(case.lipschitz):
        return f"{case.unbounded} Nothing follows about training."
    if case.flows is None:
        what = "r/(2 int (sigma - delta))" if case.counted else "L r/sigma^2"
        if case.h <= 0.5:
            return (
                f"h = {what} = {case.h:.4g} on the smallest ball, but the path needs a larger one, and there the "
                "Jacobian may change too fast. A smaller residual brings the ball down. Nothing follows about training."
            )
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


def at_least(value: float, digits: int) -> str:
    """A number in so many digits, rounded up, so that what is proved of the number holds of the text.

    >>> at_least(1.50541, 4), at_least(0.25, 4)
    ('1.506', '0.25')
    """
    shown = f"{value:.{digits}g}"
    if math.isfinite(value) and float(shown) < value:
        shown = f"{float(shown) + 10.0 ** (math.floor(math.log10(value)) - digits + 1):.{digits}g}"
    return shown


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
        checked(
            "small residual", "h is at most 1/2 on a ball that holds the path.", case.flows is not None,
            f"h = {case.h:.6g}",
        ),
    ]  # fmt: skip
    if not case.flow:
        found.append(
            checked(
                "step", "The step is at most the largest that is certified.",
                case.ball is not None,
                f"step {case.step:.6g}, largest {case.largest:.6g}" if case.largest else "no step is certified",
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
