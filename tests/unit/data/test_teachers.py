"""Teachers: their law, their outputs against the package's own network, and what is refused."""

import jax.numpy as jnp
import numpy as np
import pytest

from overparam import data
from overparam.core.errors import DataError, UsageError
from overparam.data.teachers import GRID
from overparam.models import mlp

ONE = data.teacher(12, 4, 3, decay=1.5, seed=2)


def test_nodes_are_unit_and_fan_outs_decay_with_their_number():
    w, out = ONE.weights
    np.testing.assert_allclose(np.linalg.norm(w, axis=1), 1.0)
    plain = data.teacher(12, 4, 3, decay=0.0, seed=2)
    assert np.array_equal(plain.weights[0], w)
    np.testing.assert_allclose(out, plain.weights[1] / np.array([1, 2, 3, 4]) ** 1.5)
    assert set(plain.weights[1].ravel()) <= set(GRID)
    np.testing.assert_allclose(ONE.strengths, np.linalg.norm(out, axis=0))
    assert all((b == -0.1).all() for b in ONE.biases)


@pytest.mark.parametrize("one", [ONE, data.deep_teacher(5, (6, 7), 2, rows=500)])
def test_targets_are_the_outputs_of_a_network_with_its_parameters(one):
    x, y = one.examples(20, scale=1.5, seed=4)
    network = mlp(one.inputs, one.widths, one.outputs)
    np.testing.assert_allclose(network.apply(one.params, jnp.asarray(x)), y, rtol=1e-4, atol=1e-5)
    assert np.array_equal(one.examples(20, scale=1.5, seed=4)[0], x)
    assert not np.array_equal(one.examples(20, scale=1.5, seed=4, tag="test")[0], x)
    assert x.std() == pytest.approx(1.5, rel=0.2)


def test_observed_counts_the_two_sides_of_every_node():
    x = np.array([[1.0, 0.0], [2.0, 1.0], [-1.0, 1.0], [3.0, 1.0]])
    one = data.Teacher((np.eye(2), np.ones((1, 2))), (np.array([0.0, 5.0]), np.zeros(1)))
    assert one.observed(x).tolist() == [0.25, 0.0]  # three on and one off; always on


@pytest.mark.parametrize("factor", [1.0, 2.0, -1.0, -0.3, 1.0 + 1e-9])
def test_parallel_nodes_are_refused_whatever_the_factor(factor):
    w, b = np.array([[1.0, 2.0, 0.5], [0.0, 1.0, 0.0]]), np.array([0.1, 0.2])
    with pytest.raises(DataError, match="expected no two nodes that are parallel, got 0 and 2"):
        data.check_not_parallel(np.vstack([w, factor * w[0]]), np.append(b, factor * b[0]))
    data.check_not_parallel(
        np.vstack([w, factor * w[0]]), np.append(b, factor * b[0] + 0.1)
    )  # another boundary
    with pytest.raises(DataError, match="parallel"):
        data.Teacher(
            (np.vstack([w, factor * w[0]]), np.ones((2, 3))), (np.append(b, factor * b[0]), np.zeros(2))
        )


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda: data.teacher(1, 3, 2),
            DataError,
            "expected a grid with 3 nodes of 1 inputs no two of which are parallel",
        ),
        (
            lambda: data.teacher(5, 3, 2, grid=[0.0]),
            UsageError,
            "grid: expected at least two different numbers",
        ),
        (lambda: data.teacher(5, 3, 2, decay=-1), UsageError, "decay: expected"),
        (lambda: data.teacher(5, 0, 2), UsageError, "nodes: expected a whole number"),
        (lambda: data.teacher(5, 2, 2, bias=np.nan), UsageError, "bias: expected a number"),
        (lambda: data.deep_teacher(5, (), 2), UsageError, "expected at least one hidden layer"),
        (lambda: data.deep_teacher(5, (3,), 2, scale=0), UsageError, "scale: expected a positive number"),
        (lambda: ONE.examples(0), UsageError, "n: expected a whole number"),
        (lambda: ONE.targets(np.ones((2, 3))), DataError, r"x: expected shape \(n, 12\)"),
        (lambda: data.Teacher((np.eye(2),), (np.zeros(2),)), DataError, "at least 2 layers"),
        (
            lambda: data.Teacher((np.eye(2), np.ones((1, 3))), (np.zeros(2), np.zeros(1))),
            DataError,
            "expected layer 2",
        ),
        (lambda: data.check_not_parallel([[0.0, 0.0], [1.0, 0.0]]), DataError, "got node 0 with weights of 0"),
    ],
)
def test_what_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()
