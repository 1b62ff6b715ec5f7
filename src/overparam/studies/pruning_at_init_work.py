"""The work of pruning-at-init: masks before training by each method, their sanity arms, and the trainings under them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from overparam.core import Outcome, Params, Progress, outcome
from overparam.data.stream import stream
from overparam.models import mlp
from overparam.models.network import Network, PyTree
from overparam.pruning import Mask, Weights, choose, first_round, grasp, select, shuffle, snip, synflow
from overparam.pruning.arrays import picked
from overparam.pruning.at_init import gradient, synflow_scores
from overparam.pruning.draws import other_start
from overparam.pruning.measured import PROBES
from overparam.sweep.work import shared, task
from overparam.training import Checkpoint, Member, Recipe, train

SCORED = ("snip", "grasp", "synflow")
OTHERS = ("magnitude", "random", "after")
SANE = ("shuffled", "reinit", "inverted")


def run(cells: Sequence[Params], progress: Progress) -> list[Outcome]:
    """One stack: all seeds of one setting, side by side."""
    given, stack = shared(cells), task(cells)
    data, seeds, steps = stack.data, [cell["seed"] for cell in cells], given["steps"]
    width = given["width"]
    network = mlp(data.features, (width, max(1, round(width / 3))), data.classes, init="glorot_normal")
    recipe = Recipe(steps, given["learning_rate"], optimizer="adam", batch=given["batch"], probe_at=(steps,))
    dense = first_round(network, recipe, (data.x, data.y, data.x_test, data.y_test), seeds)
    progress(0.05)
    shares = sorted(set(given["densities"]), reverse=True)
    lost = {
        line.seed: f"step {line.run.diverged_at}" for line in dense.lines if line.run.diverged_at is not None
    }
    going = [line for line in dense.lines if line.seed not in lost]
    found: dict[int, dict[str, Any]] = {seed: {"dense": None} for seed in seeds}
    members, starts, names = [], [], []
    for place, line in enumerate(going):
        own = found[line.seed]
        own |= {"dense": 1 - float(line.run.values["test_error"][-1]), "density": shares}
        x, y = examples(data, given["examples"], line.seed)
        fresh = other_start(network, line.seed)
        scores = {
            "snip": snip(network, line.start, x, y, line.mask),
            "grasp": grasp(network, line.start, x, y, line.mask),
            "synflow": synflow_scores(network, line.start, line.mask),
        }
        whole = norm(network, line.start, line.mask, x, y)
        for share in shares:
            masks = masks_of(network, line, share, scores)
            for name, mask in masks.items():
                start = fresh if name.endswith("_reinit") else line.start
                members.append(Member(line.seed, data.y, mask=mask))
                starts.append(Checkpoint(mask.apply(start)))
                names.append((line.seed, name))
            for name in (*SCORED, "magnitude", "random"):
                own.setdefault(f"{name}_collapsed", []).append(len(masks[name].collapsed))
            for name in (*SCORED, "random"):
                flow = norm(network, line.start, masks[name], x, y) / whole
                own.setdefault(f"{name}_gradient", []).append(flow)
        progress(0.05 + 0.25 * (place + 1) / len(going))
    if going:
        runs = train(
            network, recipe, members, data.x, data.x_test, data.y_test, probes=PROBES, start=starts,
            progress=lambda share: progress(0.3 + 0.7 * share), form=form(),
        )  # fmt: skip
        for (seed, name), one in zip(names, runs, strict=True):
            gone = one.diverged_at is not None
            found[seed].setdefault(name, []).append(None if gone else 1 - float(one.values["test_error"][-1]))
    return [outcome(found[seed], lost=lost.get(seed, "")) for seed in seeds]


def form() -> str:
    """How many members are trained: a stack of this many leaves a processor's cache (1.6 ms a step in one of 65, 0.85 alone)."""
    import jax

    return "map" if jax.default_backend() == "cpu" else "auto"


def examples(data: Any, each: int, seed: int) -> tuple[Any, Any]:
    """So many training examples of every class, drawn by the seed, from which scores are found."""
    order = stream("pruning-at-init examples", seed).permutation(len(data.y))
    rows = np.concatenate([order[data.y[order] == label][:each] for label in range(data.classes)])
    return data.x[rows], data.y[rows]


def masks_of(
    network: Network, line: Any, share: float, scores: Mapping[str, Mapping[str, Any]]
) -> dict[str, Mask]:
    """The masks of all arms of one seed at one density; layers compete but for random."""
    full, params, key = line.mask, line.start, (line.seed, 1)
    made: dict[str, Mask] = {}
    for name in SCORED:
        own = (
            synflow(network, params, share, key=key)
            if name == "synflow"
            else select(scores[name], full, share, "global", key=key)
        )
        made[name] = made[f"{name}_reinit"] = own
        made[f"{name}_shuffled"] = shuffle(own, key)
        made[f"{name}_inverted"] = select(
            {p: -one for p, one in scores[name].items()}, full, share, "global", key=key
        )
    seen = Weights(params, line.run.params, full, None, key)
    made["magnitude"] = choose("large_init", seen, share, "global")
    made["after"] = choose("large_final", seen, share, "global")
    made["random"] = choose("random", seen, share, "layer")
    return made


def norm(network: Network, params: PyTree, mask: Mask, x: Any, y: Any) -> float:
    """Norm of the gradient of the loss in the kept weights."""
    slope = picked(gradient(network, params, x, y, mask), mask.arrays, "gradient")
    return float(np.sqrt(sum(np.square(one * mask.arrays[path]).sum() for path, one in slope.items())))
