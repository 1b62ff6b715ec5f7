"""The density: no ghosts, no breakdown, mass one, shares within their error bars, exact where that is cheap."""

import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.operators import open_model
from overparam.probes.curvature import density as module_of
from overparam.probes.curvature import spectral_density
from overparam.probes.curvature.density import Density, quadrature
from tests.planted_matrices import Planted, rotated, spectrum
from tests.tiny_models import LABELS, PARAMS, X, apply, module, oracles


def density(matrix, steps=40, samples=6, scale="linear", width=None, points=1024, seed=0, dtype=np.float64):
    made = Planted(matrix, dtype)
    nodes, weights, exact = quadrature(made, steps, samples, np.random.default_rng(seed))
    grid, curves, bump, zero = module_of.smoothed(nodes, weights, scale, width, points, np.finfo(dtype).eps)
    error = curves.std(axis=0, ddof=1) / np.sqrt(len(curves)) if len(curves) > 1 else 0 * curves[0]
    return Density(
        grid, curves.mean(0), error, nodes, weights, bump, scale, zero, made.size, made.made, exact
    )  # fmt: skip


def test_ten_outliers_are_ten_after_150_steps():
    """Without reorthogonalisation a peer shows 84 of them."""
    values = spectrum(10, 500)
    found = density(rotated(values), steps=150, samples=2)
    assert found.above(0.5) == (10, 10)
    assert found.products == 300
    for nodes in found.nodes:
        assert np.abs(nodes[-10:] - np.sort(values)[-10:]).max() <= 1e-9
    found = density(rotated(values), steps=150, samples=2, dtype=np.float32)
    assert found.above(0.5) == (10, 10)


@pytest.mark.parametrize(
    ("values", "kinds"),
    [
        (np.ones(900), 1),
        (np.zeros(900), 1),
        (np.r_[3.0, np.zeros(899)], 2),
        (np.r_[2.0, 2.0, -np.ones(898)], 2),
    ],
)
def test_spectra_on_which_the_method_breaks_down_elsewhere(values, kinds):
    found = density(np.diag(values), steps=30, samples=4)
    assert not found.exact
    assert all(len(nodes) == kinds for nodes in found.nodes)
    assert found.products == 4 * kinds
    assert abs(np.trapezoid(found.density, found.grid) - 1) <= 1e-3
    assert found.share(-10, 10) == pytest.approx((1.0, 0.0), abs=1e-12)


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_mass_is_one(scale):
    found = density(rotated(spectrum(10, 400)), scale=scale)
    assert abs(np.trapezoid(found.density, found.grid) + found.zero - 1) <= 1e-3
    for weights in found.weights:
        assert abs(weights.sum() - 1) <= 1e-12
    assert (found.standard_error >= 0).all()


def test_a_log_scale_says_what_it_leaves_out():
    values = np.r_[np.full(30, 1e-3), np.full(10, -10.0), np.zeros(60)]
    found = density(rotated(values), steps=20, samples=5, scale="log")
    assert abs(found.zero - 0.6) <= 1e-9
    peaks = found.grid[np.r_[False, np.diff(np.sign(np.diff(found.density))) < 0, False]]
    assert np.abs(peaks - [-3, 1]).max() <= 0.05


def test_shares_lie_within_their_error_bars():
    """Of 60 seeds the share of the outliers misses by over 3 standard errors of t with 7 degrees in at most 6.

    That is the share of 2 % of Student's t, with a tail beyond 1e-3.
    """
    values = spectrum(40, 400)
    made = Planted(np.diag(values))
    misses = 0
    for seed in range(60):
        nodes, weights, _ = quadrature(made, 12, 8, np.random.default_rng(seed))
        each = np.array([w[n > 0.5].sum() for n, w in zip(nodes, weights, strict=True)])
        misses += abs(each.mean() - 0.1) > 3 * each.std(ddof=1) / np.sqrt(8)
    assert misses <= 6


def test_moments_are_those_of_the_matrix():
    """Nodes and weights give the first ``2 steps - 1`` moments of a start exactly; their means estimate the traces."""
    matrix = rotated(spectrum(10, 300))
    rng = np.random.default_rng(5)
    start = np.random.default_rng(5).normal(size=300)
    nodes, weights, _ = quadrature(Planted(matrix), 6, 2, rng)
    start /= np.linalg.norm(start)
    power = start
    for degree in range(1, 12):
        power = matrix @ power
        assert abs(weights[0] @ nodes[0] ** degree - start @ power) <= 1e-10 * 2.0**degree


def test_both_back_ends_are_exact_where_that_is_cheap():
    want = np.linalg.eigvalsh(oracles()[2])
    one, other = open_model(apply, (X, LABELS), params=PARAMS), open_model(module(), (X, LABELS))
    for model in (one, other):
        found = spectral_density(model)
        assert found.exact
        assert np.abs(found.nodes[0] - want).max() <= 1e-10
        assert found.share(want[-3] - 1e-6, 100) == (pytest.approx(3 / len(want)), 0.0)
    few = spectral_density(one, steps=5, samples=2, seed=1)
    assert (few.exact, few.products) == (False, 10)
    assert np.abs(few.density - spectral_density(one, steps=5, samples=2, seed=1).density).max() == 0
    assert np.abs(few.density - spectral_density(one, steps=5, samples=2, seed=2).density).max() > 0
    for words, more in {
        "samples: expected a whole number of at least 2, got 1": {"samples": 1},
        "unknown scale 'loglog'": {"scale": "loglog"},
        "width: expected a positive number, or None, got 0": {"width": 0},
        "points: expected a grid as fine as the bump of width 1e-06": {"width": 1e-6},
    }.items():
        with pytest.raises(UsageError, match=words):
            spectral_density(one, **more)
    with pytest.raises(UsageError, match="low, high: expected two numbers in order"):
        few.share(2, 1)
