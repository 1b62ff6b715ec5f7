"""Kernels of wide networks: closed forms, how well conditioned they are, why one is singular; deep ones by recursion.

>>> from overparam.theory.kernels import covariance, fully_connected, kernels
>>> covariance([[1.0, 0.0], [0.0, 1.0]], "relu").tolist()
[[0.5, 0.0], [0.0, 0.5]]
>>> kernels(fully_connected(1), [[1.0, 1.0]], get="ntk").ntk.round(12).tolist()
[[1.0]]
"""

from overparam.theory.kernels import deep, duals, theorems
from overparam.theory.kernels.covariance import covariance, cross_covariance, second_moment, two_layer_ntk
from overparam.theory.kernels.deep import KernelPair, kernels
from overparam.theory.kernels.duals import Dual, DualValue, dual_activation, dual_of, polynomial
from overparam.theory.kernels.layers import (
    Activate,
    AveragePool,
    Conv,
    Dense,
    Flatten,
    Layer,
    LayerNorm,
    Residual,
    output_shape,
)
from overparam.theory.kernels.networks import dense_network, fully_connected

__all__ = [
    "Activate",
    "AveragePool",
    "Conv",
    "Dense",
    "Dual",
    "DualValue",
    "Flatten",
    "KernelPair",
    "Layer",
    "LayerNorm",
    "Residual",
    "covariance",
    "cross_covariance",
    "dense_network",
    "dual_activation",
    "dual_of",
    "fully_connected",
    "kernels",
    "output_shape",
    "polynomial",
    "second_moment",
    "two_layer_ntk",
]

THEOREMS = (*theorems.THEOREMS, *duals.THEOREMS, *deep.THEOREMS)
