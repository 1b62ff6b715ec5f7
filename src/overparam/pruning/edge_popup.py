"""Edge-popup: the weights with the largest scores are kept, and the scores are learned; weights stay as they were drawn."""

from __future__ import annotations

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import PRNGKeyArray

from overparam.core.errors import unknown
from overparam.models.network import Network, PyTree
from overparam.pruning.arrays import prunable
from overparam.pruning.mask import Mask
from overparam.pruning.share import density_of, flag, kept_of
from overparam.pruning.wrapped import Factors, Shapes, scores_of, straight, uniform, wrap

WEIGHTS = ("own", "constant", "normal")


def edge_popup(
    network: Network,
    density: float,
    *,
    weights: str = "constant",
    scaled: bool = True,
    but: Any = (),
    also: Any = (),
) -> Network:
    """A network that learns which share of the initial weights of every layer to keep.

    The mask of a layer is 1 for the share of its weights with the largest ``|score|``, exactly, and the gradient passes it
    straight to ``|score|``. Scores start uniform on +-1/sqrt(fan_in), which is Kaiming's uniform law with a = sqrt(5).
    Biases are not masked and stay as ``network.init`` gave them (0 for most initialisations; the source has none).

    Args:
        network: the network; fan_in of a weight is the product of all its axes but the first.
        density: the share that is kept, in every layer.
        weights: ``own``: as ``network.init`` draws them; ``normal``: N(0, 2/fan_in); ``constant``: sqrt(2/fan_in) with the
            sign that ``network.init`` drew.
        scaled: whether fan_in counts the kept weights alone, ``density * fan_in``; for ``normal`` and ``constant``.
        but: patterns of arrays that are not masked.
        also: patterns of further arrays that are.

    Returns:
        A network with parameters ``scores`` (trained) and ``weights`` (held constant).

    Raises:
        UsageError: no network, a number that is no density, an unknown name, or a pattern that covers nothing.

    References: Ramanujan, Wortsman, Kembhavi, Farhadi and Rastegari, What's hidden in a randomly weighted neural
        network?, CVPR 2020, section 4. Its code's argument ``prune_rate`` is the share that is kept in one place and the
        share that is removed in another; here there is one density.

    >>> from overparam.models import mlp
    >>> network = edge_popup(mlp(10, (20,), 5), 0.3)
    >>> popped(network.init(jax.random.key(0)), 0.3).densities
    {'hidden1/weight': 0.3, 'output/weight': 0.3}
    """
    share = density_of(density)
    if not isinstance(weights, str) or weights not in WEIGHTS:
        raise unknown("weights", weights, WEIGHTS)
    return _edge_popup(
        network, tuple(prunable(network, but, also).items()), share, weights, flag(scaled, "scaled")
    )


@functools.lru_cache(maxsize=64)
def _edge_popup(network: Network, shapes: Shapes, density: float, weights: str, scaled: bool) -> Network:
    stay = {path: kept_of(math.prod(shape), density) for path, shape in shapes}

    def size(shape: tuple[int, ...]) -> float:
        return math.sqrt(2 / (_fan_in(shape) * (density if scaled else 1.0)))

    def own(drawn: Factors, key: PRNGKeyArray) -> Factors:
        if weights == "own":
            return drawn
        if weights == "constant":
            return {path: jnp.sign(w) * size(w.shape) for path, w in drawn.items()}
        random = uniform(shapes, key, low=-1.0)
        return {
            path: size(w.shape) * math.sqrt(2) * jax.scipy.special.erfinv(random[path])
            for path, w in drawn.items()
        }

    def factors(scores: Factors, key: PRNGKeyArray) -> Factors:
        return {path: top(s, stay[path]) for path, s in scores.items()}

    def scores(key: PRNGKeyArray) -> Factors:
        random = uniform(shapes, key, low=-1.0)
        return {path: random[path] / math.sqrt(_fan_in(shape)) for path, shape in shapes}

    return wrap(network, f"edge_popup {density:g}", shapes, scores, own, factors, None)


def top(scores: Array, stay: int | Array) -> Array:
    """A mask of exactly the ``stay`` largest ``|score|``; of equal ones the first. Its derivative is that of ``|score|``.

    The smallest size that stays is found by bisection over the bits of the numbers, which takes a sum a bit and no sorting.

    Args:
        scores: float32, of any shape.
        stay: how many are kept.

    >>> top(jnp.array([0.1, -3.0, 2.0, 2.0]), 2).tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    sizes = jnp.abs(scores)
    bits = lax.bitcast_convert_type(lax.stop_gradient(sizes).astype(jnp.float32), jnp.uint32).ravel()
    places = jnp.arange(bits.size, dtype=jnp.uint32)

    def largest(holds: Any, width: int) -> Array:
        """The largest whole number for which something that is monotone still holds."""

        def step(i: Any, found: Array) -> Array:
            tried = found | (jnp.uint32(1) << (jnp.uint32(width - 1) - i.astype(jnp.uint32)))
            return jnp.where(holds(tried), tried, found)

        return lax.fori_loop(0, width, step, jnp.uint32(0))

    edge = largest(lambda tried: jnp.sum(bits >= tried) >= stay, 32)
    ties = bits == edge
    wanted = stay - jnp.sum(bits > edge)
    before = largest(lambda tried: jnp.sum(ties & (places < tried)) <= wanted, max(1, bits.size.bit_length()))
    kept = (bits > edge) | (ties & (places < before))
    return straight(kept.reshape(scores.shape).astype(sizes.dtype), sizes)


def popped(params: PyTree, density: float) -> Mask:
    """The mask that edge-popup has learned.

    Args:
        params: parameters of a network of :func:`edge_popup`.
        density: its density.

    Returns:
        A mask of the network that was wrapped.

    Raises:
        UsageError: parameters of another network, or a number that is no density.
    """
    share = density_of(density)
    found = {}
    for path, scores in scores_of(params).items():
        sizes = np.abs(scores).ravel()
        flat = np.zeros(sizes.size, np.float32)
        flat[np.argsort(-sizes, kind="stable")[: kept_of(sizes.size, share)]] = 1.0
        found[path] = flat.reshape(scores.shape)
    return Mask(found)


def _fan_in(shape: tuple[int, ...]) -> int:
    return math.prod(shape[1:]) or 1
