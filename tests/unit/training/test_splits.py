"""A run that is split, and children of a checkpoint: what is random is a function of (order, step) alone."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.models import Network
from overparam.training import Keep, Member, Recipe, train

RNG = np.random.default_rng(0)
N, D, K = 12, 5, 2
X, OTHER = (RNG.standard_normal((n, D)).astype(np.float32) for n in (N, 9))
Y = RNG.integers(0, K, N)


def init(key):
    """Waves whose phase is the seed: what is drawn at random takes longer to compile than all the rest."""
    waves = jnp.sin(1.7 * jnp.arange(4.0 * (D + K)) + jax.random.key_data(key)[1])
    return {"w": waves[: 4 * D].reshape(D, 4), "v": waves[4 * D :].reshape(4, K)}


def training(params, x, key):
    """Half of the weights drawn anew, and half of the hidden values dropped."""
    drawn = jax.random.bernoulli(
        key, 0.5, (D + len(x), 4)
    )  # one draw for both: it is what takes long to compile
    hidden = jnp.tanh(x @ (params["w"] * drawn[:D]))
    return 2 * jnp.where(drawn[D:], hidden, 0.0) @ params["v"]


def apply(params, x):
    return jnp.tanh(x @ params["w"]) @ params["v"]


def normal(params, x):
    hidden = x @ params["w"]
    return hidden, jnp.mean(hidden, axis=0), jnp.mean(jnp.square(hidden), axis=0)


def normalised(params, x, key=None):
    if key is None:
        hidden, mean, var = x @ params["w"], *(params["statistics"]["bn"][one] for one in ("mean", "variance"))
    else:
        hidden, mean, square = normal(params, x)
        var = square - mean**2
    return jnp.tanh((hidden - mean) / jnp.sqrt(var + 1e-5)) @ params["v"]


def moments(params, x):
    _, mean, square = normal(params, x)
    return {"bn": {"mean": mean, "square": square}}


NOISY = Network("noisy", init, apply, D, K, training=training)
NORMAL = Network(
    "normal", lambda key: init(key) | {"statistics": {"bn": {"mean": jnp.zeros(4), "variance": jnp.ones(4)}}},
    normalised, D, K, state=("statistics",), training=normalised, moments=moments,
)  # fmt: skip
RECIPE = Recipe(
    7, 0.1, momentum=0.9, batch=4, sampling="replacement", schedule="cosine", probe_at=(2,),
    augment=lambda key, x: shift(key, x),
)  # fmt: skip
# programs are compiled by shape: four members beside each other everywhere, and two with examples and batches of their own
MEMBERS = [
    Member(0, Y),
    Member(1, Y, order=7),
    Member(0, Y, order=7, learning_rate=0.05),
    Member(5, Y, order=0),
    Member(3, Y[:9], x=OTHER, batch=3),
    Member(4, Y[:9], x=OTHER + 1, batch=3),
]
CUT = {"cut": Keep(step=2), "start": Keep(step=0)}


def shift(key, x):
    """A shift by the key itself, from 0 to 1."""
    return x + jax.random.key_data(key)[0].astype(jnp.float32) / 2.0**32


def run(network=NOISY, recipe=RECIPE, members=MEMBERS[:4], **more):
    return train(network, recipe, members, X, X, Y, keep_params=True, **more)


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(*map(jax.tree.leaves, (one, other)), strict=True))


@pytest.fixture(scope="module")
def whole():
    return run(members=MEMBERS, keep=CUT)


@pytest.mark.parametrize(
    ("network", "form"),
    [
        pytest.param(NOISY, "stack", marks=pytest.mark.slow),
        (NOISY, "map"),
        pytest.param(NORMAL, "stack", marks=pytest.mark.slow),
    ],
)
def test_a_split_run_is_the_whole_one_bit_for_bit(network, form, whole):
    members = MEMBERS if (network, form) == (NOISY, "stack") else MEMBERS[:4]
    all_ = whole if members is MEMBERS else run(network, form=form, keep=CUT)
    rest = run(network, members=members, start=[one.kept["cut"] for one in all_], form=form)
    for one, other in zip(all_, rest, strict=True):
        assert same(one.params, other.params)
        assert same(one.checkpoint.slots, other.checkpoint.slots)
        assert same(one.checkpoint.origin, other.checkpoint.origin)
        assert one.values["train_loss"][-2:].tolist() == other.values["train_loss"][-2:].tolist()
    if form == "map":
        for one, other in zip(all_, whole[:4], strict=True):
            np.testing.assert_allclose(one.params["w"], other.params["w"], atol=1e-5)


@pytest.mark.slow
def test_the_first_part_by_itself_is_the_beginning_of_the_whole(whole):
    part = run(recipe=replace(RECIPE, steps=5, schedule=cosine))
    for one, other in zip(part, run(start=[one.checkpoint for one in part]), strict=True):
        assert other.values["train_loss"][0] == one.values["train_loss"][-1]
    for one, other in zip(run(start=[one.checkpoint for one in part]), whole[:4], strict=True):
        assert same(one.params, other.params)


def cosine(step):
    """The schedule of the whole run."""
    return 0.5 * (1.0 + jnp.cos(np.pi / 7 * step))


def test_order_and_seed_are_apart(whole):
    """One seed starts equal, one order sees the same; both together are one run."""
    members = [Member(0, Y), Member(0, Y, order=7), Member(0, Y, order=0), Member(7, Y)]
    found = [*run(members=members, keep={**CUT, "one": Keep(step=1)}), whole[3]]
    start = [one.kept["start"].params["w"] for one in found]
    first = [one.kept["one"].params["w"] for one in found[:4]]
    assert same(start[0], start[1])
    assert not same(start[0], start[3])
    assert same(found[0].params, found[2].params)
    assert not same(found[0].params, found[1].params)
    # a sampled mask leaves the gradient of what it drops at exactly 0: members of one order share it
    zero = [one == two for one, two in zip(start, first, strict=False)]
    assert 0.2 < zero[0].mean() < 0.8
    assert np.array_equal(zero[1], zero[3])
    assert not np.array_equal(zero[0], zero[1])


def test_children_share_the_beginning_and_not_what_follows(whole):
    parent = whole[0].kept["cut"]
    orders = (0, 21, 22, 22)
    children = run(
        members=[Member(0, Y, order=o) for o in orders], start=[parent] * 4, keep={"next": Keep(step=3)}
    )
    steps = [one.kept["next"].params["w"] for one in children]
    assert same(children[0].params, whole[0].params)
    assert same(steps[2], steps[3])
    assert len({step.tobytes() for step in steps}) == 3
    assert len({one.values["train_loss"][0] for one in children}) == 1
    assert all(same(one.checkpoint.origin, parent.origin) for one in children)


def test_who_is_beside_a_member_does_not_matter(whole):
    found = run(members=[MEMBERS[2], Member(9, 1 - Y, learning_rate=10.0), MEMBERS[0], Member(8, Y)])
    assert same(found[0].params, whole[2].params)
    assert same(found[2].params, whole[0].params)
