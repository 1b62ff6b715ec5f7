"""The rules of the claims on linear systems: functions of the evidence, with cut-offs fixed before the data.

Each rule is applied to every setting (number of equations, tolerance) among the cells; all parts must hold. ``arm``
is empty for the Gaussian matrix, ``copies_`` where half the unknowns repeat others, ``whitened_`` where all singular
values are made equal.
"""

from __future__ import annotations

from typing import Any

from overparam.core import Check, Evidence, Finding, MissingEvidence
from overparam.studies import grids

RESIDUAL = (0.97, 1.03)  # of 1 - n/m
ZERO = -20.0  # power of ten of |b|^2: what float64 calls zero (condition numbers of A up to 4e5)
PLACE = (0.9, 1.1)  # of n/m
FALL = 1 / 20  # iterations at FAR over those at NEAR
FAR, NEAR = 4.0, 1.05  # ratios n/m
SETTING = ("m", "tolerance")


def line_of_residuals(evidence: Evidence, arm: str = "") -> Finding:
    """The mean residual is 1 - n/m below m, and rounding from m on.

    The size of the largest mean deviation is judged, chosen on all seeds: that works against the claim.
    """
    import numpy as np

    from overparam.core.stats import mean_interval, part

    parts = []
    for setting in grids.settings(evidence, SETTING):
        ratio, (left,) = _lines(evidence, setting, f"{arm}residual")
        below = ratio < 1
        if not below.any() or below.all():
            raise MissingEvidence("no size on one side of n = m. Add some to --ratios.")
        share = left[:, below] / (1 - ratio[below])
        worst = int(np.abs(share.mean(axis=0) - 1).argmax())
        label = (
            f"{grids.label(evidence, setting)}residual over 1 - n/m, worst at n = {ratio[below][worst]:.3g} m"
        )
        parts.append(part(label, mean_interval(share[:, worst]), at_least=RESIDUAL[0], at_most=RESIDUAL[1]))
        rest = np.log10(left[:, ~below].max(axis=1).clip(1e-40))
        label = f"{grids.label(evidence, setting)}largest residual of all n >= m, as a power of ten"
        parts.append(part(label, mean_interval(rest), at_most=ZERO))
    return Finding(tuple(parts))


def solvable_from_m(evidence: Evidence, arm: str = "") -> Finding:
    """The matrix has rank m, so that every b has a solution, exactly at the sizes n >= m."""
    from overparam.core.stats import mean_interval, part

    parts = []
    for setting in grids.settings(evidence, SETTING):
        ratio, (solvable,) = _lines(evidence, setting, f"{arm}solvable")
        if (ratio < 1).all() or (ratio >= 1).all():
            raise MissingEvidence("no size on one side of n = m. Add some to --ratios.")
        agrees = (solvable == (ratio >= 1)).mean(axis=1)
        label = (
            f"{grids.label(evidence, setting)}share of the {len(ratio)} sizes at which rank m goes with n >= m"
        )
        parts.append(part(label, mean_interval(agrees), at_least=1.0))
    return Finding(tuple(parts))


def slowest_at_m(evidence: Evidence, arm: str = "") -> Finding:
    """Gradient descent takes longest at a size within 10 % of m."""
    from overparam.core.stats import part, place_interval

    parts = []
    for setting in grids.settings(evidence, SETTING):
        ratio, (steps,) = _lines(evidence, setting, f"{arm}iterations")
        place = place_interval(ratio.tolist(), steps.argmax(axis=1).tolist())
        label = f"{grids.label(evidence, setting)}place of the most iterations"
        parts.append(part(label, place, at_least=PLACE[0], at_most=PLACE[1], unit="m"))
    return Finding(tuple(parts))


def fast_beyond(evidence: Evidence, arm: str = "") -> Finding:
    """Iterations at 4 m are at most a twentieth of those at 1.05 m."""
    from overparam.core.stats import part, ratio_interval

    parts = []
    for setting in grids.settings(evidence, SETTING):
        ratio, (steps,) = _lines(evidence, setting, f"{arm}iterations")
        fall = ratio_interval(
            steps[:, grids.at(ratio, FAR, "m", "ratios")], steps[:, grids.at(ratio, NEAR, "m", "ratios")]
        )
        label = f"{grids.label(evidence, setting)}iterations at {FAR:g} m over those at {NEAR:g} m"
        parts.append(part(label, fall, at_most=FALL))
    return Finding(tuple(parts))


def bracketed(evidence: Evidence) -> Check:
    """At least five sizes in [0.8, 1.25] m, one of them within 2 % of m."""
    return grids.bracketed(evidence, SETTING, "m", lambda some, setting: _lines(some, setting, "iterations")[0])


def _lines(evidence: Evidence, setting: grids.Setting, *metrics: str) -> tuple[Any, list[Any]]:
    import numpy as np

    from overparam.core.lines import align_seeds

    found = align_seeds(evidence, "ratio", *metrics, **setting)
    return np.asarray(found.x), list(found.lines)
