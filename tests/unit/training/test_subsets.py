"""Training on rows of one's own, against training on the rows themselves."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.models import mlp
from overparam.training import Member, Recipe, train
from overparam.training.subsets import predictions, train_subsets
from tests import rounding

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 5)).astype(np.float32)
Y = RNG.integers(0, 3, 60).astype(np.int32)
NETWORK = mlp(5, (7,), 3)
RECIPE = Recipe(steps=530, learning_rate=0.05, momentum=0.9, batch=10)
ROWS = [RNG.permutation(60), np.arange(25), RNG.permutation(60)[:40], np.repeat(np.arange(12), 3)]


@pytest.fixture(scope="module")
def stacked():
    members = [Member(seed, Y) for seed in (3, 4, 5, 3)]
    told = []
    params = train_subsets(NETWORK, RECIPE, members, ROWS, X, progress=told.append)
    assert told == [500 / 530, 1.0]
    return params


@pytest.mark.parametrize(("i", "seed"), [pytest.param(0, 3, marks=pytest.mark.slow), (2, 5)])
def test_each_member_equals_training_on_its_own_rows(stacked, i, seed):
    rows = ROWS[i]
    (alone,) = train(NETWORK, RECIPE, [Member(seed, Y[rows])], X[rows], X, Y, keep_params=True)
    for got, want in zip(jax.tree.leaves(stacked), jax.tree.leaves(alone.params), strict=True):
        allowed = rounding.run(RECIPE.steps, size=np.abs(want).max(), carry=10)
        np.testing.assert_allclose(got[i], want, atol=allowed, rtol=0)
        assert np.abs(np.asarray(got[i]) - got[i - 1]).max() > 10 * allowed


def test_predictions_are_the_largest_outputs_of_each_member(stacked):
    classes, finite = predictions(stacked, X, network=NETWORK)
    for i in range(4):
        own = jax.tree.map(lambda leaf, i=i: leaf[i], stacked)
        assert np.array_equal(classes[i], np.argmax(np.asarray(NETWORK.apply(own, X)), axis=1))
    assert finite.all()
    broken = jax.tree.map(lambda leaf: leaf.at[1].set(np.nan), stacked)
    assert predictions(broken, X, network=NETWORK)[1].tolist() == [True, False, True, True]


@pytest.mark.slow
def test_a_shorter_cosine_is_its_own_run():
    """The length of the run matters to a cosine alone: there the program may not be shared."""
    rows = [np.arange(60)]
    for schedule in ("cosine", "constant"):
        recipe = Recipe(steps=12, learning_rate=0.1, batch=10, schedule=schedule)
        params = train_subsets(NETWORK, recipe, [Member(1, Y)], rows, X)
        (alone,) = train(NETWORK, recipe, [Member(1, Y)], X, X, Y, keep_params=True)
        want = alone.params["output"]["weight"]
        np.testing.assert_allclose(params["output"]["weight"][0], want, atol=rounding.run(12), rtol=0)


@pytest.mark.parametrize(
    ("recipe", "rows", "error", "text"),
    [
        (
            Recipe(steps=3, learning_rate=0.1),
            [np.arange(60)],
            UsageError,
            "expected minibatches and no stopping rule",
        ),
        (
            Recipe(steps=3, learning_rate=0.1, batch=5, stop_error=0.1),
            [np.arange(60)],
            UsageError,
            "stop_error=0.1",
        ),
        (
            Recipe(steps=3, learning_rate=0.1, batch=50),
            [np.arange(30)],
            UsageError,
            "at most the 30 training examples",
        ),
        (
            Recipe(steps=3, learning_rate=0.1, batch=5),
            [],
            DataError,
            "expected 1 lists of rows, one a member, got 0",
        ),
        (Recipe(steps=3, learning_rate=0.1, batch=5), [np.arange(61)], DataError, "whole numbers from 0 to 59"),
        (Recipe(steps=3, learning_rate=0.1, batch=5), [np.ones(8)], DataError, "got float64 of shape"),
    ],
)
def test_what_does_not_fit_is_told(recipe, rows, error, text):
    with pytest.raises(error, match=text):
        train_subsets(NETWORK, recipe, [Member(0, Y)], rows, X)
