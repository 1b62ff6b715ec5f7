"""A network made of one forward function over :mod:`overparam.models.layers`."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from overparam.core.checked import shown
from overparam.core.errors import OverparamError, UsageError
from overparam.models.initialisations import Initialisation, initialisation
from overparam.models.layers import AnyMaps, Layer, Walk
from overparam.models.network import (
    Columns,
    Inputs,
    Network,
    Outputs,
    PyTree,
    check_name,
    check_size,
    check_sizes,
)
from overparam.models.passes import told
from overparam.models.state import undeclared

Forward = Callable[[Walk, AnyMaps], Columns]
STATISTICS = "statistics"
_MADE: dict[Hashable, Network] = {}
_KEPT = 256
_ROWS = 7  # examples of the walk through shapes
IMAGE_BLOCK = 128  # images at a time; members come one after another


def built(
    title: str,
    forward: Forward,
    shape: Sequence[int],
    outputs: int,
    init: str = "torch",
    key: Hashable = None,
) -> Network:
    """The network of a forward function ``forward(walk, maps)``, whose layers are methods of the walk.

    ``maps`` are images of shape ``(channels, height, width, batch)``, or columns ``(features, batch)``; what is
    returned has shape ``(outputs, batch)``. The function is called once with shapes alone to learn which layers there
    are, and must be pure. Every layer needs a name of its own.

    Args:
        title: what a person reads, without sizes of images and outputs.
        forward: the function; see :class:`~overparam.models.layers.Walk` for the layers.
        shape: shape of one example, ``(features,)``, ``(height, width)`` or ``(height, width, channels)``; examples are
            flat rows.
        outputs: number of outputs.
        init: name in :func:`~overparam.models.initialisations.initialisation`, for dense layers and convolutions;
            normalisations start at scale 1 and offset 0.
        key: all that the forward function depends on; equal keys return the same object, so that compiled programs are
            found again. None: a new object each time.

    Returns:
        The network. Where batches normalise, its parameters hold ``statistics`` that are not trained: mean and
        variance of every such layer, by default 0 and 1, with which ``apply`` normalises until they are found from
        examples (:func:`overparam.training.refresh`). Where batches normalise or something is random, ``training`` is
        the pass that is trained: a batch of at least two normalises itself, and what is random comes from the key.

    Raises:
        UsageError: a size below 1, an unknown initialisation, two layers of one name, images too small for the layers,
            a forward function that fails or gives another shape.

    >>> from overparam.models import parameters
    >>> parameters(built("own", lambda walk, x: walk.dense("a", walk.layer_norm("n", x), 2), (3,), 2))
    14
    """
    sizes, outputs = example_sizes(shape), check_size("outputs", outputs)
    law = initialisation(init)
    if not callable(forward):
        raise UsageError(f"forward: expected a function forward(walk, maps), got {type(forward).__name__}.")
    check_name("title", title)
    if key is None:
        return _build(title, forward, sizes, outputs, law)
    full = (key, sizes, outputs, init)
    try:
        hash(full)
    except TypeError:
        raise UsageError(
            f"key: expected what can be hashed, such as a tuple of numbers, got {shown(key)}."
        ) from None
    if full not in _MADE:
        while len(_MADE) >= _KEPT:
            del _MADE[next(iter(_MADE))]
        _MADE[full] = _build(title, forward, sizes, outputs, law)
    return _MADE[full]


def example_sizes(shape: Sequence[int]) -> tuple[int, ...]:
    """Shape of one example: ``(features,)``, or height, width and channels.

    Raises:
        UsageError: another number of sizes, or one below 1.

    >>> example_sizes((784,)), example_sizes((28, 28))
    ((784,), (28, 28, 1))
    """
    sizes = check_sizes("shape", shape, "(features,), (height, width) or (height, width, channels)")
    if len(sizes) not in (1, 2, 3):
        raise UsageError(
            f"shape: expected (features,), (height, width) or (height, width, channels), got {sizes}."
        )
    return (*sizes, 1) if len(sizes) == 2 else sizes


def image_sizes(shape: Sequence[int]) -> tuple[int, int, int]:
    """Height, width and channels of images.

    Raises:
        UsageError: another number of sizes, or one below 1.

    >>> image_sizes((28, 28))
    (28, 28, 1)
    """
    sizes = check_sizes("shape", shape, "(height, width) or (height, width, channels)")
    if len(sizes) not in (2, 3):
        raise UsageError(
            f"shape: expected (height, width) or (height, width, channels) of an image, got {sizes}. Give the shape that "
            "an example has before it is flattened, or use mlp."
        )
    return (sizes[0], sizes[1], sizes[2] if len(sizes) == 3 else 1)


def _build(title: str, forward: Forward, sizes: tuple[int, ...], outputs: int, law: Initialisation) -> Network:
    def maps_of(x: Inputs) -> AnyMaps:
        columns = x.T
        return columns.reshape(*sizes, x.shape[0]).transpose(2, 0, 1, 3) if len(sizes) == 3 else columns

    inner = (sizes[2], *sizes[:2]) if len(sizes) == 3 else sizes
    walked = _walked(title, forward, inner, outputs)
    tracked = [layer for layer in walked.layers if layer.tracked]

    def initialise(key: PRNGKeyArray) -> PyTree:
        params: dict[str, Any] = _draw(walked.layers, law, key)
        if tracked:
            params[STATISTICS] = {
                one.name: {"mean": jnp.zeros(one.shape), "variance": jnp.ones(one.shape)} for one in tracked
            }
        return params

    def apply(params: PyTree, x: Inputs) -> Outputs:
        kept = params.get(STATISTICS, {}) if tracked else None
        return forward(Walk(params, statistics=kept), maps_of(x)).T

    def training(params: PyTree, x: Inputs, key: PRNGKeyArray) -> Outputs:
        if tracked and x.shape[0] < 2:
            raise UsageError(
                f"batch: expected at least 2 examples where '{title}' normalises by batches, got {x.shape[0]}: one example "
                "has no spread. Raise the batch, or use layer normalisation (norm='layer')."
            )
        return forward(Walk(params, key=key, training=True), maps_of(x)).T

    def moments(params: PyTree, x: Inputs) -> PyTree:
        walk = Walk(params, training=True)
        forward(walk, maps_of(x))
        return walk.moments

    apply.__module__ = str(
        getattr(forward, "__module__", "")
    )  # a person's own function is looked at by our checks
    more: dict[str, Any] = {"training": training} if tracked or walked.random else {}
    more |= {"state": (STATISTICS,), "moments": moments} if tracked else {}
    told_sizes = sizes[:-1] if len(sizes) == 3 and sizes[2] == 1 else sizes
    name = f"{title} on {'x'.join(map(str, told_sizes))}, {outputs} outputs"
    more["block"] = IMAGE_BLOCK if any(layer.kind == "conv" for layer in walked.layers) else None
    return Network(name, initialise, apply, math.prod(sizes), outputs, **more)


def _walked(title: str, forward: Forward, inner: tuple[int, ...], outputs: int) -> Walk:
    """A walk through shapes alone: it has met the layers of a network, in order."""
    walk = Walk(None)
    try:
        found = jax.eval_shape(
            functools.partial(forward, walk), jax.ShapeDtypeStruct((*inner, _ROWS), jnp.float32)
        )
    except OverparamError:
        raise
    except Exception as error:
        raise UsageError(
            f"forward: expected forward(walk, maps) of '{title}' to take an array of shape {(*inner, 'batch')}, got "
            f"{told(error)}. Examples stand last inside."
        ) from error
    names = [layer.name for layer in walk.layers]
    odd = [one for one in (*names, *walk.random) if not isinstance(one, str) or not one or "/" in one]
    odd += [one for one in names if one not in odd and any(undeclared((), {one: {"weight": 0.0}}))]
    if odd:
        raise UsageError(
            f"layers: expected names of layers without '/', got {shown(odd[0])}"
            + (", a name of what is not trained" if isinstance(odd[0], str) and "/" not in odd[0] else "")
            + ". Rename the layer."
        )
    for listed in (names, walk.random):
        if len(set(listed)) < len(listed):
            twice = next(name for name in listed if listed.count(name) > 1)
            raise UsageError(f"layers: expected a name of its own for every layer, got '{twice}' twice.")
    if not names:
        raise UsageError(
            f"layers: expected forward of '{title}' to use layers of its walk, got none. Use walk.dense."
        )
    if getattr(found, "shape", None) != (outputs, _ROWS):
        got = getattr(found, "shape", None)
        said = type(found).__name__ if got is None else str(tuple("batch" if n == _ROWS else n for n in got))
        raise UsageError(
            f"forward: expected an array of shape ({outputs}, batch) from '{title}', got {said}. Examples stand last."
        )
    return walk


def _draw(layers: Sequence[Layer], law: Initialisation, key: PRNGKeyArray) -> dict[str, Any]:
    drawn = [layer for layer in layers if layer.kind != "norm"]
    sizes = [(layer.fan_in, layer.shape[0]) for layer in drawn]
    entries = law.draw(key, sizes, True, [layer.taps for layer in drawn])
    params: dict[str, dict[str, Any]] = {}
    for layer, own in zip(drawn, entries, strict=True):
        params[layer.name] = {"weight": own["weight"].reshape(layer.shape)} | (
            {"bias": own["bias"]} if layer.bias else {}
        )
    for layer in layers:
        if layer.kind == "norm":
            params[layer.name] = {"scale": jnp.ones(layer.shape), "offset": jnp.zeros(layer.shape)}
    return {layer.name: params[layer.name] for layer in layers}
