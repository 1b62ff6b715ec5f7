"""Neyshabur, Tomioka and Srebro (2015): Rademacher complexity of networks by the sum over their paths."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from overparam.theory.assumption import Assumption
from overparam.theory.capacity import fixed_before, layers_of, rows_of
from overparam.theory.theorem import Theorem

CITATION = "B. Neyshabur, R. Tomioka and N. Srebro, Norm-based capacity control in neural networks, COLT 2015, arXiv:1503.00036."


def path_norm(weights: Sequence[ArrayLike]) -> float:
    """Sum over all paths from an input to an output of the product of the sizes of their weights, in units of output over input.

    Args:
        weights: matrices of shape ``(units, inputs)``, first layer first.

    Raises:
        DataError: matrices that do not follow on one another.

    References: Neyshabur, Tomioka and Srebro 2015, section 3 (the path regulariser at p = 1).

    >>> path_norm([[[1.0, -2.0], [0.0, 3.0]], [[2.0, -1.0]]])  # 2 (1 + 2) + 1 * 3
    9.0
    """
    layers = layers_of(weights)
    sums = np.ones(layers[0].shape[1])
    for one in layers:
        sums = np.abs(one) @ sums
    return float(sums.sum())


def path_complexity(weights: Sequence[ArrayLike], x: ArrayLike) -> float:
    r"""Bound on the empirical Rademacher complexity of all networks with this path norm, in the unit of the output.

    :math:`2^{d-1} \phi \sqrt{4 \ln(2 D) / n} \max_i |x_i|_\infty` with d layers, path norm :math:`\phi` and D inputs.

    Args:
        weights: matrices of shape ``(units, inputs)``, first layer first, the last with one row.
        x: training inputs, shape ``(n, inputs)``.

    Raises:
        DataError: arrays that do not fit together.

    References: Neyshabur, Tomioka and Srebro 2015, theorem 1 at p = 1, q infinite, where the group norm of the best rescaling is
        the path norm (recalled).

    >>> round(path_complexity([[[1.0, 1.0]]], [[1.0, 0.5]]), 3)  # 2 sqrt(4 ln 4)
    4.71
    """
    layers = layers_of(weights)
    rows = rows_of(x, layers[0].shape[1])
    width = math.sqrt(4.0 * math.log(2.0 * rows.shape[1]) / len(rows)) * float(np.abs(rows).max())
    return 2.0 ** (len(layers) - 1) * path_norm(weights) * width


def assumptions(weights: Sequence[ArrayLike], x: ArrayLike) -> tuple[Assumption, ...]:
    """What the bound asks: one output, norms fixed before the data, relu without biases.

    Args: as for :func:`path_complexity`.

    References: as for :func:`path_complexity`.
    """
    rows_of(x, layers_of(weights)[0].shape[1])
    return (
        *fixed_before(weights),
        Assumption("relu", "The activation is relu; no biases.", "unchecked", "only weights are given"),
    )


THEOREMS = (
    Theorem(
        "path-complexity", path_complexity,
        {"weights": (((2.0,),), ((-0.5,),)), "x": ((1.0,), (0.5,))}, assumptions, CITATION,
    ),
)  # fmt: skip
