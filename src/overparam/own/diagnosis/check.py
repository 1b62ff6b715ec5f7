"""What a check is: a coded question with its cost and its measurement; checks are found by their folder."""

from __future__ import annotations

import functools
import json
import math
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from overparam.core.errors import UsageError, unknown
from overparam.own.diagnosis.answer import Answer, Next, Status
from overparam.own.diagnosis.context import Context

FOLDER = Path(__file__).parent / "checks"
RATES = Path(__file__).parent / "error_rates.json"
PAGE = "diagnose.md"
MOST = 0.05  # of answers that are wrong, at the upper end: above it a check gives numbers alone
_APPLIED = ContextVar("whether rules are applied whatever their rates", default=False)


@dataclass(frozen=True)
class Cost:
    """What a check would cost, said before it runs.

    Attributes:
        seconds: an estimate; 0 where it is below a tenth of a second.
        words: what is done, in a few words.
    """

    seconds: float
    words: str


@dataclass(frozen=True)
class Check:
    """A coded check; each stands in a file of the folder ``checks``, under the name ``CHECK``.

    Attributes:
        code: ``OP001`` and so on.
        name: in a few words.
        question: that has yes or no for an answer.
        rule: when the answer is yes, and when no.
        missing: ``missing(context)`` says what is not given, or not of the kind, in a sentence that ends with what to give;
            empty where the check can run.
        cost: ``cost(context)`` before anything of the check is computed.
        run: ``run(context)``; it may raise, and then that is its answer.
        confounders: what else could make its effect.
        exact: whether yes and no follow from a count, so that they need no measured error rate.
    """

    code: str
    name: str
    question: str
    rule: str
    missing: Callable[[Context], str]
    cost: Callable[[Context], Cost]
    run: Callable[[Context], Answer]
    confounders: tuple[str, ...] = ()
    exact: bool = False

    @property
    def anchor(self) -> str:
        """Where the documentation says more."""
        return f"{PAGE}#{self.code.lower()}"

    def answer(self, status: str, words: str, told: str = "", **more: Any) -> Answer:
        """An answer of this check: name, question, rule, confounders, error rates and anchor are filled in.

        Where :attr:`withheld` says why, a measured answer is inconclusive: its numbers stand, its rule is not applied.

        Args:
            status: of the answer.
            words: what the rule says, in a sentence or two.
            told: what holds whatever the rule says.
            more: other fields of :class:`~overparam.own.diagnosis.answer.Answer`.
        """
        given = {"rule": self.rule, "confounders": self.confounders, "errors": rates_of(self.code), **more}
        why = self.withheld
        alone = _rates().get(self.code, {}).get("no")  # the rate of its no, where that was measured apart
        if not why and status == "no" and alone and not (self.exact or _APPLIED.get()):
            why = withheld(alone).replace("no yes or no: the rule", "no verdict: the rule for no")
        if why and status in ("yes", "no", "inconclusive"):
            status, words = "inconclusive", why
            given["rule"] = f"not applied, see the error rate. It would be: {given['rule']}"
        words = f"{words} {told}".strip()
        return Answer(
            self.code, self.name, self.question, cast(Status, status), words, anchor=self.anchor, **given
        )

    @property
    def withheld(self) -> str:
        """Why this check gives no yes and no no, in a sentence; empty where it may."""
        return "" if self.exact or _APPLIED.get() else withheld(_rates().get(self.code))

    def not_run(self, why: str, cost: Cost | None = None, call: str = "", seconds: float = 0.0) -> Answer:
        """The answer of a check that did not run, or did not finish.

        Args:
            why: in a sentence.
            cost: what it would have cost.
            call: by which it would run.
            seconds: that were spent.
        """
        then = None if cost is None else Next(f"{cost.words[:1].upper()}{cost.words[1:]}.", call, cost.seconds)
        return replace(self.answer("not run", why, next=then, confounders=()), seconds=seconds)


@functools.cache
def checks() -> Mapping[str, Check]:
    """All checks by code, in the order of their codes."""
    found = {}
    for _, name, _ in pkgutil.iter_modules([str(FOLDER)]):
        module = import_module(f"{__package__}.checks.{name}")
        one = getattr(module, "CHECK", None)
        if one is not None:
            found[one.code] = one
    return dict(sorted(found.items()))


def asked(only: Any) -> tuple[Check, ...]:
    """The checks that a person asks for.

    Args:
        only: a code, several, or None for all.

    Raises:
        UsageError: a code that is none.
    """
    known = checks()
    if only is None:
        return tuple(known.values())
    codes = [only] if isinstance(only, str) else only
    if not isinstance(codes, list | tuple | set | frozenset) or not codes:
        raise UsageError(f"only: expected a code such as 'OP003', or several, got {type(only).__name__}.")
    for one in codes:
        if not isinstance(one, str) or one.upper() not in known:
            raise unknown("check", one, known)
    wanted = {one.upper() for one in codes}
    return tuple(one for code, one in known.items() if code in wanted)


def rates_of(code: str) -> str:
    """How often a check was wrong where the truth is known, in words; empty where it gives no yes or no.

    Args:
        code: of the check.
    """
    return str(_rates().get(code, {}).get("words", ""))


def withheld(rate: Mapping[str, Any] | None) -> str:
    """Why a check with this error rate gives numbers alone, in a sentence; empty where it may say yes and no.

    Args:
        rate: ``false`` answers ``of`` so many and the ``upper`` end of their share with 95 % confidence; None where none
            was measured.

    >>> withheld({"false": 0, "of": 60, "upper": 0.0487})
    ''
    >>> withheld({"false": 2, "of": 60, "upper": 0.1012}).partition(":")[0]
    'Numbers alone, no yes or no'
    """
    many = f"{100 * MOST:g} %"
    upper = (rate or {}).get("upper")
    if rate is None or not isinstance(upper, int | float) or not math.isfinite(upper):
        return f"Numbers alone, no yes or no: it was not measured whether the rule is wrong at most {many} of the time."
    if upper <= MOST:
        return ""
    return (
        f"Numbers alone, no yes or no: the rule was wrong {rate['false']} of {rate['of']} times where the truth is known, so up "
        f"to {100 * upper:.2g} %, and more than {many} is too often."
    )


@contextmanager
def rules_applied() -> Iterator[None]:
    """Within it every rule is applied whatever its error rate; this is how error rates are measured."""
    token = _APPLIED.set(True)
    try:
        yield
    finally:
        _APPLIED.reset(token)


@functools.cache
def _rates() -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for path in sorted(RATES.parent.glob(f"{RATES.stem}*.json")):
        for code, one in json.loads(path.read_text(encoding="utf-8"))["checks"].items():
            found[code] = found.get(code, {}) | one
    return found
