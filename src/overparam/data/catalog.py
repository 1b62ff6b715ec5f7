"""Data sets by name: load, fingerprint, where they are, and the list for ``overparam data``."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from overparam.core import data_name
from overparam.core.errors import DataError, UsageError, unknown
from overparam.data import digits, graphs, hub, mnist1d, own
from overparam.data.dataset import Dataset
from overparam.data.generated import GENERATORS, Generator
from overparam.data.read.parquets import count_rows

_HERE = "generated, nothing to download"
_BUNDLED = "part of scikit-learn, nothing to download"
_OWN = "Or give the path of your own .csv, .parquet or .npz file, or of a folder."
_KEPT = 4


@dataclass(frozen=True)
class DatasetInfo:
    """One line of the list of data sets.

    Attributes:
        name: what ``load`` takes.
        title: heading.
        where: folder of the files, or a remark.
        available: True if it loads without a network.
        detail: sizes, or what is wrong or missing.
        credit: authors, paper and licence.
    """

    name: str
    title: str
    where: str
    available: bool
    detail: str
    credit: str


@dataclass(frozen=True)
class _Found:
    """A data set that is on this computer: its fingerprint, where it is, and how to load it."""

    fingerprint: str
    where: str
    load: Callable[[], Dataset]


_LOADED: OrderedDict[tuple[str, str], Dataset] = OrderedDict()


def names() -> tuple[str, ...]:
    """Return the names that ``load`` knows; generators take options, and any path to a file works too.

    >>> names()[:2]
    ('digits', 'mnist1d')
    """
    return ("digits", *mnist1d.SETTINGS, *hub.SETS, *GENERATORS)


def load(
    name: str | os.PathLike[str],
    *,
    download: bool = True,
    label: str | None = None,
    image: str | None = None,
    drop: str | Sequence[str] | None = None,
    keep: str | Sequence[str] | None = None,
    labels: str | None = None,
    pixels: str | None = None,
    targets: str | None = None,
) -> Dataset:
    """Return a data set by name.

    The last four are kept, so the cells of a stack share one copy. The options of a file may stand in its name as
    well: ``mine.csv:label=species,labels=any``; so they reach a study.

    Args:
        name: one of ``names()``; a generator with options, as in ``gaussian:n=200,d=20,seed=0``; or the path
            of an ``.npz``, ``.parquet`` or ``.csv`` file, or of a folder of ``.npy`` files or of train and test tables.
        download: fetch a Hub data set that is not on this computer.
        label: the column or array of the labels, where its name does not tell.
        image: the column or array of the inputs, where its name does not tell.
        drop: columns to leave out.
        keep: columns that are features although they look like row numbers or like the label.
        labels: ``as-is`` for whole numbers 0 to K - 1, ``any`` for text, booleans or other numbers.
        pixels: ``auto``, ``scale`` (divide by 255) or ``keep``.
        targets: ``classes``; ``numbers`` marks a regression, which no data set of classes is.

    Returns:
        The data set; its arrays are read-only.

    Raises:
        UsageError: an unknown name or option.
        DataError: files that are missing, damaged or of the wrong shape, or a download that failed.

    >>> load("gaussian:n=10,d=2").x.shape
    (10, 2)
    """
    options = {
        "label": label, "image": image, "drop": drop, "keep": keep, "labels": labels, "pixels": pixels, "targets": targets,
    }  # fmt: skip
    name = data_name.with_options(name, options)
    found = _find(name, download)
    key = (name, found.fingerprint)
    if key not in _LOADED:
        _LOADED[key] = found.load()
        while len(_LOADED) > _KEPT:
            _LOADED.popitem(last=False)
    _LOADED.move_to_end(key)
    return _LOADED[key]


def fingerprint(name: str | os.PathLike[str], *, download: bool = False) -> str:
    """Return the fingerprint of a data set (16 hexadecimal digits) without decoding an image.

    It stands for the content: two folders with the same files give the same one.

    Args:
        name: as for ``load``.
        download: fetch a Hub data set that is not on this computer.

    Raises:
        UsageError: an unknown name or option.
        DataError: the files are missing or cannot be read.

    >>> fingerprint("sphere:n=10") == load("sphere:n=10").fingerprint
    True
    """
    return _find(name, download).fingerprint


def where(name: str | os.PathLike[str]) -> str:
    """Return the folder of a data set's files, or a remark if it has none.

    Raises:
        UsageError: an unknown name.
        DataError: files that are only partly there.
    """
    name = data_name.text_of(name)
    if name in hub.SETS:
        place = hub.locate(hub.SETS[name])
        return str(place.folder) if place else f"not here: `overparam data fetch {name}` downloads it"
    return _find(name, download=False).where


def fetch(name: str | os.PathLike[str], progress: bool = True) -> str:
    """Make a data set ready on this computer: download it if needed, check it and decode it once.

    Args:
        name: as for ``load``.
        progress: show the progress bars of a download.

    Returns:
        Where it is.

    Raises:
        UsageError: an unknown name.
        DataError: the download failed, or the files are damaged.
    """
    name = data_name.text_of(name)
    if name in hub.SETS and hub.locate(hub.SETS[name]) is None:
        hub.fetch(hub.SETS[name], progress)
    load(name, download=False)
    return where(name)


def describe() -> list[DatasetInfo]:
    """Return one line for every known name; nothing is decoded or downloaded."""
    lines = [DatasetInfo("digits", digits.TITLE, _BUNDLED, True, digits.DETAIL, digits.CREDIT)]
    lines += [
        DatasetInfo(name, mnist1d.title(name), _HERE, True, mnist1d.detail(settings), mnist1d.CREDIT)
        for name, settings in mnist1d.SETTINGS.items()
    ]
    lines += [_describe_hub(spec) for spec in hub.SETS.values()]
    lines += [
        DatasetInfo(name, one.title, _HERE, True, _options(name, one), "generated")
        for name, one in GENERATORS.items()
    ]
    return lines


def _options(name: str, one: Generator) -> str:
    example = ",".join(f"{key}={value}" for key, value in one.defaults.items())
    return f"{one.defaults.get('classes', one.classes)} classes; options {name}:{example}"


def _describe_hub(spec: hub.HubSet) -> DatasetInfo:
    try:
        place = hub.locate(spec)
        if place is None:
            detail = hub.rows_in_words(spec, *spec.rows)
            return DatasetInfo(spec.name, spec.title, where(spec.name), False, detail, spec.credit)
        counts = count_rows(place.train), count_rows(place.test)
    except DataError as error:
        return DatasetInfo(spec.name, spec.title, "damaged", False, str(error), spec.credit)
    return DatasetInfo(
        spec.name,
        hub.title(spec, counts[0]),
        str(place.folder),
        True,
        hub.rows_in_words(spec, *counts),
        spec.credit,
    )


def _find(name: str | os.PathLike[str], download: bool) -> _Found:
    name = data_name.text_of(name)
    if name == "digits":
        return _Found(digits.fingerprint(), _BUNDLED, digits.load)
    if name in mnist1d.SETTINGS:
        return _Found(mnist1d.fingerprint(mnist1d.SETTINGS[name]), _HERE, lambda: mnist1d.load(name))
    if name in hub.SETS:
        spec = hub.SETS[name]
        place = hub.need(spec, download)
        return _Found(hub.fingerprint(spec, place), str(place.folder), lambda: hub.load(spec, place))
    base, text = data_name.cut(name)
    if base in GENERATORS:
        one, settings = GENERATORS[base], GENERATORS[base].options(text)
        return _Found(one.fingerprint(settings), _HERE, lambda: one.make(settings))
    if text and base in names():
        raise UsageError(f"data set '{name}': expected no options for {base}, got {text}. Leave them out.")
    if graphs.is_file(name):
        return _Found(graphs.fingerprint(name), name, lambda: graphs.no_examples(name))
    if own.is_path(base):
        path = own.locate(name)
        return _Found(own.fingerprint(name), str(path), lambda: own.load(name))
    if name in graphs.KINDS:
        return _Found(graphs.fingerprint(name), _HERE, lambda: graphs.no_examples(name))
    raise unknown("data set", name, names(), _OWN)
