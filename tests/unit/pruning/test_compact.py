"""Compaction: outputs and training stay, what was cut comes back, and what cannot be cut is refused."""

import jax
import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.models import Network, cnn, mlp, two_layer
from overparam.pruning import Mask, compact
from overparam.pruning.compact import compact_stack
from overparam.training import Checkpoint, Member, Recipe, train
from tests.weights import drawn, forward

RNG = np.random.default_rng(0)


def outputs(network, params, x):
    if network.form is None:
        return np.asarray(jax.jit(network.apply)(params, x.astype(np.float32)))
    return forward(network, params, x)


def check(network, params, mask, **how):
    """The cut network computes the same, and everything comes back."""
    small = compact(network, params, mask, **how)
    x = np.random.default_rng(1).normal(size=(5, network.inputs))
    want = outputs(network, mask.apply(params), x)
    got = outputs(small.network, small.params, small.rows(x))
    assert np.allclose(got, want, rtol=1e-4, atol=1e-5 * np.abs(want).max())
    back = small.expand(small.params)
    kept = mask.apply(params)
    for layer, own in params.items():
        assert np.array_equal(mask.apply(back)[layer]["weight"], kept[layer]["weight"])
        for part in own:
            if part == "bias":
                assert np.array_equal(back[layer]["bias"], own["bias"])
    assert small.expand_mask(small.mask) == mask
    return small


NETWORKS = {
    "relu": mlp(6, (9, 8, 7), 3),
    "tanh, ntk": mlp(6, (9, 8), 3, activation="tanh", parametrisation="ntk"),
    "no biases": mlp(6, (9, 8), 3, bias=False),
    "linear": mlp(6, (), 3),
    "conv": cnn((4, 4, 2), (4, 5), 3, dense=(6,)),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "density"),
    [("conv", 0.2), *((name, density) for name in list(NETWORKS)[:-1] for density in (0.05, 0.15, 0.6, 1.0))],
)
def test_outputs_are_equal_and_all_comes_back(name, density):
    network = NETWORKS[name]
    small = check(network, drawn(network), Mask.random(network, density, 3))
    assert 0 <= small.saving < 1
    if density == 1.0:
        assert small.saving == 0
        assert small.network.inputs == network.inputs


@pytest.mark.parametrize("name", ["relu", "tanh, ntk", "no biases"])
@pytest.mark.parametrize("density", [0.05, 0.15, 0.6])
def test_constants_are_folded_into_biases(name, density):
    network = NETWORKS[name]
    mask = Mask.random(network, density, 4)
    folded, plain = (check(network, drawn(network), mask, fold=fold) for fold in (True, False))
    assert sum(map(len, folded.units.values())) <= sum(map(len, plain.units.values()))
    if name == "tanh, ntk" and density < 0.1:
        assert folded.network.form.scales == network.form.scales
        assert folded.network.form.sizes != network.form.sizes


def test_by_hand():
    """Unit 0 has no input and adds relu(b) to the output; unit 1 is not read; feature 1 feeds unit 1 alone."""
    network = mlp(3, (3,), 1)
    params = {
        "hidden1": {
            "weight": np.array([[5, 5, 5], [1, 1, 1], [2, 5, 3]], "f"),
            "bias": np.array([4, 1, -1], "f"),
        },
        "output": {"weight": np.array([[10, 7, 1]], "f"), "bias": np.array([0.5], "f")},
    }
    mask = Mask({"hidden1": {"weight": [[0, 0, 0], [1, 1, 1], [1, 0, 1]]}, "output": {"weight": [[1, 0, 1]]}})
    plain = check(network, params, mask)
    assert (plain.inputs.tolist(), plain.units["hidden1"].tolist()) == ([0, 2], [0, 2])
    folded = check(network, params, mask, fold=True)
    assert (folded.inputs.tolist(), folded.units["hidden1"].tolist()) == ([0, 2], [2])
    assert folded.params["output"]["bias"].tolist() == [0.5 + 10 * 4]
    assert folded.params["hidden1"]["weight"].tolist() == [[2, 3]]
    # weights that were cut out are retained, those of unit 1 too
    trained = {**plain.params, "output": {"weight": np.array([[11, 2]], "f"), "bias": np.array([1], "f")}}
    back = plain.expand(trained)
    assert back["output"]["weight"].tolist() == [[11, 7, 2]]
    assert back["hidden1"]["weight"][1].tolist() == [1, 1, 1]
    moved = {**folded.params, "output": {**folded.params["output"], "bias": np.array([42.5], "f")}}
    assert folded.expand(moved)["output"]["bias"].tolist() == [2.5]


def test_a_collapsed_layer_keeps_a_unit_and_the_constant_output():
    network = NETWORKS["relu"]
    full = {path: np.ones(one.shape) for path, one in Mask.full(network)}
    for path in full:
        check(network, drawn(network), Mask({**full, path: 0 * full[path]}))


def test_layers_that_a_mask_does_not_hold_are_kept_whole_and_biases_may_be_pruned():
    network = NETWORKS["relu"]
    check(network, drawn(network), Mask.random(network, 0.1, 0, but="hidden2"))
    mask = Mask.random(network, 0.1, 0, also="*/bias")
    small = compact(network, drawn(network), mask)
    x = RNG.normal(size=(5, 6))
    assert np.allclose(
        outputs(small.network, small.params, small.rows(x)),
        outputs(network, mask.apply(drawn(network)), x),
        atol=1e-4,
    )
    assert small.expand_mask(small.mask) == mask
    with pytest.raises(UsageError, match="fold: expected a mask of weights alone"):
        compact(network, drawn(network), mask, fold=True)


@pytest.mark.slow
def test_members_of_a_stack_train_in_one_shape_as_in_full_shape():
    network = mlp(8, (10, 9), 3)
    masks = [Mask.random(network, density, 1) for density in (0.08, 0.15)]
    params = [mask.apply(drawn(network, seed)) for seed, mask in enumerate(masks)]
    small = compact_stack(network, params, masks)
    assert small[0].network is small[1].network
    assert small[0].inputs.tolist() == small[1].inputs.tolist()
    assert small[0].saving > 0
    x, y = RNG.normal(size=(30, 8)).astype(np.float32), RNG.integers(0, 3, 30)
    recipe = Recipe(20, 0.05, optimizer="adam", batch=10, probes=2)
    whole, cut = (
        train(
            n, recipe, [Member(7, y, mask=m) for m in mine], rows, rows, y, start=[Checkpoint(p) for p in begun],
            keep_params=True,
        )
        for n, mine, rows, begun in (
            (network, masks, x, params),
            (small[0].network, [one.mask for one in small], small[0].rows(x), [one.params for one in small]),
        )
    )  # fmt: skip
    for one, other, own in zip(whole, cut, small, strict=True):
        back = own.expand(other.params)
        for want, got in zip(jax.tree.leaves(one.params), jax.tree.leaves(back), strict=True):
            assert np.allclose(got, want, rtol=1e-3, atol=1e-5)
        assert np.allclose(one.values["train_loss"], other.values["train_loss"], rtol=1e-5)


def branched(key):
    return {"hidden1": {"weight": np.ones((3, 3), "f")}, "output": {"weight": np.ones((2, 3), "f")}}


def skips(params, x):
    hidden = x @ params["hidden1"]["weight"].T
    return (hidden + x[:, : hidden.shape[1]]) @ params["output"]["weight"].T


NET = NETWORKS["relu"]
BRANCHED = Network("skips", branched, skips, 3, 2)
CUTTING = Mask({"hidden1": {"weight": np.ones((3, 3))}, "output": {"weight": [[1, 0, 1], [0, 0, 1]]}})
BAD = {
    "a network that is no chain": (
        lambda: compact(BRANCHED, branched(0), CUTTING), "computes something else without the units",
    ),
    "other names": (
        lambda: compact(Network("own", lambda key: {"w": np.ones((2, 3), "f")}, lambda p, x: x @ p["w"].T, 3, 2),
                        {"w": np.ones((2, 3), "f")}, Mask({"w": np.ones((2, 3))})), "a chain of layers such as mlp",
    ),
    "a fixed last layer": (
        lambda: compact(two_layer(3, 4, train_output=False), drawn(two_layer(3, 4, train_output=False)),
                        Mask.full(two_layer(3, 4, train_output=False))), "a chain of layers such as mlp",
    ),
    "a mask of another network": (lambda: compact(NET, drawn(NET), Mask.full(mlp(6, (4,), 3))), "belongs to another"),
    "a tree": (lambda: compact(NET, drawn(NET), Mask.full(NET).tree), "mask: expected a Mask"),
    "weights of another network": (lambda: compact(NET, drawn(mlp(6, (4,), 3)), Mask.full(NET)), "params: expected the"),
    "folding a convolution": (
        lambda: compact(NETWORKS["conv"], drawn(NETWORKS["conv"]), Mask.full(NETWORKS["conv"]), fold=True),
        "fold: expected a network of trained dense layers",
    ),
    "more units than there are": (
        lambda: compact(NET, drawn(NET), Mask.full(NET), units={"hidden1": 10}), "a number from 1 to 9 for hidden1, got 10",
    ),
    "a feature that is not there": (
        lambda: compact(NET, drawn(NET), Mask.full(NET), inputs=[6]), "inputs: expected numbers of features from 0 to 5",
    ),
    "units in a list": (lambda: compact(NET, drawn(NET), Mask.full(NET), units=[3]), "units: expected numbers by layer"),
    "features in rows": (lambda: compact(NET, drawn(NET), Mask.full(NET), inputs=[[0]]), "inputs: expected numbers of features"),
    "a tree for the mask": (
        lambda: compact(NET, drawn(NET), Mask.full(NET)).expand_mask(3), "mask: expected a Mask, such as",
    ),
    "no lists": (lambda: compact_stack(NET, None, None), "in lists, one a member, got None"),
    "least sizes of another network": (
        lambda: compact_stack(NET, [drawn(NET)], [Mask.full(NET)], least={"hidden7": 3}), "least: expected numbers by inputs",
    ),
    "more features than there are": (
        lambda: compact_stack(NET, [drawn(NET)], [Mask.full(NET)], least={"inputs": 7}), "from 1 to 6 for inputs, got 7",
    ),
    "silent features of another network": (
        lambda: compact(NET, drawn(NET), Mask.full(NET), silent=np.zeros(5, bool)), "silent: expected a boolean a feature",
    ),
    "silent features by number": (
        lambda: compact_stack(NET, [drawn(NET)], [Mask.full(NET)], silent=np.zeros(6, int)), "shape .6,., got int64",
    ),
    "no members": (lambda: compact_stack(NET, [], []), "for at least one member, got 0 for 0"),
    "weights of the whole": (
        lambda: compact(NET, drawn(NET), Mask.random(NET, 0.1, 0)).expand(drawn(NET)), "params: hidden1/.* expected an array",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("call", "told"), BAD.values(), ids=BAD)
def test_what_cannot_be_cut_is_refused_in_a_sentence(call, told):
    with pytest.raises(UsageError, match=told) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_rows_are_those_of_the_whole_network():
    small = compact(NET, drawn(NET), Mask.random(NET, 0.1, 0))
    for given in (np.ones((2, NET.inputs + 1)), np.ones(NET.inputs), "x"):
        with pytest.raises(DataError, match="x: expected"):
            small.rows(given)
