"""What a source counts in epochs, as steps: schedules that know the steps of an epoch."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Float

from overparam.training.schedules import cosine, drops, linear

Made = Mapping[str, Any]


@dataclass(frozen=True)
class Timing:
    """A schedule as it is published.

    Attributes:
        text: what it is, in words.
        make: from the steps of an epoch and those of the run to arguments of :class:`~overparam.training.Recipe`.
        epochs: whether it counts in epochs, and needs the number of examples.
        short: the same in fewer words.
    """

    text: str
    make: Callable[[int, int], Made]
    epochs: bool = False
    short: str = ""


UNNAMED = Timing("none named", lambda epoch, steps: {"schedule": "constant"})
CONSTANT = Timing("constant", lambda epoch, steps: {"schedule": "constant"})
COSINE = Timing("cosine", lambda epoch, steps: {"schedule": "cosine"})
INVERSE_SQRT = Timing(
    "1/sqrt(1 + floor(t/512))",
    lambda epoch, steps: {"schedule": "inverse_sqrt", "period": 512},
    short="inverse sqrt",
)


def each(factor: float, epochs: int = 1) -> Timing:
    """A factor every so many epochs."""
    text = f"x{factor:g} every {'epoch' if epochs == 1 else f'{epochs} epochs'}"
    return Timing(
        text, lambda epoch, steps: {"schedule": "step", "period": epochs * epoch, "decay": factor}, True
    )


def at_epochs(*epochs: int, factor: float = 0.1) -> Timing:
    """A factor at some epochs."""
    return Timing(
        f"x{factor:g} at epoch {', '.join(map(str, epochs))}",
        lambda epoch, steps: {"schedule": drops([one * epoch for one in epochs], factor)},
        True,
    )


def at_steps(*at: int, factor: float = 0.1, warmup: int = 0) -> Timing:
    """A factor at some steps, after a linear rise."""
    rise = f", rising over the first {warmup:,} steps" if warmup else ""
    return Timing(
        f"x{factor:g} at step {' and '.join(f'{one:,}' for one in at)}{rise}",
        lambda epoch, steps: {"schedule": drops(at, factor, warmup=warmup)},
        short=f"{'rise, ' if warmup else ''}x{factor:g} twice",
    )


def warm_cosine(epochs: int) -> Timing:
    """A linear rise over some epochs, then a cosine."""
    return Timing(
        f"cosine after {epochs} epochs of rise",
        lambda epoch, steps: {"schedule": cosine(steps, warmup=epochs * epoch)},
        True,
    )


def linear_fall(begin: float, end: float, last: float) -> Timing:
    """A straight fall between two shares of the run."""
    return Timing(
        f"1 to {begin:.0%} of the run, then straight to {last:g} at {end:.0%}",
        lambda epoch, steps: {"schedule": linear(round(begin * steps), round(end * steps), last)},
        short="straight fall",
    )


def rising_momentum(first: float, last: float, rise: float, factor: float) -> Timing:
    """A factor an epoch of the learning rate, while momentum rises by a step an epoch."""

    def make(epoch: int, steps: int) -> Made:
        rule = _with_momentum(_Rising(first, last, rise, epoch))
        return {"optimizer": rule, "momentum": 0.0, "schedule": "step", "period": epoch, "decay": factor}

    text = f"x{factor:g} every epoch; momentum {first:g} to {last:g}, +{rise:g} an epoch"
    return Timing(text, make, True, short=text.partition(";")[0])


@dataclass(frozen=True)
class _Rising:
    first: float
    last: float
    rise: float
    epoch: int

    def __call__(self, step: Any) -> Float[Array, ""]:
        return jnp.minimum(self.last, self.first + self.rise * (step // self.epoch))


@functools.lru_cache(maxsize=64)
def _with_momentum(momentum: _Rising) -> optax.GradientTransformation:
    """Equal arguments give the same object, so that compiled programs are found again."""
    return optax.inject_hyperparams(optax.sgd)(learning_rate=1.0, momentum=momentum)
