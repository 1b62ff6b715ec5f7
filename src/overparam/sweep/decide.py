"""From what a rule and its control found to a status, with its reason in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from overparam.core import Evidence, Finding, Part, Status, clean
from overparam.core.digits import together
from overparam.core.errors import MissingEvidence
from overparam.core.looks import Look
from overparam.core.statements import Claim

MOST_PARTS = 12  # that a record keeps of one statement; the binding ones

Call = Callable[[str, Callable[[Evidence], Finding], Evidence], Finding]


def judge_control(
    claim: Claim, evidence: Evidence, finding: Finding, level: float, call: Call
) -> dict[str, Any]:
    """Run the negative control: the effect must be absent there, and it must have been able to show.

    Args:
        claim: the statement.
        evidence: the cells that decide.
        finding: what the statement's own rule found.
        level: of the look.
        call: calls a function of the study; turns its exceptions into an error that names it.
    """
    if claim.control is None:
        detail = "it has no control"
        return {"sentence": "", "status": "not_run", "ok": claim.kind != "claim", "detail": detail, "parts": []}
    base = {"sentence": claim.control.sentence}
    try:
        found = call(
            f"the control of '{claim.name}'", lambda cells: claim.judge_control(cells, level), evidence
        )
    except MissingEvidence as error:
        return {**base, "status": "not_run", "ok": False, "detail": f"was not run: {error}", "parts": []}
    shows = found.status == "supported"
    weak = not shows and too_weak(finding, found, own=claim.control.rule is not None)
    says = "shows the effect too" if shows else "is too weak to show it" if weak else "does not show the effect"
    detail = f"{says}: {measure(found.binding) if found.parts else 'nothing measured'}"
    status = "too_weak" if weak else found.status
    return {
        **base,
        "status": status,
        "ok": not shows and not weak,
        "detail": detail,
        "parts": list(shown_parts(found)),
    }


def too_weak(finding: Finding, control: Finding, *, own: bool) -> bool:
    """Whether a control could not have shown the effect, had it been there.

    It passes for good where some part lies wholly beyond a cut-off. Else it must have been able to be supported: with its
    own interval around the effect that the statement found.

    Args:
        finding: of the statement.
        control: of its control.
        own: whether the control has a rule of its own, so that their parts do not correspond.
    """
    here, there = control.deciding, finding.deciding
    if any(part.outside or part.status == "contradicted" for part in here):
        return False
    if own or len(here) != len(there):
        return True
    return not all(_would_show(one, other) for one, other in zip(here, there, strict=True))


def _would_show(control: Part, claim: Part) -> bool:
    if control.decided:
        return True
    if control.low is None or control.high is None or control.effect is None or claim.effect is None:
        return False
    low, high = claim.effect - (control.effect - control.low), claim.effect + (control.high - control.effect)
    above = control.at_least is None or low >= control.at_least
    return above and (control.at_most is None or high <= control.at_most)


def decide(claim: Claim, finding: Finding, part: Part | None, control: Mapping[str, Any]) -> tuple[Status, str]:
    """The status of a statement and its reason."""
    note = f" {finding.note}" if finding.note else ""
    if part is None:
        return "inconclusive", f"nothing could be measured.{note}"
    if part.n < 2 and claim.kind != "check":
        return "inconclusive", f"one seed gives no interval: {measure(part)}.{note}"
    if finding.status == "supported" and not control["ok"]:
        return "inconclusive", f"the rule is met ({measure(part)}), but the control {control['detail']}.{note}"
    if finding.status == "inconclusive" and part.low is None and part.effect is not None:
        return "inconclusive", f"{NO_SPREAD[part.n > 1]}: {measure(part)}.{note}"
    return finding.status, f"{_says(claim, finding, part)}: {measure(part)}.{note}"


NO_SPREAD = {
    True: "no interval could be formed (all seeds agree exactly, or too little is known)",
    False: "one seed gives no interval",
}


TREND = {
    "supported": "the trend goes where it should",
    "contradicted": "it goes the other way",
    "inconclusive": "the trend does not tell",
}
SOME_POINT = {"supported": "it is so", "contradicted": "it is so nowhere", "inconclusive": "it was not seen"}


def _says(claim: Claim, finding: Finding, part: Part) -> str:
    if part.decided:
        return (SOME_POINT if part.told.startswith("the best") else TREND)[finding.status]
    exact = part.low == part.high
    if claim.kind == "check":
        return {
            "supported": "it holds" if exact else "the whole interval is where it must be",
            "contradicted": "it is violated",
            "inconclusive": "the interval reaches over the cut-off",
        }[finding.status]
    if finding.status == "supported":
        return "the value is on the claim's side" if exact else "the whole interval is on the claim's side"
    if finding.status == "contradicted":
        return "the whole interval is beyond what was said"
    if part.outside and claim.outside:
        return f"it differs, but the setting is outside of what the source covers ({claim.outside.rstrip('.')})"
    if part.outside and claim.form == "exists":
        return "not seen here, which contradicts no one"
    if part.outside:
        return "it differs from what was asked, by less than contradicts the source"
    return "the interval reaches over the cut-off"


def measure(part: Part) -> str:
    """A part in words: label, effect, interval, n and cut-offs, with the digits that the verdict needs."""
    effect, low, high, *cuts = together(part.effect, part.low, part.high, part.at_least, part.at_most)
    bounds = [f"{text} {cut}" for text, cut in zip(("at least", "at most"), cuts, strict=True) if cut != "–"]
    unit = f" {part.unit}" if part.unit else ""
    interval = "no interval" if part.low is None or part.low == part.high else f"{low} to {high}"
    asked = f", asked {' and '.join(bounds)}" if bounds and not part.decided else ""
    told = f", {part.told}" if part.told else ""
    return f"{part.label} {effect if part.effect is not None else 'no value'}{unit} ({interval}, n = {part.n}){asked}{told}"


def shown_parts(finding: Finding) -> tuple[dict[str, Any], ...]:
    """The parts as plain values: all of them, or where there are many those that come nearest to the cut-offs."""
    parts = finding.parts
    if len(parts) > MOST_PARTS:
        parts = tuple(sorted(parts, key=lambda part: part.rank)[:MOST_PARTS])
    return tuple(_part(part) for part in parts)


def _part(part: Part) -> dict[str, Any]:
    always = ("label", "effect", "low", "high", "n", "at_least", "at_most", "unit")
    found = {name: value for name, value in asdict(part).items() if name in always or value not in (None, "")}
    plain: dict[str, Any] = clean({**found, "status": part.status})
    return plain


def needed(part: Part, look: Look) -> int | None:
    """The seeds at which a look would find the measured distance from the nearest cut-off with 90 % power; None for none."""
    from overparam.core.power import next_look, spread

    if part.decided or part.low is None or part.high is None or part.effect is None or part.n < 2:
        return None
    sd = spread(part.low, part.high, part.n, look.level)
    away = [part.effect - part.at_least] if part.at_least is not None else []
    away += [part.at_most - part.effect] if part.at_most is not None else []
    if not sd > 0 or not away or not math.isfinite(sd):
        return None
    found = next_look(len(look.plan), abs(min(away)) / sd) if min(away) > 0 else None
    return found[0] if found else None
