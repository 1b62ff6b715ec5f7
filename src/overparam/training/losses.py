"""Losses, one number an example; the training loss is their mean over the batch."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Float32, Int, Shaped

from overparam.core.errors import UsageError, unknown
from overparam.models.network import AnyArray, Outputs

Columns = Float[AnyArray, "classes batch"]
Labels = Int[AnyArray, " batch"]
Targets = Shaped[AnyArray, "batch ..."]
PerExample = Float[Array, " batch"]
EachLoss = Callable[[Outputs, Targets], PerExample]


@dataclass(frozen=True)
class Loss:
    """A loss.

    Attributes:
        name: ``cross_entropy`` or ``squared``, or the name of a person's function.
        each: ``each(outputs, targets)``: outputs of shape ``(batch, outputs)``, targets as described in
            :func:`loss`; one loss an example, shape ``(batch,)``.
    """

    name: str
    each: EachLoss

    def mean(self, outputs: Outputs, targets: Targets) -> Float[Array, ""]:
        """Mean of the losses over the batch."""
        return jnp.mean(self.each(outputs, targets))


# The batch is the last axis inside both losses: the networks of overparam.models keep it there, and XLA then
# needs no transposition (measured: a quarter of the step of a narrow network).
def _cross_entropy(outputs: Outputs, labels: Targets) -> PerExample:
    columns = outputs.T
    return jax.nn.logsumexp(columns, axis=0) - jnp.sum(columns * _as_columns(labels, outputs), axis=0)


@functools.lru_cache(maxsize=64)
def _smoothed(share: float) -> EachLoss:
    """Cross-entropy against ``(1 - share) t + share / K``."""

    def each(outputs: Outputs, labels: Targets) -> PerExample:
        spread = jax.nn.logsumexp(outputs.T, axis=0) - jnp.mean(outputs.T, axis=0)
        return (1.0 - share) * _cross_entropy(outputs, labels) + share * spread

    return each


def _squared(outputs: Outputs, targets: Targets) -> PerExample:
    return 0.5 * jnp.sum((outputs.T - _as_columns(targets, outputs)) ** 2, axis=0)


def _as_columns(targets: Targets, outputs: Outputs) -> Columns:
    if jnp.issubdtype(targets.dtype, jnp.integer):
        return _one_hot(targets, outputs)
    return targets.reshape(outputs.shape).T


def _one_hot(labels: Labels, outputs: Outputs) -> Columns:
    return jax.nn.one_hot(labels, outputs.shape[1], axis=0, dtype=outputs.dtype)


LOSSES: Mapping[str, Loss] = {
    loss.name: loss for loss in (Loss("cross_entropy", _cross_entropy), Loss("squared", _squared))
}


def loss(name: Any, smoothing: float = 0.0) -> Loss:
    """The loss of that name, or of a function.

    - ``cross_entropy``: ``-sum_k t_k log softmax(f)_k`` in nats; t is the one-hot vector of an integer label, or a
      distribution over the classes, of shape ``(batch, outputs)``. With ``smoothing`` s it is ``(1 - s) t + s / K``.
    - ``squared``: ``1/2 sum_k (f_k - t_k)^2``; t is the one-hot vector of an integer label, or the float target
      itself, of shape ``(batch,)`` for one output or ``(batch, outputs)``. So the training loss is
      ``|f - t|^2 / (2 n)`` and its gradient in f is ``(f - t) / n``.
    - a function ``(outputs, targets) -> losses``, from ``(batch, outputs)`` and what a member's ``y`` holds to
      ``(batch,)``; it is compiled, so it must be a pure JAX function.

    Args:
        name: ``cross_entropy``, ``squared`` or a function.
        smoothing: share of a label's mass that is spread over the classes, from 0 to below 1; for cross-entropy.

    Returns:
        The loss.

    Raises:
        UsageError: no loss has that name, or smoothing where there is no cross-entropy.

    >>> float(loss("squared").mean(jnp.array([[3.0], [0.0]]), jnp.array([1.0, 0.0])))
    1.0
    """
    real = isinstance(smoothing, int | float) and not isinstance(smoothing, bool)
    if not real or not 0 <= smoothing < 1 or (smoothing and name != "cross_entropy"):
        raise UsageError(
            f"smoothing: expected a number of at least 0 and below 1, for loss='cross_entropy' alone, got {smoothing!r}."
        )
    if callable(name):
        return Loss(getattr(name, "__name__", type(name).__name__), name)
    if not isinstance(name, str) or name not in LOSSES:
        raise unknown("loss", name, LOSSES, "Or give a function (outputs, targets) -> losses.")
    return Loss(name, _smoothed(float(smoothing))) if smoothing else LOSSES[name]


def wrong(outputs: Outputs, labels: Labels) -> Float32[Array, " batch"]:
    """Whether the largest output is not the label (the first of equals counts): 0 or 1 an example.

    Args:
        outputs: shape ``(batch, outputs)``.
        labels: integers, shape ``(batch,)``.

    Returns:
        float32 array of shape ``(batch,)``; its mean is the error rate.

    >>> wrong(jnp.array([[0.1, 0.9], [0.8, 0.2]]), jnp.array([1, 1])).tolist()
    [0.0, 1.0]
    """
    return (jnp.argmax(outputs, axis=1) != labels).astype(jnp.float32)
