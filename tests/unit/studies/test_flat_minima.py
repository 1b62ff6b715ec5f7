"""The study on flat minima: every curvature number against a dense Hessian in float64, twins, and bad input."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.data import coarser, flatten, load
from overparam.models import mlp
from overparam.studies import flat_minima_work as work
from overparam.studies.flat_minima import NAMES, SIZES, STUDY
from overparam.studies.flat_minima_work import (
    DECADES,
    MANY,
    MEASURES,
    TOP,
    Ruler,
    attacked,
    basin,
    bins,
    checked,
    enough,
    follow,
    twin_of,
)

ROWS = 24
TINY = {
    "data": "digits",
    "n": 40,
    "attack": (0, 16, 24),
    "hidden": (6, 5),
    "level": 20.0,
    "steps": 150,
    "batch": 10,
}


def cell(**change):
    return {axis.name: axis.default for axis in STUDY.axes} | TINY | change


@pytest.fixture(scope="module")
def setting():
    data = flatten(coarser(load("digits"), 4))
    network = mlp(16, (5, 4), 10, init="he")
    params = jax.device_get(network.init(jax.random.key(3)))
    params["hidden1"]["bias"] = np.linspace(0.1, 0.5, 5, dtype=np.float32)  # nothing is 0, and units are on
    return data, network, params


def dense(network, params, x, y):
    """The Hessian of the mean cross-entropy, written out in float64, and the parameters as one vector."""
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), params)
        flat, back = jax.flatten_util.ravel_pytree(wide)

        def loss(vector):
            outputs = network.apply(back(vector), jnp.asarray(x, jnp.float64))
            return -jnp.mean(jax.nn.log_softmax(outputs)[jnp.arange(len(y)), y])

        return np.asarray(jax.hessian(loss)(flat)), np.asarray(jax.grad(loss)(flat)), np.asarray(flat)


@pytest.mark.slow
def test_every_number_agrees_with_the_dense_hessian(setting):
    data, network, params = setting
    found, (top, _) = Ruler(network, data, ROWS, params).measured(params)
    hessian, gradient, weights = dense(network, params, data.x[:ROWS], data.y[:ROWS])
    values = np.sort(np.linalg.eigvalsh(hessian))[::-1]
    scaled = np.sort(np.linalg.eigvalsh(np.abs(weights)[:, None] * hessian * np.abs(weights)))[::-1]
    near = {"rel": 1e-5}  # ten times the residual that is asked of an eigenvalue
    assert len(top) == MANY
    assert top == pytest.approx(values[:MANY], abs=1e-5 * values[0])
    assert found["top_eigenvalue"] == pytest.approx(values[0], **near)
    assert found["top_sum"] == pytest.approx(values[:TOP].sum(), **near)
    assert found["scaled_top"] == pytest.approx(scaled[0], **near)
    assert found["scaled_sum"] == pytest.approx(scaled[:TOP].sum(), **near)
    assert found["gradient_norm"] == pytest.approx(np.linalg.norm(gradient), **near)
    assert found["norm"] == pytest.approx(np.linalg.norm(weights), **near)
    # an estimate with its standard error; t with 15 degrees of freedom lies within 6 in all but 1 of 40,000 draws
    assert abs(found["trace"] - np.trace(hessian)) <= 6 * found["trace_error"]
    assert found["trace_error"] < 0.2 * np.trace(hessian)
    assert values[MANY - 1] > 0
    assert found["basin"] == pytest.approx(-0.5 * np.log(values[:MANY]).sum(), rel=1e-2)


def test_a_twin_computes_the_same_and_curves_otherwise(setting):
    data, network, params = setting
    twin = twin_of(params)
    x = data.x[:ROWS]
    assert np.array_equal(network.apply(params, x), network.apply(twin, x))  # a power of two rounds nothing
    found, _ = Ruler(network, data, ROWS, params).measured(params)
    hessian, _, weights = dense(network, twin, x, data.y[:ROWS])
    values = np.linalg.eigvalsh(hessian)
    assert found["twin_top"] == pytest.approx(values[-1], rel=1e-5)
    assert found["twin_top"] > 2 * found["top_eigenvalue"]
    scaled = np.linalg.eigvalsh(np.abs(weights)[:, None] * hessian * np.abs(weights))
    assert scaled[-1] == pytest.approx(found["scaled_top"], rel=1e-5)
    assert found["twin_gap"] == 0
    assert found["twin_scaled_gap"] < 1e-5


@pytest.mark.parametrize("hidden", [(4,), (3,) * 11])
def test_a_twin_of_few_and_of_many_layers(hidden):
    network = mlp(3, hidden, 2)
    params = jax.device_get(network.init(jax.random.key(0)))
    x = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    assert np.array_equal(network.apply(params, x), network.apply(twin_of(params), x))
    assert np.array_equal(twin_of(params)["output"]["bias"], params["output"]["bias"])


@pytest.mark.slow
def test_sensitivity_agrees_with_differences(setting):
    data, network, params = setting
    x, h = data.x_test[:3].astype(np.float64), 1e-5
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), params)

        def chances(rows):
            return np.asarray(jax.nn.softmax(network.apply(wide, jnp.asarray(rows))))

        columns = [(chances(x + h * step) - chances(x - h * step)) / (2 * h) for step in np.eye(16)]
        found = work.sensitivity(network, wide, jnp.asarray(x))
    assert found == pytest.approx(np.sqrt(np.square(columns).sum(axis=(0, 2))).mean(), rel=1e-6)


def test_the_volume_is_that_of_an_ellipsoid():
    # in two dimensions the area of lambda_1 x^2 + lambda_2 y^2 <= 1 is pi / sqrt(lambda_1 lambda_2)
    assert math.exp(basin(np.array([9.0, 4.0]))) * math.pi == pytest.approx(math.pi / 6)
    assert basin(np.array([1.0, 0.0])) is None
    assert basin(np.array([1.0, -1e-9])) is None


def test_bins_hold_every_eigenvalue_once():
    class Planted:
        nodes = (np.array([2.0, 0.02, 0.0, -2e-4]), np.array([2.0]))
        weights = (np.array([0.1, 0.2, 0.3, 0.4]), np.array([1.0]))

    found = dict(zip(DECADES, bins(Planted, 2.0), strict=True))
    assert sum(found.values()) == pytest.approx(1)
    assert found[0.0] == pytest.approx(0.55)  # the largest itself: (0.1 + 1) / 2
    assert found[DECADES[0]] == pytest.approx(0.15)  # what is 0
    assert sum(found[d] for d in (-2.5, -2.0)) == pytest.approx(0.1)
    assert sum(found[d] for d in (-4.5, -4.0)) == pytest.approx(0.2)


def test_training_stops_only_where_the_rows_are_fitted():
    # mean over all = (rows a + attack b) / (rows + attack), b >= 0: at the stop a is at most the level, and equal to it at b = 0
    rows, attack, level = 512, 200, 0.01
    stop = enough(level, rows, attack)
    assert stop * (rows + attack) / rows == pytest.approx(level)
    assert enough(level, rows, 0) == level


def test_random_labels_leave_the_rows_alone():
    y = np.arange(60) % 10
    assert np.array_equal(attacked(y, 20, 10, "true", 1), y)
    found, again, other = (attacked(y, 20, 10, "random", seed) for seed in (1, 1, 2))
    assert np.array_equal(found[:20], y[:20])
    assert np.array_equal(found, again)
    assert not np.array_equal(found, other)
    assert 0.6 < (found[20:] != y[20:]).mean() <= 1.0  # 40 draws, nine of ten wrong: 0.9 +- 6 x 0.05


def test_correlations():
    assert follow([1.0, 2.0, 4.0], [1.0, 2.0, 3.0], logarithm=True) == pytest.approx(1)
    assert follow([-1.0, 0.0, 1.0], [3.0, 2.0, 1.0], logarithm=False) == pytest.approx(-1)
    assert follow([1.0, 2.0], [1.0, 2.0], logarithm=True) is None
    assert follow([1.0, None, 4.0, 0.0], [1.0, 2.0, 3.0, 4.0], logarithm=True) is None
    assert follow([1.0, 2.0, 4.0], [1.0, 1.0, 1.0], logarithm=True) is None
    assert tuple(NAMES) == MEASURES


@pytest.mark.slow
def test_a_cell_has_the_values_that_the_study_names():
    said = []
    first, second = (
        one.values for one in STUDY.work([cell(labels="random", seed=s) for s in (1000, 1001)], said.append)
    )
    assert said == sorted(said)
    assert said[-1] == 1.0
    for one in (first, second):
        assert set(one) == set(STUDY.values)
        assert one["attack"] == [0, 16, 24]
        assert one["parameters"] == 65 * 6 + 7 * 5 + 6 * 10
        assert all(0 < loss <= 20.0 for loss in one["loss"])
        assert all(a <= 150 for a in one["step"])
        assert [round(abs(one[f"follows_{name}"] or 0), 9) <= 1 for name in MEASURES] == [True] * len(MEASURES)
    assert first["top_sum"] != second["top_sum"]
    (true,) = (one.values for one in STUDY.work([cell(labels="true", seed=1000)], said.append))
    assert true["attack"] == [0, 24]
    assert true["top_sum"][0] == pytest.approx(first["top_sum"][0], rel=1e-3)  # the same network


@pytest.mark.slow
def test_a_network_that_does_not_fit_is_said_to_be_none():
    (one,) = (
        one.values
        for one in STUDY.work([cell(labels="true", seed=1000, level=1e-4, steps=30)], lambda share: None)
    )
    assert one["loss"] == one["top_sum"] == [None, None]
    assert one["parameters"] is None


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        (
            {"n": 1000, "attack": (0, 512)},
            UsageError,
            "--n, --attacks: expected at most the 1,200 training rows",
        ),
        (
            {"attack": (64,)},
            UsageError,
            "--attacks: expected at least two sizes of the attack set to compare, got 64",
        ),
        ({"n": 9}, UsageError, "--n: expected at least one row for each of 10 classes, got 9"),
    ],
)
def test_what_cannot_be_planned_is_refused(change, error, told):
    with pytest.raises(error, match=told):
        STUDY.estimate(cell(labels="random", seed=1000, **change))


def test_what_cannot_be_trained_is_refused():
    data = load("digits")
    with pytest.raises(
        DataError, match="--n, --attacks: expected at most the 1,200 training rows together, got 1,000 and 201"
    ):
        checked(data, 1000, 201, 10)
    with pytest.raises(UsageError, match="--batch: expected at most the 40 rows to fit, got 41"):
        checked(data, 40, 0, 41)


def test_the_plan_has_the_sizes_of_its_profiles():
    assert STUDY.profiles["quick"].axes.get("attack", SIZES) == SIZES
