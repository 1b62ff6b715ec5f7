"""The work of sharp-minima: small and large batches at the same epochs, loss and steps, and curves between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from overparam.core import DataError, Outcome, Params, Progress, UsageError, outcome, rounded
from overparam.data import Dataset, classes_present, coarser, flatten, load, subset
from overparam.models import mlp
from overparam.models.state import leaves
from overparam.operators import open_model
from overparam.probes.curvature import sharpness, top_eigenvalues
from overparam.probes.paths import along, straight
from overparam.sweep.work import shared
from overparam.training import Keep, Member, Recipe, train

SIDE = 14  # pixels of a side at most
LOOK = 10  # steps between two looks at the training loss
CLIMB, STARTS = 10, 1  # iterations of a climb in the box, and its random starts beside the network itself
ENDS = ("small", "large", "small_matched", "large_matched", "large_steps", "large_tuned")
PAIRS = {"epochs": ("small", "large"), "matched": ("small_matched", "large_matched")}
MEASURES = (
    "sharpness",
    "train_loss",
    "test_error",
    "test_loss",
    "top_eigenvalue",
    "gradient_norm",
    "norm",
    "steps",
)
DRAWN = ("train_loss", "train_error", "test_loss", "test_error")
LOW, HIGH = -1.0, 2.0  # ends of the curves, where 0 is the small-batch network and 1 the large-batch one


def run(cells: Sequence[Params], progress: Progress) -> list[Outcome]:
    """One stack: every seed of one setting."""
    given = shared(cells)
    data = checked(coarser(load(given["data"]), SIDE), given)
    network = mlp(data.features, tuple(given["hidden"]), data.classes, init="he")
    few, many = steps_of(given)
    recipe = Recipe(
        many, given["learning_rate"], optimizer="adam", batch=given["batch"], probe_at=range(0, many, LOOK)
    )
    rest = (data.x, data.x_test, data.y_test)
    keep = {"epochs": Keep(step=few), "matched": Keep(value="train_loss", at_most=given["level"])}
    seeds = [int(cell["seed"]) for cell in cells]
    both = [
        Member(seed, data.y, batch=size) for size in (given["batch"], given["large_batch"]) for seed in seeds
    ]
    runs = train(network, recipe, both, *rest, keep=keep, keep_params=True,
                 progress=lambda share: progress(0.5 * share))  # fmt: skip
    small, large = runs[: len(seeds)], runs[len(seeds) :]
    fast = replace(recipe, steps=few, probe_at=(few,))
    tuned = train(network, fast, [Member(seed, data.y, batch=given["large_batch"], learning_rate=given["tuned_rate"])
                  for seed in seeds], *rest, keep_params=True)  # fmt: skip
    ruler: Ruler | None = None
    made: list[Outcome] = []
    for at, cell in enumerate(cells):
        ends = networks(small[at], large[at], tuned[at])
        known = [one for one in ends.values() if one is not None]
        gone = [one.diverged_at for one in (small[at], large[at], tuned[at]) if one.diverged_at is not None]
        ruler = ruler or (Ruler(network, data, known[0][0], given["eps"]) if known else None)
        values: dict[str, Any] = {"arm": list(range(1, len(ENDS) + 1))}
        for place, name in enumerate(ENDS):
            found = measured(ruler, ends[name], cell["seed"])
            values |= {f"{name}_{what}": found[what] for what in MEASURES}
            progress(0.5 + 0.5 * (at + (place + 1) / (len(ENDS) + 1)) / len(cells))
        for what in MEASURES:
            values[what] = [values[f"{name}_{what}"] for name in ENDS]
        values |= curves(network, data, ends, given["points"])
        progress(0.5 + 0.5 * (at + 1) / len(cells))
        made.append(outcome(values, lost=f"step {int(gone[0])}" if gone else ""))
    return made


def checked(data: Dataset, given: Mapping[str, Any]) -> Dataset:
    """The first rows of the data as vectors, refused where batches do not fit.

    Raises:
        DataError: fewer rows than asked for, or a class without one.
        UsageError: a large batch that is not larger than the small one, or larger than the training set.
    """
    n, low, high = given["n"], given["batch"], given["large_batch"]
    if n > data.n:
        raise DataError(f"--n: expected at most the {data.n:,} training rows, got {n:,}. Take fewer.")
    if not low < high <= n:
        raise UsageError(
            f"--batch, --large-batch: expected a small batch below the large one, and this at most the {n:,} training rows, got "
            f"{low} and {high}."
        )
    made = flatten(subset(data, n))
    classes_present(made.y, made.classes, "training labels")
    return made


def steps_of(given: Mapping[str, Any]) -> tuple[int, int]:
    """Steps of the large and of the small batch in the same number of epochs.

    >>> steps_of({"epochs": 2, "n": 100, "large_batch": 50, "batch": 10})
    (4, 20)
    """
    few, many = (given["epochs"] * (given["n"] // given[name]) for name in ("large_batch", "batch"))
    return int(few), int(many)


def networks(small: Any, large: Any, tuned: Any) -> dict[str, Any]:
    """Parameters of the six networks of one seed, with loss and steps; None where one was not reached or diverged."""

    def point(one: Any, kept: str = "") -> Any:
        found = one.kept.get(kept) if kept else one.checkpoint
        if found is None or one.diverged_at is not None:
            return None
        place = int(np.flatnonzero(np.asarray(one.steps) == found.step)[0])
        return found.params, {"train_loss": float(one.values["train_loss"][place]), "steps": int(found.step)}

    return {
        "small": point(small), "large": point(large, "epochs"), "small_matched": point(small, "matched"),
        "large_matched": point(large, "matched"), "large_steps": point(large), "large_tuned": point(tuned),
    }  # fmt: skip


class Ruler:
    """Measures networks of one shape on the training set."""

    def __init__(self, network: Any, data: Dataset, params: Any, eps: float) -> None:
        """Open the model once; every network is a point of it."""
        self.model = open_model(network, (data.x, data.y), params=params, loss="cross_entropy")
        self.eps, self.network, self.data = eps, network, data

    def at(self, params: Any) -> Any:
        """The model at parameters."""
        return self.model.at(self.model.layout.flat({path: np.asarray(leaf) for path, leaf in leaves(params)}))

    def tested(self, params: Any) -> dict[str, float]:
        """Mean cross-entropy and share of errors on the test rows."""
        x, y = self.data.x_test, self.data.y_test
        told = jax.nn.log_softmax(self.network.apply(params, x))
        chosen = jnp.take_along_axis(told, jnp.asarray(y)[:, None], axis=1)
        return {"test_loss": float(-chosen.mean()), "test_error": float((told.argmax(axis=1) != y).mean())}


def measured(ruler: Ruler | None, end: Any, seed: int) -> dict[str, Any]:
    """Sharpness in the box of Keskar et al., the largest eigenvalue, and lengths of gradient and weights of one network."""
    if ruler is None or end is None:
        return dict.fromkeys(MEASURES)
    params, seen = end
    model = ruler.at(params)
    found = sharpness(model, eps=ruler.eps, steps=CLIMB, starts=STARTS, seed=seed)
    return {
        **seen, **ruler.tested(params), "sharpness": found.percent, "norm": found.norm,
        "gradient_norm": float(np.linalg.norm(model.gradient())),
        "top_eigenvalue": float(top_eigenvalues(model, 1, which="largest", tolerance=1e-3).values[0]),
    }  # fmt: skip


def curves(network: Any, data: Dataset, ends: Mapping[str, Any], points: int) -> dict[str, Any]:
    """Loss and error on the straight lines through two pairs of networks, and how far the ends are off their own losses."""
    t = np.linspace(LOW, HIGH, points)
    values: dict[str, Any] = {"t": rounded(t, 6)}
    off: list[float] = []
    for name, (first, last) in PAIRS.items():
        a, b = ends[first], ends[last]
        if a is None or b is None:
            values |= {f"{name}_{what}": [None] * points for what in DRAWN}
            continue
        line = straight(network, a[0], b[0], t)
        for part, x, y in (("train", data.x, data.y), ("test", data.x_test, data.y_test)):
            found = along(line, x, y, each=False)
            values |= {
                f"{name}_{part}_loss": rounded(found.loss, 5),
                f"{name}_{part}_error": rounded(found.error, 5),
            }
            if part == "train":
                off += [
                    abs(float(found.loss[at]) - end[1]["train_loss"])
                    for place, end in ((0.0, a), (1.0, b))
                    for at in np.flatnonzero(np.isclose(t, place))
                ]
    return {**values, "ends_off": max(off) if off else None}
