"""Linear separability: closed forms on a line, planted classifiers, and what is refused."""

import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.probes.separability import separable


def apart_on_a_line(x, y):
    """Classes on a line are separable exactly where each is an interval without points of the others."""
    order = y[np.argsort(x)]
    return int((np.diff(order) != 0).sum()) + 1 == len(set(y.tolist()))


@pytest.mark.parametrize("seed", range(12))
def test_on_a_line_classes_are_separable_where_they_are_intervals(seed):
    rng = np.random.default_rng(seed)
    x = rng.permutation(40)[:9].astype(float)
    y = np.sort(rng.integers(0, 3, 9))[np.argsort(np.argsort(x))]  # intervals
    y[0] = rng.integers(0, 3) if seed % 2 else y[0]
    if len(set(y.tolist())) < 2:
        y[:2] = 0, 1
    found = separable(x[:, None], y)
    assert found.separable == apart_on_a_line(x, y)
    assert (found.margin > 0) == found.separable


def test_the_classifier_that_is_found_is_right_on_every_example():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 6)) * [1, 10, 0.1, 1, 1, 1]
    y = (x @ rng.normal(size=(6, 4))).argmax(axis=1)
    found = separable(x, y)
    assert found.separable
    assert ((x @ found.weight.T + found.bias).argmax(axis=1) == y).all()


def test_a_point_in_the_middle_of_another_class_is_not_separable_and_the_margin_says_so():
    x = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0], [0.0, 0.0]])
    found = separable(x, [0, 0, 0, 0, 1])
    assert not found.separable
    assert found.margin <= 1e-9
    assert separable(np.column_stack([x, (x**2).sum(axis=1)]), [0, 0, 0, 0, 1]).separable


def test_a_class_without_examples_and_features_that_are_always_zero_change_nothing():
    x = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    assert separable(x, [0, 2, 3]).separable
    assert not separable(np.array([[0.0], [1.0], [2.0]]), [0, 2, 0]).separable


@pytest.mark.parametrize(
    ("x", "y", "kind", "words"),
    [
        (np.ones(3), [0, 1, 0], UsageError, "a table with a row an example"),
        (np.ones((3, 2)), [0, 1], UsageError, "as many labels"),
        (np.ones((2, 2)), [1, 1], UsageError, "at least two classes"),
        (np.array([[np.nan], [1.0]]), [0, 1], DataError, "missing or infinite"),
        (np.ones((2, 2)), [0, -1], DataError, "whole numbers from 0"),
        (np.ones((2, 2)), [0.5, 1.0], DataError, "whole numbers from 0"),
    ],
)
def test_what_is_no_question_is_refused(x, y, kind, words):
    with pytest.raises(kind, match=words):
        separable(x, y)
