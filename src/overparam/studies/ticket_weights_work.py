"""One stack of ticket-weights: two chains of tickets, a run of independent minibatches, and units against the width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from overparam.core import Outcome, Params, Progress, outcome
from overparam.data import signed
from overparam.models import mlp, two_layer
from overparam.models.residual_mlp import residual_mlp
from overparam.pruning import Mask, Round, first_round, next_round, shuffle_outgoing
from overparam.pruning.measured import PROBES
from overparam.pruning.stages import stages
from overparam.sweep.work import task
from overparam.training import Member, Recipe, train

OTHER = 1_000_000  # added to a seed: of independent minibatches, and of the network whose mask is the null
LAYER = "hidden1"
FULL_BATCH = 1.0  # step size on |r|^2 / 2n; the largest eigenvalue of the kernel over n is at most 1/2
AUCS = ("other", "null", "shuffled", "own")


def run(cells: Sequence[Params], progress: Progress) -> list[Outcome]:
    """Prune two networks of every seed and its partner, train the first again in another order, compare."""
    stack = task(cells)
    given, data = stack.shared, stack.data
    seeds, densities = [int(cell["seed"]) for cell in cells], tuple(given["density"])
    if given["network"] == "residual":
        network = residual_mlp(data.features, given["units"], data.classes)
    else:
        network = mlp(
            data.features,
            (given["units"], max(1, round(given["units"] / 3))),
            data.classes,
            init="glorot_normal",
        )
    recipe = Recipe(given["steps"], given["learning_rate"], optimizer="adam", batch=given["batch"], probes=2)
    both = [*seeds, *(seed + OTHER for seed in seeds)]
    rounds: list[Round] = [first_round(network, recipe, data, both)]
    for arm in stages(densities, output=given["output"]):
        rounds.append(next_round(network, recipe, data, rounds[-1], [arm]))
        progress(0.7 * len(rounds) / (2 + len(densities)))
    again = train(network, recipe, [Member(seed, data.y, order=seed + OTHER) for seed in seeds], data.x, data.x_test,
                  data.y_test, probes=PROBES, keep_params=True)  # fmt: skip
    progress(0.7)
    dense = {line.seed: line for line in rounds[0].lines}
    seen = (
        np.ptp(np.asarray(data.x), axis=0) > 0
    )  # inputs that are always the same give their weights no gradient
    made = []
    for at, (seed, second) in enumerate(zip(seeds, again, strict=True)):
        first = dense[seed]
        values: dict[str, Any] = {"density": list(densities)}
        gone = first.run.diverged_at if first.run.diverged_at is not None else second.diverged_at
        alive = gone is None and first.run.params is not None and second.params is not None
        masks = [{line.seed: line.mask for line in one.lines} for one in rounds[1:]]
        pairs = [(one.get(seed), one.get(seed + OTHER)) for one in masks]
        if alive:
            own = moved(first.start, first.run.params)[:, seen]
            independent = moved(first.start, second.params)[:, seen]
        for name in AUCS:
            values[f"{name}_auc"] = [None] * len(densities)
        for place, (mine, theirs) in enumerate(pairs):
            if not alive or mine is None or theirs is None:
                continue
            kept, null = layer(mine)[:, seen], layer(theirs)[:, seen]
            mixed = layer(shuffle_outgoing(mine, (seed, place)))[:, seen]
            values["own_auc"][place] = area(own, kept)
            values["other_auc"][place] = area(independent, kept)
            values["null_auc"][place] = area(independent, null)
            values["shuffled_auc"][place] = area(independent, mixed)
        values |= units(cells[at])
        progress(0.7 + 0.3 * (at + 1) / len(cells))
        made.append(outcome(values, lost="" if gone is None else f"step {int(gone)}"))
    return made


def layer(mask: Mask) -> NDArray[np.bool_]:
    """Which weights of the first layer are kept."""
    return np.asarray(mask.arrays[f"{LAYER}/weight"]) == 1


def moved(first: Any, last: Any) -> NDArray[np.float64]:
    """How far every weight of the first layer moved."""
    return np.abs(
        np.asarray(last[LAYER]["weight"], np.float64) - np.asarray(first[LAYER]["weight"], np.float64)
    )


def area(values: NDArray[np.float64], kept: NDArray[np.bool_]) -> float | None:
    """Area under the curve of true against false positives: the share of pairs (kept, pruned) in which the kept is larger.

    >>> area(np.array([1.0, 2.0, 3.0, 3.0]), np.array([False, False, True, True]))
    1.0
    >>> area(np.array([1.0, 1.0]), np.array([False, True]))
    0.5
    """
    from scipy.stats import rankdata

    flat, chosen = values.ravel(), kept.ravel()
    many, rest = int(chosen.sum()), int((~chosen).sum())
    if not many or not rest:
        return None
    ranks = rankdata(flat)[chosen].sum()
    return float((ranks - many * (many + 1) / 2) / (many * rest))


def units(cell: Params) -> dict[str, Any]:
    """The largest movement of a hidden unit relative to its start, at every width, beside mean-field scaling."""
    drawn = signed(
        "digits" if cell["data"] == "digits" else "gaussian", cell["samples"], 1, d=64, seed=cell["seed"]
    )
    x, y = np.asarray(drawn.x, np.float32), np.asarray(drawn.y, np.float32)
    d = x.shape[1]
    widths = sorted(set(cell["width"]))
    values: dict[str, Any] = {"width": widths, "moved": [], "mean_field_moved": [], "fitted": []}
    for width in widths:
        for name, form, gain, rate in (
            ("moved", "ntk_unit", 1.0, FULL_BATCH),
            ("mean_field_moved", "mean_field", d**0.5, FULL_BATCH * width / d),
        ):
            net = two_layer(d, width, bias=False, parametrisation=form, gain=gain, train_output=False)
            recipe = Recipe(cell["descent"], rate, optimizer="gd", loss="squared", probes=2)
            (run_,) = train(net, recipe, [Member(cell["seed"], y)], x, x[:1], y[:1], keep_params=True)
            start = jax.device_get(net.init(jax.random.key(cell["seed"])))[LAYER]["weight"]
            if run_.params is None or run_.diverged_at is not None:
                values[name].append(None)
                continue
            away = np.linalg.norm(np.asarray(run_.params[LAYER]["weight"]) - start, axis=1)
            values[name].append(float((away / np.linalg.norm(start, axis=1)).max()))
            if name == "moved":
                loss = run_.values["train_loss"]
                values["fitted"].append(float(loss[-1] / loss[0]))
    return values
