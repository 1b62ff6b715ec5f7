"""Entry of the command line: arguments in, exit code out, every error in words.

Exit codes: 0 finished, whatever the verdicts; 1 something failed, or something stored could not be read and is left out;
2 bad usage; 130 interrupted.
"""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from cyclopts import App, CycloptsError
from rich.markup import escape

from overparam.cli import run
from overparam.cli.app import app, console
from overparam.cli.check import check
from overparam.cli.diagnose import diagnose
from overparam.cli.gallery import gallery
from overparam.cli.landscape import connect, sharpness
from overparam.cli.risk import risk
from overparam.cli.store import gc, merge, pack, query
from overparam.cli.sweep import sweep
from overparam.core.errors import DamageWarning, OverparamError, UsageError, unknown

VERBS = (
    run.ls,
    run.run,
    sweep,
    check,
    run.show,
    run.report,
    run.doctor,
    pack,
    gc,
    merge,
    query,
    gallery,
    risk,
    diagnose,
    connect,
    sharpness,
)

for _verb in VERBS:
    app.command(_verb)
data_app = App(name="data", help="The data sets: what is here, where it lies, and how to fetch it.")
data_app.command(run.data_ls, name="ls")
data_app.command(run.fetch)
data_app.command(run.where)
data_app.default(run.data)
app.command(data_app)


def main(arguments: Sequence[str] | None = None, keyboard: bool = False) -> None:
    """Entry point of the command line.

    Args:
        arguments: what stands behind ``overparam``; by default what this program was given.
        keyboard: whether this program is all that Ctrl-C can be meant for.
    """
    before = 0

    def ended(*_: object) -> NoReturn:
        """Once: workers are ended and finished cells kept. Again: leave at once; workers end with their parent."""
        nonlocal before
        before += 1
        if before == 1:
            raise KeyboardInterrupt
        if sys.stderr.isatty():
            os.write(2, b"\x1b[?25h")  # a progress display hides the cursor
        os.write(2, b"\ninterrupted again: finished cells are kept.\n")
        os._exit(130)

    signal.signal(signal.SIGTERM, ended)
    if keyboard or signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, ended)
    code = _main(sys.argv[1:] if arguments is None else list(arguments))
    if keyboard:
        signal.signal(signal.SIGINT, lambda *_: os._exit(code))  # all is said; the interpreter tidies up
    sys.exit(code)


def _main(arguments: list[str]) -> int:
    try:
        return _answer(arguments)
    except KeyboardInterrupt:
        signal.signal(
            signal.SIGINT, signal.SIG_IGN
        )  # the message comes whole, however often the key is pressed
        console(err=True).print(
            "interrupted: finished cells are kept; the same command goes on from here.", highlight=False
        )
        return 130


def _answer(arguments: list[str]) -> int:
    try:
        if any("\0" in one for one in arguments):
            raise UsageError(
                "expected arguments that can be names, got one with the character NUL. Leave it out."
            )
        names = [a for a in arguments if not a.startswith("-")][:1]
        known = (*(verb.__name__ for verb in VERBS), "data")
        if names and arguments[0] == names[0] and names[0] not in known:
            raise unknown("command", names[0], known, "See `overparam --help`.")
        with warnings.catch_warnings():
            warnings.simplefilter("always", DamageWarning)
            told: dict[str, None] = {}
            warnings.showwarning = _telling(told, warnings.showwarning)
            code = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
            return max(code if isinstance(code, int) else 0, int(bool(told)))
    except CycloptsError as error:
        console(err=True).print(f"[red]error[/] {escape(_explained(arguments) or str(error))}", highlight=False)
        console(err=True).print("See `overparam --help`, or `overparam COMMAND --help`.", highlight=False)
        return 2
    except BrokenPipeError:
        return 0
    except UsageError as error:
        console(err=True).print(f"[red]error[/] {escape(str(error))}", highlight=False)
        return 2
    except OverparamError as error:
        console(err=True).print(f"[red]error[/] {escape(str(error))}", highlight=False)
        return 1
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        console(err=True).print(f"[red]error[/] {escape(f'{error.strerror or error}{where}')}", highlight=False)
        return 1


def _telling(told: dict[str, None], otherwise: Callable[..., None]) -> Callable[..., None]:
    """Say once what cannot be read in a results folder; other warnings are shown as ever."""

    def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if not issubclass(category, DamageWarning):
            otherwise(message, category, *where, **more)
        elif str(message) not in told:
            told[str(message)] = None
            console(err=True).print(f"[yellow]damaged[/] {escape(str(message))}", highlight=False)

    return show


def _explained(arguments: Sequence[str]) -> str:
    """Look for a misspelt option of ``run`` behind a parse error; empty if there is none."""
    from overparam.core.registry import find

    if arguments[:1] != ["run"]:
        return ""
    names = [word for word in arguments[1:2] if not word.startswith("-")]
    options = [word[2:].split("=")[0] for word in arguments[1:] if word.startswith("--") and len(word) > 2]
    try:
        run.check_options([find(name) for name in names], options)
    except UsageError as error:
        return str(error)
    return ""
