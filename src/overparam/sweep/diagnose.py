"""From evidence to the causes of an absent effect, as a study names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from overparam.core import Diagnosis, Evidence, Study


def diagnoses(
    study: Study, evidence: Mapping[str, Evidence], verdicts: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Look for causes on every data set.

    Args:
        study: the study; one without ``diagnose`` gives nothing.
        evidence: finished cells by data set.
        verdicts: the judged claims of all data sets.

    Returns:
        One dictionary a data set: ``data``; ``claims``, the claims that are explained; ``open``, whether none of
        them is supported, so that a reader asks why; ``items``, one dictionary a cause.
    """
    if study.diagnose is None:
        return []
    claims = [
        f"{study.name}.{name}" for name in study.diagnosed_claims or [claim.name for claim in study.claims]
    ]
    found = []
    for data, rows in evidence.items():
        held = [
            v for v in verdicts if v["data"] == data and v["claim"] in claims and v["status"] == "supported"
        ]
        items = [item.to_dict() for item in _looked(study, rows)]
        if items:
            found.append({"data": data, "claims": claims, "open": not held, "items": items})
    return found


def _looked(study: Study, rows: Evidence) -> Sequence[Diagnosis]:
    if study.diagnose is None or not rows.rows:
        return ()
    try:
        return study.diagnose(rows)
    except Exception as error:  # a diagnosis from outside must not cost the verdicts
        detail = f"The diagnosis raised {type(error).__name__}: {error}."
        return (Diagnosis("diagnosis", "No cause could be looked for.", "not_checked", detail),)
