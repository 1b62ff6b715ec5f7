"""A number that a module of PyTorch computes along a direction of its parameters, with derivatives by reverse passes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from overparam.core.memory import memory_budget
from overparam.operators.batches import Batch
from overparam.operators.derivatives import Along

try:
    import torch
except ModuleNotFoundError:  # an optional extra: this module is of use with it alone
    torch = None

SHARE = 0.25  # of the memory that may be used, for copies in float64


class TorchAlong(Along):
    """In float64 where the module takes it, else in the type of its parameters.

    Args:
        forward: ``forward(arrays, batch)``: outputs, or one number.
        trained: what is moved, by name.
        held: other arrays by name, of which every pass gets copies.
        batch: a few examples.
        beside: see ``scale`` of ``Along``: what is added to it.
    """

    def __init__(
        self,
        forward: Callable[[dict[str, Any], Batch], Any],
        trained: Mapping[str, Any],
        held: Mapping[str, Any],
        batch: Batch,
        beside: float = 0.0,
    ) -> None:
        self.beside = beside
        self.forward, self.given = forward, (trained, held)
        self.exact = 4 * 8 * sum(one.numel() for one in trained.values()) <= SHARE * memory_budget()
        if self.exact:
            try:
                self._prepare(batch, torch.float64)
                self.exact = self._outputs(self._at(0.0)).dtype == torch.float64
                self._gradient(0.0, keep=False)
            except Exception:  # a type that is written into the pass, or that the device lacks
                self.exact = False
        if not self.exact:
            self._prepare(batch, next(iter(trained.values())).dtype)
        gradient, _ = self._gradient(0.0, keep=False)
        self.size = float(
            torch.sqrt(sum(((g * v) ** 2).sum() for g, v in zip(gradient, self.moved.values(), strict=True)))
        )

    def _prepare(self, batch: Batch, kind: Any) -> None:
        def cast(leaf: Any) -> Any:
            floats = isinstance(leaf, torch.Tensor) and leaf.is_floating_point()
            return leaf.detach().to(kind) if floats else leaf

        rng = np.random.default_rng(0)

        def drawn(like: Any) -> Any:
            return like.new_tensor(rng.normal(size=tuple(like.shape)))

        self.start = {name: cast(one) for name, one in self.given[0].items()}
        self.held = {name: cast(one) for name, one in self.given[1].items()}
        self.batch = batch.mapped(cast)
        self.moved = {name: one * drawn(one) for name, one in self.start.items()}
        if not any(bool(one.any()) for one in self.moved.values()):
            self.moved = {name: drawn(one) for name, one in self.start.items()}
        with torch.no_grad():
            outputs = self._outputs(self.start)
            self.u = drawn(outputs)
            self.scale = float((self.u * outputs).abs().sum()) + self.beside

    def _at(self, t: float) -> dict[str, Any]:
        return {name: one + t * self.moved[name] for name, one in self.start.items()}

    def _outputs(self, own: dict[str, Any]) -> Any:
        held = {name: one.clone() for name, one in self.held.items()}
        return self.forward({**held, **own}, self.batch)

    def _gradient(self, t: float, keep: bool) -> tuple[list[Any], list[Any]]:
        own = {name: one.detach().requires_grad_() for name, one in self._at(t).items()}
        outputs = self._outputs(own)
        if not outputs.requires_grad:
            return [torch.zeros_like(one) for one in own.values()], list(own.values())
        found = torch.autograd.grad(
            (self.u * outputs).sum(), list(own.values()), create_graph=keep, allow_unused=True, materialize_grads=True
        )  # fmt: skip
        return list(found), list(own.values())

    def _along(self, gradient: list[Any]) -> Any:
        return sum((g * v).sum() for g, v in zip(gradient, self.moved.values(), strict=True))

    def value(self, t: float) -> float:
        """The number."""
        with torch.no_grad():
            return float((self.u * self._outputs(self._at(t))).sum())

    def slope(self, t: float) -> float:
        """Its derivative by t."""
        return float(self._along(self._gradient(t, keep=False)[0]))

    def pushed(self) -> float:
        """``<u, J v>`` at 0."""
        own = {name: one.detach().requires_grad_() for name, one in self.start.items()}
        outputs, rows = self._outputs(own), torch.zeros_like(self.u, requires_grad=True)
        back = torch.autograd.grad(
            outputs, list(own.values()), rows, create_graph=True, allow_unused=True, materialize_grads=True
        )
        along = self._along(list(back))
        if not along.requires_grad:
            return 0.0
        (found,) = torch.autograd.grad(along, rows, allow_unused=True, materialize_grads=True)
        return float((self.u * found).sum())

    def bend(self) -> float:
        """The second derivative by t at 0."""
        gradient, own = self._gradient(0.0, keep=True)
        along = self._along(gradient)
        if not along.requires_grad:
            return 0.0
        found = torch.autograd.grad(along, own, allow_unused=True, materialize_grads=True)
        return float(self._along(list(found)))
