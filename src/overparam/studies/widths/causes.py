"""Why a width sweep shows no peak: each known cause, measured where the cells tell it.

The list is that of what goes wrong for people who try to reproduce double descent. A cause that cannot occur here by the
way the sweep is made is ruled out, and the detail says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from overparam.core import Diagnosis, Evidence, MissingEvidence, Part
from overparam.studies.widths.arms import FITTED, UNDERFIT, Arm, Reading
from overparam.studies.widths.preconditions import NOISE, complete, noise_is_fixed
from overparam.studies.widths.rules import FALL, LOSS_RATIO, LOSS_RISE, error_parts, loss_parts

NEAR = (0.75, 1.35)  # times the width of the fit point: where the grid must be fine
FINE = 5  # widths within it
AWAY = 2.0  # factor between the size of the fit point and the size at which people look for the peak
FALLING = 0.9  # the measure of fit over its value at half the steps, below which training is not over
FAR = 4.0  # parameters of the right end over those of the fit point

Found = tuple[bool | None, str]
Look = Callable[[Reading, Evidence], Found]


def diagnose(reading: Reading) -> Callable[[Evidence], tuple[Diagnosis, ...]]:
    """Return the function that looks for every cause in a sweep's cells.

    Args:
        reading: how the sweep is read.
    """
    return lambda evidence: tuple(
        _one(reading, evidence, name, sentence, look) for name, sentence, look in CAUSES
    )


def _one(reading: Reading, evidence: Evidence, name: str, sentence: str, look: Look) -> Diagnosis:
    try:
        there, detail = look(reading, evidence)
    except MissingEvidence as error:
        text = str(error)
        there, detail = None, f"{text[:1].upper()}{text[1:]}"
    words = sentence.format(noise=reading.noise_words, measure=reading.fit_words)
    detail = detail if detail.endswith((".", ")")) else f"{detail}."
    return Diagnosis(
        name, words, "not_checked" if there is None else "likely" if there else "ruled_out", detail
    )


def strongest(reading: Reading, evidence: Evidence) -> Arm:
    """The arm with the most noise, be it none."""
    levels = evidence.levels("noise")
    if not levels:
        raise MissingEvidence("no cell has finished")
    return reading.arm(evidence, max(levels))


def _noise(reading: Reading, evidence: Evidence) -> Found:
    level = max(evidence.levels("noise"), default=0.0)
    if level < NOISE:
        return True, f"The most {reading.noise_words} is {level:.0%}; a rise is expected from {NOISE:.0%} on"
    wrong = [
        v["wrong_labels"] for _, v in evidence.where(noise=level).rows if v.get("wrong_labels") is not None
    ]
    share = f"; {sum(wrong) / len(wrong):.1%} are really wrong" if wrong else ""
    return False, f"The most {reading.noise_words} is {level:.0%}{share}"


def _fit_point(reading: Reading, evidence: Evidence) -> Found:
    which = strongest(reading, evidence)
    line = which.fit
    if min(line) > FITTED:
        return True, (
            f"At {which.name} the mean {reading.fit_words} is {line[-1]:.1f} % at the widest width "
            f"({which.widths[-1]}), asked at most {FITTED:g} %. Add larger widths or more steps"
        )
    at = which.fit_point
    return (
        False,
        f"At {which.name} the mean {reading.fit_words} is {line[at]:.1f} % at width {which.widths[at]}",
    )


def _steps(reading: Reading, evidence: Evidence) -> Found:
    which = strongest(reading, evidence)
    if which.fit[-1] <= FITTED:
        return False, f"The widest width fits after the given steps ({which.fit[-1]:.1f} %)"
    name = f"{reading.fit_metric.removesuffix('_share')}_by_step"
    rows = [v for _, v in evidence.where(noise=which.noise, width=which.widths[-1]).rows if v.get(name)]
    if not rows:
        return None, "The cells hold no lines over the steps"
    halves = [max(i for i, step in enumerate(v["step"]) if 2 * step <= v["step"][-1]) for v in rows]
    pairs = [(v[name][half], v[name][-1]) for v, half in zip(rows, halves, strict=True)]
    whole = [(a, b) for a, b in pairs if a is not None and b is not None]
    if not whole:
        return None, "Every member at the widest width diverged"
    before, after = (sum(values) / len(whole) for values in zip(*whole, strict=True))
    steps, half = rows[0]["step"][-1], rows[0]["step"][halves[0]]
    says = (
        f"At width {which.widths[-1]} the mean {name.removesuffix('_by_step').replace('_', ' ')} went from "
        f"{before:.3g} at step {half} to {after:.3g} at step {steps}"
    )
    falling = after < FALLING * before
    return falling, f"{says}: still falling" if falling else f"{says}: more steps alone will not fit"


def _left(reading: Reading, evidence: Evidence) -> Found:
    which = strongest(reading, evidence)
    first = f"The mean {reading.fit_words} at the narrowest width ({which.widths[0]}) is {which.fit[0]:.1f} %"
    return which.fit[0] < UNDERFIT, f"{first}, asked at least {UNDERFIT:g} %"


def _length(reading: Reading, evidence: Evidence) -> Found:
    which = strongest(reading, evidence)
    ratio = which.parameters[-1] / which.parameters[which.fit_point]
    return ratio < FAR, (
        f"The right end has {ratio:.3g} times the parameters of the fit point, asked at least {FAR:g}"
    )


def _grid(reading: Reading, evidence: Evidence) -> Found:
    which = strongest(reading, evidence)
    fit = which.widths[which.fit_point]
    near = [w for w in which.widths if NEAR[0] * fit <= w <= NEAR[1] * fit]
    return len(near) < FINE, (
        f"{len(near)} of {len(which.widths)} widths lie within {NEAR[0]:g} to {NEAR[1]:g} times the fit point "
        f"({fit}), asked at least {FINE}"
    )


def _seeds(reading: Reading, evidence: Evidence) -> Found:
    which = strongest(reading, evidence)
    if reading.labels and reading.loss == "cross_entropy":
        parts = error_parts(which, FALL)
    else:
        parts = loss_parts(which, LOSS_RISE, LOSS_RATIO)
    if parts[0].n < 2:
        return True, "One seed gives no interval. Add seeds"
    wide = [part for part in parts if part.status == "inconclusive"]
    told = "; ".join(_against(part) for part in wide or parts)
    return bool(wide), f"At n = {parts[0].n} seeds: {told}{'. Add seeds' if wide else ''}"


def _against(part: Part) -> str:
    return (
        f"{part.label} {part.low:.3g} to {part.high:.3g}, asked at least {part.at_least:g} {part.unit}".rstrip()
    )


def _axis(reading: Reading, evidence: Evidence) -> Found:
    which = strongest(reading, evidence)
    at = which.fit_point
    per_sample = which.per_sample[at]
    outputs = {v["outputs"] for _, v in evidence.rows if v.get("outputs")}
    k = outputs.pop() if len(outputs) == 1 else None
    says = f"At the fit point (width {which.widths[at]}) p/n = {per_sample:.3g}"
    says += f" and p/(nK) = {per_sample / k:.3g} with K = {k} outputs" if k else "; K is not stored"
    expected = per_sample if reading.loss == "cross_entropy" else per_sample / k if k else None
    if expected is None:
        return None, says
    line = "p = n" if reading.loss == "cross_entropy" else "p = nK"
    away = not 1 / AWAY <= expected <= AWAY
    return away, f"{says}: do not look for the peak at {line}" if away else f"{says}: close to {line}"


def _regularised(reading: Reading, evidence: Evidence) -> Found:
    decay = max(evidence.levels("weight_decay"), default=0.0)
    there = [*([f"weight decay {decay:g}"] if decay else []), *reading.regularisers]
    if there:
        text = ", ".join(there)
        return True, f"{text[:1].upper()}{text[1:]}"
    return (
        False,
        f"No weight decay, no early stop in the recipe{f'; {reading.unseen}' if reading.unseen else ''}",
    )


def _metric(reading: Reading, evidence: Evidence) -> Found:
    if not reading.labels:
        return False, "There is no error here: the rules read the loss"
    if reading.loss == "squared":
        return True, "The loss is squared: its own peak is the one to look at"
    return False, "The networks are trained on the cross-entropy"


def _redrawn(reading: Reading, evidence: Evidence) -> Found:
    if not any(level > 0 for level in evidence.levels("noise")):
        return False, f"There is no {reading.noise_words}"
    check = noise_is_fixed(reading, evidence)
    return not check.ok, f"{check.detail[:1].upper()}{check.detail[1:]}"


def _lost(reading: Reading, evidence: Evidence) -> Found:
    check = complete(reading, evidence)
    return not check.ok, f"{check.detail[:1].upper()}{check.detail[1:]}"


def _smooth(reading: Reading, evidence: Evidence) -> Found:
    if reading.labels:
        return False, "The targets are classes"
    return None, "How smooth the targets are as a function of the inputs is not measured"


def _made(detail: str) -> Look:
    return lambda reading, evidence: (False, f"By the way the sweep is made: {detail}")


CAUSES: Sequence[tuple[str, str, Look]] = (
    ("noise", "There is too little {noise} for a rise.", _noise),
    ("fit point", "No width fits the training set.", _fit_point),
    ("steps", "Training is too short to fit.", _steps),
    ("left part", "No width underfits: the curve begins to the right of the peak.", _left),
    ("length", "The curve ends too early to fall again.", _length),
    ("grid", "The grid is too coarse around the fit point.", _grid),
    ("seeds", "There are too few seeds to tell.", _seeds),
    ("regularisation", "Something in the recipe regularises, which flattens a peak.", _regularised),
    ("metric", "The error rate under squared loss has no peak.", _metric),
    ("axis", "The fit point is far from where p = n (or p = nK) would put it.", _axis),
    ("redrawn noise", "The {noise} differs between widths.", _redrawn),
    ("lost seeds", "Too many seeds are lost, by divergence or otherwise.", _lost),
    ("smooth targets", "The targets are so smooth that a fully trained network has no peak.", _smooth),
    ("test noise", "The test set carries the noise, too.", _made("noise is drawn for training rows only")),
    ("oracle", "The curve is the best time on the test set.", _made("rules read the end of training")),
    (
        "weight reuse",
        "A width starts from another's weights.",
        _made("each starts from its own initialisation"),
    ),
    (
        "rounding",
        "A closed form is solved with too few digits.",
        _made("nothing is solved, networks take gradient steps"),
    ),
)
