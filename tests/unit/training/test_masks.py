"""Weights that a member leaves out or keeps: exactly 0, or exactly as they were, whatever the optimizer does."""

from dataclasses import replace

import jax
import numpy as np
import optax
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.models import mlp
from overparam.models.state import leaves
from overparam.training import Checkpoint, Keep, Member, Recipe, train
from tests import rounding

RNG = np.random.default_rng(0)
N, D, H, K = 8, 3, 4, 2
X = RNG.standard_normal((N, D)).astype(np.float32)
Y = RNG.standard_normal((N, K))
NETWORK = mlp(D, (H,), K, activation="tanh")
MASK = {"hidden1": {"weight": np.arange(H * D).reshape(H, D) % 3 > 0}, "output": {"bias": [0, 1]}}
FROZEN = {"output": {"weight": np.arange(K * H).reshape(K, H) % 2}, "hidden1": {"bias": np.zeros(H)}}
OFFSET = {"hidden1": {"weight": np.full((H, D), 0.25)}, "output": {"weight": RNG.standard_normal((K, H))}}
MASK["output"]["bias"] = np.array(MASK["output"]["bias"])
MEMBERS = [
    Member(1, Y),
    Member(1, Y, mask=MASK),
    Member(2, Y, trained=FROZEN),
    Member(3, Y, mask=MASK, trained=FROZEN, offset=OFFSET),
]
RULES = {
    "sgd": Recipe(1000, 0.05, weight_decay=0.01),
    "momentum": Recipe(1000, 0.02, momentum=0.9, weight_decay=0.01),
    "adam": Recipe(1000, 0.01, optimizer="adam", weight_decay=0.01, schedule="inverse_sqrt", period=100),
    "adamw": Recipe(1000, 1.0, optimizer=optax.adamw(0.01, weight_decay=0.5)),
    "layers": Recipe(1000, 0.05, momentum=0.5, schedule="cosine", layer_rates={"hidden1": lambda s: 1 / s[0], "output": 0.5}),
    "adagrad": Recipe(1000, 1.0, optimizer=optax.adagrad(0.1)),
    "noise": Recipe(1000, 1.0, optimizer=optax.chain(optax.add_noise(0.1, 0.5, key=0), optax.sgd(0.01, momentum=0.9))),
}  # fmt: skip


def run(recipe, members=MEMBERS, **more):
    return train(NETWORK, replace(recipe, loss="squared", probes=2), members, X, X, Y, keep_params=True, **more)


def whole(tree, fill):
    """Every array of the network, those that a tree leaves out filled."""
    given = dict(leaves(tree))
    return {
        path: np.broadcast_to(np.asarray(given.get(path, fill), float), leaf.shape)
        for path, leaf in leaves(NETWORK.init(jax.random.key(0)))
    }


def bits(array):
    return np.ascontiguousarray(array).view(np.uint32)


def zeros(count):
    return np.zeros(count, np.uint32)


def check_rest(member, found, start):
    """What does not move is what it was; the optimizer holds nothing of it."""
    mask, trained = whole(member.mask, 1.0), whole(member.trained, 1.0)
    slots = leaves(found.checkpoint.slots)
    for path, leaf in leaves(found.params):
        first = dict(leaves(start))[path]
        out, still = mask[path] == 0, (mask[path] != 0) & (trained[path] == 0)
        assert np.array_equal(bits(leaf[out]), zeros(out.sum())), path
        assert np.array_equal(bits(leaf[still]), bits(np.asarray(first)[still])), path
        assert (leaf[~out & ~still] != np.asarray(first)[~out & ~still]).all(), path
        own = [state for name, state in slots if name.endswith(path) and state.shape == leaf.shape]
        assert len(own) == len([name for name, _ in slots if name.endswith(path)])
        for state in own:
            assert np.array_equal(bits(state[out | still]), zeros((out | still).sum())), path


@pytest.mark.parametrize(
    "rule",
    [one if one in ("sgd", "adam", "layers") else pytest.param(one, marks=pytest.mark.slow) for one in RULES],
)
def test_what_does_not_move_is_exact_after_a_thousand_steps(rule, request):
    runs = request.getfixturevalue("momentum") if rule == "momentum" else run(RULES[rule])
    for member, found in zip(MEMBERS, runs, strict=True):
        assert found.diverged_at is None
        check_rest(member, found, NETWORK.init(jax.random.key(member.seed)))
        for leaf in jax.tree.leaves(found.checkpoint.origin):
            assert leaf.dtype == np.float32


def numpy_run(recipe, member, clip=None):
    """The same in float64: gradient descent on all examples, by hand."""
    mask, trained, offset = whole(member.mask, 1.0), whole(member.trained, 1.0), whole(member.offset, 0.0)
    p = {k: np.asarray(v, float) * mask[k] for k, v in leaves(NETWORK.init(jax.random.key(member.seed)))}
    slots = {k: [np.zeros_like(v), np.zeros_like(v)] for k, v in p.items()}
    for t in range(recipe.steps):
        w = {k: mask[k] * p[k] + offset[k] for k in p}
        h = np.tanh(X @ w["hidden1/weight"].T + w["hidden1/bias"])
        d = (h @ w["output/weight"].T + w["output/bias"] - Y) / N
        back = (d @ w["output/weight"]) * (1 - h * h)
        g = {"output/weight": d.T @ h, "output/bias": d.sum(0), "hidden1/weight": back.T @ X}
        g["hidden1/bias"] = back.sum(0)
        g = {k: (g[k] + recipe.weight_decay * p[k]) * mask[k] * trained[k] for k in p}
        if clip:
            size = np.sqrt(sum((one**2).sum() for one in g.values()))
            g = {k: one * min(1.0, clip / size) for k, one in g.items()}
        for k in p:
            if recipe.optimizer == "adam":
                slots[k] = [0.9 * slots[k][0] + 0.1 * g[k], 0.999 * slots[k][1] + 0.001 * g[k] ** 2]
                mean, square = slots[k][0] / (1 - 0.9 ** (t + 1)), slots[k][1] / (1 - 0.999 ** (t + 1))
                p[k] = p[k] - recipe.learning_rate * mean / (np.sqrt(square) + 1e-8)
            else:
                slots[k][0] = recipe.momentum * slots[k][0] + g[k]
                p[k] = p[k] - recipe.learning_rate * slots[k][0]
    return p


@pytest.mark.parametrize(
    ("recipe", "clip", "carry"),
    [
        (Recipe(200, 0.05, weight_decay=0.01), None, 1),
        (Recipe(200, 0.02, momentum=0.9), None, 10),
        (Recipe(200, 0.01, optimizer="adam"), None, 10),
        (Recipe(200, 0.05, optimizer=optax.chain(optax.clip_by_global_norm(0.1), optax.sgd(1.0))), 0.1, 1),
    ],
)
def test_masks_and_offsets_are_those_of_a_plain_loop(recipe, clip, carry):
    for member, found in zip(MEMBERS, run(recipe, keep={"one": Keep(step=1)}), strict=True):
        want = numpy_run(recipe, member, clip)
        allowed = rounding.run(recipe.steps, carry=carry)
        for path, leaf in leaves(found.params):
            np.testing.assert_allclose(leaf, want[path], rtol=0, atol=allowed, err_msg=path)
        start = dict(leaves(found.checkpoint.origin))
        moved = {path: leaf - start[path] for path, leaf in leaves(found.kept["one"].params)}
        if clip:  # the norm is that of the weights that move
            size = np.sqrt(sum((one**2).sum() for one in moved.values()))
            assert size == pytest.approx(0.05 * clip, rel=1e-4)


@pytest.fixture(scope="module")
def momentum():
    return run(RULES["momentum"], keep={"ten": Keep(step=10)})


def test_a_dense_checkpoint_goes_on_masked(momentum):
    """Pruning: the state of what is cut is cut with it, and the rest is as it was."""
    dense = momentum[0].kept["ten"]
    found = run(RULES["momentum"], start=[dense] * 4, keep={"cut": Keep(step=10)})
    for member, one in zip(MEMBERS, found, strict=True):
        check_rest(member, one, dense.params)
        for path, leaf in leaves(one.kept["cut"].params):
            before = dict(leaves(dense.params))[path]
            assert np.array_equal(leaf, np.where(whole(member.mask, 1.0)[path], before, 0))


def test_a_fresh_state_of_one_member_leaves_the_others_theirs(momentum):
    points = [one.kept["ten"] for one in momentum]
    found = run(RULES["momentum"], start=[Checkpoint(points[0].params, 10), *points[1:]])
    for i, (one, other) in enumerate(zip(found, momentum, strict=True)):
        same = [
            np.array_equal(a, b) for a, b in zip(*map(jax.tree.leaves, (one.params, other.params)), strict=True)
        ]
        assert all(same) == (i > 0)


HALF = {"hidden1": {"weight": np.full((H, D), 0.5)}}
ODD = {
    "another network": ({"mask": {"conv1": {"weight": np.ones(3)}}}, UsageError, "mask of member 1: expected parts of"),
    "another shape": ({"mask": {"hidden1": {"weight": np.ones((H, D + 1))}}}, UsageError, "expected an array of shape"),
    "a number for an array": ({"mask": {"hidden1": {"weight": 1}}}, UsageError, "expected an array of shape"),
    "one number": ({"mask": 1.0}, UsageError, "expected parts of the network's parameters .* got float"),
    "half": ({"mask": HALF}, DataError, "expected 0 and 1 alone at hidden1/weight, got 0.5"),
    "trained by half": ({"trained": HALF}, DataError, "trained of member 1: expected 0 and 1 alone"),
    "no number": ({"mask": jax.tree.map(lambda a: a * np.nan, HALF)}, DataError, "0 and 1 alone .* got nan"),
    "text": ({"mask": {"output": {"bias": np.array(["a", "b"])}}}, DataError, "mask of member 1: output/bias: expected"),
    "nothing left": (
        {"mask": {k: {"weight": 0 * np.ones(s), "bias": np.zeros(s[0])} for k, s in (("hidden1", (H, D)), ("output", (K, H)))}},
        UsageError, "mask and trained of member 1: expected a weight that moves, got none",
    ),
    "infinite": ({"offset": {"output": {"bias": np.array([1.0, np.inf])}}}, DataError, "offset of member 1: .* finite"),
    "too large": ({"offset": {"output": {"bias": np.array([1.0, 1e300])}}}, DataError, "infinite in float32"),
    "complex": ({"offset": {"output": {"bias": np.array([1.0, 1j])}}}, DataError, "expected real numbers"),
    "state": ({"state": {"statistics": {}}}, UsageError, "state of member 1: expected names of what"),
    "state in a list": ({"state": [1]}, UsageError, "state of member 1: expected values by name, got list"),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_odd_constants_are_refused(name):
    given, kind, words = ODD[name]
    with pytest.raises(kind, match=words):
        run(Recipe(3, 0.1), [Member(0, Y), Member(1, Y, **given)])
