"""The worst gap against every sum in fractions, sequences with closed forms, and what is refused."""

import bisect
import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.theory.subset_sums import gap, nearest_sums, worst_gap


def brute(items, reach=1.0):
    """The largest distance of a target from a sum, from all sums as fractions, and how many lie inside."""
    sums = [Fraction(0)]
    for one in items:
        sums += [s + Fraction(float(one)) for s in sums]
    end, inside = Fraction(reach), sum(abs(s) <= Fraction(reach) for s in sums)
    sums = sorted(set(sums))
    middles = [(a + b) / 2 for a, b in itertools.pairwise(sums)]
    best = Fraction(0)
    for target in [-end, end, *(one for one in middles if -end <= one <= end)]:
        at = bisect.bisect(sums, target)
        best = max(best, min(abs(target - one) for one in sums[max(0, at - 1) : at + 1]))
    return best, inside


KINDS = {
    "uniform": lambda a: a,
    "positive": np.abs,
    "lattice": lambda a: np.rint(16 * a) / 16,
    "twice": lambda a: np.repeat(a, 2)[: len(a)],
    "small": lambda a: 0.1 * a,
    "products": lambda a: a * a[::-1] ** 2,
    "zeros": lambda a: 0 * a,
}


def met(items, reach=1.0):
    found, (want, inside) = worst_gap(items, reach), brute(items, reach)
    assert Fraction(found.low) <= want <= Fraction(found.high)
    assert found.high - found.low <= 1e-15 * max(1.0, found.high)
    assert found.low <= found.distance <= found.high
    assert found.inside == inside
    there = nearest_sums(items, [found.target]).distances[0] if any(items) else abs(found.target)
    assert there == pytest.approx(found.distance, abs=1e-13)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("m", [1, 2, 3, 7, 11])
def test_all_sums_in_fractions_give_the_same(kind, m):
    met(KINDS[kind](np.random.default_rng(m).uniform(-1, 1, m)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("few", "many", "piece"), [(4096, 256, 2**22), (2, 256, 2**22), (8, 2, 16)])
def test_buckets_and_windows_change_nothing(kind, few, many, piece, monkeypatch):
    """Every path: buckets in one window or in many, and too many gaps to measure one by one."""
    monkeypatch.setattr(gap, "_SMALL", 0)
    monkeypatch.setattr(gap, "_FEW", few)
    monkeypatch.setattr(gap, "_CANDIDATES", many)
    monkeypatch.setattr(gap, "_PIECE", piece)
    for m in (2, 5, 10):
        met(KINDS[kind](np.random.default_rng(m).uniform(-1, 1, m)), 0.75)


def test_sixteen_and_twenty_numbers_give_what_sorting_all_sums_gives(monkeypatch):
    for m in (16, 20):
        items = np.random.default_rng(m).uniform(-1, 1, m)
        found = worst_gap(items)
        monkeypatch.setattr(gap, "_SMALL", 20)
        assert worst_gap(items) == found
        monkeypatch.undo()
        sums = np.zeros(1)
        for one in items:
            sums = np.concatenate([sums, sums + one])
        sums.sort()
        inner = sums[(sums >= -1) & (sums <= 1)]
        assert found.distance >= np.diff(inner).max() / 2 - 1e-12


@pytest.mark.parametrize("m", [4, 12, 20, 24])
def test_powers_of_two_leave_half_a_step(m):
    """-1 and 1, 1/2, ..., h = 2^-(m-2): every multiple of h in [-1, 1] is a sum."""
    found = worst_gap([-1.0, *(2.0**-j for j in range(m - 1))])
    assert found.low == found.distance == found.high == 2.0 ** -(m - 1)


def test_powers_of_two_beside_a_number_that_fits_none_of_them(monkeypatch):
    """Two gaps that alternate a hundred thousand times: too many to measure one by one."""
    monkeypatch.setattr(gap, "_PIECE", 2**12)
    h, odd = 2.0**-16, 0.3 * 2.0**-16
    found = worst_gap([-1.0, *(2.0**-j for j in range(17)), odd])
    assert found.distance == pytest.approx(0.7 * h / 2, rel=1e-12)


def test_one_sided_numbers_never_come_near_the_other_side():
    found = worst_gap(np.abs(np.random.default_rng(0).uniform(-1, 1, 18)))
    assert (found.distance, found.target) == (1.0, -1.0)
    assert worst_gap([0.25]).distance == 1.0
    assert worst_gap([5.0, -7.0]).distance == 1.0


def test_counting_bounds_every_gap_from_below():
    for seed in range(5):
        items = np.random.default_rng(seed).uniform(-1, 1, 12)
        assert worst_gap(items).high >= 2.0**-12


def test_numbers_of_very_different_sizes_are_rounded_and_the_bounds_say_so():
    found = worst_gap([1.0, -1.0, 1e-30, 0.5, 2.0**-70])
    want, _ = brute([1.0, -1.0, 1e-30, 0.5, 2.0**-70])
    assert Fraction(found.low) < want < Fraction(found.high)
    assert found.high - found.low < 1e-16


def test_what_is_rounded_is_counted_in_the_unit_of_the_numbers():
    """Whole numbers share a large power of two here, which is taken out; the rounding of 2^-70 is not enlarged by it."""
    found = worst_gap([3.0, -2.0, 2.0**-70])
    assert found.high - found.low <= 2.0**-51  # the neighbours of 1 in float64


@pytest.mark.parametrize(("items", "reach"), [([1e100], 1.0), ([0.5], 1e-30), ([1e20, 1e-3], 1e-3)])
def test_sizes_that_hide_each_other_are_refused(items, reach):
    with pytest.raises(DataError, match="^items: expected sizes that fit into 60 binary digits"):
        worst_gap(items, reach)


def test_more_than_is_allowed_is_refused_before_it_begins():
    items = np.random.default_rng(0).uniform(-1, 1, 30)
    with pytest.raises(
        UsageError, match=r"looked through in 0\.5 seconds .* sums of 30 items, about .* seconds"
    ):
        worst_gap(items, most_seconds=0.5)
    with pytest.raises(UsageError, match="at most 40 numbers"):
        worst_gap(np.ones(41))


@pytest.mark.parametrize(
    ("items", "error"),
    [([], DataError), ([[1.0]], DataError), (3.0, DataError), ([math.nan], DataError), ([1e-200], DataError),
     ([math.inf, 1.0], DataError), (["a"], DataError), ([1e200], DataError)],
)  # fmt: skip
def test_items_that_are_none_are_refused(items, error):
    with pytest.raises(error, match=r"^items: expected"):
        worst_gap(items)


@pytest.mark.parametrize("reach", [0, -1, math.nan, "1", 1e200, None, True])
def test_a_reach_that_is_none_is_refused(reach):
    with pytest.raises(UsageError, match=r"^reach: expected"):
        worst_gap([0.5], reach=reach)


@pytest.mark.parametrize("m", [1, 2, 5, 9, 14])
def test_the_nearest_sum_is_that_of_all_subsets(m):
    rng = np.random.default_rng(m)
    items, targets = rng.uniform(-1, 1, m), rng.uniform(-2, 2, 30)
    found = nearest_sums(items, targets)
    subsets = (np.arange(2**m)[:, None] >> np.arange(m)) & 1
    want = np.abs(subsets @ items - targets[:, None]).min(axis=1)
    assert found.distances == pytest.approx(want, abs=1e-14)
    assert np.abs(found.chosen @ items - targets) == pytest.approx(found.distances, abs=1e-14)


def test_targets_that_are_none_are_refused():
    for targets in ([], [math.nan], 0.5, "a", [[0.1]]):
        with pytest.raises(DataError, match=r"^targets: expected"):
            nearest_sums([0.5], targets)
