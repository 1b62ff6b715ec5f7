"""Layers of a walk against their formulas in NumPy: normalisations, dropout, pooling."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from scipy.stats import binom

from overparam.models.layers import EPSILON, Walk, local_response, window_mean, window_pool

SHAPES = [(5, 7), (3, 4, 6), (3, 4, 2, 6)]  # columns, maps of signals, maps of images; examples last


def drawn(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape) * 3 + 2


def affine(channels):
    rng = np.random.default_rng(1)
    return {"scale": rng.standard_normal(channels), "offset": rng.standard_normal(channels)}


def along(values, maps):
    return values.reshape(-1, *[1] * (maps.ndim - 1))


@pytest.mark.parametrize("shape", SHAPES)
def test_batch_norm_in_training_standardises_by_the_batch(shape):
    maps, own = drawn(shape), affine(shape[0])
    axes = tuple(range(1, len(shape)))
    mean, variance = maps.mean(axes, keepdims=True), maps.var(axes, keepdims=True)  # divided by n, not n - 1
    expected = (maps - mean) / np.sqrt(variance + EPSILON) * along(own["scale"], maps) + along(
        own["offset"], maps
    )
    statistics = {"n": {"mean": np.full(shape[0], 9.0), "variance": np.full(shape[0], 9.0)}}  # must not be read
    with jax.enable_x64(True):
        walk = Walk({"n": own}, statistics=statistics, training=True)
        found = np.asarray(walk.batch_norm("n", jnp.asarray(maps)))
        moments = jax.tree.map(np.asarray, walk.moments["n"])
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(moments["mean"], maps.mean(axes), rtol=1e-12)
    np.testing.assert_allclose(moments["square"], (maps**2).mean(axes), rtol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_batch_norm_in_evaluation_uses_the_statistics_that_are_kept(shape):
    maps, own = drawn(shape), affine(shape[0])
    kept = {"mean": drawn(shape[0], 2), "variance": np.exp(drawn(shape[0], 3))}
    expected = (maps - along(kept["mean"], maps)) / np.sqrt(along(kept["variance"], maps) + EPSILON)
    expected = expected * along(own["scale"], maps) + along(own["offset"], maps)
    with jax.enable_x64(True):
        found = np.asarray(Walk({"n": own}, statistics={"n": kept}).batch_norm("n", jnp.asarray(maps)))
        plain = np.asarray(Walk({"n": own}).batch_norm("n", jnp.asarray(maps)))
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    # without statistics: mean 0 and variance 1
    expected = maps / np.sqrt(1 + EPSILON) * along(own["scale"], maps) + along(own["offset"], maps)
    np.testing.assert_allclose(plain, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("training", [False, True])
def test_layer_norm_standardises_every_example_by_itself(shape, training):
    maps, own = drawn(shape), affine(shape[0])
    expected = np.empty_like(maps)
    for i in range(shape[-1]):
        one = maps[..., i]
        expected[..., i] = (one - one.mean()) / np.sqrt(one.var() + EPSILON) * along(own["scale"], one)
        expected[..., i] += along(own["offset"], one)
    with jax.enable_x64(True):
        found = np.asarray(Walk({"n": own}, training=training).layer_norm("n", jnp.asarray(maps)))
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_batch_norm_of_equal_examples_is_its_offset():
    """No spread: the inputs are at their mean, and the small constant keeps the quotient finite."""
    own = affine(2)
    found = Walk({"n": own}, training=True).batch_norm("n", jnp.ones((2, 4)))
    np.testing.assert_allclose(found, np.tile(own["offset"][:, None], 4), rtol=1e-5)


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.5, 0.9])
def test_dropout_drops_that_share_and_keeps_the_mean(rate):
    many = 20_000
    dropped = np.asarray(Walk({}, key=jax.random.key(0), training=True).dropout("d", jnp.ones((50, 400)), rate))
    np.testing.assert_allclose(np.unique(dropped), [0.0, 1 / (1 - rate)], rtol=1e-6)
    kept = int((dropped > 0).sum())
    # the number kept is binomial; a bound that a sound generator misses once in a million
    assert binom.ppf(5e-7, many, 1 - rate) <= kept <= binom.ppf(1 - 5e-7, many, 1 - rate)
    # the mean over many draws of one entry that is 3
    draws = jax.vmap(lambda key: Walk({}, key=key, training=True).dropout("d", jnp.full((1, 1), 3.0), rate))
    mean = float(draws(jax.random.split(jax.random.key(1), 4000)).mean())
    assert abs(mean - 3) < 5 * 3 * np.sqrt(rate / (1 - rate) / 4000)


def test_dropout_is_of_a_key_and_a_name_and_off_in_evaluation():
    x = jnp.ones((8, 8))

    def mask(name, key):
        return np.asarray(Walk({}, key=jax.random.key(key), training=True).dropout(name, x, 0.5))

    np.testing.assert_array_equal(mask("a", 0), mask("a", 0))
    assert (mask("a", 0) != mask("b", 0)).any()
    assert (mask("a", 0) != mask("a", 1)).any()
    for off in (Walk({}), Walk({}, training=True)):  # evaluation, and the pass that finds statistics
        np.testing.assert_array_equal(off.dropout("a", x, 0.5), x)
        assert off.random == ["a"]
    assert Walk({}, key=jax.random.key(0), training=True).dropout("a", x, 0.0) is x


def test_pooling_windows_that_overlap():
    x = np.random.default_rng(0).standard_normal((2, 7, 5, 3)).astype(np.float32)
    expected = lax.reduce_window(x, -jnp.inf, lax.max, (1, 3, 3, 1), (1, 2, 2, 1), "SAME")
    np.testing.assert_array_equal(window_pool(x, 3, 2), expected)


@pytest.mark.parametrize(("height", "width"), [(7, 5), (8, 6), (3, 4)])
def test_the_mean_of_windows_is_of_what_they_hold(height, width):
    x = np.random.default_rng(0).standard_normal((2, height, width, 3)).astype(np.float32)
    total, many = (
        lax.reduce_window(one, 0.0, lax.add, (1, 3, 3, 1), (1, 2, 2, 1), "SAME") for one in (x, np.ones_like(x))
    )
    np.testing.assert_allclose(window_mean(x, 3, 2), total / many, rtol=1e-5, atol=1e-6)


def test_local_response_by_its_formula():
    x = np.random.default_rng(0).standard_normal((6, 2, 2, 3)).astype(np.float64)
    expected = np.empty_like(x)
    for i in range(6):
        near = x[max(0, i - 2) : i + 3]
        expected[i] = x[i] / (1.5 + 0.3 * (near**2).sum(0)) ** 0.75
    np.testing.assert_allclose(local_response(x, 2, 1.5, 0.3, 0.75), expected, rtol=1e-5)
