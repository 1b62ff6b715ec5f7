"""Kernels of wide networks: their closed forms, how well conditioned they are, and why one is singular.

>>> from overparam.theory.kernels import conditioning
>>> round(conditioning([[1.0, 0.0], [0.0, 1.0]], "relu").smallest, 12)
0.5
"""

from overparam.theory.kernels import theorems
from overparam.theory.kernels.concentration import chernoff_width, concentration_ratio, jacobian_gram
from overparam.theory.kernels.conditioning import Conditioning, conditioning
from overparam.theory.kernels.covariance import covariance, cross_covariance, second_moment, two_layer_ntk
from overparam.theory.kernels.hermite import (
    HermiteBound,
    hermite_bound,
    hermite_covariance,
    hermite_terms,
    slope_coefficients,
)
from overparam.theory.kernels.schur import SchurBounds, schur_bounds
from overparam.theory.kernels.singular import Reason, why_singular, with_constant

__all__ = [
    "Conditioning",
    "HermiteBound",
    "Reason",
    "SchurBounds",
    "chernoff_width",
    "concentration_ratio",
    "conditioning",
    "covariance",
    "cross_covariance",
    "hermite_bound",
    "hermite_covariance",
    "hermite_terms",
    "jacobian_gram",
    "schur_bounds",
    "second_moment",
    "slope_coefficients",
    "two_layer_ntk",
    "why_singular",
    "with_constant",
]

THEOREMS = theorems.THEOREMS
