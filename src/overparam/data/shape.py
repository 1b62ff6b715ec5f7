"""The shape of a data set, known without loading it: what a plan needs to cost its cells."""

from __future__ import annotations

import zipfile
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from overparam.core.errors import DataError, unknown
from overparam.data import digits, hub, mnist1d, own, parquet, synthetic
from overparam.data.catalog import names


class DataShape(NamedTuple):
    """Sizes of a data set.

    Attributes:
        features: numbers in one input, flattened.
        classes: number of classes; of a file with numeric targets, how many targets.
        train: training rows.
        test: test rows.
        image: shape of one input, for instance ``(28, 28)``.
    """

    features: int
    classes: int
    train: int
    test: int
    image: tuple[int, ...]


def shape_of(name: str) -> DataShape:
    """Return the shape of a data set by name; no input is loaded and nothing is downloaded.

    Of a person's own file only headers are read, and its labels where they alone tell the number of classes. A Hub
    data set that is not here has its published sizes.

    Args:
        name: as for :func:`overparam.data.load`.

    Raises:
        UsageError: an unknown name or option.
        DataError: a file that is missing or does not hold a data set.

    >>> shape_of("digits")
    DataShape(features=64, classes=10, train=1200, test=597, image=(8, 8))
    >>> shape_of("sphere:n=30,d=5").train
    30
    """
    if name == "digits":
        return _shape((8, 8), 10, digits.TRAIN, digits.TEST)
    if name in mnist1d.SETTINGS:
        train, test = mnist1d.rows(mnist1d.SETTINGS[name])
        return _shape((mnist1d.SETTINGS[name].final_seq_length,), 10, train, test)
    if name in hub.SETS:
        spec = hub.SETS[name]
        place = hub.locate(spec)
        counts = spec.rows if place is None else (_rows(place.train), _rows(place.test))
        return _shape(spec.image, spec.classes, *counts)
    family, _, text = name.partition(":")
    if family in synthetic.TITLES:
        settings = synthetic.options(family, text)
        return _shape((settings["d"],), 2, settings["n"], settings["n_test"])
    path = Path(name).expanduser()
    if path.suffix not in own.SUFFIXES:
        raise unknown("data set", name, names(), "Or give the path of your own .parquet or .npz file.")
    if not path.is_file():
        raise DataError(f"'{path}': expected a file, got none there. Check the path.")
    state = path.stat()
    return _of_file(path, state.st_size, state.st_mtime_ns)


def _shape(image: tuple[int, ...], classes: int, train: int, test: int) -> DataShape:
    return DataShape(int(np.prod(image)), classes, train, test, image)


def _rows(paths: tuple[Path, ...]) -> int:
    return _counted(paths, tuple(path.stat().st_mtime_ns for path in paths))


@lru_cache(maxsize=32)
def _counted(paths: tuple[Path, ...], times: tuple[int, ...]) -> int:
    return parquet.count_rows(paths)


@lru_cache(maxsize=32)
def _of_file(path: Path, size: int, time: int) -> DataShape:
    """The shape of a file; size and time are in the key, so that a file that has changed is read again."""
    return _of_npz(path) if path.suffix == ".npz" else _of_parquet(path)


def _of_npz(path: Path) -> DataShape:
    try:
        with zipfile.ZipFile(path) as archive:
            shapes = {name.removesuffix(".npy"): _header(archive, name) for name in archive.namelist()}
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as stored:
            known = "classes" in stored.files
            classes = int(stored["classes"]) if known else _classes(*(stored[y] for y in _labels(shapes)))
    except (OSError, ValueError, EOFError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise DataError(
            f"'{path}': expected an .npz file of plain arrays x and y, got something that cannot be read ({error}). "
            "Save it again with numpy.savez(path, x=..., y=...)."
        ) from error
    rows, *image = shapes["x"]
    if "x_test" in shapes:
        return _shape(tuple(image), classes, rows, shapes["x_test"][0])
    return _split(tuple(image), classes, rows)


def _header(archive: zipfile.ZipFile, name: str) -> tuple[int, ...]:
    with archive.open(name) as member:
        version = np.lib.format.read_magic(member)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        return tuple(read(member)[0])


def _labels(shapes: dict[str, tuple[int, ...]]) -> tuple[str, ...]:
    return ("y", "y_test") if "y_test" in shapes else ("y",)


def _of_parquet(path: Path) -> DataShape:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as handle:
            file = pq.ParquetFile(handle)
            label = next((name for name in parquet.LABELS if name in file.schema_arrow.names), None)
            if label is None:
                raise DataError(
                    f"'{path}' has no label column: expected one named {' or '.join(parquet.LABELS)}, got "
                    f"{', '.join(file.schema_arrow.names) or 'no columns'}. Rename the column that holds it."
                )
            rows, y = file.metadata.num_rows, file.read([label]).column(0).to_numpy()
            first = next(file.iter_batches(batch_size=1), None)
            table = pa.Table.from_batches([] if first is None else [first], file.schema_arrow)
    except (OSError, pa.ArrowException) as error:
        raise DataError(
            f"'{path}': expected a Parquet file, got something that cannot be read ({error}). "
            "The file is missing, cut short or damaged: get it again."
        ) from error
    x = parquet.images(table, path)[0] if parquet.has_images(table) else parquet.numbers(table, path)
    return _split(x.shape[1:], _classes(y), rows)


def _split(image: tuple[int, ...], classes: int, rows: int) -> DataShape:
    """Without a test part, a quarter of the rows becomes one."""
    test = max(1, rows // 4)
    return _shape(image, classes, rows - test, test)


def _classes(*labels: Any) -> int:
    """Classes 0 to K - 1 of whole numbers; else the number of targets a row."""
    first = labels[0]
    whole = first.ndim == 1 and all(bool(np.all(y == np.floor(y))) for y in labels)
    if whole:
        return int(max(y.max() for y in labels)) + 1
    return 1 if first.ndim == 1 else int(first.shape[1])
