"""The study on students near a solution: its starts, its times, its checks, and sizes that do not fit."""

import math

import numpy as np
import pytest

from overparam.core import UsageError
from overparam.data.stream import stream
from overparam.studies.local_convergence import FLOOR, STUDY, TIMES, near, reached, sound
from overparam.theory.zhou2021 import population_loss


def cell(**change):
    return {axis.name: axis.default for axis in STUDY.axes} | change


@pytest.fixture(scope="module")
def found():
    told = []
    (outcome,) = STUDY.work([cell(d=2, teachers=2, seed=1000)], told.append)
    assert told == sorted(told)
    assert outcome.status != "diverged"
    return outcome.values


@pytest.mark.slow
def test_a_cell_has_the_values_that_the_study_names(found):
    assert set(found) == set(STUDY.values)
    assert all(len(found[name]) == len(TIMES) for name in ("one_1", "many_8", "angle_8", "few", "random_angle"))


@pytest.mark.slow
def test_one_student_falls_as_exp_of_minus_time(found):
    # near the solution the loss is |w - v|^2 / 4 and w - v falls as exp(-t/2); cubic terms at a loss of 0.01 are below 0.2
    assert found["one_needed"][0] == pytest.approx(math.log(0.01 / 1e-9), rel=0.2)
    assert found["one_1"][-1] == FLOOR


@pytest.mark.slow
def test_two_students_fall_as_the_third_power(found):
    late = np.array(TIMES) >= 1000
    slope = np.polyfit(np.log(TIMES)[late], np.log(found["one_2"])[late], 1)[0]
    assert slope == pytest.approx(-3.0, abs=0.1)


@pytest.mark.slow
def test_the_control_does_not_get_anywhere(found):
    # the best that one student does for two orthonormal teachers: 2 v . E relu relu' in closed form, well above 0
    assert found["few"][-1] > 0.01
    assert found["few_angle"][-1] > 0.5


@pytest.mark.slow
def test_steps_are_times_by_students(found):
    want = [t * k * 2 for t, k in zip(found["needed"], found["multiple"], strict=True)]
    assert found["steps"] == pytest.approx(want, rel=1e-5)


@pytest.mark.parametrize(("teachers", "each"), [(1, 1), (3, 1), (3, 4)])
def test_students_begin_at_the_loss_asked(teachers, each):
    v = np.eye(5)[:teachers]
    w = near(v, each, 0.01, stream("test", 0))
    assert w.shape == (teachers * each, 5)
    assert population_loss(w, v) == pytest.approx(0.01, rel=1e-6)


def test_the_time_to_a_loss_lies_on_the_line_between_probe_times():
    losses = [t**-2.0 for t in TIMES]
    assert reached(losses, 1e-5) == pytest.approx(1e2**1.25, rel=1e-9)
    assert reached(losses, 1e-9) is None


def test_closed_form_and_draws_agree_and_a_wrong_loss_would_be_seen(monkeypatch):
    from overparam.theory import zhou2021

    w, v = np.array([[1.2, 0.3]]), np.array([[1.0, 0.0]])
    z, error = sound(w, v, stream("test", 1))
    assert z < 6
    assert error < 1e-8
    right = zhou2021.population_loss
    monkeypatch.setattr(zhou2021, "population_loss", lambda w, v: 1.1 * right(w, v))
    z, error = sound(w, v, stream("test", 1))
    assert z > 6
    assert error > 1e-6


def test_more_teachers_than_dimensions_are_refused():
    with pytest.raises(UsageError, match="teachers: expected at most 3"):
        STUDY.estimate(cell(d=3, teachers=4, seed=1000))


def test_the_cost_grows_with_teachers():
    assert STUDY.estimate(cell(teachers=8, d=20)).seconds > 10 * STUDY.estimate(cell()).seconds
