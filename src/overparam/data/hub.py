"""Image data sets of the Hugging Face Hub, from a folder or a download: MNIST, Fashion-MNIST, CIFAR."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overparam.core.errors import DataError
from overparam.data import files
from overparam.data.cache import cached_arrays, write_atomically
from overparam.data.dataset import Dataset, digest
from overparam.data.read import columns, encoded, roles
from overparam.data.read.parquets import open_parquet
from overparam.data.read.table import Table

_DECODER = "hub v1"
_PUBLISHED_FORM = "PNG"
_LABELS = ("label", "fine_label")
_IMAGES = ("image", "img")


@dataclass(frozen=True)
class HubSet:
    """A data set of the Hub.

    Attributes:
        name: short name.
        title: heading.
        repo: its name on the Hub.
        config: its configuration, a folder there.
        rows: published numbers of training and test images.
        classes: number of classes.
        credit: authors, paper and licence.
        image: published shape of an image.
    """

    name: str
    title: str
    repo: str
    config: str
    rows: tuple[int, int]
    classes: int
    credit: str
    image: tuple[int, ...]


SETS = {
    spec.name: spec
    for spec in (
        HubSet(
            "mnist",
            "MNIST",
            "ylecun/mnist",
            "mnist",
            (60_000, 10_000),
            10,
            "LeCun, Cortes and Burges 1998, The MNIST database of handwritten digits",
            (28, 28),
        ),
        HubSet(
            "fashion-mnist",
            "Fashion-MNIST",
            "zalando-datasets/fashion_mnist",
            "fashion_mnist",
            (60_000, 10_000),
            10,
            "Xiao, Rasul and Vollgraf 2017, arXiv:1708.07747 (MIT)",
            (28, 28),
        ),
        HubSet(
            "cifar10",
            "CIFAR-10",
            "uoft-cs/cifar10",
            "plain_text",
            (50_000, 10_000),
            10,
            "Krizhevsky 2009, Learning multiple layers of features from tiny images",
            (32, 32, 3),
        ),
        HubSet(
            "cifar100",
            "CIFAR-100",
            "uoft-cs/cifar100",
            "cifar100",
            (50_000, 10_000),
            100,
            "Krizhevsky 2009, Learning multiple layers of features from tiny images (fine labels)",
            (32, 32, 3),
        ),
    )
}


def locate(spec: HubSet) -> files.Place | None:
    """Return where the files are, or None."""
    return files.find(spec.name, spec.repo, spec.config)


def need(spec: HubSet, download: bool) -> files.Place:
    """Return where the files are, downloading them where that is allowed.

    Raises:
        DataError: they are nowhere, or the download failed.
    """
    place = locate(spec)
    if place is None and download:
        place = fetch(spec)
    if place is None:
        raise _missing(spec, "It is not here, and downloading was not asked for.")
    return place


def fingerprint(spec: HubSet, place: files.Place) -> str:
    """Return the fingerprint of the files' content; no image is decoded."""
    return digest(_DECODER, spec.name, files.fingerprint(place))


def rows_in_words(spec: HubSet, train: int, test: int) -> str:
    """Return the sizes in words, with the published ones where they differ."""
    text = f"{train:,} training and {test:,} test images, {spec.classes} classes"
    if (train, test) != spec.rows:
        text += f" (published: {spec.rows[0]:,} and {spec.rows[1]:,})"
    return text


def load(spec: HubSet, place: files.Place) -> Dataset:
    """Return the data set of the files, decoded once and then mapped from the cache folder.

    Raises:
        DataError: a file is damaged, changed since its download, or not of this data set.
    """
    files.verify(place, spec.name)
    files.check_distinct(place.files)
    key = fingerprint(spec, place)
    arrays, facts = cached_arrays(digest("arrays", key), lambda: _decode(spec, place))
    n, n_test = len(arrays["y"]), len(arrays["y_test"])
    notes = [spec.credit]
    if (n, n_test) != spec.rows:
        notes.append(rows_in_words(spec, n, n_test))
    if facts["form"] != _PUBLISHED_FORM:
        notes.append(
            f"The images are {facts['form']} and not the published {_PUBLISHED_FORM}: fine for behaviour, "
            "wrong for any published number or exact pixel"
        )
    return Dataset(
        name=spec.name,
        title=title(spec, n),
        **arrays,
        classes=spec.classes,
        fingerprint=key,
        notes=". ".join(notes) + ".",
    )


def fetch(spec: HubSet, progress: bool = True) -> files.Place:
    """Download the data set into the cache folder, and keep its checksums beside it.

    An interrupted download goes on where it stopped; files count only once their checksums are written.

    Args:
        spec: which data set.
        progress: show the progress bars of ``huggingface_hub``.

    Returns:
        Where the files are.

    Raises:
        DataError: the download failed, with what to do without it.
    """
    target = files.download_root(spec.repo)
    try:
        _download(spec, target, progress)
    except Exception as error:  # whatever goes wrong on the way, the remedy is the same
        raise _missing(spec, f"The download failed ({type(error).__name__}: {_first_line(error)}).") from error
    place = files.read_folder(target / spec.config)
    if place is None:
        raise _missing(spec, f"The download brought no train-*.parquet into folder {spec.config}.")
    text = json.dumps({"source": spec.repo, "sha256": files.checksums(place.files)}, indent=1, sort_keys=True)
    try:
        write_atomically(place.folder / files.CHECKSUMS, lambda handle: handle.write(text.encode()))
    except OSError as error:
        raise DataError(
            f"cannot write the checksums into '{place.folder}': {error}. "
            "Set OVERPARAM_CACHE to a writable folder."
        ) from error
    return place


def _download(spec: HubSet, target: Path, progress: bool) -> None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils import tqdm

    class Quiet(tqdm):
        """No bars."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{**kwargs, "disable": True})

    options: dict[str, Any] = {} if progress else {"tqdm_class": Quiet}
    snapshot_download(
        spec.repo,
        repo_type="dataset",
        allow_patterns=[f"{spec.config}/*.parquet"],
        local_dir=target,
        **options,
    )


def _decode(spec: HubSet, place: files.Place) -> tuple[Mapping[str, NDArray[Any]], Mapping[str, Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    forms = []
    for suffix, paths in (("", place.train), ("_test", place.test)):
        x, y, form = _part(spec, paths)
        arrays |= {"x" + suffix: x, "y" + suffix: y}
        forms.append(form)
    if arrays["x"].shape[1:] != arrays["x_test"].shape[1:]:
        raise DataError(
            f"'{place.folder}': expected test images of the training images' shape {arrays['x'].shape[1:]}, "
            f"got {arrays['x_test'].shape[1:]}. The two parts are not of one data set."
        )
    return arrays, {"form": " and ".join(dict.fromkeys(forms))}


def _part(spec: HubSet, paths: Sequence[Path]) -> tuple[NDArray[np.float32], NDArray[np.int32], str]:
    read, ys = [], []
    for path in paths:
        table = open_parquet(path)
        label, image = (
            _column(table, known, option) for known, option in ((_LABELS, "label"), (_IMAGES, "image"))
        )
        y = columns.labels(table.read([label]).column(label), path, label, False)
        if y.dtype.kind not in "iu" or (len(y) and (y.min() < 0 or y.max() >= spec.classes)):
            got = f"{y.min()} to {y.max()}" if y.dtype.kind in "iu" else f"values of type {y.dtype}"
            raise DataError(
                f"'{path}': expected whole-number labels 0 to {spec.classes - 1} of {spec.title}, got {got}. "
                "Check that the file belongs to this data set."
            )
        read.append((path, table.read([image]).column(image)))
        ys.append(y.astype(np.int32))
    xs: list[NDArray[Any]] = []
    forms: list[str] = []
    for one in read:
        found = encoded.images([one], one[0], "")
        if found.pixels.dtype != np.uint8 or (xs and found.pixels.shape[1:] != xs[0].shape[1:]):
            wanted = f"shape {xs[0].shape[1:]} as in the files before" if xs else "8 bits a channel"
            raise DataError(
                f"'{one[0]}': expected images of {wanted}, got {found.pixels.shape[1:]} of type {found.pixels.dtype}. "
                "Check that the file belongs to this data set."
            )
        xs.append(found.pixels)
        forms.append(found.form)
    x = np.concatenate(xs).astype(np.float32)
    x /= np.float32(255)
    return x, np.concatenate(ys), " and ".join(dict.fromkeys(forms))


def _column(table: Table, known: Sequence[str], option: str) -> str:
    found = [name for name in known if name in table.names]
    if len(found) != 1:
        got = f"{roles.listed(found)} at once" if found else roles.listed(table.names)
        raise DataError(
            f"'{table.path}': expected one {option} column, named {' or '.join(known)}, got {got}. Check that the file "
            "belongs to this data set."
        )
    return found[0]


def title(spec: HubSet, n: int) -> str:
    """Return the heading for n training images: one that says so when these are not all."""
    if n == spec.rows[0]:
        return spec.title
    return f"{spec.title} {n // 1000}k" if n % 1000 == 0 else f"{spec.title} ({n:,} training images)"


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else "no message"


def _missing(spec: HubSet, why: str) -> DataError:
    own = files.own_root()
    looked = [
        f"OVERPARAM_DATA ('{own}')" if own else "OVERPARAM_DATA (not set)",
        f"the cache ('{files.download_root(spec.repo) / spec.config}')",
    ]
    return DataError(
        f"{spec.title}: expected {spec.repo}/{spec.config}/train-*.parquet and test-*.parquet. {why} "
        f"Looked in {' and '.join(looked)}. Set OVERPARAM_DATA to a folder that holds "
        f"{spec.repo}/{spec.config}, or run `overparam data fetch {spec.name}` where there is a network, "
        "or use digits or mnist1d, which need none."
    )
