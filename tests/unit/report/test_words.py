import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overparam.report import words


def part(**changed):
    base = {
        "label": "rise",
        "effect": 6.1234,
        "low": 4.5,
        "high": 7.7468,
        "n": 5,
        "at_least": 3.0,
        "at_most": None,
    }
    return {**base, "unit": "points", **changed}


@given(st.floats(min_value=1e-12, max_value=1e12))
def test_a_written_number_is_within_four_digits_of_the_number(value):
    text = words.number(value).replace(",", "")
    if "×" in text:
        mantissa, power = text.split(" × 10")
        plain = power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
        text = f"{mantissa}e{plain}"
    assert float(text) == pytest.approx(value, rel=6e-4)


@pytest.mark.parametrize("missing", [None, float("nan"), float("inf")])
def test_a_missing_number_is_a_dash_never_nan(missing):
    assert words.number(missing) == "–"


def test_small_integers_keep_no_exponent_and_negative_numbers_a_true_minus():
    assert words.number(0.0) == "0"
    assert words.number(-3) == "−3"
    assert words.number(-1.5e-7) == "−1.5 × 10⁻⁷"


def test_numbers_that_belong_together_are_printed_as_in_the_terminal_with_the_signs_of_a_page():
    assert words.together(5432.1, 4000.0, 6864.2) == ("5,432", "4,000", "6,864")
    assert words.together(-8.19e-09, 1e-12) == ("−8.19 × 10⁻⁹", "1.00 × 10⁻¹²")


def test_an_interval_that_misses_a_cutoff_is_not_printed_as_if_it_met_it():
    low = words.span(part(low=3.9993, high=5.5774, effect=4.79, at_least=4.0)).split(" to ")[0]
    assert float(low) < 4.0


def test_statements_that_read_one_number_are_one_measurement():
    made = [
        {"claim": "s.peak", "data": "d", "votes": ["peak", "rise"], "status": "supported"},
        {"claim": "s.flat", "data": "d", "votes": ["flat"], "status": "contradicted"},
        {"claim": "s.rise", "data": "d", "votes": ["peak", "rise"], "status": "supported"},
        {"claim": "s.rise", "data": "other", "votes": ["peak", "rise"], "status": "inconclusive"},
    ]
    groups = words.measurements(made)
    assert [[v["claim"] for v in group] for group in groups] == [["s.peak", "s.rise"], ["s.flat"], ["s.rise"]]
    assert words.summary(made) == "1 supported, 1 contradicted, 1 inconclusive"


def test_checks_and_questions_are_counted_apart():
    checks = [{"status": "supported", "kind": "check"}] * 11 + [{"status": "contradicted", "kind": "check"}]
    made = [{"status": "supported"}, *checks, {"status": "contradicted", "kind": "question"}]
    assert (
        words.summary(made) == "1 supported, 11 of 12 checks pass, 1 of 12 checks fails, 1 question answered no"
    )


def test_a_level_is_printed_without_more_digits_than_it_has():
    assert [words.percent(level) for level in (0.97, 0.995, 0.9975, None)] == [
        "97 %",
        "99.5 %",
        "99.75 %",
        "95 %",
    ]


def test_equal_ends_fall_back_to_plain_numbers():
    assert words.together(2.0, 2.0, 2.0) == ("2", "2", "2")


def test_an_interval_carries_its_n():
    assert words.interval(4.5, 7.7468, 5, 6.1234) == "95 % interval 4.5 to 7.75, n = 5 seeds"


def test_one_seed_has_no_interval_and_says_so():
    assert words.interval(None, None, 1, 6.0) == "one seed: no interval"
    assert words.interval(None, None, 0) == "no seed: no interval"
    assert words.interval(None, None, 3) == "n = 3 seeds: no interval"


def test_estimates_carry_their_unit():
    assert words.estimate(part()) == "6.12 points"
    assert words.estimate(part(unit="×")) == "6.12×"
    assert words.estimate(part(unit="")) == "6.12"
    assert words.estimate(part(effect=None, low=None, high=None)) == "not measured"


def test_cutoffs_in_words():
    assert words.cutoff(part()) == "at least 3 points"
    assert words.cutoff(part(at_least=None, at_most=2.0)) == "at most 2 points"
    assert words.cutoff(part(at_least=0.7, at_most=2.0, unit="×")) == "between 0.7 and 2×"
    assert words.cutoff(part(at_least=None)) == "no cut-off"


def test_the_summary_counts_every_verdict():
    names = ["contradicted", "supported", "not_applicable", "supported", "inconclusive"]
    text = words.summary([{"status": name} for name in names])
    assert text == "2 supported, 1 contradicted, 1 inconclusive, 1 not applicable"
    assert words.summary([]) == "no claim was judged"


def test_the_command_survives_a_shell():
    record = {"reference": "my study.py", "profile": "quick", "overrides": {"widths": "9,61", "data": "a b"}}
    line = words.command(record)
    assert shlex.split(line) == [
        "overparam", "run", "my study.py", "--profile", "quick", "--widths", "9,61", "--data", "a b",
    ]  # fmt: skip


def test_parameters_of_a_cell_in_one_line():
    assert (
        words.params({"width": 1200, "noise": 0.15, "data": "mnist1d"})
        == "width 1,200, noise 0.15, data mnist1d"
    )
