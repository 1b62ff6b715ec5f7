"""Which array or column holds what: the names that are known for inputs, labels and parts, and the choice among them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from overparam.core import data_name
from overparam.core.errors import DataError

INPUTS = (
    "x", "image", "images", "img", "imgs", "pixel_values", "pixels", "input", "inputs", "feature", "features", "data",
)  # fmt: skip
LABELS = ("y", "label", "labels", "target", "targets", "class", "fine_label", "fine_labels")
PARTS = {
    "train": ("train", "training", "tr"),
    "test": ("test", "testing", "te"),
    "validation": ("validation", "valid", "val", "dev"),
}
_PART = {word: part for part, words in PARTS.items() for word in words}
_FRONT = re.compile(rf"({'|'.join(sorted(_PART, key=len, reverse=True))})([_.-]?)(.+)")
_BACK = re.compile(rf"(.+?)([_.-]?)({'|'.join(sorted(_PART, key=len, reverse=True))})")


def stem_and_part(name: str) -> tuple[str, str]:
    """Return a name without the part of the data in it, in small letters, and that part.

    Without a separator only a known name counts, so that ``latest`` is not the test part of ``la``.

    >>> stem_and_part("X_train"), stem_and_part("test_images"), stem_and_part("ytest"), stem_and_part("latest")
    (('x', 'train'), ('images', 'test'), ('y', 'test'), ('latest', ''))
    """
    low = name.strip().lower()
    for pattern, word, rest in ((_FRONT, 1, 3), (_BACK, 3, 1)):
        found = pattern.fullmatch(low)
        if found and (found[2] or found[rest] in (*INPUTS, *LABELS)):
            return found[rest], _PART[found[word]]
    return low, ""


def choose(
    names: Iterable[str], known: Sequence[str], option: str, asked: str | None, path: Path
) -> dict[str, str]:
    """Return the name of the array of each part (``train``, ``test``) for one role.

    Args:
        names: of all arrays.
        known: names of the role, without a part.
        option: ``label`` or ``image``, which chooses.
        asked: what the option says, or None.
        path: of the file, for messages.

    Raises:
        DataError: several names fit and the option does not choose, or what it names is not there.
    """
    all_names = list(names)
    if asked is not None and asked not in all_names:
        raise not_there(asked, option, all_names, path)
    stem, part = stem_and_part(asked) if asked is not None else ("", "")
    if asked is not None and part in ("test", "validation"):
        raise DataError(f"'{path}': expected {option}= to name an array of the training part, got {asked}.")
    found: dict[str, list[str]] = {}
    for name in all_names:
        one, place = stem_and_part(name)
        if (one == stem and (place == "test" or name == asked)) if asked is not None else one in known:
            found.setdefault(place or "train", []).append(name)
    for place, several in found.items():
        if len(several) > 1:
            raise ambiguous(several, option, path, f" of the {place} part" if place != "train" else "")
    return {place: several[0] for place, several in found.items()}


def ambiguous(several: Sequence[str], option: str, path: Path, more: str = "") -> DataError:
    """Return the error for several names that could each hold a role."""
    what = "labels" if option == "label" else "inputs"
    return DataError(
        f"'{path}': expected one name for the {what}{more}, got {listed(several)}. Say which: {path.name}:{option}="
        f"{data_name.quoted(several[0])}."
    )


def not_there(asked: str, option: str, names: Sequence[str], path: Path) -> DataError:
    """Return the error for an option that names what is not in the file."""
    return DataError(
        f"'{path}': expected {option}= to name what is in it, got '{asked}'. It holds {listed(names)}."
    )


def left(names: Iterable[str], used: Iterable[str]) -> tuple[str, ...]:
    """Return the sentence on what was not used, if there is anything."""
    taken = set(used)
    rest = [name for name in names if name not in taken]
    return (f"left out: {listed(rest)}",) if rest else ()


def listed(names: Iterable[str], most: int = 12) -> str:
    """Return names with commas, the first of many, with what a terminal would obey made visible.

    >>> listed(["a", "b"]), listed([])
    ('a, b', 'nothing')
    """
    some = list(names)
    words = ", ".join(visible(name) for name in some[:most]) or "nothing"
    return words + (f" and {len(some) - most} more" if len(some) > most else "")


def visible(text: object, most: int = 60) -> str:
    r"""Return text from a file that is safe and short in a message.

    >>> visible("a" + chr(27) + "[31mb")
    'a\\x1b[31mb'
    """
    plain = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))
    return plain if len(plain) <= most else f"{plain[: most - 3]}..."
