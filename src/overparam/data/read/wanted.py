"""What a person said about the columns or arrays of a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from overparam.core import data_name


@dataclass(frozen=True)
class Wanted:
    """The options that say which column or array is what.

    Attributes:
        label: holds the labels, or None where its name tells.
        image: holds the inputs, or None.
        drop: columns that are left out.
        keep: columns that are features although they look like row numbers or a copy of the label.
        numbers: whether the labels are numeric targets.
    """

    label: str | None = None
    image: str | None = None
    drop: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    numbers: bool = False


def wanted(options: Mapping[str, str]) -> Wanted:
    """Return what the options of a name say, see :func:`overparam.core.data_name.options_of`."""
    single = {key: data_name.column(options[key]) for key in ("label", "image") if key in options}
    several = {key: data_name.columns(options[key]) for key in ("drop", "keep") if key in options}
    return Wanted(**single, **several, numbers=options.get("targets") == "numbers")  # type: ignore[arg-type]
