"""Numbers and verdicts in words: every number shown to a person carries its n and its interval."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from overparam.core import digits
from overparam.core.kinds import WORDS, word
from overparam.core.words import MINUS, moment, number, superscript

STATUSES = ("supported", "contradicted", "inconclusive", "not_applicable")
KINDS = ("claim", *WORDS)
_LONG = 8
LEVEL = 0.95  # of an interval whose record does not say


def together(*values: float | None, against: Iterable[float | None] = ()) -> tuple[str, ...]:
    """Write an estimate and the ends of its interval, with digits enough to tell them from the cut-offs.

    The digits are those of the terminal (:func:`overparam.core.digits.together`), with the signs of a printed page.

    Args:
        values: the numbers, None for a missing one.
        against: the cut-offs they are compared with.

    >>> together(-6.1234, -7.7468, 4500.0), together(4.79, 3.9993, 5.5774, against=[4.0])
    (('−6', '−8', '4,500'), ('4.790', '3.999', '5.577'))
    """
    return tuple(_printed(text) for text in digits.together(*values, *against)[: len(values)])


def _printed(text: str) -> str:
    mantissa, _, exponent = text.replace("-", MINUS, text.startswith("-")).partition("e")
    if exponent:
        return f"{mantissa} × 10{superscript(int(exponent))}"
    whole, dot, decimals = mantissa.partition(".")
    if whole.lstrip(MINUS).isdigit():
        whole = f"{int(whole.replace(MINUS, '-')):,}".replace("-", MINUS) if whole != f"{MINUS}0" else whole
    if len(decimals) >= _LONG and not decimals.strip("0"):
        return whole  # a difference that so many digits do not show
    return whole + dot + decimals


def seeds(n: int) -> str:
    """Return ``n`` in words.

    >>> seeds(0), seeds(1), seeds(5)
    ('no seed', 'one seed', 'n = 5 seeds')
    """
    return {0: "no seed", 1: "one seed"}.get(n, f"n = {n} seeds")


def with_unit(text: str, unit: str) -> str:
    """Return a written number with its unit; the factor sign follows without a space."""
    return f"{text}{unit}" if unit in ("×", "%") else f"{text} {unit}".rstrip()


def percent(level: float | None) -> str:
    """Return the level of an interval.

    >>> percent(0.97), percent(0.9975)
    ('97 %', '99.75 %')
    """
    return f"{100 * (level or LEVEL):.6g} %"


def interval(
    low: float | None,
    high: float | None,
    n: int,
    effect: float | None = None,
    *,
    level: float | None = None,
    against: Iterable[float | None] = (),
) -> str:
    """Return the interval with its level and n, or why there is none.

    Args:
        low: its lower end.
        high: its upper end.
        n: number of seeds.
        effect: the estimate, which sets the precision with the ends.
        level: the level; by default that of older records.
        against: cut-offs with which the written numbers must agree.

    >>> interval(4.5, 7.7468, 5, 6.1, level=0.97)
    '97 % interval 4.5 to 7.75, n = 5 seeds'
    >>> interval(None, None, 1)
    'one seed: no interval'
    >>> interval(2.0, 2.0, 5)  # a worst case or a count, or seeds that do not differ
    'no interval, n = 5 seeds'
    """
    if low is None or high is None:
        return f"{seeds(n)}: no interval"
    if low == high:
        return f"no interval, {seeds(n)}"
    _, below, above = together(effect, low, high, against=against)
    return f"{percent(level)} interval {below} to {above}, {seeds(n)}"


def limits(part: Mapping[str, Any]) -> list[float]:
    """Return every cut-off of a part: those that support it, and those that contradict it."""
    names = ("at_least", "at_most", "contradicted_below", "contradicted_above")
    return [part[name] for name in names if part.get(name) is not None]


def bar(part: Mapping[str, Any], level: float | None = None) -> str:
    """Return the interval of a part, with digits that agree with its status."""
    return interval(part["low"], part["high"], part["n"], part["effect"], level=level, against=limits(part))


def span(part: Mapping[str, Any]) -> str:
    """Return the two ends of a part's interval alone; empty where there is none."""
    if part["low"] is None or part["high"] is None or part["low"] == part["high"]:
        return ""
    _, below, above = together(part["effect"], part["low"], part["high"], against=limits(part))
    return f"{below} to {above}"


def estimate(part: Mapping[str, Any]) -> str:
    """Return the effect of a part with its unit, at the precision of its interval."""
    if part["effect"] is None:
        return "not measured"
    written = together(part["effect"], part["low"], part["high"], against=limits(part))
    return with_unit(written[0], part["unit"])


def cutoff(part: Mapping[str, Any]) -> str:
    """Return the cut-offs of a part in words.

    >>> cutoff({"at_least": 0.7, "at_most": 2.0, "unit": ""})
    'between 0.7 and 2'
    """
    low, high, unit = part["at_least"], part["at_most"], part["unit"]
    if low is not None and high is not None:
        return with_unit(f"between {number(low)} and {number(high)}", unit)
    if low is not None:
        return with_unit(f"at least {number(low)}", unit)
    return "no cut-off" if high is None else with_unit(f"at most {number(high)}", unit)


def status(name: str, kind: str = "claim") -> str:
    """Return a status for a person: a claim is supported, a check passes, a question has an answer.

    >>> status("not_applicable"), status("supported", "check"), status("inconclusive", "question")
    ('not applicable', 'passes', 'open')
    """
    return word(kind, name)


def kind(verdict: Mapping[str, Any]) -> str:
    """Return what kind of statement was judged; a record that does not say holds claims."""
    found = str(verdict.get("kind") or "claim")
    return found if found in KINDS else "claim"


def measurements(verdicts: Iterable[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Return the verdicts in groups that read the same number on the same data: one measurement each, in their order."""
    groups: list[list[tuple[int, Mapping[str, Any]]]] = []
    for place, verdict in enumerate(verdicts):
        near = [group for group in groups if any(_one_number(verdict, other) for _, other in group)]
        for group in near:
            groups.remove(group)
        groups.append([*(one for group in near for one in group), (place, verdict)])
    ordered = sorted((sorted(group, key=lambda one: one[0]) for group in groups), key=lambda group: group[0][0])
    return [[verdict for _, verdict in group] for group in ordered]


def _one_number(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    if a.get("data") != b.get("data"):
        return False
    names = [{one["claim"], one["claim"].partition(".")[2]} if "claim" in one else set() for one in (a, b)]
    return bool(names[1] & {*a.get("votes", ())} or names[0] & {*b.get("votes", ())})


def tally(verdicts: Iterable[Mapping[str, Any]], of: str = "claim") -> list[tuple[str, int]]:
    """Count the measurements of one kind by status, in fixed order; statuses that do not occur are left out.

    Statements that read the same number count once for each status they have.
    """
    own = [v for v in verdicts if kind(v) == of]
    found = [name for group in measurements(own) for name in {v["status"] for v in group}]
    return [(name, found.count(name)) for name in STATUSES if name in found]


def counts(verdicts: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return a status and words for every count: claims by status, then checks, then questions.

    >>> counts([{"status": "supported", "kind": "check"}, {"status": "inconclusive", "kind": "question"}])
    [('supported', '1 of 1 checks passes'), ('inconclusive', '1 question open')]
    """
    every = list(verdicts)
    told = [(name, f"{count} {status(name)}") for name, count in tally(every)]
    checks = tally(every, "check")
    total = sum(count for _, count in checks)
    for name, count in checks:
        word = status(name, "check")
        plural = {"passes": "pass", "fails": "fail"}.get(word, word) if count != 1 else word
        told.append((name, f"{count} of {total} checks {plural}"))
    for name, count in tally(every, "question"):
        told.append((name, f"{count} question{'' if count == 1 else 's'} {_answered(name)}"))
    return told


def _answered(name: str) -> str:
    word = status(name, "question")
    return f"answered {word}" if word in ("yes", "no") else word


def summary(verdicts: Iterable[Mapping[str, Any]]) -> str:
    """Return the counts in one line.

    >>> summary([{"status": "contradicted"}, {"status": "supported"}, {"status": "supported"}])
    '2 supported, 1 contradicted'
    """
    return ", ".join(text for _, text in counts(verdicts)) or "no claim was judged"


def params(values: Mapping[str, Any]) -> str:
    """Return a cell's parameters in one line: ``width 2, noise 0.15``."""
    return ", ".join(f"{name} {plain(value)}" for name, value in values.items())


def plain(value: Any) -> str:
    """Return a parameter value for a person."""
    return number(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def values(items: Iterable[Any]) -> str:
    """Return the values of a parameter in one line."""
    return ", ".join(plain(item) for item in items)


def duration(seconds: float | None) -> str:
    """Return a time span.

    >>> duration(0.4), duration(41.2), duration(128.4), duration(7300), duration(None)
    ('0.4 s', '41 s', '2 min 8 s', '2 h 1 min', '–')
    """
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def took(record: Mapping[str, Any]) -> str:
    """How long a run took; where all of its cells were stored before, how long they took then.

    >>> cells = {"ok": 2, "diverged": 0, "computed": 0}
    >>> took({"cells": cells, "seconds": 0.02, "compute_seconds": 12.3, "finished": "2026-11-20T12:30:05Z"})
    'all cells from the store; computing them took 12 s, the last of them 2026-11-20 12:30 UTC'
    """
    cells = record["cells"]
    if cells["computed"] or not cells["ok"] + cells["diverged"]:
        return duration(record["seconds"])
    when = f", the last of them {moment(record['finished'])}" if record.get("finished") else ""
    return f"all cells from the store; computing them took {duration(record.get('compute_seconds'))}{when}"


def command(record: Mapping[str, Any]) -> str:
    """Return the command line that makes this run again, or what the study says does.

    >>> command({"reference": "double-descent", "profile": "quick", "overrides": {"widths": "9,61"}})
    'overparam run double-descent --profile quick --widths 9,61'
    """
    if record.get("again"):
        return str(record["again"])
    words = ["overparam", "run", record["reference"], "--profile", record["profile"]]
    for option, chosen in record["overrides"].items():
        words += [f"--{option}", chosen]
    return shlex.join(words)
