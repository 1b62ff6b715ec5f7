"""Your own network: what the theorems say about it.

>>> from overparam.measure import certify   # doctest: +SKIP
"""

from overparam.measure.certify import certify, certify_path, shortest_path
from overparam.measure.jacobian import empirical_kernel, jacobian
from overparam.measure.ladder import Ladder, Rung, width_ladder
from overparam.measure.predict import predict
from overparam.measure.prediction import Prediction
from overparam.measure.sgd import SgdCurve, sgd_curve

__all__ = [
    "Ladder",
    "Prediction",
    "Rung",
    "SgdCurve",
    "certify",
    "certify_path",
    "empirical_kernel",
    "jacobian",
    "predict",
    "sgd_curve",
    "shortest_path",
    "width_ladder",
]
