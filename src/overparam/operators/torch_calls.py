"""Functions with a backward pass of a person's own, each looked at alone, with what a pass gives it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from overparam.operators.batches import Batch
from overparam.operators.torch_along import TorchAlong

try:
    import torch
except ModuleNotFoundError:  # an optional extra: this module is of use with it alone
    torch = None


@dataclass(frozen=True, eq=False)
class Call:
    """A call of a function in a pass.

    Attributes:
        function: a subclass of ``torch.autograd.Function``.
        given: its arguments, tensors as copies.
        moved: places of those that a derivative is taken by.
    """

    function: Any
    given: tuple[Any, ...]
    moved: tuple[int, ...]

    def line(self) -> TorchAlong:
        """What it computes, along a direction of what it gets."""
        tensors = {str(at): one for at, one in enumerate(self.given) if isinstance(one, torch.Tensor)}
        moved = {name: one for name, one in tensors.items() if int(name) in self.moved}
        held = {name: one for name, one in tensors.items() if name not in moved}
        with torch.enable_grad():
            begun = {name: one.detach().requires_grad_() for name, one in moved.items()}
            derived = [one.requires_grad for one in self._tensors({**held, **begun})]

        def run(arrays: dict[str, Any], _: Batch) -> Any:
            outputs = self._tensors(arrays)
            return torch.cat([one.reshape(-1) for one, own in zip(outputs, derived, strict=True) if own])

        return TorchAlong(run, moved, held, Batch(()))

    def _tensors(self, arrays: dict[str, Any]) -> list[Any]:
        """Its outputs; it may change what it gets, so it gets copies."""
        given = [arrays[str(at)].clone() if str(at) in arrays else one for at, one in enumerate(self.given)]
        found = self.function.apply(*given)
        return [
            one for one in (found if isinstance(found, tuple) else (found,)) if isinstance(one, torch.Tensor)
        ]


def calls_of(functions: list[Any], run: Callable[[], Any]) -> list[Call]:
    """The calls of functions in a pass by which derivatives are taken.

    Args:
        functions: subclasses of ``torch.autograd.Function``.
        run: the pass.
    """
    calls: list[Call] = []
    with contextlib.ExitStack() as stack:
        for one in functions:
            stack.enter_context(_heard(one, calls))
        run()
    return calls


@contextlib.contextmanager
def _heard(function: Any, calls: list[Call]) -> Iterator[None]:
    """Note what a function is called with; it is as it was afterwards."""
    forward, own = function.forward, function.__dict__.get("forward")
    base = torch.autograd.Function.setup_context
    first = 1 if getattr(function, "setup_context", base) is base else 0  # behind the context

    def hearing(*args: Any, **more: Any) -> Any:
        given = args[first:]
        moved = tuple(
            at
            for at, one in enumerate(given)
            if isinstance(one, torch.Tensor) and one.is_floating_point() and one.requires_grad
        )
        if moved:
            copies = tuple(one.detach().clone() if isinstance(one, torch.Tensor) else one for one in given)
            calls.append(Call(function, copies, moved))
        return forward(*args, **more)

    function.forward = staticmethod(hearing)
    try:
        yield
    finally:
        if own is None:
            del function.forward
        else:
            function.forward = own
