"""The hard test: no certified run may break a promise. Random networks near the edge of what is certified."""

import numpy as np
import pytest

from overparam.theory.activations import activation
from overparam.theory.certificates import certify_dense, certify_two_layer, check_run, key_lemma, two_layer
from overparam.theory.certificates.certificate import step_factor
from tests import plain_networks as plain


def attack(seed, steps):
    """None if nothing was certified, else the slacks of the run; an assertion if the certificate is wrong."""
    net, x, y, share, loss = plain.instance(seed)
    found = certify_dense(net, x, y, loss=loss)
    if share is not None and found.certified:
        found = certify_dense(net, x, y, loss=loss, step=share * found.largest_step)
    if not found.certified:
        return None
    step = found.step * step_factor(loss, found.examples, found.outputs)
    error = found.rounding["residual, on its norm"]
    flow = certify_dense(net, x, y, loss=loss, flow=True)
    assert flow.certified
    assert flow.distance <= found.distance * (1 + 1e-9)
    norms, positions, end = plain.descend(net, x, y, step, steps, stop=1e-12 * found.residual + 4 * error)
    if len(norms) < 2:  # what is left to fit is rounding
        return None
    values = [np.linalg.svd(plain.dense_jacobian(one, x), compute_uv=False) for one in (net, end)]
    assert found.sigma <= values[0][-1] * (1 + 1e-12) + 1e-13 * values[0][0]
    assert max(v[0] for v in values) <= found.beta * (1 + 1e-12)
    assert max(v[0] for v in values) <= flow.beta * (1 + 1e-12) or found.distance > flow.distance
    slack = check_run(found, norms, positions)
    assert slack.holds, (seed, slack, found.reason)
    times = np.arange(len(norms))
    assert (norms <= found.envelope(times) + 8 * error).all(), seed
    if found.rate < 1 and np.log(1e-10) / np.log(found.rate) < len(norms) - 1:
        assert norms[-1] <= 1e-10 * norms[0] + 8 * error, seed
    return slack


def test_no_certified_run_breaks_a_promise():
    slacks = [attack(seed, 300) for seed in range(20)]
    certified = [one for one in slacks if one is not None]
    assert len(certified) >= 0.2 * len(slacks)
    assert min(one.distance for one in certified) < 0.5  # the bounds are not empty


@pytest.mark.slow
def test_no_certified_run_of_many_breaks_a_promise():
    certified = sum(attack(seed, 600) is not None for seed in range(1000, 1500))
    assert certified >= 100


def test_the_condition_is_sharp_where_the_theorem_is():
    """f = v w^2 can reach targets of at least 0 and no others: h = 1/2 is the boundary."""
    for v, w in ((1.0, 1.0), (0.3, 2.0), (5.0, 0.01)):
        for share, reached in ((1e-9, True), (-1e-9, False), (-1e-12, False)):
            target = share * v * w * w
            found = certify_two_layer([[w]], [v], [[1.0]], [target], "quadratic", flow=True)
            assert found.certified == reached
            assert found.h == pytest.approx(0.5, abs=1e-8)
            if reached:
                assert found.distance >= w * (1 - np.sqrt(share))
                assert found.distance == pytest.approx(w, rel=1e-3)


def test_what_no_network_can_fit_is_never_certified():
    rng = np.random.default_rng(0)
    for trial in range(20):
        d, k = 4, 200
        x = plain.sphere(rng, 4, d)
        w, v = rng.normal(size=(k, d)), rng.choice([-1.0, 1.0], size=k)
        twice = np.vstack([x, x[:1]])
        small = 10.0 ** -rng.integers(0, 14)
        y = two_layer(w, v, activation("tanh"))
        start = plain.forward(y, twice)[0][:, 0]
        start[-1] += small  # equal inputs, other targets
        for flow in (True, False):
            assert not certify_two_layer(w, v, twice, start, "tanh", flow=flow).certified
            opposite = np.vstack([x, -x[:1]])
            targets = plain.forward(y, opposite)[0][:, 0]
            targets[-1] += small
            assert not certify_two_layer(w, v, opposite, targets, "tanh", flow=flow).certified
            few = certify_two_layer(w[:1], v[:1], np.vstack([x, x + 1]), np.ones(8), "tanh", flow=flow)
            assert not few.certified
        assert trial >= 0


def test_more_opposite_pairs_than_features_are_never_certified():
    rng = np.random.default_rng(1)
    d, k = 3, 400
    half = plain.sphere(rng, d + 1, d)
    x = np.vstack([half, -half])
    w, v = plain.doubled(rng, k, d, 30.0)
    for name in ("softplus", "gelu", "silu", "relu"):
        y = np.zeros(len(x))
        y[0] = 1e-6
        found = certify_two_layer(w, v, x, y, name, flow=True)
        assert not found.certified
        assert "4 pairs of inputs x and -x, more than the 3 features" in found.reason
        assert certify_two_layer(w, v, x, y, name, flow=True, bias=np.zeros(k)).sigma > 0


def test_the_older_lemma_asks_more_and_promises_less():
    rng = np.random.default_rng(2)
    x = plain.sphere(rng, 10, 8)
    y = rng.choice([-1.0, 1.0], size=10)
    w, v = plain.doubled(rng, 200, 8, 40.0)
    found = certify_two_layer(w, v, x, y, "softplus")
    old = key_lemma(found.sigma, found.beta, found.lipschitz, found.residual, found.step)
    half = key_lemma(found.sigma, found.beta, found.lipschitz, found.residual, 0.5 / found.beta**2)
    assert found.certified
    assert half.applies
    assert found.distance < old.radius
    assert found.rate < old.rate
    edge = key_lemma(
        found.sigma, found.beta, found.lipschitz, 1.01 * half.largest_residual, 0.5 / found.beta**2
    )
    assert not edge.applies
    net = two_layer(w, v, activation("softplus"))
    bigger = y * 2.5 * edge.largest_residual / np.linalg.norm(y)
    assert certify_dense(net, x, bigger).certified  # the slides' lemma asks 8 times less
