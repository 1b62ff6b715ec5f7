"""Planted networks: the checks that train say what was planted, the whole way from the network to the answer."""

import jax
import numpy as np
import pytest

import overparam
from overparam.data import flatten
from overparam.models import mlp
from overparam.own.diagnosis import diagnose
from overparam.own.diagnosis.retrained import FEWEST
from overparam.training import Member, Recipe, train

MUCH = 6000.0  # seconds of budget, so that the number of seeds does not depend on the machine


@pytest.fixture
def few(monkeypatch):
    """The fewest seeds that the checks take."""
    monkeypatch.setattr("overparam.own.diagnosis.retrained.MOST", FEWEST)


def answer(code, width, data, held, classes, recipe):
    """What a check says of a network of one hidden layer that was trained here."""
    inputs = data[0].shape[1]
    network = mlp(inputs, (width,), classes)
    (run,) = train(network, recipe, [Member(0, data[1])], data[0], held[0], held[1], keep_params=True)
    params = jax.tree.map(np.asarray, run.params)
    found = diagnose(
        network, data, held, params=params, build=lambda w: mlp(inputs, (w,), classes), fit=recipe, only=code,
        budget=MUCH,
    )  # fmt: skip
    return found[code]


def digits(kept, n, seed):
    """``n`` digits of some classes to train on, and all others of these classes."""
    data = flatten(overparam.load_data("digits"))
    x, y = np.concatenate([data.x, data.x_test]), np.concatenate([data.y, data.y_test])
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(np.isin(y, kept)))
    labels = np.searchsorted(kept, y)
    return (x[rows[:n]], labels[rows[:n]]), (x[rows[n:]], labels[rows[n:]])


def directions(n, seed, noise):
    """Three directions of the plane, and inputs that mean nothing."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    angle = 2 * np.pi * labels / 3
    plane = 2 * np.stack([np.cos(angle), np.sin(angle)], 1) + 0.4 * rng.normal(size=(n, 2))
    return np.concatenate([plane, rng.normal(size=(n, noise))], 1).astype(np.float32), labels


def drawn_features(classes):
    """A family of random features: the first layer stays as it is drawn, and the last one is a fit in closed form."""

    def apply(params, x):
        return jax.numpy.maximum(x @ params["first"], 0) @ params["last"]

    def build(width, seed):
        rng = np.random.default_rng(seed)
        first = rng.normal(size=(64, width)).astype(np.float32)
        return apply, {"first": first, "last": rng.normal(size=(width, classes)).astype(np.float32)}

    return build


def least_squares(penalty):
    """A training: of the last layer, with a penalty on its squares."""

    def fit(model, train, params):
        x, labels = train
        features = np.maximum(x @ np.asarray(params["first"], np.float64), 0)
        aims = np.eye(params["last"].shape[1])[labels]
        kernel = features @ features.T + penalty * np.eye(len(x))
        return {
            "first": params["first"],
            "last": (features.T @ np.linalg.solve(kernel, aims)).astype(np.float32),
        }

    return fit


def wider_helps(width, data, held, classes, penalty):
    """What OP008 says of random features of a width."""
    build, fit = drawn_features(classes), least_squares(penalty)
    model, params = build(width, 99)
    params = fit(model, data, params)
    return diagnose(
        model,
        data,
        held,
        params=params,
        build=build,
        fit=fit,
        widths=(width, 2 * width),
        only="OP008",
        budget=MUCH,
    )["OP008"]


@pytest.mark.slow
def test_at_its_interpolation_threshold_twice_the_width_helps(few):
    """As many random features as examples: the error has its peak, and falls by tens of points with twice as many."""
    data, held = digits(tuple(range(10)), 100, 0)
    found = wider_helps(100, data, held, 10, 1e-3)
    assert found.status == "yes"
    assert found.effect.value > 10
    assert found.effect.n == FEWEST


@pytest.mark.slow
def test_just_below_it_twice_the_width_does_not_help(few):
    """From half as many, which fit the 100 examples, to the threshold itself: the error rises."""
    data, held = digits(tuple(range(10)), 100, 0)
    found = wider_helps(50, data, held, 10, 1e-3)
    assert found.status == "no"
    assert found.effect.high < 0


@pytest.mark.slow
def test_far_above_it_twice_the_width_changes_less_than_half_a_point():
    """Eight times as many features as examples, with a penalty, on four classes."""
    data, held = digits((0, 1, 4, 6), 100, 0)
    found = wider_helps(800, data, held, 4, 30.0)
    assert found.status == "no"
    assert -0.5 < found.effect.low <= found.effect.high < 0.5


@pytest.mark.slow
def test_a_network_whose_inputs_are_mostly_noise_has_a_ticket():
    """Of 10 inputs 2 count: the largest fifth of the weights reads these, and a random fifth mostly the noise."""
    recipe = Recipe(200, 0.03, optimizer="adam", batch=20, probes=2)
    found = answer("OP010", 16, directions(60, 0, 8), directions(600, 1, 8), 3, recipe)
    assert found.status == "yes"
    assert found.effect.high <= 1.0


@pytest.mark.slow
def test_a_trained_network_at_its_interpolation_threshold_would_gain_from_width():
    """Width 8 just fits 200 digits: twice the width lowers the test error by points."""
    data, held = digits(tuple(range(10)), 200, 0)
    recipe = Recipe(900, 3e-3, optimizer="adam", batch=50, probes=2)
    found = answer("OP008", 8, data, held, 10, recipe)
    assert found.status == "yes"
    assert found.effect.low >= 0.5
