"""The terminal: the app and its two consoles. Verbs import this; :mod:`overparam.cli.entry` hands them to the app."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console
from rich.markup import escape

out_console = Console()
err_console = Console(stderr=True)

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
