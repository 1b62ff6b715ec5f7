"""Rows of the Jacobian of a module of PyTorch, example by example."""

from __future__ import annotations

from typing import Any

from overparam.operators.batches import Batch
from overparam.operators.torch_model import TorchModel
from overparam.probes.kernel.factors import Factor, Rows
from overparam.probes.kernel.source import Source

try:
    import torch
except ModuleNotFoundError:  # an optional extra: this module is of use with it alone
    torch = None

PASS = 4.0  # bytes in use at the peak of the rows, over those of the rows themselves: two copies while they are joined


class TorchSource(Source):
    """What sources of PyTorch share: arrays on the host, and rows for any parameter."""

    model: TorchModel

    def joined(self, leaves: list[Any]) -> Any:
        """Tensors one behind the other."""
        return joined(leaves)

    def kept(self, tensor: Any) -> Any:
        """A tensor as factors hold it: in NumPy where it lies in main memory, else where it is."""
        found = tensor.detach()
        found = found.double() if self.wide else found
        return found.numpy() if found.device.type == "cpu" else found

    def rows(self, batch: Batch, names: tuple[str, ...]) -> torch.Tensor:
        """Rows of the Jacobian by some parameters, shape ``(n, C, size)``.

        All examples at once by ``torch.func.vmap``; one by one where an operation does not allow that.
        """
        try:
            return self._at_once(batch, names)
        except (RuntimeError, NotImplementedError, ValueError, TypeError, IndexError) as error:
            if isinstance(error, torch.OutOfMemoryError):
                raise
            return self._one_by_one(batch, names)

    def _at_once(self, batch: Batch, names: tuple[str, ...]) -> torch.Tensor:
        model, chosen = self.model, list(self.chosen)
        own = {name: model.trained[name].detach() for name in names}
        rest = {name: one.detach() for name, one in model.trained.items() if name not in own}
        leaves = batch.leaves()
        axes = tuple(0 if leaf.shape[:1] == (batch.count,) else None for leaf in leaves)

        def one(*parts: Any) -> Any:
            filled = iter(
                part if axis is None else part.unsqueeze(0) for part, axis in zip(parts, axes, strict=True)
            )
            single = batch.mapped(lambda leaf: next(filled))
            return torch.func.jacrev(
                lambda mine: model.forward({**rest, **mine}, single)[0].reshape(-1)[chosen]
            )(own)

        with torch.no_grad():
            found = torch.func.vmap(one, in_dims=axes)(*leaves)
        return torch.cat([found[name].flatten(2) for name in names], dim=2)

    def _one_by_one(self, batch: Batch, names: tuple[str, ...]) -> torch.Tensor:
        own = [self.model.trained[name] for name in names]
        found = []
        for i in range(batch.count):
            outputs = self.model.forward(self.model.trained, batch.rows(i, i + 1)).reshape(-1)
            for c in self.chosen:
                parts = torch.autograd.grad(
                    outputs[c], own, retain_graph=True, allow_unused=True, materialize_grads=True
                )
                found.append(torch.cat([one.reshape(-1) for one in parts]))
        return torch.stack(found).reshape(batch.count, len(self.chosen), -1)


class TorchRows(TorchSource):
    """Explicit rows: a reverse pass an example and output."""

    method = "rows"

    def factors(self, batch: Batch) -> list[Factor]:
        """One factor, the rows."""
        names = self.model.layout.names
        return [Rows(names, self.kept(self.rows(batch, names)))]

    def sizes(self, batch: Batch) -> tuple[float, float]:
        """Rows, and the passes that they come from."""
        rows = float(len(self.chosen)) * self.model.size * self.model.dtype.itemsize
        few = batch.rows(0, 2).mapped(lambda leaf: leaf.clone())  # or the graph would hold the storage of all
        graph = graph_bytes(self.model, few) / few.count
        return rows * (2 if self.wide and self.model.dtype.itemsize == 4 else 1), (PASS - 1) * rows + 3 * graph


def joined(leaves: list[Any]) -> Any:
    """Tensors one behind the other along their first axis."""
    return torch.cat(leaves)


def graph_bytes(model: TorchModel, batch: Batch) -> float:
    """Bytes that the graph of one pass holds beside parameters and data."""
    return model._bytes_of(lambda: model.forward(model.trained, batch))
