"""The work of mode-connectivity: two solutions of one width, and six ways to build a path between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from overparam.core import DataError, Outcome, Params, Progress, UsageError, counted, outcome
from overparam.data.stream import stream
from overparam.models import mlp
from overparam.models.mlp import layer_names
from overparam.probes.paths import aligned, along, bezier, learned_bends, polygon, straight
from overparam.probes.paths.subnetworks import (
    Subnetwork,
    carried,
    dropped,
    features,
    outputs_of,
    through_subnetworks,
)
from overparam.probes.separability import separable
from overparam.sweep.work import shared, task
from overparam.training import Member, Recipe, Trained, train

STRANGER = 2**30  # added to a seed: the other solution of a pair
SMALL = 2**29  # added to a seed: the small network on the inputs, and, times an entry, those on features
POINTS = 4  # lines of a polygon between two corners
PATHS = ("straight", "aligned", "bezier", "dropout", "learned", "separable")
MANY = 64  # features above which shuffled labels are not tried: their programs take minutes
RESOLVED = 1e-3  # margin below which the large weights of a carried classifier are beyond the digits of float32
NEEDED = 1e-3  # cross-entropy of every example that a carried classifier may have

Pair = tuple[Any, Any]


def run(cells: Sequence[Params], progress: Progress) -> list[Outcome]:
    """One stack: all seeds of one width."""
    given = shared(cells)
    stack, depth, width = task(cells), given["depth"], given["width"]
    data, half = stack.data, given["width"] // 2
    if half < 1 or width < 2:
        raise UsageError(f"--widths: expected at least 2 units, of which half can stay, got {width}.")
    if given["batch"] > data.n:
        raise UsageError(
            f"--batch: expected at most the {data.n} training samples, got {given['batch']}. Take a smaller batch."
        )
    seeds, told = [int(cell["seed"]) for cell in cells], counted(progress, 4 + depth)
    recipe = Recipe(given["epochs"] * (data.n // given["batch"]), given["learning_rate"], optimizer="adam",
                    batch=given["batch"], probes=2)  # fmt: skip
    network = mlp(data.features, (width,) * depth, data.classes)
    members = [Member(seed + other, data.y) for seed in seeds for other in (0, STRANGER)]
    runs = train(network, recipe, members, data.x, data.x_test, data.y_test, keep_params=True)
    lost = {seed: _lost(runs[2 * i : 2 * i + 2]) for i, seed in enumerate(seeds)}
    whole = [i for i, seed in enumerate(seeds) if not lost[seed]]
    pairs: list[Pair] = [(runs[2 * i].params, runs[2 * i + 1].params) for i in whole]
    told()
    found = [outcome({"root": width / data.n**0.5}, lost=lost[seed]) for seed in seeds]
    if not whole:
        return found
    alive = [seeds[i] for i in whole]
    units = [[_half(seed, layer, width, half) for layer in range(depth)] for seed in alive]
    small = learned(network, recipe, data, alive, pairs, units, told)
    bends = learned_bends(network, pairs, recipe, data.x, data.y, seed=alive[0])[0]
    told()
    for at, i in enumerate(whole):
        values = of_pair(network, data, alive[at], pairs[at], units[at], small[at], bends[at], given)
        values["root"] = width / data.n**0.5
        found[i] = outcome(values)
    told()
    return found


def learned(
    network: Any, recipe: Recipe, data: Any, seeds: Sequence[int], pairs: Sequence[Pair], units: Sequence[Any],
    told: Callable[[], None],
) -> list[tuple[list[Subnetwork], list[Subnetwork]]]:  # fmt: skip
    """Small networks of half the width, trained on the features of the chosen units of every layer, and one on the inputs.

    Args:
        network: of the pairs.
        recipe: how to train.
        data: whose labels.
        seeds: one a pair.
        pairs: the solutions.
        units: the chosen units of every hidden layer, one list a pair.
        told: called once a layer.

    Returns:
        For each pair those of both ends, from the last hidden layer to the inputs; the last one is shared.
    """
    depth, half = len(units[0]), len(units[0][0])
    found: list[tuple[list[Subnetwork], list[Subnetwork]]] = [([], []) for _ in pairs]
    for entry in range(depth, 0, -1):
        own = [
            features(network, end, data.x, entry)[:, chosen[entry - 1]].astype(np.float32)
            for pair, chosen in zip(pairs, units, strict=True) for end in pair
        ]  # fmt: skip
        who = [seed + entry * SMALL + other for seed in seeds for other in (0, STRANGER)]
        members = [Member(seed % 2**32, data.y, x=x) for seed, x in zip(who, own, strict=True)]
        one = mlp(half, (half,) * (depth - entry), data.classes)
        runs = train(one, recipe, members, own[0], own[0][:2], data.y[:2], keep_params=True)
        for i, both in enumerate(found):
            for side, run in zip(both, runs[2 * i : 2 * i + 2], strict=True):
                side.append(_small(run, entry))
        told()
    one = mlp(data.features, (half,) * depth, data.classes)
    members = [Member(seed + SMALL, data.y) for seed in seeds]
    runs = train(one, recipe, members, data.x, data.x_test, data.y_test, keep_params=True)
    for both, run in zip(found, runs, strict=True):
        shared_one = _small(run, 0)
        for side in both:
            side.append(shared_one)
    told()
    return found


def of_pair(
    network: Any,
    data: Any,
    seed: int,
    pair: Pair,
    units: Sequence[np.ndarray],
    small: Any,
    bend: Any,
    given: Any,
) -> dict[str, Any]:
    """Every path between two solutions, and what the conditions ask.

    Args:
        network: of both.
        data: training data.
        seed: of the pair.
        pair: the solutions.
        units: the chosen units of every hidden layer.
        small: learned small networks of both.
        bend: of the Bezier curve.
        given: axes of the cell.
    """
    points, depth = given["points"], len(units)
    seen = [[features(network, end, data.x, layer) for layer in range(depth + 1)] for end in pair]
    ways: dict[str, Any] = {
        "straight": straight(network, *pair, points),
        "aligned": straight(network, pair[0], aligned(network, *pair, starts=2, seed=seed).params, points),
        "bezier": bezier(network, pair[0], bend, pair[1], points),
        "learned": _through(network, pair, small, units),
    }
    sizes = [_losses(network, seen, small, units, data)]
    drawn, values = best_dropout(network, pair, seen, units, data, given["draws"], seed)
    ways["dropout"] = _through(network, pair, *drawn)
    sizes.append(_losses(network, seen, *drawn, data))
    classes = [
        [separable(of_end[layer + 1][:, units[layer]], data.y) for layer in range(depth)] for of_end in seen
    ]
    wrong = stream("labels of separability", seed).permutation(data.y)
    other = [
        separable(seen[0][layer + 1][:, units[layer]], wrong)
        for layer in range(depth)
        if len(units[layer]) <= MANY
    ]
    every = [one.separable for of_end in classes for one in of_end]
    values |= {
        "separable_layers": float(np.mean(every)), "separated": sum(every), "asked": len(every),
        "shuffled_layers": float(np.mean([one.separable for one in other])) if other else None,
        "shuffled_separated": sum(one.separable for one in other), "shuffled_asked": len(other),
        "least_margin": min(one.margin for of_end in classes for one in of_end),
    }  # fmt: skip
    room = min(len(units[0]), given["width"] - len(units[0])) >= data.classes
    if room and all(every):
        both = tuple(
            [*(_carried(of_end[layer], units, found, layer) for layer in range(depth, 0, -1)), side[-1]]
            for of_end, found, side in zip(seen, classes, small, strict=True)
        )
        ways["separable"] = _through(network, pair, both, units)
        sizes.append(_losses(network, seen, both, units, data))
    ends: tuple[float, float] = (0.0, 0.0)
    bounds = dict(zip(("learned", "dropout", "separable"), sizes, strict=False))
    for name in PATHS:
        if name not in ways:  # no path: nothing lower than every sample wrong is known
            values |= {f"{name}_error": 1.0, f"{name}_rise": None}
            continue
        measured = along(ways[name], data.x, data.y, each=False)
        losses, errors = np.asarray(measured.loss), np.asarray(measured.error)
        ends = (float(max(losses[0], losses[-1])), float(max(errors[0], errors[-1])))
        values |= {f"{name}_error": float(errors.max()), f"{name}_rise": float(losses.max()) - ends[0]}
        if name in bounds:
            bound = max(ends[0], bounds[name][0])
            if name != "separable" or values["least_margin"] >= RESOLVED:
                values.setdefault("excess", []).append((float(losses.max()) - bound) / (1.0 + bound))
            values |= {f"path_{name}": errors[:: max(1, len(errors) // 60)].tolist()}
        else:
            values |= {f"path_{name}": errors.tolist()}
    values |= {
        "end_error": ends[1],
        "end_loss": ends[0],
        "condition_error": sizes[0][1],
        "condition_loss": sizes[0][0],
    }
    values["gap"] = values["dropout_condition_error"] - values["condition_error"]
    for name in PATHS:
        line = values.get(f"path_{name}")
        if line:
            values[f"path_{name}"] = np.interp(
                np.linspace(0, 1, 41), np.linspace(0, 1, len(line)), line
            ).tolist()
    return values | {"t": np.linspace(0, 1, 41).tolist()}


def best_dropout(
    network: Any, pair: Pair, seen: Any, first: Sequence[np.ndarray], data: Any, draws: int, seed: int
) -> tuple[tuple[Any, Any], dict[str, Any]]:
    """Of several draws of the units that stay, those with the smallest worst error over the layers, and that of the first draw.

    Args:
        network: of the pair.
        pair: the solutions.
        seen: outputs of every layer of both, the inputs first.
        first: the first draw.
        data: training data.
        draws: how many.
        seed: of the others.
    """
    found = []
    for draw in range(draws):
        width = network.form.sizes[1]
        units = (
            first
            if not draw
            else [_half(seed, layer, width, len(first[0]), draw) for layer in range(len(first))]
        )
        small = tuple(
            [dropped(network, end, units, entry) for entry in range(len(units), -1, -1)] for end in pair
        )
        found.append((small, units, _losses(network, seen, small, units, data)[1]))
    best = min(found, key=lambda one: one[2])
    values = {"dropout_condition_error": best[2], "dropout_first_error": found[0][2]}
    return (best[0], best[1]), values


def _through(network: Any, pair: Pair, small: Any, units: Any) -> Any:
    corners = through_subnetworks(network, pair[0], pair[1], small[0], small[1], units)
    return polygon(network, corners, (len(corners) - 1) * POINTS + 1)


def _losses(network: Any, seen: Any, small: Any, units: Any, data: Any) -> tuple[float, float]:
    """Largest cross-entropy and largest error of the small networks of both ends, in float64."""
    losses, errors = [], []
    for of_end, side in zip(seen, small, strict=True):
        for one in side:
            rows = of_end[one.entry]
            rows = rows if one.entry == 0 else rows[:, units[one.entry - 1]]
            outputs = outputs_of(one, network, rows)
            outputs = outputs - outputs.max(axis=1, keepdims=True)
            right = outputs[np.arange(len(rows)), data.y]
            losses.append(float((np.log(np.exp(outputs).sum(axis=1)) - right).mean()))
            errors.append(float((outputs.argmax(axis=1) != data.y).mean()))
    return max(losses), max(errors)


def _carried(rows: Any, units: Any, found: Any, layer: int) -> Subnetwork:
    own = found[layer - 1]
    return carried(own.weight, own.bias, rows[:, units[layer - 1]], len(units) - layer, layer, NEEDED)


def _small(run: Trained, entry: int) -> Subnetwork:
    """A trained network as layers; one that diverged is refused."""
    if run.params is None or run.diverged_at is not None:
        raise DataError(
            f"--learning-rate: expected small networks whose training does not diverge, got one of entry {entry} that did. "
            "Lower it."
        )
    layers = (run.params[name] for name in layer_names(len(run.params) - 1))
    return Subnetwork(
        entry,
        tuple((np.asarray(one["weight"], np.float64), np.asarray(one["bias"], np.float64)) for one in layers),
    )


def _half(seed: int, layer: int, width: int, half: int, draw: int = 0) -> np.ndarray:
    return np.sort(stream(f"units that stay, layer {layer}, draw {draw}", seed).permutation(width)[:half])


def _lost(runs: Sequence[Trained]) -> str:
    return next((f"step {int(one.diverged_at)}" for one in runs if one.diverged_at is not None), "")
