"""The study of linear connectivity: what belongs to a data set, splits, and a tiny cell."""

import dataclasses

import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.data import flatten, load, subset
from overparam.studies import linear_connectivity_work as work
from overparam.studies.linear_connectivity import STUDY, WORLD

TINY = {"data": "digits", "n": 60, "width": 6, "steps": 24, "batch": 12, "split": (0.0, 0.5), "points": 3}


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
def test_a_cell_has_the_lines_of_a_perceptron_over_its_splits(found):
    of_tickets = {name for name in STUDY.values if name.startswith(("ticket", "random", "dense"))}
    assert set(found[0]) == set(STUDY.values) - of_tickets
    assert found[0]["step"] == [0, 12]
    assert all(
        len(found[0][name]) == 2 for name in ("loss_barrier", "skipped_test_barrier", "stranger_error_barrier")
    )
    assert len(found[0]["path_start"]) == len(found[0]["t"]) == 3


def test_without_steps_before_the_split_nothing_is_left_out(found):
    for values in found:
        assert values["skipped_loss_barrier"][0] == values["loss_barrier"][0]
        assert values["skipped_distance"][0] == values["distance"][0]


def test_later_splits_end_closer_and_other_weights_farther(found):
    for values in found:
        assert values["distance"][1] < values["distance"][0] < values["stranger_distance"][0]


@pytest.mark.slow
def test_a_child_of_the_same_order_is_its_parent_and_of_another_is_not():
    data = flatten(subset(load("digits"), 60))
    how = work.setting(cell())
    bench = work.Bench(work.network_of(how, data.shape, data.classes), work.recipe_of(how), data, 3)
    (parent,) = bench.runs([bench.member(1000)], keep={"0": work.Keep(step=0), "12": work.Keep(step=12)})
    same, other = (bench.runs([bench.member(1000, order)], [parent.kept["12"]])[0] for order in (0, 1))
    assert bench.between(parent, same)["distance"] == pytest.approx(0.0, abs=1e-7)
    assert bench.between(parent, same)["loss_barrier"] == pytest.approx(0.0, abs=1e-6)
    assert bench.between(parent, other)["distance"] > 1e-4
    broken = dataclasses.replace(other, checkpoint=dataclasses.replace(
        other.checkpoint, params={k: {n: v * np.nan for n, v in one.items()} for k, one in other.params.items()}))  # fmt: skip
    assert np.isnan(bench.between(parent, broken)["loss_barrier"])


@pytest.mark.slow
def test_tickets_have_lines_of_their_own():
    one = STUDY.work([cell(seed=1000, data="mnist1d", density=(0.5,), steps=40)], lambda share: None)[0].values
    for name in (
        "ticket_accuracy",
        "random_accuracy",
        "ticket_test_barrier",
        "random_error_barrier",
        "dense_accuracy",
    ):
        assert len(one[name]) == 2
    assert len(set(one["dense_accuracy"])) == 1
    none = STUDY.work([cell(seed=1000, data="mnist1d", tickets="none", steps=40)], lambda share: None)[0].values
    assert "ticket_accuracy" not in none


def test_what_belongs_to_a_data_set_gives_way_to_what_is_asked():
    asked = {axis.name: axis.default for axis in STUDY.axes}
    assert work.setting({**asked, "data": "cifar10"}).network == "cnn"
    assert work.setting({**asked, "data": "mnist1d:seed=3"}).network == "residual"
    assert work.setting({**asked, "data": "mine.csv"}) == work.OWN
    assert work.setting({**asked, "data": "mnist", "network": "lenet", "steps": 7}) == work.Setting(
        "lenet", 4000, 64, 7, 100, 1.2e-3
    )


def test_splits_that_fall_on_one_step_or_do_not_begin_at_the_start_are_refused():
    assert work.split_steps((0.0, 0.0125, 0.0625, 0.25), 1600) == [0, 20, 100, 400]
    for shares in ((0.0, 0.001), (0.1, 0.5), (0.0, 0.5, 0.25), (0.0, 0.999)):
        with pytest.raises(UsageError, match="--splits: expected shares of the 24 steps"):
            work.split_steps(shares, 24)


def test_bad_input_is_refused_before_any_training():
    with pytest.raises(UsageError, match="--batch: expected at most the 60"):
        STUDY.work([cell(seed=0, batch=61)], lambda share: None)
    with pytest.raises(DataError, match="expected images for cnn"):
        STUDY.work([cell(seed=0, data="mnist1d", network="cnn")], lambda share: None)


def test_a_claim_about_perceptrons_does_not_speak_of_convolutions():
    claim = next(one for one in STUDY.claims if one.name == "becomes-stable")
    asked = next(one for one in claim.preconditions if one.name == "network")
    for network, ok in (("mlp", False), ("cnn", True)):
        assert asked.check(WORLD.but(numbers={"kind": network})(np.random.default_rng(0))).ok == ok
