"""A module of PyTorch looked at before it is measured: parameters, modes, attention, and what changes in a pass."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from overparam.core.errors import UsageError
from overparam.operators.named_arrays import check_arrays

try:
    import torch
except ModuleNotFoundError:  # an optional extra: this module is of use with it alone
    torch = None

ADVICE = {
    "half": "Give a copy in float32, copy.deepcopy(model).float(), if its rounding is meant.",
    "kinds": "Freeze it, requires_grad_(False), or give a module that is not quantised.",
    "several": "Give a copy in one type, copy.deepcopy(model).double().",
    "none": "Every parameter is frozen, or there is none: set requires_grad_(True) on those to be measured.",
}
_FUSED = ("scaled_dot_product", "transformer_encoder_layer_fwd", "multi_head_attention", "flash_attn")
_REPAIR = {
    "_DropoutNd": "dropout is drawn anew; measure in evaluation mode, evaluation=True",
    "_NormBase": "it normalises by the batch; measure in evaluation mode with running statistics, or replace it by GroupNorm",
}


@dataclass(frozen=True, eq=False)
class Parts:
    """What a module holds.

    Attributes:
        module: the module that is called.
        trained: its parameters by name, without those that are frozen.
        held: frozen parameters and buffers by name, as copies.
        dtype: of the parameters.
        notes: what was found, one sentence each.
    """

    module: Any
    trained: Mapping[str, Any]
    held: Mapping[str, Any]
    dtype: np.dtype
    notes: tuple[str, ...]


def parts_of(given: Any, evaluation: bool, dtype: np.dtype | None) -> Parts:
    """The parameters of a module, checked.

    Args:
        given: a ``torch.nn.Module``.
        evaluation: whether it is to be measured in evaluation mode.
        dtype: a type to which copies of its parameters and buffers are cast; None keeps theirs.

    Raises:
        UsageError: parameters that have no numbers yet or lie on several devices; what ``check_arrays`` refuses.
        DataError: numbers that are missing or infinite.
    """
    notes: list[str] = []
    module = unwrapped(given, notes)
    if isinstance(module, torch.jit.ScriptModule):
        raise UsageError("model: expected a torch.nn.Module, got a scripted one. Give the module it came from.")
    every = dict(module.named_parameters())
    _check_places({**every, **dict(module.named_buffers())})
    for name, one in module.named_modules():
        if getattr(one, "sparse", False) and isinstance(one, torch.nn.Embedding | torch.nn.EmbeddingBag):
            raise UsageError(
                f"model: expected dense gradients, got sparse=True at '{name}'. Build it with sparse=False."
            )
    frozen = [name for name, one in every.items() if not one.requires_grad]
    own = {name: one for name, one in every.items() if one.requires_grad}
    found = check_arrays(
        own, {name: bool(torch.isfinite(one.detach()).all()) for name, one in every.items()}, ADVICE
    )
    wide = getattr(torch, dtype.name) if dtype is not None else None

    def copied(tensor: Any) -> Any:
        copy = tensor.detach().clone()
        return copy.to(wide) if wide is not None and copy.is_floating_point() else copy

    if frozen:
        notes.append(
            f"Held: {len(frozen)} of {len(every)} parameters are frozen (requires_grad=False): {_few(frozen)}."
        )
    notes += [f"Tied: '{other}' is '{first}', and counts once." for first, other in _tied(module)]
    notes += _said(module, evaluation)
    if any(isinstance(one, torch.nn.RNNBase) for one in module.modules()) and any(
        p.is_cuda for p in own.values()
    ):
        notes.append("Recurrent layers are computed without cuDNN, which lacks their second derivatives.")
    return Parts(
        module,
        {name: copied(one) for name, one in own.items()},
        {
            **{name: copied(every[name]) for name in frozen},
            **{name: copied(one) for name, one in module.named_buffers()},
        },
        dtype or found,
        tuple(notes),
    )


def unwrapped(module: Any, notes: list[str] | None = None) -> Any:
    """The module inside of ``torch.compile`` and of modules that spread batches over devices.

    Args:
        module: a ``torch.nn.Module``.
        notes: where a sentence is added for each wrapper.
    """
    while True:
        inner = getattr(module, "_orig_mod", None) or (
            module.module if type(module).__name__ in ("DataParallel", "DistributedDataParallel") else None
        )
        if inner is None:
            return module
        if notes is not None:
            notes.append(f"Measured without its wrapper {type(module).__name__}.")
        module = inner


def digest(module: Any) -> str:
    """A mark of all parameters and buffers of a module, their gradients and modes, and of the generators of PyTorch.

    Args:
        module: a ``torch.nn.Module``.
    """
    mark = hashlib.blake2b(digest_size=16)
    for name, one in [*module.named_parameters(), *module.named_buffers()]:
        for tensor in (one, one.grad):
            bits = (
                b"" if tensor is None else tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes()
            )
            mark.update(name.encode() + bits)
    mark.update(str([one.training for one in module.modules()]).encode())
    mark.update(torch.get_rng_state().numpy().tobytes())
    return mark.hexdigest()


def heard_in(call: Callable[[], Any]) -> tuple[bool, str]:
    """Whether a pass would compute attention by a kernel that may lack second derivatives, and which narrow floats it uses.

    Args:
        call: makes a pass.
    """
    from torch.overrides import TorchFunctionMode

    class Listening(TorchFunctionMode):
        fused, half = False, ""

        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            name = getattr(function, "__name__", "")
            self.fused |= any(one in name for one in _FUSED)
            found = function(*args, **(kwargs or {}))
            if isinstance(found, torch.Tensor) and found.dtype in (torch.float16, torch.bfloat16):
                self.half = str(found.dtype).removeprefix("torch.")
            return found

    with Listening() as listening:
        call()
    return listening.fused, listening.half


def outputs_by_module(module: Any, call: Callable[[], Any]) -> list[tuple[str, Any]]:
    """The output of every inner module in the order in which they finish, in one pass.

    Args:
        module: the module.
        call: makes a pass.
    """
    found: list[tuple[str, Any]] = []
    hooks = [
        one.register_forward_hook(
            lambda _module, _inputs, out, name=name: (
                found.append((name, out.detach().clone())) if isinstance(out, torch.Tensor) else None
            )
        )
        for name, one in module.named_modules()
        if name
    ]
    try:
        call()
    finally:
        for hook in hooks:
            hook.remove()
    return found


def culprit(
    module: Any,
    first: list[tuple[str, Any]],
    second: list[tuple[str, Any]],
    differs: Callable[[Any, Any], bool],
) -> str:
    """The first module whose outputs differ between two passes, in words; empty where none is found.

    Args:
        module: the module.
        first: its outputs in one pass.
        second: those in another.
        differs: whether two outputs are apart.
    """
    for (name, one), (other_name, other) in zip(first, second, strict=False):
        if name != other_name:
            return ""
        if differs(one, other):
            kind = module.get_submodule(name)
            why = next(
                (text for base, text in _REPAIR.items() if any(c.__name__ == base for c in type(kind).__mro__)),
                "",
            )
            return f"'{name}' ({type(kind).__name__}){f': {why}' if why else ''}"
    return ""


def _said(module: Any, evaluation: bool) -> list[str]:
    kinds = (torch.nn.modules.dropout._DropoutNd, torch.nn.modules.batchnorm._NormBase)
    moded = [
        f"{name or 'the module'} ({type(one).__name__})"
        for name, one in module.named_modules()
        if isinstance(one, kinds)
        or (
            isinstance(one, torch.nn.MultiheadAttention | torch.nn.RNNBase)
            and float(getattr(one, "dropout", 0.0))
        )
    ]
    if not moded:
        return []
    if evaluation:
        was = ", which it was not in; it is put back after every pass" if module.training else ""
        return [f"Evaluation mode{was}: {_few(moded)}."]
    return [f"Mode: as the module is, {'training' if module.training else 'evaluation'}: {_few(moded)}."]


def _check_places(tensors: Mapping[str, Any]) -> None:
    for name, one in tensors.items():
        if isinstance(one, torch.nn.parameter.UninitializedTensorMixin):
            raise UsageError(
                f"model: expected parameters with numbers, got '{name}' of a lazy module that was never called. Call the module "
                "once on a batch."
            )
        if one.is_meta:
            raise UsageError(
                f"model: expected parameters with numbers, got '{name}' on the meta device. Load the weights."
            )
    places = {str(one.device): name for name, one in tensors.items()}
    if len(places) > 1:
        (first, here), (second, there) = list(places.items())[:2]
        raise UsageError(
            f"model: expected a module on one device, got '{here}' on {first} and '{there}' on {second}. Move it: model.to(...)."
        )


def _tied(module: Any) -> list[tuple[str, str]]:
    first: dict[int, str] = {}
    pairs = []
    for name, one in module.named_parameters(remove_duplicate=False):
        if id(one) in first:
            pairs.append((first[id(one)], name))
        first.setdefault(id(one), name)
    return pairs


def _few(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
