"""A network whose weights are held and whose trained parameters are scores: what learned masks share."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.extend.random
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import PRNGKeyArray

from overparam.core.errors import UsageError
from overparam.models.network import Inputs, Network, Outputs, PyTree
from overparam.models.state import leaves
from overparam.pruning.arrays import SCORES, WEIGHTS, finite_of, nested, picked, placed

DRAW, STATISTICS = "draw", "statistics"
Factors = Mapping[str, Array]
Shapes = tuple[tuple[str, tuple[int, ...]], ...]


def wrap(
    network: Network,
    title: str,
    shapes: Shapes,
    scores: Callable[[PRNGKeyArray], Factors],
    weights: Callable[[Factors, PRNGKeyArray], Factors],
    evaluated: Callable[[Factors, PRNGKeyArray], Factors],
    trained: Callable[[Factors, PRNGKeyArray], Factors] | None,
) -> Network:
    """The network ``apply(factor * weights, x)`` whose trained parameters are the scores that the factors come from.

    Its weights are those that ``network.init`` draws with the same key, or are made from them.

    Its parameters are ``scores``, nested as the weights are; ``weights``, all parameters of the network, held constant;
    ``draw``, a key for what is random in evaluation; and ``statistics``, where the network keeps some.

    Args:
        network: the network.
        title: what a person reads.
        shapes: paths and shapes of the weights that have scores.
        scores: initial scores by path, from a key.
        weights: what becomes of the weights that have scores, from their initial values and a key.
        evaluated: scores by path and a key, to factors in evaluation.
        trained: the same in training; None where it does as in evaluation, and nothing is random.
    """
    keeps = network.moments is not None
    sizes = dict(shapes)

    def initialise(key: PRNGKeyArray) -> PyTree:
        inner = network.init(key)
        inner = placed(inner, weights(picked(inner, _like(sizes), "init"), jax.random.fold_in(key, 1)))
        found = {SCORES: nested(scores(jax.random.fold_in(key, 2))), DRAW: jax.random.fold_in(key, 3)}
        if keeps:
            found[STATISTICS] = inner[STATISTICS]
            inner = {name: part for name, part in inner.items() if name != STATISTICS}
        return {**found, WEIGHTS: inner}

    def seen(params: PyTree, factors: Factors) -> PyTree:
        inner = params[WEIGHTS]
        own = picked(inner, _like(sizes), WEIGHTS)
        inner = placed(inner, {path: leaf * factors[path] for path, leaf in own.items()})
        return {**inner, STATISTICS: params[STATISTICS]} if keeps else inner

    def scored(params: PyTree) -> Factors:
        return picked(params[SCORES], _like(sizes), SCORES)

    def apply(params: PyTree, x: Inputs) -> Outputs:
        return network.apply(seen(params, evaluated(scored(params), params[DRAW])), x)

    def training(params: PyTree, x: Inputs, key: PRNGKeyArray) -> Outputs:
        factors = (trained or evaluated)(scored(params), key)
        if network.training is None:
            return network.apply(seen(params, factors), x)
        return network.training(seen(params, factors), x, jax.random.fold_in(key, 1))

    def moments(params: PyTree, x: Inputs) -> PyTree:
        assert network.moments is not None
        return network.moments(seen(params, evaluated(scored(params), params[DRAW])), x)

    return Network(
        f"{title} of {network.name}",
        initialise,
        apply,
        network.inputs,
        network.outputs,
        block=network.block,
        state=(WEIGHTS, DRAW, *((STATISTICS,) if keeps else ())),
        training=None if trained is None and network.training is None else training,
        moments=moments if keeps else None,
    )


def own_weights(params: PyTree) -> PyTree:
    """The weights that a learned mask chooses from: the parameters of the network that was wrapped.

    Args:
        params: parameters of a network with a learned mask.

    Raises:
        UsageError: parameters of another network.
    """
    scores_of(params)
    return {**params[WEIGHTS], **({STATISTICS: params[STATISTICS]} if STATISTICS in params else {})}


def scores_of(params: PyTree) -> dict[str, np.ndarray]:
    """The scores of a network with a learned mask, by path.

    Args:
        params: its parameters.

    Raises:
        UsageError: parameters of another network.
        DataError: scores that are missing or infinite.
    """
    if not isinstance(params, Mapping) or SCORES not in params or WEIGHTS not in params:
        raise UsageError(
            "params: expected the parameters of a network with a learned mask, such as supermask(network), got others."
        )
    return {path: finite_of(leaf, f"scores: {path}") for path, leaf in leaves(params[SCORES])}


def straight(value: Array, through: Array) -> Array:
    """A value whose derivative is that of something else; where it is 0 or 1 it stays exactly that.

    >>> jax.value_and_grad(lambda s: straight(jnp.round(s), s))(0.7)
    (Array(1., dtype=float32, weak_type=True), Array(1., dtype=float32, weak_type=True))
    """
    return jax.lax.stop_gradient(value) + (through - jax.lax.stop_gradient(through))


def uniform(shapes: Shapes, key: PRNGKeyArray, low: float = 0.0) -> dict[str, Array]:
    """Numbers of arrays, uniform from ``low`` to 1, by path.

    They come from one draw, cut into pieces: a draw an array takes seconds more to compile.

    Args:
        shapes: paths and shapes.
        key: draws them.
        low: the lower end.
    """
    return _cut(shapes, jax.random.uniform(key, (_size(shapes),), minval=low))


def coarse(shapes: Shapes, key: PRNGKeyArray) -> dict[str, Array]:
    """Numbers of arrays for the draws of a mask, of the 65,536 odd multiples of 1/131,072, by path.

    One is below p with probability p, up to 1/131,072. Sixteen bits a number, four numbers a block of Threefry, take a
    quarter of the time of :func:`uniform`, which is nearly half of a step on one core.

    Args:
        shapes: paths and shapes.
        key: draws them.
    """
    size = _size(shapes)
    words = jax.random.bits(key, (2,), jnp.uint32)
    bits = jax.extend.random.threefry_2x32(words, jnp.arange((size + 1) // 2, dtype=jnp.uint32))
    halves = jnp.concatenate([bits >> 16, bits & 0xFFFF])[:size]
    return _cut(shapes, (halves.astype(jnp.float32) + 0.5) * 2.0**-16)


def _size(shapes: Shapes) -> int:
    return sum(math.prod(shape) for _, shape in shapes)


def _cut(shapes: Shapes, flat: Array) -> dict[str, Array]:
    at, found = 0, {}
    for path, shape in shapes:
        size = math.prod(shape)
        found[path] = flat[at : at + size].reshape(shape)
        at += size
    return found


def _like(sizes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    return {path: jax.ShapeDtypeStruct(shape, jnp.float32) for path, shape in sizes.items()}
