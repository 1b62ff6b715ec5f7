"""Gradient descent on least squares in closed form, against actual descent and an independent solver."""

import numpy as np
import pytest
from scipy import linalg, optimize

from overparam.core.errors import DataError, UsageError
from overparam.theory.least_squares import assumptions, descent_residuals, least_squares_descent


def problem(n=6, p=15, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, p)), rng.standard_normal(n), rng.standard_normal(p)


def run(x, y, theta, eta, steps):
    """Plain descent: the end, the path length, and the residual after every step."""
    path, lengths = 0.0, [np.linalg.norm(x @ theta - y)]
    for _ in range(steps):
        move = -eta * x.T @ (x @ theta - y)
        theta, path = theta + move, path + np.linalg.norm(move)
        lengths.append(np.linalg.norm(x @ theta - y))
    return theta, path, np.array(lengths)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_actual_descent_ends_at_the_limit_with_the_path_between_its_bounds(share):
    x, y, start = problem()
    top = np.linalg.norm(x, 2) ** 2
    found = least_squares_descent(x, y, start, step=2 * share / top)
    end, path, lengths = run(x, y, start, 2 * share / top, 3000)
    assert np.linalg.norm(end - found.limit) < 1e-10 * found.distance
    assert found.path_low * (1 - 1e-12) <= path <= found.path_high * (1 + 1e-12)
    assert found.path_high <= np.sqrt(6) * found.path_low * (1 + 1e-12)
    assert found.monotone == (share <= 0.5)
    times = [0, 1, 7, 40]
    want = descent_residuals(x, y, times, start, step=2 * share / top)
    assert lengths[times] == pytest.approx(want, rel=1e-10)
    ratio = lengths[1:30] / lengths[:29]
    assert ratio.max() <= found.rate * (1 + 1e-12)


def test_the_limit_is_the_closest_solution_by_an_independent_optimiser():
    x, y, start = problem()
    found = least_squares_descent(x, y, start)
    closest = optimize.minimize(
        lambda t: ((t - start) ** 2).sum(),
        start,
        jac=lambda t: 2 * (t - start),
        constraints={"type": "eq", "fun": lambda t: x @ t - y, "jac": lambda t: x},
        method="SLSQP",
        options={"ftol": 1e-15},
    ).x
    assert found.limit == pytest.approx(closest, abs=1e-6)
    assert found.limit == pytest.approx(start + linalg.lstsq(x, y - x @ start, lapack_driver="gelsy")[0])
    other = found.limit + linalg.null_space(x)[:, 0]
    assert np.linalg.norm(x @ other - y) < 1e-12
    assert np.linalg.norm(other - start) > found.distance


def test_up_to_the_inverse_square_norm_the_path_is_at_most_sqrt_n_distances():
    for seed in range(20):
        x, y, start = problem(seed=seed)
        found = least_squares_descent(x, y, start)
        assert found.walks == pytest.approx(found.components)
        assert found.path_low == pytest.approx(found.distance)
        assert found.path_high <= np.sqrt(found.rank) * found.distance * (1 + 1e-12)


def test_one_component_walks_exactly_its_geometric_series():
    """x = 2, eta = 0.4: q = -0.6, from 0 to 3, steps 4.8, 2.88, ...: 4.8/(1 - 0.6) = 12."""
    found = least_squares_descent([[2.0]], [6.0], step=0.4)
    assert (found.limit.tolist(), found.rate) == ([3.0], pytest.approx(0.6))
    assert (found.path_low, found.path_high) == (pytest.approx(12.0), pytest.approx(12.0))
    assert not found.monotone


def test_more_labels_than_parameters_and_repeated_rows_are_said():
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((9, 4)), rng.standard_normal(9)
    found = least_squares_descent(x, y)
    assert found.limit == pytest.approx(np.linalg.lstsq(x, y, rcond=None)[0])
    assert not found.interpolates
    assert "9 labels, but only 4 parameters" in found.said
    want = np.sqrt(np.linalg.lstsq(x, y, rcond=None)[1][0])
    assert found.residual == pytest.approx(want)
    assert descent_residuals(x, y, [10_000])[0] == pytest.approx(want)
    wide = rng.standard_normal((3, 8))
    wide[2] = wide[0]
    found = least_squares_descent(wide, [1.0, 0.0, 3.0])
    assert (found.rank, found.interpolates) == (2, False)
    assert "rank 2 of 3 rows: some rows depend on others" in found.said
    assert found.residual == pytest.approx(np.sqrt(2.0))  # both copies get the mean label 2
    assert [a.state for a in assumptions(wide, [1.0, 0.0, 3.0])] == ["holds", "fails"]
    assert [a.state for a in assumptions(*problem()[:2])] == ["holds", "holds"]


def test_a_zero_row_is_a_missing_rank_not_a_nan():
    found = least_squares_descent([[0.0, 0.0], [1.0, 1.0]], [1.0, 2.0])
    assert found.limit.tolist() == pytest.approx([1.0, 1.0])
    assert (found.rank, found.residual) == (1, pytest.approx(1.0))


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"x": np.ones(3)}, DataError, r"x: expected shape \(n, features\), got \(3,\)"),
        ({"x": np.zeros((6, 15))}, DataError, "some number that is not 0"),
        ({"x": np.full((6, 15), np.nan)}, DataError, "x: expected finite numbers, got 90"),
        ({"y": np.ones(5)}, DataError, r"y: expected shape \(6,\), one label a row"),
        ({"y": np.ones((6, 2))}, DataError, "several outputs one at a time"),
        ({"start": np.ones(6)}, DataError, r"start: expected shape \(15,\)"),
        ({"step": -1.0}, UsageError, "step: expected a positive number below 2"),
        ({"step": 1.0}, UsageError, "does not converge"),
        ({"step": float("nan")}, UsageError, "does not converge"),
    ],
)
def test_bad_input_is_named(change, error, text):
    x, y, start = problem()
    with pytest.raises(error, match=text):
        least_squares_descent(**({"x": x, "y": y, "start": start} | change))


def test_a_step_at_the_limit_is_refused_and_diverges():
    x, y, start = problem()
    top = np.linalg.norm(x, 2) ** 2
    with pytest.raises(UsageError, match="below 2 / "):
        least_squares_descent(x, y, start, step=2.001 / top)
    assert run(x, y, start, 2.001 / top, 20_000)[2][-1] > 1e6
    with pytest.raises(UsageError, match="times: expected numbers of at least 0"):
        descent_residuals(x, y, [-1])


def test_float32_data_are_computed_in_float64():
    x, y, start = (a.astype(np.float32) for a in problem())
    found = least_squares_descent(x, y, start)
    assert found.limit.dtype == np.float64
    assert found.residual < 1e-12
