"""A wide network on clusters with wrong labels does what its kernel at the start predicts: when to stop, loss, modes."""

import jax
import numpy as np
import pytest

from overparam import data
from overparam.models import holding, two_layer
from overparam.own.jacobian import empirical_kernel
from overparam.probes import outputs, subset
from overparam.theory.li2020 import early_stopping, mode_energies, top_alignment
from overparam.training import Member, Recipe, train

N, CLUSTERS = 40, 4


@pytest.fixture(scope="module")
def run():
    made = data.clusters(N, 10, CLUSTERS, radius=0.1, n_test=4, seed=3)
    clean = np.where(made.data.y > 0, 1.0, -1.0)
    wrong = np.zeros(N, bool)
    for cluster in range(CLUSTERS):  # two of ten labels of every cluster
        wrong[np.flatnonzero(made.own == cluster)[:2]] = True
    given = np.where(wrong, -clean, clean)
    plain = two_layer(10, 512, activation="gelu", bias=False, parametrisation="ntk")
    network = holding(plain, wrong=wrong.astype(np.float32), right=(~wrong).astype(np.float32))
    params = plain.init(jax.random.key(0))
    kernel = empirical_kernel(plain, params, made.data.x)
    rate = 1.0 / np.linalg.eigvalsh(kernel)[-1]
    recipe = Recipe(3000, rate * N, optimizer="gd", loss="squared", probes=30)
    probes = {"outputs": outputs(), "wrong": subset("wrong", "wrong"), "right": subset("right", "right")}
    x = made.data.x
    (found,) = train(network, recipe, [Member(0, given)], x, x[:2], given[:2], probes=probes)
    start = np.asarray(plain.apply(params, x), float)[:, 0]
    predicted = early_stopping(kernel, given, clean, found.steps, rate=rate, start=start)
    return found, predicted, kernel, clean, given


def test_the_time_to_stop_is_predicted_within_one_place_of_the_grid(run):
    found, predicted, _, clean, _ = run
    measured = np.square(found.values["train_outputs"][:, :, 0] - clean).mean(axis=1)
    best = int(measured.argmin())
    assert abs(best - int(np.flatnonzero(predicted.times == predicted.best)[0])) <= 1
    assert 0 < best < len(found.steps) - 1  # neither the start nor the end: noise is fitted later
    assert predicted.gained > 0.05
    np.testing.assert_allclose(measured, predicted.clean_error, atol=0.04)


def test_the_loss_is_predicted(run):
    found, predicted, *_ = run
    np.testing.assert_allclose(found.values["train_loss"], predicted.loss, atol=0.02)


def test_clean_labels_are_fitted_first(run):
    found, predicted, *_ = run
    at = int(np.flatnonzero(predicted.times == predicted.best)[0])
    assert found.values["right_loss"][at] < 0.25 < 1.0 < found.values["wrong_loss"][at]


def test_the_leading_modes_hold_the_clean_labels_and_are_learnt_first(run):
    found, _, kernel, clean, given = run
    assert top_alignment(kernel, clean, CLUSTERS) > 0.95
    assert top_alignment(kernel, given - clean, CLUSTERS) < 0.5
    energies = mode_energies(kernel, found.values["train_outputs"][:, :, 0] - given)
    left = energies / energies[0]
    middle = len(found.steps) // 2
    assert left[middle, :CLUSTERS].max() < 0.2
    assert energies[middle, CLUSTERS:].sum() > 0.7 * energies[0, CLUSTERS:].sum()
