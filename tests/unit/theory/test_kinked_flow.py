"""Flow of students that shrink to norm 0: against descent in small steps, and the two ways that it can end."""

import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.theory import kinked_flow
from overparam.theory.zhou2021 import _loss_and_gradient, population_gradient, population_loss, population_path

RANDOM = np.random.default_rng(2011)  # one of its students passes through 0 at about time 2
TEACHERS = np.linalg.qr(RANDOM.standard_normal((3, 3)))[0].T[:2]
STUDENTS = RANDOM.standard_normal((6, 3)) / np.sqrt(3)


def test_a_student_that_passes_through_0_is_where_small_steps_take_it():
    """The error of descent is of the order of its rate: at half the rate it is about half as large."""
    flow = population_path(STUDENTS, TEACHERS, [0.0, 1.0, 4.0])
    assert flow.students[1][2] @ flow.students[2][2] < 0  # it has come out on the other side
    off = []
    for rate in (8e-3, 4e-3):
        steps = population_path(STUDENTS, TEACHERS, np.rint(np.array([0, 1, 4]) / rate), rate=rate)
        off.append(np.abs(steps.students[-1] - flow.students[-1]).max())
    assert off[0] < 0.02
    assert off[1] < 0.7 * off[0]


def test_a_student_without_a_way_out_stays_at_0_and_the_others_go_on():
    """The first student points away from the teacher, and the second ends at it: the loss goes to 0, so does the gradient."""
    path = population_path([[-0.3, 0.05], [0.5, 0.2]], [[1.0, 0.0]], [0.0, 1.0, 5.0, 60.0])
    assert not path.students[-1][0].any()
    np.testing.assert_allclose(path.students[-1][1], [1.0, 0.0], atol=1e-9)
    assert (np.diff(path.loss) < 0).all()
    assert path.gradient[-1] < 1e-8


def test_a_student_exactly_opposite_tends_to_0_and_never_gets_there():
    """w = -e^(-t/2) v: the loss goes to that of no student, |v|^2 / 4."""
    path = population_path([[-1.0, 0.0]], [[1.0, 0.0]], [0.0, 2.0, 100.0])
    assert path.students[1][0, 0] == pytest.approx(-np.exp(-1.0), rel=1e-8)
    np.testing.assert_allclose(path.loss, [0.5, 0.25 + np.exp(-2.0) / 4, 0.25], rtol=1e-8)


def test_the_way_out_is_the_lowest_of_all_directions():
    """Against a fine grid of directions in the plane, by differences of the loss."""
    students, teachers = np.array([[0.3, 0.4], [-0.2, 0.1]]), np.array([[1.0, 0.0], [0.0, 0.7]])
    a, b = np.ones(2), np.ones(2)
    angle = np.linspace(0, 2 * np.pi, 721)
    plane = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    small = 1e-7
    rise = [population_loss(np.vstack([students, small * u]), teachers) for u in plane]
    slopes = (np.array(rise) - population_loss(students, teachers)) / small
    towards, lowest = kinked_flow.way_out(_loss_and_gradient, students, teachers, a, b, 1.0, plane[::180])
    assert lowest == pytest.approx(slopes.min(), abs=1e-5)
    assert towards @ plane[slopes.argmin()] > np.cos(np.radians(0.6))


def test_a_flow_that_asks_for_too_much_ends_in_a_sentence(monkeypatch):
    monkeypatch.setattr(kinked_flow, "MOST_SLOPES", 50)
    with pytest.raises(
        UsageError, match=r"times: expected a flow that can be followed with 50 gradients.*Take shorter times\."
    ):
        population_path(STUDENTS, TEACHERS, [0.0, 100.0])


def test_students_that_begin_at_0_move():
    start = np.vstack([np.zeros(3), STUDENTS[0]])
    path = population_path(start, TEACHERS, [0.0, 0.1])
    np.testing.assert_allclose(
        path.gradient[0], np.linalg.norm(population_gradient(start, TEACHERS)), rtol=1e-12
    )
    assert path.students[1][0].any()
