"""A model of any framework pruned: its mask by parameter name, a pruned copy, and accuracy against density."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from overparam.core.errors import UsageError
from overparam.pruning.asked import COMPETE
from overparam.pruning.criteria import Criterion
from overparam.pruning.curve import Curve, point_of
from overparam.pruning.mask import Mask
from overparam.pruning.measured import Fit, told_fit
from overparam.pruning.module_format import HOLDING, Subject, placed_in, subject_of, unwrapped_module, zeroed
from overparam.pruning.module_question import Question, covered, first_mask, named_in, own_rates, parts_of_data
from overparam.pruning.module_train import refitted
from overparam.pruning.rounds import seeds_of
from overparam.pruning.share import densities_in, density_of

OPTIONS = ("batch", "call", "evaluation", "frozen", "ignore", "reduction", "smoothing", "targets")


@dataclass(frozen=True, eq=False)
class PrunedModel:
    """A model of any framework under a mask. Yours is not changed.

    Attributes:
        model: the pruned copy of a module; the function or Linen module itself, whose parameters are ``params``.
        params: its parameters with 0 where the mask is 0, as you gave them; the ``state_dict`` of a module of PyTorch, and
            None for other modules that hold their own.
        mask: which weights are kept, by parameter name; ``mask.save(path)`` writes a safetensors file.
        before: loss and accuracy before pruning; None without data.
        after: the same now.
        criterion: name of the criterion.
        measured_on: ``test`` or ``data``, what both are measured on; empty without data.
        notes: what was found about the model, one sentence each.
    """

    model: Any
    params: Any
    mask: Mask
    before: Fit | None
    after: Fit | None
    criterion: str
    measured_on: str
    notes: tuple[str, ...]
    _asked: Question = field(repr=False)

    @property
    def density(self) -> float:
        """The share of weights that is kept."""
        return self.mask.density

    @property
    def tensors(self) -> dict[str, Any]:
        """The mask as boolean arrays of your own library, on the device of the parameters, by parameter name."""
        return self._asked.subject.native({path: one == 1 for path, one in self.mask})

    def apply(self, model: Any) -> Any:
        """A pruned copy of another model of this kind, or of its parameters; what was given is not changed.

        Args:
            model: a module, a ``state_dict``, or parameters.

        Raises:
            UsageError: another one's.
        """
        subject = self._asked.subject
        if subject.kind in HOLDING:
            return self.mask.apply(model)
        arrays = zeroed(named_in(subject, model, "params"), self.mask.arrays)
        return placed_in(subject.kind, subject.model, model, arrays)[1]

    def save(self, path: str | Path) -> Path:
        """Write the mask to a safetensors file: a boolean tensor a parameter, by its name.

        Args:
            path: the file.

        Raises:
            UsageError: no name of a file.
            DiskError: it cannot be written.
        """
        return self.mask.save(path)

    def retrain(self, fit: Any, seed: int = 0, *, start: Any = None) -> PrunedModel:
        """Train on under the mask; pruned weights stay exactly 0.

        Args:
            fit: your function ``fit(model, train)`` that trains the model that it is given and returns it, or its
                parameters; see :func:`overparam.pruning.module_train.refitted`. Models of JAX also take a ``Recipe``, by which
                they are trained in evaluation mode.
            seed: seeds the generators of Python, NumPy and PyTorch, or draws the minibatches of a recipe.
            start: a model or parameters to start from, for instance initial ones, which rewinds.

        Raises:
            UsageError: no data, no ``fit``, or one that does not keep pruned weights at 0.
            DataError: training diverged.
        """
        asked = self._asked
        begun = self._begun(start)
        model, params, _ = refitted(
            asked.subject, begun, self.mask, asked.data, fit, seed, asked.options.get("targets")
        )
        after = asked.fit_trained(model, params)
        if asked.subject.kind == "torch":
            params = unwrapped_module(model).state_dict()
        return dataclasses.replace(self, model=model, params=params, after=after)

    def curve(
        self, densities: Sequence[float], fit: Any = None, seeds: Sequence[int] = (0,), *, start: Any = None
    ) -> Curve:
        """Loss and accuracy against density: the weights that were given, pruned to each density.

        Args:
            densities: shares of weights that are kept.
            fit: how to train on after pruning, as in :meth:`retrain`; None: not at all.
            seeds: of the trainings, one a run; of several the mean is given.
            start: as in :meth:`retrain`, of every training.

        Raises:
            UsageError: no data were given, or a number that is no density.
        """
        asked = self._asked
        where = asked.measured
        if where is None:
            raise UsageError("data: expected data for curve, got none. Call prune(model, data=..., test=...).")
        if fit is None and start is not None:
            raise UsageError("fit: expected how to train, for start, got none. Give fit=.")
        points, many = [], [0] if fit is None else seeds_of(seeds)
        for density in densities_in(densities):
            mask = asked.at(density)
            fits = []
            for seed in many:
                if fit is None:
                    fits.append(asked.fit(asked.arrays_under(mask), where))
                    continue
                begun, key = self._begun(start, mask), asked.options.get("targets")
                model, params, _ = refitted(asked.subject, begun, mask, asked.data, fit, seed, key)
                fits.append(asked.fit_trained(model, params))
            points.append(point_of([mask] * len(fits), fits))
        how = "pruned without training" if fit is None else "pruned at once, then trained on"
        if asked.test is None:
            how += ", measured on the training data"
        return Curve(asked.subject.name, asked.name, how, tuple(points))

    def _begun(self, start: Any, mask: Mask | None = None) -> dict[str, np.ndarray]:
        """The numbers that a training starts from."""
        subject = self._asked.subject
        if start is None:
            if mask is not None:
                return self._asked.arrays_under(mask)
            return named_in(subject, self.params if subject.params is not None else self.model, "start")
        now = self.mask if mask is None else mask
        given = named_in(subject, start, "start")
        return {**given, **{path: given[path] * one for path, one in now}}

    def __repr__(self) -> str:
        parts = [f"PrunedModel({self._asked.subject.name}, density {self.density:.6g} by {self.criterion}"]
        on = {"test": "", "data": " on the training data"}.get(self.measured_on, "")
        for name, one in (("before", self.before), ("after", self.after)):
            if one is not None:
                parts.append(f"{name} {told_fit(one)}{on}")
        if self.mask.collapsed:
            parts.append(f"collapsed: {', '.join(self.mask.collapsed)}")
        return ", ".join(parts) + ")"


def prune_model(
    model: Any,
    params: Any,
    data: Any,
    criterion: str | Criterion,
    density: float,
    *,
    test: Any,
    scope: str | None,
    rates: Mapping[str, float] | None,
    leave: Any,
    also: Any,
    initial: Any,
    mask: Any,
    loss: Any,
    key: Any,
    options: Mapping[str, Any],
) -> PrunedModel:
    """Prune a model of any framework that is no Network; the arguments are those of :func:`overparam.prune`."""
    share = density_of(density)
    train, test = parts_of_data(data, test)
    opening = {name: options[name] for name in ("frozen", "evaluation", "call") if name in options}
    subject = subject_of(model, params, **opening)
    first = first_mask(subject, mask, also)
    by_name = isinstance(criterion, str) and criterion in COMPETE
    asked = Question(
        subject,
        train,
        test,
        criterion,
        ("global" if by_name else "layer") if scope is None else scope,
        own_rates(rates, first, subject),
        covered(leave, first, subject, "leave"),
        None if initial is None else named_in(subject, initial, "initial"),
        first,
        loss,
        key,
        options,
    )
    where = asked.measured
    found = asked.at(share)
    cut = asked.arrays_under(found)
    made, own = subject.with_arrays(cut)
    before = after = None
    if where is not None:
        before, after = asked.fit(asked.arrays_under(first), where), asked.fit(cut, where)
    on = "" if where is None else "data" if test is None else "test"
    notes = (*(subject.notes if where is None else where.notes), *_statistics(subject))
    params_now = unwrapped_module(made).state_dict() if subject.kind == "torch" else own
    return PrunedModel(made, params_now, found, before, after, asked.name, on, notes, asked)


def _statistics(subject: Subject) -> tuple[str, ...]:
    """What to know where a normalisation has statistics of the unpruned model."""
    model, params = subject.model, subject.params
    kept = subject.kind == "torch" and any(name.endswith("running_mean") for name, _ in model.named_buffers())
    kept |= subject.kind == "linen" and "batch_stats" in params
    if not kept:
        return ()
    return (
        "Batch statistics are those of the unpruned model; passes in training mode, or retrain(fit), find them anew.",
    )
