"""A family of the package, by its name, for the inputs and outputs of a data set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from overparam.models.network import Network


@dataclass(frozen=True)
class Packaged:
    """A family of :mod:`overparam.models.families`.

    Attributes:
        name: its name.
        shape: of one example, ``(height, width)``, ``(height, width, channels)`` or ``(features,)``.
        outputs: number of outputs.
    """

    name: str
    shape: tuple[int, ...]
    outputs: int

    @property
    def keywords(self) -> dict[str, Any]:
        """Its further arguments with what stands for leaving them out."""
        return {"depth": 0}

    def __call__(self, width: int, depth: int = 0) -> Network:
        """The network of a width and a depth; 0 is the depth that the family has by itself.

        Raises:
            UsageError: an unknown name, a depth that the family does not have, or images that are too small.
        """
        from overparam.models.families import named

        return named(self.name, self.shape, self.outputs, width=width, **({"depth": depth} if depth else {}))
