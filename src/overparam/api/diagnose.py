"""The door to the checkup of a network: the same call, telling costs and findings on the standard error stream."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from rich.markup import escape

from overparam.api.terminal import Terminal
from overparam.own.diagnosis import Checkup
from overparam.own.diagnosis import diagnose as _diagnose


@functools.wraps(_diagnose)
def diagnose(
    model: Any, train: Any, test: Any = None, *, progress: bool | Callable[[str], None] = True, **options: Any
) -> Checkup:
    """See :func:`overparam.own.diagnosis.diagnose`; ``progress=False`` says nothing on the way."""
    said = _on_terminal() if progress is True else None if progress is False else progress
    return _diagnose(model, train, test, progress=said, **options)


def _signature() -> inspect.Signature:
    """That of the function behind the door, but that it speaks by default."""
    known = inspect.signature(_diagnose)
    own = known.parameters["progress"].replace(default=True, annotation="bool | Callable[[str], None]")
    return known.replace(
        parameters=[own if one.name == "progress" else one for one in known.parameters.values()]
    )


diagnose.__signature__ = _signature()  # type: ignore[attr-defined]


def _on_terminal() -> Callable[[str], None]:
    console = Terminal(stderr=True)
    return lambda text: console.print(escape(text), highlight=False, soft_wrap=True)
