"""What a person asked of ``prune`` for a model of any framework: everything that a mask at another density is found from."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from overparam.core.checked import shown
from overparam.core.errors import UsageError, unknown
from overparam.operators.jax_adapt import framework_of
from overparam.operators.model import Model
from overparam.operators.open import open_model
from overparam.operators.opening import plain
from overparam.pruning.asked import ONCE
from overparam.pruning.criteria import CRITERIA, Criterion, Weights, criterion_of
from overparam.pruning.mask import Mask, is_mask
from overparam.pruning.measured import Fit
from overparam.pruning.module_fit import fit_of_model
from overparam.pruning.module_format import HOLDING, Subject, check_names, subject_of, zeroed
from overparam.pruning.module_scores import gradient_scores, grasp_scores, in_double, synflow_mask
from overparam.pruning.select import choose, select
from overparam.pruning.share import density_of


@dataclass(frozen=True, eq=False)
class Question:
    """The arguments of :func:`overparam.prune` for a model that is no Network, checked.

    Attributes:
        subject: the model.
        data: the training data, or None.
        test: what it is measured on, or None.
        criterion: which weights are kept.
        scope: ``layer``, ``global`` or ``even``.
        rates: densities of arrays of their own, by name.
        leave: names of arrays that are not pruned.
        initial: parameters at initialisation by name, or None.
        mask: what is kept so far.
        loss: the loss, or None.
        key: draws what is random.
        options: further arguments of ``open_model``.
    """

    subject: Subject
    data: Any
    test: Any
    criterion: str | Criterion
    scope: str
    rates: Mapping[str, float] | None
    leave: tuple[str, ...]
    initial: Mapping[str, np.ndarray] | None
    mask: Mask
    loss: Any
    key: Any
    options: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Name of the criterion."""
        return self.criterion if isinstance(self.criterion, str) else self.criterion.name

    @functools.cached_property
    def measured(self) -> Model | None:
        """The model on what it is measured on; None without data."""
        on = self.data if self.test is None else self.test
        if on is None:
            return None
        model = self.subject.model
        found = open_model(model, on, params=self.subject.params, loss=self.loss, **self.options)
        found.check_loss()
        return found

    def fit(self, arrays: Mapping[str, np.ndarray], where: Model) -> Fit:
        """Loss and accuracy of other parameters."""
        return fit_of_model(where, where.layout.flat(arrays, "params"), self.options.get("ignore"))

    def fit_trained(self, model: Any, params: Any) -> Fit:
        """Loss and accuracy of a model that was trained on, with its own statistics of batches."""
        on = self.data if self.test is None else self.test
        return fit_of_model(
            open_model(model, on, params=params, loss=self.loss, **self.options),
            None,
            self.options.get("ignore"),
        )

    def arrays_under(self, mask: Mask) -> dict[str, np.ndarray]:
        """The parameters with 0 where a mask is 0."""
        own = self.subject.arrays
        return {**own, **zeroed(own, mask.arrays)}

    def at(self, density: float) -> Mask:
        """The mask at a density.

        Raises:
            UsageError: an unknown criterion, or one without what it needs.
            DataError: scores that are no numbers.
        """
        begun = dict(self.initial or self.subject.arrays)
        rule, mask = self.criterion, self.mask
        if isinstance(rule, str) and rule in ONCE:
            if self.rates:
                raise UsageError(
                    f"rates: expected none for criterion '{rule}', got {shown(dict(self.rates))}. Use leave=."
                )
            if rule == "synflow":
                return synflow_mask(
                    self.subject, begun, self.data, density, mask,
                    scope=self.scope, leave=self.leave, key=self.key, **self.options,
                )  # fmt: skip
            scores = grasp_scores(self._derived("grasp"), begun, mask)
            return select(scores, mask, density, self.scope, leave=self.leave, key=self.key)
        if isinstance(rule, str) and rule not in CRITERIA:
            raise unknown(
                "criterion",
                rule,
                (*CRITERIA, *ONCE),
                "Or give a Criterion(name, formula, source, needs, score).",
            )
        found, slope, initial = criterion_of(rule), None, self.initial
        if "gradient" in found.needs:
            slope, initial = gradient_scores(self._derived(found.name), begun, mask), begun
        seen = Weights(initial, dict(self.subject.arrays), mask, slope, self.key)
        return choose(found, seen, density, self.scope, rates=self.rates, leave=self.leave)

    def _derived(self, name: str) -> Model:
        if self.data is None:
            raise UsageError(
                f"criterion '{name}': expected data, from which its gradient is found, got none. Give data=."
            )
        return self._opened

    @functools.cached_property
    def _opened(self) -> Model:
        return in_double(self.subject, self.data, {**self.options, "loss": self.loss})


def parts_of_data(data: Any, test: Any) -> tuple[Any, Any]:
    """Training and test data, where one object holds both.

    Args:
        data: a data set, ``(x, y, x_test, y_test)``, or training data of any form.
        test: test data, or None.

    Raises:
        UsageError: another number of arrays.
    """
    if isinstance(data, tuple | list) and data and all(hasattr(one, "shape") for one in data):
        if len(data) not in (2, 4):
            raise UsageError(
                f"data: expected arrays (x, y) or (x, y, x_test, y_test), got {len(data)} arrays. Several inputs go into one "
                "tuple: ((first, second), y)."
            )
        x, y, *rest = data
        if not rest:
            return data, test
        return (x, y), tuple(rest) if test is None else test
    if all(hasattr(data, part) for part in ("x", "y", "x_test", "y_test")):
        return (data.x, data.y), (data.x_test, data.y_test) if test is None else test
    return data, test


def named_in(subject: Subject, given: Any, name: str) -> dict[str, np.ndarray]:
    """The numbers of a model or of parameters of the same kind, by name.

    Args:
        subject: the model whose names and shapes they must have.
        given: a module, a ``state_dict``, or parameters.
        name: of the argument, for the message.

    Raises:
        UsageError: another one's.
    """
    if subject.kind == "torch" and isinstance(given, Mapping):
        found = {one: np.array(plain(tensor)) for one, tensor in given.items() if hasattr(tensor, "shape")}
    elif subject.kind in HOLDING:
        if framework_of(given) != subject.kind:
            raise UsageError(
                f"{name}: expected a module of {HOLDING[subject.kind]} like the model, got {type(given).__name__}."
            )
        found = dict(subject_of(given).arrays)
    else:
        found = dict(subject_of(subject.model, given).arrays)
    for one, shape in zip(subject.layout.names, subject.layout.shapes, strict=True):
        if one not in found or found[one].shape != shape:
            got = "none" if one not in found else str(found[one].shape)
            raise UsageError(
                f"{name}: expected an array of shape {shape} at '{one}', as the model has it, got {got}."
            )
    return {one: found[one] for one in subject.layout.names}


def first_mask(subject: Subject, mask: Any, also: Any) -> Mask:
    """The mask before pruning."""
    if mask is not None:
        if also:
            raise UsageError(
                "also: expected none with mask=, which says what may be pruned. Give one of the two."
            )
        if isinstance(mask, Mapping):
            mask = Mask({str(name): np.asarray(plain(one)) for name, one in mask.items()})
        check_names(subject.arrays, is_mask(mask).arrays, "mask")
        return mask
    more = set(subject.layout.matching(also, "also")) if also else set()
    names = [name for name in subject.layout.names if name in more or name in subject.weights]
    if not names:
        raise UsageError(
            "model: expected a weight of two or more axes to prune, got none. Name what is to be pruned: "
            f"also='{subject.layout.names[0]}'."
        )
    return Mask({name: np.ones(subject.arrays[name].shape, np.float32) for name in names})


def covered(patterns: Any, mask: Mask, subject: Subject, name: str) -> tuple[str, ...]:
    """The arrays of a mask that patterns cover.

    Args:
        patterns: of names.
        mask: what may be pruned.
        subject: the model.
        name: of the argument, for the message.

    Raises:
        UsageError: one that covers nothing.
    """
    if not patterns:
        return ()
    given = sorted(patterns) if isinstance(patterns, set | frozenset) else patterns
    return subject.layout.only(mask.paths).matching(given, name)


def own_rates(rates: Any, mask: Mask, subject: Subject) -> dict[str, float] | None:
    """Densities by array from densities by pattern; of two patterns that cover one the first counts.

    Args:
        rates: densities by pattern, or None.
        mask: what may be pruned.
        subject: the model.

    Raises:
        UsageError: no mapping, a pattern that covers nothing, or a number that is no density.
    """
    if rates is None:
        return None
    if not isinstance(rates, Mapping) or not rates:
        raise UsageError(f"rates: expected densities by layer, such as {{'head': 0.9}}, got {shown(rates)}.")
    found: dict[str, float] = {}
    for pattern, value in rates.items():
        for one in covered(pattern, mask, subject, "rates"):
            found.setdefault(one, density_of(value, f"rates: {pattern}"))
    return found
