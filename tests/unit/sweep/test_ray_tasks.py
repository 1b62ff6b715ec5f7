"""A real Ray of two workers."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from overparam.core.errors import StoreError
from overparam.store import CellStore
from overparam.sweep import ray_cluster
from overparam.sweep import run as sweep
from tests.conftest import TOY

pytest.importorskip("ray", reason="Ray is not installed: pip install 'overparam[ray]'")

START = "    outcomes = []\n"
HANGS = 600  # seconds after which something hangs: no time that anything is expected to take


def wait_for(condition):
    """Wait until something is so, however busy the machine is."""
    deadline = time.monotonic() + HANGS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.fixture(scope="module", autouse=True)
def _one_ray():
    """One Ray for this module; a run finds it started and leaves it."""
    with ray_cluster.connected("", 2) as (ray, ours):
        assert ours
        yield
        assert ray.is_initialized()


@pytest.fixture(autouse=True)
def _digits_fingerprint(monkeypatch):
    monkeypatch.setattr("overparam.data.fingerprint", lambda name, download=False: "0" * 16)


def study(folder, before_work):
    """The toy study with lines at the start of its work function."""
    path = folder / "toy_with_faults.py"
    path.write_text(TOY.read_text().replace(START, before_work + START, 1))
    return str(path)


def plan(reference, out, **overrides):
    return sweep.make_plan(str(reference), out=out, workers=2, overrides=overrides)


def cells(out):
    found, damaged = CellStore(Path(out), "toy").readable(CellStore(Path(out), "toy").names())
    assert damaged == []
    shown = {
        name: name.rpartition("--")[0] for name in found
    }  # the digest tells copies of the study's file apart
    return {shown[name]: (cell.values, cell.status, cell.note) for name, cell in found.items()}


@pytest.mark.slow
def test_ray_stores_the_same_cells_as_inline_and_tells_of_them_in_the_calling_thread(tmp_path):
    heard = []
    inline = sweep.execute(plan(TOY, tmp_path / "a"), on="inline")
    record = sweep.execute(
        plan(TOY, tmp_path / "b"), on="ray", listen=lambda e: heard.append((e, threading.get_ident()))
    )
    assert cells(tmp_path / "b") == cells(tmp_path / "a")
    assert record["verdicts"] == inline["verdicts"]
    assert {k: record["environment"][k] for k in ("executor", "workers", "threads", "nodes", "gpus")} == {
        "executor": "ray", "workers": 2, "threads": 1, "nodes": 1, "gpus": 0.0,
    }  # fmt: skip
    assert {thread for _, thread in heard} == {threading.get_ident()}
    kinds = [event["event"] for event, _ in heard]
    assert (kinds.count("cell"), kinds.count("done"), kinds.count("failed")) == (18, 3, 0)
    assert kinds.count("progress") >= 3
    assert not list((tmp_path / "b").glob(".*")), "the marker for the nodes is removed"
    assert plan(TOY, tmp_path / "b").stacks == ()


@pytest.mark.slow
def test_a_task_has_one_thread(tmp_path):
    before = (
        "    import os\n"
        "    with open(__file__ + '.env', 'w') as file:\n"
        "        file.write(repr({k: os.environ.get(k) for k in ('OMP_NUM_THREADS', 'NPROC', 'XLA_FLAGS')}))\n"
    )
    path = study(tmp_path, before)
    sweep.execute(plan(path, tmp_path / "out", widths="16", noise="0.2", seeds="1"), on="ray")
    said = Path(path + ".env").read_text()
    assert "'OMP_NUM_THREADS': '1', 'NPROC': '1'" in said
    assert "intra_op_parallelism_threads=1" in said


@pytest.mark.slow
def test_a_worker_killed_in_the_middle_of_its_stack_costs_nothing(tmp_path):
    before = (
        "    try:\n"
        "        with open(__file__ + '.pid', 'x') as file:\n"
        "            file.write(str(os.getpid()))\n"
        "        progress(0.5)\n"
        "        import threading\n"
        "        threading.Event().wait()\n"
        "    except FileExistsError:\n"
        "        pass\n"
    )
    path = study(tmp_path, before)
    killed = []

    def listen(event):
        if event["event"] == "progress" and event["fraction"] == 0.5:
            killed.append(int(Path(path + ".pid").read_text()))
            os.kill(killed[-1], signal.SIGKILL)

    record = sweep.execute(plan(path, tmp_path / "killed"), on="ray", listen=listen)
    assert len(killed) == 1
    assert record["cells"] == {"total": 18, "ok": 18, "diverged": 0, "failed": 0, "missing": 0, "computed": 18}
    sweep.execute(plan(TOY, tmp_path / "whole"), on="inline")
    assert cells(tmp_path / "killed") == cells(tmp_path / "whole")


@pytest.mark.slow
def test_a_cell_that_kills_its_workers_is_a_failure_and_the_others_go_on(tmp_path):
    before = "    if any(c['seed'] == 1 for c in cells):\n        os.kill(os.getpid(), signal.SIGKILL)\n"
    heard = []
    chosen = plan(study(tmp_path, before), tmp_path / "out", widths="16", noise="0.2", seeds="4")
    record = sweep.execute(chosen, on="ray", listen=heard.append)
    assert (record["cells"]["ok"], record["cells"]["failed"], record["cells"]["missing"]) == (3, 1, 0)
    (failure,) = record["failures"]
    assert failure["params"]["seed"] == 1
    assert failure["error"] == "the worker process ended 2 times on this cell (it crashed or was killed)"
    assert [e["lost"] for e in heard if e["event"] == "failed"] == [True]
    (stored,) = (tmp_path / "out" / "toy" / "failed").iterdir()
    assert json.loads(stored.read_text())["error"] == failure["error"]


@pytest.mark.slow
def test_a_cell_that_raises_costs_only_itself(tmp_path):
    record = sweep.execute(plan(TOY, tmp_path, fault="raise"), on="ray")
    assert (record["cells"]["ok"], record["cells"]["failed"]) == (12, 6)
    assert all("planted failure at width 16" in f["traceback"] for f in record["failures"])


@pytest.mark.slow
def test_an_interruption_cancels_the_tasks_and_keeps_what_is_finished(tmp_path):
    before = (
        "    import time\n"
        "    mark = __file__ + '.pid'\n"
        "    while cells[0]['width'] != 16 and not os.path.exists(mark):\n"
        "        time.sleep(0.01)\n"
        "    if cells[0]['width'] == 16 and not os.path.exists(mark):\n"
        "        with open(mark + '.new', 'w') as file:\n"
        "            file.write(str(os.getpid()))\n"
        "        os.replace(mark + '.new', mark)\n"
        "        import threading\n"
        "        threading.Event().wait()\n"
    )
    path = study(tmp_path, before)
    done = []

    def listen(event):
        done.extend([event] if event["event"] == "done" else [])
        if len(done) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep.execute(plan(path, tmp_path / "out"), on="ray", listen=listen)
    assert len(cells(tmp_path / "out")) == 12
    pid = int(Path(path + ".pid").read_text())
    wait_for(lambda: not Path(f"/proc/{pid}").exists())  # the task under way was cancelled
    record = sweep.execute(plan(path, tmp_path / "out"), on="ray")
    assert (record["cells"]["computed"], record["cells"]["ok"]) == (6, 18)


def test_a_results_folder_that_cannot_be_written_or_seen_stops_the_run(tmp_path, monkeypatch):
    (tmp_path / "toy").write_text("a file in the way")
    with pytest.raises(StoreError, match="expected"):
        sweep.execute(sweep.Plan(**{**vars(plan(TOY, tmp_path / "b")), "out": tmp_path}), on="ray")
    monkeypatch.setattr(ray_cluster, "write_text", lambda path, text: path)  # written where no node looks
    with pytest.raises(StoreError, match="expected a results folder that every node of the cluster sees"):
        sweep.execute(plan(TOY, tmp_path / "b"), on="ray")


@pytest.mark.parametrize(
    "number",
    [pytest.param(signal.SIGINT, marks=pytest.mark.slow), pytest.param(signal.SIGTERM, marks=pytest.mark.slow)],
)
def test_an_interrupted_command_keeps_its_cells_and_ends_the_ray_it_started(tmp_path, number):
    study(tmp_path, "    import threading\n    cells[0]['width'] == 32 or threading.Event().wait()\n")
    command = [sys.executable, "-m", "overparam.cli", "run", "toy_with_faults.py", "--on", "ray"]
    command += ["--workers", "2", "--data", "gaussian"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        folder = tmp_path / "runs" / "toy" / "cells"
        wait_for(lambda: len(list(folder.glob("*.json"))) == 6 or process.poll() is not None)
        process.send_signal(number)
        _, said = process.communicate(timeout=HANGS)
    assert process.returncode == 130, said
    assert "finished cells are kept" in said
    assert len(list(folder.glob("*.json"))) == 6
    listed = ["ps", "-eo", "args"]
    session = f"_{process.pid}/"  # it is named after the process that started it
    wait_for(lambda: session not in subprocess.run(listed, capture_output=True, text=True, check=True).stdout)


@pytest.mark.slow
def test_double_descent_gives_the_same_numbers_as_on_processes(tmp_path, monkeypatch):
    monkeypatch.undo()  # real fingerprints
    few = {"widths": "4,16,40", "seeds": "2", "noise": "0.15"}
    for on in ("processes", "ray"):
        sweep.execute(sweep.make_plan("double-descent", out=tmp_path / on, workers=2, overrides=few), on=on)
    stores = [CellStore(tmp_path / on, "double-descent") for on in ("processes", "ray")]
    one, other = ({name: s.read(name).values for name in s.names()} for s in stores)
    assert len(one) == 6
    assert one == other
