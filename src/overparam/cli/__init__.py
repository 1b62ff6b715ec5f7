"""Door: from the terminal. Every heavy import is lazy."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the command line.

    Args:
        arguments: what stands behind ``overparam``; by default what this program was given. Then the current folder goes
            off the path of Python, which ``python -m`` and an empty entry in ``PYTHONPATH`` put there.
    """
    program = arguments is None and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if program:
        signal.signal(signal.SIGINT, _leave)
    if arguments is None:
        from overparam.sweep.fresh import search_path

        sys.path[:] = search_path()
    from overparam.cli.streams import finish, prepare

    prepare()
    from overparam.cli.entry import main as enter

    try:
        enter(arguments, keyboard=program)
    finally:
        finish()


def _leave(*_: object) -> None:
    """End at once, while nothing is begun: what is imported until then may turn an interruption into something else."""
    os.write(2, b"interrupted: nothing was begun.\n")
    os._exit(130)
