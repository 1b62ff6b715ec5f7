"""The work of mask-criteria: rounds of pruning by each criterion, the actions at one density, and masks without training."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from overparam.core import Outcome, Params, Progress, outcome, within
from overparam.models import mlp
from overparam.models.network import Network, PyTree
from overparam.pruning import MASK0, MASK1, Arm, Line, Mask, Weights, choose, first_round, next_round
from overparam.pruning.arrays import picked, placed
from overparam.pruning.draws import generator
from overparam.pruning.measured import PROBES, Arrays
from overparam.sweep.work import shared, task
from overparam.training import Checkpoint, Member, Recipe, train

OUTPUT = 0.472  # the output layer keeps density^0.472: 0.9 a round where the others keep 0.8, as in the source
UNTRAINED = tuple(
    round(0.8**k, 6) for k in range(1, 25)
)  # densities tried without training, those of the source
STACKED = 32  # members from which one after another is faster than a stack, compilation included
TOLD = 1000  # training examples by which one of them is chosen
WITHOUT = {
    "untrained": ("large_final_same_sign", "rewind"),
    "untrained_constant": ("large_final_same_sign", "signed_constant"),
    "untrained_large_final": ("large_final", "rewind"),
    "untrained_random": ("random", "rewind"),
}  # criterion and start of what is measured without training
MASK_1 = ("rewind", "reinit", "reshuffle", "signed_reinit", "signed_constant")
MASK_0 = {"freeze": "freeze", "variant": "zero_if_shrank", "as_many": "zero_as_many", "reverse": "zero_if_grew"}
STARTS = ("matched", "half", "random_signs", "final_signs")
ACTIONS = (*MASK_1, *MASK_0, *STARTS)
"""What a mask is trained with: kept weights, pruned weights, and other scales and signs of the start."""


def run(cells: Sequence[Params], progress: Progress) -> list[Outcome]:
    """One stack: all seeds of one setting, side by side."""
    given, stack = shared(cells), task(cells)
    data, seeds = stack.data, [cell["seed"] for cell in cells]
    width = given["width"]
    network = mlp(data.features, (width, max(1, round(width / 3))), data.classes, init="glorot_normal")
    recipe = Recipe(
        given["steps"],
        given["learning_rate"],
        optimizer="adam",
        batch=given["batch"],
        probe_at=(given["steps"],),
    )
    arrays = Arrays(data.x, data.y, data.x_test, data.y_test)
    dense = first_round(network, recipe, (arrays.x, arrays.y, arrays.x_test, arrays.y_test), seeds)
    progress(0.04)
    lost = {
        line.seed: f"step {line.run.diverged_at}" for line in dense.lines if line.run.diverged_at is not None
    }
    going = [line for line in dense.lines if line.seed not in lost]
    found: dict[int, dict[str, Any]] = {seed: {"dense": None} for seed in seeds}
    for line in going:
        found[line.seed]["dense"] = accuracy(line)
    shares = sorted(set(given["densities"]), reverse=True)
    if going:
        by_criterion(
            network, recipe, arrays, dense, shares, given["criteria"], found, within(progress, 0.04, 0.6)
        )
        by_action(network, recipe, arrays, going, given["action_density"], found)
        progress(0.96)
        for line in going:
            found[line.seed] |= without_training(network, arrays, line)
    progress(1.0)
    return [outcome(found[seed], lost=lost.get(seed, "")) for seed in seeds]


def form(members: int) -> str:
    """How so many are trained: a large stack leaves a processor's cache (1.6 ms a step in one of 65, 0.85 one by one)."""
    return "map" if members > STACKED and jax.default_backend() == "cpu" else "auto"


def accuracy(line: Line) -> float | None:
    """Test accuracy at the end of a run; None where it diverged."""
    return None if line.run.diverged_at is not None else 1 - float(line.run.values["test_error"][-1])


def by_criterion(
    network: Network,
    recipe: Recipe,
    arrays: Arrays,
    dense: Any,
    shares: Sequence[float],
    criteria: Sequence[str],
    found: Mapping[int, dict[str, Any]],
    progress: Progress,
) -> None:
    """Rounds of pruning and training: test accuracy at every density, one line a criterion."""
    data = (arrays.x, arrays.y, arrays.x_test, arrays.y_test)
    before, reached = dense, 1.0
    lines: dict[tuple[int, str], list[float | None]] = {
        (seed, name): [None] * len(shares) for seed in found for name in criteria
    }
    for place, share in enumerate(shares):
        keep = share / reached
        arms = [Arm(name, name, keep, rates={"output": keep**OUTPUT}) for name in criteria]
        many = form(len(found) * len(arms))
        before, reached = next_round(network, recipe, data, before, arms, form=many), share
        for line in before.lines:
            lines[line.seed, line.arm][place] = accuracy(line)
        progress((place + 1) / len(shares))
    for (seed, name), values in lines.items():
        found[seed][name] = values
        found[seed]["density"] = list(shares)


def by_action(
    network: Network,
    recipe: Recipe,
    arrays: Arrays,
    lines: Sequence[Line],
    density: float,
    found: Mapping[int, dict[str, Any]],
) -> None:
    """One mask a seed, by large_final in one shot, trained with every action on kept and pruned weights."""
    members, starts, names = [], [], []
    for line in lines:
        for name, (mask, offset, begun) in begins(line, density).items():
            members.append(Member(line.seed, arrays.y, mask=mask, offset=offset))
            starts.append(Checkpoint(begun))
            names.append((line.seed, name))
    runs = train(
        network, recipe, members, arrays.x, arrays.x_test, arrays.y_test, probes=PROBES, start=starts,
        form=form(len(members)),
    )  # fmt: skip
    for (seed, name), one in zip(names, runs, strict=True):
        gone = one.diverged_at is not None
        found[seed][name] = None if gone else 1 - float(one.values["test_error"][-1])
    for line in lines:
        own = found[line.seed]
        own["action"], own["action_accuracy"] = (
            list(range(1, len(ACTIONS) + 1)),
            [own[name] for name in ACTIONS],
        )


def pruned_once(line: Line, criterion: str, density: float) -> Mask:
    """The mask of a criterion after one pruning of the dense run."""
    seen = Weights(line.start, line.run.params, line.mask, None, (line.seed, 1))
    return choose(criterion, seen, density, rates={"output": density**OUTPUT})


def begins(line: Line, density: float) -> dict[str, tuple[Mask, PyTree | None, PyTree]]:
    """Mask, values of pruned weights and starting weights of every action."""
    mask, key, initial, final = (
        pruned_once(line, "large_final", density),
        (line.seed, 1),
        line.start,
        line.run.params,
    )
    made: dict[str, tuple[Mask, PyTree | None, PyTree]] = {
        name: (mask, None, MASK1[name](initial, mask, key)) for name in MASK_1
    }
    for name, action in MASK_0.items():
        held = MASK0[action](mask, initial, final, key)
        made[name] = (held.mask, held.offset, held.start)
    rules: dict[str, Callable[[str, Any, Any], Any]] = {
        "matched": lambda path, first, last: first / np.sqrt(mask.densities[path]),
        "half": lambda path, first, last: first / 2,
        "random_signs": lambda path, first, last: (
            np.abs(first) * generator(key, f"signs of {path}").choice([-1.0, 1.0], first.shape)
        ),
        "final_signs": lambda path, first, last: np.abs(first) * np.sign(last),
    }
    firsts, lasts = (picked(tree, mask.arrays, "weights") for tree in (initial, final))
    for name, rule in rules.items():
        new = {
            path: np.asarray(rule(path, np.asarray(first), np.asarray(lasts[path])), np.float32)
            for path, first in firsts.items()
        }
        made[name] = (mask, None, mask.apply(placed(jax.tree.map(lambda leaf: leaf, initial), new)))
    return made


def without_training(network: Network, arrays: Arrays, line: Line) -> dict[str, Any]:
    """Test accuracy of initial weights under masks of the dense run, at each density and at the one chosen in training."""
    values: dict[str, Any] = {"untrained_density": list(UNTRAINED)}
    for name, (criterion, start) in WITHOUT.items():
        told, test = [], []
        for density in UNTRAINED:
            mask = pruned_once(line, criterion, density)
            begun = MASK1[start](line.start, mask, (line.seed, 1))
            told.append(float(_right(network, begun, arrays.x[:TOLD], arrays.y[:TOLD])))
            test.append(float(_right(network, begun, arrays.x_test, arrays.y_test)))
        best = int(np.argmax(told))
        values |= {name: test, f"{name}_best": test[best], f"{name}_chosen": UNTRAINED[best]}
    return values


@functools.partial(jax.jit, static_argnames=("network",))
def _right(network: Network, params: PyTree, x: Any, y: Any) -> Any:
    """The share of labels that are predicted."""
    return jnp.mean(jnp.argmax(network.apply(params, x), axis=-1) == y)
