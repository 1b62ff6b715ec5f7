"""The oracle is XLA's own convolution, and its derivatives by jax.grad."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from overparam.core.errors import DataError, UsageError
from overparam.models import tiles
from overparam.models.convolution import convolve, in_pieces, library, max_pool, output_length, shifted_views

# channels, space, batch, units, taps, stride, padding
CASES = {
    "3x3 of an image": (3, (8, 8), 4, 5, 3, 1, 1),
    "no padding, not square": (2, (7, 5), 3, 4, 3, 1, 0),
    "stride that leaves a rest": (2, (8, 7), 3, 4, 3, 2, 1),
    "stride 3, wide padding": (1, (9, 9), 2, 2, 4, 3, 3),
    "1x1": (3, (4, 4), 2, 2, 1, 1, 0),
    "one place": (2, (3, 3), 1, 2, 3, 1, 0),
    "first layer of MNIST-1D": (1, (40,), 6, 5, 5, 2, 1),
    "second layer of MNIST-1D": (5, (19,), 6, 5, 3, 2, 1),
    "signal, stride 1": (2, (6,), 3, 3, 2, 1, 0),
}
FEW = ("stride that leaves a rest", "no padding, not square", "second layer of MNIST-1D")
NAMES = [name if name in FEW else pytest.param(name, marks=pytest.mark.slow) for name in CASES]


def drawn(case, dtype=np.float32):
    channels, space, batch, units, taps, stride, padding = case
    rng = np.random.default_rng(0)
    x = rng.standard_normal((channels, *space, batch)).astype(dtype)
    kernel = rng.standard_normal((units, channels, *[taps] * len(space))).astype(dtype)
    return x, kernel, stride, padding


def oracle(x, kernel, stride, padding):
    """XLA's convolution in its usual order of axes."""
    axes = x.ndim - 2
    images = jnp.moveaxis(x, -1, 0)
    out = lax.conv_general_dilated(images, kernel, [stride] * axes, [(padding, padding)] * axes)
    return jnp.moveaxis(out, 0, -1)


def derivatives(form, x, kernel, stride, padding):
    """Value, both gradients, a jvp, a Hessian-vector product and a full Jacobian of something nonlinear."""

    def cost(x, kernel):
        return jnp.sum(jnp.sin(form(x, kernel, stride, padding)))

    rng = np.random.default_rng(1)
    tangents = tuple(jnp.asarray(rng.standard_normal(a.shape), a.dtype) for a in (x, kernel))
    slope = jax.grad(cost, argnums=(0, 1))

    @jax.jit
    def all_of_them(*primals):
        return {
            "value": form(*primals, stride, padding),
            "grad": slope(*primals),
            "jvp": jax.jvp(lambda x, k: form(x, k, stride, padding), primals, tangents)[1],
            "hessian-vector": jax.jvp(slope, primals, tangents)[1],
            "reverse over reverse": jax.grad(lambda k: jnp.vdot(slope(primals[0], k)[1], tangents[1]))(
                primals[1]
            ),
            "jacfwd": jax.jacfwd(lambda k: form(primals[0], k, stride, padding))(primals[1]),
        }

    return all_of_them(x, kernel)


def agree(found, expected, **tolerance):
    for name, value in expected.items():
        for a, b in zip(jax.tree.leaves(found[name]), jax.tree.leaves(value), strict=True):
            np.testing.assert_allclose(a, b, err_msg=name, **tolerance)


@pytest.mark.parametrize("name", NAMES)
def test_every_derivative_is_that_of_the_library(name):
    case = drawn(CASES[name])
    agree(derivatives(shifted_views, *case), derivatives(oracle, *case), rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("3x3 of an image", marks=pytest.mark.slow),
        "stride that leaves a rest",
        pytest.param("stride 3, wide padding", marks=pytest.mark.slow),
    ],
)
def test_every_derivative_of_the_form_in_pieces_is_that_of_the_library(name, monkeypatch):
    monkeypatch.setattr(tiles, "VIEWS", 64)
    monkeypatch.setattr(tiles, "LEAST", 8)
    case = drawn(CASES[name])
    agree(derivatives(in_pieces, *case), derivatives(oracle, *case), rtol=2e-4, atol=2e-4)


@pytest.mark.slow
def test_members_and_examples_of_the_form_in_pieces_can_be_mapped():
    x, kernel, stride, padding = drawn(CASES["3x3 of an image"])
    both = (np.stack([x, -x]), np.stack([kernel, 2 * kernel]))
    out = jax.vmap(lambda x, k: in_pieces(x, k, stride, padding))(*both)
    np.testing.assert_allclose(out[1], -2 * out[0], rtol=1e-6)
    out = jax.vmap(lambda x: in_pieces(x, kernel, stride, padding))(both[0])
    np.testing.assert_allclose(out[0], oracle(x, kernel, stride, padding), rtol=1e-4, atol=1e-5)


def test_large_maps_are_convolved_in_pieces(monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "cpu")

    def program(batch):
        x = jax.ShapeDtypeStruct((8, 16, 16, batch), np.float32)
        return str(jax.make_jaxpr(lambda x: convolve(x, np.ones((8, 8, 3, 3), np.float32), padding=1))(x))

    assert "convolution_in_pieces" in program(64)
    assert "convolution_in_pieces" not in program(1)


@pytest.mark.parametrize(
    "name", [pytest.param("stride that leaves a rest", marks=pytest.mark.slow), "second layer of MNIST-1D"]
)
def test_in_float64_the_two_agree_to_rounding(name):
    with jax.enable_x64(True):
        case = drawn(CASES[name], np.float64)
        found = derivatives(shifted_views, *case)
        assert all(leaf.dtype == jnp.float64 for leaf in jax.tree.leaves(found))
        agree(found, derivatives(oracle, *case), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_the_form_for_other_devices_is_the_same_function(name):
    case = drawn(CASES[name])
    np.testing.assert_allclose(library(*case), shifted_views(*case), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("backend", ["cpu", "gpu"])
def test_the_device_chooses_the_form(backend, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    x, kernel, stride, padding = drawn(CASES["3x3 of an image"])
    program = str(jax.make_jaxpr(lambda: convolve(x, kernel, stride=stride, padding=padding))())
    assert ("conv_general_dilated" in program) == (backend == "gpu")


def test_in_float64_a_jacobian_agrees_with_finite_differences():
    with jax.enable_x64(True):
        x, kernel, stride, padding = drawn(CASES["second layer of MNIST-1D"], np.float64)
        direction = np.random.default_rng(2).standard_normal(kernel.shape)
        _, tangent = jax.jvp(lambda k: shifted_views(x, k, stride, padding), (kernel,), (direction,))
        ahead, behind = (shifted_views(x, kernel + h * direction, stride, padding) for h in (1e-4, -1e-4))
        np.testing.assert_allclose(tangent, (ahead - behind) / 2e-4, rtol=1e-8, atol=1e-9)


def test_members_can_be_mapped():
    x, kernel, stride, padding = drawn(CASES["3x3 of an image"])
    kernels = np.stack([kernel, 2 * kernel])
    out = jax.vmap(lambda k: shifted_views(x, k, stride, padding))(kernels)
    np.testing.assert_allclose(out[1], 2 * out[0], rtol=1e-6)


def test_by_hand():
    x = np.arange(9, dtype=np.float32).reshape(1, 3, 3, 1)
    kernel = np.array([[[[1, 0], [0, 10]]]], np.float32)
    assert convolve(x, kernel).squeeze().tolist() == [[40, 51], [73, 84]]


@pytest.mark.parametrize(
    ("space", "size"),
    [
        pytest.param((6, 6), 2, marks=pytest.mark.slow),
        pytest.param((7, 5), 2, marks=pytest.mark.slow),
        ((7,), 3),
        ((4, 4), 1),
    ],
)
def test_pooling_takes_the_largest_of_every_window(space, size):
    x = np.random.default_rng(0).standard_normal((2, *space, 3)).astype(np.float32)
    window = (1, *[size] * len(space), 1)
    whole = lax.reduce_window(x, -jnp.inf, lax.max, window, window, "VALID")
    np.testing.assert_array_equal(max_pool(x, size), whole)
    weights = np.random.default_rng(1).standard_normal(whole.shape).astype(np.float32)

    def ours(x):
        return jnp.vdot(max_pool(x, size), weights)

    def reference(x):
        return jnp.vdot(lax.reduce_window(x, -jnp.inf, lax.max, window, window, "VALID"), weights)

    np.testing.assert_allclose(jax.grad(ours)(x), jax.grad(reference)(x))


def test_equal_entries_share_the_derivative_of_a_pooling():
    slope = jax.grad(lambda x: jnp.sum(max_pool(x, 2)))(jnp.ones((1, 2, 2, 1)))
    np.testing.assert_array_equal(slope, np.full((1, 2, 2, 1), 0.25))


@pytest.mark.parametrize("length", [5, 8, 9])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 1])
def test_output_length_counts_the_places(length, stride, padding):
    places = range(-padding, length + padding - 3 + 1, stride)
    assert output_length(length, 3, stride, padding) == len(places)
    out = convolve(np.ones((1, length, 1)), np.ones((1, 1, 3)), stride=stride, padding=padding)
    assert out.shape == (1, len(places), 1)


def test_errors_say_what_to_do():
    with pytest.raises(DataError, match=r"Put channels first and examples last\."):
        convolve(np.ones((2, 8, 3)), np.ones((4, 3, 3)))
    with pytest.raises(
        DataError, match=r"no larger than the padded input, got \(5,\) on \(2,\) with padding 1"
    ):
        convolve(np.ones((1, 2, 3)), np.ones((4, 1, 5)), padding=1)
    with pytest.raises(DataError, match=r"at least 3 entries along every axis to pool, got shape \(2,\)"):
        max_pool(np.ones((1, 2, 1)), 3)
    with pytest.raises(UsageError, match="kernel of at most 4 taps, got 5 on 2 entries with padding 1"):
        output_length(2, 5, 1, 1)


def test_the_form_for_other_devices_takes_numbers_of_two_kinds_as_the_other_does():
    x, kernel, stride, padding = drawn(CASES["3x3 of an image"])
    with jax.enable_x64(True):
        mixed = (np.asarray(x, np.float64), np.asarray(kernel, np.float32), stride, padding)
        assert library(*mixed).dtype == shifted_views(*mixed).dtype == np.float64
        np.testing.assert_allclose(library(*mixed), shifted_views(*mixed), rtol=1e-6, atol=1e-6)
