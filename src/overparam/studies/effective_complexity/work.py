"""What a cell does: train every width on n samples, or search for EMC at a few widths."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from overparam.core import Estimate, Outcome, Params, Progress
from overparam.studies.effective_complexity.arms import ARMS, Arm
from overparam.studies.effective_complexity.search import STEPS, Asked, Found, crossing, grid, scan, search
from overparam.studies.progress import within
from overparam.studies.rounding import rounded

_short = partial(rounded, digits=6)
_AGAIN = 1_000_000  # added to the seeds of the arm that draws everything anew
_SEARCH = 2_000_000  # added to the seeds of the searches, so that none trains a network of the width curves
_MOST = 32  # members trained at a time, unless one round of a search has more: larger stacks outgrow the cache
_ROUNDS = 1 + int(math.log2(STEPS))  # of a search: the scan, then halving what is left of a doubling
_KNOWN = {"mnist1d": (40, 10, 16_000), "digits": (64, 10, 1_797), "mnist": (784, 10, 70_000)}
_STEP = 8e-6  # seconds a member-step before any arithmetic, one core
_EPOCH = 25e-6  # seconds to draw the minibatches of an epoch of one member
_RATE = 80e9  # floating-point operations a second of a stacked step, one core
_START = 1.0  # seconds to compile a width, shared by about ten cells


def estimate(params: Params) -> Estimate:
    """Expected cost of one cell.

    A training of one member takes ``steps * (8e-6 + 6 p b / 80e9)`` seconds for p parameters and minibatches of b,
    and 25e-6 seconds an epoch for the order of its samples; a search trains ``draws`` members at every doubling
    of the grid and at about two more sizes. Data sets without a known size are taken to be MNIST-1D.
    """
    arm = ARMS[str(params["arm"])]
    inputs, outputs, whole = _KNOWN.get(str(params["data"]), _KNOWN["mnist1d"])
    size = max(1, whole - params["n_test"])
    batch, steps = params["batch"], params["steps"] * arm.steps
    if arm.search:
        points = grid(params["n"], batch, size) or (params["n"],)
        sizes = [points[place] for place in scan(len(points))] + [params["n"]] * (_ROUNDS - 1)
        trained, widths = [n for n in sizes for _ in range(params["draws"])], params["emc_width"]
        copies = 1
    else:
        copies = params["copies"] if arm.augmented else 1
        trained, widths = [params["n"] * arm.samples * copies], params["width"]
    seconds = 0.0
    for width in widths:
        p = parameter_count(inputs, width, outputs)
        step = _STEP + 6.0 * p * batch / _RATE
        seconds += sum(steps * (step + _EPOCH * batch / max(n, batch)) for n in trained) + _START / 10
    largest = parameter_count(inputs, max(widths), outputs)
    member = 4.0 * (6.0 * largest + 3.0 * batch * (inputs + 2 * max(widths) + outputs) + size * copies) + 2e5
    shared = 4.0 * size * copies * inputs + 4.0 * whole * (2 * max(widths) + outputs)
    return Estimate(seconds, len(trained) * member + shared)


def parameter_count(inputs: int, width: int, outputs: int) -> int:
    """Weights and biases of an MLP inputs-width-width-outputs.

    >>> parameter_count(40, 16, 10)
    1098
    """
    return (inputs + 1) * width + (width + 1) * width + (width + 1) * outputs


def work(cells: Sequence[Params], report: Progress) -> list[Outcome]:
    """Run the cells of one arm together: a stack of members a width.

    Args:
        cells: parameters of the cells, equal on ``stack_by``.
        report: takes the fraction done.

    Returns:
        One outcome a cell.

    Raises:
        DataError: fewer samples in the pool than asked for.
        UsageError: shifted copies of data that are not signals, or a minibatch larger than a training set.
    """
    arm = ARMS[str(cells[0]["arm"])]
    return _searches(cells, arm, report) if arm.search else _curves(cells, arm, report)


def _curves(cells: Sequence[Params], arm: Arm, report: Progress) -> list[Outcome]:
    """Train every width on the arm's samples, all cells of a width as one stack."""
    import numpy as np

    from overparam.studies.effective_complexity.samples import pool

    first = cells[0]
    drawn = pool(str(first["data"]), first["n_test"], first["copies"] if arm.augmented else 1)
    n = _enough(first["n"] * arm.samples, drawn.size)
    seeds = [cell["seed"] + (_AGAIN if arm.redrawn else 0) for cell in cells]
    rate = first["noise"] if arm.noisy else 0.0
    labels = {seed: drawn.labels(rate, first["noise_kind"], seed) for seed in seeds}
    chosen = {seed: drawn.order(seed)[:n] for seed in seeds}
    tasks = [(seed, labels[seed], drawn.rows(chosen[seed])) for seed in seeds]
    widths, lines = tuple(first["width"]), []
    for i, width in enumerate(widths):
        lines.append(
            _train(first, arm, drawn, width, tasks, within(report, i / len(widths), (i + 1) / len(widths)))
        )
    outcomes = []
    for k, seed in enumerate(seeds):
        train, test = ([pair[j] for pair in (line[k] for line in lines)] for j in (0, 1))
        lost = [width for width, error in zip(widths, train, strict=True) if error is None]
        critical = None if lost else crossing(widths, [e for e in train if e is not None], first["tolerance"])
        inside = critical is not None and 0 < critical < math.inf
        counts = [parameter_count(drawn.x.shape[1], width, drawn.classes) for width in widths]
        values = {
            "width": list(widths),
            "parameters": counts,
            "train_error": [_short(e) for e in train],
            "test_error": [_short(e) for e in test],
            "samples": n,
            "trained_on": n * drawn.copies,
            "wrong_labels": _short(float(np.mean(labels[seed][chosen[seed]] != drawn.y[chosen[seed]]))),
            "critical_width": _short(critical) if inside else None,
        }
        text = f"training diverged at width {', '.join(map(str, lost))}" if lost else ""
        outcomes.append(Outcome(values, "diverged" if lost else "ok", text))
    return outcomes


def _searches(cells: Sequence[Params], arm: Arm, report: Progress) -> list[Outcome]:
    """Search for EMC at every searched width, all cells and draws of a width as one stack."""
    from overparam.core import UsageError
    from overparam.studies.effective_complexity.samples import pool

    first = cells[0]
    drawn = pool(str(first["data"]), first["n_test"])
    draws, widths = first["draws"], tuple(first["emc_width"])
    points = grid(_enough(first["n"], drawn.size), first["batch"], drawn.size)
    if not points:
        raise UsageError(
            f"--n: expected room for a minibatch of {first['batch']} between n/4 and 4n, got n = {first['n']}. "
            "Raise n, or lower --batch."
        )
    rate = first["noise"] if arm.noisy else 0.0
    seeds = [[_SEARCH + cell["seed"] * draws + j for j in range(draws)] for cell in cells]
    labels = {seed: drawn.labels(rate, first["noise_kind"], seed) for own in seeds for seed in own}
    orders = {seed: drawn.order(seed) for seed in labels}

    def measured(width: int, told: Progress) -> Callable[[Sequence[Asked]], list[float]]:
        rounds = itertools.count()

        def measure(asked: Sequence[Asked]) -> list[float]:
            tasks = [
                (seed, labels[seed], orders[seed][: points[place]])
                for cell, place in asked
                for seed in seeds[cell]
            ]
            turn = min(next(rounds), _ROUNDS - 1)
            part = within(told, turn / _ROUNDS, (turn + 1) / _ROUNDS)
            pairs = _train(first, arm, drawn, width, tasks, part, unit=len(cells) * draws)
            errors = [1.0 if train is None else train for train, _ in pairs]
            return [sum(errors[i : i + draws]) / draws for i in range(0, len(errors), draws)]

        return measure

    found = [
        search(
            measured(width, within(report, i / len(widths), (i + 1) / len(widths))),
            len(cells),
            points,
            first["tolerance"],
        )
        for i, width in enumerate(widths)
    ]
    report(1.0)
    fixed = {
        "emc_width": list(widths),
        "emc_parameters": [parameter_count(drawn.x.shape[1], width, drawn.classes) for width in widths],
        "samples": first["n"],
        "scan_n": [points[place] for place in scan(len(points))],
    }
    return [_search_outcome([line[k] for line in found], fixed) for k in range(len(cells))]


def _search_outcome(found: Sequence[Found], fixed: Mapping[str, Any]) -> Outcome:
    """The values of one cell: EMC and its bracket by width, and every size visited."""
    widths = fixed["emc_width"]
    values: dict[str, Any] = {
        **fixed,
        "emc": [_short(one.emc) for one in found],
        "emc_low": [one.low for one in found],
        "emc_high": [one.high for one in found],
        "emc_censored": [one.censored for one in found],
    }
    for width, one in zip(widths, found, strict=True):
        errors = dict(one.visited)
        values[f"scan_error_{width}"] = [_short(errors[size]) for size in fixed["scan_n"]]
        values[f"visited_n_{width}"] = list(errors)
        values[f"visited_error_{width}"] = [_short(error) for error in errors.values()]
    ends = {-1: "below the smallest", 1: "at least the largest"}
    told = [
        f"at width {width} EMC is {ends[one.censored]} number of samples tried"
        for width, one in zip(widths, found, strict=True)
        if one.censored
    ]
    return Outcome(values, note="; ".join(told))


def _train(
    cell: Params,
    arm: Arm,
    drawn: Any,
    width: int,
    tasks: Sequence[tuple[int, Any, Any]],
    report: Progress,
    *,
    unit: int = 1,
) -> list[tuple[float | None, float | None]]:
    """Train error on the labels given and test error of each task (seed, labels, rows); None where it diverged."""
    import jax.numpy as jnp
    import numpy as np

    from overparam.models import mlp
    from overparam.training import Member, Recipe
    from overparam.training.subsets import predictions, train_subsets

    network = mlp(drawn.x.shape[1], (width, width), drawn.classes)
    recipe = Recipe(
        steps=cell["steps"] * arm.steps,
        optimizer="sgd",
        learning_rate=cell["learning_rate"],
        momentum=cell["momentum"],
        batch=cell["batch"],
        loss="cross_entropy",
    )
    everything = jnp.asarray(np.concatenate([drawn.x, drawn.x_test]))
    errors: list[tuple[float | None, float | None]] = []
    most = max(1, _MOST // unit) * unit
    for start in range(0, len(tasks), most):
        part = list(tasks[start : start + most])
        # Filled up to whole units: cells at an end of the grid leave a search, and no new stack is compiled.
        filled = part + [part[-1]] * (-len(part) % unit)
        members = [Member(seed, y) for seed, y, _ in filled]
        params = train_subsets(
            network, recipe, members, [rows for *_, rows in filled], drawn.x, progress=report
        )
        classes, finite = (np.asarray(a) for a in predictions(params, everything, network=network))
        for (_, y, rows), own, whole in zip(part, classes, finite, strict=False):
            test = float(np.mean(own[len(drawn.x) :] != drawn.y_test))
            errors.append((float(np.mean(own[rows] != y[rows])), test) if whole else (None, None))
    return errors


def _enough(n: int, size: int) -> int:
    from overparam.core import DataError

    if n > size:
        raise DataError(
            f"expected at least {n:,} samples to draw from, got {size:,}. Lower --n or --n-test, or leave out the "
            "arms with 2n samples."
        )
    return n
