"""The data of a user's family: classes, as every study has them, or numbers as targets, from an ``.npz`` file."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overparam.core.errors import DataError, UsageError
from overparam.data import Dataset, fingerprint, flatten, from_arrays, load, save, subset
from overparam.data.cache import write_atomically
from overparam.data.dataset import digest
from overparam.data.stream import stream

_PARTS = ("x", "y", "x_test", "y_test")


@dataclass(frozen=True, eq=False)
class Given:
    """Training and test rows with classes or with numbers as targets.

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


def numeric(data: Any) -> bool:
    """Whether data hold numbers as targets instead of classes: any that is not whole.

    Args:
        data: a name, a path, a Dataset, or a tuple of two or four arrays.
    """
    if isinstance(data, tuple) and len(data) in (2, 4):
        return _not_whole(data[1])
    path = Path(data) if isinstance(data, str) else None
    if path is None or path.suffix != ".npz" or not path.is_file():
        return False
    return _not_whole(_read(str(path)).get("y", np.zeros(1)))


def _not_whole(y: Any) -> bool:
    values = np.asarray(y)
    if values.dtype.kind != "f":
        return False
    return bool(values.ndim > 1 or np.any(values[np.isfinite(values)] % 1 != 0))


def name_of(data: Any, name: str, out: Path) -> str:
    """Return the name or path under which data are found by every worker; arrays are stored below ``out``.

    Args:
        data: a name, a path, a Dataset, or a tuple of two or four arrays.
        name: what arrays are called.
        out: results folder.

    Raises:
        DataError: arrays that do not fit together.
        UsageError: something else.
    """
    if isinstance(data, str | Path):
        return str(data)
    if isinstance(data, tuple) and len(data) in (2, 4) and not any(isinstance(a, str) for a in data):
        if numeric(data):
            return _save_targets(_checked(dict(zip(_PARTS, data, strict=False)), name), name, out)
        data = from_arrays(*data, name=name)
    if isinstance(data, Dataset):
        path = out / "data" / f"{name}-{data.fingerprint}.npz"
        return str(path if path.exists() else save(data, path))
    raise UsageError(
        f"data: expected a name, a path, a Dataset, (x, y) or (x, y, x_test, y_test), got {type(data).__name__}. "
        "See overparam.data.describe() for the names."
    )


def read(name: str, n: int, labels: bool) -> Given:
    """Return the data of a cell.

    Args:
        name: a name or a path.
        n: training rows, drawn with seed 0; 0 for all.
        labels: whether the targets are to be classes.

    Raises:
        DataError: data that are not at hand, of the other kind, or smaller than asked for.
    """
    return _given(name, n, labels, fingerprint(name))


@lru_cache(maxsize=4)
def _given(name: str, n: int, labels: bool, content: str) -> Given:
    """The same; ``content`` is in the key, so that a file that has changed is read again."""
    if numeric(name) == labels:
        has, asked = ("numbers", "classes") if labels else ("classes", "numbers that are not all whole")
        raise DataError(f"'{name}': expected {asked} as targets, got {has}. Build the study with these data.")
    if labels:
        whole = load(name)
        data = flatten(subset(whole, n) if n else whole)
        return Given(data.x, data.y, data.x_test, data.y_test, data.classes, True)
    parts = _checked(_read(name), name)
    x, y = parts["x"], parts["y"]
    if n > len(x):
        raise DataError(f"'{name}': expected at most {len(x):,} training rows, got {n:,}. Ask for fewer.")
    if n:
        rows = np.sort(stream("subset", 0).permutation(len(x))[:n])
        x, y = x[rows], y[rows]
    return Given(x, y, parts["x_test"], parts["y_test"], 1 if y.ndim == 1 else y.shape[1], False)


def _read(path: str) -> dict[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in _PARTS if name in stored.files}
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
    for rows, goal in (("x", "y"), ("x_test", "y_test")):
        if rows in arrays and (
            arrays[rows].ndim < 2 or len(arrays[rows]) != len(arrays[goal]) or len(arrays[rows]) < 2
        ):
            raise DataError(
                f"{name}: expected {rows} of shape (n, features...) and {goal} with n entries, n at least 2, got "
                f"{arrays[rows].shape} and {arrays[goal].shape}."
            )
    for key, array in arrays.items():
        bad = array.size - int(np.isfinite(array).sum())
        if bad:
            raise DataError(
                f"{name}: expected finite numbers in {key}, got {bad} that are not. Drop these rows."
            )
    if "x_test" not in arrays:
        order = stream("split", 0).permutation(len(arrays["x"]))
        cut = len(order) - max(1, len(order) // 4)
        x, y = arrays["x"], arrays["y"]
        arrays = dict(
            zip(_PARTS, (x[order[:cut]], y[order[:cut]], x[order[cut:]], y[order[cut:]]), strict=True)
        )
    if (
        arrays["x"].shape[1:] != arrays["x_test"].shape[1:]
        or arrays["y"].shape[1:] != arrays["y_test"].shape[1:]
    ):
        raise DataError(f"{name}: expected test rows and targets of the training part's shapes, got others.")
    if float(np.var(arrays["y"], axis=0).sum()) == 0:
        raise DataError(f"{name}: expected targets that differ, got one value only. There is nothing to learn.")
    return {key: a.reshape(len(a), -1) if key.startswith("x") else a for key, a in arrays.items()}


def _save_targets(parts: dict[str, NDArray[np.float32]], name: str, out: Path) -> str:
    marks = [f"{key}{a.shape}{digest(a.tobytes().hex())}" for key, a in parts.items()]
    path = out / "data" / f"{name}-{digest(*marks)}.npz"
    if not path.exists():
        arrays: dict[str, Any] = dict(parts)
        write_atomically(path, lambda handle: np.savez(handle, **arrays))
    return str(path)
