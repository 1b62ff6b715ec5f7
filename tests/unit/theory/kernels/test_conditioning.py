"""Conditioning of the covariance: exact singularity rules, proved floors, Hermite, Schur and Chernoff bounds."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overparam.core.errors import DataError, UsageError
from overparam.theory.activations import activation, leaky_relu, sine
from overparam.theory.kernels import (
    chernoff_width,
    concentration_ratio,
    conditioning,
    covariance,
    hermite_bound,
    hermite_covariance,
    hermite_terms,
    jacobian_gram,
    schur_bounds,
    slope_coefficients,
    why_singular,
    with_constant,
)

ALL = (
    *("relu", leaky_relu(0.1), leaky_relu(-1.0), "tanh", "erf", "gelu", "softplus", "silu", sine(2.0)),
    *("quadratic", "identity"),
)


def sphere(n, d, seed=0):
    x = np.random.default_rng(seed).standard_normal((n, d))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def kappas(act, d, n, draws=12):
    return np.array([conditioning(sphere(n, d, s), act).kappa for s in range(draws)])


@pytest.mark.parametrize(
    ("act", "d", "n", "published"),
    [
        ("softplus", 20, 20, 55), ("softplus", 20, 40, 78), ("softplus", 20, 80, 160), ("softplus", 20, 160, 767),
        ("softplus", 20, 320, 3206), ("relu", 20, 20, 9.0), ("relu", 20, 320, 16.5), ("tanh", 20, 20, 21),
        ("tanh", 20, 320, 32), (sine(2.0), 40, 40, 1.01),
        pytest.param(sine(2.0), 40, 1280, 0.81, marks=pytest.mark.slow),
    ],
    ids=str,
)  # fmt: skip
def test_recorded_kappas_are_single_draws_of_ours(act, d, n, published):
    """Recorded with two digits from one unknown draw: inside the 99.9 % prediction interval, widened by half a digit."""
    found = kappas(act, d, n, 4 if n > 1000 else 12)
    half = {4: 12.9, 12: 4.4}[len(found)] * found.std(ddof=1) * math.sqrt(1 + 1 / len(found))
    assert abs(published - found.mean()) <= half + 0.03 * published
    assert half <= 0.8 * found.mean()


# ------------------------------------------------------------------------------------------ why it is singular


def names(x, act):
    return [one.name for one in why_singular(x, act)]


@pytest.mark.parametrize("act", ["relu", "softplus", "gelu", "silu"])
def test_more_antipodal_pairs_than_dimensions_are_singular(act):
    for pairs, singular in ((4, False), (5, True)):
        half = sphere(pairs, 4, 7)
        found = conditioning(np.concatenate([half, -half]), act)
        assert found.singular is singular
        assert found.zero_directions == (1 if singular else 0)
        assert [one.name for one in found.why_singular] == (["antipodal rows"] if singular else [])
        assert found.lower == 0.0 if singular else found.lower > 1e-6
        assert abs(found.smallest) < 1e-14 if singular else found.smallest > 1e-5
        assert math.isinf(found.kappa) is singular
        assert conditioning(with_constant(np.concatenate([half, -half])), act).lower > 1e-8


def test_fewer_pairs_are_singular_where_their_directions_are_dependent():
    half = np.array(
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.6, 0.8, 0.0]]
    )  # three pairs in a plane of three dimensions
    assert names(np.concatenate([half, -half]), "softplus") == ["antipodal rows"]
    assert conditioning(np.concatenate([half, -half]), "relu").zero_directions == 1
    assert names(np.concatenate([half[:2], -half[:2]]), "softplus") == []


@pytest.mark.parametrize("act", ["tanh", "erf", sine(2.0), "quadratic", leaky_relu(-1.0)], ids=str)
def test_one_antipodal_pair_is_enough_for_odd_and_even(act):
    x = sphere(4, 4)
    x[1] = -x[0]
    found = conditioning(x, act)
    assert [one.name for one in found.why_singular] == ["antipodal rows"]
    assert found.why_singular[0].rows == (0, 1)
    assert found.lower == 0.0
    assert conditioning(with_constant(x), act).lower > 1e-9


def test_multiples_are_alike_for_relu_only():
    x = np.array([[1.0, 0.5], [3.0, 1.5], [0.2, 1.0]])
    assert names(x, "relu") == ["parallel rows"]
    for act in ("tanh", "softplus", "gelu", sine(1.0), "erf"):
        assert names(x, act) == []
        assert conditioning(x, act).lower > 0
    assert conditioning(with_constant(x), "relu").lower > 0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(ALL), st.integers(2, 4))
def test_the_causes_count_the_zero_eigenvalues(seed, act, d):
    """Rows planted with zeros, copies, opposites, multiples and low-dimensional parts: the rule gives the nullity."""
    rng = np.random.default_rng(seed)
    x = sphere(int(rng.integers(1, 5)), d, seed)
    if rng.random() < 0.5:
        x[:, 0] = 0.0
        x[x.any(axis=1)] /= np.linalg.norm(x[x.any(axis=1)], axis=1, keepdims=True)
    extra = [sign * x[rng.integers(len(x))] for sign in rng.choice([-2.0, -1.0, 0.0, 1.0, 2.0], 3)]
    x = np.concatenate([x, extra])
    values = np.linalg.eigvalsh(covariance(x, act))
    known = sum(one.directions for one in why_singular(x, act))
    assert (np.abs(values[:known]) <= 1e-13 * values[-1]).all()
    # every further eigenvalue is positive; with so few rows none is small for every activation
    assert known == len(x) or values[known] > 1e-12 * values[-1]
    found = conditioning(x, act)
    assert found.zero_directions >= known
    assert not known or (found.singular and found.lower == 0.0)


def test_quadratics_fit_as_many_rows_as_there_are_products():
    assert conditioning(sphere(10, 4), "quadratic").lower > 0
    found = conditioning(sphere(11, 4), "quadratic")
    assert [(one.name, one.directions) for one in found.why_singular] == [("dependent products", 1)]
    assert "at most 10" in found.why_singular[0].sentence
    assert names(sphere(5, 4), "identity") == ["dependent rows"]


def test_zero_and_copied_rows_are_named_and_their_targets_counted():
    x = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 0.0], [0.0, 1.0]])
    found = conditioning(x, "softplus", y=[1.0, -1.0, 1.0, 1.0])
    assert [one.name for one in found.why_singular] == ["zero rows", "duplicated rows"]
    assert found.zero_directions == 2
    assert found.lost_share == pytest.approx(3 / 4)  # the copies disagree by 2, and the zero row
    assert "share of |y|^2 in these directions: 0.75" in str(found)
    assert "1 row is zero" in str(found)
    assert conditioning(x[[0, 3]], "softplus", y=[1.0, 1.0]).lost_share == 0.0
    assert conditioning(x, "softplus", y=np.zeros(4)).lost_share == 0.0


def test_what_float64_cannot_tell_from_zero_is_said():
    x = np.array([[1.0, 0.0], [0.0, 1.0], [math.cos(1e-9), math.sin(1e-9)]])
    found = conditioning(x, "softplus")
    assert [one.name for one in found.why_singular] == ["below rounding"]
    assert found.closest == pytest.approx(1e-9, rel=1e-6)
    assert math.isinf(found.kappa)
    assert math.isinf(found.chernoff_width())
    assert "no exact cause" in str(found)
    assert conditioning(x, "relu").smallest == pytest.approx(0.5 * 1e-9 / math.pi, rel=1e-3)


def test_targets_are_checked():
    with pytest.raises(DataError, match=r"y: expected shape \(2,\) or \(2, outputs\)"):
        conditioning(np.eye(2), "relu", y=[1.0])
    with pytest.raises(DataError, match="y: expected finite numbers"):
        conditioning(np.eye(2), "relu", y=[1.0, np.nan])


# ------------------------------------------------------------------------------------------------ lower bounds


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(ALL), st.integers(1, 30), st.integers(1, 8), st.booleans())
def test_no_lower_bound_is_above_the_eigenvalue(seed, act, n, d, unit):
    x = sphere(n, d, seed)
    if not unit:
        x = x * np.random.default_rng(seed).uniform(0.1, 3, (n, 1))
    found = conditioning(x, act)
    true = found.smallest + found.error
    assert 0 <= found.lower <= max(true, 0.0)
    assert found.singular or found.lower >= found.smallest - 20 * found.error
    for orders in (1, 3, 12):
        bound = hermite_bound(x, act, orders)
        assert 0 <= bound.lower <= max(true, 0.0)
        assert bound.rest >= 0
        assert bound.truncated <= true
    assert hermite_terms(x, act, 4).max() <= true


def test_near_copies_never_fool_the_floor():
    """One pair at angle t in a plane: the ReLU eigenvalue is (t/pi + t^2/2)/2 - O(t^3), known to all digits."""
    for tiny in np.geomspace(1e-15, 1e-3, 25):
        found = conditioning(np.array([[1.0, 0.0], [math.cos(tiny), math.sin(tiny)]]), "relu")
        assert found.lower <= 0.5 * (tiny / math.pi + tiny**2 / 2)
        assert tiny < 1e-11 or found.lower >= 0.15 * tiny - 1e-14 - found.error


@pytest.mark.parametrize("name", ["softplus", "gelu", "silu", "tanh", "erf", "relu"])
def test_cut_series_and_covariance_agree_within_the_tail(name):
    x = sphere(40, 10)
    whole = covariance(x, name)
    for orders in (1, 4, 20, 60):
        cut, rest = hermite_covariance(x, name, orders)
        assert (np.abs(whole - cut) <= rest + 1e-14).all()
        assert np.linalg.eigvalsh(whole - cut)[0] >= -1e-13
    largest = {"relu": 0.2, "tanh": 2e-8, "softplus": 1e-12, "gelu": 1e-12, "silu": 1e-12, "erf": 5e-12}[name]
    assert np.abs(whole - cut).max() <= largest  # 60 terms


def test_the_lemma_is_a_bound_with_the_coefficient_counted_from_zero():
    x = sphere(30, 10)
    square = (x @ x.T) ** 2
    for name in ("softplus", "gelu", "silu", "relu"):
        mu = slope_coefficients(name, 3)
        found = np.linalg.eigvalsh(covariance(x, name))[0]
        lemma = mu[1] ** 2 * np.linalg.eigvalsh(square)[0]
        assert 0.1 * found < lemma < found  # informative, and no equality
        assert hermite_terms(x, name, 2)[1] == pytest.approx(lemma, rel=1e-9)
    assert abs(hermite_terms(x, "tanh", 2)[1]) < 1e-15  # empty for odd phi
    assert hermite_terms(x, "tanh", 3)[2] > 0.01


def test_the_bound_on_the_rest_is_tight_for_orthogonal_rows():
    bound = hermite_bound(np.eye(5), "relu", 7)
    assert bound.lower == pytest.approx(0.5, rel=1e-12)
    assert bound.truncated < 0.48


def test_steps_of_leaky_relu_have_closed_coefficients():
    below, many = 0.3, 400
    mu = slope_coefficients(leaky_relu(below), many)
    t = np.linspace(0, 12, 200_001)
    before, now = np.zeros_like(t), np.exp(-t * t / 2) / math.sqrt(2 * math.pi)
    for r in range(12):  # h_r is even or odd: E = int_0^inf (1 + below (-1)^r) h_r density
        want = np.trapezoid(now, t) * (1 + below * (-1) ** r)
        assert mu[r] == pytest.approx(want, abs=1e-9)
        before, now = now, (t * now - math.sqrt(r) * before) / math.sqrt(r + 1)
    assert float(mu @ mu) == pytest.approx(0.5 * (1 + below**2), abs=0.02)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 8), st.integers(1, 8))
def test_schur_holds(seed, n, rank):
    rng = np.random.default_rng(seed)
    a, b = (f @ f.T for f in rng.standard_normal((2, n, rank)))
    found = schur_bounds(a, b)
    slack = 1e-12 * np.linalg.norm(a, 2) * np.linalg.norm(b, 2)
    assert found.lower <= found.smallest + slack
    assert found.largest <= found.upper + slack
    assert found.lower >= 0


def test_schur_needs_the_factor_that_is_positive_definite():
    x = sphere(40, 10)
    slopes = covariance(x, "relu") / (x @ x.T)
    assert schur_bounds(slopes, x @ x.T).lower == pytest.approx(np.linalg.eigvalsh(slopes)[0])
    assert abs(np.linalg.eigvalsh(x @ x.T)[0]) < 1e-14
    with pytest.raises(DataError, match="one shape"):
        schur_bounds(np.eye(2), np.eye(3))
    with pytest.raises(DataError, match="symmetric"):
        schur_bounds([[1.0, 2.0], [0.0, 1.0]], np.eye(2))


# ----------------------------------------------------------------------------------------------- finite width


def test_the_gram_matrix_is_that_of_the_jacobian():
    rng = np.random.default_rng(0)
    w, v, x = rng.standard_normal((7, 4)), rng.standard_normal(7), rng.standard_normal((5, 4))
    for name in ("tanh", "relu", "quadratic"):
        act = activation(name)
        j = np.stack([np.outer(v * act.slope(w @ row), row).ravel() for row in x])
        np.testing.assert_allclose(jacobian_gram(w, v, x, act), j @ j.T, rtol=1e-12, atol=1e-14)
    step = 1e-6
    f = lambda m: activation("tanh").value(x @ m.T) @ v  # noqa: E731
    numeric = np.stack(
        [(f(w + e) - f(w - e)) / (2 * step) for e in step * np.eye(w.size).reshape(-1, *w.shape)]
    ).T
    np.testing.assert_allclose(jacobian_gram(w, v, x, "tanh"), numeric @ numeric.T, rtol=1e-7)
    with pytest.raises(DataError, match=r"weights: expected shape \(units, 4\)"):
        jacobian_gram(w, v[:3], x, "relu")


def test_recorded_ratios_of_concentration():
    """n = 40, d = 20, softplus: .67 at 10 units, .947 at 40, 1.00 from 160 on; one unknown draw each."""
    rng = np.random.default_rng(1)
    x = sphere(40, 20, 3)
    for units, published in ((10, 0.67), (40, 0.947), (160, 1.0)):
        found = [
            concentration_ratio(rng.standard_normal((units, 20)), np.ones(units), x, "softplus")
            for _ in range(20)
        ]
        assert abs(np.mean(found) - published) <= 4 * np.std(found, ddof=1) + 0.02
        assert np.std(found) < 0.1
    with pytest.raises(UsageError, match="the limit is singular"):
        concentration_ratio(np.eye(20), np.ones(20), np.concatenate([x, x]), "softplus")
    with pytest.raises(DataError, match="not all zero"):
        concentration_ratio(np.eye(20), np.zeros(20), x, "softplus")


def test_the_chernoff_width():
    x = sphere(40, 20)
    found = conditioning(x, "softplus")
    want = 8 * np.linalg.norm(x, 2) ** 2 * math.log(40 / 0.05) / found.smallest
    assert found.chernoff_width() == pytest.approx(want, rel=1e-12)
    assert math.isinf(conditioning(x, "quadratic").chernoff_width())
    assert conditioning(x, sine(2.0)).chernoff_width() < want
    for change, text in (
        ({"failure": 1.0}, "a probability between 0 and 1"),
        ({"largest_slope": -1.0}, "largest_slope: expected"),
        ({"n": 0}, "n: expected a whole number"),
    ):
        with pytest.raises(UsageError, match=text):
            chernoff_width(**{"n": 4, "norm": 1.0, "smallest": 0.1, "largest_slope": 1.0} | change)
