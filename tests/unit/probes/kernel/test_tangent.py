"""What a tangent kernel is: conventions, halves, blocks, memory, checks, spectrum and drift; against dense derivatives."""

import functools

import jax
import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.models import linear
from overparam.operators import open_model
from overparam.probes.kernel import compute, jax_source, kernel_cost, kernel_drift, tangent_kernel
from overparam.probes.kernel.plan import ShortMemory
from tests.tiny_models import LABELS, PARAMS, SIZE, VECTOR, K, Loader, N, W, X, Y, apply, module, oracles

JACOBIAN = oracles()[4].reshape(N, K, -1)
FULL = np.einsum("ncp,mdp->ncmd", JACOBIAN, JACOBIAN)
ASKED = {
    "full": FULL,
    "mean": np.einsum("ncmc->nm", FULL) / K,
    "each": np.einsum("ncmc->cnm", FULL),
    1: FULL[:, 1, :, 1],
}


def opened(x=X, **options):
    return open_model(apply, x, params=PARAMS, **options)


@functools.cache
def whole():
    """All examples: opened once, so that its programs are compiled once."""
    return opened()


@functools.cache
def nine():
    return opened(X[:9])


def close(one, other, tolerance=1e-12):
    return one.shape == other.shape and np.abs(one - other).max() <= tolerance * np.abs(other).max()


BY_DEFAULT = [("structured", one) for one in ASKED] + [
    ("rows", "full"),
    ("products", "full"),
    ("products", "each"),
]
REST = [(method, one) for method in ("rows", "products") for one in ASKED if (method, one) not in BY_DEFAULT]


@pytest.mark.parametrize(
    ("method", "outputs"), [*BY_DEFAULT, *(pytest.param(*one, marks=pytest.mark.slow) for one in REST)]
)
def test_every_method_gives_every_kernel(method, outputs):
    """50 examples in blocks of 7 and tiles of 7: nothing needs to divide anything."""
    model = whole() if method != "products" else nine()
    kernel = tangent_kernel(model, outputs=outputs, method=method, block=7)
    asked = {"full": lambda a: a[:9, :, :9], "each": lambda a: a[:, :9, :9]}.get(outputs, lambda a: a[:9, :9])
    assert close(kernel.matrix, ASKED[outputs] if method != "products" else asked(ASKED[outputs]))
    assert kernel.method == method
    assert kernel.verified < 1e-13
    assert kernel.symmetric


def test_blocks_are_made_anew_where_memory_is_short():
    model = whole()
    easy = kernel_cost(model, method="structured", block=16)
    tight = kernel_cost(model, method="structured", block=16, memory=easy.bytes * 0.97)
    assert tight.bytes <= easy.bytes * 0.97
    kernel = tangent_kernel(model, method="structured", block=16, memory=easy.bytes * 0.97)
    assert close(kernel.matrix, FULL)
    assert kernel.bytes == tight.bytes


def test_too_little_memory_names_what_would_do():
    model = whole()
    with pytest.raises(
        UsageError, match=r"memory: expected at least .* of which the kernel of shape 50x3x50x3 takes 0.18 MB"
    ):
        tangent_kernel(model, memory=1e5)
    with pytest.raises(ShortMemory) as error:
        kernel_cost(model, memory=1e5)
    assert kernel_cost(model, memory=error.value.least).bytes <= error.value.least
    with pytest.raises(ShortMemory):
        kernel_cost(model, memory=error.value.least * 0.99)


@pytest.mark.parametrize("method", ["structured", pytest.param("products", marks=pytest.mark.slow)])
def test_between_two_sets(method):
    some, others = opened(X[:7]), opened(X[30:41], batch=4)
    for outputs, asked in (("full", FULL[:7, :, 30:41]), ("mean", ASKED["mean"][:7, 30:41])):
        kernel = tangent_kernel(some, against=others, outputs=outputs, method=method)
        assert close(kernel.matrix, asked)
        assert not kernel.symmetric
    with pytest.raises(UsageError, match="spectrum: expected a kernel of the examples with themselves"):
        kernel.spectrum()


def test_some_layers():
    rows = JACOBIAN[..., W + W * 4 :]
    kernel = tangent_kernel(whole(), layers="last")
    assert close(kernel.matrix, np.einsum("ncp,mdp->ncmd", rows, rows))
    bias = tangent_kernel(whole(), layers="first/bias", outputs="mean")
    assert close(bias.matrix, np.einsum("ncp,mcp->nm", JACOBIAN[..., :W], JACOBIAN[..., :W]) / K)


@pytest.mark.slow
def test_loaders_of_unequal_batches():
    assert close(tangent_kernel(opened(Loader((49, 1)))).matrix, FULL)
    assert close(tangent_kernel(opened(Loader((1,) * 50)), block=8).matrix, FULL)


@pytest.mark.slow
def test_sums_in_float64():
    x = X.astype(np.float32)
    weights = jax.tree.map(lambda one: one.astype(np.float32), PARAMS)
    single = tangent_kernel(open_model(apply, x, params=weights), method="structured")
    double = tangent_kernel(open_model(apply, x, params=weights), method="structured", accumulate="float64")
    assert (single.matrix.dtype, double.matrix.dtype) == (np.float32, np.float64)
    assert close(double.matrix, FULL, 1e-5)
    assert close(single.matrix, FULL, 1e-5)
    rough = np.linalg.norm(single.matrix - double.matrix)
    assert rough < 20 * single.error  # the error of the kernel that its product with a vector tells


def test_a_linear_model_has_the_kernel_of_its_inputs():
    x = np.array([[1.0, 2.0], [3.0, -1.0], [1.0, 2.0]])
    params = {"output": {"weight": np.ones((2, 2)), "bias": np.zeros(2)}}
    model = open_model(linear(2, 2), x, params=params)
    kernel = tangent_kernel(model)
    asked = (x @ x.T + 1)[:, None, :, None] * np.eye(2)[None, :, None, :]
    assert close(kernel.matrix, asked)
    assert close(tangent_kernel(model, outputs="mean").matrix, x @ x.T + 1)


def test_the_spectrum_of_a_point_that_is_there_twice():
    model = opened(np.concatenate([X[:4], X[:1]]))
    found = tangent_kernel(model).spectrum()
    assert found.condition == np.inf
    assert found.rank == 12
    assert np.abs(found.values[-3:]).max() <= found.error
    each = tangent_kernel(model, outputs="each").spectrum()
    assert each.values.shape == (3, 5)
    assert each.rank == 4


@pytest.mark.slow
def test_a_condition_that_is_known():
    x = np.diag([1.0, 2.0, 3.0])
    params = {"output": {"weight": np.ones((1, 3))}}
    found = tangent_kernel(open_model(linear(3, 1, bias=False), x, params=params)).spectrum()
    assert np.allclose(found.values, [9.0, 4.0, 1.0], rtol=1e-14)
    assert found.condition == pytest.approx(9.0, rel=1e-14)
    assert found.rank == 3


def test_the_drift_is_that_of_the_kernels():
    start = whole()
    end = start.at(VECTOR + 0.1 * np.random.default_rng(3).normal(size=SIZE))
    before, after = (tangent_kernel(one, outputs="mean").matrix for one in (start, end))
    drift = kernel_drift(start, end)
    assert drift.relative_change == pytest.approx(
        np.linalg.norm(after - before) / np.linalg.norm(before), rel=1e-10
    )
    size = np.linalg.norm(after) * np.linalg.norm(before)
    assert drift.cosine == pytest.approx((before * after).sum() / size, rel=1e-10)
    assert kernel_drift(start, start.at(start.vector()), outputs="full").relative_change <= drift.error


def test_a_model_that_is_scaled_keeps_its_direction():
    """Twice the last layer's weights: its kernel is the same, that of the first is four times as large."""
    start = whole()
    vector = VECTOR.copy()
    vector[W + W * 4 + K :] *= 2
    drift = kernel_drift(start, start.at(vector), layers="first")
    assert drift.scale == pytest.approx(4.0, rel=1e-12)
    assert drift.relative_change == pytest.approx(3.0, rel=1e-12)
    assert drift.cosine == pytest.approx(1.0, rel=1e-12)


def test_other_models_and_data_are_refused():
    model = whole()
    moved = model.at(VECTOR + 1)
    with pytest.raises(UsageError, match="against: expected a model with the same parameters on other data"):
        tangent_kernel(model, against=moved)
    with pytest.raises(DataError, match="end: expected the 50 examples of start, got 7"):
        kernel_drift(model, opened(X[:7]))
    with pytest.raises(DataError, match="end: expected the examples of start in the same order"):
        kernel_drift(model, opened(X[::-1]))
    other = open_model(linear(4, 3), X.astype(np.float32), params={"output": {"weight": np.ones((3, 4), np.float32),
                                                                             "bias": np.ones(3, np.float32)}})  # fmt: skip
    with pytest.raises(UsageError, match="end: expected the parameters"):
        kernel_drift(model, other)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"outputs": "all"}, "unknown outputs 'all'"),
        ({"outputs": 3}, "outputs: expected a whole number of at most 2, got 3"),
        ({"outputs": True}, "outputs: expected a whole number"),
        ({"method": "fast"}, "unknown method 'fast'"),
        ({"layers": "third"}, "layers: expected a pattern"),
        ({"block": 0}, "block: expected a whole number"),
        ({"memory": "2GB"}, "memory: expected a number of bytes"),
        ({"memory": -1}, "memory: expected a number of bytes"),
        ({"accumulate": "float16"}, "accumulate: expected 'float64' or None"),
        ({"against": X}, "against: expected a model of open_model"),
    ],
)
def test_odd_arguments_are_named(options, text):
    model = whole()
    for function in (tangent_kernel, kernel_cost):
        with pytest.raises(UsageError, match=text):
            function(model, **options)


def test_something_else_than_a_model():
    with pytest.raises(UsageError, match="model: expected a model of open_model"):
        tangent_kernel(apply)


class Wrong(jax_source.JaxStructured):
    """A structured form that is wrong in one small layer."""

    def factors(self, batch):
        found = super().factors(batch)
        if "last/bias" in self.forced:
            return found
        return [one if "last/bias" not in one.names else type(one)(one.names, one.x, one.g) for one in found]


def test_a_wrong_layer_is_found_and_taken_by_rows(monkeypatch):
    monkeypatch.setattr(jax_source, "JaxStructured", Wrong)
    kernel = tangent_kernel(opened(), method="structured")
    assert close(kernel.matrix, FULL)
    assert "last/bias" in " ".join(kernel.notes)


def test_a_wrong_kernel_is_never_returned(monkeypatch):
    real = compute.assemble

    def spoilt(ask, source, plan):
        matrix = real(ask, source, plan)
        if source.method == "structured":
            matrix[7, 1, 9, 2] += 0.01 * np.abs(matrix).max()
        return matrix

    monkeypatch.setattr(compute, "assemble", spoilt)
    with pytest.raises(
        UsageError, match=r"method: expected a kernel whose product with a vector is J \(J\^T u\)"
    ):
        tangent_kernel(whole(), method="structured")
    kernel = tangent_kernel(whole())
    assert kernel.method == "rows"
    assert close(kernel.matrix, FULL)
    assert "Not by another method" in " ".join(kernel.notes)


def test_both_back_ends_agree():
    pytest.importorskip("torch", reason="PyTorch is an optional extra, and is not installed")
    theirs = open_model(module(), X)
    for method in ("structured", "rows", "products"):
        ours = tangent_kernel(
            theirs if method != "products" else open_model(module(), X[:5]), method=method, block=9
        )
        n = len(ours.matrix)
        assert close(ours.matrix, FULL[:n, :, :n], 1e-10)


@pytest.mark.slow
def test_the_loss_does_not_matter():
    one, other = opened((X, LABELS)), opened((X, Y))
    assert np.array_equal(tangent_kernel(one).matrix, tangent_kernel(other).matrix)
