"""The terminal: the app and its two consoles. Verbs import this; :mod:`overparam.cli.entry` hands them to the app."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter
from rich.console import Console
from rich.markup import escape

from overparam.api.terminal import Terminal
from overparam.core.errors import UsageError
from overparam.core.harmless import harmless, harmless_json

out_console = Terminal()
err_console = Terminal(stderr=True)

Out = Annotated[Path, Parameter(help="Results folder.")]


def whole_number(option: str, text: str, low: int | None = None) -> int:
    """A whole number as it is written: 2.5 is none.

    Raises:
        UsageError: another text, or a number below ``low``.

    >>> whole_number("--width", "12", 1)
    12
    """
    found = int(text) if re.fullmatch(r"[+-]?[0-9]{1,15}", text) else None
    if found is None or (low is not None and found < low):
        bound = "" if low is None else f" of at least {low}"
        raise UsageError(f"{option}: expected a whole number{bound}, got '{text[:40]}'. Write digits alone.")
    return found


def _whole(kind: Any, tokens: Sequence[Any]) -> int:
    return whole_number(tokens[0].keyword, tokens[0].value)


Whole = Annotated[int, Parameter(converter=_whole)]

app = App(
    name="overparam",
    help="A laboratory for over-parameterized learning: claims, verdicts, and a page to look at.",
    version=lambda: __import__("overparam").__version__,
    console=out_console,
    error_console=err_console,
    suppress_keyboard_interrupt=False,
)


def console(*, err: bool = False) -> Console:
    """The console of the output, or that of what is said beside it."""
    return err_console if err else out_console


def say(text: str, *, err: bool = False) -> None:
    """Print one line, however long."""
    console(err=err).print(text, highlight=False, soft_wrap=True)


def say_path(what: str, path: Path) -> None:
    """Print where something was written."""
    say(f"{what}: {escape(str(path))}")


def write_out(text: str) -> None:
    """Write text for another program to the output; made harmless where the output is a terminal."""
    sys.stdout.write(harmless(text) if sys.stdout.isatty() else text)


def write_json(value: Any) -> None:
    """Write JSON to the output; what could steer a terminal is written by its number, which says the same."""
    text = json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False, default=str)
    sys.stdout.write(harmless_json(text) + "\n")


def told_failed(failed: int, out: Path) -> int:
    """Say how many cells failed and what to do; the exit code."""
    from overparam.api.progress import count

    if failed:
        its, it = ("its traceback is", "it") if failed == 1 else ("their tracebacks are", "them")
        console(err=True).print(
            f"[red]{count(failed, 'cell')} failed[/]; {its} on the page and under {escape(str(out))}/*/failed. "
            f"The same command tries {it} again.",
            highlight=False,
        )
    return 1 if failed else 0
