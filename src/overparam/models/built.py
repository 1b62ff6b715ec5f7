"""A network made of one forward function over :mod:`overparam.models.layers`."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from overparam.core.errors import UsageError
from overparam.models.initialisations import initialisation
from overparam.models.layers import AnyMaps, Layer, Walk
from overparam.models.network import AnyArray, Columns, Inputs, Network, Outputs, PyTree, check_size

Forward = Callable[[Walk, AnyMaps], Columns]
STATISTICS = "statistics"
_MADE: dict[Hashable, Network] = {}
_KEPT = 256
IMAGE_BLOCK = 128  # images at a time; members come one after another


def built(
    title: str, forward: Forward, shape: Sequence[int], outputs: int, init: str, key: Hashable
) -> Network:
    """The network of a forward function on images; equal keys return the same object.

    Args:
        title: what a person reads, without sizes of images and outputs.
        forward: ``forward(walk, maps)``, from ``(channels, height, width, batch)`` to ``(outputs, batch)``.
        shape: shape of one image, ``(height, width)`` or ``(height, width, channels)``; examples are flat rows.
        outputs: number of outputs.
        init: name in :func:`~overparam.models.initialisations.initialisation`, for dense layers and convolutions;
            normalisations start at scale 1 and offset 0.
        key: what the forward function depends on.

    Returns:
        The network. Where batches normalise, its parameters hold ``statistics`` that are not trained: mean and
        variance of every such layer, by default 0 and 1, with which ``apply`` normalises.

    Raises:
        UsageError: a size below 1, an unknown initialisation, or images too small for the layers.
    """
    sizes, outputs = image_sizes(shape), check_size("outputs", outputs)
    full = (key, sizes, outputs, init)
    if full not in _MADE:
        while len(_MADE) >= _KEPT:
            del _MADE[next(iter(_MADE))]
        _MADE[full] = _build(title, forward, sizes, outputs, init)
    return _MADE[full]


def image_sizes(shape: Sequence[int]) -> tuple[int, int, int]:
    """Height, width and channels of images.

    Raises:
        UsageError: another number of sizes, or one below 1.

    >>> image_sizes((28, 28))
    (28, 28, 1)
    """
    sizes = tuple(check_size("shape", size) for size in shape)
    if len(sizes) not in (2, 3):
        raise UsageError(f"shape: expected (height, width) or (height, width, channels), got {tuple(shape)}.")
    return (sizes[0], sizes[1], sizes[2] if len(sizes) == 3 else 1)


def _build(title: str, forward: Forward, sizes: tuple[int, int, int], outputs: int, init: str) -> Network:
    height, width, depth = sizes
    law = initialisation(init)

    def maps_of(x: Inputs) -> AnyMaps:
        return x.T.reshape(height, width, depth, x.shape[0]).transpose(2, 0, 1, 3)

    layers = _layers(forward, (depth, height, width, 2))
    tracked = [layer for layer in layers if layer.tracked]

    def initialise(key: PRNGKeyArray) -> PyTree:
        params: dict[str, Any] = _draw(layers, law, key)
        if tracked:
            params[STATISTICS] = {
                one.name: {"mean": jnp.zeros(one.shape), "variance": jnp.ones(one.shape)} for one in tracked
            }
        return params

    def apply(params: PyTree, x: Inputs) -> Outputs:
        return forward(Walk(params, statistics=params.get(STATISTICS)), maps_of(x)).T

    def training(params: PyTree, x: Inputs, key: PRNGKeyArray) -> Outputs:
        return forward(Walk(params, key=key, training=True), maps_of(x)).T

    def moments(params: PyTree, x: Inputs) -> PyTree:
        walk = Walk(params, training=True)
        forward(walk, maps_of(x))
        return walk.moments

    block = IMAGE_BLOCK if any(layer.kind == "conv" for layer in layers) else None
    image = "x".join(map(str, sizes if depth > 1 else sizes[:2]))
    more: dict[str, Any] = {"state": (STATISTICS,), "training": training, "moments": moments} if tracked else {}
    return Network(
        f"{title} on {image}, {outputs} outputs",
        initialise,
        apply,
        math.prod(sizes),
        outputs,
        block=block,
        **more,
    )


def _layers(forward: Forward, shape: tuple[int, ...]) -> list[Layer]:
    """The layers of a network, in order, found from shapes alone."""
    walk = Walk(None)
    jax.eval_shape(functools.partial(forward, walk), jax.ShapeDtypeStruct(shape, jnp.float32))
    names = [layer.name for layer in walk.layers]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UsageError(f"layers: expected a name of its own for every layer, got '{twice}' twice.")
    return walk.layers


def _draw(layers: Sequence[Layer], law: Any, key: PRNGKeyArray) -> dict[str, Any]:
    drawn = [layer for layer in layers if layer.kind != "norm"]
    sizes = [(layer.fan_in, layer.shape[0]) for layer in drawn]
    entries = law.draw(key, sizes, True, [layer.taps for layer in drawn])
    params: dict[str, dict[str, AnyArray]] = {}
    for layer, own in zip(drawn, entries, strict=True):
        params[layer.name] = {"weight": own["weight"].reshape(layer.shape)} | (
            {"bias": own["bias"]} if layer.bias else {}
        )
    for layer in layers:
        if layer.kind == "norm":
            params[layer.name] = {"scale": jnp.ones(layer.shape), "offset": jnp.zeros(layer.shape)}
    return {layer.name: params[layer.name] for layer in layers}
