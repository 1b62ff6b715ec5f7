"""The rules on why there is a peak, with their cut-offs fixed before the data."""

from __future__ import annotations

from typing import Any

from overparam.core import Check, Evidence, Finding, MissingEvidence
from overparam.studies.random_features.rules import FIT, RISE, WINDOW, lines_of, name_of, place_of, settings

PEAK = 1.5  # largest test loss near n over that at 0.5 n: at most this, and there is no peak
SHOULDER = 0.5  # of N/n
THEORY = (0.8, 1.25)  # measured over predicted test loss


def no_peak(evidence: Evidence, arm: str = "cut_") -> Finding:
    """The test loss near n is at most 1.5 times that at 0.5 n.

    The width is that of the largest mean over all seeds in [0.8, 1.25] n: picking works against the claim.
    """
    import numpy as np

    from overparam.core.stats import part, ratio_interval

    parts = []
    for setting in settings(evidence):
        ratio, (loss,) = lines_of(evidence, setting, f"{arm}test_loss")
        inside = (ratio >= WINDOW[0]) & (ratio <= WINDOW[1])
        if not inside.any():
            raise MissingEvidence("no width between 0.8 n and 1.25 n. Add some to --widths.")
        top = int(np.where(inside, np.log(loss).mean(axis=0), -np.inf).argmax())
        rise = ratio_interval(loss[:, top], loss[:, place_of(ratio, SHOULDER)])
        text = f"{name_of(evidence, setting)}: largest test loss in [0.8, 1.25] n over that at 0.5 n"
        parts.append(part(text, rise, at_most=PEAK))
    return Finding(tuple(parts))


def unfolds(evidence: Evidence, complexity: str = "test_parameters") -> Finding:
    """Sorted by complexity, the test loss makes no second descent; and beyond the fit point complexity falls with N.

    Places are chosen on the mean over all seeds, where they work against the claim.
    """
    import numpy as np

    from overparam.core.lines import largest_climb
    from overparam.core.stats import geometric_interval, part

    parts = []
    for setting in settings(evidence):
        ratio, (loss, size, train) = lines_of(evidence, setting, "test_loss", complexity, "train_loss_ratio")
        loss, size, name = np.log(loss), np.log(size), name_of(evidence, setting)
        first, last = _fit(ratio, train)
        if (ratio < first).sum() < 2 or (ratio > last).sum() < 2:
            raise MissingEvidence("fewer than two widths below the fit point, or beyond. Add some to --widths.")
        rise = geometric_interval(np.exp(largest_climb(size[:, ratio >= last])[0]))
        text = f"{name}: largest rise of complexity beyond the fit point ({last:.3g} n), as a factor"
        parts.append(part(text, rise, at_most=RISE))
        for branch, chosen, where in (
            ("up to the fit point", ratio <= first, "right of its minimum"),
            ("beyond the fit point", ratio >= last, "anywhere"),
        ):
            order = np.flatnonzero(chosen)[size[:, chosen].mean(axis=0).argsort(kind="stable")]
            line = loss[:, order]
            start = int(line.mean(axis=0).argmin()) if where != "anywhere" else 0
            fall = largest_climb(-line[:, start:])[0] if start + 1 < len(order) else np.zeros(len(line))
            text = f"{name}, {branch}: largest fall of the test loss with complexity, {where}, as a factor"
            parts.append(part(text, geometric_interval(np.exp(fall)), at_most=RISE))
    return Finding(tuple(parts))


def _fit(ratio: Any, train: Any) -> tuple[float, float]:
    """The smallest and the largest fit point over the seeds, in units of n."""
    from overparam.core.stats import fit_points

    points = fit_points(ratio.tolist(), train, FIT)
    reached = [point for point in points if point is not None]
    if len(reached) < len(points):
        raise MissingEvidence(f"{len(reached)} of {len(points)} seeds reach their fit point. Add to --widths.")
    return min(reached), max(reached)


def predicted(evidence: Evidence, prediction: str = "theory_test_loss") -> Finding:
    """Measured over predicted test loss lies in [0.8, 1.25] at every width outside [0.8, 1.25] n.

    Read at the widths of the largest and the smallest mean ratio over all seeds, which work against the claim.
    """
    import numpy as np

    from overparam.core.stats import part, ratio_interval

    parts = []
    away = _away(evidence, prediction)
    for setting in settings(away):
        ratio, (loss, theory) = lines_of(away, setting, "test_loss", prediction)
        miss = np.log(loss / theory).mean(axis=0)
        for word, place in (("largest", int(miss.argmax())), ("smallest", int(miss.argmin()))):
            text = f"{name_of(evidence, setting)}: measured over predicted test loss, {word}, at {ratio[place]:.3g} n"
            inner = ratio_interval(loss[:, place], theory[:, place])
            parts.append(part(text, inner, at_least=THEORY[0], at_most=THEORY[1]))
    return Finding(tuple(parts))


def _away(evidence: Evidence, *metrics: str) -> Evidence:
    """The evidence at the widths outside [0.8, 1.25] n alone: at N = n itself the prediction is infinite."""
    rows = []
    for params, values in evidence.rows:
        if not all(name in values for name in metrics):
            continue
        ratio = [width / params["n"] for width in values["width"]]
        kept = [i for i, r in enumerate(ratio) if r < WINDOW[0] or r > WINDOW[1]]
        if not kept:
            raise MissingEvidence("no width outside [0.8, 1.25] n. Add some to --widths.")
        some = {name: [values[name][i] for i in kept] for name in ("width", "test_loss", *metrics)}
        rows.append((params, some))
    return Evidence(tuple(rows))


def has(evidence: Evidence, value: str, advice: str) -> Check:
    """Some finished cell has this value."""
    having = sum(value in values for _, values in evidence.rows)
    return Check(
        having > 0, f"{having} of {len(evidence.rows)} cells have it" + ("." if having else f". {advice}")
    )
