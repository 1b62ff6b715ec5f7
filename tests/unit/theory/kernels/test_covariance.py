"""Kernels of two-layer networks: closed forms against brute force, series and published constants."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overparam.core.errors import DataError, UsageError
from overparam.theory.activations import Activation, activation, leaky_relu, sine
from overparam.theory.kernels import covariance, cross_covariance, second_moment, two_layer_ntk
from overparam.theory.kernels.covariance import closed_form, covariance_with_error, slope_moment
from overparam.theory.kernels.row_angles import angles
from overparam.theory.kernels.series import expand, kernel_by_series

SMOOTH = ("tanh", "erf", "gelu", "softplus", "silu", sine(2.0), "quadratic", "identity")
KINKED = ("relu", leaky_relu(0.2), leaky_relu(-1.0))
CUBE = Activation("cube", lambda z: z**3, lambda z: 3 * z * z, lambda z: 6 * z, math.inf, math.inf, "odd")


def rows(n, d, seed=0, low=0.3, high=2.5):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, d))
    return x / np.linalg.norm(x, axis=1, keepdims=True) * rng.uniform(low, high, (n, 1))


def sphere(n, d, seed=0):
    return rows(n, d, seed, 1.0, 1.0)


def by_quadrature(f, x, z):
    """``E[f(w.x) f(w.z)]`` for two rows: Gauss-Hermite in the plane they span."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(160)
    weights = weights / weights.sum()
    c = (x @ z) / (np.linalg.norm(x) * np.linalg.norm(z))
    first = np.linalg.norm(x) * nodes[:, None]
    second = np.linalg.norm(z) * (c * nodes[:, None] + math.sqrt(max(0.0, 1 - c * c)) * nodes[None, :])
    return float(weights @ (f(first) * f(second)) @ weights)


@pytest.mark.parametrize("act", SMOOTH, ids=str)
def test_smooth_kernels_are_plane_integrals(act):
    act = activation(act)
    x = rows(4, 3, low=0.3, high=1.4)
    for kernel, f in ((covariance(x, act) / (x @ x.T), act.slope), (second_moment(x, act), act.value)):
        want = [[by_quadrature(f, a, b) for b in x] for a in x]
        np.testing.assert_allclose(kernel, want, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("act", KINKED, ids=lambda a: getattr(a, "name", a))
def test_kinked_kernels_are_angle_integrals(act):
    """phi'(r cos t) in the plane of two rows: a uniform angle for the slope; E r^2 = 2 for the value."""
    act = activation(act)
    x = rows(5, 3)
    t = (np.arange(200_000) + 0.5) * (2 * np.pi / 200_000)
    for i, j in ((0, 1), (2, 3), (1, 4), (2, 2)):
        p, q = np.linalg.norm(x[i]), np.linalg.norm(x[j])
        turn = math.acos(np.clip(x[i] @ x[j] / (p * q), -1, 1))
        slopes = (act.slope(np.cos(t)) * act.slope(np.cos(t - turn))).mean()
        values = 2 * (act.value(p * np.cos(t)) * act.value(q * np.cos(t - turn))).mean()
        assert covariance(x, act)[i, j] == pytest.approx(slopes * (x[i] @ x[j]), abs=1e-4)
        assert second_moment(x, act)[i, j] == pytest.approx(values, abs=1e-4)


@pytest.mark.parametrize("act", ["erf", "sine", sine(2.0), "quadratic", "identity"], ids=str)
def test_closed_forms_are_their_series(act):
    act = activation(act)
    geometry = angles(rows(20, 4))
    for closed, f in zip(closed_form(act), (act.slope, act.value), strict=True):
        series, left_out = kernel_by_series(f, geometry)
        want = closed(geometry)
        assert np.abs(series - want).max() <= 1e-13 * np.abs(want).max() + left_out


def test_a_wide_network_has_these_kernels():
    rng = np.random.default_rng(3)
    x, units = rows(6, 4), 200_000
    pre = x @ rng.standard_normal((4, units))
    for name in ("relu", "tanh", "gelu", "erf"):
        act = activation(name)
        slopes = act.slope(pre) @ act.slope(pre).T / units * (x @ x.T)
        values = act.value(pre) @ act.value(pre).T / units
        assert np.abs(slopes - covariance(x, name)).max() <= 5 / math.sqrt(units) * np.abs(slopes).max()
        assert np.abs(values - second_moment(x, name)).max() <= 8 / math.sqrt(units) * np.abs(values).max()
        np.testing.assert_allclose(two_layer_ntk(x, name), covariance(x, name) + second_moment(x, name))


@pytest.mark.parametrize("act", ["relu", "tanh", sine(2.0), "erf"], ids=str)
def test_cross_kernels_are_blocks(act):
    x = rows(9, 3)
    whole = covariance(x, act)
    np.testing.assert_allclose(cross_covariance(x[:4], x[4:], act), whole[:4, 4:], rtol=1e-13, atol=1e-15)
    features = second_moment(x, act)
    np.testing.assert_allclose(second_moment(x[:4], act, x[4:]), features[:4, 4:], rtol=1e-13, atol=1e-15)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([*SMOOTH, *KINKED]), st.integers(1, 12), st.integers(1, 5))
def test_kernels_are_symmetric_and_positive(seed, act, n, d):
    x = rows(n, d, seed)
    if n > 2:
        x[1] = -x[0]
        x[2] = x[0] * (1 + 1e-9)
    matrix, error = covariance_with_error(x, act)
    for kernel in (matrix, second_moment(x, act)):
        assert np.array_equal(kernel, kernel.T)
        values = np.linalg.eigvalsh(kernel)
        assert values[0] >= -4e-15 * n * values[-1] - 10 * error


LONG = np.longdouble
LONG_PI = LONG(np.pi) + LONG(1.2246467991473532e-16)
needs_longer_numbers = pytest.mark.skipif(np.finfo(LONG).eps > 1e-18, reason="no longer numbers here")


def longer(x, act):
    """The covariance from its formula in 80-bit numbers."""
    y = x.astype(LONG)
    inner = y @ y.T
    q = np.diag(inner)
    if act == "relu":
        u = y / np.sqrt(q)[:, None]
        apart, together = (np.sqrt(((u[:, None] + s * u[None, :]) ** 2).sum(-1)) for s in (-1, 1))
        return inner * (LONG_PI - 2 * np.arctan2(apart, together)) / (2 * LONG_PI)
    if act == "erf":
        return inner * (4 / LONG_PI) / np.sqrt((1 + 2 * q[:, None]) * (1 + 2 * q[None, :]) - 4 * inner**2)
    if act == "sine":
        return inner * np.exp(-(q[:, None] + q[None, :]) / 2) * np.cosh(inner)
    return {"quadratic": 4 * inner**2, "identity": inner}[act]


@needs_longer_numbers
@pytest.mark.parametrize("act", ["relu", "erf", "sine", "quadratic", "identity"])
def test_the_forming_error_covers_an_attack(act):
    """Random norms, copies, opposites and multiples, exact or nearly so."""
    rng = np.random.default_rng(5)
    for _ in range(60):
        n, d = int(rng.integers(2, 12)), int(rng.integers(1, 40))
        x = rng.standard_normal((n, d)) * 10.0 ** rng.uniform(-2, 0.5, (n, 1))
        for _ in range(2):
            i, j = rng.permutation(n)[:2]
            near = 10.0 ** rng.uniform(-16, -1) * rng.standard_normal(d) * np.abs(x[j]).max()
            x[i] = x[j] * rng.choice([-1.0, 1.0, 0.5, -3.0]) + near
        matrix, error = covariance_with_error(x, act)
        off = float(np.linalg.norm((matrix.astype(LONG) - longer(x, act)).astype(float)))
        assert off <= error
    assert covariance_with_error(sphere(20, 20), act)[1] <= 5e-12  # and it is of use


SLOPES = {"tanh": lambda z: 1 - np.tanh(z) ** 2, "softplus": lambda z: 1 / (1 + np.exp(-z))}


@needs_longer_numbers
@pytest.mark.parametrize("name", SLOPES)
def test_the_forming_error_covers_the_series(name):
    """The series again in 80-bit numbers with half the step."""
    x = rows(8, 5, 2, 0.3, 1.5)
    matrix, error = covariance_with_error(x, name)
    y = x.astype(LONG)
    norm = np.sqrt((y * y).sum(1))
    nodes = LONG(0.01) * np.arange(-1500, 1501)
    before, now = np.zeros_like(nodes), np.exp(-nodes * nodes / 4) * np.sqrt(LONG(0.01) / np.sqrt(2 * LONG_PI))
    values = SLOPES[name](norm[:, None] * nodes) * now
    cosine = (y @ y.T) / np.multiply.outer(norm, norm)
    total, power = np.zeros_like(cosine), np.ones_like(cosine)
    for order in range(700):
        c = values @ now
        total += np.multiply.outer(c, c) * power
        power = power * cosine
        before, now = now, (nodes * now - np.sqrt(LONG(order)) * before) / np.sqrt(LONG(order + 1))
    assert float(np.linalg.norm((matrix.astype(LONG) - total * (y @ y.T)).astype(float))) <= error
    assert error <= 1e-12 * len(x) ** 2


def test_angles_keep_their_digits_where_the_arc_cosine_is_zero():
    for tiny in (1e-4, 1e-6, 1e-8, 1e-12, 1e-15):
        pair = np.array([[math.cos(0.3), math.sin(0.3), 0.0]] * 2)
        pair[1, 2] = tiny  # the angle is atan(tiny) up to the rounding of the first row's norm
        assert angles(pair).angle[0, 1] == pytest.approx(math.atan(tiny), rel=1e-14)
        turned = angles(pair * np.array([[1.0], [-1.0]])).angle[0, 1]
        assert np.pi - turned == pytest.approx(math.atan(tiny), rel=1e-14, abs=5e-16)
        naive = math.acos(min(1.0, float(pair[0] @ pair[1]) / math.hypot(*pair[0]) / math.hypot(*pair[1])))
        assert tiny > 1e-6 or abs(naive / tiny - 1) > 1e-5
    relative = angles(np.array([[1.0, 0.0], [1.0, 1e-12]])).angle[0, 1] / 1e-12
    assert relative == pytest.approx(1.0, abs=1e-15)


def test_close_rows_of_different_norms_keep_digits():
    x = np.array([[1.0, 2.0, -3.0], [0.0, 0.0, 0.0]])
    x[1] = 1.25 * x[0]
    x[1, 0] += 1e-9
    e = np.array([1.0, 0.0, 0.0])
    across = e - (x[0] @ e) / (x[0] @ x[0]) * x[0]
    want = 1e-9 * np.linalg.norm(across) / np.linalg.norm(x[1])
    assert angles(x).angle[0, 1] == pytest.approx(want, rel=1e-5)


def test_near_duplicates_keep_the_smallest_eigenvalue():
    """Two unit rows at a small angle t: eigenvalues of the ReLU covariance are 1/2 -+ cos t (pi - t)/(2 pi)."""
    for tiny in (1e-3, 1e-7, 1e-10):
        x = np.array([[1.0, 0.0], [math.cos(tiny), math.sin(tiny)]])
        want = 0.5 * (tiny / math.pi + tiny**2 / 2)
        assert np.linalg.eigvalsh(covariance(x, "relu"))[0] == pytest.approx(
            want, rel=1e-2 if tiny < 1e-9 else 1e-6
        )


CONSTANTS = {  # activation: mu_0, mu_1, mu_2 on unit rows
    "softplus": (0.500000, 0.206621, 0.0),
    "gelu": (0.500000, 0.423142, 0.0),
    "silu": (0.500000, 0.350845, 0.0),
    "tanh": (0.605706, 0.0, -0.257101),
    "erf": (0.651470, 0.0, -0.307106),
}


@pytest.mark.parametrize("name", CONSTANTS)
def test_coefficients_meet_recorded_constants(name):
    found = expand(activation(name).slope, np.ones(1)).coefficients[0, :3]
    np.testing.assert_allclose(found, CONSTANTS[name], atol=6e-7)


def test_coefficients_of_the_sine_are_known():
    omega = 1.7
    found = expand(sine(omega).slope, np.array([1.0, 2.0])).coefficients[:, :5]
    for row, s in zip(
        found, (omega, 2 * omega), strict=True
    ):  # E cos(s g) h_r = (-1)^(r/2) s^r e^(-s^2/2)/sqrt(r!)
        want = [
            omega * math.exp(-s * s / 2) * (1, 0, -1, 0, 1)[r] * s**r / math.sqrt(math.factorial(r))
            for r in range(5)
        ]
        np.testing.assert_allclose(row, want, atol=1e-14)


def test_long_rows_still_have_their_kernel():
    x = np.array([[5.0, 0.0], [3.0, 4.0], [0.0, -5.0]])
    t = np.linspace(-14, 14, 1401)
    w = np.exp(-t * t / 2)
    w /= w.sum()
    slope = activation("tanh").slope
    want = w @ (slope(5 * t)[:, None] * slope(5 * (0.6 * t[:, None] + 0.8 * t[None, :]))) @ w
    assert slope_moment(angles(x), "tanh")[0][0, 1] == pytest.approx(want, rel=1e-11)


BAD = [
    (lambda: covariance(np.ones(3), "relu"), DataError, r"x: expected shape \(n, features\).*got \(3,\)"),
    (lambda: covariance(np.ones((0, 3)), "relu"), DataError, r"at least one row"),
    (lambda: covariance([[1.0, np.nan]], "relu"), DataError, "got 1 that are missing or infinite"),
    (lambda: covariance([["a"]], "relu"), DataError, "x: expected real numbers"),
    (lambda: covariance([[1e200]], "relu"), DataError, "Rescale the inputs"),
    (lambda: covariance(np.eye(2), "rellu"), UsageError, "Did you mean 'relu'"),
    (lambda: cross_covariance(np.eye(2), np.eye(3), "relu"), DataError, "expected 2 features, got 3"),
    (
        lambda: covariance([[2000.0, 0.0]], "tanh"),
        UsageError,
        "row norms: expected at most 1000.*Normalise the rows",
    ),
    (
        lambda: covariance([[50.0, 0.0], [50.0, 1.0]], "tanh"),
        UsageError,
        "long .*almost parallel. Normalise the rows",
    ),
]


@pytest.mark.parametrize(("call", "kind", "text"), BAD)
def test_bad_inputs_are_told(call, kind, text):
    with pytest.raises(kind, match=text):
        call()


def test_activations_without_a_closed_form():
    x = rows(4, 3, high=1.2)
    inner = x @ x.T
    q = np.diag(inner)
    want = (9 * (np.multiply.outer(q, q) + 2 * inner**2)) * inner  # E 9 a^2 b^2
    np.testing.assert_allclose(covariance(x, CUBE), want, rtol=1e-12)
    kink = Activation("clip", np.abs, np.sign, None, 1.0, math.inf, "even")
    with pytest.raises(UsageError, match="a slope that does not jump"):
        covariance(x, kink)
    bent = Activation("huber", np.square, lambda z: np.clip(z, -1, 1), np.ones_like, 1.0, 1.0, "even")
    with pytest.raises(UsageError, match="analytic near the real line"):
        covariance(x, bent)


def test_zero_rows_have_zero_kernels_of_the_hidden_layer():
    x = np.array([[0.0, 0.0], [1.0, 0.0]])
    for name in ("relu", "softplus", "erf", sine(1.0)):
        assert covariance(x, name)[0].tolist() == [0.0, 0.0]
    assert second_moment(x, "softplus")[0, 0] == pytest.approx(math.log(2) ** 2, rel=1e-14)
