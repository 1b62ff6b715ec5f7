"""Minibatches that are drawn anew: how a recipe's stream is called, with or without what a member holds."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from overparam.models.network import PyTree

WITH_HELD = 3


def reads_held(stream: Callable[..., Any]) -> bool:
    """Whether a stream asks for a third argument, what the member's network holds constant.

    Args:
        stream: ``(key, batch) -> (x, y)`` or ``(key, batch, held) -> (x, y)``; an argument with a default is none that
            is asked for.

    >>> reads_held(lambda key, batch: 0), reads_held(lambda key, batch, held: 0), reads_held(lambda key, batch, scale=1: 0)
    (False, True, False)
    """
    try:
        given = inspect.signature(stream).parameters.values()
    except (TypeError, ValueError):
        return False
    places = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(one.kind in places and one.default is one.empty for one in given) == WITH_HELD


def draw(stream: Callable[..., Any], key: Any, batch: int, held: PyTree) -> Any:
    """One minibatch of a stream.

    Args:
        stream: as for :func:`reads_held`.
        key: of the member and the step.
        batch: examples.
        held: what ``network.state`` names of the member's variables, with None for all else.
    """
    return stream(key, batch, held) if reads_held(stream) else stream(key, batch)
