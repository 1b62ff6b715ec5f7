"""A bad minimum of any width: the proof against float64, brute force around it, and its refusals."""

from fractions import Fraction

import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.theory.exact_networks import exact, forward, least_squares
from overparam.theory.yun2019 import bad_minimum, prove

RNG = np.random.default_rng(5)
X, Y = RNG.normal(size=(12, 3)), RNG.normal(size=12)


def loss(weights, biases, slope, x=X, y=Y):
    at = x
    for w, b in zip(weights[:-1], biases[:-1], strict=True):
        z = at @ w.T + b
        at = np.where(z > 0, z, slope * z)
    return 0.5 * np.mean(((at @ weights[-1].T + biases[-1])[:, 0] - y) ** 2)


def least():
    design = np.column_stack([np.ones(12), X])
    return 0.5 * np.mean((Y - design @ np.linalg.lstsq(design, Y)[0]) ** 2)


@pytest.mark.parametrize("slope", [0.0, 0.25])
@pytest.mark.parametrize("widths", [[1], [2], [7], [1, 3], [3, 1], [4, 2, 3]])
def test_every_width_and_depth_has_one(widths, slope):
    found = bad_minimum(X, Y, widths, slope)
    assert found.certificate.certified, found.certificate.reason
    assert found.certificate.gradient == 0
    assert found.loss == pytest.approx(least(), rel=1e-12)
    assert loss(found.weights, found.biases, slope) == pytest.approx(found.loss, rel=1e-12)
    assert [w.shape for w in found.weights] == [w.shape for w in found.better_weights]
    assert loss(found.better_weights, found.better_biases, slope) == pytest.approx(found.better_loss, rel=1e-9)
    assert found.better_loss < found.loss * (1 - 1e-6)
    assert 0.5 * np.mean((found.predict(X) - Y) ** 2) == pytest.approx(found.loss, rel=1e-12)
    assert 0.5 * np.mean((found.predict(X, better=True) - Y) ** 2) == pytest.approx(found.better_loss, rel=1e-9)


@pytest.mark.parametrize("widths", [[3], [3, 2]])
def test_no_draw_from_the_box_is_better_and_draws_from_farther_are(widths):
    found = bad_minimum(X, Y, widths)
    radius = found.certificate.radius
    params = [*found.weights, *found.biases]
    rng, depth = np.random.default_rng(0), len(widths) + 1

    def near(size):
        at = [p + size * rng.uniform(-1, 1, p.shape) for p in params]
        return loss(at[:depth], at[depth:], 0.0)

    assert min(near(radius) for _ in range(300)) >= found.loss * (1 - 1e-12)
    corner = [p + radius * rng.choice([-1, 1], p.shape) for p in params]
    assert loss(corner[:depth], corner[depth:], 0.0) >= found.loss * (1 - 1e-12)


def test_the_box_is_not_larger_than_the_place_where_every_unit_stays_on():
    found = bad_minimum(X, Y, [4])
    z = X @ found.weights[0].T + found.biases[0]
    reach = np.abs(X).sum(axis=1)[:, None] + 1
    assert found.certificate.radius <= (z / reach).min()
    assert 2 * found.certificate.radius > (z.min(axis=1) / reach[:, 0]).min()  # the largest power of two below


def test_the_dense_hessian_has_no_negative_eigenvalue():
    import jax
    import jax.numpy as jnp
    from jax.flatten_util import ravel_pytree

    from overparam.studies.local_minima_work import curvature

    found = bad_minimum(X, Y, [2, 2])
    with jax.enable_x64(True):
        flat, back = ravel_pytree([jnp.asarray(p) for p in (*found.weights, *found.biases)])

        def value(theta):
            p, at = back(theta), jnp.asarray(X)
            for w, b in zip(p[:2], p[3:5], strict=True):
                at = jax.nn.relu(at @ w.T + b)
            return 0.5 * jnp.mean(((at @ p[2].T + p[5])[:, 0] - Y) ** 2)

        both = jax.jit(lambda theta: (jax.grad(value)(theta), jax.hessian(value)(theta)))
        slope, dense = (np.asarray(one) for one in both(flat))
    values = np.linalg.eigvalsh(dense)
    assert np.abs(slope).max() <= 1e-13
    assert values[0] >= -1e-12 * values[-1]
    assert curvature(found, X, Y) == pytest.approx(dense, abs=1e-10 * values[-1])


def test_what_is_wrong_is_not_proved():
    found = bad_minimum(X, Y, [3])
    layers = [(exact(w), exact(b)) for w, b in zip(found.weights, found.biases, strict=True)]
    better = [(exact(w), exact(b)) for w, b in zip(found.better_weights, found.better_biases, strict=True)]
    # rounded parameters are no exact critical point
    rounded = prove(layers, better, exact(X), exact(Y), Fraction(0))
    assert not rounded.certified
    assert 0 < rounded.gradient < 1e-12
    assert "stationary" in rounded.reason
    # a unit that is off at one example
    first = found.biases[0].copy()
    first[0] -= 1.5 * float((X @ found.weights[0].T + found.biases[0])[:, 0].min())
    off = prove([(layers[0][0], exact(first)), layers[1]], better, exact(X), exact(Y), Fraction(0))
    assert {one.name for one in off.assumptions if one.state == "fails"} >= {"all on", "stationary", "box"}
    # the same network is not better than itself
    same = prove(layers, layers, exact(X), exact(Y), Fraction(0))
    assert same.lower is None
    assert "not global" in same.reason


def test_dependent_inputs_have_a_least_squares_fit_too():
    x = np.column_stack([X, 2 * X[:, 0], np.ones(12)])
    found = bad_minimum(x, Y, [4])
    assert found.certificate.certified
    assert found.loss == pytest.approx(least(), rel=1e-9)
    linear, constant = least_squares(exact(x), exact(Y))
    fit = x @ np.array([float(one) for one in linear]) + float(constant)
    assert 0.5 * np.mean((fit - Y) ** 2) == pytest.approx(least(), rel=1e-9)


@pytest.mark.parametrize(("a", "b"), [(1e-8, 1.0), (1e6, 1.0), (1.0, 1e-9), (1.0, 1e7)])
def test_scales_of_inputs_and_targets_do_not_matter(a, b):
    found = bad_minimum(a * X, b * Y, [5, 2])
    assert found.certificate.certified, found.certificate.reason
    assert found.loss == pytest.approx(b * b * least(), rel=1e-9)


def test_repeated_inputs_with_the_mean_as_fit_are_not_said_to_be_bad():
    # no function of the inputs is better than the mean of the two labels: the minimum is global
    found = bad_minimum([[0.0], [0.0], [1.0], [1.0]], [0.0, 2.0, 1.0, 3.0], [4])
    assert not found.certificate.certified
    assert found.certificate.lower is None
    assert found.better_weights == ()
    assert "not global" in found.certificate.reason
    with pytest.raises(UsageError, match="better: expected False"):
        found.predict([[0.0]], better=True)


def test_seeds_give_different_minima():
    one, two = (bad_minimum(X, Y, [5], seed=s) for s in (0, 1))
    assert one.loss == two.loss
    assert (one.weights[0] != two.weights[0]).any()


def test_exact_outputs_are_those_of_float64():
    found = bad_minimum(X, Y, [3, 2], 0.5)
    layers = [(exact(w), exact(b)) for w, b in zip(found.better_weights, found.better_biases, strict=True)]
    out = forward(layers, exact(X), Fraction(1, 2))[1].floats()
    assert out == pytest.approx(found.predict(X, better=True), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"x": X[0]}, DataError, r"x: expected shape \(n, inputs\), got \(3,\)"),
        ({"y": Y[:5]}, DataError, r"y: expected shape \(12,\), one target an example, got \(5,\)"),
        ({"y": np.where(np.arange(12) == 3, np.nan, Y)}, DataError, "y: expected finite numbers, got 1"),
        ({"x": np.where(X > 1, np.inf, X)}, DataError, "x: expected finite numbers"),
        ({"y": 1 + np.arange(12.0) * 0}, DataError, "y: expected targets that no linear model fits"),
        ({"x": X[:3], "y": Y[:3]}, DataError, "y: expected targets that no linear model fits"),
        (
            {"x": np.column_stack([X, X[:, 0] / 3 + X[:, 1]])},
            DataError,
            "got column 3, which depends on others but for",
        ),
        ({"widths": []}, UsageError, "widths: expected one number a hidden layer, got none"),
        ({"widths": 5}, UsageError, "widths: expected one number a hidden layer, such as"),
        ({"widths": [0]}, UsageError, "widths: expected a whole number of at least 1"),
        ({"widths": [2.5]}, UsageError, "widths: expected a whole number"),
        ({"widths": [30_000, 30_000]}, UsageError, "widths: expected sizes with at most 3e"),
        ({"slope": 1.0}, UsageError, "slope: expected a number of at least 0 and below 1, got 1.0"),
        ({"slope": float("nan")}, UsageError, "slope: expected"),
        ({"seed": -1}, UsageError, "seed: expected a whole number"),
    ],
)
def test_odd_arguments_are_refused_in_a_sentence(change, error, text):
    with pytest.raises(error, match=text):
        bad_minimum(**({"x": X, "y": Y, "widths": [3]} | change))
