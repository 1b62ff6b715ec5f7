"""The shape of a run's record: what a page, a list of verdicts and the ledger read of it.

Records of earlier versions lack some keys; those that may be absent are optional here. Beside the shape three things
must hold: lines of a chart have one length, intervals begin below their end, and the record lies where it says.
"""

from __future__ import annotations

from typing import Any

from overparam.core.kinds import GROUPS
from overparam.core.shapes import (
    LONG,
    SHORT,
    Check,
    Unfit,
    document,
    either,
    fail,
    flag,
    mapping,
    nothing,
    number,
    numbers,
    plain,
    safe_name,
    sequence,
    text,
    whole,
    word,
)  # fmt: skip
from overparam.store.schema import COUNT, version

STATUSES = ("supported", "contradicted", "inconclusive", "not_applicable")
SEED = whole(-(2**127), 2**127)
_STATUS, _SOME, _TEXTS = word(*STATUSES), number(none=True), sequence(text())
_LEVEL = number(0.5, 0.999999)
_ORDERED = (("low", "high"), ("wide_low", "wide_high"))


def scalar(value: Any) -> None:
    """A number, a text, true, false or null."""
    if type(value) in (list, dict):
        raise fail("a number, a text, true, false or null", value)
    plain(value)


def ordered(check: Check) -> Check:
    """What fits, and whose intervals begin below their end."""

    def checked(value: Any) -> None:
        check(value)
        for low, high in _ORDERED:
            first, last = value.get(low), value.get(high)
            if first is not None and last is not None and first > last:
                raise Unfit(
                    f"expected a lower end below the upper one, got {low} {first:g} and {high} {last:g}"
                )

    return checked


PART = ordered(
    document(
        {
            "label": text(), "effect": _SOME, "low": _SOME, "high": _SOME, "n": COUNT, "at_least": _SOME,
            "at_most": _SOME, "unit": text(), "status": _STATUS,
        },
        {
            "contradicted_below": _SOME, "contradicted_above": _SOME, "wide_low": _SOME, "wide_high": _SOME,
            "setting": text(), "decided": word("", *STATUSES), "told": text(),
        },
    )
)  # fmt: skip
_PRECONDITION = document({"name": text(), "sentence": text(), "ok": flag, "detail": text()})
_CONTROL = document(
    {
        "sentence": text(), "status": word("not_run", "too_weak", *STATUSES), "ok": flag, "detail": text(),
        "parts": sequence(PART),
    }
)  # fmt: skip


def _claim(value: Any) -> None:
    text()(value)
    study, dot, name = value.partition(".")
    if not (study and dot and name):
        raise fail("the name of a study, a dot and the name of a statement", value)


VERDICT = ordered(
    document(
        {
            "claim": _claim, "sentence": text(), "ledger": _TEXTS, "source": text(), "status": _STATUS,
            "reason": text(LONG), "effect": _SOME, "low": _SOME, "high": _SOME, "n": COUNT, "unit": text(),
            "label": text(), "rule": text(LONG), "rule_version": COUNT, "parts": sequence(PART),
            "preconditions": sequence(_PRECONDITION), "control": _CONTROL, "profile": text(), "data": text(),
            "mark": text(), "chart": text(),
        },
        {
            "kind": word(*GROUPS), "form": text(), "scope": _TEXTS, "outside": text(), "level": _LEVEL,
            "votes": _TEXTS, "rule_fingerprint": text(), "history": _TEXTS, "needed": either(nothing, whole(1, 2**53)),
            "registered": mapping(plain),
        },
    )
)  # fmt: skip

_HERO = document(
    {"chart": text()},
    {"fit": _TEXTS, "toggled": _TEXTS, "toggle": text(), "band": text(), "together": flag},
)
_AXIS = document({"name": text(), "title": text(), "log": flag}, {"names": _TEXTS})
_SERIES = document(
    {
        "arm": scalar, "data": text(), "label": text(), "metric": text(), "dashed": flag, "x": mapping(numbers),
        "mean": numbers, "low": numbers, "high": numbers, "n": sequence(COUNT), "seeds": sequence(numbers),
        "seed_names": sequence(SEED), "average": word("arithmetic", "geometric"),
    },
    {"frame": scalar},
)  # fmt: skip
_PLACES = either(nothing, mapping(_SOME))
_LINE = document(
    {
        "arm": scalar, "data": text(), "label": text(), "x": _PLACES, "low": _PLACES, "high": _PLACES, "n": COUNT,
        "detail": text(),
    }
)  # fmt: skip
_CHART = document(
    {
        "name": text(), "title": text(), "note": text(), "x": sequence(_AXIS, 1), "y_title": text(), "y_log": flag,
        "arm": text(), "arm_title": text(), "series": sequence(_SERIES), "lines": sequence(_LINE),
    },
    {
        "level": _LEVEL, "hero": _HERO, "arm_first": scalar,
        "frames": document({"name": text(), "title": text(), "values": sequence(scalar, 1)}),
    },
)  # fmt: skip


def chart(value: Any) -> None:
    """A chart whose lines have a place on every axis for every point."""
    _CHART(value)
    axes = [axis["name"] for axis in value["x"]]
    frames = value.get("frames", {}).get("values", [None])
    for place, series in enumerate(value["series"]):
        points = len(series["mean"])
        lines = {"low": series["low"], "high": series["high"], "n": series["n"]}
        lines |= {f"x.{name}": series["x"].get(name, ()) for name in axes}
        lines |= {f"seeds[{i}]": line for i, line in enumerate(series["seeds"])}
        for name, line in lines.items():
            if len(line) != points:
                raise Unfit(f"expected {points} values as in mean, got {len(line)}", f".series[{place}].{name}")
        if series.get("frame") not in frames:
            raise Unfit(
                f"expected one of the chart's frames, got {series.get('frame')!r}", f".series[{place}].frame"
            )
        if len(series["seeds"]) != len(series["seed_names"]):
            raise Unfit("expected a name for every seed's line", f".series[{place}].seed_names")
        for i, (low, high) in enumerate(zip(series["low"], series["high"], strict=True)):
            if low is not None and high is not None and low > high:
                raise Unfit("expected a lower end below the upper one", f".series[{place}].low[{i}]")


_CELLS = document(
    dict.fromkeys(("total", "ok", "diverged", "failed", "missing", "computed"), COUNT), {"damaged": COUNT}
)
_PARAMETER = document({"name": text(), "help": text(), "values": sequence(either(sequence(scalar), scalar))})
_SOURCE = document({"key": text(), "citation": text(), "url": text(), "bibtex": text(LONG)})
_FAILED = document({"params": mapping(plain), "error": text(LONG), "traceback": text(LONG)})
_DIVERGED = document({"params": mapping(plain), "note": text(LONG)})
_CAUSE = document(
    {
        "name": text(),
        "sentence": text(),
        "state": word("likely", "ruled_out", "not_checked"),
        "detail": text(LONG),
    }
)
_DIAGNOSIS = document({"data": text(), "claims": _TEXTS, "open": flag, "items": sequence(_CAUSE)})
_ENVIRONMENT = document(
    {
        "overparam": text(), "versions": mapping(text()), "python": text(), "platform": text(), "commit": text(),
        "dirty": flag, "device": text(), "workers": whole(0, 2**31), "threads": whole(0, 2**31, none=True),
        "executor": text(),
    },
    {"changes": text()},
)  # fmt: skip
_PLANNED = document(
    {
        "first": SEED,
        "count": COUNT,
        "have": COUNT,
        "rung": COUNT,
        "level": _LEVEL,
        "below": flag,
        "decides": flag,
    }
)

RECORD = document(
    {
        "schema": version, "run": safe_name, "study": safe_name, "title": text(), "question": text(),
        "profile": text(), "profile_help": text(), "mark": text(), "overrides": mapping(text(LONG)),
        "created": text(), "seconds": number(0, 1e12), "compute_seconds": number(0, 1e12), "cells": _CELLS,
        "parameters": sequence(_PARAMETER), "verdicts": sequence(VERDICT), "charts": sequence(chart),
        "sources": sequence(_SOURCE), "differences": _TEXTS, "failures": sequence(_FAILED),
        "diverged": sequence(_DIVERGED), "notes": sequence(text(LONG)), "environment": _ENVIRONMENT,
        "cell_version": COUNT, "cell_names": sequence(safe_name), "reference": text(),
    },
    {
        "sequence": COUNT, "again": text(), "planned": either(nothing, _PLANNED), "diagnoses": sequence(_DIAGNOSIS),
        "judged": document({}, {"at": text(), "commit": text(), "dirty": flag}),
    },
)  # fmt: skip
"""A run's record."""

__all__ = ["PART", "RECORD", "SHORT", "STATUSES", "VERDICT", "chart", "ordered", "scalar"]
