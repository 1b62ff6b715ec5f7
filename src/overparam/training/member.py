"""What goes into a stack and what comes out: Member, Checkpoint, Trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64, Int64, Shaped

from overparam.models.network import PyTree


@dataclass(frozen=True, eq=False)
class Member:
    """One network to train, with what is its own.

    Trees below are like the network's parameters; a part that is None or left out is 1 in ``mask`` and ``trained``, and
    0 in ``offset``. What a member computes is ``apply(mask * p + offset, x)``, in training and wherever it is measured,
    and p moves where ``mask * trained`` is 1: elsewhere its gradient and the optimizer's state are exactly 0.

    Attributes:
        seed: draws the initial parameters, the minibatch orders, and what is random in a step; members with one seed
            start equal and see the same batches, so that arms that differ in labels or learning rate are paired.
        y: integer labels of shape ``(n,)``, or float targets of shape ``(n,)`` or ``(n, outputs)``.
        learning_rate: its own learning rate; None takes the recipe's.
        x: its own training examples, shape ``(n, inputs)``; None takes those of the stack. Members next to each other that
            are given one array, and one order, share them: their first layers are one product.
        batch: its own minibatch; None takes the recipe's.
        order: seed of its minibatch orders and of what is random in a step; None takes ``seed``.
        mask: 0 and 1, a weight that is left out and one that is kept.
        trained: 0 and 1, a weight that keeps its value and one that moves.
        offset: numbers that are added to the weights and not trained.
        state: values for what the network holds constant, by the names at the root of its parameters; None takes those
            of ``network.init``.
    """

    seed: int
    y: Shaped[np.ndarray, "n ..."]
    learning_rate: float | None = None
    x: Shaped[np.ndarray, "n ..."] | None = None
    batch: int | None = None
    order: int | None = None
    mask: PyTree | None = None
    trained: PyTree | None = None
    offset: PyTree | None = None
    state: Mapping[str, PyTree] | None = None


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A point of a run from which it can go on bit for bit, or another run can start.

    Attributes:
        params: the parameters p of one member, without its mask and offset.
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
        values: float64 arrays of shape ``(T, ...)`` by name; ``train_loss`` is always among them. From the probe
            time at which a member stopped its values stay as they were; from the one at which it diverged they
            are NaN.
        diverged_at: the first probe time with a training loss that is not finite, or None.
        stopped_at: the probe time at which a stopping rule held, or None.
        checkpoint: the end of the run (where it stopped, if it did); None unless it was asked for.
        kept: the checkpoints that ``keep`` asked for, by name; one that was not met is missing.
    """

    seed: int
    steps: Int64[np.ndarray, " times"]
    values: Mapping[str, Float64[np.ndarray, "times ..."]]
    diverged_at: int | None
    stopped_at: int | None
    checkpoint: Checkpoint | None
    kept: Mapping[str, Checkpoint] = field(default_factory=dict)

    @property
    def params(self) -> PyTree | None:
        """The parameters at the end of the run, as NumPy arrays; None unless they were asked for."""
        return None if self.checkpoint is None else self.checkpoint.params
