"""Whether a statement says what would contradict it, and reads places that were not chosen on the judged seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import get_args

from overparam.core.errors import nearest
from overparam.core.statements import Claim, Form

CHOSEN = {
    "largest": "every",
    "lowest": "every",
    "peak": "at a place from pilot seeds, or some",
    "climb": "climbs()",
    "held_out_climb": "climbs()",
    "farthest": "every",
    "hump_low": "at a place from pilot seeds",
    "hump_top": "at a place from pilot seeds",
    "hump_floor": "every",
}
"""Words whose place is chosen on seeds that are judged, and what to read instead."""


def form_faults(claim: Claim, profiles: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """What is wrong with kind, form, scope and places, each with the name where it stands.

    Args:
        claim: the statement.
        profiles: the study's profiles.
    """
    if claim.kind == "claim" and not claim.form:
        forms = ", ".join(form for form in get_args(Form) if form)
        yield "form", f"expected the form of what the source says ({forms}), or the kind 'question' or 'check'"
    if claim.kind != "claim" and claim.outside:
        yield (
            "outside",
            f"a {claim.kind} is ours, so that nothing lies outside of a source's scope: leave outside= away",
        )
    says = any(
        cut.contradicted_below is not None or cut.contradicted_above is not None for cut in claim.rule.cuts
    )
    if claim.form == "exists" and (says or any(cut.stated for cut in claim.rule.cuts)):
        yield (
            "form",
            "that something exists is not contradicted by a setting without it: leave .contradicted() away",
        )
    if claim.kind == "claim" and claim.can_contradict and not claim.scope:
        yield (
            "scope",
            "it can contradict its source: say what the source covers, and how the setting differs (scope=)",
        )
    if claim.kind == "claim" and claim.can_contradict:
        if not claim.limit:
            yield "limit", "expected a planted world in which the source is just right (limit=)"
        if claim.against is None:
            yield "against", "expected a planted world in which the source is plainly wrong (against=)"
    if claim.form == "limit" and not any(cut.trend for cut in claim.rule.cuts):
        yield "form", "a limit is judged by its trend: line.tends_to(limit, within=...)"
    for name in claim.profiles:
        if name not in profiles:
            yield name, f"no profile '{name}'.{nearest(name, profiles)}"
    control = claim.control.rule if claim.control else None
    for rule in filter(None, (claim.rule, control)):
        for op in sorted({one.op for one in rule.compared()} & set(CHOSEN)):
            yield op, f"'{op}' chooses its place on the seeds that are judged; read {CHOSEN[op]} instead"
