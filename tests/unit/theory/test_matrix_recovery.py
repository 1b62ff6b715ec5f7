"""Matrix recovery: ranks by brute force, Jacobian by differences, Lipschitz bound by attack, certificates by descent."""

import math
from fractions import Fraction

import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.theory.matrix_recovery import (
    assumptions,
    burer_monteiro_rank,
    local_dimension,
    local_fit,
    local_rank,
    measurements,
    recovery_jacobian,
    recovery_lipschitz,
)  # fmt: skip
from overparam.theory.matrix_recovery_certificate import certify_recovery


def gaussian(n, d, r, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d, d)), rng.standard_normal((d, r))


@pytest.mark.parametrize(("d", "r"), [(1, 1), (3, 1), (3, 2), (3, 3), (3, 5), (4, 7), (5, 2)])
def test_the_local_dimension_is_the_rank_of_the_jacobian_with_more_than_enough_matrices(d, r):
    a, u = gaussian(d * d + d * r, d, r)
    assert np.linalg.matrix_rank(recovery_jacobian(a, u)) == local_dimension(d, r)


def test_published_counts_at_as_many_labels_as_entries():
    for d, r, rank in ((8, 2, 15), (10, 4, 34)):
        a, u = gaussian(d * r, d, r)
        found = local_fit(a, u, measurements(a, u))
        assert (found.rank, found.dimension, found.sigma) == (rank, rank, 0.0)
        assert found.h == 0.0  # labels already fitted: nothing to ask
        assert local_fit(a, u, measurements(a, u) + 1).h == math.inf


def test_the_bound_of_the_slides_agrees_for_one_column_only():
    assert [local_dimension(20, r) == 20 * r for r in (1, 2, 3)] == [True, False, False]


def test_the_smallest_ranks_are_smallest():
    for n in range(1, 56):
        r = local_rank(n, 10)
        assert local_dimension(10, r) >= n
        assert r == 1 or local_dimension(10, r - 1) < n
        q = burer_monteiro_rank(n)
        assert q * (q + 1) / 2 > n >= q * (q - 1) / 2
    with pytest.raises(UsageError, match=r"at most d \(d \+ 1\)/2 = 55 labels, got 56"):
        local_rank(56, 10)


def test_the_jacobian_is_that_of_differences():
    a, u = gaussian(5, 4, 2)
    j, step = recovery_jacobian(a, u), 1e-6
    for k, where in enumerate(np.ndindex(4, 2)):
        e = np.zeros((4, 2))
        e[where] = step
        slope = (measurements(a, u + e) - measurements(a, u - e)) / (2 * step)
        assert j[:, k] == pytest.approx(slope, abs=1e-8)
    assert measurements(a, u)[2] == pytest.approx(np.trace(a[2].T @ u @ u.T))


def test_the_lipschitz_bound_is_never_exceeded_and_not_vacuous():
    ratios = []
    for seed in range(10):
        a, u = gaussian(6, 4, 2, seed)
        bound, rng = recovery_lipschitz(a), np.random.default_rng(seed)
        w = rng.standard_normal(6)
        for _ in range(200):  # power iteration for sup |S_w|: climbs to a local maximum
            s = np.einsum("n,nij->ij", w, a + a.transpose(0, 2, 1)) / 2
            values, vectors = np.linalg.eigh(s)
            v = vectors[:, np.abs(values).argmax()]
            w = np.einsum("nij,i,j->n", a, v, v)
            w /= np.linalg.norm(w)
        move = np.outer(v, [1.0, 0.0])
        seen = np.linalg.norm(recovery_jacobian(a, u + move) - recovery_jacobian(a, u), 2)
        ratios.append(seen / bound)
    assert max(ratios) <= 1
    assert min(ratios) > 0.3


def near(h, seed=0, n=4, d=5, r=3):
    """A problem whose labels are a random step from the values, with that h."""
    a, u = gaussian(n, d, r, seed)
    away = np.random.default_rng(seed).standard_normal(n)
    base = local_fit(a, u, measurements(a, u))
    return a, u, measurements(a, u) + away / np.linalg.norm(away) * h * base.sigma**2 / base.lipschitz


@pytest.mark.parametrize("h", [0.05, 0.2, 0.4])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_certified_problem_is_fitted_within_distance_and_rate(h, seed):
    a, u, y = near(h, seed)
    assert local_fit(a, u, y).h == pytest.approx(h, rel=1e-9)
    found = certify_recovery(a, u, y)
    assert found.certified
    assert found.h == pytest.approx(h, rel=1e-6)
    assert found.h >= h * (1 - 1e-9)
    halves = (a + a.transpose(0, 2, 1)).reshape(4, -1) / 2
    v, path, last = u.copy(), 0.0, found.residual
    for _ in range(200_000):
        r = halves @ (v @ v.T).ravel() - y
        length = np.linalg.norm(r)
        assert length <= last * (found.rate if path else 1.0) * (1 + 1e-9)
        if length < 1e-6 * found.residual:
            break
        move = -2 * found.step * (r @ halves).reshape(5, 5) @ v
        v, path, last = v + move, path + np.linalg.norm(move), length
    else:
        pytest.fail("did not converge")
    assert np.linalg.norm(v - u) <= path <= found.distance


def positive(matrix):
    """Whether a symmetric matrix of fractions is positive definite: the pivots of its elimination, exactly."""
    rows = [list(row) for row in matrix]
    for k in range(len(rows)):
        if rows[k][k] <= 0:
            return False
        for i in range(k + 1, len(rows)):
            share = rows[i][k] / rows[k][k]
            rows[i] = [x - share * z for x, z in zip(rows[i], rows[k], strict=True)]
    return True


def gram(rows):
    return [[sum(x * z for x, z in zip(one, two, strict=True)) for two in rows] for one in rows]


def shifted(matrix, shift, sign):
    return [[sign * x + (i == j) * shift for j, x in enumerate(row)] for i, row in enumerate(matrix)]


def test_the_bounds_of_the_certificate_hold_in_exact_fractions():
    for seed in range(3):
        a, u, y = near(0.3, seed, n=3, d=3, r=2)
        found = certify_recovery(a, u, y)
        exact = np.vectorize(Fraction, otypes=[object])
        matrices, factor = exact(a), exact(u)
        square = factor @ factor.T
        left = sum(((m * square).sum() - t) ** 2 for m, t in zip(matrices, exact(y), strict=True))
        assert Fraction(found.residual) ** 2 >= left
        assert found.residual == pytest.approx(float(left) ** 0.5, rel=1e-9)
        both = [m + m.T for m in matrices]
        jacobian = gram([list((m @ factor).ravel()) for m in both])
        assert positive(shifted(jacobian, -(Fraction(found.sigma) ** 2), 1))
        assert not positive(shifted(jacobian, -(Fraction(found.sigma * (1 + 1e-6)) ** 2), 1))
        curvature = gram([list(m.ravel()) for m in both])
        assert positive(shifted(curvature, Fraction(found.lipschitz) ** 2, -1))
        assert not positive(shifted(curvature, Fraction(found.lipschitz * (1 - 1e-6)) ** 2, -1))
        assert found.lipschitz == pytest.approx(recovery_lipschitz(a), rel=1e-8)


def test_what_is_not_proved_is_refused():
    assert not certify_recovery(*near(0.51)).certified
    assert not certify_recovery(*near(0.51), flow=True).certified
    assert certify_recovery(*near(0.49), flow=True).certified
    a, u = gaussian(16, 8, 2)
    many = certify_recovery(a, u, measurements(a, u) + 1e-9)
    assert (many.certified, many.sigma) == (False, 0.0)
    assert [one.state for one in assumptions(a, u, np.ones(16))] == ["fails", "fails", "fails"]
    a, u, y = near(0.1)
    assert [one.state for one in assumptions(a, u, y)] == ["holds", "holds", "holds"]
    assert [one.state for one in assumptions(a, u, y + 100)] == ["holds", "holds", "fails"]


def test_twice_the_same_matrix_or_a_zero_factor_is_a_missing_rank():
    a, u = gaussian(4, 5, 2)
    a[3] = a[0]
    assert local_fit(a, u, np.ones(4)).rank == 3
    assert local_fit(a, np.zeros((5, 2)), np.ones(4)).sigma == 0.0


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"a": np.ones((2, 3, 4))}, r"square matrices of shape \(n, d, d\), got \(2, 3, 4\)"),
        ({"a": np.full((2, 3, 3), np.nan)}, "a: expected finite numbers"),
        ({"u": np.ones((2, 1))}, r"u: expected shape \(3, r\), one row a row of the A_i, got \(2, 1\)"),
        ({"u": np.full((3, 1), np.inf)}, "u: expected finite numbers"),
        ({"y": np.ones(3)}, r"y: expected shape \(2,\), one label a matrix, got \(3,\)"),
        ({"y": [np.nan, 0.0]}, "y: expected finite numbers"),
    ],
)
def test_bad_input_is_named(change, text):
    with pytest.raises(DataError, match=text):
        local_fit(**({"a": np.ones((2, 3, 3)), "u": np.ones((3, 1)), "y": np.ones(2)} | change))


def test_counts_are_whole_numbers():
    with pytest.raises(UsageError, match="r: expected a whole number of at least 1, got 0"):
        local_dimension(3, 0)
    with pytest.raises(UsageError, match="n: expected a whole number"):
        burer_monteiro_rank(2.5)
