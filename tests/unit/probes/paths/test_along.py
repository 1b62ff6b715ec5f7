"""Points of a path against single networks, hand calculations and closed forms."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.models import built, cnn, holding, linear, mlp, two_layer
from overparam.probes.paths import along, bezier, polygon, straight
from overparam.probes.paths import evaluate as evaluation
from overparam.training import refresh
from overparam.training.evaluate import fit
from overparam.training.losses import loss

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 6)).astype(np.float32)
Y = RNG.integers(0, 3, 40).astype(np.int32)
NETWORKS = {
    "mlp": mlp(6, (8, 5), 3),
    "scaled": mlp(6, (8, 5), 3, parametrisation="ntk", activation="tanh"),
    "linear": linear(6, 3),
    "no bias": mlp(6, (4,), 3, bias=False),
    "signs": two_layer(6, 4, 3, train_output=False),
    "cnn": cnn((3, 3), (4,), 3, dense=(5,)),
}


def weight(value):
    return {"output": {"weight": np.full((1, 1), value, np.float32)}}


def batched():
    def forward(walk, x):
        return walk.dense("out", jax.nn.relu(walk.batch_norm("norm", walk.dense("in", x, 4))), 3)

    return built("own", forward, (6,), 3)


def ends(network, count=2):
    return [network.init(jax.random.key(i)) for i in range(count)]


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_every_point_is_what_that_network_gives_alone(name, monkeypatch):
    network = NETWORKS[name]
    path = straight(network, *ends(network), [-0.5, 0.0, 0.3, 1.0, 2.0])
    monkeypatch.setattr(evaluation, "BLOCK", 16)
    monkeypatch.setattr(evaluation, "EXAMPLES", 1.0)  # three parts of the examples
    x = RNG.normal(size=(40, network.inputs)).astype(np.float32)
    found = along(path, x, Y)
    for i in range(len(path)):
        mean, error = fit(network, loss("cross_entropy"), path.params(i), jnp.asarray(x), jnp.asarray(Y))
        assert found.loss[i] == pytest.approx(float(mean), rel=1e-5)
        assert found.error[i] == pytest.approx(float(error), abs=1e-6)
    assert np.allclose(found.each_loss.mean(axis=1), found.loss)
    assert np.allclose(found.each_wrong.mean(axis=1), found.error)


def test_one_after_another_is_the_same_as_side_by_side(monkeypatch):
    network = mlp(6, (7,), 3)
    path = straight(network, *ends(network), 9)
    side = along(path, X, Y)
    monkeypatch.setattr(evaluation, "one_by_one", lambda network: True)
    assert np.allclose(along(path, X, Y).loss, side.loss, rtol=1e-5)


def test_the_ends_are_the_networks_themselves():
    network = mlp(6, (8,), 3)
    a, b = ends(network)
    for path in (straight(network, a, b), polygon(network, [a, b, a, b], 7), bezier(network, a, a, b, 5)):
        for index, end in ((0, a), (-1, b)):
            assert jax.tree.all(jax.tree.map(np.array_equal, path.params(index), end))


def test_a_squared_loss_of_a_linear_network_is_a_parabola():
    network, t = linear(6, 1), np.linspace(-1, 2, 25)  # Keskar's line
    targets = RNG.normal(size=40)
    found = along(straight(network, *ends(network), t), X, targets, loss="squared")
    bent = np.polyfit(t, found.loss, 2)
    assert np.allclose(np.polyval(bent, t), found.loss, rtol=1e-4)
    a, b = (np.asarray(one["output"]["weight"], np.float64)[0] for one in ends(network))
    shift = [float(one["output"]["bias"][0]) for one in ends(network)]
    slope = X.astype(np.float64) @ (b - a) + shift[1] - shift[0]
    assert bent[0] == pytest.approx(0.5 * np.mean(slope**2), rel=1e-3)
    assert found.error is None
    assert found.each_wrong is None


def test_the_points_of_a_bezier_curve_by_de_casteljau():
    network = linear(1, 1, bias=False)
    path = bezier(network, weight(1.0), weight(5.0), weight(2.0), 7)
    for t, i in zip(path.t, range(7), strict=True):
        first, second = (1 - t) * 1.0 + t * 5.0, (1 - t) * 5.0 + t * 2.0
        assert float(path.params(i)["output"]["weight"][0, 0]) == pytest.approx(
            (1 - t) * first + t * second, rel=1e-6
        )


def test_a_polygon_passes_through_its_corners():
    network = linear(1, 1, bias=False)
    path = polygon(network, [weight(v) for v in (0.0, 4.0, -2.0)], 9)
    values = [float(path.params(i)["output"]["weight"][0, 0]) for i in range(9)]
    assert values == [0.0, 1.0, 2.0, 3.0, 4.0, 2.5, 1.0, -0.5, -2.0]


def test_statistics_of_batches_are_found_anew_at_every_point():
    network = batched()
    a, b = (refresh(network, one, X) for one in ends(network))
    path = straight(network, a, b, 3)
    found = along(path, X, Y)
    assert "found anew at every point from 40 examples" in " ".join(found.remarks)
    # the middle by hand: mean and variance of the first layer over the examples, in float64
    middle = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), path.params(1))
    inner = X.astype(np.float64) @ middle["in"]["weight"].T + middle["in"]["bias"]
    scaled = (inner - inner.mean(axis=0)) / np.sqrt(inner.var(axis=0) + 1e-5)
    hidden = np.maximum(scaled * middle["norm"]["scale"] + middle["norm"]["offset"], 0)
    outputs = hidden @ middle["out"]["weight"].T + middle["out"]["bias"]
    shifted = outputs - outputs.max(axis=1, keepdims=True)
    by_hand = np.mean(np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(40), Y])
    assert found.loss[1] == pytest.approx(by_hand, rel=1e-4)
    stale = network.apply(path.params(1), jnp.asarray(X))  # with the statistics of a
    assert abs(float(loss("cross_entropy").mean(stale, jnp.asarray(Y))) - by_hand) > 1e-3


def test_examples_of_the_statistics_can_be_others():
    network = batched()
    path = straight(network, *ends(network), 2)
    few = along(path, X, Y, statistics=X[:10])
    want = refresh(network, path.params(0), X[:10])
    assert few.loss[0] == pytest.approx(
        float(loss("cross_entropy").mean(network.apply(want, X), jnp.asarray(Y))), rel=1e-5
    )
    with pytest.raises(DataError, match=r"statistics: expected at least 2 examples"):
        along(path, X, Y, statistics=X[:1])


def test_what_is_held_must_be_equal():
    network = holding(mlp(6, (4,), 3), mask=np.ones(3))
    a, b = ends(network)
    other = {**b, "mask": np.zeros(3, np.float32)}
    with pytest.raises(
        UsageError, match=r"b: expected 'mask', which .* holds constant, as a has it, got another"
    ):
        straight(network, a, other)
    assert along(straight(network, a, b, 2), X, Y).loss.shape == (2,)


def test_a_loss_that_overflows_is_kept_as_it_is():
    network = linear(6, 3)
    a, b = ends(network)
    huge = jax.tree.map(lambda leaf: np.full(leaf.shape, 3e38, np.float32) * np.sign(leaf), b)
    found = along(straight(network, a, huge, 3), X, Y)
    assert np.isfinite(found.loss[0])
    assert not np.isfinite(found.loss[2])


A, B = ends(NETWORKS["mlp"])


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda n: straight(n, A, mlp(6, (8, 4), 3).init(jax.random.key(0))), r"b: hidden2/bias: expected .* shape \(5,\)"),
        (lambda n: straight(n, A, linear(6, 3).init(jax.random.key(0))), "b: expected the structure"),
        (lambda n: straight(n, A, jax.tree.map(lambda one: one * np.nan, B)), "missing or infinite"),
        (lambda n: straight(n, jax.tree.map(lambda one: one / 0, A), B), "missing or infinite"),
        (lambda n: straight(n, A, B, 1), "points: expected a whole number of at least 2"),
        (lambda n: straight(n, A, B, [0.5, 0.1]), "points: expected how many, at least 2, or ascending places"),
        (lambda n: straight(n, A, B, [0.0, np.nan]), "points: expected"),
        (lambda n: bezier(n, A, A, B, [-1.0, 2.0]), "points: expected places t from 0 to 1"),
        (lambda n: polygon(n, [A]), "at least two networks"),
        (lambda n: straight("mlp", A, B), "network: expected"),
        (lambda n: straight(n, jax.tree.map(lambda one: np.asarray(one, np.float16), A), B), "float16"),
        (lambda n: straight(n, jax.tree.map(lambda one: one.astype(jnp.int32), A), B), "a: .*expected"),
        (lambda n: along("path", X, Y), "path: expected one of"),
        (lambda n: along(straight(n, A, B), X[:, :4], Y), r"x: expected shape \(n, 6\)"),
        (lambda n: along(straight(n, A, B), X, Y[:5]), "y: expected 40 entries"),
        (lambda n: along(straight(n, A, B), X, Y + 1), "labels from 0 to 2"),
        (lambda n: along(straight(n, A, B), X, Y, loss="hinge"), "loss"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_a_sentence(call, text):
    with np.errstate(all="ignore"), pytest.raises((UsageError, DataError), match=text):
        call(NETWORKS["mlp"])


def test_losses_that_would_fill_the_memory_are_refused(monkeypatch):
    monkeypatch.setattr(evaluation, "memory_budget", lambda: 1e3)
    path = straight(NETWORKS["linear"], *ends(NETWORKS["linear"]), 25)
    with pytest.raises(DataError, match="each=False without intervals"):
        along(path, X, Y)
    assert along(path, X, Y, each=False).each_loss is None


def test_a_network_with_another_pass_is_evaluated_by_it():
    network = NETWORKS["mlp"]
    other = dataclasses.replace(network, apply=lambda params, x: 2.0 * network.apply(params, x))
    found = along(straight(other, A, B, 2), X, Y)
    assert found.loss[0] == pytest.approx(
        float(loss("cross_entropy").mean(2 * network.apply(A, X), jnp.asarray(Y))), rel=1e-5
    )
