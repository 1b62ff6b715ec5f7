"""The hall: what a study is, what a claim is, and how both speak of errors. Standard library only.

A study file imports its vocabulary here, at its top::

    from overparam.core import Axis, Claim, Study
"""

from overparam.core.claim import (
    Check,
    Claim,
    Control,
    Curve,
    Evidence,
    Finding,
    Params,
    Part,
    Precondition,
    Status,
    Verdict,
)
from overparam.core.diagnosis import Diagnosis
from overparam.core.errors import (
    DataError,
    MissingEvidence,
    NewerError,
    NullSpaceWarning,
    OverparamError,
    StoreError,
    UsageError,
    nearest,
    unknown,
)
from overparam.core.study import (
    Axis,
    Chart,
    Estimate,
    FitRule,
    Outcome,
    Profile,
    Progress,
    Series,
    Source,
    Study,
    XAxis,
    clean,
)

__all__ = [
    "Axis",
    "Chart",
    "Check",
    "Claim",
    "Control",
    "Curve",
    "DataError",
    "Diagnosis",
    "Estimate",
    "Evidence",
    "Finding",
    "FitRule",
    "MissingEvidence",
    "NewerError",
    "NullSpaceWarning",
    "Outcome",
    "OverparamError",
    "Params",
    "Part",
    "Precondition",
    "Profile",
    "Progress",
    "Series",
    "Source",
    "Status",
    "StoreError",
    "Study",
    "UsageError",
    "Verdict",
    "XAxis",
    "clean",
    "nearest",
    "unknown",
]
