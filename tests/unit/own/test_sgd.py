"""The expected course of stochastic gradient descent on a person's own network."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import overparam
from overparam.core.errors import DataError, UsageError
from overparam.models import Network, linear, mlp, two_layer
from overparam.own import sgd_curve
from overparam.theory.sgd import expected_course, step_bounds


def net(outputs=1):
    network = mlp(4, (30,), outputs, activation="tanh")
    return network, network.init(jax.random.key(0))


def data(n=8, outputs=1):
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, 4)), rng.standard_normal((n, outputs))


def plain_jacobian(network, params, x):
    """Central differences in float64, leaf by leaf."""
    leaves, tree = jax.tree.flatten(params)
    leaves = [np.asarray(leaf, np.float64) for leaf in leaves]
    with jax.enable_x64(True):

        def outputs(values):
            found = network.apply(jax.tree.unflatten(tree, [jnp.asarray(v) for v in values]), jnp.asarray(x))
            return np.asarray(found).ravel()

        columns = []
        for k, leaf in enumerate(leaves):
            for place in np.ndindex(leaf.shape):
                ends = []
                for sign in (1, -1):
                    moved = [v.copy() for v in leaves]
                    moved[k][place] += sign * 1e-5
                    ends.append(outputs(moved))
                columns.append((ends[0] - ends[1]) / 2e-5)
        return np.stack(columns, axis=1), outputs(leaves)


@pytest.mark.parametrize("outputs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_it_is_the_theory_of_the_network_s_own_gradients(outputs):
    network = mlp(4, (5,), outputs, activation="tanh")
    params = network.init(jax.random.key(1))
    x, y = data(5, outputs)
    j, start = plain_jacobian(network, params, x)
    curve = sgd_curve(network, params, x, y, batch=[1, 2], step=[0.05, 0.1], steps=30)
    for i, (batch, step) in enumerate(((1, 0.05), (2, 0.1))):
        want = expected_course(j @ j.T, start - y.ravel(), batch, step, 30, outputs, times=curve.times)
        assert curve.loss[i] == pytest.approx(want.loss / 5, rel=1e-6)
        assert curve.descent[i] == pytest.approx(want.mean_loss / 5, rel=1e-6)
        bounds = step_bounds(j.reshape(5, outputs, -1), batch)
        assert curve.bounds[i].exact == pytest.approx(bounds.exact, rel=1e-5)


@pytest.mark.slow
def test_a_nearly_linear_network_follows_its_curve():
    """A wide network and small residuals (small h), 60 runs of single samples: within 3 s.e. and the allowance."""
    network = two_layer(4, 4000, 1, activation="tanh", parametrisation="ntk", train_output=False, bias=False)
    params = network.init(jax.random.key(0))
    x, y = data(6)
    y = np.asarray(network.apply(params, jnp.asarray(x, jnp.float32)), np.float64) + 0.02 * y
    curve = sgd_curve(network, params, x, y, batch=1, steps=24)
    assert curve.h is not None
    assert curve.h < 0.2
    step, weight = curve.steps[0], np.asarray(params["hidden1"]["weight"], np.float64)
    rng = np.random.default_rng(0)
    form = network.form
    last = np.asarray(form.signs, np.float64)[0] * form.scales[1]
    losses = []
    for _ in range(60):
        w = weight.copy()
        for _ in range(24):
            i = rng.integers(6)
            z = form.scales[0] * w @ x[i]
            left = last @ np.tanh(z) - y[i, 0]
            w -= step * left * form.scales[0] * np.outer(last / np.cosh(z) ** 2, x[i])
        losses.append((((np.tanh(form.scales[0] * x @ w.T) @ last) - y[:, 0]) ** 2).mean() / 2)
    error = np.std(losses) / np.sqrt(60)
    assert abs(np.mean(losses) - curve.loss[0, -1]) <= 3 * error + curve.allowance


def test_defaults_words_and_pages():
    network, params = net()
    x, y = data()
    curve = overparam.sgd_curve(network, params, x, y)
    assert curve.batches == (1, 3, 8)
    assert curve.steps == pytest.approx([b.exact / 2 for b in curve.bounds])
    assert (curve.times[0], curve.times[-1]) == (0, 160)
    assert (curve.loss[:, -1] < curve.loss[:, 0]).all()
    assert curve.answer.startswith("Stable with its step: batch 1, 3, 8 (of 3 given). h = ")
    assert "heuristic, not a bound" in str(curve)
    assert "linear model" in str(curve)
    page = curve._repr_html_()
    assert "largest stable step" in page
    assert page.count("<tr>") == 4 + len(curve.assumptions)
    assert [row["batch"] for row in curve.table()] == [1, 3, 8]


def test_a_step_that_is_too_large_is_said():
    network, params = net()
    x, y = data()
    edge = sgd_curve(network, params, x, y, batch=1, steps=2).bounds[0].exact
    curve = sgd_curve(network, params, x, y, batch=[1, 8], step=1.2 * edge, steps=2000)
    assert curve.answer.startswith("Stable with its step: batch 8 (of 2 given).")
    assert curve.loss[0, -1] > 1e3 * curve.loss[0, 0]


@pytest.mark.slow
def test_mean_squared_error_is_the_same_course_in_other_units():
    network, params = net(2)
    x, y = data(6, 2)
    one = sgd_curve(network, params, x, y, batch=2, step=0.1, steps=20)
    other = sgd_curve(network, params, x, y, batch=2, step=0.05, steps=20, loss="mean squared error")
    assert other.bounds[0].exact == pytest.approx(one.bounds[0].exact)
    third = net()
    x, y = data()
    one = sgd_curve(*third, x, y, batch=2, step=0.1, steps=20)
    other = sgd_curve(*third, x, y, batch=2, step=0.05, steps=20, loss="mean squared error")
    assert other.loss == pytest.approx(one.loss, rel=1e-12)
    assert other.bounds[0].exact == pytest.approx(one.bounds[0].exact / 2)


def test_a_network_of_unknown_structure_has_no_h():
    inner = linear(4, 1)
    network = Network("own", inner.init, inner.apply, 4, 1)
    curve = sgd_curve(network, inner.init(jax.random.key(0)), *data(), steps=5)
    assert (curve.h, curve.allowance) == (None, None)
    assert curve.assumptions[0].state == "unchecked"
    assert "not known" in curve.answer
    assert "No allowance" in str(curve)


def test_more_examples_than_parameters_are_said_and_leave_a_floor():
    network = linear(4, 1, bias=False)
    curve = sgd_curve(network, network.init(jax.random.key(0)), *data(12), batch=1, steps=3000)
    assert {a.name: a.state for a in curve.assumptions}["can be fitted"] == "fails"
    assert curve.loss[0, -1] > curve.descent[0, -1] > 0.01
    assert curve.h is not None
    assert np.isinf(curve.h) or curve.h == 0


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"batch": 9}, UsageError, "batch: expected at most the 8 samples, got 9"),
        ({"step": -1.0}, UsageError, "step: expected a finite number above 0"),
        ({"step": [0.1, 0.2], "batch": 1}, UsageError, r"one a batch size \(1\), got 2"),
        ({"loss": "sum"}, UsageError, "loss: expected one of mean, mean squared error, got 'sum'"),
        ({"x": np.ones((8, 3))}, UsageError, r"x: expected shape \(n, 4\), got \(8, 3\)"),
        ({"x": np.full((8, 4), np.nan)}, DataError, "x: expected finite numbers, got 32 of 32"),
        ({"x": np.ones((2001, 4))}, UsageError, "at most 2000 outputs in all, got 2001 examples of 1"),
        ({"y": np.ones(7)}, UsageError, r"y: expected shape \(8, 1\), got \(7,\)"),
        ({"y": np.full(8, np.inf)}, DataError, "y: expected finite numbers"),
    ],
)
def test_bad_input_is_named(change, error, text):
    network, params = net()
    x, y = data()
    given = {"x": x, "y": y, "steps": 3} | change
    with pytest.raises(error, match=text):
        sgd_curve(network, params, given.pop("x"), given.pop("y"), **given)


def test_class_labels_are_not_targets():
    network, params = net(3)
    with pytest.raises(UsageError, match="got class labels. Make them one-hot"):
        sgd_curve(network, params, data()[0], np.arange(8) % 3)


def test_odd_inputs_are_named():
    network, params = net()
    x, y = data()
    with pytest.raises(UsageError, match="batch: expected at least one batch size"):
        sgd_curve(network, params, x, y, batch=[])
    with pytest.raises(UsageError, match="network: expected a network"):
        sgd_curve(None, params, x, y)
    with pytest.raises(UsageError, match="params: expected the structure"):
        sgd_curve(network, None, x, y)
    with pytest.raises(UsageError, match="got class labels"):
        sgd_curve(network, params, x, np.arange(8))
    with pytest.raises(DataError, match="Rescale"):
        sgd_curve(network, params, x, 1e300 * y)
    several = sgd_curve(network, params, x, y, batch=np.array([1, 2]), step=np.array([0.1, 0.2]), steps=3)
    assert several.batches == (1, 2)
    assert several.steps == (0.1, 0.2)
    assert sgd_curve(network, params, x, y, batch=1, step=1e300, steps=3).loss[0, -1] == np.inf
