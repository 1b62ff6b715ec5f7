"""A person's own loss, optimizer and schedule against those that have a name, and against each other."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from overparam.models import linear
from overparam.training import Member, Recipe, train
from tests import rounding

RNG = np.random.default_rng(0)
N, D, K = 10, 3, 3
X = RNG.standard_normal((N, D)).astype(np.float32)
LABELS = RNG.integers(0, K, N)
SOFT = np.eye(K)[LABELS]
TARGETS = RNG.standard_normal((N, K)).astype(np.float32)
NETWORK = linear(D, K)
STEPS = 30


def run(y, **changes):
    recipe = Recipe(**{"steps": STEPS, "learning_rate": 0.1, "batch": 5, "probes": 2, **changes})
    (found,) = train(NETWORK, recipe, [Member(3, y)], X, X, y, keep_params=True)
    return [np.asarray(leaf) for leaf in jax.tree.leaves(found.params)], found.values["train_loss"]


def squared(outputs, targets):
    """As the built-in one is written."""
    return 0.5 * jnp.sum((outputs.T - targets.T) ** 2, axis=0)


def entropy(outputs, labels):
    return optax.softmax_cross_entropy_with_integer_labels(outputs, labels)


def decay(step):
    return 0.5 ** (step // 7)


@pytest.fixture(scope="module")
def plain():
    return run(LABELS)


def test_an_own_squared_loss_is_the_squared_loss_bit_for_bit():
    for one, other in zip(run(TARGETS, loss="squared")[0], run(TARGETS, loss=squared)[0], strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize(
    ("y", "changes"),
    [
        (LABELS, {"loss": entropy}),
        (LABELS, {"optimizer": optax.sgd(0.1), "learning_rate": 1}),
        (LABELS, {"layer_rates": {"output": 2.0}, "learning_rate": 0.05}),
        (LABELS, {"layer_rates": (("output/bias", lambda s: 1.0), ("*", lambda s: s[0] / 3))}),
        (SOFT, {}),
        (SOFT.astype(bool), {}),
    ],
)
def test_these_are_the_plain_run_to_rounding(y, changes, plain):
    for one, other in zip(run(y, **changes)[0], plain[0], strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=rounding.run(STEPS))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((LABELS, {"smoothing": 0.3}), (0.7 * SOFT + 0.1, {})),
        pytest.param((LABELS, {"schedule": "step", "period": 7, "decay": 0.5}), (LABELS, {"schedule": decay}),
            marks=pytest.mark.slow),
        pytest.param((LABELS, {"schedule": "cosine"}), (LABELS, {"schedule": optax.cosine_decay_schedule(1.0, STEPS)}),
            marks=pytest.mark.slow),
        pytest.param(
            (LABELS, {"momentum": 0.9, "weight_decay": 0.1}),
            (LABELS, {"optimizer": optax.chain(optax.add_decayed_weights(0.1), optax.sgd(0.1, 0.9)), "learning_rate": 1.0}),
                marks=pytest.mark.slow),
        pytest.param((LABELS, {"optimizer": "adam"}), (LABELS, {"optimizer": optax.adam(1.0)}), marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_two_ways_to_say_one_recipe(one, other, plain):
    (first, loss), (second, again) = (run(y, **changes) for y, changes in (one, other))
    for a, b, usual in zip(first, second, plain[0], strict=True):
        allowed = rounding.run(STEPS, size=max(1.0, np.abs(a).max()), carry=10)
        np.testing.assert_allclose(a, b, rtol=0, atol=allowed)
        assert np.abs(a - usual).max() > 100 * allowed
    np.testing.assert_allclose(loss, again, rtol=1e-4)


def test_soft_targets_are_a_closed_form():
    """At zero outputs the loss of any distribution is log K, and its slope is (1/K - t)."""
    soft = RNG.dirichlet(np.ones(K), N)
    network = linear(D, K, init="zeros")
    (found,) = train(network, Recipe(1, 1.0, probes=2), [Member(0, soft)], X, X, soft, keep_params=True)
    assert found.values["train_loss"][0] == pytest.approx(np.log(K), rel=1e-6)
    np.testing.assert_allclose(found.params["output"]["bias"], (soft - 1 / K).mean(0), atol=1e-6)
    np.testing.assert_allclose(found.params["output"]["weight"], (soft - 1 / K).T @ X / N, atol=1e-6)
    assert set(found.values) == {"train_loss"}
