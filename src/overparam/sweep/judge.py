"""From evidence to verdicts: preconditions, then the rule, then its negative control."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, TypeVar

from overparam.core import Evidence, Finding, Part, Precondition, Status, Study, Verdict, clean
from overparam.core.errors import MissingEvidence, UsageError
from overparam.core.statements import Claim

T = TypeVar("T")


def judge(study: Study, evidence: Evidence, *, profile: str, data: str, mark: str = "") -> list[Verdict]:
    """Judge every claim of a study on the evidence from one data set.

    A precondition that is unmet makes a claim ``not_applicable``. A claim is never ``supported`` when its
    negative control shows the effect too, or could not be run.

    Raises:
        UsageError: a rule, a control or a precondition raised an exception: a mistake in the study is no verdict.
    """
    verdicts, broken = [], []
    for claim in study.claims:
        try:
            verdicts.append(_verdict(study, claim, evidence, profile, data, mark))
        except _Broken as error:
            broken.append(str(error))
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


def _verdict(study: Study, claim: Claim, evidence: Evidence, profile: str, data: str, mark: str) -> Verdict:
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
            finding = _call(f"the rule of '{claim.name}'", claim.judge, evidence)
        except MissingEvidence as error:
            status, reason = "not_applicable", str(error)
            control["detail"] = "not run: the claim could not be judged"
        else:
            part = finding.binding if finding.parts else None
            control = _control(claim, evidence)
            status, reason = _decide(finding, part, control)
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
        parts=tuple(_part(p) for p in finding.parts),
        preconditions=tuple(preconditions),
        control=control,
        profile=profile,
        data=data,
        mark=mark,
        chart=claim.chart,
    )


def _precondition(claim: Claim, precondition: Precondition, evidence: Evidence) -> dict[str, Any]:
    try:
        check = _call(f"the need '{precondition.name}' of '{claim.name}'", precondition.check, evidence)
        ok, detail = check.ok, check.detail
    except MissingEvidence as error:
        ok, detail = False, str(error)
    return {"name": precondition.name, "sentence": precondition.sentence, "ok": ok, "detail": detail}


def _control(claim: Claim, evidence: Evidence) -> dict[str, Any]:
    if claim.control is None:
        detail = "a check of what is proved has no control"
        return {"sentence": "", "status": "not_run", "ok": True, "detail": detail, "parts": []}
    base = {"sentence": claim.control.sentence}
    try:
        finding = _call(f"the control of '{claim.name}'", claim.judge_control, evidence)
    except MissingEvidence as error:
        return {**base, "status": "not_run", "ok": False, "detail": f"was not run: {error}", "parts": []}
    shown = finding.status == "supported"
    measured = measure(finding.binding) if finding.parts else ""
    detail = f"{'shows the effect too' if shown else 'does not show the effect'}: {measured}"
    return {
        **base, "status": finding.status, "ok": not shown, "detail": detail,
        "parts": [_part(p) for p in finding.parts],
    }  # fmt: skip


def _decide(finding: Finding, part: Part | None, control: Mapping[str, Any]) -> tuple[Status, str]:
    note = f" {finding.note}" if finding.note else ""
    if part is None:
        return "inconclusive", f"nothing could be measured.{note}"
    if part.n < 2:
        return "inconclusive", f"one seed gives no interval: {measure(part)}.{note}"
    if finding.status == "supported" and not control["ok"]:
        return "inconclusive", f"the rule is met ({measure(part)}), but the control {control['detail']}.{note}"
    says = {
        "supported": "the whole interval is on the claim's side",
        "contradicted": "the whole interval is on the other side",
        "inconclusive": "the interval reaches over the cut-off",
    }[finding.status]
    return finding.status, f"{says}: {measure(part)}.{note}"


def measure(part: Part) -> str:
    """A part in words: label, effect, interval, n and cut-offs."""
    bounds = []
    if part.at_least is not None:
        bounds.append(f"at least {part.at_least:.4g}")
    if part.at_most is not None:
        bounds.append(f"at most {part.at_most:.4g}")
    effect = "no value" if part.effect is None else f"{part.effect:.4g}"
    unit = f" {part.unit}" if part.unit else ""
    interval = "no interval" if part.low is None else f"{part.low:.4g} to {part.high:.4g}"
    return f"{part.label} {effect}{unit} ({interval}, n = {part.n}), asked {' and '.join(bounds)}"


def _part(part: Part) -> dict[str, Any]:
    own = {"contradicted_below", "contradicted_above"}
    found = {name: value for name, value in asdict(part).items() if name not in own or value is not None}
    return clean({**found, "status": part.status})


def rejudge(study: Study, record: Mapping[str, Any]) -> list[str]:
    """Names of the claims whose stored rule is older than the study's."""
    now = {f"{study.name}.{c.name}": c.rule_version for c in study.claims}
    return [v["claim"] for v in record["verdicts"] if now.get(v["claim"], 0) != v["rule_version"]]
