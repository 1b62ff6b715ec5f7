"""Which parameters of a network form an outer product, and in which form its kernel is cheapest.

One parameter may enter several products: those that take the same entries in the same order are one product with more
positions; those that take disjoint entries stand apart; anything else is taken by explicit rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

OVERHEAD = 16.0  # operations that reading and writing a number of a tile takes the time of


@dataclass(frozen=True, eq=False)
class Use:
    """A product that a parameter enters.

    Attributes:
        number: of the site.
        name: of the parameter.
        positions: T, of one example.
        groups: G.
        wide: I.
        outputs: O.
        table: whether rows of a table are looked up.
        picked: gives which entry of the parameter each entry of ``(G, I, O)`` is.
        whole: whether these are surely all entries, each once.
        product: what the back end needs to know.
    """

    number: int
    name: str
    positions: int
    groups: int
    wide: int
    outputs: int
    table: bool
    picked: Callable[[], np.ndarray]
    whole: bool
    product: Any = None


@dataclass(eq=False)
class Group:
    """Products that share their parameters.

    Attributes:
        name: of the parameter.
        uses: the products; their positions are taken together.
        form: ``outer``, ``pairs`` or ``rows``.
        bias: a parameter that is added to the results.
    """

    name: str
    uses: list[Use]
    form: str = "outer"
    bias: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Of the parameters."""
        return (self.name,) if self.bias is None else (self.name, self.bias)

    @property
    def positions(self) -> int:
        """Of one example, over all products."""
        return sum(one.positions for one in self.uses)


@dataclass(eq=False)
class Layers:
    """The parameters of a network by the form they are taken in.

    Attributes:
        groups: outer products, and rows of one layer.
        rows: names of parameters that are taken by explicit rows.
        why: what was found about those, one sentence.
    """

    groups: list[Group] = field(default_factory=list)
    rows: tuple[str, ...] = ()
    why: str = ""


def grouped(name: str, uses: Sequence[Use]) -> list[Group] | None:
    """The groups of one parameter's products; None where they overlap in part.

    Args:
        name: of the parameter.
        uses: all of its uses, each of them a product.
    """
    if len(uses) == 1 and uses[0].whole:
        return [Group(name, list(uses))]
    found: list[tuple[np.ndarray, Group]] = []
    for use in uses:
        picked = use.picked().reshape(use.groups, use.wide, use.outputs)
        if len(np.unique(picked)) != picked.size:
            return None
        for other, group in found:
            same = other.shape == picked.shape and np.array_equal(other, picked)
            if same and group.uses[0].table == use.table:
                group.uses.append(use)
                break
            if same or np.intersect1d(other, picked).size:
                return None
        else:
            found.append((picked, Group(name, [use])))
    return [group for _, group in found]


def best_form(group: Group, examples: int, outputs: int, full: bool, known: str | None = None) -> str:
    """The cheapest form of a group, by operations.

    Pairs of positions cost ``T^2 (O + I/C^2 + overhead)`` an entry of the kernel; rows ``I O``, and are formed first.

    Args:
        group: the products.
        examples: how many columns the kernel has.
        outputs: C.
        full: whether all pairs of outputs are asked for.
        known: the form that was chosen for other data, which is kept.
    """
    use = group.uses[0]
    if known is not None:
        return known if known == "rows" or group.positions > 1 or use.table else "outer"
    if group.positions == 1 and not use.table:
        return "outer"
    costs = [cost(group, examples, outputs, full) for cost in (_rows_cost, _pairs_cost)]
    return "rows" if costs[0] <= costs[1] else "pairs"


def _entries(examples: int, outputs: int, full: bool) -> float:
    """Entries of the kernel an example."""
    return float(examples) * outputs * (outputs if full else 1)


def _rows_cost(group: Group, examples: int, outputs: int, full: bool) -> float:
    use = group.uses[0]
    size = use.groups * use.wide * use.outputs
    form = outputs * (size if use.table else group.positions * size)
    return _entries(examples, outputs, full) / 2 * (2 * size + OVERHEAD) + 2 * form


def _pairs_cost(group: Group, examples: int, outputs: int, full: bool) -> float:
    use = group.uses[0]
    each = use.groups * (2 * use.outputs + OVERHEAD)
    inputs = 0 if use.table else 2 * use.groups * use.wide
    pairs = group.positions**2
    return pairs * (_entries(examples, outputs, full) / 2 * each + examples / 2 * inputs)
