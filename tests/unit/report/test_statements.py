"""The order of the page, the groups of statements, and what each line opens to."""

import re

import pytest

from overparam.report import render
from overparam.report.statements import below_plan, groups, ledger_line, plan_words


def places(record, *texts):
    page = render(record)
    return [page.index(text) for text in texts]


def test_the_picture_comes_before_the_answer_before_the_statements_before_the_charts(record):
    order = (
        "<h1>",
        'class="question"',
        'id="chart-1"',
        'class="answer',
        'id="verdict-1"',
        'id="chart-2"',
        'id="run"',
    )
    found = places(record, *order)
    assert found == sorted(found)


def test_the_picture_is_the_chart_that_the_study_declares(record):
    record["charts"][1]["hero"] = {
        "chart": "loss",
        "fit": [],
        "toggled": [],
        "toggle": "",
        "band": "",
        "together": True,
    }
    second, first = places(record, 'id="chart-2"', 'id="chart-1"')
    assert second < first


def test_causes_of_a_missing_peak_stand_below_the_charts(record):
    items = [{"name": "noise", "sentence": "Too little noise.", "state": "likely", "detail": "2 %"}]
    record["diagnoses"] = [{"data": "mnist1d", "claims": [], "open": True, "items": items}]
    chart, why, run = places(record, 'id="chart-2"', "Why no peak?", 'id="run"')
    assert chart < why < run
    record["diagnoses"][0]["open"] = False
    assert "Why no peak?" not in render(record)


def test_claims_checks_and_questions_are_apart_with_words_of_their_own(record):
    for verdict, kind in zip(record["verdicts"], ("claim", "check", "question"), strict=False):
        verdict.update(kind=kind, status="contradicted")
    found = groups(record)
    assert [group.title for group in found] == ["Claims", "Checks", "Questions"]
    assert [group.statements[0]["said"] for group in found] == ["contradicted", "fails", "no"]
    numbers = [one["number"] for group in found for one in group.statements]
    assert numbers == list(range(1, len(record["verdicts"]) + 1))


def test_one_number_is_shown_once(record):
    first, second = record["verdicts"][:2]
    names = [v["claim"].partition(".")[2] for v in (first, second)]
    for verdict in (first, second):
        verdict["votes"] = names
    second.update({k: first[k] for k in ("label", "effect", "low", "high", "status", "parts")})
    one, other = groups(record)[0].statements[:2]
    assert (one["repeats"], other["repeats"]) == (False, True)
    assert one["same"] == [(names[1], 2)]
    assert f"same number as <code>{names[1]}</code>" in render(record)


def test_form_scope_outside_history_and_mark_are_in_the_detail(record):
    record["verdicts"][0].update(
        form="exists", scope=["Theirs is a ResNet.", "Ours is small."], outside="Our data are tiny.",
        history=["The peak was read too low.", "Now it is not."], mark="rule changed after the data", level=0.99,
    )  # fmt: skip
    text = render(record)
    detail = text[text.index('id="verdict-1"') : text.index('id="verdict-2"')]
    for needed in (
        "none can contradict it", "Theirs is a ResNet. Ours is small.", "Our data are tiny. So nothing is contradicted",
        "Version 2: The peak was read too low.", "Version 3: Now it is not.", "rule changed after the data", "99 %",
    ):  # fmt: skip
        assert needed in detail
    assert detail.index("outside its scope") < detail.index("</summary>")


def test_the_plan_and_what_is_missing_of_it_are_said(record):
    assert plan_words(record) == below_plan(record) == ""
    record["planned"] = {
        "first": 100,
        "count": 8,
        "have": 16,
        "rung": 2,
        "level": 0.99,
        "below": False,
        "decides": True,
    }
    assert (
        plan_words(record) == "8 seeds were planned, from 100 on; this is the look at 16, with 99 % intervals."
    )
    record["planned"] |= {"count": 5, "have": 3, "below": True}
    assert plan_words(record) == "below plan: 3 of 5 planned seeds: estimates, no verdicts."
    assert '<span class="flag warn">below plan: 3 of 5 planned seeds</span>' in render(record)


def test_a_mark_of_all_statements_is_shown_once(record):
    record["mark"] = "exploratory"
    for verdict in record["verdicts"]:
        verdict["mark"] = "exploratory, rule changed after the data"
    flag = '<span class="flag{}">rule changed after the data</span>'
    assert render(record).count(flag.format(" warn")) == 1
    assert flag.format("") not in render(record)
    record["verdicts"][0]["mark"] = "exploratory"
    assert render(record).count(flag.format("")) == len(record["verdicts"]) - 1


def test_a_ledger_number_has_its_sentence(record):
    line = ledger_line("L53")
    assert line["number"] == "L53"
    assert line["sentence"].endswith(".")
    assert ledger_line("L999") == {"number": "L999", "sentence": "", "source": ""}


def test_without_a_ledger_the_number_stands_alone(record, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "overparam.core.ledger", None)
    assert "ledger L53" in re.sub(r"\s+", " ", render(record))


def test_formulas_are_set_in_the_page(record):
    record["verdicts"][0]["rule"] = r"The error shrinks by $\max_j |1 - \eta s_j^2|$ a step, down to 1e-09."
    text = render(record)
    assert "<math><mrow><munder><mi>max</mi><mi>j</mi></munder>" in text
    assert "down to 10⁻⁹." in text


@pytest.mark.parametrize("text", ["$<img src=x>$", r"$\text{<b>}$", "a $\\bad{<i>}$"])
def test_a_formula_brings_in_no_markup(record, text):
    record["title"] = text
    page = render(record)
    assert not re.search(r"<(img|b|i)>|<img", page[page.index("<h1>") : page.index("</h1>")])
