"""Your own network: what the theorems say about it.

>>> from overparam.measure import certify   # doctest: +SKIP
"""

from overparam.measure.certify import certify, certify_path, shortest_path
from overparam.measure.jacobian import empirical_kernel, jacobian

__all__ = ["certify", "certify_path", "empirical_kernel", "jacobian", "shortest_path"]
