"""The rules of the claims on matrix recovery, with cut-offs fixed before the data."""

from __future__ import annotations

from typing import Any

from overparam.core import Check, Evidence, Finding, MissingEvidence, Part
from overparam.studies import extremes

PLACE = (0.95, 1.05)  # of the local dimension
SHARE = 0.9  # of the trials
NOTHING = 1e-8  # of the first residual
ROUNDING = 1e-9
BETTER = 2.0  # in Akaike's criterion
GRID = 1 / 12  # variance of a whole number that stands for any in its interval
SETTING = ("d",)


def local(evidence: Evidence, arm: str = "") -> Finding:
    """The rank stops to grow with the labels at the local dimension, at every number of columns from 2 on."""
    from overparam.core.stats import mean_interval, part

    parts = []
    for r, lines in _by_rank(evidence, f"{arm}transition"):
        if r >= 2:
            label = f"r = {r}: last number of labels with full rank, over the local dimension"
            parts.append(part(label, mean_interval(lines), at_least=PLACE[0], at_most=PLACE[1]))
    if not parts:
        raise MissingEvidence("no number of columns above 1. Add some to --ranks.")
    if not arm:
        text = "sizes at which the rank is not min(n, local dimension)"
        parts.append(extremes.worst(evidence, "wrong", text, 0.0, SETTING))
    return Finding(tuple(parts))


def printed(evidence: Evidence, arm: str = "printed") -> Finding:
    """At n = d r the Jacobian has n independent rows, at every number of columns from 2 on."""
    from overparam.core.stats import mean_interval, part

    parts = [
        part(f"r = {r}: rank of the Jacobian over d r, at n = d r", mean_interval(lines), at_least=1.0)
        for r, lines in _by_rank(evidence, arm)
        if r >= 2
    ]
    if not parts:
        raise MissingEvidence("no number of columns above 1. Add some to --ranks.")
    return Finding(tuple(parts))


def successful(evidence: Evidence, arm: str = "near_") -> Finding:
    """Descent succeeds in at least nine of ten trials up to half of d r labels, at every number of columns."""
    from overparam.core.stats import part, sign_interval

    trials = max(p["trials"] for p, _ in evidence.rows) if evidence.rows else 0
    parts = []
    for percent in (10, 25, 50):
        for r, hits in _by_rank(evidence, f"{arm}{percent}"):
            share = sign_interval([1] * int(sum(hits)) + [-1] * int(trials * len(hits) - sum(hits)))
            low, high = (share.low, share.high) if len(hits) > 1 else (None, None)
            found = part(
                f"r = {r}: share of trials that succeed at {percent} % of d r labels", share, at_least=SHARE
            )
            parts.append(Part(found.label, found.effect, low, high, len(hits), SHARE))
    return Finding(tuple(parts), f"{trials} trials a seed, pooled; exact binomial intervals")


def kept(evidence: Evidence, arm: str = "proved_") -> Finding:
    """Every run is certified and converges, at the rate and within the distance and path of its certificate."""
    return Finding(
        (
            extremes.worst(evidence, f"{arm}left", "largest last residual over the first", NOTHING, SETTING),
            extremes.worst(evidence, f"{arm}distance", "largest distance over the promised one", 1.0, SETTING),
            extremes.worst(evidence, f"{arm}path", "largest path over the promised one", 1.0, SETTING),
            extremes.worst(
                evidence, f"{arm}excess", "largest step's ratio over the promise, less 1", ROUNDING, SETTING
            ),
        )
    )


def straight(evidence: Evidence, arm: str = "near_") -> Finding:
    """The columns needed grow with n/d rather than with the root of n, by Akaike's criterion, seed by seed."""
    from overparam.core.stats import mean_interval, part

    _setting(evidence)
    free, fixed, slopes, missing = [], [], [], 0
    for params, values in evidence.rows:
        line = values.get(f"{arm}boundary", ())
        if not line or any(v is None for v in line) or len(line) < 4:
            missing += 1
            continue
        one, two, slope = preferences(params["d"], values["multiple"], line)
        free.append(one)
        fixed.append(two)
        slopes.append(slope)
    labels = (
        "Akaike's criterion of r = C sqrt(n) less that of r = C n/d",
        "Akaike's criterion of r = sqrt(2 n) less that of r = C n/d",
    )
    if missing or not evidence.rows:
        note = (
            f"{missing} of {len(evidence.rows)} seeds have no boundary: descent fails at the most columns tried"
        )
        if not evidence.rows:
            raise MissingEvidence("no finished cell. Run the study first.")
        return Finding(tuple(Part(label, None, None, None, len(free), BETTER) for label in labels), note)
    parts = [
        part(label, mean_interval(some), at_least=BETTER)
        for label, some in zip(labels, (free, fixed), strict=True)
    ]
    return Finding(tuple(parts), f"C = {sum(slopes) / len(slopes):.3g} in r = C n/d, mean over seeds")


def preferences(d: int, multiples: Any, boundary: Any) -> tuple[float, float, float]:
    """How much better a line through the origin fits the boundary than a root: two differences of Akaike's criterion.

    ``m log(RSS/m) + 2 parameters``, with a mean square of at least 1/12, that of rounding to whole numbers.

    Args:
        d: rows of U.
        multiples: n/d, shape ``(m,)``.
        boundary: columns needed, shape ``(m,)``.

    Returns:
        Against ``C sqrt(n)``, against ``sqrt(2 n)``, and C of ``C n/d``.

    >>> preferences(20, [1, 2, 3, 4], [1, 2, 3, 4])[2]
    1.0
    """
    import numpy as np

    x, r = np.asarray(multiples, dtype=float), np.asarray(boundary, dtype=float)

    def score(fit: Any, parameters: int) -> float:
        return len(r) * float(np.log(max(np.square(r - fit).mean(), GRID))) + 2 * parameters

    roots = np.sqrt(d * x)
    slope, bend = float(x @ r / (x @ x)), float(roots @ r / (roots @ roots))
    line = score(slope * x, 1)
    return score(bend * roots, 1) - line, score(np.sqrt(2.0) * roots, 0) - line, slope


def enough_trials(evidence: Evidence) -> Check:
    """At least 36 trials a share: with fewer, not even all of them would show nine of ten."""
    trials = sum(p["trials"] for p, _ in evidence.rows)
    return Check(trials >= 36, f"{trials} trials a share, asked at least 36")


def enough_steps(evidence: Evidence) -> Check:
    """The linear rate at the start leaves a millionth of the residual within the steps allowed."""
    asked = [(max(v["predicted_steps"]), p["steps"]) for p, v in evidence.rows]
    late = [one for one in asked if one[0] > one[1]]
    detail = (
        f"the linear rate asks for up to {max(asked)[0]} steps, allowed {asked[0][1]}" if asked else "no cell"
    )
    return Check(bool(asked) and not late, detail + (". Allow more with --steps." if late else ""))


def wide_grid(evidence: Evidence) -> Check:
    """The columns tried reach those that the local count asks for, at four numbers of labels or more."""
    short = [
        p
        for p, v in evidence.rows
        if len(p["multiple"]) < 4 or None in v["theory_local"] or max(p["rank"]) <= max(v["theory_local"])
    ]
    return Check(not short, f"{len(evidence.rows) - len(short)} of {len(evidence.rows)} cells are wide enough")


def _by_rank(evidence: Evidence, metric: str) -> list[tuple[int, list[float]]]:
    """The values of each number of columns over the seeds."""
    from overparam.core.lines import align_seeds

    _setting(evidence)
    found = align_seeds(evidence, "rank", metric)
    return [(int(r), [float(line[i]) for line in found.lines[0]]) for i, r in enumerate(found.x)]


def _setting(evidence: Evidence) -> None:
    from overparam.studies.levels import one_setting

    one_setting(evidence, ("d", "trials", "steps"))
