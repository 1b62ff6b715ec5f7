"""Predictions against descent on the linearised network, against wide networks, and on bad inputs."""

import functools
import json
import math
import sys
import xml.etree.ElementTree as ET

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam import linearise, mlp, predict, two_layer
from overparam.core.errors import DataError, NullSpaceWarning, UsageError
from overparam.models import Network, cnn1d
from overparam.own import Prediction, jacobian
from overparam.theory.dynamics import ensemble
from overparam.theory.kernels import dense_network, kernels

RNG = np.random.default_rng(0)
X, X_TEST = RNG.standard_normal((7, 3)), RNG.standard_normal((4, 3))
Y = RNG.standard_normal((7, 2))
NETWORK = mlp(3, (12, 9), 2, activation="tanh", parametrisation="ntk")
PARAMS = NETWORK.init(jax.random.key(1))
STEPS = (0, 1, 5, 60)
DIVISOR = {"half sum": 1.0, "mean": 7.0, "mean squared error": 7.0}


@functools.lru_cache
def descended(rate, loss):
    """Descent on the linearised network's own loss by automatic differentiation, in float64."""
    with jax.enable_x64(True):
        params = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), PARAMS)
        line = linearise(NETWORK, params)
        total = {
            "half sum": lambda r: 0.5 * jnp.sum(r**2),
            "mean": lambda r: 0.5 * jnp.mean(jnp.sum(r**2, axis=1)),
            "mean squared error": lambda r: jnp.mean(r**2),
        }[loss]
        slope = jax.jit(jax.value_and_grad(lambda p: total(line.apply(p, jnp.asarray(X)) - Y)))
        now, found = params, {}
        for step in range(max(STEPS) + 1):
            value, grad = slope(now)
            if step in STEPS:
                moved = jax.tree.leaves(jax.tree.map(lambda a, b: jnp.sum((a - b) ** 2), now, params))
                found[step] = (
                    float(value),
                    np.asarray(line.apply(now, jnp.asarray(X_TEST))),
                    math.sqrt(sum(moved)),
                )
            now = jax.tree.map(lambda a, g: a - rate * g, now, grad)
    return [found[step] for step in STEPS]


@pytest.mark.parametrize("loss", DIVISOR)
@pytest.mark.parametrize("dense", [True, False])
def test_a_linearised_prediction_is_descent_on_the_linearised_network(loss, dense, monkeypatch):
    if not dense:
        monkeypatch.setattr(sys.modules["overparam.own.predict"], "DENSE", 0)
    found = predict(NETWORK, X, Y, X_TEST, params=PARAMS, steps=STEPS, loss=loss)
    assert (found.kind, found.parameters, found.n) == ("linearised", 3 * 12 + 12 + 12 * 9 + 9 + 9 * 2 + 2, 7)
    assert found.rate == pytest.approx(found.largest_step / 2)
    for k, (value, outputs, distance) in enumerate(descended(float(f"{found.rate:.12g}"), loss)):
        assert found.train_loss[k] == pytest.approx(value, rel=1e-9)
        assert np.allclose(found.test_outputs[k], outputs, atol=1e-9)
        assert found.distance[k] == pytest.approx(distance, abs=1e-9)
    lam = np.linalg.eigvalsh(np.asarray(jacobian(NETWORK, PARAMS, X)) @ jacobian(NETWORK, PARAMS, X).T)
    assert found.largest_step == pytest.approx(2 * DIVISOR[loss] / lam[-1], rel=1e-9)
    assert found.condition == pytest.approx(lam[-1] / lam[0], rel=1e-6)


def test_a_seed_stands_for_fresh_parameters_and_any_network_will_do():
    network = Network(
        "own", lambda key: jax.random.normal(key, (2, 3)), lambda p, x: jnp.tanh(x @ p.T) * jnp.sum(p), 3, 2
    )
    x = X[:5]
    one = predict(network, x, Y[:5], seed=3, steps=(0, 10))
    two = predict(network, x, Y[:5], params=network.init(jax.random.key(3)), steps=(0, 10))
    assert one.train_loss == two.train_loss
    assert one.distance == two.distance


def test_steps_to_a_share_are_where_the_predicted_loss_is_that_share():
    found = predict(NETWORK, X, Y, params=PARAMS, steps=(0,))
    for share, step in found.steps_to.items():
        before, at = predict(NETWORK, X, Y, params=PARAMS, steps=(step - 1, step)).train_loss
        assert before > share * found.train_loss[0] >= at


def test_flow_is_the_limit_of_small_steps():
    flow = predict(NETWORK, X, Y, X_TEST, params=PARAMS, steps=(0.0, 0.5), flow=True)
    small = predict(NETWORK, X, Y, X_TEST, params=PARAMS, steps=(0, 5000), rate=1e-4)
    assert flow.rate is None
    assert np.allclose(flow.test_outputs, small.test_outputs, atol=1e-3)


@pytest.mark.slow
def test_infinite_width_is_the_mean_and_spread_of_wide_networks():
    """Ninety networks of width 400 after 40 steps on all parameters; five standard errors, and 1/width."""
    x, y, x_test = X[:4], Y[:4, :1], X_TEST[:3]
    network = mlp(3, (400,), 1, activation="erf", parametrisation="ntk")
    found = predict(network, x, y, x_test, steps=(0, 40))
    assert found.kind == "infinite width"

    def train(key):
        def half(p):
            return 0.5 * jnp.sum((network.apply(p, x) - y) ** 2)

        start = network.init(key)
        end = jax.lax.fori_loop(
            0, 40, lambda _, p: jax.tree.map(lambda a, g: a - found.rate * g, p, jax.grad(half)(p)), start
        )
        return network.apply(start, x_test)[:, 0], network.apply(end, x_test)[:, 0], half(start), half(end)

    first, last, loss_first, loss_last = map(
        np.asarray, jax.jit(jax.vmap(train))(jax.random.split(jax.random.key(0), 90))
    )
    for k, outputs in enumerate((first, last)):
        sd = found.test_sd[k]
        assert (
            np.abs(outputs.mean(axis=0) - found.test_outputs[k, :, 0]) < 5 * sd / math.sqrt(90) + 0.02
        ).all()
        assert np.allclose(outputs.std(axis=0, ddof=1) / sd, 1, atol=5 / math.sqrt(2 * 90))
    for losses, value in ((loss_first, found.train_loss[0]), (loss_last, found.train_loss[1])):
        assert abs(losses.mean() - value) < 5 * losses.std(ddof=1) / math.sqrt(90) + 0.02 * value


@pytest.mark.parametrize("loss", DIVISOR)
def test_infinite_width_loss_is_that_of_mean_and_covariance(loss):
    found = predict(NETWORK, X, Y, X, steps=(0, 3, math.inf), loss=loss)
    pair = kernels(dense_network(NETWORK.form), X)
    inner = ensemble(pair.ntk, pair.nngp, Y, (0, 3, math.inf), found.rate / DIVISOR[loss])
    for k in range(3):
        squared = np.square(inner.mean[k] - Y).sum() + 2 * np.trace(inner.covariance[k])
        assert found.train_loss[k] == pytest.approx(squared / (2 * DIVISOR[loss]), abs=1e-9)
    assert np.allclose(found.test_outputs, inner.mean, atol=1e-8)  # "other" inputs that are the training inputs
    assert found.distance is None


def test_a_duplicated_input_with_two_targets_warns_and_stays():
    x, y = X[[0, 1, 2, 2]], np.array([[1.0, 0], [0, 1], [2, 0], [0, 0]])
    with pytest.warns(
        NullSpaceWarning, match=r"2 of 8 directions of the kernel have eigenvalue zero; 0\.\d+ of"
    ):
        found = predict(NETWORK, x, y, X_TEST, params=PARAMS)
    assert np.isfinite(found.test_outputs).all()
    assert found.train_loss[-1] == pytest.approx(1.0, rel=1e-6)  # (1/2) (1 + 1)
    assert found.null == 2
    assert found.steps_to[1e-6] == math.inf
    assert found.answer.startswith("Training never fits: 2 of the kernel's directions have eigenvalue zero")
    assert {a.name: a.state for a in found.assumptions}["regular kernel"] == "fails"


def test_more_samples_than_parameters_is_said():
    network = two_layer(3, 1, bias=False, activation="tanh")
    with pytest.warns(NullSpaceWarning, match="3 of 7 directions"):
        found = predict(network, X, Y[:, 0], seed=0)
    assert 0 < found.null_share < 1


def test_it_is_shown_as_html_and_json():
    found = predict(NETWORK, X, Y, X_TEST, params=PARAMS)
    page = found._repr_html_()
    tree = ET.fromstring(page)
    rows = [[cell.text for cell in row] for row in tree.find("table").find("tbody")]
    assert [row[0] for row in rows] == ["0", "1", "10", "100", "1000", "∞"]
    assert float(rows[1][1]) == pytest.approx(found.train_loss[1], rel=1e-3)
    points = tree.find("svg").find("polyline").get("points").split()
    heights = [float(p.split(",")[1]) for p in points]
    assert len(points) > 15
    assert heights == sorted(heights)  # the loss falls: further down on the page
    text = json.dumps(found.to_dict(), allow_nan=False)
    assert json.loads(text)["steps"] == [0, 1, 10, 100, 1000, None]
    assert "condition number" in repr(found)
    lines = str(found).splitlines()
    assert lines[1].split() == ["step", "train", "loss", "distance"]
    assert [line.split()[0] for line in lines[2:8]] == ["0", "1", "10", "100", "1000", "inf"]
    infinite = predict(NETWORK, X, Y)
    assert "distance" not in infinite._repr_html_()
    assert isinstance(infinite, Prediction)


def test_a_rate_above_the_limit_is_predicted_to_diverge():
    limit = predict(NETWORK, X, Y, params=PARAMS, steps=(0,)).largest_step
    found = predict(NETWORK, X, Y, params=PARAMS, steps=(0, 30), rate=1.2 * limit)
    assert found.train_loss[1] > found.train_loss[0]
    assert {a.name: a.state for a in found.assumptions}["stable step"] == "fails"
    with pytest.raises(UsageError, match="got 1.2 times that limit"):
        predict(NETWORK, X, Y, params=PARAMS, rate=1.2 * limit)


def with_nan(values):
    out = np.array(values)
    out.flat[0] = math.nan
    return out


BAD = {
    "shape": (lambda: predict(NETWORK, X[:, :2], Y), UsageError, r"x: expected shape \(n, 3\), got \(7, 2\)"),
    "test shape": (lambda: predict(NETWORK, X, Y, X[0]), UsageError, r"x_test: expected shape \(n, 3\), got \(3,\)"),
    "rows": (lambda: predict(NETWORK, X, Y[:3]), UsageError, r"y: expected shape \(7, 2\), got \(3, 2\)"),
    "labels": (lambda: predict(NETWORK, X, np.arange(7)), UsageError, "Encode class labels first"),
    "NaN inputs": (lambda: predict(NETWORK, with_nan(X), Y), DataError, "x: expected finite numbers"),
    "NaN targets": (lambda: predict(NETWORK, X, with_nan(Y)), DataError, "y: expected finite numbers"),
    "loss": (lambda: predict(NETWORK, X, Y, loss="means"), UsageError, "Did you mean 'mean'"),
    "kind": (lambda: predict(NETWORK, X, Y, kind="infinite"), UsageError, "unknown kind 'infinite'"),
    "both": (lambda: predict(NETWORK, X, Y, params=PARAMS, seed=0), UsageError, "expected one of them, got both"),
    "averaged": (
        lambda: predict(NETWORK, X, Y, seed=0, kind="infinite width"), UsageError, "leave out params and seed",
    ),
    "law": (lambda: predict(mlp(3, (4,), 2), X, Y), UsageError, "parametrisation='ntk'"),
    "no form": (
        lambda: predict(cnn1d(3, (3, 4, 5), 2, kernels=(1, 1, 1)), X, Y), UsageError, "Give params or a seed",
    ),
    "fixed output": (
        lambda: predict(two_layer(3, 4, 2, parametrisation="ntk", train_output=False), X, Y), UsageError,
        "train_output=True",
    ),
    "steps": (lambda: predict(NETWORK, X, Y, steps=(0.5,)), UsageError, "whole numbers"),
    "flow rate": (lambda: predict(NETWORK, X, Y, seed=0, flow=True, rate=0.1), UsageError, "has no step"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_inputs_are_named(case):
    call, kind, text = BAD[case]
    with pytest.raises(kind, match=text):
        call()


def test_odd_inputs_are_named():
    network = mlp(2, (4,), 1, activation="erf", parametrisation="ntk")
    x, y = np.eye(2), np.array([1.0, -1.0])
    for bad in ([["a", "b"]], [[1.0], [1.0, 2.0]], x * 1j):
        with pytest.raises(DataError, match="x: expected real numbers"):
            predict(network, bad, y)
    with pytest.raises(DataError, match="y: expected real numbers"):
        predict(network, x, ["a", "b"])
    for scale in (1e150, 1e300):
        with pytest.raises(DataError, match="Rescale"):
            predict(network, scale * x, y)
    with pytest.raises(DataError, match="Rescale"):
        predict(network, x, 1e300 * y, seed=0)
    for seed in ("a", 1.5, -1):
        with pytest.raises(UsageError, match="seed: expected a whole number"):
            predict(network, x, y, seed=seed)
    with pytest.raises(UsageError, match="params: expected the structure"):
        predict(network, x, y, params={"a": 1.0})
    with pytest.raises(UsageError, match="network: expected a network"):
        predict(None, x, y)
