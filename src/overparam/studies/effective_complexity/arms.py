"""The settings that the study compares: a base, one change each, and the searches for EMC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Arm:
    """One setting.

    Attributes:
        label: what a person reads.
        noisy: whether training labels are replaced at the study's rate.
        samples: training samples in units of the study's n.
        steps: training steps in units of the study's.
        augmented: whether each sample comes with shifted copies.
        redrawn: whether everything random is drawn with seeds of its own.
        search: whether the cell searches for EMC at a few widths; else it trains every width on n samples.
    """

    label: str
    noisy: bool = True
    samples: int = 1
    steps: int = 1
    augmented: bool = False
    redrawn: bool = False
    search: bool = False


ARMS: Mapping[str, Arm] = {
    "base": Arm("base: label noise, n samples, T steps"),
    "clean": Arm("clean labels", noisy=False),
    "samples": Arm("2n samples, T steps", samples=2),
    "samples-epochs": Arm("2n samples, 2T steps", samples=2, steps=2),
    "shifted": Arm("with shifted copies", augmented=True),
    "epochs": Arm("4T steps", steps=4),
    "repeat": Arm("base with other seeds", redrawn=True),
    "emc": Arm("label noise, T steps", search=True),
    "emc-clean": Arm("clean labels, T steps", noisy=False, search=True),
    "emc-epochs": Arm("label noise, 4T steps", steps=4, search=True),
}
SIZES = tuple(name for name, arm in ARMS.items() if not arm.search)
SEARCHES = tuple(name for name, arm in ARMS.items() if arm.search)
