"""Bartlett, Harvey, Liaw and Mehrabian (2019): the VC dimension of ReLU networks, and what it promises about the error."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from overparam.core.errors import UsageError
from overparam.theory.assumption import Assumption, checked
from overparam.theory.inputs import count, nonnegative, probability
from overparam.theory.theorem import Theorem

CITATION = (
    "P. Bartlett, N. Harvey, C. Liaw and A. Mehrabian, Nearly-tight VC-dimension and pseudodimension bounds for piecewise linear "
    "neural networks, JMLR 20 (2019), arXiv:1703.02930."
)


def vc_dimension(sizes: Sequence[int]) -> float:
    r"""Upper bound on the VC dimension of the signs of a dense ReLU network with biases, in points.

    :math:`L + \bar L W \log_2(4 e R \log_2(2 e R))` with L layers, :math:`\bar L W = \sum_i W_i`, :math:`W_i` the parameters of
    the layers up to i, and :math:`R = \sum_i i k_i`, :math:`k_i` the units of layer i.

    Args:
        sizes: inputs, units of every hidden layer, and 1 for the output.

    Raises:
        UsageError: fewer than two sizes, sizes below 1, or more than one output.

    References: Bartlett, Harvey, Liaw and Mehrabian 2019, theorem 6, with one breakpoint (constants recalled).

    >>> round(vc_dimension([2, 1]), 2)  # a half-plane: 3 points; 1 + 3 log2(4 e log2(2 e))
    15.19
    """
    try:
        many = [count(one, "sizes", 1, 10**12) for one in sizes]
    except TypeError:
        raise UsageError(f"sizes: expected inputs, units of every layer and 1, got {sizes!r}.") from None
    if len(many) < 2 or many[-1] != 1:
        raise UsageError(
            f"sizes: expected inputs, units of every hidden layer and 1 output, got {many}. End with 1."
        )
    each = [(a + 1) * b for a, b in itertools.pairwise(many)]
    below = float(np.cumsum(np.asarray(each, float)).sum())
    r = float(sum((i + 1) * k for i, k in enumerate(many[1:])))
    return len(each) + below * math.log2(4 * math.e * r * math.log2(2 * math.e * r))


def vc_gap(dimension: float, n: int, delta: float = 0.05) -> float:
    r"""Bound on error less training error for a class of a VC dimension, a share of samples.

    :math:`2 \sqrt{2 (\ln S(2n) + \ln(2/\delta)) / n}` with :math:`S(2n) \le (2en/h)^h` where :math:`h \le 2n`, else all
    :math:`2^{2n}` labelings. It holds for all members at once with probability ``1 - delta``; above 1 it says nothing.

    Args:
        dimension: h, or an upper bound on it.
        n: training samples.
        delta: probability of failure.

    Raises:
        UsageError: a number out of range.

    References: V. Vapnik and A. Chervonenkis 1971, Sauer's lemma; the form of O. Bousquet, S. Boucheron and G. Lugosi,
        Introduction to statistical learning theory, 2004, theorem 4 (constants recalled).

    >>> round(vc_gap(3, 10_000), 3)
    0.163
    """
    h, many, fails = nonnegative(dimension, "dimension"), count(n, "n"), probability(delta, "delta")
    labelings = 2.0 * many * math.log(2.0)
    if 0 < h < 2 * many:
        labelings = min(labelings, h * math.log(2.0 * math.e * many / h))
    elif h == 0:
        labelings = 0.0
    return 2.0 * math.sqrt(2.0 * (labelings + math.log(2.0 / fails)) / many)


def assumptions(sizes: Sequence[int]) -> tuple[Assumption, ...]:
    """What the bound asks: dense layers with one output, and relu or another activation of two pieces.

    Args: as for :func:`vc_dimension`.

    References: as for :func:`vc_dimension`.
    """
    vc_dimension(sizes)
    return (
        checked("one output", "The sign of one output is the label.", True, "the last size is 1"),
        Assumption("piecewise linear", "The activation is relu.", "unchecked", "only sizes are given"),
    )


THEOREMS = (Theorem("vc-dimension", vc_dimension, {"sizes": (4, 8, 1)}, assumptions, CITATION),)
