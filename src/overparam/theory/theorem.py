"""A theorem as a function with its example and its assumptions: what the contract test looks at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from overparam.theory.assumption import Assumption


@dataclass(frozen=True, eq=False)
class Theorem:
    """One formula of a paper.

    Attributes:
        name: in lower case with dashes.
        function: of numbers and arrays only; its docstring has References.
        example: keyword arguments with which it can be called.
        assumptions: called with the same keyword arguments, returns what the formula asks.
        citation: authors, title, where.
        infinite: where the value is infinite; empty if it never is.
    """

    name: str
    function: Callable[..., Any]
    example: Mapping[str, Any]
    assumptions: Callable[..., tuple[Assumption, ...]]
    citation: str
    infinite: str = ""
