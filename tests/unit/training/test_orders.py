import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.training.minibatches import BUFFER_BYTES, Feed
from overparam.training.orders import orders, steps_per_epoch


def test_every_epoch_is_a_new_permutation():
    rows = orders([3], range(0, 4), n=60, batch=20)[0].reshape(4, 60)
    assert all(sorted(epoch) == list(range(60)) for epoch in rows.tolist())
    assert len({tuple(epoch) for epoch in rows.tolist()}) == 4


def test_orders_depend_on_seed_and_epoch_alone():
    whole = orders([3, 8], range(0, 6), n=50, batch=10)
    assert np.array_equal(whole[:, 15:], orders([3, 8], range(3, 6), n=50, batch=10))
    assert np.array_equal(whole[1], orders([8], range(0, 6), n=50, batch=10)[0])
    assert not np.array_equal(whole[0], whole[1])


def test_equal_seeds_see_equal_orders():
    rows = orders([5, 5], range(0, 2), n=30, batch=10)
    assert np.array_equal(rows[0], rows[1])


def test_the_incomplete_batch_is_dropped_and_changes():
    rows = orders([0], range(0, 50), n=23, batch=5)[0].reshape(50, 20)
    assert all(len(set(epoch)) == 20 for epoch in rows.tolist())
    assert set(rows.ravel().tolist()) == set(range(23))


def test_positions_are_uniform():
    # Over 4,000 epochs the first row is uniform on 10 examples: chi-squared with 9 degrees of freedom.
    first = orders([1], range(4000), n=10, batch=5)[0][::2, 0]
    counts = np.bincount(first, minlength=10)
    assert ((counts - 400) ** 2 / 400).sum() < 27.9  # 0.1 % point


def test_small_numbers_where_they_fit():
    assert orders([0], range(1), n=1 << 16, batch=1 << 16).dtype == np.uint16
    assert orders([0], range(1), n=(1 << 16) + 1, batch=1 << 16).dtype == np.int32


def test_a_batch_larger_than_the_set_is_refused():
    with pytest.raises(
        UsageError, match="batch: expected at most the 10 training examples, got 11. Use a smaller"
    ):
        steps_per_epoch(10, 11)


@pytest.mark.parametrize("first", [0, 7])
def test_the_feed_gives_every_step_its_batch(first, monkeypatch):
    monkeypatch.setattr(
        "overparam.training.minibatches.BUFFER_BYTES", 2 * 2 * 20 * 3
    )  # three epochs of two members
    feed = Feed([1, 2], n=20, batch=5, first=first, last=50)
    whole = orders([1, 2], range(13), n=20, batch=5)
    step, shapes = first, set()
    while step < 50:
        rows, base, end = feed.segment(step, 50)
        shapes.add(rows.shape)
        assert np.array_equal(np.asarray(rows)[:, step - base : end - base], whole[:, step:end])
        step = end
    assert shapes == {(2, 12, 5)}


def test_the_full_batch_needs_no_buffer():
    assert Feed([1], n=20, batch=None, first=0, last=50).segment(0, 50) == (None, 0, 50)


def test_a_buffer_is_bounded():
    long = Feed(range(10), n=4000, batch=100, first=0, last=10**6)
    assert 0.9 * BUFFER_BYTES < long.capacity * 10 * 100 * 2 <= BUFFER_BYTES
    assert Feed(range(10), n=4000, batch=100, first=0, last=40).capacity == 40
    assert Feed(range(1000), n=60_000, batch=100, first=0, last=10**6).capacity == 600, (
        "never less than an epoch"
    )
