"""EMC as a search: against closed forms, and against looking at every size."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.models.random_features import RandomFeatures
from overparam.studies.effective_complexity.samples import moved, pool
from overparam.studies.effective_complexity.search import bracket, crossing, grid, search

POINTS = grid(1000, 100, 100_000)


def looked_up(errors):
    """A measure that reads errors by place, and notes what was asked."""
    asked_for = []

    def measure(asked):
        asked_for.extend(place for _, place in asked)
        return [errors[place] for _, place in asked]

    return measure, asked_for


@pytest.mark.parametrize("features", ["linear", "fourier"])
@pytest.mark.parametrize("number", [40, 75])
def test_emc_of_least_squares_with_random_labels_is_the_number_of_features(features, number):
    """Golden: N coefficients fit any N labels under squared loss and none of N + 1 random ones."""

    def train_loss(n, draw):
        rng = np.random.default_rng([n, draw])
        if features == "linear":
            phi = rng.standard_normal((n, number))
        else:
            phi = RandomFeatures("fourier", 8, draw, 1.0)(rng.standard_normal((n, 8)), 0, number)
        y = rng.choice([-1.0, 1.0], n)
        solution, *_ = np.linalg.lstsq(phi, y, rcond=None)
        return float(np.mean((phi @ solution - y) ** 2))

    for points in (tuple(range(number - 9, number + 9)), grid(number, 2, 1000)):

        def measure(asked, points=points):
            return [np.mean([train_loss(points[place], draw) for draw in range(3)]) for _, place in asked]

        (found,) = search(measure, 1, points, 1e-6)
        assert found.low == number
        assert found.censored == 0
        assert number <= found.emc < found.high


def test_search_finds_what_looking_everywhere_finds_when_the_error_grows():
    rng = np.random.default_rng(1)
    for _ in range(100):
        errors = np.sort(rng.uniform(0, 0.3, len(POINTS)))
        measure, asked = looked_up(errors)
        (found,) = search(measure, 1, POINTS, 0.1)
        learnt = [n for n, error in zip(POINTS, errors, strict=True) if error <= 0.1]
        assert found.low == (learnt[-1] if learnt else None)
        assert found.censored == (-1 if not learnt else 1 if len(learnt) == len(POINTS) else 0)
        assert len(asked) == len(set(asked)) <= 7
        if found.censored == 0:
            assert found.low <= found.emc < found.high
            assert POINTS.index(found.high) == POINTS.index(found.low) + 1


def test_a_small_size_that_fails_by_chance_does_not_hide_larger_ones():
    errors = np.where(np.arange(len(POINTS)) <= 10, 0.05, 0.5)
    errors[0] = 0.2
    (found,) = search(looked_up(errors)[0], 1, POINTS, 0.1)
    assert (found.low, found.high) == (POINTS[10], POINTS[11])


def test_emc_is_read_where_the_error_crosses_the_tolerance():
    errors = np.full(len(POINTS), 0.4)
    errors[:9] = 0.05
    errors[9] = 0.15
    (found,) = search(looked_up(errors)[0], 1, POINTS, 0.1)
    assert found.emc == pytest.approx(math.sqrt(POINTS[8] * POINTS[9]))


def test_an_end_of_the_grid_is_said_and_no_number_is_given():
    for error, censored, low in ((0.0, 1, POINTS[-1]), (0.9, -1, None)):
        (found,) = search(looked_up(np.full(len(POINTS), error))[0], 1, POINTS, 0.1)
        assert (found.emc, found.censored, found.low) == (None, censored, low)


def test_cells_are_searched_in_step_and_do_not_mix():
    limits = (300, 1000, 3000, 50, 10**6)

    def measure(asked):
        return [0.0 if POINTS[place] <= limits[cell] else 1.0 for cell, place in asked]

    found = search(measure, len(limits), POINTS, 0.1)
    assert [one.low for one in found] == [297, 1000, 2828, None, 4000]
    assert [one.censored for one in found] == [0, 0, 0, -1, 1]


def test_grid_is_a_quarter_octave_grid_through_n():
    assert 1000 in POINTS
    assert (POINTS[0], POINTS[-1], len(POINTS)) == (250, 4000, 17)
    assert all(1.18 < b / a < 1.20 for a, b in itertools.pairwise(POINTS))
    assert grid(1000, 600, 1500) == (707, 841, 1000, 1189, 1414)
    assert bracket({3: 0.2}, 0.1) == (None, 3)


def test_crossing_is_linear_in_the_logarithm_and_takes_the_first():
    widths = (8, 16, 32, 64)
    assert crossing(widths, (0.5, 0.3, 0.0, 0.0), 0.1) == pytest.approx(16 * 2 ** (2 / 3))
    assert crossing(widths, (0.5, 0.1, 0.2, 0.0), 0.1) == pytest.approx(16)
    assert crossing(widths, (0.05, 0.3, 0.0, 0.0), 0.1) == 0
    assert crossing(widths, (0.5, 0.4, 0.3, 0.2), 0.1) == math.inf


def test_copies_are_the_signal_moved_around_the_end_and_scaled():
    x = np.random.default_rng(2).standard_normal((200, 12)).astype(np.float32)
    copies = moved(x, 1)
    shifts = []
    for signal, copy in zip(x, copies, strict=True):
        fits = {}
        for shift in range(12):
            rolled = np.roll(signal, shift)
            scale = float(rolled @ copy / (rolled @ rolled))
            fits[shift] = (float(np.abs(copy - scale * rolled).max()), scale)
        best = min(fits, key=lambda shift: fits[shift][0])
        assert fits[best][0] < 1e-5
        assert 0.9 <= fits[best][1] <= 1.1
        shifts.append((best + 5) % 12 - 5)
    assert set(shifts) == {-5, -4, -3, -2, -1, 1, 2, 3, 4, 5}
    assert np.array_equal(moved(x, 1), copies)
    assert not np.array_equal(moved(x, 2), copies)


def test_pool_keeps_the_test_samples_out_and_copies_keep_their_labels(tmp_path):
    from overparam.data import from_arrays, save

    rng = np.random.default_rng(3)
    x, x_test = (np.arange(n * 4, dtype=float).reshape(n, 4) + start for n, start in ((10, 0), (6, 1000)))
    y, y_test = rng.integers(0, 2, 10), rng.integers(0, 2, 6)
    path = str(save(from_arrays(x, y, x_test, y_test, name="d", classes=2), tmp_path / "d.npz"))
    drawn = pool(path, 4, copies=3)
    assert (drawn.size, drawn.copies, drawn.x.shape) == (12, 3, (36, 4))
    assert drawn.x_test[:, 0].tolist() == [1000, 1004, 1008, 1012]
    assert drawn.x[10:12, 0].tolist() == [1016, 1020]
    assert pool(path, 99).size == 10
    rows = drawn.rows(np.array([2, 11]))
    assert rows.tolist() == [2, 11, 14, 23, 26, 35]
    labels = drawn.labels(0.5, "exclusive", 0)
    assert np.array_equal(labels[:12], labels[12:24])
    assert int((labels[:12] != drawn.y).sum()) == 6
    assert sorted(drawn.order(1).tolist()) == list(range(12))


def test_copies_of_images_are_refused():
    with pytest.raises(
        UsageError, match=r"expected signals of shape \(features,\), got samples of shape \(8, 8\)"
    ):
        pool("digits", 100, copies=2)
