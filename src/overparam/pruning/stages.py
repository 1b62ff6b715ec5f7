"""Iterative pruning through densities that are given: one arm a round."""

from __future__ import annotations

from collections.abc import Sequence

from overparam.core.checked import real, shown
from overparam.core.errors import UsageError
from overparam.pruning.rounds import Arm
from overparam.pruning.share import density_of

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
    if isinstance(densities, str) or not isinstance(densities, Sequence):
        raise UsageError(f"densities: expected numbers in a list, got {shown(densities)}.")
    falling = [density_of(one, "densities") for one in densities]
    if not falling or any(b >= a for a, b in zip([1.0, *falling], falling, strict=False)):
        raise UsageError(f"densities: expected numbers that fall, below 1, got {shown(densities)}.")
    power = real(output)
    if not 0 < power <= 1:
        raise UsageError(f"output: expected a power above 0, at most 1, got {shown(output)}.")
    keeps = [b / a for a, b in zip([1.0, *falling], falling, strict=False)]
    return [Arm("ticket", criterion, keep, rates={OUTPUT: keep**power}) for keep in keeps]
