"""A wider network that holds a narrower one."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.data.stream import stream
from overparam.models import two_layer, widen

X = np.random.default_rng(0).standard_normal((9, 4)).astype(np.float32)
NARROW = jax.tree.map(np.asarray, two_layer(4, 3, 2).init(jax.random.key(0)))


def test_without_spread_both_networks_compute_the_same():
    wide = widen(NARROW, 7, 0.0, seed=1)
    before = np.asarray(two_layer(4, 3, 2).apply(NARROW, X))
    assert np.asarray(two_layer(4, 7, 2).apply(wide, X)) == pytest.approx(before, abs=1e-6)


def test_added_weights_are_those_of_the_stream_and_old_ones_stay():
    wide = widen(NARROW, 5, 0.1, seed=3)
    random = stream("added units of width 5", 3)
    drawn = [(0.1 * random.standard_normal(shape)).astype(np.float32) for shape in ((2, 4), (2,), (2, 2))]
    assert np.array_equal(wide["hidden1"]["weight"], np.concatenate([NARROW["hidden1"]["weight"], drawn[0]]))
    assert np.array_equal(wide["hidden1"]["bias"], np.concatenate([NARROW["hidden1"]["bias"], drawn[1]]))
    assert np.array_equal(
        wide["output"]["weight"], np.concatenate([NARROW["output"]["weight"], drawn[2]], axis=1)
    )
    assert np.array_equal(wide["output"]["bias"], NARROW["output"]["bias"])
    assert {leaf.dtype for leaf in jax.tree.leaves(wide)} == {np.dtype(np.float32)}


def test_a_network_does_not_shrink():
    assert widen(NARROW, 3, 1.0, seed=0)["hidden1"]["weight"].shape == (3, 4)
    with pytest.raises(UsageError, match="width: expected at least the 3 units there are, got 2"):
        widen(NARROW, 2, 1.0, seed=0)
