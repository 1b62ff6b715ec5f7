"""The claim ledger: 63 statements, each with a sentence, a source and a place."""

import re

import pytest

from overparam.core.errors import UsageError
from overparam.core.ledger import LEDGER, NUMBERS, line, parts
from overparam.core.registry import studies


def test_there_are_63_statements_and_lines_named_under_them():
    assert tuple(f"L{i}" for i in range(1, 64)) == NUMBERS
    assert [n for n in LEDGER if n not in NUMBERS] == [
        "L22A", "L22B", "L22C", "L22D", "L34A", "L34B", "L63A", "L63B", "L63C", "L63D", "L63E",
    ]  # fmt: skip
    assert [one.number for one in parts("L22")] == ["L22", "L22A", "L22B", "L22C", "L22D"]
    assert [one.number for one in parts("L9")] == ["L9"]
    assert {LEDGER[n].parent for n in LEDGER} == set(NUMBERS)


def test_a_line_stands_after_the_one_before_it_in_its_source():
    """The ledger goes through the five documents in order."""
    documents = [LEDGER[number].document for number in NUMBERS]
    assert documents == sorted(documents)
    assert set(documents) == {"000", "001", "002", "003", "004"}
    firsts = {document: f"L{documents.index(document) + 1}" for document in documents}
    assert firsts == {"000": "L1", "001": "L23", "002": "L31", "003": "L42", "004": "L46"}


def test_every_line_is_one_short_plain_sentence_with_its_place():
    for one in LEDGER.values():
        assert re.fullmatch(r"[A-Z].*\.", one.sentence), one.number
        assert 20 <= len(one.sentence) <= 120, one.number
        assert "|" not in one.sentence + one.place + one.note, one.number
        assert one.place, one.number
        assert re.search(r"\d{4}$", one.source), one.number
        assert one.source.split()[0] in one.citation, one.number
        assert one.note == "" or one.note.endswith("."), one.number
        assert re.fullmatch(r"|No experiment: .*\.", one.unmeasured), one.number
    assert len({one.sentence for one in LEDGER.values()}) == len(LEDGER)


def test_what_no_experiment_can_answer_is_told_with_its_reason_and_has_no_study():
    from overparam.core.totals import rows

    never = {n for n, one in LEDGER.items() if one.unmeasured}
    assert never == {"L31", "L34A", "L34B"}
    assert not {n for study in studies().values() for claim in study.claims for n in claim.ledger} & never
    verdicts = {row.line.number: row.verdict for row in rows(())}
    assert verdicts["L31"] == "no experiment"
    assert verdicts["L26"] == "no study yet"


def test_a_line_is_found_however_its_number_is_written():
    assert line("53") is line("l53") is line(" L53 ") is LEDGER["L53"]
    assert line("22d").parent == "L22"


@pytest.mark.parametrize("number", ["L64", "0", "", "L22E", "fifty"])
def test_another_number_is_an_error_that_says_what_there_is(number):
    with pytest.raises(UsageError, match=r"unknown ledger line .* Expected L1 to L63, or .* L22D"):
        line(number)


def test_every_claim_of_a_study_answers_a_line_that_there_is():
    for study in studies().values():
        for claim in study.claims:
            for number in claim.ledger:
                assert number in LEDGER, f"{study.name}.{claim.name}"
