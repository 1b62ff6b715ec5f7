"""A network's state in training: each member keeps its own, and the rest trains as if it were written into the function."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.models import Network
from overparam.probes import standard
from overparam.training import Checkpoint, Member, Recipe, train
from overparam.training.evaluate import fit
from overparam.training.losses import loss
from overparam.training.subsets import train_subsets
from tests.odd_networks import PLAIN, D, K, init

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, D)).astype(np.float32)
Y = RNG.integers(0, K, 12)
RECIPE = Recipe(6, 0.1, momentum=0.9, weight_decay=0.1, batch=4, probes=3)
MEAN, VAR = np.array([0.1, -0.2, 0.3, 0.0], np.float32), np.array([0.5, 1.0, 2.0, 4.0], np.float32)


def normalised(params, stats, x):
    hidden = (x @ params["w"] - stats["mean"]) / jnp.sqrt(stats["var"] + 1e-5)
    return jnp.tanh(hidden) @ params["v"]


def declared(key):
    stats = {"mean": jnp.asarray(MEAN), "var": jnp.asarray(VAR), "num_batches_tracked": jnp.int32(7)}
    return {"params": init(key), "batch_stats": stats, "rngs": key}


WITH_STATE = Network(
    "declared",
    declared,
    lambda v, x: normalised(v["params"], v["batch_stats"], x),
    D,
    K,
    state=("batch_stats", "rngs"),
)
WRITTEN = replace(PLAIN, name="written", apply=lambda p, x: normalised(p, {"mean": MEAN, "var": VAR}, x))
MEMBERS = [Member(3, Y), Member(5, 1 - Y)]
ADAM = replace(RECIPE, optimizer="adam", momentum=0.0)


def run(network, recipe=RECIPE, **more):
    return train(network, recipe, MEMBERS, X, X, Y, probes=standard(), keep_params=True, **more)


@pytest.fixture(scope="module")
def whole():
    return run(WITH_STATE)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("momentum and weight decay", marks=pytest.mark.slow),
        pytest.param("adam in blocks", marks=pytest.mark.slow),
    ],
)
def test_state_is_held_exactly_and_the_rest_trains_as_without(name, whole):
    if name == "adam in blocks":
        ours, plain = (run(replace(network, block=2), ADAM) for network in (WITH_STATE, WRITTEN))
    else:
        ours, plain = whole, run(WRITTEN)
    for member, other, given in zip(ours, plain, MEMBERS, strict=True):
        for key, array in other.params.items():
            np.testing.assert_allclose(member.params["params"][key], array, rtol=1e-5, atol=1e-6)
        stats = member.params["batch_stats"]
        assert (stats["mean"] == MEAN).all()
        assert (stats["var"] == VAR).all()
        assert stats["num_batches_tracked"] == 7
        assert stats["num_batches_tracked"].dtype == np.int32
        assert member.params["rngs"] == jax.random.key(given.seed)
        for key, line in other.values.items():  # norms and distances are of what is trained
            np.testing.assert_allclose(member.values[key], line, rtol=1e-4, atol=1e-6)
        slots = jax.tree.leaves(member.checkpoint.slots)
        assert {np.shape(leaf) for leaf in slots} <= {(D, 4), (4, K), ()}


def test_a_member_has_its_own_state(whole):
    keys = [jax.random.key(seed) for seed in (3, 5)]
    start = [declared(key) for key in keys]
    start[1]["batch_stats"]["mean"] = start[1]["batch_stats"]["mean"] + 1
    both = run(WITH_STATE, start=[Checkpoint(params) for params in start])
    assert both[0].values["train_loss"] == pytest.approx(whole[0].values["train_loss"], rel=1e-5)
    assert abs(both[1].values["train_loss"][0] - whole[1].values["train_loss"][0]) > 1e-3
    assert (both[1].params["batch_stats"]["mean"] == MEAN + 1).all()


def test_a_split_run_is_the_whole_run_bit_for_bit(whole):
    half = run(WITH_STATE, replace(RECIPE, steps=2))
    rest = run(WITH_STATE, start=[member.checkpoint for member in half])
    for one, other in zip(whole, rest, strict=True):
        for key, array in one.params["params"].items():
            assert np.array_equal(array, other.params["params"][key])


@pytest.mark.slow
def test_subsets_and_evaluation_take_the_same_variables():
    params = train_subsets(WITH_STATE, RECIPE, MEMBERS, [np.arange(8), np.arange(4, 12)], X)
    assert (params["batch_stats"]["var"] == VAR).all()
    one = declared(jax.random.key(0))
    mean, _ = fit(WITH_STATE, loss("cross_entropy"), one, jnp.asarray(X), jnp.asarray(Y))
    assert float(mean) == pytest.approx(
        float(fit(WRITTEN, loss("cross_entropy"), one["params"], jnp.asarray(X), jnp.asarray(Y))[0]), rel=1e-6
    )


def test_a_start_of_another_network_or_optimizer_is_refused(whole):
    point = whole[0].checkpoint
    again = [replace(point, step=0)] * 2
    with pytest.raises(
        UsageError, match="^start of member 0: expected the structure that init of 'written' gives"
    ):
        run(WRITTEN, start=again)
    with pytest.raises(UsageError, match="^start of member 0: expected slots of the optimizer 'adam'"):
        run(WITH_STATE, ADAM, start=again)
    with pytest.raises(UsageError, match=r"^start: expected Checkpoint\(params\) of every member"):
        run(WITH_STATE, start=[point.params] * 2)
    integer = {
        **point.params,
        "batch_stats": {**point.params["batch_stats"], "num_batches_tracked": np.float32(7)},
    }
    with pytest.raises(UsageError, match="batch_stats/num_batches_tracked: expected int32, as init gives it"):
        run(WITH_STATE, start=[Checkpoint(integer)] * 2)


def test_parameters_that_start_as_no_numbers_are_refused():
    broken = replace(PLAIN, init=lambda key: {**init(key), "v": init(key)["v"] / 0})
    with pytest.raises(
        DataError, match="expected finite parameters from init of 'plain', got some in v with seed 3"
    ):
        run(broken)
