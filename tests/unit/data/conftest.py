"""An empty cache and no data folder for every test, and a maker of Parquet files in the Hub's schema."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from overparam.data import catalog


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch, request):
    folder = tmp_path / "cache"
    monkeypatch.setenv("OVERPARAM_CACHE", str(folder))
    if request.node.get_closest_marker("data") is None:
        monkeypatch.delenv("OVERPARAM_DATA", raising=False)
    catalog._LOADED.clear()
    yield folder
    catalog._LOADED.clear()
    shutil.rmtree(folder, ignore_errors=True)  # decoded CIFAR-10 takes 700 MB


def encode(pixels: np.ndarray, form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format=form)
    return buffer.getvalue()


def write_images(path: Path, pixels, labels, *, image="image", label="label", form="PNG", extra=None) -> None:
    """Write images and labels as the Hub does: a struct of bytes and path, and an integer column."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        p if isinstance(p, dict) else {"bytes": encode(p, form), "path": f"{i}.png"}
        for i, p in enumerate(pixels)
    ]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    columns = {image: pa.array(rows, type=kind)}
    if label:
        columns[label] = pa.array(labels)
    pq.write_table(pa.table({**columns, **(extra or {})}), path)


def random_pixels(n: int, shape=(6, 5), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, size=(n, *shape), dtype=np.uint8)


@pytest.fixture
def write():
    return write_images


@pytest.fixture(name="encode")
def _encode():
    return encode


@pytest.fixture
def pixels():
    return random_pixels


@pytest.fixture
def hub_folder(tmp_path):
    """Return a function that writes a small data set under a root, in the Hub's layout."""

    def make(root=None, inner="ylecun/mnist/mnist", n=6, n_test=4, shape=(6, 5), seed=0, **options):
        folder = (root or tmp_path / "own") / inner
        train, test = random_pixels(n, shape, seed), random_pixels(n_test, shape, seed + 1)
        y, yt = np.arange(n) % 10, np.arange(n_test)[::-1] % 10
        write_images(folder / "train-00000-of-00001.parquet", train, y, **options)
        write_images(folder / "test-00000-of-00001.parquet", test, yt, **options)
        return folder, train, y, test, yt

    return make
