"""The compact record of what the studies found, which the package ships: ``studies/findings.json``.

One entry a study, of the run in its deciding profile. :func:`entry` makes it from a run's record.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from overparam.core import shapes
from overparam.core.documents import Damaged, content, loads
from overparam.core.errors import StoreError
from overparam.core.looks import FIRST_LOOK
from overparam.core.totals import p_values

FILE = Path(__file__).parents[1] / "studies" / "findings.json"
SCHEMA = 1


_SOME, _TEXTS = shapes.number(none=True), shapes.sequence(shapes.text())
_ENTRY = shapes.document(
    {
        "study": shapes.text(), "title": shapes.text(), "question": shapes.text(), "profile": shapes.text(),
        "mark": shapes.text(), "date": shapes.text(), "seeds": shapes.numbers, "below": shapes.flag,
        "cells": shapes.mapping(shapes.whole(0)), "minutes": shapes.number(0),
        "verdicts": shapes.sequence(
            shapes.document(
                {
                    **dict.fromkeys(
                        (
                            "statement", "sentence", "kind", "form", "data", "status", "label", "unit", "decided", "reason",
                            "control", "outside", "fingerprint",
                        ),
                        shapes.text(shapes.LONG),
                    ),
                    **dict.fromkeys(("effect", "low", "high"), _SOME),
                    **dict.fromkeys(("asked", "excluded", "p"), shapes.numbers),
                    "ledger": _TEXTS, "votes": _TEXTS, "level": shapes.number(0, 1), "n": shapes.whole(0),
                    "can_contradict": shapes.flag, "version": shapes.whole(0),
                }
            )
        ),
    }
)  # fmt: skip
_FILE = shapes.document({"schema": shapes.whole(0), "studies": shapes.sequence(_ENTRY)})


def entry(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run's record without what the totals and the page of findings do not read."""
    seeds = next((list(p["values"]) for p in record["parameters"] if p["name"] == "seed"), [])
    planned = record.get("planned") or {}
    return {
        "study": record["study"],
        "title": record["title"],
        "question": record["question"],
        "profile": record["profile"],
        "mark": record["mark"],
        "date": record["created"][:10],
        "seeds": seeds,
        "below": bool(planned.get("below", False)),
        "cells": {name: record["cells"][name] for name in ("total", "ok", "diverged")},
        "minutes": _short(record["compute_seconds"] / 60),
        "verdicts": [_verdict(one) for one in record["verdicts"]],
    }


def _verdict(verdict: Mapping[str, Any]) -> dict[str, Any]:
    part = deciding_part(verdict)
    support, contradiction = p_values(verdict)
    return {
        "statement": verdict["claim"].rpartition(".")[2],
        "sentence": verdict["sentence"],
        "kind": verdict.get("kind", "claim"),
        "form": verdict.get("form", ""),
        "ledger": list(verdict["ledger"]),
        "data": verdict["data"],
        "status": verdict["status"],
        "label": verdict["label"],
        "effect": _short(verdict["effect"]),
        "low": _short(verdict["low"]),
        "high": _short(verdict["high"]),
        "level": verdict.get("level", FIRST_LOOK),
        "n": verdict["n"],
        "unit": verdict["unit"],
        "asked": [_short(part.get("at_least")), _short(part.get("at_most"))],
        "excluded": [_short(part.get("contradicted_below")), _short(part.get("contradicted_above"))],
        "decided": part.get("told", "") if part.get("decided") else "",
        "can_contradict": can_contradict(verdict),
        "p": [_short(support), _short(contradiction)],
        "reason": verdict["reason"],
        "control": verdict["control"].get("detail", ""),
        "outside": verdict.get("outside", ""),
        "version": verdict["rule_version"],
        "fingerprint": verdict.get("rule_fingerprint", ""),
        "votes": [name.rpartition(".")[2] for name in verdict.get("votes", ())],
    }


def deciding_part(verdict: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the part of a verdict that decided it; an empty mapping where there is none."""
    same = [part for part in verdict["parts"] if part["label"] == verdict["label"]]
    return next((part for part in same if part["effect"] == verdict["effect"]), same[0] if same else {})


def can_contradict(verdict: Mapping[str, Any]) -> bool:
    """Whether anything that could be measured would have contradicted a claim."""
    if verdict.get("outside") or verdict.get("form") == "exists":
        return False
    if verdict["status"] == "contradicted" or verdict.get("form") == "limit":
        return True
    names = ("contradicted_below", "contradicted_above")
    return any(part.get(name) is not None for part in verdict["parts"] for name in names)


def _short(value: float | None) -> float | None:
    """A number with 8 significant digits; whole numbers stay as they are."""
    return value if value is None or isinstance(value, int) else float(f"{value:.8g}")


@lru_cache(maxsize=1)
def shipped() -> Mapping[str, Mapping[str, Any]]:
    """Return the entries that the package ships, by study."""
    return read(FILE)


def read(path: Path) -> dict[str, dict[str, Any]]:
    """Read entries by study; none where there is no file.

    Raises:
        StoreError: the file is damaged, or of another schema.
    """
    try:
        found = loads(content(path))
        _FILE(found)
    except FileNotFoundError:
        return {}
    except Damaged as error:
        raise StoreError(f"{path}: expected the findings of studies, got a damaged file ({error}).") from error
    if found["schema"] != SCHEMA:
        raise StoreError(
            f"{path}: expected schema {SCHEMA}, got {found['schema']}. Make it anew with `make findings`."
        )
    return {one["study"]: one for one in found["studies"]}


def text(entries: Iterable[Mapping[str, Any]]) -> str:
    """Return the file's text: one line a verdict, so that a change shows as the lines that changed."""
    studies = []
    for one in sorted(entries, key=lambda one: one["study"]):
        head = json.dumps(
            {k: v for k, v in one.items() if k != "verdicts"}, ensure_ascii=False, allow_nan=False
        )
        rows = ",\n".join(json.dumps(v, ensure_ascii=False, allow_nan=False) for v in one["verdicts"])
        studies.append(f'{head[:-1]}, "verdicts": [\n{rows}]}}')
    return f'{{"schema": {SCHEMA}, "studies": [\n' + ",\n".join(studies) + "\n]}\n"


def newest(records: Iterable[Mapping[str, Any]], profile: str) -> Mapping[str, Any] | None:
    """Return the run that decides among a study's records, newest first: none of another profile, none exploratory."""
    fit = (r for r in records if r["profile"] == profile and r["mark"] in ("", "extended"))
    return next(fit, None)
