"""The study of the early phase: perturbations against what they keep, small stacks, costs, and what is refused."""

import json
from dataclasses import replace

import jax
import numpy as np
import pytest

from overparam.core import DataError, UsageError, clean
from overparam.models.residual_mlp import residual_mlp
from overparam.pruning import Mask
from overparam.pruning.draws import other_start
from overparam.studies.early_phase import STUDY, TOLD, WORLD, last
from overparam.studies.early_phase_work import ARMS, OTHER, PERTURBED, ascending, mask_of, perturbed, run
from overparam.sweep.judge import judge

SMALL = {"n": 40, "width": 6, "density": 0.5, "early": (0, 2), "steps": 4, "batch": 8}


def cell(**change):
    return {axis.name: axis.default for axis in STUDY.axes} | SMALL | change


def weights(seed=0):
    """A network, its weights, another draw, and a random half of them."""
    network = residual_mlp(20, 30, 5)
    params = jax.device_get(network.init(jax.random.key(seed)))
    params = {layer: {k: np.array(v) for k, v in of.items()} for layer, of in params.items()}
    full = Mask.full(network)
    return params, other_start(network, seed), Mask.random(network, dict.fromkeys(full.arrays, 0.5), (seed, 1))


def kept_of(tree, mask, path):
    layer, name = path.split("/")
    return np.asarray(tree[layer][name])[np.asarray(mask.arrays[path], bool)]


def test_a_world_in_which_all_is_true_is_answered_with_its_controls():
    spread = {name: 0.02 if "loss" in name else 0.2 for name in WORLD.spread}
    true = last(4.0).but(noise_cost=[0.0, 0.5, 2.0, 3.0], magnitudes_cost=[0.0, 0.5, 0.5, 1.2], spread=spread)
    found = {
        v.claim.partition(".")[2]: v
        for v in judge(STUDY, true(np.random.default_rng(0)), profile="laptop", data="x")
    }
    assert set(found) == {claim.name for claim in STUDY.claims}
    for verdict in found.values():
        assert verdict.status == "supported", verdict.reason
        assert verdict.control is None or verdict.control["ok"], verdict.reason


def test_where_late_perturbations_cost_no_more_nothing_is_supported():
    flat = WORLD.but(**{f"{name}_cost": [1.0] * 4 for name in ("shuffled", "reinit", "signs", "noise")})
    for verdict in judge(STUDY, replace(flat, seeds=8)(np.random.default_rng(1)), profile="laptop", data="x"):
        if verdict.claim.partition(".")[2] in ("shuffled-later", "reinit-later", "signs-later", "noise"):
            assert verdict.status != "supported", verdict.reason


@pytest.mark.slow
def test_every_perturbation_keeps_what_it_says():
    params, fresh, mask = weights()
    made = perturbed(params, fresh, mask, 3, 5)
    assert tuple(made) == PERTURBED
    for path in mask.arrays:
        old, new = kept_of(params, mask, path), {name: kept_of(tree, mask, path) for name, tree in made.items()}
        assert (new["none"] == old).all()
        assert (new["order"] == old).all()
        assert (np.sort(new["shuffled"]) == np.sort(old)).all()
        assert (new["reinit"] == kept_of(fresh, mask, path)).all()
        assert (np.abs(new["signs"]) == np.abs(old)).all()
        assert (np.sign(new["magnitudes"]) == np.sign(old)).all()
        assert (np.sort(np.abs(new["magnitudes"])) == np.sort(np.abs(old))).all()
        for name in ("shuffled", "signs", "magnitudes", "noise"):
            assert (new[name] != old).mean() > 0.3  # signs change half of them
        size, many = old.std(), len(old)  # Gaussian noise: five standard errors of its mean and its deviation
        assert abs((new["noise"] - old).mean()) < 5 * size / many**0.5
        assert abs((new["noise"] - old).std() / size - 1) < 5 / (2 * many) ** 0.5


def test_signs_are_drawn_evenly_and_biases_are_left_alone_but_by_a_fresh_start():
    params, fresh, mask = weights()
    made = perturbed(params, fresh, mask, 0, 1)
    turned = np.concatenate([kept_of(made["signs"], mask, p) != kept_of(params, mask, p) for p in mask.arrays])
    assert abs(turned.mean() - 0.5) < 5 * 0.5 / len(turned) ** 0.5
    for name, tree in made.items():
        for layer, own in (fresh if name == "reinit" else params).items():
            assert (np.asarray(tree[layer]["bias"]) == np.asarray(own["bias"])).all()


def test_draws_differ_by_seed_step_and_layer_and_come_again():
    params, fresh, mask = weights()
    path = "hidden2/weight"
    one, again, step, seed = (
        kept_of(perturbed(params, fresh, mask, *key)["shuffled"], mask, path) for key in ((0, 1), (0, 1), (0, 2), (1, 1))
    )  # fmt: skip
    assert (one == again).all()
    assert (one != step).any()
    assert (one != seed).any()


def test_the_input_is_not_changed():
    params, fresh, mask = weights()
    before = jax.tree.map(np.copy, params)
    perturbed(params, fresh, mask, 0, 0)
    assert all((a == b).all() for a, b in zip(jax.tree.leaves(before), jax.tree.leaves(params), strict=True))


def test_a_mask_keeps_the_largest_final_weights_of_every_layer():
    network = residual_mlp(20, 30, 5)
    params, *_ = weights()

    class Run:
        pass

    Run.params = params
    mask = mask_of(network, Run, 0.3, 0)
    for path, where in mask.arrays.items():
        layer, name = path.split("/")
        sizes, chosen = np.abs(np.asarray(params[layer][name])), np.asarray(where, bool)
        assert chosen.mean() == pytest.approx(0.3, abs=1 / chosen.size)
        assert sizes[chosen].min() >= sizes[~chosen].max()
    assert mask_of(network, Run, 1.0, 0).density == 1.0


@pytest.mark.slow
def test_a_small_stack_holds_what_is_declared():
    assert tuple(TOLD) == ARMS
    found = STUDY.work([cell(seed=seed) for seed in (0, 1)], lambda _: None)
    for one in found:
        values = one.values
        assert set(values) == set(STUDY.values)
        assert len(json.dumps(clean(values), allow_nan=False)) < 8_000
        assert {len(values[name]) for name in STUDY.values if name not in ("dense", "kept")} == {2}
        # a fresh start is the same at every step, and as good as the run that is trained for longer, at step 0
        assert values["reinit"][0] == values["reinit"][1]
        assert values["longer_loss"][0] == pytest.approx(values["reinit_loss"][0], rel=1e-4)
        assert values["longer_loss"][1] != pytest.approx(values["reinit_loss"][0], rel=1e-6)
        for name in ARMS[1:]:  # numbers are written with six digits: half a unit of 1e-4 each
            costs = [a - b for a, b in zip(values["none"], values[name], strict=True)]
            assert values[f"{name}_cost"] == pytest.approx(costs, abs=2e-4)
    assert found[0].values["none_loss"] != found[1].values["none_loss"]
    assert OTHER > 10_000


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (
            {"early": (0,)},
            UsageError,
            "--early: expected two or more steps that ascend from 0 up to at most the 4",
        ),
        ({"early": (1, 2)}, UsageError, "--early: expected .* got 1, 2. Take others, or more --steps."),
        ({"early": (0, 2, 2)}, UsageError, "--early: expected .* got 0, 2, 2"),
        ({"early": (0, 5)}, UsageError, "--early: expected .* got 0, 5"),
        ({"batch": 41}, UsageError, "--batch: expected at most the 40 training samples, got 41"),
        ({"n": 10**7}, DataError, "expected at most"),
    ],
)
def test_what_does_not_go_together_is_refused(change, error, text):
    with pytest.raises(error, match=text):
        run([cell(**change)], lambda _: None)


def test_early_steps_may_reach_the_last():
    assert ascending([0, 4], 4) == [0, 4]
