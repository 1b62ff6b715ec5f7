"""Kernels of wide networks: closed forms, how well conditioned they are, why one is singular; deep ones by recursion.

>>> from overparam.theory.kernels import conditioning, fully_connected, kernels
>>> round(conditioning([[1.0, 0.0], [0.0, 1.0]], "relu").smallest, 12)
0.5
>>> kernels(fully_connected(1), [[1.0, 1.0]], get="ntk").ntk.round(12).tolist()
[[1.0]]
"""

from overparam.theory.kernels import deep, duals, theorems
from overparam.theory.kernels.closed_duals import polynomial
from overparam.theory.kernels.concentration import chernoff_width, concentration_ratio, jacobian_gram
from overparam.theory.kernels.conditioning import Conditioning, conditioning
from overparam.theory.kernels.covariance import covariance, cross_covariance, second_moment, two_layer_ntk
from overparam.theory.kernels.deep import KernelPair, kernels
from overparam.theory.kernels.duals import DualValue, dual_activation, dual_of
from overparam.theory.kernels.gaussian_moments import Dual
from overparam.theory.kernels.hermite import (
    HermiteBound,
    hermite_bound,
    hermite_covariance,
    hermite_terms,
    slope_coefficients,
)
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
from overparam.theory.kernels.schur import SchurBounds, schur_bounds
from overparam.theory.kernels.singular import Reason, why_singular, with_constant

__all__ = [
    "Activate",
    "AveragePool",
    "Conditioning",
    "Conv",
    "Dense",
    "Dual",
    "DualValue",
    "Flatten",
    "HermiteBound",
    "KernelPair",
    "Layer",
    "LayerNorm",
    "Reason",
    "Residual",
    "SchurBounds",
    "chernoff_width",
    "concentration_ratio",
    "conditioning",
    "covariance",
    "cross_covariance",
    "dense_network",
    "dual_activation",
    "dual_of",
    "fully_connected",
    "hermite_bound",
    "hermite_covariance",
    "hermite_terms",
    "jacobian_gram",
    "kernels",
    "output_shape",
    "polynomial",
    "schur_bounds",
    "second_moment",
    "slope_coefficients",
    "two_layer_ntk",
    "why_singular",
    "with_constant",
]

THEOREMS = (*theorems.THEOREMS, *duals.THEOREMS, *deep.THEOREMS)
