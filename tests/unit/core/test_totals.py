"""Votes, the verdict of a line, how many false ones to expect, and p-values."""

import numpy as np
import pytest
from scipy import stats

from overparam.core import findings, tallies
from overparam.core.stats import geometric_interval, mean_interval
from overparam.core.totals import VERDICTS, beyond, chance, decide, holm, p_values, rows, votes


def verdict(statement, status, *, ledger=("L53",), kind="claim", data="digits", same=(), study="one", **more):
    found = {
        "statement": statement, "sentence": "A sentence.", "kind": kind, "form": "direction", "ledger": list(ledger),
        "data": data, "status": status, "label": "a number", "effect": 1.0, "low": 0.5, "high": 1.5, "level": 0.97, "n": 5,
        "unit": "", "asked": [0.0, None], "excluded": [0.0, None], "decided": "", "can_contradict": True,
        "p": [0.001, 0.9], "reason": "so", "control": "", "outside": "", "version": 1, "fingerprint": "",
        "votes": [statement, *same], "study": study,
    }  # fmt: skip
    return {**found, **more}


def study(name, *verdicts):
    return {"study": name, "verdicts": [{k: v for k, v in one.items() if k != "study"} for one in verdicts]}


def row(*verdicts, number="L53"):
    return next(one for one in rows([study("one", *verdicts)]) if one.line.number == number)


def of(*statuses, kind="claim"):
    entries = [verdict(f"c{i}", status, kind=kind) for i, status in enumerate(statuses)]
    return decide(entries, votes(entries), answered=True)


# ---------------------------------------------------------------- votes
def test_statements_that_read_one_number_are_one_vote():
    entries = [
        verdict("a", "supported", same=("b",)),
        verdict("b", "supported", same=("a",)),
        verdict("c", "supported"),
    ]
    assert [[one["statement"] for one in vote.entries] for vote in votes(entries)] == [["a", "b"], ["c"]]


def test_a_number_in_common_joins_through_a_third_and_whatever_the_order():
    entries = [verdict("a", "supported"), verdict("b", "supported"), verdict("c", "supported", same=("a", "b"))]
    for order in ([0, 1, 2], [2, 1, 0], [0, 2, 1]):
        (vote,) = votes([entries[i] for i in order])
        assert {one["statement"] for one in vote.entries} == {"a", "b", "c"}


def test_another_study_or_data_set_is_another_measurement():
    entries = [
        verdict("a", "supported"),
        verdict("a", "supported", data="mnist"),
        verdict("a", "supported", study="two"),
    ]
    assert len(votes(entries)) == 3


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (("supported", "supported"), "supported"),
        (("supported", "inconclusive"), "inconclusive"),
        (("contradicted", "inconclusive"), "contradicted"),
        (("contradicted", "supported"), "mixed"),
        (("supported", "not_applicable"), "supported"),
    ],
)
def test_a_vote_is_supported_by_all_and_contradicted_by_any(statuses, expected):
    (vote,) = votes([verdict(f"c{i}", s, same=("c0", "c1")) for i, s in enumerate(statuses)])
    assert vote.status == expected


def test_what_was_not_judged_and_what_is_open_outside_the_scope_has_no_vote():
    assert votes([verdict("a", "not_applicable")]) == ()
    assert votes([verdict("a", "inconclusive", outside="other data")]) == ()
    assert len(votes([verdict("a", "supported", outside="other data")])) == 1
    assert votes([verdict("a", "supported", kind="check"), verdict("b", "supported", kind="question")]) == ()


# ---------------------------------------------------------------- the verdict of a line
@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (("supported",), "supported"),
        (("contradicted",), "contradicted"),
        (("inconclusive",), "inconclusive"),
        (("not_applicable", "not_applicable"), "not applicable"),
        (("supported", "not_applicable"), "supported"),
        (("supported", "inconclusive"), "inconclusive"),  # one of two does not decide alone
        (("supported", "supported", "inconclusive"), "supported"),
        (("contradicted", "contradicted", "inconclusive"), "contradicted"),
        (("supported", "supported", "supported", "contradicted"), "mixed"),
        (("supported", "supported", "inconclusive", "inconclusive"), "inconclusive"),
    ],
)
def test_claims_decide_by_more_than_half_with_none_against(statuses, expected):
    assert of(*statuses) == expected


def test_checks_answer_where_no_claim_was_judged_and_a_failing_one_always():
    assert of("supported", "supported", kind="check") == "checks pass"
    assert of("supported", "not_applicable", kind="check") == "checks pass"
    assert of("supported", "inconclusive", kind="check") == "checks undecided"
    both = [verdict("a", "supported"), verdict("b", "supported", kind="check")]
    assert decide(both, votes(both), answered=True) == "supported"
    bad = [verdict("a", "supported"), verdict("b", "contradicted", kind="check")]
    assert decide(bad, votes(bad), answered=True) == "checks fail"
    idle = [verdict("a", "not_applicable"), verdict("b", "supported", kind="check")]
    assert decide(idle, votes(idle), answered=True) == "checks pass"


def test_questions_answer_where_there_is_nothing_else():
    assert of("supported", kind="question") == "answered by a question"
    assert of("contradicted", "inconclusive", kind="question") == "answered by a question"
    assert of("inconclusive", kind="question") == "inconclusive"
    both = [verdict("a", "contradicted", kind="question"), verdict("b", "supported", kind="check")]
    assert decide(both, votes(both), answered=True) == "checks pass"


def test_a_line_without_verdict_is_not_run_or_has_no_study():
    found = {one.line.number: one for one in rows([], {"toy": ["L54", "L22D"]})}
    assert found["L54"].verdict == found["L22"].verdict == "not run"
    assert [one.verdict for one in found["L22"].under] == [*["no study yet"] * 3, "not run"]
    assert found["L53"].verdict == "no study yet"
    assert found["L22"].studies == ("toy",)
    assert {one.verdict for one in found.values()} <= set(VERDICTS)
    assert len(found) == 63


def test_a_line_pools_what_is_named_under_it_and_each_has_a_verdict_of_its_own():
    found = row(
        verdict("a", "supported", ledger=("L22A",)),
        verdict("b", "contradicted", ledger=("L22D", "L25")),
        number="L22",
    )
    assert found.verdict == "mixed"
    assert found.words == "mixed (1 for, 1 against)"
    assert found.against == ("one.b, digits",)
    own = {one.line.number: one.verdict for one in found.under}
    assert own == {"L22A": "supported", "L22B": "no study yet", "L22C": "no study yet", "L22D": "contradicted"}
    assert row(verdict("b", "contradicted", ledger=("L22D", "L25")), number="L25").verdict == "contradicted"


def test_the_words_of_a_line_count_its_votes():
    assert row(verdict("a", "supported")).words == "supported"
    assert (
        row(*(verdict(name, "supported") for name in "abc"), verdict("d", "inconclusive")).words
        == "supported (3 of 4)"
    )
    assert row(verdict("a", "supported"), verdict("b", "inconclusive")).words == "inconclusive (1 for, 1 open)"
    assert row(verdict("a", "inconclusive"), verdict("b", "inconclusive")).words == "inconclusive"


# ---------------------------------------------------------------- by chance
def test_expected_false_verdicts_follow_from_levels_and_votes():
    """One vote a line errs at (1 - level)/2 in each direction; 63 such lines at 95 % would give 1.6."""
    alone = [
        study("one", *(verdict(f"c{i}", "inconclusive", ledger=(f"L{i}",), level=0.95) for i in range(1, 64)))
    ]
    found = chance(rows(alone))
    assert (found.lines, found.alone) == (63, 63)
    assert found.support == pytest.approx(63 * 0.025)
    assert found.contradiction == pytest.approx(63 * 0.025)
    first_look = [
        study("one", verdict("a", "supported"), verdict("b", "supported", ledger=("L9",), level=0.99))
    ]
    assert chance(rows(first_look)).support == pytest.approx(0.015 + 0.005)


def test_nothing_is_contradicted_by_chance_where_nothing_can_contradict():
    found = chance(rows([study("one", verdict("a", "supported", can_contradict=False))]))
    assert (found.support, found.contradiction) == (pytest.approx(0.015), 0.0)


@pytest.mark.parametrize("k", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("dependent", [False, True])
def test_the_expected_number_bounds_what_a_simulation_finds(k, dependent):
    """Planted: every vote is falsely supported with probability 0.015, all alike or independently."""
    rng = np.random.default_rng(k)
    false = rng.random((40_000, 1 if dependent else k)) < 0.015
    share = float((np.broadcast_to(false, (40_000, k)).sum(axis=1) > k / 2).mean())
    bound = chance(rows([study("one", *(verdict(f"c{i}", "inconclusive") for i in range(k)))])).support
    assert share <= bound + 3 * np.sqrt(0.015 / 40_000)
    assert bound < 2 * 0.015


def test_holm_stops_at_the_first_that_fails():
    assert holm({"a": 0.04, "b": 0.001, "c": 0.02}) == ("b", "c", "a")
    assert holm({"a": 0.04, "b": 0.001, "c": 0.03}) == ("b",)
    assert holm({}) == ()


def test_a_line_of_several_votes_needs_more_than_half_to_survive():
    two = row(verdict("a", "supported", p=[1e-9, None]), verdict("b", "supported", p=[0.01, None]))
    assert two.p == pytest.approx(2 * 0.01)  # both must be true: the larger one, doubled for two directions
    three = row(
        *(verdict(name, "supported", p=[p, None]) for name, p in zip("abc", (1e-6, 0.001, 0.2), strict=True))
    )
    assert three.p == pytest.approx(2 * 2 * 0.001)  # two of three: (3 - 2 + 1) times the second smallest
    assert row(verdict("a", "inconclusive", p=[0.02, None])).p == 1.0
    assert chance(rows([study("one", verdict("a", "supported", p=[1e-6, None]))])).survive == ("L53",)


# ---------------------------------------------------------------- p-values
def measured(values, level=0.97, *, log=False, **cuts):
    found = geometric_interval(values, level) if log else mean_interval(values, level)
    base = {"effect": found.mean, "low": found.low, "high": found.high, "n": found.n}
    return {**base, "label": "", "unit": "", "at_least": None, "at_most": None, **cuts}


def test_a_p_value_is_that_of_students_test_on_the_seeds():
    values = [1.3, 2.1, 1.7, 2.4, 1.9]
    for cut in (0.0, 1.0, 1.8):
        expected = stats.ttest_1samp(values, cut, alternative="greater").pvalue
        assert beyond(measured(values), cut, 1.0, 0.97) == pytest.approx(expected, rel=1e-6)
        assert beyond(measured(values), cut, -1.0, 0.97) == pytest.approx(1 - expected, rel=1e-6)


def test_a_ratio_is_tested_on_logarithms():
    values = [1.3, 2.6, 1.7, 3.4, 1.9]
    expected = stats.ttest_1samp(np.log(values), np.log(1.2), alternative="greater").pvalue
    assert beyond(measured(values, log=True), 1.2, 1.0, 0.97) == pytest.approx(expected, rel=1e-5)


def test_a_share_is_tested_by_the_binomial():
    found = {"effect": 0.9, "low": stats.beta.ppf(0.015, 9, 2), "high": stats.beta.ppf(0.985, 10, 1), "n": 10}
    assert beyond(found, 0.5, 1.0, 0.97) == pytest.approx(
        stats.binomtest(9, 10, 0.5, alternative="greater").pvalue
    )


def test_another_interval_tells_only_that_it_excludes_the_cut_off():
    skew = {"effect": 2.0, "low": 1.0, "high": 7.0, "n": 8}
    assert beyond(skew, 0.5, 1.0, 0.97) == pytest.approx(0.015)
    assert beyond(skew, 1.5, 1.0, 0.97) == 1.0
    assert beyond({"effect": 2.0, "low": None, "high": None, "n": 1}, 0.5, 1.0, 0.97) == 1.0


def test_an_interval_at_the_cut_off_has_the_p_value_of_its_level():
    values = [1.3, 2.1, 1.7, 2.4, 1.9]
    found = measured(values)
    assert beyond(found, found["low"], 1.0, 0.97) == pytest.approx(0.015)


def test_support_needs_every_part_and_contradiction_pays_for_each():
    strong, weak = [5.0, 5.1, 4.9, 5.05, 4.95], [1.0, 2.0, 0.5, 1.5, 0.8]
    parts = [
        measured(strong, at_least=0.0, contradicted_below=0.0),
        measured(weak, at_least=0.0, contradicted_below=0.0),
    ]
    support, contradiction = p_values({"status": "supported", "parts": parts})
    assert support == pytest.approx(stats.ttest_1samp(weak, 0.0, alternative="greater").pvalue, rel=1e-6)
    assert contradiction == pytest.approx(min(1.0, 2 * stats.ttest_1samp(weak, 0.0, alternative="less").pvalue))
    against = [measured([-5.0, -5.1, -4.9, -5.05], at_least=0.0, contradicted_below=0.0), parts[1]]
    _, contradiction = p_values({"status": "contradicted", "parts": against})
    single = stats.ttest_1samp([-5.0, -5.1, -4.9, -5.05], 0.0, alternative="less").pvalue
    assert contradiction == pytest.approx(2 * single, rel=1e-6)


def test_the_parts_that_a_record_leaves_out_are_paid_for_too():
    """The wider interval tells among how many parts the error was shared."""
    values = [-5.0, -5.1, -4.9, -5.05]
    wide = mean_interval(values, 1 - 0.03 / 20)
    one = measured(values, at_least=0.0, contradicted_below=0.0, wide_low=wide.low, wide_high=wide.high)
    single = stats.ttest_1samp(values, 0.0, alternative="less").pvalue
    assert p_values({"status": "contradicted", "parts": [one]})[1] == pytest.approx(20 * single, rel=1e-6)


def test_a_band_is_two_tests_and_an_existence_pays_for_its_settings():
    values = [0.9, 1.0, 1.1, 1.05, 0.95]
    support, contradiction = p_values(
        {"status": "supported", "parts": [measured(values, at_least=0.7, at_most=2.0)]}
    )
    assert support == pytest.approx(stats.ttest_1samp(values, 0.7, alternative="greater").pvalue, rel=1e-6)
    assert contradiction is None
    settings = [
        measured(values, 0.985, at_least=0.7, setting="a"), measured([0.1, 0.9, 0.2], 0.985, at_least=0.7, setting="b")
    ]  # fmt: skip
    support, contradiction = p_values({"status": "supported", "form": "exists", "parts": settings})
    assert support == pytest.approx(2 * stats.ttest_1samp(values, 0.7, alternative="greater").pvalue, rel=1e-6)
    assert contradiction is None


def test_a_trend_has_the_p_value_of_its_level_and_checks_have_none():
    trend = {**measured([1.0, 1.1], at_least=-1.0, at_most=1.0), "decided": "supported", "told": "from 3 to 1"}
    assert p_values({"status": "supported", "form": "limit", "parts": [trend]}) == (pytest.approx(0.015), 1.0)
    assert p_values({"kind": "check", "status": "supported", "parts": [trend]}) == (None, None)
    assert p_values({"status": "not_applicable", "parts": [trend]}) == (None, None)


# ---------------------------------------------------------------- in sentences, and the compact record
def test_totals_say_lines_chance_and_kinds():
    found = [
        study(
            "one", verdict("a", "supported"), verdict("b", "contradicted", ledger=("L9",)),
            verdict("c", "supported", kind="check", ledger=("L12",)), verdict("d", "contradicted", kind="question"),
        )
    ]  # fmt: skip
    lines, by_chance, kinds = tallies.totals(rows(found), found)
    assert lines.startswith(
        "Of 63 statements of the sources: 1 supported, 1 contradicted, 1 where checks pass, "
        "59 with no study yet, 1 that no experiment can answer."
    )
    assert "Claims answer 2 of them, 2 by a single measurement" in by_chance
    assert (
        "Chance alone would support at most 0.03 of these lines falsely and contradict at most 0.03"
        in by_chance
    )
    assert kinds.endswith("2 claims: 1 supported, 1 contradicted; 1 of 1 checks pass; 1 question: 1 no.")
    assert tallies.by_chance(rows([])) == "No claim answers any of them."


def test_an_entry_keeps_what_totals_and_page_read():
    made = findings.entry(RECORD)
    (one,) = made["verdicts"]
    assert (made["seeds"], made["below"], made["date"]) == ([100, 101], False, "2026-11-28")
    assert (one["statement"], one["kind"], one["level"], one["votes"]) == (
        "rise",
        "claim",
        0.97,
        ["rise", "peak"],
    )
    assert (one["asked"], one["excluded"], one["can_contradict"]) == ([1.0, None], [0.0, None], True)
    assert one["p"][0] == pytest.approx(stats.ttest_1samp(VALUES, 1.0, alternative="greater").pvalue, rel=1e-6)
    assert one["effect"] == pytest.approx(2.0)
    assert rows([made])[53].verdict == "supported"


def test_entries_are_written_one_verdict_a_line_and_read_back(tmp_path):
    made = findings.entry(RECORD)
    path = tmp_path / "findings.json"
    path.write_text(findings.text([made]), encoding="utf-8")
    assert findings.read(path) == {"toy": made}
    assert sum('"statement"' in line for line in path.read_text(encoding="utf-8").splitlines()) == 1
    assert findings.read(tmp_path / "none.json") == {}
    path.write_text('{"schema": 1}', encoding="utf-8")
    with pytest.raises(findings.StoreError, match="damaged"):
        findings.read(path)


def test_the_run_that_decides_is_the_newest_of_its_profile_that_is_not_exploratory():
    runs = [
        {"profile": "quick", "mark": "", "at": 4}, {"profile": "laptop", "mark": "exploratory", "at": 3},
        {"profile": "laptop", "mark": "extended", "at": 2}, {"profile": "laptop", "mark": "", "at": 1},
    ]  # fmt: skip
    assert findings.newest(runs, "laptop")["at"] == 2
    assert findings.newest(runs, "paper") is None


VALUES = [1.9, 2.1, 2.0, 2.05, 1.95]
RECORD = {
    "study": "toy", "title": "A toy", "question": "Does it rise?", "profile": "laptop", "mark": "", "compute_seconds": 60.0,
    "created": "2026-11-28T20:00:00Z", "parameters": [{"name": "seed", "values": [100, 101]}],
    "planned": {"first": 100, "count": 2, "below": False}, "cells": {"total": 2, "ok": 2, "diverged": 0},
    "verdicts": [
        {
            "claim": "toy.rise", "sentence": "It rises.", "ledger": ("L54",), "status": "supported", "label": "rise",
            "data": "digits", "unit": "points", "n": 5, "reason": "so", "rule_version": 2, "kind": "claim", "level": 0.97,
            "form": "direction", "votes": ("rise", "peak"), "control": {"detail": "does not show the effect"},
            **{k: v for k, v in measured(VALUES).items() if k in ("effect", "low", "high")},
            "parts": [{**measured(VALUES, at_least=1.0, contradicted_below=0.0), "label": "rise"}],
        }
    ],
}  # fmt: skip
