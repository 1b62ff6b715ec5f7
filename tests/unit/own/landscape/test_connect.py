"""Paths between two networks of a person: what is found, which units change places, what is refused."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import overparam
from overparam.core.errors import DataError, UsageError
from overparam.models import cnn, mlp
from overparam.own.landscape import order
from overparam.own.landscape.curve import joined
from overparam.own.landscape.pair import opened_pair
from overparam.own.landscape.points import Points
from overparam.probes.paths import along, straight
from overparam.probes.paths.units import named, permuted, tree_of, units_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 6)).astype(np.float32)
Y = RNG.integers(0, 3, 40)
NET = mlp(6, (5, 4), 3)
A, B = (NET.init(jax.random.key(i)) for i in range(2))
FEW = {"points": 5, "steps": 3}


def shuffled(network, params, seed=0):
    rng, units = np.random.default_rng(seed), units_of(network)
    return tree_of(permuted(named(params), units, [rng.permutation(one.size) for one in units]), params)


def function(params, x):
    return jnp.tanh(x @ params["w"]) @ params["v"]


def weights(seed):
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=s).astype(np.float32) for name, s in (("w", (6, 5)), ("v", (5, 3)))}


def test_the_straight_path_is_that_of_the_probes():
    found = overparam.connect(NET, NET, (X, Y), params=(A, B), paths="straight", points=5)
    want = along(straight(NET, A, B, 5), X, Y)
    one = found["straight"]
    assert np.allclose(one.along.loss, want.loss, rtol=1e-5)
    assert np.allclose(one.along.error, want.error)
    assert one.loss.value == pytest.approx(max(want.loss.max() - max(want.loss[[0, -1]]), 0.0), abs=1e-5)
    assert found.distance == pytest.approx(
        float(
            np.sqrt(
                sum(
                    np.square(np.asarray(a) - np.asarray(b)).sum()
                    for a, b in zip(jax.tree.leaves(A), jax.tree.leaves(B), strict=True)
                )
            )
        )
    )


@pytest.mark.parametrize(("network", "inputs"), [(NET, 6), (cnn((4, 4), (3,), 3), 16)])
def test_a_shuffled_copy_has_no_barrier_once_it_is_aligned(network, inputs):
    a = network.init(jax.random.key(3))
    x = RNG.normal(size=(30, inputs)).astype(np.float32)
    found = overparam.connect(
        network, network, (x, Y[:30]), params=(a, shuffled(network, a)), paths=("aligned",), points=3
    )
    assert found["aligned"].loss.value <= 1e-6
    assert "in the order of the closest weights" in found["aligned"].words


def test_units_of_a_function_are_found_by_what_a_pass_uses():
    p = weights(0)
    turn = np.array([3, 0, 4, 1, 2])
    other = {"w": p["w"][:, turn], "v": p["v"][turn]}
    found = overparam.connect(
        function, function, (X, Y), params=(p, other), paths="aligned", points=3, tolerance=1e-3, of="loss"
    )
    assert found["aligned"].status == "found"
    assert found["aligned"].loss.high <= 1e-5
    assert found["aligned"].words.startswith("Units of 1 hidden layer are")


@pytest.mark.slow
def test_units_behind_a_skip_connection_stay():
    def forward(params, x):
        h = jnp.tanh(x @ params["i"])
        return (h + jnp.tanh(h @ params["a"]) @ params["b"]) @ params["o"]

    def draw(seed):
        rng = np.random.default_rng(seed)
        sizes = {"a": (5, 4), "b": (4, 5), "i": (6, 5), "o": (5, 3)}
        return {name: rng.normal(size=size).astype(np.float32) for name, size in sizes.items()}

    pair = opened_pair(forward, forward, (X, Y), (draw(0), draw(1)), {})
    units, tried = order.permutable(pair.other)
    assert ([one.layer for one in units], tried) == (["a"], 3)
    vector, words = order.aligned_vector(pair)
    assert vector is not None
    assert "1 of 3 hidden layers" in words


def product(params, x):
    return (params["u"] * params["v"] * x[:, 0])[:, None]


def pairs(*values):
    return [{"u": np.full((), u, np.float32), "v": np.full((), v, np.float32)} for u, v in values]


def test_a_learned_bend_lowers_the_barrier():
    """Two weights whose product must be 1: minima (1, 1) and (2, 1/2) on a hyperbola."""
    data = (np.ones((16, 1), np.float32), np.ones(16, np.float32))
    found = overparam.connect(
        product, product, data, params=pairs((1.0, 1.0), (2.0, 0.5)), paths=("straight", "bezier"), points=21, steps=200,
        learning_rate=0.02, loss="squared", tolerance=1e-3,
    )  # fmt: skip
    rise = found["straight"].loss.value  # the middle (1.5, .75): half of .125 squared
    assert rise == pytest.approx(0.5 * 0.125**2, rel=1e-3)
    assert found["bezier"].loss.value < 0.1 * rise
    assert found["bezier"].status == "found"
    assert found.found
    assert found["straight"].error is None


def test_the_same_network_twice_is_said():
    found = overparam.connect(NET, NET, (X, Y), params=(A, A), tolerance=0.5, **FEW)
    assert found.same
    assert "the same network twice, and the barrier is 0" in found.verdict
    assert {one.status for one in found.paths} == {"found"}
    assert max(one.loss.value for one in found.paths) <= 1e-6


def test_a_path_that_was_not_found_proves_nothing_and_says_so(tmp_path):
    """(1, 1) and (-1, -1.1): the straight line comes near (0, 0), where the product is 0 and not 1."""
    ends = pairs((1.0, 1.0), (-1.0, -1.1))
    data = (np.ones((16, 1), np.float32), np.ones(16, np.float32))
    found = overparam.connect(product, product, data, data, params=ends, loss="squared", plane=3, **FEW)
    text = str(found)
    assert [one.status for one in found.paths] == ["not found", "not tried", "not found"]
    assert "That a path was not found does not show that there is none." in text.replace("\n", " ")
    assert "not connected" not in text
    assert max(map(len, text.splitlines())) <= 80
    assert set(found["straight"].test) == {"loss"}
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert plain["schema"] == "overparam.connect"
    assert len(plain["paths"][0]["loss"]) == 5
    assert np.shape(plain["surface"]["loss"]) == (3, 3)
    page = found.save(tmp_path / "c.html").read_text(encoding="utf-8")
    assert page.count('class="drawing"') == 2
    assert "default-src 'none'" in page
    assert "The plane through a, b and the bend" in page
    assert found.save(tmp_path / "c.txt").read_text(encoding="utf-8") == f"{found}\n"
    assert json.loads(found.save(tmp_path / "c.json").read_text(encoding="utf-8"))["kind"] == "connect"
    assert "not found" in found._repr_html_()
    with pytest.raises(UsageError, match="save"):
        found.save(tmp_path / "c.png")


@pytest.mark.slow
def test_a_surface_agrees_with_the_networks_at_its_corners():
    found = overparam.connect(NET, NET, (X, Y), params=(A, B), paths=("straight", "bezier"), plane=3, **FEW)
    surface = found.surface
    assert np.linalg.norm(surface.corners[1] - surface.corners[0]) == pytest.approx(found.distance, rel=1e-6)
    assert np.allclose(surface.curve[0], surface.corners[0])
    assert np.allclose(surface.curve[-1], surface.corners[1])


def test_batches_are_joined_in_order():
    pair = opened_pair(NET, NET, [(X[:25], Y[:25]), (X[25:], Y[25:])], (A, B), {})
    whole = joined(list(pair.model.batches()))
    assert whole.count == 40
    assert np.array_equal(np.asarray(whole.args[0]), X)
    losses, wrong = Points(pair.model, None).at(pair.a)
    assert losses.mean() == pytest.approx(pair.model.loss(), rel=1e-6)
    assert wrong.shape == (40,)


OTHER = mlp(6, (5, 3), 3)
NAN = jax.tree.map(lambda leaf: leaf * np.nan, B)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda c: c(NET, OTHER, params=(A, OTHER.init(jax.random.key(0)))), "b: expected the architecture of a"),
        (lambda c: c(NET, mlp(6, (5, 4), 3, activation="tanh"), params=(A, B)), "b: expected the computation of a"),
        (lambda c: c(NET, NET, params=(A, NAN)), r"b: .*(missing or infinite)"),
        (lambda c: c(NET, NET, params=A), r"params: expected a pair"),
        (lambda c: c(NET, NET), r"params of a: expected the parameters"),
        (lambda c: c(function, function, params=(weights(0), {"w": weights(0)["w"], "z": weights(0)["v"]})), "b: expected"),
        (lambda c: c(NET, NET, params=(A, B), paths="curve"), "unknown paths 'curve'"),
        (lambda c: c(NET, NET, params=(A, B), paths=()), "paths: expected some of"),
        (lambda c: c(NET, NET, params=(A, B), points=2), "points"),
        (lambda c: c(NET, NET, params=(A, B), tolerance=-1), "tolerance"),
        (lambda c: c(NET, NET, params=(A, B), learning_rate=0), "learning_rate"),
        (lambda c: c(NET, NET, params=(A, B), plane=2), "plane"),
        (lambda c: c(NET, NET, params=(A, B), of="accuracy"), "accuracy"),
        (lambda c: c(NET, NET, params=(A, B), los="squared"), "los: expected options of open_model.*Did you mean 'loss'"),
        (lambda c: c(NET, NET, params=(A, B), of="error", data=(X, 1.5 * X[:, :3])), "of: expected 'loss'"),
        (lambda c: c(NET, NET, params=(A, B), data=X), "loss: expected a model that was opened with targets"),
        (lambda c: c(NET, NET, params=(A, B), data=(X, Y[:7])), "inputs and targets"),
        (lambda c: c(NET, NET, params=(A, B), test=(X[:, :3], Y)), r"data: expected inputs of shape \(n, 6\)"),
        (lambda c: c(NET, None, params=(A, B)), "b: expected"),
    ],
)  # fmt: skip
def test_what_has_no_path_is_refused_in_a_sentence(call, text):
    def ask(a, b, data=(X, Y), **options):
        return overparam.connect(a, b, data, **{**FEW, **options})

    with pytest.raises((UsageError, DataError), match=text):
        call(ask)
