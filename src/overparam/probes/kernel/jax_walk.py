"""A program of JAX evaluated operation by operation, with what each value depends on: parameters, inputs, both or neither.

Where a value of parameters alone meets one of the inputs is a site. Calls (``jit``, ``checkpoint``, and functions with
derivatives of their own where that is allowed) are walked into wherever parameters enter them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
from jax.extend import core

CONSTANT, PARAMETER, INPUT = 0, 1, 2
OWN_RULES = ("custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr")
CALLS = ("jit", "pjit", "closed_call", "core_call", "remat2", "checkpoint", "remat", *OWN_RULES)
MOVES = (
    "reshape",
    "transpose",
    "squeeze",
    "broadcast_in_dim",
    "slice",
    "rev",
    "copy",
    "copy_p",
    "split",
    "expand_dims",
)


@dataclass(frozen=True, eq=False)
class Tag:
    """What is known of a value.

    Attributes:
        kind: ``CONSTANT``, ``PARAMETER`` (of parameters and constants alone) or ``INPUT``.
        names: of the parameters that a ``PARAMETER`` depends on.
        moves: how its entries were picked from ``shape``, where nothing else happened to it; None otherwise.
        shape: of the parameter, or of the result of site ``origin``, that its entries were picked from.
        scale: a constant that the entries were multiplied with; None for 1.
        origin: of an ``INPUT``: the site that it is the result of, where nothing else happened to it; -1 otherwise.
    """

    kind: int
    names: frozenset[str] = frozenset()
    moves: tuple[tuple[str, dict[str, Any], int], ...] | None = None
    shape: tuple[int, ...] = ()
    scale: Any = None
    origin: int = -1

    def picked(self) -> np.ndarray:
        """Which entry of the parameter, or of the site's result, each entry is; flat indices."""
        assert self.moves is not None
        found = np.arange(int(np.prod(self.shape)), dtype=np.int64).reshape(self.shape)
        for name, params, output in self.moves:
            found = _moved(found, name, params, output)
        return found


NOTHING = Tag(CONSTANT)
Hook = Callable[[int, Any, Sequence[Any], Sequence[Tag]], list[Any]]


class Walk:
    """One evaluation.

    Attributes:
        site: ``site(number, equation, values, tags)`` gives the results of an operation in which parameters meet inputs.
        own_rules: whether functions with derivatives of their own are walked into.
        used: how often the result of each site was used, moves not counted.
    """

    def __init__(self, site: Hook, own_rules: bool) -> None:
        self.site, self.own_rules = site, own_rules
        self.used: dict[int, int] = {}
        self._number = 0

    def run(self, jaxpr: Any, constants: Sequence[Any], values: Sequence[Any], tags: Sequence[Tag]) -> Any:
        """Results of a program and their tags.

        Args:
            jaxpr: the program.
            constants: its constants.
            values: of its inputs.
            tags: of them.
        """
        known: dict[Any, tuple[Any, Tag]] = {}

        def read(one: Any) -> tuple[Any, Tag]:
            return (one.val, NOTHING) if isinstance(one, core.Literal) else known[one]

        known.update((var, (value, NOTHING)) for var, value in zip(jaxpr.constvars, constants, strict=True))
        known.update(
            (var, pair) for var, pair in zip(jaxpr.invars, zip(values, tags, strict=True), strict=True)
        )
        for equation in jaxpr.eqns:
            pairs = [read(one) for one in equation.invars]
            found, marks = self._equation(equation, [one for one, _ in pairs], [tag for _, tag in pairs])
            known.update(
                (var, pair) for var, pair in zip(equation.outvars, zip(found, marks, strict=True), strict=True)
            )
        results = [read(one) for one in jaxpr.outvars]
        return [one for one, _ in results], [tag for _, tag in results]

    def _equation(self, equation: Any, values: list[Any], tags: list[Tag]) -> tuple[list[Any], list[Tag]]:
        name = equation.primitive.name
        kinds = {tag.kind for tag in tags}
        meets = {PARAMETER, INPUT} <= kinds
        if PARAMETER in kinds and name in CALLS and (name not in OWN_RULES or (meets and self.own_rules)):
            inner = _inner(equation)
            if inner is not None:
                return self.run(inner[0], inner[1], values, tags)
        moved = self._moved(equation, values, tags)
        if moved is not None:
            return moved
        for tag in tags:
            if tag.origin >= 0:
                self.used[tag.origin] = self.used.get(tag.origin, 0) + 1
        if meets:
            number = self._number
            self._number += 1
            found = self.site(number, equation, values, tags)
            return found, [Tag(INPUT, moves=(), shape=tuple(one.shape), origin=number) for one in found]
        found = applied(equation, values)
        names = frozenset().union(*(tag.names for tag in tags))
        return found, [Tag(max(kinds, default=CONSTANT), names)] * len(found)

    def _moved(self, equation: Any, values: list[Any], tags: list[Tag]) -> tuple[list[Any], list[Tag]] | None:
        """Entries picked from one value, or multiplied with a constant: the results and what is known of them."""
        name, params = equation.primitive.name, dict(equation.params)
        if name in ("mul", "div", "neg") and tags[0].kind == PARAMETER and len(values) <= 2:
            return _scaled(equation, values, tags)
        if name == "mul" and tags[1].kind == PARAMETER and tags[0].kind == CONSTANT:
            return _scaled(equation, values[::-1], tags[::-1])
        if name == "convert_element_type" and tags[0].moves is not None:
            if values[0].dtype != params["new_dtype"]:
                return None
            return applied(equation, values), tags[:1]
        if name not in MOVES or len(values) != 1 or tags[0].moves is None:
            return None
        found = applied(equation, values)
        old = tags[0].moves
        return found, [replace(tags[0], moves=(*old, (name, params, at))) for at in range(len(found))]


def applied(equation: Any, values: Sequence[Any]) -> list[Any]:
    """Results of one operation."""
    given = equation.primitive.get_bind_params(equation.params)
    functions, params = given if isinstance(given, tuple) else ((), given)  # a pair in older versions
    found = equation.primitive.bind(*functions, *values, **params)
    return list(found) if equation.primitive.multiple_results else [found]


def _inner(equation: Any) -> tuple[Any, Any] | None:
    """The program that a call runs and its constants; None where it is not to be found."""
    for name in ("jaxpr", "call_jaxpr", "fun_jaxpr"):
        found = equation.params.get(name)
        if isinstance(found, core.ClosedJaxpr):
            inner, constants = found.jaxpr, found.consts
        elif isinstance(found, core.Jaxpr):
            inner, constants = found, []
        else:
            continue
        if len(inner.invars) == len(equation.invars) and len(constants) == len(inner.constvars):
            return inner, constants
    return None


def _scaled(equation: Any, values: list[Any], tags: list[Tag]) -> tuple[list[Any], list[Tag]] | None:
    if tags[0].moves is None:
        return None
    name = equation.primitive.name
    if name == "neg":
        factor: Any = -1.0
    elif tags[1].kind == CONSTANT and not np.shape(values[1]):
        factor = values[1] if name == "mul" else 1.0 / values[1]
    else:
        return None
    scale = factor if tags[0].scale is None else tags[0].scale * factor
    if name == "neg":
        return applied(equation, values), [replace(tags[0], scale=scale)]
    found = values[0] * values[1] if name == "mul" else values[0] / values[1]
    return [found], [replace(tags[0], scale=scale)]


def _moved(array: np.ndarray, name: str, params: dict[str, Any], output: int) -> np.ndarray:
    if name == "reshape":
        order = params.get("dimensions")
        return (array if order is None else array.transpose(order)).reshape(params["new_sizes"])
    if name == "transpose":
        return array.transpose(params["permutation"])
    if name == "squeeze":
        return array.squeeze(tuple(params["dimensions"]))
    if name == "broadcast_in_dim":
        shape = [1] * len(params["shape"])
        for axis, size in zip(params["broadcast_dimensions"], array.shape, strict=True):
            shape[axis] = size
        return np.broadcast_to(array.reshape(shape), params["shape"])
    if name == "slice":
        strides = params["strides"] or (1,) * array.ndim
        cut = zip(params["start_indices"], params["limit_indices"], strides, strict=True)
        return array[tuple(slice(a, b, c) for a, b, c in cut)]
    if name == "rev":
        return np.flip(array, tuple(params["dimensions"]))
    if name == "split":
        ends = np.cumsum(params["sizes"])
        return np.take(array, range(ends[output] - params["sizes"][output], ends[output]), params["axis"])
    return array


def floating(value: Any) -> bool:
    """Whether a derivative can be taken by a value."""
    return jax.numpy.issubdtype(value.dtype, jax.numpy.floating)
