"""Kernels of wide networks: their closed forms, how well conditioned they are, and why one is singular.

>>> from overparam.theory.kernels import covariance
>>> covariance([[1.0, 0.0], [0.0, 1.0]], "relu").tolist()
[[0.5, 0.0], [0.0, 0.5]]
"""

from overparam.theory.kernels import theorems
from overparam.theory.kernels.covariance import covariance, cross_covariance, second_moment, two_layer_ntk

__all__ = ["covariance", "cross_covariance", "second_moment", "two_layer_ntk"]

THEOREMS = theorems.THEOREMS
