"""The one sentence: which statement it tells, with which numbers, and that it is honest."""

import pytest

from overparam.report.answer import answer


def verdict(status="supported", *, name="peak", kind="claim", low=4.9, high=6.9, **changed):
    part = {
        "label": "rise", "effect": 5.9, "low": low, "high": high, "n": 8, "at_least": 3.0, "at_most": None,
        "unit": "points", "status": status,
    }  # fmt: skip
    base = {k: part[k] for k in ("label", "effect", "low", "high", "n", "unit")}
    return {
        **base, "claim": f"s.{name}", "sentence": f"The {name} is there.", "status": status, "kind": kind, "level": 0.97,
        "data": "d", "parts": [part], "reason": "it is so.", "votes": [name], **changed,
    }  # fmt: skip


def record(*verdicts, **more):
    return {"study": "s", "verdicts": list(verdicts), "parameters": [], **more}


def test_the_first_decided_claim_is_told_with_effect_interval_and_n():
    found = answer(record(verdict("inconclusive", name="first"), verdict(name="second")))
    assert (found.status, found.head) == ("supported", "Supported:")
    assert found.text == (
        "The second is there: rise 5.9 points (97 % interval 4.9 to 6.9, n = 8 seeds); "
        "of 2 claims 1 supported, 1 inconclusive."
    )


def test_what_is_contradicted_is_told_as_such():
    found = answer(record(verdict("contradicted"), verdict(name="second")))
    assert found.head == "Contradicted:"
    assert found.text.startswith("“The peak is there”: rise 5.9 points")


def test_where_nothing_is_decided_it_says_so_and_what_was_asked():
    found = answer(
        record(verdict("inconclusive", low=2.0), verdict("not_applicable", name="other", effect=None))
    )
    assert found.head == "Not decided:"
    assert "asked at least 3 points" in found.text


def test_below_the_plan_there_is_an_estimate_and_no_verdict():
    planned = {"first": 100, "count": 5, "have": 3, "below": True}
    found = answer(record(verdict("not_applicable"), planned=planned))
    assert (found.head, found.text.partition(".")[0]) == ("No verdict yet,", "below plan: 3 of 5 planned seeds")
    assert "rise 5.9 points" in found.text


def test_nothing_measured_gives_the_reason():
    found = answer(record(verdict("not_applicable", effect=None, parts=[], reason="the curve ends too early.")))
    assert found.text.startswith("The peak is there: the curve ends too early; ")


@pytest.mark.parametrize(
    ("statuses", "head", "name"),
    [(("supported", "supported"), "Passes:", "check-0"), (("supported", "contradicted"), "Fails:", "check-1")],
)
def test_a_study_of_checks_tells_the_one_that_fails(statuses, head, name):
    made = [verdict(status, name=f"check-{i}", kind="check") for i, status in enumerate(statuses)]
    found = answer(record(*made))
    assert found.head == head
    assert found.text.startswith(f"The {name} is there")


def test_checks_are_told_after_the_claims_and_never_before():
    found = answer(record(verdict("supported", name="check", kind="check"), verdict(name="claim")))
    assert found.text.startswith("The claim is there")
    assert found.text.endswith("this is its only claim, 1 of 1 checks passes.")


def test_questions_are_answered_yes_or_no():
    assert answer(record(verdict("contradicted", kind="question"))).head == "No:"


def test_places_along_the_line_are_left_to_the_detail():
    made = verdict()
    made["parts"][0]["label"] = made["label"] = (
        "error at the peak (parameters per sample in [1.05, 1.6]) minus the end"
    )
    assert ": error at the peak minus the end 5.9 points (97 %" in answer(record(made)).text


def test_several_data_sets_are_named():
    assert answer(record(verdict(), verdict(data="other", name="b"))).head == "Supported on d:"


def test_an_empty_run_says_so():
    assert answer(record()).text == "this run holds no statement."
