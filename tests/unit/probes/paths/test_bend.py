"""Learned bends: a curve around a hill, batches that normalise, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.models import Network, built, mlp
from overparam.probes.paths import along, barrier, bezier, learned_bends, straight
from overparam.training import Recipe

ONE = np.ones((8, 1), np.float32)


def ring():
    """Two weights; squared loss of |w|^2 against 1: minima on a circle, a hill in its middle."""

    def init(key):
        return {"point": {"weight": jax.random.normal(key, (2,), jnp.float32)}}

    return Network("ring", init, lambda params, x: x * jnp.sum(params["point"]["weight"] ** 2), 1, 1)


def at(x, y):
    return {"point": {"weight": np.array([x, y], np.float32)}}


@pytest.mark.slow
def test_a_curve_goes_around_the_hill_that_the_straight_line_crosses():
    network = ring()
    a, b, c = at(1.0, 0.0), at(-1.0, 0.1), at(0.0, -1.0)
    targets = np.ones(8)
    bends, runs = learned_bends(
        network, [(a, b), (a, c)], Recipe(400, 0.05, loss="squared", batch=4, probes=2), ONE, targets, seed=3
    )
    rise = barrier(along(straight(network, a, b, 21), ONE, targets, loss="squared")).value
    bent = [
        barrier(along(bezier(network, a, bend, end, 41), ONE, targets, loss="squared")).value
        for bend, end in zip(bends, (b, c), strict=True)
    ]
    assert rise == pytest.approx(0.5 * (1 - 0.05**2) ** 2, rel=1e-3)  # the middle is (0, 0.05)
    assert bent[0] < 0.25 * rise
    # between a and c the symmetric bend is k (1, -1): |w|^2 stays near 1 at best within a few thousandths
    k = bends[1]["point"]["weight"]
    assert k[0] == pytest.approx(-k[1], abs=0.05)
    assert bent[1] < 0.02
    assert [run.diverged_at for run in runs] == [None, None]


@pytest.mark.slow
def test_batches_normalise_on_the_curve_and_the_ends_stay():
    def forward(walk, x):
        return walk.dense("out", jax.nn.relu(walk.batch_norm("norm", walk.dense("in", x, 3))), 2)

    network = built("own", forward, (4,), 2)
    a, b = (network.init(jax.random.key(i)) for i in range(2))
    x = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    y = (x[:, 0] > 0).astype(int)
    (bend,), _ = learned_bends(network, [(a, b)], Recipe(5, 0.1, batch=10, probes=2), x, y)
    found = along(bezier(network, a, bend, b, 5), x, y)
    assert found.loss[0] == pytest.approx(along(straight(network, a, b, 2), x, y).loss[0], rel=1e-6)
    assert "found anew" in " ".join(found.remarks)


def test_what_cannot_be_trained_is_refused():
    network = mlp(2, (3,), 2)
    a, b = (network.init(jax.random.key(i)) for i in range(2))
    x, y = np.zeros((4, 2), np.float32), np.zeros(4, int)
    with pytest.raises(UsageError, match="pairs: expected pairs"):
        learned_bends(network, [], Recipe(2, 0.1), x, y)
    with pytest.raises(UsageError, match="two networks"):
        learned_bends(network, [(a, b, a)], Recipe(2, 0.1), x, y)
    with pytest.raises(UsageError, match="recipe: expected"):
        learned_bends(network, [(a, b)], "adam", x, y)
    with pytest.raises(UsageError, match="b of pair 0: expected the structure"):
        learned_bends(network, [(a, mlp(2, (), 2).init(jax.random.key(0)))], Recipe(2, 0.1), x, y)
