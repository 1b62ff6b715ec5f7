"""What the probes of outputs and of teachers refuse, and outputs over time."""

import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.models import linear, mlp, two_layer
from overparam.probes import matching, outputs, recovery
from overparam.probes.recovery import correlations
from overparam.training import Member, Recipe, train

X = np.random.default_rng(0).standard_normal((5, 2)).astype(np.float32)


def test_outputs_are_those_of_the_network_at_every_probe_time():
    network = linear(2, 1, bias=False, init="zeros")
    y = X @ np.array([1.0, -1.0], np.float32)
    (run,) = train(
        network, Recipe(6, 0.3, optimizer="gd", loss="squared", probes=4), [Member(0, y)], X, X[:3], y[:3],
        probes={"o": outputs(("train", "test"))},
    )  # fmt: skip
    w = np.zeros(2)
    for t in range(7):
        for at in np.flatnonzero(run.steps == t):
            np.testing.assert_allclose(run.values["train_outputs"][at][:, 0], X @ w, atol=1e-5)
            np.testing.assert_allclose(run.values["test_outputs"][at][:, 0], X[:3] @ w, atol=1e-5)
        w -= 0.3 * X.T @ (X @ w - y) / 5


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: outputs(("all",)), "parts: expected any of train and test"),
        (lambda: outputs(()), "parts: expected any of train and test"),
        (lambda: recovery(mlp(2, (3,), 1, activation="tanh")), "network: expected a dense relu network"),
        (lambda: recovery(two_layer(2, 4, train_output=False)), "network: expected a dense relu network"),
        (lambda: recovery(3), "network: expected a dense relu network"),
        (lambda: recovery(mlp(2, (3,), 1), layer=2), "layer: expected a whole number of at most 1"),
        (lambda: recovery(mlp(2, (3,), 1), level=1.5), "level: expected a probability"),
        (lambda: recovery(mlp(2, (3,), 1), rows=0), "rows: expected a whole number"),
        (lambda: recovery(mlp(2, (3,), 1), teacher=""), "teacher: expected the name"),
    ],
)
def test_what_is_refused(call, words):
    with pytest.raises(UsageError, match=words):
        call()


def test_a_network_without_a_teacher_is_said():
    network, y = mlp(2, (3,), 1), np.zeros(5)
    with pytest.raises(UsageError, match="expected a network that holds 'teacher'"):
        train(network, Recipe(1, 0.1, loss="squared"), [Member(0, y)], X, X, y, probes={"r": recovery(network)})


@pytest.mark.slow
def test_correlations_of_both_forms_are_the_same():
    """The stacked probe's in JAX and that of two trained chains in NumPy: one number, in float32 to 1e-5."""
    rng = np.random.default_rng(0)
    students, teachers = rng.normal(size=(60, 5)), rng.normal(size=(60, 3))
    students[:, 2] = 1.0  # does not vary
    students[:, 3] = -2 * teachers[:, 1]
    found = matching._correlation(teachers, students)
    np.testing.assert_allclose(found, correlations(students, teachers), atol=1e-5)
    assert found[:, 2].tolist() == [0, 0, 0]
    assert found[1, 3] == pytest.approx(-1)
