"""The terminal: the app and its two consoles. Verbs import this; :mod:`overparam.cli.entry` hands them to the app."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter
from rich.console import Console
from rich.markup import escape

from overparam.api.terminal import Terminal
from overparam.core.harmless import harmless, harmless_json

out_console = Terminal()
err_console = Terminal(stderr=True)

Out = Annotated[Path, Parameter(help="Results folder.")]

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
