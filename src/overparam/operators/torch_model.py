"""The back end of PyTorch: derivatives of a module by torch itself, on its own device and in its own type."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from overparam.operators.batches import Batch, Batches
from overparam.operators.layout import Layout
from overparam.operators.model import Model, Settings
from overparam.operators.objective import Arithmetic, Objective
from overparam.operators.torch_quiet import forward_mode, gradients, quiet
from overparam.operators.ways import Way

try:
    import torch
except ModuleNotFoundError:  # an optional extra: this module is of use with it alone
    torch = None

Tensors = Mapping[str, Any]

ARITHMETIC = Arithmetic(
    logsumexp=lambda outputs: torch.logsumexp(outputs, -1),
    pick=lambda outputs, labels: torch.gather(outputs, -1, labels.long().unsqueeze(-1)).squeeze(-1),
    where=lambda condition, value: torch.where(condition, value, torch.zeros_like(value)),
    softplus=lambda outputs: torch.nn.functional.softplus(outputs),
)

READY = 4.0  # seconds that PyTorch takes to load its derivatives in forward mode


class TorchModel(Model):
    """A module of PyTorch with copies of its parameters and buffers as they were at opening."""

    back_end = "torch"
    timed = True
    fresh = True  # whether every pass gets copies of the buffers, because passes change them

    def __init__(
        self,
        module: torch.nn.Module,
        objective: Objective,
        trained: Tensors,
        held: Tensors,
        data: Batches,
        layout: Layout,
        evaluation: bool = True,
        notes: tuple[str, ...] = (),
        settings: Settings | None = None,
    ) -> None:
        first = next(iter(trained.values()))
        super().__init__(
            layout, objective, np.dtype(str(first.dtype).removeprefix("torch.")), notes, settings or Settings()
        )
        self.module, self.data, self.evaluation, self.device = module, data, evaluation, first.device
        with torch.inference_mode(False):
            self.trained = {name: trained[name].detach().clone().requires_grad_() for name in layout.names}
        self.held = {name: one.detach() for name, one in held.items()}

    def quiet(self) -> contextlib.AbstractContextManager[Any]:
        """Evaluation mode, attention with second derivatives, gradients on; everything is put back."""
        return quiet(self.module, self.evaluation)

    def wait(self) -> None:
        """Return when the device has finished."""
        if self.device.type != "cpu":
            getattr(torch, self.device.type).synchronize(self.device)

    def batches(self) -> Iterator[Batch]:
        """The data as tensors on the device."""
        return iter(self.data)

    def native(self, vector: np.ndarray) -> torch.Tensor:
        """A vector as a tensor on the device."""
        return torch.from_numpy(vector.copy()).to(self.device)

    def host(self, array: Any) -> np.ndarray:
        """A tensor in NumPy."""
        return np.array(array.detach().cpu().numpy())

    def batch_outputs(self, batch: Batch) -> torch.Tensor:
        """Outputs of a batch."""
        with torch.no_grad():
            return self.forward(self.trained, batch)

    def batch_loss(self, batch: Batch) -> tuple[float, Any]:
        """Sum of the losses of a batch and its gradient."""
        loss = self._loss(self.trained, batch)
        return float(loss.detach()), self._joined(self._gradients(loss, keep=False))

    def batch_curvature(self, batch: Batch) -> torch.Tensor:
        """Second derivatives of the losses of a batch by its outputs."""
        outputs = self.batch_outputs(batch)
        product, shape = self._curved(outputs, batch, keep=True), outputs.shape
        columns = torch.eye(outputs[0].numel(), dtype=outputs.dtype, device=outputs.device)
        moved = [one.view(shape[1:]).expand(shape).contiguous() for one in columns]
        return torch.stack([product(one).reshape(shape[0], -1) for one in moved], 2)

    def vector(self) -> np.ndarray:
        """The parameters as one flat vector."""
        return self.host(self._joined(list(self.trained.values())))

    def at(self, vector: np.ndarray) -> TorchModel:
        """The same model with other parameters."""
        given = self.native(self.layout.checked(vector, self.dtype))
        trained = dict(zip(self.layout.names, self._parted(given), strict=True))
        return self._again(trained, self.held, self.layout)

    def only(self, layers: str | tuple[str, ...] | list[str]) -> TorchModel:
        """The same model as a function of some of its parameters."""
        layout = self.layout.only(self.layout.matching(layers))
        held = {**self.held, **{name: one for name, one in self.trained.items() if name not in layout.slices}}
        return self._again(self.trained, held, layout)

    def under(self, objective: Objective) -> TorchModel:
        """The same model with another loss."""
        made = self._again(self.trained, self.held, self.layout)
        made.objective = objective
        return made

    def forward(self, trained: Tensors, batch: Batch) -> torch.Tensor:
        """Outputs of a batch as a function of the trained parameters; buffers that a pass changes are copies."""
        held = {name: one.clone() for name, one in self.held.items()} if self.fresh else self.held
        return torch.func.functional_call(self.module, {**held, **trained}, batch.args, dict(batch.named))

    def ways(self, kind: str) -> tuple[Way, ...]:
        """All of them: a trial on the first batch decides."""
        if kind == "hessian":
            return (
                Way("kept graph", self._kept_hessian, self._measured_size(self._kept_hessian), several=True),
                Way(
                    "double backward",
                    lambda batch: lambda v: self._kept_hessian(batch, keep=False)(v),
                    anew="kept graph",
                ),
                Way("forward over reverse", self._forward_hessian, ready=READY),
            )
        if kind == "transpose":
            return (
                Way(
                    "kept graph", self._kept_transpose, self._measured_size(self._kept_transpose), several=True
                ),
                Way(
                    "reverse",
                    lambda batch: lambda u: self._kept_transpose(batch, keep=False)(u),
                    anew="kept graph",
                ),
            )
        name, make = (
            ("jacobian", self._kept_jacobian) if kind == "jacobian" else ("both", self._kept_gauss_newton)
        )
        forward = self._forward_jacobian if name == "jacobian" else self._forward_gauss_newton
        return (
            Way("kept graph", make, self._measured_size(make), several=True),
            Way(
                "reverse twice" if kind == "jacobian" else "reverse three times",
                lambda batch: lambda v: make(batch, keep=False)(v),
                anew="kept graph",
            ),
            Way("forward" if kind == "jacobian" else "forward and reverse", forward, ready=READY),
        )

    def _kept_hessian(self, batch: Batch, keep: bool = True) -> Callable[[Any], Any]:
        gradients = self._gradients(self._loss(self.trained, batch), keep=True)
        own = list(self.trained.values())

        def product(vector: torch.Tensor) -> torch.Tensor:
            pairs = [(g, v) for g, v in zip(gradients, self._parted(vector), strict=True) if g.requires_grad]
            if not pairs:
                return torch.zeros_like(vector)
            return self._pulled([g for g, _ in pairs], own, [v for _, v in pairs], vector, keep)

        return product

    def _pulled(
        self, outputs: Any, own: list[torch.Tensor], back: Any, like: torch.Tensor, keep: bool
    ) -> torch.Tensor:
        """A reverse pass from outputs to parameters as a vector, or as rows where ``like`` has rows."""
        several = like.ndim == 2
        found = gradients(outputs, own, back, several, retain_graph=keep, allow_unused=True)
        lead = like.shape[:1] if several else ()
        parts = [
            one.new_zeros(*lead, one.numel()) if grad is None else grad.detach().reshape(*lead, -1)
            for one, grad in zip(own, found, strict=True)
        ]
        return torch.cat(parts, dim=-1)

    def _forward_hessian(self, batch: Batch) -> Callable[[Any], Any]:
        gradient = torch.func.grad(lambda own: self._loss(own, batch))
        base = {name: one.detach() for name, one in self.trained.items()}

        def product(vector: torch.Tensor) -> torch.Tensor:
            with forward_mode():
                moved = dict(zip(base, self._parted(vector), strict=True))
                return self._joined(list(torch.func.jvp(gradient, (base,), (moved,))[1].values()))

        return product

    def _kept_transpose(self, batch: Batch, keep: bool = True) -> Callable[[Any], Any]:
        outputs, own = self.forward(self.trained, batch), list(self.trained.values())

        def product(rows: torch.Tensor) -> torch.Tensor:
            return self._pulled(outputs, own, rows.reshape(*rows.shape[:-1], *outputs.shape), rows, keep)

        return product

    def _pushed(self, outputs: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        """``J^T u`` as a graph in u, whose derivative by u is J."""
        rows = torch.zeros_like(outputs, requires_grad=True)
        back = torch.autograd.grad(
            outputs,
            list(self.trained.values()),
            rows,
            create_graph=True,
            allow_unused=True,
            materialize_grads=True,
        )
        return list(back), rows

    def _along(
        self, back: list[torch.Tensor], rows: torch.Tensor, vector: torch.Tensor, keep: bool
    ) -> torch.Tensor:
        pairs = [(g, v) for g, v in zip(back, self._parted(vector), strict=True) if g.requires_grad]
        several = vector.ndim == 2
        if not pairs:
            return rows.new_zeros(*vector.shape[:-1], *rows.shape)
        return gradients([g for g, _ in pairs], rows, [v for _, v in pairs], several, retain_graph=keep)[0]

    def _kept_jacobian(self, batch: Batch, keep: bool = True) -> Callable[[Any], Any]:
        back, rows = self._pushed(self.forward(self.trained, batch))
        return lambda vector: self._along(back, rows, vector, keep)

    def _forward_jacobian(self, batch: Batch) -> Callable[[Any], Any]:
        base = {name: one.detach() for name, one in self.trained.items()}

        def product(vector: torch.Tensor) -> torch.Tensor:
            with forward_mode():
                moved = dict(zip(base, self._parted(vector), strict=True))
                return torch.func.jvp(lambda own: self.forward(own, batch), (base,), (moved,))[1]

        return product

    def _kept_gauss_newton(self, batch: Batch, keep: bool = True) -> Callable[[Any], Any]:
        outputs, own = self.forward(self.trained, batch), list(self.trained.values())
        back, rows = self._pushed(outputs)
        curved = self._curved(outputs, batch, keep)

        def product(vector: torch.Tensor) -> torch.Tensor:
            moved = curved(self._along(back, rows, vector, keep=True))
            return self._pulled(outputs, own, moved, vector, keep)

        return product

    def _forward_gauss_newton(self, batch: Batch) -> Callable[[Any], Any]:
        forward, own = self._forward_jacobian(batch), list(self.trained.values())

        def product(vector: torch.Tensor) -> torch.Tensor:
            outputs = self.forward(self.trained, batch)
            moved = self._curved(outputs, batch, keep=False)(forward(vector))
            found = torch.autograd.grad(outputs, own, moved, allow_unused=True, materialize_grads=True)
            return self._joined(found)

        return product

    def _curved(self, outputs: torch.Tensor, batch: Batch, keep: bool) -> Callable[[Any], Any]:
        """The Hessian of the loss by the outputs, as a product."""
        at = outputs.detach().requires_grad_()
        assert self.objective.total is not None
        (slope,) = torch.autograd.grad(self.objective.total(at, batch.targets), at, create_graph=True)

        def product(moved: torch.Tensor) -> torch.Tensor:
            if not slope.requires_grad:
                return torch.zeros_like(moved)
            several = moved.ndim > slope.ndim
            (found,) = gradients(slope, at, moved.detach(), several, retain_graph=keep, allow_unused=True)
            return torch.zeros_like(moved) if found is None else found

        return product

    def _loss(self, trained: Tensors, batch: Batch) -> torch.Tensor:
        assert self.objective.total is not None
        total: torch.Tensor = self.objective.total(self.forward(trained, batch), batch.targets)
        return total

    def _gradients(self, loss: torch.Tensor, keep: bool) -> list[torch.Tensor]:
        own = list(self.trained.values())
        return list(
            torch.autograd.grad(loss, own, create_graph=keep, allow_unused=True, materialize_grads=True)
        )

    def _parted(self, vector: torch.Tensor) -> list[torch.Tensor]:
        cut = self.layout.slices
        return [
            vector[..., cut[name]].reshape((*vector.shape[:-1], *shape))
            for name, shape in zip(self.layout.names, self.layout.shapes, strict=True)
        ]

    def _joined(self, tensors: Any) -> torch.Tensor:
        return torch.cat([one.detach().reshape(-1) for one in tensors])

    def _measured_size(self, make: Callable[[Batch], Callable[[Any], Any]]) -> Callable[[Any], float]:
        """What a graph of the first batch holds, from graphs of an eighth and a quarter of it: the whole is not held twice."""

        def size(made: Any) -> float:
            batch = next(iter(self.batches()))
            few, more = batch.count // 8, batch.count // 4
            if few == 0:
                return self._bytes_of(lambda: make(batch))
            first, second = (
                self._bytes_of(lambda part=part: make(batch.rows(0, part)))  # type: ignore[misc]
                for part in (few, more)
            )
            return second + (second - first) / (more - few) * (batch.count - more)

        return size

    def _bytes_of(self, build: Callable[[], Any]) -> float:
        """Bytes that the graphs built hold besides parameters and data."""
        ours = {one.untyped_storage().data_ptr() for one in (*self.trained.values(), *self.held.values())}
        seen: dict[int, int] = {}

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in ours:
                seen[storage.data_ptr()] = storage.nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            built = build()
        del built
        return float(sum(seen.values()))

    def _again(self, trained: Tensors, held: Tensors, layout: Layout) -> TorchModel:
        made = TorchModel(
            self.module,
            self.objective,
            trained,
            held,
            self.data,
            layout,
            self.evaluation,
            self.notes,
            self.settings,
        )
        made.fresh = self.fresh
        return made
