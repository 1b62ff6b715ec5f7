"""Whether a stored cell is one of its study: parameters of its axes, numbers where charts and rules read numbers.

The shape of a cell says nothing of what a study reads in it. A text in the place of a loss, or a curve with fewer points
than places, would end every later run at the rule that meets it: here it is damage of that one cell, which is named and
computed again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from overparam.core import Axis, Params, Study, registry
from overparam.core.arms import Arm
from overparam.core.errors import OverparamError
from overparam.core.expression import Expression
from overparam.core.shapes import shown
from overparam.store import Cell
from overparam.store.cells import Fits
from overparam.sweep.key import cell_name, shown_probes

_NUMBERS = {int, float, bool, type(None)}


def fits(study: Study, expected: Mapping[str, Params] | None = None) -> Fits:
    """Return the function that says why a cell is none of a study; it returns an empty text where it is one.

    Args:
        study: the study.
        expected: the parameters that stand behind some names, where they are known; other cells of a study of the
            package are held to their keys.
    """
    metrics, pairs, ours = numeric(study), _pairs(study), registry.ships(study)
    axes = {axis.name: axis for axis in study.axes}

    def why(cell: Cell) -> str:
        present = cell.document.get("cell_version", study.cell_version) == study.cell_version
        told = misfit(cell.values, metrics, pairs)
        if told or not present:
            return told
        params = (expected or {}).get(cell.name)
        if params is not None:
            return _other(study, cell, params)
        return _kinds(axes, cell) or (_keyed(study, cell) if ours else "")

    return why


def fits_of(name: str) -> Fits | None:
    """Return the same of an installed study by its name; None of any other."""
    study = registry.get(name)
    return None if study is None else fits(study)


def values_fit(study: Study) -> Fits:
    """Return the function that says why the values of a cell are not what a study reads."""
    metrics, pairs = numeric(study), _pairs(study)
    return lambda cell: misfit(cell.values, metrics, pairs)


def misfit(values: Mapping[str, Any], metrics: Collection[str], pairs: Iterable[tuple[str, str]]) -> str:
    """Why the values of a cell are not what its study reads; empty if they are.

    Args:
        values: by name.
        metrics: names of what must be a number, or a list of numbers.
        pairs: places and metric of every line that can lie in a cell: two lists must have one length.

    >>> misfit({"loss": "0.5"}, {"loss"}, ())
    "its loss is '0.5', expected a number or a list of numbers"
    >>> misfit({"step": [0, 1], "path": [0.5]}, {"path"}, [("step", "path")])
    'its path has 1 values at 2 places of step'
    """
    for name in metrics:
        value = values.get(name)
        items = value if type(value) is list else [value]
        if not set(map(type, items)) <= _NUMBERS:
            odd = next(item for item in items if type(item) not in _NUMBERS)
            return f"its {name} is {shown(odd)}, expected a number or a list of numbers"
    for place, name in pairs:
        places, line = values.get(place), values.get(name)
        if type(places) is list and (type(line) is list and len(places) != len(line)):
            return f"its {name} has {len(line)} values at {len(places)} places of {place}"
    return ""


def numeric(study: Study) -> frozenset[str]:
    """The names among a cell's values that charts and rules read as numbers."""
    found = {series.metric for chart in study.charts for series in chart.series}
    found |= {axis.name for chart in study.charts for axis in chart.x}
    found |= {study.fit.metric, study.fit.x} if study.fit else set()
    return frozenset(found.union(name for _, name, _ in _read(study)))


def _pairs(study: Study) -> tuple[tuple[str, str], ...]:
    """Names of the places and the values of every line that charts and rules read inside a cell."""
    found = {(place, name) for place, name, op in _read(study) if op == "line"}
    for chart in study.charts:
        main = chart.along or chart.x[0].name
        found |= {(main, series.metric) for series in chart.series}
        found |= {(main, axis.name) for axis in chart.x}
    return tuple(sorted(pair for pair in found if pair[0] != pair[1]))


def _read(study: Study) -> Iterator[tuple[str, str, str]]:
    """What rules read of a cell: the places it runs over, its name among the values, and how it is read."""
    for claim in study.claims:
        settings = [(claim.rule, claim.on)]
        if claim.control is not None:
            settings.append((claim.control.rule or claim.rule, claim.control.on or claim.on))
        for rule, arm in settings:
            for cut in rule.cuts:
                yield from _of(cut.number, arm, arm.x or claim.x)


def _of(number: Expression, arm: Arm, x: str) -> Iterator[tuple[str, str, str]]:
    if number.op in ("line", "scalar"):
        yield x, arm.metrics.get(number.of[0], number.of[0]), number.op
    if number.op == "on":
        arm = number.of[1]
        x = arm.x or x
    for one in number.of:
        if isinstance(one, Expression):
            yield from _of(one, arm, x)


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _other(study: Study, cell: Cell, params: Params) -> str:
    """Why a cell's parameters are not those that its name stands for; those at a default are left to another check."""
    asked = {**params, **shown_probes(params)}
    for axis in study.axes:
        want = asked[axis.name]
        if axis.name == "data" or want == axis.default:
            continue
        if axis.name not in cell.params:
            return f"it has no {axis.name} among its parameters"
        if _plain(cell.params[axis.name]) != want:
            return f"its {axis.name} is {shown(cell.params[axis.name])}, its name stands for {want!r:.80}"
    return ""


def _kinds(axes: Mapping[str, Axis], cell: Cell) -> str:
    """Why a parameter cannot be one of its axis."""
    for name, value in cell.params.items():
        axis = axes.get(name)
        if axis is None or value is None or name in ("data", "probes"):
            continue
        for one in value if type(value) is list else (value,):
            try:
                same = axis.check(one) == one and isinstance(one, str) == (axis.kind is str)
            except OverparamError:
                same = False
            if not same:
                return f"its {name} is {shown(one)}, expected {axis.expected}"
    lost = next((name for name, axis in axes.items() if axis.default is None and name not in cell.params), "")
    if lost:
        return f"it has no {lost} among its parameters"
    data = cell.params.get("data", "")
    return "" if isinstance(data, str) else f"its data set is {shown(data)}, expected a name"


def _keyed(study: Study, cell: Cell) -> str:
    """Why a cell's parameters do not give the key that ends its name."""
    key = cell.name.rpartition("--")[2]
    fingerprint = cell.document.get("data_fingerprint")
    named = len(key) == 16 and "--" in cell.name and isinstance(fingerprint, str) and "data" in cell.params
    if not named or not isinstance(fingerprint, str):
        return ""
    params = {axis.name: _plain(cell.params.get(axis.name, axis.default)) for axis in study.axes}
    if cell_name(study, params, fingerprint, "").rpartition("--")[2] != key:
        return "its parameters do not give its name"
    return ""
