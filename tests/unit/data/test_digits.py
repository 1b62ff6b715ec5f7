"""The digits are scikit-learn's, split once and for all."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

from overparam import data
from overparam.data.dataset import content_fingerprint


def test_both_parts_together_are_the_published_images():
    made, raw = data.load("digits"), load_digits()
    x = np.concatenate([made.x, made.x_test]).reshape(1797, 64)
    y = np.concatenate([made.y, made.y_test])
    found = sorted(map(tuple, np.column_stack([x * 16, y]).tolist()))
    assert found == sorted(map(tuple, np.column_stack([raw.data, raw.target]).tolist()))


def test_sizes_range_and_balance():
    made = data.load("digits")
    assert (made.n, made.n_test, made.shape, made.classes) == (1200, 597, (8, 8), 10)
    assert (made.x.min(), made.x.max()) == (0.0, 1.0)
    assert made.x.dtype == np.float32
    assert np.bincount(made.y).min() > 90
    assert np.bincount(made.y_test).min() > 40


def test_values_and_split_are_frozen():
    made = data.load("digits")
    assert content_fingerprint((made.x, made.y, made.x_test, made.y_test)) == "de1a847d7f5409c4"


def test_notes_state_the_split_and_the_credit():
    assert "fixed shuffled split of 1,200 and 597" in data.load("digits").notes
    assert "Alpaydin" in data.load("digits").notes
