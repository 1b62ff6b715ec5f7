"""What is known of a family of networks: its axes, its source, the counts that were published, and how to make it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from overparam.models.network import Network

# what a published number counts
COUNTED = {
    "all": "all parameters",
    "weights": "weights, without biases",
    "no norm": "without those of normalisations",
}


@dataclass(frozen=True)
class Size:
    """An axis of a family: its default, and what it is.

    Attributes:
        default: the published size, or ours where none was.
        words: what the number means for all layers.
    """

    default: int
    words: str


@dataclass(frozen=True)
class Published:
    """A count of parameters that somebody else has printed.

    Attributes:
        count: the number.
        where: who printed it.
        shape: shape of one example.
        outputs: number of outputs.
        width: width, None for the default.
        depth: depth, None for the default.
        options: further options.
        counted: key of ``COUNTED``.
        to: what the number was rounded to.
        recalled: whether it is quoted from memory, not read.
    """

    count: int
    where: str
    shape: tuple[int, ...]
    outputs: int = 10
    width: int | None = None
    depth: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    counted: str = "all"
    to: int = 1
    recalled: bool = False


@dataclass(frozen=True)
class Family:
    """A family of networks by name.

    Attributes:
        name: its name.
        title: what it is.
        source: who described it, and where.
        make: ``make(shape, outputs, width, depth, **options)``; its keyword arguments are the options.
        shape: shape of an example in the published setting.
        image: whether an example must be an image.
        outputs: number of outputs in the published setting.
        width: the axis of width, None if there is none.
        depth: the axis of depth, None if there is none.
        published: counts of parameters that others have printed.
    """

    name: str
    title: str
    source: str
    make: Callable[..., Network]
    shape: tuple[int, ...]
    image: bool = True
    outputs: int = 10
    width: Size | None = None
    depth: Size | None = None
    published: tuple[Published, ...] = ()

    @property
    def options(self) -> dict[str, Any]:
        """Further options with their defaults."""
        found = inspect.signature(self.make).parameters.values()
        return {one.name: one.default for one in found if one.kind is one.KEYWORD_ONLY}

    @property
    def axes(self) -> dict[str, Size]:
        """The axes it has, by name."""
        return {name: one for name, one in (("width", self.width), ("depth", self.depth)) if one}
