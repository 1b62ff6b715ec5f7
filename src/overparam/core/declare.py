"""Profiles, charts and the study itself, with defaults that follow from the axes. Standard library only."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from overparam.core.errors import UsageError, nearest
from overparam.core.parts import Axis, Chart, Hero, Profile, Series, Study, XAxis
from overparam.core.sources import source
from overparam.core.statements import Claim


def profiles(base: Mapping[str, Any], /, **given: tuple[str, Mapping[str, Any]]) -> dict[str, Profile]:
    """Profiles as changes to common values; a single value stands for a tuple of one.

    Args:
        base: axis to its values, common to all profiles.
        given: name of a profile to its sentence and its changes.

    >>> profiles({"seed": (0, 1)}, quick=("a look", {"width": (8, 16), "noise": 0.2}))["quick"].axes
    {'seed': (0, 1), 'width': (8, 16), 'noise': (0.2,)}
    """

    def values(changes: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
        return {k: v if isinstance(v, tuple) else (v,) for k, v in {**base, **changes}.items()}

    return {name: Profile(text, values(changes)) for name, (text, changes) in given.items()}


def chart(
    name: str, title: str, unit: str, metrics: Mapping[str, str] | Sequence[Series], *,
    x: Mapping[str, str], arm: tuple[str, str] = ("", ""), note: str = "", frame: tuple[str, str] = ("", ""),
    **more: Any,
) -> Chart:  # fmt: skip
    """One chart.

    Args:
        name: short name.
        title: heading.
        unit: title of the vertical axis with its unit; ``log `` before it makes the axis logarithmic.
        metrics: metric to its label; a label that starts with ``-`` is drawn dashed. Or series, where each has cells of
            its own.
        x: horizontal axes, name to title; ``lin `` before a title makes the axis linear.
        arm: an axis with one set of lines a value, and its heading.
        note: a sentence under the chart.
        frame: an axis, or a list inside the cells as long as those drawn, that a slider runs through, and its heading.
        more: other fields of :class:`~overparam.core.parts.Chart`.
    """
    series = (
        tuple(Series(m, label.removeprefix("-"), label.startswith("-")) for m, label in metrics.items())
        if isinstance(metrics, Mapping)
        else tuple(metrics)
    )
    axes = tuple(
        XAxis(name, title.removeprefix("lin "), not title.startswith("lin ")) for name, title in x.items()
    )
    return Chart(
        name, title, axes, unit.removeprefix("log "), series,
        **{"y_log": unit.startswith("log "), "arm": arm[0], "arm_title": arm[1], "note": note, "frame": frame[0],
           "frame_title": frame[1], **more},
    )  # fmt: skip


def charts(
    x: Mapping[str, str], arm: tuple[str, str] = ("", ""), /, **given: tuple[Any, ...]
) -> tuple[Chart, ...]:
    """Charts that share their axes, one a keyword: ``(title, unit, {metric: label}[, note][, {more}])``.

    Underscores in a name become dashes. The last entry may hold other fields of a chart, ``x`` and ``arm`` included.
    """
    made = []
    for name, (title, unit, metrics, *rest) in given.items():
        note = next((one for one in rest if isinstance(one, str)), "")
        more = next((one for one in rest if isinstance(one, Mapping)), {})
        made.append(
            chart(name.replace("_", "-"), title, unit, metrics, **{"x": x, "arm": arm, "note": note, **more})
        )
    return tuple(made)


def study(
    *,
    x: str,
    axes: Sequence[Axis],
    claims: Sequence[Claim],
    sources: Sequence[str | Any],
    values: Sequence[str],
    **more: Any,
) -> Study:
    """A study; what it does not say follows from its axes.

    Args:
        x: the axis, or list among a cell's values, along which lines run.
        axes: its parameters, ``seed`` and ``data`` among them.
        claims: what is judged.
        sources: keys of ``studies/sources.bib``, or :class:`~overparam.core.parts.Source` objects of your own.
        values: names of everything that the work returns.
        more: the other fields of :class:`~overparam.core.parts.Study`; ``stack_by`` is by default every axis but
            the seed.

    Raises:
        UsageError: a field that a study does not have, or a hero picture that is none of its charts.
    """
    listed = {name: more.get(name, ()) for name in ("stack_by", "stack_whole")}
    for name, given in (("values", values), *listed.items()):
        if isinstance(given, str):
            raise UsageError(f"study: expected several names for {name}, got '{given}'. Write ('{given}',).")
    allowed = inspect.signature(Study).parameters
    for name in more:
        if name not in allowed:
            raise UsageError(f"study: unexpected field '{name}'.{nearest(name, allowed)}")
    if more.get("hero"):
        _check_hero(more["hero"], more.get("charts", ()))
    caller = inspect.currentframe()
    more.setdefault("file", caller.f_back.f_code.co_filename if caller and caller.f_back else "")
    more.setdefault("stack_by", tuple(axis.name for axis in axes if axis.name != "seed"))
    if more.get("formerly"):
        names, was = {axis.name for axis in axes}, more["formerly"]
        apart = tuple({key: value for key, value in one.items() if key not in names} for one in was.also)
        more["formerly"] = replace(was, also=apart)
    return Study(
        axes=tuple(axes),
        claims=tuple(replace(claim, x=claim.x or x) for claim in claims),
        sources=tuple(source(one) if isinstance(one, str) else one for one in sources),
        values=tuple(values),
        **more,
    )


def _check_hero(hero: Hero, charts: Sequence[Chart]) -> None:
    """Raise UsageError where the hero picture or one of its metrics is not there."""
    chart = next((one for one in charts if one.name == hero.chart), None)
    if chart is None:
        names = [one.name for one in charts]
        raise UsageError(f"hero: expected one of the charts, got '{hero.chart}'.{nearest(hero.chart, names)}")
    known = [one.metric for one in chart.series]
    for metric in (*hero.fit, *hero.toggled):
        if metric not in known:
            raise UsageError(f"hero: '{metric}' is not drawn in '{hero.chart}'.{nearest(metric, known)}")
    if hero.toggled and not hero.toggle:
        raise UsageError("hero: expected words for the button that shows what is toggled. Set toggle.")
