"""Whatever ends a run, finished cells stay as they are and the same command goes on to the same numbers."""

import os
import random
import signal
import sys
import time

import pytest

from tests.faults.conftest import cells, finish, running, start, values, wait_for, workers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

MOMENTS = [
    0.4 + 0.18 * place for place in random.Random(1).sample(range(20), 20)
]  # start-up takes a second, a run 3


def killed_at(out, moment):
    process = start(out)
    time.sleep(moment)
    process.kill()
    finish(process)


def completed(out, before, truth):
    code, said = finish(start(out))
    assert code == 0, said
    after = cells(out)
    assert {name: after[name] for name in before} == before
    assert values(out) == truth


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(moment, id=f"{moment:.2f} s", marks=[] if i < 2 else pytest.mark.slow)
        for i, moment in enumerate(MOMENTS)
    ],
)
def test_a_killed_driver_costs_at_most_the_stacks_in_flight(tmp_path, truth, moment):
    killed_at(tmp_path, moment)
    wait_for(lambda: not running(), 20)
    completed(tmp_path, cells(tmp_path), truth)


def test_workers_end_with_their_driver(tmp_path):
    process = start(tmp_path, fault="hang")
    wait_for(lambda: running() and len(cells(tmp_path)) >= 4)
    process.kill()
    finish(process)
    wait_for(lambda: not running(), 20)


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


@pytest.mark.parametrize("pause", [None, 0.0, pytest.param(0.05, marks=pytest.mark.slow), 0.5])
def test_ctrl_c_once_and_twice(tmp_path, truth, pause):
    process = start(tmp_path)
    wait_for(lambda: len(cells(tmp_path)) >= 4)
    before = cells(tmp_path)
    process.send_signal(signal.SIGINT)
    if pause is not None:
        time.sleep(pause)
        process.send_signal(signal.SIGINT)
    code, said = finish(process)
    assert code == 130, said
    assert "Traceback" not in said
    wait_for(lambda: not running(), 20)
    completed(tmp_path, before, truth)


def test_two_runs_on_one_store_share_the_work(tmp_path, truth):
    log, out = tmp_path / "log", tmp_path / "out"
    pair = [start(out, log=log) for _ in range(2)]
    assert [finish(process)[0] for process in pair] == [0, 0]
    assert values(out) == truth
    lines = log.read_text().splitlines()
    assert len(set(lines)) == 24
    assert len(lines) == 24
    left = ["cells", "quick+fault=slow.html", "quick+fault=slow.json", "register"]
    assert sorted(os.listdir(out / "faults")) == left
