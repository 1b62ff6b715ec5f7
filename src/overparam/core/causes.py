"""Why a width sweep shows no peak: each known cause, measured where the cells tell it.

The list is that of what goes wrong for people who try to reproduce double descent. A cause that cannot occur by the way
the sweep is made is ruled out, and the detail says so. Standard library at the top.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from overparam.core.claim import Check, Evidence
from overparam.core.diagnosis import Diagnosis
from overparam.core.errors import MissingEvidence
from overparam.core.needs import one_draw
from overparam.core.sweeps import ERROR, FAR, FITTED, LOSS, NOISE, UNDERFIT, WidthSweep

NEAR, FINE = (0.75, 1.35), 5  # times the threshold's width: where the grid must be fine; widths within it
AWAY = 2.0  # factor between the size of the threshold and the size at which people look for the peak
FALLING = 0.9  # the measure of fit over its value at half the steps, below which training is not over

Found = tuple[bool | None, str]


@dataclass(frozen=True)
class Seen:
    """The cells of a sweep, and its arm with the most noise, be it none."""

    sweep: WidthSweep
    evidence: Evidence

    @cached_property
    def level(self) -> float:
        """The most noise."""
        return max(self.evidence.levels("noise"), default=0.0)

    @cached_property
    def view(self) -> Any:
        """The arm with the most noise.

        Raises:
            MissingEvidence: no cell has finished, or the cells are of several settings.
        """
        from overparam.core.judging import settings
        from overparam.core.view import View

        which = self.sweep.clean.but(noise=self.level)
        several = settings(self.evidence, which, ("width",))
        if len(several) > 1:
            told = "; ".join(prefix.removesuffix(": ") for prefix, _ in several)
            raise MissingEvidence(f"several settings ({told}). Run them one at a time.")
        return View(self.evidence, which, "width", frozenset())

    @cached_property
    def widths(self) -> list[int]:
        """The widths, ascending."""
        return [int(width) for width in self.view.grid("")]

    @cached_property
    def fit(self) -> list[float]:
        """Mean measure of fit at each width, in percent."""
        return [float(value) for value in self.view.read(self.sweep.fit).y.mean(axis=0)]

    @property
    def threshold(self) -> int:
        """Index of the interpolation threshold."""
        from overparam.core.view import index

        return index(self.view, self.sweep.threshold)


def diagnose(sweep: WidthSweep) -> Callable[[Evidence], tuple[Diagnosis, ...]]:
    """Return the function that looks for every cause in a sweep's cells."""
    return lambda evidence: tuple(_one(Seen(sweep, evidence), *cause) for cause in CAUSES)


def _one(seen: Seen, name: str, sentence: str, look: Callable[[Seen], Found | Check]) -> Diagnosis:
    try:
        found = look(seen)
        there, told = (not found.ok, found.detail) if isinstance(found, Check) else found
    except MissingEvidence as error:
        there, told = None, str(error)
    told = f"{told[:1].upper()}{told[1:]}{'' if told.endswith(('.', ')')) else '.'}"
    state = "not_checked" if there is None else "likely" if there else "ruled_out"
    return Diagnosis(name, sentence.format(noise=seen.sweep.noise), state, told)  # type: ignore[arg-type]


def _noise(seen: Seen) -> Found:
    told = f"the most {seen.sweep.noise} is {seen.level:.0%}"
    if seen.level < NOISE:
        return True, f"{told}; a rise is expected from {NOISE:.0%} on"
    cells = (values for _, values in seen.evidence.where(noise=seen.level).rows)
    wrong = [values["wrong_labels"] for values in cells if values.get("wrong_labels") is not None]
    return False, told + (f"; {sum(wrong) / len(wrong):.1%} are really wrong" if wrong else "")


def _threshold(seen: Seen) -> Found:
    told = f"at {seen.level:.0%} {seen.sweep.noise} the mean {seen.sweep.fit.words} is"
    if min(seen.fit) <= FITTED:
        return False, f"{told} {seen.fit[seen.threshold]:.1f} % at width {seen.widths[seen.threshold]}"
    end = f"{seen.fit[-1]:.1f} % at the widest width ({seen.widths[-1]})"
    return True, f"{told} {end}, asked at most {FITTED:g} %. Add larger widths or more steps"


def _steps(seen: Seen) -> Found:
    if seen.fit[-1] <= FITTED:
        return False, f"the widest width fits after the given steps ({seen.fit[-1]:.1f} %)"
    name = seen.sweep.fit_metric.removesuffix("_share")
    rows = seen.evidence.where(noise=seen.level, width=seen.widths[-1]).rows
    lines = [values[f"{name}_by_step"] for _, values in rows if values.get(f"{name}_by_step")]
    if not lines:
        return None, "the cells hold no lines over the steps"
    steps = rows[0][1]["step"]
    half = max(i for i, step in enumerate(steps) if 2 * step <= steps[-1])
    whole = [pair for pair in ((line[half], line[-1]) for line in lines) if None not in pair]
    if not whole:
        return None, "every member at the widest width diverged"
    before, after = (sum(values) / len(whole) for values in zip(*whole, strict=True))
    falling = after < FALLING * before
    more = "still falling" if falling else "more steps alone will not fit"
    told = f"at width {seen.widths[-1]} the mean {name.replace('_', ' ')} went from {before:.3g} at step"
    return falling, f"{told} {steps[half]} to {after:.3g} at step {steps[-1]}: {more}"


def _left(seen: Seen) -> Found:
    told = f"the mean {seen.sweep.fit.words} at the narrowest width ({seen.widths[0]}) is {seen.fit[0]:.1f} %"
    return seen.fit[0] < UNDERFIT, f"{told}, asked at least {UNDERFIT:g} %"


def _grid(seen: Seen) -> Found:
    (low, high), at = NEAR, seen.widths[seen.threshold]
    near = sum(low * at <= width <= high * at for width in seen.widths)
    told = f"{near} of {len(seen.widths)} widths lie within {low:g} to {high:g} times the threshold ({at})"
    return near < FINE, f"{told}, asked at least {FINE}"


def _seeds(seen: Seen) -> Found:
    from overparam.core.judging import Manner, judge

    by_error = seen.sweep.labels and seen.sweep.loss == "cross_entropy"
    rule, ours = seen.sweep.stands_out(ERROR if by_error else LOSS), Manner(kind="question")
    parts = judge(rule, seen.view.arm, "width", seen.evidence, ("width",), ours).parts
    if parts[0].n < 2:
        return True, "one seed gives no interval. Add seeds"
    wide = [part for part in parts if part.status == "inconclusive"]
    told = [f"{p.label} {_ends(p.low, p.high)}, asked {p.at_least:g} {p.unit}".rstrip() for p in wide or parts]
    return bool(wide), f"at n = {parts[0].n} seeds: {'; '.join(told)}{'. Add seeds' if wide else ''}"


def _ends(low: float | None, high: float | None) -> str:
    return "without an interval" if low is None or high is None else f"{low:.3g} to {high:.3g}"


def _axis(seen: Seen) -> Found:
    at, by_output = seen.threshold, seen.sweep.loss == "squared"
    params, values = seen.view.rows()[0]
    size = seen.view.grid("parameters")[at] / int(values.get("n", params.get("n")))
    outputs = {v["outputs"] for _, v in seen.evidence.rows if v.get("outputs")}
    told = f"at the threshold (width {seen.widths[at]}) p/n = {size:.3g}"
    if len(outputs) != 1 and by_output:
        return None, f"{told}; K is not stored"
    if len(outputs) == 1:
        (k,) = outputs
        told, size = f"{told} and p/(nK) = {size / k:.3g} with K = {k} outputs", size / k if by_output else size
    away = not 1 / AWAY <= size <= AWAY
    return away, f"{told}: {'do not look for the peak at' if away else 'close to'} p = n{'K' * by_output}"


def _regularised(seen: Seen) -> Found:
    decay = max(seen.evidence.levels("weight_decay"), default=0.0)
    there = [*([f"weight decay {decay:g}"] if decay else []), *seen.sweep.regularisers]
    unseen = f"; {seen.sweep.unseen}" if seen.sweep.unseen else ""
    return bool(there), ", ".join(there) or f"no weight decay, no early stop in the recipe{unseen}"


def _metric(seen: Seen) -> Found:
    if not seen.sweep.labels:
        return False, "there is no error here: the rules read the loss"
    if seen.sweep.loss == "squared":
        return True, "the loss is squared: its own peak is the one to look at"
    return False, "the networks are trained on the cross-entropy"


def _smooth(seen: Seen) -> Found:
    if seen.sweep.labels:
        return False, "the targets are classes"
    return None, "how smooth the targets are as a function of the inputs is not measured"


def _redrawn(seen: Seen) -> Found | Check:
    return one_draw().check(seen.view) if seen.level else (False, f"there is no {seen.sweep.noise}")


def _made(detail: str) -> Callable[[Seen], Found]:
    return lambda seen: (False, f"by the way the sweep is made: {detail}")


CAUSES: tuple[tuple[str, str, Callable[[Seen], Found | Check]], ...] = (
    ("noise", "There is too little {noise} for a rise.", _noise),
    ("threshold", "No width fits the training set.", _threshold),
    ("steps", "Training is too short to fit.", _steps),
    ("left part", "No width underfits: the curve begins to the right of the peak.", _left),
    ("length", "The curve ends too early to fall again.", lambda seen: seen.sweep.extends(FAR).check(seen.view)),
    ("grid", "The grid is too coarse around the interpolation threshold.", _grid),
    ("seeds", "There are too few seeds to tell.", _seeds),
    ("regularisation", "Something in the recipe regularises, which flattens a peak.", _regularised),
    ("metric", "The error rate under squared loss has no peak.", _metric),
    ("axis", "The interpolation threshold is far from where p = n (or p = nK) would put it.", _axis),
    ("redrawn noise", "The {noise} differs between widths.", _redrawn),
    ("lost seeds", "Too many seeds are lost, by divergence or otherwise.",
     lambda seen: seen.sweep.complete.check(seen.view)),
    ("smooth targets", "The targets are so smooth that a fully trained network has no peak.", _smooth),
    ("test noise", "The test set carries the noise, too.", _made("noise is drawn for training rows only")),
    ("oracle", "The curve is the best time on the test set.", _made("rules read the end of training")),
    ("weight reuse", "A width starts from another's weights.", _made("each starts from its own initialisation")),
    ("rounding", "A closed form is solved with too few digits.", _made("networks take gradient steps")),
)  # fmt: skip
