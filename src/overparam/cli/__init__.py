"""Door: from the terminal. Every heavy import is lazy."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the command line.

    Args:
        arguments: what stands behind ``overparam``; by default what this program was given.
    """
    program = arguments is None and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if program:
        signal.signal(signal.SIGINT, _leave)
    from overparam.cli.entry import main as enter

    enter(arguments, keyboard=program)


def _leave(*_: object) -> None:
    """End at once, while nothing is begun: what is imported until then may turn an interruption into something else."""
    os.write(2, b"interrupted: nothing was begun.\n")
    os._exit(130)
