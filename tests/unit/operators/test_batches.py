"""Arrays, data sets and loaders as batches, and what is wrong with them."""

import numpy as np
import pytest

from overparam.core.errors import DataError, OverparamError, UsageError
from overparam.data import load
from overparam.operators.batches import Batch, batches_of, check_same, row_marks
from tests.tiny_models import LABELS, Loader, X


def counts(data, **options):
    return [batch.count for batch in batches_of(data, **options)]


def test_arrays_are_cut_into_batches():
    assert counts((X, LABELS), batch=32) == [32, 18]
    assert counts((X, LABELS), batch=49) == [49, 1]
    assert counts([X, LABELS]) == [50]
    assert counts(X, batch=50) == [50]
    assert counts({"inputs": X, "labels": LABELS}, batch=25) == [25, 25]
    batch = next(iter(batches_of((X, None))))
    assert batch.targets is None


def test_a_data_set_gives_its_training_part():
    digits = load("digits")
    assert sum(counts(digits, batch=1000)) == len(digits.x)


def test_a_loader_is_gone_through_again_and_again():
    loader = Loader((32, 18))
    batches = batches_of(loader)
    assert [[one.count for one in batches] for _ in range(2)] == [[32, 18]] * 2
    assert loader.passes == 2


KINDS = {
    "a list of pairs": ([(X[:3], LABELS[:3]), (X[3:5], LABELS[3:5])], [3, 2], 1, ()),
    "pairs as lists": ([[X[:3], LABELS[:3]]], [3], 1, ()),
    "one mapping input": ([{"image": X[:3], "label": LABELS[:3]}], [3], 1, ()),
    "several mapping inputs": ([{"ids": X[:3], "mask": X[:3], "labels": LABELS[:3]}], [3], 0, ("ids", "mask")),
    "several inputs in a tuple": ([((X[:3], X[:3]), LABELS[:3])], [3], 2, ()),
}


@pytest.mark.parametrize("name", KINDS)
def test_batches_of_every_form_are_read(name):
    data, sizes, args, words = KINDS[name]
    found = list(batches_of(data))
    assert [one.count for one in found] == sizes
    assert len(found[0].args) == args
    assert tuple(found[0].named) == words
    assert (found[0].targets == LABELS[:3]).all()


def test_targets_may_have_a_name_of_their_own():
    (found,) = batches_of([{"x": X[:3], "truth": LABELS[:3]}], targets="truth")
    assert (found.targets == LABELS[:3]).all()


ODD = {
    "an empty list": ([], DataError, "at least one example"),
    "an empty loader": (Loader(()), DataError, "yields none"),
    "no rows": ((X[:0], LABELS[:0]), DataError, "at least one example"),
    "an empty batch": ([(X[:0], LABELS[:0])], DataError, "batch 0: expected at least one example"),
    "other lengths": ((X, LABELS[:7]), DataError, "50 inputs and 7 targets"),
    "a generator": (((X, LABELS) for _ in range(2)), UsageError, "generator, which gives its batches once"),
    "a path": ("digits", UsageError, "got str"),
    "None": (None, UsageError, "got NoneType"),
    "a number": (3.0, UsageError, "got float"),
    "three parts": ([(X, X, LABELS)], UsageError, "got 3 parts.*Several inputs go into one tuple"),
    "texts": ([("a", "b")], UsageError, "expected arrays, got str"),
    "no targets in a mapping": ([{"a": X, "b": X}], UsageError, "targets under one of the keys .* got a, b"),
    "targets alone": ([{"labels": LABELS}], UsageError, "inputs and one of the keys"),
    "two targets": ([{"x": X, "y": LABELS, "label": LABELS}], UsageError, "got x, y, label"),
    "numbers without an axis": ((np.float64(3), np.float64(3)), DataError, "along the first axis"),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_odd_data_are_refused_in_a_sentence(name):
    data, kind, words = ODD[name]
    with pytest.raises(kind, match=words):
        list(batches_of(data))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch": 0}, "batch: expected a whole number of at least 1"),
        ({"batch": 2.5}, "batch: expected"),
        ({"batch": True}, "batch: expected"),
    ],
)
def test_odd_sizes_are_refused(options, words):
    with pytest.raises(UsageError, match=words):
        batches_of((X, LABELS), **options)
    with pytest.raises(UsageError, match="expected None for a loader"):
        batches_of(Loader(), batch=3)
    with pytest.raises(UsageError, match="under 'truth', got the keys x, y"):
        list(batches_of([{"x": X, "y": LABELS}], targets="truth"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("shuffle", "another order: the loader shuffles"),
        ("augment", "augments at random"),
        ("redraw", "draws them anew"),
    ],
)
def test_a_loader_that_changes_is_named(change, words):
    loader = Loader(change=change)
    first, second = ([row_marks(one, np.asarray) for one in batches_of(loader)] for _ in range(2))
    with pytest.raises(UsageError, match=words):
        check_same(first, second, loader)
    same = [row_marks(one, np.asarray) for one in batches_of(Loader())]
    check_same(same, same, loader)


def test_rows_of_a_batch():
    whole = Batch((X,), {"mask": X}, LABELS, 50)
    part = whole.rows(40, 60)
    assert part.count == 10
    assert (part.args[0] == X[40:]).all()
    assert (part.named["mask"] == X[40:]).all()
    assert (part.targets == LABELS[40:]).all()
    assert issubclass(DataError, OverparamError)
