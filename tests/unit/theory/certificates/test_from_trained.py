"""Certificates of trained networks, the saturated case, and distances to the nearest interpolating network."""

import numpy as np
import pytest

from overparam.theory.activations import activation
from overparam.theory.certificates import (
    certify_dense,
    distance_bound,
    first_certified,
    nearest_interpolator,
    shortest_path,
    two_layer,
)
from tests import plain_networks as plain


def paper_network(rng, n, d, k, name, y):
    """Outputs ``+- ||y||/sqrt(k n)``, half of each sign."""
    v = np.linalg.norm(y) / np.sqrt(k * n) * np.where(np.arange(k) < k / 2, 1.0, -1.0)
    return two_layer(rng.normal(size=(k, d)), v, activation(name))


@pytest.mark.parametrize(("name", "published"), [("softplus", 1772), ("gelu", 800)])
def test_trained_networks_are_certified_at_moderate_width(name, published):
    """n = 50, d = 10, 12 units: 2.4 parameters a target. At the start h is in the hundreds or thousands."""
    starts, fired = [], []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        x, y = plain.sphere(rng, 50, 10), rng.choice([-1.0, 1.0], size=50)
        path = plain.levenberg_marquardt(paper_network(rng, 50, 10, 12, name, y), x, y)
        found = first_certified(lambda one, x=x, y=y: certify_dense(one, x, y, flow=True), path)
        assert found.certified
        assert found.index > 0
        assert all(h > 0.5 for h in found.h[:-1])
        starts.append(found.h[0])
        fired.append(found.residuals[-1])
        end = certify_dense(path[-1], x, y, flow=True)
        assert end.distance < 1e-8
        travelled = np.linalg.norm(plain.flat(path[-1]) - plain.flat(path[found.index]))
        assert travelled <= found.certificate.distance + end.distance or travelled < 0.1  # another optimiser
    spread = np.log(starts)
    assert abs(spread.mean() - np.log(published)) <= 2.8 * spread.std(ddof=1) * np.sqrt(1 + 1 / 5)
    assert 1e-6 < np.median(fired) < 1e-1


@pytest.mark.slow
def test_a_vanishing_loss_without_an_interpolating_network_is_never_certified():
    """tanh, n = 20, 4 units: the loss tends to 0 only as the weights grow without bound."""
    vanishing = 0
    for seed in (2, 6, 9):
        rng = np.random.default_rng(seed)
        x, y = plain.sphere(rng, 20, 10), rng.choice([-1.0, 1.0], size=20)
        path = plain.levenberg_marquardt(paper_network(rng, 20, 10, 4, "tanh", y), x, y, 400)
        for one in path[:: max(1, len(path) // 40)] + path[-5:]:
            found = certify_dense(one, x, y, flow=True)
            assert not found.certified
        vanishing += found.residual < 1e-5
    assert vanishing >= 1


def test_an_empty_run_and_an_uncertified_one():
    assert first_certified(lambda one: None, []).certificate is None
    x, y = np.eye(2), np.array([5.0, -5.0])
    net = two_layer(np.ones((1, 2)), [1.0], activation("tanh"))
    found = first_certified(lambda one: certify_dense(one, x, y), [net, net])
    assert not found.certified
    assert len(found.h) == 2
    assert found.certificate.residual == found.residuals[-1]


def test_distances_are_proved_on_small_problems():
    """Two parameters: every interpolating network on a fine grid is at least that far."""
    rng = np.random.default_rng(0)
    for name in ("tanh", "softplus", "quadratic"):
        for _ in range(6):
            net = two_layer(rng.normal(size=(2, 1)), rng.normal(size=2), activation(name))
            x = rng.normal(size=(1, 1)) + 1.5
            y = plain.forward(net, x)[0] + rng.normal() * 0.3
            bound = distance_bound(net, x, y)
            grid = np.linspace(-3, 3, 601)
            a, b = (net.weights[0][i, 0] + grid for i in (0, 1))
            value = net.activation.value
            f = net.weights[1][0, 0] * value(a * x[0, 0])[:, None] + net.weights[1][0, 1] * value(b * x[0, 0])
            inside = np.hypot(grid[:, None], grid[None, :]) < bound * (1 - 1e-12)
            sign = np.sign(f - y[0, 0])
            assert abs(sign[inside].sum()) == inside.sum()  # no zero of f - y is nearer
            near = nearest_interpolator(net, x, y)
            assert near >= bound * (1 - 1e-9)
            local = distance_bound(net, x, y, radius=0.5 * bound)
            assert local <= 0.5 * bound


def test_linear_networks_have_the_exact_distance():
    rng = np.random.default_rng(1)
    w, x, y = rng.normal(size=(1, 6)), rng.normal(size=(3, 6)), rng.normal(size=3)
    net = two_layer(w, [2.0], activation("identity"))
    exact = np.linalg.norm(np.linalg.pinv(2 * x) @ (y - 2 * x @ w[0]))
    assert distance_bound(net, x, y) == pytest.approx(exact, rel=1e-9)
    assert distance_bound(net, x, y) <= exact
    assert nearest_interpolator(net, x, y) == pytest.approx(exact, rel=1e-9)


def test_gradient_descent_takes_nearly_the_shortest_path():
    """Published: 1.010 at h = .06, 1.109 at h = .55; against the nearest network 1.0000 and 1.0002."""
    rng = np.random.default_rng(0)
    x, y = plain.sphere(rng, 10, 8), rng.choice([-1.0, 1.0], size=10)
    found = {}
    for scale in (12.0, 1.5):
        w, v = plain.doubled(np.random.default_rng(1), 60, 8, scale)
        net = two_layer(w, v, activation("softplus"))
        start = certify_dense(net, x, y, flow=True)
        step = 1.0 / start.beta**2
        *_, end = plain.descend(net, x, y, step, 4000, stop=1e-10)
        path = shortest_path(net, end, x, y)
        assert path.lower <= path.nearest <= path.to_interpolation * (1 + 1e-9)
        assert path.travelled <= path.nearest * 1.001
        found[start.h] = path.ratio
    (small, near), (large, far) = sorted(found.items())
    assert small < 0.12 < 0.25 < large < 0.8
    assert 1.0 < near < 1.03
    assert 1.03 < far < 1.2


def test_nothing_is_proved_about_distances_where_the_jacobian_is_singular():
    net = two_layer([[1.0, 2.0]], [1.0], activation("tanh"))
    x = np.ones((2, 2))
    assert distance_bound(net, x, np.array([0.0, 1.0])) == 0.0
    found = shortest_path(net, net, x, np.array([0.0, 1.0]))
    assert (found.ratio, found.nearest, found.to_interpolation) == (np.inf, np.inf, np.inf)
    assert "no lower bound" in str(found)
    assert "not certified" in str(found)
    relu = two_layer([[1.0, 2.0]], [1.0], activation("relu"))
    assert distance_bound(relu, x[:1], np.array([0.0])) == 0.0


def test_expected_first_residual_of_balanced_outputs():
    """``1 + Var phi(g)``: 1.264 for softplus with half the signs of each sort."""
    rng = np.random.default_rng(0)
    x, y = plain.sphere(rng, 40, 20), rng.choice([-1.0, 1.0], size=40)
    shares = [
        np.sum((plain.forward(paper_network(rng, 40, 20, 200, "softplus", y), x)[0][:, 0] - y) ** 2) / 40
        for _ in range(300)
    ]
    g = np.polynomial.hermite_e.hermegauss(80)
    phi, weight = np.logaddexp(0, g[0]), g[1] / g[1].sum()
    exact = 1 + weight @ phi**2 - (weight @ phi) ** 2
    assert exact == pytest.approx(1.27, abs=0.01)
    assert np.mean(shares) == pytest.approx(exact, abs=4 * np.std(shares) / np.sqrt(300))
