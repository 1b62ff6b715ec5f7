"""Proved eigenvalue bounds: matrices whose eigenvalues are known exactly, near-singular ones that fool plain Cholesky."""

from fractions import Fraction

import numpy as np
import pytest
from scipy.linalg import lapack

from overparam.core.errors import DataError, UsageError
from overparam.theory.certificates import largest_eigenvalue_bound, smallest_eigenvalue_bound


def singular(rng, n):
    """An integer matrix A A^T with fewer columns than rows: exactly formed, exactly singular."""
    a = rng.integers(-2000, 2001, size=(n, n - 1)).astype(float)
    gram = a @ a.T
    assert np.abs(gram).max() < 2**53
    return gram


def test_plain_cholesky_gives_false_proofs_and_the_bound_none():
    rng = np.random.default_rng(0)
    plain = 0
    for trial in range(400):
        gram = singular(rng, 2 + trial % 12)
        plain += lapack.dpotrf(gram, lower=1)[1] == 0
        assert smallest_eigenvalue_bound(gram) == 0.0
    assert plain >= 40  # else these matrices would not tell the two apart


@pytest.mark.parametrize("n", [2, 5, 17])
@pytest.mark.parametrize("power", [0, -10, -20, -30, -36])
def test_known_smallest_eigenvalue_is_bounded_and_nearly_met(n, power):
    """A Householder reflection with integer entries: eigenvalues are known, the matrix is exact."""
    rng = np.random.default_rng(n)
    v = rng.integers(1, 4, size=n).astype(float)
    total = float(v @ v)
    small = 2.0**power
    # total^2 Q diag(small, 1, ..) Q = total^2 I - (1 - small) q q^T, q = total e_1 - 2 v_1 v, all integers
    q = -2 * v[0] * v
    q[0] += total
    fraction = [[Fraction(total) ** 2 * (i == j) - (1 - Fraction(small)) * Fraction(q[i]) * Fraction(q[j])
                 for j in range(n)] for i in range(n)]  # fmt: skip
    gram = np.array([[float(one) for one in row] for row in fraction])
    assert all(Fraction(gram[i, j]) == fraction[i][j] for i in range(n) for j in range(n))
    exact = total**2 * small
    bound = smallest_eigenvalue_bound(gram)
    assert bound <= exact
    assert bound >= exact * (1 - 2e-13) - 60 * n * n * 2.0**-53 * total**2
    top = largest_eigenvalue_bound(gram)
    assert total**2 <= top <= total**2 * (1 + 1e-11)


def test_the_forming_error_is_taken_off():
    gram = np.diag([1.0, 2.0])
    assert smallest_eigenvalue_bound(gram, 0.25) == pytest.approx(0.75, abs=1e-12)
    assert smallest_eigenvalue_bound(gram, 1.5) == 0.0
    assert largest_eigenvalue_bound(gram, 0.25) == pytest.approx(2.25, abs=1e-12)


@pytest.mark.parametrize("scale", [2.0**-900, 2.0**-300, 1.0, 2.0**900])
def test_bounds_scale_with_the_matrix(scale):
    gram = np.array([[2.0, 1.0], [1.0, 2.0]])
    assert smallest_eigenvalue_bound(scale * gram) == scale * smallest_eigenvalue_bound(gram)
    assert largest_eigenvalue_bound(scale * gram) == scale * largest_eigenvalue_bound(gram)


def test_bounds_are_close_on_random_grams():
    rng = np.random.default_rng(1)
    for n in (1, 3, 60):
        a = rng.normal(size=(n, n + 20))
        gram = a @ a.T
        values = np.linalg.eigvalsh(gram)
        assert values[0] * (1 - 1e-9) <= smallest_eigenvalue_bound(gram) < values[0]
        assert values[-1] < largest_eigenvalue_bound(gram) <= values[-1] * (1 + 1e-9)


def test_zero_is_zero():
    assert smallest_eigenvalue_bound(np.zeros((3, 3))) == 0.0
    assert largest_eigenvalue_bound(np.zeros((3, 3))) == 0.0
    assert largest_eigenvalue_bound(np.zeros((3, 3)), 0.5) == 0.5


@pytest.mark.parametrize(
    ("gram", "error", "text"),
    [
        (np.ones(3), 0.0, r"gram: expected shape \(n, n\), got \(3,\)"),
        (np.array([[np.nan]]), 0.0, "gram: expected finite numbers, got 1"),
        (np.array([[1.0, 2.0], [2.5, 1.0]]), 0.0, "gram: expected a symmetric matrix"),
        (np.eye(2, dtype=np.float32), 0.0, "gram: expected float64, got float32"),
    ],
)
def test_bad_matrices_are_refused(gram, error, text):
    for bound in (smallest_eigenvalue_bound, largest_eigenvalue_bound):
        with pytest.raises(DataError, match=text):
            bound(gram, error)


def test_a_negative_error_is_refused():
    with pytest.raises(UsageError, match="forming_error: expected a finite number of at least 0"):
        smallest_eigenvalue_bound(np.eye(2), -1.0)
