"""Students and teachers of their own in one stack: each against a plain loop in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam import data
from overparam.models import holding, mlp
from overparam.probes import recovery
from overparam.probes.recovery import correlations, largest_gradient
from overparam.training import Checkpoint, Keep, Member, Recipe, loss, train
from overparam.training.loop import step_key
from overparam.training.orders import draws

D, M, C, BATCH = 6, 3, 4, 5
TEACHERS = [data.teacher(D, M, C, decay=0.5, seed=s) for s in (0, 1)]
STUDENT = mlp(D, (4,), C)
NETWORK = holding(STUDENT, teacher=TEACHERS[0].params)
SETS = [one.examples(40, scale=1.5, seed=9) for one in TEACHERS]


def plain_step(p, x, y, rate, frozen=()):
    """One step of descent on the mean over a batch of half the squared error, by hand."""
    z = x @ p["hidden1"]["weight"].T + p["hidden1"]["bias"]
    h = np.maximum(z, 0)
    r = (h @ p["output"]["weight"].T + p["output"]["bias"] - y) / len(x)
    back = (r @ p["output"]["weight"]) * (z > 0)
    slopes = {
        "hidden1": {"weight": back.T @ x, "bias": back.sum(axis=0)},
        "output": {"weight": r.T @ h, "bias": r.sum(axis=0)},
    }
    return {
        layer: {k: p[layer][k] - (0.0 if layer in frozen else rate) * g for k, g in parts.items()}
        for layer, parts in slopes.items()
    }


def double(params):
    return {k: {n: np.asarray(a, float) for n, a in params[k].items()} for k in ("hidden1", "output")}


def same(found, expected):
    for layer, parts in expected.items():
        for name, value in parts.items():
            np.testing.assert_allclose(found[layer][name], value, rtol=2e-4, atol=2e-5)  # 30 steps of float32


@pytest.mark.slow
def test_own_sets_with_replacement_and_a_frozen_layer_are_plain_loops():
    frozen = {"hidden1": {"weight": np.zeros((4, D)), "bias": np.zeros(4)}}
    members = [
        Member(s, y, x=x, state={"teacher": one.params}, trained=kept)
        for s, ((x, y), one, kept) in enumerate(zip(SETS + SETS[:1], TEACHERS + TEACHERS[:1], [None, None, frozen], strict=True))
    ]  # fmt: skip
    recipe = Recipe(30, 0.05, loss="squared", batch=BATCH, sampling="replacement", probes=3)
    x_test = TEACHERS[0].examples(10, tag="test")
    runs = train(
        NETWORK, recipe, members, *SETS[0][:1], *x_test, keep_params=True, probes={"r": recovery(STUDENT)}
    )
    for s, (run, member) in enumerate(zip(runs, members, strict=True)):
        p = double(NETWORK.init(jax.random.key(s)))
        rows = draws([s], range(4), 40, BATCH)[0]
        for t in range(30):
            p = plain_step(
                p, member.x[rows[t]].astype(float), member.y[rows[t]], 0.05, ("hidden1",) if s == 2 else ()
            )
        same(run.params, p)
        found = (
            np.maximum(x_test[0] @ p["hidden1"]["weight"].T + p["hidden1"]["bias"], 0) @ p["output"]["weight"].T
        )
        off = found + p["output"]["bias"] - (TEACHERS + TEACHERS[:1])[s].targets(x_test[0])
        assert run.values["teacher_loss"][-1] == pytest.approx(
            0.5 * np.square(off).sum(axis=1).mean(), rel=1e-3
        )


def stream(key, batch, held):
    x = 1.5 * jax.random.normal(key, (batch, D))
    return x, mlp(D, (M,), C).apply(held["teacher"], x)


@pytest.mark.slow
def test_fresh_examples_of_every_members_own_teacher_are_a_plain_loop():
    recipe = Recipe(30, 0.05, loss="squared", batch=BATCH, stream=stream, probes=3)
    members = [
        Member(s, y, x=x, order=5, state={"teacher": TEACHERS[s].params}) for s, (x, y) in enumerate(SETS)
    ]
    runs = train(NETWORK, recipe, members, *SETS[0][:1], *SETS[0], keep_params=True)
    for s, (run, one) in enumerate(zip(runs, TEACHERS, strict=True)):
        p = double(NETWORK.init(jax.random.key(s)))
        for t in range(30):
            x = 1.5 * np.asarray(jax.random.normal(jax.random.split(step_key(5, t))[1], (BATCH, D)), float)
            p = plain_step(p, x, one.targets(x), 0.05)
        same(run.params, p)


def test_checkpoints_stand_where_coverage_was_reached():
    """A student that starts as its teacher with one more node has found it at once; kept where the missing share is 0."""
    one = TEACHERS[0]
    start = {k: {n: np.array(a) for n, a in v.items()} for k, v in one.params.items()}
    start["hidden1"]["weight"] = np.vstack([start["hidden1"]["weight"], np.full((1, D), 0.1)]).astype(
        np.float32
    )
    start["hidden1"]["bias"] = np.append(start["hidden1"]["bias"], 0.0).astype(np.float32)
    start["output"]["weight"] = np.column_stack([start["output"]["weight"], np.zeros(C)]).astype(np.float32)
    x, y = SETS[0]
    recipe = Recipe(4, 1e-3, loss="squared", batch=BATCH, probes=3)
    (run,) = train(
        NETWORK, recipe, [Member(0, y)], x, x, y, probes={"r": recovery(STUDENT, rows=8)}, keep_params=True,
        start=[Checkpoint({**start, "teacher": one.params})],
        keep={"fits": Keep(value="largest_gradient", at_most=1e-3)},
    )  # fmt: skip
    assert run.values["coverage"].tolist() == [1.0] * len(run.steps)
    assert run.values["teacher_correlation"].shape == (len(run.steps), M)
    assert run.values["fan_out"][0, 3] == 0
    assert run.values["teacher_loss"].max() < 1e-10
    assert run.values["largest_gradient"].max() < 1e-4  # interpolation: every example's own gradient is 0
    assert run.kept["fits"].step == 0
    np.testing.assert_allclose(run.values["observed"][0], one.observed(x).min(), atol=1e-6)


def test_correlations_are_pearsons_and_a_dead_node_has_none():
    rng = np.random.default_rng(3)
    a, b = np.maximum(rng.standard_normal((50, 3)), 0), np.maximum(rng.standard_normal((50, 2)), 0)
    a[:, 2] = 0
    found = np.asarray(correlations(jnp.asarray(a), jnp.asarray(b)))
    np.testing.assert_allclose(found[:, :2], np.corrcoef(a[:, :2].T, b.T)[2:, :2], atol=1e-5)
    assert (found[:, 2] == 0).all()


@pytest.mark.slow
def test_a_planted_student_of_which_one_node_is_missing():
    """Two of three teacher nodes are there, scaled and in another order; coverage is 2/3, whatever the fan-outs."""
    one, x = TEACHERS[1], jnp.asarray(SETS[1][0])
    w, b = one.params["hidden1"]["weight"], one.params["hidden1"]["bias"]
    mine = {
        "hidden1": {
            "weight": np.stack([2 * w[1], 0.5 * w[0], np.eye(D)[0], -w[2]]).astype(np.float32),
            "bias": np.array([2 * b[1], 0.5 * b[0], 0, 0], np.float32),
        },
        "output": {"weight": np.ones((C, 4), np.float32), "bias": np.zeros(C, np.float32)},
        "teacher": one.params,
    }
    probe = recovery(STUDENT, level=0.99)
    found = probe(NETWORK, loss("squared"), mine, mine, x, jnp.asarray(SETS[1][1]), x, jnp.asarray(SETS[1][1]))
    assert found["coverage"] == pytest.approx(2 / 3)
    np.testing.assert_allclose(found["teacher_correlation"][:2], 1.0, atol=1e-4)
    np.testing.assert_allclose(found["student_correlation"][:2], 1.0, atol=1e-4)
    np.testing.assert_allclose(found["size"], np.linalg.norm(mine["hidden1"]["weight"], axis=1) * 2, rtol=1e-5)


@pytest.mark.slow
def test_the_largest_gradient_is_the_largest_of_each_examples_own():
    params, half = STUDENT.init(jax.random.key(0)), loss("squared")
    x, y = (jnp.asarray(a[:7]) for a in SETS[0])

    def one(p, i):
        return half.mean(STUDENT.apply(p, x[i : i + 1]), y[i : i + 1])

    each = [
        np.sqrt(sum(np.square(g).sum() for g in jax.tree.leaves(jax.grad(one)(params, i)))) for i in range(7)
    ]
    assert float(largest_gradient(STUDENT, half, params, x, y)) == pytest.approx(max(each), rel=1e-5)
