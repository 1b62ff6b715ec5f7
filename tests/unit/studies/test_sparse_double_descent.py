"""The study on sparse double descent: what a cell holds, what is trained under which mask, and what it costs."""

import numpy as np
import pytest

from overparam.core.errors import OverparamError
from overparam.studies.sparse_double_descent import (
    STUDY,
    WORLD,
    arms_of,
    distance,
    estimate,
    network_of,
    probes_of,
    recipe_of,
)

TINY = {"n": 100, "width": 12, "density": (0.5, 0.1), "steps": 8, "batch": 20}


def cell(**change):
    return {axis.name: axis.default for axis in STUDY.axes} | TINY | {"seed": 1000} | change


@pytest.mark.slow
def test_a_cell_has_the_values_that_the_study_names():
    told = []
    noisy, clean = STUDY.work([cell(), cell(noise=0.0)], told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert set(noisy.values) == set(STUDY.values)
    assert set(clean.values) == {name for name in STUDY.values if not name.endswith("_wrong")}
    assert noisy.values["wrong_labels"] == 0.4
    assert clean.values["wrong_labels"] == 0.0
    for name, values in noisy.values.items():
        if name not in ("wrong_labels", "labels_digest"):
            assert len(values) == 2
            assert all(0 <= value <= 1 for value in values) or name.endswith("_moved")
    assert noisy.values["dense"][0] == noisy.values["dense"][1] <= noisy.values["best"][0]
    # a random mask starts at the weights of the dense run, and the fresh ones elsewhere
    assert noisy.values["fresh"] != noisy.values["ticket"]


@pytest.mark.slow
def test_a_dense_run_that_diverges_is_told_and_nothing_is_pruned():
    (found,) = STUDY.work([cell(optimizer="sgd", learning_rate=1e30)], lambda _: None)
    assert found.status == "diverged"
    assert "dense" in found.note
    assert "ticket" not in found.values


@pytest.mark.slow
def test_wrong_labels_are_those_that_differ_from_the_given_ones():
    import jax

    from overparam.data import LabelNoise, flatten, load, subset
    from overparam.training.losses import loss

    data = flatten(subset(load("digits"), 100))
    network = network_of(cell(), (8, 8), data.classes)
    shapes = jax.eval_shape(network.init, jax.random.key(0))
    params = jax.tree.map(lambda leaf: np.zeros(leaf.shape, np.float32), shapes)
    noisy = LabelNoise(0.4, "exclusive", 1000).apply(data.y, data.classes)
    probe = probes_of("digits", 100)["wrong"]
    assert probe is probes_of("digits", 100)["wrong"]
    rule = loss("cross_entropy")
    found = probe(network, rule, params, params, data.x, noisy, data.x_test, data.y_test)
    wrong = noisy != data.y
    assert wrong.sum() == 40
    # of outputs that are all alike, the first class is taken
    assert float(found["wrong_error"]) == pytest.approx((noisy[wrong] != 0).mean())


def test_distance_counts_kept_weights_alone():
    from overparam.pruning import Mask

    start = {"hidden1": {"weight": np.zeros((2, 2)), "bias": np.zeros(2)}}
    end = {"hidden1": {"weight": np.array([[3.0, 4.0], [5.0, 6.0]]), "bias": np.ones(2)}}
    mask = Mask({"hidden1/weight": np.array([[1.0, 1.0], [0.0, 0.0]])})
    assert distance(mask, start, end) == 5.0


def test_rounds_prune_within_layers_or_leave_the_output_of_lenet():
    layer = arms_of(cell())
    assert [arm.keep for arm in layer] == pytest.approx([0.5, 0.2])
    assert layer[0].rates["output"] == pytest.approx(0.5**0.472)
    (lenet, _), (resnet, _) = (arms_of(cell(scope="global", network=name)) for name in ("lenet", "resnet18"))
    assert (lenet.scope, lenet.leave, dict(lenet.rates)) == ("global", ("output",), {})
    assert resnet.leave == ()


def test_networks_and_recipes_are_those_of_the_axes():
    from overparam.models import parameters

    assert parameters(network_of(cell(width=300), (28, 28), 10)) == 784 * 300 + 300 * 100 + 1000 + 410
    assert parameters(network_of(cell(network="resnet18", width=64), (32, 32, 3), 10)) > 11e6
    adam = recipe_of(cell(momentum=0.9), (28, 28), (8,))
    assert (adam.optimizer, adam.momentum, adam.schedule, adam.augment) == ("adam", 0.0, "constant", None)
    sgd = recipe_of(
        cell(optimizer="sgd", momentum=0.9, decay=1e-4, drops="yes", augment="yes"), (32, 32, 3), (8,)
    )
    assert (sgd.momentum, sgd.weight_decay) == (0.9, 1e-4)
    assert [round(float(sgd.schedule(step)), 3) for step in (3, 4, 6)] == [1.0, 0.1, 0.01]
    assert sgd.augment is not None


def test_the_cost_of_every_profile_is_told():
    inside = {axis.name for axis in STUDY.axes if axis.inside_cell}
    hours = {}
    for name, profile in STUDY.profiles.items():
        whole = {axis.name: axis.default for axis in STUDY.axes}
        one = whole | {axis: v if axis in inside else v[0] for axis, v in profile.axes.items()}
        hours[name] = estimate(one).seconds / 3600
    assert hours["quick"] < hours["laptop"] < hours["mnist"] < hours["lenet"] < hours["paper"]
    assert hours["lenet"] > 1
    assert hours["paper"] > 1000


def test_the_planted_world_has_a_rise_only_with_wrong_labels():
    rise = next(claim for claim in STUDY.claims if claim.name == "rise")
    drawn = WORLD(np.random.default_rng(0))
    assert rise.judge(drawn).status == "supported"
    assert rise.judge_control(drawn).status != "supported"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"density": (0.1, 0.5)}, "densities"),
        ({"rewind": 8}, "rewind"),
        ({"batch": 200}, "batch"),
        ({"n": 10_000}, "10"),
        ({"network": "resnet18", "data": "mnist1d"}, "image|height"),
        ({"augment": "yes", "data": "mnist1d"}, "augment: expected images, got examples of shape"),
        ({"drops": "yes", "steps": 3}, "drops: expected at least 4 steps, got 3"),
    ],
)
def test_options_that_do_not_fit_are_refused(change, named):
    with pytest.raises(OverparamError, match=named):
        STUDY.work([cell(**change)], lambda _: None)
