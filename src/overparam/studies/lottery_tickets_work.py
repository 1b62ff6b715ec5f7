"""One stack of lottery-tickets: the dense run, tickets through all densities, and at each of them the controls."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from overparam.core import Outcome, Params, Progress, outcome
from overparam.models import mlp
from overparam.models.residual_mlp import residual_mlp
from overparam.pruning import Mask, Round, Weights, choose, first_round, next_round, shuffle_outgoing
from overparam.pruning.measured import PROBES
from overparam.pruning.stages import OUTPUT, stages
from overparam.sweep.work import task
from overparam.training import Checkpoint, Member, Recipe, train

CONTROLS = ("random", "again", "shuffled", "reinit", "one_shot")
MEASURED = ("accuracy", "early")
# MNIST-1D, the notebook of Greydanus and Kobak: last test accuracy, two trials, by density
PUBLISHED = {0.29: (0.6980, 0.6695), 0.2: (0.7250, 0.6745), 0.08: (0.7500, 0.6120), 0.02: (0.6340, 0.3090)}

Found = dict[str, dict[int, list[float | None]]]  # values at every density, by seed, by name


def network_of(kind: str, inputs: int, width: int, outputs: int) -> Any:
    """The network: LeNet's two hidden layers of w and w/3 units, or the residual perceptron."""
    if kind == "residual":
        return residual_mlp(inputs, width, outputs)
    return mlp(inputs, (width, max(1, round(width / 3))), outputs, init="glorot_normal")


def run(cells: Sequence[Params], progress: Progress) -> list[Outcome]:
    """Train one stack: every seed, all arms of one density side by side."""
    stack = task(cells)
    given, data = stack.shared, stack.data
    seeds, densities = [int(cell["seed"]) for cell in cells], tuple(given["density"])
    recipe = Recipe(given["steps"], given["learning_rate"], optimizer="adam", batch=given["batch"],
                    probe_at=(min(given["early"], given["steps"]),))  # fmt: skip
    parents = sorted(set(given["parents"]))
    parts = len(densities) * (2 if given["rewind"] else 1) + (len(parents) + 1)
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        progress(min(1.0, done / parts))

    network = network_of(given["network"], data.features, given["width"], data.classes)
    dense = first_round(network, recipe, data, seeds, rewind=given["rewind"])
    step()
    found: Found = {}
    for line in dense.lines:
        for name, value in read(line.run, recipe, given["early"]).items():
            found.setdefault(f"dense_{name}", {})[line.seed] = [value] * len(densities)
    begun = Round(
        0, tuple(dataclasses.replace(line, point=line.run.kept["start"].params) for line in dense.lines)
    )
    tickets: list[Round] = []
    before = begun
    for number, (arm, density) in enumerate(
        zip(stages(densities, output=given["output"]), densities, strict=True)
    ):
        before = next_round(network, recipe, data, before, [arm])
        tickets.append(before)
        note(
            found,
            "ticket",
            {line.seed: line.run for line in before.lines},
            recipe,
            given["early"],
            number,
            len(densities),
        )
        own = controls(network, begun, before, density, given["output"])
        for name, runs in trained(network, recipe, data, own).items():
            note(found, name, runs, recipe, given["early"], number, len(densities))
        step()
    if given["rewind"]:
        late(network, recipe, data, dense, begun, tickets, given, found, step)
    widths: dict[int, list[float | None]] = {seed: [] for seed in seeds}
    for width in parents:
        if width == given["width"]:
            rounds = tickets
        else:
            other = network_of(given["network"], data.features, width, data.classes)
            rounds = [first_round(other, recipe, data, seeds)]
            for arm in stages(densities, output=given["output"]):
                rounds.append(next_round(other, recipe, data, rounds[-1], [arm]))
            rounds = rounds[1:]
        for seed in seeds:
            widths[seed].append(at_size(rounds, seed, given["size"]))
        step()
    made = []
    for seed in seeds:
        values: dict[str, Any] = {
            "density": list(densities),
            "parents": parents,
            "parent_accuracy": widths[seed],
        }
        values |= {name: of.get(seed, [None] * len(densities)) for name, of in found.items()}
        values["kept"] = [
            next((line.mask.density for line in one.lines if line.seed == seed), None) for one in tickets
        ]
        if str(given["data"]) == "mnist1d":
            values |= {f"published_{name}": [PUBLISHED.get(d, (None, None))[i] for d in densities]
                       for i, name in enumerate(("ticket", "random"))}  # fmt: skip
        died = [
            run for one in (dense, *tickets) for line in one.lines if line.seed == seed for run in [line.run]
        ]
        at = next((run.diverged_at for run in died if run.diverged_at is not None), None)
        made.append(outcome(values, lost="" if at is None else f"step {int(at)}"))
    return made


def read(run: Any, recipe: Recipe, early: int) -> dict[str, float | None]:
    """Test accuracy at the end and at the early step."""
    steps, errors = list(run.steps), np.asarray(run.values["test_error"])
    at = steps.index(min(early, recipe.steps)) if min(early, recipe.steps) in steps else -1
    found = {"accuracy": 1 - float(errors[-1]), "early": 1 - float(errors[at])}
    return {name: value if np.isfinite(value) else None for name, value in found.items()}


def note(
    found: Found, name: str, runs: Mapping[int, Any], recipe: Recipe, early: int, number: int, many: int
) -> None:
    """Write down what the runs of an arm gave at one density."""
    for seed, one in runs.items():
        for metric, value in read(one, recipe, early).items():
            found.setdefault(f"{name}_{metric}", {}).setdefault(seed, [None] * many)[number] = value


def controls(
    network: Any, begun: Round, round_: Round, density: float, power: float
) -> dict[str, list[tuple[int, Mask, Any]]]:
    """Seed, mask and start of every control at one density."""
    dense = {line.seed: line for line in begun.lines}
    own: dict[str, list[tuple[int, Mask, Any]]] = {name: [] for name in CONTROLS}
    for line in round_.lines:
        seed, mask, first = line.seed, line.mask, dense[line.seed]
        fresh = jax.device_get(network.init(jax.random.fold_in(jax.random.key(seed), 1)))
        shares = mask.densities
        before = Weights(first.start, first.run.params, first.mask, None, (seed, 0))
        once = choose("large_final", before, density, rates={OUTPUT: density**power})
        drawn = [Mask.random(network, shares, (seed, round_.number, k)) for k in (1, 2)]
        own["random"].append((seed, drawn[0], first.start))
        own["again"].append((seed, drawn[1], fresh))
        own["shuffled"].append((seed, shuffle_outgoing(mask, (seed, round_.number)), first.start))
        own["reinit"].append((seed, mask, fresh))
        own["one_shot"].append((seed, once, first.start))
    return own


def trained(
    network: Any, recipe: Recipe, data: Any, arms: Mapping[str, Sequence[tuple[int, Mask, Any]]]
) -> dict[str, dict[int, Any]]:
    """Train members under masks, all arms in one stack."""
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


def late(
    network: Any, recipe: Recipe, data: Any, dense: Round, begun: Round, tickets: Sequence[Round], given: Mapping[str, Any],
    found: Found, step: Any,
) -> None:  # fmt: skip
    """Tickets set back to a later step, and those set back to the start with as many more steps."""
    k, many, before = given["rewind"], len(tickets), dense
    longer = dataclasses.replace(recipe, steps=recipe.steps + k)
    first = {line.seed: line.start for line in begun.lines}
    for number, arm in enumerate(stages(given["density"], output=given["output"])):
        before = next_round(network, recipe, data, before, [arm], rewind=k)
        note(
            found, "late", {line.seed: line.run for line in before.lines}, recipe, given["early"], number, many
        )
        own = {"longer": [(line.seed, line.mask, first[line.seed]) for line in tickets[number].lines]}
        for name, runs in trained(network, longer, data, own).items():
            note(found, name, runs, recipe, given["early"], number, many)
        step()


def at_size(rounds: Sequence[Round], seed: int, size: int) -> float | None:
    """Accuracy at a number of kept weights, straight in its logarithm between two densities; None outside of them."""
    points = [(line.mask.kept, 1 - float(np.asarray(line.run.values["test_error"])[-1]))
              for one in rounds for line in one.lines if line.seed == seed]  # fmt: skip
    points.sort()
    if not points or not points[0][0] <= size <= points[-1][0]:
        return None
    kept, accuracy = zip(*points, strict=True)
    value = float(np.interp(np.log(size), np.log(kept), accuracy))
    return value if np.isfinite(value) else None
