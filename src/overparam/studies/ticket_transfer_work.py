"""One cell of ticket-transfer: tickets of every source, trained on the target beside its own and beside random ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from overparam.core import Params, Progress, UsageError, each_cell, outcome
from overparam.data import Dataset, load, subset
from overparam.models.families import named
from overparam.models.frankle import frankle
from overparam.pruning import Mask, Round, first_round, next_round, shuffle_outgoing, transfer
from overparam.pruning.draws import other_start
from overparam.pruning.measured import PROBES
from overparam.pruning.stages import stages
from overparam.sweep.work import Outcome
from overparam.training import Checkpoint, Member, Recipe, train

SHUFFLED = ("half", "other", "further", "optimizer")  # sources whose masks are trained shuffled too
NONE = "none"
RANDOM = (
    "random_1",
    "random_2",
    "random_3",
    "again",
)  # random tickets; the baseline is the mean of all but the last
TESTED = 8  # test examples of a run whose accuracy nobody asks for


class Rows(NamedTuple):
    """Examples as rows, and how many classes they have."""

    x: NDArray[np.float32]
    y: NDArray[np.int32]
    x_test: NDArray[np.float32]
    y_test: NDArray[np.int32]
    classes: int

    @property
    def arrays(self) -> tuple[Any, Any, Any, Any]:
        """As pruning takes them."""
        return self[:4]


class Start(NamedTuple):
    """A mask, the weights under it, and the step from which training goes on."""

    mask: Mask
    params: Any
    step: int = 0


@each_cell
def run(cell: Params, progress: Progress) -> Outcome:
    """Find the tickets of the target and of every source through all densities, and train them all on the target."""
    seed, densities, k = int(cell["seed"]), tuple(cell["density"]), int(cell["rewind"])
    data = subset(load(cell["data"]), cell["n"])
    target, sources = target_of(data, seed), sources_of(cell, data, seed)
    recipes = {one: recipe_of(cell, one) for one in ("adam", "sgd")}
    own, far = recipes[cell["optimizer"]], recipes["sgd" if cell["optimizer"] == "adam" else "adam"]
    arms = stages(densities, output=cell["output"] if cell["scope"] == "layer" else 1.0)
    if cell["scope"] == "global":
        arms = [dataclasses.replace(arm, scope="global", rates={}) for arm in arms]
    network = network_of(cell["network"], data.shape, data.classes)
    parts, done = 2 + len(sources), 0

    def chain(net: Any, recipe: Recipe, rows: Rows) -> list[Round]:
        nonlocal done
        found = [first_round(net, recipe, rows.arrays, [seed], rewind=k)]
        for arm in arms:
            found.append(next_round(net, recipe, rows.arrays, found[-1], [arm], rewind=k))
        done += 1
        progress(done / parts)
        return found

    mine = chain(network, own, target)
    starts = beside(network, mine, seed)
    lost = ["the target's own"] if mine[-1].lost else []
    redrawn = []
    for name, rows in sources.items():
        net = network_of(cell["network"], data.shape, rows.classes)
        found = chain(net, far if name == "optimizer" else own, rows)
        lost += [name] if found[-1].lost else []
        for place, one in enumerate(found[1:]):
            for line in one.lines:
                moved = transfer(line.mask, line.point, network, (seed, place))
                starts[place] |= carried(name, moved.mask, moved.params, k, (seed, place))
                if name == "half":
                    starts[place]["half_fresh"] = Start(moved.mask, other_start(network, seed))
                redrawn += [name] if moved.redrawn and name not in redrawn else []
    none: list[float | None] = [None] * len(densities)
    values: dict[str, Any] = {
        "density": list(densities),
        "redrawn": redrawn,
        "own_accuracy": [*none],
        "kept": [*none],
    }
    values["dense_accuracy"] = [accuracy(mine[0].lines[0].run)] * len(densities)
    values |= {f"{name}_accuracy": [*none] for name in names_of(sources)}
    for place, here in enumerate(starts):
        for line in mine[1 + place].lines:
            values["own_accuracy"][place], values["kept"][place] = accuracy(line.run), line.mask.density
        reached = trained(network, own, target, seed, here)
        lost += [f"{name} at {densities[place]:g}" for name, value in reached.items() if value is None]
        draws = [reached.pop(name, None) for name in RANDOM[:-1]]
        reached["random"] = None if None in draws else float(np.mean(draws))  # type: ignore[arg-type]
        for name, value in reached.items():
            values[f"{name}_accuracy"][place] = value
    progress(1.0)
    return outcome(values, lost=", ".join(lost))


def beside(network: Any, rounds: Sequence[Round], seed: int) -> list[dict[str, Start]]:
    """Random tickets at every density: fresh weights, and a mask with the layer densities of the target's own ticket."""
    found: list[dict[str, Start]] = []
    for place, one in enumerate(rounds[1:]):
        found.append({})
        for line in one.lines:
            for draw, name in enumerate(RANDOM):
                mask = Mask.random(network, line.mask.densities, (seed, place, draw))
                found[-1][name] = Start(mask, other_start(network, seed, 1 + draw))
    return found


def carried(name: str, mask: Mask, params: Any, step: int, key: tuple[int, int]) -> dict[str, Start]:
    """A ticket as it moves, and with its mask shuffled."""
    found = {name: Start(mask, params, step)}
    if name in SHUFFLED:
        found[f"{name}_shuffled"] = Start(shuffle_outgoing(mask, key), params, step)
    return found


def names_of(sources: Mapping[str, Any]) -> list[str]:
    """Names of what is trained on the target beside its own ticket and the dense network."""
    names = ["random", "again", *sources, *(f"{name}_shuffled" for name in sources if name in SHUFFLED)]
    return names + (["half_fresh"] if "half" in sources else [])


def network_of(name: str, shape: tuple[int, ...], classes: int) -> Any:
    """LeNet-300-100 with the first weights of Keras, or a network of convolutions by name."""
    if name == "resnet18":
        return named(name, shape, classes)
    return frankle("fc" if name == "lenet" else name, shape, classes)


def recipe_of(cell: Params, optimizer: str) -> Recipe:
    """Adam, or gradient descent with momentum 0.9, each with its own rate."""
    adam = optimizer == "adam"
    return Recipe(cell["steps"], cell["learning_rate"] if adam else cell["sgd_rate"], optimizer=optimizer,
                  momentum=0.0 if adam else 0.9, weight_decay=cell["decay"], batch=cell["batch"], schedule=cell["schedule"],
                  probe_at=(cell["steps"],))  # fmt: skip


def halves(y: NDArray[np.int32], seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of two halves of the examples, with equally many of every class; odd ones are left out.

    >>> a, b = halves(np.array([0, 0, 0, 1, 1]), 0)
    >>> len(a), len(b), len(set(a) & set(b)), sorted(np.array([0, 0, 0, 1, 1])[a].tolist())
    (2, 2, 0, [0, 1])
    """
    random = np.random.default_rng((62, seed))
    first: list[int] = []
    second: list[int] = []
    for label in np.unique(y):
        places = random.permutation(np.flatnonzero(y == label))
        half = len(places) // 2
        first += places[:half].tolist()
        second += places[half : 2 * half].tolist()
    return random.permutation(first), random.permutation(second)


def target_of(data: Dataset, seed: int) -> Rows:
    """The second half of the examples, and the whole test part."""
    _, second = halves(data.y, seed)
    flat = data.x.reshape(data.n, -1)
    return Rows(flat[second], data.y[second], data.x_test.reshape(data.n_test, -1), data.y_test, data.classes)


def sources_of(cell: Params, data: Dataset, seed: int) -> dict[str, Rows]:
    """Where tickets come from, by name; each has as many rows as the target, repeated where there are fewer.

    Args:
        cell: its ``sources``, ``share``, ``other`` and ``further``.
        data: the data set, of which the target is one half.
        seed: draws the halves.

    Raises:
        UsageError: a name that is not known, fewer than two classes or examples, or inputs of another kind.
    """
    first, second = halves(data.y, seed)
    n, flat = len(second), data.x.reshape(data.n, -1)
    found: dict[str, Rows] = {}
    few = max(2, round(cell["share"] * n))
    for name in dict.fromkeys(cell["sources"]):
        if name == "optimizer":
            x, y, classes = flat[second], data.y[second], data.classes
        elif name in ("other", "further"):
            if cell[name] == NONE:
                continue
            one = load(cell[name], download=False)
            if one.fingerprint == load(cell["data"]).fingerprint:
                raise UsageError(
                    f"{name}: expected another data set than the target's, got '{cell[name]}'. Name another one, or none."
                )
            one = subset(one, min(n, one.n), seed=seed)
            x, y, classes = like(one.x, data.shape, f"{name} '{cell[name]}'"), one.y, one.classes
        else:
            places, classes = first, data.classes
            if name == "classes":
                classes = data.classes // 2
                places = places[data.y[places] < classes]
            if classes < 2:
                raise UsageError(
                    f"sources: expected data of at least 4 classes for 'classes', got {data.classes} in '{cell['data']}'. "
                    "Leave it out."
                )
            places = places if name == "half" else places[:few]
            x, y = flat[places], data.y[places]
        rows = np.resize(np.arange(len(x)), n)
        test = slice(0, TESTED)
        found[name] = Rows(x[rows], y[rows], x[test], y[test], classes)
    return found


def trained(
    network: Any, recipe: Recipe, rows: Rows, seed: int, starts: Mapping[str, Start]
) -> dict[str, float | None]:
    """Train on the target, all side by side; the test accuracy by name, None where training diverged."""
    found: dict[str, float | None] = {}
    for step in sorted({one.step for one in starts.values()}):
        group = {name: one for name, one in starts.items() if one.step == step}
        runs = train(
            network, recipe, [Member(seed, rows.y, mask=one.mask) for one in group.values()], rows.x, rows.x_test,
            rows.y_test, probes=PROBES,
            start=[Checkpoint(one.mask.apply(one.params), step) for one in group.values()])  # fmt: skip
        found |= {name: accuracy(run) for name, run in zip(group, runs, strict=True)}
    return found


def accuracy(run: Any) -> float | None:
    """Share of test examples that are right at the end; None where training diverged."""
    return None if run.diverged_at is not None else 1 - float(run.values["test_error"][-1])


def like(x: NDArray[np.float32], shape: tuple[int, ...], name: str) -> NDArray[np.float32]:
    """Inputs as rows of another shape: means over the area of each new pixel; grey is the mean of colours.

    Args:
        x: inputs ``(n, length)``, ``(n, height, width)`` or ``(n, height, width, 3)``.
        shape: the shape of one input of the target.
        name: what they are called, for the message.

    Raises:
        UsageError: signals for images, or images for signals.

    >>> like(np.arange(4, dtype=np.float32).reshape(1, 4), (2,), "four").tolist()
    [[0.5, 2.5]]
    """
    if min(len(shape), 2) != min(x.ndim - 1, 2):
        kinds = ("signals", "images")
        raise UsageError(
            f"{name}: expected {kinds[len(shape) > 1]} like those of the target, got {kinds[x.ndim > 2]}. Name another data "
            "set, or none."
        )
    if x.shape[1:] == shape:
        return x.reshape(len(x), -1)
    if len(shape) == 1:
        return (x @ area(x.shape[1], shape[0]).T).astype(np.float32)
    coloured = x if x.ndim == 4 else x[..., None]
    rows, columns = area(coloured.shape[1], shape[0]), area(coloured.shape[2], shape[1])
    scaled = np.einsum("ih,nhwc,jw->nijc", rows, coloured, columns, optimize=True)
    if len(shape) == 2:
        scaled = scaled.mean(axis=3)
    elif scaled.shape[3] != shape[2]:
        scaled = np.repeat(scaled.mean(axis=3, keepdims=True), shape[2], axis=3)
    return scaled.reshape(len(x), -1).astype(np.float32)


def area(old: int, new: int) -> NDArray[np.float32]:
    """Weights of ``old`` pixels in each of ``new`` pixels of a line: the share of its length that each covers.

    >>> area(4, 2).tolist()
    [[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]]
    """
    edges, ends = np.arange(old + 1) / old, np.arange(new + 1) / new
    low = np.maximum(edges[None, :-1], ends[:-1, None])
    high = np.minimum(edges[None, 1:], ends[1:, None])
    return np.asarray(np.maximum(high - low, 0) * new, np.float32)
