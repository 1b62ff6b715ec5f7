"""The work of capacity-bounds: two-layer networks of one width, and what five bounds say of each beside its test error."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from overparam.core import DataError, Outcome, Params, Progress, outcome
from overparam.data import flatten, load
from overparam.data.rows import unit_rows
from overparam.data.stream import stream
from overparam.models import mlp
from overparam.sweep.work import shared
from overparam.theory.bartlett2017 import spectral_gap
from overparam.theory.bartlett2019 import vc_dimension, vc_gap
from overparam.theory.capacity import margin_gap
from overparam.theory.dziugaite2017 import gaussian_kl, pac_bayes
from overparam.theory.golowich2018 import frobenius_complexity
from overparam.theory.neyshabur2015 import path_complexity
from overparam.training import Member, Recipe, train

QUANTILES = (0.0, 0.05, 0.1, 0.25, 0.5)  # of the training margins, tried as the margin of a bound
SPREADS = tuple(float(one) for one in np.geomspace(0.03, 1.0, 12))  # of the noisy weights
FIRST, DRAWS = 6, 300  # draws that choose the spread, and fresh ones that count
GAIN = 2**0.5
DELTA = 0.05


@dataclass(frozen=True, eq=False)
class Split:
    """Training and test rows of norm 1 with labels +1 and -1."""

    x: Any
    y: Any
    x_test: Any
    y_test: Any


def run(cells: Sequence[Params], progress: Progress) -> list[Outcome]:
    """One outcome a cell: errors and bounds on errors, as shares of samples.

    Raises:
        DataError: fewer samples than asked for.
    """
    common = shared(cells)
    width, splits = (
        int(common["width"]),
        [split(common["data"], int(common["n"]), int(cell["seed"])) for cell in cells],
    )
    net = mlp(splits[0].x.shape[1], (width,), 1, bias=False, parametrisation="ntk_unit", gain=GAIN)
    recipe = Recipe(
        common["steps"], common["learning_rate"], batch=common["batch"], momentum=0.9, loss="squared", probes=2
    )
    members = [Member(cell["seed"], signs(cell, one), x=one.x) for cell, one in zip(cells, splits, strict=True)]
    first = splits[0]
    runs = train(net, recipe, members, first.x, first.x_test, first.y_test, progress=progress, keep_params=True)
    found = []
    for cell, one, member, trained in zip(cells, splits, members, runs, strict=True):
        if trained.diverged_at is not None or trained.params is None:
            found.append(outcome({}, lost=f"step {trained.diverged_at}"))
            continue
        start, end = (
            matrices(net, cell["seed"]),
            [np.asarray(trained.params[k]["weight"], dtype=np.float64) for k in LAYERS],
        )
        found.append(outcome(bounds(start, end, one, np.asarray(member.y, float), int(cell["seed"]))))
    return found


LAYERS = ("hidden1", "output")


def matrices(net: Any, seed: int) -> list[Any]:
    """The weights at the start, as they are trained."""
    import jax

    params = net.init(jax.random.key(seed))
    return [np.asarray(params[k]["weight"], float) for k in LAYERS]


@functools.lru_cache(maxsize=32)
def split(name: str, n: int, seed: int) -> Split:
    """Rows of training and test part together, shuffled and cut anew; upper classes against lower ones.

    Raises:
        DataError: fewer samples than asked for and one to test.
    """
    data = flatten(load(name))
    x, y = unit_rows(np.concatenate([data.x, data.x_test])), np.concatenate([data.y, data.y_test])
    if n >= len(x):
        raise DataError(
            f"--n: expected fewer than the {len(x):,} samples of {name}, so that some test, got {n:,}. Ask for fewer."
        )
    order = stream("capacity-bounds", seed).permutation(len(x))
    label = np.where(y >= data.classes / 2, 1.0, -1.0).astype(np.float32)
    own, rest = order[:n], order[n:]
    if abs(label[own].mean()) == 1:
        raise DataError(
            f"--n: expected samples of the upper and of the lower classes of {name}, got one kind alone among {n:,} in seed "
            f"{seed}. Ask for more."
        )
    return Split(x[own], label[own], x[rest], label[rest])


def signs(cell: Params, one: Split) -> Any:
    """The labels that a cell trains on: as given, or fair coins."""
    if cell["labels"] == "given":
        return one.y
    coins = stream("capacity-bounds-labels", int(cell["seed"])).random_sample(len(one.y))
    return np.where(coins < 0.5, -1.0, 1.0).astype(np.float32)


def outputs(weights: Sequence[Any], x: Any) -> Any:
    """Outputs of the network with these weights as they are trained, shape ``(n,)``."""
    hidden, outer = weights
    return np.maximum(GAIN * (x @ hidden.T), 0.0) @ outer[0] * (GAIN / np.sqrt(len(hidden)))


def missed(margins: Any, at: float = 0.0) -> float:
    """Share of samples whose margin is at most a level."""
    return float(np.mean(margins <= at))


def bounds(start: Sequence[Any], end: Sequence[Any], one: Split, y: Any, seed: int) -> dict[str, float]:
    """Errors, and what each bound says of them.

    ``vc``, ``path``, ``frobenius`` and ``spectral`` bound the test error less the training error; ``pac`` bounds the error of
    the network with noisy weights, ``noisy_test_error``. All hold with probability 0.95 each. Margins and norms are taken from
    the trained network, the margin as the best of five, which makes these bounds smaller than valid ones.
    """
    n, size = len(y), len(end[0])
    margins = outputs(end, one.x) * y
    test = outputs(end, one.x_test) * one.y_test
    scaled, from_start = ([GAIN * both[0], GAIN / np.sqrt(size) * both[1]] for both in (end, start))
    error, tested = missed(margins), missed(test)
    values = [float(one) for one in np.quantile(margins, QUANTILES) if one > 1e-6]
    values = values or [max(float(np.abs(margins).max()), 1e-6)]  # any margin above 0 makes a bound
    complexities = {"path": path_complexity(scaled, one.x), "frobenius": frobenius_complexity(scaled, one.x)}
    said = {"vc": vc_gap(vc_dimension([one.x.shape[1], size, 1]), n, DELTA)}
    for name, complexity in complexities.items():
        said[name] = min(missed(margins, v) - error + margin_gap(complexity, v, n, DELTA) for v in values)
    said["spectral"] = min(
        missed(margins, v) - error + spectral_gap(scaled, one.x, v, from_start, DELTA) for v in values
    )
    noisy = pac(start, end, one, y, seed)
    least = min(said.values()) + error
    return {
        "train_error": error, "test_error": tested, "gap": tested - error, "n_test": float(len(test)), **said, **noisy,
        "excess": max(tested - least, noisy["noisy_test_error"] - noisy["pac"]),
        "distance": float(np.sqrt(sum(np.square(a - b).sum() for a, b in zip(end, start, strict=True)))),
    }  # fmt: skip


def pac(start: Sequence[Any], end: Sequence[Any], one: Split, y: Any, seed: int) -> dict[str, float]:
    """The PAC-Bayes bound of noisy weights around the end, with the prior around the start and one spread for both."""
    random = stream("capacity-bounds-noise", seed)
    flat, origin = (np.concatenate([part.ravel() for part in both]) for both in (end, start))
    ends = [np.asarray(part, np.float32) for part in end]

    def errors(spread: float, draws: int, *, test: bool = False) -> float:
        x, label = (one.x_test, one.y_test) if test else (one.x, y)
        wrong = 0.0
        for _ in range(draws):
            moved = [part + spread * random.standard_normal(part.shape).astype(np.float32) for part in ends]
            wrong += missed(outputs(moved, x) * label)
        return wrong / draws

    def bound(error: float, spread: float, draws: int | None) -> float:
        far = gaussian_kl(flat, origin, spread, spread)
        return pac_bayes(error, far, len(y), DELTA, draws=draws, choices=len(SPREADS))

    best = min(SPREADS, key=lambda spread: bound(errors(spread, FIRST), spread, None))
    error = errors(best, DRAWS)
    said = bound(error, best, DRAWS)
    return {
        "pac": said,
        "pac_gap": said - error,
        "pac_spread": best,
        "pac_kl": gaussian_kl(flat, origin, best, best),
        "noisy_train_error": error,
        "noisy_test_error": errors(best, 20, test=True),
    }
