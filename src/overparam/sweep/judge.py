"""From evidence to verdicts: preconditions, then the rule, then its negative control."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from overparam.core import Claim, Evidence, Finding, Part, Status, Study, Verdict, clean
from overparam.core.errors import MissingEvidence


def judge(study: Study, evidence: Evidence, *, profile: str, data: str, mark: str = "") -> list[Verdict]:
    """Judge every claim of a study on the evidence from one data set.

    A precondition that is unmet makes a claim ``not_applicable``. A claim is never ``supported`` when its
    negative control shows the effect too, or could not be run.
    """
    return [_verdict(study, claim, evidence, profile, data, mark) for claim in study.claims]


def _verdict(study: Study, claim: Claim, evidence: Evidence, profile: str, data: str, mark: str) -> Verdict:
    preconditions = [_precondition(p, evidence) for p in claim.preconditions]
    unmet = next((p for p in preconditions if not p["ok"]), None)
    control: dict[str, Any] = {
        "sentence": claim.control.sentence,
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
            finding = claim.judge(evidence)
        except MissingEvidence as error:
            status, reason = "not_applicable", str(error)
            control["detail"] = "not run: the claim could not be judged"
        except Exception as error:  # a rule from outside must not cost the other verdicts
            status, reason = "inconclusive", f"the rule raised {type(error).__name__}: {error}"
            control["detail"] = "not run: the rule raised an error"
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
        rule=claim.rule,
        rule_version=claim.rule_version,
        parts=tuple(_part(p) for p in finding.parts),
        preconditions=tuple(preconditions),
        control=control,
        profile=profile,
        data=data,
        mark=mark,
        chart=claim.chart,
    )


def _precondition(precondition: Any, evidence: Evidence) -> dict[str, Any]:
    try:
        check = precondition.check(evidence)
        ok, detail = check.ok, check.detail
    except MissingEvidence as error:
        ok, detail = False, str(error)
    except Exception as error:
        ok, detail = False, f"the check raised {type(error).__name__}: {error}"
    return {"name": precondition.name, "sentence": precondition.sentence, "ok": ok, "detail": detail}


def _control(claim: Claim, evidence: Evidence) -> dict[str, Any]:
    base = {"sentence": claim.control.sentence}
    try:
        finding = claim.control.judge(evidence)
    except MissingEvidence as error:
        return {**base, "status": "not_run", "ok": False, "detail": f"was not run: {error}", "parts": []}
    except Exception as error:
        text = f"raised {type(error).__name__}: {error}"
        return {**base, "status": "not_run", "ok": False, "detail": text, "parts": []}
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
    return clean({**asdict(part), "status": part.status})


def rejudge(study: Study, record: Mapping[str, Any]) -> list[str]:
    """Names of the claims whose stored rule is older than the study's."""
    now = {f"{study.name}.{c.name}": c.rule_version for c in study.claims}
    return [v["claim"] for v in record["verdicts"] if now.get(v["claim"], 0) != v["rule_version"]]
