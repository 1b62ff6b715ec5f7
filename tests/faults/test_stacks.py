"""A stack that hangs, crashes, fails to compile or needs too much memory costs as little as it can."""

import json
import os
from types import SimpleNamespace

import pytest

from overparam.sweep import processes
from overparam.sweep.run import execute, make_plan
from tests.faults.conftest import STUDY, alive, cells, values


def run(out, fault, on="processes", workers=2, **options):
    heard = []
    plan = make_plan(STUDY, out=out, workers=workers, overrides={"fault": fault})
    return execute(plan, on=on, listen=heard.append, **options), heard


def attempts(out):
    found = {}
    for path in (out / "faults" / "cells").glob("*.json"):
        document = json.loads(path.read_text())
        found[document["params"]["width"]] = document["stack"].get("attempts")
    return found


@pytest.mark.parametrize("on", ["inline", "processes"])
def test_a_stack_that_runs_out_of_memory_is_halved_and_says_so(tmp_path, truth, on):
    record, heard = run(tmp_path, "memory", on)
    assert record["cells"]["ok"] == 24
    assert values(tmp_path) == truth
    assert attempts(tmp_path) == {width: ["4 cells together: out of memory"] for width in range(1, 7)}
    texts = [event["text"] for event in heard if event["event"] == "smaller"]
    assert texts == ["4 cells together: out of memory, tried again with 2"] * 6


@pytest.mark.parametrize("on", ["inline", "processes"])
def test_a_stack_whose_work_reads_one_value_of_several_fails_as_a_whole(tmp_path, on):
    record, _ = run(tmp_path, "shared", on)
    assert record["cells"]["ok"] == 0
    assert len(record["failures"]) == 24
    text = "StackError: axis 'seed': expected one value in a stack, got 0, 1, 2, 3. Add 'seed' to the study's stack_by"
    assert all(failure["error"].startswith(text) for failure in record["failures"])


@pytest.mark.slow
def test_a_stack_that_the_system_kills_is_halved_and_says_so(tmp_path, truth):
    record, _ = run(tmp_path, "kill")
    assert record["cells"]["ok"] == 24
    assert values(tmp_path) == truth
    assert attempts(tmp_path) == {width: ["4 cells together: signal SIGKILL"] for width in range(1, 7)}


@pytest.mark.slow
def test_a_stack_killed_at_its_very_end_is_computed_again(tmp_path, truth, monkeypatch):
    monkeypatch.setenv("FAULTS_LOG", str(tmp_path / "log"))
    run(tmp_path / "out", "end", workers=1)
    assert values(tmp_path / "out") == truth
    assert (tmp_path / "log").read_text().count("\n") == 24 + 4


@pytest.mark.slow
def test_a_cell_that_hangs_is_ended_and_the_others_go_on(tmp_path, truth, places, monkeypatch):
    """The clock stands still until a worker hangs and no other has anything to do; then each look is an hour later."""
    hours = [0]

    def now():
        hung = [int(place.name.removeprefix("hung ")) for place in places.glob("hung *")]
        if any(map(alive, hung)) and len(cells(tmp_path)) == (20 if len(hung) == 1 else 23):
            hours[0] += 1
        return 3600.0 * hours[0]

    monkeypatch.setattr(processes, "time", SimpleNamespace(monotonic=now))
    record, _ = run(tmp_path, "hang", limit=3.0)
    assert len(list(places.glob("hung *"))) == 3
    (failure,) = record["failures"]
    assert (failure["params"]["width"], failure["params"]["seed"]) == (2, 1)
    assert failure["error"] == "the worker process ended 2 times on this cell (time limit of 3 s)"
    assert values(tmp_path) == {key: value for key, value in truth.items() if key != (2, 1)}
    assert len(os.listdir(tmp_path / "faults" / "failed")) == 1


@pytest.mark.slow
def test_a_cell_that_crashes_its_worker_costs_only_itself(tmp_path, truth):
    record, _ = run(tmp_path, "crash")
    (failure,) = record["failures"]
    assert failure["error"].startswith("the worker process ended 2 times on this cell (exit code 3)")
    assert values(tmp_path) == {key: value for key, value in truth.items() if key != (2, 1)}


def test_a_program_that_does_not_compile_costs_only_its_cell(tmp_path, truth):
    record, _ = run(tmp_path, "compile", "inline")
    (failure,) = record["failures"]
    assert "xla_no_such_option" in failure["error"]
    assert values(tmp_path) == {key: value for key, value in truth.items() if key != (2, 1)}
    again = make_plan(STUDY, out=tmp_path, overrides={"fault": "compile"})
    assert [len(stack.cells) for stack in again.stacks] == [1]


@pytest.mark.slow
def test_damaged_compiled_programs_are_compiled_again(tmp_path, monkeypatch):
    from overparam.sweep.processes import compilation_cache

    monkeypatch.setenv("OVERPARAM_CACHE", str(tmp_path / "cache"))
    compilation_cache.cache_clear()
    found = []
    for out in (tmp_path / "a", tmp_path / "b"):
        small = {"widths": [9], "seeds": 1, "noise": 0.15, "steps": 50, "data": "mnist1d-5k"}
        record = execute(make_plan("double-descent", out=out, workers=1, overrides=small))
        assert record["cells"]["ok"] == 1, record["failures"]
        (path,) = (out / "double-descent" / "cells").iterdir()
        found.append(json.loads(path.read_text())["values"])
        programs = [p for p in (tmp_path / "cache").glob("xla-*/*") if p.is_file()]
        assert programs
        for program in programs:
            program.write_bytes(program.read_bytes()[:100])
    compilation_cache.cache_clear()
    assert found[0] == found[1]
