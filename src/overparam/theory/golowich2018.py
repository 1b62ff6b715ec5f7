"""Golowich, Rakhlin and Shamir (2018): Rademacher complexity of networks by their Frobenius norms, with a root of the depth."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from overparam.theory.assumption import Assumption
from overparam.theory.capacity import fixed_before, layers_of, rows_of
from overparam.theory.theorem import Theorem

CITATION = (
    "N. Golowich, A. Rakhlin and O. Shamir, Size-independent sample complexity of neural networks, COLT 2018, "
    "arXiv:1712.06541."
)


def frobenius_complexity(weights: Sequence[ArrayLike], x: ArrayLike) -> float:
    r"""Bound on the empirical Rademacher complexity of all networks with these Frobenius norms, in the unit of the output.

    :math:`\frac{1}{n} \prod_j \|W_j\|_F (\sqrt{2 d \ln 2} + 1) \sqrt{\sum_i |x_i|^2}` with d layers.

    Args:
        weights: matrices of shape ``(units, inputs)``, first layer first, the last with one row.
        x: training inputs, shape ``(n, inputs)``.

    Raises:
        DataError: arrays that do not fit together.

    References: Golowich, Rakhlin and Shamir 2018, theorem 1 (recalled).

    >>> round(frobenius_complexity([[[3.0, 4.0]]], [[1.0, 0.0]]), 3)  # 5 (sqrt(2 ln 2) + 1)
    10.887
    """
    layers = layers_of(weights)
    rows = rows_of(x, layers[0].shape[1])
    product = math.prod(float(np.linalg.norm(one)) for one in layers)
    return (
        product * (math.sqrt(2.0 * math.log(2.0) * len(layers)) + 1.0) * float(np.linalg.norm(rows)) / len(rows)
    )


def assumptions(weights: Sequence[ArrayLike], x: ArrayLike) -> tuple[Assumption, ...]:
    """What the bound asks: one output, norms fixed before the data, a homogeneous activation.

    Args: as for :func:`frobenius_complexity`.

    References: as for :func:`frobenius_complexity`.
    """
    rows_of(x, layers_of(weights)[0].shape[1])
    return (
        *fixed_before(weights),
        Assumption(
            "homogeneous activation", "The activation is 1-Lipschitz and positive-homogeneous, such as relu; no biases.",
            "unchecked", "only weights are given",
        ),
    )  # fmt: skip


THEOREMS = (
    Theorem(
        "frobenius-complexity", frobenius_complexity,
        {"weights": (((2.0,),), ((-0.5,),)), "x": ((1.0,), (0.5,))}, assumptions, CITATION,
    ),
)  # fmt: skip
