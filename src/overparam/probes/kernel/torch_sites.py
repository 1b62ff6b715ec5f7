"""Operations of PyTorch in which parameters enter one product, are added or scale, in one form each.

A product has inputs ``(positions..., G, I)`` and results ``(positions..., G, O)``; examples are among the positions.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

try:
    import torch
    import torch.nn.functional as F
    from torch.autograd.graph import GradientEdge, get_gradient_edge
except ModuleNotFoundError:  # an optional extra: this module is of use with it alone
    torch = None

Move = Callable[[Any], Any]


@dataclass(frozen=True, eq=False)
class Meeting:
    """What happens where a parameter meets inputs.

    Attributes:
        kind: ``product``, ``table``, ``added`` or ``scaled``.
        edge: where the derivative by the result is to be had.
        result: the result, without its graph.
        inputs: the other operand: what is multiplied, the codes of a table, what is scaled; None for ``added``.
        arranged: from the other operand to ``(positions..., G, I)``, where examples come first; made when it is needed.
        results: from the result, or a derivative by it, to ``(positions..., G, O)``.
        parameters: from the leaf to ``(G, I, O)``.
        restored: from ``(..., G, I, O)`` back to the leaf.
        groups: G.
        wide: I.
        outputs: O.
        sign: of ``added``.
        padding: the code of a table that has no derivative.
    """

    kind: str
    edge: GradientEdge
    result: Any
    inputs: Any = None
    arranged: Move = lambda x: x
    results: Move = lambda y: y
    parameters: Move = lambda w: w
    restored: Move = lambda w: w
    groups: int = 1
    wide: int = 1
    outputs: int = 1
    sign: float = 1.0
    padding: int | None = None


Found = Callable[[Any], dict[int, list[Meeting]]]


def met(function: Any, args: Any, named: Any, ours: set[int]) -> Found | None:
    """What a call does with parameters, as a function of its result; None where the call is not known.

    Args:
        function: of PyTorch.
        args: what it is called with.
        named: the same by keyword.
        ours: ids of the tensors of parameters alone.
    """
    for names, known in _known().items():
        if function in names:
            try:
                return known(function, args, named, ours)
            except (IndexError, KeyError, TypeError, ValueError):
                return None
    return None


def _ours(one: Any, ours: set[int]) -> bool:
    return isinstance(one, torch.Tensor) and id(one) in ours


def _argument(args: Any, named: Any, at: int, name: str, default: Any = None) -> Any:
    return args[at] if len(args) > at else named.get(name, default)


def _linear(function: Any, args: Any, named: Any, ours: set[int]) -> Found | None:
    x = _argument(args, named, 0, "input")
    weight, bias = _argument(args, named, 1, "weight"), _argument(args, named, 2, "bias")
    if _ours(x, ours) or weight.dim() != 2:
        return None

    def found(y: Any) -> dict[int, list[Meeting]]:
        edge = get_gradient_edge(y)
        meetings: dict[int, list[Meeting]] = {}
        if _ours(weight, ours):
            meetings[id(weight)] = [_dense(edge, y, x.detach(), weight, turned=True)]
        if _ours(bias, ours):
            meetings[id(bias)] = [Meeting("added", edge, y.detach())]
        return meetings

    return found


def _dense(edge: Any, y: Any, x: Any, weight: Any, turned: bool, left: bool = False) -> Meeting:
    """A matrix product; ``turned`` where the weights are (outputs, inputs), ``left`` where they come first."""
    outputs, inputs = weight.shape if turned else weight.shape[::-1]

    def swapped(a: Any) -> Any:
        return (a.transpose(-1, -2) if left else a).unsqueeze(-2)

    return Meeting(
        "product", edge, y.detach(), x, swapped, swapped,
        lambda w: (w.t() if turned else w).unsqueeze(0),
        lambda rows: rows.squeeze(-3).transpose(-1, -2) if turned else rows.squeeze(-3),
        1, inputs, outputs,
    )  # fmt: skip


def _matmul(function: Any, args: Any, named: Any, ours: set[int]) -> Found | None:
    one, other = args[0], _argument(args, named, 1, "other", named.get("mat2"))
    if function is torch.Tensor.__rmatmul__:
        one, other = other, one
    if _ours(one, ours) == _ours(other, ours):
        return None
    left = _ours(one, ours)
    weight, x = (one, other) if left else (other, one)
    if weight.dim() != 2 or x.dim() < 2:
        return None

    def found(y: Any) -> dict[int, list[Meeting]]:
        return {id(weight): [_dense(get_gradient_edge(y), y, x.detach(), weight, left, left)]}

    return found


def _convolution(function: Any, args: Any, named: Any, ours: set[int]) -> Found | None:
    x, weight, bias = args[0], _argument(args, named, 1, "weight"), _argument(args, named, 2, "bias")
    spatial = weight.dim() - 2
    stride = _each(_argument(args, named, 3, "stride", 1), spatial)
    padding = _argument(args, named, 4, "padding", 0)
    dilation = _each(_argument(args, named, 5, "dilation", 1), spatial)
    groups = _argument(args, named, 6, "groups", 1)
    if _ours(x, ours) or x.dim() != spatial + 2:
        return None
    window = tuple(weight.shape[2:])
    pads = _padding(padding, window, dilation)

    def found(y: Any) -> dict[int, list[Meeting]]:
        edge = get_gradient_edge(y)
        meetings: dict[int, list[Meeting]] = {}
        wide, outputs = weight.shape[1] * math.prod(window), weight.shape[0] // groups
        if _ours(weight, ours):
            shape = tuple(weight.shape)
            meetings[id(weight)] = [
                Meeting(
                    "product", edge, y.detach(), x.detach(),
                    lambda a: _patches(a, window, stride, pads, dilation, groups),
                    lambda a: a.movedim(1, -1).unflatten(-1, (groups, outputs)),
                    lambda w: w.reshape(groups, outputs, wide).transpose(1, 2),
                    lambda rows: rows.transpose(-1, -2).reshape(*rows.shape[:-3], *shape),
                    groups, wide, outputs,
                )
            ]  # fmt: skip
        if _ours(bias, ours):
            tail = (1,) * spatial
            meetings[id(bias)] = [Meeting("added", edge, y.detach(), parameters=lambda b: b.reshape(-1, *tail))]
        return meetings

    return found


def _each(value: Any, spatial: int) -> tuple[int, ...]:
    given = tuple(value) if isinstance(value, tuple | list) else (value,)
    return given * spatial if len(given) == 1 else given


def _padding(padding: Any, window: tuple[int, ...], dilation: tuple[int, ...]) -> list[int]:
    """What ``pad`` takes: last axis first, before and behind."""
    if padding == "valid":
        padding = 0
    pads: list[int] = []
    if padding == "same":
        for k, d in zip(reversed(window), reversed(dilation), strict=True):
            pads += [d * (k - 1) // 2, d * (k - 1) - d * (k - 1) // 2]
        return pads
    for one in reversed(_each(padding, len(window))):
        pads += [one, one]
    return pads


def _patches(x: Any, window: Any, stride: Any, pads: list[int], dilation: Any, groups: int) -> Any:
    """Windows of a convolution, shape ``(n, positions..., G, I)``."""
    found = F.pad(x, pads)
    spatial = len(window)
    for axis, (k, s, d) in enumerate(zip(window, stride, dilation, strict=True)):
        found = found.unfold(2 + axis, d * (k - 1) + 1, s)[..., ::d]
    found = found.unflatten(1, (groups, -1))  # n, G, channels, positions, window
    order = (0, *range(3, 3 + spatial), 1, 2, *range(3 + spatial, 3 + 2 * spatial))
    return found.permute(order).flatten(2 + spatial)


def _embedding(function: Any, args: Any, named: Any, ours: set[int]) -> Found | None:
    codes, weight = _argument(args, named, 0, "input"), _argument(args, named, 1, "weight")
    padding = _argument(args, named, 2, "padding_idx")
    if _argument(args, named, 3, "max_norm") is not None or not _ours(weight, ours):
        return None
    size, outputs = weight.shape
    padding = padding + size if padding is not None and padding < 0 else padding

    def found(y: Any) -> dict[int, list[Meeting]]:
        return {
            id(weight): [
                Meeting(
                    "table", get_gradient_edge(y), y.detach(), codes.detach(), lambda a: a,
                    lambda a: a.unsqueeze(-2), lambda w: w.unsqueeze(0), lambda rows: rows.squeeze(-3),
                    1, size, outputs, padding=padding,
                )
            ]
        }  # fmt: skip

    return found


def _elementwise(function: Any, args: Any, named: Any, ours: set[int]) -> Found | None:
    one, other = args[0], _argument(args, named, 1, "other")
    if set(named) - {"other"} or not isinstance(one, torch.Tensor) or not isinstance(other, torch.Tensor):
        return None
    if _ours(one, ours) == _ours(other, ours):
        return None
    own, x = (one, other) if _ours(one, ours) else (other, one)
    name = function.__name__
    if name in ("add_", "__iadd__") and own is one:
        return None
    taken = one if name == "__rsub__" else other  # what is subtracted
    sign = -1.0 if "sub" in name and own is taken else 1.0
    value = x.detach() if "mul" in name else None

    def found(y: Any) -> dict[int, list[Meeting]]:
        kind = "scaled" if value is not None else "added"
        return {id(own): [Meeting(kind, get_gradient_edge(y), y.detach(), value, sign=sign)]}

    return found


def _norm(function: Any, args: Any, named: Any, ours: set[int]) -> Found | None:
    """Normalisation, then a scale and a shift along the last axes, or along the channels."""
    at = {
        F.layer_norm: (2, 3),
        F.rms_norm: (2, None),
        F.batch_norm: (3, 4),
        F.group_norm: (2, 3),
        F.instance_norm: (3, 4),
    }
    weight_at, bias_at = at[function]
    x = args[0]
    weight = _argument(args, named, weight_at, "weight")
    bias = None if bias_at is None else _argument(args, named, bias_at, "bias")
    if _ours(x, ours):
        return None

    def found(y: Any) -> dict[int, list[Meeting]]:
        edge, meetings = get_gradient_edge(y), {}
        tail = (1,) * (y.dim() - 2) if function in (F.batch_norm, F.group_norm, F.instance_norm) else ()

        def placed(w: Any) -> Any:
            return w.reshape(-1, *tail) if function in (F.batch_norm, F.group_norm, F.instance_norm) else w

        if _ours(weight, ours):
            bare = list(args)
            words = {key: one for key, one in named.items() if key not in ("weight", "bias")}
            for index in (weight_at, bias_at):
                if index is not None and len(bare) > index:
                    bare[index] = None
            with torch.no_grad():
                plain = function(*bare, **words)
            meetings[id(weight)] = [Meeting("scaled", edge, y.detach(), plain, parameters=placed)]
        if _ours(bias, ours):
            meetings[id(bias)] = [Meeting("added", edge, y.detach(), parameters=placed)]
        return meetings

    return found


def _einsum(function: Any, args: Any, named: Any, ours: set[int]) -> Found | None:
    equation, *rest = args
    operands = rest[0] if len(rest) == 1 and isinstance(rest[0], tuple | list) else rest
    if not isinstance(equation, str) or len(operands) != 2 or "." in equation or "->" not in equation:
        return None
    left, result = equation.replace(" ", "").split("->")
    letters = left.split(",")
    own = [k for k in (0, 1) if _ours(operands[k], ours)]
    if len(own) != 1 or any(len(set(one)) < len(one) for one in (*letters, result)):
        return None
    w, x = letters[own[0]], letters[1 - own[0]]
    weight, inputs = operands[own[0]], operands[1 - own[0]]
    group = [a for a in w if a in x and a in result]
    summed = [a for a in w if a in x and a not in result]
    out = [a for a in w if a not in x and a in result]
    where = [a for a in x if a not in w and a in result]
    if len(group) + len(summed) + len(out) < len(w) or len(where) + len(group) + len(summed) < len(x):
        return None
    size = {**dict(zip(w, weight.shape, strict=True)), **dict(zip(x, inputs.shape, strict=True))}
    g, i, o = (math.prod(size[a] for a in part) for part in (group, summed, out))

    def arranged(array: Any, names: str, parts: list[list[str]]) -> Any:
        moved = array.permute([names.index(a) for a in (*where, *(a for part in parts for a in part))])
        return moved.reshape(
            *(moved.shape[: len(where)]), *(math.prod(size[a] for a in part) for part in parts)
        )

    def restored(rows: Any) -> Any:
        lead = rows.dim() - 3
        order = [*group, *summed, *out]
        spread = rows.reshape(*rows.shape[:lead], *(size[a] for a in order))
        return spread.permute(*range(lead), *(lead + order.index(a) for a in w))

    def found(y: Any) -> dict[int, list[Meeting]]:
        return {
            id(weight): [
                Meeting(
                    "product", get_gradient_edge(y), y.detach(), inputs.detach(),
                    lambda a: arranged(a, x, [group, summed]), lambda a: arranged(a, result, [group, out]),
                    lambda a: a.permute([w.index(k) for k in (*group, *summed, *out)]).reshape(g, i, o),
                    restored, g, i, o,
                )
            ]
        }  # fmt: skip

    return found


@functools.cache
def _known() -> dict[tuple[Any, ...], Callable[[Any, Any, Any, set[int]], Found | None]]:
    """The functions of PyTorch that are known."""
    one = torch.Tensor
    return {
        (F.linear,): _linear,
        (torch.matmul, one.matmul, one.__matmul__, one.__rmatmul__, torch.mm, one.mm): _matmul,
        (F.conv1d, F.conv2d, F.conv3d, torch.conv1d, torch.conv2d, torch.conv3d): _convolution,
        (F.embedding,): _embedding,
        (torch.add, one.add, one.__add__, one.__radd__, one.add_, one.__iadd__, torch.sub, one.sub, one.__sub__,
         one.__rsub__, torch.mul, one.mul, one.__mul__, one.__rmul__): _elementwise,
        (F.layer_norm, F.rms_norm, F.batch_norm, F.group_norm, F.instance_norm): _norm,
        (torch.einsum,): _einsum,
    }  # fmt: skip
