"""The rules of the claims on certified runs: functions of the evidence, with cut-offs fixed before the data.

A hard check has no interval: it holds in every run of every seed or it does not, so that its part shows the worst
value three times. Every setting (samples, activation) is judged apart; cells without the measured quantity (a smooth
activation has no switches, relu no certified runs here) are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from overparam.core import Check, Evidence, Finding, MissingEvidence, Part

SETTING = ("n", "activation")
ENOUGH = 10  # certified runs in every setting
ROUNDING = 1 + 1e-9  # hard inequalities between measured and proved numbers
CONTRACTION = 1e-9  # absolute, on the factor of a step
POTENTIAL = 1e-12  # of the potential at the start
SHORTEST = 1.2  # distance over its proved lower bound


def never_fails(evidence: Evidence, arm: str = "") -> Finding:
    """No certified run fails, and every seed has a certified run."""
    parts = []
    for name, cells in settings(evidence, f"{arm}certified"):
        counts = [sum(values[f"{arm}certified"]) for values in cells]
        failures = sum(
            bad
            for values in cells
            for bad, yes in zip(values[f"{arm}failed"], values[f"{arm}certified"], strict=True)
            if yes
        )
        cut = sum(one or 0 for values in cells for one in values.get(f"{arm}cut", ()))
        runs = f"{sum(counts)} certified runs" + (f", {cut} of them cut at 20,000 steps" if cut else "")
        parts.append(hard(f"{name}failures among {runs}", [failures], len(cells), at_most=0))
        parts.append(hard(f"{name}certified runs of a seed, fewest", counts, len(cells), at_least=1))
        if not arm:
            later = [bad for values in cells for bad in chosen(values, "after_failed", "after_certified")]
            label = f"{name}failures among {len(later)} runs that are certified on their way"
            parts.append(hard(label, [sum(later)], len(cells), at_most=0))
    return Finding(tuple(parts))


def never_certified(evidence: Evidence, arm: str = "impossible_") -> Finding:
    """No certificate is given, although every seed was tried."""
    parts = []
    for name, cells in settings(evidence, f"{arm}certified"):
        tried = [len(values[f"{arm}certified"]) for values in cells]
        given = sum(sum(values[f"{arm}certified"]) for values in cells)
        parts.append(hard(f"{name}certificates in {sum(tried)} attempts", [given], len(cells), at_most=0))
        parts.append(hard(f"{name}attempts of a seed, fewest", tried, len(cells), at_least=1))
    return Finding(tuple(parts))


def contracts(evidence: Evidence, metric: str = "contraction_over") -> Finding:
    """Every step of every certified run contracts at least as proved."""
    return _worst(evidence, metric, "largest factor of a step less the proved one", CONTRACTION)


def stays_linear(evidence: Evidence, metric: str = "linear_over") -> Finding:
    """The residual stays within h of that of the linearised network."""
    return _worst(evidence, metric, "largest deviation from the linearised course over h |r_0|", 1.0)


def potential_falls(evidence: Evidence, metric: str = "potential_rise") -> Finding:
    """The potential never rises."""
    return _worst(evidence, metric, "largest rise of the potential over its start", POTENTIAL)


def lemma_holds(evidence: Evidence, arm: str = "") -> Finding:
    """The four inequalities of the key lemma hold in every run to which it applies."""
    what = (
        "squared residual over (1 - eta alpha^2/2)^t |r_0|^2",
        "distance over 4 |r_0| / alpha",
        "|r_0| over beta times the distance to the interpolator",
        "length of the path over 4 |r_0| / alpha",
    )
    parts: list[Part] = []
    for number, text in enumerate(what, start=1):
        parts += _worst(evidence, f"{arm}lemma{number}", text, ROUNDING, "lemma_applies").parts
    return Finding(tuple(parts))


def shortest(evidence: Evidence, metric: str = "shortest") -> Finding:
    """The certified runs end at most 20 % farther than the proved distance to every interpolator."""
    from overparam.core.stats import mean_interval, part

    parts = []
    for name, cells in settings(evidence, metric):
        each = [max(found) for values in cells if (found := chosen(values, metric, "certified"))]
        if not each:
            raise MissingEvidence(f"no certified run has '{metric}'.")
        label = f"{name}distance over its lower bound, worst certified run of a seed"
        parts.append(part(label, mean_interval(each), at_most=SHORTEST))
    return Finding(tuple(parts))


def enough_certified(evidence: Evidence) -> Check:
    """At least ten certified runs in every setting."""
    return _enough(evidence, "certified", "certified runs")


def lemma_applied(evidence: Evidence) -> Check:
    """At least ten runs in every setting meet the premises of the key lemma."""
    return _enough(evidence, "lemma_applies", "runs with h <= 1/16 and a step of at most 1/(2 beta^2)")


def _enough(evidence: Evidence, metric: str, what: str) -> Check:
    texts, ok = [], True
    for name, cells in settings(evidence, metric):
        count = sum(sum(values[metric]) for values in cells)
        ok = ok and count >= ENOUGH
        texts.append(f"{name}{count} {what}")
    return Check(ok, "; ".join(texts))


def settings(evidence: Evidence, metric: str) -> list[tuple[str, list[Any]]]:
    """Label and cells of every setting whose cells hold the metric, ordered by setting.

    Raises:
        MissingEvidence: no cell holds it.
    """
    found: dict[tuple[Any, ...], list[Any]] = {}
    for params, values in evidence.rows:
        if metric in values:
            found.setdefault(tuple(params[name] for name in SETTING), []).append(values)
    if not found:
        raise MissingEvidence(f"no finished cell has '{metric}'. Run a smooth activation and relu.")
    several = [len({key[i] for key in found}) > 1 for i in range(len(SETTING))]

    def label(key: tuple[Any, ...]) -> str:
        text = ", ".join(
            str(value) if name == "activation" else f"{name} = {value:g}"
            for name, value, many in zip(SETTING, key, several, strict=True)
            if many
        )
        return f"{text}: " if text else ""

    return [(label(key), found[key]) for key in sorted(found)]


def hard(
    label: str,
    values: Iterable[float],
    seeds: int,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
) -> Part:
    """A part whose worst value must be on the right side: no interval, no tolerance beyond rounding."""
    pick: Callable[[Iterable[float]], float] = min if at_least is not None else max
    worst = float(pick(values))
    return Part(label, worst, worst, worst, seeds, at_least, at_most)


def chosen(values: Any, metric: str, where: str) -> Sequence[float]:
    """The values of a list at the runs that are marked in another list; an infinite one is a very large number."""
    pairs = zip(values[metric], values[where], strict=True)
    return [1e12 if value is None else value for value, yes in pairs if yes]


def _worst(evidence: Evidence, metric: str, text: str, at_most: float, where: str = "certified") -> Finding:
    parts = []
    for name, cells in settings(evidence, metric):
        found = [value for values in cells for value in chosen(values, metric, where)]
        if not found:
            raise MissingEvidence(f"no run is marked '{where}'.")
        parts.append(hard(f"{name}{text}, worst of {len(found)} runs", found, len(cells), at_most=at_most))
    return Finding(tuple(parts))
