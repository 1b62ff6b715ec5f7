"""Capacity bounds against brute force: every sign of tiny classes, every direction of the plane, and drawn samples."""

import itertools

import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.theory import bartlett2017, bartlett2019, dziugaite2017, golowich2018, neyshabur2015
from overparam.theory.bartlett2017 import spectral_complexity, spectral_gap
from overparam.theory.bartlett2019 import vc_dimension, vc_gap
from overparam.theory.capacity import layers_of, margin_gap
from overparam.theory.dziugaite2017 import gaussian_kl, kl_inverse, pac_bayes
from overparam.theory.golowich2018 import frobenius_complexity
from overparam.theory.neyshabur2015 import path_complexity, path_norm
from overparam.theory.testing import check_theorem

X = np.random.default_rng(0).standard_normal((6, 2))
SIGNS = np.array(list(itertools.product((-1.0, 1.0), repeat=6)))
TURNS = np.linspace(0, 2 * np.pi, 721)
DIRECTIONS = np.stack([np.cos(TURNS), np.sin(TURNS)])


@pytest.mark.parametrize("module", [bartlett2017, bartlett2019, dziugaite2017, golowich2018, neyshabur2015])
def test_theorems_keep_their_contract(module):
    check_theorem(module.THEOREMS[0])


def complexity(directions, layers):
    """The exact empirical Rademacher complexity of linear functions, or of relu networks of two layers, of size 1."""
    features = X @ directions
    features = np.maximum(features, 0.0) if layers == 2 else features
    return np.abs(SIGNS @ features).max(axis=1).mean() / len(X)


@pytest.mark.parametrize("layers", [1, 2])
def test_complexities_are_above_those_of_every_network_of_that_norm(layers):
    # a unit with |a| |w| <= 1 is the extreme point of two layers: one direction, with both signs
    chain = [np.array([[1.0, 0.0]]), np.array([[1.0]])][:layers] if layers == 2 else [np.array([[1.0, 0.0]])]
    exact = complexity(DIRECTIONS, layers)
    assert 0.2 * frobenius_complexity(chain, X) < exact <= frobenius_complexity(chain, X)
    diamond = DIRECTIONS / np.abs(DIRECTIONS).sum(axis=0)
    exact = complexity(diamond, layers)
    assert 0.05 * path_complexity(chain, X) < exact <= path_complexity(chain, X)


def test_a_path_norm_is_the_sum_over_listed_paths_and_keeps_under_rescaling():
    rng = np.random.default_rng(1)
    chain = [rng.standard_normal(shape) for shape in ((3, 2), (4, 3), (1, 4))]
    listed = sum(
        abs(chain[0][a, i] * chain[1][b, a] * chain[2][0, b])
        for i in range(2)
        for a in range(3)
        for b in range(4)
    )
    assert path_norm(chain) == pytest.approx(listed)
    assert path_norm([7 * chain[0], chain[1] / 7, chain[2]]) == pytest.approx(listed)


def test_spectral_complexity_by_hand_and_at_its_references():
    a, b = np.array([[3.0, 0.0], [0.0, 1.0]]), np.array([[0.0, 2.0]])
    by_hand = 3 * 2 * ((4 / 3) ** (2 / 3) + (2 / 2) ** (2 / 3)) ** 1.5
    assert spectral_complexity([a, b]) == pytest.approx(by_hand)
    assert spectral_complexity([a, b], [a, b]) == 0
    # the product of spectral norms alone is a lower bound: it is the Lipschitz constant of a class that is as rich
    assert spectral_complexity([a, b]) >= 6
    assert spectral_gap([a, b], X, 1.0) > spectral_gap([a, b], X, 2.0) > spectral_gap([a, b], X, 2.0, [a, b])


def test_a_vc_dimension_is_above_the_points_that_a_tiny_network_shatters():
    """Two hidden units on a line cut it at most twice where the sign turns twice: 3 points, seen by drawing weights."""
    rng = np.random.default_rng(2)
    points = np.array([-1.0, 0.3, 1.1])
    w, b, a, c = (rng.standard_normal((20_000, 2)) for _ in range(4))
    outputs = (np.maximum(points[:, None, None] * w + b, 0) * a).sum(axis=2) + c[:, 0]
    assert len({tuple(one) for one in (outputs.T > 0)}) == 8
    assert vc_dimension([1, 2, 1]) >= 3
    assert vc_dimension([4, 8, 1]) < vc_dimension([4, 16, 1]) < vc_dimension([4, 16, 16, 1])


def test_the_vc_bound_is_above_the_largest_gap_of_thresholds_in_drawn_samples():
    """Thresholds on the unit interval have dimension 1; the largest gap over them is that of Kolmogorov and Smirnov."""
    rng, n = np.random.default_rng(3), 200
    samples = np.sort(rng.random((300, n)), axis=1)
    largest = np.abs(samples - np.arange(1, n + 1) / n).max(axis=1)
    assert np.quantile(largest, 0.95) < vc_gap(1, n)
    assert vc_gap(0, n) < vc_gap(1, n) < vc_gap(10, n) < vc_gap(1e9, n) == vc_gap(2 * n, n)


def test_the_margin_bound_covers_linear_classifiers():
    rng, n = np.random.default_rng(4), 400
    complexity_of = 1.0 / np.sqrt(n)  # rows and weights of norm 1
    assert margin_gap(complexity_of, 0.5, n, 0.05) == pytest.approx(
        4 / np.sqrt(n) + 3 * np.sqrt(np.log(40) / 800)
    )
    turns = rng.random((50, n)) * 2 * np.pi
    x = np.stack([np.cos(turns), np.sin(turns)], axis=-1)
    y = np.where(x[..., 0] > 0, 1, -1)
    margins = np.einsum("snd,dk->skn", x, DIRECTIONS) * y[:, None]
    wrong = np.minimum(TURNS, 2 * np.pi - TURNS) / np.pi  # share of the circle on the other side
    assert (wrong - (margins < 0.5).mean(axis=2)).max() < margin_gap(complexity_of, 0.5, n)


def test_divergences_against_sampling_and_the_inverse_against_a_grid():
    rng = np.random.default_rng(5)
    w, start, s, t = np.array([1.0, -0.5]), np.array([0.2, 0.3]), 0.7, 1.1
    draws = w + s * rng.standard_normal((200_000, 2))
    ratio = (np.square(draws - start) / (2 * t * t) - np.square(draws - w) / (2 * s * s)).sum(
        axis=1
    ) + 2 * np.log(t / s)
    assert gaussian_kl(w, start, s, t) == pytest.approx(ratio.mean(), abs=5 * ratio.std() / 200_000**0.5)
    grid = np.linspace(0.1, 1 - 1e-9, 400_001)
    kl = 0.1 * np.log(0.1 / grid) + 0.9 * np.log(0.9 / (1 - grid))
    assert kl_inverse(0.1, 0.2) == pytest.approx(grid[kl <= 0.2].max(), abs=5e-6)
    assert kl_inverse(0.3, 0.0) == pytest.approx(0.3)
    assert kl_inverse(1.0, 0.1) == 1
    assert kl_inverse(0.0, 0.0) < 1e-12


def test_the_pac_bayes_bound_covers_gaussian_weights_in_drawn_samples():
    """One weight w of a threshold sign(x - w) on normal inputs whose labels are sign(x): errors are known exactly."""
    from scipy.stats import norm

    rng, n, failed = np.random.default_rng(6), 60, 0
    noise = rng.standard_normal(400)
    for _ in range(100):
        x = rng.standard_normal(n)
        mean = np.median(np.abs(x)) / 10
        w = mean + 0.3 * noise
        train = np.mean(((x[:, None] > w) != (x[:, None] > 0)).mean(axis=0))
        true = np.mean(np.abs(norm.cdf(w) - 0.5))
        failed += true > pac_bayes(float(train), gaussian_kl([mean], [0.0], 0.3, 0.3), n)
    assert failed <= 12  # at most 5 on average
    assert (
        pac_bayes(0.1, 5.0, 500)
        < pac_bayes(0.1, 5.0, 500, choices=9)
        < pac_bayes(0.1, 5.0, 500, draws=50, choices=9)
    )


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: layers_of("weights"), "weights: expected a list of matrices"),
        (lambda: layers_of([np.ones(3)]), r"weights\[0\]: expected a matrix"),
        (lambda: layers_of([np.ones((2, 2)), np.ones((1, 3))]), "expected 2 inputs"),
        (lambda: layers_of([np.array([[np.nan]])]), r"weights\[0\]"),
        (lambda: frobenius_complexity([np.ones((1, 3))], X), r"x: expected shape \(n, 3\)"),
        (
            lambda: spectral_complexity([np.ones((1, 2))], [np.ones((1, 3))]),
            "references: expected matrices of the shapes",
        ),
        (lambda: gaussian_kl([1.0], [1.0, 2.0], 1, 1), "mean, prior_mean: expected two vectors"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(call, words):
    with pytest.raises(DataError, match=words):
        call()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: vc_dimension([3]), "sizes: expected inputs"),
        (lambda: vc_dimension([3, 2]), "1 output"),
        (lambda: vc_dimension(5), "sizes: expected inputs"),
        (lambda: vc_gap(-1, 10), "dimension"),
        (lambda: margin_gap(1.0, 0.0, 10), "margin"),
        (lambda: margin_gap(-1.0, 1.0, 10), "complexity"),
        (lambda: kl_inverse(1.5, 0.1), "error: expected a share"),
        (lambda: pac_bayes(0.1, 1.0, 0), "n: expected"),
    ],
)
def test_numbers_out_of_range_are_refused(call, words):
    with pytest.raises(UsageError, match=words):
        call()
