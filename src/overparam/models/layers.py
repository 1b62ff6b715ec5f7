"""The layers of networks that are written as one forward function: a walk gives each its parameters.

A family is ``forward(walk, maps) -> outputs``. Walked once with nothing but shapes, it tells which layers there are;
walked with parameters, it computes. Examples stand last inside, as in :mod:`overparam.models.convolution`.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, final

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, PRNGKeyArray

from overparam.core.checked import real, shown
from overparam.core.errors import UsageError, unknown
from overparam.models.convolution import convolve
from overparam.models.network import AnyArray, PyTree, check_flag, check_size
from overparam.models.reach import check_reach

Maps = Float[AnyArray, "channels *space batch"]
AnyMaps = Float[AnyArray, "_channels *_space _batch"]  # where the sizes change
NORMS = ("batch", "layer", "none")
EPSILON = 1e-5  # added to variances, as in common frameworks


@dataclass(frozen=True)
class Layer:
    """What has to be drawn for a layer.

    Attributes:
        name: its name in the parameters.
        shape: shape of the weight, units first; of a normalisation ``(channels,)``.
        kind: ``dense``, ``conv`` or ``norm``.
        bias: whether it has one.
        tracked: whether a normalisation keeps statistics of batches.
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    bias: bool
    tracked: bool = False

    @property
    def fan_in(self) -> int:
        """Inputs of a unit."""
        return math.prod(self.shape[1:])

    @property
    def taps(self) -> int:
        """Entries of a kernel; 1 for a dense layer."""
        return math.prod(self.shape[2:])


@final
class Walk:
    """One pass through a network: where its layers' parameters come from, what normalises, and what is random.

    Attributes:
        layers: the layers met, in order.
        random: names of what is random in training, in order.
        moments: mean and mean square of every normalised layer's inputs in this pass, by name, where batches
            normalise.
    """

    def __init__(
        self,
        params: PyTree | None,
        *,
        statistics: PyTree | None = None,
        key: PRNGKeyArray | None = None,
        training: bool = False,
    ) -> None:
        """Prepare a pass.

        Args:
            params: parameters by layer; None to learn which layers there are (all entries are then zeros).
            statistics: mean and variance of every tracked layer, which normalise in evaluation; None for 0 and 1.
            key: makes what is random in training; without it nothing is.
            training: whether the batch's own statistics normalise.
        """
        self._params, self._statistics, self._key, self._training = params, statistics, key, training
        self.layers: list[Layer] = []
        self.random: list[str] = []
        self.moments: dict[str, dict[str, Array]] = {}

    def conv(
        self,
        name: str,
        maps: Maps,
        units: int,
        taps: int = 3,
        *,
        stride: int = 1,
        padding: int | None = None,
        bias: bool = True,
    ) -> Float[Array, "units *space_out batch"]:
        """A convolution; by default one that keeps the size at stride 1 (zeros at the edge).

        Args:
            name: name of the layer.
            maps: shape ``(channels, height, width, batch)``.
            units: output channels.
            taps: entries of the kernel along every axis.
            stride: step between two places.
            padding: zeros on both sides; None for half of the taps, which must be odd then.
            bias: whether the layer has one.

        Returns:
            Shape ``(units, height', width', batch)``.

        Raises:
            UsageError: a size that is none, no maps, or a kernel larger than what it meets.
        """
        units, taps = check_size(f"{name}: units", units), check_size(f"{name}: taps", taps)
        if maps.ndim not in (3, 4):
            raise UsageError(
                f"{name}: expected maps of shape (channels, height, width, batch), got {maps.shape}. A convolution comes "
                "before what flattens them."
            )
        if padding is None and taps % 2 == 0:
            raise UsageError(
                f"{name}: expected an odd number of taps, got {taps}. Give padding, or an odd kernel."
            )
        padding = taps // 2 if padding is None else padding
        check_flag(f"{name}: bias", bias)
        check_reach(name, maps.shape[1:-1], taps, stride, padding, first=not self.layers)
        own = self._own(Layer(name, (units, maps.shape[0], *[taps] * (maps.ndim - 2)), "conv", bias))
        out = convolve(maps, own["weight"], stride=stride, padding=padding)
        return out + own["bias"].reshape(-1, *[1] * (out.ndim - 1)) if bias else out

    def dense(
        self, name: str, columns: AnyMaps, units: int, *, bias: bool = True
    ) -> Float[Array, "units batch"]:
        """A dense layer ``W h + b`` on columns of shape ``(features, batch)``.

        Raises:
            UsageError: a size that is none, or maps that are not flattened.
        """
        units = check_size(f"{name}: units", units)
        check_flag(f"{name}: bias", bias)
        if columns.ndim != 2:
            raise UsageError(
                f"{name}: expected columns of shape (features, batch), got {columns.shape}. Flatten maps before a dense "
                "layer, maps.reshape(-1, maps.shape[-1]), or average them with global_pool."
            )
        own = self._own(Layer(name, (units, columns.shape[0]), "dense", bias))
        product = own["weight"] @ columns
        return product + own["bias"][:, None] if bias else product

    def batch_norm(self, name: str, maps: Maps) -> Maps:
        """Batch normalisation: each channel standardised over the batch and all places, then scaled and shifted.

        In training the batch gives mean and (biased) variance; in evaluation the statistics that the member keeps.

        References: Ioffe and Szegedy, Batch normalization, ICML 2015, algorithms 1 and 2.
        """
        own = self._own(Layer(name, (maps.shape[0],), "norm", True, tracked=True))
        if self._training:
            axes = tuple(range(1, maps.ndim))
            mean, square = jnp.mean(maps, axes), jnp.mean(jnp.square(maps), axes)
            variance = jnp.mean(jnp.square(maps - _along(mean, maps)), axes)
            self.moments[name] = {"mean": mean, "square": square}
        elif self._statistics is not None:
            if name not in self._statistics:
                raise UsageError(
                    f"params: expected statistics of '{name}', got none. Give those that init makes."
                )
            mean, variance = self._statistics[name]["mean"], self._statistics[name]["variance"]
        else:
            mean, variance = jnp.zeros(maps.shape[0]), jnp.ones(maps.shape[0])
        slope = own["scale"] / jnp.sqrt(variance + EPSILON)
        return maps * _along(slope, maps) + _along(own["offset"] - mean * slope, maps)

    def layer_norm(self, name: str, columns: Maps) -> Maps:
        """Layer normalisation: every example standardised over its channels and places, then scaled and shifted by channel.

        References: Ba, Kiros and Hinton, Layer normalization, arXiv:1607.06450, equation 4.
        """
        own = self._own(Layer(name, (columns.shape[0],), "norm", True))
        axes = tuple(range(columns.ndim - 1))
        centred = columns - jnp.mean(columns, axes, keepdims=True)
        size = jax.lax.rsqrt(jnp.mean(jnp.square(centred), axes, keepdims=True) + EPSILON)
        return centred * size * _along(own["scale"], columns) + _along(own["offset"], columns)

    def norm(self, name: str, maps: Maps, kind: str) -> Maps:
        """The normalisation of that kind: ``batch``, ``layer``, or ``none``, which leaves the maps as they are.

        Raises:
            UsageError: another kind.
        """
        if check_norm(kind) == "none":
            return maps
        return self.batch_norm(name, maps) if kind == "batch" else self.layer_norm(name, maps)

    def dropout(self, name: str, maps: Maps, rate: float) -> Maps:
        """Dropout: in training every entry is 0 with probability ``rate``, and the others are divided by ``1 - rate``.

        Raises:
            UsageError: a rate that is not from 0 up to 1, 1 excluded.

        References: Srivastava et al., Dropout, JMLR 15 (2014), in the form that rescales in training.
        """
        rate = check_rate(rate)
        if rate == 0.0:
            return maps
        self.random.append(name)
        if self._key is None:
            return maps
        key = jax.random.fold_in(self._key, zlib.crc32(name.encode()))
        kept = jax.random.bernoulli(key, 1.0 - rate, maps.shape)
        return jnp.where(kept, maps / (1.0 - rate), 0.0)

    def _own(self, layer: Layer) -> Mapping[str, Any]:
        self.layers.append(layer)
        if self._params is not None:
            if layer.name not in self._params:
                raise UsageError(
                    f"params: expected a layer '{layer.name}', got {', '.join(map(str, self._params)) or 'none'}. Give the "
                    "parameters of this network; a forward function must meet the same layers each time."
                )
            return self._params[layer.name]
        if layer.kind == "norm":
            return {"scale": jnp.ones(layer.shape), "offset": jnp.zeros(layer.shape)}
        return {"weight": jnp.zeros(layer.shape), "bias": jnp.zeros(layer.shape[0])}


def check_norm(kind: Any) -> str:
    """Return the name of a normalisation, or raise.

    Raises:
        UsageError: it is not batch, layer or none.
    """
    if not isinstance(kind, str) or kind not in NORMS:
        raise unknown("norm", kind, NORMS)
    return kind


def said(kind: str) -> str:
    """A normalisation in the title of a network.

    >>> said("batch"), said("none")
    ('batch norm', 'no norm')
    """
    return f"{kind} norm" if kind != "none" else "no norm"


def check_rate(rate: Any) -> float:
    """Return a rate of dropout, or raise.

    Raises:
        UsageError: it is no number from 0 up to 1, 1 excluded.
    """
    number = real(rate)
    if not 0.0 <= number < 1.0:
        raise UsageError(
            f"dropout: expected a rate from 0 up to 1, 1 excluded, got {shown(rate)}. 0 drops nothing."
        )
    return number


def global_pool(maps: Maps) -> Float[Array, "channels batch"]:
    """Mean of every channel over all places."""
    return jnp.mean(maps, axis=tuple(range(1, maps.ndim - 1)))


def window_pool(maps: AnyMaps, size: int, stride: int) -> AnyMaps:
    """Largest entry of windows that may overlap, with padding so that ``ceil(n / stride)`` places remain.

    Args:
        maps: shape ``(channels, height, width, batch)``.
        size: entries of a window along each axis.
        stride: step between two windows.

    >>> window_pool(jnp.arange(5.0).reshape(1, 5, 1), 3, 2).ravel().tolist()
    [1.0, 3.0, 4.0]
    """
    return _windows(maps, size, stride, jnp.maximum, -jnp.inf)


def window_mean(maps: AnyMaps, size: int, stride: int) -> AnyMaps:
    """Mean of what windows hold of the maps, in the places of :func:`window_pool`.

    Args:
        maps: shape ``(channels, height, width, batch)``.
        size: entries of a window along each axis.
        stride: step between two windows.

    >>> window_mean(jnp.arange(5.0).reshape(1, 5, 1), 3, 2).ravel().tolist()
    [0.5, 2.0, 3.5]
    """
    ones = jnp.ones((1, *maps.shape[1:-1], 1), maps.dtype)
    return _windows(maps, size, stride, jnp.add, 0.0) / _windows(ones, size, stride, jnp.add, 0.0)


def _windows(maps: AnyMaps, size: int, stride: int, how: Callable[..., Any], outside: float) -> AnyMaps:
    size, stride = check_size("pooling: window", size), check_size("pooling: stride", stride)
    for axis in range(1, maps.ndim - 1):
        n = maps.shape[axis]
        if size > n:
            raise UsageError(
                f"pooling: expected windows of at most {n} entries, got {size}. Give larger images, or pool less often."
            )
        out = -(-n // stride)
        missing = max(0, (out - 1) * stride + size - n)
        pads = [(0, 0)] * maps.ndim
        pads[axis] = (missing // 2, missing - missing // 2)
        wide = jnp.pad(maps, pads, constant_values=outside) if missing else maps
        parts = [
            jax.lax.slice_in_dim(wide, start, start + (out - 1) * stride + 1, stride, axis)
            for start in range(size)
        ]
        maps = parts[0]
        for part in parts[1:]:
            maps = how(maps, part)
    return maps


def local_response(
    maps: Maps, radius: int = 4, bias: float = 1.0, alpha: float = 0.001 / 9, beta: float = 0.75
) -> Maps:
    """Local response normalisation across channels: ``a_i / (bias + alpha sum_{|j - i| <= radius} a_j^2)^beta``.

    Args:
        maps: shape ``(channels, ..., batch)``.
        radius: neighbours on either side.
        bias: constant of the denominator.
        alpha: factor of the squares.
        beta: power.

    References: Krizhevsky, Sutskever and Hinton, ImageNet classification with deep convolutional neural networks,
        NeurIPS 2012, section 3.3; the constants are those of the CIFAR-10 example of its time (recalled).
    """
    squares = jnp.pad(jnp.square(maps), [(radius, radius)] + [(0, 0)] * (maps.ndim - 1))
    total = sum(squares[i : i + maps.shape[0]] for i in range(2 * radius + 1))
    return maps / (bias + alpha * total) ** beta


def _along(values: Float[AnyArray, " channels"], maps: Maps) -> Float[Array, "channels ..."]:
    return jnp.asarray(values).reshape(-1, *[1] * (maps.ndim - 1))
