"""The studies say what they said before they were written in the claim algebra, cell by cell and claim by claim."""

import json
from collections import Counter

import pytest

from overparam.core.testing import expect
from overparam.sweep.key import cell_name, former_digests
from overparam.sweep.select import select
from tests.golden.verdicts import FOLDER, differences, golden, names, today

KNOWN = json.loads((FOLDER / "differences.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", names())
def test_no_finished_cell_is_computed_again(name):
    """The key of every cell of every profile is one that stood before; a part finds cells of the whole by their old key."""
    for profile, before in golden(name)["axes"]["names"].items():
        found = set()
        for study in today(name):
            for cell in select(study, profile).cells():
                if study.formerly:
                    old = set(before) & set(former_digests(study, cell, "f"))
                    expect(len(old) == 1, f"{study.name}, {profile}: one old cell for {cell}, got {len(old)}")
                    found |= old
                else:
                    found.add(cell_name(study, cell, "f").rpartition("--")[2])
        assert found == set(before), profile


@pytest.mark.parametrize("name", names())
def test_versions_of_rules_stay(name):
    before = golden(name)["rules"]
    now = {claim.name: claim for study in today(name) for claim in study.claims}
    assert set(now) == set(before)
    for claim, old in before.items():
        told = (now[claim].rule_version, list(now[claim].ledger), now[claim].source)
        assert told == (old["rule_version"], old["ledger"], old["source"]), claim


@pytest.mark.slow
@pytest.mark.parametrize("name", names())
def test_every_claim_and_control_says_what_it_said(name):
    """Status, effect, interval, n and cut-offs of every part to 1e-9, on stored cells and on planted evidence.

    On stored cells nothing differs. On planted evidence what differs is listed with its reason.
    """
    found = list(differences(name))
    assert [one for one in found if one[0].startswith("stored")] == []
    counted = Counter(one[1:] for one in found)
    known = {(one["claim"], one["what"], one["difference"]): one["count"] for one in KNOWN[name]}
    assert dict(counted) == known
    assert all(one["reason"] for one in KNOWN[name])
