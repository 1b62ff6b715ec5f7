"""Whatever ends a run, finished cells stay as they are and the same command goes on to the same numbers."""

import os
import re
import signal
import sys
import time

import pytest

from overparam.sweep.run import execute, make_plan
from tests.faults.conftest import HANGS, STUDY, alive, cells, finish, held, start, values, wait_for, workers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def computed(said):
    """How many cells a run says that it computed."""
    found = re.search(r"(\d+) of them computed", said)
    return int(found[1]) if found else 0


def ended(pids):
    """Wait until processes that are no children of this one have ended."""
    deadline = time.monotonic() + HANGS
    while any(map(alive, pids)):
        assert time.monotonic() < deadline, "they live on"
        time.sleep(0.02)


def completed(out, fault, before, truth):
    """Go on, and find what an uninterrupted run finds; only the stack that was in flight is computed again."""
    assert cells(out) == before
    record = execute(make_plan(STUDY, out=out, overrides={"fault": fault}), on="inline")
    assert record["cells"]["computed"] == 4
    assert {name: text for name, text in cells(out).items() if name in before} == before
    assert values(out) == truth


def test_a_killed_driver_costs_the_stack_in_flight_and_its_workers_end(tmp_path, places, truth):
    process = start(tmp_path, fault="held")
    pid, before = held(process, places, tmp_path)
    pids = workers(process)
    assert pid in pids
    assert len(pids) == 2
    process.kill()
    finish(process)
    ended(pids)
    completed(tmp_path, "held", before, truth)


@pytest.mark.slow
def test_a_killed_worker_costs_at_most_its_stack(tmp_path, places, truth):
    process = start(tmp_path, fault="held")
    pid, before = held(process, places, tmp_path)
    os.kill(pid, signal.SIGKILL)
    code, said = finish(process)
    assert code == 0, said
    assert "4 cells together: signal SIGKILL, tried again with 2" in said
    assert {name: text for name, text in cells(tmp_path).items() if name in before} == before
    assert values(tmp_path) == truth


@pytest.mark.parametrize("fault", ["held", pytest.param("stubborn", marks=pytest.mark.slow)])
def test_ctrl_c_once_and_twice(tmp_path, places, truth, fault):
    """The second one while the run waits for a worker that does not end when it is asked to."""
    process = start(tmp_path, fault=fault)
    _, before = held(process, places, tmp_path)
    pids = workers(process)
    process.send_signal(signal.SIGINT)
    if fault == "stubborn":
        wait_for((places / "asked to end").is_symlink, process)
        process.send_signal(signal.SIGINT)
    code, said = finish(process)
    assert code == 130, said
    assert "Traceback" not in said
    ended(pids)
    completed(tmp_path, fault, before, truth)


@pytest.mark.slow
def test_two_runs_on_one_store_share_the_work(tmp_path, places, truth, monkeypatch):
    log, out = tmp_path / "log", tmp_path / "out"
    monkeypatch.setenv("FAULTS_LOG", str(log))
    pair = [start(out, fault="meet", workers=1) for _ in range(2)]
    ends = [finish(process) for process in pair]
    assert [code for code, _ in ends] == [0, 0]
    shares = [computed(said) for _, said in ends]
    assert min(shares) >= 4
    assert sum(shares) == 24
    assert values(out) == truth
    lines = log.read_text().splitlines()
    assert len(set(lines)) == 24
    assert len(lines) == 24
    left = ["cells", "quick+fault=meet.html", "quick+fault=meet.json", "register"]
    assert sorted(os.listdir(out / "faults")) == left
