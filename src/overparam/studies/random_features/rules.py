"""The rules of the claims: functions of the evidence, with their cut-offs fixed before the data.

Every rule is applied to each setting (feature map, number of samples, noise, scale) among the cells; all parts
must hold. ``arm`` is empty for the minimum-norm solution and ``ridge_`` for the tuned ridge.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from overparam.core import Check, Evidence, Finding, MissingEvidence, Part
from overparam.studies import grids

PLACE = (0.9, 1.1)  # of N/n, where the peak must lie
WINDOW = grids.WINDOW  # of N/n, where the height of the peak is read
LOSS_HEIGHT = 10.0
ERROR_HEIGHT = 2.0
KERNEL = (0.9, 1.1)
RISE = 1.10
FIT = 1e-6  # of the initial loss
NEAR = grids.CLOSE  # relative distance at which a width counts as the one asked for
SETTING = ("features", "n", "noise", "scale", "n_test")
NAMES = {"fourier": "Fourier", "relu": "ReLU"}


def peak(evidence: Evidence, arm: str = "") -> Finding:
    """The test loss is largest at a width within 10 % of n."""
    parts, notes = [], []
    for setting in settings(evidence):
        ratio, (loss,) = lines_of(evidence, setting, f"{arm}test_loss")
        parts.append(_place(f"{name_of(evidence, setting)}: place of the largest test loss", ratio, loss))
        notes.append(_fit_note(evidence, setting))
    return Finding(tuple(parts), " ".join(notes))


def height(evidence: Evidence, arm: str = "") -> Finding:
    """Peak over right end: at least 10 in squared loss and 2 in 0-1 error."""
    parts = []
    for setting in settings(evidence):
        ratio, (loss, error) = lines_of(evidence, setting, f"{arm}test_loss", f"{arm}test_error")
        half = 0.5 / _scalar(evidence, setting, "n_test")
        label = name_of(evidence, setting)
        parts.append(_over_right_end(f"{label}: squared loss, peak over right end", ratio, loss, LOSS_HEIGHT))
        parts.append(
            _over_right_end(f"{label}: 0-1 error, peak over right end", ratio, error.clip(half), ERROR_HEIGHT)
        )
    return Finding(tuple(parts))


def norm(evidence: Evidence, arm: str = "") -> Finding:
    """The coefficients are largest within 10 % of n, and smaller at the right end."""
    parts = []
    for setting in settings(evidence):
        ratio, (size,) = lines_of(evidence, setting, f"{arm}norm")
        label = name_of(evidence, setting)
        parts.append(_place(f"{label}: place of the largest coefficient norm", ratio, size))
        parts.append(_over_right_end(f"{label}: coefficient norm, peak over right end", ratio, size, 1.0))
    return Finding(tuple(parts))


def descent(evidence: Evidence, start: float = 1.0, stop: float = 10.0) -> Finding:
    """The test loss at ``stop`` times n is below that at ``start`` times n."""
    from overparam.core.stats import part, ratio_interval

    parts = []
    for setting in settings(evidence):
        ratio, (loss,) = lines_of(evidence, setting, "test_loss")
        inner = ratio_interval(loss[:, place_of(ratio, start)], loss[:, place_of(ratio, stop)])
        label = f"{name_of(evidence, setting)}: test loss at {start:g} n over that at {stop:g} n"
        parts.append(part(label, inner, at_least=1.0))
    return Finding(tuple(parts))


def strong(evidence: Evidence, at: float = 10.0) -> Finding:
    """The test loss at ``at`` times n is below the best of all widths below n, seed by seed."""
    from overparam.core.stats import part, ratio_interval

    parts = []
    for setting in settings(evidence):
        ratio, (loss,) = lines_of(evidence, setting, "test_loss")
        if not (ratio < 1).any():
            raise MissingEvidence("no width below n. Add some to --widths.")
        inner = ratio_interval(loss[:, ratio < 1].min(axis=1), loss[:, place_of(ratio, at)])
        label = f"{name_of(evidence, setting)}: best test loss below n over that at {at:g} n"
        parts.append(part(label, inner, at_least=1.0))
    return Finding(tuple(parts))


def kernel_limit(evidence: Evidence, at: float = 20.0) -> Finding:
    """The test loss at ``at`` times n is within 10 % of that of the ridgeless kernel solution."""
    from overparam.core.stats import part, ratio_interval

    parts = []
    for setting in settings(evidence):
        ratio, (loss, limit) = lines_of(evidence, setting, "test_loss", "limit_test_loss")
        here = place_of(ratio, at)
        inner = ratio_interval(loss[:, here], limit[:, here])
        label = f"{name_of(evidence, setting)}: test loss at {at:g} n over that of the kernel"
        parts.append(part(label, inner, at_least=KERNEL[0], at_most=KERNEL[1]))
    return Finding(tuple(parts))


def no_rise(evidence: Evidence, arm: str = "ridge_") -> Finding:
    """The largest rise of the test loss from any width to any larger one is at most a factor 1.10.

    The two widths are those of the largest rise of the mean over all seeds: picking works against the claim.
    """
    import numpy as np

    from overparam.core.stats import part, ratio_interval

    parts = []
    for setting in settings(evidence):
        ratio, (loss,) = lines_of(evidence, setting, f"{arm}test_loss")
        low, high = np.triu_indices(len(ratio), k=1)
        middle = np.log(loss).mean(axis=0)
        worst = int((middle[high] - middle[low]).argmax())
        rise = ratio_interval(loss[:, high[worst]], loss[:, low[worst]])
        label = f"{name_of(evidence, setting)}: largest rise of the test loss with the width, as a factor"
        parts.append(part(label, rise, at_most=RISE))
    return Finding(tuple(parts))


def fit_reached(evidence: Evidence) -> Check:
    """Every seed of every setting reaches the fit point within the widths."""
    from overparam.core.stats import fit_points

    texts, ok = [], True
    for setting in settings(evidence):
        curve = evidence.curve("train_loss_ratio", "width", **setting)
        points = fit_points(curve.x, curve.y, FIT) if curve.seeds else ()
        reached = [p for p in points if p is not None]
        ok = ok and bool(points) and len(reached) == len(points)
        where = f", first at width {min(reached):g} to {max(reached):g}" if reached else ""
        texts.append(f"{name_of(evidence, setting)}: {len(reached)} of {len(points)} seeds reach it{where}")
    return Check(ok, f"train loss at most {FIT:g} of the initial loss. " + "; ".join(texts))


def bracketed(evidence: Evidence) -> Check:
    """At least five widths in [0.8, 1.25] n, one of them within 2 % of n."""
    texts, ok = [], True
    for setting in settings(evidence):
        ratio, _ = lines_of(evidence, setting, "test_loss")
        inside = int(((ratio >= WINDOW[0]) & (ratio <= WINDOW[1])).sum())
        nearest = float(ratio[abs(ratio - 1).argmin()])
        ok = ok and inside >= grids.DENSE and abs(nearest - 1) <= NEAR
        texts.append(
            f"{name_of(evidence, setting)}: {inside} widths in [0.8, 1.25] n, nearest to n at {nearest:.3g} n"
        )
    return Check(ok, "; ".join(texts))


def reaches(evidence: Evidence, ratio: float) -> Check:
    """The widest features number at least ``ratio`` times n."""
    texts, ok = [], True
    for setting in settings(evidence):
        widest = float(lines_of(evidence, setting, "test_loss")[0][-1])
        ok = ok and widest >= ratio * (1 - NEAR)
        texts.append(f"{name_of(evidence, setting)}: widths end at {widest:.3g} n, asked for {ratio:g} n")
    return Check(ok, "; ".join(texts))


def settings(evidence: Evidence) -> list[dict[str, Any]]:
    """The distinct settings among the cells, everything but the seed and the arms of a cell."""
    return grids.settings(evidence, SETTING)


def lines_of(evidence: Evidence, setting: Mapping[str, Any], *metrics: str) -> tuple[Any, list[Any]]:
    """Return ``N/n`` of shape ``(points,)`` and each metric of shape ``(seeds, points)``, paired by seed."""
    import numpy as np

    from overparam.core.lines import align_seeds

    found = align_seeds(evidence, "width", *metrics, **setting)
    return np.asarray(found.x) / setting["n"], list(found.lines)


def _scalar(evidence: Evidence, setting: Mapping[str, Any], name: str) -> float:
    return float(next(values[name] for _, values in evidence.where(**setting).rows))


def _place(label: str, ratio: Any, lines: Any) -> Part:
    from overparam.core.stats import part, place_interval

    places = place_interval(ratio.tolist(), lines.argmax(axis=1).tolist())
    return part(label, places, at_least=PLACE[0], at_most=PLACE[1], unit="n")


def _over_right_end(label: str, ratio: Any, lines: Any, at_least: float) -> Part:
    import numpy as np

    from overparam.core.stats import argmax_within, leave_one_out, part, ratio_interval

    inside = (ratio >= WINDOW[0]) & (ratio <= WINDOW[1])
    if not inside.any():
        raise MissingEvidence("no width between 0.8 n and 1.25 n. Add some to --widths.")
    top, _ = leave_one_out(np.log(lines), argmax_within(inside))
    return part(label, ratio_interval(np.exp(top), lines[:, -1]), at_least=at_least)


def place_of(ratio: Any, wanted: float) -> int:
    """Return the index of the width within 2 % of ``wanted`` times n."""
    index = int(abs(ratio / wanted - 1).argmin())
    if abs(ratio[index] / wanted - 1) > NEAR:
        raise MissingEvidence(f"no width within 2 % of {wanted:g} n. Add it to --widths.")
    return index


def name_of(evidence: Evidence, setting: Mapping[str, Any]) -> str:
    """Name a setting by its feature map, and by whatever else differs among the settings."""
    several = [k for k in setting if k != "features" and len(evidence.levels(k)) > 1]
    extra = "".join(f", {k} = {setting[k]:g}" for k in several)
    return NAMES[setting["features"]] + extra


def _fit_note(evidence: Evidence, setting: Mapping[str, Any]) -> str:
    import numpy as np

    from overparam.core.stats import fit_points

    ratio, (loss, rank) = lines_of(evidence, setting, "train_loss_ratio", "rank")
    points = [p for p in fit_points(ratio.tolist(), loss, FIT) if p is not None]
    where = f"{float(np.median(points)):.3g} n" if points else "not reached"
    short = float(rank[:, int(abs(ratio - 1).argmin())].mean()) / setting["n"]
    return f"{name_of(evidence, setting)}: fit point {where}, rank of the features at N = n {short:.3g} n."
