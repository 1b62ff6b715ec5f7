"""Corrupted images and labels: what each keeps and what it takes away."""

import numpy as np
import pytest

from overparam import data
from overparam.core.errors import DataError, UsageError

DIGITS = data.subset(data.load("digits"), 300, 100)
COLOURED = data.from_arrays(
    np.arange(6 * 2 * 2 * 3, dtype=float).reshape(6, 2, 2, 3), [0, 1, 0, 1, 0, 1],
    np.arange(2 * 2 * 2 * 3, dtype=float).reshape(2, 2, 2, 3), [0, 1], name="coloured", pixels="keep",
)  # fmt: skip


def orders(old, new):
    """For every row, the place each pixel came from; pixels of a row are all different."""
    return [[np.flatnonzero((a == pixel).all(axis=1))[0] for pixel in b] for a, b in zip(old, new, strict=True)]


def flat(x):
    return x.reshape(len(x), 4, 3)


def test_one_permutation_for_all_images_and_channels_stay_together():
    made = data.shuffled_pixels(COLOURED, seed=1)
    found = orders(flat(COLOURED.x), flat(made.x)) + orders(flat(COLOURED.x_test), flat(made.x_test))
    assert sorted(found[0]) == [0, 1, 2, 3]
    assert all(one == found[0] for one in found)


def test_a_permutation_of_its_own_for_every_image():
    made = data.random_pixels(COLOURED, seed=1)
    found = orders(flat(COLOURED.x), flat(made.x)) + orders(flat(COLOURED.x_test), flat(made.x_test))
    assert all(sorted(one) == [0, 1, 2, 3] for one in found)
    assert len({tuple(one) for one in found}) > 3  # eight draws of 24


def test_gaussian_inputs_have_the_moments_of_all_or_of_each_place():
    for moments, axis in (("all", None), ("each", 0)):
        made = data.gaussian_pixels(DIGITS, moments=moments)
        whole = np.concatenate([made.x, made.x_test]).reshape(400, -1)
        old = DIGITS.x.reshape(300, -1)
        mean, sd = old.mean(axis=axis), old.std(axis=axis)
        count = 400 if axis == 0 else 400 * 64
        assert (np.abs(whole.mean(axis=axis) - mean) <= 5 * sd / np.sqrt(count) + 1e-6).all()
        assert (np.abs(whole.std(axis=axis) - sd) <= 5 * sd / np.sqrt(2 * count) + 1e-6).all()
        assert made.shape == (8, 8)


@pytest.mark.parametrize("make", [data.shuffled_pixels, data.random_pixels, data.gaussian_pixels])
def test_labels_stay_and_a_seed_is_a_draw(make):
    a, again, b = make(DIGITS, seed=1), make(DIGITS, seed=1), make(DIGITS, seed=2)
    assert np.array_equal(a.x, again.x)
    assert a.fingerprint == again.fingerprint
    assert len({DIGITS.fingerprint, a.fingerprint, b.fingerprint}) == 3
    assert np.array_equal(a.y, DIGITS.y)
    assert np.array_equal(a.y_test, DIGITS.y_test)
    assert a.x.dtype == np.float32
    assert "seed 1" in a.notes


def test_random_labels_are_those_of_label_noise_and_test_labels_stay():
    made, replaced = data.random_labels(DIGITS, 0.4, kind="exclusive", seed=3)
    expected, where = data.label_noise(DIGITS.y, 0.4, 10, kind="exclusive", seed=3)
    assert np.array_equal(made.y, expected)
    assert np.array_equal(replaced, where)
    assert np.array_equal(made.y_test, DIGITS.y_test)
    assert made.fingerprint != DIGITS.fingerprint
    assert data.random_labels(DIGITS)[1].all()  # a share of 1 replaces all


def small(y):
    x = np.arange(2.0 * len(y)).reshape(len(y), 2)
    return data.from_arrays(x, y, x, y, name="small", classes=3)


@pytest.mark.parametrize(
    ("y", "share", "words"),
    [
        ([0, 1], 0.0, "training labels: expected at least one a class, 3, got 2"),
        ([0, 1, 1, 0], 0.0, "training labels: expected every class among them, got none of 2"),
        ([0, 1, 2, 0, 1], 0.8, "labels (with|that are left of) a share of 0.8"),
        ([0, 1, 2], 1.0, "labels with a share of 1 replaced: expected every class among them"),
    ],
)
def test_a_class_that_vanishes_is_refused(y, share, words):
    def some_draw():
        for seed in range(9):  # some draw in nine loses a class of three labels, each of them here
            data.random_labels(small(y), share, seed=seed)

    with pytest.raises(DataError, match=words):
        some_draw()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: data.random_labels(DIGITS, 1.5), "expected a rate from 0 to 1"),
        (lambda: data.random_labels(DIGITS, 0.5, kind="odd"), "expected kind"),
        (
            lambda: data.gaussian_pixels(DIGITS, moments="some"),
            "moments: expected one of all, each, got 'some'",
        ),
        (lambda: data.shuffled_pixels(DIGITS, seed=-1), "seed: expected"),
        (lambda: data.classes_present([0, 3, 1], 3), "expected labels 0 to 2, got 0 to 3"),
        (lambda: data.classes_present([0, 1], 1), "classes: expected a whole number of at least 2"),
    ],
)
def test_what_is_refused(call, words):
    with pytest.raises(UsageError, match=words):
        call()
