"""Files that claim or unpack to more than fits: refused from their headers, or at a bound, by one sentence."""

from __future__ import annotations

import gzip
import io
import struct
import tracemalloc
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from overparam import data
from overparam.core import memory
from overparam.core.errors import DataError
from overparam.data import shape_of
from overparam.data.read import table

MEMORY = 20e6


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """A machine of 20 MB: what is a bomb there is made in no time here."""
    monkeypatch.setattr(memory, "total_memory", lambda: MEMORY)


def refuse(path, *words, most=30e6):
    tracemalloc.start()
    for ask in (data.load, shape_of):
        with pytest.raises(DataError) as caught:
            ask(path)
        for word in words:
            assert word in str(caught.value)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < most, "more was allocated than a bound allows"


def header(shape, kind="<f8"):
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def archive(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(f"{name}.npy", content)


LABELS = header((4,), "<i8") + np.array([0, 1, 0, 1]).tobytes()


@pytest.mark.parametrize(
    "shape", ["(1125899906842624, 1)", "(4, 281474976710656)", "(9007199254740992, 9007199254740992)"]
)
def test_a_header_that_claims_petabytes(tmp_path, shape):
    archive(tmp_path / "lie.npz", x=header(shape), y=LABELS)
    refuse(tmp_path / "lie.npz", "lie.npz': expected x to have the", "damaged or forged")
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "x.npy").write_bytes(header(shape))
    (tmp_path / "f" / "y.npy").write_bytes(LABELS)
    refuse(tmp_path / "f", "expected data that fit into memory, got x of shape", "the budget is 12 MB")


def test_a_directory_that_lies_as_its_header_does(tmp_path):
    path = tmp_path / "lie.npz"
    archive(path, x=header((2**50, 1)), y=LABELS)
    small, big = len(header((2**50, 1))), len(header((2**50, 1))) + 2**53
    with zipfile.ZipFile(path) as made:
        info = made.infolist()[0]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("x.npy", header((2**50, 1)))
        made.writestr("y.npy", LABELS)
        made.infolist()[0].file_size = big
    assert info.file_size == small
    refuse(
        path,
        "expected data that fit into memory",
        "PB with its copies; the budget is 12 MB, 60% of this machine's 20 MB",
    )


@pytest.mark.parametrize("shape", ["(-4, 2)", "(4, -2)", "(True, 4)", "(4.0, 2)", "'many'", "(4", "((4,),)"])
def test_shapes_that_no_array_has(tmp_path, shape):
    archive(tmp_path / "t.npz", x=header(shape) + b"\0" * 64, y=LABELS)
    refuse(tmp_path / "t.npz", "t.npz'")


def test_an_archive_that_inflates(tmp_path):
    np.savez_compressed(tmp_path / "bomb.npz", x=np.zeros((1_000_000, 2)), y=np.arange(1_000_000) % 2)
    assert (tmp_path / "bomb.npz").stat().st_size < 100_000
    refuse(tmp_path / "bomb.npz", "expected data that fit into memory, got x of shape (1000000, 2)", most=2e6)


def test_an_archive_whose_arrays_are_too_much_together(tmp_path):
    part = np.zeros((150_000, 2), np.float32)
    names = {"x": part, "x_test": part, "y": np.arange(150_000) % 2, "y_test": np.arange(150_000) % 2}
    np.savez_compressed(tmp_path / "bomb.npz", **names)
    refuse(
        tmp_path / "bomb.npz",
        "expected data that fit into memory, got x of shape (150000, 2)",
        "x_test of shape",
    )


def test_an_archive_that_holds_more_than_its_directory_says(tmp_path):
    raw = io.BytesIO()
    archive(raw, x=header((4, 2)) + bytes(64) + bytes(10_000_000), y=LABELS)
    with zipfile.ZipFile(raw) as made:
        size = made.infolist()[0].file_size
    whole = raw.getvalue()
    assert whole.count(struct.pack("<I", size)) == 2
    (tmp_path / "t.npz").write_bytes(
        whole.replace(struct.pack("<I", size), struct.pack("<I", size - 10_000_000))
    )
    refuse(tmp_path / "t.npz", "t.npz'", most=2e6)


def test_gzip_that_unpacks_without_end(tmp_path):
    for name in ("t.csv.gz", "t.npz.gz", "t.parquet.gz"):
        (tmp_path / name).write_bytes(gzip.compress(bytes(8_000_000)))
        refuse(tmp_path / name, "expected gzip data that unpack to at most 3 MB", "Unpack the file first")


def test_a_table_of_few_bytes_and_many_rows(tmp_path):
    zeros = pa.array(np.zeros(2_000_000, np.int8))
    pq.write_table(pa.table({"a": zeros, "label": zeros}), tmp_path / "t.parquet", compression="zstd")
    assert (tmp_path / "t.parquet").stat().st_size < 20_000
    refuse(tmp_path / "t.parquet", "expected data that fit into memory, got 2,000,000 rows of label", most=2e6)


def test_a_table_of_lists_with_many_values(tmp_path):
    lists = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(2_000_000, np.float32)), 500_000)
    pq.write_table(pa.table({"x": lists, "label": [0, 1, 0, 1]}), tmp_path / "t.parquet", compression="zstd")
    refuse(tmp_path / "t.parquet", "expected data that fit into memory, got 4 rows of x")


def test_one_long_text_in_every_row(tmp_path):
    words = pa.DictionaryArray.from_arrays(pa.array([0, 1] * 500, pa.int32()), ["a" * 400_000, "b" * 400_000])
    pq.write_table(
        pa.table({"a": np.arange(1000) % 7, "label": words}), tmp_path / "t.parquet", compression="zstd"
    )
    refuse(f"{tmp_path}/t.parquet:labels=any", "t.parquet'")


def test_small_images_with_large_headers(tmp_path, write):
    buffer = io.BytesIO()
    Image.new("L", (600, 600)).save(buffer, format="PNG")
    rows = [{"bytes": buffer.getvalue(), "path": None}] * 40
    write(tmp_path / "t.parquet", rows, [0, 1] * 20)
    assert (tmp_path / "t.parquet").stat().st_size < 20_000
    refuse(tmp_path / "t.parquet", "t.parquet', row 0", most=8e6)


def test_a_line_of_very_many_names(tmp_path, monkeypatch):
    monkeypatch.setattr(table, "MOST_COLUMNS", 1000)
    many = 1001
    names = ",".join(f"c{i}" for i in range(many))
    (tmp_path / "t.csv").write_text(names + "\n" + "1," * (many - 1) + "1\n")
    refuse(tmp_path / "t.csv", "expected at most 1,000 columns, got 1,001")


def test_text_of_many_cells(tmp_path):
    (tmp_path / "t.csv").write_text("a,b,label\n" + "1,2,0\n" * 300_000)
    refuse(tmp_path / "t.csv", "expected data that fit into memory, got a table")


def test_what_fits_is_read(tmp_path):
    np.savez_compressed(
        tmp_path / "t.npz", x=np.arange(80_000.0).reshape(40_000, 2) % 777, y=np.arange(40_000) % 2
    )
    assert data.load(tmp_path / "t.npz").n == 30_000
