"""Which values are pixels: one rule, whatever holds them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from overparam import data
from overparam.core.errors import DataError, UsageError
from overparam.data.pixels import scale_of

RNG = np.random.default_rng(0)
DIGITS = RNG.integers(0, 256, (24, 16), dtype=np.uint8)
Y = np.arange(24) % 2


def made(x, x_test=None, **options):
    return data.from_arrays(
        x, Y[: len(x)], x_test, None if x_test is None else Y[: len(x_test)], name="a", **options
    )


@pytest.mark.parametrize(
    "hold",
    [
        lambda x: x,
        lambda x: x.reshape(-1, 4, 4),
        pd.DataFrame,
        lambda x: pd.DataFrame(x, columns=[f"p{i}" for i in range(16)]),
        np.asfortranarray,
        lambda x: np.ma.masked_array(x),
    ],
)
def test_whole_numbers_of_8_bits_are_divided_by_255_whatever_holds_them(hold):
    found = made(hold(DIGITS))
    both = np.sort(np.concatenate([found.x, found.x_test]).reshape(24, -1), axis=0)
    assert np.array_equal(both, np.sort(DIGITS.astype(np.float32) / np.float32(255), axis=0))
    assert "values 0 to 255 were divided by 255" in found.notes


@pytest.mark.parametrize(
    ("x", "pixels", "divisor", "note"),
    [
        (DIGITS, "auto", 255, "divided by 255"),
        (DIGITS, "keep", 1, "kept as they are"),
        (DIGITS, "scale", 255, "divided by 255, as pixels=scale asks"),
        (
            DIGITS.astype(np.int64),
            "auto",
            1,
            "not stored as 8 bits, and were taken as they are; if they are pixels",
        ),
        (DIGITS.astype(float), "auto", 1, r"pixels=scale divides them by 255 \(mine.csv:pixels=scale"),
        (DIGITS.astype(np.int64), "keep", 1, None),
        (DIGITS.astype(np.int64), "scale", 255, "divided by 255"),
        (DIGITS.astype(np.uint16), "auto", 1, "if they are pixels"),
        (DIGITS.astype(np.uint16).reshape(-1, 4, 4), "auto", 1, "if they are pixels"),
        (DIGITS.astype(np.uint16).reshape(-1, 4, 4), "scale", 255, "divided by 255"),
        (
            DIGITS.astype(np.uint16).reshape(-1, 4, 4) * 257,
            "auto",
            65535,
            "values 0 to 65535 were divided by 65535",
        ),
        (DIGITS.astype(np.uint16).reshape(-1, 4, 4) * 257, "keep", 1, "kept as they are"),
        (DIGITS.astype(np.uint16) * 257, "auto", 1, None),
        (DIGITS.astype(np.uint16) * 257, "scale", 65535, "divided by 65535"),
        (DIGITS // 128, "auto", 1, "whole numbers of 8 bits, none above 1, were taken as they are"),
        (DIGITS // 128 > 0, "auto", 1, None),
        (DIGITS.astype(np.int8), "auto", 1, None),
        (DIGITS / 255, "auto", 1, None),
        (DIGITS[:, :3].astype(int), "auto", 1, None),
        (DIGITS.astype(int) // 16, "auto", 1, None),
    ],
)
def test_the_rule(x, pixels, divisor, note):
    found = scale_of(x, None, pixels, "a")
    assert found.divisor == divisor
    if note is None:
        assert found.notes == ()
    else:
        with pytest.raises(AssertionError, match=note):
            raise AssertionError(found.notes[0])


@pytest.mark.parametrize(
    ("x", "x_test", "pixels", "text"),
    [
        (DIGITS, DIGITS * 1.5, "auto", "both as pixels of 8 bits or neither, got uint8 and float64.*=scale"),
        (DIGITS, DIGITS / 255, "auto", "on one scale, got 0 to 255 and 0 to 1. Divide x by 255"),
        (DIGITS, DIGITS / 255, "keep", "on one scale, got 0 to 255 and 0 to 1. Divide x by 255"),
        (DIGITS, DIGITS / 255, "scale", "got 0 to 1 in x_test, scaled already"),
        (DIGITS, DIGITS.astype(int), "auto", "both as pixels of 8 bits or neither, got uint8 and int64"),
        (
            DIGITS / 255,
            DIGITS.astype(float),
            "auto",
            "on one scale, got 0 to 1 and 0 to 255. Divide x_test by 255",
        ),
        (DIGITS.astype(int), DIGITS / 255, "auto", "Divide x by 255"),
        (DIGITS.astype(int) - 1, None, "scale", "from 0 to 255 .*, got -1 to 254"),
        (DIGITS.astype(int) + 1, None, "scale", "from 0 to 255 .*, got 1 to 256"),
        (DIGITS / 255, None, "scale", "got 0 to 1 in x, scaled already"),
        (DIGITS, DIGITS.astype(int) * 2, "scale", "got 0 to 510"),
    ],
)
def test_two_scales_and_values_out_of_range_are_refused(x, x_test, pixels, text):
    with pytest.raises(DataError, match=f"^a: expected .*{text}"):
        made(x, x_test, pixels=pixels)


def test_one_divisor_for_both_parts():
    dark = np.zeros((4, 16), np.uint8)
    dark[0, 0] = 1
    found = made(DIGITS, dark)
    assert found.x_test.max() == np.float32(1 / 255)
    assert made(DIGITS, DIGITS.astype(int), pixels="scale").x_test.max() == 1


def test_parts_of_very_different_size_are_said():
    found = made(RNG.normal(size=(24, 3)), 100 * RNG.normal(size=(24, 3)))
    assert "x and x_test differ in size" in found.notes
    assert "differ" not in made(RNG.normal(size=(24, 3)), 3 * RNG.normal(size=(24, 3))).notes


def test_columns_of_which_some_are_8_bits_are_no_pixels_and_that_is_said():
    frame = pd.DataFrame(DIGITS).astype({0: "float64"})
    found = made(frame)
    assert found.x.max() > 200
    assert "15 of 16 columns of x are stored as whole numbers of 8 bits and the others not" in found.notes


def test_an_unknown_word():
    with pytest.raises(UsageError, match="pixels: expected auto, scale or keep, got 'yes'"):
        made(DIGITS, pixels="yes")
