"""Minibatches that are drawn anew in every step."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.models import linear
from overparam.training import Member, Recipe, train
from overparam.training.loop import step_key

NETWORK = linear(2, 1, bias=False, init="zeros")
X, Y = np.eye(2, dtype=np.float32), np.zeros(2)


def drawn(key, batch):
    """Rows of a plane and what a teacher says of them."""
    x = jax.random.normal(key, (batch, 2))
    return x, x @ jnp.array([1.0, -2.0])


def recipe(**changes):
    given = {"steps": 40, "learning_rate": 0.1, "loss": "squared", "batch": 3, "probes": 3, "stream": drawn}
    return Recipe(**{**given, **changes})


def run(members, **changes):
    return train(NETWORK, recipe(**changes), members, X, X, Y, keep_params=True)


def weight(trained):
    return trained.params["output"]["weight"]


def test_every_step_takes_the_batch_of_its_own_key():
    """A plain loop over the keys of (order, step), with the gradient of the mean of squares in closed form."""
    (found,) = run([Member(5, Y)])
    w = np.zeros(2)
    for t in range(40):
        x, y = (np.asarray(a, np.float64) for a in drawn(jax.random.split(step_key(5, t))[1], 3))
        w -= 0.1 * x.T @ (x @ w - y) / 3
    np.testing.assert_allclose(weight(found)[0], w, rtol=1e-4, atol=1e-5)  # 40 steps of float32


@pytest.mark.slow
def test_members_of_one_order_see_the_same_and_a_split_run_is_the_whole():
    members = [Member(0, Y, order=7), Member(1, Y, order=7), Member(1, Y, order=8)]
    whole = run(members)
    assert np.array_equal(weight(whole[0]), weight(whole[1]))
    assert not np.array_equal(weight(whole[1]), weight(whole[2]))
    half = train(NETWORK, recipe(probe_at=(17,)), members, X, X, Y, keep_params=True)
    assert np.array_equal(weight(half[2]), weight(whole[2]))
    first = train(NETWORK, recipe(steps=17), members, X, X, Y, keep_params=True)
    rest = train(NETWORK, recipe(), members, X, X, Y, keep_params=True, start=[one.checkpoint for one in first])
    assert all(np.array_equal(weight(a), weight(b)) for a, b in zip(whole, rest, strict=True))


def test_it_learns_the_teacher_not_the_training_set():
    (found,) = run([Member(0, Y)], steps=400)
    np.testing.assert_allclose(weight(found)[0], [1.0, -2.0], atol=1e-3)
    assert found.values["train_loss"][-1] > 1.0


def test_a_batch_may_be_larger_than_the_training_set():
    assert run([Member(0, Y)], batch=64, steps=2)[0].diverged_at is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"stream": 3}, r"stream: expected a function \(key, batch\)"),
        ({"batch": None}, "stream: expected a batch"),
        ({"sampling": "replacement"}, "no sampling of the training set"),
        ({"stream": lambda key, batch: jnp.ones((batch, 2))}, r"expected a pair \(x, y\)"),
        (
            {"stream": lambda key, batch: (jnp.ones((batch, 3)), jnp.ones(batch))},
            r"expected x of shape \(3, 2\)",
        ),
        ({"stream": lambda key, batch: (jnp.ones((batch, 2)), jnp.ones(batch, int))}, "expected y of shape"),
        ({"stream": lambda key, batch: (jnp.ones((4, 2)), jnp.ones(4))}, r"got shape \(4, 2\)"),
        ({"stream": lambda key: 0}, "stream: expected a pure JAX function"),
    ],
)
def test_what_is_no_stream_is_refused(changes, words):
    with pytest.raises(UsageError, match=words):
        run([Member(0, Y)], **changes)
