"""The rules of the claims on lazy training: functions of the evidence, with cut-offs fixed before the data.

Where a run holds centred and normalised inputs and raw ones, the first are judged. ``arm`` names a control's metric.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from overparam.core import Check, Evidence, Finding, MissingEvidence, Part
from overparam.studies.levels import one_setting

SLOPES: Mapping[str, tuple[float, float]] = {
    "distance": (-1.1, -0.9),
    "weight_gap": (-2.2, -1.8),
    "output_gap": (-1.15, -0.85),
    "start": (-0.6, -0.4),
    "moved": (-0.6, -0.4),
}
DRIFT = (-0.6, -0.4)
KEPT = 0.5  # of lambda_0
VARIANCE = MEAN = (0.9, 1.1)  # of the formula's
Z = 3.0
RANK = 0.8  # Spearman's correlation
STEPS = (0.75, 1.25)  # predicted over measured
EASY = (1.0, 10.0)  # steps of random labels over those of a linear target
MARGIN = -1e-12  # of the largest squared singular value: rounding
REST = ("n", "d", "activation", "steps", "units", "widest_deep", "ensemble_width", "members", "samples",
        "targets_width", "target_steps")  # fmt: skip


def slope_in(
    evidence: Evidence, metric: str, x: str, experiment: str, cuts: tuple[float | None, float | None]
) -> Part:
    """Slope of the logarithm of a metric against that of x, a least-squares line a seed, against its cut-offs."""
    import numpy as np

    from overparam.core.stats import mean_interval, part

    sizes, (line,) = _lines(evidence, x, experiment, metric)
    if len(sizes) < 3:
        raise MissingEvidence(f"expected at least three values of {x}, got {len(sizes)}. Add some.")
    if (line <= 0).any():
        raise MissingEvidence(f"'{metric}' is not positive at every {x}, so that it has no logarithm.")
    logs = np.log(sizes) - np.log(sizes).mean()
    slopes = np.log(line) @ logs / (logs @ logs)
    label = f"slope of log {metric.replace('_', ' ')} against log {x}"
    return part(label, mean_interval(slopes), at_least=cuts[0], at_most=cuts[1])


def scaling(evidence: Evidence, metric: str, arm: str = "") -> Finding:
    """A metric of the scale experiment falls with the power that the theory says."""
    return Finding((slope_in(evidence, arm + metric, "scale", "scale", SLOPES[metric]),))


def outputs_bounded(evidence: Evidence, arms: Sequence[str] = ("", "centred_")) -> Finding:
    """The distance of the outputs from the linear model's falls at least like 1/alpha."""
    cuts = (None, SLOPES["output_gap"][1])
    return Finding(tuple(slope_in(evidence, f"{arm}output_gap", "scale", "scale", cuts) for arm in arms))


def widening(evidence: Evidence, metric: str, arm: str = "") -> Finding:
    """A metric of the two-layer width experiment falls like one over the root of the width."""
    return Finding((slope_in(evidence, arm + metric, "width", "width", SLOPES[metric]),))


def deep_start(evidence: Evidence, arm: str = "") -> Finding:
    """Kernels of networks with two and three hidden layers start nearer to their limit, by the root of the width."""
    return Finding(
        tuple(slope_in(evidence, f"{arm}start_{depth}", "width", "drift", SLOPES["start"]) for depth in (2, 3))
    )


def drifting(evidence: Evidence, arms: Sequence[str] = ("1", "2", "3"), exact: bool = False) -> Finding:
    """The kernel's relative change falls at least like one over the root of the width; exactly so if asked."""
    cuts = (DRIFT[0] if exact else None, DRIFT[1])
    return Finding(tuple(slope_in(evidence, f"drift_{arm}", "width", "drift", cuts) for arm in arms))


def kept(evidence: Evidence, narrowest: bool = False) -> Finding:
    """The smallest eigenvalue stays above half of that of the limit, at the widest network."""
    from overparam.core.stats import mean_interval, part

    widths, (least,) = _lines(evidence, "width", "width", "lowest")
    at = 0 if narrowest else len(widths) - 1
    label = f"smallest eigenvalue during training over that of the limit, {widths[at]:g} units"
    return Finding((part(label, mean_interval(least[:, at]), at_least=KEPT),))


def gaussian(evidence: Evidence, arm: str = "") -> Finding:
    """Mean and variance over initialisations are those of the formula."""
    from overparam.core.stats import mean_interval, part

    chosen = _chosen(evidence, "ensemble")
    ratio, share, z = (_scalars(chosen, arm + name) for name in ("variance_ratio", "mean_share", "z"))
    return Finding(
        (
            part(
                "variance over the formula's", mean_interval(ratio), at_least=VARIANCE[0], at_most=VARIANCE[1]
            ),
            part("coefficient of the formula's mean", mean_interval(share), at_least=MEAN[0], at_most=MEAN[1]),
            part("distance of the mean, root mean square in standard errors", mean_interval(z), at_most=Z),
        )
    )


def ranked(evidence: Evidence, metric: str = "bound") -> Finding:
    """The bound orders the targets as their test errors do."""
    from scipy.stats import spearmanr

    from overparam.core.stats import mean_interval, part

    _, (bound, error) = _lines(evidence, "target", "targets", metric, "test_error")
    found = [float(spearmanr(a, b).statistic) for a, b in zip(bound, error, strict=True)]
    label = "rank correlation of bound and test error over targets"
    return Finding((part(label, mean_interval(found), at_least=RANK),))


def above(evidence: Evidence, metric: str = "bound") -> Finding:
    """The bound is at least the mean absolute test error, for every target of every seed."""
    from overparam.core.stats import mean_interval, part

    _, (bound, error) = _lines(evidence, "target", "targets", metric, "test_error")
    _, (vacuous,) = _lines(evidence, "target", "targets", "vacuous")
    share = (bound >= error).mean(axis=1)
    return Finding(
        (part("share of targets whose test error is at most the bound", mean_interval(share), at_least=1.0),),
        note=f"{vacuous.mean():.0%} of the bounds are vacuous: at least the range of the targets.",
    )


def timed(evidence: Evidence, metric: str = "theory_steps") -> Finding:
    """Predicted steps to fit over measured ones, at the target of the largest mean deviation."""
    import numpy as np

    from overparam.core.stats import part, ratio_interval

    places, (predicted, measured) = _lines(evidence, "target", "targets", metric, "steps")
    gap = np.log(predicted) - np.log(measured)
    worst = int(np.abs(gap.mean(axis=0)).argmax())
    interval = ratio_interval(predicted[:, worst], measured[:, worst])
    label = f"predicted over measured steps, worst at target {places[worst]:g}"
    return Finding((part(label, interval, at_least=STEPS[0], at_most=STEPS[1]),))


def slower(evidence: Evidence, control: bool = False) -> Finding:
    """Random labels (the last target) take longer than the linear target (the first), at most ten times as long.

    The control compares predicted steps: of random labels, and of the linear target's labels after shuffling.
    """
    from overparam.core.stats import part, ratio_interval

    metrics = ("theory_steps", "shuffled_steps") if control else ("steps", "steps")
    _, (top, bottom) = _lines(evidence, "target", "targets", *metrics)
    label = "steps of random labels over those of the linear target"
    interval = ratio_interval(top[:, -1], bottom[:, 0])
    return Finding((part(label, interval, at_least=EASY[0], at_most=EASY[1]),))


def gradients(evidence: Evidence, lower: str = "gradient_low") -> Finding:
    """The squared gradient over twice the loss lies between the extreme squared singular values, always."""
    import numpy as np

    from overparam.core.stats import mean_interval, part

    _, (low, high) = _lines(evidence, "width", "width", lower, "gradient_high")
    share = np.mean((low >= MARGIN) & (high >= MARGIN), axis=1)
    return Finding((part("share of widths without a violation", mean_interval(share), at_least=1.0),))


def generated(evidence: Evidence) -> Check:
    """The ten targets are functions of generated inputs; digits have no linear and no random target."""
    names = evidence.levels("data")
    ok = bool(names) and "digits" not in names
    return Check(ok, f"data: {', '.join(map(str, names)) or 'none'}")


def fitted(evidence: Evidence) -> Check:
    """Every target reached 5 % of its initial loss within the steps, in every seed."""
    rows = _chosen(evidence, "targets").rows
    missing = sum(value is None for _, values in rows for value in values.get("steps", ()))
    return Check(bool(rows) and not missing, f"{missing} of {10 * len(rows)} runs did not reach it")


def _chosen(evidence: Evidence, experiment: str) -> Evidence:
    """The cells of an experiment, with centred and normalised inputs where there are any."""
    cells = evidence.where(experiment=experiment)
    if not cells.rows:
        raise MissingEvidence(f"no finished cell of the experiment '{experiment}'. Run it with --experiments.")
    inputs = cells.levels("inputs")
    cells = cells.where(inputs="unit") if "unit" in inputs else cells
    one_setting(cells, REST)
    return cells


def _lines(evidence: Evidence, x: str, experiment: str, *metrics: str) -> tuple[Any, list[Any]]:
    import numpy as np

    from overparam.core.lines import align_seeds

    found = align_seeds(_chosen(evidence, experiment), x, *metrics)
    return np.asarray(found.x, dtype=np.float64), list(found.lines)


def _scalars(evidence: Evidence, name: str) -> list[float]:
    found = [values[name] for _, values in evidence.rows if values.get(name) is not None]
    if not found:
        raise MissingEvidence(f"no finished cell has '{name}'.")
    return found
