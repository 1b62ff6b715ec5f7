"""Activations as theorems see them: value, slope and curvature in float64, and proved bounds on the last two."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64
from scipy import special

from overparam.core.checked import real, shown
from overparam.core.errors import UsageError, unknown

Numbers = Float64[np.ndarray, "*shape"]
Function = Callable[[np.ndarray], np.ndarray]
Parity = Literal["odd", "even", "linear odd part", "none"]
_ROUND_UP = 1 + 1e-14
_ROOT_TWO_PI = math.sqrt(2 * math.pi)


@dataclass(frozen=True, eq=False, repr=False)
class Activation:
    """A function of one number, with its derivatives and bounds on them.

    Attributes:
        name: as in :func:`activation`.
        value: phi, entry by entry in float64.
        slope: phi'; at a kink one of the two one-sided slopes.
        curvature: phi''; None where phi' jumps.
        largest_slope: B1, an upper bound of ``sup |phi'|``, rounded up; infinite where there is none.
        largest_curvature: B2, an upper bound of ``sup |phi''|``, rounded up; infinite where phi' jumps.
        parity: ``odd``, ``even``, ``linear odd part`` where ``phi(z) - phi(-z)`` is a multiple of z, or ``none``.
        turns: where ``|phi''|`` has a local maximum, ascending; inside these the curvature is monotone.
        period: distance after which the turns repeat; 0 if they do not.
    """

    name: str
    value: Function
    slope: Function
    curvature: Function | None
    largest_slope: float
    largest_curvature: float
    parity: Parity
    turns: tuple[float, ...] = ()
    period: float = 0.0

    def __repr__(self) -> str:
        return f"activation {self.name}"

    @property
    def smooth(self) -> bool:
        """Whether phi' is Lipschitz continuous."""
        return self.curvature is not None

    def local_curvature(self, low: Numbers, high: Numbers) -> Numbers:
        """Upper bound of ``|phi''|`` on intervals, entry by entry.

        Args:
            low: lower ends, any shape.
            high: upper ends, not below the lower ones.

        Returns:
            ``sup {|phi''(z)| : low <= z <= high}``, rounded up, at most ``largest_curvature``.

        Raises:
            UsageError: phi' jumps, so there is no such bound.

        >>> tanh = activation("tanh")
        >>> bool(tanh.local_curvature(np.array([3.0]), np.array([4.0]))[0] < 0.02)
        True
        """
        if self.curvature is None:
            raise UsageError(
                f"activation '{self.name}': expected one whose slope does not jump; phi'' is unbounded."
            )
        ends = np.maximum(np.abs(self.curvature(low)), np.abs(self.curvature(high)))
        for turn in self.turns:
            if self.period:
                inside = np.floor((high - turn) / self.period) >= np.ceil((low - turn) / self.period)
            else:
                inside = (low <= turn) & (turn <= high)
            peak = abs(float(self.curvature(np.array([turn]))[0]))
            ends = np.where(inside, np.maximum(ends, peak), ends)
        return np.minimum(ends * _ROUND_UP + 1e-300, self.largest_curvature)


def _normal_density(z: Numbers) -> Numbers:
    return np.exp(-0.5 * z * z) / _ROOT_TWO_PI


def _sigmoid_slope(z: Numbers) -> Numbers:
    return special.expit(z) * special.expit(-z)


def _silu_slope(z: Numbers) -> Numbers:
    return special.expit(z) + z * _sigmoid_slope(z)


def _silu_curvature(z: Numbers) -> Numbers:
    return _sigmoid_slope(z) * (2.0 - z * np.tanh(0.5 * z))


def _sech_squared(z: Numbers) -> Numbers:
    return 4.0 * _sigmoid_slope(2.0 * z)


def leaky_relu(negative: float = 0.01) -> Activation:
    """``max(z, a z)`` with the slope ``a`` below 0.

    Args:
        negative: a, between -1 and 1.

    Raises:
        UsageError: a outside of these bounds.

    >>> float(leaky_relu(0.1).value(np.array([-2.0]))[0])
    -0.2
    """
    given, negative = negative, real(negative)
    if not -1 <= negative <= 1:
        raise UsageError(f"negative: expected a slope between -1 and 1, got {shown(given)}.")
    return Activation(
        "leaky_relu" if negative == 0.01 else f"leaky_relu({negative:g})",
        lambda z: np.where(z > 0, z, negative * z),
        lambda z: np.where(z > 0, 1.0, negative),
        None,
        1.0,
        math.inf,
        "linear odd part",
    )


def sine(frequency: float = 1.0) -> Activation:
    """``sin(omega z)``.

    Args:
        frequency: omega, positive.

    Raises:
        UsageError: a frequency that is not positive and finite.

    >>> sine(2.0).largest_curvature >= 4.0
    True
    """
    given, frequency = frequency, real(frequency)
    if not 1e-150 <= frequency <= 1e150:
        raise UsageError(f"frequency: expected a positive number from 1e-150 to 1e150, got {shown(given)}.")
    return Activation(
        "sine" if frequency == 1.0 else f"sine({frequency:g})",
        lambda z: np.sin(frequency * z),
        lambda z: frequency * np.cos(frequency * z),
        lambda z: -(frequency**2) * np.sin(frequency * z),
        frequency * _ROUND_UP,
        frequency**2 * _ROUND_UP,
        "odd",
        (0.5 * math.pi / frequency,),
        math.pi / frequency,
    )


_ERF_SLOPE = 2.0 / math.sqrt(math.pi)
_GELU_SLOPE = 0.5 * math.erfc(-1.0) + math.exp(-1.0) / math.sqrt(math.pi)  # at z = sqrt(2), where phi'' = 0
_SILU_TURN = 2.3993572805154675  # phi'' = 0: z tanh(z/2) = 2, where phi' is largest
_SILU_CURVATURE_TURN = 3.4358409935351104

ACTIVATIONS: Mapping[str, Activation] = {
    one.name: one
    for one in (
        Activation(
            "relu",
            lambda z: np.maximum(z, 0.0),
            lambda z: (z > 0).astype(np.float64),
            None,
            1.0,
            math.inf,
            "linear odd part",
        ),
        leaky_relu(),
        Activation(
            "tanh",
            np.tanh,
            _sech_squared,
            lambda z: -2.0 * np.tanh(z) * _sech_squared(z),
            _ROUND_UP,
            4.0 / (3.0 * math.sqrt(3.0)) * _ROUND_UP,
            "odd",
            (-math.atanh(1 / math.sqrt(3)), math.atanh(1 / math.sqrt(3))),
        ),
        Activation(
            "erf",
            special.erf,
            lambda z: _ERF_SLOPE * np.exp(-z * z),
            lambda z: -2.0 * _ERF_SLOPE * z * np.exp(-z * z),
            _ERF_SLOPE * _ROUND_UP,
            math.sqrt(8.0 / (math.pi * math.e)) * _ROUND_UP,
            "odd",
            (-math.sqrt(0.5), math.sqrt(0.5)),
        ),
        Activation(
            "gelu",
            lambda z: z * special.ndtr(z),
            lambda z: special.ndtr(z) + z * _normal_density(z),
            lambda z: (2.0 - z * z) * _normal_density(z),
            _GELU_SLOPE * _ROUND_UP,
            math.sqrt(2.0 / math.pi) * _ROUND_UP,
            "linear odd part",
            (-2.0, 0.0, 2.0),
        ),
        Activation(
            "softplus",
            lambda z: np.logaddexp(0.0, z),
            special.expit,
            _sigmoid_slope,
            1.0,
            0.25,
            "linear odd part",
            (0.0,),
        ),
        Activation(
            "silu",
            lambda z: z * special.expit(z),
            _silu_slope,
            _silu_curvature,
            float(_silu_slope(np.array([_SILU_TURN]))[0]) * _ROUND_UP,
            0.5,
            "linear odd part",
            (-_SILU_CURVATURE_TURN, 0.0, _SILU_CURVATURE_TURN),
        ),
        sine(),
        Activation(
            "quadratic",
            np.square,
            lambda z: 2.0 * z,
            lambda z: np.full_like(z, 2.0),
            math.inf,
            2.0,
            "even",
        ),
        Activation(
            "identity",
            lambda z: z + 0.0,
            np.ones_like,
            np.zeros_like,
            1.0,
            0.0,
            "odd",
        ),
    )
}


def activation(name: str | Activation) -> Activation:
    """The activation of that name, as :mod:`overparam.models` computes it.

    Args:
        name: relu, leaky_relu (slope 0.01), tanh, erf, gelu (exact), softplus, silu, sine, quadratic (z^2) or
            identity; or an activation, which is returned.

    Returns:
        Value, derivatives and bounds.

    Raises:
        UsageError: no activation has that name.

    References:
        The bounds are maxima of the closed forms: B2 of tanh is ``4 / (3 sqrt 3)``, of erf ``sqrt(8 / (pi e))``, of
        gelu ``sqrt(2 / pi)``, of softplus 1/4, of silu 1/2.

    >>> round(activation("gelu").largest_slope, 6), activation("softplus").largest_curvature
    (1.128904, 0.25)
    """
    if isinstance(name, Activation):
        return name
    if not isinstance(name, str) or name not in ACTIVATIONS:
        raise unknown("activation", name, ACTIVATIONS)
    return ACTIVATIONS[name]
