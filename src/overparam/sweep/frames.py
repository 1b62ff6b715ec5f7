"""A chart that is shown a value at a time: what belongs to each frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from overparam.core import Chart, Evidence, UsageError


def framed(evidence: Evidence, chart: Chart) -> list[tuple[Any, Evidence]]:
    """Split evidence by the frames of a chart, in ascending order.

    Args:
        evidence: finished cells.
        chart: its ``frame`` is an axis, or a list inside the cells. As a list it says for every entry of the lists that are
            drawn to which frame it belongs, so that all of them are equally long.

    Returns:
        Each frame's value with its evidence; one frame None with all of it for a chart without frames.

    Raises:
        UsageError: a list that is drawn and not as long as that of the frames.

    >>> cells = Evidence([({"seed": 0}, {"step": [1, 1, 9, 9], "x": [0, 1, 0, 1], "size": [1.0, 2.0, 3.0, 4.0]})])
    >>> from overparam.core import chart
    >>> [(at, part.rows[0][1]["size"]) for at, part in framed(cells, chart("a", "A", "b", {"size": "s"}, x={"x": "x"},
    ...     frame=("step", "step")))]
    [(1, [1.0, 2.0]), (9, [3.0, 4.0])]
    """
    name = chart.frame
    if not name:
        return [(None, evidence)]
    drawn = {x.name for x in chart.x} | {one.metric for one in chart.series} | {chart.along}
    found: dict[Any, list[tuple[Mapping[str, Any], Mapping[str, Any]]]] = {}
    for params, values in evidence.rows:
        listed = values.get(name, params.get(name))
        if not isinstance(listed, list | tuple):
            if listed is not None:
                found.setdefault(listed, []).append((params, values))
            continue
        places: dict[Any, list[int]] = {}
        for place, value in enumerate(listed):
            if value is not None:
                places.setdefault(value, []).append(place)
        lists = {key: one for key, one in values.items() if key in drawn and isinstance(one, list | tuple)}
        for key, one in lists.items():
            if len(one) != len(listed):
                raise UsageError(
                    f"chart '{chart.name}': expected as many entries in '{key}' as in '{name}', whose values are its frames, "
                    f"got {len(one)} and {len(listed)}. Give every entry its frame."
                )
        for value, some in places.items():
            mine = {key: [one[place] for place in some] for key, one in lists.items()}
            found.setdefault(value, []).append((params, {**values, **mine}))
    order = sorted(found, key=lambda value: (isinstance(value, str), value))
    return [(value, Evidence(tuple(found[value]))) for value in order]
