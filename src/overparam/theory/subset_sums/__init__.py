"""Subset sums of random numbers: their exact worst gap, and the pruning of random networks that rests on it."""

import numpy as np

from overparam.theory.assumption import Assumption, checked
from overparam.theory.subset_sums.gap import WorstGap, items_of, worst_gap
from overparam.theory.subset_sums.laws import (
    LUEKER,
    MALACH,
    PENSIA,
    AskedWidth,
    ItemsAsked,
    Law,
    asked_width,
    items_asked,
    items_assumptions,
    measured_law,
    own_layer_width,
    width_assumptions,
)
from overparam.theory.subset_sums.match import Matched, match_by_pruning
from overparam.theory.subset_sums.nearest import NearestSums, nearest_sums
from overparam.theory.subset_sums.plan import Plan, drawn, plan
from overparam.theory.theorem import Theorem

__all__ = [
    "AskedWidth",
    "ItemsAsked",
    "Law",
    "Matched",
    "NearestSums",
    "Plan",
    "WorstGap",
    "asked_width",
    "drawn",
    "items_asked",
    "match_by_pruning",
    "measured_law",
    "nearest_sums",
    "own_layer_width",
    "plan",
    "worst_gap",
]

_ITEMS = np.cos(np.arange(1.0, 17.0) ** 2)


def _gap_assumptions(items: object, **_: object) -> tuple[Assumption, ...]:
    values = items_of(items)  # type: ignore[arg-type]
    return (
        checked("items", "There are at most 40 finite numbers.", True, f"{len(values)} numbers"),
        Assumption("random", "For the theorem they are independent draws from U[-1, 1]; the gap is exact for any.",
                   "unchecked", "only numbers are given here"),
    )  # fmt: skip


THEOREMS = (
    Theorem("subset-sum-gap", worst_gap, {"items": _ITEMS}, _gap_assumptions, LUEKER),
    Theorem("random-subset-sum", items_asked, {"eps": (0.1, 0.01, 0.001)}, items_assumptions, LUEKER),
    Theorem("pruned-random-width", asked_width, {"widths": (64, 100, 10), "eps": 0.01}, width_assumptions,
            f"{PENSIA} {MALACH}"),
)  # fmt: skip
