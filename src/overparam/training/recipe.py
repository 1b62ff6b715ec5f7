"""A recipe: how to train. Optimizer, step size and schedule, minibatch, loss, stopping, probe times."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Float, Int

from overparam.core.checked import count
from overparam.core.errors import UsageError, unknown
from overparam.training.losses import loss

OPTIMIZERS = ("sgd", "adam", "gd")
Factor = Callable[["Recipe", Int[Array, ""]], Float[Array, ""]]


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
        _whole("steps", self.steps, 1)
        _whole("period", self.period, 1)
        _whole("probes", self.probes, 2)
        if self.batch is not None:
            _whole("batch", self.batch, 1)
        _number("learning_rate", self.learning_rate, above=0.0)
        _number("momentum", self.momentum, least=0.0, below=1.0)
        _number("weight_decay", self.weight_decay, least=0.0)
        _number("decay", self.decay, above=0.0)
        if self.stop_error is not None:
            _number("stop_error", self.stop_error, least=0.0, below=1.0)
        if self.stop_loss is not None:
            _number("stop_loss", self.stop_loss, least=0.0)
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


def _constant(recipe: Recipe, step: Int[Array, ""]) -> Float[Array, ""]:
    return jnp.float32(1.0)


def _inverse_sqrt(recipe: Recipe, step: Int[Array, ""]) -> Float[Array, ""]:
    return 1.0 / jnp.sqrt(1.0 + step // recipe.period)


def _cosine(recipe: Recipe, step: Int[Array, ""]) -> Float[Array, ""]:
    return 0.5 * (1.0 + jnp.cos(math.pi / recipe.steps * step))


def _step(recipe: Recipe, step: Int[Array, ""]) -> Float[Array, ""]:
    return jnp.float32(recipe.decay) ** (step // recipe.period)


SCHEDULES: Mapping[str, Factor] = {
    "constant": _constant,
    "inverse_sqrt": _inverse_sqrt,
    "cosine": _cosine,
    "step": _step,
}


def schedule_factor(recipe: Recipe, step: Int[Array, ""]) -> Float[Array, ""]:
    """Factor of the learning rate at a step, counted from 0.

    Args:
        recipe: the recipe.
        step: integer scalar.

    Returns:
        A float32 scalar.

    >>> float(schedule_factor(Recipe(10, 0.1, schedule="step", period=4, decay=0.5), jnp.int32(9)))
    0.25
    """
    return jnp.asarray(SCHEDULES[recipe.schedule](recipe, step), jnp.float32)


def direction(recipe: Recipe) -> Any:
    """The optax transformation from gradients to the direction of a step; it does not see the learning rate.

    Args:
        recipe: the recipe.

    Returns:
        An ``optax.GradientTransformation``; parameters move by minus learning rate times its update.
    """
    parts = []
    if recipe.weight_decay:
        parts.append(optax.add_decayed_weights(recipe.weight_decay))
    if recipe.optimizer == "adam":
        parts.append(optax.scale_by_adam(b1=0.9, b2=0.999, eps=1e-8))
    elif recipe.momentum:
        parts.append(optax.trace(recipe.momentum))
    return optax.chain(*parts) if parts else optax.identity()


def probe_times(steps: int, probes: int) -> tuple[int, ...]:
    """Steps at which a run is looked at: 0, 1, then evenly in the logarithm, ending at ``steps``.

    Early times that would fall on one step are spread to the next ones, so that there are exactly
    ``min(probes, steps + 1)`` of them.

    Args:
        steps: length of the run.
        probes: number of times wanted, at least 2.

    Returns:
        Increasing step numbers.

    Raises:
        UsageError: numbers that are no counts, or fewer than two times.

    >>> probe_times(1000, 7)
    (0, 1, 4, 16, 63, 251, 1000)
    >>> probe_times(3, 30)
    (0, 1, 2, 3)
    """
    steps, probes = count(steps, "steps"), count(probes, "probes", 2)
    if probes == 2:
        return (0, steps)
    times = [0, 1]
    while times[-1] < steps:
        left = probes - len(times)
        ideal = times[-1] * (steps / times[-1]) ** (1 / left) if left > 0 else steps
        times.append(min(steps, max(times[-1] + 1, round(ideal))))
    return tuple(times)


def _whole(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not float(value).is_integer() or value < least:
        raise UsageError(f"{name}: expected a whole number of at least {least}, got {value!r}.")


def _number(
    name: str, value: float, *, least: float = -math.inf, above: float = -math.inf, below: float = math.inf
) -> None:
    if math.isfinite(value) and value >= least and value > above and value < below:
        return
    low = f"above {above:g}" if above > -math.inf else f"of at least {least:g}"
    high = f" and below {below:g}" if below < math.inf else ""
    raise UsageError(f"{name}: expected a number {low}{high}, got {value!r}.")
