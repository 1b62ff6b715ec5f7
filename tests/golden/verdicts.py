"""The verdicts of the studies before they were written in the claim algebra, against those of today.

``verdicts/STUDY.json.gz`` holds, from the code before: the stored cells of the quick profile with their names, every claim
and control on them, the names of the cells of every profile, and some 40 planted evidences a study with every claim and
control on each. ``verdicts/differences.json`` lists where today's answer is another one, each with its reason.
"""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from overparam.core import Evidence, MissingEvidence, Study
from overparam.core.registry import find

FOLDER = Path(__file__).with_name("verdicts")
SPLIT = {
    "certified-convergence": ("certified-convergence", "certified-widths", "relu-switches"),
    "lazy-training": ("lazy-scale", "lazy-width", "kernel-drift", "lazy-ensemble", "lazy-targets"),
}
NUMBERS = ("effect", "low", "high", "n", "at_least", "at_most")


def golden(name: str) -> dict[str, Any]:
    """What a study said before."""
    return json.loads(gzip.decompress((FOLDER / f"{name}.json.gz").read_bytes()))


def names() -> list[str]:
    """The studies before."""
    return sorted(
        path.name.removesuffix(".json.gz") for path in FOLDER.glob("*.json.gz") if path.name[:6] != "family"
    )


def today(name: str) -> list[Study]:
    """The study, or those that it became."""
    return [find(one) for one in SPLIT.get(name, (name,))]


def evidence(rows: Sequence[Any], study: Study) -> Evidence:
    """The rows that a study takes, with its own axes; lists among the parameters become tuples."""
    axes = {axis.name: axis for axis in study.axes}
    was = study.formerly
    free = {key for also in was.also for key in also} if was else set()
    kept = []
    for params, values in rows:
        mine = was is None or all(params.get(k, v) == v for k, v in was.params.items() if k not in free)
        mine = mine and all(
            params[name] in axis.choices
            for name, axis in axes.items()
            if was and axis.choices and name in params and name != "data"
        )
        if mine:
            own = {
                k: tuple(v) if isinstance(v, list) else v for k, v in params.items() if was is None or k in axes
            }
            kept.append((own, values))
    return Evidence(tuple(kept))


def _told(judge: Any, rows: Evidence) -> dict[str, Any]:
    try:
        found = judge(rows)
    except MissingEvidence as error:
        return {"missing": str(error)}
    except Exception as error:
        return {"raised": f"{type(error).__name__}: {error}"}
    return {
        "status": found.status,
        "parts": [{name: getattr(p, name) for name in NUMBERS} for p in found.parts],
    }


def _near(a: Any, b: Any) -> bool:
    known = [x is not None and math.isfinite(x) for x in (a, b)]
    return known[0] == known[1] and (not known[0] or math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9))


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """What differs in words, empty if nothing: status and, part by part, effect, interval, n and cut-offs."""
    if "raised" in old:
        return "" if "raised" not in new or old["raised"] == new["raised"] else f"raised: {new['raised']}"
    if "missing" in old or "missing" in new or "raised" in new:
        if "missing" in old and "missing" in new:
            return ""
        if "judges one value" in old.get("missing", "") and "raised" not in new:
            return ""  # several settings in one run were refused, and are judged apart now
        told = [one.get("status") or f"{next(iter(one))}" for one in (old, new)]
        return f"{told[0]} before, {told[1]} now"
    if old["status"] != new["status"]:
        return f"{old['status']} before, {new['status']} now"
    left = list(new["parts"])
    for part in old["parts"]:
        hit = next((p for p in left if all(_near(part[k], p[k]) for k in NUMBERS)), None)
        if hit is None:
            return f"another number ({old['status']} both times)"
        left.remove(hit)
    return f"{len(left)} more parts" if left else ""


def _asked(claim: Any, raw: Mapping[str, Any], rows: Evidence) -> str:
    """Whether the needs give the same yes or no."""
    if any("judges one value" in p.get("missing", "") for p in raw["preconditions"]):
        return ""
    before = all(p.get("ok", False) for p in raw["preconditions"])
    if any("raised" in p for p in raw["preconditions"]):
        return ""
    now = True
    for one in claim.preconditions:
        try:
            now = now and one.check(rows).ok
        except MissingEvidence:
            now = False
    return "" if before == now else f"{'met' if before else 'unmet'} before, {'met' if now else 'unmet'} now"


def differences(name: str) -> Iterator[tuple[str, str, str, str]]:
    """Where, claim, what (``rule``, ``control`` or ``needs``), and the difference, for everything that is stored."""
    found = golden(name)
    cells = [(cell["params"], cell["values"]) for cell in found["cells"]]
    worlds = [
        (f"stored cells on {data}", [row for row in cells if row[0]["data"] == data], raw)
        for data, raw in found["raw"].items()
    ]
    worlds += [(f"planted {i}", one["evidence"], one["raw"]) for i, one in enumerate(found["planted"])]
    for study in today(name):
        for where, rows, raw in worlds:
            own = evidence(rows, study)
            for claim in study.claims:
                told = raw[claim.name]
                pairs = [("rule", told["main"], claim.judge), ("control", told["control"], claim.judge_control)]
                for what, old, judge in pairs:
                    text = difference(old, _told(judge, own))
                    if text:
                        yield where, claim.name, what, text
                text = _asked(claim, told, own)
                if text:
                    yield where, claim.name, "needs", text
