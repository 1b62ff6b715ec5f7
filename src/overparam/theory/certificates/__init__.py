"""Certificates: proofs, rounding included, that gradient descent takes a network to zero loss.

A certificate is never wrong: what cannot be proved in float64 is refused, with the reason.

>>> from overparam.theory.certificates import smallest_eigenvalue_bound
>>> smallest_eigenvalue_bound([[1.0, 1.0], [1.0, 1.0]])
0.0
"""

from overparam.theory.certificates import rump
from overparam.theory.certificates.rump import largest_eigenvalue_bound, smallest_eigenvalue_bound

__all__ = ["largest_eigenvalue_bound", "smallest_eigenvalue_bound"]

THEOREMS = rump.THEOREMS
