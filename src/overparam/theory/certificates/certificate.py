"""A certificate: what was proved about training from given parameters, with the numbers and conditions of the proof.

With r = f - y over n examples of o outputs, the losses are ``L = c ||r||^2``:

============================  ============  =====================================================
loss                          c             a step eta on it is, on half the sum of squares
============================  ============  =====================================================
``half sum``                  1/2           eta
``mean``                      1/(2 n)       eta/n
``mean squared error``        1/(n o)       2 eta/(n o)
============================  ============  =====================================================

Descent is ``theta - eta grad L(theta)``, flow is ``theta' = -grad L(theta)``, so times are converted as steps are.
"""

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
from overparam.theory.certificates.rounding import TINY
from overparam.theory.certificates.words import SCOPE, TEXTS
from overparam.theory.inputs import numbers

Loss = Literal["half sum", "mean", "mean squared error"]
LOSSES = ("half sum", "mean", "mean squared error")


@dataclass(frozen=True, eq=False)
class Certificate(Shown):
    """The proof, or why there is none, that training from these parameters converges to zero loss.

    If ``certified``: gradient descent in exact arithmetic with step ``step`` (or gradient flow) on ``loss`` converges to
    parameters that fit every target exactly; distance and path are at most ``distance``; every step multiplies the
    norm of the residual by at most ``rate``. If not, nothing is said: it may converge all the same. What it is about,
    and that a run in rounded arithmetic is not covered, says ``scope``.

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
        rate: largest factor of the residual's norm a step (gradient flow: a unit of time of the flow of ``loss``); 1 if
            not certified.
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
            times: numbers that are not negative; of a flow in units of its ``loss``.

        Returns:
            ``residual rate^t``, rounded up; after the start infinite where nothing is certified.

        Raises:
            UsageError: a negative time.
            DataError: something else than numbers.
        """
        t = np.atleast_1d(numbers(times, "times"))
        if not (t >= 0).all():
            raise UsageError("envelope: expected times of at least 0.")
        if not self.certified:
            return np.where(t > 0, np.inf, self.residual)
        found = self.residual * np.power(self.rate, t) * (1 + 1e-12)
        return np.where((found < 1e-290) & (self.residual * self.rate > 0), found + TINY, found)

    @property
    def scope(self) -> str:
        """What the statement is about, and what it does not cover, in one sentence."""
        return SCOPE

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
        said = {"verdict": self.verdict, "scope": self.scope}
        return {name: _plain(value) for name, value in asdict(self).items()} | said

    def shown(self) -> dict[str, Any]:
        """Return what is drawn: all, and which of the numbers say something, with their texts."""
        texts = {name: TEXTS[name](getattr(self, name)) for name in self.shown_fields}
        return self.to_dict() | {"shown_fields": list(self.shown_fields), "shown_texts": texts}

    def __str__(self) -> str:
        lines = [f"{self.verdict}: {self.reason}"]
        lines += [f"  {name:13} {TEXTS[name](getattr(self, name))}" for name in self.shown_fields]
        lines += [f"  {a.state:9} {a.name}: {a.detail}" for a in self.assumptions]
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes), f"  {self.scope}"])


def step_factor(loss: str, examples: int, outputs: int) -> float:
    """Factor from a step on that loss to a step on half the sum of squares, or from a time of its flow to one of that.

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
    if not isinstance(loss, str) or loss not in LOSSES:
        raise UsageError(
            f"loss: expected one of {', '.join(LOSSES)}, got {loss!r}. "
            "Certificates are known for squared losses only; encode classes as numbers."
        )
    return 2 * loss_factor(loss, examples, outputs)


def loss_factor(loss: str, examples: int, outputs: int) -> float:
    """C of ``L = c ||f - y||^2``.

    Args:
        loss: one of the three names.
        examples: number of examples.
        outputs: number of outputs.

    >>> loss_factor("mean squared error", 5, 2)
    0.1
    """
    return {"half sum": 0.5, "mean": 0.5 / examples, "mean squared error": 1 / (examples * outputs)}[loss]


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
