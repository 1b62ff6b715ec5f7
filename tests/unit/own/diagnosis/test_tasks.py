"""What is learnt is read off the targets, the outputs and the loss, or said to be unknown."""

from types import SimpleNamespace

import numpy as np
import pytest

from overparam.own.diagnosis.tasks import predicted, task_of, wrong_share

WHOLE, REAL = np.int64, np.float32


def model(name, shape, back_end="torch"):
    return SimpleNamespace(objective=SimpleNamespace(name=name, total=1), output_shape=shape, back_end=back_end)


@pytest.mark.parametrize(
    ("name", "named", "outputs", "targets", "kind", "task"),
    [
        ("cross_entropy", True, (3,), (5,), WHOLE, "classes"),
        ("cross_entropy", True, (3,), (5, 3), REAL, "classes"),
        ("cross_entropy", True, (7, 3), (5, 7), WHOLE, "positions"),
        ("squared", True, (3,), (5,), WHOLE, "classes"),
        ("squared", True, (3,), (5, 3), REAL, "numbers"),
        ("binary_cross_entropy", True, (3,), (5, 3), WHOLE, "several labels"),
        ("CrossEntropyLoss", False, (3,), (5,), WHOLE, "classes"),
        ("CrossEntropyLoss", False, (3, 7), (5, 7), WHOLE, "channels"),
        ("CrossEntropyLoss", False, (7, 7), (5, 7), WHOLE, "channels"),  # PyTorch has classes second
        ("mine", False, (7, 3), (5, 7), WHOLE, "positions"),
        ("mine", False, (7, 7), (5, 7), WHOLE, "other"),  # either axis may be that of the classes
        ("MSELoss", False, (3,), (5, 3), REAL, "numbers"),
        ("BCEWithLogitsLoss", False, (3,), (5, 3), REAL, "several labels"),
        ("BCELoss", False, (3,), (5, 3), REAL, "other"),  # outputs are probabilities: 0 is no threshold
        ("binary_cross_entropy", False, (3,), (5, 3), REAL, "other"),  # that of torch.nn.functional, likewise
        ("hinge", False, (1,), (5,), REAL, "other"),
        ("mine", False, (1,), (5,), WHOLE, "other"),
    ],
)
def test_tasks(name, named, outputs, targets, kind, task):
    assert task_of(model(name, outputs), np.zeros(targets, kind), named) == task


def test_classes_may_lie_behind_the_examples():
    outputs = np.zeros((1, 3, 2))
    outputs[0, 1, 0], outputs[0, 2, 1] = 1, 1
    assert predicted(outputs, "channels").tolist() == [[1, 2]]
    assert wrong_share(outputs, np.array([[1, 0]]), "channels").tolist() == [0.5]


def test_positions_without_a_label_do_not_count():
    outputs = np.eye(3)[None]
    assert wrong_share(outputs, np.array([[0, 2, -100]]), "positions", -100).tolist() == [0.5]
    assert np.isnan(wrong_share(outputs, np.array([[-100, -100, -100]]), "positions", -100)).all()
    several = wrong_share(np.array([[1.0, -1.0]]), np.array([[1.0, 1.0]]), "several labels")
    assert several.tolist() == [0.5]
