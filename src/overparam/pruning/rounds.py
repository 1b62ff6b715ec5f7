"""What iterative pruning is made of: arms, and rounds of one line a seed and arm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from overparam.core.checked import count, shown
from overparam.core.errors import UsageError
from overparam.models.network import PyTree
from overparam.pruning.actions import Action, action_of
from overparam.pruning.criteria import Criterion, criterion_of
from overparam.pruning.held import Held, Hold, hold_of
from overparam.pruning.mask import Mask
from overparam.pruning.select import SCOPES
from overparam.pruning.shape import Shape
from overparam.pruning.share import density_of
from overparam.training import Checkpoint, Trained

SEEDS = 2**32 - 1  # the largest seed of a key
DENSE = "dense"  # the arm of the first round


@dataclass(frozen=True)
class Arm:
    """One way to prune, for all seeds.

    Attributes:
        name: its name.
        criterion: which weights are kept, see :func:`~overparam.pruning.criteria.criterion_of`.
        keep: the share of the kept weights that a round leaves, see :func:`~overparam.pruning.select.select`.
        scope: ``layer``, ``global`` or ``even``.
        rates: shares of layers of their own, by pattern.
        leave: patterns of layers that are not pruned.
        mask1: what kept weights start a round with, see :func:`~overparam.pruning.actions.action_of`.
        mask0: what becomes of pruned weights, see :func:`~overparam.pruning.held.hold_of`.

    Raises:
        UsageError: an unknown name, a number that is no density, or a name that is empty or that of the dense run.
    """

    name: str = "ticket"
    criterion: str | Criterion = "large_final"
    keep: float = 0.8
    scope: str = "layer"
    rates: Mapping[str, float] = field(default_factory=dict, hash=False)
    leave: tuple[str, ...] = ()
    mask1: str | Action = "rewind"
    mask0: str | Hold = "zero"

    def __post_init__(self) -> None:
        """Check every name and number."""
        if not isinstance(self.name, str) or not self.name or self.name == DENSE:
            raise UsageError(f"arms: expected a name other than '{DENSE}', got {shown(self.name)}.")
        criterion_of(self.criterion)
        action_of(self.mask1)
        hold_of(self.mask0)
        density_of(self.keep, "keep")
        if not isinstance(self.leave, str | tuple | list):
            raise UsageError(
                f"leave: expected names of layers in a tuple, such as ('output',), got {shown(self.leave)}."
            )
        if not isinstance(self.rates, Mapping):
            raise UsageError(
                f"rates: expected densities by layer, such as {{'output': 0.9}}, got {shown(self.rates)}."
            )
        for pattern, rate in self.rates.items():
            density_of(rate, f"rates: {pattern}")
        if not isinstance(self.scope, str) or self.scope not in SCOPES:
            raise UsageError(f"scope: expected one of {', '.join(SCOPES)}, got {shown(self.scope)}.")


@dataclass(frozen=True, eq=False)
class Line:
    """One member of a round: a seed in an arm.

    Attributes:
        seed: its seed.
        arm: name of the arm; ``dense`` in the first round, which all arms share.
        held: mask, values of pruned weights, and the weights that the round began with.
        point: the weights to which rounds go back: those of the first run at step ``rewind``.
        run: what training gave: values at the probe times, and the checkpoint at the end.
    """

    seed: int
    arm: str
    held: Held
    point: PyTree
    run: Trained

    @property
    def mask(self) -> Mask:
        """Which weights were kept."""
        return self.held.mask

    @property
    def start(self) -> PyTree:
        """The weights that the round began with."""
        return self.held.start

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The end of the run."""
        return self.run.checkpoint


@dataclass(frozen=True, eq=False)
class Round:
    """The members of all seeds and arms after as many prunings.

    Attributes:
        number: how often was pruned.
        lines: one a seed and arm.
        lost: seeds and arms that went no further, because their run before had diverged.
        rewind: step of the dense run to whose weights rounds go back; no other was kept.
        shape: the shape in which they were trained.
    """

    number: int
    lines: tuple[Line, ...]
    lost: tuple[tuple[int, str], ...] = ()
    rewind: int = 0
    shape: Shape = field(default_factory=Shape)

    @property
    def masks(self) -> tuple[Mask, ...]:
        """One a line."""
        return tuple(line.mask for line in self.lines)

    @property
    def checkpoints(self) -> tuple[Checkpoint | None, ...]:
        """The end of every line's run."""
        return tuple(line.checkpoint for line in self.lines)

    def values(self, name: str, at: int = -1) -> dict[tuple[int, str], float]:
        """A measured number by seed and arm.

        Args:
            name: such as ``test_error`` or ``train_loss``.
            at: which probe time; by default the last.

        Raises:
            UsageError: nothing of that name was measured, or not so often.
        """
        found = {}
        for line in self.lines:
            if name not in line.run.values:
                known = ", ".join(line.run.values)
                raise UsageError(f"values: expected one of {known}, got {shown(name)}.")
            own = np.asarray(line.run.values[name])
            if isinstance(at, bool) or not isinstance(at, int | np.integer) or not -len(own) <= at < len(own):
                raise UsageError(f"at: expected a probe time from 0 to {len(own) - 1}, got {shown(at)}.")
            found[line.seed, line.arm] = float(own[at])
        return found


def arms_of(arms: Any) -> dict[str, Arm]:
    """Arms by name.

    Args:
        arms: one, or several with different names.

    Raises:
        UsageError: something else.
    """
    given = (arms,) if isinstance(arms, Arm) else arms
    if (
        not isinstance(given, Sequence)
        or not given
        or not all(isinstance(one, Arm) for one in given)
        or len({one.name for one in given}) < len(given)
    ):
        raise UsageError(
            f"arms: expected Arm(name, ...) in a list, each with a name of its own, got {shown(arms)}."
        )
    return {one.name: one for one in given}


def seeds_of(seeds: Any) -> tuple[int, ...]:
    """Seeds in a list, at least one, each once.

    Args:
        seeds: whole numbers in a list, a tuple, a range or an array with one axis.

    Raises:
        UsageError: something else.

    >>> seeds_of(range(3))
    (0, 1, 2)
    """
    given = seeds.tolist() if isinstance(seeds, np.ndarray) else seeds
    try:
        found = tuple(count(one, "seeds", 0, SEEDS) for one in given)
    except (TypeError, UsageError):
        found = ()
    if isinstance(given, str | Mapping | set) or not 0 < len(found) == len(set(found)):
        raise UsageError(
            f"seeds: expected whole numbers from 0 to {SEEDS} in a list, at least one, each once, got {shown(seeds)}."
        )
    return found
