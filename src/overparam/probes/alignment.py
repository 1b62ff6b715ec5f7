"""How alike a model and a reference network are: outputs, predictions, hidden layers, and units after the best matching."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from overparam.core.errors import DataError, OverparamError, UsageError
from overparam.operators import Model
from overparam.operators.chain import Chain, chain_of
from overparam.operators.pairs import check_model, check_same_data
from overparam.operators.seen import gates
from overparam.probes.matching import Matched, Specialised, matched, specialised

Features = Float64[np.ndarray, "n features"]
Others = Float64[np.ndarray, "n others"]


@dataclass(frozen=True, eq=False)
class Alignment:
    """What a model shares with a reference on the same data.

    Attributes:
        cka: linear CKA of the outputs, from 0 to 1; None where outputs of one do not vary.
        agreement: share of examples (positions) with the same prediction; None where outputs are no predictions.
        layers: linear CKA of each hidden layer of the model (rows) with each of the reference (columns); empty where none
            is seen.
        names: of the hidden layers: ``(of the model, of the reference)``.
        units: weights compared after the best permutation of hidden units; None where structures differ.
        specialised: student units found for teacher units, of networks of one hidden layer; None for others.
        notes: what could not be compared, and why, one sentence each.
    """

    cka: float | None
    agreement: float | None
    layers: Float64[np.ndarray, "layers others"]
    names: tuple[tuple[str, ...], tuple[str, ...]]
    units: Matched | None
    specialised: Specialised | None
    notes: tuple[str, ...]


def alignment(model: Model, reference: Model) -> Alignment:
    """How alike two networks are on the same data, of any two frameworks and any two structures.

    Outputs of one shape are asked for. Hidden layers are the outputs of a chain's activations, else those of the ReLUs that are
    watched. Units are compared for chains of dense layers alike but for their numbers; teacher and student for two chains of one
    hidden layer each.

    Cost: two passes over the data; ``O(n p^2)`` a pair of layers of p units, ``O(units^3)`` an assignment.

    Args:
        model: of :func:`overparam.operators.open_model`; the student.
        reference: another, on the same data; the teacher.

    Raises:
        UsageError: no models, other data, or outputs of another shape.
        DataError: outputs that are missing or infinite.

    References: S. Kornblith, M. Norouzi, H. Lee and G. Hinton, ICML 2019, equation 5 with linear kernels (CKA); S. Ainsworth,
        J. Hayase and S. Srinivasa, Git Re-Basin, ICLR 2023, algorithm 1 (matching of deep chains, recalled); Y. Tian,
        arXiv:1909.13458 (student and teacher).
    """
    check_model(model), check_model(reference, "reference")
    check_same_data(model, reference, ("model", "reference"))
    if model.output_shape != reference.output_shape:
        raise UsageError(
            f"reference: expected outputs of shape {model.output_shape} an example, as the model gives, got "
            f"{reference.output_shape}."
        )
    one, other = (np.asarray(each.outputs(), np.float64) for each in (model, reference))
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        raise DataError("model: expected finite outputs, got some that are missing or infinite.")
    notes: list[str] = []
    chains = _chains(model, reference, notes)
    if chains is not None:
        hidden: list[Mapping[str, Features]] = [
            dict(zip(each.names[:-1], each.hidden(), strict=True)) for each in chains
        ]
    else:
        hidden = [_watched(each, notes) for each in (model, reference)]
    layers = np.array([[_or_nan(cka(a, b)) for b in hidden[1].values()] for a in hidden[0].values()])
    units = special = None
    if chains is not None:
        units, why = matched(*chains)
        notes += [why] if why else []
        special, why = specialised(*chains)
        notes += [why] if why else []
    found = cka(one.reshape(len(one), -1), other.reshape(len(other), -1))
    if found is None:
        notes.append("No CKA of outputs: those of one network are the same at every example.")
    return Alignment(
        found, _agreement(model, one, other, notes), layers.reshape(len(hidden[0]), len(hidden[1])),
        (tuple(hidden[0]), tuple(hidden[1])), units, special, tuple(dict.fromkeys(notes)),
    )  # fmt: skip


def cka(x: Features, y: Others) -> float | None:
    """Linear CKA of two sets of features of the same examples: ``||Y'X||_F^2 / (||X'X||_F ||Y'Y||_F)``, columns centred.

    It stays under rotations and one factor for all features. Of few examples and many features it is near 1 for any two.

    Args:
        x: shape ``(n, features)``.
        y: shape ``(n, others)``.

    Returns:
        From 0 to 1; None where features of one do not vary.

    References: S. Kornblith et al., ICML 2019, section 3.

    >>> x = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    >>> round(cka(x, 3 * x @ np.array([[0.0, 1.0], [-1.0, 0.0]])), 12)
    1.0
    """
    sizes = [float(np.abs(one).max(initial=0.0)) for one in (x, y)]
    if not all(sizes):
        return None
    a, b = (one / size for one, size in zip((x, y), sizes, strict=True))
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    if min(float(np.abs(one).max()) for one in (a, b)) <= 1e-14 * np.sqrt(len(a)):
        return None
    if max(a.shape[1], b.shape[1]) <= len(a):
        return float(np.square(b.T @ a).sum() / (np.linalg.norm(a.T @ a) * np.linalg.norm(b.T @ b)))
    left, right = a @ a.T, b @ b.T
    return float((left * right).sum() / (np.linalg.norm(left) * np.linalg.norm(right)))


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else value


def _chains(model: Model, reference: Model, notes: list[str]) -> tuple[Chain, Chain] | None:
    found = []
    for one, name in ((model, "model"), (reference, "reference")):
        try:
            found.append(chain_of(one, name))
        except OverparamError as error:
            notes.append(f"Units are not compared: {error}")
            return None
    return found[0], found[1]


def _watched(model: Model, notes: list[str]) -> Mapping[str, Features]:
    """Outputs of the ReLUs of a model, by name."""
    parts: dict[str, list[np.ndarray]] = {}
    try:
        for batch in gates(model):
            for one in batch:
                if one.apart:
                    parts.setdefault(one.name, []).append(np.maximum(one.values, 0).astype(np.float64))
    except UsageError as error:
        notes.append(f"Hidden layers are not compared: {error}")
        return {}
    return {name: np.concatenate(values) for name, values in parts.items()}


def _agreement(model: Model, one: np.ndarray, other: np.ndarray, notes: list[str]) -> float | None:
    objective = model.objective
    single = one.ndim == 1 or one.shape[-1] == 1
    if objective.name in ("binary_cross_entropy", "BCEWithLogitsLoss", "SoftMarginLoss"):
        return float(np.mean((one > 0) == (other > 0)))
    targets = None
    if objective.total is not None:
        with model.quiet():
            targets = np.asarray(model.host(next(iter(model.batches())).targets))
    whole = targets is not None and targets.dtype.kind in "iu" and not single
    axis = -1 if one.ndim == 2 else objective.axis
    if not whole or axis is None:
        notes.append(
            "No agreement of predictions: the model was opened without whole labels, or its loss names no axis of classes."
        )
        return None
    return float(np.mean(one.argmax(axis) == other.argmax(axis)))
