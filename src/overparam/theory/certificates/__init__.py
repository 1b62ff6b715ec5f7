"""Certificates: proofs, their own rounding included, that gradient descent in exact arithmetic converges to zero loss.

A certificate is never wrong: what cannot be proved in float64 is refused, with the reason.

>>> from overparam.theory.certificates import certify_two_layer
>>> certify_two_layer([[1.0]], [1.0], [[1.0]], [0.8], "tanh").verdict
'certified'
"""

from overparam.theory.certificates import interpolation, lipschitz, rump
from overparam.theory.certificates.certificate import Certificate
from overparam.theory.certificates.certify import certify_dense, certify_jacobian, certify_two_layer
from overparam.theory.certificates.dense import Dense, evaluate, two_layer
from overparam.theory.certificates.lipschitz import FourthMoment, fourth_moment
from overparam.theory.certificates.posteriori import FirstCertified, first_certified
from overparam.theory.certificates.rump import largest_eigenvalue_bound, smallest_eigenvalue_bound
from overparam.theory.certificates.run_check import KeyLemma, RunCheck, check_run, key_lemma
from overparam.theory.certificates.shortest_path import (
    ShortestPath,
    distance_bound,
    nearest_interpolator,
    shortest_path,
)

__all__ = [
    "Certificate",
    "Dense",
    "FirstCertified",
    "FourthMoment",
    "KeyLemma",
    "RunCheck",
    "ShortestPath",
    "certify_dense",
    "certify_jacobian",
    "certify_two_layer",
    "check_run",
    "distance_bound",
    "evaluate",
    "first_certified",
    "fourth_moment",
    "key_lemma",
    "largest_eigenvalue_bound",
    "nearest_interpolator",
    "shortest_path",
    "smallest_eigenvalue_bound",
    "two_layer",
]

THEOREMS = (*rump.THEOREMS, *lipschitz.THEOREMS, *interpolation.THEOREMS)
