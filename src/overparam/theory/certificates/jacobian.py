"""Singular values of a network's Jacobian, proved from its Gram matrix.

``J J^T = sum_l (B_l B_l^T) o (A_l A_l^T)`` over the trained layers: J itself is never formed. Taken off are the error
of forming that matrix and the error of the entries of J, in Frobenius norm. Factors are divided by powers of two first,
so that their products neither overflow nor vanish.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64

from overparam.core.errors import DataError
from overparam.theory.certificates.dense import Block
from overparam.theory.certificates.rounding import (
    above,
    below,
    exponent_of,
    gamma,
    norm_above,
    row_norms_above,
    scaled_above,
    scaled_below,
)
from overparam.theory.certificates.rump import largest_eigenvalue_bound, smallest_eigenvalue_bound

Gram = Float64[np.ndarray, "n n"]
_UNDERFLOW = 1e-305  # 450 times the smallest normal number


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Bounds on the singular values of a Jacobian.

    Attributes:
        smallest: proved lower bound of sigma_min; 0 if nothing is proved.
        largest: proved upper bound of sigma_max.
        gram: ``J J^T`` as computed, over ``4^exponent``, shape ``(rows, rows)``; rows are examples times outputs,
            outputs inner.
        forming_error: bound on the spectral norm of its error, over ``4^exponent``.
        entry_error: bound on the Frobenius norm of the error of J.
        exponent: of the power of two by which J is divided in ``gram``.
    """

    smallest: float
    largest: float
    gram: Gram
    forming_error: float
    entry_error: float
    exponent: int = 0


def spectrum(blocks: Sequence[Block], parameters: int) -> Spectrum:
    """Proved bounds on the singular values of a Jacobian in blocks.

    Args:
        blocks: as :func:`~overparam.theory.certificates.dense.evaluate` gives them.
        parameters: number of trained parameters; with fewer than rows, sigma_min is 0.
    """
    small, each = _divided(blocks)
    gram, forming, exponent = _gram(small, each)
    entry = _entry_error(small, each, exponent)
    low = 0.0
    if parameters >= len(gram):
        low = below(below(math.sqrt(smallest_eigenvalue_bound(gram, forming))) - entry)
    high = above(math.sqrt(largest_eigenvalue_bound(gram, forming)) + entry)
    return Spectrum(
        scaled_below(low, exponent),
        scaled_above(high, exponent),
        gram,
        forming,
        scaled_above(entry, exponent),
        exponent,
    )


def gram_of(blocks: Sequence[Block]) -> tuple[Gram, float, int]:
    """``J J^T`` over a power of four, and a bound on the spectral norm of the error of forming it.

    Args:
        blocks: the Jacobian.

    Returns:
        The matrix over ``4^e`` of shape ``(rows, rows)``, exactly symmetric; the bound over ``4^e``: roundings times
        the trace; and e.

    Raises:
        DataError: products that overflow.
    """
    return _gram(*_divided(blocks))


def entry_error(blocks: Sequence[Block]) -> float:
    """Bound on the Frobenius norm of the error of the Jacobian's entries."""
    small, each = _divided(blocks)
    exponent = max(each)
    return scaled_above(_entry_error(small, each, exponent), exponent)


def _divided(blocks: Sequence[Block]) -> tuple[list[Block], list[int]]:
    """The blocks with their factors divided by powers of two, and the exponent of the product of these for each."""
    small, each = [], []
    for block in blocks:
        s, a = exponent_of(block.signals), exponent_of(block.inputs)
        signals_error, inputs_error = (
            np.ldexp(error, -e) + _UNDERFLOW * (error > 0)
            for error, e in ((block.signals_error, s), (block.inputs_error, a))
        )
        small.append(
            replace(
                block,
                signals=np.ldexp(block.signals, -s),
                signals_error=signals_error,
                inputs=np.ldexp(block.inputs, -a),
                inputs_error=inputs_error,
            )
        )
        each.append(s + a)
    return small, each


def _gram(blocks: Sequence[Block], each: Sequence[int]) -> tuple[Gram, float, int]:
    exponent = max(each)
    with np.errstate(over="ignore", invalid="ignore"):
        total, forming = _sum_of(blocks, [e - exponent for e in each])
    if not (np.isfinite(total).all() and math.isfinite(forming)):
        raise DataError("parameters and inputs: squares of the Jacobian overflow in float64. Rescale them.")
    return total, forming, exponent


def _sum_of(blocks: Sequence[Block], shifts: Sequence[int]) -> tuple[Gram, float]:
    total, forming = None, 0.0
    for block, shift in zip(blocks, shifts, strict=True):
        n, outputs, units = block.signals.shape
        flat = block.signals.reshape(n * outputs, units)
        inner = np.kron(block.inputs @ block.inputs.T, np.ones((outputs, outputs)))
        part = np.ldexp((flat @ flat.T) * inner, 2 * shift)
        part = np.tril(part) + np.tril(part, -1).T
        forming += gamma(units + block.inputs.shape[1] + 8 + len(blocks)) * float(np.trace(part))
        # what underflow may take from an entry, times the number of rows; factors are below 1 in size
        forming += len(part) * _UNDERFLOW * (2 * units * block.inputs.shape[1] + 2)
        total = part if total is None else total + part
    assert total is not None
    return total, above(forming)


def _entry_error(blocks: Sequence[Block], each: Sequence[int], exponent: int) -> float:
    """The bound over ``2^exponent``, from blocks that are divided."""
    parts = []
    for block, e in zip(blocks, each, strict=True):
        n, outputs, units = block.signals.shape
        signal = row_norms_above(block.signals.reshape(n * outputs, units))
        signal_off = row_norms_above(block.signals_error.reshape(n * outputs, units))
        size = np.repeat(row_norms_above(block.inputs), outputs)
        size_off = np.repeat(row_norms_above(block.inputs_error), outputs)
        found = signal_off * (size + size_off) + signal * size_off
        parts.append(np.ldexp(found, e - exponent) + _UNDERFLOW * ((signal_off > 0) | (size_off > 0)))
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
