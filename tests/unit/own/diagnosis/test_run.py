"""The runner: costs first, the cheapest first, a budget, and nothing that is finished is lost."""

import time
from types import SimpleNamespace

import pytest

from overparam.core.errors import DataError, UsageError
from overparam.own.diagnosis import Check, Cost
from overparam.own.diagnosis.check import asked, checks
from overparam.own.diagnosis.run import plan, planned, run


def made(code, seconds=0.0, work=None, missing=""):
    own = Check(
        code, f"name of {code}", "Is it so?", "yes if so.", lambda context: missing,
        lambda context: Cost(seconds, "work"), work or (lambda context: own.answer("yes", "So it is.")), ("chance",), True,
    )  # fmt: skip
    return own


def context(budget=60.0, said=None):
    began = time.monotonic()
    return SimpleNamespace(
        budget=budget,
        stopped=False,
        left=lambda: budget - (time.monotonic() - began),
        say=(said.append if said is not None else lambda text: None),
    )


def answers(*given, budget=60.0, said=None):
    own = context(budget, said)
    return run(own, plan(own, given))


def broken(error):
    def work(context):
        raise error

    return work


def test_the_cheapest_runs_first_and_answers_come_by_code():
    said = []
    found, stopped = answers(made("OP901", 5), made("OP902", 1), said=said)
    assert [one.code for one in found] == ["OP901", "OP902"]
    assert said[0].startswith("OP902")
    assert not stopped


def test_what_does_not_fit_says_what_it_would_cost_and_how_to_ask_for_it():
    (short, long), _ = answers(made("OP901", 1), made("OP902", 500), budget=60)
    assert (short.status, long.status) == ("yes", "not run")
    assert long.next.seconds == 500
    assert 'only="OP902"' in long.next.call
    assert "budget=630" in long.next.call
    assert "8 min 20 s" in long.words


def test_an_error_is_the_answer_of_its_check_alone():
    (first, second, third), _ = answers(
        made("OP901", 0, broken(DataError("data: expected x, got y."))),
        made("OP902", 1),
        made("OP903", 2, broken(ZeroDivisionError("division by zero"))),
    )
    assert (first.status, first.words) == ("not run", "data: expected x, got y.")
    assert second.status == "yes"
    assert (third.status, third.words) == ("not run", "It failed with ZeroDivisionError: division by zero.")


def test_an_interrupt_keeps_what_is_finished():
    found, stopped = answers(made("OP901", 0), made("OP902", 1, broken(KeyboardInterrupt())), made("OP903", 2))
    assert stopped
    assert [one.status for one in found] == ["yes", "not run", "not run"]
    assert "by hand" in found[2].words
    assert found[2].next.seconds == 2


def test_a_check_that_keeps_its_finished_parts_ends_the_others():
    def partly(context):
        context.stopped = True
        return made("OP901").answer("no", "As far as it went.")

    found, stopped = answers(made("OP901", 0, partly), made("OP902", 1))
    assert stopped
    assert [one.status for one in found] == ["no", "not run"]


def test_what_was_not_given_is_not_applicable_and_a_cost_that_fails_is_not_run():
    odd = made("OP902")
    odd = Check(odd.code, odd.name, odd.question, odd.rule, odd.missing, broken(ValueError("no")), odd.run)
    (first, second), _ = answers(made("OP901", missing="Give start=."), odd)
    assert (first.status, first.words) == ("not applicable", "Give start=.")
    assert second.status == "not run"
    assert "cost" in second.words
    assert planned(plan(context(), [made("OP901", missing="Give start=.")]))[0].seconds is None


def test_codes_are_asked_for_by_name():
    assert [one.code for one in asked(["op003", "OP001"])] == ["OP001", "OP003"]
    with pytest.raises(UsageError, match="unknown check 'OP03'. Did you mean 'OP0"):
        asked("OP03")
    with pytest.raises(UsageError, match="only: expected a code"):
        asked(3)


def test_every_check_is_documented_and_has_its_own_code():
    assert {"OP001", "OP002", "OP003", "OP004", "OP005", "OP006", "OP007"} <= set(checks())
    for code, one in checks().items():
        assert one.code == code
        assert one.anchor == f"diagnose.md#{code.lower()}"
        assert one.question.endswith("?")
        assert one.rule
