"""Stacked training against independent implementations and closed forms."""

from dataclasses import replace

import jax
import numpy as np
import optax
import pytest

from overparam.models import linear, mlp
from overparam.probes import standard
from overparam.training import Checkpoint, Member, Recipe, orders, train
from tests import rounding

RNG = np.random.default_rng(0)
N, D, K = 60, 5, 3
X = RNG.standard_normal((N, D)).astype(np.float32)
Y = RNG.integers(0, K, N)
X_TEST = RNG.standard_normal((40, D)).astype(np.float32)
Y_TEST = RNG.integers(0, K, 40)
NETWORK = mlp(D, (6, 4), K, activation="tanh")
SGD = Recipe(steps=200, learning_rate=0.1, momentum=0.9, batch=20, probes=6)
ROUNDING = rounding.run(SGD.steps, carry=1 / (1 - SGD.momentum))  # weights are of order 1


def run(members, recipe=SGD, **options):
    """Train; every test gives four members where it can, because each other shape is compiled anew."""
    return train(NETWORK, recipe, members, X, X_TEST, Y_TEST, probes=standard(), keep_params=True, **options)


FOUR = [Member(s, Y) for s in (1, 2, 3, 4)]


@pytest.fixture(scope="module")
def four():
    return run(FOUR)


@jax.jit
def initial(seed):
    return NETWORK.init(jax.random.key(seed))


def leaves(params):
    return [np.asarray(leaf, np.float64) for leaf in jax.tree.leaves(params)]


def distance(a, b):
    return max(np.abs(p - q).max() for p, q in zip(leaves(a), leaves(b), strict=True))


def numpy_sgd(params, y, recipe, seed):
    """SGD with momentum on the tanh MLP, in float64 with hand-written gradients."""
    names = ["hidden1", "hidden2", "output"]
    p = {n: {k: np.asarray(v, np.float64) for k, v in params[n].items()} for n in names}
    velocity = {n: {k: np.zeros_like(v) for k, v in p[n].items()} for n in names}
    rows = orders([seed], range(recipe.steps // (N // recipe.batch) + 1), N, recipe.batch)[0]
    for t in range(recipe.steps):
        h = [X[rows[t]].astype(np.float64)]
        for n in names[:-1]:
            h.append(np.tanh(h[-1] @ p[n]["weight"].T + p[n]["bias"]))
        f = h[-1] @ p["output"]["weight"].T + p["output"]["bias"]
        e = np.exp(f - f.max(axis=1, keepdims=True))
        delta = (e / e.sum(axis=1, keepdims=True) - np.eye(K)[y[rows[t]]]) / recipe.batch
        for i in (2, 1, 0):
            n = names[i]
            gradient = {"weight": delta.T @ h[i], "bias": delta.sum(axis=0)}
            delta = (delta @ p[n]["weight"]) * (1 - h[i] ** 2)
            for k in gradient:
                velocity[n][k] = recipe.momentum * velocity[n][k] + gradient[k] + recipe.weight_decay * p[n][k]
                p[n][k] = p[n][k] - recipe.learning_rate * velocity[n][k]
    return p


@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
def test_sgd_with_momentum_is_the_plain_numpy_one(weight_decay):
    recipe = replace(SGD, weight_decay=weight_decay)
    for member in run(FOUR, recipe):
        start = initial(member.seed)
        assert distance(member.params, numpy_sgd(start, Y, recipe, member.seed)) < ROUNDING
        assert distance(member.params, start) > 0.1


# a recipe, the rule of optax that it is, and how often a step's rounding is repeated by the averages of gradients
OPTAX = {
    "sgd": (Recipe(200, 0.05, momentum=0.8, batch=20), lambda: optax.sgd(0.05, momentum=0.8), 5),
    "adam": (Recipe(200, 0.01, optimizer="adam", batch=20), lambda: optax.adam(0.01), 10),
    "cosine": (
        Recipe(200, 0.1, batch=20, schedule="cosine"),
        lambda: optax.sgd(optax.cosine_decay_schedule(0.1, 200)),
        1,
    ),
    "full": (Recipe(200, 0.1, optimizer="gd", loss="squared"), lambda: optax.sgd(0.1), 1),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", sorted(OPTAX))
def test_a_stack_is_optax_one_member_at_a_time(case):
    recipe, rule, carry = OPTAX[case]
    rule, allowed = rule(), rounding.run(recipe.steps, carry=carry)

    def cost(params, x, y):
        f = NETWORK.apply(params, x)
        if recipe.loss == "squared":
            return 0.5 * ((f - jax.nn.one_hot(y, K)) ** 2).sum(axis=1).mean()
        return optax.softmax_cross_entropy_with_integer_labels(f, y).mean()

    @jax.jit
    def step(params, state, x, y):
        update, state = rule.update(jax.grad(cost)(params, x, y), state, params)
        return optax.apply_updates(params, update), state

    arms = [Member(2, Y), Member(5, (Y + 1) % K), Member(2, Y), Member(6, Y)]
    for member, arm in zip(run(arms, recipe), arms, strict=True):
        params = initial(arm.seed)
        state = rule.init(params)
        rows = orders([arm.seed], range(67), N, 20)[0]
        for t in range(recipe.steps):
            chosen = slice(None) if recipe.batch is None else rows[t]
            params, state = step(params, state, X[chosen], arm.y[chosen])
        assert distance(member.params, params) < allowed
        assert distance(member.params, initial(arm.seed)) > 100 * allowed


def test_gradient_descent_on_least_squares_is_the_closed_form():
    # w_t = (I - (I - eta X^T X / n)^t) w*, with w* the least-squares solution.
    target = RNG.standard_normal(N)
    network = linear(D, 1, bias=False, init="zeros")
    recipe = Recipe(60, 0.3, optimizer="gd", loss="squared", probes=5)
    (member,) = train(network, recipe, [Member(0, target)], X, X_TEST, np.zeros(40), keep_params=True)
    x = X.astype(np.float64)
    best = np.linalg.lstsq(x, target, rcond=None)[0]
    contraction = np.eye(D) - 0.3 * x.T @ x / N
    for step, found in zip(member.steps, member.values["train_loss"], strict=True):
        w = best - np.linalg.matrix_power(contraction, int(step)) @ best
        left = rounding.sums(N) + rounding.run(step)
        assert found == pytest.approx(np.sum((x @ w - target) ** 2) / (2 * N), rel=left)
    np.testing.assert_allclose(member.params["output"]["weight"][0], w, atol=rounding.run(recipe.steps))


SPLIT = {
    "sgd": SGD,
    "adam": Recipe(137, 0.02, optimizer="adam", batch=20, schedule="inverse_sqrt", period=10, probes=6),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", sorted(SPLIT))
def test_a_split_run_is_the_whole_run_bit_for_bit(case):
    whole = SPLIT[case]
    once = run(FOUR, whole)
    half = run(FOUR, replace(whole, steps=41))
    twice = run(FOUR, whole, start=[m.checkpoint for m in half])
    for a, b in zip(once, twice, strict=True):
        assert distance(a.params, b.params) == 0
        assert a.checkpoint.step == b.checkpoint.step == whole.steps
        assert a.values["distance"][-1] == b.values["distance"][-1] > 0
        assert b.steps[0] == 41
        assert set(b.steps[1:]) <= set(a.steps)


def test_a_start_without_state_begins_afresh_from_those_parameters():
    given = initial(99)
    (member,) = run([Member(1, Y)], start=[Checkpoint(given)])
    assert distance(member.params, numpy_sgd(given, Y, SGD, 1)) < ROUNDING
    assert member.values["distance"][0] == 0


def test_a_member_alone_is_the_member_in_a_stack_up_to_rounding(four):
    (alone,) = run([Member(3, Y)])
    assert distance(alone.params, four[2].params) < ROUNDING
    assert distance(alone.params, four[1].params) > 100 * ROUNDING


def test_arms_of_one_seed_are_paired(four):
    plain, again, other, _ = run([Member(3, Y), Member(3, Y), Member(3, (Y + 1) % K), Member(0, Y)])
    assert distance(plain.params, again.params) == 0
    assert distance(plain.params, four[2].params) == 0
    assert distance(plain.params, other.params) > 0.1
    assert plain.values["norm"][0] == other.values["norm"][0]


def test_a_member_may_have_its_own_learning_rate(four):
    own, usual, *_ = run([Member(3, Y, learning_rate=0.02), Member(3, Y), *FOUR[:2]])
    slow = numpy_sgd(initial(3), Y, replace(SGD, learning_rate=0.02), 3)
    assert distance(own.params, slow) < ROUNDING
    assert distance(usual.params, four[2].params) == 0
    assert distance(own.params, usual.params) > 0.1


def test_results_are_reproducible_bit_for_bit(four):
    for first, second in zip(four, run(FOUR), strict=True):
        assert distance(first.params, second.params) == 0
        assert all(np.array_equal(first.values[k], second.values[k]) for k in first.values)
