"""What is predicted: theorems as functions of spectra and numbers, in float64, one file a theorem.

A theorem sees no data set, model or training. Each function says its source, and what was only recalled; each file
lists what its formula asks, as :class:`~overparam.theory.assumption.Assumption`.

>>> from overparam.theory import weak_features_risk
>>> weak_features_risk([1.0, 1.0], n=8, widths=[2], noise=5.0).tolist()
[7.0]
"""

from overparam.theory.assumption import Assumption
from overparam.theory.bartlett2020 import BenignRanks, benign_ranks
from overparam.theory.belkin2020 import weak_features_risk
from overparam.theory.catalog import available
from overparam.theory.hastie2022 import isotropic_ridge_risk, isotropic_risk, ridge_risk, ridgeless_risk
from overparam.theory.holzmuller2021 import noise_floor
from overparam.theory.nakkiran2021 import OptimalRidge, isotropic_optimal_ridge, optimal_ridge_risk
from overparam.theory.simon2023 import RiskParts, kernel_ridge_risk, random_feature_risk, risk_parts
from overparam.theory.theorem import Theorem

__all__ = [
    "Assumption",
    "BenignRanks",
    "OptimalRidge",
    "RiskParts",
    "Theorem",
    "available",
    "benign_ranks",
    "isotropic_optimal_ridge",
    "isotropic_ridge_risk",
    "isotropic_risk",
    "kernel_ridge_risk",
    "noise_floor",
    "optimal_ridge_risk",
    "random_feature_risk",
    "ridge_risk",
    "ridgeless_risk",
    "risk_parts",
    "weak_features_risk",
]
