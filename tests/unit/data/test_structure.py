"""Separation, diameters and Li and Liang's assumption: against brute force over all partitions."""

import itertools
import math

import numpy as np
import pytest

from overparam import data
from overparam.core.errors import DataError, UsageError

RNG = np.random.default_rng(0)


def smallest_diameter(rows, parts):
    """The least largest diameter over every cut of a few rows into at most so many parts."""
    gaps = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    best = math.inf
    for cut in itertools.product(range(parts), repeat=len(rows)):
        cut = np.array(cut)
        same = cut[:, None] == cut[None]
        best = min(best, gaps[same].max())
    return best


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_the_best_cut_lies_between_the_two_bounds(parts):
    for _ in range(5):
        x, y = RNG.standard_normal((10, 3)), np.repeat([0, 1], 5)
        found = data.structure(x, y, parts, unit=False)
        best = max(smallest_diameter(x[y == c], parts) for c in (0, 1))
        assert found.diameter_at_least <= best + 1e-12
        assert best <= found.diameter + 1e-12
        gaps = np.linalg.norm(x[:5, None] - x[None, 5:], axis=2)
        assert found.separation == pytest.approx(gaps.min(), rel=1e-12)
        assert found.ratio == pytest.approx(found.diameter / gaps.min())
        if (
            parts == 1
        ):  # one part is the whole class; both bounds are within a factor of two, and the upper one is exact
            assert found.diameter == pytest.approx(best, rel=1e-7)
            assert found.diameter_at_least >= best / 2


def test_the_assumption_is_met_where_it_was_planted_and_fails_where_it_was_broken():
    tight = data.clusters(60, 20, 6, classes=3, radius=0.01)
    good = data.structure(tight.data.x, tight.data.y, 2)
    assert (good.state, good.parts_at_least) == ("holds", 2.0)
    assert data.structure(tight.data.x, tight.data.y, 1).state == "fails"  # one part spans two clusters
    wide = data.clusters(60, 20, 6, classes=3, radius=0.3)
    bad = data.structure(wide.data.x, wide.data.y, 2)
    assert bad.state == "fails"
    assert bad.parts_at_least > 2
    assert bad.allowed == 1 / 16


def test_equal_rows_of_two_classes_have_no_separation():
    found = data.structure(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), [0, 1, 1])
    assert (found.separation, found.ratio, found.state, found.parts_at_least) == (
        0.0,
        math.inf,
        "fails",
        math.inf,
    )


def test_close_pairs_keep_their_digits():
    x = np.array([[1.0, 0.0], [1.0, 1e-11], [0.0, 1.0]])
    assert data.structure(x, [0, 1, 1], unit=False).separation == pytest.approx(1e-11, rel=1e-12)


def test_unit_measures_directions():
    x, y = RNG.standard_normal((12, 4)), np.arange(12) % 2
    a, b = data.structure(x, y), data.structure(x * RNG.uniform(1, 9, (12, 1)), y)
    assert a.separation == pytest.approx(b.separation)


def test_every_row_its_own_component_of_digits():
    digits = data.subset(data.load("digits"), 200)
    found = data.structure(digits.x, digits.y)
    assert found.state == "fails"
    assert found.ratio_at_least > 1  # far above the 1/8 that is allowed
    assert found.parts_at_least > found.largest_class / 2


@pytest.mark.parametrize(
    ("x", "y", "parts", "error", "words"),
    [
        (np.eye(3), [0, 0, 0], 1, DataError, "at least 2 classes, got 1"),
        (np.eye(3), [0, 1], 1, DataError, r"label a row, of shape \(3,\)"),
        (np.eye(3), [0.0, 1.0, 1.0], 1, DataError, "whole-number label"),
        (np.zeros((3, 2)), [0, 1, 1], 1, DataError, "no row of zeros"),
        (np.eye(3) * np.nan, [0, 1, 1], 1, DataError, "finite"),
        (np.eye(3), [0, 1, 1], 0, UsageError, "parts: expected a whole number of at least 1"),
        (np.ones(3), [0, 1, 1], 1, DataError, r"expected shape \(n, features\)"),
        (np.zeros((10_001, 1)), np.zeros(10_001, int), 1, DataError, "at most 10,000 rows"),
    ],
)
def test_what_is_refused(x, y, parts, error, words):
    with pytest.raises(error, match=words):
        data.structure(x, y, parts)
