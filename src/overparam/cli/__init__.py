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
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, leave)
    signal.signal(signal.SIGTERM, leave)
    from overparam.cli.entry import main as enter

    enter(arguments)


def leave(*_: object) -> None:
    """End at once, while nothing is begun: what is imported until then may turn an interruption into something else."""
    os.write(2, b"interrupted: nothing was begun.\n")
    os._exit(130)
