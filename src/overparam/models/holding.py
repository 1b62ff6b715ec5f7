"""A network that carries arrays of its own beside its parameters: a teacher, clean labels, rows to be told apart."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from overparam.core.errors import UsageError
from overparam.models.network import Inputs, Network, Outputs, PyTree, TrainingPass
from overparam.models.state import leaves


def holding(network: Network, **held: PyTree) -> Network:
    """The same network with further arrays among its variables that are held constant and enter no output.

    Each member of a stack gives values of its own with ``Member(..., state={"teacher": ...})``; probes read them in
    ``params["teacher"]``, and a stream of three arguments in its third. So members with teachers of their own share one
    compiled program.

    Args:
        network: the network; its parameters are a dict.
        held: by name, a tree of arrays: the values of a member that gives none, and the shapes that all must have.

    Returns:
        A network of the same outputs. Equal shapes and values of one network return the same object.

    Raises:
        UsageError: no name, a name that the network has, or a tree without arrays.

    >>> from overparam.models import linear
    >>> one = holding(linear(2, 1), clean=np.zeros(3, np.int32))
    >>> sorted(one.init(jax.random.key(0))), one.state
    (['clean', 'output'], ('clean',))
    """
    like = jax.eval_shape(network.init, jax.random.key(0))
    if not isinstance(like, Mapping):
        raise UsageError(f"network: expected parameters in a dict, got {type(like).__name__}.")
    if not held:
        raise UsageError("held: expected at least one tree of arrays by name, got none.")
    fixed = []
    for name, tree in held.items():
        if name in like:
            raise UsageError(
                f"held: expected names that '{network.name}' does not have, got '{name}'. Take another."
            )
        found = [(path, np.asarray(leaf)) for path, leaf in leaves(tree)]
        if not found or any(leaf.dtype.kind not in "biuf" for _, leaf in found):
            raise UsageError(f"held: expected arrays of numbers as '{name}', got something else.")
        structure = jax.tree.structure(tree)
        fixed.append(
            (name, structure, tuple((leaf.tobytes(), leaf.dtype.str, leaf.shape) for _, leaf in found))
        )
    return _holding(network, tuple(fixed))


@functools.lru_cache(maxsize=64)
def _holding(network: Network, fixed: tuple[tuple[str, Any, tuple[Any, ...]], ...]) -> Network:
    names = tuple(name for name, _, _ in fixed)
    trees = {
        name: jax.tree.unflatten(
            structure, [np.frombuffer(raw, kind).reshape(shape) for raw, kind, shape in found]
        )
        for name, structure, found in fixed
    }

    def own(params: PyTree) -> PyTree:
        return {name: leaf for name, leaf in params.items() if name not in names}

    def init(key: PRNGKeyArray) -> PyTree:
        return {**network.init(key), **jax.tree.map(_single, trees)}

    def apply(params: PyTree, x: Inputs) -> Outputs:
        return network.apply(own(params), x)

    def training(params: PyTree, x: Inputs, key: PRNGKeyArray) -> Outputs:
        return network.training(own(params), x, key)  # type: ignore[misc]

    def moments(params: PyTree, x: Inputs) -> PyTree:
        return network.moments(own(params), x)  # type: ignore[misc]

    passed: TrainingPass | None = None if network.training is None else training
    return replace(
        network,
        init=init,
        apply=apply,
        training=passed,
        moments=None if network.moments is None else moments,
        form=None,
        state=(*network.state, *names),
    )


def _single(leaf: np.ndarray) -> Any:
    """Floats as float32, whole numbers as int32, and booleans."""
    kind = {"f": jnp.float32, "i": jnp.int32, "u": jnp.int32, "b": jnp.bool_}[leaf.dtype.kind]
    return jnp.asarray(leaf, kind)
