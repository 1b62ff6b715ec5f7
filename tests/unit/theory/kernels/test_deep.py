import math

import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.models import mlp, two_layer
from overparam.theory.activations import ACTIVATIONS
from overparam.theory.kernels import (
    Activate,
    AveragePool,
    Conv,
    Dense,
    Flatten,
    LayerNorm,
    Residual,
    covariance,
    cross_covariance,
    deep,
    dense_network,
    fully_connected,
    kernels,
    output_shape,
    second_moment,
)

RNG = np.random.default_rng(7)
X, Z = RNG.standard_normal((7, 5)), RNG.standard_normal((4, 5))
MAPS, OTHERS = RNG.standard_normal((5, 5, 4, 2)), RNG.standard_normal((3, 5, 4, 2))
RELU = Activate("relu")
BLOCK = Residual((RELU, Conv((3, 3)), RELU, Conv((3, 3))))
DEEP = {
    "bias": fully_connected(3, "relu", 1.4, 0.3),
    "gelu": fully_connected(2, "gelu", 1.2),
    "tanh": fully_connected(2, "tanh", 1.2, 0.1),
    "norm": (Dense(), RELU, Dense(), LayerNorm(), RELU, Dense()),
    "residual": (Dense(), Residual((RELU, Dense(1.3, 0.2))), RELU, Dense()),
}
WIDE = {
    "flatten": (Conv((3, 3)), RELU, Conv((2, 2), (2, 2)), RELU, Flatten(), Dense()),
    "pool": (Conv((3, 3), padding="CIRCULAR"), RELU, AveragePool(), Dense()),
    "pool, then hidden": (Conv((3, 3)), BLOCK, RELU, AveragePool(), Dense(), RELU, Dense()),
}
ALL = [(layers, X, Z) for layers in DEEP.values()] + [(layers, MAPS, OTHERS) for layers in WIDE.values()]
NAMES = [*DEEP, *WIDE]


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "quadratic"])
def test_one_hidden_layer_is_the_covariance_and_the_second_moment(name):
    """Closed forms of two-layer networks, written elsewhere with other conventions: rows over sqrt(features)."""
    layers, x, z = fully_connected(1, name), X / math.sqrt(5), Z / math.sqrt(5)
    own, cross = kernels(layers, X), kernels(layers, X, Z)
    np.testing.assert_allclose(own.nngp, second_moment(x, name), rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(own.ntk, second_moment(x, name) + covariance(x, name), rtol=1e-11, atol=1e-13)
    slopes = cross_covariance(x, z, name)
    np.testing.assert_allclose(cross.ntk, second_moment(x, name, z) + slopes, rtol=1e-11, atol=1e-13)


def test_the_arc_cosine_recursion_by_hand():
    """Two orthogonal inputs of norm sqrt(features), weight_std sqrt 2: angles go 1, 1/pi, ..."""
    x = math.sqrt(2) * np.eye(2)
    found = kernels(fully_connected(2, "relu", math.sqrt(2)), x)
    first = 1 / math.pi
    angle = math.acos(first)
    second = (math.sin(angle) + (math.pi - angle) * first) / math.pi
    assert found.nngp[0, 1] == pytest.approx(2 * second, rel=1e-14)
    assert found.nngp[0, 0] == pytest.approx(2.0, rel=1e-14)
    # Theta = K3 + 2 slope2 (K2 + 2 slope1 K1), K1 = 0 off the diagonal; slopes (pi - t)/(2 pi)
    slope = (math.pi - angle) / math.pi
    assert found.ntk[0, 1] == pytest.approx(2 * second + slope * 2 * first, rel=1e-14)
    assert found.ntk[0, 0] == pytest.approx(6.0, rel=1e-14)


def test_a_linear_network_by_hand():
    """Three layers, K = w^6 k; every layer's weights add that much to the NTK, biases their part."""
    k = X @ X.T / 5
    found = kernels((Dense(1.2), Dense(0.7), Dense(1.5)), X)
    np.testing.assert_allclose(found.nngp, (1.2 * 0.7 * 1.5) ** 2 * k, rtol=1e-13)
    np.testing.assert_allclose(found.ntk, 3 * found.nngp, rtol=1e-13)
    frozen = kernels((Dense(1.2, 0.5), Dense(0.7, trained=False)), X)
    np.testing.assert_allclose(frozen.ntk, 0.49 * (1.44 * k + 0.25), rtol=1e-13)


def test_pooling_of_constant_maps_is_a_vector():
    """Circular windows of equal pixels are those pixels: pooling and flattening then change nothing."""
    maps = np.broadcast_to(X[:, None, None, :], (7, 3, 4, 5))
    conv = Conv((3, 3), padding="CIRCULAR", weight_std=1.3, bias_std=0.2)
    vector = kernels((Dense(1.3, 0.2), RELU, Dense(1.3, 0.2), RELU, Dense()), X)
    for end in (AveragePool(), Flatten()):
        found = kernels((conv, RELU, conv, RELU, end, Dense()), maps)
        np.testing.assert_allclose(found.nngp, vector.nngp, rtol=1e-12)
        np.testing.assert_allclose(found.ntk, vector.ntk, atol=1e-7 * vector.ntk.max())


@pytest.mark.parametrize(("layers", "x", "z"), ALL, ids=NAMES)
def test_halves_blocks_and_threads_change_nothing(layers, x, z, monkeypatch):
    own, cross = kernels(layers, x), kernels(layers, x, z)
    both = kernels(layers, np.concatenate([x, z]))
    for get in ("nngp", "ntk"):
        assert np.array_equal(getattr(own, get), getattr(own, get).T)
        np.testing.assert_allclose(getattr(both, get)[: len(x), len(x) :], getattr(cross, get), rtol=1e-12)
        alone = kernels(layers, x, get=get)
        assert np.array_equal(getattr(alone, get), getattr(own, get))
        assert getattr(alone, {"nngp": "ntk", "ntk": "nngp"}[get]) is None
    monkeypatch.setattr(deep, "_ITEMS", 3 * 3 * 400)
    for threads in (1, 3):
        found = kernels(layers, x, threads=threads), kernels(layers, x, z, threads=threads)
        np.testing.assert_allclose(found[0].ntk, own.ntk, rtol=1e-12)
        np.testing.assert_allclose(found[1].ntk, cross.ntk, rtol=1e-12)


@pytest.mark.parametrize(("layers", "x", "z"), ALL, ids=NAMES)
def test_kernels_are_positive_semidefinite_and_float32_agrees(layers, x, z):
    found, short = kernels(layers, x), kernels(layers, x, dtype=np.float32)
    for get in ("nngp", "ntk"):
        matrix, rough = getattr(found, get), getattr(short, get)
        assert np.linalg.eigvalsh(matrix)[0] > -1e-12 * matrix.max()
        assert rough.dtype == np.float32
        np.testing.assert_allclose(rough, matrix, atol=3e-6 * matrix.max())


@pytest.mark.parametrize("bias", [0.0, 0.4])
@pytest.mark.parametrize("angle", [1e-12, 1e-9, 1e-6])
def test_near_duplicates_keep_their_digits(angle, bias):
    """The NTK of relu falls by ``t/(2 pi)`` of its part behind an activation; cosines in float64 would give 0."""
    x = np.array([[1.0, 0.0], [1.0, angle], [3.0, 0.0], [3.0, 3 * angle]])
    layers = fully_connected(1, "relu", 1.0, bias)
    cosine = 1 / math.sqrt(1 + angle**2)
    assert math.acos(min(cosine, 1.0)) != pytest.approx(angle, rel=1e-6, abs=0)
    state = kernels(layers, x, get="ntk").ntk
    for i, q in ((0, 0.5), (2, 4.5)):
        inner = q + bias**2
        # with a bias, the angle of (x, bias)
        seen = angle * math.sqrt(q / inner)
        drop = inner * seen / (2 * math.pi)
        assert state[i, i] - state[i, i + 1] == pytest.approx(drop, rel=1e-3, abs=3e-16 * state[i, i])


def test_near_duplicates_keep_their_digits_over_depth():
    """At weight_std sqrt 2 angles and variances stay, and ``Theta_L`` falls by ``L (L - 1) / 2 t / pi``, L = 4."""
    x = np.array([[1.0, 1.0], [1.0 - 1e-9, 1.0 + 1e-9]])
    found = kernels(fully_connected(3, "relu", math.sqrt(2)), x, get="ntk").ntk
    assert found[0, 0] - found[0, 1] == pytest.approx(2 * 6 * 1e-9 / math.pi, rel=1e-5)


@pytest.mark.skipif(np.finfo(np.longdouble).eps > 1e-18, reason="needs longer numbers than float64")
def test_near_duplicates_of_other_norms_through_biases_and_sums():
    """The recursion by hand in 80-bit numbers, whose arc cosine knows this angle to 1e-13."""
    x = np.array([[1.0, 0.0], [1.5, 1.5e-6]], dtype=np.longdouble)

    def weights(k, t, w, b=0.0):
        k = np.longdouble(w) ** 2 * k + np.longdouble(b) ** 2
        return k, k + np.longdouble(w) ** 2 * t

    def relu(k, t):
        r = np.sqrt(np.outer(np.diag(k), np.diag(k)))
        theta = np.arccos(np.minimum(k / r, 1))
        np.fill_diagonal(theta, 0)
        pi = np.arccos(np.longdouble(-1))
        slope = (pi - theta) / (2 * pi)
        return r * np.sin(theta) / (2 * pi) + slope * k, slope * t

    k, t = relu(*weights(x @ x.T / 2, 0, 1.3, 0.4))
    branch, shortcut = weights(*relu(*weights(k, t, 1.2, 0.3)), 0.8), weights(k, t, 0.5)
    k, t = weights(*relu(branch[0] + shortcut[0], branch[1] + shortcut[1]), 1.0)
    block = Residual((Dense(1.2, 0.3), RELU, Dense(0.8)), (Dense(0.5),))
    found = kernels((Dense(1.3, 0.4), RELU, block, RELU, Dense()), x)
    np.testing.assert_allclose(found.ntk, t.astype(float), rtol=2e-15)
    np.testing.assert_allclose(found.nngp, k.astype(float), rtol=2e-15)


def test_near_antipodes_keep_their_digits():
    x = np.array([[1.0, 0.0], [-1.0, 1e-9]])
    found = kernels(fully_connected(1), x)
    assert found.ntk[0, 1] == pytest.approx(-0.5 * 1e-9 / (2 * math.pi), rel=1e-7)
    assert found.nngp[0, 1] == pytest.approx(0.0, abs=1e-17)


def test_zero_rows_give_zeros():
    x = np.array([[0.0, 0.0], [1.0, 2.0], [0.0, 0.0]])
    for name in ("relu", "erf", "gelu", "tanh"):
        found = kernels(fully_connected(2, name), x)
        for matrix in (found.nngp, found.ntk):
            assert np.isfinite(matrix).all()
            assert np.array_equal(matrix[[0, 2]], np.zeros((2, 3)))
    maps = np.zeros((2, 3, 3, 1))
    maps[1, 1, 1] = 1.0
    for layers in ((Conv((2, 2)), RELU, Flatten(), Dense()), (Conv((2, 2)), RELU, AveragePool(), Dense())):
        found = kernels(layers, maps)
        assert found.ntk[0].tolist() == [0.0, 0.0]
        assert found.ntk[1, 1] > 0
    norm = kernels((Dense(), LayerNorm(), RELU, Dense()), x).ntk
    assert np.isfinite(norm).all()


def test_parallel_rows_make_a_singular_kernel_and_duplicates_equal_rows():
    x = np.array([[1.0, 2.0], [2.0, 4.0], [1.0, 2.0]])
    found = kernels(fully_connected(3), x).ntk
    assert np.linalg.matrix_rank(found, tol=1e-12) == 1
    assert found[0, 0] == found[0, 2] == found[2, 2]


def test_more_units_than_memory_is_said_before_anything_is_computed():
    with pytest.raises(
        UsageError, match=r"expected at least 0\.\d+ GB for 2,000 x 2,000.*of it the result.*memory="
    ):
        kernels(fully_connected(1), np.ones((2000, 3)), memory=1e7)
    small = kernels(fully_connected(1), X, memory=2e4)
    np.testing.assert_allclose(small.ntk, kernels(fully_connected(1), X).ntk, rtol=1e-13)


@pytest.mark.parametrize(
    ("x", "z", "message"),
    [
        (np.ones(3), None, r"expected examples in rows.*got shape \(3,\)"),
        (np.ones((0, 3)), None, r"got shape \(0, 3\)"),
        ([[1.0, 2.0], [1.0]], None, "expected real numbers in rows of one length"),
        ([["a", "b"]], None, "expected real numbers"),
        ([[1.0, np.nan], [1.0, 2.0]], None, "got 1 of 2 rows with missing"),
        (np.ones((2, 3)), np.ones((2, 4)), r"z: expected examples of shape \(3,\)"),
    ],
)
def test_examples_that_are_none(x, z, message):
    with pytest.raises(DataError, match=message):
        kernels(fully_connected(1), x, z)


@pytest.mark.parametrize(
    ("layers", "space", "message"),
    [
        ((), (), "at least one, got none"),
        ((RELU, Dense()), (), "expected Dense or Conv before it"),
        ((Dense(), RELU, RELU), (), "expected Dense or Conv before it"),
        ((Dense(), RELU, LayerNorm()), (), "expected Dense or Conv before it.*Put it before the activation"),
        ((Conv((3, 3)),), (), "expected 2 spatial axes"),
        ((Conv((3,), padding="VALID"),), (2,), "a window of at most 2 taps"),
        ((Dense(), Flatten()), (), "Flatten: expected spatial axes, got vectors"),
        ((Residual((Flatten(),)),), (3,), "outside of a Residual"),
        ((Conv((3,)), Residual((RELU, Conv((3,), (2,))))), (4,), r"got \(2,\) and \(4,\)"),
        ((Dense(), Residual((RELU,))), (), "so that the two are uncorrelated"),
        (("relu",), (), "expected layers of overparam.theory.kernels, got str"),
    ],
)
def test_networks_without_such_a_kernel(layers, space, message):
    with pytest.raises(UsageError, match=message):
        output_shape(layers, space)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"get": "covariance"}, "expected both, nngp or ntk"),
        ({"dtype": np.float16}, "expected float32 or float64"),
        ({"threads": 0}, "threads: expected a whole number"),
        ({"layers": (Dense(), Conv((2,)))}, "expected 1 spatial axes"),
    ],
)
def test_options_that_are_none(options, message):
    with pytest.raises(UsageError, match=message):
        kernels(**{"layers": fully_connected(1), "x": X, **options})
    with pytest.raises(UsageError, match="expected an output without positions"):
        kernels((Conv((2, 2)),), MAPS)
    with pytest.raises(UsageError, match="padding: expected one of SAME, VALID, CIRCULAR"):
        Conv((2, 2), padding="same")
    with pytest.raises(UsageError, match="expected 2 numbers, one an axis"):
        Conv((2, 2), (1,))


def test_only_standard_normal_networks_have_this_limit():
    with pytest.raises(UsageError, match="start as 'normal', got 'torch'.*parametrisation='ntk'"):
        dense_network(mlp(3, (8,), 1).form)
    with pytest.raises(UsageError, match="got NoneType"):
        dense_network(None)


def test_fixed_signs_give_the_covariance_alone():
    form = two_layer(5, 64, 1, bias=False, parametrisation="ntk_unit", train_output=False).form
    found = kernels(dense_network(form), X, get="ntk").ntk
    np.testing.assert_allclose(found, covariance(X, "relu"), rtol=1e-12)


@pytest.mark.parametrize("other", [None, 3])
def test_the_share_that_is_done_is_told(other, monkeypatch):
    monkeypatch.setattr(deep, "_ITEMS", 4 * 9)
    x = np.random.default_rng(0).normal(size=(7, 3, 3, 2))
    layers, told = (Conv((3, 3)), Activate("relu"), Flatten(), Dense()), []
    z = None if other is None else x[:other] + 1.0
    found = kernels(layers, x, z, threads=1, progress=told.append)
    assert told == sorted(told)
    assert (len(told), told[-1]) == (10 if other is None else 8, 1.0)
    assert np.array_equal(found.ntk, kernels(layers, x, z, threads=1).ntk)
