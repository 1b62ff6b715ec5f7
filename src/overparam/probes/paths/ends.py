"""What must hold of networks before they are joined: one shape, finite numbers, the same held arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from overparam.core.errors import UsageError
from overparam.models.check import check_network, check_params
from overparam.models.network import Network, PyTree
from overparam.models.state import is_held, leaves
from overparam.training.statistics import STATISTICS


def checked_ends(
    network: Network, trees: Sequence[PyTree], names: Sequence[str] | None = None
) -> tuple[PyTree, ...]:
    """Parameters of one network, as they were given, after checks.

    Statistics of batches may differ: they are found anew at every point. Whatever else is held constant must be equal.

    Args:
        network: of all of them.
        trees: parameters, at least two.
        names: of them, for messages.

    Raises:
        UsageError: fewer than two, parameters of another network, or held arrays that differ.
        DataError: numbers that are missing or infinite.
    """
    check_network(network)
    if isinstance(trees, str | bytes) or not isinstance(trees, Sequence) or len(trees) < 2:
        raise UsageError("parameters: expected those of at least two networks, in a list, got fewer.")
    known = list(names or (("a", "b") if len(trees) == 2 else (f"network {i}" for i in range(len(trees)))))
    for name, tree in zip(known, trees, strict=True):
        check_params(network, tree, name)
    first = leaves(trees[0])
    for name, tree in zip(known[1:], trees[1:], strict=True):
        for (path, one), (_, other) in zip(first, leaves(tree), strict=True):
            if _free(network, path) or not is_held(network.state, path):
                continue
            if not np.array_equal(_plain(one), _plain(other)):
                raise UsageError(
                    f"{name}: expected '{path}', which '{network.name}' holds constant, as {known[0]} has it, got another. A "
                    "point between two masks or counters has no meaning: give both networks the same."
                )
    return tuple(trees)


def same(network: Network, a: PyTree, b: PyTree) -> bool:
    """Whether two networks have equal trained parameters.

    Args:
        network: of both.
        a: parameters of one.
        b: parameters of the other.
    """
    return all(
        np.array_equal(np.asarray(one), np.asarray(other))
        for (path, one), (_, other) in zip(leaves(a), leaves(b), strict=True)
        if not is_held(network.state, path)
    )


def _free(network: Network, path: str) -> bool:
    """Whether a held array is found anew at every point."""
    return network.moments is not None and (path == STATISTICS or path.startswith(f"{STATISTICS}/"))


def _plain(leaf: Any) -> np.ndarray:
    keys = hasattr(leaf, "dtype") and jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return np.asarray(jax.random.key_data(leaf) if keys else leaf)
