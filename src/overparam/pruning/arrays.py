"""Arrays of a tree by their paths: what of a network may be pruned, and trees that hold a part of its arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from overparam.core.checked import shown
from overparam.core.errors import DataError, OverparamError, UsageError
from overparam.models.check import check_network, layout
from overparam.models.network import Network, PyTree
from overparam.models.passes import told
from overparam.models.state import leaves, split
from overparam.pruning.share import check_patterns, fits

SCORES, WEIGHTS = "scores", "weights"  # what a network with a learned mask has at the root of its parameters
_NEVER = frozenset({"bias", "biases", "beta", "gamma", "offset", "scale", "shift"})
_BOXES = frozenset({"value", "raw_value"})  # variables of Flax NNX


def trained_arrays(network: Network) -> dict[str, Any]:
    """Shape and type of every trained array of a network by its path.

    Args:
        network: any network.

    Raises:
        UsageError: no network, or one in which two arrays have one path.
    """
    check_network(network)
    named = leaves(split(network.state, layout(network))[0])
    found = dict(named)
    if len(found) < len(named):
        paths = [path for path, _ in named]
        twice = next(path for path in paths if paths.count(path) > 1)
        raise UsageError(
            f"network: expected a path of its own for every array of '{network.name}', got '{twice}' twice. "
            "Use names without '/'."
        )
    return found


def prunable(network: Network, but: Any = (), also: Any = ()) -> dict[str, tuple[int, ...]]:
    """Shapes of the arrays that may be pruned, by path: weights of dense layers and convolutions.

    They are the trained arrays with two or more axes whose name is not that of a bias or a normalisation; ``b`` is that of
    a bias beside an array of more axes, as the layers of a stack have it, and else that of a matrix.

    Args:
        network: any network.
        but: patterns of arrays that are left out.
        also: patterns of further arrays, such as ``"*/bias"``.

    Raises:
        UsageError: no network, a pattern that covers nothing, or nothing that may be pruned.

    >>> from overparam.models import mlp
    >>> prunable(mlp(3, (4,), 2), also="output/bias")
    {'hidden1/weight': (4, 3), 'output/bias': (2,), 'output/weight': (2, 4)}
    """
    every = trained_arrays(network)
    if {path.partition("/")[0] for path in every} == {SCORES} and any(
        fits(WEIGHTS, one) for one in network.state
    ):
        raise UsageError(
            f"network: expected one whose weights are trained, got '{network.name}', which learns a mask already. Take the "
            "network that it was made of, and learned_mask(params) or popped(params, density)."
        )
    more, less = check_patterns(also, every, "also"), check_patterns(but, every, "but")
    found = {
        path: tuple(leaf.shape)
        for path, leaf in every.items()
        if (is_weight(path, every) or any(fits(one, path) for one in more))
        and not any(fits(one, path) for one in less)
    }
    if not found:
        raise UsageError(
            f"network: expected an array of two or more axes to prune in '{network.name}', got none. Name what is to be "
            "pruned: also=('layer/weight',)."
        )
    return found


def is_weight(path: str, every: Mapping[str, Any]) -> bool:
    """Whether an array is one of two or more axes whose name is not that of a bias or a normalisation, see :func:`prunable`.

    Args:
        path: of the array.
        every: all arrays by path, each with a ``shape``.
    """
    parts = path.split("/")
    at = -2 if len(parts) > 1 and parts[-1] in _BOXES else -1
    own, axes = parts[at].lower(), len(every[path].shape)
    if own == "b":
        above = parts[:at]
        return axes >= 2 and not any(
            other.split("/")[: len(above)] == above
            and len(other.split("/")) == len(parts)
            and len(leaf.shape) > axes
            for other, leaf in every.items()
        )
    return axes >= 2 and own not in _NEVER


def nested(arrays: Mapping[str, Any]) -> PyTree:
    """A nested mapping from arrays by path.

    >>> nested({"a/w": 1, "b": 2})
    {'a': {'w': 1}, 'b': 2}
    """
    if "" in arrays:
        return arrays[""]
    tree: dict[str, Any] = {}
    for path, array in arrays.items():
        *above, own = path.split("/")
        at = tree
        for one in above:
            at = at.setdefault(one, {})
        at[own] = array
    return tree


def picked(tree: PyTree, like: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The arrays of a tree that have the paths and shapes of others; what else it holds is passed over.

    Args:
        tree: any tree, such as a network's parameters.
        like: arrays by path.
        name: of the argument, for the message.

    Raises:
        UsageError: a path is missing, or an array has another shape.
    """
    named = dict(leaves(tree))
    found = {}
    for path, one in like.items():
        if path not in named:
            some = ", ".join(list(named)[:4]) or "no array"
            raise UsageError(f"{name}: expected an array at {path}, got {some}. It belongs to another network.")
        if np.shape(named[path]) != np.shape(one):
            raise UsageError(
                f"{name}: expected an array of shape {np.shape(one)} at {path}, got {np.shape(named[path])}. It belongs "
                "to another network."
            )
        found[path] = named[path]
    return found


def placed(tree: PyTree, arrays: Mapping[str, Any]) -> PyTree:
    """A tree with some of its arrays replaced.

    Args:
        tree: any tree.
        arrays: new arrays by path.

    >>> placed({"a": 1, "b": 2}, {"b": 3})
    {'a': 1, 'b': 3}
    """
    structure = jax.tree.structure(tree)
    return jax.tree.unflatten(structure, [arrays.get(path, leaf) for path, leaf in leaves(tree)])


def numbers_of(values: Any, name: str) -> NDArray[np.floating]:
    """An array of real numbers on the host.

    Raises:
        UsageError: something else.
    """
    try:
        array = np.array(None) if np.ma.is_masked(values) else np.asarray(values)
    except Exception:
        array = np.array(None)
    if array.dtype.kind not in "fiub":
        raise UsageError(f"{name}: expected an array of real numbers, got {shown(values)}.")
    return array


def finite_of(values: Any, name: str, kept: Any = None) -> NDArray[np.floating]:
    """An array of real numbers on the host that nothing can write to, finite where it counts.

    Args:
        values: the array.
        name: of the argument, for the message.
        kept: where it counts; None: everywhere.

    Raises:
        UsageError: no real numbers.
        DataError: some that count are missing or infinite.
    """
    array = numbers_of(values, name).view()
    array.flags.writeable = False
    counts = True if kept is None else kept
    bad = int(np.count_nonzero(~np.isfinite(array) & counts))
    if bad:
        raise DataError(
            f"{name}: expected finite numbers, got {bad} that are missing or infinite. The run that gave them may have "
            "diverged."
        )
    return array


def called(what: str, expected: str, rule: Callable[..., Any], *given: Any) -> Any:
    """What a person's function gives.

    Args:
        what: what it belongs to, for the message.
        expected: what it should give, in words.
        rule: the function.
        given: its arguments.

    Raises:
        UsageError: it fails.
    """
    try:
        return rule(*given)
    except OverparamError:
        raise
    except Exception as error:
        raise UsageError(f"{what}: expected {expected}, got {told(error)}.") from error
