"""The flat vector of a model's parameters: which numbers belong to which named array, and patterns of names."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from overparam.core.checked import shown
from overparam.core.errors import DataError, UsageError, nearest


@dataclass(frozen=True)
class Layout:
    """Names and shapes of the arrays that one flat vector holds, one behind the other, each in C order.

    Attributes:
        names: of the arrays, as their framework writes them: ``layers.0.weight`` or ``layers/0/weight``.
        shapes: one an array.
        separator: what stands between the parts of a name.

    >>> layout = Layout(("a.weight", "a.bias", "b.weight"), ((2, 3), (2,), (1, 2)), ".")
    >>> layout.size, layout.slices["a.bias"], layout.layers
    (10, slice(6, 8, None), {'a': ('a.weight', 'a.bias'), 'b': ('b.weight',)})
    """

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    separator: str = "/"

    @functools.cached_property
    def size(self) -> int:
        """How many numbers the vector holds."""
        return sum(math.prod(shape) for shape in self.shapes)

    @functools.cached_property
    def slices(self) -> Mapping[str, slice]:
        """Where each array lies in the vector."""
        found, at = {}, 0
        for name, shape in zip(self.names, self.shapes, strict=True):
            found[name] = slice(at, at + math.prod(shape))
            at += math.prod(shape)
        return found

    @functools.cached_property
    def layers(self) -> Mapping[str, tuple[str, ...]]:
        """The arrays of each layer; a layer is what stands before the last separator, the whole name where there is none."""
        found: dict[str, list[str]] = {}
        for name in self.names:
            found.setdefault(name.rpartition(self.separator)[0] or name, []).append(name)
        return {layer: tuple(names) for layer, names in found.items()}

    def matching(self, patterns: str | tuple[str, ...] | list[str], name: str = "layers") -> tuple[str, ...]:
        """The arrays that patterns cover, in the order of the vector.

        A pattern covers a name, or everything below it: ``blocks.0`` covers ``blocks.0.attn.weight``. ``*`` stands for
        any text. With ``!`` in front it takes names away again; a declaration of such patterns alone starts from all names.

        Args:
            patterns: one pattern or several.
            name: of the argument, for the message.

        Raises:
            UsageError: no patterns, or one that covers nothing.

        >>> layout = Layout(("a.weight", "a.bias", "b.weight"), ((2, 3), (2,), (1, 2)), ".")
        >>> layout.matching("a"), layout.matching("*.weight"), layout.matching(("!*.bias",))
        (('a.weight', 'a.bias'), ('a.weight', 'b.weight'), ('a.weight', 'b.weight'))
        """
        asked = (patterns,) if isinstance(patterns, str) else patterns
        if (
            not isinstance(asked, tuple | list)
            or not asked
            or not all(isinstance(one, str) and one.strip("!") for one in asked)
        ):
            raise UsageError(
                f"{name}: expected a pattern of names such as '{self.names[0]}', or several, got {shown(patterns)}."
            )
        covered: dict[str, set[str]] = {one: {n for n in self.names if self._covers(one, n)} for one in asked}
        for one, names in covered.items():
            if not names:
                near = nearest(one.removeprefix("!"), [*self.names, *self.layers])
                raise UsageError(
                    f"{name}: expected a pattern of names of parameters, got '{one}', which covers none.{near} Layers are: "
                    f"{_few(list(self.layers))}."
                )
        kept = set().union(*(names for one, names in covered.items() if one[0] != "!")) or (
            set(self.names) if all(one[0] == "!" for one in asked) else set()
        )
        kept -= set().union(*(names for one, names in covered.items() if one[0] == "!"))
        if not kept:
            raise UsageError(f"{name}: expected patterns that leave some parameters, got {shown(patterns)}.")
        return tuple(one for one in self.names if one in kept)

    def checked(self, vector: Any, dtype: np.dtype) -> np.ndarray:
        """A flat vector in a type, or raise.

        Args:
            vector: shape ``(size,)``.
            dtype: real.

        Raises:
            UsageError: another shape, or no real numbers.
            DataError: numbers that are missing or infinite.
        """
        given = np.asarray(vector)
        if given.shape != (self.size,) or given.dtype.kind not in "fiub":
            raise UsageError(
                f"vector: expected real numbers of shape ({self.size},), got {given.dtype} of {given.shape}."
            )
        if not np.isfinite(given).all():
            raise DataError("vector: expected finite numbers, got some that are missing or infinite.")
        return given.astype(dtype)

    def only(self, names: tuple[str, ...]) -> Layout:
        """The layout of some of the arrays, in the same order.

        Args:
            names: as :meth:`matching` gives them.
        """
        shapes = dict(zip(self.names, self.shapes, strict=True))
        kept = tuple(one for one in self.names if one in set(names))
        return Layout(kept, tuple(shapes[one] for one in kept), self.separator)

    def named(self, vector: Any) -> dict[str, np.ndarray]:
        """The arrays in a flat vector, by name; views where NumPy allows it.

        Args:
            vector: shape ``(size,)``.

        Raises:
            UsageError: another shape.
        """
        flat = np.asarray(vector)
        if flat.shape != (self.size,):
            raise UsageError(f"vector: expected shape ({self.size},), got {flat.shape}.")
        return {
            name: flat[self.slices[name]].reshape(shape)
            for name, shape in zip(self.names, self.shapes, strict=True)
        }

    def flat(self, arrays: Mapping[str, Any], name: str = "arrays") -> np.ndarray:
        """One flat vector of named arrays.

        Args:
            arrays: an array for every name.
            name: of the argument, for the message.

        Raises:
            UsageError: a name is missing or unknown, or an array has another shape.
            DataError: numbers that are missing or infinite.
        """
        odd = sorted(set(arrays) ^ set(self.names))
        if odd:
            what = "one more" if odd[0] in arrays else "none"
            raise UsageError(
                f"{name}: expected an array for every name of the layout, got {what} at '{odd[0]}'."
            )
        parts = []
        for one, shape in zip(self.names, self.shapes, strict=True):
            array = np.asarray(arrays[one])
            if array.shape != shape:
                raise UsageError(f"{name}: expected shape {shape} at '{one}', got {array.shape}.")
            if not np.isfinite(array).all():
                raise DataError(
                    f"{name}: expected finite numbers, got some that are missing or infinite at '{one}'."
                )
            parts.append(array.ravel())
        return np.concatenate(parts)

    def _covers(self, pattern: str, name: str) -> bool:
        parts = name.split(self.separator)
        one = pattern.removeprefix("!")
        return any(fnmatchcase(self.separator.join(parts[:end]), one) for end in range(1, len(parts) + 1))


def _few(names: list[str]) -> str:
    return ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
