"""All answers about one network, as a text, a page and plain values."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from overparam.core.atomic import write_text
from overparam.core.errors import UsageError, unknown
from overparam.core.shown import Shown
from overparam.own.diagnosis.answer import STATUSES, Answer, jsonable
from overparam.own.diagnosis.ranking import Ranking
from overparam.own.diagnosis.words import text_of, texts

SCHEMA = "overparam.checkup"
VERSION = 1
LISTED = 20  # suspect labels that text, page and JSON list


@dataclass(frozen=True)
class Planned:
    """What was said before anything ran.

    Attributes:
        code: of the check.
        name: of the check.
        seconds: that it would take; None where it cannot run.
        words: what is done, or why it cannot run.
    """

    code: str
    name: str
    seconds: float | None
    words: str


@dataclass(frozen=True)
class Checkup(Shown):
    """What :func:`~overparam.own.diagnosis.diagnose` found.

    Attributes:
        answers: one a check, in the order of their codes.
        plan: what each check was to cost, as it was said before they ran.
        subject: the model and its data: ``back_end``, ``parameters``, ``layers``, ``examples``, ``held_out``, ``outputs``,
            ``task``, ``dtype``.
        notes: what was found and done at opening, the convention of the loss among it.
        budget: seconds that were given.
        seconds: that were taken, opening included.
        seed: of every draw.
        stopped: whether a person stopped it before the end.
    """

    drawn_by = "checkup"

    answers: tuple[Answer, ...]
    plan: tuple[Planned, ...]
    subject: dict[str, Any]
    notes: tuple[str, ...]
    budget: float
    seconds: float
    seed: int
    stopped: bool = False

    def __getitem__(self, code: str) -> Answer:
        """The answer of a check by its code."""
        for one in self.answers:
            if isinstance(code, str) and one.code == code.upper():
                return one
        raise unknown("answer", code, [one.code for one in self.answers])

    @property
    def counts(self) -> dict[str, int]:
        """How many answers have each status."""
        found = Counter(one.status for one in self.answers)
        return {status: found[status] for status in STATUSES if found[status]}

    @property
    def labels(self) -> Ranking | None:
        """Training examples in order of how suspect their labels are; None where that was not measured."""
        return next((one.ranking for one in self.answers if one.ranking is not None), None)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types: schema ``overparam.checkup``, version 1."""
        ranked = self.labels
        return {
            "schema": SCHEMA,
            "version": VERSION,
            "subject": jsonable(self.subject),
            "notes": list(self.notes),
            "budget": self.budget,
            "seconds": self.seconds,
            "seed": self.seed,
            "stopped": self.stopped,
            "counts": self.counts,
            "plan": [jsonable(vars(one)) for one in self.plan],
            "answers": [one.to_dict() for one in self.answers],
            "labels": None if ranked is None else jsonable(ranked.rows(LISTED)),
        }

    def shown(self) -> dict[str, Any]:
        """Return what is drawn: all of it, with numbers and times as texts."""
        return texts(self, self.to_dict())

    def __str__(self) -> str:
        """Every answer in lines of at most 80 characters."""
        return text_of(self)

    def save(self, path: str | Path) -> Path:
        """Write a file: a page (``.html``), plain values (``.json``), the text (``.txt``) or the ranked labels (``.csv``).

        Args:
            path: of the file; its ending says which.

        Raises:
            UsageError: another ending, or ranked labels where there are none.
            StoreError: it cannot be written.
        """
        to = Path(path)
        if to.suffix == ".html":
            return Path(self.page.write(self.shown(), to))
        if to.suffix == ".json":
            return write_text(
                to, json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
            )
        if to.suffix == ".txt":
            return write_text(to, f"{self}\n")
        if to.suffix != ".csv":
            raise UsageError(f"save: expected a path that ends in .html, .json, .txt or .csv, got '{to}'.")
        ranked = self.labels
        if ranked is None:
            raise UsageError(
                "save: expected a checkup with ranked labels for .csv, got one without. Run OP003."
            )
        return ranked.save(to)
