"""A pool of training sets: what it keeps aside, its nested draws, and shifted copies."""

import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.data import from_arrays, save
from overparam.data.pool import moved, pool


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
    rng = np.random.default_rng(3)
    x, x_test = (np.arange(n * 4, dtype=float).reshape(n, 4) + start for n, start in ((10, 0), (6, 1000)))
    y, y_test = rng.integers(0, 2, 10), rng.integers(0, 2, 6)
    path = str(save(from_arrays(x, y, x_test, y_test, name="d", classes=2), tmp_path / "d.npz"))
    drawn = pool(path, 4, copies=3)
    assert (drawn.size, drawn.x.shape) == (12, (36, 4))
    assert drawn.x_test[:, 0].tolist() == [1000, 1004, 1008, 1012]
    assert drawn.x[10:12, 0].tolist() == [1016, 1020]
    assert pool(path, 99).size == 10
    rows = drawn.rows(np.array([2, 11]))
    assert rows.tolist() == [2, 11, 14, 23, 26, 35]
    labels = drawn.labels(0.5, "exclusive", 0)
    assert np.array_equal(labels[:12], labels[12:24])
    assert int((labels != drawn.y).sum()) == 18
    assert sorted(drawn.training_set(1, 12).tolist()) == list(range(12))
    assert drawn.training_set(1, 5).tolist() == drawn.training_set(1, 12).tolist()[:5]
    with pytest.raises(DataError, match="expected at least 13 samples to draw from, got 12"):
        drawn.training_set(1, 13)


def test_copies_of_images_are_refused():
    with pytest.raises(
        UsageError, match=r"expected signals of shape \(features,\), got samples of shape \(8, 8\)"
    ):
        pool("digits", 100, copies=2)
