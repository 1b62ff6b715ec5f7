"""Loss and error of every example at points of a path between two models of any framework."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from overparam.core.errors import UsageError
from overparam.operators import Model
from overparam.operators.batches import Batch, walk
from overparam.operators.telling import SAME, told_of
from overparam.own.landscape.refresh import Refresh
from overparam.probes.paths import Along
from overparam.probes.paths.evaluate import BETWEEN

STATES = (
    "Statistics of batches were found anew at every point from {n:,} examples; only trained weights are summed."
)


class Points:
    """A model that is evaluated at many vectors.

    Attributes:
        model: on the data on which it is measured.
        labels: whether its targets are labels, so that there is an error.
    """

    def __init__(self, model: Model, refresh: Refresh | None) -> None:
        self.model, self.refresh = model, refresh
        self.n, self.factor = model.examples, model.examples / model.divisor
        self.labels = _labelled(model)
        self._program = _torch_program(model) if model.back_end == "torch" else _jax_program(model)

    def at(
        self, vector: np.ndarray, held: Mapping[str, Any] | None = None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Losses of all examples, whose mean is the loss in its convention, and which are wrong.

        Args:
            vector: parameters, shape ``(size,)``.
            held: held arrays by name; None takes those of the point.
        """
        here = self.model.at(vector)
        if held is None and self.refresh is not None:
            held = self.refresh.found(vector)
        kept: Any = dict(here.held) if held is None else dict(held)  # type: ignore[attr-defined]
        losses, faults = [], []
        with here.quiet():
            for batch in here.batches():
                with told_of(
                    "loss: expected one that can be taken of every example alone, in operations that vmap knows",
                    SAME,
                ):
                    outputs, each = self._program(here, kept, batch)
                losses.append(np.asarray(here.host(each), np.float64))
                if self.labels:
                    faults.append(np.argmax(here.host(outputs), axis=1) != np.asarray(here.host(batch.targets)))
        return np.concatenate(losses) * self.factor, np.concatenate(faults) if self.labels else None

    def check_sum(self) -> None:
        """Raise unless the losses of single examples make up the loss of all.

        Raises:
            UsageError: they do not: a loss between examples, or one that depends on the batch.
        """
        whole, alone = self.model.loss(), float(self.at(self.model.vector(), self.model.held)[0].mean())  # type: ignore[attr-defined]
        if abs(whole - alone) > 1e4 * float(np.finfo(self.model.dtype).eps) * max(abs(whole), 1e-30):
            raise UsageError(
                f"loss: expected one that is the mean or sum over single examples, got {whole:g} for all together and {alone:g} "
                "from each alone. Give one loss an example, shape (batch,), or a loss by name."
            )

    def along(self, t: np.ndarray, weights: np.ndarray, anchors: np.ndarray, *, each: bool = True) -> Along:
        """What is measured at the points of a path.

        Args:
            t: places of the points.
            weights: of the anchors at each point.
            anchors: vectors, one a row.
            each: whether to keep the loss of every example.
        """
        losses, errors, every, faults = [], [], [], []
        with np.errstate(over="ignore", invalid="ignore"):
            for row in weights:
                one, wrong = self.at((row @ anchors).astype(self.model.dtype))
                losses.append(float(one.mean()))
                errors.append(float(wrong.mean()) if wrong is not None else np.nan)
                if each:
                    every.append(one.astype(np.float32))
                    faults.append(wrong)
        remarks = (BETWEEN, *(() if self.refresh is None else (STATES.format(n=self.n),)))
        return Along(
            t, np.array(losses), np.array(errors) if self.labels else None, np.stack(every) if each else None,
            np.stack(faults) if each and self.labels else None, self.n, remarks,
        )  # fmt: skip


Program = Callable[[Any, Mapping[str, Any], Batch], tuple[Any, Any]]


def _jax_program(model: Any) -> Program:
    import jax

    programs, total = model.programs, model.objective.total

    @jax.jit
    def run(trained: Any, held: Any, args: Any, named: Any, targets: Any) -> Any:
        outputs = programs.forward({**held, **trained}, *args, **named)
        each = jax.vmap(lambda o, t: total(o[None], walk(t, lambda leaf: leaf[None])))(outputs, targets)
        return outputs, each

    return lambda here, held, batch: run(here.trained, held, batch.args, dict(batch.named), batch.targets)


def _torch_program(model: Model) -> Program:
    from overparam.own.landscape import torch_side

    return torch_side.program(model)


def _labelled(model: Model) -> bool:
    """Whether every target is the label of one class."""
    shape = model.output_shape
    if len(shape) != 1 or shape[0] < 2:
        return False
    with model.quiet():
        for batch in model.batches():
            if not hasattr(batch.targets, "dtype"):
                return False
            found = model.host(batch.targets)
            if found.dtype.kind not in "iu" or found.ndim != 1 or found.min() < 0 or found.max() >= shape[0]:
                return False
    return True
