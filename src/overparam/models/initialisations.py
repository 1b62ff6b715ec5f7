"""Initial distributions of layers, by name. Entries are independent; ``fan_in`` counts inputs of a unit."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, PRNGKeyArray

from overparam.core.errors import UsageError, unknown

MOST_DRAWN = 2**31 - 1  # entries of one draw, 8.6 GB
Spread = Callable[[int, int], float]


@dataclass(frozen=True)
class Initialisation:
    """A law of the entries of dense layers.

    Attributes:
        name: its name.
        law: ``uniform`` on (-1, 1), ``normal``, N(0, 1), or ``truncated``, N(0, 1) without what lies beyond 2 standard
            deviations, brought back to variance 1; before the spreads below multiply it.
        weight: spread of a weight from ``(fan_in, fan_out)``: half-width of the uniform law, or standard deviation.
        bias: the same for a bias.
    """

    name: str
    law: str
    weight: Spread
    bias: Spread

    def draw(
        self,
        key: PRNGKeyArray,
        layers: Sequence[tuple[int, int]],
        bias: bool,
        fields: Sequence[int] | None = None,
    ) -> list[dict[str, Float[Array, "*shape"]]]:
        """Draw the layers of a network.

        All entries come from one draw, cut into pieces: a draw a layer takes seconds more to compile.

        Args:
            key: random key.
            layers: ``(fan_in, units)`` of every layer; fan_in of a convolution is taps times input channels.
            bias: whether layers have biases.
            fields: taps of every layer, 1 for a dense one (None: all dense); its fan_out is taps times units.

        Returns:
            For every layer ``weight`` of shape ``(units, fan_in)`` and, if asked for, ``bias`` ``(units,)``.

        Raises:
            UsageError: more entries than one array of them can hold.
        """
        total = sum(units * (fan_in + bias) for fan_in, units in layers)
        if total > MOST_DRAWN and not isinstance(key, jax.core.Tracer):
            raise UsageError(
                f"init: expected at most {MOST_DRAWN:,} parameters to draw at once, got {total:,}, which take "
                f"{4e-9 * total:,.0f} GB. Take a smaller width, or `parameters(network)` for the count alone."
            )
        if self.law == "uniform":
            entries = jax.random.uniform(key, (total,), jnp.float32, -1.0, 1.0)
        elif self.law == "truncated":
            entries = jax.random.truncated_normal(key, -2.0, 2.0, (total,), jnp.float32) / _TRUNCATED
        else:
            entries = jax.random.normal(key, (total,), jnp.float32)
        drawn, at = [], 0
        for (fan_in, units), taps in zip(layers, fields or [1] * len(layers), strict=True):
            parts = [("weight", (units, fan_in), self.weight)] + bias * [("bias", (units,), self.bias)]
            layer = {}
            for name, shape, spread in parts:
                size = math.prod(shape)
                layer[name] = spread(fan_in, taps * units) * entries[at : at + size].reshape(shape)
                at += size
            drawn.append(layer)
        return drawn


_TRUNCATED = 0.87962566103423978  # standard deviation of N(0, 1) cut at 2


def _zero(fan_in: int, fan_out: int) -> float:
    return 0.0


def _one(fan_in: int, fan_out: int) -> float:
    return 1.0


def _inverse_root(fan_in: int, fan_out: int) -> float:
    return 1 / math.sqrt(fan_in)


def _he(fan_in: int, fan_out: int) -> float:
    return math.sqrt(2 / fan_in)


def _glorot(fan_in: int, fan_out: int) -> float:
    return math.sqrt(6 / (fan_in + fan_out))


def _glorot_normal(fan_in: int, fan_out: int) -> float:
    return math.sqrt(2 / (fan_in + fan_out))


INITIALISATIONS: Mapping[str, Initialisation] = {
    rule.name: rule
    for rule in (
        Initialisation("torch", "uniform", _inverse_root, _inverse_root),
        Initialisation("he", "normal", _he, _zero),
        Initialisation("lecun", "normal", _inverse_root, _zero),
        Initialisation("glorot", "uniform", _glorot, _zero),
        Initialisation("glorot_normal", "truncated", _glorot_normal, _zero),
        Initialisation("normal", "normal", _one, _one),
        Initialisation("zeros", "normal", _zero, _zero),
    )
}


def initialisation(name: str) -> Initialisation:
    """The initial distribution of that name.

    ============= ============================================ ==============================
    name          weight                                       bias
    ============= ============================================ ==============================
    torch         uniform on +-1/sqrt(fan_in)                  uniform on +-1/sqrt(fan_in)
    he            N(0, 2/fan_in)                               0
    lecun         N(0, 1/fan_in)                               0
    glorot        uniform on +-sqrt(6/(fan_in + fan_out))      0
    glorot_normal N(0, 2/(fan_in + fan_out)), cut at 2 sd      0
    normal        N(0, 1)                                      N(0, 1)
    zeros         0 (for linear models)                        0
    ============= ============================================ ==============================

    Args:
        name: one of the names above.

    Returns:
        The law; its ``draw`` gives layers.

    Raises:
        UsageError: no initialisation has that name.

    References:
        he: He, Zhang, Ren, Sun, Delving deep into rectifiers, ICCV 2015, equation 10. glorot: Glorot, Bengio,
        Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010, equation 16;
        glorot_normal has the same variance and is what Keras calls so.
        lecun: LeCun, Bottou, Orr, Mueller, Efficient BackProp, 1998, section 4.6. torch: the default of
        ``torch.nn.Linear``.
    """
    if not isinstance(name, str) or name not in INITIALISATIONS:
        raise unknown("initialisation", name, INITIALISATIONS)
    return INITIALISATIONS[name]
