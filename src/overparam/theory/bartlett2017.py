"""Bartlett, Foster and Telgarsky (2017): margin bounds by spectral norms and distances to reference matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from overparam.core.errors import DataError
from overparam.theory.assumption import Assumption
from overparam.theory.capacity import fixed_before, layers_of, rows_of
from overparam.theory.inputs import positive, probability
from overparam.theory.theorem import Theorem

CITATION = (
    "P. Bartlett, D. Foster and M. Telgarsky, Spectrally-normalized margin bounds for neural networks, NeurIPS 2017, "
    "arXiv:1706.08498."
)


def spectral_complexity(weights: Sequence[ArrayLike], references: Sequence[ArrayLike] | None = None) -> float:
    r"""Spectral complexity of a network, in units of output over input.

    :math:`R = \prod_i s_i \, (\sum_i (b_i/s_i)^{2/3})^{3/2}` with the spectral norms :math:`s_i` and
    :math:`b_i = \|(W_i - M_i)^T\|_{2,1}`, the sum over units of the norm of what goes into one.

    Args:
        weights: matrices of shape ``(units, inputs)``, first layer first.
        references: M, matrices of the same shapes, such as those at the start; None for zero.

    Returns:
        R; 0 where the network is its references or some layer is 0.

    Raises:
        DataError: matrices that do not follow on one another, or references of other shapes.

    References: Bartlett, Foster and Telgarsky 2017, equation 1.2.

    >>> round(spectral_complexity([np.diag([2.0, 2.0])]), 12)  # 2 * (4 / 2)
    4.0
    """
    layers = layers_of(weights)
    fixed = [np.zeros_like(one) for one in layers] if references is None else layers_of(references)
    if [one.shape for one in fixed] != [one.shape for one in layers]:
        raise DataError(
            f"references: expected matrices of the shapes of weights, {[one.shape for one in layers]}, got "
            f"{[one.shape for one in fixed]}."
        )
    tops = [float(np.linalg.norm(one, 2)) for one in layers]
    if min(tops) == 0:
        return 0.0
    sums = [float(np.linalg.norm(a - b, axis=1).sum()) for a, b in zip(layers, fixed, strict=True)]
    return math.prod(tops) * sum((b / s) ** (2 / 3) for b, s in zip(sums, tops, strict=True)) ** 1.5


def spectral_gap(
    weights: Sequence[ArrayLike],
    x: ArrayLike,
    margin: float,
    references: Sequence[ArrayLike] | None = None,
    delta: float = 0.05,
) -> float:
    r"""Bound on error less training error at a margin, a share of samples.

    :math:`8/n + \frac{72 \|X\|_F \ln(2W) \ln n}{\gamma n} R + 3 \sqrt{\ln(1/\delta) / 2n}` with R of
    :func:`spectral_complexity` and W the largest number of units or inputs of a layer. A bound above 1 says nothing.

    Args:
        weights: matrices of shape ``(units, inputs)``, first layer first.
        x: training inputs, shape ``(n, inputs)``.
        margin: gamma, in the unit of the output, above 0.
        references: as for :func:`spectral_complexity`.
        delta: probability of failure.

    Raises:
        DataError: arrays that do not fit together.
        UsageError: a margin or probability out of range.

    References: Bartlett, Foster and Telgarsky 2017, lemma A.8 (constants recalled) for a class and margin fixed beforehand.

    >>> found = spectral_gap([[[1.0]]], [[1.0], [1.0]], 1.0, delta=0.05)
    >>> by_hand = 4 + 72 * 2**0.5 * np.log(2) * np.log(2) / 2 + 3 * (np.log(20) / 4) ** 0.5
    >>> bool(abs(found - by_hand) < 1e-9)
    True
    """
    layers = layers_of(weights)
    rows = rows_of(x, layers[0].shape[1])
    gamma, fails, n = positive(margin, "margin"), probability(delta, "delta"), len(rows)
    widest = max(max(one.shape) for one in layers)
    size = spectral_complexity(weights, references) * float(np.linalg.norm(rows)) / gamma
    middle = 72.0 * size * math.log(2.0 * widest) * math.log(n) / n
    return 8.0 / n + middle + 3.0 * math.sqrt(math.log(1.0 / fails) / (2.0 * n))


def assumptions(
    weights: Sequence[ArrayLike],
    x: ArrayLike,
    margin: float,
    references: Sequence[ArrayLike] | None = None,
    delta: float = 0.05,
) -> tuple[Assumption, ...]:
    """What the bound asks: norms and margin fixed before the data, an activation that is 1-Lipschitz and 0 at 0.

    Args: as for :func:`spectral_gap`.

    References: as for :func:`spectral_gap`.
    """
    spectral_gap(weights, x, margin, references, delta)
    return (
        fixed_before(weights)[1],
        Assumption(
            "activation", "The activation is 1-Lipschitz and 0 at 0; no biases.", "unchecked", "only weights are given"
        ),
        Assumption("margin fixed", "The margin is chosen before the data.", "unchecked", "only its value is given"),
        Assumption("references", "The reference matrices do not depend on the data.", "unchecked", "only their values are given"),
    )  # fmt: skip


THEOREMS = (
    Theorem(
        "spectral-margin-bound", spectral_gap,
        {"weights": (((2.0,),), ((-0.5,),)), "x": ((1.0,), (0.5,)), "margin": 0.5},
        assumptions, CITATION,
    ),
)  # fmt: skip
