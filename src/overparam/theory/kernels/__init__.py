"""Kernels of wide networks, in float64 or float32: no data set, model or training is seen.

>>> from overparam.theory.kernels import fully_connected, kernels
>>> kernels(fully_connected(1), [[1.0, 1.0]], get="ntk").ntk
array([[1.]])
"""

from overparam.theory.kernels import deep, duals
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

THEOREMS = (*duals.THEOREMS, *deep.THEOREMS)

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
    "dense_network",
    "dual_activation",
    "dual_of",
    "fully_connected",
    "kernels",
    "output_shape",
    "polynomial",
]
