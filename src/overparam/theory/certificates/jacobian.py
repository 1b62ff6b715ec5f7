"""Singular values of a network's Jacobian, proved from its Gram matrix.

``J J^T = sum_l (B_l B_l^T) o (A_l A_l^T)`` over the trained layers: J itself is never formed. Taken off are the error
of forming that matrix and the error of the entries of J, in Frobenius norm.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from overparam.core.errors import DataError
from overparam.theory.certificates.dense import Block
from overparam.theory.certificates.rounding import above, below, gamma, norm_above, row_norms_above
from overparam.theory.certificates.rump import largest_eigenvalue_bound, smallest_eigenvalue_bound

Gram = Float64[np.ndarray, "n n"]
_UNDERFLOW = 1e-305  # 450 times the smallest normal number


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Bounds on the singular values of a Jacobian.

    Attributes:
        smallest: proved lower bound of sigma_min; 0 if nothing is proved.
        largest: proved upper bound of sigma_max.
        gram: ``J J^T`` as computed, shape ``(rows, rows)``; rows are examples times outputs, outputs inner.
        forming_error: bound on the spectral norm of its error.
        entry_error: bound on the Frobenius norm of the error of J.
    """

    smallest: float
    largest: float
    gram: Gram
    forming_error: float
    entry_error: float


def spectrum(blocks: Sequence[Block], parameters: int) -> Spectrum:
    """Proved bounds on the singular values of a Jacobian in blocks.

    Args:
        blocks: as :func:`~overparam.theory.certificates.dense.evaluate` gives them.
        parameters: number of trained parameters; with fewer than rows, sigma_min is 0.
    """
    gram, forming = gram_of(blocks)
    entry = entry_error(blocks)
    low = 0.0
    if parameters >= len(gram):
        low = below(below(math.sqrt(smallest_eigenvalue_bound(gram, forming))) - entry)
    high = above(math.sqrt(largest_eigenvalue_bound(gram, forming)) + entry)
    return Spectrum(low, high, gram, forming, entry)


def gram_of(blocks: Sequence[Block]) -> tuple[Gram, float]:
    """``J J^T`` and a bound on the spectral norm of the error of forming it.

    Args:
        blocks: the Jacobian.

    Returns:
        The matrix of shape ``(rows, rows)``, exactly symmetric, and the bound: roundings times its trace.

    Raises:
        DataError: products that overflow.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        total, forming = _gram_of(blocks)
    if not (np.isfinite(total).all() and math.isfinite(forming)):
        raise DataError("parameters and inputs: squares of the Jacobian overflow in float64. Rescale them.")
    return total, forming


def _gram_of(blocks: Sequence[Block]) -> tuple[Gram, float]:
    total, forming = None, 0.0
    for block in blocks:
        n, outputs, units = block.signals.shape
        flat = block.signals.reshape(n * outputs, units)
        inner = np.kron(block.inputs @ block.inputs.T, np.ones((outputs, outputs)))
        part = (flat @ flat.T) * inner
        part = np.tril(part) + np.tril(part, -1).T
        forming += gamma(units + block.inputs.shape[1] + 8 + len(blocks)) * float(np.trace(part))
        # what underflow may take from an entry, times the number of rows
        flat_largest, inner_largest = (
            float(np.square(np.abs(a).max(initial=0.0))) for a in (flat, block.inputs)
        )
        wide = units * block.inputs.shape[1]
        forming += len(part) * _UNDERFLOW * (wide * (inner_largest + flat_largest) + 1)
        total = part if total is None else total + part
    assert total is not None
    return total, above(forming)


def entry_error(blocks: Sequence[Block]) -> float:
    """Bound on the Frobenius norm of the error of the Jacobian's entries."""
    parts = []
    for block in blocks:
        n, outputs, units = block.signals.shape
        signal = row_norms_above(block.signals.reshape(n * outputs, units))
        signal_off = row_norms_above(block.signals_error.reshape(n * outputs, units))
        size = np.repeat(row_norms_above(block.inputs), outputs)
        size_off = np.repeat(row_norms_above(block.inputs_error), outputs)
        parts.append(signal_off * (size + size_off) + signal * size_off)
    return norm_above(np.concatenate(parts))


def times(blocks: Sequence[Block], direction: Sequence[np.ndarray]) -> Float64[np.ndarray, " n"]:
    """``J D`` for a direction given as one matrix ``(units, features)`` a block, shape ``(rows,)``."""
    parts = [
        np.einsum("nou,nu->no", block.signals, block.inputs @ part.T).ravel()
        for block, part in zip(blocks, direction, strict=True)
    ]
    return np.sum(parts, axis=0)


def transpose_times(blocks: Sequence[Block], rows: Float64[np.ndarray, " n"]) -> list[np.ndarray]:
    """``J^T u`` as one matrix ``(units, features)`` a block."""
    found = []
    for block in blocks:
        weighted = np.einsum("nou,no->nu", block.signals, rows.reshape(block.signals.shape[:2]))
        found.append(weighted.T @ block.inputs)
    return found
