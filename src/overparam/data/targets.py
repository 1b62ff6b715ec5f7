"""Rows whose targets are classes or numbers, from a name, a file or arrays: what a sweep of a person's networks needs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from overparam.core import data_name, disk
from overparam.core.errors import DataError, UsageError
from overparam.data import own
from overparam.data.arrays import as_array, check_pairing
from overparam.data.cache import write_atomically
from overparam.data.catalog import fingerprint, load, names
from overparam.data.convert import check_numbers, to_float32
from overparam.data.dataset import QUARTER, Dataset, digest, flatten, from_arrays, save, split, subset
from overparam.data.label_noise import LabelNoise
from overparam.data.pixels import Pixels, scale_of
from overparam.data.raw import Raw
from overparam.data.stream import stream
from overparam.data.target_noise import target_noise

_PARTS = ("x", "y", "x_test", "y_test")


@dataclass(frozen=True, eq=False)
class Rows:
    """Training and test rows.

    Attributes:
        x: training rows, float32, shape ``(n, inputs)``.
        y: classes, int32, shape ``(n,)``; or targets, float32, shape ``(n,)`` or ``(n, outputs)``.
        x_test: test rows, shape ``(n_test, inputs)``.
        y_test: as ``y``.
        outputs: number of classes or of targets.
        labels: whether the targets are classes.
    """

    x: NDArray[np.float32]
    y: NDArray[Any]
    x_test: NDArray[np.float32]
    y_test: NDArray[Any]
    outputs: int
    labels: bool

    def noisy(self, rate: float, seed: int, kind: Any = "inclusive") -> NDArray[Any]:
        """Training targets with label noise of a kind, or with target noise."""
        if self.labels:
            return LabelNoise(rate, kind, seed).apply(self.y, self.outputs)
        return target_noise(self.y, rate, seed=seed)[0]

    def constant_loss(self, y: NDArray[Any]) -> float:
        """Squared loss of the best constant prediction: half the variance of targets, summed over outputs.

        Args:
            y: targets like the training rows'; classes stand for one-hot vectors.

        >>> four = np.zeros((4, 1), np.float32)
        >>> Rows(four, four, four, four, 2, True).constant_loss(np.array([0, 1, 0, 1], np.int32))
        0.25
        """
        if self.labels:
            return float(0.5 * (1.0 - np.sum((np.bincount(y, minlength=self.outputs) / len(y)) ** 2)))
        return float(0.5 * np.var(y.astype(np.float64), axis=0).sum())


def numeric(data: Any) -> bool:
    """Whether data hold numbers as targets instead of classes: any that is not whole, several a row, or as asked for.

    Args:
        data: a name, a path (``targets=numbers`` behind it asks for numbers), a Dataset, or a tuple of two or four
            arrays.
    """
    if isinstance(data, tuple) and len(data) in (2, 4):
        return _are_numbers(as_array(data[1], "y").values)
    if not isinstance(data, str | Path) or not _is_file(str(data)):
        return False
    asked = _options(str(data))
    if "targets" in asked or asked.get("labels") == "any":
        return asked.get("targets") == "numbers"
    return _are_numbers(as_array(_raw(str(data), fingerprint(str(data))).y, "y").values)


def regression(
    x: Any, y: Any, x_test: Any = None, y_test: Any = None, *, name: str, pixels: Pixels = "auto"
) -> tuple[Rows, tuple[str, ...]]:
    """Rows with numbers as targets, and notes on what was done to them.

    Args:
        x: training inputs, shape ``(n, *features)``; each becomes a vector.
        y: training targets, shape ``(n,)`` or ``(n, outputs)``.
        x_test: test inputs; without them a fixed quarter of the rows becomes the test part.
        y_test: test targets.
        name: of the data, for messages.
        pixels: as for :func:`overparam.data.from_arrays`.

    Raises:
        DataError: parts that do not fit together, numbers that are missing or that float32 cannot hold, or targets
            that are all the same.

    >>> regression(np.eye(4), [0.1, 0.2, 0.3, 0.4], name="four")[0].outputs
    1
    """
    if (x_test is None) != (y_test is None):
        raise DataError(
            f"{name}: expected x_test and y_test together, got only one of them. Give both or none."
        )
    given = dict(zip(_PARTS, (x, y, x_test, y_test) if x_test is not None else (x, y), strict=False))
    found = {key: as_array(values, f"{name}: {key}") for key, values in given.items()}
    arrays = {key: check_numbers(one.values, f"{name}: {key}") for key, one in found.items()}
    xs, ys = ([arrays[key] for key in (part, f"{part}_test") if key in arrays] for part in "xy")
    ys = [one.ravel() if one.ndim == 2 and one.shape[1] == 1 else one for one in ys]
    for inputs, targets, part in zip(xs, ys, ("", "_test"), strict=False):
        fits = inputs.ndim > 1 and targets.ndim in (1, 2) and len(inputs) == len(targets) > 1
        if not (fits and inputs.size and targets.size):
            raise DataError(
                f"{name}: expected x{part} of shape (n, features...) and y{part} of shape (n,) or (n, outputs), n at "
                f"least 2, got {inputs.shape} and {targets.shape}."
            )
    if any(part[0].shape[1:] != part[-1].shape[1:] for part in (xs, ys)):
        raise DataError(f"{name}: expected test rows and targets of the training part's shapes, got others.")
    scale = scale_of(xs[0], xs[1] if len(xs) > 1 else None, pixels, name)
    inputs_made = to_float32(xs, ["x", "x_test"][: len(xs)], name, scale.divisor)
    targets_made = to_float32(ys, ["y", "y_test"][: len(ys)], name)
    flat, made = [part.reshape(len(part), -1) for part in inputs_made.arrays], list(targets_made.arrays)
    if float(np.var(made[0].astype(np.float64), axis=0).sum()) == 0:
        raise DataError(f"{name}: expected targets that differ, got one value only. There is nothing to learn.")
    notes = [
        *check_pairing(x, y, x_test, y_test, name),
        *(note for one in found.values() for note in one.notes),
        *scale.notes,
        *inputs_made.notes,
        *targets_made.notes,
    ]
    if len(flat) == 1:
        train, test = split(len(flat[0]))
        flat, made = [flat[0][train], flat[0][test]], [made[0][train], made[0][test]]
        notes.append(QUARTER)
    outputs = 1 if made[0].ndim == 1 else made[0].shape[1]
    return Rows(flat[0], made[0], flat[1], made[1], outputs, False), tuple(dict.fromkeys(notes))


def supervised(name: str) -> tuple[Rows, str]:
    """The rows of a data set by name or path, whose targets are classes, or numbers where they are no classes.

    Args:
        name: as for :func:`overparam.data.load`; behind a path ``targets=numbers`` takes whole numbers for numbers.

    Returns:
        The rows, and a sentence on what they are.

    Raises:
        UsageError: an unknown name or option.
        DataError: data that are missing, damaged or do not fit together.
    """
    if numeric(name):
        made, notes = _regression(name, fingerprint(name))
        kind = "targets are numbers" + (f", {made.outputs} a row" if made.outputs > 1 else "")
    else:
        data = load(name)
        flat = flatten(data)
        made = Rows(flat.x, flat.y, flat.x_test, flat.y_test, flat.classes, True)
        kind, notes = f"{flat.classes} classes", (data.notes.rstrip("."),)
    return made, "; ".join([kind, *(note for note in notes if note)])


def stored(data: Any, name: str, folder: Path) -> str:
    """The name or path under which every worker finds data; arrays are saved in a folder.

    Raises:
        DataError: arrays that do not fit together.
        UsageError: something else.
    """
    if isinstance(data, str | Path):
        return str(data)
    if isinstance(data, tuple) and len(data) in (2, 4) and not any(isinstance(a, str) for a in data):
        if numeric(data):
            made = regression(*data, name=name)[0]
            arrays = {key: getattr(made, key) for key in _PARTS}
            marks = (f"{key}{a.shape}{digest(a.tobytes().hex())}" for key, a in arrays.items())
            path = folder / f"{name}-{digest(*marks)}.npz"
            if not disk.exists(path):
                write_atomically(path, lambda handle: np.savez(handle, **arrays))
            # numbers above 2**24 are whole in float32
            return str(path) if numeric(path) else data_name.with_options(path, {"targets": "numbers"})
        data = from_arrays(*data, name=name)
    if isinstance(data, Dataset):
        path = folder / f"{name}-{data.fingerprint}.npz"
        return str(path if disk.exists(path) else save(data, path))
    raise UsageError(
        f"data: expected a name, a path, a Dataset, (x, y) or (x, y, x_test, y_test), got {type(data).__name__}. "
        "See overparam.data.describe() for the names."
    )


def rows(name: str, n: int, labels: bool) -> Rows:
    """The rows of a name or path.

    Args:
        name: as for :func:`overparam.data.load`, or an ``.npz`` with numbers as ``y``.
        n: training rows, drawn with seed 0; 0 for all.
        labels: whether the targets are to be classes.

    Raises:
        DataError: data that are not at hand, of the other kind, or smaller than asked for.
    """
    return _rows(name, n, labels, fingerprint(name))


@lru_cache(maxsize=4)
def _rows(name: str, n: int, labels: bool, content: str) -> Rows:
    """The same; ``content`` is in the key, so that a file that has changed is read again."""
    if numeric(name) == labels:
        has, asked = ("numbers", "classes") if labels else ("classes", "numbers that are not all whole")
        raise DataError(f"'{name}': expected {asked} as targets, got {has}. Build the study with these data.")
    if labels:
        whole = load(name)
        data = flatten(subset(whole, n) if n else whole)
        return Rows(data.x, data.y, data.x_test, data.y_test, data.classes, True)
    made = _regression(name, content)[0]
    if n > len(made.x):
        raise DataError(f"'{name}': expected at most {len(made.x):,} training rows, got {n:,}. Ask for fewer.")
    some = np.sort(stream("subset", 0).permutation(len(made.x))[:n]) if n else slice(None)
    return replace(made, x=made.x[some], y=made.y[some])


def _regression(name: str, content: str) -> tuple[Rows, tuple[str, ...]]:
    raw, asked = _raw(name, content), _options(name)
    made, notes = regression(
        raw.x, raw.y, raw.x_test, raw.y_test, name=f"'{name}'", pixels=cast(Pixels, asked.get("pixels", "auto"))
    )
    return made, (*raw.notes, *notes)


@lru_cache(maxsize=2)
def _raw(name: str, content: str) -> Raw:
    """The parts of a file; ``content`` is in the key, so that a file that has changed is read again."""
    return own.read(name)


def _is_file(name: str) -> bool:
    base, _ = data_name.cut(name)
    return base not in names() and own.is_path(base)


def _options(name: str) -> dict[str, str]:
    base, options = data_name.cut(name)
    return data_name.options_of(options, base)


def _are_numbers(y: NDArray[Any]) -> bool:
    """Whether targets are no classes: numbers with fractions, or several a row (whole ones that are one-hot are classes)."""
    if y.dtype.kind not in "fiu" or not y.size:
        return False
    if y.ndim == 2 and y.shape[1] > 1:
        return y.dtype.kind == "f" or not bool((np.isin(y, (0, 1)).all(axis=1) & (y.sum(axis=1) == 1)).all())
    return y.dtype.kind == "f" and bool(np.any(y[np.isfinite(y)] % 1 != 0))
