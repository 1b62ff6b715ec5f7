"""A two-layer network with fixed output weights and the data it is to fit, in float64: what certificates speak of."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core.errors import DataError, UsageError
from overparam.data.stream import stream
from overparam.theory.activations import Activation
from overparam.theory.activations import activation as activation_of
from overparam.theory.certificates import Certificate, certify_two_layer, fourth_moment
from overparam.theory.inputs import all_finite, array_of, count, numbers

LARGEST = 2**31  # weights, 16 GB
SIZE = 1e60  # of an output weight
Weights = Float64[np.ndarray, "units features"]


@dataclass(frozen=True, eq=False)
class Instance:
    """``f(x) = sum_l v_l phi(w_l . x)`` with trained W, fixed v, and n targets.

    Attributes:
        weights: W at the start, shape ``(units, features)``.
        output: v, shape ``(units,)``.
        x: inputs, shape ``(n, features)``.
        y: targets, shape ``(n,)``.
        activation: phi.
    """

    weights: Float64[np.ndarray, "units features"]
    output: Float64[np.ndarray, " units"]
    x: Float64[np.ndarray, "n features"]
    y: Float64[np.ndarray, " n"]
    activation: Activation

    @property
    def width(self) -> int:
        """Number of hidden units k."""
        return len(self.output)

    def residual(self, weights: Weights | None = None) -> Float64[np.ndarray, " n"]:
        """``f - y`` at some weights, the start by default, shape ``(n,)``."""
        w = self.weights if weights is None else weights
        return self.activation.value(self.x @ w.T) @ self.output - self.y

    def jacobian(self, weights: Weights | None = None) -> Float64[np.ndarray, "n params"]:
        """Derivative of the outputs by the weights, rows of W one after another, shape ``(n, units * features)``."""
        w = self.weights if weights is None else weights
        slopes = self.activation.slope(self.x @ w.T) * self.output
        return (slopes[:, :, None] * self.x[:, None, :]).reshape(len(self.x), -1)

    def kernel(self, weights: Weights | None = None) -> Float64[np.ndarray, "n n"]:
        """``J J^T`` without forming J, shape ``(n, n)``."""
        w = self.weights if weights is None else weights
        slopes = self.activation.slope(self.x @ w.T) * self.output
        return (slopes @ slopes.T) * (self.x @ self.x.T)

    def scaled(self, factor: float) -> Instance:
        """The same network with its output multiplied by a factor."""
        return replace(self, output=self.output * factor)


def draw_instance(
    x: ArrayLike,
    y: ArrayLike,
    activation: str | Activation,
    width: int,
    seed: int,
    *,
    scale: float | None = None,
    antisymmetric: bool = False,
) -> Instance:
    """A network with W ~ N(0, 1) and balanced output weights ``+-nu``, the same for the same arguments.

    Args:
        x: inputs, shape ``(n, features)``.
        y: targets, shape ``(n,)``.
        activation: name or activation.
        width: hidden units k.
        seed: draws W; independent from width to width.
        scale: nu; by default ``|y| / sqrt(k n)``.
        antisymmetric: every unit has a copy with the opposite output weight, so that f = 0 at the start.

    Returns:
        The instance.

    Raises:
        DataError: inputs or targets of the wrong shape or kind, or missing values.
        UsageError: an odd or too small width where copies are asked for, or an unknown activation.

    References: the law of the weights is that of Oymak and Soltanolkotabi, arXiv:1902.04674 (recalled); the copies are
        those of Chizat, Oyallon and Bach, On lazy training in differentiable programming, NeurIPS 2019.

    >>> start = draw_instance(np.eye(2), [1.0, -1.0], "tanh", 6, 0, antisymmetric=True)
    >>> (start.residual() == -start.y).all()
    np.True_
    """
    rows, targets = examples(x, y)
    width = _width(width, antisymmetric)
    if width * rows.shape[1] > LARGEST:
        raise UsageError(
            f"width: expected at most {LARGEST:,} weights, got {width:,} units of {rows.shape[1]} features."
        )
    nu = float(np.linalg.norm(targets)) / math.sqrt(width * len(rows)) if scale is None else _scale(scale)
    drawn = width // 2 if antisymmetric else width
    weights = stream(f"two-layer instance {width}", seed).standard_normal((drawn, rows.shape[1]))
    if antisymmetric:
        weights = np.concatenate([weights, weights])
    signs = np.where(np.arange(width) < (width + 1) // 2, 1.0, -1.0)
    return Instance(weights, nu * signs, rows, targets, activation_of(activation))


def _width(width: Any, antisymmetric: bool) -> int:
    if not isinstance(antisymmetric, bool | np.bool_):
        raise UsageError(f"antisymmetric: expected True or False, got {type(antisymmetric).__name__}.")
    whole = count(width, "width", 1 + int(antisymmetric))
    if antisymmetric and whole % 2:
        raise UsageError(f"width: expected an even number of at least 2, got {whole}.")
    return whole


def _scale(scale: Any) -> float:
    number = math.nan
    if not isinstance(scale, bool | np.bool_ | np.ma.MaskedArray) and np.ndim(scale) == 0:
        try:
            number = float(numbers(scale, "scale"))
        except DataError:
            number = math.nan
    if not abs(number) <= SIZE:
        what = f"{number:g}" if math.isfinite(number) else type(scale).__name__
        raise UsageError(f"scale: expected a number of at most {SIZE:g} in size, or None, got {what}.")
    return number


def checked_instance(instance: Any) -> Instance:
    """The instance, if it is one.

    Raises:
        UsageError: something else.
    """
    if not isinstance(instance, Instance):
        raise UsageError(f"instance: expected one of draw_instance, got {type(instance).__name__}.")
    return instance


def flow_certificate(instance: Instance, weights: Weights | None = None) -> Certificate:
    """Whether gradient flow from the start, or from other weights, is proved to interpolate.

    Args:
        instance: the network and its data.
        weights: where to start; by default the instance's own.
    """
    w = checked_instance(instance).weights if weights is None else weights
    return certify_two_layer(w, instance.output, instance.x, instance.y, instance.activation, flow=True)


def lipschitz_everywhere(instance: Instance) -> float:
    """A Lipschitz constant of the Jacobian at all weights, ``B_2 |v|_inf tau(X)``: outputs over squared weights.

    ``B_2`` bounds the second derivative of the activation, and ``tau(X)^2`` is at least ``sum_i (x_i.u)^4`` for unit u.

    Args:
        instance: the network and its data.

    References: own derivation; see :func:`overparam.theory.certificates.fourth_moment`.

    >>> start = draw_instance(np.eye(2), [1.0, -1.0], "tanh", 6, 0)
    >>> lipschitz_everywhere(start.scaled(2.0)) == 2 * lipschitz_everywhere(start)
    True
    """
    tau = fourth_moment(checked_instance(instance).x, iterations=0).upper
    return instance.activation.largest_curvature * float(np.abs(instance.output).max()) * tau


def examples(x: ArrayLike, y: ArrayLike) -> tuple[Float64[np.ndarray, "n features"], Float64[np.ndarray, " n"]]:
    """Return inputs and real targets in float64, checked.

    Raises:
        DataError: another shape, missing values, or integer labels of more than two classes.
    """
    rows, given = numbers(x, "x", 1e-60, 1e60), array_of(y, "y")
    if rows.ndim != 2 or not rows.size:
        raise DataError(f"x: expected shape (n, features), got {rows.shape}. Flatten images to rows.")
    if given.shape != (len(rows),):
        raise DataError(f"y: expected {len(rows)} targets, one a row of x, got shape {given.shape}.")
    if np.issubdtype(given.dtype, np.integer) and len(np.unique(given)) > 2:
        raise DataError(
            f"y: expected real targets, got integer labels of {len(np.unique(given))} classes. Squared loss needs "
            "numbers: take two classes as +1 and -1, or one class against the others."
        )
    targets = numbers(given, "y", 1e-60, 1e60)
    for name, values in (("x", rows), ("y", targets)):
        all_finite(values, name, " Leave those rows out.")
    if not targets.any():
        raise DataError("y: expected targets that are not all 0; a network of zeros fits them already.")
    return rows, targets
