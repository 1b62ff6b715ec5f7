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
        One dictionary a data set: ``data``; ``claims``, the claims that are explained; ``open``, whether the effect
        of none of them is there, so that a reader asks why; ``items``, one dictionary a cause.
    """
    if study.diagnose is None:
        return []
    claims = [
        f"{study.name}.{name}" for name in study.diagnosed_claims or [claim.name for claim in study.claims]
    ]
    found = []
    for data, rows in evidence.items():
        held = [v for v in verdicts if v["data"] == data and v["claim"] in claims and _there(v)]
        items = [item.to_dict() for item in _looked(study, rows)]
        if items:
            found.append({"data": data, "claims": claims, "open": not held, "items": items})
    return found


def _there(verdict: Mapping[str, Any]) -> bool:
    """Whether the effect is there: supported, or every part that must reach a size excludes none at all.

    A rise and a fall whose intervals exclude zero are an effect, if perhaps a smaller one than is asked.
    """
    if verdict["status"] == "supported":
        return True
    sizes = [part for part in verdict["parts"] if part["at_least"] is not None and part["at_most"] is None]
    return bool(sizes) and all(part["low"] is not None and part["low"] > _none(part) for part in sizes)


def _none(part: Mapping[str, Any]) -> float:
    """The value that means no effect: the source's own cut-off, 1 of a ratio that is to exceed it, else 0."""
    own = part.get("contradicted_below")
    if own is not None:
        return float(own)
    return 1.0 if part["unit"] in ("", "×") and part["at_least"] >= 1 else 0.0


def _looked(study: Study, rows: Evidence) -> Sequence[Diagnosis]:
    if study.diagnose is None or not rows.rows:
        return ()
    try:
        return study.diagnose(rows)
    except Exception as error:  # a diagnosis from outside must not cost the verdicts
        detail = f"The diagnosis raised {type(error).__name__}: {error}."
        return (Diagnosis("diagnosis", "No cause could be looked for.", "not_checked", detail),)
