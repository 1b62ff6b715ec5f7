"""What a cell of effective-complexity does: train every width on n samples, or search for EMC at a few widths."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from overparam.core import Estimate, Outcome, Params, Progress, UsageError, outcome, within
from overparam.core.crossing import crossing
from overparam.data.pool import Pool, pool
from overparam.sweep.work import cost, dense

STEPS = 4  # points a doubling on the grid of sample sizes: its ratio is 2^(1/4)
OCTAVES = 2  # doublings of that grid on each side of the study's n
ROUNDS = 1 + int(math.log2(STEPS))  # of a search: the doublings, then halving what is left of one
AGAIN = 1_000_000  # added to the seeds of the arm that draws everything anew
SEARCH = 2_000_000  # added to the seeds of the searches, so that none trains a network of the width curves
MOST = 32  # members trained at a time, unless one round of a search has more: larger stacks outgrow the cache
Asked = tuple[int, int]
Pair = tuple[float | None, float | None]


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
) -> list[dict[int, float]]:
    """EMC = max{n : E[training error on n samples] <= tolerance} (Nakkiran et al. 2020, definition 1).

    The error need not grow with n where n is small, so the search comes from below: it first tries every doubling
    over the whole grid, then halves the bracket above the largest number that is learnt.

    Args:
        measure: takes pairs (cell, place in the grid), gives the mean training error of each.
        cells: number of searches, made in step.
        points: the grid of sample sizes, ascending.
        tolerance: largest training error that counts as learnt, a share.

    Returns:
        For each search the mean training error by number of samples tried, ascending.
    """
    errors: list[dict[int, float]] = [{} for _ in range(cells)]
    asked = [(cell, place) for cell in range(cells) for place in scan(len(points))]
    while asked:
        for (cell, place), error in zip(asked, measure(asked), strict=True):
            errors[cell][place] = error
        ends = ((cell, *bracket(mine, tolerance)) for cell, mine in enumerate(errors))
        open_ = ((cell, low, high) for cell, low, high in ends if low is not None and high is not None)
        asked = [(cell, (low + high) // 2) for cell, low, high in open_ if high - low > 1]
    return [{points[place]: mine[place] for place in sorted(mine)} for mine in errors]


def emc(errors: Mapping[int, float], tolerance: float) -> dict[str, Any]:
    """EMC in samples, read inside the bracket (None at an end of the grid), its bracket, and the end (-1, 0 or 1)."""
    low, high = bracket(errors, tolerance)
    found: dict[str, Any] = {"emc": None, "emc_low": low, "emc_high": high}
    found["emc_censored"] = -1 if low is None else 1
    if low is not None and high is not None:
        share = (tolerance - errors[low]) / (errors[high] - errors[low])
        found |= {"emc": math.exp(math.log(low) + share * math.log(high / low)), "emc_censored": 0}
    return found


def critical_width(widths: Sequence[float], errors: Sequence[float], tolerance: float) -> float:
    """Critical width: where the training error first falls to the tolerance, read on log width between grid points.

    Returns:
        Units in a hidden layer; 0 if already the smallest width learns, infinity if no width does.
    """
    return crossing(widths, errors, tolerance, x_scale="log", never=math.inf, at_once=0.0)


def run(cells: Sequence[Params], progress: Progress, arms: Mapping[str, Any]) -> list[Outcome]:
    """Run the cells of one arm together: a stack of members a width."""
    arm = arms[cells[0]["arm"]]
    return searches(cells, arm, progress) if arm.search else curves(cells, arm, progress)


def curves(cells: Sequence[Params], arm: Any, progress: Progress) -> list[Outcome]:
    """Train every width on the arm's samples, all cells of a width as one stack."""
    first = cells[0]
    drawn = pool(str(first["data"]), first["n_test"], first["copies"] if arm.augmented else 1)
    n, widths, tasks = first["n"] * arm.samples, tuple(first["width"]), []
    for cell in cells:
        seed = cell["seed"] + AGAIN * arm.redrawn
        labels = drawn.labels(first["noise"] * arm.noisy, first["noise_kind"], seed)
        tasks.append((seed, labels, drawn.rows(drawn.training_set(seed, n))))
    parts = [within(progress, i / len(widths), (i + 1) / len(widths)) for i in range(len(widths))]
    found = [_train(first, arm, drawn, width, tasks, part) for width, part in zip(widths, parts, strict=True)]
    made = []
    for (_, y, rows), pairs in zip(tasks, zip(*found, strict=True), strict=True):
        train, test = ([pair[j] for pair in pairs] for j in (0, 1))
        lost = [str(width) for width, error in zip(widths, train, strict=True) if error is None]
        critical = 0.0 if lost else critical_width(widths, train, first["tolerance"])
        values = {
            "width": list(widths), "parameters": _parameters(drawn, widths), "train_error": train, "test_error": test,
            "samples": n, "trained_on": len(rows), "wrong_labels": float(np.mean(y[rows] != drawn.y[rows])),
            "critical_width": critical if 0 < critical < math.inf else None}  # fmt: skip
        made.append(outcome(values, lost=f"width {', '.join(lost)}" if lost else ""))
    return made


def searches(cells: Sequence[Params], arm: Any, progress: Progress) -> list[Outcome]:
    """Search for EMC at every searched width, all cells and draws of a width as one stack."""
    first = cells[0]
    drawn, draws, widths = pool(str(first["data"]), first["n_test"]), first["draws"], tuple(first["emc_width"])
    points = grid(first["n"], first["batch"], drawn.size)
    if not points:
        raise UsageError(
            f"--n: expected room for a minibatch of {first['batch']} between n/4 and 4n, got n = {first['n']}. "
            "Raise n, or lower --batch."
        )
    seeds = [[SEARCH + cell["seed"] * draws + j for j in range(draws)] for cell in cells]
    rate, kind = first["noise"] * arm.noisy, first["noise_kind"]
    labels = {seed: drawn.labels(rate, kind, seed) for own in seeds for seed in own}
    rows = {seed: drawn.training_set(seed, max(first["n"], points[-1])) for seed in labels}
    found, scanned = [], [points[place] for place in scan(len(points))]

    def measure(asked: Sequence[Asked], width: int, rounds: Iterator[int], told: Progress) -> list[float]:
        turn = min(next(rounds), ROUNDS - 1)
        tasks = [(s, labels[s], rows[s][: points[place]]) for cell, place in asked for s in seeds[cell]]
        part = within(told, turn / ROUNDS, (turn + 1) / ROUNDS)
        pairs = _train(first, arm, drawn, width, tasks, part, unit=len(cells) * draws)
        errors = [1.0 if train is None else train for train, _ in pairs]
        return [sum(errors[i : i + draws]) / draws for i in range(0, len(errors), draws)]

    for i, width in enumerate(widths):
        told = within(progress, i / len(widths), (i + 1) / len(widths))
        one = partial(measure, width=width, rounds=itertools.count(), told=told)
        found.append(search(one, len(cells), points, first["tolerance"]))
    progress(1.0)
    made = []
    for visited in zip(*found, strict=True):
        ends = [emc(errors, first["tolerance"]) for errors in visited]
        values: dict[str, Any] = {
            "emc_width": list(widths), "emc_parameters": _parameters(drawn, widths), "samples": first["n"],
            "scan_n": scanned, **{name: [end[name] for end in ends] for name in ends[0]}}  # fmt: skip
        for width, errors in zip(widths, visited, strict=True):
            values[f"scan_error_{width}"] = [errors[size] for size in scanned]
            values |= {f"visited_n_{width}": list(errors), f"visited_error_{width}": list(errors.values())}
        words = {-1: "below the smallest", 1: "at least the largest"}
        hit = [
            (width, words[end["emc_censored"]]) for width, end in zip(widths, ends, strict=True) if end["emc_censored"]
        ]  # fmt: skip
        note = "; ".join(f"at width {width} EMC is {where} number of samples tried" for width, where in hit)
        made.append(outcome(values, note=note))
    return made


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
        params = train_subsets(
            network, recipe, members, [rows for *_, rows in filled], drawn.x, progress=progress
        )
        classes, finite = (np.asarray(a) for a in predictions(params, everything, network=network))
        for (_, y, rows), own, whole in zip(part, classes, finite, strict=False):
            test = float(np.mean(own[len(drawn.x) :] != drawn.y_test))
            errors.append((float(np.mean(own[rows] != y[rows])), test) if whole else (None, None))
    return errors


def _parameters(drawn: Pool, widths: Sequence[int]) -> list[int]:
    return [dense(drawn.x.shape[1], width, width, drawn.classes).parameters for width in widths]


def expected(cell: Params, arms: Mapping[str, Any]) -> Estimate:
    """Expected cost; a search trains ``draws`` members at every doubling of its grid and at about two more sizes."""
    from overparam.data import shape_of

    one, shape = arms[cell["arm"]], shape_of(str(cell["data"]))
    size = max(1, shape.train + shape.test - cell["n_test"])
    n = size if one.search else cell["n"] * one.samples * (cell["copies"] if one.augmented else 1)
    points = grid(cell["n"], cell["batch"], size)
    trained = cell["draws"] * (len(scan(len(points))) + ROUNDS - 1) if one.search else 1
    networks = [
        dense(shape.features, w, w, shape.classes) for w in cell["emc_width" if one.search else "width"]
    ]
    return cost(cell, networks, steps=cell["steps"] * one.steps, n=n, trained=trained, probes=1)
