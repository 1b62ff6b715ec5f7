import numpy as np
import pytest
from scipy import stats as scipy_stats

from overparam.core import stats


@pytest.mark.parametrize("n", [2, 7, 40])
@pytest.mark.parametrize("level", [0.97, 0.99])
def test_student_interval_equals_scipy_at_every_n(n, level):
    v = np.random.default_rng(1).normal(size=n)
    want = scipy_stats.ttest_1samp(v, 0).confidence_interval(level)
    got = stats.mean_interval(v, level)
    assert (got.low, got.high) == pytest.approx((want.low, want.high), rel=1e-12)


@pytest.mark.parametrize("n", [5, 10, 25])
def test_intervals_cover_the_mean_at_their_level(n):
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(400):
        interval = stats.mean_interval(rng.normal(3.0, 2.0, size=n))
        hits += interval.low <= 3.0 <= interval.high
    assert 0.93 * 400 <= hits <= 0.999 * 400  # 97 %, five standard deviations of the count


def test_one_seed_gives_no_interval():
    assert stats.mean_interval([4.0]) == stats.Interval(4.0, None, None, 1)
    assert stats.geometric_interval([4.0]).low is None


def test_the_interval_of_a_ratio_is_symmetric_under_inversion():
    rng = np.random.default_rng(3)
    a, b = rng.uniform(1, 2, 6), rng.uniform(1, 2, 6)
    one, other = stats.geometric_interval(a / b), stats.geometric_interval(b / a)
    assert one.low * other.high == pytest.approx(1.0)
    assert one.mean * other.mean == pytest.approx(1.0)


def test_geometric_interval_is_the_interval_of_the_logarithms():
    v = np.random.default_rng(6).lognormal(size=7)
    inner = stats.mean_interval(np.log(v))
    got = stats.geometric_interval(v)
    assert (got.low, got.mean, got.high) == pytest.approx(tuple(np.exp([inner.low, inner.mean, inner.high])))


def test_prediction_interval_covers_one_further_run():
    rng = np.random.default_rng(4)
    hits = 0
    for _ in range(600):
        v = rng.normal(size=6)
        low, high = stats.prediction_interval(v[:5])
        hits += low <= v[5] <= high
    assert 0.94 * 600 <= hits <= 0.995 * 600  # 97 %, four standard deviations of the count


def test_leave_one_out_makes_no_peak_from_flat_noise():
    rng = np.random.default_rng(5)
    naive, honest = [], []
    for _ in range(300):
        y = rng.normal(size=(5, 12))
        naive.append(y.mean(0).max())
        honest.append(stats.leave_one_out(y, np.argmax)[0].mean())
    assert np.mean(naive) > 0.6
    assert abs(np.mean(honest)) < 0.08


def test_leave_one_out_reads_each_seed_at_the_others_choice():
    y = [[0.0, 9.0, 1.0], [0.0, 1.0, 8.0], [0.0, 1.0, 8.0]]
    values, places = stats.leave_one_out(y, np.argmax)
    assert places.tolist() == [2, 1, 1]
    assert values.tolist() == [1.0, 1.0, 1.0]


def test_picks_look_only_where_they_may():
    line = np.array([9.0, 1.0, 5.0, 0.0])
    assert stats.argmax_within([False, True, True, True])(line) == 2


def test_a_peak_is_placed_no_better_than_the_grid_allows():
    grid = [1.0, 2.0, 4.0, 8.0]
    interval = stats.place_interval(grid, [2, 2, 2])
    assert interval.mean == pytest.approx(4.0)
    assert (interval.low, interval.high) == pytest.approx((np.sqrt(8), np.sqrt(32)))
    wide = stats.place_interval(grid, [0, 3, 1, 2, 0])
    assert wide.low < 1.0
    assert wide.high > 7.0
    assert stats.place_interval(grid, [1]).low is None


@pytest.mark.parametrize("n", [2, 5, 6, 10, 20])
def test_sign_interval_excludes_one_half_exactly_when_the_sign_test_rejects(n):
    for positive in range(n + 1):
        interval = stats.sign_interval([2.0] * positive + [-0.1] * (n - positive) + [0.0] * 3)
        assert (interval.mean, interval.n) == (positive / n, n)
        smaller = min(positive, n - positive)
        tail = sum(scipy_stats.binom.pmf(k, n, 0.5) for k in range(smaller + 1))
        rejects = 2 * tail <= 0.03
        assert (interval.low > 0.5 or interval.high < 0.5) == rejects


def test_sign_interval_covers_the_share_and_needs_two_seeds_that_differ():
    rng = np.random.default_rng(8)
    hits = 0
    for _ in range(400):
        interval = stats.sign_interval(rng.choice([1.0, -1.0], size=12, p=[0.8, 0.2]))
        hits += interval.low <= 0.8 <= interval.high
    assert hits >= 0.95 * 400 - 5
    assert stats.sign_interval([1.0, 0.0]) == stats.Interval(1.0, None, None, 1)
    assert np.isnan(stats.sign_interval([0.0, 0.0]).mean)


def test_a_geometric_mean_of_tiny_numbers_keeps_its_digits():
    assert stats.geometric_interval([1e-15, 4e-15]).mean == pytest.approx(2e-15, rel=1e-11)


def test_fieller_agrees_with_the_t_interval_of_the_difference():
    rng = np.random.default_rng(1)
    for _ in range(100):
        rise = 3 + rng.standard_normal(6)
        fall = 0.4 * rise + rng.standard_normal(6)
        ratio = stats.ratio_of_means(fall, rise)
        if stats.mean_interval(rise).low <= 0:
            assert ratio.low is None
            continue
        assert ratio.low < ratio.mean < ratio.high
        for cut in (ratio.low, ratio.high):
            inner = stats.mean_interval(fall - cut * rise)
            assert min(abs(inner.low), abs(inner.high)) == pytest.approx(0, abs=1e-9)


def test_a_denominator_that_may_be_zero_gives_no_interval():
    share = stats.ratio_of_means([1.0, 2.0, 1.5], [-1.0, 1.0, 0.1])
    assert (share.low, share.high, share.n) == (None, None, 3)
    assert stats.ratio_of_means([1.0], [2.0]).low is None
