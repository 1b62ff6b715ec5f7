"""Errors a person can act on: what was expected, what came, what to do next. Standard library only."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from overparam.core.harmless import harmless


class OverparamError(Exception):
    """Base of every error raised on purpose; the text is meant for a person, so nothing in it steers a terminal."""

    def __str__(self) -> str:
        return harmless(super().__str__())


class UsageError(OverparamError):
    """A wrong name, flag or value (exit code 2)."""


class StackError(UsageError):
    """Work that reads one value of an axis on which the cells of its stack do not agree: a mistake in the study."""


class DataError(OverparamError):
    """A data set that is missing, damaged or of the wrong shape."""


class StoreError(OverparamError):
    """A results folder that cannot be read or written."""


class DiskError(StoreError, OSError):
    """Something that the disk refused: it is full, failing, read-only, or not ours; the files on it may be sound."""

    def __str__(self) -> str:
        """The sentence."""
        return harmless(str(self.args[0]))


class NewerError(StoreError):
    """A file that a newer version of the package wrote; it is never overwritten."""


class WorkerError(OverparamError):
    """Workers that cannot start, or a cluster that went away; finished cells are kept."""


class DamageWarning(UserWarning):
    """Something in a results folder cannot be read, and what is given lacks it; the text names it and says why."""


class NullSpaceWarning(UserWarning):
    """A kernel is singular and a part of the targets lies where it is zero: that part is never learnt."""


class MissingEvidence(OverparamError):
    """A rule asked for cells that the run does not hold."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the closest known name, or an empty string.

    >>> nearest("randm-features", ["random-features", "double-descent"])
    " Did you mean 'random-features'?"
    >>> nearest("zzz", ["random-features"])
    ''
    """
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" Did you mean '{close[0]}'?" if close else ""


def unknown(kind: str, name: str, known: Iterable[str], todo: str = "") -> UsageError:
    """Build the error for a name that is not in a list: what is known, and the nearest one."""
    names = sorted(known)
    listed = ", ".join(names) if names else "none"
    hint = nearest(name, names) if isinstance(name, str) else ""
    tail = f" {todo}" if todo else ""
    said = f"'{name}'" if isinstance(name, str) else f"of type {type(name).__name__}, which is no name"
    return UsageError(f"unknown {kind} {said}.{hint} Known: {listed}.{tail}")
