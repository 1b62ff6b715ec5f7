"""The exact mean of stochastic gradient descent against the sum over all batches, simulation and closed forms."""

import itertools

import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.theory.sgd import batch_noise, expected_course, minimum_of_features, spectral_radius


def enumerated(features, residual, batch, step, steps, replacement):
    """E (1/2)||r||^2, E r and E r r^T by running every sequence of batches; features are (n, classes, params)."""
    n, classes, _ = features.shape
    rule = itertools.product(range(n), repeat=batch) if replacement else itertools.combinations(range(n), batch)
    batches = list(rule)
    ends = np.asarray(residual, float).reshape(1, n, classes)
    losses, means = [], []
    for t in range(steps + 1):
        flat = ends.reshape(len(ends), -1)
        losses.append((flat**2).sum(axis=1).mean() / 2)
        means.append(flat.mean(axis=0))
        if t == steps:
            final = flat.T @ flat / len(flat)
            break
        moves = []
        for index in batches:
            near = features[list(index)]
            gradient = np.einsum("bcp,rbc->rp", near, ends[:, list(index)])
            moves.append(ends - step / batch * np.einsum("ncp,rp->rnc", features, gradient))
        ends = np.concatenate(moves)
    return np.array(losses), np.array(means), final


def flat_kernel(features):
    rows = features.reshape(-1, features.shape[-1])
    return rows @ rows.T


@pytest.mark.parametrize("replacement", [False, True])
@pytest.mark.parametrize(("n", "classes", "params"), [(4, 1, 6), (3, 2, 7), (4, 1, 2), (1, 2, 3), (3, 3, 4)])
def test_equal_to_the_sum_over_all_batches(n, classes, params, replacement):
    rng = np.random.default_rng([n, classes, params])
    features = rng.standard_normal((n, classes, params))
    residual = rng.standard_normal((n, classes))
    for batch in range(1, n + 1):
        steps = 2 if n**batch > 20 else 3
        loss, mean, final = enumerated(features, residual, batch, 0.3, steps, replacement)
        found = expected_course(
            flat_kernel(features), residual, batch, 0.3, steps, outputs=classes, replacement=replacement
        )
        assert found.loss == pytest.approx(loss, rel=1e-12)
        assert found.mean_residual == pytest.approx(mean, rel=1e-11, abs=1e-12)
        assert np.abs(found.final - final).max() <= 1e-12 * np.abs(final).max()
        assert found.mean_loss == pytest.approx((mean**2).sum(axis=1) / 2, rel=1e-11)


def test_the_full_batch_is_gradient_descent():
    rng = np.random.default_rng(0)
    j = rng.standard_normal((6, 4))
    r = rng.standard_normal(6)
    found = expected_course(j @ j.T, r, 6, 0.2, 30)
    want = r.copy()
    for t in range(31):
        assert found.loss[t] == pytest.approx(want @ want / 2, rel=1e-11)
        want = want - 0.2 / 6 * j @ (j.T @ want)
    assert found.loss == pytest.approx(found.mean_loss, rel=1e-10)


def test_more_noise_than_gradient_descent_and_less_with_larger_batches():
    rng = np.random.default_rng(1)
    j = rng.standard_normal((12, 30))
    ends = [expected_course(j @ j.T, np.ones(12), b, 0.02, 60).loss for b in range(1, 13)]
    assert (np.diff(np.array(ends), axis=0)[:, 2:] < 0).all()
    once = expected_course(j @ j.T, np.ones(12), 4, 0.02, 60).loss
    again = expected_course(j @ j.T, np.ones(12), 4, 0.02, 60, replacement=True).loss
    assert (again[2:] > once[2:]).all()


def test_distance_is_that_of_the_parameters():
    """Simulated parameters, 4,000 runs: the mean squared distance to the solution within 4 standard errors."""
    rng = np.random.default_rng(2)
    j = rng.standard_normal((5, 8))
    y = rng.standard_normal(5)
    target = np.linalg.pinv(j) @ y
    theta = np.zeros((4000, 8))
    found = expected_course(j @ j.T, -y, 2, 0.1, 10, times=[0, 10])
    assert found.distance[0] == pytest.approx(target @ target, rel=1e-10)
    for _ in range(10):
        chosen = rng.permuted(np.tile(np.arange(5), (4000, 1)), axis=1)[:, :2]
        left = np.einsum("rbp,rp->rb", j[chosen], theta) - y[chosen]
        theta -= 0.05 * np.einsum("rb,rbp->rp", left, j[chosen])
    squared = ((theta - target) ** 2).sum(axis=1)
    assert abs(squared.mean() - found.distance[1]) < 4 * squared.std() / np.sqrt(4000)


def test_more_samples_than_parameters_leave_a_floor():
    """One parameter, features 1, labels +-1: E theta^2 = (1-eta)^2 E theta^2 + eta^2, so it tends to eta/(2-eta)."""
    found = expected_course(np.ones((2, 2)), [1.0, -1.0], 1, 0.5, 400)
    floor = 0.5 / 1.5
    assert found.loss[-1] == pytest.approx(1 + floor, rel=1e-12)
    assert found.mean_loss[-1] == pytest.approx(1.0, rel=1e-12)
    assert found.distance[-1] == pytest.approx(floor, rel=1e-12)


def test_repeated_and_zero_rows_are_values():
    j = np.array([[1.0, 2.0], [1.0, 2.0], [0.0, 0.0]])
    loss, _, _ = enumerated(j[:, None], [1.0, 2.0, 3.0], 2, 0.1, 3, False)
    assert expected_course(j @ j.T, [1.0, 2.0, 3.0], 2, 0.1, 3).loss == pytest.approx(loss, rel=1e-12)


def test_small_losses_keep_their_digits():
    """30 samples of 4 features: the loss falls by 10^40 and stays positive; the late factor is the spectral radius."""
    j = np.random.default_rng(4).standard_normal((30, 4))
    step = 0.2
    found = expected_course(j @ j.T, j @ np.ones(4), 3, step, 600)
    assert (found.loss > 0).all()
    assert found.loss[-1] < 1e-40 * found.loss[0]
    want = spectral_radius(minimum_of_features(j), batch_noise(30, 3), step).low
    assert found.loss[-1] / found.loss[-2] == pytest.approx(want, rel=1e-9)


def test_divergence_is_infinite_and_never_missing():
    found = expected_course([[1.0]], [1.0], 1, 1e3, 200)
    assert np.isinf(found.loss[-1])
    assert np.isfinite(found.loss[:10]).all()
    assert not any(np.isnan(v).any() for v in (found.loss, found.mean_loss, found.distance, found.final))


def test_kept_times_are_those_of_the_full_course():
    j = np.random.default_rng(3).standard_normal((5, 6))
    whole = expected_course(j @ j.T, np.ones(5), 2, 0.1, 40)
    some = expected_course(j @ j.T, np.ones(5), 2, 0.1, 40, times=[0, 7, 33])
    assert some.loss.tolist() == whole.loss[[0, 7, 33]].tolist()
    assert some.times == (0, 7, 33)


@pytest.mark.parametrize("replacement", [False, True])
@pytest.mark.parametrize(("n", "batch"), [(5, 1), (5, 3), (5, 5), (1, 1)])
def test_batch_noise_is_the_variance_of_a_batch_mean(n, batch, replacement):
    numbers = np.random.default_rng(0).standard_normal(n)
    rule = itertools.product(range(n), repeat=batch) if replacement else itertools.combinations(range(n), batch)
    means = [numbers[list(one)].mean() for one in rule]
    assert np.var(means) == pytest.approx(batch_noise(n, batch, replacement) * np.var(numbers), abs=1e-12)


GOOD = {"kernel": np.eye(3), "residual": np.ones(3), "batch": 1, "step": 0.1, "steps": 2}


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"batch": 4}, UsageError, "batch: expected at most the 3 samples, got 4.*replacement=True"),
        ({"batch": 0}, UsageError, "batch: expected a whole number of at least 1, got 0"),
        ({"step": 0.0}, UsageError, "step: expected a finite number above 0, got 0.0"),
        ({"step": float("nan")}, UsageError, "step: expected a finite number above 0, got nan"),
        ({"steps": -1}, UsageError, "steps: expected a whole number of at least 0"),
        ({"times": [3]}, UsageError, r"times: expected ascending whole numbers from 0 to 2, got \[3\]"),
        ({"kernel": np.diag([1.0, np.nan, 1.0])}, DataError, "kernel: expected finite numbers, got 1 of 9"),
        ({"kernel": np.eye(3)[:2]}, DataError, r"expected a square matrix.*got \(2, 3\)"),
        ({"kernel": np.triu(np.ones((3, 3)))}, DataError, "expected a symmetric matrix"),
        (
            {"kernel": -np.eye(3)},
            DataError,
            "positive semidefinite matrix such as J J.T, got the eigenvalue -1",
        ),
        ({"outputs": 2}, DataError, "a multiple of the 2 outputs"),
        ({"residual": np.ones(2)}, DataError, "residual: expected 3 entries.*got 2"),
        ({"residual": [1.0, np.inf, 0.0]}, DataError, "residual: expected finite numbers"),
        ({"residual": ["a", "b", "c"]}, DataError, "residual: expected real numbers"),
    ],
)
def test_bad_input_is_named(change, error, text):
    with pytest.raises(error, match=text):
        expected_course(**(GOOD | change))
