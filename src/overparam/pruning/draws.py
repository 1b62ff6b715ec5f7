"""What is random in pruning: a generator from a key and the use it is for, so that two uses of one key are independent."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from overparam.core.checked import shown
from overparam.core.errors import UsageError
from overparam.models.network import Network, PyTree


def words(key: Any, name: str = "key") -> tuple[int, ...]:
    """The whole numbers that a key stands for.

    Args:
        key: a key of JAX, or a whole number of at least 0, or several.
        name: of the argument, for the message.

    Raises:
        UsageError: something else.

    >>> words(7), words((7, 1)), words(jax.random.key(7))
    ((7,), (7, 1), (0, 7))
    """
    if isinstance(key, tuple) and key:
        return tuple(word for one in key for word in words(one, name))
    if isinstance(key, int | np.integer) and not isinstance(key, bool) and key >= 0:
        return (int(key),)
    kind = getattr(key, "dtype", None)
    if kind is not None and not isinstance(key, np.generic):
        if jnp.issubdtype(kind, jax.dtypes.prng_key) and np.shape(key) == ():
            return tuple(np.asarray(jax.random.key_data(key)).tolist())
        if kind == np.uint32 and np.shape(key) == (2,):
            return tuple(np.asarray(key).tolist())
    raise UsageError(
        f"{name}: expected a key such as jax.random.key(0), or a whole number of at least 0, got {shown(key)}."
    )


def generator(key: Any, use: str) -> np.random.Generator:
    """A generator that depends on a key and on what it is used for.

    Args:
        key: as in :func:`words`.
        use: what is drawn, in words.

    Raises:
        UsageError: no key.

    >>> first, again, other = (int(generator(0, use).integers(1000)) for use in ("ties", "ties", "order"))
    >>> first == again, first == other
    (True, False)
    """
    return np.random.default_rng((zlib.crc32(use.encode()), *words(key)))


def chosen(
    places: int | NDArray[np.integer], many: int, shape: Sequence[int], random: np.random.Generator
) -> NDArray[np.float32]:
    """0 and 1: so many places that are drawn, all sets of that many equally likely.

    Args:
        places: the flat places among which is drawn; a number stands for the first so many.
        many: how many.
        shape: of what is returned.
        random: what draws.

    >>> chosen(np.array([1, 3]), 2, (2, 2), generator(0, "places")).tolist()
    [[0.0, 1.0], [0.0, 1.0]]
    """
    flat = np.zeros(math.prod(shape), np.float32)
    flat[random.permutation(places)[:many]] = 1.0
    return flat.reshape(shape)


def other_start(network: Network, seed: int, draw: int = 1) -> PyTree:
    """Initial weights that are not those of a run of that seed: the controls of a ticket start with them.

    Args:
        network: the network.
        seed: of the run, which starts with ``network.init(jax.random.key(seed))``.
        draw: the how-manieth, from 1.

    >>> from overparam.models import mlp
    >>> network = mlp(1, (), 1, bias=False)
    >>> first, other = network.init(jax.random.key(0)), other_start(network, 0)
    >>> bool(first["output"]["weight"] == other["output"]["weight"])
    False
    """
    return jax.device_get(network.init(jax.random.fold_in(jax.random.key(seed), draw)))
