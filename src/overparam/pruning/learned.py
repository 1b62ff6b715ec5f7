"""Supermasks: a mask that is learned by gradient descent over weights that stay as they were drawn."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import PRNGKeyArray

from overparam.core.checked import count, positive, real, shown
from overparam.core.errors import UsageError
from overparam.models.check import check_network, check_params
from overparam.models.network import Network, PyTree
from overparam.pruning.arrays import prunable
from overparam.pruning.draws import generator, words
from overparam.pruning.mask import Mask
from overparam.pruning.share import flag
from overparam.pruning.wrapped import Factors, Shapes, coarse, scores_of, straight, wrap
from overparam.training import inputs
from overparam.training.evaluate import fit
from overparam.training.loop import Measured, ProbeFunction
from overparam.training.losses import Loss, loss
from overparam.training.recipe import Recipe

SAMPLES = 10
_LARGEST = 1e30  # a number of float32, with room


def supermask(
    network: Network,
    *,
    constant: float | None = None,
    rescaled: bool = False,
    rounded: bool = False,
    start: float = 0.0,
    but: Any = (),
    also: Any = (),
) -> Network:
    """A network that learns which of its initial weights to keep; the weights themselves are never trained.

    Every weight w has a score s, and is kept with probability p = sigmoid(s). A training step draws the mask m from its
    key; the gradient passes it straight, ``dL/ds = dL/dm p (1 - p)``. What is measured in between draws one mask by a key
    that the member keeps; the source reports the mean of ten: :func:`evaluations`, or the probe :func:`sampled`. Biases are
    not masked and stay as ``network.init`` gave them.

    Args:
        network: the network.
        constant: a factor c; the weights are then ``c sign(w) std(w)``, with the standard deviation of their array. None:
            w.
        rescaled: whether kept weights are multiplied by number of weights over number kept in their layer, at every draw;
            the gradient passes through that ratio, too.
        rounded: the variant without sampling: evaluation keeps the weights of p >= 1/2, and a training step rounds a random
            half of the p, which get no gradient, and uses p itself elsewhere.
        start: initial value of all scores; 0 keeps half of the weights.
        but: patterns of arrays that are not masked.
        also: patterns of further arrays that are.

    Returns:
        A network with parameters ``scores`` (trained) and ``weights`` (held constant).

    Raises:
        UsageError: no network, a pattern that covers nothing, or a number that is none.

    References: Zhou, Lan, Liu and Yosinski, Deconstructing lottery tickets, NeurIPS 2019, section 5.2: supermasks,
        signed constants, dynamic weight rescaling.

    >>> from overparam.models import mlp, parameters
    >>> parameters(supermask(mlp(3, (4,), 2)))
    20
    """
    factor = None if constant is None else positive(constant, "constant")
    begin = real(start)
    if not abs(begin) <= _LARGEST:
        raise UsageError(f"start: expected a number of at most {_LARGEST:g} in size, got {shown(start)}.")
    if factor is not None and not 1 / _LARGEST <= factor <= _LARGEST:
        raise UsageError(f"constant: expected a number up to {_LARGEST:g}, got {shown(constant)}.")
    shapes = tuple(prunable(network, but, also).items())
    return _supermask(network, shapes, factor, flag(rescaled, "rescaled"), flag(rounded, "rounded"), begin)


@functools.lru_cache(maxsize=64)
def _supermask(
    network: Network, shapes: Shapes, constant: float | None, rescaled: bool, rounded: bool, start: float
) -> Network:
    def weights(own: Factors, key: PRNGKeyArray) -> Factors:
        if constant is None:
            return own
        return {path: constant * jnp.sign(w) * jnp.std(w) for path, w in own.items()}

    def factors(masks: Factors) -> Factors:
        return {path: times_ratio(m) for path, m in masks.items()} if rescaled else masks

    def drawn(scores: Factors, key: PRNGKeyArray) -> Factors:
        random = coarse(shapes, key)
        return factors({path: bernoulli(s, random[path]) for path, s in scores.items()})

    def halves(scores: Factors, key: PRNGKeyArray) -> Factors:
        random = coarse(shapes, key)
        return factors({path: half_rounded(s, random[path]) for path, s in scores.items()})

    def whole(scores: Factors, key: PRNGKeyArray) -> Factors:
        return factors({path: (s >= 0).astype(s.dtype) for path, s in scores.items()})

    return wrap(
        network,
        " ".join(["supermask", *(word for word, on in (("rounded", rounded), ("rescaled", rescaled)) if on)]),
        shapes,
        lambda key: {path: jnp.full(shape, start, jnp.float32) for path, shape in shapes},
        weights,
        whole if rounded else drawn,
        halves if rounded else drawn,
    )


def bernoulli(scores: Array, random: Array) -> Array:
    """A mask that keeps with probability p = sigmoid(score); its derivative in a score is p (1 - p).

    Args:
        scores: of any shape.
        random: numbers of that shape, uniform from 0 to 1; a weight is kept where they are below p.
    """
    p = jax.nn.sigmoid(scores)
    return straight((random < p).astype(p.dtype), p)


def half_rounded(scores: Array, random: Array) -> Array:
    """Probabilities sigmoid(score), a random half of which are rounded and have no derivative.

    Args:
        scores: of any shape.
        random: numbers of that shape, uniform from 0 to 1; those below 1/2 are rounded.
    """
    p = jax.nn.sigmoid(scores)
    return jnp.where(random < 0.5, jax.lax.stop_gradient((scores >= 0).astype(p.dtype)), p)


def times_ratio(mask: Array) -> Array:
    """A mask times number of weights over their sum; the derivative passes through the ratio. A mask of zeros stays.

    Args:
        mask: of any shape.

    >>> times_ratio(jnp.array([1.0, 0.0, 1.0, 0.0])).tolist()
    [2.0, 0.0, 2.0, 0.0]
    """
    total = jnp.sum(mask)
    return mask * jnp.where(total > 0, mask.size / jnp.where(total > 0, total, 1.0), 1.0)


def learned_mask(params: PyTree, key: Any = None) -> Mask:
    """The mask of a supermask: the weights of p >= 1/2, or one that is drawn.

    Args:
        params: parameters of a supermask.
        key: draws it; None rounds.

    Returns:
        A mask of the network that was wrapped.

    Raises:
        UsageError: parameters of another network, or no key.
    """
    found = {}
    for path, scores in scores_of(params).items():
        if key is None:
            found[path] = scores >= 0
        else:
            p = 1 / (1 + np.exp(-np.clip(scores.astype(np.float64), -700, 700)))
            found[path] = generator(key, f"supermask of {path}").random(scores.shape) < p
    return Mask(found)


def evaluations(
    network: Network, params: PyTree, x: Any, y: Any, keys: Sequence[Any], *, rule: Any = "cross_entropy"
) -> dict[str, np.ndarray]:
    """Loss and error of a supermask under several masks that are drawn.

    Args:
        network: a network of :func:`supermask`.
        params: its parameters.
        x: examples, shape ``(n, inputs)``.
        y: labels or targets.
        keys: for each of them a key of JAX, or a whole number.
        rule: the loss.

    Returns:
        ``loss`` and, for labels, ``error``: float64 arrays, one number a key.

    Raises:
        UsageError: no keys, or parameters of another network.
        DataError: data that do not fit.
    """
    scores_of(params)
    check_network(network)
    if network.training is None:
        raise UsageError(
            f"network: expected one of supermask(...), got '{network.name}', in which nothing is random."
        )
    given = list(keys) if np.iterable(keys) else []
    if not given:
        raise UsageError(f"keys: expected keys in a list, at least one, got {shown(keys)}.")
    drawn = [_key(one) for one in given]
    check_params(network, params)
    rows = inputs.examples("x", x, network)
    targets = inputs.targets("y", y, len(rows), network, Recipe(1, 1.0, loss=rule))
    found = _evaluated(network, loss(rule), params, rows, targets, jnp.stack(drawn))
    return {name: np.asarray(values, np.float64) for name, values in found.items()}


@functools.partial(jax.jit, static_argnames=("network", "criterion"))
def _evaluated(network: Network, criterion: Loss, params: PyTree, x: Any, y: Any, keys: Any) -> Measured:
    def one(key: PRNGKeyArray) -> Measured:
        return _under(network, criterion, params, x, y, key)

    return jax.lax.map(one, keys)


def _under(network: Network, criterion: Loss, params: PyTree, x: Any, y: Any, key: PRNGKeyArray) -> Measured:
    assert network.training is not None
    drawn = Network(
        network.name,
        network.init,
        lambda p, rows: network.training(p, rows, key),  # type: ignore[misc]
        network.inputs,
        network.outputs,
        block=network.block,
    )
    mean, error = fit(drawn, criterion, params, x, y)
    return {"loss": mean} | ({} if error is None else {"error": error})


def sampled(samples: int = SAMPLES, seed: int = 0) -> ProbeFunction:
    """A probe for supermasks: means over masks that are drawn, as the source reports them.

    Args:
        samples: how many.
        seed: of the draws.

    Returns:
        A probe that gives ``sampled_test_loss`` and ``sampled_test_error``.

    Raises:
        UsageError: numbers that are no counts.
    """
    return _sampled(count(samples, "samples"), count(seed, "seed", 0))


@functools.lru_cache(maxsize=64)
def _sampled(samples: int, seed: int) -> ProbeFunction:
    def probe(
        network: Network,
        criterion: Loss,
        params: PyTree,
        params0: PyTree,
        x: Any,
        y: Any,
        x_test: Any,
        y_test: Any,
    ) -> Measured:
        if network.training is None:
            raise UsageError("probe: expected a network of supermask(...), got one without a training pass.")
        keys = jax.random.split(jax.random.key(seed), samples)
        found = jax.lax.map(lambda key: _under(network, criterion, params, x_test, y_test, key), keys)
        return {f"sampled_test_{name}": jnp.mean(values) for name, values in found.items()}

    return probe


def _key(given: Any) -> PRNGKeyArray:
    numbers = words(given, "keys")
    if not isinstance(given, int | np.integer | tuple):
        return given
    key = jax.random.key(numbers[0] % (1 << 32))
    for more in (numbers[0] >> 32, *numbers[1:]) if numbers[0] >> 32 else numbers[1:]:
        key = jax.random.fold_in(key, more % (1 << 32))
    return key
