"""The kernels of two-layer networks as entries of the list of theorems, with what they ask."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from overparam.theory.activations import Activation
from overparam.theory.assumption import Assumption
from overparam.theory.kernels.covariance import covariance, second_moment
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


_EXAMPLE = {"x": ROWS, "activation": "tanh"}

THEOREMS = (
    Theorem("two-layer-covariance", covariance, _EXAMPLE, kernel_assumptions, OYMAK),
    Theorem("feature-second-moment", second_moment, {"x": ROWS, "activation": "relu"}, kernel_assumptions, CHO),
)
