"""Divergence, stopping, progress, compilation and error texts of stacked training."""

import jax
import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.models import Network, linear, mlp
from overparam.models.passes import ROWS
from overparam.probes import standard
from overparam.training import Checkpoint, Member, Recipe, train

RNG = np.random.default_rng(0)
N, D, K = 60, 5, 3
X = RNG.standard_normal((N, D)).astype(np.float32)
Y = RNG.integers(0, K, N)
NETWORK = mlp(D, (16,), K)
RECIPE = Recipe(steps=150, learning_rate=0.05, batch=20, loss="squared", probes=12)


def run(members, recipe=RECIPE, network=NETWORK, x=X, x_test=X, y_test=Y, **options):
    return train(network, recipe, members, x, x_test, y_test, **options)


def same(a, b):
    return jax.tree.all(jax.tree.map(np.array_equal, a, b))


def test_a_diverged_member_is_a_result_and_leaves_its_neighbours_alone():
    calm = [Member(1, Y), Member(2, Y)]
    wild = [calm[0], Member(2, Y, learning_rate=1e4)]
    quiet, loud = (run(members, probes=standard(), keep_params=True) for members in (calm, wild))
    assert same(quiet[0].params, loud[0].params)
    assert all(np.array_equal(quiet[0].values[k], loud[0].values[k]) for k in quiet[0].values)
    assert loud[0].diverged_at is None
    lost = loud[1]
    at = list(lost.steps).index(lost.diverged_at)
    assert at >= 1
    for line in lost.values.values():
        assert np.isfinite(line[0])
        assert np.isnan(line[at:]).all()
    assert np.isfinite(lost.values["train_loss"][:at]).all()
    assert lost.stopped_at is None


def test_a_run_in_which_all_diverge_ends_early():
    seen = []
    members = [Member(s, Y, learning_rate=1e6) for s in (1, 2)]
    trained = run(members, Recipe(100_000, 0.1, optimizer="gd", loss="squared"), progress=seen.append)
    assert all(m.diverged_at < 1000 for m in trained)
    assert all(len(m.steps) == len(m.values["train_loss"]) == 30 for m in trained)
    assert seen[-1] == 1.0
    assert max(seen[:-1]) < 0.1


@pytest.mark.parametrize("rule", ["stop_loss", "stop_error"])
def test_a_member_that_stops_is_frozen_at_that_probe(rule):
    members = [Member(1, Y, learning_rate=0.2), Member(2, Y, learning_rate=0.001)]
    name = rule.replace("stop_", "train_")
    free = run(members, probes=standard())
    limit = float(free[0].values[name][8]) * (1 + 1e-5)  # two programs round apart on some devices
    stopped = run(
        members, Recipe(150, 0.05, batch=20, loss="squared", probes=12, **{rule: limit}), keep_params=True
    )
    fast, slow = stopped
    first = int(np.argmax(free[0].values[name] <= limit))
    assert fast.stopped_at == fast.steps[first]
    np.testing.assert_allclose(fast.values[name][: first + 1], free[0].values[name][: first + 1], rtol=1e-5)
    assert (fast.values[name][first:] == fast.values[name][first]).all()
    assert slow.stopped_at is None
    np.testing.assert_allclose(slow.values[name], free[1].values[name], rtol=1e-5)
    cut = Recipe(int(fast.stopped_at), 0.05, batch=20, loss="squared", probes=12)
    assert same(fast.params, run(members, cut, keep_params=True)[0].params)
    assert fast.checkpoint.step == fast.stopped_at


@pytest.mark.slow
def test_the_run_ends_when_all_have_stopped():
    seen = []
    recipe = Recipe(100_000, 0.05, batch=20, loss="squared", stop_loss=0.4)
    trained = run([Member(s, Y) for s in (1, 2)], recipe, progress=seen.append)
    assert all(m.stopped_at is not None and m.stopped_at < 10_000 for m in trained)
    assert max(seen[:-1]) < 0.2
    assert seen[-1] == 1.0


@pytest.mark.slow
def test_progress_rises_to_one():
    seen = []
    run([Member(0, Y), Member(1, Y)], Recipe(1500, 0.05, batch=20, probes=3), progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert len(seen) >= 4  # at least every 500 steps


@pytest.mark.slow
def test_one_compilation_serves_a_whole_run_and_the_next():
    traced = []

    def apply(params, x):
        if len(x) != ROWS:  # those are the checks of a network that is not ours
            traced.append(x.shape)
        return NETWORK.apply(params, x)

    network = Network("counting", NETWORK.init, apply, D, K)
    members = [Member(s, Y) for s in range(2)]
    run(members, Recipe(5, 0.05, batch=20, probes=3), network)
    few = len(traced)
    traced.clear()
    run(
        members,
        Recipe(1700, 0.05, batch=20, probes=25),
        network,
        x_test=X[:31],
        y_test=Y[:31],
        probes=standard(),
    )
    # One trace of a gradient step, and one each of the measures on training and test set.
    assert few == 2
    assert sorted(traced) == sorted([(20, D), (N, D), (31, D)])
    traced.clear()
    run(
        [Member(s, Y, learning_rate=0.2) for s in (7, 8)], Recipe(1700, 0.05, batch=20, probes=25), network,
        x_test=X[:31], y_test=Y[:31], probes=standard(),
    )  # fmt: skip
    assert traced == []


def test_training_loss_and_error_need_no_probe():
    (member,) = run([Member(0, Y)])
    assert set(member.values) == {"train_loss", "train_error"}
    assert member.values["train_loss"].dtype == np.float64
    assert member.params is None
    (regression,) = run([Member(0, RNG.standard_normal(N))], network=linear(D, 1), y_test=np.zeros(N))
    assert set(regression.values) == {"train_loss"}


GOOD = {"members": [Member(0, Y)]}


@pytest.mark.parametrize(
    ("change", "kind", "text"),
    [
        ({"members": []}, UsageError, "members: expected at least one member, got none."),
        (
            {"members": [Member(-1, Y)]},
            UsageError,
            "seed: expected a whole number from 0 to 4294967295, got -1.",
        ),
        (
            {"members": [Member(0, Y[:-1])]},
            DataError,
            "y of member 0: expected 60 entries, one an example, got",
        ),
        (
            {"members": [Member(0, Y + 1)]},
            DataError,
            "y of member 0: expected labels from 0 to 2 for 3 outputs",
        ),
        (
            {"members": [Member(0, Y), Member(1, np.zeros((N, K)))]},
            UsageError,
            "members: expected labels of one kind and shape in a stack, got several. Train two stacks.",
        ),
        (
            {"members": [Member(0, Y, learning_rate=-1.0)]},
            UsageError,
            "learning_rate of member 0: expected a number above 0, got -1.0.",
        ),
        (
            {"x": X[:, :4]},
            DataError,
            "x: expected shape (n, 5) with n >= 1, got (60, 4). Flatten images to rows",
        ),
        ({"x_test": X[:0]}, DataError, "x_test: expected shape (n, 5) with n >= 1, got (0, 5)."),
        ({"y_test": Y[:3]}, DataError, "y_test: expected 60 entries, one an example, got shape (3,)."),
        (
            {"recipe": Recipe(5, 0.1, batch=61)},
            UsageError,
            "batch: expected at most the 60 training examples, got 61.",
        ),
        (
            {"recipe": Recipe(5, 0.1), "members": [Member(0, np.zeros((N, K)))]},
            DataError,
            "y of member 0: expected rows that are not negative and sum to 1, got a sum of 0 in row 0.",
        ),
        (
            {
                "recipe": Recipe(5, 0.1, loss="squared", stop_error=0.1),
                "members": [Member(0, np.zeros((N, K)))],
            },
            UsageError,
            "y of member 0: stop_error needs integer labels, got float64. Use stop_loss for targets.",
        ),
        (
            {"members": [Member(0, np.zeros(N))]},
            DataError,
            "y of member 0: expected 3 targets an example, got shape",
        ),
        ({"start": []}, UsageError, "start: expected 1 checkpoints, one a member, got 0."),
        (
            {"start": [Checkpoint({}, step=150)]},
            UsageError,
            "start: expected checkpoints of one step from 0 to 149, got [150]. Raise recipe.steps to go on",
        ),
    ],
)
def test_what_does_not_fit_is_named(change, kind, text):
    with pytest.raises(kind) as error:
        run(**{**GOOD, **change})
    assert str(error.value).startswith(text)
