"""Frames of a chart: an axis, or a list inside the cells that says to which frame every entry belongs."""

import pytest

from overparam.core import Evidence, UsageError, chart
from overparam.sweep.frames import framed

OVER_STEPS = chart("size", "Size", "size", {"size": "s"}, x={"place": "place"}, frame=("step", "step"))


def cell(seed, **values):
    return {"seed": seed, "rate": 0.5 * seed}, values


def test_entries_go_to_their_frame_whatever_their_order():
    rows = [
        cell(0, step=[9, 1, 9, 1], place=[0, 0, 1, 1], size=[1.0, 2.0, 3.0, 4.0], other=[7, 7]),
        cell(1, step=[1, 1], place=[0, 1], size=[5.0, None], other=[7]),
    ]
    found = framed(Evidence(rows), OVER_STEPS)
    assert [at for at, _ in found] == [1, 9]
    early, late = (part.rows for _, part in found)
    assert [(values["place"], values["size"]) for _, values in early] == [
        ([0, 1], [2.0, 4.0]),
        ([0, 1], [5.0, None]),
    ]
    assert [(params["seed"], values["size"]) for params, values in late] == [(0, [1.0, 3.0])]
    assert early[0][1]["other"] == [7, 7]  # what is not drawn is left alone


def test_an_axis_gives_a_frame_a_value():
    rows = [cell(seed, place=[0, 1], size=[1.0 * seed, 2.0]) for seed in (1, 0, 1)]
    over_rates = chart("size", "Size", "size", {"size": "s"}, x={"place": "place"}, frame=("rate", "rate"))
    assert [(at, len(part.rows)) for at, part in framed(Evidence(rows), over_rates)] == [(0.0, 1), (0.5, 2)]


def test_a_chart_without_frames_is_one():
    evidence = Evidence([cell(0, place=[0], size=[1.0])])
    plain = chart("size", "Size", "size", {"size": "s"}, x={"place": "place"})
    assert framed(evidence, plain) == [(None, evidence)]


def test_a_list_of_another_length_is_refused_by_name():
    evidence = Evidence([cell(0, step=[1, 1, 9], place=[0, 1], size=[1.0, 2.0, 3.0])])
    with pytest.raises(
        UsageError, match=r"chart 'size': expected as many entries in 'place' as in 'step'.* got 2 and 3"
    ):
        framed(evidence, OVER_STEPS)
