"""A certificate: what was proved about training from given parameters, with the numbers and conditions of the proof."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64

from overparam.core.errors import UsageError
from overparam.core.shown import Shown
from overparam.theory.assumption import Assumption

Loss = Literal["half sum", "mean", "mean squared error"]
LOSSES = ("half sum", "mean", "mean squared error")


@dataclass(frozen=True, eq=False)
class Certificate(Shown):
    """The proof, or why there is none, that training from these parameters reaches zero loss.

    If ``certified``: gradient descent in exact arithmetic with step ``step`` (or gradient flow) converges to
    parameters that fit every target exactly; distance and path are at most ``distance``; every step multiplies the
    norm of the residual by at most ``rate``. If not, nothing is said: it may converge all the same.

    Attributes:
        certified: whether it is proved.
        reason: one sentence: what is proved, or which condition fails.
        method: ``gradient descent`` or ``gradient flow``.
        sigma: proved lower bound of the smallest singular value of the Jacobian J at the start.
        beta: proved upper bound of ``||J||`` on the ball.
        lipschitz: proved Lipschitz constant of J on the ball; infinite for relu, where ``radius`` counts switches.
        residual: proved upper bound of ``||f - y||`` at the start.
        h: ``L r/sigma^2`` (relu: ``r/(2 int (sigma - delta))``); gradient flow is certified below 1/2.
        radius: of the ball on which L and beta hold.
        distance: bound on the distance to where it converges and on the length of the path; infinite if not certified.
        step: the step the statement is for, in the units of ``loss``; 0 for gradient flow.
        largest_step: largest step that is certified, within a thousandth, rounded down; 0 if none is.
        rate: largest factor of the residual's norm a step (gradient flow: a unit of time); 1 if not certified.
        kept: c, share of the first-order decrease that is kept; 1 for gradient flow.
        loss: whose gradient is followed: ``half sum`` of squares, its ``mean`` over examples, or ``mean squared error``
            over examples and outputs.
        examples: number of examples.
        outputs: number of outputs.
        parameters: number of trained parameters.
        assumptions: the conditions, each with what was found.
        rounding: what was taken off for rounding, by name.
        notes: what was done to the inputs.
    """

    drawn_by = "certificate"

    certified: bool
    reason: str
    method: str
    sigma: float
    beta: float
    lipschitz: float
    residual: float
    h: float
    radius: float
    distance: float
    step: float
    largest_step: float
    rate: float
    kept: float
    loss: str
    examples: int
    outputs: int
    parameters: int
    assumptions: tuple[Assumption, ...]
    rounding: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """``certified`` or ``not certified``; the second is never a statement that training fails."""
        return "certified" if self.certified else "not certified"

    def envelope(self, times: Any) -> Float64[np.ndarray, " times"]:
        """Upper bound of ``||f - y||`` after these numbers of steps (gradient flow: times), shape ``(times,)``.

        Args:
            times: numbers that are not negative.

        Raises:
            UsageError: a negative time.
        """
        t = np.atleast_1d(np.asarray(times, dtype=np.float64))
        if not (t >= 0).all():
            raise UsageError("envelope: expected times of at least 0.")
        if self.method == "gradient flow" and self.loss != "half sum":
            t = t * step_factor(self.loss, self.examples, self.outputs)
        return self.residual * np.power(self.rate, t) * (1 + 1e-12)

    @property
    def shown_fields(self) -> tuple[str, ...]:
        """Names of the numbers that say something: no step of a flow, no distance and rate where nothing is proved."""
        names = ["sigma", "beta", "lipschitz", "residual", "h"]
        names += ["distance"] if self.certified else []
        if self.method != "gradient flow":
            names += ["step"] if self.step else []
            names += ["largest_step"]
        return (*names, "rate") if self.certified else tuple(names)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON types; numbers that are not finite are None."""
        return {name: _plain(value) for name, value in asdict(self).items()} | {"verdict": self.verdict}

    def shown(self) -> dict[str, Any]:
        """Return what is drawn: all, and which of the numbers say something."""
        return self.to_dict() | {"shown_fields": list(self.shown_fields)}

    def __str__(self) -> str:
        lines = [f"{self.verdict}: {self.reason}"]
        lines += [f"  {name:13} {getattr(self, name):.6g}" for name in self.shown_fields]
        lines += [f"  {a.state:9} {a.name}: {a.detail}" for a in self.assumptions]
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes)])


def step_factor(loss: str, examples: int, outputs: int) -> float:
    """Factor from a step on that loss to a step on half the sum of squares.

    Args:
        loss: ``half sum``, ``mean`` (half the squares, averaged over examples) or ``mean squared error`` (averaged
            over examples and outputs, without the half).
        examples: number of examples.
        outputs: number of outputs.

    Raises:
        UsageError: another loss.

    >>> step_factor("mean", 50, 1)
    0.02
    """
    if loss not in LOSSES:
        raise UsageError(
            f"loss: expected one of {', '.join(LOSSES)}, got {loss!r}. "
            "Certificates are known for squared losses only; encode classes as numbers."
        )
    return {"half sum": 1.0, "mean": 1 / examples, "mean squared error": 2 / (examples * outputs)}[loss]


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
