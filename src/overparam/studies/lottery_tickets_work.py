"""One stack of lottery-tickets: the dense run, tickets through all densities, and at each of them the controls."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from overparam.core import Outcome, Params, Progress, outcome
from overparam.models import mlp
from overparam.models.residual_mlp import residual_mlp
from overparam.pruning import Line, Mask, Round, Weights, choose, first_round, next_round, shuffle_outgoing
from overparam.pruning.draws import other_start
from overparam.pruning.measured import PROBES
from overparam.pruning.stages import OUTPUT, stages
from overparam.sweep.work import task
from overparam.training import Checkpoint, Member, Recipe, train

# MNIST-1D of 5,000 signals, the notebook of Greydanus and Kobak: mean last test accuracy of two trials, by density
NOTEBOOK = "mnist1d-5k"
PUBLISHED = {
    "published_ticket": {
        0.54: 0.687, 0.29: 0.698, 0.2: 0.725, 0.12: 0.741, 0.08: 0.75, 0.04: 0.704, 0.02: 0.634},
    "published_random": {
        0.54: 0.656, 0.29: 0.6695, 0.2: 0.6745, 0.12: 0.6385, 0.08: 0.612, 0.04: 0.507, 0.02: 0.309},
}  # fmt: skip

Start = tuple[int, Mask, Any]  # a seed, its mask, and the weights before they are masked


class Notes:
    """What the runs of every seed gave, by arm and density."""

    def __init__(self, seeds: Sequence[int], densities: Sequence[float], early: int) -> None:
        """Begin with nothing."""
        self.values: dict[int, dict[str, Any]] = {seed: {"density": list(densities)} for seed in seeds}
        self.lost: dict[int, str] = dict.fromkeys(seeds, "")
        self._many, self._early = len(densities), early

    def add(self, arm: str, runs: Mapping[int, Any], place: int | None = None) -> None:
        """Write down accuracies at the end and at the early step; ``place`` is the density, None all of them."""
        for seed, run in runs.items():
            steps, accuracy = list(run.steps), 1 - np.asarray(run.values["test_error"])
            if run.diverged_at is not None:
                self.lost[seed] = self.lost[seed] or f"step {int(run.diverged_at)} ({arm.replace('_', '-')})"
            found = {"accuracy": accuracy[-1]}
            if self._early in steps:
                found["early"] = accuracy[steps.index(self._early)]
            for metric, value in found.items():
                line = self.values[seed].setdefault(f"{arm}_{metric}", [None] * self._many)
                for at in range(self._many) if place is None else (place,):
                    line[at] = float(value)


def run(cells: Sequence[Params], progress: Progress) -> list[Outcome]:
    """Train one stack: every seed, all arms of one density side by side."""
    stack = task(cells)
    given, data = stack.shared, stack.data
    seeds, densities = [int(cell["seed"]) for cell in cells], tuple(given["density"])
    k, parents = given["rewind"], sorted(set(given["parents"]))
    early = min(given["early"], given["steps"])
    common = {"optimizer": "adam", "batch": given["batch"], "probe_at": (early,)}
    recipe = Recipe(given["steps"], given["learning_rate"], **common)
    longer = Recipe(given["steps"] + k, given["learning_rate"], **common)
    told = _steps(progress, 1 + len(densities) * (2 if k else 1) + len(parents))
    notes, arms = Notes(seeds, densities, early), stages(densities, output=given["output"])

    network = network_of(given["network"], data.features, given["width"], data.classes)
    dense = first_round(network, recipe, data, seeds, rewind=k)
    told()
    notes.add("dense", of_seeds(dense))
    begun = Round(0, tuple(to_start(line) for line in dense.lines))
    tickets: list[Round] = []
    for place, (arm, density) in enumerate(zip(arms, densities, strict=True)):
        tickets.append(next_round(network, recipe, data, tickets[-1] if tickets else begun, [arm]))
        notes.add("ticket", of_seeds(tickets[-1]), place)
        own = controls(network, begun, tickets[-1], density, given["output"])
        for name, runs in trained(network, recipe, data, own).items():
            notes.add(name, runs, place)
        told()
    before, first = dense, {line.seed: line.start for line in begun.lines}
    for place, arm in enumerate(arms if k else ()):
        before = next_round(network, recipe, data, before, [arm], rewind=k)
        notes.add("late", of_seeds(before), place)
        again = {"longer": [(line.seed, line.mask, first[line.seed]) for line in tickets[place].lines]}
        for name, runs in trained(network, longer, data, again).items():
            notes.add(name, runs, place)
        told()
    compared: list[list[Round]] = []
    for width in parents:
        other = network_of(given["network"], data.features, width, data.classes)
        rounds = tickets if width == given["width"] else [first_round(other, recipe, data, seeds)]
        for arm in arms if rounds is not tickets else ():
            rounds.append(next_round(other, recipe, data, rounds[-1], [arm]))
        compared.append(rounds)
        told()
    for seed in seeds:
        notes.values[seed] |= {
            "kept": [next((one.mask.density for one in at.lines if one.seed == seed), None) for at in tickets],
            "parents": parents,
            "parent_accuracy": [at_size(rounds, seed, given["size"]) for rounds in compared],
        }
        if k:
            notes.values[seed]["start_accuracy"] = notes.values[seed]["ticket_accuracy"]
        if str(given["data"]) == NOTEBOOK:
            notes.values[seed] |= {name: [of.get(one) for one in densities] for name, of in PUBLISHED.items()}
    return [outcome(notes.values[seed], lost=notes.lost[seed]) for seed in seeds]


def network_of(kind: str, inputs: int, width: int, outputs: int) -> Any:
    """The network: LeNet's two hidden layers of w and w/3 units, or the residual perceptron."""
    if kind == "residual":
        return residual_mlp(inputs, width, outputs)
    return mlp(inputs, (width, max(1, round(width / 3))), outputs, init="glorot_normal")


def to_start(line: Line) -> Line:
    """A dense line whose rounds go back to its start."""
    return dataclasses.replace(line, point=line.start)


def of_seeds(one: Round) -> dict[int, Any]:
    """Runs by seed."""
    return {line.seed: line.run for line in one.lines}


def controls(network: Any, begun: Round, one: Round, density: float, power: float) -> dict[str, list[Start]]:
    """Every control at one density.

    Args:
        network: the network.
        begun: the dense round.
        one: the tickets of that density.
        density: it.
        power: that of the output layer.
    """
    dense = {line.seed: line for line in begun.lines}
    own: dict[str, list[Start]] = {}
    for line in one.lines:
        seed, mask, start = line.seed, line.mask, dense[line.seed].start
        fresh = other_start(network, seed)
        seen = Weights(start, dense[seed].run.params, dense[seed].mask, None, (seed, 0))
        drawn = [Mask.random(network, mask.densities, (seed, one.number, draw)) for draw in (1, 2)]
        for name, kept, weights in (
            ("random", drawn[0], start),
            ("again", drawn[1], fresh),
            ("shuffled", shuffle_outgoing(mask, (seed, one.number)), start),
            ("reinit", mask, fresh),
            ("one_shot", choose("large_final", seen, density, rates={OUTPUT: density**power}), start),
        ):
            own.setdefault(name, []).append((seed, kept, weights))
    return own


def trained(
    network: Any, recipe: Recipe, data: Any, arms: Mapping[str, Sequence[Start]]
) -> dict[str, dict[int, Any]]:
    """Train under masks, all arms in one stack: runs by arm and seed."""
    flat = [(name, *one) for name, group in arms.items() for one in group]
    if not flat:
        return {}
    members = [Member(seed, data.y, mask=mask) for _, seed, mask, _ in flat]
    starts = [Checkpoint(mask.apply(params)) for _, _, mask, params in flat]
    runs = train(network, recipe, members, data.x, data.x_test, data.y_test, probes=PROBES, start=starts)
    found: dict[str, dict[int, Any]] = {}
    for (name, seed, _, _), one in zip(flat, runs, strict=True):
        found.setdefault(name, {})[seed] = one
    return found


def at_size(rounds: Sequence[Round], seed: int, size: int) -> float | None:
    """Accuracy at a number of kept weights, straight in its logarithm between two densities; None outside of them."""
    lines = [line for one in rounds for line in one.lines if line.seed == seed]
    points = sorted((line.mask.kept, 1 - float(line.run.values["test_error"][-1])) for line in lines)
    if not points or not points[0][0] <= size <= points[-1][0]:
        return None
    kept, accuracy = zip(*points, strict=True)
    return float(np.interp(np.log(size), np.log(kept), accuracy))


def _steps(progress: Progress, parts: int) -> Callable[[], None]:
    """Called once a part."""
    done = 0

    def told() -> None:
        nonlocal done
        done += 1
        progress(min(1.0, done / parts))

    return told
