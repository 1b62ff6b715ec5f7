"""The trace: unbiased, covered by its stated error, exact where that is cheap, on both back ends."""

import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.operators import open_model
from overparam.probes.curvature import trace
from overparam.probes.curvature.trace import traced
from tests.planted_matrices import Planted, rotated, spectrum
from tests.tiny_models import LABELS, PARAMS, X, apply, module, oracles

RUNS = 400


def runs(matrix, number, method, runs=RUNS):
    rng = np.random.default_rng(0)
    return [traced(Planted(matrix), number, method, rng) for _ in range(runs)]


@pytest.mark.parametrize("method", ["plain", "deflated"])
def test_unbiased_and_covered_by_the_stated_error(method):
    """The mean of 400 runs lies within 4 of its standard errors; 95 % intervals cover in at least 91 % of them.

    At a true coverage of .95 fewer than 91 % of 400 have a probability of 3e-4.
    """
    matrix = rotated(spectrum(8, 80))
    found = runs(matrix, 24, method)
    errors = np.array([one.estimate for one in found]) - np.trace(matrix)
    assert abs(errors.mean()) <= 4 * errors.std() / np.sqrt(RUNS)
    covered = [low <= np.trace(matrix) <= high for low, high in (one.interval(0.95) for one in found)]
    assert np.mean(covered) >= 0.91
    stated = np.sqrt(np.mean([one.standard_error**2 for one in found]))
    assert 0.85 <= stated / errors.std() <= 1.15
    assert all(one.products == 24 for one in found)


def test_deflation_pays_where_outliers_carry_the_trace():
    """Eight outliers of 80: the bulk alone is left to chance, so the error falls several times."""
    matrix = rotated(spectrum(8, 80))
    plain, deflated = (
        np.std([one.estimate for one in runs(matrix, 48, m, 100)]) for m in ("plain", "deflated")
    )
    assert deflated <= plain / 3


def test_a_fixed_number_of_products_is_made_however_settled_the_mean_looks():
    """PyHessian stops when the running mean moves by less than a thousandth, which was 23 % low."""
    found = traced(Planted(rotated(spectrum(8, 80))), 50, "plain", np.random.default_rng(0))
    assert (found.samples, found.products) == (50, 50)


def test_exact_where_products_suffice():
    matrix = rotated(spectrum(5, 40))
    found = traced(Planted(matrix), 40, "deflated", np.random.default_rng(0))
    assert found.exact
    assert found.standard_error == 0
    assert abs(found.estimate - np.trace(matrix)) <= 1e-12
    assert found.interval() == (found.estimate, found.estimate)
    assert not traced(Planted(matrix), 39, "deflated", np.random.default_rng(0)).exact


@pytest.mark.parametrize("matrix", [np.zeros((50, 50)), np.eye(50), np.diag(np.r_[1.0, np.zeros(49)])])
def test_matrices_without_chance(matrix):
    for method in ("plain", "deflated"):
        found = traced(Planted(matrix), 12, method, np.random.default_rng(0))
        assert abs(found.estimate - np.trace(matrix)) <= 1e-12
        assert found.standard_error <= 1e-12


def test_both_back_ends():
    _, _, dense, inner, _ = oracles()
    mine, other = open_model(apply, (X, LABELS), params=PARAMS), open_model(module(), (X, LABELS))
    for model in (mine, other):
        assert abs(trace(model).estimate - np.trace(dense)) <= 1e-10
        assert abs(trace(model, of="gauss_newton").estimate - np.trace(inner)) <= 1e-10
        found = trace(model, products=12)
        assert abs(found.estimate - np.trace(dense)) <= 6 * found.standard_error
    weights = np.abs(mine.vector())
    assert abs(trace(mine, scaled=True).estimate - (weights**2 * np.diag(dense)).sum()) <= 1e-10
    at = mine.layout.slices["last/weight"]
    assert abs(trace(mine, layers="last/weight").estimate - np.trace(dense[at, at])) <= 1e-10
    assert trace(mine, products=12, seed=3) == trace(mine, products=12, seed=np.random.default_rng(3))
    for words, more in {
        "products: expected a whole number of at least 6, got 5": {"products": 5},
        "products: expected a whole number of at least 2, got 1": {"products": 1, "method": "plain"},
        "unknown method 'hutchpp'": {"method": "hutchpp"},
    }.items():
        with pytest.raises(UsageError, match=words):
            trace(mine, **more)
