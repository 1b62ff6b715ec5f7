"""The fingerprint of a recipe: what tells it from every other one, functions of a person's own included."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from overparam.core.code import digest
from overparam.core.errors import UsageError
from overparam.core.exact import exactly
from overparam.training.inputs import check_recipe
from overparam.training.recipe import Recipe


@dataclass(frozen=True)
class Named:
    """A function that is known by a name and a version, where its code does not tell what it does.

    Attributes:
        function: the function; calls go to it.
        name: its name.
        version: any text; another one when the function changes.

    Raises:
        UsageError: no function, name or version.
    """

    function: Callable[..., Any]
    name: str
    version: str

    def __post_init__(self) -> None:
        """Check every field."""
        texts = all(isinstance(one, str) and one.strip() for one in (self.name, self.version))
        if not callable(self.function) or not texts:
            raise UsageError(
                f"Named: expected a function, a name and a version, got {type(self.function).__name__}, {self.name!r} and "
                f"{self.version!r}."
            )

    @property
    def tree(self) -> tuple[str, ...]:
        """What stands for the function in a fingerprint, wherever it is met."""
        return ("named", self.name, self.version)

    def __call__(self, *arguments: Any) -> Any:
        """Call the function."""
        return self.function(*arguments)


def fingerprint(recipe: Recipe) -> str:
    """16 hexadecimal digits that stand for a recipe; what is at its default does not count.

    A function of your own enters by its code with all that the code depends on, a transformation or schedule of optax by
    what it was made of and its version.

    Args:
        recipe: the recipe.

    Raises:
        UsageError: a function that cannot be told from another, such as one that closes over an open file; the text says
            what to do.

    >>> fingerprint(Recipe(10, 0.1)) == fingerprint(Recipe(10, 0.1, probes=30)), len(fingerprint(Recipe(10, 0.1)))
    (True, 16)
    """
    check_recipe(recipe)
    told = []
    for one in fields(recipe):
        value = _plain(getattr(recipe, one.name))
        plain = isinstance(value, str | float | None) or value == ()
        if not (plain and value == one.default):
            told.append((one.name, exactly(value, one.name)))
    return digest(tuple(told))


def _plain(value: Any) -> Any:
    """Numbers of a recipe are told by their value: 1 is 1.0."""
    real = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if isinstance(value, tuple) and type(value) is tuple:
        return tuple(_plain(one) for one in value)
    return float(value) if real else value
