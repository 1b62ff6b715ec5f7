"""Models of JAX as functions of named arrays: networks of the package, functions, Flax Linen and NNX, Equinox."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from overparam.core.errors import UsageError
from overparam.models.check import check_network, check_params
from overparam.models.network import Network
from overparam.models.state import is_held, leaves, undeclared

MODES = {  # arguments of a call that say whether it is one of training, and their values in evaluation
    "train": False,
    "training": False,
    "is_training": False,
    "deterministic": True,
    "use_running_average": True,
    "inference": True,
}
MAPPED = (
    "An Equinox module is mapped over the examples and gets one without its batch; for one that takes whole batches give a "
    "function of its arrays (eqx.partition, eqx.combine)."
)


@dataclass(frozen=True, eq=False)
class Adapted:
    """A model as a function of named arrays.

    Attributes:
        forward: ``forward(arrays, *inputs, **inputs) -> outputs``, of all arrays by name.
        trained: parameters by name.
        held: everything else by name.
        notes: what was done, one sentence each.
        source: what it was made of.
        features: how many numbers the rows of a network of the package hold; None for others.
        network: of the package, where it is one.
        advice: what to do where a first pass fails, in a sentence.
    """

    forward: Callable[..., Any]
    trained: Mapping[str, Any]
    held: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    features: int | None = None
    source: Any = None
    network: Network | None = None
    advice: str = ""


def framework_of(model: Any) -> str:
    """The framework of a model: ``network``, ``linen``, ``nnx``, ``equinox``, ``torch``, ``function`` or empty.

    Nothing is imported for it.
    """
    if isinstance(model, Network):
        return "network"
    names = [f"{one.__module__}.{one.__name__}" for one in type(model).__mro__]
    for start, found in (
        ("torch.nn.modules.module.Module", "torch"),
        ("flax.linen.module.Module", "linen"),
        ("flax.nnx.module.Module", "nnx"),
        ("equinox._module", "equinox"),
    ):
        if any(name.startswith(start) for name in names):
            return found
    return "function" if callable(model) or _is_pair(model) else ""


def adapt(model: Any, params: Any, evaluation: bool, call: Mapping[str, Any] | None = None) -> Adapted:
    """A model of JAX as a function of named arrays.

    Args:
        model: a network, a function ``apply(params, x)`` or a pair ``(init, apply)``, or a module of Flax or Equinox.
        params: its parameters or variables; None for modules that hold them. For an Equinox model with state, the state.
        evaluation: whether modules are called in evaluation mode.
        call: further arguments by keyword of every call, such as ``{"train": False}``.

    Raises:
        UsageError: parameters that are missing, or given where the module holds them.
    """
    makers = {"network": _network, "function": _function, "linen": _linen, "nnx": _nnx, "equinox": _equinox}
    made = makers[framework_of(model)](model, params, evaluation, dict(call or {}))
    return replace(made, source=model[1] if _is_pair(model) else model)


def _network(network: Network, params: Any, evaluation: bool, call: dict[str, Any]) -> Adapted:
    check_network(network)
    if params is None:
        raise UsageError(
            f"params: expected the parameters of '{network.name}', got None. Give params=network.init(key)."
        )
    check_params(network, params)
    found = _of_tree(
        lambda tree, *args: network.apply(tree, *args), params, lambda path: is_held(network.state, path)
    )
    notes = ("Evaluation: the pass of network.apply, not that of training.",) if network.training else ()
    return Adapted(found.forward, found.trained, found.held, notes, network.inputs, network=network)


def _function(model: Any, params: Any, evaluation: bool, call: dict[str, Any]) -> Adapted:
    apply = model[1] if _is_pair(model) else model
    if params is None:
        raise UsageError(
            "params: expected the parameters of a function apply(params, x), got None. Give params=..., or a module."
        )
    odd = next(iter(undeclared((), params)), None) if isinstance(params, Mapping) else None
    found = _of_tree(
        lambda tree, *args, **named: apply(tree, *args, **named, **call), params, lambda path: False
    )
    note = f"'{odd[1]}' is taken as a parameter; if it is state, say so: frozen='{odd[0]}'." if odd else ""
    return Adapted(found.forward, found.trained, found.held, (note,) if note else ())


def _linen(module: Any, params: Any, evaluation: bool, call: dict[str, Any]) -> Adapted:
    if not isinstance(params, Mapping) or not params:
        raise UsageError(
            f"params: expected the variables of the Flax module {type(module).__name__}, got {type(params).__name__}. Give "
            "params=module.init(key, x), or the variables that training gave."
        )
    variables = params if "params" in params else {"params": params}
    said = _mode(type(module).__call__, evaluation, call)
    kept = {name: value for name, value in variables.items() if name != "params"}
    inner = dict(leaves(variables["params"]))
    structure = jax.tree.structure(variables["params"])
    held, around = {f"({name})": leaf for name, leaf in leaves(kept)}, jax.tree.structure(kept)

    def forward(arrays: Mapping[str, Any], *args: Any, **named: Any) -> Any:
        tree = jax.tree.unflatten(structure, [arrays[name] for name in inner])
        rest = jax.tree.unflatten(around, [arrays[name] for name in held])
        return module.apply({**rest, "params": tree}, *args, **named, **call)

    notes = (f"Held: the collections {', '.join(kept)}.",) if kept else ()
    return Adapted(forward, inner, held, (*said, *notes))


def _nnx(module: Any, params: Any, evaluation: bool, call: dict[str, Any]) -> Adapted:
    from flax import nnx

    if params is not None:
        raise UsageError(
            f"params: expected None for the NNX module {type(module).__name__}, which holds its own."
        )
    copy = nnx.merge(*nnx.split(module))
    if evaluation:
        copy.eval()
    graph, own, rest = nnx.split(copy, nnx.Param, ...)
    held, around = {f"({name})": leaf for name, leaf in leaves(rest)}, jax.tree.structure(rest)
    paths, structure = [name for name, _ in leaves(own)], jax.tree.structure(own)

    def forward(arrays: Mapping[str, Any], *args: Any, **named: Any) -> Any:
        tree = jax.tree.unflatten(structure, [arrays[name] for name in paths])
        kept = jax.tree.unflatten(around, [arrays[name] for name in held])
        return nnx.merge(graph, tree, kept)(*args, **named, **call)

    said = (
        ("Evaluation mode: a copy of the module after .eval().",)
        if evaluation
        else ("Mode: as the module is.",)
    )
    names = {name: name.removesuffix("/value").removesuffix("/raw_value") for name in paths}
    back = {short: name for name, short in names.items()}
    return Adapted(
        lambda arrays, *args, **named: forward(
            {back.get(one, one): array for one, array in arrays.items()}, *args, **named
        ),
        {names[name]: one for name, one in leaves(own)},
        held,
        (*said, *_mode(type(module).__call__, evaluation, call)),
    )


def _equinox(module: Any, params: Any, evaluation: bool, call: dict[str, Any]) -> Adapted:
    import equinox as eqx

    if params is not None and not isinstance(params, eqx.nn.State):
        raise UsageError(
            f"params: expected None, or the eqx.nn.State of the Equinox module {type(module).__name__}, which holds its own "
            f"parameters, got {type(params).__name__}."
        )
    if params is None and "state" not in call and _needs_state(module):
        raise UsageError(
            f"params: expected the state that the Equinox module {type(module).__name__} takes, got None. Give params=state, as "
            "eqx.nn.make_with_state or training gave it."
        )
    made = eqx.nn.inference_mode(module) if evaluation else module
    own, static = eqx.partition(made, eqx.is_inexact_array)
    paths, structure = [name or "params" for name, _ in leaves(own)], jax.tree.structure(own)
    parts, around = jax.tree.flatten(params)
    held = {f"(state/{i})": leaf for i, leaf in enumerate(parts)}

    def forward(arrays: Mapping[str, Any], *args: Any, **named: Any) -> Any:
        model = eqx.combine(jax.tree.unflatten(structure, [arrays[name] for name in paths]), static)
        state = jax.tree.unflatten(around, [arrays[name] for name in held])

        def one(row: tuple[Any, ...], words: dict[str, Any]) -> Any:
            return model(*row, **words, **call) if params is None else model(*row, state, **words, **call)[0]

        return jax.vmap(one, axis_name="batch")(args, named)

    said = (
        "Evaluation mode: a copy of the module by inference_mode." if evaluation else "Mode: as the module is."
    )
    own_arrays = dict(zip(paths, jax.tree.leaves(own), strict=True))
    return Adapted(
        forward, own_arrays, held, (said, "The module is mapped over the examples by vmap."), advice=MAPPED
    )


def _needs_state(module: Any) -> bool:
    """Whether a pass of an Equinox module needs a state: it holds a place of one, or its call has no other value for it."""
    import equinox as eqx

    def is_place(part: Any) -> bool:
        return isinstance(part, eqx.nn.StateIndex)

    state = inspect.signature(type(module).__call__).parameters.get("state")
    if state is None:
        return False
    return state.default is inspect.Parameter.empty or any(
        map(is_place, jax.tree.leaves(module, is_leaf=is_place))
    )


def _of_tree(apply: Callable[..., Any], tree: Any, is_kept: Callable[[str], bool]) -> Adapted:
    """A function of a pytree as one of its leaves by path."""
    named = [(path or "params", leaf) for path, leaf in leaves(tree)]
    names = [path for path, _ in named]
    if len(set(names)) < len(names):
        raise UsageError("params: expected names that tell the arrays apart, got two arrays of one path.")
    structure = jax.tree.structure(tree)
    return Adapted(
        lambda arrays, *args, **named: apply(
            jax.tree.unflatten(structure, [arrays[n] for n in names]), *args, **named
        ),
        {path: leaf for path, leaf in named if not is_kept(path)},
        {path: leaf for path, leaf in named if is_kept(path)},
    )


def _mode(function: Any, evaluation: bool, call: dict[str, Any]) -> tuple[str, ...]:
    """Set the arguments of a call that say whether it is one of training; what was set, in a sentence."""
    try:
        known = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return ()
    asked = {name: value for name, value in MODES.items() if name in known and name not in call}
    if not evaluation or not asked:
        return ()
    call.update(asked)
    return (f"Evaluation mode: called with {', '.join(f'{name}={value}' for name, value in asked.items())}.",)


def _is_pair(model: Any) -> bool:
    return isinstance(model, tuple | list) and len(model) == 2 and all(callable(one) for one in model)


def is_number(leaf: Any) -> bool:
    """Whether a leaf is an array of real or complex numbers."""
    return isinstance(leaf, jax.Array | np.ndarray | np.generic) and jnp.issubdtype(leaf.dtype, jnp.number)
