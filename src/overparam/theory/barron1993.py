r"""How well N functions can do on average over an orthonormal family: at best an error of 1 - N / D.

Whatever a linear method or a kernel learns from n samples lies in the span of n functions. The mean over an orthonormal
family :math:`f_1, \ldots, f_D` of the squared distance to any space of dimension N is

.. math:: 1 - \frac{1}{D} \sum_i \|P f_i\|^2 \ge 1 - \frac{N}{D},

because :math:`\sum_i \|P f_i\|^2 = \sum_j \sum_i \langle u_j, f_i \rangle^2 \le N` for an orthonormal basis u of the space.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from overparam.core.errors import DataError
from overparam.theory.assumption import Assumption
from overparam.theory.inputs import columns_of, count
from overparam.theory.theorem import Theorem

CITATION = (
    "A. R. Barron, Universal approximation bounds for superpositions of a sigmoidal function, IEEE Transactions on "
    "Information Theory 39, 1993: the lower bound for linear subspaces (recalled; proved here)."
)
RANK = 1e-10  # of the largest singular value


def linear_floor(functions: int, family: int) -> float:
    """The least mean squared error of any N fixed functions over an orthonormal family, ``max(0, 1 - N / D)``.

    Args:
        functions: N; for a kernel, the number of samples.
        family: D, the number of targets.

    Returns:
        The bound, in units of the targets' variance.

    Raises:
        UsageError: numbers that are not whole, or below 0 and 1.

    Assumptions: the functions do not depend on the target: see :func:`assumptions`.

    References: Barron 1993, recalled; the proof is above.

    >>> linear_floor(100, 400), linear_floor(5, 3)
    (0.75, 0.0)
    """
    n, d = count(functions, "functions", low=0), count(family, "family")
    return max(0.0, 1.0 - n / d)


def average_error(features: ArrayLike, family: ArrayLike) -> float:
    """The least mean squared error of linear combinations of given functions over a family, on equally likely points.

    Args:
        features: values of the functions, shape ``(points, functions)``.
        family: values of the targets, shape ``(points, targets)``.

    Returns:
        The mean over targets of the squared distance to the functions' span, over their mean square.

    Raises:
        DataError: tables of different lengths, missing or infinite values, or targets that are all 0.

    References: derived here; the projection is that of a singular value decomposition.

    >>> average_error([[1.0], [1.0]], [[1.0, 1.0], [1.0, -1.0]])  # one of two orthonormal targets is the function
    0.5
    """
    given = columns_of(features, "features", low=1e-140, high=1e140)
    targets = columns_of(family, "family", len(given), low=1e-140, high=1e140)
    size = np.abs(targets).max()
    if size == 0:
        raise DataError("family: expected targets that are not 0 everywhere, got zeros.")
    targets = targets / size
    basis, s, _ = np.linalg.svd(given, full_matrices=False)
    basis = basis[:, s > RANK * s[0]]
    left = targets - basis @ (basis.T @ targets)
    return float(np.square(left).sum() / np.square(targets).sum())


def assumptions(functions: int, family: int) -> tuple[Assumption, ...]:
    """What the bound asks.

    Args: as for :func:`linear_floor`.

    References: Barron 1993.

    >>> [one.state for one in assumptions(10, 20)]
    ['unchecked', 'unchecked']
    """
    count(functions, "functions", low=0)
    count(family, "family")
    return (
        Assumption(
            "orthonormal", "The targets are orthonormal under the inputs' law.", "unchecked", "none is given"
        ),
        Assumption(
            "fixed functions",
            "The functions are the same for every target, as those of a kernel on given inputs are; features that a network "
            "learns are not.",
            "unchecked",
            "none is given",
        ),
    )


THEOREMS = (
    Theorem("linear-floor", linear_floor, {"functions": 100, "family": 400}, assumptions, CITATION),
)  # fmt: skip
