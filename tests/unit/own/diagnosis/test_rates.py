"""Error rates that ship with the package: whole, from seeds that set no rule, and the same in the documentation."""

import json
from pathlib import Path

import pytest

from overparam.own.diagnosis.check import RATES, rates_of

PAGE = Path(__file__).parents[4] / "docs" / "diagnose.md"
FOUND = json.loads(RATES.read_text(encoding="utf-8"))
CODES = ("OP001", "OP003", "OP004", "OP006", "OP007")


def test_rates_are_measured_on_seeds_that_set_no_rule():
    (first, last), (fresh, end) = FOUND["seeds"]["set_the_rules"], FOUND["seeds"]["measured"]
    assert first <= last < fresh <= end
    assert tuple(FOUND["checks"]) == CODES


@pytest.mark.parametrize("code", CODES)
def test_a_bound_follows_from_its_counts_and_stands_in_words(code):
    one = FOUND["checks"][code]
    false, n = one["false"], one["of"]
    assert sum(one["answers"].values()) == n
    assert false / n < one["upper"]
    if false == 0:
        assert one["upper"] == pytest.approx(1 - 0.05 ** (1 / n))  # all n are right with probability 5 %
    assert rates_of(code) == one["words"]
    assert one["words"].startswith(
        f"a false answer for {false} of {n} clean networks on digits (at most {100 * one['upper']:.2g} %"
    )


def test_the_page_prints_the_rates_that_ship():
    if not PAGE.exists():
        pytest.skip("the documentation is not beside the tests")
    page = PAGE.read_text(encoding="utf-8")
    for code, one in FOUND["checks"].items():
        answers = " | ".join(str(one["answers"][name]) for name in ("yes", "no", "inconclusive"))
        line = f"| {code} | {one['false']} of {one['of']} | {100 * one['upper']:.2g} % | {answers} |"
        assert line in page, line
    for world, one in FOUND["label_scores"].items():
        scores = " | ".join(
            f"{one[name]['auc']:.4f} ({one[name]['precision']:.2f})"
            for name in ("ridge", "neighbours", "neighbours_of_inputs")
        )
        told = f"{one['answers']['yes']} | {one['answers']['no']} | {one['covered']} of {one['told']}"
        line = f"| {world.removeprefix('flips ')} | {one['networks']} | {scores} | {told} |"
        assert line in page, line
