"""The kernels of two-layer networks as entries of the list of theorems, with what they ask."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from overparam.theory.activations import Activation
from overparam.theory.assumption import Assumption, checked
from overparam.theory.kernels.concentration import chernoff_assumptions, chernoff_width
from overparam.theory.kernels.conditioning import conditioning
from overparam.theory.kernels.covariance import covariance, second_moment
from overparam.theory.kernels.hermite import hermite_bound
from overparam.theory.kernels.row_angles import rows_of
from overparam.theory.kernels.schur import schur_assumptions, schur_bounds
from overparam.theory.theorem import Theorem

OYMAK = (
    "S. Oymak and M. Soltanolkotabi, Towards moderate overparameterization: global convergence guarantees for "
    "training shallow neural networks, arXiv:1902.04674, 2019."
)
CHO = "Y. Cho and L. K. Saul, Kernel methods for deep learning, NIPS 2009."
ROWS = np.array([[0.6, 0.8, 0.0], [0.0, 1.0, 0.0], [0.0, 0.6, -0.8]])

GAUSSIAN_WEIGHTS = Assumption(
    "gaussian weights",
    "The hidden weights are independent standard normal numbers, and there are no biases.",
    "unchecked",
    "a property of the network's initialisation; append a constant coordinate to the rows for a bias",
)


def kernel_assumptions(x: ArrayLike, activation: str | Activation) -> tuple[Assumption, ...]:
    """What a kernel of infinite width asks.

    Args: as for :func:`covariance`.

    References: as for :func:`covariance`.

    >>> [one.state for one in kernel_assumptions([[1.0]], "relu")]
    ['unchecked', 'unchecked']
    """
    return (
        GAUSSIAN_WEIGHTS,
        Assumption(
            "infinite width",
            "The number of hidden units goes to infinity.",
            "unchecked",
            "a network of k units differs by about 1/sqrt(k) in every entry",
        ),
    )


def row_assumptions(x: ArrayLike, activation: str | Activation, **_: Any) -> tuple[Assumption, ...]:
    """What the theorems that use kappa ask of the rows.

    Args: as for :func:`conditioning`.

    References: as for :func:`conditioning`.

    >>> [one.state for one in row_assumptions([[1.0, 1.0]], "relu")]
    ['unchecked', 'fails', 'holds']
    """
    rows = rows_of(x)
    norms = np.linalg.norm(rows, axis=1)
    found = conditioning(rows, activation)
    return (
        GAUSSIAN_WEIGHTS,
        checked(
            "unit rows",
            "Every row has norm 1.",
            bool(np.abs(norms - 1).max() <= 1e-6),
            f"norms from {norms.min():.6g} to {norms.max():.6g}",
        ),
        checked(
            "positive definite",
            "The covariance is positive definite.",
            not found.singular,
            f"smallest eigenvalue {found.smallest:.4g}, proved at least {found.lower:.4g}",
        ),
    )


_EXAMPLE = {"x": ROWS, "activation": "tanh"}

THEOREMS = (
    Theorem("two-layer-covariance", covariance, _EXAMPLE, kernel_assumptions, OYMAK),
    Theorem("feature-second-moment", second_moment, {"x": ROWS, "activation": "relu"}, kernel_assumptions, CHO),
    Theorem("covariance-conditioning", conditioning, _EXAMPLE, row_assumptions, OYMAK, "where singular"),
    Theorem("hermite-lower-bound", hermite_bound, {**_EXAMPLE, "orders": 12}, row_assumptions, OYMAK),
    Theorem(
        "schur-product-bounds",
        schur_bounds,
        {"a": ROWS @ ROWS.T, "b": np.diag([1.0, 2.0, 3.0])},
        schur_assumptions,
        "I. Schur, Bemerkungen zur Theorie der beschraenkten Bilinearformen, J. reine angew. Math. 140, 1911.",
    ),
    Theorem(
        "gram-chernoff-width",
        chernoff_width,
        {"n": 40, "norm": 2.4, "smallest": 0.02, "largest_slope": 1.0, "failure": 0.05},
        chernoff_assumptions,
        "J. A. Tropp, User-friendly tail bounds for sums of random matrices, FoCM 12:389-434, 2012.",
        "where the covariance is singular or the slope unbounded",
    ),
)
