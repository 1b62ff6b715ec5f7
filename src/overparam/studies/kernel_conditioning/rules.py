"""The rules of the study: functions of the evidence, with cut-offs fixed before the data.

Each rule is applied to every activation and every setting (features, units, draws) among the cells; all parts must
hold. A number is read for each seed first, then the interval over seeds is formed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from overparam.core import Check, Evidence, Finding, MissingEvidence, Part
from overparam.studies import grids

SPREAD = 5.0  # of the Gram matrix: largest entry times sqrt(k) over the largest of the limit
SLOPE = 0.15  # of log kappa over log n, either sign
WINDOW = 0.25  # times d^2: most rows at which kappa should be constant
SIZES = 4  # sizes inside d <= n <= d^2/4
WORSE = 10.0  # kappa of uncentred images over that of centred ones
EXACT = -10.0  # power of ten of the relative difference of Jacobians
KEPT = 0.95  # share of draws with half of the smallest eigenvalue
DRAWS = 100  # draws of the weights, all seeds together
IMAGES = 0.25  # share of the mean row in the squared norm that makes rows images
SETTING = ("d", "units", "draws")


def gram_is_near(evidence: Evidence, metric: str = "gram_error") -> Finding:
    """The largest difference over all sizes, times sqrt(k), is at most 5 times the largest entry."""
    return _shared(
        evidence, metric, "largest difference x sqrt(k) over the largest entry", "max", at_most=SPREAD
    )


def lemma_holds(evidence: Evidence) -> Finding:
    """The lemma's bound holds at every size, and the cut series is within its tail of an independent value."""
    lemma = full_term_holds(evidence, "lemma_held", "share of the sizes at which the lemma's bound holds")
    label = "share of the sizes at which the series is within its tail"
    return Finding((*lemma.parts, *_shared(evidence, "series_held", label, "mean", at_least=1.0).parts))


def full_term_holds(
    evidence: Evidence,
    metric: str = "full_held",
    label: str = "share of the sizes at which the bound with the slope's whole weight holds",
) -> Finding:
    """The same inequality with ``E phi'^2`` in place of ``(E phi'')^2``."""
    return _shared(evidence, metric, label, "mean", at_least=1.0)


def schur_holds(evidence: Evidence, metric: str = "schur_held") -> Finding:
    """Both inequalities hold at every size."""
    return _shared(evidence, metric, "share of the sizes at which Schur's bounds hold", "mean", at_least=1.0)


def kappa_is_constant(evidence: Evidence, activation: str, metric: str = "kappa") -> Finding:
    """Least-squares slope of log kappa over log n, for d <= n <= d^2/4, is at most 0.15 either way."""
    import numpy as np

    from overparam.core.stats import mean_interval, part

    parts = []
    for setting in grids.settings(evidence.where(activation=activation), SETTING):
        where = {**setting, "activation": activation}
        rows, lines = _lines(evidence, metric, where)
        inside = _inside(rows, _features(evidence, where))
        if inside.sum() < 2:
            raise MissingEvidence("no two sizes in d <= n <= d^2/4. Add some to --ratios.")
        log = np.log(rows[inside])
        log = log - log.mean()
        slopes = np.log(lines[:, inside]) @ log / (log @ log)
        label = f"{grids.label(evidence, setting)}{activation}, slope of log kappa over log n"
        parts.append(part(label, mean_interval(slopes), at_least=-SLOPE, at_most=SLOPE))
    return Finding(tuple(parts))


def images_are_worse(evidence: Evidence, metric: str = "uncentred_ratio") -> Finding:
    """Kappa of uncentred rows is at least ten times that of centred ones, at the largest size."""
    from overparam.core.stats import geometric_interval, part

    parts = []
    for text, where in _each(evidence):
        rows, lines = _lines(evidence, metric, where)
        label = f"{text}kappa uncentred over centred at {rows[-1]:g} rows"
        parts.append(part(label, geometric_interval(lines[:, -1]), at_least=WORSE))
    return Finding(tuple(parts))


def jacobian_is_exact(evidence: Evidence, metric: str = "jacobian_log") -> Finding:
    """The relative difference from automatic differentiation is at most 1e-10."""
    from overparam.core.stats import mean_interval, part

    parts = []
    for text, where in _each(evidence):
        found = list(_scalars(evidence, metric, where).values())
        parts.append(part(f"{text}relative difference as a power of ten", mean_interval(found), at_most=EXACT))
    return Finding(tuple(parts))


def width_suffices(evidence: Evidence, metric: str = "kept") -> Finding:
    """At least 95 % of the draws keep half of the smallest eigenvalue (exact binomial interval over all draws)."""
    from overparam.core.stats import sign_interval

    parts, factors = [], []
    for text, where in _each(evidence):
        good, all_ = _scalars(evidence, metric, where), _scalars(evidence, "drawn", where)
        kept, drawn = int(sum(good.values())), int(sum(all_[seed] for seed in good))
        share = sign_interval([1] * kept + [-1] * (drawn - kept))
        sure = len(good) > 1  # one seed is one draw of the rows: no interval
        label = f"{text}share of {drawn} draws with at least half of the limit's smallest eigenvalue"
        low, high = (share.low, share.high) if sure else (None, None)
        parts.append(Part(label, share.mean, low, high, len(good), at_least=KEPT))
        ratio = sorted(_scalars(evidence, "pessimism", where).values())
        factors.append(f"{where['activation']} {ratio[(len(ratio) - 1) // 2]:.3g}")
    note = f"The width asked for over the width that was enough, median over seeds: {', '.join(factors)}."
    return Finding(tuple(parts), note if metric == "kept" else "")


def uniform_rows(evidence: Evidence) -> Check:
    """The rows are draws from the uniform law on the sphere."""
    kinds = evidence.levels("data")
    return Check(kinds == ("sphere",), f"data {', '.join(map(str, kinds)) or 'none'}")


def sizes_span(evidence: Evidence) -> Check:
    """At least four sizes in d <= n <= d^2/4, both ends reached within 5 %."""
    texts, ok = [], True
    for text, where in _each(evidence):
        rows, _ = _lines(evidence, "kappa", where)
        d = _features(evidence, where)
        kept = rows[_inside(rows, d)]
        reached = len(kept) > 0 and kept[0] <= 1.05 * d and kept[-1] >= 0.95 * WINDOW * d * d
        ok = ok and len(kept) >= SIZES and bool(reached)
        texts.append(f"{text}{len(kept)} sizes" + (f" from {kept[0]:g} to {kept[-1]:g}" if len(kept) else ""))
    return Check(ok, "; ".join(dict.fromkeys(texts)))


def rows_are_images(evidence: Evidence) -> Check:
    """The mean row holds at least a quarter of the mean squared norm."""
    shares = [values["offset"] for _, values in evidence.rows if values.get("offset") is not None]
    if not shares:
        raise MissingEvidence("no finished cell. Run the study first.")
    return Check(
        min(shares) >= IMAGES, f"the mean row holds {min(shares):.3g} of the mean squared norm, or more"
    )


def enough_draws(evidence: Evidence) -> Check:
    """At least 100 draws of the weights for every activation."""
    many = [int(sum(_scalars(evidence, "drawn", where).values())) for _, where in _each(evidence)]
    return Check(min(many) >= DRAWS, f"{min(many)} draws for the activation with the fewest")


def _each(evidence: Evidence) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every setting and activation, with its label."""
    for setting in grids.settings(evidence, SETTING):
        for activation in evidence.where(**setting).levels("activation"):
            yield f"{grids.label(evidence, setting)}{activation}, ", {**setting, "activation": activation}


def _shared(
    evidence: Evidence,
    metric: str,
    label: str,
    how: str,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
) -> Finding:
    """One number a seed from a line over the sizes, its largest or its mean, against a cut-off."""
    from overparam.core.stats import mean_interval, part

    parts = []
    for text, where in _each(evidence):
        lines = _lines(evidence, metric, where)[1]
        found = lines.max(axis=1) if how == "max" else lines.mean(axis=1)
        parts.append(part(f"{text}{label}", mean_interval(found), at_least=at_least, at_most=at_most))
    return Finding(tuple(parts))


def _lines(evidence: Evidence, metric: str, where: dict[str, Any]) -> tuple[Any, Any]:
    import numpy as np

    from overparam.core.lines import align_seeds

    found = align_seeds(evidence, "rows", metric, **where)
    return np.asarray(found.x), found.lines[0]


def _scalars(evidence: Evidence, metric: str, where: dict[str, Any]) -> dict[int, float]:
    found = {p["seed"]: v[metric] for p, v in evidence.where(**where).rows if v.get(metric) is not None}
    if not found:
        raise MissingEvidence(f"no finished cell has '{metric}'. Run the study first.")
    return found


def _features(evidence: Evidence, where: dict[str, Any]) -> int:
    return int(next(iter(_scalars(evidence, "features", where).values())))


def _inside(rows: Any, d: int) -> Any:
    return (rows >= 0.999 * d) & (rows <= 1.001 * WINDOW * d * d)
