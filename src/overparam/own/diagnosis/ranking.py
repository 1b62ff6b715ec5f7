"""Examples in order of suspicion: which label is given, which one the others suggest, and how much they disagree."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from overparam.core.atomic import write_text

COLUMNS = ("rank", "index", "label", "suggested", "score")


@dataclass(frozen=True, eq=False)
class Ranking:
    """Training examples, the most suspect first.

    Attributes:
        index: positions in the training data, shape ``(n,)``.
        label: their labels.
        suggested: what the others suggest.
        score: how much the others disagree; larger is more suspect.
        method: how the score is made, in words.
        more: further scores by name, in the same order.
    """

    index: np.ndarray
    label: np.ndarray
    suggested: np.ndarray
    score: np.ndarray
    method: str
    more: dict[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many examples it holds."""
        return len(self.index)

    def rows(self, count: int | None = None) -> list[dict[str, Any]]:
        """The first of them, one mapping an example.

        Args:
            count: how many; None gives all.
        """
        names = [*COLUMNS[1:], *self.more]
        values = [self.index, self.label, self.suggested, self.score, *self.more.values()]
        lines = zip(*(one[:count].tolist() for one in values), strict=True)
        return [{"rank": at + 1, **dict(zip(names, line, strict=True))} for at, line in enumerate(lines)]

    def csv(self) -> str:
        """All of them as CSV with a head."""
        out = io.StringIO()
        writer = csv.DictWriter(out, [*COLUMNS, *self.more], lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows())
        return out.getvalue()

    def save(self, path: str | Path) -> Path:
        """Write them as CSV.

        Args:
            path: of the file.

        Raises:
            StoreError: it cannot be written.
        """
        return write_text(Path(path), self.csv())
