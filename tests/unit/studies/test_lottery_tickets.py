"""The study on lottery tickets: one tiny cell, its arms against each other, and options that do not fit."""

import math

import numpy as np
import pytest

from overparam.core.errors import OverparamError
from overparam.studies.lottery_tickets import STUDY
from overparam.studies.lottery_tickets_work import at_size, controls, network_of

TINY = {"data": "digits", "n": 100, "width": 12, "density": (0.5, 0.2), "steps": 8, "batch": 20, "early": 4, "rewind": 2,
        "parents": (12,), "size": 200}  # fmt: skip


def cell(**change):
    return {axis.name: axis.default for axis in STUDY.axes} | TINY | change


@pytest.fixture(scope="module")
def found():
    told = []
    outcomes = STUDY.work([cell(seed=1000), cell(seed=1001)], told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    return [one.values for one in outcomes]


@pytest.mark.slow
def test_a_cell_has_the_values_that_the_study_names(found):
    published = {name for name in STUDY.values if name.startswith("published_")}
    for one in found:
        assert set(one) == set(STUDY.values) - published
        for name, line in one.items():
            if name.endswith(("_accuracy", "_early")) and not name.startswith("parent"):
                assert len(line) == 2
                assert all(0 <= value <= 1 for value in line)
    assert found[0]["ticket_accuracy"] != found[1]["ticket_accuracy"]


@pytest.mark.slow
def test_the_dense_run_is_the_same_at_every_density_and_pruning_once_is_the_first_round(found):
    for one in found:
        assert one["dense_accuracy"][0] == one["dense_accuracy"][1]
        assert one["one_shot_accuracy"][0] == pytest.approx(one["ticket_accuracy"][0], abs=1e-6)
        assert one["kept"][0] == pytest.approx(0.5, abs=0.05)


@pytest.mark.slow
def test_a_parent_of_the_same_width_is_read_between_two_densities(found):
    for one in found:
        (value,) = one["parent_accuracy"]
        low, high = sorted(one["ticket_accuracy"])
        assert value is None or low - 1e-6 <= value <= high + 1e-6


@pytest.mark.slow
def test_controls_keep_as_many_weights_in_every_layer():
    import jax

    from overparam.pruning import Mask, Round, Weights, choose
    from overparam.pruning.held import Held
    from overparam.pruning.rounds import Line
    from overparam.training.member import Checkpoint, Trained

    network = network_of("lenet", 20, 12, 10)
    params = network.init(jax.random.key(3))
    full = Mask.full(network)
    run = Trained(3, np.array([0]), {}, None, None, Checkpoint(params))
    dense = Round(0, (Line(3, "dense", Held(full, None, params), params, run),))
    mask = choose("large_final", Weights(final=params, mask=full), 0.3)
    ticket = Round(1, (Line(3, "ticket", Held(mask, None, mask.apply(params)), params, run),))
    own = controls(network, dense, ticket, 0.3, 1.0)
    assert set(own) == {"random", "again", "shuffled", "reinit", "one_shot"}
    masks = {name: one[0][1] for name, one in own.items()}
    assert all(one.densities == mask.densities for one in masks.values())
    assert masks["reinit"] == mask
    assert masks["one_shot"] == mask
    assert masks["random"] != masks["again"]
    assert masks["shuffled"] != mask
    for path, one in masks["shuffled"]:
        assert (one.sum(axis=0) == mask.arrays[path].sum(axis=0)).all()
    starts = {name: np.asarray(one[0][2]["hidden1"]["weight"]) for name, one in own.items()}
    assert (starts["random"] == starts["one_shot"]).all()
    assert (starts["again"] == starts["reinit"]).all()
    assert (starts["random"] != starts["reinit"]).any()


def test_accuracy_at_a_size_is_none_outside_of_what_was_measured():
    assert at_size([], 0, 100) is None


def test_published_numbers_stand_at_their_densities():
    from overparam.studies.lottery_tickets import MNIST1D
    from overparam.studies.lottery_tickets_work import PUBLISHED

    for of in PUBLISHED.values():
        assert set(of) == set(MNIST1D)
    assert math.isclose(PUBLISHED["published_ticket"][0.08], 0.75)


@pytest.mark.parametrize("name", list(STUDY.profiles))
def test_every_parent_of_a_profile_has_tickets_on_both_sides_of_the_size(name):
    given = {axis.name: axis.default for axis in STUDY.axes}
    given |= {
        key: of if key in ("density", "parents") else of[0] for key, of in STUDY.profiles[name].axes.items()
    }
    inputs = {"digits": 64, "mnist": 784, "mnist1d": 40, "mnist1d-5k": 40}[given["data"]]
    for width in given["parents"]:
        second = width if given["network"] == "residual" else max(1, round(width / 3))
        kept = [
            d * (inputs * width + width * second) + d ** given["output"] * second * 10 for d in given["density"]
        ]
        assert 1.02 * min(kept) < given["size"] < max(kept), width


@pytest.mark.parametrize(
    ("change", "named"),
    [({"density": (0.2, 0.5)}, "densities"), ({"rewind": 8}, "rewind"), ({"n": 100, "batch": 200}, "batch")],
)
def test_options_that_do_not_fit_are_refused(change, named):
    with pytest.raises(OverparamError, match=named):
        STUDY.work([cell(**change, seed=1000)], lambda _: None)
