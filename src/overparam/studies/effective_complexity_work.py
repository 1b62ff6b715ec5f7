"""What a cell of effective-complexity does: train every width on n samples, or search for EMC at a few widths."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from overparam.core.claim import Params
from overparam.core.errors import DataError, UsageError
from overparam.core.outcomes import outcome, within
from overparam.core.study import Outcome, Progress

STEPS = 4  # points a doubling on the grid of sample sizes: its ratio is 2^(1/4)
OCTAVES = 2  # doublings of that grid on each side of the study's n
ROUNDS = 1 + int(math.log2(STEPS))  # of a search: the doublings, then halving what is left of one
AGAIN = 1_000_000  # added to the seeds of the arm that draws everything anew
SEARCH = 2_000_000  # added to the seeds of the searches, so that none trains a network of the width curves
MOST = 32  # members trained at a time, unless one round of a search has more: larger stacks outgrow the cache
SHIFT, SCALE = 5, 0.1  # a copy is moved by 1 to 5 places and multiplied by 0.9 to 1.1
Asked = tuple[int, int]
Pair = tuple[float | None, float | None]


class Found(NamedTuple):
    """The end of one search.

    Attributes:
        emc: EMC in samples, read between the two ends of the bracket; None at an end of the grid.
        low: largest number of samples tried that is learnt; None if none is.
        high: the next larger one tried, which is not learnt; None if there is none.
        censored: -1 if already the smallest number is not learnt, 1 if the largest still is, else 0.
        visited: mean training error by number of samples, ascending.
    """

    emc: float | None
    low: int | None
    high: int | None
    censored: int
    visited: Mapping[int, float]


def grid(n: int, least: int, most: int) -> tuple[int, ...]:
    """Numbers of samples ``n 2^(j/4)`` from n/4 to 4n that are at least ``least`` and at most ``most``."""
    points = (round(n * 2 ** (j / STEPS)) for j in range(-OCTAVES * STEPS, OCTAVES * STEPS + 1))
    return tuple(p for p in points if least <= p <= most)


def scan(points: int) -> tuple[int, ...]:
    """Places tried first: every doubling from the smallest on, and the last."""
    return tuple(sorted({*range(0, points, STEPS), points - 1}))


def bracket(errors: Mapping[int, float], tolerance: float) -> tuple[int | None, int | None]:
    """The largest place that is learnt and the smallest one tried beyond it; None where there is none."""
    low = max((place for place, error in errors.items() if error <= tolerance), default=None)
    return low, min((place for place in errors if low is None or place > low), default=None)


def search(
    measure: Callable[[Sequence[Asked]], Sequence[float]], cells: int, points: Sequence[int], tolerance: float
) -> list[Found]:
    """EMC = max{n : E[training error on n samples] <= tolerance} (Nakkiran et al. 2020, definition 1).

    The error need not grow with n where n is small, so the search comes from below: it first tries every doubling
    over the whole grid, then halves the bracket above the largest number that is learnt.

    Args:
        measure: takes pairs (cell, place in the grid), gives the mean training error of each.
        cells: number of searches, made in step.
        points: the grid of sample sizes, ascending.
        tolerance: largest training error that counts as learnt, a share.
    """
    errors: list[dict[int, float]] = [{} for _ in range(cells)]
    asked = [(cell, place) for cell in range(cells) for place in scan(len(points))]
    while asked:
        for (cell, place), error in zip(asked, measure(asked), strict=True):
            errors[cell][place] = error
        ends = ((cell, *bracket(mine, tolerance)) for cell, mine in enumerate(errors))
        asked = [(c, (low + high) // 2) for c, low, high in ends if low is not None and high is not None and high - low > 1]
    return [_found(mine, points, tolerance) for mine in errors]


def _found(errors: Mapping[int, float], points: Sequence[int], tolerance: float) -> Found:
    low, high = bracket(errors, tolerance)
    least, next_ = (None if place is None else points[place] for place in (low, high))
    visited = {points[place]: errors[place] for place in sorted(errors)}
    if low is None or high is None:
        return Found(None, least, next_, -1 if low is None else 1, visited)
    share = (tolerance - errors[low]) / (errors[high] - errors[low])
    return Found(math.exp(math.log(points[low]) + share * math.log(points[high] / points[low])), least, next_, 0, visited)


def crossing(widths: Sequence[float], errors: Sequence[float], tolerance: float) -> float:
    """Critical width: where the training error first falls to the tolerance, read on log width between grid points.

    Returns:
        Units in a hidden layer; 0 if already the smallest width learns, infinity if no width does.
    """
    i = next((i for i, error in enumerate(errors) if error <= tolerance), None)
    if not i:
        return math.inf if i is None else 0.0
    share = (errors[i - 1] - tolerance) / (errors[i - 1] - errors[i])
    return float(widths[i - 1] * (widths[i] / widths[i - 1]) ** share)


class Pool(NamedTuple):
    """Where training sets are drawn from: all samples of a data set but some test samples that are kept aside.

    Attributes:
        x: inputs ``(copies * size, features)``: the samples, then their first copies, and so on.
        y: true labels of all rows of x.
        x_test: inputs of the test samples kept aside.
        y_test: their labels.
        classes: number of classes.
        size: number of samples.
    """

    x: Any
    y: Any
    x_test: Any
    y_test: Any
    classes: int
    size: int

    def order(self, seed: int) -> Any:
        """The order in which a seed draws samples; its first n are its training set, so they are nested in n."""
        from overparam.data.stream import stream

        return stream("training-samples", seed).permutation(self.size)

    def rows(self, chosen: Any) -> Any:
        """Rows of x that belong to the chosen samples, copies included."""
        return np.concatenate([chosen + start for start in range(0, len(self.x), self.size)])

    def labels(self, rate: float, kind: Any, seed: int) -> Any:
        """Labels of all rows of x with noise: one draw a seed, the same for a sample and its copies."""
        from overparam.data import LabelNoise

        noisy = LabelNoise(rate, kind, seed).apply(self.y[: self.size], self.classes)
        return np.tile(noisy, len(self.x) // self.size)


def pool(name: str, n_test: int, copies: int = 1) -> Pool:
    """Load a data set as a pool; each of its samples occurs ``copies`` times."""
    from overparam.data import flatten, load

    whole = load(name)
    if copies > 1 and len(whole.shape) != 1:
        raise UsageError(
            f"the arm 'shifted': expected signals of shape (features,), got samples of shape {whole.shape}. "
            "Leave the arm out (--arms base,clean,samples,epochs), or use mnist1d."
        )
    data = flatten(whole)
    x, y = np.concatenate([data.x, data.x_test[n_test:]]), np.concatenate([data.y, data.y_test[n_test:]])
    rows = np.concatenate([x, *(moved(x, copy) for copy in range(1, copies))])
    return Pool(rows, np.tile(y, copies), data.x_test[:n_test], data.y_test[:n_test], data.classes, len(y))


def moved(x: Any, copy: int) -> Any:
    """Copies of signals, each moved around the end and scaled; one draw for good, the same for every seed."""
    from overparam.data.stream import stream

    n, features = x.shape
    random = stream("shifted-copies", copy)
    shifts = random.randint(1, SHIFT + 1, size=n) * random.choice([-1, 1], size=n)
    scales = 1.0 + SCALE * random.uniform(-1.0, 1.0, size=n)
    places = (np.arange(features) - shifts[:, None]) % features
    return (np.take_along_axis(x, places, axis=1) * scales[:, None]).astype(x.dtype)


def curves(cells: Sequence[Params], arm: Any, progress: Progress) -> list[Outcome]:
    """Train every width on the arm's samples, all cells of a width as one stack."""
    first = cells[0]
    drawn = pool(str(first["data"]), first["n_test"], first["copies"] if arm.augmented else 1)
    n = _enough(first["n"] * arm.samples, drawn.size)
    seeds = [cell["seed"] + AGAIN * arm.redrawn for cell in cells]
    labels = [drawn.labels(first["noise"] * arm.noisy, first["noise_kind"], seed) for seed in seeds]
    rows = [drawn.rows(drawn.order(seed)[:n]) for seed in seeds]
    tasks, widths, by_width = list(zip(seeds, labels, rows, strict=True)), tuple(first["width"]), []
    for i, width in enumerate(widths):
        part = within(progress, i / len(widths), (i + 1) / len(widths))
        by_width.append(_train(first, arm, drawn, width, tasks, part))
    made = []
    for y, mine, pairs in zip(labels, rows, zip(*by_width, strict=True), strict=True):
        train, test = ([pair[j] for pair in pairs] for j in (0, 1))
        lost = [width for width, error in zip(widths, train, strict=True) if error is None]
        critical = 0.0 if lost else crossing(widths, train, first["tolerance"])  # type: ignore[arg-type]
        values = {
            "width": list(widths), "parameters": _parameters(drawn, widths), "train_error": train, "test_error": test,
            "samples": n, "trained_on": len(mine), "wrong_labels": float(np.mean(y[mine] != drawn.y[mine])),
            "critical_width": critical if 0 < critical < math.inf else None,
        }  # fmt: skip
        made.append(outcome(values, lost=f"width {', '.join(map(str, lost))}" if lost else ""))
    return made


def searches(cells: Sequence[Params], arm: Any, progress: Progress) -> list[Outcome]:
    """Search for EMC at every searched width, all cells and draws of a width as one stack."""
    first = cells[0]
    drawn, draws, widths = pool(str(first["data"]), first["n_test"]), first["draws"], tuple(first["emc_width"])
    points = grid(_enough(first["n"], drawn.size), first["batch"], drawn.size)
    if not points:
        raise UsageError(
            f"--n: expected room for a minibatch of {first['batch']} between n/4 and 4n, got n = {first['n']}. "
            "Raise n, or lower --batch."
        )
    seeds = [[SEARCH + cell["seed"] * draws + j for j in range(draws)] for cell in cells]
    rate, kind = first["noise"] * arm.noisy, first["noise_kind"]
    given = {seed: (drawn.labels(rate, kind, seed), drawn.order(seed)) for own in seeds for seed in own}

    def measured(width: int, part: Progress) -> Callable[[Sequence[Asked]], list[float]]:
        rounds = itertools.count()

        def measure(asked: Sequence[Asked]) -> list[float]:
            turn = min(next(rounds), ROUNDS - 1)
            tasks = [(s, given[s][0], given[s][1][: points[place]]) for cell, place in asked for s in seeds[cell]]
            told = within(part, turn / ROUNDS, (turn + 1) / ROUNDS)
            pairs = _train(first, arm, drawn, width, tasks, told, unit=len(cells) * draws)
            errors = [1.0 if train is None else train for train, _ in pairs]
            return [sum(errors[i : i + draws]) / draws for i in range(0, len(errors), draws)]

        return measure

    found = []
    for i, width in enumerate(widths):
        part = within(progress, i / len(widths), (i + 1) / len(widths))
        found.append(search(measured(width, part), len(cells), points, first["tolerance"]))
    progress(1.0)
    scanned = [points[place] for place in scan(len(points))]
    fixed = {"emc_width": list(widths), "emc_parameters": _parameters(drawn, widths), "samples": first["n"], "scan_n": scanned}
    return [_searched(widths, one, fixed) for one in zip(*found, strict=True)]


def _searched(widths: Sequence[int], found: Sequence[Found], fixed: Mapping[str, Any]) -> Outcome:
    values: dict[str, Any] = dict(fixed)
    for name in ("emc", "low", "high", "censored"):
        values[name if name == "emc" else f"emc_{name}"] = [getattr(one, name) for one in found]
    told, ends = [], {-1: "below the smallest", 1: "at least the largest"}
    for width, one in zip(widths, found, strict=True):
        values[f"scan_error_{width}"] = [one.visited[size] for size in fixed["scan_n"]]
        values[f"visited_n_{width}"], values[f"visited_error_{width}"] = list(one.visited), list(one.visited.values())
        if one.censored:
            told.append(f"at width {width} EMC is {ends[one.censored]} number of samples tried")
    return outcome(values, note="; ".join(told))


def _train(
    cell: Params, arm: Any, drawn: Pool, width: int, tasks: Sequence[tuple[int, Any, Any]], progress: Progress, *,
    unit: int = 1,
) -> list[Pair]:  # fmt: skip
    """Training error on the labels given and test error of each task (seed, labels, rows); None where it diverged."""
    import jax.numpy as jnp

    from overparam.models import mlp
    from overparam.training import Member, Recipe
    from overparam.training.subsets import predictions, train_subsets

    network = mlp(drawn.x.shape[1], (width, width), drawn.classes)
    given = {name: cell[name] for name in ("learning_rate", "momentum", "batch")}
    recipe = Recipe(steps=cell["steps"] * arm.steps, optimizer="sgd", loss="cross_entropy", **given)
    everything = jnp.asarray(np.concatenate([drawn.x, drawn.x_test]))
    errors: list[Pair] = []
    most = max(1, MOST // unit) * unit
    for start in range(0, len(tasks), most):
        part = list(tasks[start : start + most])
        # Filled up to whole units: cells at an end of the grid leave a search, and no new stack is compiled.
        filled = part + [part[-1]] * (-len(part) % unit)
        members = [Member(seed, y) for seed, y, _ in filled]
        params = train_subsets(network, recipe, members, [rows for *_, rows in filled], drawn.x, progress=progress)
        classes, finite = (np.asarray(a) for a in predictions(params, everything, network=network))
        for (_, y, rows), own, whole in zip(part, classes, finite, strict=False):
            test = float(np.mean(own[len(drawn.x) :] != drawn.y_test))
            errors.append((float(np.mean(own[rows] != y[rows])), test) if whole else (None, None))
    return errors


def _parameters(drawn: Pool, widths: Sequence[int]) -> list[int]:
    from overparam.sweep.cost import dense

    return [dense(drawn.x.shape[1], width, width, drawn.classes).parameters for width in widths]


def _enough(n: int, size: int) -> int:
    if n > size:
        raise DataError(
            f"expected at least {n:,} samples to draw from, got {size:,}. Lower --n or --n-test, or leave out the "
            "arms with 2n samples."
        )
    return n
