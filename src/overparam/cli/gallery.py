"""The verb ``overparam gallery``: all stored runs on one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from overparam.cli.app import say_path


def gallery(*, out: Annotated[Path, Parameter(help="Results folder.")] = Path("runs"), to: str = "") -> int:
    """Write one page with a picture, the question and the verdict counts of every stored run; no run is computed.

    Parameters
    ----------
    out
        Results folder.
    to
        File to write; by default gallery.html in the results folder. Links are relative to it.
    """
    from overparam.api.run import gallery as write

    path = write(out, to or None)
    say_path("gallery", path)
    return 0
