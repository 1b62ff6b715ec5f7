"""The family of a sweep: a person's function, or one of the package by its name."""

from __future__ import annotations

from typing import Any

from overparam.core.errors import UsageError
from overparam.data import shape_of
from overparam.own.family import Family
from overparam.own.packaged import Packaged


def family_of(family: Any, data: str, version: str) -> Family:
    """A family from a function, or from a name with the inputs and outputs of a data set.

    Args:
        family: a function from a width to a network, or a name.
        data: name or path of the data set.
        version: a person's own mark of what the code does not show.

    Raises:
        UsageError: something else, or a name that no family with a width has.
    """
    if isinstance(family, str):
        shape = shape_of(data)
        return Family(Packaged(family, tuple(shape.image), shape.classes), version)
    if not callable(family):
        raise UsageError(
            f"family: expected a function from a width to a network, or the name of a family, got {type(family).__name__}."
        )
    return Family(family, version)
