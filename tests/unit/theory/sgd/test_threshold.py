"""Stable steps against the Kronecker form, bisection, closed forms and simulation; bounds on their right side."""

from itertools import pairwise

import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.theory.sgd import (
    batch_noise,
    counterexample,
    expected_course,
    largest_step,
    minimum_of_features,
    minimum_of_hessians,
    minimum_of_kernel,
    spectral_radius,
    stability_atlas,
    step_bounds,
)
from overparam.theory.sgd.operator import above, largest, second_moment_step, written_out


def written_step(hessians, noise, step):
    """The map on vec(M) from full matrices, and the projection on the range of H."""
    h = hessians.mean(axis=0)
    d = len(h)
    one = np.eye(d)
    kron = np.mean([np.kron(a, a) for a in hessians], axis=0)
    step_of = np.kron(one - step * h, one - step * h) + noise * step**2 * (kron - np.kron(h, h))
    values, vectors = np.linalg.eigh(h)
    kept = vectors[:, values > 1e-10 * values[-1]]
    return np.kron(kept, kept).T @ step_of @ np.kron(kept, kept)


def radius_of(hessians, noise, step):
    return np.abs(np.linalg.eigvals(written_step(hessians, noise, step))).max()


def sample(n, params, classes=1, seed=0):
    rng = np.random.default_rng([n, params, classes, seed])
    g = rng.standard_normal((n, classes, params)) * rng.uniform(0.3, 2.0, (n, 1, 1))
    return g, np.einsum("ncp,ncq->npq", g, g)


@pytest.mark.parametrize(("n", "params", "classes"), [(4, 6, 1), (6, 4, 1), (3, 5, 2), (5, 3, 3), (1, 4, 1)])
def test_spectral_radius_is_that_of_the_full_matrix(n, params, classes):
    g, h = sample(n, params, classes)
    minimum = minimum_of_features(g)
    for batch in range(1, n + 1):
        p = batch_noise(n, batch)
        for step in (0.02, 0.2, 1.0):
            want = radius_of(h, p, step)
            found = spectral_radius(minimum, p, step)
            assert found.low == pytest.approx(want, rel=1e-9)
            assert found.high == pytest.approx(want, rel=1e-6)
            assert found.low <= found.high


@pytest.mark.parametrize(("n", "params", "classes"), [(4, 6, 1), (6, 4, 1), (3, 5, 2), (5, 4, 2)])
@pytest.mark.parametrize("replacement", [False, True])
def test_the_threshold_is_where_the_full_matrix_has_radius_one(n, params, classes, replacement):
    g, h = sample(n, params, classes, 1)
    for batch in range(1, n + 1):
        p = batch_noise(n, batch, replacement)
        low, high = 0.0, 2 / np.linalg.eigvalsh(h.mean(axis=0))[-1]
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if radius_of(h, p, middle) <= 1 + 1e-13 else (low, middle)
        bounds = step_bounds(g, batch, replacement)
        assert bounds.exact == pytest.approx(low, rel=1e-6)
        assert bounds.exact_low <= bounds.exact_high <= bounds.exact_low * (1 + 1e-6)


def ordered(bounds, slack=1e-10):
    chain = [bounds.sufficient, bounds.exact_low, bounds.exact_high, bounds.necessary]
    return all(a <= b * (1 + slack) for a, b in pairwise(chain)) and (
        bounds.necessary <= min(bounds.trace, bounds.direction, bounds.descent)
    )


@pytest.mark.slow
def test_sufficient_below_exact_below_necessary_on_many_minima():
    rng = np.random.default_rng(0)
    violated = 0
    for trial in range(150):
        n, params, classes = rng.integers(2, 9), rng.integers(1, 9), rng.integers(1, 3)
        g = rng.standard_normal((n, classes, params)) * 10 ** rng.uniform(-2, 1, (n, 1, 1))
        if trial % 5 == 0:
            g[0] = 0.0
        if trial % 7 == 0:
            g[-1] = g[1]
        batch = int(rng.integers(1, n + 1))
        bounds = step_bounds(g, batch, bool(rng.integers(2)))
        assert ordered(bounds), (trial, bounds)
        violated += bounds.wu_necessary < bounds.exact_low * (1 - 1e-9)
    assert violated > 0, "the printed bound held everywhere: the test no longer shows that it is not necessary"


def test_general_curvatures():
    rng = np.random.default_rng(4)
    roots = rng.standard_normal((5, 4, 2))
    h = roots @ roots.transpose(0, 2, 1)
    bounds = step_bounds(minimum_of_hessians(h), 2)
    p = batch_noise(5, 2)
    assert radius_of(h, p, bounds.exact * 0.999) < 1 < radius_of(h, p, bounds.exact * 1.001)
    again = step_bounds(roots.transpose(0, 2, 1), 2)
    assert again.exact == pytest.approx(bounds.exact, rel=1e-10)


def test_the_printed_bound_excludes_a_stable_step():
    bounds = step_bounds(counterexample(), 3)
    assert bounds.exact == pytest.approx(0.900, abs=5e-4)
    assert bounds.wu_necessary == pytest.approx(0.741, abs=5e-4)
    assert ordered(bounds)
    g = counterexample()
    h = np.einsum("np,nq->npq", g, g)
    assert radius_of(h, batch_noise(24, 3), 0.85) < 1
    loss = expected_course(g @ g.T, np.ones(24), 3, 0.85, 2000).loss
    assert loss[-1] < 1e-3 * loss[0]


def test_one_parameter_has_the_closed_form():
    """E (1 - eta h_i)^2 = 1: eta = 2 E h / E h^2 for single samples; the printed bound is exact here as well."""
    h = np.array([0.5, 1.0, 4.0])
    for batch in (1, 2, 3):
        p = batch_noise(3, batch)
        want = 2 * h.mean() / (h.mean() ** 2 + p * h.var())
        assert step_bounds(np.sqrt(h)[:, None], batch).exact == pytest.approx(want, rel=1e-12)


def test_unit_rows_allow_a_step_of_two_for_single_samples():
    """A step below 2 never moves away from a sample's solutions, one above 2 always does."""
    g = np.random.default_rng(5).standard_normal((10, 30))
    g /= np.linalg.norm(g, axis=1, keepdims=True)
    bounds = step_bounds(g, 1)
    assert [bounds.sufficient, bounds.exact, bounds.necessary] == pytest.approx([2.0] * 3, rel=1e-9)


def test_thresholds_grow_with_the_batch_to_that_of_gradient_descent():
    """Of the published magnitude: twelve samples, from about a ninth of 2/a for single samples to 2/a for all."""
    g, _ = sample(12, 40, seed=3)
    steps = largest_step(g, range(1, 13))
    assert (np.diff(steps) > 0).all()
    a = np.linalg.eigvalsh(g[:, 0] @ g[:, 0].T)[-1] / 12
    assert steps[-1] == pytest.approx(2 / a, rel=1e-12)
    assert 0.04 < steps[0] / steps[-1] < 0.4
    assert steps[1] / steps[0] == pytest.approx(0.079 / 0.0401, rel=0.1)


def test_large_problems_agree_with_the_small_algorithm():
    """40 directions by the Lanczos method, and written out in the 820 symmetric directions."""
    g, _ = sample(40, 50)
    minimum = minimum_of_features(g)
    step_of = second_moment_step(minimum, batch_noise(40, 2), 0.05)
    value, _ = largest(step_of, 40, np.eye(40))
    matrix, _ = written_out(step_of, 40)
    assert value == pytest.approx(np.linalg.eigvalsh(matrix)[-1], rel=1e-11)


def test_the_upper_end_never_falls_below():
    rng = np.random.default_rng(6)
    for _ in range(40):
        roots = rng.standard_normal((3, 4, 4))
        maps = lambda m, r=roots: (r @ m @ r.transpose(0, 2, 1)).sum(axis=0)  # noqa: E731
        want = np.abs(np.linalg.eigvals(sum(np.kron(r, r) for r in roots))).max()
        guess = rng.standard_normal((4, 4))
        assert above(maps, guess + guess.T) >= want * (1 - 1e-12)


def test_features_kernel_and_hessians_are_one_minimum():
    g, h = sample(5, 9, 2)
    rows = g.reshape(10, 9)
    found = [
        step_bounds(m, 2).exact
        for m in (minimum_of_features(g), minimum_of_kernel(rows @ rows.T, 2), minimum_of_hessians(h))
    ]
    assert found == pytest.approx([found[0]] * 3, rel=1e-9)


def test_runs_stay_below_and_leave_above():
    """2,000 runs of single samples, 60 steps: the mean squared distance falls at 0.7 eta*, grows at 1.5 eta*."""
    rng = np.random.default_rng(7)
    g, _ = sample(6, 4, seed=5)
    g = g[:, 0]
    edge = step_bounds(g, 1).exact
    ends = {}
    for share in (0.7, 1.5):
        x = np.tile(rng.standard_normal(4), (2000, 1))
        start = (x**2).sum(axis=1).mean()
        for _ in range(60):
            row = g[rng.integers(0, 6, 2000)]
            x = x - share * edge * (row * x).sum(axis=1, keepdims=True) * row
        ends[share] = (x**2).sum(axis=1).mean() / start
    assert ends[0.7] < 1 < ends[1.5] / 10


def test_the_atlas_is_one_at_the_thresholds():
    g, _ = sample(5, 8)
    steps = largest_step(g, [1, 3, 5])
    atlas = stability_atlas(g, [1, 3, 5], steps)
    assert np.diagonal(atlas) == pytest.approx(np.ones(3), rel=1e-8)
    assert (atlas[0] >= atlas[1]).all()


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: step_bounds(np.zeros((3, 2)), 1), DataError, "expected a gradient that is not 0"),
        (lambda: step_bounds([[1.0, np.nan]], 1), DataError, "features: expected finite numbers, got 1 of 2"),
        (lambda: step_bounds(np.ones(3), 1), DataError, r"expected shape \(n, params\)"),
        (lambda: step_bounds(np.ones((3, 2)), 4), UsageError, "batch: expected at most the 3 samples"),
        (lambda: minimum_of_hessians(-np.ones((2, 1, 1))), DataError, "eigenvalue -1"),
        (lambda: minimum_of_hessians(np.ones((2, 1, 3))), DataError, "one square matrix a sample"),
        (lambda: minimum_of_hessians([[[0.0, 1.0], [0.0, 0.0]]]), DataError, "symmetric"),
        (lambda: minimum_of_hessians(np.zeros((2, 2, 2))), DataError, "nothing but zeros"),
    ],
)
def test_bad_input_is_named(call, error, text):
    with pytest.raises(error, match=text):
        call()
