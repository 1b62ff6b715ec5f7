"""The back end of JAX against dense derivatives in float64: every way, unequal batches, parts, and SciPy's routines."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.sparse.linalg import eigsh, svds

from overparam.core.errors import UsageError
from overparam.operators import gauss_newton, hessian, jacobian, open_model
from tests.tiny_models import (
    LABELS,
    NAMES,
    PARAMS,
    SIZE,
    VECTOR,
    K,
    Loader,
    N,
    W,
    X,
    Y,
    apply,
    cross_entropy,
    oracles,
)

LOSS, GRADIENT, HESSIAN, GAUSS_NEWTON, JACOBIAN = oracles()
EYE = np.eye(SIZE)


def opened(batch=32, **options):
    return open_model(apply, (X, LABELS), params=PARAMS, batch=batch, **options)


@pytest.fixture(scope="module")
def model():
    return opened()


def close(one, other, tolerance=1e-12):
    return np.abs(one - other).max() <= tolerance * max(1.0, np.abs(other).max())


@pytest.mark.parametrize(
    "batch", [pytest.param(50, marks=pytest.mark.slow), 32, pytest.param(49, marks=pytest.mark.slow)]
)
def test_unequal_batches_weigh_what_they_hold(batch):
    found = opened(batch)
    assert (found.size, found.examples, found.output_shape, found.rows) == (SIZE, N, (K,), N * K)
    assert found.layout.names == NAMES
    assert found.dtype == np.float64
    assert close(found.loss(), LOSS)
    assert close(found.gradient(), GRADIENT)
    assert close(hessian(found) @ EYE, HESSIAN)
    assert close(gauss_newton(found) @ EYE, GAUSS_NEWTON)
    assert close(jacobian(found) @ EYE, JACOBIAN)
    assert close(jacobian(found).T @ np.eye(N * K), JACOBIAN.T)
    assert found.convention == "Loss: mean over 50 examples of cross entropy."


WAYS = {
    "hessian": ("kept linearisation", "forward over reverse", "reverse over reverse"),
    "gauss_newton": ("kept linearisation", "forward and reverse", "reverse three times"),
    "jacobian": ("kept linearisation", "forward", "reverse twice"),
    "transpose": ("kept linearisation", "reverse"),
}
DENSE = {"hessian": HESSIAN, "gauss_newton": GAUSS_NEWTON, "jacobian": JACOBIAN, "transpose": JACOBIAN.T}


@pytest.mark.parametrize("kind", WAYS)
def test_every_way_gives_the_same(model, kind):
    assert tuple(way.name for way in model.ways(kind)) == WAYS[kind]
    vector = np.random.default_rng(1).normal(size=DENSE[kind].shape[1])
    for way in model.ways(kind):
        product = np.concatenate if kind == "jacobian" else sum
        parts, at = [], 0
        with model.quiet():
            for batch in model.batches():
                rows = batch.count * K
                given = vector[at : at + rows] if kind == "transpose" else vector
                parts.append(np.asarray(way.make(batch)(jnp.asarray(given))).reshape(-1))
                at += rows
        found = product(parts) / (N if kind in ("hessian", "gauss_newton") else 1)
        assert close(found, DENSE[kind] @ vector), way.name


def test_memory_decides_what_is_kept():
    vector = VECTOR
    want = HESSIAN @ vector
    whole, part, none = (opened(10, memory=memory) for memory in (1e9, 1e4, 0))
    for found in (whole, part, none):
        assert close(found.product("hessian", vector), want)
    assert len(whole._kept) == 5
    assert 0 < len(part._kept) < 5
    assert not none._kept
    assert "kept linearisation" in whole.costs["hessian"]
    assert "above memory=0" in none.costs["hessian"]
    whole.release()
    assert not whole._kept
    assert close(whole.product("hessian", vector), want)


def test_a_sum_is_not_divided():
    found = opened(reduction="sum")
    assert close(found.loss(), N * LOSS)
    assert close(found.product("hessian", VECTOR), N * HESSIAN @ VECTOR)
    assert found.convention == "Loss: sum over 50 examples of cross entropy."


@pytest.mark.slow
def test_some_layers_are_a_diagonal_block(model):
    rows = np.r_[0:W, W + W * 4 : SIZE]
    part = model.only(("first/bias", "last"))
    assert part.layout.names == ("first/bias", "last/bias", "last/weight")
    assert close(hessian(part) @ np.eye(part.size), HESSIAN[np.ix_(rows, rows)])
    assert close(hessian(model, layers="first/bias") @ np.eye(W), HESSIAN[:W, :W])
    assert close(jacobian(model, layers="first/bias") @ np.eye(W), JACOBIAN[:, :W])
    frozen = opened(frozen="last")
    assert frozen.layout.names == ("first/bias", "first/weight")


def test_layers_that_are_not_there_are_refused(model):
    with pytest.raises(UsageError, match="covers none"):
        hessian(model, layers="middle")


def test_other_parameters(model):
    shifted = model.at(VECTOR + 0.1)
    assert close(shifted.vector(), VECTOR + 0.1)
    with jax.enable_x64(True):
        moved = jax.tree.map(lambda leaf: leaf + 0.1, PARAMS)
        want = float(jnp.mean(cross_entropy(apply(moved, X), LABELS)))
    assert close(shifted.loss(), want)
    assert close(model.loss(), LOSS)
    with pytest.raises(UsageError, match="of shape"):
        model.at(VECTOR[1:])


def test_routines_of_scipy_take_the_operators(model):
    assert close(np.sort(eigsh(hessian(model), 3, which="LA")[0]), np.linalg.eigvalsh(HESSIAN)[-3:], 1e-9)
    assert close(svds(jacobian(model), 1)[1], np.linalg.norm(JACOBIAN, 2), 1e-9)
    kernel = jacobian(model) @ jacobian(model).T
    assert close(kernel @ np.ones(N * K), JACOBIAN @ (JACOBIAN.T @ np.ones(N * K)))
    complex_one = VECTOR * (1 + 2j)
    assert close(hessian(model) @ complex_one, HESSIAN @ complex_one)
    assert (hessian(model) @ np.zeros((SIZE, 0))).shape == (SIZE, 0)


@pytest.mark.slow
def test_float32_stays_float32_and_float64_is_given_on_request():
    small = jax.tree.map(np.float32, PARAMS)
    single = open_model(apply, (X, LABELS), params=small)
    assert hessian(single).dtype == np.float32
    assert single.product("hessian", VECTOR).dtype == np.float32
    assert any("rounded to float32" in note for note in single.notes)
    double = open_model(apply, (X, LABELS), params=small, dtype="float64")
    assert double.product("hessian", VECTOR).dtype == np.float64
    assert not any("rounded" in note for note in double.notes)
    assert close(single.gradient(), double.gradient(), 1e-5)


@pytest.mark.slow
def test_losses_of_ones_own():
    def each(outputs, targets):
        return 0.5 * jnp.sum((outputs - targets) ** 2, axis=1)

    want = oracles("squared")
    for loss in (each, lambda out, aims: each(out, aims).mean(), "squared", None):
        found = open_model(apply, (X, Y), params=PARAMS, loss=loss, batch=49)
        assert close(found.loss(), want[0])
        assert close(found.gradient(), want[1])
    found = open_model(apply, (X, Y), params=PARAMS, loss=lambda out, aims: each(out, aims).mean(), batch=50)
    assert close(found.product("hessian", VECTOR), want[2] @ VECTOR)
    assert close(found.product("gauss_newton", VECTOR), want[3] @ VECTOR)
    total = open_model(apply, (X, Y), params=PARAMS, loss=lambda out, aims: each(out, aims).sum(), batch=49)
    assert close(total.loss(), N * want[0])
    assert not total.objective.mean


@pytest.mark.slow
def test_a_function_with_a_derivative_of_its_own_is_measured_by_reverse_passes():
    @jax.custom_vjp
    def tanh(values):
        return jnp.tanh(values)

    tanh.defvjp(lambda v: (jnp.tanh(v), v), lambda v, back: ((1 - jnp.tanh(v) ** 2) * back,))

    def own(params, x):
        hidden = tanh(x @ params["first"]["weight"].T + params["first"]["bias"])
        return hidden @ params["last"]["weight"].T + params["last"]["bias"]

    found = open_model(own, (X, LABELS), params=PARAMS)
    assert close(found.product("hessian", VECTOR), HESSIAN @ VECTOR)
    assert close(found.product("gauss_newton", VECTOR), GAUSS_NEWTON @ VECTOR)
    assert close(found.product("jacobian", VECTOR), JACOBIAN @ VECTOR)
    assert "failed: kept linearisation" in found.costs["jacobian"]


def test_a_loader_and_inputs_alone():
    found = open_model(apply, Loader((32, 18)), params=PARAMS)
    assert close(found.product("hessian", VECTOR), HESSIAN @ VECTOR)
    bare = open_model(apply, X, params=PARAMS)
    assert close(bare.product("jacobian", VECTOR), JACOBIAN @ VECTOR)
    for call in (bare.loss, lambda: hessian(bare), lambda: bare.product("hessian", VECTOR)):
        with pytest.raises(UsageError, match="opened with targets"):
            call()


@pytest.mark.parametrize(
    ("kind", "vector", "words"),
    [
        ("hessians", VECTOR, "kind: expected one of"),
        ("hessian", VECTOR[1:], "vector: expected real numbers of shape"),
        ("transpose", VECTOR, r"of shape \(150,\)"),
        ("hessian", VECTOR.astype(str), "vector: expected real numbers"),
    ],
)
def test_odd_vectors_are_refused(model, kind, vector, words):
    with pytest.raises(UsageError, match=words):
        model.product(kind, vector)
    with pytest.raises(UsageError, match="expected one of open_model"):
        hessian(vector)
