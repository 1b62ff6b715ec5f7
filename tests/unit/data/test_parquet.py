"""Tables in the Hub's schema and beyond it: what is read, and what is said when it cannot be."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from overparam.core.errors import DataError
from overparam.data import parquet


@pytest.fixture
def table(tmp_path, write):
    """Return a function that writes images and labels and reads the table back, with its path."""

    def make(pixels, labels=(0, 1), **options):
        path = tmp_path / "t.parquet"
        write(path, pixels, list(labels), **options)
        return parquet.read_table(path), path

    return make


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 3)])
def test_png_pixels_come_back_exactly(table, pixels, shape):
    original = pixels(2, shape)
    decoded, form, _ = parquet.images(*table(original))
    assert np.array_equal(decoded, original)
    assert form == "PNG"


def test_jpeg_is_named_and_close(table):
    smooth = np.linspace(0, 255, 256).reshape(16, 16).astype(np.uint8)
    decoded, form, _ = parquet.images(*table([smooth, smooth], form="JPEG"))
    assert form == "JPEG"
    assert np.abs(decoded.astype(int) - smooth).max() < 12


def test_bytes_without_a_struct(tmp_path, pixels, encode):
    original = pixels(2)
    plain = pa.table({"img": [encode(p) for p in original], "label": [0, 1]})
    assert parquet.has_images(plain)
    assert np.array_equal(parquet.images(plain, tmp_path)[0], original)


def test_other_colour_modes_become_grey_or_rgb(tmp_path):
    def stored(image):
        buffer = io.BytesIO()
        image.save(buffer, format="PNG")
        return pa.table({"image": [buffer.getvalue()], "label": [0]})

    rgb = Image.fromarray(np.full((2, 3, 3), (255, 0, 0), np.uint8))
    assert parquet.images(stored(rgb.convert("P")), tmp_path)[0].shape == (1, 2, 3, 3)
    assert parquet.images(stored(rgb.convert("RGBA")), tmp_path)[0][0, 0, 0].tolist() == [255, 0, 0]
    black_white = Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1")
    assert parquet.images(stored(black_white), tmp_path)[0].tolist() == [[[0, 255]]]
    deep = Image.fromarray(np.array([[0, 65535]], np.uint16))
    with pytest.raises(DataError, match=r"row 0: expected an image of 8 bits a channel, got mode I;16"):
        parquet.images(stored(deep), tmp_path)


def test_image_that_cannot_be_decoded(table, pixels, encode):
    good = pixels(2)
    for bad, size in ((b"not an image", 12), (encode(good[1])[:60], 60)):
        rows = [good[0], {"bytes": bad, "path": "1.png"}]
        text = f"t.parquet', row 1: expected a PNG or JPEG image, got {size} bytes that cannot be decoded"
        with pytest.raises(DataError, match=text):
            parquet.images(*table(rows))


def test_image_without_bytes(table, pixels):
    rows = [pixels(1)[0], {"bytes": None, "path": "elsewhere.png"}]
    with pytest.raises(
        DataError, match=r"row 1: expected the bytes of an image, got none\. Store images as bytes"
    ):
        parquet.images(*table(rows))


def test_images_of_two_sizes(table, pixels):
    rows = [pixels(1, (4, 4))[0], pixels(1, (4, 5))[0]]
    with pytest.raises(
        DataError, match=r"row 1: expected an image of shape \(4, 4\) like the first, got \(4, 5\)"
    ):
        parquet.images(*table(rows))


def test_no_rows(table):
    with pytest.raises(DataError, match=r"expected at least one row, got none"):
        parquet.images(*table([], labels=()))


def test_corrupt_file(table, pixels):
    _, path = table(pixels(2))
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"PAR1 but not really", whole[:-30] + b"x" * 30):
        path.write_bytes(damaged)
        for read in (parquet.read_table, lambda p: parquet.count_rows([p])):
            with pytest.raises(
                DataError, match=r"t\.parquet': expected a Parquet file, got something .*get it again"
            ):
                read(path)


def test_missing_file(tmp_path):
    with pytest.raises(
        DataError, match=r"expected a Parquet file, got something .*missing, cut short or damaged"
    ):
        parquet.read_table(tmp_path / "none.parquet")


def test_no_label_column(table, pixels):
    with pytest.raises(
        DataError, match=r"no label column: expected one named label or fine_label, got image\. Rename"
    ):
        parquet.labels(*table(pixels(2), label=None))


def test_fine_labels_are_found_beside_coarse_ones(table, pixels):
    found = parquet.labels(*table(pixels(2), labels=(7, 3), label="fine_label", extra={"coarse_label": [1, 0]}))
    assert found.tolist() == [7, 3]


def test_missing_label(table, pixels):
    with pytest.raises(DataError, match=r"column label: expected a label in every row, got 1 missing"):
        parquet.labels(*table(pixels(2), labels=(0, None)))


def test_rows_are_counted_over_files(table, pixels):
    _, path = table(pixels(2))
    assert parquet.count_rows([path, path]) == 4


def test_numeric_columns(tmp_path):
    made = pa.table({"a": [1, 2], "label": [0, 1], "b": [0.5, None], "c": [True, False]})
    assert not parquet.has_images(made)
    np.testing.assert_array_equal(parquet.numbers(made, tmp_path), [[1, 0.5, 1], [2, np.nan, 0]])


def test_columns_that_are_not_numbers(tmp_path):
    made = pa.table({"a": [1, 2], "word": ["x", "y"], "label": [0, 1]})
    with pytest.raises(
        DataError, match=r"or numeric columns beside the label, got word\. Encode these columns"
    ):
        parquet.numbers(made, tmp_path)
    with pytest.raises(DataError, match=r"got no column beside the label"):
        parquet.numbers(made.select(["label"]), tmp_path)


def test_many_chunks_are_read_as_one(table, pixels):
    original = pixels(7)
    _, path = table(original, labels=range(7))
    pq.write_table(pq.read_table(path), path, row_group_size=2)
    assert np.array_equal(parquet.images(parquet.read_table(path), path)[0], original)
