"""Commands that a person is advised to give: as a shell takes them, with the study named as it was given.

A study in a file of one's own is named by the path of its file, since nothing else finds it.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from overparam.core.errors import UsageError
from overparam.core.parts import Study
from overparam.core.registry import find, get, ships

USUAL = "runs"  # the results folder that need not be named


def command(verb: str, *words: str, out: str | Path | None = None, **options: str) -> str:
    """A command of ``overparam`` in one line.

    Args:
        verb: such as ``run``.
        words: what stands behind it.
        out: results folder; left out where it is the usual one.
        options: further options; an empty value is left out.

    >>> command("run", "my study.py", out="runs", profile="quick")
    "overparam run 'my study.py' --profile quick"
    """
    given = {name.replace("_", "-"): value for name, value in options.items() if value}
    if out is not None and str(out) != USUAL:
        given["out"] = str(out)
    return shlex.join(["overparam", verb, *map(_behind, words), *_given(given)])


def _behind(word: str) -> str:
    """A word that is not taken for an option."""
    return os.path.join(os.curdir, word) if word.startswith("-") else word


def _given(options: Mapping[str, str]) -> list[str]:
    words = []
    for name, value in options.items():
        words += [f"--{name}={value}"] if value.startswith("-") else [f"--{name}", value]
    return words


def reference_of(study: Study) -> str:
    """How a command names a study: by its name, or by the path of the file that it was taken from."""
    if ships(study) or not study.file.endswith(".py") or not os.path.isfile(study.file) or _plugged(study.name):
        return study.name
    return shown_path(study.file)


def shown_path(path: str) -> str:
    """A path from the current folder where it lies below, else whole."""
    try:
        near = os.path.relpath(path)
    except (OSError, ValueError):  # the current folder is gone, or another drive
        return path
    return os.path.abspath(path) if near.split(os.sep)[0] == os.pardir else near


def _plugged(name: str) -> bool:
    try:
        return get(name) is not None
    except UsageError:
        return False


def again(record: Mapping[str, Any], out: str | Path, study: Study | None = None) -> str:
    """The command that makes a stored run again, or completes it; in words where its file is not known.

    Args:
        record: the run.
        out: the results folder.
        study: the study, where it is at hand.
    """
    if record.get("again"):
        return f"`{record['again']}`"
    reference = reference_of(study) if study is not None else _found(record)
    options = {"profile": record["profile"], **record["overrides"]}
    if reference is None:
        return in_words(str(record["reference"]), out, **options)
    return f"`{command('run', reference, out=out, **options)}`"


def in_words(reference: str, out: str | Path, **options: str) -> str:
    """The command that runs a study whose file lies elsewhere.

    >>> in_words("mine.py", "runs")
    '`overparam run path/to/mine.py`, with the folder of that file for path/to'
    """
    file = reference if reference.endswith(".py") else "the_file_of_this_study.py"
    return (
        f"`{command('run', f'path/to/{file}', out=out, **options)}`, with the folder of that file for path/to"
    )


def _found(record: Mapping[str, Any]) -> str | None:
    """The name of a study that is known, or the path of its file where it lies in the current folder."""
    reference = str(record["reference"])
    try:
        known = find(reference)
    except UsageError:
        return None
    return reference if known.name == record["study"] else None


def to_run(reference: str, profile: str, out: str | Path) -> str:
    """What to do where a study has no stored run.

    Args:
        reference: the study as it was given.
        profile: what was asked for; it is named only if the study has such a profile.
        out: the results folder.
    """
    try:
        study = find(reference)
    except UsageError:
        return "See `overparam ls` for the studies, give the path of a .py file, or name another results folder with --out."
    chosen = profile if profile in study.profiles else ""
    return f"Run `{command('run', reference, out=out, profile=chosen)}` first, or name its folder with --out."
