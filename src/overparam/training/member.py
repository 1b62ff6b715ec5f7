"""What goes into a stack and what comes out: Member, Checkpoint, Trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64, Shaped

from overparam.models.network import PyTree


@dataclass(frozen=True, eq=False)
class Member:
    """One network to train.

    Attributes:
        seed: draws the initial parameters and the minibatch orders; members with one seed start equal and see
            the same batches, so that arms that differ in labels or learning rate are paired.
        y: integer labels of shape ``(n,)``, or float targets of shape ``(n,)`` or ``(n, outputs)``.
        learning_rate: its own learning rate; None takes the recipe's.
    """

    seed: int
    y: Shaped[np.ndarray, "n ..."]
    learning_rate: float | None = None


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A point of a run from which it can go on bit for bit, or another run can start.

    Attributes:
        params: the parameters of one member.
        step: steps taken so far; minibatches and schedule go on from there.
        slots: the optimizer's state; None starts it afresh.
        origin: the parameters at initialisation, from which distances are measured; None means ``params``.
    """

    params: PyTree
    step: int = 0
    slots: PyTree | None = None
    origin: PyTree | None = None


@dataclass(frozen=True, eq=False)
class Trained:
    """The run of one member.

    Attributes:
        seed: the member's seed.
        steps: probe times T, in steps.
        values: float64 arrays of shape ``(T,)`` by name; ``train_loss`` is always among them. From the probe
            time at which a member stopped its values stay as they were; from the one at which it diverged they
            are NaN.
        diverged_at: the first probe time with a training loss that is not finite, or None.
        stopped_at: the probe time at which a stopping rule held, or None.
        checkpoint: the end of the run (where it stopped, if it did); None unless it was asked for.
    """

    seed: int
    steps: Int64[np.ndarray, " times"]
    values: Mapping[str, Float64[np.ndarray, " times"]]
    diverged_at: int | None
    stopped_at: int | None
    checkpoint: Checkpoint | None

    @property
    def params(self) -> PyTree | None:
        """The parameters at the end of the run, as NumPy arrays; None unless they were asked for."""
        return None if self.checkpoint is None else self.checkpoint.params
