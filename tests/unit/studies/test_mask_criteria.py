"""The study on criteria and actions: its cell holds what it names, and its starts are what their names say."""

import jax
import numpy as np
import pytest

from overparam.models import mlp
from overparam.pruning import Line, Mask
from overparam.pruning.held import Held
from overparam.studies.mask_criteria import ACTIONS, ASKED, MORE, STUDY
from overparam.studies.mask_criteria_work import ACTIONS as TRAINED
from overparam.studies.mask_criteria_work import WITHOUT, begins, pruned_once
from overparam.training import Checkpoint, Trained

SMALL = {
    "criteria": ("large_final", "random"),
    "densities": (0.1, 0.4),
    "width": 6,
    "steps": 4,
    "n": 60,
    "batch": 20,
}


def cell(**change):
    return {axis.name: axis.default for axis in STUDY.axes} | SMALL | change


@pytest.fixture(scope="module")
def line():
    network = mlp(4, (6,), 3)
    initial, final = (jax.device_get(network.init(jax.random.key(i))) for i in (0, 1))
    full = Mask.full(network)
    run = Trained(1000, np.array([1]), {}, None, None, Checkpoint(final))
    return Line(1000, "dense", Held(full, None, initial), initial, run)


def test_names_of_actions_and_criteria_are_those_of_the_work():
    assert tuple(ACTIONS) == TRAINED
    assert {name for name, _ in WITHOUT.values()} <= {*ASKED, *MORE}


def test_every_start_is_masked_and_is_what_its_name_says(line):
    found, w0, w = begins(line, 0.25), line.start["hidden1"]["weight"], line.run.params["hidden1"]["weight"]
    kept = pruned_once(line, "large_final", 0.25).arrays["hidden1/weight"] == 1
    assert set(found) == set(ACTIONS)
    assert kept.sum() == 6
    for mask, offset, start in found.values():
        own = start["hidden1"]["weight"]
        assert np.array_equal(mask.arrays["hidden1/weight"] == 1, kept)
        assert not own[~kept].any()
        assert offset is None or not np.asarray(offset["hidden1"]["weight"])[kept].any()
    start = {name: found[name][2]["hidden1"]["weight"][kept] for name in found}
    assert np.array_equal(start["rewind"], w0[kept])
    assert start["half"] == pytest.approx(w0[kept] / 2)
    assert start["matched"] == pytest.approx(2 * w0[kept])
    assert np.abs(start["random_signs"]) == pytest.approx(np.abs(w0[kept]))
    assert np.array_equal(np.sign(start["final_signs"]), np.sign(w[kept]))
    assert np.array_equal(np.sign(start["signed_constant"]), np.sign(w0[kept]))


def test_frozen_weights_are_those_that_grew_or_shrank(line):
    found, w0, w = begins(line, 0.25), line.start["hidden1"]["weight"], line.run.params["hidden1"]["weight"]
    pruned = found["rewind"][0].arrays["hidden1/weight"] == 0
    frozen = {
        name: np.asarray(found[name][1]["hidden1"]["weight"])
        for name in ("freeze", "variant", "as_many", "reverse")
    }
    shrank = np.abs(w0) > np.abs(w)
    assert np.array_equal(frozen["freeze"], np.where(pruned, w0, 0))
    assert np.array_equal(frozen["variant"] != 0, pruned & ~shrank)
    assert np.array_equal(frozen["reverse"] != 0, pruned & shrank)
    assert np.count_nonzero(frozen["as_many"]) == np.count_nonzero(frozen["variant"])


@pytest.mark.slow
def test_a_cell_has_the_values_that_the_study_names():
    told = []
    (outcome,) = STUDY.work([cell(seed=1000)], told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    left = {name for name in (*ASKED, *MORE) if name not in SMALL["criteria"]}
    assert set(outcome.values) == set(STUDY.values) - left
    assert outcome.values["density"] == [0.4, 0.1]
    assert outcome.values["action_accuracy"] == [outcome.values[name] for name in ACTIONS]
    place = outcome.values["untrained_density"].index(outcome.values["untrained_chosen"])
    assert outcome.values["untrained"][place] == outcome.values["untrained_best"]


def test_the_cost_of_the_original_configuration_is_told():
    lists, costs = ("criteria", "densities"), {}
    for name, one in STUDY.profiles.items():
        costs[name] = STUDY.estimate({k: v if k in lists else v[0] for k, v in one.axes.items()})
    assert costs["paper"].seconds > 1000 * costs["quick"].seconds
