"""The shape of a data set: what a plan needs to cost its cells, without the data where these are not a person's own."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from overparam.core import data_name
from overparam.data import catalog, digits, hub, mnist1d, own
from overparam.data.generated import GENERATORS
from overparam.data.read.parquets import count_rows
from overparam.data.targets import numeric, rows


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


def shape_of(name: str | os.PathLike[str]) -> DataShape:
    """Return the shape of a data set by name; nothing is downloaded.

    A person's own file is read as :func:`overparam.data.load` reads it, so that both say the same, and only once a
    process. Of the named sets no input is loaded; one of the Hub that is not here has its published sizes.

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
    name = data_name.text_of(name)
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
    base, text = data_name.cut(name)
    if base in GENERATORS:
        features, classes, train, test = GENERATORS[base].sizes(text)
        return _shape((features,), classes, train, test)
    return _of_own(name, catalog.fingerprint(name))


def _shape(image: tuple[int, ...], classes: int, train: int, test: int) -> DataShape:
    return DataShape(int(np.prod(image)), classes, train, test, image)


def _rows(paths: tuple[Path, ...]) -> int:
    return _counted(paths, tuple(path.stat().st_mtime_ns for path in paths))


@lru_cache(maxsize=32)
def _counted(paths: tuple[Path, ...], times: tuple[int, ...]) -> int:
    return count_rows(paths)


@lru_cache(maxsize=32)
def _of_own(name: str, content: str) -> DataShape:
    """The shape of a file; its content is in the key, so that a file that has changed is read again."""
    if not numeric(name):
        data = catalog.load(name)
        return DataShape(data.features, data.classes, data.n, data.n_test, data.shape)
    found = rows(name, 0, labels=False)
    return DataShape(
        found.x.shape[1], found.outputs, len(found.x), len(found.x_test), own.read(name).x.shape[1:]
    )
