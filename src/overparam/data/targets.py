"""Rows whose targets are classes or numbers, from a name, a file or arrays: what a sweep of a person's networks needs."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overparam.core import disk
from overparam.core.errors import DataError, UsageError
from overparam.data.cache import write_atomically
from overparam.data.catalog import fingerprint, load
from overparam.data.dataset import Dataset, digest, flatten, from_arrays, save, subset
from overparam.data.label_noise import LabelNoise
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
    """Whether data hold numbers as targets instead of classes: any that is not whole.

    Args:
        data: a name, a path, a Dataset, or a tuple of two or four arrays.
    """
    if isinstance(data, tuple) and len(data) in (2, 4):
        y = np.asarray(data[1])
    elif isinstance(data, str) and data.endswith(".npz") and Path(data).is_file():
        y = np.asarray(_read(data).get("y", 0))
    else:
        return False
    return y.dtype.kind == "f" and bool(y.ndim > 1 or np.any(y[np.isfinite(y)] % 1 != 0))


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
            arrays: dict[str, Any] = _checked(dict(zip(_PARTS, data, strict=False)), name)
            marks = (f"{key}{a.shape}{digest(a.tobytes().hex())}" for key, a in arrays.items())
            path = folder / f"{name}-{digest(*marks)}.npz"
            if not disk.exists(path):
                write_atomically(path, lambda handle: np.savez(handle, **arrays))
            return str(path)
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
    x, y, x_test, y_test = _checked(_read(name), name).values()
    if n > len(x):
        raise DataError(f"'{name}': expected at most {len(x):,} training rows, got {n:,}. Ask for fewer.")
    some = np.sort(stream("subset", 0).permutation(len(x))[:n]) if n else slice(None)
    return Rows(x[some], y[some], x_test, y_test, 1 if y.ndim == 1 else y.shape[1], False)


def _read(path: str) -> dict[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as found:
            return {name: found[name] for name in _PARTS if name in found.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            f"'{path}': expected an .npz file of plain arrays, got something that cannot be read ({error}). "
            "Save it again with numpy.savez(path, x=..., y=...)."
        ) from error


def _checked(parts: dict[str, Any], name: str) -> dict[str, NDArray[np.float32]]:
    """Rows as vectors and targets as float32; without a test part a fixed quarter of the rows becomes one."""
    if not {"x", "y"} <= set(parts) or ("x_test" in parts) != ("y_test" in parts):
        raise DataError(f"{name}: expected x and y, and x_test and y_test or neither, got {', '.join(parts)}.")
    arrays = {key: np.asarray(parts[key], dtype=np.float32) for key in _PARTS if key in parts}
    for key, array in arrays.items():
        bad = array.size - int(np.isfinite(array).sum())
        if bad:
            raise DataError(f"{name}: expected finite numbers in {key}, got {bad} others. Drop these rows.")
    for x, y in (("x", "y"), ("x_test", "y_test")):
        if x in arrays and (arrays[x].ndim < 2 or len(arrays[x]) != len(arrays[y]) or len(arrays[x]) < 2):
            raise DataError(
                f"{name}: expected {x} of shape (n, features...) and {y} with n entries, n at least 2, got "
                f"{arrays[x].shape} and {arrays[y].shape}."
            )
    if "x_test" not in arrays:
        order = stream("split", 0).permutation(len(arrays["x"]))
        cut = len(order) - max(1, len(order) // 4)
        parts = {"": order[:cut], "_test": order[cut:]}
        arrays = {f"{key}{part}": arrays[key][some] for part, some in parts.items() for key in "xy"}
    if any(arrays[key].shape[1:] != arrays[f"{key}_test"].shape[1:] for key in "xy"):
        raise DataError(f"{name}: expected test rows and targets of the training part's shapes, got others.")
    if float(np.var(arrays["y"], axis=0).sum()) == 0:
        raise DataError(f"{name}: expected targets that differ, got one value only. There is nothing to learn.")
    return {key: a.reshape(len(a), -1) if key.startswith("x") else a for key, a in arrays.items()}
