import io

import pytest
from rich.console import Console

from overparam.api.progress import progress_of
from overparam.cli import display
from overparam.cli.display import plan_table, verdict_table
from overparam.sweep.run import execute, make_plan


def text(renderable):
    console = Console(file=io.StringIO(), width=180)
    console.print(renderable)
    return console.file.getvalue()


def test_the_verdict_table_gives_effect_interval_cutoff_and_n(toy, tmp_path):
    record = execute(make_plan(toy, out=tmp_path), on="inline")
    shown = text(verdict_table(record))
    row, below = next(
        (line, after)
        for line, after in zip(shown.splitlines(), shown.splitlines()[1:], strict=False)
        if " rise " in line
    )
    assert row.startswith("✓ supported")
    assert below.strip() == "test error at width = 16 minus test error at the left end"
    assert "8 points" in row
    assert "7.93 to 8.07" in row
    assert "≥ 2" in row
    assert row.rstrip().endswith("3")
    assert "18 cells, 18 of them computed in" in shown


@pytest.mark.parametrize("name", ["rise", "a-statement-with-a-name-of-forty-characters"])
def test_no_row_is_wider_than_the_terminal_whatever_the_unit_and_the_name(toy, tmp_path, name):
    record = execute(make_plan(toy, out=tmp_path), on="inline")
    (one, *_) = (v for v in record["verdicts"] if v["claim"].endswith(".rise"))
    of_seeds = one | {"claim": f"toy.{name}", "unit": "of the seeds", "low": -0.5371234, "high": 0.5220001}
    record["verdicts"] = [*record["verdicts"], of_seeds]

    def lines(width):
        console = Console(file=io.StringIO(), width=width)
        console.print(verdict_table(record, width))
        return console.file.getvalue().splitlines()

    narrow, full = lines(80), lines(400)
    assert "8 of the seeds" in " ".join(full)
    head = next(line for line in narrow if line.startswith("verdict"))
    assert head.rstrip().endswith("asked  n")
    assert sum(line.lstrip().startswith(("asked", "≥", "≤")) for line in narrow) == 0
    rows = [line for line in narrow if line.startswith(("✓", "✗", "?"))]
    assert len(rows) == len(record["verdicts"])
    assert all(line.rstrip().endswith(" 3") for line in rows)
    told = " ".join(" ".join(narrow).split())
    assert name in told
    assert ("(of the seeds)" in told) == (name != "rise"), "a short name leaves room for the unit"
    assert "(of the seeds)" not in " ".join(full)


def test_what_is_not_applicable_says_why(toy, tmp_path):
    record = execute(make_plan(toy, out=tmp_path, overrides={"noise": [0.0, 0.05]}), on="inline")
    assert "– not applicable" in text(verdict_table(record))
    assert "most label noise 5%, asked at least 10%" in text(verdict_table(record))


def test_a_plan_says_what_is_done_and_to_do(toy, tmp_path):
    execute(make_plan(toy, out=tmp_path), on="inline")
    shown = text(plan_table(make_plan(toy, out=tmp_path, overrides={"seeds": 5})))
    assert "30: 18 done, 12 to do" in shown
    assert "extended" in shown


def test_progress_reports_failures_at_once(toy, tmp_path):
    plan = make_plan(toy, out=tmp_path, overrides={"fault": "raise"})
    console = Console(file=io.StringIO(), width=180)
    with progress_of(plan, "inline", console) as listen:
        execute(plan, on="inline", listen=listen)
    shown = console.file.getvalue()
    assert "0 of 18 cells done, 18 to run" in shown
    assert shown.count("planted failure at width 16") == 4
    assert "failed 3 more cells: ValueError: planted failure" in shown


def test_a_verdict_that_its_numbers_do_not_explain_gives_its_reason(toy, tmp_path):
    record = execute(make_plan(toy, out=tmp_path, overrides={"noise": 0.2}), on="inline")
    shown = " ".join(text(verdict_table(record)).split())
    assert "? inconclusive" in shown
    assert "the rule is met" in shown
    assert "was not run" in shown
    assert "new seeds" not in shown


def test_below_the_plan_there_are_estimates_and_no_verdicts(toy, tmp_path):
    record = execute(make_plan(toy, out=tmp_path, overrides={"seeds": 1}), on="inline")
    shown = text(verdict_table(record))
    assert "– not applicable" in shown
    assert "below plan: 1 of 3 planned seeds, 0 to 2: estimates, no verdicts" in shown


def test_an_interval_too_wide_to_tell_names_the_look_that_would(toy, tmp_path):
    record = execute(make_plan(toy, out=tmp_path), on="inline")
    record["verdicts"] = [v | {"status": "inconclusive", "needed": 12} for v in record["verdicts"]]
    assert "rise: the look at 12 seeds (99.5 % intervals) would tell at this effect" in text(
        verdict_table(record)
    )


def test_progress_foretells_no_time_where_a_cluster_decides_how_many_work(toy, tmp_path):
    def head(on, workers=None):
        console = Console(file=io.StringIO(), width=180)
        with progress_of(make_plan(toy, out=tmp_path, workers=workers), on, console):
            pass
        return console.file.getvalue()

    assert "on 3 workers" in head("ray", 3)
    assert "worker" not in head("ray=auto")
    assert "on 3 workers" in head("ray=auto", 3)
    assert "on 1 worker" in head("inline", 3)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"total": 18, "ok": 17, "diverged": 1, "computed": 18}, "18 cells, 18 of them computed in 3 s"),
        (
            {"total": 18, "ok": 18, "diverged": 0, "computed": 6},
            "18 cells, 6 of them computed in 3 s, 12 from the store",
        ),
        ({"total": 1, "ok": 1, "diverged": 0, "computed": 1}, "1 cell, computed in 3 s"),
        (
            {"total": 1, "ok": 1, "diverged": 0, "computed": 0},
            "1 cell, from the store (computing took 1 min 15 s, the last",
        ),
        (
            {"total": 4, "ok": 3, "diverged": 1, "computed": 0},
            "4 cells, all from the store (computing took 1 min 15 s, the",
        ),
        (
            {"total": 4, "ok": 2, "diverged": 1, "computed": 0},
            "4 cells, 3 from the store (computing took 1 min 15 s, the",
        ),
        ({"total": 4, "ok": 0, "diverged": 0, "computed": 0}, "4 cells, none computed in 3 s"),
    ],
)
def test_a_run_says_what_came_from_the_store_and_how_long_that_took_then(cells, said):
    record = {"cells": cells, "seconds": 3.0, "compute_seconds": 75.0, "finished": "2026-11-20T12:30:05Z"}
    text = f"{display.count(cells['total'], 'cell')}{display._computed(record)}"
    assert text.startswith(said)
    if "last" in said:
        assert text.endswith("2026-11-20 12:30 UTC)")


def test_a_mark_is_said_once():
    assert (
        display._joined("below plan", "below plan: 1 of 3 planned seeds") == "below plan: 1 of 3 planned seeds"
    )
    assert display._joined("below plan", "no point") == "below plan · no point"
    assert display._joined("", "no point") == "no point"
