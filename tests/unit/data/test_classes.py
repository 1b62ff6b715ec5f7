"""Labels: what is coded, what is refused, and whether each refusal names what it found and the way out."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overparam.core.errors import DataError, UsageError
from overparam.data import classes

RNG = np.random.default_rng(0)
IDS = RNG.permutation(1000)
ANY = r"Write labels=any \(mine\.csv:labels=any, or from_arrays\(\.\.\., labels=\"any\"\)\)"
RISK = r"`overparam risk mine\.csv:targets=numbers`"


def code(y, y_test=None, **options):
    return classes.coded(y, y_test, name="a", **options)


@pytest.mark.parametrize(
    ("y", "found", "way_out"),
    [
        (["cat", "dog"] * 2, "as labels, got text: cat, dog", ANY),
        (np.array(["a", "b"]), "got text: a, b", ANY),
        ([b"cat", b"dog"], "got text: cat, dog", ANY),
        (["0", "1"], "got text: 0, 1", ANY),
        ([1, 2, 3, 1], "each of them present, got 1 to 3, numbered from 1", ANY),
        ([1, 2], "got 1, 2", ANY),
        ([-1, 1, -1], "got -1, 1", ANY),
        ([5, 6, 7], "got 5, 6, 7, numbered from 5", ANY),
        ([0, 2, 5, 0], "got 0, 2, 5, with gaps", ANY),
        ([-1, 0, 1], "got -1, 0, 1, numbered from -1", ANY),
        ([0, 2**40], f"got 0, {2**40}", ANY),
        ([True, False], "got True and False", ANY),
        (pd.Series([True, False], dtype="boolean"), "got True and False", ANY),
        ([0.5, 1.0, 0.25], r"numbers with fractions: 0\.5, 0\.25", RISK),
        (RNG.normal(size=100), "numbers with fractions", RISK),
        ([Decimal("0.5"), Decimal(1)], r"numbers with fractions: 0\.5", RISK),
        ([0, 0, 0], "at least 2 classes, got 0 in every row", "add rows of another class"),
        ([7, 7], "at least 2 classes, got 7 in every row", "add rows of another class"),
        (IDS, r"got 1,000 different ones in 1,000 rows, such as 0, 1, 2, \.\.\.: an id", "Choose another column"),
        (IDS * 3.0, "got 1,000 different ones in 1,000 rows", RISK),
        (np.eye(3), "got one-hot rows of 3 columns", r"y\.argmax\(axis=1\)"),
        (np.eye(3, dtype=bool), "got one-hot rows of 3 columns", "labels=any"),
        ([[1, 1, 0], [0, 0, 0]], "3 columns with several labels in 1 rows and none in 1", "Choose one column"),
        (RNG.normal(size=(5, 2)), "one label a row, got 2 numbers a row", RISK),
        ([[0], [1]], r"one label a row, shape \(2,\), got \(2, 1\)", r"y\.ravel\(\)"),
        (np.zeros((2, 2, 2)), r"one label a row, shape \(n,\), got shape \(2, 2, 2\)", ""),
        (pd.Series([0, 1, None], dtype="Int64"), "got 1 missing of 3", "Fill in or drop"),
        (pl.Series([0, None, None]), "got 2 missing of 3", "Fill in or drop"),
        ([0, 1, float("nan")], "got 1 missing of 3", "Fill in or drop"),
        (np.ma.masked_array([0, 1, 1], [0, 0, 1]), "got 1 missing of 3", "Fill in or drop"),
        (["a", None, "b"], "got 1 missing of 3", "Fill in or drop"),
        (["a", "", "b"], "got 1 missing of 3", "Fill in or drop"),
        (np.array(["a", np.nan]), "got 1 missing of 2", "Fill in or drop"),
        ([0, 1, float("inf")], "labels, got 1 infinite numbers", "Drop"),
        ([0, "a"], "got 1 of type whole number and 1 of type text", "one type"),
        (np.array([0, True], object), "1 of type whole number and 1 of type bool", "one type"),
        (np.array([(0, 1), 2], object), "1 of type tuple and 1 of type whole number", "one type"),
        ([{"a": 1}, {"a": 2}], "got 2 of type dict", "Encode"),
        (np.array(["2020-01-01", "2020-01-02"], "datetime64[D]"), "labels, got dates", "text or whole"),
        (np.array([1j, 0]), "labels, got complex numbers", ""),
        (np.array([(1, 2)], dtype=[("a", int), ("b", int)]), "records with the fields a, b", ""),
    ],
)  # fmt: skip
def test_labels_that_are_no_classes_are_named_with_the_way_out(y, found, way_out):
    with pytest.raises(DataError, match="(?s)^a: y: expected.*" + found + ".*" + way_out):
        code(y)


@pytest.mark.parametrize("y", [[0, 1, 2], [0.0, 1.0, 2.0], np.array([0, 1, 2], np.uint64), np.float16([0, 1, 2]),
                               pd.Series([0, 1, 2], dtype="Int8"), pl.Series([0, 1, 2]), np.array([0, 1, 2], object),
                               [Decimal(0), Decimal(1), Decimal(2)], np.ma.masked_array([0, 1, 2])])  # fmt: skip
def test_whole_numbers_from_0_are_taken_as_they_are(y):
    found = code(y)
    assert (found.y.tolist(), found.y.dtype, found.classes, found.notes) == ([0, 1, 2], np.int32, 3, ())


@pytest.mark.parametrize(
    ("y", "coded", "note"),
    [
        (["dog", "cat", "dog"], [1, 0, 1], "labels cat, dog became 0, 1"),
        (np.array(["dog", "cat"]), [1, 0], "labels cat, dog became 0, 1"),
        ([b"dog", "Käse".encode()], [1, 0], "labels Käse, dog became 0, 1"),
        ([np.str_("b"), "a"], [1, 0], "labels a, b became 0, 1"),
        (np.array(["dog", "cat"], np.dtypes.StringDType()), [1, 0], "labels cat, dog became 0, 1"),
        (pd.Series(["b", "a"]), [1, 0], "labels a, b became 0, 1"),
        (pd.Series(["b", "a"], dtype="category"), [1, 0], "labels a, b became 0, 1"),
        (pd.Categorical(["b", "a"]), [1, 0], "labels a, b became 0, 1"),
        (pl.Series(["b", "a"], dtype=pl.Categorical), [1, 0], "labels a, b became 0, 1"),
        (pl.Series(["b", "a"], dtype=pl.Enum(["b", "a"])), [1, 0], "labels a, b became 0, 1"),
        (["10", "9", "1"], [2, 1, 0], "labels 1, 9, 10 became 0, 1, 2"),
        ([3, 1, 2], [2, 0, 1], "labels 1, 2, 3 became 0, 1, 2"),
        ([1, -1], [1, 0], "labels -1, 1 became 0, 1"),
        ([5, 2, 900], [1, 0, 2], "labels 2, 5, 900 became 0, 1, 2"),
        ([True, False], [1, 0], "labels False, True became 0, 1"),
        (np.array([True, False]), [1, 0], "labels False, True became 0, 1"),
        (pd.Series([True, False], dtype="boolean"), [1, 0], "labels False, True became 0, 1"),
        (pd.Series([2, 1], dtype="Int64"), [1, 0], "labels 1, 2 became 0, 1"),
        ([0.5, 1.5, 0.5], [0, 1, 0], "labels 0.5, 1.5 became 0, 1"),
        ([Decimal("2.5"), Decimal(1)], [1, 0], "labels 1, 2.5 became 0, 1"),
        ([Fraction(1, 2), Fraction(1, 3)], [1, 0], "labels 0.333333333333333, 0.5 became 0, 1"),
        ([2**40, 0], [1, 0], f"labels 0, {2**40} became 0, 1"),
        ([[1], [3]], [0, 1], "labels 1, 3 became 0, 1"),
        (np.eye(3)[[2, 0, 1]], [2, 0, 1], "one-hot rows became the number of their column, 0 to 2"),
        (pd.DataFrame({"kind": ["b", "a"]}), [1, 0], "labels a, b became 0, 1"),
        (["a\x1b[31m", "b"], [0, 1], r"labels a\x1b[31m, b became 0, 1"),
    ],
)  # fmt: skip
def test_any_labels_are_numbered_in_their_order_and_the_note_lists_them(y, coded, note):
    found = code(y, labels="any")
    assert (found.y.tolist(), found.notes) == (coded, (note,))
    assert found.classes == len(set(coded))


def test_what_is_0_to_k_already_needs_no_note():
    assert code([0, 2, 1], labels="any").notes == ()


@pytest.mark.parametrize(
    ("y", "text"),
    [
        (["a", 1], "values of one type, numbers or text, got 1 of type text and 1 of type whole number"),
        ([b"a", "b"], "1 of type bytes and 1 of type text"),
        (["a", "a ", "b"], "labels that differ by more than spaces .*, got 'a' and 'a '"),
        (["\u00e9", "e\u0301"], "or the coding of an accent, got"),
        (None, "an array, got nothing"),
        (RNG.normal(size=50), "got 50 different ones in 50 rows"),
        ([f"user{i}" for i in range(50)], "got 50 different ones in 50 rows, such as user0"),
        (["a", "a"], "at least 2 classes, got a in every row"),
        (["a", None], "got 1 missing of 2"),
        ([[1, 1], [0, 1]], "2 columns with several labels in 1 rows"),
        ([b"\xff", b"a"], "text in UTF-8"),
        ([["a", "b"], ["a", "c"]], r"one label a row, shape \(n,\), got shape \(2, 2\)"),
    ],
)
def test_what_no_option_makes_classes(y, text):
    with pytest.raises(DataError, match=f"^a: y: expected.*{text}"):
        code(y, labels="any")


def test_both_parts_share_one_coding():
    found = code(["b", "c"], ["a", "c"], labels="any")
    assert (found.y.tolist(), found.y_test.tolist(), found.classes) == ([1, 2], [0, 2], 3)
    assert classes.only_in_test(found, found.y, found.y_test) == ("class a occurs only in the test part",)
    plain = code([0, 1], [1, 2, 3])
    assert classes.only_in_test(plain, plain.y, plain.y_test) == ("classes 2, 3 occur only in the test part",)


@pytest.mark.parametrize(
    ("y", "y_test", "text"),
    [
        (["a", "b"], [0, 1], "expected y and y_test of one kind, got text and numbers"),
        ([True, False], [0, 1], "of one kind, got True and False and numbers"),
        (np.eye(2), [0, 1], r"of one form, got shapes \(2, 2\) and \(2,\)"),
        (np.eye(3), np.eye(4), r"of one form, got shapes \(3, 3\) and \(4, 4\)"),
        ([0, 1], [0.5, 1], "numbers with fractions"),
    ],
)
def test_parts_of_two_kinds(y, y_test, text):
    for labels in ("as-is", "any"):
        if text.startswith("numbers") and labels == "any":
            continue
        with pytest.raises(DataError, match=text):
            code(y, y_test, labels=labels)


@given(st.lists(st.one_of(st.integers(-50, 50), st.integers(0, 3)), min_size=4, max_size=40))
@settings(max_examples=30, deadline=None)
def test_a_coding_keeps_which_rows_are_equal_and_their_order(values):
    try:
        found = code(values, labels="any")
    except DataError:
        assert len(set(values)) == 1 or len(set(values)) > 20
        return
    assert np.array_equal(np.array(sorted(set(values)))[found.y], values)
    assert [int(name) for name in found.names] == sorted(set(values))


def test_many_names_are_shortened_and_an_unknown_word_is_refused():
    note = code([f"k{i:03d}" for i in range(150)] * 3, labels="any").notes[0]
    assert (
        note == "150 labels in order, k000, k001, k002, k003, k004, ..., k149, became 0, 1, 2, 3, 4, ..., 149"
    )
    with pytest.raises(UsageError, match="labels: expected as-is or any, got 'some'"):
        code([0, 1], labels="some")


def test_stated_classes_may_be_absent():
    assert code([0, 2], classes=5).classes == 5
    assert code(np.arange(50), classes=50).classes == 50
