"""Images made smaller: means over squares by hand, what is left alone, and what is refused."""

import numpy as np
import pytest

from overparam import data
from overparam.core.errors import DataError, UsageError


def images(height, width, *rest):
    x = np.random.default_rng(0).uniform(size=(4, height, width, *rest)).astype(np.float32)
    y = np.array([0, 1, 0, 1], np.int32)
    return data.Dataset("own", "Own", x, y, x[:2] / 2, y[:2], 2, "0" * 16)


@pytest.mark.parametrize(
    ("shape", "side", "size"), [((6, 6), 3, 2), ((6, 6), 2, 3), ((4, 8), 4, 2), ((6, 6, 3), 1, 6)]
)
def test_a_pixel_is_the_mean_of_its_square(shape, side, size):
    given = images(*shape)
    made = data.coarser(given, side)
    for old, new in ((given.x, made.x), (given.x_test, made.x_test)):
        assert new.shape == (len(old), shape[0] // size, shape[1] // size, *shape[2:])
        for i in range(new.shape[1]):
            for j in range(new.shape[2]):
                square = old[:, size * i : size * (i + 1), size * j : size * (j + 1)]
                assert new[:, i, j] == pytest.approx(square.mean(axis=(1, 2)), rel=1e-6)
    assert made.fingerprint != given.fingerprint
    assert (made.y == given.y).all()


def test_what_is_small_enough_or_no_image_is_left_alone():
    given = images(6, 6)
    assert data.coarser(given, 6) is given
    rows = data.load("gaussian:n=20,d=40")
    assert data.coarser(rows, 2) is rows


@pytest.mark.parametrize(
    ("shape", "side", "error", "text"),
    [
        (
            (7, 5),
            3,
            DataError,
            "side: expected one that squares of pixels lead to from images of 7 x 5, got 3. Squares of no size",
        ),
        ((6, 12), 1, DataError, "Squares of 2, 3, 6 tile them: take a longer side"),
        ((6, 6), 0, UsageError, "side"),
        ((6, 6), 2.5, UsageError, "side"),
    ],
)
def test_a_side_that_no_square_leads_to_is_refused(shape, side, error, text):
    with pytest.raises(error, match=text):
        data.coarser(images(*shape), side)
