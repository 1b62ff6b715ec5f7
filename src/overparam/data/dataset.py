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
from numpy.typing import NDArray

from overparam.core.checked import shown
from overparam.core.errors import DataError, UsageError
from overparam.data.arrays import as_array, check_pairing
from overparam.data.cache import write_atomically
from overparam.data.classes import Coded, Labels, coded, only_in_test
from overparam.data.convert import check_numbers, to_float32
from overparam.data.pixels import Pixels, scale_of
from overparam.data.stream import stream

Arrays = tuple[
    Float32[np.ndarray, "n *features"],
    Int32[np.ndarray, " n"],
    Float32[np.ndarray, "n_test *features"],
    Int32[np.ndarray, " n_test"],
]

STORED = ("x", "y", "x_test", "y_test", "classes", "title", "notes")
MOST = 1_000_000  # classes
QUARTER = "no test part in it: a fixed quarter of the rows, drawn with seed 0, is the test part"


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
        for x, y in (("x", "y"), ("x_test", "y_test")):
            inputs, labels = getattr(self, x), getattr(self, y)
            if not (isinstance(inputs, np.ndarray) and inputs.dtype == np.float32):
                plain = check_numbers(as_array(inputs, f"{self.name}: {x}").values, f"{self.name}: {x}")
                inputs = to_float32([plain], [x], self.name).arrays[0]
            elif not mapped(inputs):
                check_numbers(inputs, f"{self.name}: {x}")
            if not (isinstance(labels, np.ndarray) and labels.dtype == np.int32):
                labels = coded(labels, None, classes=self.classes, name=self.name).y
            for key, values in ((x, inputs), (y, labels)):
                view = np.asarray(values).view()
                view.flags.writeable = False
                object.__setattr__(self, key, view)
        check_shapes(self.x, self.y, self.x_test, self.y_test, self.name)
        object.__setattr__(self, "classes", _whole(self.classes, f"{self.name}: classes"))
        if self.classes < 2:
            raise DataError(f"{self.name}: expected at least 2 classes, got {self.classes}.")
        if self.classes > MOST:
            raise DataError(f"{self.name}: expected at most {MOST:,} classes, got {_told(self.classes)}.")
        for classes, part in ((self.y, "training"), (self.y_test, "test")):
            _check_range(classes, self.classes, f"{self.name}: {part} labels")

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
    x: Any,
    y: Any,
    x_test: Any = None,
    y_test: Any = None,
    *,
    name: str,
    title: str = "",
    notes: str = "",
    classes: int | None = None,
    labels: Labels = "as-is",
    pixels: Pixels = "auto",
) -> Dataset:
    """Make a data set of arrays, checked and copied.

    Arrays are numpy's, JAX's, PyTorch's on the processor, nested lists, or series and frames of pandas or polars.
    Whatever was done to values, and whatever float32 does not keep, is in the notes or refused.

    Args:
        x: training inputs, shape ``(n, *features)``, finite numbers.
        y: training labels, shape ``(n,)``.
        x_test: test inputs; without them a fixed quarter of the rows becomes the test part.
        y_test: test labels.
        name: name of the data set.
        title: heading; the name by default.
        notes: remarks shown on pages.
        classes: number of classes K; by default each label 0 to K - 1 must occur, and K is counted.
        labels: ``as-is`` takes whole numbers 0 to K - 1; ``any`` numbers the different values (text, numbers from 1,
            -1 and 1, booleans, one-hot rows) in their order.
        pixels: ``auto`` divides whole numbers of 8 bits by 255 and 16-bit images by 65535; ``scale`` divides whatever
            lies in 0 to 255 by 255; ``keep`` divides nothing.

    Returns:
        The data set; its fingerprint is a hash of shapes and values.

    Raises:
        UsageError: another word for labels or pixels.
        DataError: shapes that do not fit, labels that are no classes, values that are not finite or that float32
            cannot hold.

    >>> from_arrays([[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 1], name="four").n_test
    1
    >>> from_arrays([[0.0], [1.0], [2.0], [3.0]], ["a", "b", "a", "b"], name="four", labels="any").notes[:23]
    'labels a, b became 0, 1'
    """
    for key, text in (("name", name), ("title", title), ("notes", notes)):
        if not isinstance(text, str):
            raise UsageError(f"{key}: expected a text, got {shown(text)}.")
    coding, inputs, said = _parts(x, y, x_test, y_test, name, labels, classes)
    scale = scale_of(inputs[0], inputs[1] if len(inputs) > 1 else None, pixels, name, hints=classes is None)
    converted = to_float32(inputs, ["x", "x_test"][: len(inputs)], name, scale.divisor)
    xs, ys = converted.arrays[0], coding.y
    quarter = ""
    if coding.y_test is None:
        train, test = split(len(ys))
        xs, ys, xt, yt = xs[train], ys[train], xs[test], ys[test]
        quarter = QUARTER
    else:
        xt, yt = converted.arrays[1], coding.y_test
    told = (notes, *said, *coding.notes, *scale.notes, *converted.notes, *only_in_test(coding, ys, yt), quarter)
    return Dataset(
        name=name,
        title=title or name,
        x=xs,
        y=ys,
        x_test=xt,
        y_test=yt,
        classes=coding.classes,
        fingerprint=content_fingerprint((xs, ys, xt, yt)),
        notes="; ".join(dict.fromkeys(note for note in told if note)),
    )


def split(rows: int) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " n_test"]]:
    """Return the training and the test rows of data without a test part: a fixed quarter is the latter, at least 1.

    >>> [len(part) for part in split(10)]
    [8, 2]
    """
    order = stream("split", 0).permutation(rows)
    cut = rows - max(1, rows // 4)
    return order[:cut], order[cut:]


def _parts(
    x: Any, y: Any, x_test: Any, y_test: Any, name: str, labels: Labels, classes: int | None
) -> tuple[Coded, list[NDArray[Any]], tuple[str, ...]]:
    """Labels as classes and inputs as finite numbers of the type stored, of shapes that fit together; and notes."""
    if (x_test is None) != (y_test is None):
        raise DataError(
            f"{name}: expected x_test and y_test together, got only one of them. Give both or none."
        )
    said = check_pairing(x, y, x_test, y_test, name)
    pairs = [(x, "x", "y")] if x_test is None else [(x, "x", "y"), (x_test, "x_test", "y_test")]
    found = [as_array(values, f"{name}: {what}") for values, what, _ in pairs]
    inputs = [one.values for one in found]
    if x_test is None and inputs[0].ndim and len(inputs[0]) == 1:
        raise DataError(f"{name}: expected at least 2 rows to split off a test part, got 1.")
    coding = coded(y, y_test, labels=labels, classes=classes, name=name)
    if len(inputs) > 1:
        check_shapes(inputs[0], coding.y, inputs[1], coding.y_test, name)
    else:
        _check_rows(inputs[0], coding.y, "x", "y", name)
    inputs = [check_numbers(part, f"{name}: {what}") for part, (_, what, _) in zip(inputs, pairs, strict=True)]
    return coding, inputs, (*said, *(note for one in found for note in one.notes))


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
            f"{name}: expected test inputs of the training inputs' shape {x.shape[1:]}, got {x_test.shape[1:]}. "
            "Bring both parts to one shape."
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


def mapped(array: Any) -> bool:
    """Whether an array lies in a file that is mapped into memory: looking at all of it would read all of it."""
    while array is not None:
        if isinstance(array, np.memmap):
            return True
        array = getattr(array, "base", None)
    return False


def _told(count: int) -> str:
    return f"{count:,}" if abs(count) < 10**30 else shown(count)


def _whole(value: Any, what: str) -> int:
    try:
        return 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        raise DataError(f"{what}: expected a whole number of at least 2, got {shown(value)}.") from None


def _draw(
    have: int, want: int, part: str, title: str, random: np.random.RandomState
) -> Int64[np.ndarray, " batch"] | None:
    try:
        count = 0 if isinstance(want, bool) else operator.index(want)
    except TypeError:
        count = 0
    if count < 1:
        raise UsageError(f"{title}: expected a positive whole number of {part} rows, got {shown(want)}.")
    if count > have:
        raise DataError(
            f"{title}: expected at most {have:,} {part} rows, got {_told(count)}. Ask for {have:,} or fewer."
        )
    return None if count == have else random.permutation(have)[:count]
