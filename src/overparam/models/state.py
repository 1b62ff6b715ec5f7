"""What a network holds constant beside its parameters: running statistics, masks, counters, keys; declared by path.

A path is the keys from the root of the tree to a leaf, joined with ``/``. A declaration is a tuple of patterns:

    batch_stats         everything below the key ``batch_stats`` at the root
    */running_mean      every ``running_mean``, at any depth below the root (``*`` stands for any text)
    !params/mask        trained, whatever its name says and whatever another pattern covers
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

import jax
import numpy as np

PyTree = Any

# names of what frameworks and people keep beside parameters: Flax, Haiku, Equinox, Keras, PyTorch
_NAMES = re.compile(
    r"batch_stats?|num_batches_tracked|(mean|var)_ema|ema|ema_params|cache|rngs?|prng(_key)?|counters?|buffers?"
    r"|non_?trainables?(_(params|variables|state))?|intermediates|masks?|(\w+_)?(bn|batch_norm|batchnorm|model)_state"
    r"|spectral_(stats|norm_state)|stats|statistics|step_count|num_updates|opt_state|optimizer_state"
    r"|(\w+_)?(state|first_time)_index"
)
_AT_THE_ROOT = frozenset({"state", "states", "constants", "consts", "static", "frozen", "fixed"})
_RUNNING = re.compile(r"(^|_)(running|moving)_(mean|var|variance|avg|average|averages|std|stats)($|_)")
_SPREAD = frozenset({"var", "variance", "std"})


def leaves(tree: PyTree, is_leaf: Callable[[Any], bool] | None = None) -> list[tuple[str, Any]]:
    """Every leaf of a tree with its path.

    Args:
        tree: any pytree.
        is_leaf: what counts as one leaf besides.

    >>> leaves({"params": {"w": 1.0}, "list": [2.0]})
    [('list/0', 2.0), ('params/w', 1.0)]
    """
    found, _ = jax.tree_util.tree_flatten_with_path(tree, is_leaf)
    return [("/".join(map(_name, path)), leaf) for path, leaf in found]


@functools.lru_cache(maxsize=4096)
def is_held(state: tuple[str, ...], path: str) -> bool:
    """Whether a declaration covers the leaf of a path.

    Args:
        state: patterns, see the module.
        path: keys joined with ``/``.

    >>> is_held(("batch_stats",), "batch_stats/bn/mean"), is_held(("batch_stats",), "params/batch_stats")
    (True, False)
    >>> is_held(("*/mean",), "layers/0/mean"), is_held(("bn", "!bn/scale"), "bn/scale")
    (True, False)
    """

    def covers(pattern: str) -> bool:
        parts = path.split("/")
        return any(fnmatchcase("/".join(parts[:end]), pattern) for end in range(1, len(parts) + 1))

    return any(covers(one) for one in state if one[:1] != "!") and not any(
        covers(one[1:]) for one in state if one[:1] == "!"
    )


def split(state: tuple[str, ...], tree: PyTree) -> tuple[PyTree, PyTree]:
    """The trained part of a network's variables and what it holds, each with None in place of the other.

    Args:
        state: the network's declaration.
        tree: variables as ``network.init`` gives them, or a stack of them.

    Returns:
        Trained part, held part; ``tree`` itself and None where nothing is declared.

    >>> split(("s",), {"w": 1.0, "s": 2.0})
    ({'s': None, 'w': 1.0}, {'s': 2.0, 'w': None})
    """
    if not state:
        return tree, None
    found, structure = jax.tree.flatten(tree)
    held = [is_held(state, path) for path, _ in leaves(tree)]
    parts = (
        [None if one is kept else leaf for leaf, one in zip(found, held, strict=True)] for kept in (True, False)
    )
    trained, rest = (jax.tree.unflatten(structure, part) for part in parts)
    return trained, rest


def join(trained: PyTree, held: PyTree) -> PyTree:
    """The variables whose :func:`split` these are.

    Args:
        trained: the trained part.
        held: what is held; None where nothing is declared.

    >>> join(*split(("s",), {"w": 1.0, "s": 2.0}))
    {'s': 2.0, 'w': 1.0}
    """
    if held is None:
        return trained
    return jax.tree.map(lambda a, b: b if a is None else a, trained, held, is_leaf=lambda one: one is None)


def undeclared(state: tuple[str, ...], tree: PyTree) -> Iterator[tuple[str, str]]:
    """What looks like state by its name or place and is not declared: pairs of the pattern that would declare it and a leaf.

    Args:
        state: the network's declaration.
        tree: variables as ``network.init`` gives them.

    >>> dict(undeclared((), {"params": {"w": 1.0}, "batch_stats": {"bn": {"mean": 0.0}}}))
    {'batch_stats': 'batch_stats/bn/mean'}
    """
    named = [(path, leaf) for path, leaf in leaves(tree) if not is_held(state, path)]
    beside = isinstance(tree, dict) or hasattr(tree, "keys")
    beside = beside and any(path.startswith("params/") for path, _ in named)
    shapes = {path: np.shape(leaf) for path, leaf in named}
    kept = [one[1:] for one in state if one[:1] == "!"]
    for path in shapes:
        if kept and is_held(tuple(kept), path):
            continue
        parts = path.split("/")
        odd = next((i for i, part in enumerate(parts) if _looks_held(part)), None)
        odd = 0 if odd is None and len(parts) > 1 and parts[0].lower() in _AT_THE_ROOT else odd
        if odd == 0 or (beside and parts[0] != "params"):
            yield parts[0], path
        elif odd is not None:
            yield f"*/{parts[odd]}", path
        elif _is_statistic(parts, shapes):
            own = parts[-2] if parts[-1] in ("value", "raw_value") else parts[-1]
            yield (path if len(parts) == 1 else f"*/{own}"), path


def _is_statistic(parts: Sequence[str], shapes: dict[str, tuple[int, ...]]) -> bool:
    """Whether a leaf is a mean beside a variance of its shape, or that variance."""
    shape = shapes["/".join(parts)]
    boxed = parts[-1:] if parts[-1] in ("value", "raw_value") else []  # a Flax NNX variable
    *above, own = parts[: len(parts) - len(boxed)]
    others = _SPREAD if own == "mean" else {"mean"} if own in _SPREAD else set()
    return any(shapes.get("/".join([*above, one, *boxed])) == shape for one in others)


def _looks_held(name: str) -> bool:
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().strip("_")
    plain = re.sub(r"_?\d+$", "", plain)
    return _NAMES.fullmatch(plain) is not None or _RUNNING.search(plain) is not None


def _name(key: Any) -> str:
    for kind in ("key", "name", "idx"):
        if hasattr(key, kind):
            return str(getattr(key, kind))
    return str(key)
