"""Counts, expected wrong shares, nesting, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overparam.core.errors import UsageError
from overparam.data import label_noise

cases = st.tuples(
    st.integers(1, 200),
    st.integers(2, 12),
    st.sampled_from(["inclusive", "exclusive"]),
    st.integers(0, 2**32 - 1),
)


def labels(n, classes, seed):
    return np.random.default_rng(seed).integers(0, classes, n)


@given(cases, st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_exactly_the_share_is_replaced_and_the_rest_is_not(case, rate):
    n, classes, kind, seed = case
    y = labels(n, classes, seed)
    kept = y.copy()
    noisy, replaced = label_noise(y, rate, classes, kind=kind, seed=seed)
    assert np.array_equal(y, kept)
    assert noisy.dtype == np.int32
    assert replaced.dtype == np.bool_
    assert replaced.sum() == round(rate * n)
    assert np.array_equal(noisy[~replaced], y[~replaced])
    assert noisy.min() >= 0
    assert noisy.max() < classes
    if kind == "exclusive":
        assert np.all(noisy[replaced] != y[replaced])


@given(cases, st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_more_noise_contains_less_noise(case, one, other):
    n, classes, kind, seed = case
    y = labels(n, classes, seed)
    low, high = sorted((one, other))
    noisy_low, replaced_low = label_noise(y, low, classes, kind=kind, seed=seed)
    noisy_high, replaced_high = label_noise(y, high, classes, kind=kind, seed=seed)
    assert np.all(replaced_high[replaced_low])
    assert np.array_equal(noisy_low[replaced_low], noisy_high[replaced_low])


@pytest.mark.parametrize(
    ("kind", "classes", "wrong"), [("inclusive", 10, 0.9), ("inclusive", 2, 0.5), ("exclusive", 10, 1.0)]
)
@pytest.mark.parametrize("rate", [0.15, 0.4, 1.0])
def test_really_wrong_share(kind, classes, wrong, rate):
    n, seeds = 4000, 20
    shares = []
    for seed in range(seeds):
        y = labels(n, classes, seed)
        shares.append(np.mean(label_noise(y, rate, classes, kind=kind, seed=seed)[0] != y))
    error = np.sqrt(rate * wrong * (1 - wrong) / (n * seeds))
    assert np.mean(shares) == pytest.approx(rate * wrong, abs=4 * error + 1e-12)


@pytest.mark.parametrize("kind", ["inclusive", "exclusive"])
def test_new_labels_are_uniform_over_the_allowed_classes(kind):
    n, classes = 60_000, 6
    noisy, _ = label_noise(np.full(n, 2), 1.0, classes, kind=kind, seed=0)
    counts = np.bincount(noisy, minlength=classes)
    allowed = np.ones(classes, bool) if kind == "inclusive" else np.arange(classes) != 2
    expected = np.where(allowed, n / allowed.sum(), 0)
    assert counts[~allowed].sum() == 0
    chi2 = np.sum((counts[allowed] - expected[allowed]) ** 2 / expected[allowed])
    assert chi2 < 30  # 99.99 % point of 5 degrees of freedom is 25.7


def test_positions_do_not_depend_on_the_labels_or_the_kind():
    a = label_noise(np.zeros(100, int), 0.3, 4, kind="inclusive", seed=5)[1]
    b = label_noise(np.arange(100) % 4, 0.3, 4, kind="exclusive", seed=5)[1]
    assert np.array_equal(a, b)
    assert not np.array_equal(a, label_noise(np.zeros(100, int), 0.3, 4, kind="inclusive", seed=6)[1])


def test_draw_is_frozen():
    noisy, replaced = label_noise(np.zeros(12, int), 0.5, 10, kind="inclusive", seed=0)
    assert np.flatnonzero(replaced).tolist() == [0, 2, 3, 4, 5, 10]
    assert noisy[replaced].tolist() == [7, 0, 4, 9, 3, 3]


@pytest.mark.parametrize("rate", [-0.1, 1.01, float("nan"), True])
def test_rate_outside(rate):
    with pytest.raises(UsageError, match=r"expected a rate from 0 to 1 \(a share of labels\), got "):
        label_noise([0, 1], rate, 2, seed=0)


def test_unknown_kind():
    with pytest.raises(UsageError, match="expected kind 'inclusive' or 'exclusive', got 'pairflip'"):
        label_noise([0, 1], 0.1, 2, kind="pairflip", seed=0)


def test_one_class():
    with pytest.raises(UsageError, match="classes: expected a whole number of at least 2, got 1"):
        label_noise([0, 0], 0.1, 1, seed=0)


@pytest.mark.parametrize("y", [[0, 3], [-1, 0]])
def test_labels_out_of_range(y):
    with pytest.raises(UsageError, match=r"expected labels 0 to 2, got .* Check the number of classes"):
        label_noise(y, 0.1, 3, seed=0)


@pytest.mark.parametrize("y", [[0.0, 1.0], [[0, 1]]])
def test_labels_of_the_wrong_form(y):
    with pytest.raises(UsageError, match=r"expected whole-number labels of shape \(n,\), got "):
        label_noise(y, 0.1, 2, seed=0)
