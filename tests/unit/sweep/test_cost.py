"""Expected costs: parameter counts are those of the networks, and costs grow as they must."""

from __future__ import annotations

import pytest

from overparam.core.cost import RATE, STEP, computed
from overparam.models import cnn1d, mlp, parameters, two_layer
from overparam.sweep.cost import convolutional, cost, dense

CELL = {"data": "mnist1d", "n": 4000, "batch": 100, "steps": 20_000}


def test_sizes_are_those_of_the_networks():
    assert dense(40, 47, 47, 10).parameters == parameters(mlp(40, (47, 47), 10))
    assert dense(64, 53, 10).parameters == parameters(two_layer(64, 53, 10))
    assert convolutional(40, (50, 50, 50), 10).parameters == parameters(cnn1d(40, (50, 50, 50), 10))


def test_a_narrow_network_costs_its_steps():
    narrow = cost({**CELL, "steps": 10**6}, dense(40, 2, 2, 10)).seconds
    assert narrow == pytest.approx(10**6 * STEP, rel=0.2)


def test_a_wide_network_costs_its_arithmetic():
    size = dense(784, 2000, 2000, 10)
    found = cost({**CELL, "data": "mnist"}, size).seconds
    assert found == pytest.approx(6 * size.parameters * 100 * 20_000 / RATE, rel=0.1)  # the rest is measuring


def test_costs_add_up():
    one, other = dense(40, 8, 10), dense(40, 30, 10)
    apart = cost(CELL, one).seconds + cost(CELL, other).seconds
    assert cost(CELL, [one, other]).seconds == pytest.approx(apart)
    assert cost(CELL, [one, other]).bytes == pytest.approx(cost(CELL, other).bytes)
    long = {**CELL, "steps": 10**6}
    assert cost(long, one, chains=2).seconds == pytest.approx(2 * cost(long, one).seconds, rel=0.1)
    members = [cost(CELL, one, trained=k).bytes for k in (1, 2, 3)]
    assert members[2] - members[1] == pytest.approx(members[1] - members[0])


def test_sixty_narrow_networks_fit_one_stack():
    """The planner divides 4 GB by the bytes of a cell and half an hour by its seconds."""
    found = cost(CELL, dense(40, 47, 47, 10))
    assert 4e9 / found.bytes > 64
    assert 1800 / found.seconds > 64


def test_full_batch_and_own_sizes():
    found = cost({"data": "no-such-data", "n": 50, "batch": 0, "steps": 10}, dense(3, 2, 1), tests=5, inputs=3)
    assert found.seconds > 0


def test_closed_forms():
    assert computed(4 * RATE, 1e6).seconds == pytest.approx(10.1)
    assert computed(0, 1e6).bytes == pytest.approx(1.58e8)
    assert computed(0, 0, steps=1000, step=1e-3, starts=2).seconds == pytest.approx(4.1)
