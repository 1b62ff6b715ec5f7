"""Iterative pruning: rounds, arms, rewinding, and members that diverge."""

import itertools
from dataclasses import replace

import jax
import numpy as np
import optax
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.models import Network, mlp
from overparam.pruning import Arm, Criterion, Mask, first_round, iterate, next_round
from overparam.pruning.iterative import _moves_by_gradients
from overparam.training import Recipe

NETWORK = mlp(5, (8,), 3)
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 5)).astype(np.float32), RNG.integers(0, 3, 40)
DATA = (X, Y, X, Y)
RECIPE = Recipe(30, 0.05, momentum=0.0, batch=10, probes=2)
ARMS = (
    Arm("ticket", keep=0.5),
    Arm("reinit", keep=0.5, mask1="reinit"),
    Arm("frozen", keep=0.5, mask0="freeze", mask1="signed_constant"),
    Arm("random", criterion="random", keep=0.5, scope="global", leave=("output",)),
    Arm("output slower", keep=0.5, rates={"output": 0.75}),
)


@pytest.fixture(scope="module")
def rounds():
    return iterate(NETWORK, RECIPE, DATA, [3, 4], 2, arms=ARMS, rewind=10)


def line(one, seed, arm):
    return next(line for line in one.lines if (line.seed, line.arm) == (seed, arm))


@pytest.mark.slow
def test_all_seeds_go_into_all_arms_after_one_dense_run_each(rounds):
    assert [one.number for one in rounds] == [0, 1, 2]
    assert [(one.seed, one.arm) for one in rounds[0].lines] == [(3, "dense"), (4, "dense")]
    every = [(seed, arm.name) for seed in (3, 4) for arm in ARMS]
    for one in rounds[1:]:
        assert [(line.seed, line.arm) for line in one.lines] == every
        assert not one.lost
        assert one.values("test_error").keys() == set(every)
        assert len(one.masks) == len(one.checkpoints) == 10


def test_masks_are_nested_and_of_their_density(rounds):
    for seed in (3, 4):
        for arm in ARMS:
            masks = [rounds[0].lines[seed - 3].mask, *(line(one, seed, arm.name).mask for one in rounds[1:])]
            for before, after in itertools.pairwise(masks):
                assert all((one <= before.arrays[path]).all() for path, one in after)
            want = {"random": (10 / 40, 1.0), "output slower": (10 / 40, 14 / 24)}.get(
                arm.name, (10 / 40, 6 / 24)
            )
            assert tuple(masks[2].densities.values()) == want
    assert line(rounds[2], 3, "ticket").mask != line(rounds[2], 4, "ticket").mask


def test_a_round_starts_from_the_rewinding_point_under_its_mask(rounds):
    for one in rounds[1:]:
        for own in one.lines:
            point = rounds[0].lines[own.seed - 3].point
            assert jax.tree.all(jax.tree.map(np.array_equal, own.point, point))
            if own.arm in ("ticket", "random", "output slower"):
                want = own.mask.apply(point)
                assert jax.tree.all(jax.tree.map(np.array_equal, own.start, want))
            assert int(own.run.steps[0]) == 10
            for path, mask in own.mask:
                layer = path.partition("/")[0]
                assert not own.run.params[layer]["weight"][mask == 0].any()


def test_the_criterion_reads_the_last_run(rounds):
    for one, before in ((rounds[1], rounds[0].lines[0]), (rounds[2], line(rounds[1], 3, "ticket"))):
        for path, mask in line(one, 3, "ticket").mask:
            sizes = np.abs(before.run.params[path.partition("/")[0]]["weight"])
            old = before.mask.arrays[path] == 1
            assert sizes[mask == 1].min() >= sizes[old & (mask == 0)].max()


def test_frozen_weights_keep_the_value_at_which_they_were_pruned(rounds):
    first, second = (line(one, 3, "frozen") for one in rounds[1:])
    dense = rounds[0].lines[0]
    for path, mask in first.mask:
        layer = path.partition("/")[0]
        gone = mask == 0
        assert np.array_equal(first.held.offset[layer]["weight"][gone], dense.point[layer]["weight"][gone])
        assert np.array_equal(second.held.offset[layer]["weight"][gone], dense.point[layer]["weight"][gone])
        newly = (mask == 1) & (second.mask.arrays[path] == 0)
        assert np.array_equal(second.held.offset[layer]["weight"][newly], first.start[layer]["weight"][newly])
    assert second.held.frozen == second.mask.total - second.mask.kept


def test_a_round_that_prunes_nothing_repeats_the_dense_run_bit_by_bit(rounds):
    """From step 10 on with the minibatches that followed: late resetting goes back into the same run."""
    again = next_round(NETWORK, RECIPE, DATA, rounds[0], [Arm("all", keep=1.0)], rewind=10)
    for own, dense in zip(again.lines, rounds[0].lines, strict=True):
        assert jax.tree.all(jax.tree.map(np.array_equal, own.run.params, dense.run.params))


def test_a_round_is_a_function_of_the_one_before(rounds):
    again = next_round(NETWORK, RECIPE, DATA, rounds[1], ARMS, rewind=10)
    for one, other in zip(again.lines, rounds[2].lines, strict=True):
        assert one.mask == other.mask
        assert jax.tree.all(jax.tree.map(np.array_equal, one.run.params, other.run.params))


@pytest.mark.slow
def test_compaction_changes_rounding_alone(rounds):
    arms = [Arm("sparse", keep=0.15)]
    whole, cut = (
        next_round(NETWORK, RECIPE, DATA, rounds[0], arms, rewind=10, compaction=how) for how in (False, True)
    )
    for one, other in zip(whole.lines, cut.lines, strict=True):
        assert one.mask == other.mask
        for a, b in zip(jax.tree.leaves(one.run.params), jax.tree.leaves(other.run.params), strict=True):
            assert np.allclose(a, b, rtol=1e-4, atol=1e-6)
        assert np.allclose(one.run.values["test_loss"], other.run.values["test_loss"], rtol=1e-5)


def test_a_round_goes_on_in_the_shape_of_the_one_before(rounds):
    arms = [Arm("sparse", keep=0.15)]
    before = next_round(NETWORK, RECIPE, DATA, rounds[0], arms, rewind=10, compaction=True)
    assert before.shape.sizes.keys() == {"inputs", "hidden1", "output"}
    assert before.shape.sizes["hidden1"] < 8
    arms = [Arm("sparse", keep=0.5)]
    whole, full = (
        next_round(NETWORK, RECIPE, DATA, before, arms, rewind=10, **how)
        for how in ({}, {"compaction": "auto"})
    )
    assert full.shape.sizes == before.shape.sizes  # nothing new is compiled for so few steps
    assert not whole.shape.sizes
    for one, other in zip(whole.lines, full.lines, strict=True):
        assert one.mask == other.mask
        assert np.allclose(one.run.values["test_loss"], other.run.values["test_loss"], rtol=1e-5)


@pytest.mark.slow
def test_inputs_that_are_0_in_all_examples_are_cut_out_and_put_back(rounds):
    dark = X * np.array([1, 0, 1, 1, 1], "f")
    arms = [Arm("all", keep=1.0)]
    whole, cut = (
        next_round(NETWORK, RECIPE, (dark, Y, dark, Y), rounds[0], arms, rewind=10, compaction=how)
        for how in (False, True)
    )
    assert cut.shape.sizes == {"inputs": 4, "hidden1": 8, "output": 3}
    for one, other in zip(whole.lines, cut.lines, strict=True):
        for a, b in zip(jax.tree.leaves(one.run.params), jax.tree.leaves(other.run.params), strict=True):
            assert np.allclose(a, b, rtol=1e-4, atol=1e-6)
        kept = other.run.params["hidden1"]["weight"][:, 1]
        assert np.array_equal(kept, other.start["hidden1"]["weight"][:, 1])


@pytest.mark.parametrize(
    ("change", "still"),
    [
        ({}, True),
        ({"weight_decay": 0.1}, False),
        ({"optimizer": optax.sgd(0.1)}, False),
        ({"augment": lambda key, x: x + 1}, False),
        ({"stream": lambda key, batch: (X[:batch], Y[:batch])}, False),
    ],
    ids=lambda value: "".join(value) if isinstance(value, dict) else None,
)
def test_inputs_stay_where_a_weight_may_move_without_a_gradient(change, still):
    assert _moves_by_gradients(replace(RECIPE, **change)) == still


def test_weights_of_ones_own_start_a_search():
    def build(seed):
        return jax.tree.map(
            lambda leaf: np.full(leaf.shape, 0.1 * seed, "f"), jax.eval_shape(NETWORK.init, jax.random.key(0))
        )

    one = first_round(NETWORK, RECIPE, DATA, [1, 2], build=build)
    assert [float(own.start["output"]["weight"][0, 0]) for own in one.lines] == pytest.approx([0.1, 0.2])


def test_what_diverged_goes_no_further_and_is_named(rounds):
    run = replace(rounds[0].lines[0].run, diverged_at=20)
    broken = replace(rounds[0], lines=(replace(rounds[0].lines[0], run=run), rounds[0].lines[1]))
    one = next_round(NETWORK, RECIPE, DATA, broken, ARMS[:2], rewind=10)
    assert [(own.seed, own.arm) for own in one.lines] == [(4, "ticket"), (4, "reinit")]
    assert one.lost == ((3, "ticket"), (3, "reinit"))
    nobody = next_round(NETWORK, RECIPE, DATA, replace(broken, lines=broken.lines[:1]), ARMS[:1], rewind=10)
    assert nobody.lines == ()
    assert nobody.lost == ((3, "ticket"),)


def test_a_collapsed_layer_trains_on_and_is_named(rounds):
    nothing = Criterion("none", "0 in hidden1", "ours", ("final",), lambda weights, found: {
        path: np.full(one.shape, 1.0 if "output" in path else 0.0) for path, one in found["final"].items()
    })  # fmt: skip
    arms = [Arm("collapse", nothing, keep=24 / 64, scope="global")]
    one = next_round(NETWORK, RECIPE, DATA, rounds[0], arms, rewind=10)
    assert one.masks[0].collapsed == ("hidden1/weight",)
    again = next_round(NETWORK, RECIPE, DATA, one, arms, rewind=10)
    assert np.isfinite(again.lines[0].run.values["test_loss"]).all()


STOPPING = replace(RECIPE, stop_loss=10.0)
BAD = {
    "a step beyond the last": (lambda: iterate(NETWORK, RECIPE, DATA, [0], 1, rewind=30), "rewind: expected a step from 0 to 29"),
    "half a step": (lambda: iterate(NETWORK, RECIPE, DATA, [0], 1, rewind=0.5), "rewind: expected a whole number"),
    "a step that was not kept": (
        lambda: first_round(NETWORK, STOPPING, DATA, [0], rewind=10), "that the run of seed 0 reaches, got 10; it stopped at 0",
    ),
    "no rounds": (lambda: iterate(NETWORK, RECIPE, DATA, [0], 0), "rounds: expected a whole number"),
    "no seeds": (lambda: iterate(NETWORK, RECIPE, DATA, [], 1), "seeds: expected whole numbers"),
    "one seed without a list": (lambda: iterate(NETWORK, RECIPE, DATA, 3, 1), "seeds: expected whole numbers"),
    "a density": (lambda: iterate(NETWORK, RECIPE, DATA, [0], 1, 0), "keep: expected the share"),
    "a criterion": (lambda: iterate(NETWORK, RECIPE, DATA, [0], 1, criterion="big"), "criterion"),
    "a scope": (lambda: iterate(NETWORK, RECIPE, DATA, [0], 1, scope="net"), "scope: expected one of layer"),
    "mask1": (lambda: iterate(NETWORK, RECIPE, DATA, [0], 1, mask1="back"), "mask1"),
    "mask0": (lambda: iterate(NETWORK, RECIPE, DATA, [0], 1, mask0="none"), "mask0"),
    "two arms of one name": (lambda: iterate(NETWORK, RECIPE, DATA, [0], 1, arms=[Arm(), Arm()]), "a name of its own"),
    "no arm": (lambda: iterate(NETWORK, RECIPE, DATA, [0], 1, arms=["ticket"]), "arms: expected Arm"),
    "no arms": (lambda: iterate(NETWORK, RECIPE, DATA, [0], 1, arms=[]), "arms: expected Arm"),
    "an arm of the dense run's name": (lambda: Arm("dense"), "arms: expected a name other than 'dense'"),
    "an arm without a name": (lambda: Arm(""), "arms: expected a name"),
    "an arm with a number for a name": (lambda: Arm(3), "arms: expected a name"),
    "compaction by a number": (lambda: iterate(NETWORK, RECIPE, DATA, [0], 1, compaction=1), "compaction: expected True"),
    "a build that fails": (lambda: iterate(NETWORK, RECIPE, DATA, [0], 1, build=lambda s: 1 / 0), r"build\(0\), got ZeroDiv"),
    "a rate of what is left": (
        lambda: iterate(NETWORK, RECIPE, DATA, [0], 1, rates={"output": 0.5}, leave="output"), "rates: expected layers that are",
    ),
    "no recipe": (lambda: iterate(NETWORK, 30, DATA, [0], 1), "recipe: expected Recipe"),
    "no data": (lambda: iterate(NETWORK, RECIPE, (X, Y), [0], 1), "data: expected a Dataset, or arrays .* got 2 parts"),
    "other data": (lambda: iterate(NETWORK, RECIPE, (X[:, :2], Y, X, Y), [0], 1), r"x: expected shape \(n, 5\)"),
    "a mask of another network": (
        lambda: iterate(NETWORK, RECIPE, DATA, [0], 1, mask=Mask.full(mlp(5, (9,), 3))), "belongs to another network",
    ),
    "compaction": (lambda: iterate(NETWORK, RECIPE, DATA, [0], 1, compaction="yes"), "compaction: expected True"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "told"), BAD.values(), ids=BAD)
def test_what_cannot_be_iterated_is_refused_in_a_sentence(call, told):
    with pytest.raises((UsageError, DataError), match=told) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_an_arm_that_the_round_before_does_not_know(rounds):
    with pytest.raises(UsageError, match="arms: expected one named 'ticket', as in the round before"):
        next_round(NETWORK, RECIPE, DATA, rounds[1], [Arm("other")], rewind=10)
    with pytest.raises(UsageError, match="values: expected one of .*test_loss"):
        rounds[1].values("accuracy")


def test_rounds_go_back_to_the_step_that_was_kept_and_to_no_other(rounds):
    assert [one.rewind for one in rounds] == [10, 10, 10]
    for wrong in (0, 3):
        with pytest.raises(UsageError, match=f"rewind: expected 10, the step whose weights.*got {wrong}"):
            next_round(NETWORK, RECIPE, DATA, rounds[0], ARMS, rewind=wrong)
    again = next_round(NETWORK, RECIPE, DATA, rounds[1], ARMS)
    assert int(again.lines[0].run.steps[0]) == 10


def test_an_arm_that_comes_later_is_refused(rounds):
    with pytest.raises(UsageError, match="got 'late' besides. Give it from the first pruning on"):
        next_round(NETWORK, RECIPE, DATA, rounds[1], [*ARMS, Arm("late")])


@pytest.mark.parametrize("at", [2, -3, 1.0, "last", True, None])
def test_a_probe_time_that_is_not_there(rounds, at):
    with pytest.raises(UsageError, match="at: expected a probe time from 0 to 1"):
        rounds[1].values("test_error", at)


UNCUT = Network("own", lambda key: {"w": jax.random.normal(key, (5, 3))}, lambda p, x: x @ p["w"], 5, 3)


@pytest.mark.slow
def test_compaction_that_is_left_open_is_left_out_where_a_network_cannot_be_cut():
    found = iterate(UNCUT, RECIPE, DATA, [0], 1, compaction="auto")
    assert found[1].masks[0].kept == 12


def test_compaction_that_is_asked_for_where_a_network_cannot_be_cut_is_refused():
    with pytest.raises(UsageError, match="expected a chain of layers"):
        iterate(UNCUT, RECIPE, DATA, [0], 1, compaction=True)
