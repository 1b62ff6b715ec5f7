"""A model of any framework as named arrays and back: what of it may be pruned, and copies of it with other numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from overparam.core.errors import UsageError
from overparam.models.network import Network
from overparam.models.state import leaves
from overparam.operators.jax_adapt import adapt, framework_of
from overparam.operators.jax_open import JaxOpening
from overparam.operators.layout import Layout
from overparam.operators.opening import Opening, plain
from overparam.pruning.arrays import is_weight, placed

HOLDING = {"torch": "PyTorch", "nnx": "Flax NNX", "equinox": "Equinox"}  # modules that hold their parameters
_BOXES = ("/value", "/raw_value")
_KEPT = re.compile(
    r"bias.*|embeddings?|(\w+_)?(emb|embed|embedding|embeddings|token|tokens)"
    r"|(pos|position|positional|positions|cls|class)(_(encoding|enc|emb|embed|embedding|embeddings|token|tokens))?"
)
_NO_LAYER = ("Norm", "Embed")  # in the names of the classes whose arrays are no weights of a layer


@dataclass(frozen=True, eq=False)
class Subject:
    """A model of any framework as named arrays.

    Attributes:
        kind: its framework, see :func:`~overparam.operators.jax_adapt.framework_of`.
        model: the model, as it was given.
        params: its parameters, as they were given; None for modules that hold them.
        layout: names and shapes of the parameters that are not frozen.
        arrays: their numbers by name.
        weights: names of the arrays that may be pruned.
        notes: what was found, one sentence each.
    """

    kind: str
    model: Any
    params: Any
    layout: Layout
    arrays: Mapping[str, np.ndarray]
    weights: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def name(self) -> str:
        """What a person reads."""
        if isinstance(self.model, Network):
            return self.model.name
        own = self.model[1] if isinstance(self.model, tuple | list) else self.model
        return str(getattr(own, "__name__", type(own).__name__))

    @property
    def vector(self) -> np.ndarray:
        """The parameters as one flat vector."""
        return self.layout.flat(self.arrays, "params")

    def with_arrays(self, arrays: Mapping[str, np.ndarray]) -> tuple[Any, Any]:
        """A copy of the model, or of its parameters, with other numbers; what is not named stays.

        Args:
            arrays: new numbers by name.

        Returns:
            Model and parameters as the person gave them: a module that holds its parameters is a copy, and the second is
            None; else the model is the one that was given.

        Raises:
            UsageError: a module that cannot be copied.
        """
        return placed_in(self.kind, self.model, self.params, arrays)

    def native(self, arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Arrays of the person's own library, on the device of the parameters, by name.

        Args:
            arrays: numbers by name.
        """
        if self.kind != "torch":
            return {name: jnp.asarray(one) for name, one in arrays.items()}
        from overparam.operators.torch_tensors import tensors_of

        return tensors_of(self.model, arrays)


def subject_of(
    model: Any,
    params: Any = None,
    *,
    frozen: Any = (),
    evaluation: bool = True,
    call: Mapping[str, Any] | None = None,
) -> Subject:
    """A model of any framework as named arrays.

    Args:
        model: as in :func:`overparam.operators.open_model`.
        params: as there.
        frozen: patterns of names of parameters that are held.
        evaluation: as there.
        call: as there.

    Raises:
        UsageError: no model, one without arrays to prune, or whose weights are computed from others.
        DataError: parameters that are missing or infinite.
    """
    kind = framework_of(model)
    if not kind:
        raise UsageError(
            "model: expected a Network, a function apply(params, x), or a module of Flax, Equinox or PyTorch, got "
            f"{type(model).__name__}."
        )
    if params is not None and kind in HOLDING and not (kind == "equinox" and _is_state(params)):
        raise UsageError(
            f"params: expected None for a module of {HOLDING[kind]}, which holds its own, got {type(params).__name__}. "
            "Data go into data=."
        )
    if kind == "torch":
        from overparam.operators.torch_open import TorchOpening

        opening: Opening = TorchOpening(model, evaluation, None)
        inner = opening.parts.module  # type: ignore[attr-defined]
        _check_plain(inner)
        arrays = {name: np.array(plain(one)) for name, one in opening.parts.trained.items()}  # type: ignore[attr-defined]
        owners: Mapping[str, Any] = {
            name: inner.get_submodule(name.rpartition(".")[0]) for name in opening.layout.names
        }
    else:
        opening = JaxOpening(adapt(model, params, evaluation, call), None)
        arrays, owners = dict(opening.arrays), _equinox_owners(model) if kind == "equinox" else {}
    layout = opening.layout
    if frozen:
        held = set(layout.matching(frozen, "frozen"))
        layout = layout.only(tuple(name for name in layout.names if name not in held))
    found = tuple(name for name in layout.names if _may_be_pruned(name, layout, arrays, owners.get(name)))
    return Subject(
        kind, model, params, layout, {name: arrays[name] for name in layout.names}, found, opening.notes
    )


def placed_in(kind: str, model: Any, params: Any, arrays: Mapping[str, np.ndarray]) -> tuple[Any, Any]:
    """A copy of a model of a framework with other numbers, see :meth:`Subject.with_arrays`.

    Args:
        kind: the framework.
        model: the model.
        params: its parameters, or None.
        arrays: new numbers by name.
    """
    if kind == "torch":
        from overparam.operators.torch_tensors import module_with

        return module_with(model, arrays), None
    if kind == "equinox":
        import equinox as eqx

        own, static = eqx.partition(model, eqx.is_inexact_array)
        return eqx.combine(_replaced(own, arrays), static), params
    if kind == "nnx":
        from flax import nnx

        graph, own, rest = nnx.split(model, nnx.Param, ...)
        return nnx.merge(graph, _replaced(own, arrays, _unboxed), rest), None
    if kind == "linen" and "params" in params:
        inner = _replaced(params["params"], arrays)
        whole = {**params, "params": inner}
        return model, type(params)(whole) if type(params) is not dict else whole
    return model, _replaced(params, arrays)


def _replaced(tree: Any, arrays: Mapping[str, np.ndarray], short: Callable[[str], str] = str) -> Any:
    new = {}
    for path, leaf in leaves(tree):
        name = short(path) or "params"
        if name in arrays:
            new[path] = like(leaf, arrays[name])
    return placed(tree, new)


def _unboxed(path: str) -> str:
    for box in _BOXES:
        path = path.removesuffix(box)
    return path


def like(leaf: Any, array: np.ndarray) -> Any:
    """Numbers as an array of the library and type of another.

    Args:
        leaf: an array of JAX, NumPy or PyTorch.
        array: the numbers.
    """
    if hasattr(leaf, "detach"):
        from overparam.operators.torch_tensors import tensor_like

        return tensor_like(leaf, array)
    made = np.asarray(array).astype(leaf.dtype)
    if isinstance(leaf, np.ndarray | np.generic):
        return made
    with jax.enable_x64(True):
        return jnp.asarray(made)


def unwrapped_module(module: Any) -> Any:
    """A module of PyTorch without ``torch.compile`` and the like around it."""
    from overparam.operators.torch_adapt import unwrapped

    return unwrapped(module)


def _check_plain(module: Any) -> None:
    """Raise if weights of a module of PyTorch are computed from other parameters."""
    for name, one in module.named_modules():
        hooks = [type(hook) for hook in one._forward_pre_hooks.values()]
        made = [kind.__name__ for kind in hooks if kind.__module__.startswith("torch.nn.utils.")]
        if hasattr(one, "parametrizations"):
            made.append("a parametrization")
        if made:
            raise UsageError(
                f"model: expected weights that are parameters themselves, got '{name}' whose weight is computed by {made[0]}. "
                "Make it permanent first: torch.nn.utils.parametrize.remove_parametrizations, remove_weight_norm or "
                "prune.remove."
            )


def _may_be_pruned(name: str, layout: Layout, arrays: Mapping[str, np.ndarray], owner: Any) -> bool:
    """Weights of dense layers and convolutions: two or more axes, and no bias, normalisation, embedding or token."""
    array, own = arrays[name], name.replace("/value", "").rpartition(layout.separator)[2].lower()
    if array.ndim < 2 or _KEPT.fullmatch(own):
        return False
    if owner is not None:
        classes = type(owner).__mro__
        if any(word in one.__name__ for one in classes for word in _NO_LAYER):
            return False
        known = any(
            one.__module__.startswith("torch.nn.modules") and one.__name__ != "Module" for one in classes
        )
        if not known and sum(size > 1 for size in array.shape) < 2:
            return False  # a row that belongs to a module of the person's own, such as a token
    if layout.separator == "/":
        return is_weight(name, arrays)
    return is_weight(name.replace(".", "/"), {one.replace(".", "/"): array for one, array in arrays.items()})


def _equinox_owners(module: Any) -> dict[str, Any]:
    """The normalisations and embeddings of an Equinox module, by the names of their arrays."""

    def stops(one: Any) -> bool:
        return one is not module and any(word in type(one).__name__ for word in _NO_LAYER)

    return {
        f"{path}/{inner}": one for path, one in leaves(module, stops) if stops(one) for inner, _ in leaves(one)
    }


def _is_state(params: Any) -> bool:
    return type(params).__name__ == "State" and type(params).__module__.startswith("equinox")


def pruned_copy(model: Any, mask: Mapping[str, np.ndarray]) -> Any:
    """A pruned copy of a module of any framework, of a ``state_dict``, or of variables of Flax Linen; None of anything else.

    Args:
        model: what is pruned; it is not changed.
        mask: 0 and 1 by parameter name.

    Raises:
        UsageError: another one's.
    """
    if framework_of(model) in HOLDING:
        subject = subject_of(model)
        check_names(subject.arrays, mask, "model")
        return subject.with_arrays(zeroed(subject.arrays, mask))[0]
    if not isinstance(model, Mapping):
        return None
    if any(hasattr(one, "detach") for one in model.values()):
        arrays = {name: np.empty(tuple(one.shape)) for name, one in model.items() if hasattr(one, "shape")}
        check_names(arrays, mask, "params")
        own = {path: model[path] * like(model[path], one) for path, one in mask.items()}
        whole = {**model, **own}
        make: Any = type(model)
        return whole if make is dict else make(whole)
    if "params" in model and not any(path.partition("/")[0] == "params" for path in mask):
        inner = dict(leaves(model["params"]))
        check_names({name: np.empty(np.shape(one)) for name, one in inner.items()}, mask, "params")
        return placed_in("linen", None, model, zeroed({n: np.asarray(a) for n, a in inner.items()}, mask))[1]
    return None


def zeroed(arrays: Mapping[str, np.ndarray], mask: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays that a mask holds, 0 where it is 0.

    Args:
        arrays: by name.
        mask: 0 and 1 by name.
    """
    return {path: np.where(one == 1, arrays[path], 0).astype(arrays[path].dtype) for path, one in mask.items()}


def check_names(arrays: Mapping[str, np.ndarray], mask: Mapping[str, np.ndarray], name: str) -> None:
    """Raise unless every array of a mask is one of a model's, of its shape.

    Args:
        arrays: of the model, by name.
        mask: 0 and 1 by name.
        name: of the argument, for the message.

    Raises:
        UsageError: it belongs to another model.
    """
    for path, one in mask.items():
        if path not in arrays:
            some = ", ".join(list(arrays)[:4])
            raise UsageError(
                f"{name}: expected parameters that the mask names, got none at '{path}' among {some}. It belongs to another "
                "model."
            )
        if arrays[path].shape != one.shape:
            raise UsageError(
                f"{name}: expected shape {one.shape} at '{path}', got {arrays[path].shape}. It belongs to another model."
            )
