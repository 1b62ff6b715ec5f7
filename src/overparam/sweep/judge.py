"""From evidence to verdicts: preconditions, then the rule, then its negative control."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from overparam.core import Evidence, Finding, Precondition, Status, Study, Verdict, same_numbers
from overparam.core.errors import MissingEvidence, UsageError
from overparam.core.looks import FIRST_LOOK, Look
from overparam.core.statements import Claim
from overparam.sweep.decide import decide, judge_control, measure, needed, shown_parts

T = TypeVar("T")


def judge(
    study: Study, evidence: Evidence, *, profile: str, data: str, mark: str = "", look: Look | None = None
) -> list[Verdict]:
    """Judge every statement of a study, as far as the profile can judge it, on the evidence from one data set.

    A precondition that is unmet makes a statement ``not_applicable``, and so do fewer seeds than planned. A claim is
    never ``supported`` when its negative control shows the effect too, could not have failed, or could not be run.

    Args:
        study: the study.
        evidence: its finished cells.
        profile: the profile that they belong to.
        data: the data set.
        mark: what is special about the run.
        look: which seeds decide; by default all, at the level of the first look.

    Raises:
        UsageError: a rule, a control or a precondition raised an exception: a mistake in the study is no verdict.
    """
    verdicts, broken = [], []
    seeds = sorted({params["seed"] for params, _ in evidence.rows if "seed" in params})
    chosen = look or Look(tuple(seeds), 1, FIRST_LOOK, tuple(seeds) or (0,), len(seeds))
    judged = [claim for claim in study.claims if not claim.profiles or profile in claim.profiles]
    same = {name: group for group in same_numbers(judged) for name in group}
    for claim in judged:
        try:
            found = _verdict(study, claim, evidence, profile, data, mark, chosen)
        except _Broken as error:
            broken.append(str(error))
            continue
        verdicts.append(replace(found, votes=same.get(claim.name, (claim.name,))))
    if broken:
        raise UsageError(
            f"expected rules of '{study.name}' that can be computed on {data}, got: {'; '.join(broken)}. Mend the "
            "study and run the same command again: the finished cells are stored."
        )
    return verdicts


class _Broken(Exception):
    """A function of the study raised something else than MissingEvidence."""


def _call(what: str, function: Callable[[Evidence], T], evidence: Evidence) -> T:
    try:
        return function(evidence)
    except MissingEvidence:
        raise
    except Exception as error:
        raise _Broken(f"{what} raised {type(error).__name__}: {error}") from error


def _verdict(
    study: Study, claim: Claim, evidence: Evidence, profile: str, data: str, mark: str, look: Look
) -> Verdict:
    below = look.below and claim.kind != "check"
    if look.seeds and claim.kind != "check":
        kept = set(look.seeds)
        evidence = Evidence(tuple(row for row in evidence.rows if row[0].get("seed", look.seeds[0]) in kept))
    preconditions = [_precondition(claim, p, evidence) for p in claim.preconditions]
    unmet = next((p for p in preconditions if not p["ok"]), None)
    control: dict[str, Any] = {
        "sentence": claim.control.sentence if claim.control else "",
        "status": "not_run",
        "ok": False,
        "parts": [],
    }
    finding, part = Finding(()), None
    status: Status
    if unmet is not None:
        status, reason = "not_applicable", unmet["detail"]
        control["detail"] = "not run: a precondition is unmet"
    else:
        try:
            finding = _call(
                f"the rule of '{claim.name}'", lambda cells: claim.judge(cells, look.level), evidence
            )
        except MissingEvidence as error:
            status, reason = "not_applicable", str(error)
            control["detail"] = "not run: the claim could not be judged"
        else:
            part = finding.binding if finding.parts else None
            control = judge_control(claim, evidence, finding, look.level, _call)
            status, reason = decide(claim, finding, part, control)
            if below:
                status, reason = (
                    "not_applicable",
                    f"{look.words}; so far {measure(part) if part else 'nothing'}.",
                )
    return Verdict(
        claim=f"{study.name}.{claim.name}",
        sentence=claim.sentence,
        ledger=claim.ledger,
        source=claim.source,
        status=status,
        reason=reason,
        effect=part.effect if part else None,
        low=part.low if part else None,
        high=part.high if part else None,
        n=part.n if part else 0,
        unit=part.unit if part else "",
        label=part.label if part else "",
        rule=claim.text,
        rule_version=claim.rule_version,
        parts=shown_parts(finding),
        preconditions=tuple(preconditions),
        control=control,
        profile=profile,
        data=data,
        mark=", ".join(filter(None, (mark, "below plan" if below else ""))),
        chart=claim.chart,
        kind=claim.kind,
        form=claim.form,
        scope=claim.scope,
        outside=claim.outside,
        level=look.level,
        rule_fingerprint=claim.fingerprint,
        history=claim.history,
        needed=needed(part, look) if part and status == "inconclusive" else None,
    )


def _precondition(claim: Claim, precondition: Precondition, evidence: Evidence) -> dict[str, Any]:
    try:
        check = _call(f"the need '{precondition.name}' of '{claim.name}'", precondition.check, evidence)
        ok, detail = check.ok, check.detail
    except MissingEvidence as error:
        ok, detail = False, str(error)
    return {"name": precondition.name, "sentence": precondition.sentence, "ok": ok, "detail": detail}


def rejudge(study: Study, record: Mapping[str, Any]) -> list[str]:
    """Names of the claims whose stored rule is older than the study's, or another one."""
    now = {f"{study.name}.{c.name}": (c.rule_version, c.fingerprint) for c in study.claims}
    stored = {v["claim"]: (v["rule_version"], v.get("rule_fingerprint", "")) for v in record["verdicts"]}
    return [name for name, rule in stored.items() if now.get(name, (0, "")) != rule]
