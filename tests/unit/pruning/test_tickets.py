"""One's own network, further: curves with and without training, and tickets beside their controls."""

from importlib import import_module

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import overparam
from overparam.core.errors import DataError, UsageError
from overparam.models import Network, mlp
from overparam.pruning import Criterion, Mask, Tickets, tickets
from overparam.pruning.rounds import Round
from overparam.pruning.stages import steps_to
from overparam.training import Recipe

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 6)).astype(np.float32)
Y = np.argmax(X[:, :3], axis=1)
DATA = (X, Y, X[:30], Y[:30])
RECIPE = Recipe(60, 0.1, momentum=0.9, batch=10, probes=2)


def init(key):
    first, second = jax.random.split(key)
    return [0.5 * jax.random.normal(first, (6, 8)), {"b": 0.5 * jax.random.normal(second, (8, 3))}]


NETWORK = Network("own", init, lambda p, x: jnp.tanh(x @ p[0]) @ p[1]["b"], 6, 3)


def build(seed):
    return jax.device_get(init(jax.random.key(seed)))


PARAMS = build(7)


@pytest.fixture(scope="module")
def pruned():
    return overparam.prune(NETWORK, PARAMS, DATA, density=0.4)


@pytest.fixture(scope="module")
def found(pruned):
    return pruned.search(RECIPE, [3, 4], [0.5, 0.25], build=build)


def test_a_matrix_that_is_called_b_is_no_bias():
    assert Mask.full(NETWORK).paths == ("0", "1/b")
    stacked = Network(
        "stacked", lambda key: {"w": jnp.ones((2, 6, 6)), "b": jnp.ones((2, 6)), "o": jnp.ones((6, 3))},
        lambda p, x: jnp.tanh(x @ p["w"][0] + p["b"][0]) @ p["o"], 6, 3,
    )  # fmt: skip
    assert set(Mask.full(stacked).paths) == {"w", "o"}


def test_a_curve_without_training_has_a_binomial_interval(pruned):
    curve = pruned.curve([0.5, 0.1])
    for point in curve:
        right = round(point.accuracy * 30)
        low, high = point.interval(0.95)
        # Clopper and Pearson: at either end the tail beyond what was seen has half of 5 %
        tails = [
            sum(binomial(30, k, p) for k in ks) for p, ks in ((low, range(right, 31)), (high, range(right + 1)))
        ]
        assert tails == pytest.approx([0.025, 0.025], abs=1e-6)
    lines = str(curve).splitlines()
    assert lines[0] == (
        "own, large_final, pruned without training; test accuracy in %, 97 % interval, n = 30 test examples"
    )
    assert lines[1].split() == ["density", "accuracy", "interval"]
    assert len(lines) == 4


def binomial(n, k, p):
    from math import comb

    return comb(n, k) * p**k * (1 - p) ** (n - k)


@pytest.mark.slow
def test_a_curve_with_training_starts_from_the_pruned_weights_and_keeps_the_mask(pruned):
    at_once = pruned.curve([0.5, 0.2], RECIPE, [0, 1])
    assert [len(point.fits) for point in at_once] == [2, 2]
    assert at_once[1].accuracy > pruned.curve([0.2])[0].accuracy
    own = overparam.prune(NETWORK, PARAMS, DATA, density=0.5).retrain(RECIPE, seed=1)
    assert at_once[0].fits[1].loss == pytest.approx(own.after.loss, rel=1e-4)
    assert "n = 2 seeds" in str(at_once)


def test_a_curve_in_steps_prunes_by_the_weights_that_were_trained(pruned):
    curve = pruned.curve([0.5, 0.25], RECIPE, steps=True)
    first = overparam.prune(NETWORK, PARAMS, DATA, density=0.5).retrain(RECIPE)
    second = overparam.prune(NETWORK, first.params, DATA, density=0.5, mask=first.mask).retrain(RECIPE)
    assert [point.density for point in curve] == [first.density, second.density]
    assert curve[1].loss == pytest.approx(second.after.loss, rel=1e-4)
    back = pruned.curve([0.5, 0.25], RECIPE, steps=True, start=PARAMS)
    rewound = first = overparam.prune(NETWORK, PARAMS, DATA, density=0.5).retrain(RECIPE)
    rewound = overparam.prune(NETWORK, first.params, DATA, density=0.5, mask=first.mask).retrain(
        RECIPE, start=PARAMS
    )
    assert back[1].loss == pytest.approx(rewound.after.loss, rel=1e-4)
    assert "trained from the start weights" in str(back)


@pytest.mark.slow
def test_tickets_stand_beside_their_controls(found):
    assert found.arms == ("ticket", "one_shot", "reinit", "random")
    assert found.seeds == (3, 4)
    assert [one.number for one in found.rounds] == [0, 1, 2]
    assert not found.lost
    for density in (0.5, 0.25):
        assert {seed: mask.density for seed, mask in found.masks(density).items()} == {3: density, 4: density}
    start = found.rounds[0].lines[0].start
    assert np.array_equal(start[0], build(3)[0])
    # from all weights one pruning is one shot
    assert found.found["one_shot", 0.5] == pytest.approx(found.found["ticket", 0.5])


def test_intervals_are_over_seeds_and_paired(found):
    one = found.interval("ticket", 0.25)
    values = [1 - found.found["ticket", 0.25][seed] for seed in (3, 4)]
    assert (one.n, one.mean) == (2, pytest.approx(np.mean(values)))
    apart = found.interval("ticket", 0.25, minus="random")
    others = [1 - found.found["random", 0.25][seed] for seed in (3, 4)]
    assert apart.mean == pytest.approx(np.mean(np.subtract(values, others)))
    dense = found.interval("ticket", 0.5, minus="dense")
    assert dense.mean == pytest.approx(found.interval("ticket", 0.5).mean - found.interval("dense").mean)


@pytest.mark.slow
def test_the_table_says_n_and_intervals(found):
    lines = str(found).splitlines()
    assert lines[0] == "Tickets of 'own' by large_final: test accuracy in %, n = 2 seeds, 97 % intervals"
    assert lines[1].split() == ["density", "ticket", "one_shot", "reinit", "random"]
    assert [line.split()[0] for line in lines[2:5]] == ["1", "0.5", "0.25"]
    assert lines[5] == "The ticket minus each, in points, paired by seed"
    assert lines[6].split() == ["density", "dense", "one_shot", "reinit", "random"]


def test_what_was_lost_or_collapsed_is_named(found):
    mask = Mask({"0": np.zeros((6, 8)), "1/b": np.ones((8, 3))})
    from dataclasses import replace

    line = found.rounds[2].lines[0]
    last = Round(2, (replace(line, held=replace(line.held, mask=mask)),))
    fewer = {**found.found, ("ticket", 0.25): {3: 0.5}, ("random", 0.25): {}}
    told = str(replace(found, rounds=(*found.rounds[:2], last), found=fewer, lost=((4, "ticket", 0.25),)))
    assert "lost: seed 4 of ticket at density 0.25" in told
    assert "collapsed: 0 at density 0.25, seed 3" in told
    assert "50.0 (n = 1)" in told
    assert "lost" in next(line for line in told.splitlines() if line.startswith("0.25")).split()


def test_one_function_may_give_network_and_weights(found):
    one = tickets(lambda seed: (NETWORK, build(seed)), RECIPE, DATA, [3, 4], [0.5], controls=())
    assert isinstance(one, Tickets)
    assert one.network is NETWORK
    assert one.arms == ("ticket",)
    assert one.found["ticket", 0.5] == found.found["ticket", 0.5]


def test_a_search_asks_what_prune_was_asked(monkeypatch):
    seen = {}
    monkeypatch.setattr(
        import_module("overparam.pruning.prune"), "tickets", lambda *given, **more: seen.update(more)
    )
    own = Criterion("own", "w", "mine", ("final",), lambda weights, found: found["final"])
    only = Mask({"0": np.ones((6, 8))})
    overparam.prune(NETWORK, PARAMS, DATA, own, scope="global", mask=only).search(RECIPE, [0], [0.5])
    assert seen == {
        "build": None, "criterion": own, "scope": "global", "rates": None, "leave": (), "mask": only,
    }  # fmt: skip


def test_layers_of_their_own_end_at_their_density():
    keeps = steps_to([0.5, 0.2, 0.1], {"output": 0.4})
    assert np.prod([keep for keep, _ in keeps]) == pytest.approx(0.1)
    assert np.prod([own["output"] for _, own in keeps]) == pytest.approx(0.4)
    assert all(0.4 <= own["output"] < 1 for _, own in keeps)


OTHER = mlp(6, (12,), 3)


def search(**more):
    given = {"recipe": RECIPE, "data": DATA, "seeds": [0], "densities": [0.5]} | more
    network = given.pop("network", NETWORK)
    return lambda: tickets(network, **given)


def by_data(**more):
    return lambda: overparam.prune(NETWORK, PARAMS, DATA, **more)


def anew(seed):
    network = Network("own", init, lambda p, x: x @ p[0][:, :3], 6, 3)
    return network, build(seed)


BAD = {
    "a build that is none": (search(build=3), UsageError, "build: expected a function"),
    "a build that fails": (search(build=lambda s: 1 / 0), UsageError, r"from build\(\d\), got ZeroDivisionError"),
    "a build without a seed": (search(build=lambda: PARAMS), UsageError, r"from build\(\d\), got TypeError"),
    "a build of a key": (search(build=init), UsageError, r"from build\(\d\), got TypeError"),
    "weights of another network": (
        search(build=lambda s: OTHER.init(jax.random.key(s))), UsageError, r"build\(\d\): expected the structure",
    ),
    "no weights": (search(build=lambda s: None), UsageError, r"build\(\d\): expected the structure"),
    "weights that are missing": (
        search(build=lambda s: jax.tree.map(lambda a: a * np.nan, PARAMS)), DataError, r"build\(\d\): 0: expected finite",
    ),
    "one start for all seeds": (search(build=lambda s: PARAMS), UsageError, "other weights from another seed"),
    "another network": (
        search(build=lambda s: (OTHER, PARAMS)), UsageError, "expected the network 'own' itself with its weights",
    ),
    "a network made anew": (search(network=anew), UsageError, "Make the network once, outside of build"),
    "weights alone": (search(network=build), UsageError, r"expected \(network, params\) from build\(0\)"),
    "two functions": (search(network=anew, build=build), UsageError, "build: expected none where the first"),
    "no network": (search(network="mlp"), UsageError, "network: expected a network"),
    "rising densities": (search(densities=[0.2, 0.5]), UsageError, "numbers that fall, below 1"),
    "no densities": (search(densities=[]), UsageError, "at least one"),
    "one density": (search(densities=0.5), UsageError, "numbers in a list"),
    "a density of 0": (search(densities=[0.5, 0]), UsageError, "densities: expected the share"),
    "a seed twice": (search(seeds=[0, 0]), UsageError, "each once"),
    "half a seed": (search(seeds=[0.5]), UsageError, "seeds: expected whole numbers"),
    "a seed without a list": (search(seeds=3), UsageError, "seeds: expected whole numbers"),
    "seeds of text": (search(seeds="01"), UsageError, "seeds: expected whole numbers"),
    "an unknown control": (search(controls=["shuffled"]), UsageError, "unknown control 'shuffled'. Known: one_shot"),
    "a control without a list": (search(controls="random"), UsageError, "controls: expected names in a tuple"),
    "a step beyond the last": (search(rewind=60), UsageError, "rewind: expected a step from 0 to 59"),
    "rates of what is left": (search(rates={"0": 0.5}, leave="0"), UsageError, "rates: expected layers that are pruned"),
    "no recipe": (search(recipe=3), UsageError, "recipe: expected Recipe"),
    "no labels": (search(data=(X, None, X, Y)), DataError, "got no y. Give all four"),
    "compaction": (search(compaction=1), UsageError, "compaction: expected True, False or 'auto', got 1"),
    "what cannot be cut": (search(compaction=True), UsageError, "network: expected a chain of layers"),
    "synflow": (
        lambda: overparam.prune(NETWORK, PARAMS, DATA, "synflow").search(RECIPE, [0], [0.5]), UsageError,
        "finds its mask before training. Give search",
    ),
    "steps without a recipe": (
        lambda: overparam.prune(NETWORK, PARAMS, DATA).curve([0.5], steps=True), UsageError, "recipe: expected how to train",
    ),
    "steps that rise": (
        lambda: overparam.prune(NETWORK, PARAMS, DATA).curve([0.2, 0.5], RECIPE, steps=True), UsageError, "numbers that fall",
    ),
    "curves without seeds": (
        lambda: overparam.prune(NETWORK, PARAMS, DATA).curve([0.5], RECIPE, []), UsageError, "seeds: expected",
    ),
    "densities by layer": (
        lambda: overparam.prune(NETWORK, PARAMS, DATA).curve({0.5: 1}), UsageError, "densities: expected numbers in a list",
    ),
    "a loss that is a mean": (by_data(loss=lambda o, t: jnp.mean(o)), UsageError, "loss: expected one number an example"),
    "a loss that fails": (by_data(loss=lambda o, t: 1 / 0), UsageError, "loss: expected a pure JAX function"),
    "an unknown loss without data": (
        lambda: overparam.prune(NETWORK, PARAMS, loss="mse"), UsageError, "unknown loss 'mse'",
    ),
    "an empty scope": (by_data(scope=""), UsageError, "unknown scope ''"),
    "densities for leave": (by_data(leave={"0": 0.9}), UsageError, "leave: expected names of layers"),
    "rates that nothing reads": (
        by_data(criterion="same_sign", initial=PARAMS, rates={"0": 0.5}), UsageError, "rates: expected none for criterion",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "told"), BAD.values(), ids=BAD)
def test_what_cannot_be_searched_is_refused_before_training(call, kind, told, monkeypatch):
    def never(*given, **more):
        raise AssertionError("trained")

    for module in ("iterative", "tickets", "curve"):
        monkeypatch.setattr(import_module(f"overparam.pruning.{module}"), "train", never)
    with pytest.raises(kind, match=told) as caught:
        call()
    assert "\n" not in str(caught.value)
