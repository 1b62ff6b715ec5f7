"""What a study must keep: everything that it names exists, is valid, and can be stored and judged."""

from __future__ import annotations

import json
import re

from overparam.core import Claim, Evidence, Study
from overparam.core.errors import MissingEvidence
from overparam.core.testing import expect
from overparam.sweep.key import cell_name
from overparam.sweep.select import select


def check_study(study: Study) -> None:
    """Check that a study keeps the contract: everything named exists, is valid, and can be stored and judged.

    Args:
        study: the study; nothing of it is computed.

    Raises:
        AssertionError: the first broken rule, with what was expected.
    """
    axes = {axis.name: axis for axis in study.axes}
    expect(
        re.fullmatch(r"[a-z][a-z0-9-]*", study.name), f"a name in lower case with dashes, got '{study.name}'"
    )
    expect({"seed", "data"} <= set(axes), f"axes 'seed' and 'data', got {sorted(axes)}")
    expect(len({a.option for a in study.axes}) == len(axes), "every axis to have an option of its own")
    expect(set(study.stack_by) <= set(axes), f"stack_by to name axes, got {study.stack_by}")
    expect("seed" not in study.stack_by or study.stack_limit == 1, "seeds to share a stack")
    expect("quick" in study.profiles, f"a profile 'quick', got {sorted(study.profiles)}")
    expect(study.differences, "at least one known difference from the paper")
    for name, profile in study.profiles.items():
        expect(set(profile.axes) <= set(axes), f"profile '{name}' to name axes, got {sorted(profile.axes)}")
        for key, values in profile.axes.items():
            kept = tuple(axes[key].check(value) for value in values)
            expect(kept == tuple(values) and kept, f"profile '{name}' to give '{key}' values of its kind")
        cells = select(study, name).cells()
        cost = study.estimate(cells[0])
        expect(cost.seconds > 0 and cost.bytes > 0, f"profile '{name}' to cost time and memory")
        names = {cell_name(study, json.loads(json.dumps(cell)), "f") for cell in cells}
        expect(len(names) == len(cells), f"profile '{name}' to give every cell a name of its own")
    charts = {chart.name for chart in study.charts}
    sources = {source.key for source in study.sources}
    expect(charts, "at least one chart")
    for chart in study.charts:
        expect(not chart.arm or chart.arm in axes, f"chart '{chart.name}' to have an axis as its arm")
        expect(chart.x and chart.series, f"chart '{chart.name}' to have an x axis and a series")
    for source in study.sources:
        expect(source.bibtex.lstrip().startswith("@"), f"BibTeX for the source '{source.key}'")
    expect(
        len({claim.name for claim in study.claims}) == len(study.claims) > 0, "claims with names of their own"
    )
    for claim in study.claims:
        _check_claim(claim, charts, sources)


def _check_claim(claim: Claim, charts: set[str], sources: set[str]) -> None:
    who = f"claim '{claim.name}'"
    expect(claim.sentence and claim.rule and claim.control.sentence, f"{who} to say what it asks and controls")
    expect(claim.source in sources, f"{who} to name one of the sources {sorted(sources)}, got '{claim.source}'")
    expect(not claim.chart or claim.chart in charts, f"{who} to name one of the charts {sorted(charts)}")
    expect(
        claim.ledger and all(re.fullmatch(r"L\d+[A-Z]?", entry) for entry in claim.ledger),
        f"{who} to name its ledger numbers such as L53, got {claim.ledger}",
    )
    expect(
        claim.rule_version == 1 + len(claim.rule_history),
        f"{who} to give one reason a change of its rule: version {claim.rule_version}, "
        f"{len(claim.rule_history)} reasons",
    )
    for rule in (claim.judge, claim.control.judge):
        try:
            status = rule(Evidence(())).status
        except MissingEvidence:
            continue
        expect(status != "supported", f"{who} not to be supported by no evidence at all")
