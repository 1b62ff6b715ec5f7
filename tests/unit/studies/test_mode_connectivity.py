"""The study of mode connectivity: a tiny pair, the bound of its paths, and what is refused."""

import jax
import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.data import flatten, load, subset
from overparam.models import mlp
from overparam.probes.paths.subnetworks import dropped
from overparam.studies import mode_connectivity_work as work
from overparam.studies.mode_connectivity import NAMED, STUDY

TINY = {"data": "digits", "n": 40, "width": 20, "depth": 2, "epochs": 30, "batch": 10, "draws": 2, "points": 3}


def cell(**change):
    return {axis.name: axis.default for axis in STUDY.axes} | TINY | change


@pytest.fixture(scope="module")
def found():
    told = []
    (one,) = STUDY.work([cell(seed=1000)], told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    return one.values


@pytest.mark.slow
def test_a_pair_has_every_value_that_the_study_names(found):
    assert set(found) == set(STUDY.values)
    assert tuple(NAMED) == work.PATHS
    assert found["root"] == pytest.approx(20 / 40**0.5, rel=1e-5)
    assert all(len(found[f"path_{name}"]) == len(found["t"]) == 41 for name in NAMED)


@pytest.mark.slow
def test_no_path_through_subnetworks_is_worse_than_the_worst_of_them(found):
    assert len(found["excess"]) == 3
    assert max(found["excess"]) <= 1e-5
    assert found["gap"] == pytest.approx(found["dropout_condition_error"] - found["condition_error"], abs=1e-5)
    assert found["dropout_condition_error"] <= found["dropout_first_error"]


@pytest.mark.slow
def test_twenty_features_separate_forty_samples_and_carry_them_along_the_path(found):
    # 10 units and an offset of each layer, 40 samples: with the given labels separable, as the linear programs say or not
    assert 0.0 <= found["separable_layers"] <= 1.0
    assert (found["separable_rise"] is None) == (found["separable_layers"] < 1.0)


@pytest.mark.slow
def test_without_room_for_a_unit_a_class_there_is_no_path_of_linear_classifiers():
    (one,) = STUDY.work([cell(seed=1000, width=8, epochs=1)], lambda share: None)
    assert (one.values["separable_error"], one.values["separable_rise"]) == (1.0, None)
    assert one.values["straight_error"] is not None
    assert one.status == "ok"


@pytest.mark.slow
def test_paths_between_untrained_networks_keep_to_their_bound():
    data, network = flatten(subset(load("digits"), 30)), mlp(64, (4, 4), 10)
    pair = tuple(jax.tree.map(np.asarray, network.init(jax.random.key(i))) for i in (0, 1))
    units = [work._half(0, layer, 4, 2) for layer in (0, 1)]
    small = tuple([dropped(network, end, units, entry) for entry in (2, 1, 0)] for end in pair)
    middle = jax.tree.map(lambda a, b: (a + b) / 2, *pair)
    found = work.of_pair(network, data, 0, pair, units, small, middle, {"points": 5, "draws": 1, "width": 4})
    assert max(found["excess"]) <= 1e-6
    assert found["condition_error"] == found["dropout_condition_error"]  # the same subnetworks
    assert found["path_bezier"] == pytest.approx(found["path_straight"])  # a bend in the middle
    assert (found["separable_error"], found["separable_rise"]) == (1.0, None)
    assert found["asked"] == 4


def test_units_that_stay_are_half_and_differ_from_layer_to_layer_and_draw_to_draw():
    drawn = [work._half(3, layer, 12, 6, draw) for layer, draw in ((0, 0), (1, 0), (0, 1))]
    assert all(len(set(one.tolist())) == 6 for one in drawn)
    assert (work._half(3, 0, 12, 6) == drawn[0]).all()
    assert not np.array_equal(drawn[0], drawn[1]) or not np.array_equal(drawn[0], drawn[2])


def test_bad_input_is_refused_before_any_training():
    with pytest.raises(UsageError, match="--batch: expected at most the 40"):
        STUDY.work([cell(seed=0, batch=41)], lambda share: None)
    with pytest.raises(UsageError, match="--widths: expected at least 2"):
        STUDY.work([cell(seed=0, width=1)], lambda share: None)
