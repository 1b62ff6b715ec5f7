"""Accuracy against density of one's own network: pruned and measured, pruned and trained on, or pruned step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from overparam.core.errors import DataError
from overparam.core.looks import FIRST_LOOK
from overparam.core.stats import mean_interval
from overparam.models.check import check_params
from overparam.models.network import PyTree
from overparam.pruning.asked import Asked
from overparam.pruning.mask import Mask
from overparam.pruning.measured import Arrays, Fit, finite, fit_of
from overparam.pruning.share import densities_in
from overparam.pruning.stages import steps_to
from overparam.pruning.table import columns, percentages, written
from overparam.training import Checkpoint, Member, Recipe, train


@dataclass(frozen=True)
class Point:
    """A point of the curve of accuracy against density; where several seeds were trained, means over them.

    Attributes:
        density: the share of weights that is kept.
        loss: mean loss on the test part.
        accuracy: share of its labels that are predicted, from 0 to 1; None for targets.
        collapsed: layers that were pruned to nothing.
        fits: the same of every seed.
    """

    density: float
    loss: float
    accuracy: float | None
    collapsed: tuple[str, ...]
    fits: tuple[Fit, ...] = ()

    def interval(self, level: float = FIRST_LOOK) -> tuple[float, float] | None:
        """Ends of an interval of the accuracy, or of the loss for targets; None where there is none.

        Of several seeds it is Student's t over them; of one network the exact binomial interval over test examples.

        Args:
            level: confidence level.
        """
        own = [fit.loss if fit.accuracy is None else fit.accuracy for fit in self.fits]
        if len(own) > 1:
            found = mean_interval(own, level)
            return None if found.low is None or found.high is None else (found.low, found.high)
        return self.fits[0].interval(level) if self.fits else None


@dataclass(frozen=True)
class Curve(Sequence[Point]):
    """Accuracy against density.

    Attributes:
        network: name of the network.
        criterion: name of the criterion.
        how: what was done at each density, in words.
        points: one a density.
    """

    network: str
    criterion: str
    how: str
    points: tuple[Point, ...]

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, at: Any) -> Any:
        return self.points[at]

    def __iter__(self) -> Iterator[Point]:
        return iter(self.points)

    def __str__(self) -> str:
        """A table with an interval at every density."""
        first = self.points[0]
        labels, many, n = first.accuracy is not None, len(first.fits), first.fits[0].n
        over = (
            f"n = {many} seeds"
            if many > 1
            else f"n = {n} test examples"
            if first.interval()
            else "one seed: no interval"
        )
        what = "accuracy in %" if labels else "loss"
        head = f"{self.network}, {self.criterion}, {self.how}; test {what}, {100 * FIRST_LOOK:g} % interval, {over}"
        rows = [("density", what.partition(" ")[0], "interval", "collapsed")]
        for point in self.points:
            ends = point.interval()
            value = point.loss if point.accuracy is None else point.accuracy
            texts = percentages(value, ends) if labels else written(value, ends)
            rows.append((f"{point.density:.4g}", *texts, ", ".join(point.collapsed)))
        return "\n".join([head, *columns(rows)])


def measured(asked: Asked, densities: Sequence[float]) -> Curve:
    """The weights that were given, pruned to each density and measured, without training.

    Args:
        asked: what was asked of ``prune``.
        densities: shares of weights that are kept.

    Raises:
        UsageError: no data were given, or a number that is no density.
    """
    data, found = asked.needed("curve"), []
    for density in densities_in(densities):
        mask = asked.at(density)
        found.append(point_of([mask], [fit_of(asked.network, mask.apply(asked.params), data, asked.rule)]))
    return Curve(asked.network.name, asked.name, "pruned without training", tuple(found))


def retrained(
    asked: Asked, densities: Sequence[float], recipe: Recipe, seeds: Sequence[int], start: PyTree | None
) -> Curve:
    """The weights that were given, pruned to each density at once, and trained on under the mask.

    Args:
        asked: what was asked of ``prune``.
        densities: shares of weights that are kept.
        recipe: how to train.
        seeds: one a run.
        start: weights to start from; None: those that were given.

    Raises:
        UsageError: no data were given, a number that is no density, or no seeds.
        DataError: a run diverged.
    """
    data = asked.needed("curve")
    masks = [asked.at(density) for density in densities_in(densities)]
    begun = asked.params if start is None else start
    wanted = [(seed, mask, begun) for mask in masks for seed in seeds]
    runs = trained(asked, recipe, data, wanted)
    fits = [fit_of(asked.network, params, data, recipe.loss) for params in runs]
    many = len(seeds)
    points = [point_of([mask] * many, fits[i * many : (i + 1) * many]) for i, mask in enumerate(masks)]
    how = f"pruned at once, then {_told(recipe, start)}"
    return Curve(asked.network.name, asked.name, how, tuple(points))


def in_steps(
    asked: Asked, densities: Sequence[float], recipe: Recipe, seeds: Sequence[int], start: PyTree | None
) -> Curve:
    """Pruned to the first density, trained, pruned to the next by the trained weights, trained, and so on.

    Args:
        asked: what was asked of ``prune``.
        densities: shares of weights that are kept, falling.
        recipe: how to train, after every pruning.
        seeds: one a run.
        start: weights that every training starts from, which rewinds; None: the weights trained so far.

    Raises:
        UsageError: no data were given, densities that do not fall, or no seeds.
        DataError: a run diverged.
    """
    data, points = asked.needed("curve"), []
    masks, now = [asked.mask for _ in seeds], [asked.params for _ in seeds]
    for keep, rates in steps_to(densities, asked.rates):
        masks = [
            asked.at(keep, params=own, mask=mask, rates=rates) for own, mask in zip(now, masks, strict=True)
        ]
        begun = now if start is None else [start for _ in seeds]
        now = trained(asked, recipe, data, list(zip(seeds, masks, begun, strict=True)))
        points.append(point_of(masks, [fit_of(asked.network, own, data, recipe.loss) for own in now]))
    how = f"pruned step by step, each time {_told(recipe, start)}"
    return Curve(asked.network.name, asked.name, how, tuple(points))


def trained(
    asked: Asked, recipe: Recipe, data: Arrays, wanted: Sequence[tuple[int, Mask, PyTree]]
) -> list[PyTree]:
    """Weights at the end of runs side by side, each of a seed, under a mask, from some weights.

    Args:
        asked: what was asked of ``prune``.
        recipe: how to train.
        data: the data.
        wanted: seed, mask and weights of each.

    Raises:
        UsageError: weights of another network, or no recipe.
        DataError: a run diverged.
    """
    check_params(asked.network, wanted[0][2], "start", single=True)
    runs = train(
        asked.network,
        recipe,
        [Member(seed, data.y, mask=mask) for seed, mask, _ in wanted],
        data.x,
        data.x_test,
        data.y_test,
        keep_params=True,
        start=[Checkpoint(params) for _, _, params in wanted],
    )
    for (seed, mask, _), run in zip(wanted, runs, strict=True):
        if run.diverged_at is not None or not finite(run.params):
            raise DataError(
                f"recipe: expected a training that stays finite, got one that diverged by step "
                f"{run.diverged_at or recipe.steps}, seed {seed} at density {mask.density:.4g}. Lower its learning rate."
            )
    return [run.params for run in runs]


def point_of(masks: Sequence[Mask], fits: Sequence[Fit]) -> Point:
    """A point of the curve: means over seeds.

    Args:
        masks: one a seed.
        fits: loss and accuracy of each.
    """
    accuracies = [fit.accuracy for fit in fits if fit.accuracy is not None]
    return Point(
        float(np.mean([mask.density for mask in masks])),
        float(np.mean([fit.loss for fit in fits])),
        float(np.mean(accuracies)) if accuracies else None,
        tuple(dict.fromkeys(path for mask in masks for path in mask.collapsed)),
        tuple(fits),
    )


def _told(recipe: Recipe, start: Any) -> str:
    begun = "trained on" if start is None else "trained from the start weights"
    return f"{begun} for {recipe.steps:,} steps"
