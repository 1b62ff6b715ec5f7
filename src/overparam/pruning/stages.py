"""Iterative pruning through densities that are given: one arm a round."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from overparam.core.checked import real, shown
from overparam.core.errors import UsageError
from overparam.pruning.rounds import Arm
from overparam.pruning.share import densities_in

OUTPUT = "output"  # name of the last layer in this package's networks


def stages(densities: Sequence[float], *, output: float = 1.0, criterion: str = "large_final") -> list[Arm]:
    """Arms for :func:`~overparam.pruning.iterative.next_round`, one a round, that lead from all weights through densities.

    Args:
        densities: of every layer after each round, falling.
        output: the density of the last layer is the others' to this power: 1 the same, ``log(0.9)/log(0.8) = 0.472`` where
            a round takes a tenth of it and a fifth of the others; above 0, at most 1.
        criterion: which weights are kept.

    Raises:
        UsageError: densities that are none, or do not fall, or a power that is not above 0 and at most 1.

    >>> [round(arm.keep, 3) for arm in stages((0.5, 0.2))], dict(stages((0.5,), output=0.5)[0].rates)
    ([0.5, 0.4], {'output': 0.7071067811865476})
    """
    falling = densities_in(densities, falling=True)
    power = real(output)
    if not 0 < power <= 1:
        raise UsageError(f"output: expected a power above 0, at most 1, got {shown(output)}.")
    keeps = [b / a for a, b in zip((1.0, *falling), falling, strict=False)]
    return [Arm("ticket", criterion, keep, rates={OUTPUT: keep**power}) for keep in keeps]


def steps_to(
    densities: Sequence[float], rates: Mapping[str, float] | None = None
) -> list[tuple[float, dict[str, float]]]:
    """The share of the kept weights that each pruning leaves, and that of layers of their own.

    A layer of its own ends at its density at the last of them, and falls by equal powers on the way.

    Args:
        densities: of every layer after each pruning, falling.
        rates: last densities of layers of their own, by pattern.

    Raises:
        UsageError: densities that are none, or do not fall.

    >>> [(round(keep, 3), {k: round(v, 3) for k, v in own.items()}) for keep, own in steps_to((0.5, 0.25), {"output": 0.5})]
    [(0.5, {'output': 0.707}), (0.5, {'output': 0.707})]
    """
    falling = densities_in(densities, falling=True)
    last = math.log(falling[-1])
    found = []
    for before, after in zip((1.0, *falling), falling, strict=False):
        keep = after / before
        found.append(
            (keep, {pattern: rate ** (math.log(keep) / last) for pattern, rate in (rates or {}).items()})
        )
    return found
