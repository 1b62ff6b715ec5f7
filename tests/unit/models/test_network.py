import jax
import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.models import linear, mlp, parameters, two_layer


@pytest.mark.parametrize("width", [9, 16, 47, 300])
def test_parameter_count_of_an_mlp(width):
    count = (40 + 1) * width + (width + 1) * width + (width + 1) * 10
    assert parameters(mlp(40, (width, width), 10)) == count


def test_parameters_of_the_published_table():
    assert [parameters(mlp(40, (w, w), 10)) for w in (9, 16, 47, 300)] == [559, 1098, 4663, 105_610]


@pytest.mark.parametrize(
    "network",
    [
        linear(5, 3),
        linear(5, 3, bias=False),
        mlp(5, (7,), 3, bias=False),
        two_layer(5, 8, 3, train_output=False),
        two_layer(5, 8, 3, parametrisation="mean_field"),
    ],
    ids=lambda n: n.name,
)
def test_counted_parameters_are_those_drawn(network):
    params = network.init(jax.random.key(0))
    drawn = jax.tree.leaves(params)
    assert parameters(network) == sum(leaf.size for leaf in drawn)
    assert {leaf.dtype for leaf in drawn} == {np.dtype(np.float32)}
    assert network.apply(params, np.ones((4, 5), np.float32)).shape == (4, 3)


@pytest.mark.parametrize(
    ("build", "name"),
    [
        (lambda: mlp(40, (16, 0), 10), "widths"),
        (lambda: mlp(0, (16,), 10), "inputs"),
        (lambda: mlp(40, (16,), 0), "outputs"),
        (lambda: two_layer(3, 0, 1), "width"),
        (lambda: two_layer(3, 0, 1, train_output=False), "width"),
        (lambda: linear(0, 1), "inputs"),
    ],
)
def test_a_size_of_zero_is_refused(build, name):
    with pytest.raises(
        UsageError, match=f"^{name}: expected a whole number of at least 1, got 0. Give a positive"
    ):
        build()


def test_a_fractional_size_is_refused():
    with pytest.raises(UsageError, match=r"widths: expected a whole number of at least 1, got 2.5"):
        mlp(4, (2.5,), 1)
