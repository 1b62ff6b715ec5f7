"""The study of regularization: decay against a growing rate in closed form, small stacks, and what is refused."""

import json
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.core import DataError, UsageError, clean
from overparam.studies.regularization import COURSE, DIRTY, METHODS, STUDY, world
from overparam.studies.regularization_work import (
    decayed_where_normed,
    early_until,
    growing_where_normed,
    normed,
    recipe_of,
    run,
    shrinking,
)  # fmt: skip
from overparam.sweep.judge import judge

SMALL = {
    "n": 40,
    "n_test": 20,
    "side": 4,
    "width": 6,
    "depth": 1,
    "epochs": 3,
    "batch": 8,
    "large": 20,
    "noise": 0.0,
}


def cell(**change):
    return {axis.name: axis.default for axis in STUDY.axes} | SMALL | change


def test_a_world_in_which_all_is_true_is_answered_with_its_controls():
    planted = replace(world(dirty=DIRTY), spread={"test_accuracy": 0.1})
    found = {
        v.claim.partition(".")[2]: v
        for v in judge(STUDY, planted(np.random.default_rng(0)), profile="laptop", data="x")
    }
    assert set(found) == {claim.name for claim in STUDY.claims}
    for name, verdict in found.items():
        if name != "rescaled":  # its line is in the other world
            assert verdict.status == "supported", verdict.reason
            assert verdict.control is None or verdict.control["ok"], verdict.reason


def test_the_check_of_the_growing_rate_passes_and_its_control_fails():
    (found,) = (
        v
        for v in judge(STUDY, COURSE(np.random.default_rng(0)), profile="quick", data="x")
        if v.claim.endswith(".rescaled")
    )
    assert found.status == "supported"
    assert found.control["ok"]


@pytest.mark.parametrize(("rate", "decay"), [(0.1, 0.5), (0.02, 0.01)])
def test_without_momentum_decay_shrinks_by_rate_times_decay(rate, decay):
    assert shrinking(rate, decay, 0.0) == pytest.approx(1 - rate * decay)


def test_decay_beyond_the_real_roots_is_refused():
    assert shrinking(0.1, 0.02, 0.9) < 1
    with pytest.raises(UsageError, match=r"--decay: expected at most 0.0263 at rate 0.1 and momentum 0.9"):
        shrinking(0.1, 0.03, 0.9)
    with pytest.raises(UsageError, match="--decay: expected at most 10"):
        shrinking(0.1, 10.5, 0.0)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_a_growing_rate_is_decay_where_size_does_not_matter(momentum):
    """A loss of the direction of one weight and of another weight that has a size, 40 steps in float64 by each rule."""
    rate, decay = 0.02, 0.1
    target = jnp.array([0.6, -0.8])

    def loss(p):
        w = p["hidden1"]["weight"]
        return jnp.sum((w / jnp.sqrt(jnp.sum(w**2)) * p["output"]["weight"] - target) ** 2)

    with jax.enable_x64(True):
        start = {"hidden1": {"weight": jnp.array([1.0, 1.5])}, "output": {"weight": jnp.array([0.7, 0.9])}}
        ends, sizes = [], []
        for rule in (decayed_where_normed(decay, momentum), growing_where_normed(rate, decay, momentum)):
            p, state = start, rule.init(start)
            for _ in range(40):
                moves, state = rule.update(jax.grad(loss)(p), state, p)
                p = jax.tree.map(lambda a, b: a + rate * b, p, moves)
            size = jnp.linalg.norm(p["hidden1"]["weight"])
            ends.append(np.concatenate([p["hidden1"]["weight"] / size, p["output"]["weight"]]))
            sizes.append(float(size))
    assert ends[0] == pytest.approx(ends[1], rel=1e-9)
    assert sizes[0] / sizes[1] == pytest.approx(shrinking(rate, decay, momentum) ** 40, rel=1e-9)
    assert np.abs(ends[0] - np.array([1.0, 1.5, 0.7, 0.9])).max() > 0.05  # it went somewhere


def test_only_weights_before_a_normalisation_are_decayed():
    params = {
        "hidden1": {"weight": 1.0, "bias": 1.0},
        "hidden1.norm": {"scale": 1.0, "offset": 1.0},
        "output": {"weight": 1.0},
    }
    found = normed(params)
    assert [path[0].key for path, on in jax.tree_util.tree_flatten_with_path(found)[0] if on] == ["hidden1"]
    assert found["hidden1"] == {"weight": True, "bias": False}


def test_steps_batches_and_rates_of_the_arms():
    given = cell(n=1000, batch=32, large=250, epochs=40)
    found = {name: recipe_of({**given, "method": name}) for name in METHODS}
    assert (found["plain"].steps, found["large"].steps, found["large_steps"].steps) == (1240, 160, 1240)
    assert (found["plain"].batch, found["large"].batch, found["large_rate"].batch) == (32, 250, 250)
    assert found["large_rate"].learning_rate == pytest.approx(0.02 * 250 / 32)
    assert (found["decay"].weight_decay, found["weak"].weight_decay, found["norm"].weight_decay) == (
        0.01,
        0.001,
        0.0,
    )
    assert early_until(1240) in found["norm_rate"].times


@pytest.mark.parametrize("method", ["plain", "dropout", "norm_rate", "large_steps"])
def test_a_small_stack_holds_what_is_declared(method):
    cells = [cell(method=method, noise=noise, seed=seed) for noise in (0.0, 0.3) for seed in (0, 1)]
    found = STUDY.work(cells, lambda _: None)
    assert [one.values["wrong_labels"] for one in found] == [0.0, 0.0, 0.3, 0.3]
    for one in found:
        assert set(one.values) == set(STUDY.values)
        assert len(json.dumps(clean(one.values), allow_nan=False)) < 4_000
        assert one.values["share"][-1] == 100.0
        assert one.values["test_accuracy"] == pytest.approx(one.values["test_line"][-1], rel=1e-4)
        assert len(one.values["early_step"]) == len(one.values["early_loss"]) > 0


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"n": 2000}, DataError, "--n: expected at most the 1,200 training samples of digits, got 2,000"),
        ({"batch": 50}, UsageError, "--batch: expected at most the 40 training samples, got 50"),
        ({"large": 50}, UsageError, "--large: expected at most the 40 training samples, got 50"),
        ({"large": 8}, UsageError, "--large: expected more than --batch, 8, got 8"),
        ({"method": "norm_rate", "decay": 1.0}, UsageError, "--decay: expected at most 0.132"),
    ],
)
def test_what_does_not_go_together_is_refused(change, error, text):
    with pytest.raises(error, match=text):
        run([cell(**change)], lambda _: None)
