"""Your own network: what the theorems say about it.

>>> from overparam.own import certify   # doctest: +SKIP
"""

from overparam.own.certify import certify, certify_path, shortest_path
from overparam.own.certify_model import certify_model
from overparam.own.jacobian import empirical_kernel, jacobian
from overparam.own.predict import predict
from overparam.own.prediction import Prediction
from overparam.own.required_widths import Ladder, Rung, width_ladder
from overparam.own.sgd import SgdCurve, sgd_curve

__all__ = [
    "Ladder",
    "Prediction",
    "Rung",
    "SgdCurve",
    "certify",
    "certify_model",
    "certify_path",
    "empirical_kernel",
    "jacobian",
    "predict",
    "sgd_curve",
    "shortest_path",
    "width_ladder",
]
