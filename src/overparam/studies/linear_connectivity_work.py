"""The work of linear-connectivity: children of one run that see other orders of samples, and the straight path between."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import jax
import numpy as np

from overparam.core import DataError, Estimate, Outcome, Params, Progress, UsageError, counted, outcome
from overparam.core.examples import image
from overparam.data import coarser, flatten, load, shape_of, subset
from overparam.models import cnn, mlp
from overparam.models.residual_mlp import residual_mlp
from overparam.probes.paths import along, barrier, straight
from overparam.pruning import Line, Mask, Round, next_round
from overparam.pruning.held import Held
from overparam.pruning.rounds import DENSE
from overparam.pruning.stages import stages
from overparam.sweep.work import cost, dense, shared
from overparam.training import Checkpoint, Keep, Member, Recipe, Trained, train

OTHER = 2**31  # added to a seed: the order of the samples that the other child sees
COMPILED = 1.5  # seconds a cell that compilations of a plain perceptron take, shared by a stack
STRANGER = 2**30  # added to a seed: a network with initial weights of its own
SIGNALS = 2**29  # added to a seed: a random mask
METRICS = ("loss_barrier", "error_barrier", "test_barrier", "distance")


@dataclass(frozen=True)
class Setting:
    """What belongs to a data set where an axis does not say otherwise.

    Attributes:
        network: ``mlp``, ``lenet``, ``cnn`` or ``residual``.
        n: training samples; 0 for all.
        width: units of the first hidden layer, or channels of the first convolution.
        steps: of training.
        batch: samples of a minibatch.
        rate: learning rate.
        side: longest side of an image, in pixels; 0 leaves images alone.
        tests: test samples; 0 for all.
    """

    network: str
    n: int
    width: int
    steps: int
    batch: int
    rate: float
    side: int = 0
    tests: int = 0


SETTINGS = {
    "digits": Setting("mlp", 1200, 64, 800, 50, 0.1),
    "mnist": Setting("mlp", 4000, 64, 1600, 100, 0.1, side=14),
    "cifar10": Setting("cnn", 1000, 12, 1400, 50, 0.05, side=16, tests=500),
    "mnist1d": Setting("residual", 4000, 100, 1500, 100, 0.02),
}  # fmt: skip
OWN = Setting("mlp", 0, 64, 800, 50, 0.1)
ADAM = ("lenet", "residual")
"""Networks that are trained with Adam at a constant rate, and pruned for tickets; the others with SGD and a cosine."""


def setting(cell: Mapping[str, Any]) -> Setting:
    """What a cell asks for: its axes, and where they are 0 or ``auto`` what belongs to its data set.

    Args:
        cell: its parameters.

    >>> setting({"data": "digits", "network": "auto", "n": 0, "width": 32, "steps": 0, "batch": 0, "learning_rate": 0.0}).width
    32
    """
    own = SETTINGS.get(str(cell["data"]).split(":")[0], OWN)
    network = own.network if cell["network"] == "auto" else cell["network"]
    rate = (
        own.rate
        if network == own.network
        else {"cnn": 0.05, "lenet": 1.2e-3, "residual": 0.02}.get(network, 0.1)
    )
    return Setting(
        network, cell["n"] or own.n, cell["width"] or own.width, cell["steps"] or own.steps, cell["batch"] or own.batch,
        cell["learning_rate"] or rate, 0 if network == "lenet" else own.side, own.tests,
    )  # fmt: skip


def split_steps(shares: Sequence[float], steps: int) -> list[int]:
    """The steps at which runs part, from shares of all steps.

    Args:
        shares: ascending, the first 0.
        steps: of the whole run.

    Raises:
        UsageError: shares that do not begin at 0, do not ascend, or fall on one step.

    >>> split_steps((0.0, 0.0625, 0.25), 800)
    [0, 50, 200]
    """
    at = [round(share * steps) for share in shares]
    if at[0] != 0 or any(b <= a for a, b in pairwise(at)) or at[-1] >= steps:
        raise UsageError(
            f"--splits: expected shares of the {steps} steps that begin at 0, ascend to below 1 and fall on different steps, got "
            f"{', '.join(f'{one:g}' for one in shares)}, which are steps {', '.join(map(str, at))}."
        )
    return at


def network_of(how: Setting, shape: tuple[int, ...], outputs: int) -> Any:
    """The network of a setting.

    Args:
        how: the setting.
        shape: of one example, before it is flattened.
        outputs: classes.

    Raises:
        DataError: a convolution, and examples that are no images.
    """
    features = int(np.prod(shape))
    if how.network == "cnn":
        if len(shape) < 2:
            raise DataError(f"--network: expected images for cnn, got examples of shape {shape}. Take mlp.")
        return cnn(shape, (how.width, 2 * how.width), outputs, pool_every=1)
    if how.network == "residual":
        return residual_mlp(features, how.width, outputs)
    if how.network == "lenet":
        return mlp(features, (how.width, max(1, round(how.width / 3))), outputs, init="glorot_normal")
    return mlp(features, (how.width, how.width), outputs)


def recipe_of(how: Setting) -> Recipe:
    """How the networks of a setting are trained."""
    if how.network in ADAM:
        return Recipe(how.steps, how.rate, optimizer="adam", batch=how.batch, probes=2)
    return Recipe(how.steps, how.rate, momentum=0.9, batch=how.batch, schedule="cosine", probes=2)


class Bench:
    """A network, its recipe and data: trains seeds side by side, and measures paths.

    Args:
        network: the network.
        recipe: how to train.
        data: a data set with examples as rows.
        points: of a path.
    """

    def __init__(self, network: Any, recipe: Recipe, data: Any, points: int) -> None:
        """Keep them."""
        self.network, self.recipe, self.data, self.points = network, recipe, data, points

    def runs(
        self, members: Sequence[Member], start: Sequence[Checkpoint] | None = None, **more: Any
    ) -> tuple[Trained, ...]:
        """Train members from checkpoints.

        Args:
            members: one a network.
            start: one a member.
            more: further arguments of :func:`overparam.training.train`.
        """
        data = self.data
        return train(
            self.network, self.recipe, members, data.x, data.x_test, data.y_test, start=start, keep_params=True, **more
        )  # fmt: skip

    def member(self, seed: int, order: int = 0, mask: Mask | None = None) -> Member:
        """A member on the given labels.

        Args:
            seed: of its initial weights.
            order: 0: the samples come in the order of the seed; 1: in another.
            mask: which weights are kept.
        """
        return Member(seed, self.data.y, order=seed + order * OTHER if order else None, mask=mask)

    def between(self, one: Trained, other: Trained) -> dict[str, Any]:
        """What the straight path between two ends is like: barriers above the mean of both, in shares and in the loss.

        Args:
            one: a run.
            other: another.
        """
        ends = (one.params, other.params)
        if not all(np.isfinite(leaf).all() for end in ends for leaf in jax.tree.leaves(end)):
            return dict.fromkeys((*METRICS, "train", "test"), float("nan")) | {"line": None}
        path, data = straight(self.network, *ends, self.points), self.data
        train_set, test_set = (along(path, x, y) for x, y in ((data.x, data.y), (data.x_test, data.y_test)))
        return {
            "loss_barrier": barrier(train_set, above="mean").value,
            "error_barrier": barrier(train_set, of="error", above="mean").value,
            "test_barrier": barrier(test_set, of="error", above="mean").value,
            "distance": apart(*ends),
            "train": float(np.asarray(train_set.error)[[0, -1]].mean()),
            "test": float(np.asarray(test_set.error)[[0, -1]].mean()),
            "line": train_set.loss.tolist(),
        }


def apart(one: Any, other: Any) -> float:
    """Distance of two networks, over the root of the product of their norms.

    Args:
        one: parameters.
        other: parameters of the same network.

    >>> apart({"w": np.array([3.0, 4.0])}, {"w": np.array([3.0, 4.0])})
    0.0
    """
    a, b = (
        np.concatenate([np.ravel(leaf).astype(np.float64) for leaf in jax.tree.leaves(tree)])
        for tree in (one, other)
    )
    return float(np.linalg.norm(a - b) / np.sqrt(np.linalg.norm(a) * np.linalg.norm(b)))


def run(cells: Sequence[Params], progress: Progress) -> list[Outcome]:
    """One stack: all seeds of one setting, split at every step."""
    given = shared(cells)
    how = setting(given)
    seeds, at = [int(cell["seed"]) for cell in cells], split_steps(given["split"], how.steps)
    data = load(given["data"])
    data = subset(data, how.n or data.n, min(how.tests or data.n_test, data.n_test))
    data = coarser(data, how.side) if how.side else data
    if how.batch > data.n:
        raise UsageError(
            f"--batch: expected at most the {data.n} training samples, got {how.batch}. Take a smaller batch."
        )
    bench = Bench(network_of(how, data.shape, data.classes), recipe_of(how), flatten(data), given["points"])
    tickets = how.network in ADAM and given["tickets"] == "auto"
    told = counted(progress, 2 + 2 * len(at) + (len(given["density"]) + 3) * len(at) * tickets)

    keep = {str(step): Keep(step=step) for step in at}
    every = bench.runs([bench.member(seed) for seed in seeds], keep=keep)
    told()
    lost = {
        seed: f"step {int(one.diverged_at)}"
        for seed, one in zip(seeds, every, strict=True)
        if one.diverged_at is not None
    }
    whole = [seed for seed in seeds if seed not in lost]
    parents = [one for seed, one in zip(seeds, every, strict=True) if seed in whole]
    found: list[dict[str, Any]] = [
        {"split": list(given["split"]), "step": at, "kind": how.network} for _ in whole
    ]
    if whole:
        children(bench, whole, parents, at, found, told)
        for step in at if tickets else ():
            of_tickets(bench, given["density"], whole, parents, step, found, told)
    values = dict(zip(whole, found, strict=True))
    return [outcome(values.get(seed, {"step": at}), lost=lost.get(seed, "")) for seed in seeds]


def children(
    bench: Bench, seeds: Sequence[int], parents: Sequence[Trained], at: Sequence[int], found: Sequence[dict[str, Any]],
    told: Callable[[], None],
) -> None:  # fmt: skip
    """Children of every split against their parents, those that skip the steps before it, and networks of other weights.

    Args:
        bench: what trains.
        seeds: one a parent.
        parents: their runs, with the checkpoint of every split.
        at: the steps at which they part, the first 0.
        found: what is known of every seed; more is added.
        told: called once a part.
    """
    strangers = bench.runs([bench.member(seed + STRANGER) for seed in seeds])
    others = [bench.between(a, b) for a, b in zip(parents, strangers, strict=True)]
    told()
    lines = []
    for step in at:
        runs = bench.runs([bench.member(s, 1) for s in seeds], [parent.kept[str(step)] for parent in parents])
        own = [bench.between(a, b) for a, b in zip(parents, runs, strict=True)]
        _add(found, "", own)
        told()
        _add(found, "skipped_", skipped(bench, seeds, parents, step) if step else own)
        told()
        lines.append([one["line"] for one in own])
    for i, (values, other) in enumerate(zip(found, others, strict=True)):
        values |= {f"stranger_{name}": [other[name]] * len(at) for name in METRICS}
        values |= {"t": np.linspace(0, 1, bench.points).tolist(), "path_stranger": other["line"]}
        values |= {"path_start": lines[0][i], "path_late": lines[-1][i]}


def skipped(bench: Bench, seeds: Sequence[int], parents: Sequence[Trained], step: int) -> list[dict[str, Any]]:
    """Two children of the initial weights that train for as many steps as are left after the split, at the same rates.

    Args:
        bench: what trains.
        seeds: one a parent.
        parents: their runs.
        step: how many steps are left out.
    """
    start = [Checkpoint(parent.kept["0"].params, step) for parent in parents for _ in (0, 1)]
    runs = bench.runs([bench.member(seed, order) for seed in seeds for order in (0, 1)], start)
    return [bench.between(*runs[i : i + 2]) for i in range(0, len(runs), 2)]


def of_tickets(
    bench: Bench, densities: Sequence[float], seeds: Sequence[int], parents: Sequence[Trained], step: int,
    found: Sequence[dict[str, Any]], told: Callable[[], None],
) -> None:  # fmt: skip
    """Tickets whose weights go back to those of the parent at a step, and random masks of their density: children of both.

    Args:
        bench: what trains.
        densities: of the rounds of pruning, falling; the last is that of the tickets.
        seeds: one a parent.
        parents: their runs.
        step: to which weights go back.
        found: what is known of every seed; more is added.
        told: called once a part.
    """
    network, full = bench.network, Mask.full(bench.network)
    lines = tuple(
        Line(seed, DENSE, Held(full, None, parent.kept["0"].params), parent.kept[str(step)].params, parent)
        for seed, parent in zip(seeds, parents, strict=True)
    )
    now = Round(0, lines, rewind=step)
    for arm in stages(densities):
        now = next_round(network, bench.recipe, bench.data, now, [arm])
        told()
    kept = {line.seed: line for line in now.lines}
    alive = [seed for seed in seeds if seed in kept]
    drawn = [Mask.random(network, kept[seed].mask.densities, seed + SIGNALS) for seed in alive]
    back = dict(zip(seeds, (parent.kept[str(step)].params for parent in parents), strict=True))
    ticket_two = bench.runs(
        [bench.member(seed, 1, kept[seed].mask) for seed in alive],
        [Checkpoint(kept[seed].mask.apply(back[seed]), step) for seed in alive],
    )
    told()
    both = [
        bench.runs(
            [bench.member(seed, order, mask) for seed, mask in zip(alive, drawn, strict=True)],
            [Checkpoint(mask.apply(back[seed]), step) for seed, mask in zip(alive, drawn, strict=True)],
        )
        for order in (0, 1)
    ]
    told()
    for i, seed in enumerate(seeds):
        place = alive.index(seed) if seed in kept else None
        ways = {
            "ticket": None if place is None else bench.between(kept[seed].run, ticket_two[place]),
            "random": None if place is None else bench.between(both[0][place], both[1][place]),
        }
        for name, own in ways.items():
            for metric in ("test_barrier", "error_barrier"):
                found[i].setdefault(f"{name}_{metric}", []).append(None if own is None else own[metric])
            found[i].setdefault(f"{name}_accuracy", []).append(None if own is None else 1 - own["test"])
        found[i].setdefault("dense_accuracy", []).append(1 - found[i]["child_test_error"][0])
    told()


def estimate(cell: Params) -> Estimate:
    """Trainings of every split, and of tickets; milliseconds a step as measured on one core."""
    how, shape = setting(cell), shape_of(str(cell["data"]))
    many, paths = 2 + 3 * len(cell["split"]), 1 + 2 * len(cell["split"])
    if how.network in ADAM and cell["tickets"] == "auto":
        many += len(cell["split"]) * (len(cell["density"]) + 3)
        paths += 2 * len(cell["split"])
    inputs = min(shape.features, how.side**2) if how.side else shape.features
    if how.network == "cnn":
        image(shape.image, cell["network"] if cell["network"] != "auto" else "cnn")
        return Estimate(many * how.steps * 8e-5 * how.batch * how.width / 12, 2e9)
    size = dense(
        inputs, how.width, max(1, how.width // 3) if how.network == "lenet" else how.width, shape.classes
    )
    told = {
        "steps": how.steps,
        "n": how.n or 60_000,
        "chains": many,
        "probes": 2 * paths * cell["points"] // many,
    }
    found = cost({**cell, "batch": how.batch}, size, **told)
    return Estimate(found.seconds + COMPILED * many / 14, found.bytes)


def _add(found: Sequence[dict[str, Any]], prefix: str, measured: Sequence[dict[str, Any]]) -> None:
    """Write down what one split gave, for every seed."""
    for values, own in zip(found, measured, strict=True):
        for name in METRICS:
            values.setdefault(prefix + name, []).append(own[name])
        if not prefix:
            values.setdefault("child_error", []).append(own["train"])
            values.setdefault("child_test_error", []).append(own["test"])
