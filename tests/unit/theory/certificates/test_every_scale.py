"""Directed rounding against exact rational arithmetic, from the subnormal numbers to the largest ones."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from overparam.core.errors import DataError, OverparamError
from overparam.theory.certificates import (
    certify_jacobian,
    certify_two_layer,
    fourth_moment,
    largest_eigenvalue_bound,
    smallest_eigenvalue_bound,
)
from overparam.theory.certificates.deep_lipschitz import spectral_norm_bound
from overparam.theory.certificates.exact import exact_array
from overparam.theory.certificates.interpolation import assumptions, smaller_root
from overparam.theory.certificates.rounding import (
    LARGEST,
    above,
    below,
    exponent_of,
    norm_above,
    over_above,
    row_norms_above,
    scaled,
    scaled_above,
    scaled_below,
    sum_above,
)
from overparam.theory.certificates.words import at_least, at_most

F = Fraction
LEAST, NORMAL = 5e-324, 2.0**-1022
EDGES = (
    0.0,
    LEAST,
    3 * LEAST,
    NORMAL - LEAST,
    NORMAL,
    1e-300,
    1e-160,
    2.0**-53,
    1.0,
    1 + 2.0**-52,
    1e160,
    LARGEST,
)
RNG = np.random.default_rng(12)
DRAWN = tuple((RNG.uniform(0.5, 1, 60) * 2.0 ** RNG.uniform(-1074, 1023, 60)).tolist())
VALUES = EDGES + DRAWN


def exact(value: float) -> Fraction | float:
    return F(value) if math.isfinite(value) else math.inf


def root_is_at_most(square: Fraction, value: float) -> bool:
    return math.isinf(value) or F(value) ** 2 >= square


@pytest.mark.parametrize("value", VALUES)
def test_scalars_are_moved_outwards_by_the_slack(value):
    slack = 1 + F(1, 10**13) * F(99, 100)
    assert exact(above(value)) >= F(value) * slack
    assert F(below(value)) <= F(value) / slack
    assert exact(sum_above(value, LEAST)) >= F(value) + F(LEAST)
    assert exact(over_above(value, 3.0)) >= F(value) / 3
    assert exact(over_above(1e-200, value)) >= (F(1e-200) / F(value) if value else 0)


def test_what_is_no_number_is_moved_to_the_safe_side():
    assert above(math.nan) == sum_above(math.nan, 1.0) == above(math.inf) == math.inf
    assert below(math.nan) == below(-1.0) == 0.0
    assert below(math.inf) < LARGEST  # an overflow stands for some number above the largest
    assert norm_above(np.array([math.nan, 1.0])) == math.inf
    assert over_above(0.0, 0.0) == math.inf


@pytest.mark.parametrize("exponent", [-3000, -1074, -1000, -1, 0, 1, 900, 1074, 3000])
def test_powers_of_two_round_outwards(exponent):
    for value in VALUES:
        true = F(value) * F(2) ** exponent
        up, down = scaled_above(value, exponent), scaled_below(value, exponent)
        assert exact(up) >= true >= F(down)
        assert down <= scaled(value, exponent) <= up
        assert up <= math.nextafter(down, math.inf)
        if value:
            assert 0.5 <= math.ldexp(value, -exponent_of(value)) < 1


@pytest.mark.parametrize("size", [LEAST, 1e-310, 1e-200, 1.0, 1e200, 1.7e308])
def test_norms_are_bounds_at_every_size(size):
    for values in ([1.0], [1.0, 1.0], [0.3, -0.7, 0.0], [1.0, 1e-170, 1e-320], [0.0, 0.0]):
        array = np.array(values) * size
        square = sum(F(v) ** 2 for v in array.tolist())
        found = norm_above(array)
        assert root_is_at_most(square, found)
        each = row_norms_above(np.stack([array, 0 * array, array[::-1] * 0.5]))
        assert root_is_at_most(square, each[0])
        assert each[1] == 0
        if square and math.isfinite(found):
            assert F(found) <= math.isqrt(int(square * 4**1100)) / F(2**1100) * (1 + F(1, 10**12)) + 2 * F(
                LEAST
            )


ROOTS = [
    (1e200, 1e-10, 1e100),
    (1e-170, 1e-200, 1e-140),
    (1.0, 0.5, 1.0),
    (1.0, 1.0, 0.5),  # equal roots: 2 L q = sigma^2
    (1e-160, 1.0, 5e-321),
    (LEAST, 0.0, LEAST),
    (LARGEST, LARGEST, LARGEST),
    (LARGEST, LEAST, LARGEST),
    (1.0, LARGEST, LEAST),
    (1e-300, 1e300, 1e-300),
    (0.0, 1.0, 1.0),
    (0.0, 1.0, 0.0),
    (1.0, 0.0, LARGEST),
]


def check_root(sigma, bend, need):
    """Exactly: is there a root, and is the returned number at least the smaller one?"""
    found = smaller_root(sigma, bend, need)
    s, b, q = F(sigma), F(bend), F(need)
    exists = q == 0 or (s > 0 and 2 * b * q <= s * s)
    if not exists:
        assert found == math.inf
    if math.isfinite(found):
        root = F(found)
        # s t - b t^2/2 - q is at least 0 from the smaller root to the larger one, around s/b
        assert s * root - b * root * root / 2 >= q or (b and root >= s / b)
    elif exists:  # no number: the root is beyond float64, or roots nearly meet
        assert 4 * q / s >= F(LARGEST) or 2 * b * q >= s * s * (1 - F(1, 10**14))
    states = [one.state for one in assumptions(sigma, bend, need)]
    assert states[0] == ("holds" if 2 * b * q <= s * s else "fails")
    return found


@pytest.mark.parametrize(("sigma", "bend", "need"), ROOTS)
def test_the_smaller_root_is_a_bound_where_there_is_one(sigma, bend, need):
    check_root(sigma, bend, need)


def test_the_smaller_root_of_the_examples():
    assert smaller_root(1e200, 1e-10, 1e100) == pytest.approx(1e-100, rel=1e-12)
    assert smaller_root(1e-170, 1e-200, 1e-140) == math.inf


def test_the_smaller_root_of_drawn_numbers():
    rng, found = np.random.default_rng(0), []
    for _ in range(400):
        sigma, bend = (float(v) for v in 10.0 ** rng.uniform(-300, 300, 2))
        share = float(rng.choice([1e-9, 0.3, 0.999999, 1.0, 1.0000001, 7.0]))
        need = F(sigma) ** 2 / F(bend) / 2 * F(share)
        if F(LEAST) < need < F(LARGEST):
            found.append(check_root(sigma, bend, float(need)))
    assert 30 < sum(map(math.isfinite, found)) < len(found)


def minors_are_positive(matrix, shift):
    """Whether ``matrix - shift I`` is positive semidefinite, by all principal minors in rational arithmetic."""
    n = len(matrix)
    a = [[F(matrix[i][j]) - (shift if i == j else 0) for j in range(n)] for i in range(n)]
    found = [a[i][i] for i in range(n)]
    found += [a[i][i] * a[j][j] - a[i][j] ** 2 for i in range(n) for j in range(i)]
    if n == 3:
        found.append(
            a[0][0] * (a[1][1] * a[2][2] - a[1][2] ** 2)
            - a[0][1] * (a[0][1] * a[2][2] - a[1][2] * a[0][2])
            + a[0][2] * (a[0][1] * a[1][2] - a[1][1] * a[0][2])
        )
    return all(minor >= 0 for minor in found)


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("power", [-1074, -1073, -1070, -1060, -1022, -500, 0, 500, 1010])
def test_eigenvalue_bounds_are_proofs_at_every_size(n, power):
    """Integer Gram matrices times a power of two: exact, also where all entries are subnormal."""
    rng = np.random.default_rng(n)
    for trial in range(12):
        a = rng.integers(-6, 7, size=(n, n + 1 - trial % 2))
        whole = (a @ a.T).astype(float)
        gram = np.ldexp(whole, power)
        if not np.array_equal(np.ldexp(gram, -power), whole):
            continue
        error = float(rng.choice([0.0, 0.25, 1.5])) * 2.0 ** max(power, -1074)
        low, high = smallest_eigenvalue_bound(gram, error), largest_eigenvalue_bound(gram, error)
        rows = gram.tolist()
        # every matrix within the error: the bound holds for gram -+ error I
        assert low == 0 or minors_are_positive(rows, F(low) + F(error))
        assert math.isinf(high) or minors_are_positive((-gram).tolist(), -F(high) + F(error))
        if power > -1000 and n > 1 and error == 0 and np.linalg.matrix_rank(whole) == n:
            assert low > 0


@pytest.mark.parametrize("size", [1e-300, 1e-160, 1e-150, 1e150, 1e160, 1e300])
def test_a_jacobian_of_any_size_has_the_same_proof(size):
    """J -> a J, r -> b r, L -> a^2/b L: h, yes or no, kept share and steps in their units stay."""
    rng = np.random.default_rng(3)
    j, r = rng.normal(size=(3, 7)), rng.normal(size=3) * 0.1
    power = 2.0 ** math.frexp(size)[1]
    for bend in (0.5, 30.0):
        for flow in (True, False):
            base = certify_jacobian(j, r, bend, jacobian_error=0, residual_error=0, flow=flow)
            # parameters in other units: J and L by powers of them, distances by the inverse
            params = certify_jacobian(
                power * j, power * r, power * bend, jacobian_error=0, residual_error=0, flow=flow
            )
            assert params.certified == base.certified or (size > 1e160 and not flow)
            assert params.h == base.h
            if flow or (1e-320 < params.step < 1e300 and size in (1e-150, 1e150)):
                assert params.distance == base.distance
                assert params.kept == base.kept
                assert flow or params.rate == base.rate
            others = certify_jacobian(power * j, r, 0.0, jacobian_error=0, residual_error=0, flow=True)
            assert others.certified
            assert others.distance == pytest.approx(np.linalg.norm(r) / (power * base.sigma), rel=1e-9)


def test_products_that_underflow_never_prove_what_is_false():
    """Rank one, at sizes where squares vanish: sigma is 0 in truth."""
    for size in (1e-150, 1e-160, 1e-170, 1e-250, 1e-320):
        flat = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0]])
        j = np.round(flat * (size / LEAST)) * LEAST if size < 1e-300 else flat * 2.0 ** math.frexp(size)[1]
        found = certify_jacobian(j, [size, size], 0.0, jacobian_error=0, residual_error=0)
        assert found.sigma == 0
        assert not found.certified
        assert "its rows depend on each other" in found.reason


@pytest.mark.parametrize("size", [1e-200, 1e-290, 1e-120, 1e50])
def test_networks_whose_units_change_keep_their_answer(size):
    rng = np.random.default_rng(5)
    w, x, y = rng.normal(size=(40, 4)), rng.normal(size=(3, 4)), rng.normal(size=3)
    v = np.where(np.arange(40) % 2, 1.0, -1.0)
    for act, scale in (("tanh", 1.0), ("tanh", 40.0), ("softplus", 40.0), ("relu", 1.0)):
        base = certify_two_layer(w, scale * v, x, y, act, flow=True)
        same = certify_two_layer(w, size * scale * v, x, size * y, act, flow=True)
        assert same.certified == base.certified
        assert same.h == pytest.approx(base.h, rel=1e-6)
    linear, small = (certify_two_layer(w, v, a * x, a * y, "identity", flow=True) for a in (1.0, size))
    assert linear.certified
    assert small.certified
    assert small.distance == pytest.approx(linear.distance, rel=1e-6)


@pytest.mark.parametrize("size", [LEAST, 1e-320, 1e-200, 1e-80, 1.0, 1e75, 1e150, 1e300])
def test_the_fourth_moment_and_norms_are_bounds_at_every_size(size):
    x = np.array([[1.0, 0.0], [1.0, 1.0]]) * size
    found = fourth_moment(x)
    top = sum((F(row[0]) * F(3, 5) + F(row[1]) * F(4, 5)) ** 4 for row in x.tolist())  # at z = (3, 4)/5
    for bound in (found.upper, found.spectral, found.hadamard, found.centred):
        assert math.isinf(bound) or F(bound) ** 2 >= top
    assert found.lower <= found.upper
    # largest eigenvalue of [[1, 1], [1, 2]] is (3 + sqrt 5)/2 > 2.6180339887
    assert root_is_at_most(F(26180339887, 10**10) * F(size) ** 2, spectral_norm_bound(x))


@pytest.mark.parametrize("value", [v for v in VALUES if v])
def test_digits_are_rounded_outwards(value):
    for digits in (1, 3, 6):
        up, down = F(at_least(value, digits)), F(at_most(value, digits))
        assert up >= F(value) >= down
        assert up <= F(value) * (1 + F(1, 10 ** (digits - 1)))
        assert down >= F(value) * (1 - F(1, 10 ** (digits - 1)))


@pytest.mark.parametrize(
    "bad",
    [
        [[2**53 + 1]],
        [[F(1, 3)]],
        np.array([[1.1]], dtype=np.longdouble),
        [[10**400]],
        [[1j]],
        [["1"]],
        [[1.0], [1.0, 2.0]],
        np.ma.masked_array([[1.0, 2.0]], mask=[[True, False]]),
        [[None]],
    ],
)
def test_numbers_that_float64_does_not_hold_are_no_start_of_a_proof(bad):
    with pytest.raises(DataError, match="it: expected"):
        exact_array(bad, "it")
    with pytest.raises(OverparamError, match="expected"):
        smallest_eigenvalue_bound(bad)


@pytest.mark.parametrize("kind", [np.int8, np.int16, np.int32, np.uint8, np.float16, np.float32, ">f8", bool])
def test_numbers_of_other_types_are_taken_as_they_are(kind):
    x = np.array([[100, 7], [3, 90]]).astype(kind)
    w, v = np.eye(2), np.ones(2)
    plain = certify_two_layer(w, v, x.astype(np.float64) / 1.0, np.ones(2), "identity")
    found = certify_two_layer(w, v, x, np.ones(2), "identity")
    assert found.sigma == plain.sigma
    assert fourth_moment(x).upper == fourth_moment(x.astype(np.float64)).upper


def test_the_layout_of_memory_changes_nothing():
    rng = np.random.default_rng(0)
    w, x, y = rng.normal(size=(9, 4)), rng.normal(size=(3, 4)), rng.normal(size=3)
    base = certify_two_layer(w, np.ones(9), x, y, "tanh")
    fortran = certify_two_layer(np.asfortranarray(w), np.ones(18)[::2], np.repeat(x, 2, axis=0)[::2], y, "tanh")
    for one in (x, w, y):
        one.flags.writeable = False
    again = certify_two_layer(w, np.ones(9), x, y, "tanh")
    assert (base.sigma, base.residual, base.h) == (again.sigma, again.residual, again.h)
    assert fortran.sigma == pytest.approx(base.sigma, rel=1e-9)
