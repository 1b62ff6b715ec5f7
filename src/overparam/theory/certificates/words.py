"""What a certificate says: its reason in one sentence, and its conditions with what was found."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

from overparam.theory.assumption import Assumption, checked

SCOPE = (
    "This is about the function that these parameters define when their values, and the data's, are taken as exact "
    "float64 numbers, trained on all examples at once in exact arithmetic. How a run in float32 or float64 rounds is "
    "not covered."
)
VANISHING = 1e-290
LOSS_WORDS = {
    "half sum": "half the sum of squares",
    "mean": "half the squares, averaged over examples",
    "mean squared error": "the mean squared error over examples and outputs",
}
NO_LIPSCHITZ = (
    "no Lipschitz constant of the Jacobian is known for this network and activation. Use a smooth activation with "
    "bounded slope, or two layers with only the first trained."
)


@dataclass(frozen=True)
class Case:
    """What the sentences are about: numbers as in a certificate, and whether flow or descent were proved."""

    flow: bool
    flows: bool
    proved: bool
    radius: float
    rate: float
    sigma: float
    h: float
    lipschitz: float
    counted: bool
    step: float
    largest: float
    sizes: tuple[int, int, int]
    loss: str
    why: Callable[[], str]
    unbounded: str = NO_LIPSCHITZ


def reason(case: Case) -> str:
    """What is proved, or the first condition that fails, as one sentence or two."""
    what = "gradient flow" if case.flow else f"gradient descent with step {case.step!r}"
    if case.flow and case.counted:
        what += " (with any slope at a kink)"
    if case.proved:
        return (
            f"{what} on {LOSS_WORDS[case.loss]}, in exact arithmetic, converges to parameters that fit every target, "
            f"within a distance of {at_least(case.radius, 4)}, and multiplies the norm of the residual by at most "
            f"{at_least(case.rate, 6)} {'a unit of time' if case.flow else 'a step'}."
        )
    if case.sigma <= 0:
        return (
            f"the smallest singular value of the Jacobian is not proved to be positive: {case.why()}. "
            "Nothing follows about training."
        )
    if not case.counted and not math.isfinite(case.lipschitz):
        return f"{case.unbounded} Nothing follows about training."
    if not case.flows and 0 < case.lipschitz < VANISHING:
        return (
            "the Lipschitz constant of the Jacobian is so small that float64 loses it: rescale inputs and targets. "
            "Nothing follows about training."
        )
    if not case.flows:
        what = "r/(2 int (sigma - delta))" if case.counted else "L r/sigma^2"
        if case.h <= 0.5:
            return (
                f"h = {what} = {at_least(case.h, 4)} on the smallest ball, but the path needs a larger one, and there the "
                "Jacobian may change too fast. A smaller residual brings the ball down. Nothing follows about training."
            )
        return (
            f"h = {what} = {at_least(case.h, 4)}, above 1/2: the residual is too large for how fast the Jacobian may change. A "
            "wider network, a larger output scale, or parameters that are trained already bring it down. Nothing "
            "follows about training."
        )
    if not case.largest:
        return "gradient flow is certified, but no step of gradient descent that float64 holds; ask with flow=True."
    return (
        f"the step {case.step!r} is above the largest that is certified, {at_most(case.largest, 4)}. "
        "Nothing follows about training."
    )


def at_least(value: float, digits: int = 6) -> str:
    """A number in so many digits, rounded up, so that what is proved of the number holds of the text.

    >>> at_least(1.50541, 4), at_least(0.25, 4)
    ('1.506', '0.25')
    """
    return _digits(value, digits, ROUND_CEILING)


def at_most(value: float, digits: int = 6) -> str:
    """A number in so many digits, rounded down.

    >>> at_most(1.50559, 4), at_most(0.25, 4)
    ('1.505', '0.25')
    """
    return _digits(value, digits, ROUND_FLOOR)


def _digits(value: float, digits: int, rounding: str) -> str:
    if not math.isfinite(value):
        return f"{value:g}"
    wanted = Context(prec=digits, rounding=rounding, Emin=-9999, Emax=9999).create_decimal(
        Decimal(float(value))
    )
    text = f"{float(wanted):.{digits}g}"
    return text if Decimal(text) == wanted else f"{wanted:.{digits - 1}e}"


TEXTS: Mapping[str, Callable[[float], str]] = {
    "sigma": at_most,
    "largest_step": at_most,
    "step": repr,
    **dict.fromkeys(("beta", "lipschitz", "residual", "h", "distance", "rate"), at_least),
}
"""How the numbers of a certificate are written: bounds rounded to the side on which they hold, a step as it is."""


def conditions(case: Case) -> tuple[Assumption, ...]:
    """The conditions of the proof, each with what was found."""
    n, outputs, parameters = case.sizes
    counted = case.counted
    changes = (
        "which units can switch on the ball is counted"
        if counted
        else f"Lipschitz constant at most {at_least(case.lipschitz)}"
    )
    found = [
        checked(
            "enough parameters", "There are at least as many trained parameters as targets.",
            parameters >= n * outputs, f"{parameters} parameters, {n * outputs} targets",
        ),
        checked(
            "independent gradients", "The smallest singular value of the Jacobian is positive.",
            case.sigma > 0, f"at least {at_most(case.sigma)}",
        ),
        checked(
            "bounded change", "How fast the Jacobian changes is bounded on the ball.",
            counted or math.isfinite(case.lipschitz), changes,
        ),
        checked(
            "small residual", "h is at most 1/2 on a ball that holds the path.", case.flows,
            f"h = {at_least(case.h)}",
        ),
    ]  # fmt: skip
    if not case.flow:
        found.append(
            checked(
                "step", "The step is at most the largest that is certified.",
                case.proved,
                f"step {case.step!r}, largest {at_most(case.largest)}" if case.largest else "no step is certified",
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
    found.append(
        Assumption(
            "float64 arithmetic",
            "Matrix products and factorisations of the certificate run in IEEE float64, without fast-math.",
            "unchecked",
            "a property of the installation",
        )
    )
    return tuple(found)
