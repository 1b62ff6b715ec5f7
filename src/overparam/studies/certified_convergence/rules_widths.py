"""The rules of the claims on widths: slopes over the width, and the distances between the rungs of the ladder."""

from __future__ import annotations

from typing import Any

from overparam.core import Check, Evidence, Finding, MissingEvidence
from overparam.studies.certified_convergence.rules import ROUNDING, chosen, hard, settings

PATH = (-0.6, -0.4)
STRAIGHT = 0.98  # R^2 of a line through logarithms
LAW = (0.45, 0.55)
SWITCHES = -1 / 3
GAP = 10.0
POINTS, SPAN = 4, 16  # widths, and largest over smallest


def path_shrinks(evidence: Evidence, arm: str = "") -> Finding:
    """Path over |W_0| falls like k^(-1/2), and no certified path is longer than proved."""
    from overparam.core.stats import mean_interval, part

    parts = []
    for name, cells in settings(evidence, f"{arm}path"):
        found = [line(values["width"], values[f"{arm}path"]) for values in cells]
        slope = mean_interval([a for a, _ in found])
        parts.append(part(f"{name}slope of log path over log width", slope, at_least=PATH[0], at_most=PATH[1]))
        straight = mean_interval([r for _, r in found])
        parts.append(part(f"{name}R^2 of that line", straight, at_least=STRAIGHT))
        over = [value for values in cells for value in chosen(values, "path_over", "certified")]
        if over:
            parts.append(
                hard(f"{name}path over its bound, worst certified run", over, len(cells), at_most=ROUNDING)
            )
    return Finding(tuple(parts))


def law_of_width(evidence: Evidence, arm: str = "") -> Finding:
    """1/(2h) grows like k^(1/2)."""
    from overparam.core.stats import mean_interval, part

    parts = []
    for name, cells in settings(evidence, f"{arm}room"):
        slopes = mean_interval([line(values["law_width"], values[f"{arm}room"])[0] for values in cells])
        label = f"{name}slope of log 1/(2h) over log width"
        parts.append(part(label, slopes, at_least=LAW[0], at_most=LAW[1]))
    return Finding(tuple(parts))


def few_switches(evidence: Evidence, arm: str = "") -> Finding:
    """The share of switched units falls with the width, and never exceeds its bound."""
    from overparam.core.stats import mean_interval, part

    parts = []
    for name, cells in settings(evidence, f"{arm}switched"):
        slopes = mean_interval([line(values["switch_width"], values[f"{arm}switched"])[0] for values in cells])
        label = f"{name}slope of log share of switched units over log width"
        parts.append(part(label, slopes, at_most=SWITCHES))
        over = [1e12 if v is None else v for values in cells for v in values[f"{arm}switched_over"]]
        label = f"{name}switched units of a sample over their bound, worst of {len(over)} widths"
        parts.append(hard(label, over, len(cells), at_most=1.0))
    return Finding(tuple(parts))


def gap(evidence: Evidence, top: str = "beforehand", below: tuple[str, ...] = ("fit", "afterwards")) -> Finding:
    """The width certified beforehand is at least ten times those below it."""
    from overparam.core.stats import part, ratio_interval

    parts = []
    for name, cells in settings(evidence, top):
        for rung in below:
            pairs = [(v[top], v[rung]) for v in cells if v[top] is not None and v[rung] is not None]
            if len(pairs) < len(cells):
                raise MissingEvidence(f"a seed has no width '{top}' or '{rung}'. Raise --largest.")
            ratio = ratio_interval([a for a, _ in pairs], [b for _, b in pairs])
            parts.append(part(f"{name}width '{top}' over width '{rung}'", ratio, at_least=GAP))
    return Finding(tuple(parts))


def below_print(evidence: Evidence, names: str = "smooth_formula", widths: str = "smooth_width") -> Finding:
    """The certified width is below each formula for smooth activations with constant 1."""
    from overparam.core.stats import part, ratio_interval

    parts = []
    for name, cells in settings(evidence, widths):
        if any(values["beforehand"] is None for values in cells):
            raise MissingEvidence("a seed has no certified width. Raise --largest.")
        for i, formula in enumerate(cells[0][names]):
            each = [1e300 if values[widths][i] is None else values[widths][i] for values in cells]
            ratio = ratio_interval(each, [values["beforehand"] for values in cells])
            parts.append(part(f"{name}{formula} over the certified width", ratio, at_least=1.0))
    return Finding(tuple(parts))


def spanned(evidence: Evidence, metric: str = "path", x: str = "width") -> Check:
    """At least four widths, the largest 16 times the smallest, all measured."""
    texts, ok = [], True
    for name, cells in settings(evidence, metric):
        widths = cells[0][x]
        measured = all(value is not None for values in cells for value in values[metric])
        ok = ok and len(widths) >= POINTS and widths[-1] >= SPAN * widths[0] and measured
        missing = "" if measured else ", some not measured"
        texts.append(f"{name}{len(widths)} widths from {widths[0]} to {widths[-1]}{missing}")
    return Check(ok, "; ".join(texts))


def certified_at_some_width(evidence: Evidence) -> Check:
    """Every seed has a width that is certified beforehand."""
    texts, ok = [], True
    for name, cells in settings(evidence, "beforehand"):
        found = sum(values["beforehand"] is not None for values in cells)
        ok = ok and found == len(cells)
        texts.append(f"{name}{found} of {len(cells)} seeds")
    return Check(ok, "; ".join(texts))


def line(x: Any, y: Any) -> tuple[float, float]:
    """Slope and R^2 of the least-squares line through logarithms.

    Raises:
        MissingEvidence: fewer than three points, or a value that is missing or not positive.

    >>> slope, straight = line([1, 10, 100], [1.0, 0.1, 0.01])
    >>> round(slope, 9), round(straight, 9)
    (-1.0, 1.0)
    """
    import numpy as np

    if len(x) < 3 or any(value is None or value <= 0 for value in y):
        raise MissingEvidence("a line over widths needs three positive values. Run more widths.")
    a, b = np.log(np.asarray(x, dtype=np.float64)), np.log(np.asarray(y, dtype=np.float64))
    a, b = a - a.mean(), b - b.mean()
    slope = float(a @ b / (a @ a))
    total = float(b @ b)
    return slope, 1.0 if total == 0 else 1.0 - float(((b - slope * a) ** 2).sum()) / total
