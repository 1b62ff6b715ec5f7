"""overparam: a laboratory for over-parameterized learning.

>>> import overparam
>>> result = overparam.run("double-descent", profile="quick")   # doctest: +SKIP
>>> result.verdicts                                             # doctest: +SKIP

Names below are imported on first use, so that ``import overparam`` costs nothing (PEP 562).
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_WHERE = {
    "run": "api",
    "load": "api",
    "gallery": "api",
    "widths": "families",
    "widths_study": "families",
    "Result": "result",
    "risk_curve": "risk",
    "RiskCurve": "risk",
    "Assumption": "theory",
    "certify": "measure",
    "predict": "measure",
    "Prediction": "measure",
    "sgd_curve": "measure",
    "width_ladder": "measure",
    "Ladder": "measure",
    "studies": "registry",
    "find": "registry",
    "Study": "study",
    "Axis": "study",
    "Profile": "study",
    "Chart": "study",
    "XAxis": "study",
    "Series": "study",
    "FitRule": "study",
    "Source": "study",
    "Estimate": "study",
    "Outcome": "study",
    "Claim": "claim",
    "Control": "claim",
    "Precondition": "claim",
    "Check": "claim",
    "Evidence": "claim",
    "Finding": "claim",
    "Part": "claim",
    "Verdict": "claim",
    "Diagnosis": "diagnosis",
    "Dataset": "data",
    "load_data": "data:load",
    "label_noise": "data",
    "Network": "models",
    "linear": "models",
    "two_layer": "models",
    "mlp": "models",
    "cnn": "models",
    "cnn1d": "models",
    "linearise": "models",
    "Recipe": "training",
    "Member": "training",
    "train": "training",
    "OverparamError": "errors",
    "UsageError": "errors",
    "DataError": "errors",
    "StoreError": "errors",
}

__all__ = [*_WHERE, "__version__"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("overparam")
    if name not in _WHERE:
        from overparam.errors import nearest

        raise AttributeError(f"module 'overparam' has no attribute '{name}'.{nearest(name, _WHERE)}")
    module, _, other = _WHERE[name].partition(":")
    value = getattr(import_module(f"overparam.{module}"), other or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
