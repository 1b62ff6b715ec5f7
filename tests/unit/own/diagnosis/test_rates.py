"""Error rates that ship with the package: whole, from seeds that set no rule, and the same in the documentation."""

import json
from pathlib import Path

import pytest

from overparam.own.diagnosis.check import MOST, RATES, Check, Cost, checks, rates_of, rules_applied, withheld

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


def rated():
    """All measured rates by code, read again from their files."""
    found = {}
    for path in RATES.parent.glob("error_rates*.json"):
        for code, one in json.loads(path.read_text(encoding="utf-8"))["checks"].items():
            found[code] = found.get(code, {}) | one
    return found


def test_a_yes_or_no_ships_only_with_a_bound_of_five_percent():
    rates = rated()
    for code, check in checks().items():
        said = {status: check.answer(status, "So the rule says.", "Beside.").status for status in ("yes", "no")}
        may = check.exact or (code in rates and rates[code]["upper"] <= 0.05)
        never = may and not check.exact and rates[code].get("no", {"upper": 0})["upper"] > 0.05
        no = "inconclusive" if never else "no"
        assert said == ({"yes": "yes", "no": no} if may else dict.fromkeys(said, "inconclusive")), code
    assert MOST == 0.05


def test_what_is_withheld_says_why_and_keeps_what_holds_without_the_rule(monkeypatch):
    check = Check("OP999", "own", "Is it?", "yes if so.", lambda c: "", lambda c: Cost(0, ""), lambda c: None)
    for rate, why in (
        (None, "it was not measured"),
        ({"false": 3, "of": 60, "upper": 0.124}, "wrong 3 of 60 times where the truth is known, so up to 12 %"),
        ({"false": 0, "of": 58, "upper": 0.0503}, "more than 5 % is too often"),
        ({"false": 0, "of": 60, "upper": float("nan")}, "it was not measured"),
    ):
        rates = {} if rate is None else {"OP999": {"words": "as measured.", **rate}}
        monkeypatch.setattr("overparam.own.diagnosis.check._rates", lambda rates=rates: rates)
        for status in ("yes", "no", "inconclusive"):
            found = check.answer(status, "The rule is met.", "What holds anyway.")
            assert found.status == "inconclusive"
            assert "The rule is met" not in found.words
            assert why in found.words
            assert found.words.endswith("What holds anyway.")
            assert found.rule.startswith("not applied")
        assert check.answer("not applicable", "Give start=.").words == "Give start=."
        with rules_applied():
            assert check.answer("yes", "The rule is met.").words == "The rule is met."
    rates = {"OP999": {"false": 0, "of": 60, "upper": 0.0488, "words": "as measured."}}
    monkeypatch.setattr("overparam.own.diagnosis.check._rates", lambda: rates)
    assert check.answer("yes", "The rule is met.").status == "yes"
    assert withheld(rates["OP999"]) == check.withheld == ""


def stored(name):
    """A committed result of a benchmark."""
    path = PAGE.parents[1] / "benchmarks" / "results" / f"{name}.json"
    if not path.exists() or not PAGE.exists():
        pytest.skip("benchmarks and documentation are not beside the tests")
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_checks_that_train_were_measured_on_other_cases_than_those_that_set_them():
    found = json.loads((RATES.parent / "error_rates_trained.json").read_text(encoding="utf-8"))
    assert found["seeds"]["set_the_rules"][1] < found["seeds"]["measured_from"]
    assert set(found["checks"]) == {"OP008", "OP009", "OP010"}
    for code, settings in stored("retrained_rates")["checks"].items():
        null = [one for one in settings if one["truth"] == "no"]
        false, n = sum(one["wrong_yes"] for one in null), sum(one["cases"] for one in null)
        one = found["checks"][code]
        assert (one["false"], one["of"]) == (false, n)
        assert one["upper"] == pytest.approx(1 - 0.05 ** (1 / n)) if false == 0 else one["upper"] > false / n
        assert f"yes in {false} of {n} cases" in rates_of(code)


def test_the_page_prints_what_was_planted():
    page = stored("retrained_rates")
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    for code, settings in page["checks"].items():
        for one in settings:
            said = " | ".join(str(one["statuses"].get(status, 0)) for status in ("yes", "no", "inconclusive"))
            end = f"| {one['width']} | {one['truth']} | {one['mean_effect']:.3g} | {one['cases']} | {said} |"
            assert any(line.startswith(f"| {code} |") and line.endswith(end) for line in lines), (code, end)


def test_the_page_prints_how_well_labels_are_ranked():
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    for row in stored("label_ranking")["tables"][0]["rows"]:
        assert f"| {' | '.join(row[:5])} |" in page, row


def test_a_no_that_was_wrong_too_often_is_withheld_alone():
    answers = [one for case in stored("label_ranking")["cases"] for one in case["answers"]]
    rate = rated()["OP003"]["no"]
    assert (rate["false"], rate["of"]) == (answers.count("no"), len(answers))
    found = checks()["OP003"].answer("no", "No more often.", "Kernel.")
    assert found.status == "inconclusive"
    assert "the rule for no was wrong 2 of 30 times" in found.words
    assert checks()["OP003"].answer("yes", "More often.").status == "yes"
