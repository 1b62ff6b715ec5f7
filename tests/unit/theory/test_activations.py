"""Activations in theory: derivatives against finite differences and the models' own, bounds against fine grids."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.models.activations import ACTIVATIONS as OF_MODELS
from overparam.theory.activations import ACTIVATIONS, activation, leaky_relu, sine

GRID = np.linspace(-9.0, 9.0, 40001)
SMOOTH = [name for name, one in ACTIVATIONS.items() if one.smooth]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_value_and_derivatives_are_those_of_the_models(name):
    one = ACTIVATIONS[name]
    z = np.array([-7.3, -2.0, -0.4, 1e-3, 0.7, 3.1, 6.0])
    with jax.enable_x64(True):
        model = OF_MODELS[name]
        slope = jax.vmap(jax.grad(model))(jnp.asarray(z))
        curvature = jax.vmap(jax.grad(jax.grad(model)))(jnp.asarray(z))
        np.testing.assert_allclose(one.value(z), model(jnp.asarray(z)), rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(one.slope(z), slope, rtol=1e-11, atol=1e-14)
        if one.smooth:
            np.testing.assert_allclose(one.curvature(z), curvature, rtol=1e-9, atol=1e-13)


def test_every_activation_of_the_models_is_known_to_theory():
    assert set(ACTIVATIONS) == set(OF_MODELS)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_bounds_hold_and_are_met(name):
    one = ACTIVATIONS[name]
    assert np.abs(one.slope(GRID)).max() <= one.largest_slope
    if one.largest_slope < np.inf:
        assert np.abs(one.slope(GRID)).max() > 0.999 * one.largest_slope
    if one.smooth:
        seen = np.abs(one.curvature(GRID)).max()
        assert 0.999999 * one.largest_curvature <= seen <= one.largest_curvature


@pytest.mark.parametrize("one", [*(ACTIVATIONS[name] for name in SMOOTH), sine(2.5)], ids=lambda one: one.name)
def test_local_curvature_bounds_intervals_tightly(one):
    rng = np.random.default_rng(0)
    low = rng.uniform(-6, 6, 300)
    high = low + rng.exponential(0.7, 300)
    bound = one.local_curvature(low, high)
    inside = low[:, None] + (high - low)[:, None] * np.linspace(0, 1, 2001)
    seen = np.abs(one.curvature(inside)).max(axis=1)
    assert (seen <= bound).all()
    np.testing.assert_allclose(bound, seen, rtol=1e-4, atol=1e-12)


@pytest.mark.parametrize("one", [*ACTIVATIONS.values(), sine(0.3), leaky_relu(-0.5)], ids=lambda one: one.name)
def test_parity_is_what_it_says(one):
    z = np.linspace(0.1, 5, 50)
    plus, minus = one.value(z), one.value(-z)
    odd = plus - minus
    kinds = {
        "odd": np.allclose(plus, -minus),
        "even": np.allclose(plus, minus),
        "linear odd part": np.allclose(odd / z, odd[0] / z[0]),
    }
    assert kinds[one.parity]


def test_bad_input_is_refused():
    with pytest.raises(UsageError, match="unknown activation 'reul'"):
        activation("reul")
    with pytest.raises(UsageError, match="frequency: expected a positive number from 1e-150 to 1e150, got 0"):
        sine(0)
    with pytest.raises(UsageError, match="negative: expected a slope between -1 and 1, got 2.0"):
        leaky_relu(2.0)
    with pytest.raises(UsageError, match="activation 'relu': expected one whose slope does not jump"):
        activation("relu").local_curvature(np.zeros(1), np.ones(1))
    assert activation(sine(2.0)).name == "sine(2)"
