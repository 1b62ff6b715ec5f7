"""Leading eigenvalues against planted spectra, dense derivatives and closed forms; what cannot be known is said."""

import jax
import numpy as np
import pytest
from scipy.sparse.linalg import eigsh

from overparam.core.errors import DataError, UsageError
from overparam.operators import hessian, open_model
from overparam.probes.curvature import top_eigenvalues
from overparam.probes.curvature.eigenvalues import leading, steps_needed
from tests.linear_model import Linear
from tests.planted_matrices import Planted, rotated, spectrum
from tests.tiny_models import LABELS, PARAMS, Loader, X, apply, module, oracles

LIMIT = 2000


@pytest.fixture(scope="module")
def model():
    """The tiny network, opened once."""
    return open_model(apply, (X, LABELS), params=PARAMS)


def found(matrix, k=10, which="magnitude", share=1e-6, limit=LIMIT, seed=0, dtype=np.float64):
    return leading(Planted(matrix, dtype), k, which, share, limit, np.random.default_rng(seed))


def wanted(values, k=10, which="magnitude"):
    rank = {"magnitude": np.abs(values), "largest": values, "smallest": -values}[which]
    return values[np.argsort(-rank)][:k]


@pytest.mark.parametrize("which", ["magnitude", "largest", "smallest"])
def test_planted_spectra(which):
    values = np.concatenate([spectrum(6, 200), -spectrum(5, 100, 1.3, 1)])
    one = found(rotated(values), 8, which)
    assert np.abs(one.values - wanted(values, 8, which)).max() <= 1e-9
    assert one.converged
    assert not one.dense
    assert np.abs(one.vectors.T @ one.vectors - np.eye(8)).max() <= 1e-9
    assert (one.residuals <= one.tolerance).all()
    measured = np.linalg.norm(rotated(values) @ one.vectors - one.vectors * one.values, axis=0)
    assert np.allclose(measured, one.residuals, rtol=1e-3, atol=1e-12)


def test_copies_that_one_start_cannot_see_are_found():
    """A linear model with squared loss has every eigenvalue as often as outputs; SciPy's eigsh reports other ones."""
    x = np.random.default_rng(0).normal(size=(100, 32))
    matrix = np.kron(x.T @ x / 100, np.eye(10))
    want = wanted(np.linalg.eigvalsh(matrix))
    one = found(matrix)
    assert np.abs(one.values - want).max() <= 1e-9
    assert one.converged
    start = np.random.default_rng(0).normal(size=320)
    theirs = eigsh(matrix, k=10, tol=1e-6, v0=start, return_eigenvectors=False)
    assert np.abs(np.sort(theirs)[::-1] - want).max() >= 0.1 * want[0]


@pytest.mark.parametrize(
    ("values", "k"),
    [
        (np.ones(100), 10),
        (np.zeros(100), 10),
        (np.r_[3.0, 2.0, 1.0, np.zeros(97)], 10),
        (np.r_[np.ones(5), np.full(95, 0.1)], 5),
        (np.r_[np.ones(7), -np.ones(7), np.zeros(86)], 12),
        (2.0 ** -np.arange(100), 10),
    ],
)
def test_degenerate_spectra(values, k):
    one = found(rotated(values), k)
    assert np.abs(np.abs(one.values) - np.abs(wanted(values, k))).max() <= 1e-12
    assert one.converged
    assert one.values.shape == one.residuals.shape == (k,)


def test_what_does_not_suffice_is_said():
    matrix = np.random.default_rng(0).normal(size=(300, 300))
    matrix = (matrix + matrix.T) / 35
    short = found(matrix, 5, limit=30)
    assert not short.converged
    assert short.products <= 30
    for value, residual in zip(short.values, short.residuals, strict=True):
        assert np.abs(np.linalg.eigvalsh(matrix) - value).min() <= residual
    with pytest.raises(UsageError, match="products: expected at least 12 for 5 eigenvalues, got 11"):
        found(matrix, 5, limit=11)


def test_the_trap_of_ten_steps():
    """A network of some 80 parameters, on which ten Lanczos steps give wrong fourth and fifth values."""
    rng = np.random.default_rng(3)
    x, labels = rng.normal(size=(60, 7)), rng.integers(0, 3, 60)

    def net(params, x):
        return jax.numpy.tanh(x @ params["a"] + params["b"]) @ params["c"] + params["d"]

    shapes = {"a": (7, 7), "b": (7,), "c": (7, 3), "d": (3,)}
    params = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    model = open_model(net, (x, labels), params=params)
    dense = hessian(model) @ np.eye(model.size)
    one = top_eigenvalues(model, 5)
    assert model.size == 80
    assert not one.dense
    assert one.converged
    assert np.abs(one.values - wanted(np.linalg.eigvalsh(dense), 5)).max() <= 1e-9


def test_both_back_ends_and_dense_derivatives(model):
    _, _, dense, inner, _ = oracles()
    for of, matrix in (("hessian", dense), ("gauss_newton", inner)):
        want = wanted(np.linalg.eigvalsh(matrix), 6)
        theirs = top_eigenvalues(model, 6, of=of)
        ours = top_eigenvalues(open_model(module(), (X, LABELS)), 6, of=of)
        assert np.abs(theirs.values - want).max() <= 1e-10
        assert np.abs(ours.values - theirs.values).max() <= 1e-10


@pytest.mark.parametrize("sizes", [(25, 25), (32, 18), (49, 1)])
def test_unequal_batches_weigh_what_they_hold(sizes):
    """Where a peer averages the means of batches, it is 20 % and 293 % off on the last two."""
    want = wanted(np.linalg.eigvalsh(oracles()[2]), 4)
    assert np.abs(top_eigenvalues(open_model(module(), Loader(sizes)), 4).values - want).max() <= 1e-10
    if sizes == (49, 1):
        theirs = open_model(apply, Loader(sizes), params=PARAMS)
        assert np.abs(top_eigenvalues(theirs, 4).values - want).max() <= 1e-10


def test_linear_regression_in_closed_form():
    """The Hessian is ``x^T x / n`` once for every output."""
    x = np.random.default_rng(1).normal(size=(40, 12))
    one = top_eigenvalues(Linear(x, np.zeros((40, 7)), np.ones((12, 7))), 9)
    assert one.converged
    assert not one.dense
    assert np.abs(one.values - np.repeat(np.linalg.eigvalsh(x.T @ x / 40)[::-1], 7)[:9]).max() <= 1e-10


def test_logistic_and_softmax_regression_in_closed_form():
    rng = np.random.default_rng(2)
    x, w = rng.normal(size=(50, 6)), rng.normal(size=(3, 6))

    def net(params, x):
        return x @ params["w"].T

    p = 1 / (1 + np.exp(-(x @ w[:1].T)))
    logistic = (x * p * (1 - p)).T @ x / 50
    targets = (rng.uniform(size=(50, 1)) < 0.5).astype(float)
    model = open_model(net, (x, targets), params={"w": w[:1]}, loss="binary_cross_entropy")
    assert np.abs(top_eigenvalues(model, 6).values - np.linalg.eigvalsh(logistic)[::-1]).max() <= 1e-12
    soft = np.exp(x @ w.T)
    soft /= soft.sum(1, keepdims=True)
    inner = np.einsum("nk,kl->nkl", soft, np.eye(3)) - np.einsum("nk,nl->nkl", soft, soft)
    dense = np.einsum("nkl,ni,nj->kilj", inner, x, x).reshape(18, 18) / 50
    model = open_model(net, (x, rng.integers(0, 3, 50)), params={"w": w})
    assert np.abs(top_eigenvalues(model, 18).values - np.linalg.eigvalsh(dense)[::-1]).max() <= 1e-12


def test_layers_and_more_values_than_there_are(model):
    at = model.layout.slices["first/bias"]
    block = oracles()[2][at, at]
    one = top_eigenvalues(model, 10, layers="first/bias", which="smallest")
    assert np.abs(one.values - np.linalg.eigvalsh(block)).max() <= 1e-12
    assert one.values.shape == (5,)
    one = top_eigenvalues(open_model(lambda p, x: x[:, 0] * p["a"], (X, X[:, 0]), params={"a": np.ones(1)}), 3)
    assert one.values.shape == (1,)


def test_scaled_values_do_not_see_a_rescaled_network():
    def net(params, x):
        return jax.nn.relu(x @ params["a"]) @ params["b"]

    rng = np.random.default_rng(4)
    a, b, c = rng.normal(size=(4, 9)), rng.normal(size=(9, 3)), rng.uniform(0.2, 5, 9)
    one, other = (
        open_model(net, (X, LABELS), params=p) for p in ({"a": a, "b": b}, {"a": a * c, "b": b / c[:, None]})
    )
    assert abs(one.loss() - other.loss()) <= 1e-12
    plain = [top_eigenvalues(m, 1).values[0] for m in (one, other)]
    scaled = [top_eigenvalues(m, 1, scaled=True).values[0] for m in (one, other)]
    assert abs(plain[0] - plain[1]) >= 0.1 * plain[0]
    assert abs(scaled[0] - scaled[1]) <= 1e-10 * scaled[0]


def test_float32_keeps_its_word():
    values = spectrum(10, 300)
    one = found(rotated(values), dtype=np.float32, share=1e-4)
    assert one.converged
    assert np.abs(one.values - wanted(values)).max() <= 1e-5


def test_a_matrix_that_is_not_symmetric_is_refused():
    for matrix in (rotated(spectrum(10, 100)), rotated(spectrum(2, 30))):
        matrix = matrix.copy()
        matrix[0, 1] += 1.0
        with pytest.raises(
            UsageError,
            match="expected a symmetric second derivative.*straight-through.*rounding where losses are nearly 0",
        ):
            found(matrix, 5)


def test_derivatives_that_are_not_finite_are_refused():
    def net(params, x):
        return x @ params["w"] + jax.numpy.sqrt(jax.numpy.sum(params["z"] ** 2) + 1e-320)

    params = {"w": np.ones((4, 3)), "z": np.full(2, 1e-155)}
    with pytest.raises(DataError, match="finite"):
        top_eigenvalues(open_model(net, (X, LABELS), params=params))


def test_one_seed_gives_one_answer_and_products_are_counted(model, monkeypatch):
    calls = []
    product = model.product
    monkeypatch.setattr(model, "product", lambda kind, vector: calls.append(kind) or product(kind, vector))
    one, other = (top_eigenvalues(model, 2, seed=s) for s in (1, np.random.default_rng(1)))
    assert len(calls) == one.products + other.products
    assert (one.values == other.values).all()


def test_the_search_is_as_long_as_the_theorem_asks():
    assert steps_needed(10**6) == 15
    assert steps_needed(100) == 11


ODD = {
    "k: expected a whole number of at least 1, got 0": {"k": 0},
    "k: expected a whole number of at least 1, got True": {"k": True},
    "unknown of 'fisher'": {"of": "fisher"},
    "unknown which 'LM'": {"which": "LM"},
    "tolerance: expected a positive number, got 0": {"tolerance": 0},
    "tolerance: expected a share of the largest eigenvalue below 1, got 2": {"tolerance": 2},
    "seed: expected a whole number of at least 0, got -1": {"seed": -1},
    "scaled: expected True or False, got 1": {"scaled": 1},
    "layers: expected a pattern of names of parameters, got 'conv'": {"layers": "conv"},
    "products: expected a whole number": {"products": "many"},
}


@pytest.mark.parametrize("words", ODD)
def test_odd_arguments(words, model):
    with pytest.raises(UsageError, match=words):
        top_eigenvalues(model, **ODD[words])


def test_models_that_have_no_curvature():
    with pytest.raises(UsageError, match=r"model: expected one of open_model\(...\), got dict"):
        top_eigenvalues(PARAMS)
    with pytest.raises(UsageError, match="targets and a loss"):
        top_eigenvalues(open_model(apply, X, params=PARAMS))


def test_vectors_beyond_memory_are_refused(monkeypatch):
    monkeypatch.setattr("overparam.probes.curvature.products.memory_budget", lambda: 1e5)
    with pytest.raises(UsageError, match="k: expected vectors that fit into memory, got 28 of 1,000 numbers"):
        found(np.zeros((1000, 1000)))
