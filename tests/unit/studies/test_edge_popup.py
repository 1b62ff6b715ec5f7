"""The study on edge-popup: what a cell holds, and what it costs."""

import pytest

from overparam.studies.edge_popup import STUDY, estimate, network

SMALL = {"n": 200, "steps": 40, "batch": 50, "density": (0.5, 0.1), "width": (1.0, 0.1), "dense_rate": 5e-3}


def cell(**change):
    return {axis.name: axis.default for axis in STUDY.axes} | SMALL | change


@pytest.mark.slow
def test_a_cell_has_lines_over_density_and_width():
    told = []
    (found,) = STUDY.work([cell(seed=1000)], told.append)
    values = found.values
    assert told == sorted(told)
    assert set(values) == set(STUDY.values)
    assert values["density"] == [0.1, 0.5]
    assert values["width"] == [0.1, 1.0]
    # the width 1 at half kept is the point of the line over density
    assert values["wide"][1] == values["constant"][1]
    assert values["start_wide"][1] == values["start_constant"][1]
    assert values["constant"][1] > values["start_constant"][1] + 20
    assert values["trained_line"] == [values["trained"]] * 2


def test_networks_have_no_biases_and_widths_by_a_factor():
    from overparam.models import parameters

    class Digits:
        image, classes = (64,), 10

    assert parameters(network("fc", Digits, 0.1)) == 64 * 30 + 30 * 10 + 10 * 10


def test_cost_grows_with_steps_and_width():
    small, wide = estimate(cell(seed=0)), estimate(cell(seed=0, width=(1.0, 4.0)))
    assert wide.seconds > small.seconds
    paper = {
        name: values[0]
        for name, values in STUDY.profiles["paper"].axes.items()
        if name not in ("density", "width")
    }
    assert estimate(cell(**paper, density=(0.3, 0.5), width=(1.0,))).seconds > 600
