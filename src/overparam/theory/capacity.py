"""What all capacity bounds share: the layers and rows that they read, and what a Rademacher complexity promises at a margin."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core.errors import DataError
from overparam.theory.assumption import Assumption, checked
from overparam.theory.inputs import all_finite, count, nonnegative, numbers, positive, probability

Matrix = Float64[np.ndarray, "units features"]
SIZES = (1e-50, 1e50)  # products of a few of them stay in the range of float64


def layers_of(weights: Sequence[ArrayLike]) -> list[Matrix]:
    """The weight matrices of a chain of dense layers without biases, first layer first, as float64.

    Args:
        weights: matrices of shape ``(units, inputs)``, each with as many inputs as the one before has units.

    Raises:
        DataError: no matrices, or shapes that do not follow on one another.

    References: none; checks the input of the bounds.

    >>> [one.shape for one in layers_of([np.ones((3, 2)), np.ones((1, 3))])]
    [(3, 2), (1, 3)]
    """
    if isinstance(weights, str | bytes) or not isinstance(weights, Sequence | np.ndarray) or not len(weights):
        raise DataError(
            "weights: expected a list of matrices, one a layer, got something else. Give [first, ..., last]."
        )
    found: list[np.ndarray] = []
    for k, one in enumerate(weights):
        made = numbers(one, f"weights[{k}]", *SIZES)
        if made.ndim != 2 or not made.size:
            raise DataError(
                f"weights[{k}]: expected a matrix of shape (units, inputs), got shape {made.shape}."
            )
        all_finite(made, f"weights[{k}]")
        if found and made.shape[1] != found[-1].shape[0]:
            raise DataError(
                f"weights[{k}]: expected {found[-1].shape[0]} inputs, the units of the layer before, got {made.shape[1]}. Give "
                "the layers in their order."
            )
        found.append(made)
    return found


def rows_of(x: ArrayLike, inputs: int) -> Matrix:
    """The training inputs as float64.

    Args:
        x: shape ``(n, inputs)``.
        inputs: of the first layer.

    Raises:
        DataError: another shape, or numbers that are missing or infinite.

    References: none; checks the input of the bounds.
    """
    rows = numbers(x, "x", *SIZES)
    if rows.ndim != 2 or rows.shape[1] != inputs or not len(rows):
        raise DataError(f"x: expected shape (n, {inputs}) as the first layer reads, got {rows.shape}.")
    all_finite(rows, "x")
    return rows


def margin_gap(complexity: float, margin: float, n: int, delta: float = 0.05) -> float:
    r"""Bound on error less training error at a margin: :math:`2 R/\gamma + 3 \sqrt{\ln(2/\delta) / 2n}`, a share of samples.

    R is the empirical Rademacher complexity of a class of real outputs f, labels are +1 and -1, and the training error counts
    samples with ``y f(x) < margin``. It holds for all members at once, with probability ``1 - delta``, for a class and a
    margin that are fixed before the data. A bound above 1 says nothing.

    Args:
        complexity: R, in the unit of the outputs.
        margin: gamma, in the same unit, above 0.
        n: training samples.
        delta: probability of failure.

    Raises:
        UsageError: a number out of range.

    References: V. Koltchinskii and D. Panchenko, Annals of Statistics 30 (2002); P. Bartlett and S. Mendelson, JMLR 3 (2002);
        the form and its constants are those of M. Mohri, A. Rostamizadeh and A. Talwalkar, Foundations of machine learning,
        theorem 5.8 in the second edition (recalled).

    >>> round(margin_gap(0.0, 1.0, 100, 0.05), 3)
    0.407
    """
    size = nonnegative(complexity, "complexity")
    gamma, many, fails = positive(margin, "margin"), count(n, "n"), probability(delta, "delta")
    return 2.0 * size / gamma + 3.0 * math.sqrt(math.log(2.0 / fails) / (2.0 * many))


def fixed_before(weights: Sequence[ArrayLike]) -> tuple[Assumption, ...]:
    """What bounds on a class by norms ask: one output, and norms that were fixed before the data.

    Args:
        weights: as for :func:`layers_of`.

    References: none; what the bounds have in common.

    >>> [one.state for one in fixed_before([np.ones((1, 2))])]
    ['holds', 'unchecked']
    """
    found = layers_of(weights)
    outputs = found[-1].shape[0]
    return (
        checked("one output", "The network has one output, whose sign is the label.", outputs == 1, f"{outputs} outputs"),
        Assumption(
            "norms fixed", "The norms that bound the class are chosen before the data.", "unchecked",
            "those of the network itself are used, which makes the bound smaller than a valid one",
        ),
    )  # fmt: skip
