"""Gradient, GraSP and SynFlow of a model of any framework, from the products of its back end."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from overparam.core.errors import DataError, UsageError
from overparam.operators.batches import batches_of
from overparam.operators.model import Model
from overparam.operators.objective import Objective
from overparam.operators.open import open_model
from overparam.operators.opening import plain
from overparam.pruning.at_init import ROUNDS, TEMPERATURE
from overparam.pruning.mask import Mask
from overparam.pruning.module_format import Subject
from overparam.pruning.select import select

Scores = dict[str, np.ndarray]


def gradient_scores(model: Model, arrays: Mapping[str, np.ndarray], mask: Mask) -> Scores:
    """Gradient of the loss at masked parameters, by name.

    Args:
        model: opened with data and a loss.
        arrays: parameters by name.
        mask: what is kept.
    """
    return model.layout.named(model.at(_masked(model, arrays, mask)).gradient())


def grasp_scores(model: Model, arrays: Mapping[str, np.ndarray], mask: Mask) -> Scores:
    """GraSP's scores, of which the largest are kept; see :func:`overparam.pruning.at_init.grasp`.

    Args:
        model: opened with data and a loss.
        arrays: parameters by name.
        mask: what is kept.

    References: Wang, Zhang and Grosse, Picking winning tickets before training by preserving gradient flow, ICLR 2020,
        equation 8 and algorithm 1.
    """
    model.check_loss()
    own = model.objective
    assert own.total is not None
    total = own.total
    cool = dataclasses.replace(own, total=lambda outputs, targets: total(outputs / TEMPERATURE, targets))
    cooled = model.at(_masked(model, arrays, mask)).under(cool)
    curved = model.layout.named(cooled.product("hessian", cooled.gradient()))
    found = {path: arrays[path] * curved[path] * one for path, one in mask}
    size = abs(sum(float(one.sum()) for one in found.values())) + 1e-10
    return {path: one / size for path, one in found.items()}


def synflow_mask(
    subject: Subject,
    arrays: Mapping[str, np.ndarray],
    data: Any,
    density: float,
    first: Mask,
    *,
    scope: str,
    leave: Any,
    key: Any,
    rounds: int = ROUNDS,
    **options: Any,
) -> Mask:
    """The mask of SynFlow: R is the sum of the outputs for an input of ones and the sizes of the weights, in float64.

    Args:
        subject: the model.
        arrays: its parameters by name.
        data: from which the shape of an example is read.
        density: the share of the weights that ``first`` keeps which stay.
        first: what is kept so far.
        scope: as in :func:`overparam.pruning.select.select`.
        leave: names of arrays that are not pruned.
        key: draws between equal scores.
        rounds: of pruning.
        options: further ones of ``open_model``.

    Raises:
        UsageError: no data, or inputs that are no real numbers.
        DataError: a sum beyond the range of float64.

    References: Tanaka, Kunin, Yamins and Ganguli, Pruning neural networks without any data by iteratively conserving
        synaptic flow, NeurIPS 2020, equation 2 and algorithm 1.
    """
    model = _of_ones(subject, data, options).under(
        Objective("sum of outputs", lambda outputs, targets: outputs.sum(), lambda shape, batch: 1.0, False)
    )
    kept = first
    for i in range(rounds):
        wanted = density ** ((i + 1) / rounds)
        now = wanted * first.kept / max(1, kept.kept)
        rates = None
        if scope == "layer":  # every layer meets its own share of the first mask exactly
            counts = {path: (one.sum(), kept.arrays[path].sum()) for path, one in first}
            rates = {path: min(1.0, wanted * float(a) / max(1.0, float(b))) for path, (a, b) in counts.items()}
        if now < 1:
            sizes = {name: np.abs(one.astype(np.float64)) for name, one in arrays.items()}
            at = _masked(model, sizes, kept)
            slope, own = model.layout.named(_flow(model, at)), model.layout.named(at)
            scores = {path: np.abs(slope[path] * own[path]) for path in kept.paths}
            kept = select(scores, kept, now, scope, rates=rates, leave=leave, key=key)
    return kept


def _flow(model: Model, vector: np.ndarray) -> np.ndarray:
    try:
        return model.at(vector).gradient()
    except DataError as error:
        raise DataError(
            "model: expected sizes whose products along paths are numbers of float64, got an overflow. Divide the weights of "
            "every layer by a constant: the order of the scores does not change."
        ) from error


def _of_ones(subject: Subject, data: Any, options: Mapping[str, Any]) -> Model:
    """The model on one example of ones, in float64."""
    if data is None:
        raise UsageError(
            "criterion 'synflow': expected data, from which the shape of an example is read, got none. Give data=."
        )
    kept = {name: options[name] for name in ("frozen", "evaluation", "call") if name in options}
    batches = batches_of(data, targets=options.get("targets"))
    batch = next(iter(batches)).rows(0, 1)
    for leaf in (*batch.args, *batch.named.values()):
        kind = plain(leaf).dtype.kind if hasattr(leaf, "dtype") else ""
        if kind != "f":
            raise UsageError(
                "criterion 'synflow': expected inputs that are arrays of floats, through which it sends ones, got "
                f"{getattr(leaf, 'dtype', type(leaf).__name__)}. Take another criterion for tokens and several parts."
            )
    ones = dataclasses.replace(batch.mapped(lambda leaf: np.ones(tuple(leaf.shape))), targets=None)
    given = ones.args[0] if ones.args else dict(ones.named)
    if len(ones.args) != 1:
        raise UsageError(
            "criterion 'synflow': expected a model of one input, through which it sends ones, got several. Take another "
            "criterion."
        )
    return open_model(subject.model, given, params=subject.params, dtype="float64", **kept)


def _masked(model: Model, arrays: Mapping[str, np.ndarray], mask: Mask) -> np.ndarray:
    whole = {name: np.asarray(one, np.float64) for name, one in arrays.items()}
    return model.layout.flat({**whole, **{path: whole[path] * one for path, one in mask}}, "params")


def in_double(subject: Subject, data: Any, options: Mapping[str, Any]) -> Model:
    """The model on data, in float64 where its pass and device have it.

    Args:
        subject: the model.
        data: as in :func:`overparam.operators.open_model`.
        options: further arguments of it.
    """
    try:
        return open_model(subject.model, data, params=subject.params, dtype="float64", **options)
    except (UsageError, TypeError):
        return open_model(subject.model, data, params=subject.params, **options)
