"""Permuted networks: the same function, the best order by brute force."""

import itertools

import jax
import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.models import built, cnn, cnn1d, mlp, two_layer
from overparam.models.check import double
from overparam.probes.paths import align, aligned, along, barrier, straight
from overparam.probes.paths.units import Place, moved, named, permuted, tree_of, units_of

RNG = np.random.default_rng(0)
NETWORKS = {
    "mlp": mlp(6, (5, 4), 3, parametrisation="ntk"),
    "no bias": mlp(6, (5,), 3, bias=False),
    "two_layer": two_layer(6, 4, 2),
    "cnn": cnn((4, 4), (3, 5), 3, dense=(4,)),
    "cnn1d": cnn1d(16, (3, 4, 3), 2),
    "many layers": mlp(6, (3,) * 11, 2),
}


def shuffled(network, params, seed=0):
    rng, units = np.random.default_rng(seed), units_of(network)
    return tree_of(permuted(named(params), units, [rng.permutation(one.size) for one in units]), params)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_a_permuted_network_is_the_same_function(name):
    network = NETWORKS[name]
    with jax.enable_x64(True):
        params = double(network, network.init(jax.random.key(0)))
        other = shuffled(network, params)
        x = RNG.normal(size=(9, network.inputs))
        one, two = (np.asarray(network.apply(p, x)) for p in (params, other))
    assert one.dtype == np.float64
    assert np.abs(one - two).max() <= 1e-13 * np.abs(one).max() * network.inputs
    assert not all(
        np.array_equal(a, b) for a, b in zip(named(params).values(), named(other).values(), strict=True)
    )


@pytest.mark.parametrize("name", ["mlp", "cnn", "cnn1d", "no bias"])
def test_a_shuffled_copy_is_found_again_and_has_no_barrier(name):
    network = NETWORKS[name]
    a = network.init(jax.random.key(1))
    found = aligned(network, a, shuffled(network, a))
    assert found.distance == 0.0
    assert found.before > 0
    x, y = RNG.normal(size=(30, network.inputs)), RNG.integers(0, network.outputs, 30)
    assert barrier(along(straight(network, a, found.params, 5), x, y)).value <= 1e-6


@pytest.mark.parametrize("width", [2, 3, 4, 5])
def test_one_hidden_layer_is_the_best_of_all_orders(width):
    network = mlp(3, (width,), 2)
    a, b = (network.init(jax.random.key(i)) for i in (width, width + 1))
    units = units_of(network)
    best = min(
        align.apart(named(a), permuted(named(b), units, [np.array(order)]))
        for order in itertools.permutations(range(width))
    )
    found = aligned(network, a, b)
    assert found.optimal
    assert found.distance == pytest.approx(best, rel=1e-6)


def test_several_hidden_layers_are_near_the_best_of_all_orders():
    network = mlp(3, (4, 3), 2)
    units, gaps = units_of(network), []
    for seed in range(5):
        a, b = (network.init(jax.random.key(10 * seed + i)) for i in range(2))
        best = min(
            align.apart(named(a), permuted(named(b), units, [np.array(p), np.array(q)]))
            for p in itertools.permutations(range(4))
            for q in itertools.permutations(range(3))
        )
        found = aligned(network, a, b, starts=20)
        assert not found.optimal
        assert best - 1e-6 <= found.distance <= found.before
        gaps.append(found.distance - best)
    assert min(gaps) <= 1e-6  # at least once the very best


def test_activations_find_a_shuffled_copy_whose_weights_were_rescaled():
    network = mlp(6, (7, 5), 3)
    a = network.init(jax.random.key(2))
    x = RNG.normal(size=(50, 6)).astype(np.float32)
    other = shuffled(network, a)
    grown = {
        name: {key: np.asarray(leaf) * (10.0 if name == "hidden1" else 1.0) for key, leaf in layer.items()}
        for name, layer in other.items()
    }
    found = aligned(network, a, grown, by="activations", x=x)
    back = aligned(network, a, other, by="activations", x=x)
    assert back.distance == 0.0
    assert np.array_equal(found.orders[0], back.orders[0])


def test_units_of_maps_keep_their_places():
    array = np.arange(12).reshape(1, 12)  # two maps of six places, channels last
    turned = moved(array, Place("w", 1, outer=6), np.array([1, 0]))
    assert turned.tolist() == [[1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10]]


@pytest.mark.parametrize(
    ("network", "options", "text"),
    [
        (two_layer(3, 4, 1, train_output=False), {}, "hidden units can change places"),
        (built("own", lambda walk, x: walk.dense("a", x, 2), (3,), 2), {}, "hidden units can change places"),
        (mlp(3, (4,), 2), {"by": "names"}, "names"),
        (mlp(3, (4,), 2), {"by": "activations"}, "x: expected examples"),
        (cnn((3, 3), (2,), 2), {"by": "activations", "x": np.zeros((2, 9))}, "dense layers alone"),
        (mlp(3, (4, 4), 2), {"starts": 0}, "starts"),
    ],
)
def test_what_cannot_be_aligned_is_said(network, options, text):
    a, b = (network.init(jax.random.key(i)) for i in range(2))
    with pytest.raises(UsageError, match=text):
        aligned(network, a, b, **options)
