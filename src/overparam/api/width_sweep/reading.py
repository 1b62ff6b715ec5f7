"""How a sweep is read: which statements, charts and causes have a meaning under the loss that the networks are trained on.

- Cross-entropy on labels: the measure of fit is the training error.
- Squared loss, on labels or numbers: the training loss as a share of the loss of the best constant.
- Cross-entropy on soft targets: the same share, both without the entropy of the targets, which no network goes below.
- A loss of one's own on labels: the training error is the measure of fit and the test error is judged. The loss has no
  known zero, so no ratio of two losses means anything: it is drawn, and only its direction is asked for.
- A loss of one's own on numbers: that direction alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from overparam.core import Chart, Claim, Evidence, FitRule
from overparam.core.arms import Arm
from overparam.core.causes import diagnose
from overparam.core.diagnosis import Diagnosis, State
from overparam.core.errors import MissingEvidence, UsageError
from overparam.core.sweeps import LOSS, WidthSweep, planted, width_charts, width_claims
from overparam.data.targets import Rows
from overparam.training import Recipe
from overparam.training.losses import loss

_UNITS = ("cross-entropy (nats)", "squared loss (half the squared distance)")  # as width_charts writes them
_STATED = {"n", "noise_kind"}  # axes whose arms train on other labels


@dataclass(frozen=True)
class Reading:
    """A loss, and whether the targets are classes.

    Attributes:
        recipes: the recipe of a plain sweep under the empty name, or the recipes of several arms.
        labels: whether the targets are classes.
        arms: names of the axes with several values.
    """

    recipes: Mapping[str, Recipe]
    labels: bool
    arms: frozenset[str] = frozenset()

    @property
    def first(self) -> Recipe:
        """The first recipe; all have one loss."""
        return next(iter(self.recipes.values()))

    @property
    def name(self) -> str:
        """Name of the loss."""
        return loss(self.first.loss).name

    @property
    def own(self) -> bool:
        """Whether the loss is a person's own."""
        return callable(self.first.loss)

    @property
    def soft(self) -> bool:
        """Whether the targets are distributions over classes."""
        return not self.labels and self.first.loss == "cross_entropy"

    @property
    def sweep(self) -> WidthSweep:
        """What decides how the cells are read; under a loss of one's own, what comes nearest to it."""
        by_error = self.labels and self.first.loss != "squared"
        unseen = ["what the network does inside (dropout, normalisation)"]
        if any(not isinstance(one.optimizer, str) for one in self.recipes.values()):
            unseen.append("what the optimizer of your own does (weight decay, clipping)")
        told = f"{' and '.join(unseen)} {'is' if len(unseen) == 1 else 'are'} not looked at"
        return WidthSweep("cross_entropy" if by_error else "squared", self.labels, self._regularisers, told)

    @property
    def _regularisers(self) -> tuple[str, ...]:
        found = []
        for name, one in self.recipes.items():
            where = f" (recipe {name})" if name else ""
            limits = (("train error", one.stop_error), ("train loss", one.stop_loss))
            told = [f"training stops at a {what} of {limit:g}" for what, limit in limits if limit is not None]
            told += [f"label smoothing {one.smoothing:g}"] if one.smoothing else []
            told += ["augmentation"] if one.augment else []
            told += [f"weight decay {one.weight_decay:g}"] if one.weight_decay and name else []
            found += [text + where for text in told]
        return tuple(found)

    @property
    def claims(self) -> tuple[Claim, ...]:
        """The statements that have a meaning."""
        claims = width_claims(self.sweep)
        if self.own:
            claims = (*(one for one in claims if self.labels and one.chart != "loss"), _ends(self))
        return tuple(self._apart(one) for one in claims)

    def _apart(self, claim: Claim) -> Claim:
        """A statement whose need of one draw of the noise is asked of each arm where arms train on other labels."""
        if not self.arms & _STATED:
            return claim
        needs = (replace(one, together=False) if one.name == "fixed noise" else one for one in claim.needs)
        return replace(claim, needs=tuple(needs))

    def charts(self, few: Sequence[int]) -> tuple[Chart, ...]:
        """The charts, with the name of the loss; a loss of one's own on an axis that may go below 0."""
        unit = self._unit
        fit = not self.own or self.labels
        found = []
        for one in width_charts(self.sweep, few, width="width"):
            named = next((old for old in _UNITS if old in one.y_title), "")
            log = one.y_log and not (named and self.own)
            title = one.y_title.replace(named, unit) if named and unit else one.y_title
            found.append(replace(one, y_title=title, y_log=log, fit=one.fit and fit))
        return tuple(found)

    @property
    def _unit(self) -> str:
        """Name of the loss on an axis, where it is not one of the plain two."""
        if self.own:
            return f"{self.name}, a loss of your own"
        smooth = sorted({one.smoothing for one in self.recipes.values()})
        with_it = f" with label smoothing {' or '.join(f'{s:g}' for s in smooth)}" if any(smooth) else ""
        if self.soft:
            return f"cross-entropy against soft targets{with_it} (nats)"
        return f"cross-entropy{with_it} (nats)" if with_it else ""

    @property
    def fit(self) -> FitRule | None:
        """Where the interpolation threshold is; None where nothing tells."""
        if self.own and not self.labels:
            return None
        return FitRule(self.sweep.fit_metric, 0.01, "width", f"{self.sweep.fit.words} at most 1 %")

    @property
    def diagnose(self) -> Callable[[Evidence], Sequence[Diagnosis]] | None:
        """What looks for the causes of an absent peak, in every arm; None where no peak is asked for."""
        if self.own and not self.labels:
            return None
        look = diagnose(self.sweep)
        return lambda evidence: [self._told(one) for one in _in_every_arm(look, evidence)]

    def _told(self, found: Diagnosis) -> Diagnosis:
        if found.name == "metric" and self.own:
            return replace(found, state="not_checked", detail=f"The loss, {self.name}, is your own.")
        return found

    def share(self, recipe: Recipe, data: Rows, y: Any, value: float) -> float | None:
        """A training loss as a share of that of the best constant; None where that is 0.

        Args:
            recipe: the recipe.
            data: the rows.
            y: the targets that were trained on.
            value: the training loss.
        """
        floor, null = 0.0, data.constant_loss(y) if not self.soft else 0.0
        if self.soft:
            kept, classes = 1.0 - recipe.smoothing, y.shape[1]
            spread = kept * np.asarray(y, np.float64) + recipe.smoothing / classes
            floor, null = float(np.mean(_entropy(spread))), float(_entropy(spread.mean(axis=0)))
        return None if null <= floor else (value - floor) / (null - floor)

    @property
    def has_share(self) -> bool:
        """Whether cells hold that share."""
        return self.first.loss == "squared" or self.soft

    @property
    def differences(self) -> tuple[str, ...]:
        """What a reader has to know of the loss, one sentence each."""
        told = (
            (self.first.loss == "squared", "Under squared loss the interpolation threshold is where the training loss is at "
             "most 1 % of that of the best constant: a choice of ours, since gradient steps do not reach zero."),
            (self.soft, "Under cross-entropy on soft targets the interpolation threshold is where the training loss above the "
             "entropy of the targets is at most 1 % of what the best constant has above it: a choice of ours."),
            (self.own and self.labels, f"The loss, {self.name}, is the user's own: it has no known zero, so no claim is made "
             "about ratios of it. The test error is judged."),
            (self.own and not self.labels, f"The loss, {self.name}, is the user's own, and the best constant under it is not "
             "known: there is no measure of fit, so no interpolation threshold and no claim about a peak."),
            (not self.labels, "Target noise replaces a share of the training targets by those of other rows; the papers add "
             "noise to all."),
            (any(one.smoothing for one in self.recipes.values()), "Training and test losses are those of the recipe, label "
             "smoothing included."),
        )  # fmt: skip
        return tuple(sentence for here, sentence in told if here)


def _entropy(rows: Any) -> Any:
    """Entropy of distributions in the last axis, in nats.

    >>> float(_entropy(np.array([0.5, 0.5]))) == float(np.log(2))
    True
    """
    positive = np.where(rows > 0, rows, 1.0)
    return -np.sum(rows * np.log(positive), axis=-1)


def _ends(reading: Reading) -> Claim:
    """Whether the widest networks have the lower test loss: the direction alone, which any loss has."""
    gain = (LOSS.first - LOSS.last).called("test loss of the narrowest minus that of the widest")
    world = planted(reading.sweep, 0.15)
    return Claim(
        "loss-ends",
        f"Is the test loss ({reading.name}, a loss of your own) of the widest networks below that of the narrowest?",
        (), "nakkiran2020", gain.at_least(0.0), Arm(), kind="question", chart="loss",
        null=(world(loss=(1.3, 1.3, 1.6, 2.5, 5, 5, 3, 1.3)),), effect=world(loss=(1.9, 1.6, 1.4, 1.3, 1.2, 1.1, 1, 0.9)),
    )  # fmt: skip


def _in_every_arm(look: Callable[[Evidence], Sequence[Diagnosis]], evidence: Evidence) -> Sequence[Diagnosis]:
    """Causes looked for in every arm by itself: likely where one arm shows it, ruled out where none can have it."""
    from overparam.core.judging import settings

    try:
        apart = settings(evidence, Arm(), ("width", "noise"))
    except MissingEvidence:
        return ()
    found = [(prefix, look(rows)) for prefix, rows in apart]
    if len(found) == 1:
        return found[0][1]
    merged = []
    for i, one in enumerate(found[0][1]):
        states = [items[i].state for _, items in found]
        likely: State = "likely" if "likely" in states else "ruled_out"
        state: State = "not_checked" if "not_checked" in states and likely == "ruled_out" else likely
        told = dict.fromkeys(f"{prefix}{items[i].detail}" for prefix, items in found)
        same = {items[i].detail for _, items in found}
        merged.append(replace(one, state=state, detail=same.pop() if len(same) == 1 else " ".join(told)))
    return merged


def check_loss(recipes: Mapping[str, Recipe], labels: bool) -> None:
    """Raise where recipes have several losses, or one that the targets cannot have.

    Raises:
        UsageError: it is so.
    """
    losses = {name: one.loss for name, one in recipes.items()}
    first = next(iter(losses))
    for name, one in losses.items():
        if one != losses[first]:
            raise UsageError(
                f"arms: expected recipes of one loss, so that the arms can be compared, got '{loss(losses[first]).name}' in "
                f"'{first}' and '{loss(one).name}' in '{name}'. Make one sweep a loss."
            )
    for name, recipe in recipes.items():
        if recipe.stop_error is not None and not labels:
            where = f" of '{name}'" if name else ""
            raise UsageError(
                f"recipe: expected stop_loss{where}, got stop_error: the targets are numbers and have no error."
            )
