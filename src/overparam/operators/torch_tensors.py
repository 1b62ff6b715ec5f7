"""Numbers as tensors of PyTorch, and modules with other numbers or with weights that stay 0."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from overparam.core.errors import UsageError
from overparam.models.passes import told
from overparam.operators.torch_adapt import unwrapped

try:
    import torch
except ModuleNotFoundError:  # an optional extra: this module is of use with it alone
    torch = None


def tensor_like(tensor: Any, array: np.ndarray) -> Any:
    """Numbers as a tensor of the type and on the device of another.

    Args:
        tensor: the other one.
        array: the numbers.
    """
    return torch.from_numpy(np.array(array)).to(device=tensor.device, dtype=tensor.dtype)


def tensors_of(module: Any, arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Numbers as tensors of their own types on the device of a module, by name.

    Args:
        module: the module.
        arrays: numbers by name.
    """
    device = next(module.parameters()).device
    return {name: torch.from_numpy(np.array(one)).to(device) for name, one in arrays.items()}


def module_with(module: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """A copy of a module with other parameters; those that are not named stay.

    Args:
        module: the module.
        arrays: numbers by parameter name.

    Raises:
        UsageError: it cannot be copied.
    """
    try:
        made = copy.deepcopy(module)
    except Exception as error:
        raise UsageError(
            f"model: expected a module that copy.deepcopy can copy, so that yours is not changed, got {told(error)}."
        ) from error
    with torch.no_grad():
        for name, one in unwrapped(made).named_parameters():
            if name in arrays:
                one.copy_(tensor_like(one, arrays[name]))
    return made


@contextlib.contextmanager
def held_at_zero(module: Any, mask: Mapping[str, np.ndarray]) -> Iterator[None]:
    """Gradients are 0 where a mask is, so an optimizer that starts afresh leaves a weight of 0 there.

    Args:
        module: the module.
        mask: 0 and 1 by parameter name.
    """
    own = dict(unwrapped(module).named_parameters())
    hooks = []
    for path, one in mask.items():
        kept = tensor_like(own[path], one)
        hooks.append(own[path].register_hook(lambda slope, kept=kept: slope * kept))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def seed_generators(seed: int) -> None:
    """Seed the generators of PyTorch.

    Args:
        seed: of at least 0.
    """
    torch.manual_seed(seed)
