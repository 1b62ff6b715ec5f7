"""Arora's bound against known figures and a direct solve; Du's movement against real neurons."""

import math

import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.theory.dynamics import generalisation_bound, neuron_movement
from overparam.theory.dynamics.du2019 import sufficient_width


def hidden_kernel(x):
    """``E[1(w.x > 0) 1(w.z > 0)] x.z`` for rows of norm 1."""
    gap = np.linalg.norm(x[:, None] - x[None], axis=-1)
    both = np.linalg.norm(x[:, None] + x[None], axis=-1)
    return x @ x.T * (math.pi - 2 * np.arctan2(gap, both)) / (2 * math.pi)


def sphere(rng, n, d=10):
    x = rng.standard_normal((n, d))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


TARGETS = {
    "linear": lambda x, rng: x[:, 0],
    "quadratic": lambda x, rng: x[:, 0] ** 2 - x[:, 1] ** 2,
    "random": lambda x, rng: rng.standard_normal(len(x)),
    "odd cubic": lambda x, rng: x[:, 0] * x[:, 1] * x[:, 2],
}
KNOWN = {
    (400, "linear"): 0.43, (400, "quadratic"): 1.27, (400, "random"): 4.83, (400, "odd cubic"): 4.91,
    (100, "linear"): 0.94, (100, "quadratic"): 2.10, (100, "random"): 3.63,
}  # fmt: skip


@pytest.mark.parametrize("n", [100, 400])
def test_known_figures_lie_within_the_spread_over_draws(n):
    """Single draws on the unit sphere in 10 dimensions, targets scaled to mean square 1: within five sd, at least 5 %."""
    found = {name: [] for name in TARGETS}
    for seed in range(6):
        rng = np.random.default_rng([n, seed])
        x = sphere(rng, n)
        kernel = hidden_kernel(x)
        for name, make in TARGETS.items():
            y = make(x, rng)
            found[name].append(generalisation_bound(kernel, y / np.sqrt(np.mean(y**2))).value)
    for (size, name), value in KNOWN.items():
        if size == n:
            mean, sd = np.mean(found[name]), np.std(found[name], ddof=1)
            assert abs(value - mean) < max(5 * sd, 0.05 * value), (name, mean, sd)


def test_the_value_is_that_of_a_solve():
    rng = np.random.default_rng(1)
    x, y = sphere(rng, 40), rng.standard_normal(40)
    kernel = hidden_kernel(x)
    found = generalisation_bound(kernel, y)
    assert found.value == pytest.approx(math.sqrt(2 * y @ np.linalg.solve(kernel, y) / 40), rel=1e-10)
    assert found.condition == pytest.approx(np.linalg.cond(kernel), rel=1e-8)
    assert found.vacuous == (found.value >= np.ptp(y))


def test_vacuous_is_said():
    kernel = 0.5 * np.eye(2)
    assert generalisation_bound(kernel, [1.0, -1.0]).value == 2.0
    assert generalisation_bound(kernel, [1.0, -1.0]).vacuous  # the labels' range is 2
    assert not generalisation_bound(kernel, [1.0, -1.0], largest=3.0).vacuous


def test_a_target_in_the_null_space_has_an_infinite_bound():
    found = generalisation_bound(np.ones((2, 2)), [1.0, -1.0])
    assert (found.value, found.vacuous, found.condition) == (math.inf, True, math.inf)
    assert found.null_share == pytest.approx(1.0)
    assert generalisation_bound(np.ones((2, 2)), [1.0, 1.0]).value == pytest.approx(1.0)


def test_neurons_of_a_wide_network_stay_inside_the_bound():
    """Small-step descent of a ReLU network from zero outputs; the kernel's smallest eigenvalue is watched."""
    rng = np.random.default_rng(2)
    n, half = 8, 2000
    x, y = sphere(rng, n, 6), rng.choice([-1.0, 1.0], n)
    w = np.tile(rng.standard_normal((half, 6)), (2, 1))
    a = np.repeat([1.0, -1.0], half) / math.sqrt(2 * half)
    start, lowest = w.copy(), math.inf
    for _ in range(400):
        on = (x @ w.T > 0) * 1.0
        gram = (on @ on.T) * (x @ x.T) / (2 * half)
        lowest = min(lowest, np.linalg.eigvalsh(gram)[0])
        r = np.maximum(x @ w.T, 0) @ a - y
        w = w - 0.3 * (on * a * r[:, None]).T @ x
    moved = np.linalg.norm(w - start, axis=1).max()
    bound = neuron_movement(2 * lowest, n, math.sqrt(n), [2 * half])[0]
    assert np.linalg.norm(r) < 0.05 * math.sqrt(n)
    assert 0.02 * bound < moved <= bound


def test_widths_and_refusals():
    assert neuron_movement(0.0, 3, 1.0, [4]).tolist() == [math.inf]
    assert neuron_movement(0.1, 4, 1.0, [100])[0] == pytest.approx(2 * 2 / (10 * 0.1))
    assert sufficient_width(0.5, 2, 0.1) == pytest.approx(64 / (0.5**4 * 1e-3))
    assert sufficient_width(0.0, 2) == math.inf
    with pytest.raises(UsageError, match="failure: expected a probability"):
        sufficient_width(0.5, 2, 0.0)
    with pytest.raises(UsageError, match="smallest: expected a finite number of at least 0"):
        neuron_movement(-1.0, 4, 1.0, [100])
