"""What fits: sizes that a file claims are compared with the memory budget before anything is allocated."""

from __future__ import annotations

from pathlib import Path

from overparam.core import memory
from overparam.core.errors import DataError

MOST_COLUMNS = 100_000
_COPIES = 12  # bytes a value: as float32, scaled, and split into two parts


def afford(values: int, each: int, path: Path, what: str) -> None:
    """Raise DataError where values of a file do not fit into memory, with the copies that a data set takes.

    Args:
        values: how many numbers.
        each: bytes of one as it is stored.
        path: of the file, for the message.
        what: the array or column, for the message.
    """
    needed, budget = values * (each + _COPIES), memory.memory_budget()
    if needed > budget:
        raise DataError(
            f"'{path}': expected data that fit into memory, got {what}, which needs {size(needed)} with its copies; the "
            f"budget is {size(budget)}, {memory.SHARE:.0%} of this machine's {size(memory.total_memory())}. Take fewer rows "
            "or smaller inputs, or another machine; a file from elsewhere may claim more than it holds."
        )


def most_unpacked() -> int:
    """Return how many bytes a packed file may unpack to: a quarter of the budget, for they lie beside the data."""
    return int(memory.memory_budget() // 4)


def size(count: float) -> str:
    """Return a number of bytes in words.

    >>> size(7.9e9), size(1500), size(2**53)
    ('7.9 GB', '1.5 kB', '9.01 PB')
    """
    for unit in ("bytes", "kB", "MB", "GB", "TB", "PB", "EB"):
        if count < 1000 or unit == "EB":
            return f"{count:.3g} {unit}"
        count /= 1000
    raise AssertionError
