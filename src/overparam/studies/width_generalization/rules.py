"""The rules of the claims on width and generalization: functions of the evidence, cut-offs fixed before the data."""

from __future__ import annotations

from typing import Any

from overparam.core import Check, Evidence, Finding, MissingEvidence, Part
from overparam.studies import grids

SPAN = (16, 64)  # times the fit point: the wide networks that are judged
GAIN = 0.10  # relative improvement of the test error
LEVEL = 0.05  # of Page's trend test
SETTING = ("n", "n_validation", "side", "steps", "batch", "learning_rate", "momentum")


def improves(evidence: Evidence, metric: str, labels: str = "given") -> Finding:
    """Networks 16 to 64 times as wide as the fit point err less than it, and the error falls along the way.

    Of the wide networks the one with the largest mean test error over all seeds is judged: that works against the
    claim. The fit point is that of the given labels, whatever the arm.

    Args:
        evidence: the finished cells of a run.
        metric: ``test_error`` or ``stopped_test_error``.
        labels: the arm, ``given`` or ``random``.
    """
    from overparam.core.stats import mean_interval, part, ratio_interval

    parts, notes = [], []
    for setting in grids.settings(evidence, SETTING):
        widths, error = _errors(evidence, setting, metric, labels)
        first = fit_point(evidence, setting)
        wide = [i for i, w in enumerate(widths) if SPAN[0] * first <= w <= SPAN[1] * first]
        if first not in widths or not wide:
            raise MissingEvidence(
                f"no width from {SPAN[0]} to {SPAN[1]} times the fit point {first:g}. Add some to --widths."
            )
        start = widths.index(first)
        worst = max(wide, key=lambda i: float(error[:, i].mean()))
        who, far = grids.label(evidence, setting), f"width {widths[worst]:g}"
        seeds = len(error)
        spread = float(error[:, start].std(ddof=1) / seeds**0.5) if seeds > 1 else 0.0
        more = mean_interval(error[:, worst] - error[:, start])
        times = ratio_interval(error[:, start], error[:, worst])
        parts += [
            part(
                f"{who}test error at {far} minus that at width {first:g}", more, at_most=spread, unit="points"
            ),
            part(f"{who}test error at width {first:g} over that at {far}", times, at_least=1 / (1 - GAIN)),
            trend(
                f"{who}Page's test for a falling error from width {first:g} on: p (bar from 0 to p)",
                error[:, start:],
            ),
        ]
        notes.append(f"{who}H0 is width {first:g}; the worst of the wide networks has width {widths[worst]:g}.")
    return Finding(tuple(parts), " ".join(notes))


def trend(label: str, error: Any) -> Part:
    """Page's test against no trend, for the alternative that the error falls with the width.

    The part holds for p of at most 0.05 and is contradicted by as clear a trend the other way; the interval shown
    reaches from 0 to p, or is p alone where the trend is the other way.

    Args:
        label: what is tested, in words.
        error: shape ``(seeds, widths)``.

    Raises:
        MissingEvidence: fewer than three widths.
    """
    seeds, widths = error.shape
    if widths < 3:
        raise MissingEvidence("fewer than three widths from the fit point on. Add larger ones to --widths.")
    if seeds < 2:
        return Part(label, None, None, None, seeds, at_most=LEVEL)
    p = page(error[:, ::-1])
    return Part(label, p, p if p >= 1 - LEVEL else 0.0, p, seeds, at_most=LEVEL)


def page(ordered: Any) -> float:
    """One-sided p of Page's trend test, from 0 to 1, against values that grow from column to column.

    Args:
        ordered: shape ``(seeds, columns)``, two seeds and three columns or more. Exact up to eight columns, the normal
            limit beyond.

    References:
        E. Page, Ordered hypotheses for multiple treatments: a significance test for linear ranks, Journal of the
        American Statistical Association 58 (1963).
    """
    from scipy.stats import page_trend_test

    return float(page_trend_test(ordered).pvalue)


def fit_point(evidence: Evidence, setting: grids.Setting) -> float:
    """The first width at which every seed ends with no training error on the given labels.

    Raises:
        MissingEvidence: no width does.
    """
    from overparam.core.lines import align_seeds

    found = align_seeds(evidence, "width", "train_error", labels="given", **setting)
    fitted = (found.lines[0] <= 0).all(axis=0)
    if not fitted.any():
        lowest = float(found.lines[0].max(axis=0).min())
        raise MissingEvidence(
            f"no width ends without training error in every seed (lowest: {lowest:.2%}). Add wider networks or "
            "more --steps."
        )
    return found.x[int(fitted.argmax())]


def fits(evidence: Evidence) -> Check:
    """Some width, not the first, fits every training sample in every seed."""
    texts, ok = [], True
    for setting in grids.settings(evidence, SETTING):
        first = fit_point(evidence, setting)
        narrowest = min(evidence.levels("width"))
        ok = ok and first > narrowest
        texts.append(
            f"{grids.label(evidence, setting)}first at width {first:g}, the narrowest is {narrowest:g}"
        )
    return Check(ok, "; ".join(texts))


def reaches(evidence: Evidence) -> Check:
    """The widest network has at least 16 times the width of the fit point."""
    texts, ok = [], True
    for setting in grids.settings(evidence, SETTING):
        first, widest = fit_point(evidence, setting), max(evidence.levels("width"))
        ok = ok and widest >= SPAN[0] * first
        texts.append(
            f"{grids.label(evidence, setting)}widths end at {widest / first:.3g} times the fit point, asked for "
            f"{SPAN[0]}"
        )
    return Check(ok, "; ".join(texts))


def _errors(evidence: Evidence, setting: grids.Setting, metric: str, labels: str) -> tuple[list[float], Any]:
    """Widths, and test errors in points, at least half a sample, of shape ``(seeds, widths)``."""
    from overparam.core.lines import align_seeds

    found = align_seeds(evidence, "width", metric, "n_test", labels=labels, **setting)
    error, tests = found.lines
    return list(found.x), 100 * error.clip(0.5 / tests)
