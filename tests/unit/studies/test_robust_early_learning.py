"""The study of robust early learning: its mask against a sort and against torch, small stacks, and what is refused."""

import json
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.core import DataError, UsageError, clean
from overparam.studies.robust_early_learning import METHODS, STUDY, world
from overparam.studies.robust_early_learning_work import (
    critical_part,
    kth_largest,
    masked,
    random_part,
    recipe_of,
    run,
    summary,
)  # fmt: skip
from overparam.sweep.judge import judge

SMALL = {"n": 40, "n_test": 20, "side": 4, "validation": 20, "width": 6, "depth": 1, "epochs": 3, "batch": 8}


def cell(**change):
    return {axis.name: axis.default for axis in STUDY.axes} | SMALL | change


def tree(seed, *, power=1):
    random = np.random.default_rng(seed)
    shapes = {"hidden1": {"weight": (5, 7), "bias": (5,)}, "output": {"weight": (3, 5), "bias": (3,)}}
    return {
        a: {b: jnp.asarray(random.normal(size=s) ** power, jnp.float32) for b, s in of.items()}
        for a, of in shapes.items()
    }


def test_a_world_in_which_all_is_true_is_answered_with_its_controls():
    spread = {"final_accuracy": 0.3, "final_wrong_fit": 0.5, "stopped_accuracy": 0.3}
    planted = replace(world(), spread=spread)(np.random.default_rng(0))
    found = {v.claim.partition(".")[2]: v for v in judge(STUDY, planted, profile="laptop", data="x")}
    assert set(found) == {claim.name for claim in STUDY.claims}
    for verdict in found.values():
        assert verdict.status == "supported", verdict.reason
        assert verdict.control["ok"], verdict.reason


@pytest.mark.parametrize("k", [1, 2, 40, 100, 150])
def test_the_kth_largest_is_that_of_a_sort(k):
    random = np.random.default_rng(k)
    parts = [np.abs(random.normal(size=shape)).astype(np.float32) ** 7 for shape in ((10, 10), (50,))]
    parts[1][:10] = 0.0
    wanted = np.sort(np.concatenate([part.ravel() for part in parts]))[-k]
    assert float(kth_largest([jnp.asarray(part) for part in parts], k)) == wanted


@pytest.mark.parametrize("factor", [1.0, 0.6])
def test_the_largest_products_keep_their_gradient_and_biases_are_left_alone(factor):
    params, gradient = tree(0), tree(1, power=3)
    rule = critical_part(0.6, factor)
    found, _ = rule.update(gradient, rule.init(params), params)
    weights = [(a, "weight") for a in params]
    scores = {at: np.abs(np.asarray(params[at[0]][at[1]] * gradient[at[0]][at[1]])) for at in weights}
    every = np.sort(np.concatenate([one.ravel() for one in scores.values()]))
    least = every[-int(0.6 * len(every))]
    for (layer, name), score in scores.items():
        wanted = np.where(score >= least, factor * np.asarray(gradient[layer][name]), 0.0)
        assert np.asarray(found[layer][name]) == pytest.approx(wanted, rel=1e-6)
        assert (np.asarray(found[layer]["bias"]) == np.asarray(gradient[layer]["bias"])).all()


def test_with_all_kept_and_no_factor_it_is_heavy_ball_with_decay():
    params, gradients = tree(0), [tree(seed) for seed in (1, 2, 3)]
    rule = masked("cdr_unscaled", 1.0, 0.01, 0.9)
    state, here = rule.init(params), params
    plain, buffer = params, jax.tree.map(jnp.zeros_like, params)
    for gradient in gradients:
        moves, state = rule.update(gradient, state, here)
        here = jax.tree.map(lambda p, m: p + 0.1 * m, here, moves)
        buffer = jax.tree.map(lambda v, g, p: 0.9 * v + g + 0.01 * p, buffer, gradient, plain)
        plain = jax.tree.map(lambda p, v: p - 0.1 * v, plain, buffer)
    for one, other in zip(jax.tree.leaves(here), jax.tree.leaves(plain), strict=True):
        assert np.asarray(one) == pytest.approx(np.asarray(other), rel=1e-5, abs=1e-6)


def test_one_step_is_that_of_the_published_code_in_torch():
    torch = pytest.importorskip("torch")
    params, gradient, keep, rate, decay = tree(4), tree(5), 0.6, 0.1, 0.001
    rule = masked("cdr", keep, decay, 0.9)
    moves, _ = rule.update(gradient, rule.init(params), params)
    ours = jax.tree.map(lambda p, m: p + rate * m, params, moves)
    named = [(a, b) for a in params for b in params[a]]
    theirs = [torch.nn.Parameter(torch.tensor(np.asarray(params[a][b]))) for a, b in named]
    slopes = [torch.tensor(np.asarray(gradient[a][b])) for a, b in named]
    several = [(p, g) for p, g in zip(theirs, slopes, strict=True) if p.dim() in (2, 4)]
    metric = torch.cat([(g * p.detach()).abs().reshape(-1) for p, g in several])
    least = torch.topk(metric, int(keep * metric.numel()))[0][-1]
    for p, g in zip(theirs, slopes, strict=True):
        p.grad = g.clone()
        if p.dim() in (2, 4):
            p.grad = ((p.detach() * g).abs() >= least).float() * keep * g
    torch.optim.SGD(theirs, lr=rate, momentum=0.9, weight_decay=decay).step()
    for (a, b), p in zip(named, theirs, strict=True):
        assert np.asarray(ours[a][b]) == pytest.approx(p.detach().numpy(), rel=1e-5, abs=1e-6)


def test_a_random_mask_keeps_its_share_and_differs_by_step_and_seed():
    params, gradient = tree(0), jax.tree.map(jnp.ones_like, tree(0))
    big = {"hidden1": {"weight": jnp.ones((100, 100)), "bias": jnp.ones(5)}}
    rule = random_part(0.6, 0.5)
    state = rule.init(big)
    first, state = rule.update(big, state, big)
    second, _ = rule.update(big, state, big)
    kept = np.asarray(first["hidden1"]["weight"])
    assert set(np.unique(kept)) == {0.0, 0.5}
    assert (kept > 0).mean() == pytest.approx(0.6, abs=5 * (0.24 / 1e4) ** 0.5)
    assert (kept != np.asarray(second["hidden1"]["weight"])).mean() == pytest.approx(0.48, abs=0.05)
    assert (np.asarray(first["hidden1"]["bias"]) == 1).all()
    one, other = (
        rule.update(gradient, rule.init(tree(seed)), params)[0]["hidden1"]["weight"] for seed in (0, 1)
    )
    assert (np.asarray(one) != np.asarray(other)).any()


def test_rates_and_decay_of_the_methods():
    found = {name: recipe_of(cell(method=name, noise=0.4)) for name in METHODS}
    assert [found[name].learning_rate for name in ("decay", "rate", "rate_twice", "cdr")] == pytest.approx(
        [0.02, 0.012, 0.0072, 0.02]
    )
    assert (found["plain"].weight_decay, found["decay"].weight_decay) == (0.0, 0.001)
    assert {one.steps for one in found.values()} == {15}


def test_it_is_stopped_where_held_out_labels_are_fitted_best():
    lines = {"test_error": [0.9, 0.2, 0.1, 0.5], "validation_error": [0.9, 0.4, 0.45, 0.6], "wrong_fit": [0.1, 0.0, 0.2, 0.8],
             "clean_fit": [0.1, 0.8, 0.9, 1.0]}  # fmt: skip
    found = summary({name: np.array(line) for name, line in lines.items()})
    assert (found["stopped_look"], found["stopped_accuracy"], found["final_accuracy"]) == (
        1,
        pytest.approx(80),
        pytest.approx(50),
    )
    assert (found["stopped_wrong_fit"], found["final_wrong_fit"]) == (0.0, pytest.approx(80))
    assert summary({name: np.array(line) for name, line in lines.items()}, lost=True)["final_accuracy"] is None


@pytest.mark.parametrize("method", ["cdr", "random"])
def test_a_small_stack_holds_what_is_declared(method):
    found = STUDY.work([cell(method=method, seed=seed) for seed in (0, 1)], lambda _: None)
    for one in found:
        assert set(one.values) == set(STUDY.values)
        assert len(json.dumps(clean(one.values), allow_nan=False)) < 4_000
        assert one.values["final_accuracy"] == pytest.approx(one.values["test_line"][-1], rel=1e-3)
        assert one.values["epoch"][-1] == 3.0


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"n": 1190}, DataError, "--n, --validation: expected at most 1,200 labelled samples together"),
        ({"noise": 1.0}, UsageError, "--noise: expected a share below 1, got 1"),
        ({"batch": 41}, UsageError, "--batch: expected at most the 40 training samples, got 41"),
        (
            {"n": 8, "batch": 4},
            DataError,
            "training labels with noise 0.4 in seed 0: expected at least one a class, 10, got 8",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(change, error, text):
    with pytest.raises(error, match=text):
        run([cell(**change)], lambda _: None)
