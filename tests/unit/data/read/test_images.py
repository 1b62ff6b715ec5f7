"""Tables of images in the Hub's schema and beyond it: what is read, and what is said when it cannot be."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from overparam.core.errors import DataError
from overparam.data import own
from overparam.data.read.parquets import count_rows


@pytest.fixture
def stored(tmp_path, write):
    """Return a function that writes images and labels and returns the path."""

    def make(pixels, labels=(0, 1), **options):
        path = tmp_path / "t.parquet"
        write(path, pixels, list(labels), **options)
        return str(path)

    return make


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 3)])
def test_png_pixels_come_back_exactly(stored, pixels, shape):
    original = pixels(2, shape)
    assert np.array_equal(own.read(stored(original)).x, original)


def test_jpeg_is_close(stored):
    smooth = np.linspace(0, 255, 256).reshape(16, 16).astype(np.uint8)
    read = own.read(stored([smooth, smooth + 0], form="JPEG"))
    assert np.abs(read.x.astype(int) - smooth).max() < 12


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.dictionary(pa.int32(), pa.binary())])
def test_bytes_without_a_struct(tmp_path, pixels, encode, kind):
    original = pixels(2)
    column = pa.array([encode(p) for p in original])
    column = column.dictionary_encode() if pa.types.is_dictionary(kind) else column.cast(kind)
    pq.write_table(pa.table({"img": column, "label": [0, 1], "id": [7, 8]}), tmp_path / "t.parquet")
    read = own.read(str(tmp_path / "t.parquet"))
    assert np.array_equal(read.x, original)
    assert read.notes == ("left out: id",)


def test_image_that_cannot_be_decoded(stored, pixels, encode):
    good = pixels(2)
    for bad in (b"not an image", encode(good[1])[:60]):
        path = stored([good[0], {"bytes": bad, "path": "1.png"}])
        with pytest.raises(DataError, match=r"t\.parquet', row 1: expected .* image, got .*cannot be decoded"):
            own.read(path)


@pytest.mark.parametrize("row", [{"bytes": None, "path": "elsewhere.png"}, {"bytes": b"", "path": None}])
def test_image_without_bytes(stored, pixels, row):
    with pytest.raises(
        DataError, match=r"row 1: expected the bytes of an image, got none\. Store images as bytes"
    ):
        own.read(stored([pixels(1)[0], row]))


def test_a_row_that_is_missing_altogether(tmp_path, pixels, encode):
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    rows = [{"bytes": encode(pixels(1)[0]), "path": "a"}, None]
    pq.write_table(pa.table({"image": pa.array(rows, kind), "label": [0, 1]}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"row 1: expected the bytes of an image, got none"):
        own.read(str(tmp_path / "t.parquet"))


def test_images_of_two_sizes(stored, pixels):
    path = stored([pixels(1, (4, 4))[0], pixels(1, (4, 5))[0]])
    with pytest.raises(DataError, match=r"t\.parquet', row 1: expected an image of .*4"):
        own.read(path)


def test_no_rows(stored):
    with pytest.raises(DataError, match=r"expected at least one row, got none"):
        own.read(stored([], labels=()))


def test_corrupt_file(stored, pixels, tmp_path):
    path = tmp_path / "t.parquet"
    stored(pixels(2))
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"PAR1 but not really", whole[:-30] + b"x" * 30):
        path.write_bytes(damaged)
        for read in (lambda: own.read(str(path)), lambda: count_rows([path])):
            with pytest.raises(DataError, match=r"t\.parquet': expected a Parquet file, got .*get it again"):
                read()


def test_bytes_of_the_end_of_a_table(tmp_path):
    # a damaged description of a column made the library behind the reader end the process
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"x": [[1.0, 2.0]] * 6, "label": ["u", "v"] * 3}), path, store_schema=False)
    whole, random = path.read_bytes(), np.random.default_rng(0)
    end = int.from_bytes(whole[-8:-4], "little")
    for at in range(len(whole) - 8 - end, len(whole), 8):
        path.write_bytes(whole[:at] + random.bytes(1) + whole[at + 1 :])
        try:
            own.read(str(path))
        except DataError as error:
            assert "t.parquet" in str(error)  # noqa: PT017


def test_no_label_column(stored, pixels):
    with pytest.raises(
        DataError, match=r"no label column: expected one named .*fine_label.*, got image\. Say which"
    ):
        own.read(stored(pixels(2), label=None))


def test_fine_labels_are_found_beside_coarse_ones(stored, pixels):
    read = own.read(stored(pixels(2), labels=(7, 3), label="fine_label", extra={"coarse_label": [1, 0]}))
    assert read.y.tolist() == [7, 3]
    assert read.notes == ("labels from fine_label", "left out: coarse_label")


def test_rows_are_counted_over_files(stored, pixels, tmp_path):
    stored(pixels(2))
    assert count_rows([tmp_path / "t.parquet"] * 2) == 4


def test_many_row_groups_are_read_as_one(stored, pixels):
    original = pixels(7)
    path = stored(original, labels=range(7))
    pq.write_table(pq.read_table(path), path, row_group_size=2)
    assert np.array_equal(own.read(path).x, original)
