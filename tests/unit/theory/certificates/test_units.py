"""Units of the three losses: every number of a certificate against exact flows and against descent on that very loss."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy.linalg import expm

from overparam.core.errors import UsageError
from overparam.theory.activations import activation
from overparam.theory.certificates import certify_dense, certify_jacobian, evaluate, first_certified
from overparam.theory.certificates.certificate import LOSSES, loss_factor, step_factor
from overparam.theory.certificates.dense import Dense
from overparam.theory.certificates.words import SCOPE

# c of L = c ||f - y||^2, written out once more
FACTORS = {
    "half sum": lambda n, o: 0.5,
    "mean": lambda n, o: 0.5 / n,
    "mean squared error": lambda n, o: 1 / (n * o),
}
SIZES = [(1, 1), (2, 1), (3, 2), (1, 3), (5, 1)]
CASES = [(loss, n, outputs) for loss in LOSSES for n, outputs in SIZES]


def linear(n: int, outputs: int):
    """A linear model, whose flow is a matrix exponential, with its data."""
    rng = np.random.default_rng(n + 10 * outputs)
    net = Dense((rng.normal(size=(outputs, n + 2)),), (None,), (1.0,), activation("identity"))
    return net, rng.normal(size=(n, n + 2)), rng.normal(size=(n, outputs))


def residual_after(x, residual, time):
    """``f - y`` of the flow of half the sum of squares after that time, shape ``(n, outputs)``."""
    return expm(-time * x @ x.T) @ residual


@pytest.mark.parametrize("loss", LOSSES)
def test_the_factor_of_each_loss_is_that_of_the_loss_itself(loss):
    r = np.arange(1.0, 7.0).reshape(3, 2)
    value = {
        "half sum": 0.5 * np.sum(r**2),
        "mean": np.mean(0.5 * np.sum(r**2, axis=1)),
        "mean squared error": np.mean(r**2),
    }[loss]
    assert loss_factor(loss, 3, 2) * np.sum(r**2) == pytest.approx(value)
    assert step_factor(loss, 3, 2) == 2 * loss_factor(loss, 3, 2)


def test_the_rate_of_the_flow_of_a_mean_is_that_of_the_mean():
    """J = I, L = 0, n = 2: r' = -r/2, so the factor a unit of time is exp(-1/2)."""
    rates = {
        loss: certify_jacobian(
            np.eye(2), [1.0, 1.0], 0, jacobian_error=0, residual_error=0, flow=True, loss=loss
        ).rate
        for loss in LOSSES
    }
    for loss, exponent in (("half sum", 1.0), ("mean", 0.5), ("mean squared error", 1.0)):
        assert math.exp(-exponent) <= rates[loss] <= math.exp(-exponent) * (1 + 1e-10)


@pytest.mark.parametrize(("loss", "n", "outputs"), CASES)
def test_every_number_of_a_flow_holds_of_the_exact_flow_of_that_loss(loss, n, outputs):
    net, x, y = linear(n, outputs)
    found = certify_dense(net, x, y, flow=True, loss=loss)
    assert found.certified
    speed = 2 * FACTORS[loss](n, outputs)  # r' = -2 c J J^T r
    start = x @ net.weights[0].T - y
    smallest = np.linalg.svd(x, compute_uv=False)[-1]
    for time in (0.0, 0.3, 1.0, 7.0):
        left = np.linalg.norm(residual_after(x, start, speed * time))
        bound = found.envelope([time])[0]
        assert left <= bound * (1 + 1e-9)
    # sharp along the slowest direction: the rate is the true one, not the true one of another loss
    assert found.rate == pytest.approx(math.exp(-speed * smallest**2), rel=1e-7)
    assert found.sigma == pytest.approx(smallest, rel=1e-7)
    assert found.distance >= np.linalg.norm(np.linalg.pinv(x) @ start) * (1 - 1e-9)
    assert found.step == found.largest_step == 0.0
    record, shown = found.to_dict(), found.shown()
    for name in ("sigma", "beta", "lipschitz", "residual", "h", "distance", "rate"):
        assert record[name] == getattr(found, name)
    texts = (str(found), found._repr_html_(), found.reason)
    assert all(shown["shown_texts"]["rate"] in text for text in texts)
    assert float(shown["shown_texts"]["rate"]) >= found.rate


@pytest.mark.parametrize(("loss", "n", "outputs"), CASES)
def test_every_number_of_descent_holds_of_descent_on_that_loss(loss, n, outputs):
    net, x, y = linear(n, outputs)
    c = FACTORS[loss](n, outputs)
    weights = net.weights[0].copy()
    found = certify_dense(net, x, y, loss=loss)
    assert found.certified
    # the largest stable step of the loss is 2/(2 c lambda_max): a linear model is certified nearly up to it
    edge = 1 / (c * np.linalg.norm(x, 2) ** 2)
    assert 0.9 * edge <= found.largest_step < edge
    assert found.step == pytest.approx(found.largest_step / 2)
    way, before = 0.0, np.linalg.norm(x @ weights.T - y)
    for _ in range(40):
        gradient = 2 * c * (x @ weights.T - y).T @ x
        weights -= found.step * gradient
        way += found.step * np.linalg.norm(gradient)
        now = np.linalg.norm(x @ weights.T - y)
        assert now <= found.rate * before * (1 + 1e-9) + 1e-12
        before = now
    assert way <= found.distance
    assert np.linalg.norm(weights - net.weights[0]) <= found.distance
    # one step with the same size on the half sum is another step
    same = certify_dense(net, x, y, step=found.step * 2 * c)
    assert same.rate == pytest.approx(found.rate, rel=1e-9)
    assert same.distance == pytest.approx(found.distance, rel=1e-9)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_nonlinear_flow_keeps_its_envelope(loss):
    """Euler with tiny steps on the loss itself, a tanh network with biases and two outputs."""
    rng = np.random.default_rng(1)
    w, b, v = rng.normal(size=(60, 3)), rng.normal(size=60), rng.choice([-1.0, 1.0], (2, 60))
    net = Dense((w, v), (b, None), (1.0, 1.0), activation("tanh"), trained_output=False)
    x = rng.normal(size=(3, 3))
    y = evaluate(net, x).outputs + 0.02 * rng.normal(size=(3, 2))
    found = certify_dense(net, x, y, flow=True, loss=loss)
    assert found.certified
    c, dt = FACTORS[loss](3, 2), 2e-4
    for i in range(1, 301):
        z = np.tanh(x @ w.T + b)
        back = 2 * c * (z @ v.T - y) @ v * (1 - z * z)
        w, b = w - dt * back.T @ x, b - dt * back.sum(axis=0)
        if i % 100 == 0:
            left = np.linalg.norm(np.tanh(x @ w.T + b) @ v.T - y)
            assert left <= found.envelope([i * dt])[0] * 1.01


def test_what_does_not_depend_on_time_is_the_same_for_every_loss():
    net, x, y = linear(3, 2)
    found = [certify_dense(net, x, y, flow=True, loss=loss) for loss in LOSSES]
    for name in ("sigma", "beta", "lipschitz", "residual", "h", "radius", "distance", "kept"):
        assert len({getattr(one, name) for one in found}) == 1, name


def test_the_sentence_names_the_loss_and_every_text_the_scope():
    net, x, y = linear(3, 2)
    for loss, words in zip(
        LOSSES, ("half the sum of squares", "averaged over examples", "mean squared error"), strict=True
    ):
        for flow in (True, False):
            found = certify_dense(net, x, y, flow=flow, loss=loss)
            assert words in found.reason
            for text in (str(found), found.to_dict()["scope"], found.shown()["scope"]):
                assert SCOPE in text
            assert "How a run in float32 or float64 rounds is not covered" in found._repr_html_()


@pytest.mark.parametrize("loss", LOSSES)
def test_the_printed_digits_are_on_the_side_that_is_proved(loss):
    net, x, y = linear(3, 2)
    for flow in (True, False):
        found = certify_dense(net, x, y, flow=flow, loss=loss)
        texts = found.shown()["shown_texts"]
        for name, text in texts.items():
            value, shown = Fraction(getattr(found, name)), Fraction(text)
            if name in ("sigma", "largest_step"):
                assert shown <= value
            elif name == "step":
                assert shown == Fraction(repr(found.step))
            else:
                assert shown >= value


def test_nothing_is_bounded_where_nothing_is_certified():
    found = certify_jacobian(np.eye(2), [9.0, 9.0], 1.0, jacobian_error=0, residual_error=0, flow=True)
    assert not found.certified
    assert found.envelope([0.0, 1.0]).tolist() == [found.residual, math.inf]


def test_a_step_of_a_flow_is_refused():
    with pytest.raises(UsageError, match="step: expected None with flow=True, got 0.1"):
        certify_jacobian(np.eye(2), [0.1, 0.1], 1.0, jacobian_error=0, residual_error=0, flow=True, step=0.1)


def test_the_first_certified_iterate_keeps_its_units():
    net, x, y = linear(2, 1)
    found = first_certified(lambda loss: certify_dense(net, x, y, flow=True, loss=loss), ["mean"])
    assert found.certificate is not None
    assert f"{found.certificate.shown()['shown_texts']['rate']} a unit of time" in str(found)
