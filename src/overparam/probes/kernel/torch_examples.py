"""Where the examples lie among the axes of a tensor inside of a pass: alone on an axis, or together with positions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from overparam.probes.kernel.torch_sites import Meeting

try:
    import torch
except ModuleNotFoundError:  # an optional extra: this module is of use with it alone
    torch = None


@dataclass(frozen=True)
class Place:
    """Where the examples lie among axes.

    Attributes:
        axis: the axis, among those of positions for a product and among all for the others.
        inner: how many positions share the axis with the examples.
        major: whether positions of one example lie side by side on it.
        positions: how many positions an example has.
    """

    axis: int
    inner: int
    major: bool
    positions: int

    def first(self, tensor: Any, n: int) -> Any:
        """The tensor with the examples along the first axis, and positions that shared theirs along the second."""
        inner = tensor.shape[self.axis] // n
        if self.major:
            return tensor.unflatten(self.axis, (n, inner)).movedim((self.axis, self.axis + 1), (0, 1))
        return tensor.unflatten(self.axis, (inner, n)).movedim((self.axis + 1, self.axis), (0, 1))

    def examples(self, tensor: Any, n: int, bare: bool = False) -> Any:
        """The tensor of a product as ``(n, T, G, ...)``; as ``(n, T)`` for codes of a table."""
        found = self.first(tensor, n)
        if bare:
            return found.reshape(n, -1)
        return found.reshape(n, -1, *found.shape[-2:])


def place_of(one: Meeting | None, other: Meeting | None, leaf: Any, n: int, m: int) -> Place | None:
    """Where the examples lie, found by comparing passes over n examples and over the first m of them; None if it is not told.

    Args:
        one: what happens in the first pass.
        other: the same in the other.
        leaf: the tensor that enters.
        n: examples of the first pass.
        m: examples of the other.
    """
    if one is None or other is None or one.kind != other.kind:
        return None
    product = one.kind in ("product", "table")
    results = [meeting.results(meeting.result) for meeting in (one, other)]
    end = -2 if product else None
    shapes = [tuple(found.shape[:end]) for found in results]
    if len(shapes[0]) != len(shapes[1]):
        return None
    apart = [k for k, (a, b) in enumerate(zip(*shapes, strict=True)) if a != b]
    if len(apart) != 1:
        return None
    axis = apart[0]
    inner, rest = divmod(shapes[0][axis], n)
    if rest or shapes[1][axis] != inner * m or (not product and _spread(one, leaf)[axis] != 1):
        return None
    positions = math.prod(shapes[0]) // n if product else 1
    places = [Place(axis, inner, major, positions) for major in (True, False)]
    if inner == 1:
        return places[0]
    return next((place for place in places if _fits(place, results, n, m)), None)


def by_example(meeting: Meeting, place: Place, slope: Any, leaf: Any, n: int) -> Any:
    """Rows by the tensor that enters, ``(n, *leaf.shape)``, from the derivatives of one output by the results.

    Args:
        meeting: what happens there.
        place: where the examples lie.
        slope: derivatives by the results.
        leaf: the tensor that enters.
        n: examples.
    """
    if meeting.kind in ("product", "table"):
        g = place.examples(meeting.results(slope), n)
        if meeting.kind == "table":
            codes = place.examples(meeting.inputs, n, True)
            if meeting.padding is not None:
                g = g * (codes != meeting.padding)[:, :, None, None]
            rows = torch.zeros(n, meeting.wide, meeting.outputs, dtype=g.dtype, device=g.device)
            rows.scatter_add_(1, codes[:, :, None].expand(-1, -1, meeting.outputs), g[:, :, 0])
            return meeting.restored(rows.unsqueeze(1)).reshape(n, *leaf.shape)
        x = place.examples(meeting.arranged(meeting.inputs), n)
        return meeting.restored(x.permute(0, 2, 3, 1) @ g.transpose(1, 2)).reshape(n, *leaf.shape)
    moved = meeting.sign * slope if meeting.inputs is None else slope * meeting.inputs
    whole = _spread(meeting, leaf)
    gone = [axis for axis, size in enumerate(whole) if size == 1 and axis != place.axis]
    summed = moved.sum(gone, keepdim=True) if gone else moved
    return place.first(summed, n).sum(1).reshape(n, *leaf.shape)


def _spread(meeting: Meeting, leaf: Any) -> tuple[int, ...]:
    """Shape of what is added or scales, with as many axes as the result."""
    shape = tuple(meeting.parameters(leaf.detach()).shape)
    return (1,) * (meeting.result.dim() - len(shape)) + shape


def _fits(place: Place, results: list[Any], n: int, m: int) -> bool:
    """Whether the first examples of one pass are those of the other."""
    one, other = (place.first(found, count)[:m] for found, count in zip(results, (n, m), strict=True))
    return bool((one - other).abs().max() <= 1e-4 * other.abs().max())
