"""Arms: several values of an axis in one sweep, each a line in the charts and judged apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from overparam.core import Axis
from overparam.core.errors import UsageError, unknown
from overparam.training import Recipe

OF_A_CELL = ("steps", "batch", "learning_rate", "momentum", "weight_decay")
"""The numbers of a recipe that a cell holds."""
RECIPE = "recipe"
_GIVEN = {
    "width": "widths=",
    "seed": "seeds=",
    "data": "data=, one sweep a data set",
    "family": "the first argument, one sweep a family",
    "probes": "probes=",
}  # what has an argument of its own
_SHOWN = 'such as arms={"learning_rate": (0.01, 0.1)}'


@dataclass(frozen=True)
class Arms:
    """Arms as they were given, checked.

    Attributes:
        values: axis to its values, in their order.
        recipes: whole recipes by name, the arms of the axis ``recipe``; empty without it.
    """

    values: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    recipes: Mapping[str, Recipe] = field(default_factory=dict)


def checked(arms: Any, axes: Mapping[str, Axis]) -> Arms:
    """Arms whose every axis is known and has several values, each once.

    Args:
        arms: axis to a sequence of values; ``recipe`` to recipes by name.
        axes: the axes of the study and of the family, by name.

    Raises:
        UsageError: no mapping, an unknown axis, one that has an argument of its own, fewer than two values, one value
            twice, or a value that the axis does not take.
    """
    if arms is None:
        return Arms()
    if not isinstance(arms, Mapping):
        raise UsageError(f"arms: expected axes with their values, {_SHOWN}, got {type(arms).__name__}.")
    if not arms:
        raise UsageError(
            f"arms: expected at least one axis, {_SHOWN}, got none. Leave arms out for a plain sweep."
        )
    values: dict[str, tuple[Any, ...]] = {}
    recipes: Mapping[str, Recipe] = {}
    known = [name for name in axes if name not in _GIVEN]
    for name, given in arms.items():
        if name in _GIVEN:
            raise UsageError(f"arms: '{name}' has an argument of its own: give {_GIVEN[name]}.")
        if name == RECIPE:
            recipes = _recipes(given)
            values[name] = tuple(recipes)
            continue
        if name not in known:
            raise unknown(
                "axis of arms", name, [*known, RECIPE],
                "A keyword argument of the family with a number or a text as its default is an axis too.",
            )  # fmt: skip
        values[name] = _values(name, given, axes[name])
    both = [name for name in values if name in OF_A_CELL] if recipes else []
    if both:
        raise UsageError(
            f"arms: expected whole recipes alone, got '{both[0]}' beside them: every recipe has its own. Make one recipe "
            f"for each {both[0].replace('_', ' ')}."
        )
    return Arms(values, recipes)


def _values(name: str, given: Any, axis: Axis) -> tuple[Any, ...]:
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise UsageError(f"arms: expected several values for '{name}', {_SHOWN}, got {given!r}.")
    try:
        listed = [0 if name == "batch" and one is None else one for one in given]
    except TypeError:  # an array without a dimension
        listed = [given]
    wrong = [one for one in listed if isinstance(one, bool) or isinstance(one, str) != (axis.kind is str)]
    if wrong:
        raise UsageError(f"arms: expected {axis.expected} for '{name}', got {wrong[0]!r}.")
    found = []
    for one in listed:
        try:
            found.append(axis.check(one))
        except UsageError as error:
            raise UsageError(f"arms: {str(error).removeprefix(f'--{axis.option}: ')}") from error
    _several(name, found)
    return tuple(found)


def _recipes(given: Any) -> Mapping[str, Recipe]:
    shown = 'arms={"recipe": {"sgd": Recipe(...), "adam": Recipe(...)}}'
    if not isinstance(given, Mapping):
        raise UsageError(f"arms: expected recipes by name, as {shown}, got {type(given).__name__}.")
    for name, one in given.items():
        plain = isinstance(name, str) and name.strip() == name != "" and "," not in name
        if not plain:
            raise UsageError(f"arms: expected a name without commas for a recipe, got {name!r}. Write {shown}.")
        if not isinstance(one, Recipe):
            raise UsageError(f"arms: expected a Recipe as '{name}', got {type(one).__name__}. Write {shown}.")
    _several(RECIPE, list(given))
    same = [(a, b) for i, a in enumerate(given) for b in list(given)[:i] if given[a] == given[b]]
    if same:
        raise UsageError(
            f"arms: expected recipes that differ, got the same as '{same[0][1]}' and '{same[0][0]}'."
        )
    return dict(given)


def _several(name: str, found: list[Any]) -> None:
    twice = next((one for i, one in enumerate(found) if one in found[:i]), None)
    if twice is not None:
        raise UsageError(f"arms: expected each value of '{name}' once, got {twice!r} twice.")
    if len(found) < 2:
        got = f"{found[0]!r} alone" if found else "none"
        raise UsageError(
            f"arms: expected at least 2 values for '{name}', got {got}. One value belongs to the recipe or to an argument "
            "of its own."
        )
