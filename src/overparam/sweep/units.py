"""The unit of a chart: that of the verdicts, where a rule reads its metric in another one than it is stored in."""

from __future__ import annotations

import re
from collections.abc import Iterator

from overparam.core import Arm, Chart, Study
from overparam.core.rule import Rule

_SHARE = re.compile(r"\b(?:share|fraction) of\b")
_KIN = re.compile(r"^best_|_by_step$")  # the same quantity at another time


def drawn_in(study: Study, chart: Chart) -> tuple[str, float]:
    """Return the title of a chart's vertical axis and the factor of its numbers.

    A share that some rule of the study reads in percent is drawn in percent, with the others of its chart.
    """
    percent = in_percent(study)
    asked = any(_KIN.sub("", one.metric) in percent or one.metric in percent for one in chart.series)
    if not asked or not _SHARE.search(chart.y_title):
        return chart.y_title, 1.0
    return _SHARE.sub("% of", chart.y_title), 100.0


def in_percent(study: Study) -> frozenset[str]:
    """Names of the metrics that some rule of the study reads times 100, also by the names they have on other arms."""
    found: set[str] = set()
    for claim in study.claims:
        own = {metric for rule in _rules(claim.rule, claim.control) for metric in _hundredfold(rule)}
        for arm in _arms(claim.on, claim.control):
            own |= {arm.metrics[metric] for metric in own & set(arm.metrics)}
        found |= own
    return frozenset(found)


def _rules(rule: Rule, control: object) -> Iterator[Rule]:
    yield rule
    other = getattr(control, "rule", None)
    if other is not None:
        yield other


def _arms(arm: Arm, control: object) -> Iterator[Arm]:
    yield arm
    other = getattr(control, "on", None)
    if other is not None:
        yield other


def _hundredfold(rule: Rule) -> Iterator[str]:
    for one in rule.compared():
        if one.op == "times" and one.of[1:] == (100,) and one.of[0].op == "line":
            yield one.of[0].of[0]
