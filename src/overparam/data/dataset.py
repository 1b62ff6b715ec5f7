"""The data set: training and test arrays, how many classes, and a fingerprint of their content."""

from __future__ import annotations

import hashlib
import operator
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int32, Int64
from numpy.typing import ArrayLike, NDArray

from overparam.core.errors import DataError, UsageError
from overparam.data.cache import write_atomically
from overparam.data.stream import stream

Arrays = tuple[
    Float32[np.ndarray, "n *features"],
    Int32[np.ndarray, " n"],
    Float32[np.ndarray, "n_test *features"],
    Int32[np.ndarray, " n_test"],
]

STORED = ("x", "y", "x_test", "y_test", "classes", "title", "notes")
_RENUMBER = "Renumber the classes from 0 without gaps."
_QUARTER = "no test part in it: a fixed quarter of the rows, drawn with seed 0, is the test part"


@dataclass(frozen=True, eq=False)
class Dataset:
    """A labelled data set with a training and a test part; the arrays are read-only.

    Attributes:
        name: what ``load`` was asked for, or the stem of the user's file.
        title: heading for a person; says so when it is only a part of the published set.
        x: training inputs, float32, shape ``(n, *features)``; images lie in [0, 1], as
            ``(n, height, width)`` if grey and ``(n, height, width, 3)`` if coloured.
        y: training labels, int32, shape ``(n,)``, values 0 to ``classes - 1``.
        x_test: test inputs, shape ``(n_test, *features)``.
        y_test: test labels, shape ``(n_test,)``.
        classes: number of classes K.
        fingerprint: 16 hexadecimal digits that stand for the content; part of every result's key.
        notes: licence, credit and oddities, shown on pages.
    """

    name: str
    title: str
    x: NDArray[np.float32]
    y: NDArray[np.int32]
    x_test: NDArray[np.float32]
    y_test: NDArray[np.int32]
    classes: int
    fingerprint: str
    notes: str = ""

    def __post_init__(self) -> None:
        for key, kind in (("x", np.float32), ("y", np.int32), ("x_test", np.float32), ("y_test", np.int32)):
            view = np.asarray(getattr(self, key), dtype=kind).view()
            view.flags.writeable = False
            object.__setattr__(self, key, view)
        check_shapes(self.x, self.y, self.x_test, self.y_test, self.name)
        if self.classes < 2:
            raise DataError(f"{self.name}: expected at least 2 classes, got {self.classes}.")
        for y, part in ((self.y, "training"), (self.y_test, "test")):
            _check_range(y, self.classes, f"{self.name}: {part} labels")

    @property
    def n(self) -> int:
        """Number of training rows."""
        return len(self.y)

    @property
    def n_test(self) -> int:
        """Number of test rows."""
        return len(self.y_test)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one input, for instance ``(28, 28)``."""
        return self.x.shape[1:]

    @property
    def features(self) -> int:
        """Number of values in one input (the dimension d once flattened)."""
        return int(np.prod(self.shape))


def subset(dataset: Dataset, n: int, n_test: int | None = None, *, seed: int = 0) -> Dataset:
    """Return a data set of ``n`` training rows drawn without replacement.

    For one seed the draws are nested: a larger subset contains every smaller one. The two parts are drawn
    independently. All rows are returned in their published order, whatever the seed.

    Args:
        dataset: where to draw from.
        n: training rows, 1 to ``dataset.n``.
        n_test: test rows, 1 to ``dataset.n_test``; all of them by default.
        seed: which draw.

    Returns:
        The smaller data set, with a fingerprint of its own (the same one if nothing was left out).

    Raises:
        DataError: more rows are asked for than there are.
        UsageError: a count is not a positive whole number, or the seed is out of range.

    >>> data = from_arrays(np.eye(4), [0, 1, 0, 1], np.eye(4), [0, 1, 0, 1], name="eye")
    >>> small = subset(data, 2, seed=3)
    >>> small.x.shape, small.x_test.shape, subset(data, 4).fingerprint == data.fingerprint
    ((2, 4), (4, 4), True)
    """
    n_test = dataset.n_test if n_test is None else n_test
    train = _draw(dataset.n, n, "training", dataset.title, stream("subset", seed))
    test = _draw(dataset.n_test, n_test, "test", dataset.title, stream("subset-test", seed))
    if train is None and test is None:
        return dataset
    rows = slice(None) if train is None else train
    rows_test = slice(None) if test is None else test
    return replace(
        dataset,
        x=dataset.x[rows],
        y=dataset.y[rows],
        x_test=dataset.x_test[rows_test],
        y_test=dataset.y_test[rows_test],
        fingerprint=digest("subset", dataset.fingerprint, f"n={n}", f"n_test={n_test}", f"seed={seed}"),
    )


def flatten(dataset: Dataset) -> Dataset:
    """Return the same data set with inputs as vectors, shape ``(n, features)``; no values are copied."""
    return replace(
        dataset,
        x=dataset.x.reshape(dataset.n, dataset.features),
        x_test=dataset.x_test.reshape(dataset.n_test, dataset.features),
    )


def from_arrays(
    x: ArrayLike,
    y: ArrayLike,
    x_test: ArrayLike | None = None,
    y_test: ArrayLike | None = None,
    *,
    name: str,
    title: str = "",
    notes: str = "",
    classes: int | None = None,
) -> Dataset:
    """Make a data set of arrays, checked and copied.

    Args:
        x: training inputs, shape ``(n, *features)``; whole numbers of 8 bits (images) are divided by 255,
            anything else is taken as it is.
        y: training labels, shape ``(n,)``, whole numbers 0 to K - 1.
        x_test: test inputs; without them a fixed quarter of the rows becomes the test part.
        y_test: test labels.
        name: name of the data set.
        title: heading; the name by default.
        notes: remarks shown on pages.
        classes: number of classes K; by default each label 0 to K - 1 must occur, and K is counted.

    Returns:
        The data set; its fingerprint is a hash of shapes and values.

    Raises:
        DataError: shapes that do not fit, labels that are not 0 to K - 1, or values that are not finite.

    >>> from_arrays([[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 1], name="four").n_test
    1
    """
    if (x_test is None) != (y_test is None):
        raise DataError(
            f"{name}: expected x_test and y_test together, got only one of them. Give both or none."
        )
    scaled = ""
    inputs = np.asarray(x)
    if inputs.dtype == np.uint8:
        scaled = "values 0 to 255 were divided by 255"
    xs, ys = _inputs(inputs, f"{name}: x"), _labels(y, f"{name}: y")
    split = ""
    if x_test is None or y_test is None:
        _check_rows(xs, ys, "x", "y", name)
        if len(ys) < 2:
            raise DataError(f"{name}: expected at least 2 rows to split off a test part, got {len(ys)}.")
        order = stream("split", 0).permutation(len(ys))
        cut = len(ys) - max(1, len(ys) // 4)
        xs, ys, xt, yt = xs[order[:cut]], ys[order[:cut]], xs[order[cut:]], ys[order[cut:]]
        split = _QUARTER
    else:
        inputs_test = np.asarray(x_test)
        if (inputs.dtype == np.uint8) != (inputs_test.dtype == np.uint8):
            raise DataError(
                f"{name}: expected x and x_test both as pixels of 8 bits or neither, got {inputs.dtype} and "
                f"{inputs_test.dtype}. Bring them to one scale and type."
            )
        xt, yt = _inputs(inputs_test, f"{name}: x_test"), _labels(y_test, f"{name}: y_test")
        check_shapes(xs, ys, xt, yt, name)
    if classes is None:
        classes = _count_classes(np.concatenate([ys, yt]), name)
    return Dataset(
        name=name,
        title=title or name,
        x=xs,
        y=ys,
        x_test=xt,
        y_test=yt,
        classes=classes,
        fingerprint=content_fingerprint((xs, ys, xt, yt)),
        notes="; ".join(note for note in (notes, scaled, split) if note),
    )


def save(dataset: Dataset, path: str | os.PathLike[str]) -> Path:
    """Write the arrays to an ``.npz`` file that ``load`` takes by its path.

    The file appears whole or not at all. Loaded again it holds the same arrays, classes, title and notes;
    its fingerprint is then that of the file.

    Returns:
        The path.

    Raises:
        UsageError: the path does not end in ``.npz``.
        DataError: the file cannot be written.
    """
    target = Path(path)
    if target.suffix != ".npz":
        raise UsageError(f"save: expected a path that ends in .npz, got '{target}'.")
    stored: dict[str, Any] = {key: np.asarray(getattr(dataset, key)) for key in STORED}
    try:
        write_atomically(target, lambda handle: np.savez(handle, **stored))
    except OSError as error:
        raise DataError(
            f"cannot write '{target}': {error}. Choose a folder that exists and is writable."
        ) from error
    return target


def digest(*parts: str) -> str:
    """Return a fingerprint (16 hexadecimal digits) of words."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def content_fingerprint(arrays: Arrays) -> str:
    """Return the fingerprint of four arrays: their shapes and their values."""
    sha = hashlib.sha256()
    for array in arrays:
        sha.update(f"{array.dtype}{array.shape}".encode())
        sha.update(np.ascontiguousarray(array).data)
    return sha.hexdigest()[:16]


def check_shapes(x: Any, y: Any, x_test: Any, y_test: Any, name: str) -> None:
    """Raise DataError unless the four shapes belong together."""
    _check_rows(x, y, "x", "y", name)
    _check_rows(x_test, y_test, "x_test", "y_test", name)
    if x.shape[1:] != x_test.shape[1:]:
        raise DataError(
            f"{name}: expected test inputs of the training inputs' shape {x.shape[1:]}, got {x_test.shape[1:]}."
        )


def _check_rows(x: Any, y: Any, x_name: str, y_name: str, name: str) -> None:
    if x.ndim < 2 or x.size == 0:
        raise DataError(
            f"{name}: expected {x_name} of shape (n, features...) with n at least 1, got {x.shape}."
        )
    if y.shape != (len(x),):
        raise DataError(
            f"{name}: expected one label a row, {y_name} of shape ({len(x)},) for {x_name} of shape {x.shape}, "
            f"got {y.shape}."
        )


def _check_range(y: Int32[np.ndarray, " n"], classes: int, what: str) -> None:
    if y.min() < 0 or y.max() >= classes:
        raise DataError(f"{what}: expected whole numbers 0 to {classes - 1}, got {y.min()} to {y.max()}.")


def _inputs(x: NDArray[Any], what: str) -> Float32[np.ndarray, "*shape"]:
    if x.dtype.kind not in "fiub":
        raise DataError(
            f"{what}: expected numbers, got values of type {x.dtype}. Encode other values as numbers."
        )
    scale = 255.0 if x.dtype == np.uint8 else 1.0
    with np.errstate(over="ignore"):
        values = np.array(x, dtype=np.float32) / np.float32(scale)
    bad = values.size - int(np.isfinite(values).sum())
    if bad:
        raise DataError(
            f"{what}: expected finite numbers, got {bad} that are missing, infinite or too large for float32. "
            "Fill in or drop these rows."
        )
    return values


def _labels(y: ArrayLike, what: str) -> Int32[np.ndarray, "*shape"]:
    raw = np.asarray(y)
    numeric = raw.dtype.kind in "fiub"
    odd = raw[~(np.isfinite(raw) & (raw == np.floor(raw)))] if numeric else raw
    if not numeric or odd.size:
        shown = _listed(odd) if numeric else f"values of type {raw.dtype}"
        raise DataError(f"{what}: expected whole numbers 0 to K - 1 as labels, got {shown}. {_RENUMBER}")
    if raw.size and (raw.min() < 0 or raw.max() >= 2**31):
        raise DataError(f"{what}: expected labels 0 to K - 1, got {_listed(np.unique(raw))}. {_RENUMBER}")
    return raw.astype(np.int32)


def _count_classes(y: NDArray[np.int32], name: str) -> int:
    present = np.unique(y)
    classes = int(present[-1]) + 1
    if classes < 2 or len(present) != classes:
        raise DataError(
            f"{name}: expected labels 0 to K - 1, each of them present and K at least 2, "
            f"got {_listed(present)}. {_RENUMBER}"
        )
    return classes


def _listed(values: NDArray[Any], most: int = 8) -> str:
    shown = ", ".join(f"{value:g}" for value in values[:most].tolist())
    return (shown or "none") + (", ..." if len(values) > most else "")


def _draw(
    have: int, want: int, part: str, title: str, random: np.random.RandomState
) -> Int64[np.ndarray, " batch"] | None:
    try:
        count = 0 if isinstance(want, bool) else operator.index(want)
    except TypeError:
        count = 0
    if count < 1:
        raise UsageError(f"{title}: expected a positive whole number of {part} rows, got {want!r}.")
    if count > have:
        raise DataError(
            f"{title}: expected at most {have:,} {part} rows, got {count:,}. Ask for {have:,} or fewer."
        )
    return None if count == have else random.permutation(have)[:count]
