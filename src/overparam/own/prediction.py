"""What the theory of wide networks predicts about a training run: numbers, and how they are shown."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from overparam.core import clean
from overparam.core.shown import Shown
from overparam.theory.assumption import Assumption

TestOutputs = Float64[np.ndarray, "times n_test classes"]
Spread = Float64[np.ndarray, "times n_test"]


@dataclass(frozen=True, eq=False)
class Prediction(Shown):
    """A predicted trajectory of training on squared loss.

    Attributes:
        kind: ``linearised``: this network, its kernel held at the start; ``infinite width``: mean over initialisations.
        network: the network's name.
        loss: what is minimised, see :func:`overparam.predict`.
        rate: step of gradient descent, or None for gradient flow.
        steps: steps, or times of gradient flow; infinity is the end of training.
        train_loss: at these steps, in the unit of the loss; for infinite width its mean over initialisations.
        test_outputs: predicted outputs on the test inputs, shape ``(steps, n_test, outputs)``, or None; for infinite
            width their mean.
        test_sd: their standard deviation over initialisations, shape ``(steps, n_test)``; None if linearised.
        distance: of the parameters from their start, at these steps, in their unit; None for infinite width.
        largest_step: step from which on gradient descent diverges.
        steps_to: first step at which the loss is at most this share of its start, by share; infinite if never.
        smallest: smallest eigenvalue of the kernel; 0 if it is rounding.
        largest: largest eigenvalue of the kernel.
        null: number of kernel directions of eigenvalue zero: nothing is learnt there.
        null_share: share of the squared residual in these directions, which stays for ever.
        n: training samples.
        parameters: number of trained parameters.
        curve: pairs of step and train loss, for a picture.
        assumptions: what the prediction asks, and what a check of it found.
    """

    drawn_by = "prediction"

    kind: str
    network: str
    loss: str
    rate: float | None
    steps: tuple[float, ...]
    train_loss: tuple[float, ...]
    test_outputs: TestOutputs | None
    test_sd: Spread | None
    distance: tuple[float, ...] | None
    largest_step: float
    steps_to: Mapping[float, float]
    smallest: float
    largest: float
    null: int
    null_share: float
    n: int
    parameters: int
    curve: tuple[tuple[float, float], ...]
    assumptions: tuple[Assumption, ...]

    @property
    def condition(self) -> float:
        """Largest over smallest eigenvalue of the kernel; infinite where that is zero."""
        return self.largest / self.smallest if self.smallest > 0 else math.inf

    @property
    def answer(self) -> str:
        """The prediction in one or two sentences."""
        unit = "time" if self.rate is None else "steps"
        share = min(self.steps_to)
        reached = self.steps_to[share]
        if math.isfinite(reached):
            first = f"Training reaches {share:g} of its initial loss after {reached:.4g} {unit}."
        elif self.null_share > 0:
            first = (
                f"Training never fits: {self.null} of the kernel's directions have eigenvalue zero, and "
                f"{self.null_share:.3g} of the squared residual lies there."
            )
        else:
            first = f"Training does not reach {share:g} of its initial loss."
        worst = f"The kernel's condition number is {self.condition:.3g}" if self.smallest > 0 else (
            f"The kernel is singular: {self.null} directions of eigenvalue zero"
        )  # fmt: skip
        limit = (
            f"; the step must stay below {self.largest_step:.4g}." if math.isfinite(self.largest_step) else "."
        )
        return f"{first} {worst}{limit}"

    def table(self) -> list[dict[str, float | None]]:
        """One row a step: step, train loss, distance (None for infinite width)."""
        far = self.distance or (None,) * len(self.steps)
        return [
            {"step": s, "train_loss": v, "distance": d}
            for s, v, d in zip(self.steps, self.train_loss, far, strict=True)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types; what is infinite is None."""
        return self._plain()

    def shown(self) -> dict[str, Any]:
        """Return what is drawn: all but the outputs on the test inputs; what is infinite is None."""
        return self._plain("test_outputs", "test_sd")

    def _plain(self, *without: str) -> dict[str, Any]:
        names = (name for name in self.__dataclass_fields__ if name not in (*without, "assumptions"))
        fields = {name: getattr(self, name) for name in names}
        fields["steps_to"] = {str(k): v for k, v in self.steps_to.items()}
        asked = [vars(one) for one in self.assumptions]
        return dict(clean({**fields, "condition": self.condition, "answer": self.answer, "assumptions": asked}))

    def __repr__(self) -> str:
        return f"Prediction({self.kind}, {self.network}, n = {self.n}: {self.answer})"

    def __str__(self) -> str:
        unit = "time" if self.rate is None else "step"
        lines = [f"{self.kind}, {self.network}, n = {self.n}: {self.answer}"]
        lines.append(f"  {unit:>10}  {'train loss':>12}" + (f"  {'distance':>10}" if self.distance else ""))
        for row in self.table():
            far = "" if row["distance"] is None else f"  {row['distance']:>10.4g}"
            lines.append(f"  {row['step']:>10.6g}  {row['train_loss']:>12.4g}{far}")
        return "\n".join([*lines, *(f"  {one.state:9} {one.name}: {one.detail}" for one in self.assumptions)])
