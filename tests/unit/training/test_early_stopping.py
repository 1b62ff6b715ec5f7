"""A wide network on clusters with wrong labels does what its kernel at the start predicts: when to stop, loss, modes."""

import jax
import numpy as np
import pytest

from overparam import data
from overparam.models import holding, two_layer
from overparam.own.jacobian import empirical_kernel
from overparam.probes import outputs, subset
from overparam.theory.li2020 import early_stopping, mode_energies, top_alignment
from overparam.training import Checkpoint, Member, Recipe, train

N, CLUSTERS, WIDTH = 40, 4, 2048


@pytest.fixture(scope="module")
def run():
    made = data.clusters(N, 10, CLUSTERS, radius=0.3, n_test=4, seed=3)
    clean = np.where(made.data.y > 0, 1.0, -1.0)
    wrong = np.zeros(N, bool)
    for cluster in range(CLUSTERS):  # two of ten labels of every cluster
        wrong[np.flatnonzero(made.own == cluster)[:2]] = True
    given = np.where(wrong, -clean, clean)
    plain, half = (
        two_layer(10, width, activation="gelu", bias=False, parametrisation="ntk")
        for width in (WIDTH, WIDTH // 2)
    )
    drawn = half.init(jax.random.key(0))
    w, v = np.asarray(drawn["hidden1"]["weight"]), np.asarray(drawn["output"]["weight"])
    # every unit twice with opposite signs: all outputs are 0 at the start
    params = {"hidden1": {"weight": np.vstack([w, w])}, "output": {"weight": np.hstack([v, -v])}}
    parts = {"wrong": wrong.astype(np.float32), "right": (~wrong).astype(np.float32)}
    x = made.data.x
    kernel = empirical_kernel(plain, params, x)
    rate = 1.0 / np.linalg.eigvalsh(kernel)[-1]
    recipe = Recipe(120, rate * N, optimizer="gd", loss="squared", probes=14)
    probes = {"outputs": outputs(), **{name: subset(name, name) for name in parts}}
    (found,) = train(
        holding(plain, **parts), recipe, [Member(0, given)], x, x[:2], given[:2], probes=probes,
        start=[Checkpoint({**params, **parts})],
    )  # fmt: skip
    predicted = early_stopping(kernel, given, clean, found.steps, rate=rate)
    return found, predicted, kernel, clean, given


@pytest.mark.slow
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
    found, predicted, kernel, clean, given = run
    assert top_alignment(kernel, clean, CLUSTERS) > 0.95
    assert top_alignment(kernel, given - clean, CLUSTERS) < 0.5
    energies = mode_energies(kernel, found.values["train_outputs"][:, :, 0] - given)
    left = energies / energies[0]
    best = int(predicted.clean_error.argmin())
    assert left[best, :CLUSTERS].max() < 0.1
    assert energies[best, CLUSTERS:].sum() > 0.8 * energies[0, CLUSTERS:].sum()
