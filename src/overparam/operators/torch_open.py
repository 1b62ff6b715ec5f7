"""A module of PyTorch on its way to be measured."""

from __future__ import annotations

from typing import Any

import numpy as np

from overparam.core.errors import DataError
from overparam.operators.batches import Batch, Batches
from overparam.operators.checks import apart
from overparam.operators.layout import Layout
from overparam.operators.model import Model, Settings
from overparam.operators.objective import Objective
from overparam.operators.opening import Opening, check_leaf, check_whole, plain, rounded
from overparam.operators.telling import SAME, told_of
from overparam.operators.torch_adapt import culprit, digest, heard_in, outputs_by_module, parts_of
from overparam.operators.torch_along import TorchAlong
from overparam.operators.torch_custom import check_custom, custom_functions
from overparam.operators.torch_model import ARITHMETIC, TorchModel

try:
    import torch
except ModuleNotFoundError:  # an optional extra: this module is of use with it alone
    torch = None


class TorchOpening(Opening):
    """A module of PyTorch on its way to be measured."""

    arithmetic = ARITHMETIC

    def __init__(self, module: Any, evaluation: bool, dtype: np.dtype | None) -> None:
        with torch.inference_mode(False):
            self.parts = parts_of(module, evaluation, dtype)
        self.evaluation = evaluation
        self.dtype, self.notes = self.parts.dtype, self.parts.notes
        own = self.parts.trained
        self.layout = Layout(tuple(own), tuple(tuple(one.shape) for one in own.values()), ".")
        self.device = next(iter(own.values())).device

    def batch(self, given: Batch, notes: set[str]) -> Batch:
        """Examples as tensors on the device, floats in the type of the parameters."""
        kind = getattr(torch, self.dtype.name)

        def change(leaf: Any) -> Any:
            if isinstance(leaf, torch.Tensor):
                tensor = leaf.detach().to(self.device)
                if tensor.is_complex() or (tensor.is_floating_point() and not torch.isfinite(tensor).all()):
                    raise DataError(
                        "data: expected finite real numbers, got some that are missing, infinite or complex."
                    )
            else:
                array = check_whole(check_leaf(plain(leaf)), np.int64)
                array = (
                    array.astype(np.int64) if array.dtype.kind in "iu" and array.dtype != np.uint8 else array
                )
                tensor = torch.from_numpy(np.array(array)).to(self.device)
            if tensor.is_inference():
                tensor = tensor.clone()
            if tensor.is_floating_point() and tensor.dtype != kind:
                if tensor.element_size() > self.dtype.itemsize:
                    notes.add(rounded(str(tensor.dtype).removeprefix("torch."), self.dtype.name))
                tensor = tensor.to(kind)
            return tensor

        with torch.inference_mode(False):
            return given.mapped(change)

    def made(
        self, objective: Objective, data: Batches, layout: Layout, notes: tuple[str, ...], settings: Settings
    ) -> Model:
        """The module with a loss."""
        held = {name: one for name, one in self.parts.trained.items() if name not in layout.slices}
        return TorchModel(
            self.parts.module, objective, self.parts.trained, {**self.parts.held, **held}, data, layout,
            self.evaluation, notes, settings,
        )  # fmt: skip

    def look(self, model: Model) -> tuple[str, ...]:
        """Find buffers that a pass changes, attention by another kernel than usual, and derivatives of a person's own."""
        assert isinstance(model, TorchModel)
        notes = []
        with model.quiet():
            batch = next(iter(model.batches())).rows(0, 2)
            before = {name: one.clone() for name, one in model.held.items()}
            model.fresh = False
            fused, half = heard_in(lambda: model.batch_outputs(batch))
            if fused:
                notes.append(
                    "Attention is computed by the plain kernel (SDPBackend.MATH), because the fused ones lack second derivatives."
                )
            if half:
                notes.append(f"A part of the pass computes in {half}: derivatives are good to about 3 digits.")
            outputs = model.forward(model.trained, batch)
            notes += _derivatives(model, batch, outputs, bool(half))
            changed = [name for name, one in before.items() if not torch.equal(one, model.held[name])]
            for name, one in before.items():
                model.held[name].copy_(one)
        model.fresh = bool(changed)
        if changed:
            notes.append(
                f"A pass changes '{changed[0]}': every pass gets copies of the buffers as they were at opening."
            )
        return tuple(notes)

    def mark(self) -> str:
        """A mark of the module and of the generators."""
        return digest(self.parts.module)

    def culprit(self, model: Model, one: Batch, other: Batch, start: int) -> str:
        """The first module whose outputs differ between two passes."""
        assert isinstance(model, TorchModel)
        seen, again = (
            outputs_by_module(model.module, lambda batch=batch: model.batch_outputs(batch))  # type: ignore[misc]
            for batch in (one, other)
        )

        def differs(first: Any, second: Any) -> bool:
            if first.shape[:1] != (one.count,) or second.shape[:1] != (other.count,):
                return False
            return apart(plain(first), plain(second), start, self.dtype)

        return culprit(model.module, seen, again, differs)


def _derivatives(model: TorchModel, batch: Batch, outputs: Any, half: bool) -> list[str]:
    """What is to be said of derivatives of a person's own and of detached parts, in the pass and in a loss of one's own.

    In a pass that computes in half precision differences tell nothing.
    """

    def run(arrays: Any, one: Batch) -> Any:
        return torch.func.functional_call(model.module, arrays, one.args, dict(one.named))

    found = custom_functions(outputs)
    said: tuple[str, ...] = ()
    if found or not half:
        said = check_custom(
            found,
            lambda: TorchAlong(run, model.trained, model.held, batch),
            lambda: model.forward(model.trained, batch),
        )
    total = model.objective.total
    if total is None or model.objective.named:
        return list(said)
    at = {"outputs": outputs.detach().requires_grad_()}
    beside = float(at["outputs"].detach().abs().sum())
    with told_of(f"loss: expected {model.objective.name} to be differentiable by the outputs", SAME):
        loss = total(at["outputs"], batch.targets)
        more = check_custom(
            custom_functions(loss),
            lambda: TorchAlong(
                lambda arrays, one: total(arrays["outputs"], one.targets), at, {}, batch, beside
            ),
            lambda: total(at["outputs"], batch.targets),
            "loss",
            "loss",
        )
    return [*said, *more]
