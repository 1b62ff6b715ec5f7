"""Learned masks: what passes forward, what passes back, and that the weights stay as they were drawn."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.models import Network, mlp, parameters
from overparam.pruning import edge_popup, evaluations, learned_mask, popped, sampled, supermask
from overparam.pruning.edge_popup import top
from overparam.pruning.learned import bernoulli, half_rounded, times_ratio
from overparam.pruning.wrapped import coarse, own_weights
from overparam.training import Member, Recipe, refresh, train
from tests.weights import drawn, forward

NETWORK = mlp(4, (6,), 3, init="he")
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(30, 4)).astype(np.float32), RNG.integers(0, 3, 30)
KEY = jax.random.key(5)
SHAPES = {"hidden1": (6, 4), "output": (3, 6)}
SCORES = {
    layer: {"weight": jnp.asarray(RNG.normal(size=shape), jnp.float32)} for layer, shape in SHAPES.items()
}


def variables(network, scores=SCORES):
    return {**jax.jit(network.init)(jax.random.key(0)), "scores": scores}


@pytest.mark.slow
def test_the_gradient_in_a_score_is_that_in_the_mask_times_p_1_minus_p():
    scores = jnp.asarray(RNG.normal(size=(5, 4)), jnp.float32)
    weights = RNG.normal(size=(5, 4)).astype(np.float32)
    x = RNG.normal(size=4).astype(np.float32)

    def outer(mask):
        return jnp.sum(jnp.tanh((weights * mask) @ x))

    random = jax.random.uniform(KEY, scores.shape)
    mask = bernoulli(scores, random)
    assert set(np.unique(mask)) == {0.0, 1.0}
    p = 1 / (1 + np.exp(-np.asarray(scores, np.float64)))
    got = jax.grad(lambda s: outer(bernoulli(s, random)))(scores)
    assert np.allclose(got, jax.grad(outer)(mask) * p * (1 - p), rtol=1e-5, atol=1e-7)


def test_masks_are_drawn_with_their_probability():
    scores = jnp.asarray([-2.0, 0.0, 1.0])
    share = np.asarray(bernoulli(scores, RNG.random((4000, 3)).astype(np.float32))).mean(axis=0)
    assert np.allclose(share, 1 / (1 + np.exp([2.0, 0.0, -1.0])), atol=4 * 0.5 / np.sqrt(4000))


def test_the_ratio_of_rescaling_has_a_gradient():
    """d/dm of m_i n / sum(m), by hand: n / sum - m_i n / sum^2 for the own entry, the second term for all."""
    m = jnp.asarray([1.0, 0.0, 1.0, 1.0, 0.0])
    jacobian = jax.jit(jax.jacobian(times_ratio))
    slope = np.asarray(jacobian(m))
    want = np.eye(5) * 5 / 3 - np.asarray(m)[:, None] * 5 / 9
    assert np.allclose(slope, want, rtol=1e-6)
    assert not times_ratio(np.zeros(5, np.float32)).any()
    assert np.isfinite(jacobian(np.zeros(5, np.float32))).all()


@pytest.mark.slow
def test_numbers_for_the_draws_of_a_mask_are_even_and_independent():
    shapes = (("a", (37, 41)), ("b", (64, 301)))  # an odd number in all
    draw = jax.jit(jax.vmap(lambda key: coarse(shapes, key)))
    found = draw(jax.random.split(KEY, 8))
    assert {path: one.shape[1:] for path, one in found.items()} == dict(shapes)
    flat = np.concatenate([np.asarray(one).reshape(8, -1) for one in found.values()], axis=1)
    assert flat.min() > 0
    assert flat.max() < 1
    assert np.array_equal(flat * 2**17 % 2, np.ones_like(flat))
    for p in (0.001, 0.1, 0.5, 0.9):
        assert np.mean(flat < p) == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / flat.size))
    half = flat.shape[1] // 2
    high_low = np.corrcoef(flat[:, :half].ravel(), flat[:, -half:].ravel())  # two halves of one word
    others = np.corrcoef(flat) - np.eye(8)
    shifted = np.corrcoef(flat[:, 1:].ravel(), flat[:, :-1].ravel())
    assert max(abs(high_low[0, 1]), abs(shifted[0, 1])) < 4 / np.sqrt(8 * half)
    assert np.abs(others).max() < 4.5 / np.sqrt(flat.shape[1])


@pytest.mark.slow
def test_a_rescaled_pass_computes_with_weights_over_their_share():
    network = supermask(NETWORK, rescaled=True)
    params = variables(network)
    got = jax.jit(network.training)(params, X, KEY)
    random = coarse(tuple((f"{layer}/weight", shape) for layer, shape in SHAPES.items()), KEY)
    masks = {
        layer: np.asarray(bernoulli(SCORES[layer]["weight"], random[f"{layer}/weight"])) for layer in SHAPES
    }
    weights = params["weights"]

    cut = {
        layer: {**weights[layer], "weight": weights[layer]["weight"] * m * (m.size / m.sum())}
        for layer, m in masks.items()
    }
    assert np.allclose(got, forward(NETWORK, cut, X), rtol=1e-5, atol=1e-6)


def test_half_rounded_probabilities_have_a_gradient_where_they_are_not_rounded():
    scores = jnp.asarray(RNG.normal(size=400), jnp.float32)
    random = RNG.random(400).astype(np.float32)
    value, slope = jax.value_and_grad(lambda s: jnp.sum(half_rounded(s, random)))(scores)
    p = np.asarray(jax.nn.sigmoid(scores))
    rounded = np.asarray(slope) == 0
    assert 150 < rounded.sum() < 250
    assert np.allclose(slope[~rounded], (p * (1 - p))[~rounded], rtol=1e-5)
    assert float(value) == pytest.approx(float(np.where(rounded, p >= 0.5, p).sum()), rel=1e-5)


@pytest.mark.slow
def test_evaluation_samples_or_rounds():
    random, whole = supermask(NETWORK), supermask(NETWORK, rounded=True)
    params = variables(whole)
    mask = learned_mask(params)
    assert np.array_equal(mask.arrays["output/weight"], np.asarray(SCORES["output"]["weight"]) >= 0)
    assert np.allclose(
        jax.jit(whole.apply)(params, X), forward(NETWORK, mask.apply(own_weights(params)), X), atol=1e-6
    )
    params, apply = variables(random), jax.jit(random.apply)
    assert np.array_equal(apply(params, X), apply(params, X))
    other = {**params, "draw": jax.random.key(9)}
    assert not np.array_equal(apply(params, X), apply(other, X))
    keys = jax.random.split(KEY, 3)
    found = evaluations(random, params, X, Y, keys)
    training = jax.jit(random.training)
    each = [float(np.mean(np.argmax(training(params, X, key), axis=1) != Y)) for key in keys]
    assert np.allclose(found["error"], each)
    assert learned_mask(params, 1) == learned_mask(params, 1) != learned_mask(params, 2)


def test_signed_constants_are_signs_times_the_layers_spread():
    plain, constant = (supermask(NETWORK, constant=c) for c in (None, 2.0))
    key = jax.random.key(3)
    weights, signed = (own_weights(jax.jit(one.init)(key)) for one in (plain, constant))
    for layer in SHAPES:
        w = np.asarray(weights[layer]["weight"])
        assert np.allclose(signed[layer]["weight"], 2 * np.sign(w) * w.std(), rtol=1e-5)
        assert np.array_equal(signed[layer]["bias"], weights[layer]["bias"])
    assert parameters(plain) == 6 * 4 + 3 * 6
    assert supermask(NETWORK, constant=2.0) is constant


TOP = jax.jit(top)


@pytest.mark.parametrize("stay", [0, 1, 7, 20, 39, 40])
def test_the_share_of_edge_popup_is_exact(stay):
    ties = jnp.asarray(np.repeat([0.0, 1.0, -2.0, 0.5], 10), jnp.float32)
    for scores in (jnp.asarray(RNG.normal(size=(8, 5)), jnp.float32), ties):
        mask = np.asarray(TOP(scores, stay))
        assert mask.sum() == stay
        sizes = np.abs(np.asarray(scores))
        if 0 < stay < 40:
            assert sizes[mask == 1].min() >= sizes[mask == 0].max()


@pytest.mark.slow
def test_edge_popup_passes_the_gradient_to_the_size_of_the_score():
    scores = jnp.asarray(RNG.normal(size=(8, 5)), jnp.float32)
    given = RNG.normal(size=(8, 5)).astype(np.float32)
    slope = jax.grad(lambda s: jnp.sum(given * top(s, 7)))(scores)
    assert np.array_equal(slope, np.sign(scores) * given)


@pytest.mark.parametrize(
    "weights",
    ["own", pytest.param("constant", marks=pytest.mark.slow), pytest.param("normal", marks=pytest.mark.slow)],
)
def test_edge_popup_keeps_its_share_of_the_right_weights(weights):
    network = edge_popup(NETWORK, 0.25, weights=weights)
    params = variables(network)
    mask = popped(params, 0.25)
    assert mask.densities == {"hidden1/weight": 0.25, "output/weight": 5 / 18}
    own = own_weights(params)
    if weights == "own":
        assert np.allclose(jax.jit(network.apply)(params, X), forward(NETWORK, mask.apply(own), X), atol=1e-6)
    size = np.abs(own["hidden1"]["weight"])
    if weights == "constant":
        assert np.allclose(size, np.sqrt(2 / (0.25 * 4)))
        unscaled = jax.jit(edge_popup(NETWORK, 0.25, scaled=False).init)(jax.random.key(0))
        assert np.allclose(np.abs(own_weights(unscaled)["hidden1"]["weight"]), np.sqrt(2 / 4))
    if weights == "normal":
        other = own_weights(jax.jit(network.init)(jax.random.key(1)))
        assert not np.array_equal(other["output"]["weight"], own["output"]["weight"])


@pytest.mark.slow
def test_training_moves_scores_and_leaves_weights():
    network = supermask(mlp(4, (64,), 3, init="he"), rescaled=True)
    recipe = Recipe(150, 50.0, momentum=0.9, batch=10, probes=2)
    labels = np.argmax(X[:, :3], axis=1)
    (run,) = train(
        network, recipe, [Member(1, labels)], X, X, labels, probes={"s": sampled(4)}, keep_params=True
    )
    first = jax.jit(network.init)(jax.random.key(1))
    assert jax.tree.all(jax.tree.map(np.array_equal, run.params["weights"], first["weights"]))
    assert not np.array_equal(run.params["scores"]["output"]["weight"], first["scores"]["output"]["weight"])
    assert run.values["sampled_test_error"][-1] < run.values["sampled_test_error"][0]


def normalised():
    """A network whose batches normalise themselves, and whose statistics are found from its moments."""

    def init(key):
        stats = {"n": {"mean": jnp.zeros(4), "variance": jnp.ones(4)}}
        return {"a": {"weight": jax.random.normal(key, (4, 4))}, "statistics": stats}

    def forward(p, x, mean, variance):
        return ((x @ p["a"]["weight"].T - mean) / jnp.sqrt(variance + 1e-5))[:, :3]

    def apply(p, x):
        return forward(p, x, p["statistics"]["n"]["mean"], p["statistics"]["n"]["variance"])

    def training(p, x, key):
        hidden = x @ p["a"]["weight"].T
        return forward(p, x, hidden.mean(axis=0), hidden.var(axis=0))

    def moments(p, x):
        hidden = x @ p["a"]["weight"].T
        return {"n": {"mean": hidden.mean(axis=0), "square": jnp.square(hidden).mean(axis=0)}}

    return Network("normalised", init, apply, 4, 3, state=("statistics",), training=training, moments=moments)


def test_batch_statistics_are_those_of_the_masked_network():
    network = edge_popup(normalised(), 0.5)
    params = refresh(network, jax.jit(network.init)(jax.random.key(0)), X)
    weights = np.asarray(params["weights"]["a"]["weight"]) * popped(params, 0.5).arrays["a/weight"]
    assert np.allclose(params["statistics"]["n"]["mean"], (X @ weights.T).mean(axis=0), atol=1e-5)
    assert set(own_weights(params)) == {"a", "statistics"}


@pytest.mark.slow
def test_training_of_edge_popup_moves_scores_and_leaves_weights():
    network = edge_popup(normalised(), 0.5)
    (run,) = train(network, Recipe(30, 0.1, batch=10, probes=2), [Member(0, Y)], X, X, Y, keep_params=True)
    first = jax.jit(network.init)(jax.random.key(0))
    assert jax.tree.all(jax.tree.map(np.array_equal, run.params["weights"], first["weights"]))
    assert not np.array_equal(run.params["scores"]["a"]["weight"], first["scores"]["a"]["weight"])
    assert run.values["train_loss"][-1] < run.values["train_loss"][0]


def scored(value):
    params = variables(supermask(NETWORK))
    return {**params, "scores": jax.tree.map(lambda a: a * value + value, params["scores"])}


def lost(leaf):
    return leaf if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key) else np.full(leaf.shape, np.nan, "f")


BAD = {
    "a constant": (lambda: supermask(NETWORK, constant=-1), UsageError, "constant: expected a positive number"),
    "a start": (lambda: supermask(NETWORK, start=float("inf")), UsageError, "start: expected a number of at most 1e.30 in size"),
    "no network": (lambda: supermask("mlp"), UsageError, "network: expected a network"),
    "no such layer": (lambda: supermask(NETWORK, but="head"), UsageError, "but: 'head' covers none"),
    "a density": (lambda: edge_popup(NETWORK, 1.5), UsageError, "density: expected the share"),
    "weights": (lambda: edge_popup(NETWORK, 0.5, weights="kaiming"), UsageError, "weights.*'kaiming'.*constant"),
    "plain parameters": (
        lambda: learned_mask(drawn(NETWORK)), UsageError, "of a network with a learned mask",
    ),
    "no keys": (
        lambda: evaluations(supermask(NETWORK), variables(supermask(NETWORK)), X, Y, []), UsageError, "keys in a list",
    ),
    "other labels": (
        lambda: evaluations(supermask(NETWORK), variables(supermask(NETWORK)), X, Y + 3, [KEY]), DataError, "labels from 0",
    ),
    "a constant beyond float32": (lambda: supermask(NETWORK, constant=1e40), UsageError, "constant: expected a number up to"),
    "scores that diverged": (lambda: learned_mask(scored(np.nan)), DataError, "scores: .* expected finite numbers"),
    "popped scores that diverged": (lambda: popped(scored(np.inf), 0.5), DataError, "scores: .* expected finite numbers"),
    "scores of text": (
        lambda: learned_mask({"scores": {"a": "x"}, "weights": {}}), UsageError, "scores: a: expected an array of real",
    ),
    "weights that diverged": (
        lambda: evaluations(supermask(NETWORK), jax.tree.map(lost, variables(supermask(NETWORK))), X, Y, [KEY]), DataError,
        "expected finite numbers",
    ),
    "no samples": (lambda: sampled(0), UsageError, "samples: expected a whole number"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "told"), BAD.values(), ids=BAD)
def test_what_cannot_be_learned_is_refused_in_a_sentence(call, kind, told):
    with pytest.raises(kind, match=told) as caught:
        call()
    assert "\n" not in str(caught.value)
