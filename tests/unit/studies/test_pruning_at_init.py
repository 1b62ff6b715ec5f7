"""The study on pruning before training: its masks, sanity arms, examples and costs."""

import jax
import numpy as np
import pytest

from overparam.data import flatten, load
from overparam.models import mlp
from overparam.pruning import Line, Mask
from overparam.pruning.draws import other_start
from overparam.pruning.held import Held
from overparam.studies.pruning_at_init import ARMS, METHODS, OTHERS, SANE, STUDY
from overparam.studies.pruning_at_init_work import examples, masks_of, norm
from overparam.training import Checkpoint, Trained

SMALL = {"densities": (0.1, 0.4), "width": 6, "steps": 4, "n": 60, "batch": 20, "examples": 1}
NETWORK = mlp(4, (6,), 3)


def cell(**change):
    return {axis.name: axis.default for axis in STUDY.axes} | SMALL | change


@pytest.fixture(scope="module")
def line():
    initial, final = (jax.device_get(NETWORK.init(jax.random.key(i))) for i in (0, 1))
    run = Trained(1000, np.array([1]), {}, None, None, Checkpoint(final))
    return Line(1000, "dense", Held(Mask.full(NETWORK), None, initial), initial, run)


def test_masks_of_all_arms_have_one_density_and_do_what_they_are_for(line):
    rng = np.random.default_rng(0)
    scores = {name: {path: rng.random(one.shape) for path, one in line.mask} for name in METHODS}
    found = masks_of(NETWORK, line, 0.25, scores)
    assert set(found) == set(ARMS)
    kept = {name: one.kept for name, one in found.items() if name != "random"}
    assert len(set(kept.values())) == 1
    for name in METHODS:
        assert found[f"{name}_shuffled"].densities == found[name].densities
        assert found[f"{name}_reinit"] is found[name]
    for name in ("snip", "grasp"):
        both = [
            found[one].arrays["hidden1/weight"] * scores[name]["hidden1/weight"]
            for one in (name, f"{name}_inverted")
        ]
        assert both[0].sum() > both[1].sum()
    assert max(found["random"].densities.values()) - min(found["random"].densities.values()) < 0.06
    start = np.concatenate([np.abs(one["weight"]).ravel() for one in line.start.values()])
    assert np.abs(found["magnitude"].apply(line.start)["hidden1"]["weight"]).max() <= start.max()


def test_examples_are_so_many_of_each_class_and_follow_the_seed():
    data = flatten(load("digits"))
    x, y = examples(data, 3, 1000)
    assert np.bincount(y).tolist() == [3] * 10
    assert x.shape == (30, 64)
    assert not np.array_equal(x, examples(data, 3, 1001)[0])


def test_another_start_is_another_draw_and_a_norm_is_that_of_kept_weights(line):
    assert not np.array_equal(other_start(NETWORK, 0)["hidden1"]["weight"], line.start["hidden1"]["weight"])
    x, y = np.ones((5, 4), np.float32), np.array([0, 1, 2, 0, 1])
    assert norm(NETWORK, line.start, line.mask, x, y) > 0
    none = Mask({path: np.zeros_like(one) for path, one in line.mask})
    assert norm(NETWORK, line.start, none, x, y) == 0


@pytest.mark.slow
def test_a_cell_has_the_values_that_the_study_names():
    told = []
    (outcome,) = STUDY.work([cell(seed=1000)], told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert set(outcome.values) == set(STUDY.values)
    assert outcome.values["density"] == [0.4, 0.1]
    assert all(len(outcome.values[name]) == 2 for name in (*METHODS, *OTHERS))
    assert len(ARMS) == len(METHODS) * (1 + len(SANE)) + len(OTHERS)


def test_the_cost_of_the_original_configuration_is_told():
    lists, costs = ("densities",), {}
    for name, one in STUDY.profiles.items():
        costs[name] = STUDY.estimate({k: v if k in lists else v[0] for k, v in one.axes.items()})
    assert costs["paper"].seconds > 1000 * costs["quick"].seconds
