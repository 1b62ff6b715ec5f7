"""Labels of any kind become classes 0 to K - 1, by one coding for training and test part, or are refused."""

from __future__ import annotations

import unicodedata
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from overparam.core import checked
from overparam.core.errors import DataError, UsageError
from overparam.data.arrays import as_array, kind_of, missing

Labels = Literal["as-is", "any"]

ANY = (
    'Write labels=any (mine.csv:labels=any, or from_arrays(..., labels="any")) to number the different values 0, 1, ... '
    "in their order."
)
NUMBERS = (
    "Targets that are numbers make a regression: `overparam risk mine.csv:targets=numbers` and "
    "overparam.width_sweep take them, classes are needed here."
)
MANY = 20  # classes up to here are never too many for their rows
_SHOWN = 100
_GONE = ("", "nan", "NaN", "<NA>", "NaT")
_GREAT = 2**31


class Coded(NamedTuple):
    """Labels as classes.

    Attributes:
        y: training labels, int32, shape ``(n,)``.
        y_test: test labels, or None.
        classes: number of classes K.
        names: what each class was called.
        notes: what was done.
    """

    y: NDArray[np.int32]
    y_test: NDArray[np.int32] | None
    classes: int
    names: tuple[str, ...]
    notes: tuple[str, ...]


def coded(
    y: ArrayLike,
    y_test: ArrayLike | None,
    *,
    labels: Labels = "as-is",
    classes: int | None = None,
    name: str = "data",
) -> Coded:
    """Return labels as whole numbers 0 to K - 1.

    Args:
        y: training labels, one a row.
        y_test: test labels of the same kind, or None; both parts share one coding.
        labels: ``as-is`` takes whole numbers 0 to K - 1 alone; ``any`` numbers the different values in their order
            (numbers by size, text by its characters, False before True, one-hot rows by their column).
        classes: K; by default each class must occur, and they are counted.
        name: of the data, for messages.

    Raises:
        UsageError: another word for labels.
        DataError: labels that are missing, of several kinds, no classes, or not 0 to K - 1; the text names what was
            found and the option to write.

    >>> coded(["b", "a", "b"], None, labels="any").notes
    ('labels a, b became 0, 1',)
    """
    if not isinstance(labels, str) or labels not in get_args(Labels):
        raise UsageError(f"labels: expected as-is or any, got {checked.shown(labels)}.")
    whats = [f"{name}: y"] if y_test is None else [f"{name}: y", f"{name}: y_test"]
    notes: list[str] = []
    raw = [as_array(part, what).values for part, what in zip((y, y_test), whats, strict=False)]
    if len({part.shape[1:] if part.shape[1:] != (1,) else () for part in raw}) > 1:
        raise DataError(
            f"{name}: expected y and y_test of one form, got shapes {raw[0].shape} and {raw[1].shape}. Give one label a "
            "row in both."
        )
    parts = [_column(part, labels, what, notes) for part, what in zip(raw, whats, strict=True)]
    families = {_family(part) for part in parts}
    if len(families) > 1:
        raise DataError(
            f"{name}: expected y and y_test of one kind, got {kind_of(parts[0])} and {kind_of(parts[1])}. Bring them to "
            "one kind."
        )
    everything = np.concatenate(parts) if len(parts) > 1 else parts[0]
    if not everything.size:
        made = [part.astype(np.int32) for part in parts]
        return Coded(made[0], made[1] if len(made) > 1 else None, classes or 0, (), ())
    if labels == "any":
        distinct, codes = _numbered(everything, whats[0])
        names: tuple[str, ...] = tuple(shown(value) for value in distinct.tolist())
        same = everything.dtype.kind in "iuf" and np.array_equal(distinct, np.arange(len(distinct)))
        notes += [] if same else [_told(names)]
    else:
        _check_as_is(everything, whats[0])
        codes = everything.astype(np.int32)
        distinct = np.unique(codes)
        names = tuple(str(k) for k in range(int(distinct[-1]) + 1)) if classes is None else ()
    if classes is None or labels == "any":
        _check_distinct(everything, distinct, labels, whats[0])
    split = np.split(codes, [len(parts[0])])
    count = len(distinct) if classes is None else classes
    return Coded(split[0], split[1] if len(parts) > 1 else None, count, names, tuple(dict.fromkeys(notes)))


def only_in_test(coding: Coded, y: NDArray[np.int32], y_test: NDArray[np.int32]) -> tuple[str, ...]:
    """A note that names the classes that occur in the test part and never in the training part; none without."""
    only = np.setdiff1d(y_test, y)
    if not coding.names or not len(only):
        return ()
    named = ", ".join(coding.names[int(k)] for k in only[:8]) + (", ..." if len(only) > 8 else "")
    return (
        f"class {named} occurs only in the test part"
        if len(only) == 1
        else f"classes {named} occur only in the test part",
    )


def whole(values: NDArray[Any]) -> bool:
    """Whether numbers are all finite and whole."""
    return values.dtype.kind in "iub" or bool((np.isfinite(values) & (values == np.floor(values))).all())


def shown(value: Any) -> str:
    """A label as a person reads it, without characters that a terminal would obey."""
    text = f"{value:.15g}" if isinstance(value, float) else str(value)
    return text if text.isprintable() else ascii(text)[1:-1]


def _column(y: NDArray[Any], labels: Labels, what: str, notes: list[str]) -> NDArray[Any]:
    """One label a row, without missing ones; one-hot rows as column numbers."""
    if y.ndim == 2 and y.shape[1] == 1:
        if labels == "as-is":
            raise DataError(
                f"{what}: expected one label a row, shape ({len(y)},), got {y.shape}. Give y.ravel(), or write labels=any."
            )
        y = y.ravel()
    elif y.ndim == 2 and y.size:
        return _rows(y, labels, what, notes)
    elif y.ndim != 1:
        raise DataError(f"{what}: expected one label a row, shape (n,), got shape {y.shape}.")
    if y.dtype.kind == "S":
        try:
            y = np.char.decode(y, "utf-8")
        except UnicodeDecodeError as error:
            raise DataError(f"{what}: expected text in UTF-8 as labels, got other bytes ({error}).") from error
    if y.dtype.kind not in "biufU":
        raise DataError(f"{what}: expected labels, got {kind_of(y)}. Make them text or whole numbers first.")
    if y.dtype.kind == "f" and y.dtype.itemsize < 8:
        y = y.astype(np.float64)
    gone = int((np.isnan(y) if y.dtype.kind == "f" else np.isin(y, _GONE)).sum()) if y.dtype.kind in "fU" else 0
    if gone:
        raise missing(gone, len(y), what)
    if y.dtype.kind == "f" and np.isinf(y).any():
        raise DataError(
            f"{what}: expected labels, got {int(np.isinf(y).sum())} infinite numbers. Drop these rows."
        )
    return y


def _rows(y: NDArray[Any], labels: Labels, what: str, notes: list[str]) -> NDArray[Any]:
    """Rows of several numbers: one-hot, several labels, or several targets."""
    if y.dtype.kind in "biuf" and bool(np.isin(y, (0, 1)).all()):
        ones = y.astype(np.int64).sum(axis=1)
        if bool((ones == 1).all()):
            if labels == "any":
                notes.append(f"one-hot rows became the number of their column, 0 to {y.shape[1] - 1}")
                return np.asarray(y.argmax(axis=1))
            raise DataError(
                f"{what}: expected one label a row, got one-hot rows of {y.shape[1]} columns. Write labels=any "
                '(mine.npz:labels=any, or from_arrays(..., labels="any")) to take the column of the 1, or give '
                "y.argmax(axis=1)."
            )
        more, none = int((ones > 1).sum()), int((ones == 0).sum())
        raise DataError(
            f"{what}: expected one label a row, got {y.shape[1]} columns with several labels in {more:,} rows and none in "
            f"{none:,}. Choose one column as the label."
        )
    if y.dtype.kind in "iuf":
        raise DataError(f"{what}: expected one label a row, got {y.shape[1]} numbers a row. {NUMBERS}")
    raise DataError(f"{what}: expected one label a row, shape (n,), got shape {y.shape}. Choose one column.")


def _family(y: NDArray[Any]) -> str:
    return {"U": "text", "b": "truth"}.get(y.dtype.kind, "number")


def _numbered(y: NDArray[Any], what: str) -> tuple[NDArray[Any], NDArray[np.int32]]:
    """The different values in order, and the place of each row's value among them."""
    distinct, place = np.unique(y, return_inverse=True)
    if y.dtype.kind == "U":
        bare: dict[str, str] = {}
        for value in distinct.tolist():
            other = bare.setdefault(unicodedata.normalize("NFC", value.strip()), value)
            if other != value:
                raise DataError(
                    f"{what}: expected labels that differ by more than spaces or the coding of an accent, got "
                    f"{other!a} and {value!a}. Write each label one way."
                )
        if all(v.removeprefix("-").isascii() and v.removeprefix("-").isdigit() for v in distinct.tolist()):
            order = np.array(sorted(range(len(distinct)), key=lambda i: (int(distinct[i]), distinct[i])))
            back = np.empty_like(order)
            back[order] = np.arange(len(order))
            distinct, place = distinct[order], back[place]
    return distinct, place.ravel().astype(np.int32)


def _told(names: tuple[str, ...]) -> str:
    if len(names) <= _SHOWN:
        return f"labels {', '.join(names)} became {', '.join(map(str, range(len(names))))}"
    return (
        f"{len(names):,} labels in order, {', '.join(names[:5])}, ..., {names[-1]}, became 0, 1, 2, 3, 4, ..., "
        f"{len(names) - 1}"
    )


def _check_as_is(y: NDArray[Any], what: str) -> None:
    """Refuse what are no whole numbers from 0 on."""
    if y.dtype.kind == "b":
        raise DataError(f"{what}: expected whole numbers 0 to K - 1 as labels, got True and False. {ANY}")
    if y.dtype.kind == "U":
        raise DataError(
            f"{what}: expected whole numbers 0 to K - 1 as labels, got text: {_listed(np.unique(y))}. {ANY}"
        )
    if not whole(y):
        odd = y[y != np.floor(y)]
        raise DataError(
            f"{what}: expected whole numbers 0 to K - 1 as labels, got numbers with fractions: {_listed(odd, 3)}. {NUMBERS} "
            f"If they name classes: {ANY[0].lower()}{ANY[1:]}"
        )
    if y.min() < 0 or y.max() >= _GREAT:
        _check_distinct(y, np.unique(y), "as-is", what)


def _check_distinct(y: NDArray[Any], distinct: NDArray[Any], labels: Labels, what: str) -> None:
    """Refuse one class, a class of its own for nearly every row, and numbers that are not 0 to K - 1."""
    count = len(distinct)
    if count < 2:
        raise DataError(
            f"{what}: expected labels of at least 2 classes, got {_listed(distinct)} in every row. There is nothing to "
            "tell apart; add rows of another class."
        )
    if count > MANY and 2 * count > len(y):
        raise DataError(
            f"{what}: expected labels that many rows share, got {count:,} different ones in {len(y):,} rows, such as "
            f"{_listed(distinct, 3)}: an id, or numbers to predict. Choose another column as the label. {NUMBERS}"
        )
    if labels == "any":
        return
    low, high = distinct[0], distinct[-1]
    if low == 0 and high == count - 1:
        return
    if count == 2:
        found = _listed(distinct)
    elif low == 1 and high == count:
        found = f"1 to {count}, numbered from 1"
    elif high - low == count - 1:
        found = f"{_listed(distinct)}, numbered from {low:g}"
    else:
        found = f"{_listed(distinct)}, with gaps"
    also = "" if count <= MANY else f" {NUMBERS}"
    raise DataError(f"{what}: expected labels 0 to K - 1, each of them present, got {found}. {ANY}{also}")


def _listed(values: NDArray[Any], most: int = 8) -> str:
    few = values[:most].tolist()
    listed = ", ".join(f"{value:.6g}" if isinstance(value, float) else shown(value) for value in few)
    return (listed or "none") + (", ..." if len(values) > most else "")
