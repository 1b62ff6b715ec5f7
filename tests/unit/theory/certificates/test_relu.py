"""Certificates of relu networks: switches counted against brute force, the flow certificate, what was wrong before."""

from dataclasses import replace

import numpy as np
import pytest

from overparam.theory.activations import activation, leaky_relu
from overparam.theory.certificates import certify_dense, certify_two_layer, evaluate, two_layer
from overparam.theory.certificates.relu import switches
from tests import plain_networks as plain


def active(net, x):
    return x @ net.weights[0].T + (0 if net.biases[0] is None else net.biases[0]) > 0


@pytest.mark.parametrize("bias", [False, True])
def test_no_move_switches_more_units_than_counted(bias):
    rng = np.random.default_rng(0)
    for _ in range(20):
        x = rng.normal(size=(5, 3))
        net = two_layer(
            rng.normal(size=(30, 3)), rng.normal(size=30), activation("relu"), np.zeros(30) if bias else None
        )
        found = switches(net, evaluate(net, x))
        before = active(net, x)
        wide = np.column_stack([x, np.ones(5)]) if bias else x
        for radius in (0.05, 0.3, 1.5):
            # the worst move for one example: its cheapest units, straight through their kinks
            one = int(rng.integers(5))
            z = plain.forward(net, x)[1][0][1][one]
            size = np.linalg.norm(wide[one])
            order, step, left = np.argsort(np.abs(z)), np.zeros((30, wide.shape[1])), radius**2
            for unit in order:
                need = (abs(z[unit]) / size * (1 + 1e-9)) ** 2
                if need > left:
                    break
                left -= need
                step[unit] = -z[unit] * (1 + 1e-9) * wide[one] / size**2
            moved = replace(
                net,
                weights=(net.weights[0] + step[:, :3], net.weights[1]),
                biases=(net.biases[0] + step[:, 3] if bias else None, None),
            )
            flips = (active(moved, x) != before).sum(axis=1)
            assert (flips <= found.counts(radius)).all()
            assert flips[one] >= found.counts(radius)[one] - 1  # the count is reached
            assert found.most(radius) == found.counts(radius).max()


def test_the_jacobian_moves_by_no_more_than_said_with_unequal_outputs():
    """The root mean square of v in place of its largest entry is wrong."""
    rng = np.random.default_rng(1)
    x = plain.sphere(rng, 6, 3)
    output = np.array([30.0] + [0.1] * 19)
    weights = rng.normal(size=(20, 3))
    weights[0] = 1e-3 * rng.normal(size=3)
    net = two_layer(weights, output, activation("relu"))
    found = switches(net, evaluate(net, x))
    end = replace(net, weights=(np.vstack([-weights[:1], weights[1:]]), net.weights[1]))
    radius = 2 * np.linalg.norm(weights[0])
    change = (active(end, x).astype(float) - active(net, x)) * output
    moved = np.sqrt(np.linalg.eigvalsh((change @ change.T) * (x @ x.T))[-1])
    delta = found.delta(found.most(radius))
    assert moved <= delta
    assert moved > delta / 30.0 * np.sqrt(np.mean(output**2))


@pytest.mark.slow
def test_flow_is_certified_at_a_large_width_and_not_at_a_tenth_of_it():
    """Published at n=20, d=10, outputs +-1, twice the same units: width 40,000 within .080, width 4,000 not; one draw."""
    distances = []
    for seed in range(2):
        rng = np.random.default_rng(seed)
        x, y = plain.sphere(rng, 20, 10), rng.choice([-1.0, 1.0], size=20)
        for units, fires in ((4000, False), (40000, True)):
            w, v = plain.doubled(rng, units, 10, 1.0)
            found = certify_two_layer(w, v, x, y, "relu", flow=True)
            assert found.certified is fires
            assert (found.h < 0.5) is fires
            if fires:
                distances.append(found.distance)
                assert not certify_two_layer(w, v, x, y, "relu").certified  # descent asks more
    assert 0.06 < np.mean(distances) < 0.16


def test_a_certified_relu_run_stays_within_its_bounds():
    rng = np.random.default_rng(0)
    x, y = plain.sphere(rng, 8, 8), rng.choice([-1.0, 1.0], size=8)
    w, v = plain.doubled(rng, 8000, 8, 1.0)
    net = two_layer(w, v, activation("relu"))
    found = certify_dense(net, x, y, flow=True)
    assert found.certified
    step = 0.5 / found.beta**2
    norms, positions, end = plain.descend(net, x, y, step, 150)
    assert norms[-1] < 0.02 * norms[0]
    assert np.linalg.norm(positions - positions[0], axis=1).max() <= found.distance
    counted = switches(net, evaluate(net, x)).counts(found.distance)
    assert ((active(end, x) != active(net, x)).sum(axis=1) <= counted).all()


@pytest.mark.parametrize("act", ["relu", leaky_relu(0.3)])
def test_descent_is_certified_from_trained_parameters(act):
    rng = np.random.default_rng(3)
    x = plain.sphere(rng, 6, 5)
    w, v = rng.normal(size=(60, 5)), rng.choice([-1.0, 1.0], size=60)
    net = two_layer(w, v, activation(act))
    y = plain.forward(net, x)[0] + 1e-4 * rng.normal(size=(6, 1))
    found = certify_dense(net, x, y)
    assert found.certified
    norms, *_ = plain.descend(net, x, y, found.step, 4000, stop=1e-13)
    assert norms[-1] <= 1e-8 * norms[0]


def test_kinks_that_rounding_cannot_place_are_counted():
    x = np.eye(2)
    w = np.array([[0.0, 1.0], [1.0, 0.5], [0.5, 2.0]])  # unit 0 sits at its kink for example 0
    net = two_layer(w, np.ones(3), activation("relu"))
    found = switches(net, evaluate(net, x))
    assert found.counts(0.0).tolist() == [1, 0]
    assert found.most(0.0) == 1


def test_zero_inputs_and_deeper_relu_networks_are_refused_with_the_reason():
    rng = np.random.default_rng(0)
    x = np.vstack([np.zeros(3), np.eye(3)])
    w, v = rng.normal(size=(50, 3)), np.ones(50)
    found = certify_two_layer(w, v, x, np.ones(4), "relu", flow=True)
    assert "input 0 is zero" in found.reason
    assert (
        switches(two_layer(w, v, activation("relu")), evaluate(two_layer(w, v, activation("relu")), x)).each[
            0, 0
        ]
        == np.inf
    )
    deep = replace(two_layer(w, v, activation("relu")), trained_output=True)
    refused = certify_dense(deep, x[1:], np.ones(3))
    assert "no Lipschitz constant of the Jacobian is known" in refused.reason
    assert refused.distance == np.inf
