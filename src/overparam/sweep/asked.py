"""Charts of the probes that a person asked for: over the x of the study, and over the steps where they are stored so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from overparam.core import Chart, Evidence, Series, Study
from overparam.sweep.width_work import DRAWN

_LINES = "_by_step"
_ENTRY = "@"  # stands between the name of a vector and the place in it


def opened(study: Study, evidence: Evidence) -> Evidence:
    """The cells with every short vector of a probe as numbers of its own; a list over the study's x stays one."""
    main = _main(study)
    rows = []
    for params, values in evidence.rows:
        more = {
            f"{name}{_ENTRY}{i}": one
            for name, value in values.items()
            if _vector(name, value, values, main) and len(value) <= DRAWN
            for i, one in enumerate(value, start=1)
        }
        rows.append((params, {**values, **more} if more else values))
    return Evidence(tuple(rows))


def asked(study: Study, evidence: Mapping[str, Evidence]) -> tuple[Chart, ...]:
    """One chart for each value of the probes, and one for its course where the study draws training over the steps.

    Args:
        study: the study.
        evidence: cells by data set, as :func:`opened` gives them.
    """
    first, main = study.charts[0], _main(study)
    whole: set[str] = set()
    names: dict[str, dict[str, None]] = {}
    for rows in evidence.values():
        for _, values in rows.rows:
            whole |= {name for name, value in values.items() if _vector(name, value, values, main)}
            for name in values:
                if "probe_" in name:
                    names.setdefault(name.partition(_ENTRY)[0], {})[name] = None
    made = []
    for name in sorted(names):
        shown = [one for one in names[name] if one not in whole]
        if not shown:
            continue
        words = name.replace("probe_", "").replace("_", " ")
        if name.endswith(_LINES):
            made += _course(study, name, words.removesuffix(_LINES.replace("_", " ")))
            continue
        shown.sort(key=lambda one: int(one.partition(_ENTRY)[2] or 0))
        series = tuple(
            Series(one, f"number {one.partition(_ENTRY)[2]}" if _ENTRY in one else "at the end of training")
            for one in shown
        )
        one = replace(first, name=name.replace("_", "-"), title=f"Probe: {words}", y_title=words, series=series)
        made.append(replace(one, y_log=False, fit=False, note=""))
    return tuple(made)


def _course(study: Study, name: str, words: str) -> list[Chart]:
    """A value over the steps, for the sizes whose training the study draws."""
    steps = next((one for one in study.charts if one.name == "steps"), None)
    if steps is None:
        return []
    series = tuple(replace(one, metric=name) for one in steps.series)
    made = replace(steps, name=name.replace("_", "-"), title=f"Probe: {words} during training", y_title=words)
    return [replace(made, series=series, y_log=False, note="")]


def _main(study: Study) -> str:
    first = study.charts[0]
    return first.along or first.x[0].name


def _vector(name: str, value: Any, values: Mapping[str, Any], main: str) -> bool:
    """Whether a value is a vector that a probe measured, not a list over places of the cell."""
    course = name.endswith(_LINES) or isinstance(values.get(main), list | tuple)
    return "probe_" in name and isinstance(value, list | tuple) and not course
