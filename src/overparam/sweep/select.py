"""From a study, a profile and overrides to the values of every axis, and from those to cells."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from overparam.core import Axis, Study, data_name
from overparam.core.commands import command, reference_of
from overparam.core.errors import UsageError, unknown
from overparam.core.looks import FIRST_PILOT
from overparam.sweep.key import shown_probes, slug


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
        changed = {**self.changed, **shown_probes(self.changed)}
        shown = {k: _short(map(data_name.shown, v) if k == "data" else v) for k, v in changed.items()}
        own = any(data_name.shown(name) != name for name in changed.get("data", ()))
        return f"{self.profile}+{slug(shown, whole=changed, hashed=own)}"

    @property
    def overrides(self) -> dict[str, str]:
        """What to write after ``--option`` to change the profile in the same way."""
        changed = {**self.changed, **shown_probes(self.changed)}
        plan = self.study.profiles[self.profile].axes.get("seed", (0,))
        return {self.study.axis(name).option: _text(name, values, plan) for name, values in changed.items()}

    def cells(self) -> list[dict[str, Any]]:
        """Return the parameters of every cell, in the order of the axes."""
        choices = [
            [self.axes[axis.name]] if axis.inside_cell else self.axes[axis.name] for axis in self.study.axes
        ]
        names = [axis.name for axis in self.study.axes]
        return [dict(zip(names, values, strict=True)) for values in itertools.product(*choices)]


def select(study: Study, profile: str, overrides: Mapping[str, Any] | None = None) -> Selection:
    """Resolve a profile and overrides.

    Args:
        study: the study.
        profile: one of its profiles.
        overrides: by axis name or option name: a value, a sequence, or text such as ``9,16,27``. A single
            whole number for the seeds is their count, from the profile's first seed on; ``7,`` is seed 7 alone.

    Raises:
        UsageError: an unknown profile or axis, or a value outside its range.
    """
    if profile not in study.profiles:
        raise unknown("profile", profile, study.profiles, f"Choose one with --profile for '{study.name}'.")
    given_axes = study.profiles[profile].axes
    axes = {
        axis.name: tuple(axis.check(v) for v in given_axes.get(axis.name, _default(axis)))
        for axis in study.axes
    }
    by_name = {key: axis for axis in study.axes for key in (axis.name, axis.option)}
    seen: set[str] = set()
    changed: dict[str, tuple[Any, ...]] = {}
    for key, given in (overrides or {}).items():
        axis = by_name.get(key.replace("_", "-")) or by_name.get(key)
        if axis is None:
            raise unknown(
                "option", f"--{key}", [f"--{a.option}" for a in study.axes],
                f"See `{command('ls', reference_of(study))}` for what each axis of '{study.name}' means.",
            )  # fmt: skip
        if axis.name in seen:
            raise UsageError(f"--{axis.option}: expected it once, got it twice (also as '{key}').")
        seen.add(axis.name)
        values = _values(axis, given, axes["seed"])
        if values != tuple(axes[axis.name]):
            changed[axis.name] = values
    profile_axes = dict(axes)
    axes.update(changed)
    return Selection(study, profile, axes, changed, _mark(changed, profile_axes))


def _default(axis: Axis) -> tuple[Any, ...]:
    return axis.default if axis.inside_cell and isinstance(axis.default, tuple) else (axis.default,)


def _mark(changed: Mapping[str, tuple[Any, ...]], profile: Mapping[str, tuple[Any, ...]]) -> str:
    rest = {k: v for k, v in changed.items() if not (k == "data" and set(v) <= set(profile["data"]))}
    if not rest:
        return ""
    if set(rest) == {"seed"} and set(rest["seed"]) > set(profile["seed"]):
        return "extended"
    return "exploratory"


def _values(axis: Axis, given: Any, plan: Sequence[int] = (0,)) -> tuple[Any, ...]:
    if isinstance(given, str):
        items: Sequence[Any] = data_name.names_in(given) if axis.name == "data" else _split(given)
    elif isinstance(given, Iterable):
        items = list(given)
    else:
        items = [given]
    counted = not isinstance(given, list | tuple) and "," not in str(given)
    if axis.name == "seed" and len(items) == 1 and counted:
        return _so_many(axis, items[0], plan[0])
    values = tuple(dict.fromkeys(axis.check(item) for item in items))
    if not values:
        raise UsageError(f"--{axis.option}: expected {axis.expected}, got nothing. {axis.help}")
    return tuple(sorted(values)) if axis.kind is not str else values


def _so_many(axis: Axis, given: Any, first: int) -> tuple[int, ...]:
    count = Axis("count", "A single number is the count of seeds.", int, flag=axis.option, low=1).check(given)
    if first < FIRST_PILOT < first + count:
        raise UsageError(
            f"--{axis.option}: expected a count of at most {FIRST_PILOT - first}, from seed {first} on, got {count}, which "
            f"reaches the pilot seeds ({FIRST_PILOT} and up). For the one seed {count} write {count}, with a comma; for more "
            "seeds list them."
        )
    return tuple(range(first, first + count))


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _short(given: Iterable[Any]) -> str:
    values = tuple(given)
    if (
        len(values) > 3
        and all(isinstance(v, int) for v in values)
        and values == tuple(range(values[0], values[-1] + 1))
    ):
        return f"{values[0]}-to-{values[-1]}"
    return "-".join(str(v) for v in values)


def _text(name: str, values: tuple[Any, ...], plan: Sequence[int]) -> str:
    if name == "seed" and values == tuple(range(plan[0], plan[0] + len(values))):
        return str(len(values))
    return ",".join(str(v) for v in values) + ("," if name == "seed" and len(values) == 1 else "")
