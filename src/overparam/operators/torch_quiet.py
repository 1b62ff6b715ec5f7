"""How a module of PyTorch is called without leaving a trace: mode, attention kernels, generators, gradients."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Iterator
from typing import Any

from overparam.operators.generators import generators_kept

try:
    import torch
    import torch.utils.checkpoint
except ModuleNotFoundError:  # an optional extra: this module is of use with it alone
    torch = None


@contextlib.contextmanager
def forward_mode() -> Iterator[None]:
    """Call derivatives of PyTorch in forward mode without its own deprecation warnings, and without gradients beside them."""
    with warnings.catch_warnings(), torch.no_grad():
        warnings.filterwarnings("ignore", message=r".*torch\.jit", category=DeprecationWarning)
        yield


def gradients(outputs: Any, inputs: Any, back: Any, several: bool, **more: Any) -> Any:
    """A reverse pass of PyTorch, of several vectors at once without its note that an operation is mapped one by one.

    Args:
        outputs: what is derived.
        inputs: by what.
        back: a vector, or several as rows.
        several: whether there are several.
        more: other arguments of ``torch.autograd.grad``.
    """
    if not several:
        return torch.autograd.grad(outputs, inputs, back, **more)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="There is a performance drop", category=UserWarning)
        return torch.autograd.grad(outputs, inputs, back, is_grads_batched=True, **more)


class _Plain:
    """A part that would be computed anew in the reverse pass, computed once; detached where it would be."""

    @staticmethod
    def apply(run: Any, preserve: Any, *args: Any) -> Any:
        """What ``run`` gives."""
        tensors = [one for one in args if isinstance(one, torch.Tensor)]
        with contextlib.nullcontext() if any(one.requires_grad for one in tensors) else torch.no_grad():
            return run(*args)


@contextlib.contextmanager
def kept_activations() -> Iterator[None]:
    """Keep what ``torch.utils.checkpoint`` would compute anew in the reverse pass.

    There a module has its own parameters again, and no longer those that it was called with: derivatives at other parameters,
    and in another type, would be wrong without a word.
    """
    place = torch.utils.checkpoint
    given = {name: getattr(place, name, None) for name in ("_checkpoint_hook", "CheckpointFunction")}
    place._checkpoint_hook = lambda frame: contextlib.nullcontext()
    place.CheckpointFunction = _Plain
    try:
        yield
    finally:
        for name, one in given.items():
            setattr(place, name, one)


@contextlib.contextmanager
def norms_in_parts() -> Iterator[None]:
    """Compute ``torch.nn.utils.weight_norm``, old and new, in plain operations.

    The second derivatives of PyTorch's own operation are not symmetric: half of the largest entry apart on a processor.
    """

    def plain(v: Any, g: Any, dim: int = 0) -> Any:
        return v * (g / torch.norm_except_dim(v, 2, dim))

    places = [
        torch,
        sys.modules.get("torch.nn.utils.weight_norm"),
        sys.modules.get("torch.nn.utils.parametrizations"),
    ]
    given = [(one, one._weight_norm) for one in places if hasattr(one, "_weight_norm")]
    try:
        for one, _ in given:
            one._weight_norm = plain
        yield
    finally:
        for one, own in given:
            one._weight_norm = own


@contextlib.contextmanager
def quiet(module: Any, evaluation: bool) -> Iterator[None]:
    """Call a module in evaluation mode, with kernels that have second derivatives; put back what was there.

    Args:
        module: the module.
        evaluation: whether it is measured in evaluation mode; else in the mode in which each part is.
    """
    modes = [(one, one.training) for one in module.modules()] if evaluation else []
    fast = torch.backends.mha.get_fastpath_enabled()
    kernel = torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH)
    kind = next((one.device.type for one in module.parameters()), "cpu")
    recurrent = kind == "cuda" and any(isinstance(one, torch.nn.RNNBase) for one in module.modules())
    layers = torch.backends.cudnn.flags(enabled=False) if recurrent else contextlib.nullcontext()
    try:
        for one, _ in modes:
            one.training = False
        torch.backends.mha.set_fastpath_enabled(False)
        with (
            generators_kept(),
            kept_activations(),
            norms_in_parts(),
            kernel,
            layers,
            torch.inference_mode(False),
            torch.enable_grad(),
            torch.autocast(kind, enabled=False),
        ):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for one, mode in modes:
            one.training = mode
