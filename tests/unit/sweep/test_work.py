"""A task holds what cells share; its trainings equal those that a study would run by hand."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from overparam.core.errors import StackError
from overparam.core.outcomes import rounded
from overparam.data import LabelNoise, digest_of, flatten, load, subset
from overparam.models import linear, mlp, two_layer
from overparam.probes import standard
from overparam.sweep.work import shared, task
from overparam.training import Checkpoint, Member, Recipe, probe_times, train

RECIPE = Recipe(steps=20, learning_rate=0.1, momentum=0.9, batch=20, probes=5)


def cells(**changes):
    base = {
        "data": "digits",
        "n": 60,
        "width": 5,
        "noise": 0.3,
        "noise_kind": "exclusive",
        "seed": 0,
        **changes,
    }
    return [{**base, "seed": seed} for seed in (0, 3)]


def quiet(fraction):
    assert 0 <= fraction <= 1


def test_labels_are_those_of_each_seed():
    stack = task(cells())
    data = flatten(subset(load("digits"), 60))
    assert np.array_equal(stack.data.x, data.x)
    for member, y, wrong, digest, fact in zip(
        stack.members, stack.labels, stack.wrong, stack.digests, stack.facts, strict=True
    ):
        assert np.array_equal(y, LabelNoise(0.3, "exclusive", member.seed).apply(data.y, 10))
        assert wrong == 0.3  # exclusive noise: every replaced label is wrong
        assert digest == digest_of(y)
        assert fact == {"wrong_labels": 0.3, "labels_digest": digest}
    assert stack.digests[0] != stack.digests[1]


def test_no_axis_for_noise_means_clean_labels_and_images_may_keep_their_shape():
    stack = task([{"data": "digits", "n": 20, "seed": 1}], flat=False)
    assert stack.data.shape == (8, 8)
    assert np.array_equal(stack.labels[0], stack.data.y)


def test_data_and_noise_of_ones_own():
    data = subset(load("digits"), 10)
    stack = task([{"seed": 4}], data=data, noise=lambda cell: LabelNoise(1.0, seed=cell["seed"]))
    assert np.array_equal(stack.labels[0], LabelNoise(1.0, seed=4).apply(data.y, 10))
    assert stack.data.x.shape == (10, 64)


def test_an_axis_that_varies_is_not_read_from_the_stack():
    both = shared(cells())
    assert both["width"] == 5
    assert dict(both) == {k: v for k, v in cells()[0].items() if k != "seed"}
    with pytest.raises(StackError, match="axis 'seed': expected one value in a stack, got 0, 3. Add 'seed' to"):
        both["seed"]
    with pytest.raises(StackError, match="axis 'seed'"):
        both.get("seed")
    with pytest.raises(KeyError):
        both["unknown"]
    with pytest.raises(StackError, match="axis 'n': expected one value"):
        task([*cells(n=60), *cells(n=70)])


def test_curves_equal_training_by_hand():
    stack = task(cells())
    network = mlp(64, (5,), 10)
    data = stack.data
    members = [Member(c["seed"], y) for c, y in zip(stack.cells, stack.labels, strict=True)]
    by_hand = train(network, RECIPE, members, data.x, data.x_test, data.y_test, probes=standard())
    for curve, run in zip(stack.curves(network, RECIPE, quiet), by_hand, strict=True):
        assert curve.steps == run.steps.tolist() == list(probe_times(20, 5))
        assert {k: rounded(v, 6) for k, v in run.values.items()} == curve.values
        assert curve.ends("test_loss") == {"test_loss": rounded(float(run.values["test_loss"][-1]), 6)}
        assert curve.lost == ""
        line = curve.since(1).lines("test_error", suffix="_by_step")["test_error_by_step"]
        assert line == rounded(run.values["test_error"][1:], 6)
        best = curve.best("test_loss", at=("step", curve.steps))
        place = int(np.argmin(run.values["test_loss"]))
        assert best == {
            "best_test_loss": curve.values["test_loss"][place],
            "best_test_loss_step": curve.steps[place],
        }


def test_a_diverged_member_has_lines_but_no_ends():
    network = two_layer(64, 5, 10)
    recipe = Recipe(steps=40, learning_rate=1e6, loss="squared", batch=20, probes=5)
    curve = task(cells()).curves(network, recipe, quiet)[0]
    assert curve.lost == f"step {curve.diverged_at}"
    assert curve.ends("train_loss", prefix="final_") == {"final_train_loss": None}
    assert curve.best("test_loss", at=("step", curve.steps)) == {
        "best_test_loss": None,
        "best_test_loss_step": None,
    }
    assert curve.values["train_loss"][0] is not None
    assert curve.values["train_loss"][-1] is None


def test_fresh_parameters_are_those_that_training_starts_from():
    network = mlp(64, (5,), 10)
    for cell, params in zip(cells(), task(cells()).fresh(network), strict=True):
        own = network.init(jax.random.key(cell["seed"]))
        for a, b in zip(jax.tree.leaves(params), jax.tree.leaves(own), strict=True):
            assert isinstance(a, np.ndarray)
            assert np.array_equal(a, b)


@pytest.mark.slow
def test_ends_train_every_start_of_every_cell_in_one_stack():
    stack, network = task(cells()), two_layer(64, 5, 10)
    fresh = stack.fresh(network)
    other = [jax.tree.map(lambda leaf: 0.5 * leaf, params) for params in fresh]
    first, second = stack.ends(network, RECIPE, [fresh, other], quiet, {**standard()})
    by_hand = train(
        network, RECIPE, stack.members * 2, stack.data.x, stack.data.x_test, stack.data.y_test, probes=standard(),
        keep_params=True, start=[Checkpoint(p) for p in fresh + other],
    )  # fmt: skip
    for end, run in zip(first + second, by_hand, strict=True):
        assert end["diverged_at"] is None
        assert {k: end[k] for k in run.values} == {k: float(v[-1]) for k, v in run.values.items()}
        for a, b in zip(jax.tree.leaves(end["params"]), jax.tree.leaves(run.params), strict=True):
            assert np.array_equal(a, b)
    assert [end["test_loss"] for end in first] != [end["test_loss"] for end in second]


def test_ends_of_a_closed_form():
    """Squared loss, linear network, one full-batch step of size 1 from zero: the biases become the classes' shares."""
    stack = task([{"data": "gaussian:n=40,d=2,n_test=5", "n": 40, "seed": 0}])
    network = linear(2, 2, bias=True, init="zeros")
    recipe = Recipe(steps=1, learning_rate=1.0, optimizer="gd", loss="squared", probes=2)
    ((end,),) = stack.ends(network, recipe, [stack.fresh(network)], quiet)
    shares = np.bincount(stack.data.y, minlength=2) / 40
    assert end["params"]["output"]["bias"] == pytest.approx(shares, abs=1e-6)
