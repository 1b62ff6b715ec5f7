"""What training wrote down, read from rows, columns or a file: steps, and held-out loss or accuracy at each."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from overparam.core.checked import real, shown
from overparam.core.errors import DataError, UsageError

STEPS = ("step", "steps", "epoch", "epochs", "iteration", "global_step")
HELD = ("test", "val", "valid", "validation", "eval", "dev", "held_out")
KINDS = {"loss": ("loss",), "accuracy": ("accuracy", "acc"), "error": ("error", "err")}


@dataclass(frozen=True, eq=False)
class Log:
    """One held-out number at each step.

    Attributes:
        steps: ascending, shape ``(times,)``.
        unit: of the steps.
        name: of the column.
        values: lower is better, shape ``(times,)``: a loss, or an error from 0 to 1.
        kind: ``loss`` or ``error``.
        each: the same of every held-out example, shape ``(times, n)``; None where it is not given.
        dropped: rows without the number.
    """

    steps: np.ndarray
    unit: str
    name: str
    values: np.ndarray
    kind: str
    each: np.ndarray | None
    dropped: int


def read_log(log: Any) -> Log:
    """Read what training wrote down.

    Args:
        log: a list of mappings, one a step; a mapping of columns; a data frame; or a path to ``.csv``, ``.json`` or ``.jsonl``.
            Names: ``step`` or ``epoch``; one of ``test_loss``, ``val_loss``, ``test_accuracy``, ``val_acc``, ``test_error`` and
            the like; instead of a number a row may hold one for every held-out example.

    Raises:
        UsageError: another kind, no or several held-out columns.
        DataError: steps that do not ascend, numbers that are none, or fewer than two rows.

    >>> read_log({"epoch": [1, 2, 3], "val_acc": [0.5, 0.8, 0.7]}).values.round(2).tolist()
    [0.5, 0.2, 0.3]
    """
    columns = _columns(log)
    unit = _one(columns, STEPS, "a column of steps")
    name, kind = _held_out(columns)
    if len(columns[unit]) != len(columns[name]):
        raise DataError(
            f"log: expected columns of one length, got {len(columns[unit])} of '{unit}' and {len(columns[name])} of '{name}'."
        )
    rows = [
        (step, value) for step, value in zip(columns[unit], columns[name], strict=True) if not _missing(value)
    ]
    dropped = len(columns[name]) - len(rows)
    if len(rows) < 2:
        raise DataError(f"log: expected at least two rows with '{name}', got {len(rows)}.")
    steps = np.array([_number(step, unit) for step, _ in rows])
    if not (np.diff(steps) > 0).all():
        at = int(np.argmax(np.diff(steps) <= 0))
        raise DataError(
            f"log: expected '{unit}' to ascend, got {steps[at + 1]:g} after {steps[at]:g}. Several runs in a log do "
            "that: give one."
        )
    if np.ndim(rows[0][1]):
        each = _matrix([value for _, value in rows], name)
        values = each.mean(1)
    else:
        each, values = None, np.array([_number(value, name) for _, value in rows])
    if not np.isfinite(values).all():
        raise DataError(
            f"log: expected finite numbers in '{name}', got some that are infinite. Training diverged there: cut the log."
        )
    if kind == "loss":
        return Log(steps, unit, name, values, "loss", each, dropped)
    return Log(steps, unit, name, *_error(values, each, kind, name), dropped)


def _error(
    values: np.ndarray, each: np.ndarray | None, kind: str, name: str
) -> tuple[np.ndarray, str, np.ndarray | None]:
    whole = values if each is None else each
    top = 1.0 if float(whole.max()) <= 1 else 100.0
    if float(whole.min()) < 0 or float(whole.max()) > top:
        raise DataError(
            f"log: expected shares from 0 to 1, or percent, in '{name}', got {whole.min():g} to {whole.max():g}."
        )
    if top == 100.0 and float(values.max()) <= 2.0:
        raise DataError(
            f"log: expected shares from 0 to 1, or percent, in '{name}', got up to {values.max():g}, which may be either."
        )
    values, each = values / top, None if each is None else each / top
    if kind == "accuracy":
        values, each = 1 - values, None if each is None else 1 - each
    return values, "error", each


def _columns(log: Any) -> dict[str, list[Any]]:
    if isinstance(log, str | Path):
        log = _file(Path(log))
    if hasattr(log, "to_dict") and hasattr(log, "columns"):
        log = {str(name): list(log[name]) for name in log.columns}
    if isinstance(log, Mapping):
        odd = next(
            (str(name) for name, one in log.items() if isinstance(one, str) or not hasattr(one, "__len__")),
            None,
        )
        if odd is not None:
            raise UsageError(f"log: expected a column of values under '{odd}', got {shown(log[odd])}.")
        return {str(name): list(one) for name, one in log.items()}
    if isinstance(log, Iterable):
        rows = list(log)
        if rows and all(isinstance(one, Mapping) for one in rows):
            names = list(dict.fromkeys(str(name) for one in rows for name in one))
            return {name: [one.get(name) for one in rows] for name in names}
    raise UsageError(
        f"log: expected rows as mappings, a mapping of columns, or a path to .csv or .json, got {shown(log)}. A row is "
        "{'epoch': 1, 'val_loss': 0.7}."
    )


def _file(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"log: expected a file of text at '{path}', got {type(error).__name__}.") from error
    try:
        if path.suffix == ".jsonl":
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        if path.suffix == ".json":
            return json.loads(text)
    except ValueError as error:
        raise DataError(f"log: expected JSON in '{path.name}', got what does not parse: {error}") from error
    if path.suffix != ".csv":
        raise UsageError(f"log: expected a path that ends in .csv, .json or .jsonl, got '{path.name}'.")
    return list(csv.DictReader(text.splitlines()))


def _held_out(columns: Mapping[str, Any]) -> tuple[str, str]:
    found: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for name in columns:
        plain = name.lower().replace("/", "_").replace("-", "_").replace(" ", "_")
        for kind, words in KINDS.items():
            known = {f"{held}_{word}{end}" for held in HELD for word in words for end in ("", "es", "s")}
            if plain in known:
                found[kind].append(name)
    for kind, names in found.items():
        if len(names) > 1:
            raise UsageError(
                f"log: expected one column of held-out {kind}, got {', '.join(names)}. Leave out what does not count."
            )
    for kind in ("loss", "error", "accuracy"):
        if found[kind] and np.ndim(columns[found[kind][0]][0]):
            return found[kind][0], kind
    for kind in ("accuracy", "error", "loss"):
        if found[kind]:
            return found[kind][0], kind
    raise UsageError(
        f"log: expected a column such as val_loss, test_loss, val_accuracy or test_error, got {', '.join(columns) or 'none'}."
    )


def _one(columns: Mapping[str, Any], names: tuple[str, ...], what: str) -> str:
    found = [name for name in columns if name.lower() in names]
    if not found:
        raise UsageError(
            f"log: expected {what}, {' or '.join(names[:3:2])}, got {', '.join(columns) or 'none'}."
        )
    return found[0]


def _missing(value: Any) -> bool:
    if value is None or (isinstance(value, str) and not value.strip()):
        return True
    return isinstance(value, float) and value != value


def _number(value: Any, name: str) -> float:
    try:
        number = float(value) if isinstance(value, str) else real(value)
    except ValueError:
        number = float("nan")
    if number != number:
        raise DataError(f"log: expected numbers in '{name}', got {shown(value)}.")
    return number


def _matrix(rows: list[Any], name: str) -> np.ndarray:
    try:
        found = np.array([np.asarray(row, dtype=np.float64).ravel() for row in rows])
    except (ValueError, TypeError):
        found = np.zeros(0)
    if found.ndim != 2 or found.shape[1] < 2:
        raise DataError(
            f"log: expected as many numbers in every row of '{name}', one a held-out example, got rows of several lengths."
        )
    if not np.isfinite(found).all():
        raise DataError(f"log: expected finite numbers in '{name}', got some that are missing or infinite.")
    return found
