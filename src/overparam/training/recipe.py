"""A recipe: how to train. Optimizer, step size and schedule, minibatch, loss, stopping, probe times."""

from __future__ import annotations

from dataclasses import dataclass

from overparam.core.errors import UsageError, unknown
from overparam.training.losses import loss
from overparam.training.numbers import number, whole
from overparam.training.optimizers import OPTIMIZERS
from overparam.training.schedules import SCHEDULES


@dataclass(frozen=True)
class Recipe:
    """How to train; the same for all members of a stack but for the learning rate.

    A step is ``p <- p - learning_rate * factor(step) * direction``. With g the gradient of the mean loss plus
    ``weight_decay * p``, the direction is

    - ``sgd``: the momentum buffer ``v <- momentum * v + g`` (heavy ball, no dampening), on a minibatch;
    - ``gd``: the same on the full batch, so ``batch`` must be None;
    - ``adam``: Adam with decay rates 0.9 and 0.999 and epsilon 1e-8; momentum must be 0.

    Attributes:
        steps: number of steps in all.
        learning_rate: step size; a member may have its own.
        optimizer: ``sgd``, ``adam`` or ``gd``.
        momentum: coefficient of the momentum buffer, from 0 to below 1.
        weight_decay: coefficient of the penalty ``weight_decay/2 |p|^2``, over all parameters.
        batch: examples a minibatch, reshuffled every epoch, the incomplete last one dropped; None is the full
            batch.
        loss: ``cross_entropy`` or ``squared``, see :func:`overparam.training.losses.loss`.
        schedule: factor of the learning rate at step t: ``constant`` 1; ``inverse_sqrt``
            1/sqrt(1 + floor(t/period)); ``cosine`` (1 + cos(pi t/steps))/2; ``step`` decay^floor(t/period).
        period: steps between two changes of ``inverse_sqrt`` and ``step``.
        decay: factor of one change of ``step``.
        stop_error: a member stops when its training error at a probe time is at most this share.
        stop_loss: a member stops when its training loss at a probe time is at most this.
        probes: number of probe times: 0, 1 and then evenly in the logarithm of the step, the last step among
            them.

    Raises:
        UsageError: an unknown name or a value outside its range.

    References:
        momentum: Polyak, Some methods of speeding up the convergence of iteration methods, 1964. adam: Kingma
        and Ba, Adam, ICLR 2015, algorithm 1. inverse_sqrt: Nakkiran et al., Deep double descent, ICLR 2020,
        appendix B.
    """

    steps: int
    learning_rate: float
    optimizer: str = "sgd"
    momentum: float = 0.0
    weight_decay: float = 0.0
    batch: int | None = None
    loss: str = "cross_entropy"
    schedule: str = "constant"
    period: int = 512
    decay: float = 0.1
    stop_error: float | None = None
    stop_loss: float | None = None
    probes: int = 30

    def __post_init__(self) -> None:
        """Check every field."""
        if self.optimizer not in OPTIMIZERS:
            raise unknown("optimizer", self.optimizer, OPTIMIZERS)
        if self.schedule not in SCHEDULES:
            raise unknown("schedule", self.schedule, SCHEDULES)
        loss(self.loss)
        whole("steps", self.steps, 1)
        whole("period", self.period, 1)
        whole("probes", self.probes, 2)
        if self.batch is not None:
            whole("batch", self.batch, 1)
        number("learning_rate", self.learning_rate, above=0.0, single=True)
        number("momentum", self.momentum, least=0.0, below=1.0)
        number("weight_decay", self.weight_decay, least=0.0, single=True)
        number("decay", self.decay, above=0.0, single=True)
        if self.stop_error is not None:
            number("stop_error", self.stop_error, least=0.0, below=1.0)
        if self.stop_loss is not None:
            number("stop_loss", self.stop_loss, least=0.0)
        if self.optimizer == "gd" and self.batch is not None:
            raise UsageError(
                f"optimizer 'gd' uses the full batch: expected batch=None, got {self.batch}. "
                "Use optimizer='sgd' for minibatches."
            )
        if self.optimizer == "adam" and self.momentum:
            raise UsageError(
                f"optimizer 'adam' has its own averages: expected momentum=0, got {self.momentum:g}. "
                "Leave it out."
            )
