"""What becomes of kept and of pruned weights, against brute force; and that pruned weights stay exactly where they are."""

import itertools
from dataclasses import replace

import jax
import numpy as np
import optax
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.models import mlp
from overparam.pruning import MASK0, MASK1, Mask, shuffle, shuffle_everywhere, shuffle_outgoing
from overparam.pruning.actions import Action, action_of
from overparam.pruning.held import Held, Hold, hold_of
from overparam.training import Checkpoint, Member, Recipe, train

RNG = np.random.default_rng(0)
FIRST = {"a": {"weight": RNG.normal(size=(5, 4)).astype(np.float32), "bias": np.ones(5, np.float32)}}
LAST = {"a": {"weight": RNG.normal(size=(5, 4)).astype(np.float32), "bias": np.zeros(5, np.float32)}}
MASK = Mask({"a": {"weight": RNG.random((5, 4)) < 0.5}})
KEPT = MASK.arrays["a/weight"] == 1
W0, W = FIRST["a"]["weight"], LAST["a"]["weight"]
FACTOR = 20 / KEPT.sum()


def starts(name, key=0):
    found = MASK1[name](FIRST, MASK, key)
    assert found["a"]["bias"] is FIRST["a"]["bias"]
    assert not found["a"]["weight"][~KEPT].any()
    assert found["a"]["weight"].dtype == np.float32
    return found["a"]["weight"]


def counted(values):
    return sorted(np.round(np.abs(values).ravel(), 6).tolist())


def test_rewind_and_signed_constant_are_closed_forms():
    assert np.array_equal(starts("rewind"), np.where(KEPT, W0, 0))
    constant = np.where(KEPT, np.sign(W0) * W0.std(), 0)
    assert np.allclose(starts("signed_constant"), constant)
    assert np.allclose(starts("rewind_rescaled"), FACTOR * np.where(KEPT, W0, 0))
    assert np.allclose(starts("signed_constant_rescaled"), FACTOR * constant)


@pytest.mark.parametrize("name", ["reinit", "reshuffle", "random_signed_constant"])
def test_permutations_move_values_and_add_none(name):
    one, same, other = starts(name, 0), starts(name, 0), starts(name, 1)
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    pool = W0[KEPT] if name == "reshuffle" else np.sign(W0) * W0.std() if "constant" in name else W0
    known = counted(pool)
    for value in counted(one[KEPT]):
        known.remove(value)  # each at most as often as it is there
    if name == "reshuffle":
        assert not known


@pytest.mark.parametrize("name", ["signed_reinit", "signed_reshuffle"])
def test_signs_stay_where_they_were(name):
    for key in range(3):
        assert np.array_equal(np.sign(starts(name, key))[KEPT], np.sign(W0)[KEPT])
        assert counted(starts(name, key)) == counted(starts(name.removeprefix("signed_"), key))


def test_all_places_are_reached():
    """The k-th kept weight takes each of the layer's 20 values with one frequency."""
    place = tuple(np.argwhere(KEPT)[0])
    seen = [starts("reinit", key)[place] for key in range(400)]
    counts = [seen.count(value) for value in W0.ravel()]
    assert min(counts) > 3
    assert max(counts) < 50


SHRANK, GREW = np.abs(W0) > np.abs(W), np.abs(W0) < np.abs(W)
# what is added at pruned places, and what kept ones start with, one weight at a time
OFFSETS = {
    "zero": lambda a, b: 0.0,
    "freeze": lambda a, b: a,
    "zero_if_shrank": lambda a, b: 0.0 if abs(a) > abs(b) else a,
    "zero_all_shrunk": lambda a, b: 0.0 if abs(a) > abs(b) else a,
    "zero_if_grew": lambda a, b: 0.0 if abs(a) < abs(b) else a,
}


@pytest.mark.parametrize("name", OFFSETS)
def test_pruned_weights_have_the_value_of_their_rule(name):
    held = MASK0[name](MASK, FIRST, LAST)
    offset = np.zeros((5, 4)) if held.offset is None else held.offset["a"]["weight"]
    for i, j in itertools.product(range(5), range(4)):
        want = 0.0 if KEPT[i, j] else OFFSETS[name](W0[i, j], W[i, j])
        assert offset[i, j] == np.float32(want)
        begun = W0[i, j] if KEPT[i, j] and not (name == "zero_all_shrunk" and SHRANK[i, j]) else 0.0
        assert held.start["a"]["weight"][i, j] == begun
    assert held.frozen == np.count_nonzero(offset)


def test_the_control_zeroes_as_many_elsewhere():
    many = int((SHRANK & ~KEPT).sum())
    places = []
    for key in range(20):
        offset = MASK0["zero_as_many"](MASK, FIRST, LAST, key).offset["a"]["weight"]
        zeroed = ~KEPT & (offset == 0)
        assert zeroed.sum() == many
        assert np.array_equal(offset[~KEPT & ~zeroed], W0[~KEPT & ~zeroed])
        places.append(zeroed.tobytes())
    assert len(set(places)) > 10


def test_what_was_pruned_before_keeps_its_value():
    first = MASK0["zero_if_shrank"](MASK, FIRST, LAST)
    fewer = MASK.arrays["a/weight"].copy()
    places = np.argwhere(KEPT)[:3]
    fewer[tuple(places.T)] = 0
    again = MASK0["zero_if_shrank"](Mask({"a": {"weight": fewer}}), LAST, FIRST, before=first)
    assert np.array_equal(again.offset["a"]["weight"][~KEPT], first.offset["a"]["weight"][~KEPT])
    for i, j in places:
        assert again.offset["a"]["weight"][i, j] == (0 if abs(W[i, j]) > abs(W0[i, j]) else W[i, j])
    with pytest.raises(UsageError, match="expected weights that were kept before, got others at a/weight"):
        MASK0["freeze"](MASK, FIRST, LAST, before=again)


NETWORK = mlp(4, (6,), 3)
X = RNG.normal(size=(24, 4)).astype(np.float32)
Y = RNG.integers(0, 3, 24)
OPTIMIZERS = {
    "sgd": {},
    "momentum and decay": {"momentum": 0.9, "weight_decay": 0.01},
    "adam and decay": {"optimizer": "adam", "weight_decay": 0.01},
    "adamw": {"optimizer": optax.adamw(0.01, weight_decay=0.1)},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_pruned_weight_is_exactly_where_it_was_after_1000_steps(name):
    """Weights, gradients and the optimizer's state; frozen ones at their initial values, the others at 0."""
    params = NETWORK.init(jax.random.key(0))
    mask = Mask.random(NETWORK, 0.5, 1)
    held = MASK0["freeze"](mask, params)
    recipe = Recipe(1000, 0.05, batch=8, probes=2, **OPTIMIZERS[name])
    members = [Member(0, Y, mask=mask), Member(0, Y, mask=held.mask, offset=held.offset)]
    start = [Checkpoint(params), Checkpoint(held.start)]
    runs = train(NETWORK, recipe, members, X, X, Y, start=start, keep_params=True)
    shapes = {one.shape for _, one in mask}
    for run in runs:
        point = run.checkpoint
        slots = [leaf for leaf in jax.tree.leaves(point.slots) if np.shape(leaf) in shapes]
        assert len(slots) == {"sgd": 0, "momentum and decay": 2}.get(name, 4)
        for path, one in mask:
            gone = one == 0
            layer = path.partition("/")[0]
            assert not point.params[layer]["weight"][gone].any()
            assert (point.params[layer]["weight"][~gone] != params[layer]["weight"][~gone]).all()
            for slot in slots:
                assert slot.shape != one.shape or not slot[gone].any()
    effective = held.offset["hidden1"]["weight"] + runs[1].params["hidden1"]["weight"]
    gone = mask.arrays["hidden1/weight"] == 0
    assert np.array_equal(effective[gone], np.asarray(params["hidden1"]["weight"])[gone])


def columns(mask, path="w"):
    return mask.arrays[path].sum(axis=tuple(i for i in range(mask.arrays[path].ndim) if i != 1))


def test_a_shuffle_moves_masks_and_keeps_what_it_says():
    mask = Mask({"w": RNG.random((8, 6, 3)) < 0.3, "v": RNG.random((9, 8)) < 0.2, "b": RNG.random(12) < 0.5})
    for key in range(5):
        plain, out, across = (rule(mask, key) for rule in (shuffle, shuffle_outgoing, shuffle_everywhere))
        assert plain.densities == mask.densities == out.densities
        for path in ("w", "v"):
            assert np.array_equal(columns(out, path), columns(mask, path))
            assert not np.array_equal(columns(plain, path), columns(mask, path))
        assert across.kept == mask.kept
        for moved in (plain, out, across):
            assert moved != mask
            assert moved.paths == mask.paths
    assert shuffle(mask, 0) == shuffle(mask, 0) != shuffle(mask, 1)
    assert across.densities != mask.densities


def test_a_shuffle_reaches_every_place_alike():
    mask = Mask({"w": [[1, 1, 0], [0, 1, 0], [0, 0, 0], [0, 0, 0]]})
    plain = sum(shuffle(mask, key).arrays["w"] for key in range(800))
    assert np.abs(plain - 200).max() < 5 * np.sqrt(150)
    out = sum(shuffle_outgoing(mask, key).arrays["w"] for key in range(800))
    want = np.broadcast_to([200, 400, 0], (4, 3))
    assert np.abs(out - want).max() < 5 * np.sqrt(200)


def test_inputs_may_lie_along_another_axis():
    mask = Mask({"kernel": RNG.random((3, 3, 6, 5)) < 0.3})
    out = shuffle_outgoing(mask, 0, inputs_axis=-2)
    assert np.array_equal(out.arrays["kernel"].sum(axis=(0, 1, 3)), mask.arrays["kernel"].sum(axis=(0, 1, 3)))
    assert out != mask


def starts_with(rule):
    return lambda: Action("own", "mine", rule)(FIRST, MASK)


def held_by(rule):
    return lambda: Hold("own", "mine", rule)(MASK, FIRST, LAST)


BAD = {
    "mask1": (lambda: action_of("rewind_all"), "mask1.*'rewind_all'.*rewind"),
    "mask0": (lambda: hold_of("zeros"), "mask0.*'zeros'.*zero"),
    "no final weights": (
        lambda: MASK0["zero_if_shrank"](MASK, FIRST),
        "'zero_if_shrank': expected the final weights",
    ),
    "a tree for a mask": (lambda: MASK1["reinit"](FIRST, MASK.tree), "mask: expected a Mask"),
    "a tree for a mask to hold": (lambda: MASK0["zero"](MASK.tree, FIRST), "mask: expected a Mask"),
    "another network": (lambda: MASK1["reinit"]({"b": 1}, MASK), "initial: expected an array at a/weight"),
    "another shape": (
        lambda: MASK1["rewind"]({"a": {"weight": W0.T}}, MASK),
        "expected an array of shape .5, 4.",
    ),
    "text": (
        lambda: MASK1["rewind"]({"a": {"weight": np.full((5, 4), "x")}}, MASK),
        "an array of real numbers",
    ),
    "an action that fails": (
        starts_with(lambda own, kept, random: 1 / 0),
        "mask1 'own': expected the starting.*ZeroDiv",
    ),
    "an action that gives nothing": (
        starts_with(lambda own, kept, random: None),
        "expected an array of real numbers",
    ),
    "an action of another shape": (
        starts_with(lambda own, kept, random: own[0]),
        "weights of shape .5, 4. for a/weight",
    ),
    "an action of one number": (
        starts_with(lambda own, kept, random: 0.5),
        "weights of shape .5, 4. for a/weight",
    ),
    "a complex action": (starts_with(lambda own, kept, random: 1j * own), "expected an array of real numbers"),
    "an action that writes": (
        starts_with(lambda own, kept, random: own.__imul__(0)),
        "expected the starting weights",
    ),
    "no action": (starts_with(None), "expected the starting weights"),
    "a hold that fails": (
        held_by(lambda a, b, pruned, random: 1 / 0),
        "mask0 'own': expected booleans.*ZeroDivision",
    ),
    "a hold that gives nothing": (held_by(lambda a, b, pruned, random: None), "expected booleans for a layer"),
    "a hold of another shape": (
        held_by(lambda a, b, pruned, random: pruned[0]),
        "got bool of shape .4,. for a/weight",
    ),
    "a hold of numbers": (
        held_by(lambda a, b, pruned, random: a),
        "expected booleans for a layer.*got float32",
    ),
    "a round before of another network": (
        lambda: MASK0["freeze"](MASK, FIRST, LAST, before=Held(Mask({"x": [[1]]}), None, FIRST)),
        "before: expected an array at",
    ),
    "no key": (lambda: MASK1["reinit"](FIRST, MASK, "x"), "key: expected a key"),
    "a shuffle of a tree": (lambda: shuffle(MASK.tree, 0), "mask: expected a Mask"),
    "an axis": (lambda: shuffle_outgoing(MASK, 0, inputs_axis=2), "inputs_axis: expected an axis of a/weight"),
    "no axis": (lambda: shuffle_outgoing(MASK, 0, inputs_axis=1.0), "inputs_axis: expected an axis"),
}


@pytest.mark.parametrize(("call", "told"), BAD.values(), ids=BAD)
def test_what_is_no_action_is_refused_in_a_sentence(call, told):
    with pytest.raises(UsageError, match=told) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_rescaling_leaves_an_empty_layer_alone():
    empty = Mask({"a": {"weight": np.zeros((5, 4))}})
    assert not replace(MASK1["reinit_rescaled"])(FIRST, empty)["a"]["weight"].any()


def test_weights_that_diverged_start_nothing():
    odd = {"a": {**FIRST["a"], "weight": np.where(KEPT, np.nan, W0)}}
    calls = (
        lambda: MASK1["signed_constant"](odd, MASK),
        lambda: MASK0["freeze"](MASK, odd, LAST),
        starts_with(lambda own, kept, random: own * np.inf),
    )
    for call in calls:
        with pytest.raises(DataError, match="expected finite numbers.*diverged"):
            call()


def test_an_axis_may_be_a_whole_number_of_numpy():
    assert shuffle_outgoing(MASK, 0, inputs_axis=np.int64(1)) == shuffle_outgoing(MASK, 0)
