"""Lipschitz constants of the Jacobian: against sampled changes, against what breaks when a condition is forgotten."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from overparam.theory.activations import activation
from overparam.theory.certificates import Dense, evaluate, fourth_moment, two_layer
from overparam.theory.certificates.deep_lipschitz import DeepLipschitz, NetworkLipschitz, spectral_norm_bound
from overparam.theory.certificates.dense import difference, moved
from overparam.theory.certificates.lipschitz import HiddenLipschitz
from tests import plain_networks as plain


def random_direction(rng, net, size):
    parts = [rng.normal(size=part.shape) for part in difference(net, net)]
    norm = np.sqrt(sum(np.sum(part**2) for part in parts))
    return [size * part / norm for part in parts]


def aligned(net, x, rng, size):
    """A direction that bends the outputs most, by a few power iterations on the change of J^T u."""
    u = rng.normal(size=len(x) * len(net.weights[-1]))
    direction, base = random_direction(rng, net, 1.0), plain.dense_jacobian(net, x)
    for _ in range(12):
        change = plain.dense_jacobian(moved(net, [1e-5 * p for p in direction]), x) - base
        u = change @ np.concatenate([p.ravel() for p in direction])
        u = u / max(np.linalg.norm(u), 1e-300)
        flat = u @ change
        flat = flat / max(np.linalg.norm(flat), 1e-300)
        ends = np.cumsum([p.size for p in direction])[:-1]
        direction = [a.reshape(b.shape) for a, b in zip(np.split(flat, ends), direction, strict=True)]
    return [size * p for p in direction]


def seen(net, x, rng, radius, tries=12):
    """Largest change of the Jacobian over distance that was found."""
    base, best = plain.dense_jacobian(net, x), 0.0
    for turn in range(tries):
        size = radius * rng.uniform(0.05, 1)
        step = aligned(net, x, rng, size) if turn % 3 == 0 else random_direction(rng, net, size)
        best = max(best, np.linalg.norm(plain.dense_jacobian(moved(net, step), x) - base, 2) / size)
    return best


def test_jacobian_in_blocks_is_the_derivative():
    for seed in range(12):
        net, x, *_ = plain.instance(seed)
        rng = np.random.default_rng(seed)
        step = random_direction(rng, net, 1e-6)
        ends = [plain.forward(moved(net, [s * p for p in step]), x)[0].ravel() for s in (-1, 1)]
        slope = plain.dense_jacobian(net, x) @ np.concatenate([p.ravel() for p in step])
        np.testing.assert_allclose(
            (ends[1] - ends[0]) / 2, slope, rtol=1e-5, atol=1e-13 * (1 + np.abs(ends[0]).max())
        )


@pytest.mark.parametrize("name", ["tanh", "softplus", "gelu", "silu", "erf", "sine", "quadratic"])
@pytest.mark.parametrize("outputs", [1, 3])
def test_two_layer_constants_hold_and_are_close(name, outputs):
    rng = np.random.default_rng(len(name))
    x = rng.normal(size=(8, 3))
    net = two_layer(
        rng.normal(size=(6, 3)), rng.normal(size=(outputs, 6)), activation(name), rng.normal(size=6)
    )
    bound = HiddenLipschitz(net, evaluate(net, x))
    for radius in (0.01, 0.3, 3.0):
        found = seen(net, x, rng, radius)
        assert found <= bound(radius) <= bound(np.inf) * (1 + 1e-12)
    assert seen(net, x, rng, 0.01) >= 0.15 * bound(0.01)


@pytest.mark.parametrize("scale", [1.0, 0.4])
def test_constants_of_deeper_and_fully_trained_networks_hold(scale):
    for seed in range(6):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(5, 3))
        sizes = (3, 5, 2) if seed % 2 else (3, 4, 4, 2)
        net = Dense(
            tuple(rng.normal(size=(b, a)) / np.sqrt(a) for a, b in itertools.pairwise(sizes)),
            tuple(rng.normal(size=b) if seed % 3 else None for b in sizes[1:]),
            (scale,) * (len(sizes) - 1), activation(("tanh", "softplus", "sine")[seed % 3]), seed != 4,
        )  # fmt: skip
        found = evaluate(net, x)
        for radius in (0.01, 0.5):
            largest = seen(net, x, rng, radius)
            assert largest <= DeepLipschitz(net, found)(radius)
            assert largest <= NetworkLipschitz(net, found)(radius)
            if len(sizes) == 3:
                assert largest <= HiddenLipschitz(net, found)(radius) <= DeepLipschitz(net, found)(radius)


def test_forgotten_biases_break_the_bound_and_ours_holds():
    """With inputs near 0 all the change comes through the biases."""
    rng = np.random.default_rng(0)
    x = 0.05 * rng.normal(size=(6, 3))
    net = two_layer(rng.normal(size=(5, 3)), np.ones(5), activation("tanh"), rng.normal(size=5))
    without = replace(net, biases=(None, None))
    largest = seen(net, x, rng, 0.1)
    assert largest > HiddenLipschitz(without, evaluate(without, x))(np.inf)
    assert largest <= HiddenLipschitz(net, evaluate(net, x))(0.1)
    deep = Dense(net.weights, (net.biases[0], np.zeros(1)), (1.0, 1.0), net.activation)
    plain_deep = replace(deep, biases=(None, None))
    narrow = DeepLipschitz(plain_deep, evaluate(plain_deep, x))(1e-3)
    assert seen(deep, x, rng, 1e-3) > narrow
    assert seen(deep, x, rng, 1e-3) <= DeepLipschitz(deep, evaluate(deep, x))(1e-3)


def test_several_outputs_need_the_norm_of_a_column():
    """The largest entry of V, instead of the largest norm of its columns, is too small."""
    rng = np.random.default_rng(1)
    x = np.tile(rng.normal(size=(1, 2)), (4, 1)) + 0.01 * rng.normal(size=(4, 2))
    net = two_layer(0.66 / np.linalg.norm(x[0]) ** 2 * x[:1], np.ones((9, 1)), activation("tanh"))
    largest = seen(net, x, rng, 1e-3, tries=6)
    bound = HiddenLipschitz(net, evaluate(net, x))(1e-3)
    assert bound / 3 < largest <= bound  # a third of it is what max |V| would give


def test_local_constants_fall_where_units_are_saturated():
    x = np.ones((2, 1))
    net = two_layer([[6.0], [-7.0]], [1.0, 1.0], activation("tanh"))
    bound = HiddenLipschitz(net, evaluate(net, x))
    assert bound(0.1) < 1e-3 * bound(np.inf)
    assert bound(10.0) == pytest.approx(bound(np.inf), rel=1e-6)


def test_fourth_moment_bounds_on_the_sphere():
    """Published, one draw each: 4.08, 3.32, 2.03, reached 1.41 at (500, 50), and so on."""
    for (n, d), wanted in {(500, 50): (4.08, 3.32, 2.03, 1.41), (100, 20): (3.21, 2.50, 2.15, 1.75)}.items():
        draws = []
        for seed in range(2):
            found = fourth_moment(plain.sphere(np.random.default_rng(seed), n, d))
            assert found.lower <= found.upper == min(found.spectral, found.hadamard, found.centred)
            assert found.hadamard <= found.spectral * (1 + 1e-9)
            draws.append((found.spectral, found.hadamard, found.centred, found.lower))
        np.testing.assert_allclose(np.mean(draws, axis=0), wanted, rtol=0.12)


def test_fourth_moment_closed_forms():
    assert fourth_moment(np.array([[3.0, 4.0]])).upper == pytest.approx(25, rel=1e-9)
    many = fourth_moment(np.ones((7, 1)))
    assert many.upper == pytest.approx(np.sqrt(7), rel=1e-9)
    assert many.lower == pytest.approx(np.sqrt(7), rel=1e-9)
    assert fourth_moment(np.zeros((2, 3))).upper < 1e-100
    rng = np.random.default_rng(0)
    for _ in range(20):
        x = rng.normal(size=(rng.integers(1, 12), rng.integers(1, 6)))
        found = fourth_moment(x)
        z = rng.normal(size=(x.shape[1], 2000))
        z /= np.linalg.norm(z, axis=0)
        assert np.sqrt(((x @ z) ** 4).sum(axis=0)).max() <= found.upper
        assert found.upper <= 2.5 * found.lower


def test_spectral_norms_are_rounded_up():
    rng = np.random.default_rng(0)
    for shape in ((1, 1), (3, 8), (8, 3)):
        matrix = rng.normal(size=shape)
        exact = np.linalg.norm(matrix, 2)
        assert exact <= spectral_norm_bound(matrix) <= exact * (1 + 1e-9)


def test_published_numbers_of_the_recursion_are_met():
    """Three tanh layers 4-6-6-6: on a ball of radius .05 sampled 2.9, bound 116; valid and loose."""
    bounds, largest = [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        x = plain.sphere(rng, 8, 4)
        sizes = (4, 6, 6, 6, 1)
        net = Dense(
            tuple(rng.normal(size=(b, a)) / np.sqrt(a) for a, b in itertools.pairwise(sizes)),
            (None,) * 4, (1.0,) * 4, activation("tanh"),
        )  # fmt: skip
        bounds.append(DeepLipschitz(net, evaluate(net, x))(0.05))
        largest.append(seen(net, x, rng, 0.05, tries=3))
    assert (np.array(largest) < bounds).all()
    assert 20 < np.median(bounds) < 600
    assert 0.7 < np.median(largest) < 12
