"""Pruning at initialisation: against finite differences in float64, and the laws that the scores obey."""

import itertools
from importlib import import_module

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.models import Network, mlp
from overparam.models.check import double
from overparam.pruning import Mask, at_init, grasp, snip, synflow
from overparam.pruning.at_init import gradient, synflow_scores
from overparam.training.losses import loss
from tests.weights import drawn, forward

NETWORK = mlp(3, (4, 3), 2, activation="tanh")
PARAMS = drawn(NETWORK, size=0.6)
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(10, 3)).astype(np.float32), RNG.integers(0, 2, 10)
MASK = Mask.random(NETWORK, 0.7, 2)
EACH = [(path, place) for path, one in MASK for place in np.ndindex(one.shape)]


def shifted(params, path, place, by):
    layer = path.partition("/")[0]
    weight = np.array(params[layer]["weight"])
    weight[place] += by
    return {**params, layer: {**params[layer], "weight": weight}}


def slope(function, params, path, place, by=1e-5):
    return (function(shifted(params, path, place, by)) - function(shifted(params, path, place, -by))) / (2 * by)


@pytest.fixture(scope="module")
def wide():
    with jax.enable_x64(True):
        yield jax.tree.map(np.asarray, double(NETWORK, PARAMS))


def mean_loss(params, heat=1.0):
    outputs = forward(NETWORK, params, X) / heat
    return float(np.mean(np.log(np.exp(outputs).sum(axis=1)) - outputs[np.arange(10), Y]))


def test_snip_is_the_effect_of_the_mask_on_the_loss(wide):
    """|dL/dm| at the mask, by differences in every entry of it."""
    scores = snip(NETWORK, PARAMS, X, Y, MASK)
    cut = MASK.apply(wide)
    for path, place in EACH:
        w = wide[path.partition("/")[0]]["weight"][place]
        want = abs(slope(mean_loss, cut, path, place)) * abs(w)
        assert scores[path][place] == pytest.approx(want, rel=1e-6, abs=1e-9)


@pytest.mark.slow
def test_grasp_is_the_slope_of_the_gradients_norm(wide):
    """w . Hg = w d(|g|^2 / 2)/dw with the loss of outputs over 200, over the absolute value of the sum of all."""
    scores = grasp(NETWORK, PARAMS, X, Y, MASK)
    heated = jax.jit(
        jax.grad(lambda p: loss("cross_entropy").mean(NETWORK.apply(p, jnp.asarray(X, jnp.float64)) / 200, Y))
    )

    def half_norm(params):
        return 0.5 * sum(float(jnp.sum(jnp.square(leaf))) for leaf in jax.tree.leaves(heated(params)))

    cut = MASK.apply(wide)
    found = {}
    for path, place in EACH:
        w = wide[path.partition("/")[0]]["weight"][place]
        found[path, place] = w * slope(half_norm, cut, path, place, 1e-4)
    size = abs(sum(one * MASK.arrays[path][place] for (path, place), one in found.items())) + 1e-10
    for (path, place), one in found.items():
        assert scores[path][place] == pytest.approx(one / size, rel=1e-4, abs=1e-7)


def test_grasp_removes_what_the_source_calls_most_important_to_remove():
    """The source removes the largest -w Hg; here the largest scores stay."""
    scores = grasp(NETWORK, PARAMS, X, Y)
    mask = at_init("grasp", NETWORK, PARAMS, 0.5, X, Y)
    flat = np.concatenate([one.ravel() for one in scores.values()])
    kept = np.concatenate([mask.arrays[path].ravel() for path in scores]) == 1
    assert kept.sum() == 15
    assert (-flat)[kept].max() <= (-flat)[~kept].min()


@pytest.mark.slow
def test_blocks_of_examples_sum_to_the_whole(monkeypatch):
    whole = {rule: rule(NETWORK, PARAMS, X, Y) for rule in (snip, grasp)}
    monkeypatch.setattr(import_module("overparam.pruning.at_init"), "_BLOCK", 5)
    for rule, one in whole.items():
        other = rule(NETWORK, PARAMS, X, Y)
        for path in one:
            assert np.allclose(one[path], other[path], rtol=1e-9, atol=0)
    assert gradient(NETWORK, PARAMS, X, Y)["output"]["bias"].dtype == np.float64


@pytest.mark.parametrize("widths", [(5,), (7, 3, 6)])
def test_synflow_is_conserved(widths):
    """Theorem 1: the scores into a unit sum to those out of it; so all layers have one sum, under any mask."""
    network = mlp(4, widths, 3, bias=False)
    params = drawn(network, 1)
    for mask in (Mask.full(network), Mask.random(network, 0.6, 0)):
        scores = list(synflow_scores(network, params, mask).values())
        sums = [one.sum() for one in scores]
        assert sums[0] > 0
        assert np.allclose(sums, sums[0], rtol=1e-13)
        for one, after in itertools.pairwise(scores):
            assert np.allclose(one.sum(axis=1), after.sum(axis=0), rtol=1e-12)
    assert all(one.dtype == np.float64 for one in scores)


def test_synflow_is_the_sum_over_paths():
    network = mlp(2, (3,), 2, bias=False)
    params = drawn(network, 1)
    a, b = (np.abs(np.asarray(params[layer]["weight"], np.float64)) for layer in ("hidden1", "output"))
    scores = synflow_scores(network, params)
    assert np.allclose(scores["hidden1/weight"], a * b.sum(axis=0)[:, None], rtol=1e-12)
    assert np.allclose(scores["output/weight"], b * a.sum(axis=1)[None, :], rtol=1e-12)


def test_synflow_goes_down_in_rounds_and_nothing_returns():
    network = mlp(6, (12, 9), 4, bias=False)
    params = drawn(network, 3)
    total = Mask.full(network).total
    before = Mask.full(network)
    for density in (0.5, 0.2, 0.05):
        mask = synflow(network, params, density)
        assert mask.kept == -(-total * density // 1)
        assert not mask.collapsed
    masks = [synflow(network, params, 0.1 ** ((i + 1) / 4), before, rounds=1) for i in range(4)]
    assert all(one.kept < before.kept for one in masks)
    # four rounds are the same as four times one round of the fourth root
    step = before
    for _ in range(4):
        step = synflow(network, params, 0.1 ** (1 / 4), step, rounds=1)
    assert abs(step.kept - synflow(network, params, 0.1, rounds=4).kept) <= 4
    # from a mask that prunes the largest weights, they do not come back
    largest = Mask(
        {path: np.abs(np.asarray(params[path.split("/")[0]]["weight"])) < 0.2 for path in before.paths}
    )
    again = synflow(network, params, 0.5, largest)
    assert all((one <= largest.arrays[path]).all() for path, one in again)
    layers = synflow(network, params, 0.3, scope="layer", rounds=7)
    assert {path: int(one.sum()) for path, one in layers} == {
        path: -(-one.size * 3 // 10) for path, one in before
    }
    left = synflow(network, params, 0.3, leave="output")
    assert left.densities["output/weight"] == 1.0


@pytest.mark.slow
def test_one_shot_of_synflow_collapses_a_layer_where_rounds_do_not():
    network = mlp(30, (40, 40, 40), 4, bias=False, init="lecun")
    params = drawn(network, 0, 0.2)
    params["hidden2"]["weight"] = 0.05 * params["hidden2"]["weight"]
    assert at_init("snip", network, params, 0.002, np.ones((4, 30)), np.arange(4)).collapsed
    assert not synflow(network, params, 0.02).collapsed


def huge(scale):
    network = mlp(4, (3,) * 6, 2, bias=False)
    return network, jax.tree.map(
        lambda a: scale * np.ones_like(np.asarray(a, np.float64)), network.init(jax.random.key(0))
    )


def own(key):
    return {"w": jnp.ones((3, 2)), "stats": {"mean": jnp.ones((3,))}}


def test_state_and_squared_loss_are_taken():
    network = Network("own", own, lambda p, x: (x - p["stats"]["mean"]) @ p["w"], 3, 2, state=("stats",))
    targets = RNG.normal(size=(10, 2))
    scores = snip(network, own(0), X, targets, rule="squared")
    with_mean = (X - 1) @ np.ones((3, 2)) - targets
    assert np.allclose(scores["w"], np.abs((X - 1).T @ with_mean / 10), rtol=1e-6)
    assert set(synflow_scores(network, own(0))) == {"w"}


BAD = {
    "no data": (lambda: snip(NETWORK, PARAMS, None, None), UsageError, "x: expected examples and labels, which the grad"),
    "no data by name": (lambda: at_init("grasp", NETWORK, PARAMS, 0.5), UsageError, "which GraSP is found from"),
    "no labels": (lambda: at_init("snip", NETWORK, PARAMS, 0.5, X), UsageError, "Give x and y"),
    "labels beyond": (lambda: snip(NETWORK, PARAMS, X, Y + 1), DataError, "expected labels from 0 to 1"),
    "other features": (lambda: snip(NETWORK, PARAMS, X[:, :2], Y), DataError, "x: expected shape .n, 3."),
    "a method": (lambda: at_init("snp", NETWORK, PARAMS, 0.5, X, Y), UsageError, "method.*'snp'.*snip"),
    "a density": (lambda: synflow(NETWORK, PARAMS, 0), UsageError, "density: expected the share"),
    "no rounds": (lambda: synflow(NETWORK, PARAMS, 0.5, rounds=0), UsageError, "rounds: expected a whole number"),
    "a mask of another network": (
        lambda: synflow(NETWORK, PARAMS, 0.5, Mask.full(mlp(3, (5,), 2))), UsageError, "belongs to another network",
    ),
    "weights of another network": (
        lambda: snip(NETWORK, drawn(mlp(3, (5,), 2)), X, Y), UsageError, "params: expected the structure",
    ),
    "a temperature": (lambda: grasp(NETWORK, PARAMS, X, Y, temperature=0), UsageError, "temperature: expected a positive"),
    "weights that diverged": (
        lambda: synflow_scores(NETWORK, jax.tree.map(lambda a: a * np.nan, PARAMS)), DataError, "expected finite numbers",
    ),
    "an overflow": (lambda: synflow_scores(*huge(1e60)), DataError, "got an overflow at"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "told"), BAD.values(), ids=BAD)
def test_what_cannot_be_scored_is_refused_in_a_sentence(call, kind, told):
    with pytest.raises(kind, match=told) as caught:
        call()
    assert "\n" not in str(caught.value)
