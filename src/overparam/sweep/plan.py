"""From a study, a profile and overrides to cells, and from cells to stacks.

The plan is a pure function of the resolved parameters and the memory budget: it looks at no result.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from overparam.errors import UsageError, unknown
from overparam.study import Axis, Params, Study
from overparam.sweep.key import slug

DEFAULT_MEMORY = 4e9


@dataclass(frozen=True)
class Selection:
    """What is to be run: a study, the profile it starts from, and the value or values of every axis.

    Attributes:
        study: the study.
        profile: name of the profile.
        axes: values of every axis.
        changed: the axes whose values are not the profile's, as given.
        mark: empty, ``extended`` (only seeds added) or ``exploratory``.
    """

    study: Study
    profile: str
    axes: Mapping[str, tuple[Any, ...]]
    changed: Mapping[str, tuple[Any, ...]]
    mark: str

    @property
    def run(self) -> str:
        """Name of the run: the profile, and what was changed."""
        if not self.changed:
            return self.profile
        text = {k: _short(v) for k, v in self.changed.items()}
        return f"{self.profile}+{slug(text)}"

    @property
    def overrides(self) -> dict[str, str]:
        """What to write after ``--option`` to change the profile in the same way."""
        return {self.study.axis(name).option: _text(name, values) for name, values in self.changed.items()}

    def cells(self) -> list[dict[str, Any]]:
        """Return the parameters of every cell, in the order of the axes."""
        choices = [[self.axes[axis.name]] if axis.curve else self.axes[axis.name] for axis in self.study.axes]
        names = [axis.name for axis in self.study.axes]
        return [dict(zip(names, values, strict=True)) for values in itertools.product(*choices)]


@dataclass(frozen=True)
class Stack:
    """Cells that one worker runs at a time, with their expected cost."""

    cells: tuple[Params, ...]
    seconds: float
    bytes: float


def select(study: Study, profile: str, overrides: Mapping[str, Any] | None = None) -> Selection:
    """Resolve a profile and overrides.

    Args:
        study: the study.
        profile: one of its profiles.
        overrides: by axis name or option name: a value, a sequence, or text such as ``9,16,27``. A single
            whole number for the seeds is their count: ``10`` means seeds 0 to 9, and ``7,`` seed 7 alone.

    Raises:
        UsageError: an unknown profile or axis, or a value outside its range.
    """
    if profile not in study.profiles:
        raise unknown("profile", profile, study.profiles, f"Choose one with --profile for '{study.name}'.")
    axes = {axis.name: study.profiles[profile].axes.get(axis.name, (axis.default,)) for axis in study.axes}
    by_name = {key: axis for axis in study.axes for key in (axis.name, axis.option)}
    changed: dict[str, tuple[Any, ...]] = {}
    for key, given in (overrides or {}).items():
        axis = by_name.get(key.replace("_", "-")) or by_name.get(key)
        if axis is None:
            raise unknown(
                "option", f"--{key}", [f"--{a.option}" for a in study.axes],
                f"See `overparam ls {study.name}` for what each axis of '{study.name}' means.",
            )  # fmt: skip
        values = _values(axis, given)
        if values != tuple(axes[axis.name]):
            changed[axis.name] = values
    profile_axes = dict(axes)
    axes.update(changed)
    return Selection(study, profile, axes, changed, _mark(changed, profile_axes))


def _mark(changed: Mapping[str, tuple[Any, ...]], profile: Mapping[str, tuple[Any, ...]]) -> str:
    rest = {k: v for k, v in changed.items() if not (k == "data" and set(v) <= set(profile["data"]))}
    if not rest:
        return ""
    if set(rest) == {"seed"} and set(rest["seed"]) > set(profile["seed"]):
        return "extended"
    return "exploratory"


def _values(axis: Axis, given: Any) -> tuple[Any, ...]:
    if isinstance(given, str):
        items: Sequence[Any] = [part.strip() for part in given.split(",") if part.strip()]
    elif isinstance(given, Iterable):
        items = list(given)
    else:
        items = [given]
    counted = not isinstance(given, list | tuple) and "," not in str(given)
    if axis.name == "seed" and len(items) == 1 and counted:
        count = Axis("seed", "A single number is the count of seeds.", int, flag=axis.option, low=1)
        return tuple(range(count.check(items[0])))
    values = tuple(dict.fromkeys(axis.check(item) for item in items))
    if not values:
        raise UsageError(f"--{axis.option}: expected {axis.expected}, got nothing. {axis.help}")
    return tuple(sorted(values)) if axis.kind is not str else values


def stacks(study: Study, cells: Iterable[Params], memory: float = DEFAULT_MEMORY) -> list[Stack]:
    """Group cells into stacks that agree on ``study.stack_by`` and fit the memory budget, dearest first.

    Args:
        study: the study.
        cells: parameters of the cells.
        memory: bytes that one stack may take.

    Raises:
        UsageError: one cell alone is expected to exceed the budget.
    """
    groups: dict[tuple[Any, ...], list[Params]] = {}
    for cell in cells:
        groups.setdefault(tuple(cell[name] for name in study.stack_by), []).append(cell)
    planned = []
    for group in groups.values():
        cost = study.estimate(group[0])
        if cost.bytes > memory:
            raise UsageError(
                f"one cell of '{study.name}' is expected to need {cost.bytes / 1e9:.1f} GB, "
                f"got a budget of {memory / 1e9:.1f} GB a worker. Use fewer workers, smaller sizes, or --memory."
            )
        size = max(1, min(study.stack_limit, int(memory // max(cost.bytes, 1.0))))
        for start in range(0, len(group), size):
            part = tuple(group[start : start + size])
            estimates = [study.estimate(cell) for cell in part]
            planned.append(Stack(part, sum(e.seconds for e in estimates), sum(e.bytes for e in estimates)))
    return sorted(planned, key=lambda stack: -stack.seconds)


def _short(values: tuple[Any, ...]) -> str:
    if (
        len(values) > 3
        and all(isinstance(v, int) for v in values)
        and values == tuple(range(values[0], values[-1] + 1))
    ):
        return f"{values[0]}-to-{values[-1]}"
    return "-".join(str(v) for v in values)


def _text(name: str, values: tuple[Any, ...]) -> str:
    if name == "seed" and values == tuple(range(len(values))):
        return str(len(values))
    return ",".join(str(v) for v in values) + ("," if name == "seed" and len(values) == 1 else "")
