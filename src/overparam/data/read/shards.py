"""The files of one part of a data set: every one there, none twice, all of one writing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from overparam.core.errors import DataError
from overparam.data.read.roles import PARTS, listed

_WORDS = {word: part for part, words in PARTS.items() for word in words if len(word) > 2}
_NAME = re.compile(
    rf"(?P<word>{'|'.join(sorted(_WORDS, key=len, reverse=True))})"
    r"(?:-(?P<number>\d{1,9})-of-(?P<total>\d{1,9})(?:-[0-9a-f]{8,})?)?",
    re.IGNORECASE,
)
_STARTS = re.compile(rf"({'|'.join(sorted(_WORDS, key=len, reverse=True))})(?![a-z])", re.IGNORECASE)
_NUMBERED = re.compile(r"\d{4,9}")


@dataclass(frozen=True)
class Shard:
    """A file as its name tells it.

    Attributes:
        path: of the file.
        part: ``train``, ``test`` or ``validation``.
        number: its number, or None where it is the whole part.
        total: how many files the part has by its name, or None.
    """

    path: Path
    part: str
    number: int | None
    total: int | None


def shard(path: Path) -> Shard | None:
    """Return what the name of a file says, or None where it names no part.

    >>> found = shard(Path("train-00001-of-00002.parquet"))
    >>> found.part, found.number, found.total
    ('train', 1, 2)
    >>> shard(Path("mine.parquet")) is None
    True
    """
    found = _NAME.fullmatch(base(path))
    if found is None:
        return None
    numbers = (None, None) if found["number"] is None else (int(found["number"]), int(found["total"]))
    return Shard(path, _WORDS[found["word"].lower()], *numbers)


def like_a_part(path: Path) -> bool:
    """Whether a name starts as that of a part, such as ``train (1).parquet``."""
    return _STARTS.match(base(path)) is not None


def numbered(path: Path) -> int | None:
    """Return the number of a file in the Hub's converted layout, such as ``0000.parquet``; None of another.

    >>> numbered(Path("train/0003.parquet")), numbered(Path("train/part-3.parquet"))
    (3, None)
    """
    return int(base(path)) if _NUMBERED.fullmatch(base(path)) else None


def base(path: Path) -> str:
    """Return the name of a file without its suffixes.

    >>> base(Path("a/train.csv.gz"))
    'train'
    """
    name = path.name
    for suffix in reversed(path.suffixes[-2:]):
        if suffix.lower() in (".gz", ".parquet", ".csv", ".tsv", ".npy", ".npz"):
            name = name[: -len(suffix)]
    return name


def whole(shards: Sequence[Shard], folder: Path, part: str) -> tuple[Path, ...]:
    """Return the files of a part in order, once they are known to be all of it and nothing twice.

    Raises:
        DataError: a file for the whole part beside shards, two totals, a number that is missing, out of range or there
            twice, or files of two kinds.
    """
    names = listed(sorted(shard.path.name for shard in shards))
    alone = [shard for shard in shards if shard.number is None]
    totals = sorted({shard.total for shard in shards if shard.total is not None})
    if alone and len(shards) > 1:
        raise _wrong(
            folder, part, "one file or its shards, not both", names, "Keep one of them: rows would count twice."
        )
    if alone:
        return (alone[0].path,)
    if len(totals) > 1:
        got = f"names that speak of {' and of '.join(map(str, totals))} files ({names})"
        raise _wrong(folder, part, "shards of one writing", got, "Keep one of them: rows would count twice.")
    total, numbers = int(totals[0] or 0), sorted(shard.number or 0 for shard in shards)
    return in_order([(shard.number or 0, shard.path) for shard in shards], total, numbers, folder, part)


def in_order(
    files: Sequence[tuple[int, Path]], total: int, numbers: Sequence[int], folder: Path, part: str
) -> tuple[Path, ...]:
    """Return numbered files in order.

    Raises:
        DataError: a number is missing, out of range or there twice.
    """
    twice = sorted({number for number in numbers if numbers.count(number) > 1}) if len(numbers) < 10_000 else []
    if twice:
        got = f"number {', '.join(f'{n:05d}' for n in twice[:8])} more than once"
        raise _wrong(folder, part, "each number once", got, "Keep one of them: rows would count twice.")
    beyond = [number for number in numbers if number >= total]
    if beyond:
        got = f"number {', '.join(f'{n:05d}' for n in beyond[:8])}"
        raise _wrong(
            folder,
            part,
            f"numbers below {total}",
            got,
            "A file is renamed or of another writing: copy it anew.",
        )
    if len(numbers) < total:
        have = set(numbers)
        missing = [number for number in range(min(total, len(numbers) + 9)) if number not in have][:8]
        got = f"{len(numbers)} (missing number {', '.join(f'{n:05d}' for n in missing)})"
        raise DataError(
            f"'{folder}': expected {total} files of the {part} part, got {got}. Copy the whole data set."
        )
    kinds = {path.suffixes[-1].lower() for _, path in files}
    if len(kinds) > 1:
        raise _wrong(folder, part, "files of one kind", " and ".join(sorted(kinds)), "Keep one kind.")
    return tuple(path for _, path in sorted(files))


def _wrong(folder: Path, part: str, expected: str, got: str, todo: str) -> DataError:
    return DataError(f"'{folder}': expected {expected} for the {part} part, got {got}. {todo}")
