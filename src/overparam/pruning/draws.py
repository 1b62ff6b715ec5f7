"""What is random in pruning: a generator from a key and the use it is for, so that two uses of one key are independent."""

from __future__ import annotations

import zlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from overparam.core.checked import shown
from overparam.core.errors import UsageError


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
