"""Whatever ends a run, finished cells stay as they are and the same command goes on to the same numbers."""

import os
import re
import signal
import sys

import pytest

from tests.faults.conftest import cells, finish, running, start, values, wait_for, workers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def computed(said):
    """How many cells a run says that it computed."""
    found = re.search(r"(\d+) of them computed", said)
    return int(found[1]) if found else 0


def completed(out, before, truth):
    code, said = finish(start(out))
    assert code == 0, said
    after = cells(out)
    assert {name: after[name] for name in before} == before
    assert values(out) == truth


def test_a_killed_driver_costs_at_most_the_stacks_in_flight(tmp_path, truth):
    process = start(tmp_path)
    wait_for(lambda: len(cells(tmp_path)) >= 4)
    process.kill()
    finish(process)
    wait_for(lambda: not running())
    completed(tmp_path, cells(tmp_path), truth)


def test_workers_end_with_their_driver(tmp_path):
    process = start(tmp_path, fault="hang")
    wait_for(lambda: running() and len(cells(tmp_path)) >= 4)
    process.kill()
    finish(process)
    wait_for(lambda: not running())


def test_a_killed_worker_costs_at_most_its_stack(tmp_path, truth):
    process = start(tmp_path)
    wait_for(lambda: len(cells(tmp_path)) >= 4)
    before = cells(tmp_path)
    os.kill(workers(process)[0], signal.SIGKILL)
    code, said = finish(process)
    assert code == 0, said
    assert "signal SIGKILL, tried again with 2" in said
    assert {name: text for name, text in cells(tmp_path).items() if name in before} == before
    assert values(tmp_path) == truth


def test_a_stack_killed_at_its_very_end_is_computed_again(tmp_path, truth):
    log = tmp_path / "log"
    code, said = finish(start(tmp_path / "out", workers=1, fault="end", log=log))
    assert code == 0, said
    assert values(tmp_path / "out") == truth
    assert log.read_text().count("\n") == 24 + 4


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_once_and_twice(tmp_path, truth, times):
    process = start(tmp_path)
    wait_for(lambda: len(cells(tmp_path)) >= 4)
    before = cells(tmp_path)
    for _ in range(times):
        process.send_signal(signal.SIGINT)
    code, said = finish(process)
    assert code == 130, said
    assert "Traceback" not in said
    wait_for(lambda: not running())
    completed(tmp_path, before, truth)


def test_two_runs_on_one_store_share_the_work(tmp_path, truth):
    log, out = tmp_path / "log", tmp_path / "out"
    pair = [start(out, log=log) for _ in range(2)]
    ended = [finish(process) for process in pair]
    assert [code for code, _ in ended] == [0, 0]
    assert sum(computed(said) for _, said in ended) == 24
    assert values(out) == truth
    lines = log.read_text().splitlines()
    assert len(set(lines)) == 24
    assert len(lines) == 24
    left = ["cells", "quick+fault=slow.html", "quick+fault=slow.json", "register"]
    assert sorted(os.listdir(out / "faults")) == left
