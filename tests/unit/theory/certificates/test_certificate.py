"""What a certificate says, how it is stored and shown, and how bad input is answered."""

import json

import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.theory.activations import Activation, activation
from overparam.theory.certificates import (
    certify_dense,
    certify_jacobian,
    certify_two_layer,
    check_run,
    evaluate,
    two_layer,
)
from tests import plain_networks as plain


def wide(n=6, d=5, k=80, scale=20.0, seed=0):
    rng = np.random.default_rng(seed)
    x, y = plain.sphere(rng, n, d), rng.choice([-1.0, 1.0], size=n)
    return (*plain.doubled(rng, k, d, scale), x, y)


def test_a_certificate_tells_all_its_numbers():
    w, v, x, y = wide()
    found = certify_two_layer(w, v, x, y, "softplus")
    assert found.certified
    assert found.verdict == "certified"
    assert found.residual == pytest.approx(np.sqrt(6), rel=1e-9)
    assert found.sigma < found.beta
    assert found.h == pytest.approx(found.lipschitz * found.residual / found.sigma**2, rel=0.05)
    assert found.residual / found.sigma <= found.distance == found.radius
    assert found.step == pytest.approx(found.largest_step / 2)
    assert 0 < found.rate < 1
    assert found.parameters == 400
    assert set(found.rounding) == {
        "forming the Gram matrix, on sigma^2", "entries of the Jacobian, on sigma", "residual, on its norm",
    }  # fmt: skip
    assert [a.state for a in found.assumptions] == ["holds"] * 5 + ["unchecked"] * 3
    assert "within a distance of" in found.reason
    assert found.envelope([0, 10])[1] == pytest.approx(found.residual * found.rate**10)


def test_it_can_be_stored_and_shown():
    w, v, x, y = wide()
    for found in (
        certify_two_layer(w, v, x, y, "softplus"),
        certify_two_layer(w, v, x, 9 * y, "relu", flow=True),
    ):
        record = json.loads(json.dumps(found.to_dict(), allow_nan=False))
        assert record["verdict"] == found.verdict
        assert len(record["assumptions"]) == len(found.assumptions)
        html = found._repr_html_()
        assert html.startswith("<div>")
        assert f"<b>{found.verdict}</b>" in html
        assert "nan" not in html
        assert found.reason in str(found)


def test_steps_are_in_the_units_of_the_loss():
    w, v, x, y = wide()
    half = certify_two_layer(w, v, x, y, "tanh")
    mean = certify_two_layer(w, v, x, y, "tanh", loss="mean")
    torch = certify_two_layer(w, v, x, y, "tanh", loss="mean squared error")
    assert mean.largest_step == pytest.approx(6 * half.largest_step)
    assert torch.largest_step == pytest.approx(3 * half.largest_step)
    assert mean.rate == pytest.approx(half.rate)
    too_large = certify_two_layer(w, v, x, y, "tanh", step=1.01 * half.largest_step)
    assert not too_large.certified
    assert "is above the largest that is certified" in too_large.reason
    assert certify_two_layer(w, v, x, y, "tanh", step=1.01 * half.largest_step, loss="mean").certified
    with pytest.raises(
        UsageError, match="loss: expected one of half sum, mean, mean squared error, got 'cross_entropy'"
    ):
        certify_two_layer(w, v, x, y, "tanh", loss="cross_entropy")
    with pytest.raises(UsageError, match="step: expected a positive number"):
        certify_two_layer(w, v, x, y, "tanh", step=-1.0)


def test_flow_of_a_mean_loss_takes_longer():
    w, v, x, y = wide()
    half = certify_two_layer(w, v, x, y, "tanh", flow=True)
    mean = certify_two_layer(w, v, x, y, "tanh", flow=True, loss="mean")
    assert mean.envelope([6.0])[0] == pytest.approx(half.envelope([1.0])[0])
    assert half.step == half.largest_step == 0.0
    with pytest.raises(UsageError, match="envelope: expected times of at least 0"):
        half.envelope([-1.0])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda x: x[[0, 0, 1, 2, 3, 4]], "inputs 0 and 1 are equal"),
        (lambda x: np.vstack([x[:5], 0 * x[:1]]), "input 5 is zero"),
        (lambda x: np.vstack([x[:5], -x[:1]]), "1 pairs of inputs x and -x with the odd activation tanh"),
        (lambda x: np.vstack([x[:5], x[:1] * (1 + 1e-12)]), "what float64 can prove ends at about"),
    ],
)
def test_singular_jacobians_are_explained(change, text):
    w, v, x, y = wide()
    found = certify_two_layer(w, v, change(x), y, "tanh")
    assert not found.certified
    assert text in found.reason
    assert "Nothing follows about training" in found.reason
    assert found.rate == 1.0


def test_too_few_parameters_are_explained():
    _, _, x, y = wide()
    found = certify_two_layer(np.ones((1, 5)), [1.0], x, y, "tanh")
    assert "5 trained parameters cannot fit 6 targets independently; widen the network" in found.reason
    assert found.sigma == 0
    assert found.assumptions[0].state == "fails"


def test_a_large_residual_is_explained():
    w, v, x, y = wide(scale=0.1)
    found = certify_two_layer(w, v, x, y, "tanh")
    assert "above 1/2: the residual is too large" in found.reason
    assert found.h > 0.5
    assert found.largest_step == 0


@pytest.mark.parametrize(
    ("x", "y", "error", "text"),
    [
        (
            np.eye(2),
            np.array([0, 1]),
            UsageError,
            "y: expected numbers to fit, got integer labels. Encode classes",
        ),
        (np.eye(2), np.array([True, False]), UsageError, "integer labels"),
        (np.eye(3), np.ones(3), UsageError, r"x: expected shape \(n, 2\), got \(3, 3\)"),
        (np.ones((0, 2)), np.ones(0), UsageError, r"x: expected shape \(n, 2\), got \(0, 2\)"),
        (np.eye(2), np.ones((2, 2)), UsageError, r"y: expected shape \(2,\) or \(2, 1\), got \(2, 2\)"),
        (np.array([[1.0, np.nan], [0.0, 1.0]]), np.ones(2), DataError, "x: expected finite numbers, got 1"),
        (np.eye(2), np.array([np.inf, 1.0]), DataError, "y: expected finite numbers, got 1"),
        (1e70 * np.eye(2), np.ones(2), DataError, "x: expected numbers below 1e60 in size"),
        (np.array([["a", "b"]]), np.ones(1), DataError, "x: expected real numbers"),
        (
            np.eye(2, dtype=np.longdouble),
            np.ones(2),
            DataError,
            "x: expected numbers that float64 holds exactly",
        ),
    ],
)
def test_bad_data_are_refused(x, y, error, text):
    with pytest.raises(error, match=text):
        certify_two_layer(np.ones((4, 2)), np.ones(4), x, y, "tanh")


def test_short_floats_are_taken_exactly_and_said():
    w, v, x, y = wide()
    short = certify_two_layer(w, v, x.astype(np.float32), y.astype(np.float32), "softplus")
    assert short.notes == (
        "x was given in float32 and taken as it is, in float64.",
        "y was given in float32 and taken as it is, in float64.",
    )
    assert short.sigma == certify_two_layer(w, v, x.astype(np.float32).astype(float), y, "softplus").sigma


def test_unknown_activations_cannot_be_certified():
    own = Activation("mine", np.tanh, np.cos, np.sin, 1.0, 1.0, "odd")
    with pytest.raises(UsageError, match="activation 'mine': no bound is known"):
        certify_two_layer([[1.0]], [1.0], [[1.0]], [1.0], own)


def test_a_jacobian_of_any_model_gives_the_same():
    w, v, x, y = wide()
    net = two_layer(w, v, activation("softplus"))
    block = evaluate(net, x).blocks[0]
    matrix = (block.signals[:, 0, :, None] * block.inputs[:, None, :]).reshape(6, -1)
    own = certify_dense(net, x, y, flow=True)
    given = certify_jacobian(matrix, -y, own.lipschitz, jacobian_error=1e-10, residual_error=1e-10, flow=True)
    assert given.certified
    assert given.sigma == pytest.approx(own.sigma, rel=1e-8)
    assert given.distance == pytest.approx(own.distance, rel=1e-6)
    near = certify_jacobian(
        matrix, -y, own.lipschitz, jacobian_error=0, residual_error=0, radius=0.5 * own.distance, flow=True
    )
    assert not near.certified
    assert not certify_jacobian(matrix.T, np.ones(400), 1.0, jacobian_error=0, residual_error=0).certified
    with pytest.raises(UsageError, match="jacobian: expected float64, got float32"):
        certify_jacobian(matrix.astype(np.float32), y, 1.0, jacobian_error=0, residual_error=0)
    with pytest.raises(UsageError, match=r"expected shapes \(n, parameters\) and \(n,\)"):
        certify_jacobian(matrix, y[:2], 1.0, jacobian_error=0, residual_error=0)
    with pytest.raises(DataError, match="jacobian: expected finite numbers"):
        certify_jacobian(np.full((1, 2), np.nan), y[:1], 1.0, jacobian_error=0, residual_error=0)


def test_a_broken_promise_is_seen():
    w, v, x, y = wide()
    net = two_layer(w, v, activation("softplus"))
    found = certify_dense(net, x, y)
    norms, positions, _ = plain.descend(net, x, y, found.step, 50)
    assert check_run(found, norms, positions).holds
    slower = check_run(found, np.linspace(norms[0], norms[0] * 0.999, len(norms)), positions)
    assert not slower.holds
    assert slower.contraction < 0
    farther = check_run(found, norms, positions + np.linspace(0, 1, len(norms))[:, None])
    assert farther.distance < 0
    assert not farther.holds
    with pytest.raises(UsageError, match="expected residuals"):
        check_run(found, norms[:1], positions[:1])
    with pytest.raises(UsageError, match="expected a certificate of gradient descent"):
        check_run(certify_dense(net, x, y, flow=True), norms, positions)
