"""The study of deep networks beside their kernels: finite networks against their limits, a tiny cell, and what is refused."""

import json

import jax
import numpy as np
import pytest

from overparam.core import DataError, Evidence, UsageError, clean
from overparam.studies.deep_kernel import STUDY, WORLD
from overparam.studies.deep_kernel_work import finite, layers_of, task
from overparam.sweep.judge import judge
from overparam.theory.kernels import Dense, kernels
from overparam.training.full_batch import model_jacobian

RNG = np.random.default_rng(2)
TINY = {"n": 4, "n_test": 4, "side": 4, "layers": 2, "width": (2, 4), "steps": 5, "draws": 2}


def cell(**change):
    return {axis.name: axis.default for axis in STUDY.axes} | TINY | change


@pytest.mark.parametrize(("kind", "width", "many"), [("fc", 96, 150), ("cnn", 48, 36), ("resnet", 48, 12)])
def test_kernels_of_finite_networks_are_on_average_near_the_analytic_ones(kind, width, many):
    images = RNG.normal(size=(3, 3, 3, 2))
    given = images.reshape(3, -1) if kind == "fc" else images
    layers = layers_of(kind, 2)
    limit = kernels(layers, given, get="ntk").ntk
    shape = (18,) if kind == "fc" else (2, 3, 3)
    rows = given if kind == "fc" else images.transpose(0, 3, 1, 2).reshape(3, -1)
    draw, model = finite(layers, shape, width)
    with jax.enable_x64(True):
        grams = []
        for seed in range(many):
            jacobian = model_jacobian(model, draw(np.random.default_rng(seed)), rows)
            grams.append(jacobian @ jacobian.T)
    mean = np.mean(grams, axis=0)
    other = kernels(layers_of(kind, 3), given, get="ntk").ntk
    near, far = (np.linalg.norm(mean - one) / np.linalg.norm(one) for one in (limit, other))
    assert near < 0.1
    assert near < far / 2  # of one layer more


def test_a_linear_network_is_a_product_with_its_inputs():
    draw, model = finite((Dense(2.0),), (4,), 7)
    (weight,) = draw(np.random.default_rng(0))
    x = RNG.normal(size=(3, 4))
    with jax.enable_x64(True):
        assert np.asarray(model([weight], x)) == pytest.approx(2.0 / 2.0 * x @ weight[0], rel=1e-6)


def test_images_have_mean_square_one_and_labels_are_signs():
    x, y, z = task(cell())
    assert x.shape == (4, 4, 4, 1)
    assert z.shape == (4, 4, 4, 1)
    assert np.square(x).mean(axis=(1, 2, 3)) == pytest.approx(1.0)
    assert set(y) <= {1.0, -1.0}
    assert (task(cell(seed=1))[0] != x).any()


@pytest.mark.slow
def test_a_tiny_cell_holds_what_is_declared():
    told = []
    (found,) = STUDY.work([cell()], told.append)
    assert told == sorted(told)
    assert set(found.values) == set(STUDY.values)
    assert len(json.dumps(clean(found.values), allow_nan=False)) < 9_000
    assert all(np.isfinite(found.values[name]).all() for name in STUDY.values)


def test_a_world_in_which_all_is_true_is_answered_with_its_controls():
    for verdict in judge(
        STUDY, Evidence(WORLD(np.random.default_rng(0)).rows), profile="laptop", data="planted"
    ):
        assert verdict.status == "supported", (verdict.claim, verdict.reason)
        assert verdict.control["ok"], verdict.claim


def test_what_does_not_go_together_is_refused():
    with pytest.raises(UsageError, match="--widths: expected widths that ascend"):
        STUDY.estimate(cell(width=(8, 4)))
    with pytest.raises(DataError, match="expected images"):
        task(cell(data="mnist1d"))
    with pytest.raises(UsageError, match="expected at most the"):
        task(cell(n=1000, n_test=1000))
