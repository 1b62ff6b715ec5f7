"""Every study and probe that can be found keeps its contract; so does a plug-in's, with the same functions."""

import dataclasses

import pytest

from overparam.probes import available
from overparam.registry import studies
from overparam.study import Profile
from overparam.testing import check_probe, check_study
from tests.conftest import TOY


@pytest.mark.parametrize("study", [pytest.param(s, id=name) for name, s in studies().items()])
def test_a_study_keeps_its_contract(study):
    check_study(study)


@pytest.mark.parametrize("probe", [pytest.param(p, id=name) for name, p in available().items()])
def test_a_probe_keeps_its_contract(probe):
    check_probe(probe)


def test_the_toy_study_keeps_its_contract(toy):
    check_study(toy)
    assert TOY.exists()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"name": "My Study"}, "a name in lower case with dashes"),
        ({"stack_by": ("depth",)}, "stack_by to name axes"),
        ({"profiles": {"slow": Profile("", {})}}, "a profile 'quick'"),
        ({"differences": ()}, "at least one known difference"),
        ({"charts": ()}, "at least one chart"),
        ({"sources": ()}, "to name one of the sources"),
        ({"claims": ()}, "claims with names of their own"),
    ],
)
def test_a_broken_study_is_told_what_was_expected(toy, change, text):
    with pytest.raises(AssertionError, match=text):
        check_study(dataclasses.replace(toy, **change))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"ledger": ("fifty",)}, "to name its ledger numbers"),
        ({"rule_version": 2}, "one reason a change of its rule"),
        ({"chart": "nowhere"}, "to name one of the charts"),
        ({"rule": ""}, "to say what it asks"),
    ],
)
def test_a_broken_claim_is_told_what_was_expected(toy, change, text):
    claim = dataclasses.replace(toy.claims[0], **change)
    with pytest.raises(AssertionError, match=text):
        check_study(dataclasses.replace(toy, claims=(claim,)))


def test_a_probe_that_gives_other_names_is_refused():
    probe = next(iter(available().values()))
    with pytest.raises(AssertionError, match="expected values"):
        check_probe(dataclasses.replace(probe, values={"something_else": "else"}))
