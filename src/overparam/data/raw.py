"""What was read from a person's file, before its values are converted: arrays of the type stored, and notes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Raw:
    """The parts of a file, as they are stored.

    Attributes:
        x: training inputs, shape ``(n, *features)``, of the type stored.
        y: training labels, shape ``(n,)``: numbers, strings, booleans or objects; or targets, shape
            ``(n, outputs)``.
        x_test: test inputs, shape ``(n_test, *features)``, or None.
        y_test: test labels, or None; given exactly where ``x_test`` is.
        classes: number of classes that the file states, or None.
        title: heading that the file states, or its name.
        notes: what was done while reading, one sentence each.
        saved: whether :func:`overparam.data.save` wrote the file, with notes that are whole.
    """

    x: NDArray[Any]
    y: NDArray[Any]
    x_test: NDArray[Any] | None = None
    y_test: NDArray[Any] | None = None
    classes: int | None = None
    title: str = ""
    notes: tuple[str, ...] = ()
    saved: bool = False
