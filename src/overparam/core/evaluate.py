"""The operations of the vocabulary, computed: each takes the view and its operands.

Lines are arrays ``(seeds, points)``, numbers ``(seeds,)``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from overparam.core import lines as read
from overparam.core.arms import Arm
from overparam.core.errors import MissingEvidence, UsageError
from overparam.core.expression import Expression
from overparam.core.expressions import Line, Number
from overparam.core.places import Grid, Place, Region
from overparam.core.stats import argmax_within, leave_one_out
from overparam.core.view import OPS, Array, Row, Sample, View, along, index, mask, places_of, shared, unpaired


def _op(function: Callable[..., Any]) -> Callable[..., Any]:
    OPS[function.__name__.strip("_")] = function
    return function


def _peak(y: Array, log: bool) -> Array:
    top, _ = leave_one_out(np.log(y) if log else y, argmax_within(np.ones(y.shape[1], dtype=bool)))
    return np.exp(top) if log else top


def _climb(y: Array, factor: bool) -> Array:
    if y.shape[1] < 2:
        raise MissingEvidence("a climb needs two points, got one. Add more values along x.")
    return np.exp(read.largest_climb(np.log(y))[0]) if factor else read.largest_climb(y)[0]


_OF_ONE_LINE: dict[str, Callable[..., Any]] = {
    "smoothed": read.smoothed,
    "backwards": lambda y: y[:, ::-1],
    "times": lambda y, factor: y * factor,
    "largest": lambda y: y[:, int(y.mean(axis=0).argmax())],
    "lowest": lambda y: y[:, int(y.mean(axis=0).argmin())],
    "top": lambda y: y.max(axis=1),
    "bottom": lambda y: y.min(axis=1),
    "average": lambda y: y.mean(axis=1),
    "peak": _peak,
    "peak_place": lambda y, grid: y.argmax(axis=1),
    "climb": _climb,
}
_OF_A_LEFT_PART: dict[str, Callable[..., Any]] = {
    "hump_low": lambda y, left: read.minimum_peak_end(y, left)[0],
    "hump_top": lambda y, left: read.minimum_peak_end(y, left)[1],
    "hump_floor": read.left_minimum,
    "hump_place": read.peak_places,
    "hump_step": read.peak_places,
}


def _one_line(function: Callable[..., Any]) -> Callable[..., Sample]:
    def value(view: View, line: Line, *of: Any) -> Sample:
        found: Sample = view.read(line)
        return found.of(function(found.y, *of))

    return value


def _left_part(function: Callable[..., Any]) -> Callable[..., Sample]:
    def value(view: View, line: Line, left: Region, *of: Any) -> Sample:
        inside = mask(view, left, line)
        if not 0 < int(inside.sum()) < len(inside):
            raise MissingEvidence(f"expected points on both sides of {left.words}. Change --{view.x}.")
        if not inside[: int(inside.sum())].all():
            raise UsageError(
                f"a hump of {line.words} needs a left part that starts at the left end, got {left.words}. Read the line "
                "inside a region, and name its left part."
            )
        found: Sample = view.read(line)
        return found.of(function(found.y, int(inside.sum())))

    return value


OPS.update({name: _one_line(function) for name, function in _OF_ONE_LINE.items()})
OPS.update({name: _left_part(function) for name, function in _OF_A_LEFT_PART.items()})


@_op
def _rows(view: View) -> list[Row]:
    return view.rows()


@_op
def _view(view: View) -> View:
    return view


@_op
def _raw(view: View, metric: str) -> list[Any]:
    name = view.name(metric)
    found = [
        values[name] for _, values in sorted(view.rows(), key=lambda row: row[0]["seed"]) if name in values
    ]
    if not found:
        raise MissingEvidence(f"no finished cell has '{name}'. Run the study first.")
    return found


@_op
def _line(view: View, metric: str) -> Sample:
    return view.line(metric)


@_op
def _grid(view: View, name: str, per: str) -> Array:
    return view.grid(name, per)


@_op
def _inside(view: View, line: Line, region: Region) -> Sample:
    found, chosen = view.read(line), mask(view, region, line)
    if not chosen.any():
        raise MissingEvidence(f"no point with {region.words}. Add some to --{view.x}.")
    return found.of(found.y[:, chosen])


@_op
def _floor(view: View, line: Line, least: float, per: str) -> Sample:
    found = view.read(line)
    return found.of(found.y.clip(least / view.value(per) if per else least))


@_op
def _every(view: View, line: Line) -> Sample:
    found, x = view.read(line), along(view, line)
    if len(x) != found.y.shape[1]:  # an escape that returns other points than it was given
        return found
    return Sample(found.seeds, found.y, tuple(f" at {_x(view, line)} {value:g}" for value in x))


OPS["some"] = OPS["every"]


@_op
def _climbs(view: View, line: Line, factor: bool) -> Sample:
    found, x = view.read(line), along(view, line)
    i, j = np.triu_indices(found.y.shape[1], 1)
    if not i.size:
        raise MissingEvidence("a climb needs two points, got one. Add more values along x.")
    names = tuple(f" from {_x(view, line)} {x[a]:g} to {x[b]:g}" for a, b in zip(i, j, strict=True))
    y = found.y[:, j] / found.y[:, i] if factor else found.y[:, j] - found.y[:, i]
    return Sample(found.seeds, y, names)


def _x(view: View, line: Line) -> str:
    inner = line
    while inner.op != "across" and (nested := next((one for one in inner.of if isinstance(one, Line)), None)):
        inner = nested
    return str(inner.of[1] if inner.op == "across" else view.x).replace("_", " ")


@_op
def _trend(view: View, line: Line) -> Sample:
    found: Sample = view.read(line)
    return found


@_op
def _less(view: View, line: Line, number: Number) -> Sample:
    return _broadcast(np.subtract, view, line, number)


@_op
def _over(view: View, line: Line, number: Number) -> Sample:
    return _broadcast(np.divide, view, line, number)


def _broadcast(function: Callable[..., Any], view: View, line: Line, number: Number) -> Sample:
    one, two = view.read(line), view.read(number)
    seeds = shared([one, two])
    with np.errstate(divide="ignore", invalid="ignore"):
        return Sample(seeds, function(one.at(seeds), two.at(seeds)[:, None]))


@_op
def _divide(view: View, a: Line, b: Line) -> Sample:
    return _pairwise(np.divide, view, a, b)


@_op
def _ratio(view: View, a: Number, b: Number) -> Sample:
    return _pairwise(np.divide, view, a, b)


@_op
def _minus(view: View, a: Number, b: Number) -> Sample:
    return _pairwise(np.subtract, view, a, b)


@_op
def _plus(view: View, number: Number, constant: float) -> Sample:
    found: Sample = view.read(number)
    return found.of(found.y + constant)


@_op
def _pair(view: View, a: Number, b: Number) -> Sample:
    one, two = view.read(a), view.read(b)
    seeds = shared([one, two])
    return Sample(seeds, np.stack([one.at(seeds), two.at(seeds)], axis=1))


def _pairwise(function: Callable[..., Any], view: View, a: Expression, b: Expression) -> Sample:
    one, two = view.read(a), view.read(b)
    seeds = shared([one, two])
    if isinstance(a, Line) and isinstance(b, Line):
        here, there = places_of(view, a), places_of(view, b)
        if sorted(here) != sorted(there):
            raise UsageError(
                f"{a.words} and {b.words} have other points: {len(here)} and {len(there)}. Read both inside one region."
            )
    with np.errstate(divide="ignore", invalid="ignore"):
        return Sample(seeds, function(one.at(seeds), two.at(seeds)))


@_op
def _on(view: View, number: Number, arm: Arm) -> Sample:
    return view.on(arm, number.reads).read(number)


@_op
def _across(view: View, number: Number, axis: str) -> Sample:
    levels = view.evidence.levels(axis)
    if len(levels) < 3:
        raise MissingEvidence(
            f"expected at least three values of {axis}, got {len(levels)}. Add some to --{axis}."
        )
    found = [view.on(view.arm.but(**{axis: level})).read(number) for level in levels]
    seeds = shared(found)
    return Sample(seeds, np.stack([one.at(seeds) for one in found], axis=1))


@_op
def _scalar(view: View, metric: str, missing: str) -> Sample:
    name = view.name(metric)
    found = {params["seed"]: values[name] for params, values in view.rows() if name in values}
    if missing == "drop":
        found = {seed: value for seed, value in found.items() if value is not None}
    if not found:
        raise MissingEvidence(f"no finished cell has '{name}'. Run the study first.")
    return Sample(tuple(sorted(found)), np.array([found[s] for s in sorted(found)], dtype=np.float64))


@_op
def _worst(view: View, metric: str, marks: str, missing: float | None) -> Sample:
    """Every value of every run, flat, as if each were a seed; None as NaN or as what stands for it."""
    name, values = view.name(metric), []
    for _, cell in view.rows():
        if name not in cell:
            continue
        some = list(cell[name]) if isinstance(cell[name], list | tuple) else [cell[name]]
        if marks:
            some = [value for value, yes in zip(some, cell[view.name(marks)], strict=True) if yes]
        values += [missing if value is None else value for value in some]
    if not values:
        raise MissingEvidence(f"no finished run has '{name}'{f' where {marks}' if marks else ''}.")
    return Sample(tuple(range(len(values))), np.array(values, dtype=np.float64))


@_op
def _per_seed(view: View, function: Callable[..., Any], *of: Any) -> Sample:
    return _called(view, function, of)


@_op
def _per_point(view: View, function: Callable[..., Any], *of: Any) -> Sample:
    return _called(view, function, of)


@_op
def _column(view: View, number: Number, i: int) -> Sample:
    found = view.read(number)
    return found.of(found.y[:, i])


@_op
def _share(view: View, holds: Callable[..., Any], *of: Expression) -> Sample:
    found = _called(view, holds, of)
    return found.of(found.y.mean(axis=1))


def _called(view: View, function: Callable[..., Any], of: tuple[Any, ...]) -> Sample:
    line = next((one for one in of if isinstance(one, Line)), None)
    read_: list[Any] = []
    for one in of:
        if isinstance(one, Region):
            read_.append(mask(view, one, line))
        elif isinstance(one, Place):
            read_.append(index(view, one, line))
        elif isinstance(one, Grid):
            read_.append(along(view, line, one))
        else:
            read_.append(view.read(one) if isinstance(one, Expression) else one)
    samples = [one for one in read_ if isinstance(one, Sample)]
    seeds = shared(samples) if samples else tuple(sorted({params["seed"] for params, _ in view.rows()}))
    y = np.asarray(
        function(*(one.at(seeds) if isinstance(one, Sample) else one for one in read_)), dtype=np.float64
    )
    if y.ndim and len(y) > len(seeds):
        raise UsageError(
            f"a function of {len(seeds)} seeds returned {len(y)} values. Return one a seed, or one row."
        )
    return Sample(
        seeds if y.ndim and len(y) == len(seeds) else unpaired(len(np.atleast_1d(y))), np.atleast_1d(y)
    )


@_op
def _at(view: View, line: Line, place: Place) -> Sample:
    found = view.read(line)
    return found.of(found.y[:, index(view, place, line)])


@_op
def _held_out_climb(view: View, line: Line, factor: bool) -> Sample:
    found = view.read(line)
    if found.y.shape[1] < 2:
        raise MissingEvidence("a climb needs two points, got one. Add more values along x.")
    rise, _ = read.held_out_climb(np.log(found.y) if factor else found.y)
    return Sample(found.seeds[::2] if len(found.seeds) > 1 else found.seeds, np.exp(rise) if factor else rise)


def _fitted(view: View, line: Line, grid: Grid | None) -> tuple[Sample, Array, Array]:
    found, x = view.read(line), along(view, line, grid)
    if len(x) < 3 or (found.y <= 0).any() or (x <= 0).any():
        raise MissingEvidence(f"a slope of {line.words} needs three positive points. Add some to --{view.x}.")
    logs, y = np.log(x), np.log(found.y)
    return found, logs - logs.mean(), y - y.mean(axis=1, keepdims=True)


@_op
def _slope(view: View, line: Line, grid: Grid | None) -> Sample:
    found, x, y = _fitted(view, line, grid)
    return found.of(y @ x / (x @ x))


@_op
def _straightness(view: View, line: Line, grid: Grid | None) -> Sample:
    found, x, y = _fitted(view, line, grid)
    left = y - np.outer(y @ x / (x @ x), x)
    total = (y**2).sum(axis=1)
    return found.of(np.where(total == 0, 1.0, 1.0 - (left**2).sum(axis=1) / np.where(total == 0, 1.0, total)))


@_op
def _growth(view: View, line: Line, from_middle: bool) -> Sample:
    found, x = view.read(line), along(view, line)
    x = np.abs(x - (x[0] + x[-1]) / 2) if from_middle else x
    away = x - x.mean()
    return found.of(np.exp(np.log(found.y) @ away / float(away @ away) * float(np.ptp(x))))


@_op
def _rank_with(view: View, line: Line, other: Line) -> Sample:
    from scipy.stats import spearmanr

    def correlation(a: Array, b: Array) -> list[float]:
        return [float(spearmanr(one, two).statistic) for one, two in zip(a, b, strict=True)]

    return _called(view, correlation, (line, other))


@_op
def _farthest(view: View, line: Line, other: Line | float) -> Sample:
    found = view.read(line) if not isinstance(other, Line) else _pairwise(np.divide, view, line, other)
    y = found.y if isinstance(other, Line) else found.y / other
    return found.of(y[:, int(np.abs(np.log(y).mean(axis=0)).argmax())])
