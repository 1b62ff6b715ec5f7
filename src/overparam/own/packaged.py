"""A family of the package, by its name, for the inputs and outputs of a data set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from overparam.core.errors import UsageError, unknown
from overparam.models.network import Network


@dataclass(frozen=True)
class Packaged:
    """A family of :mod:`overparam.models.families` that has a width.

    Attributes:
        name: its name.
        shape: of one example, ``(height, width)``, ``(height, width, channels)`` or ``(features,)``.
        outputs: number of outputs.

    Raises:
        UsageError: no family has that name, it has no width, or it needs images and the examples are none.
    """

    name: str
    shape: tuple[int, ...]
    outputs: int

    def __post_init__(self) -> None:
        """Look the family up."""
        from overparam.models.families import FAMILIES

        if self.name not in FAMILIES:
            raise unknown("family", self.name, FAMILIES, "Or give a function from a width to a network.")
        family = FAMILIES[self.name]
        if "width" not in family.axes:
            with_one = ", ".join(name for name, one in FAMILIES.items() if "width" in one.axes)
            raise UsageError(
                f"family '{self.name}' has no width that could be swept. Those that have: {with_one}."
            )
        if family.image and len(self.shape) not in (2, 3):
            raise UsageError(
                f"family '{self.name}' needs images: expected examples of shape (height, width) or (height, width, "
                f"channels), got {self.shape}. Save x in that shape, or take a family of dense layers, such as mlp."
            )

    @property
    def keywords(self) -> dict[str, Any]:
        """Its further arguments with their defaults: a depth, where it has one, and its options."""
        from overparam.models.families import FAMILIES

        family = FAMILIES[self.name]
        depth = {"depth": family.axes["depth"].default} if "depth" in family.axes else {}
        return {**depth, **family.options}

    def __call__(self, width: int, **more: Any) -> Network:
        """The network of a width, with other arguments.

        Raises:
            UsageError: an argument that the family does not have or take, or images that are too small.
        """
        from overparam.models.families import named

        return named(self.name, self.shape, self.outputs, width=width, **more)
