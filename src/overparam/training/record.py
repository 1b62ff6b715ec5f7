"""The values of a stack over its probe times, who has ended where, and which checkpoints were asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Float64

from overparam.core.errors import UsageError
from overparam.training.member import Checkpoint, Member, Trained
from overparam.training.numbers import number, whole
from overparam.training.recipe import Recipe


@dataclass(frozen=True)
class Keep:
    """When to keep a checkpoint: at a step, or at the first probe time at which a value is at most a level.

    Attributes:
        step: the step; it becomes a probe time.
        value: name of a measured number, such as ``train_loss``, or that of a probe.
        at_most: the level.

    Raises:
        UsageError: neither, or both.
    """

    step: int | None = None
    value: str = ""
    at_most: float | None = None

    def __post_init__(self) -> None:
        """Check that one of the two is given."""
        named = isinstance(self.value, str) and self.value != "" and self.at_most is not None
        either = not named if self.step is None else self.value != "" or self.at_most is not None
        if either:
            raise UsageError(
                "keep: expected Keep(step=100) or Keep(value='train_loss', at_most=0.1), got "
                f"step={self.step!r}, value={self.value!r}, at_most={self.at_most!r}."
            )
        if self.step is not None:
            whole("keep: step", self.step, 0)
        else:
            number("keep: at_most", self.at_most)


def checked_keep(keep: object) -> dict[str, Keep]:
    """What is to be kept, by name.

    Args:
        keep: a mapping from names to :class:`Keep`, or None.

    Raises:
        UsageError: something else.
    """
    if keep is None:
        return {}
    if not isinstance(keep, Mapping):
        raise UsageError(f"keep: expected Keep(...) by name in a dict, got {type(keep).__name__}.")
    for name, rule in keep.items():
        if not isinstance(name, str) or not isinstance(rule, Keep):
            raise UsageError(
                f"keep: expected Keep(...) by name, got {type(rule).__name__} as {name!r}. For instance "
                "{'fitted': Keep(value='train_loss', at_most=0.1)}."
            )
    return dict(keep)


def due_times(recipe: Recipe, keep: Mapping[str, Keep], begun: int) -> tuple[int, ...]:
    """The steps at which a run is measured, from the one at which it begins.

    Args:
        recipe: the recipe.
        keep: checkpoints that are asked for; their steps are among the times.
        begun: step at which the run begins.

    Raises:
        UsageError: a checkpoint at a step that the run does not reach.
    """
    for name, rule in keep.items():
        if rule.step is not None and not begun <= rule.step <= recipe.steps:
            raise UsageError(
                f"keep: expected a step from {begun} to {recipe.steps} as '{name}', got {rule.step}."
            )
    asked = {rule.step for rule in keep.values() if rule.step is not None}
    return (begun, *sorted(t for t in {*recipe.times, *asked} if t > begun))


@final
class Record:
    """The values of all members over the probe times, and who has ended where."""

    def __init__(
        self, members: Sequence[Member], recipe: Recipe, times: Sequence[int], keep: Mapping[str, Keep]
    ) -> None:
        """Begin before the first probe time."""
        self._members, self._recipe, self._times, self._keep = members, recipe, times, keep
        self._lines: dict[str, Float64[np.ndarray, "members times ..."]] = {}
        self._row = 0
        self._stopped: dict[int, int] = {}
        self._diverged: dict[int, int] = {}
        self.ends: dict[int, Checkpoint] = {}
        self.kept: dict[int, dict[str, Checkpoint]] = {i: {} for i in range(len(members))}

    @property
    def all_ended(self) -> bool:
        """Whether every member has stopped or diverged."""
        return len(self._stopped) + len(self._diverged) == len(self._members)

    def add(self, found: Mapping[str, Float64[np.ndarray, "members ..."]]) -> list[int]:
        """Note one probe time; return the members that ended at it."""
        if not self._row:
            self._check_names(found)
        time = self._times[self._row]
        running = [i for i in range(len(self._members)) if i not in self._stopped and i not in self._diverged]
        for name, values in found.items():
            # Later times are filled in advance: what a stopped member shows from here on.
            shape = (len(self._members), len(self._times), *values.shape[1:])
            line = self._lines.setdefault(name, np.full(shape, np.nan))
            line[running, self._row :] = values[running, None]
        self._row += 1
        ended = []
        for i in running:
            if not np.isfinite(found["train_loss"][i]):
                self._diverged[i] = time
                for line in self._lines.values():
                    line[i, self._row - 1 :] = np.nan
            elif self._meets(found, i):
                self._stopped[i] = time
            else:
                continue
            ended.append(i)
        return ended

    def to_keep(
        self, found: Mapping[str, Float64[np.ndarray, "members ..."]], time: int
    ) -> dict[str, list[int]]:
        """By the name of what is kept, the members whose checkpoint is due at the probe time just noted."""
        due: dict[str, list[int]] = {}
        for name, rule in self._keep.items():
            open_ = [
                i for i in self.kept if name not in self.kept[i] and self._diverged.get(i, time + 1) > time
            ]
            if rule.step is not None:
                met = [i for i in open_ if rule.step == time and self._stopped.get(i, time) >= time]
            else:
                met = [
                    i
                    for i in open_
                    if found[rule.value][i] <= rule.at_most and self._stopped.get(i, time) >= time
                ]
            if met:
                due[name] = met
        return due

    def _check_names(self, found: Mapping[str, Float64[np.ndarray, "members ..."]]) -> None:
        asked = [("keep: " + name, rule.value) for name, rule in self._keep.items() if rule.value]
        if self._recipe.stop_error is not None:
            asked.append(("stop_error", "train_error"))
        for what, name in asked:
            if name not in found or found[name].ndim > 1:
                got = "a vector" if name in found else "nothing of that name"
                raise UsageError(f"{what}: expected '{name}' among the measured numbers, got {got}.")

    def _meets(self, found: Mapping[str, Float64[np.ndarray, "members ..."]], i: int) -> bool:
        rules = (("train_error", self._recipe.stop_error), ("train_loss", self._recipe.stop_loss))
        return any(limit is not None and found[name][i] <= limit for name, limit in rules)

    def trained(self) -> tuple[Trained, ...]:
        """One run a member."""
        steps = np.asarray(self._times, np.int64)
        return tuple(
            Trained(
                member.seed,
                steps,
                {name: line[i].copy() for name, line in self._lines.items()},
                self._diverged.get(i),
                self._stopped.get(i),
                self.ends.get(i),
                self.kept[i],
            )
            for i, member in enumerate(self._members)
        )
