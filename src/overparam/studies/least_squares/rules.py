"""The rules of the claims on least squares: the worst of all runs against a cut-off, fixed before the data.

What is claimed is exact, so nothing is averaged: each part is the largest value of a number over all runs, and one
run beyond the cut-off contradicts the claim. ``arm`` is empty for gradient descent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from overparam.core import Check, Evidence, Finding, MissingEvidence, Params, Part
from overparam.studies import extremes

SMALL = 1e-8  # of the distance to the closest solution, or of the first residual: what counts as nothing
ROUNDING = 1e-9  # excess of a contraction over its bound
AGREES = 1e-6  # relative distance from a closed form
SETTING = ("inputs", "n", "features", "step")


def worst(evidence: Evidence, metric: str, label: str, at_most: float) -> Part:
    """The largest value of a number over all runs, with the setting of the worst."""
    return extremes.worst(evidence, metric, label, at_most, SETTING)


def fits(evidence: Evidence, arm: str = "") -> Finding:
    """Nothing of the residual is left."""
    return Finding((worst(evidence, f"{arm}residual", "largest last residual over the first", SMALL),))


def closest(evidence: Evidence, arm: str = "") -> Finding:
    """The end is the closest solution, and nothing moved outside of the rows' span."""
    return Finding(
        (
            worst(evidence, f"{arm}distance", "largest distance from the closest solution, relative", SMALL),
            worst(evidence, f"{arm}outside", "largest move outside of the span of the rows, relative", SMALL),
        )
    )


def rate(evidence: Evidence, arm: str = "") -> Finding:
    """Every step shrinks the residual as promised, and the whole curve is the predicted one."""
    return Finding(
        (
            worst(
                evidence,
                f"{arm}excess",
                "largest ratio of successive residuals over the rate, less 1",
                ROUNDING,
            ),
            worst(
                evidence, f"{arm}gap", "largest relative distance of the residual from the closed form", AGREES
            ),
            worst(evidence, f"{arm}slow_gap", "largest relative error of the slowest component's rate", AGREES),
        )
    )


def short(evidence: Evidence, arm: str = "") -> Finding:
    """The path is at most sqrt(n) distances, and no component turns back."""
    return Finding(
        (
            worst(evidence, f"{arm}path_share", "largest path over sqrt(n) distances", 1.0 + ROUNDING),
            worst(evidence, f"{arm}overshoot", "largest overshoot of a component, relative", AGREES),
        )
    )


def full_rank(evidence: Evidence) -> Check:
    """Every input matrix has as many independent rows as labels."""
    rows = _some(evidence)
    short_of = [(p, v) for p, v in rows if v["rank"] < p["n"]]
    detail = f"{len(rows)} of {len(rows)} matrices have rank n"
    if short_of:
        params, values = short_of[0]
        detail = (
            f"rank {values['rank']} of {params['n']} at seed {params['seed']}. Take fewer samples or features."
        )
    return Check(not short_of, detail)


def settled(evidence: Evidence) -> Check:
    """The closed form predicts that the runs were long enough."""
    rows = _some(evidence)
    late = [v["predicted_steps"] for _, v in rows if not v["settled"]]
    detail = f"the longest run takes {max(v['predicted_steps'] for _, v in rows)} steps"
    if late:
        detail = f"{len(late)} of {len(rows)} runs need more steps than allowed, up to {max(late)}. Take fewer samples."
    return Check(not late, detail)


def small_step(evidence: Evidence) -> Check:
    """The step is at most ``1/|X|^2``: beyond, components overshoot and the bound on the path is not claimed."""
    largest = max(p["step"] for p, _ in _some(evidence))
    return Check(largest <= 1, f"the largest step is {largest:g} / |X|^2")


def _some(evidence: Evidence) -> list[tuple[Params, Mapping[str, Any]]]:
    rows = [row for row in evidence.rows if "rank" in row[1]]
    if not rows:
        raise MissingEvidence("no finished cell. Run the study first.")
    return rows
