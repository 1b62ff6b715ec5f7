"""A model of JAX of any kind as a Network, so that the trainer of this package trains it."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from overparam.core.errors import UsageError
from overparam.models.network import Inputs, Network, Outputs, PyTree
from overparam.models.state import leaves
from overparam.operators.jax_adapt import Adapted, adapt, framework_of

SAFE = 2**24  # whole numbers below it are exact in float32


def network_of(
    model: Any, params: Any, x: np.ndarray, outputs: int, *, call: Mapping[str, Any] | None = None
) -> tuple[Network, dict[str, str]]:
    """A Network around a model of JAX: rows in, rows out, parameters nested by their names.

    Args:
        model: a function, a pair of them, or a module of Flax or Equinox, in evaluation mode.
        params: its parameters, where it does not hold them.
        x: examples, shape ``(n, ...)``; whole numbers stay what they are.
        outputs: how many outputs it has.
        call: further arguments by keyword of every call.

    Returns:
        The network, whose ``init`` gives the parameters of the model; and the name of each of its arrays by path.

    Raises:
        UsageError: a model whose training is another than its evaluation, or that needs what a row cannot hold.
    """
    _check_same_in_training(model, params)
    adapted = adapt(model, params, True, call)
    shape, whole = x.shape[1:], x.dtype.kind in "iub"
    if whole and x.size and (int(x.min()) < 0 or int(x.max()) >= SAFE):
        raise UsageError(
            f"train: expected whole inputs from 0 to {SAFE - 1:,}, got others. Give fit=, which trains it."
        )
    paths = dict(zip(adapted.trained, _paths(list(adapted.trained)), strict=True))
    arrays = {paths[name]: np.asarray(one, np.float32) for name, one in adapted.trained.items()}
    names = {path: name for name, path in paths.items()}
    network = Network(
        _name(model),
        functools.partial(_init, _Tree(arrays)),
        functools.partial(_apply, _Forward(adapted, names, shape, whole)),
        max(1, math.prod(shape)),
        outputs,
        state=("!*",),
    )
    return network, names


def nested_params(arrays: Mapping[str, np.ndarray], names: Mapping[str, str]) -> PyTree:
    """Parameters of the network from arrays by the model's own names.

    Args:
        arrays: by name.
        names: as :func:`network_of` gives them.
    """
    return {path: np.asarray(arrays[name], np.float32) for path, name in names.items()}


def flat_params(params: PyTree, names: Mapping[str, str]) -> dict[str, np.ndarray]:
    """Arrays by the model's own names from parameters of the network.

    Args:
        params: of the network.
        names: as :func:`network_of` gives them.
    """
    return {names[path]: np.asarray(one) for path, one in leaves(params)}


class _Tree:
    """Initial parameters, told apart by identity."""

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        self.arrays = arrays


class _Forward:
    """How the model is called on rows."""

    def __init__(self, adapted: Adapted, names: Mapping[str, str], shape: tuple[int, ...], whole: bool) -> None:
        self.adapted, self.names, self.shape, self.whole = adapted, names, shape, whole


def _init(tree: _Tree, key: Any) -> PyTree:
    return {path: jnp.asarray(one) for path, one in tree.arrays.items()}


def _apply(how: _Forward, params: PyTree, x: Inputs) -> Outputs:
    rows = x.reshape((x.shape[0], *how.shape))
    if how.whole:
        rows = jnp.round(rows).astype(jnp.int32)
    arrays = {how.names[path]: one for path, one in params.items()}
    found = how.adapted.forward({**how.adapted.held, **arrays}, rows)
    return jnp.reshape(found, (x.shape[0], -1))


def _paths(names: list[str]) -> list[str]:
    """Names without what separates the parts of a path, each still its own."""
    short = [name.replace("/", ".") for name in names]
    return short if len(set(short)) == len(short) else [f"{i}.{one}" for i, one in enumerate(short)]


def _name(model: Any) -> str:
    own = model[1] if isinstance(model, tuple | list) else model
    return str(getattr(own, "__name__", type(own).__name__))


def _check_same_in_training(model: Any, params: Any) -> None:
    """Raise where a model keeps statistics of batches, which only its own training renews."""
    kind = framework_of(model)
    if kind == "torch":
        raise UsageError("fit: expected a function fit(model, train) for a module of PyTorch, got none.")
    stated = kind == "equinox" and params is not None
    if kind == "linen":
        stated = any(name != "params" for name in params) if "params" in params else False
    if kind == "nnx":
        from flax import nnx

        stated = bool(jax.tree.leaves(nnx.state(model, nnx.BatchStat)))
    if stated:
        raise UsageError(
            f"fit: expected a function fit(model, train), because {type(model).__name__} keeps statistics or other state that "
            "its own training renews, got none."
        )
