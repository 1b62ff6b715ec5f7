"""Checks one after another within a budget: costs first, the cheapest first, and nothing that is finished is lost."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from overparam.core.errors import OverparamError
from overparam.own.diagnosis.answer import Answer, Next
from overparam.own.diagnosis.check import Check, Cost
from overparam.own.diagnosis.checkup import Planned
from overparam.own.diagnosis.context import Context
from overparam.own.diagnosis.words import about, measured, took

SPARE = 1.25  # the next budget proposed, over what was estimated


@dataclass(frozen=True)
class Entry:
    """A check before it runs.

    Attributes:
        check: the check.
        cost: what it would cost; None where it cannot run.
        why: it cannot run, in a sentence; empty where it can.
        fault: whether that is a fault, not something that was not given.
    """

    check: Check
    cost: Cost | None = None
    why: str = ""
    fault: bool = False


def plan(context: Context, asked: Sequence[Check]) -> list[Entry]:
    """Each check with its cost, or why it cannot run; the cheapest first.

    Args:
        context: what the checks share.
        asked: the checks.
    """
    found = []
    for check in asked:
        try:
            why = check.missing(context)
            found.append(Entry(check, None, why) if why else Entry(check, check.cost(context)))
        except Exception as error:
            found.append(Entry(check, None, f"Its cost could not be told: {said(error)}", True))
    return sorted(found, key=lambda one: (one.cost.seconds if one.cost else 0.0, one.check.code))


def planned(found: Sequence[Entry]) -> tuple[Planned, ...]:
    """The plan in words, by code."""
    told = [
        Planned(
            one.check.code,
            one.check.name,
            one.cost.seconds if one.cost else None,
            one.cost.words if one.cost else one.why,
        )
        for one in found
    ]
    return tuple(sorted(told, key=lambda one: one.code))


def run(context: Context, found: Sequence[Entry]) -> tuple[tuple[Answer, ...], bool]:
    """Run the checks that can run and fit into the budget.

    An error in a check is its answer. A check of which the estimated cost exceeds what is left is not run, and says what it
    would cost. An interrupt ends the check at hand, which keeps the parts that it has finished, and all after it.

    Args:
        context: what the checks share.
        found: as :func:`plan` gives it.

    Returns:
        The answers by code, and whether a person stopped it.
    """
    answers: list[Answer] = []
    stopped = False
    for entry in found:
        check, cost = entry.check, entry.cost
        began = time.monotonic()
        try:
            if stopped:
                answers.append(check.not_run("Stopped by hand before it ran.", cost, call_of(check)))
            elif cost is None and entry.fault:
                answers.append(check.not_run(entry.why))
            elif cost is None:
                answers.append(check.answer("not applicable", entry.why, errors="", confounders=()))
            elif cost.seconds > context.left():
                answers.append(_too_long(context, check, cost))
            else:
                context.say(f"{check.code} {check.name} ...")
                answers.append(replace(check.run(context), seconds=time.monotonic() - began))
                stopped = context.stopped
        except KeyboardInterrupt:
            stopped = True
            answers.append(
                check.not_run("Stopped by hand while it ran.", cost, call_of(check), time.monotonic() - began)
            )
        except Exception as error:
            answers.append(check.not_run(said(error), None, "", time.monotonic() - began))
        context.say(told(answers[-1]))
    return tuple(sorted(answers, key=lambda one: one.code)), stopped


def told(answer: Answer) -> str:
    """A finding in one line, as it is told while the others still run."""
    rest = f"; {measured(answer.effect)}." if answer.effect is not None else f". {answer.words}"
    return f"{answer.code} {answer.name}: {answer.status}{rest}"


def call_of(check: Check, budget: float | None = None) -> str:
    """The call that runs a check alone.

    Args:
        check: the check.
        budget: in seconds, where the default is not enough.
    """
    more = "" if budget is None else f", budget={budget:.0f}"
    return f'overparam.diagnose(model, train, test, ..., only="{check.code}"{more})'


def said(error: BaseException) -> str:
    """What went wrong, in a sentence."""
    if isinstance(error, OverparamError):
        return str(error)
    lines = str(error).strip().splitlines()
    return f"It failed with {type(error).__name__}{f': {lines[0][:200]}' if lines else ''}."


def _too_long(context: Context, check: Check, cost: Cost) -> Answer:
    budget = max(1.0, SPARE * cost.seconds + 5.0)
    why = (
        f"It would take {about(cost.seconds)}, and {took(context.left())} of the budget of {took(context.budget)} "
        "are left."
    )
    answer = check.not_run(why)
    words = f"{cost.words[:1].upper()}{cost.words[1:]}."
    return replace(answer, next=Next(words, call_of(check, budget), cost.seconds))
