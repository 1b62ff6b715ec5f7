"""The study on sharp minima: its pairs, curves and curvature against what is computed apart, and bad input."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.data import coarser, flatten, load, subset
from overparam.models import mlp
from overparam.studies.sharp_minima import ARMS, MEASURES, STUDY
from overparam.studies.sharp_minima_work import (
    DRAWN,
    ENDS,
    PAIRS,
    Ruler,
    checked,
    curves,
    measured,
    networks,
    steps_of,
)
from overparam.studies.sharp_minima_work import MEASURES as MEASURED
from overparam.training import Checkpoint, Trained

TINY = {
    "data": "digits",
    "n": 60,
    "hidden": (5, 4),
    "batch": 10,
    "large_batch": 30,
    "epochs": 4,
    "level": 20.0,
    "learning_rate": 0.03,
    "points": 13,
}


def cell(**change):
    return {axis.name: axis.default for axis in STUDY.axes} | TINY | change


@pytest.fixture(scope="module")
def setting():
    data = flatten(subset(coarser(load("digits"), 4), 30))
    network = mlp(16, (4,), 10, init="he")
    return data, network, [jax.device_get(network.init(jax.random.key(seed))) for seed in (0, 1)]


def mean_loss(network, params, x, y):
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), params)
        outputs = network.apply(wide, jnp.asarray(x, jnp.float64))
        return float(-jnp.mean(jax.nn.log_softmax(outputs)[jnp.arange(len(y)), y]))


@pytest.mark.slow
def test_curvature_agrees_with_the_dense_hessian(setting):
    data, network, (params, _) = setting
    found = measured(Ruler(network, data, params, 1e-3), (params, {"train_loss": 1.0}), 0)
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), params)
        flat, back = jax.flatten_util.ravel_pytree(wide)

        def loss(vector):
            outputs = network.apply(back(vector), jnp.asarray(data.x, jnp.float64))
            return -jnp.mean(jax.nn.log_softmax(outputs)[jnp.arange(len(data.y)), data.y])

        hessian, slope = np.asarray(jax.hessian(loss)(flat)), np.asarray(jax.grad(loss)(flat))
        flat, start = np.asarray(flat), float(loss(flat))
        corner = float(loss(jnp.asarray(flat + 1e-3 * (np.abs(flat) + 1) * np.sign(slope))))
    assert found["top_eigenvalue"] == pytest.approx(
        np.linalg.eigvalsh(hessian)[-1], rel=5e-3
    )  # a residual of 1e-3 is asked
    assert found["gradient_norm"] == pytest.approx(np.linalg.norm(slope), rel=1e-4)
    assert found["test_loss"] == pytest.approx(mean_loss(network, params, data.x_test, data.y_test), rel=1e-4)
    assert found["norm"] == pytest.approx(np.linalg.norm(flat), rel=1e-5)
    # the loss is nearly linear in so small a box: the corner that the gradient points to is among what is looked at
    assert found["sharpness"] >= 100 * (corner - start) / (1 + start) * (1 - 1e-3)
    bound = np.abs(slope) @ (np.abs(flat) + 1) * 1e-3
    curved = 0.5 * np.linalg.eigvalsh(hessian)[-1] * 1e-6 * np.square(np.abs(flat) + 1).sum()
    assert found["sharpness"] <= 100 * (bound + curved) / (1 + start) * 1.01


def test_curves_go_through_the_networks(setting):
    data, network, (first, last) = setting
    losses = [{"train_loss": mean_loss(network, one, data.x, data.y)} for one in (first, last)]
    ends = dict.fromkeys(ENDS) | {"small": (first, losses[0]), "large": (last, losses[1])}
    found = curves(network, data, ends, 13)
    assert found["t"] == pytest.approx(np.linspace(-1, 2, 13).tolist())
    between = jax.tree.map(lambda a, b: a - 0.75 * (b - a), first, last)
    assert found["epochs_train_loss"][1] == pytest.approx(mean_loss(network, between, data.x, data.y), rel=1e-4)
    assert found["ends_off"] < 1e-4
    wrong = {name: (end if end is None else (end[0], {"train_loss": end[1]["train_loss"] + 0.5}))
             for name, end in ends.items()}  # fmt: skip
    assert curves(network, data, wrong, 13)["ends_off"] == pytest.approx(0.5, abs=1e-4)
    for part in DRAWN:
        assert found[f"matched_{part}"] == [None] * 13
        assert len(found[f"epochs_{part}"]) == 13


def run(marks, *, kept=(), diverged=None, steps=(0, 5, 10)):
    """A run whose parameters say where they were taken."""
    values = {name: np.array([1.0, 0.5, 0.25]) for name in ("train_loss", "train_error")}
    points = {name: Checkpoint({"at": step}, step) for name, step in kept}
    return Trained(0, np.array(steps), values, diverged, None, Checkpoint({"at": marks}, 10), points)


def test_the_six_networks_are_taken_where_they_are_named():
    found = networks(run("s", kept=[("matched", 5)]), run("l", kept=[("epochs", 5), ("matched", 10)]), run("t"))
    assert {name: end[0]["at"] for name, end in found.items()} == {
        "small": "s", "large": 5, "small_matched": 5, "large_matched": 10, "large_steps": "l", "large_tuned": "t"}  # fmt: skip
    assert [found[name][1]["train_loss"] for name in ENDS] == [0.25, 0.5, 0.5, 0.25, 0.25, 0.25]
    assert [found[name][1]["steps"] for name in ENDS] == [10, 5, 5, 10, 10, 10]
    lost = networks(run("s"), run("l", kept=[("epochs", 5)], diverged=10), run("t"))
    assert lost["small_matched"] is lost["large"] is lost["large_steps"] is None
    assert measured(None, None, 0) == dict.fromkeys(MEASURED)
    assert tuple(found) == tuple(ARMS) == ENDS
    assert set(PAIRS["matched"]) == {"small_matched", "large_matched"}
    assert set(MEASURED) == set(MEASURES)


@pytest.mark.slow
def test_a_cell_has_the_values_that_the_study_names():
    said = []
    first, second = (one.values for one in STUDY.work([cell(seed=1000), cell(seed=1001)], said.append))
    assert said == sorted(said)
    assert said[-1] == 1.0
    for one in (first, second):
        assert set(one) == set(STUDY.values)
        assert one["small_steps"] == one["large_steps_steps"] == 24
        assert one["large_steps"] == one["large_tuned_steps"] == 8
        assert one["sharpness"] == [one[f"{name}_sharpness"] for name in ENDS]
        assert one["ends_off"] < 1e-3
        assert one["small_matched_steps"] == 0  # below so high a level from the start
    assert first["sharpness"] != second["sharpness"]


def test_steps_of_both_batches():
    few, many = steps_of(cell())
    assert (few, many) == (4 * 2, 4 * 6)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"batch": 30}, "--batch, --large-batch: expected a small batch below the large one"),
        ({"large_batch": 61}, "this at most the 60 training rows, got 10 and 61"),
    ],
)
def test_what_cannot_be_planned_is_refused(change, told):
    with pytest.raises(UsageError, match=told):
        STUDY.estimate(cell(seed=1000, **change))


def test_what_cannot_be_trained_is_refused():
    data = load("digits")
    with pytest.raises(DataError, match="--n: expected at most the 1,200 training rows, got 1,201"):
        checked(data, cell(n=1201))
    with pytest.raises(UsageError, match="expected a small batch below the large one"):
        checked(data, cell(large_batch=10))
    with pytest.raises(DataError, match="training labels"):
        checked(data, cell(n=5, large_batch=5, batch=2))
