"""What an executor on Ray asks before it starts; no Ray is needed here."""

import os
import signal
import socket
import sys
from collections import Counter, deque
from types import SimpleNamespace

import pytest

from overparam.core.errors import StoreError, UsageError, WorkerError
from overparam.store import CellStore
from overparam.sweep import ray_cluster, ray_tasks
from overparam.sweep.fresh import clean_first
from overparam.sweep.jobs import Job
from tests.conftest import TOY


def node(cpu, gpu=0.0, alive=True):
    return {"Alive": alive, "Resources": {"CPU": cpu, "GPU": gpu}}


def fake_ray(**members):
    return SimpleNamespace(is_initialized=lambda: False, shutdown=lambda: None, **members)


def enter(address):
    with ray_cluster.connected(address, 1):
        pass


def test_a_missing_ray_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"expected the package ray, got: .*pip install 'overparam\[ray\]'"):
        enter("")


def test_an_address_where_nobody_listens(monkeypatch):
    monkeypatch.setattr(ray_cluster, "ray_module", fake_ray)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, never listening
        port = taken.getsockname()[1]
        with pytest.raises(
            UsageError, match=f"ray=127.0.0.1:{port}: expected a running Ray cluster, got: .*ray start"
        ):
            enter(f"127.0.0.1:{port}")


def test_no_cluster_and_no_start_are_told_apart_and_leave_environment_and_signals_alone(monkeypatch):
    seen = {}

    def init(**settings):
        seen.update(settings, stats=os.environ["RAY_USAGE_STATS_ENABLED"])
        os.environ["RAY_AUTH_MODE"] = "token"
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise ConnectionError("Could not find any running Ray instance.\nmore")

    monkeypatch.setattr(ray_cluster, "ray_module", lambda: fake_ray(init=init))
    before, handler = dict(os.environ), signal.getsignal(signal.SIGTERM)
    with pytest.raises(
        UsageError, match="ray=auto: expected a running Ray cluster, got: Could not find any running Ray"
    ):
        enter("auto")
    assert (seen["address"], seen["stats"], "num_cpus" in seen) == ("auto", "0", False)
    with pytest.raises(UsageError, match="expected to start Ray on this machine, got: Could not"):
        enter("")
    assert (seen["address"], seen["num_cpus"], seen["include_dashboard"]) == ("local", 1, False)
    assert dict(os.environ) == before
    assert signal.getsignal(signal.SIGTERM) == handler


def test_slots_are_counted_node_by_node():
    nodes = [node(4, 1), node(2, 2), node(8)]
    assert ray_cluster.slots(nodes, 0) == 14
    assert ray_cluster.slots(nodes, 1) == 1 + 2
    assert ray_cluster.slots(nodes, 0.5) == 2 + 2
    assert ray_cluster.slots(nodes, 0.3) == 3 + 2, "a share never spans two GPUs"
    assert ray_cluster.slots(nodes, 2) == 1
    ray = SimpleNamespace(nodes=lambda: [node(0), node(1), node(3, alive=False)])
    assert ray_cluster.alive(ray) == [node(1)]


def test_a_task_gets_one_thread_and_the_settings_that_hold_here(monkeypatch):
    for name in ("JAX_PLATFORMS", "XLA_PYTHON_CLIENT_MEM_FRACTION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OVERPARAM_DATA", "/data")
    monkeypatch.setenv("OVERPARAM_CORE", "1")
    monkeypatch.setenv("XLA_FLAGS", "--xla_mine")
    env = ray_cluster.task_environment(0)
    assert {env[k] for k in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC")} == {"1"}
    assert env["XLA_FLAGS"].startswith("--xla_mine ")
    assert "intra_op_parallelism_threads=1" in env["XLA_FLAGS"]
    assert (env["OVERPARAM_DATA"], env["JAX_PLATFORMS"]) == ("/data", "cpu")
    assert "OVERPARAM_CORE" not in env
    half = ray_cluster.task_environment(0.5)
    assert (half["XLA_PYTHON_CLIENT_MEM_FRACTION"], "JAX_PLATFORMS" in half) == ("0.375", False)
    assert "XLA_PYTHON_CLIENT_MEM_FRACTION" not in ray_cluster.task_environment(1)


def test_a_node_that_lacks_something_is_named(tmp_path):
    (tmp_path / "marker").write_text("text")
    here = ray_cluster.look(str(TOY), str(tmp_path / "marker"), "text")
    assert here["study"] == ("toy", 1)
    ray_cluster._same("n1", {**here, "study": ["toy", 1]}, here, "out")
    absent = ray_cluster.look(str(TOY), str(tmp_path / "nothing"), "text")
    with pytest.raises(StoreError, match=r"folder that every node .* \(n1\) .* written to out\. Choose"):
        ray_cluster._same("n1", absent, here, "out")
    with pytest.raises(
        UsageError, match="node n1: expected overparam .*, as here, got 9.9. Install the same version"
    ):
        ray_cluster._same("n1", {**here, "overparam": "9.9"}, here, "out")
    with pytest.raises(UsageError, match="expected the study toy with cell_version 1, as here, got toy with 2"):
        ray_cluster._same("n1", {**here, "study": ("toy", 2)}, here, "out")
    gone = ray_cluster.look(str(tmp_path / "gone.py"), str(tmp_path / "marker"), "text")
    with pytest.raises(
        UsageError, match="node n1: .*found nothing at .*A study's file must lie at the same path"
    ):
        ray_cluster._same("n1", gone, here, "out")


def test_paths_become_absolute_for_workers_that_start_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    job = ray_tasks._absolute(
        Job(0, "runs", ("a", "b"), ("f", "g"), ({"data": "mine.npz"}, {"data": "digits"}))
    )
    assert job.out == str(tmp_path / "runs")
    assert [cell["data"] for cell in job.cells] == [str(tmp_path / "mine.npz"), "digits"]
    (cell,) = ray_tasks._absolute(
        Job(0, "runs", ("a",), ("f",), ({"data": "d", "probes": ("mine.py", "fit")},))
    ).cells
    assert cell["probes"] == (str(tmp_path / "mine.py"), "fit")


@pytest.fixture
def job(tmp_path):
    cells = tuple(
        {"data": "digits", "width": 8, "noise": 0.0, "fault": "none", "seed": seed} for seed in range(3)
    )
    return Job(5, str(tmp_path), ("a", "b", "c"), ("f", "f", "f"), cells)


def test_the_task_yields_the_events_of_its_stack(job, tmp_path, monkeypatch):
    monkeypatch.setattr(ray_tasks, "compilation_cache", dict)
    events = list(ray_tasks._stack(str(TOY), job.to_dict()))
    assert [e["event"] for e in events] == ["started", "progress", "cell", "cell", "cell", "done"]
    assert CellStore(tmp_path, "toy").names() == {"a", "b", "c"}


def test_a_study_that_exits_and_a_store_that_cannot_be_written_end_the_task(job, tmp_path, monkeypatch):
    monkeypatch.setattr(ray_tasks, "compilation_cache", dict)
    (tmp_path / "exits.py").write_text(
        TOY.read_text().replace("    outcomes = []\n", "    raise SystemExit(3)\n", 1)
    )
    with pytest.raises(RuntimeError, match="SystemExit: 3"):
        list(ray_tasks._stack(str(tmp_path / "exits.py"), job.to_dict()))
    (tmp_path / "toy").write_text("a file in the way")
    events = list(ray_tasks._stack(str(TOY), job.to_dict()))
    (event,) = [e for e in events if e["event"] not in ("started", "progress")]
    assert event["event"] == "fatal"
    assert "expected to write" in event["error"]


def test_a_dead_worker_s_stored_cells_are_told_of_and_the_others_tried_again(job, tmp_path):
    store = CellStore(tmp_path, "toy")
    document = {"params": {}, "values": {}, "status": "diverged"}
    store.write("a", document)
    store.write("b", document)
    heard = []
    run = ray_tasks._Run(None, "", "toy", heard.append, None, deque(), heard={"a"})
    ray_tasks._bury(run, job, "it crashed", halve=True)
    assert heard == [
        {"event": "cell", "job": 5, "name": "b", "status": "diverged"},
        {
            "event": "smaller",
            "job": 5,
            "text": "3 cells together, 1 of them unfinished: it crashed, tried again with 1",
        },
    ]
    for _ in range(2):
        (alone,) = run.waiting
        assert alone.names == ("c",)
        ray_tasks._bury(run, run.waiting.popleft(), "it crashed", halve=True)
    assert [e["event"] for e in heard] == ["cell", "smaller", "failed", "done"]
    assert heard[2]["error"] == "the worker process ended 2 times on this cell (it crashed)"
    assert run.tries == Counter(c=2)
    assert not run.waiting


def test_a_stack_that_takes_too_long_says_so_and_ends_its_process(job, tmp_path, monkeypatch):
    stays = "    import threading\n    threading.Event().wait()\n    outcomes = []\n"
    (tmp_path / "slow.py").write_text(TOY.read_text().replace("    outcomes = []\n", stays, 1))
    now = [0.0]
    clock = SimpleNamespace(monotonic=lambda: now[0], sleep=lambda seconds: None)
    monkeypatch.setattr(ray_tasks, "time", clock)
    monkeypatch.setattr(ray_tasks, "compilation_cache", dict)
    monkeypatch.setattr(ray_tasks, "_LOOK_SECONDS", 0.05)
    ended = []
    monkeypatch.setattr(ray_tasks.os, "_exit", lambda code: ended.append(code))
    events = ray_tasks._stack(str(tmp_path / "slow.py"), {**job.to_dict(), "limit": 900.0})
    assert next(events)["event"] == "started"
    now[0] = 901.0
    assert next(events)["event"] == "late"
    assert ended == []
    next(events)
    assert ended == [1]


def test_a_run_waits_for_nodes_but_not_for_ever(monkeypatch):
    nodes = [node(2), node(3)]
    run = ray_tasks._Run(SimpleNamespace(nodes=lambda: nodes), "", "toy", print, None, deque())
    assert ray_tasks._room(run) == 5
    nodes.clear()
    assert ray_tasks._room(run) == 0
    assert run.most == (5, 2)
    monkeypatch.setattr(ray_tasks, "_PATIENCE_SECONDS", -1.0)
    with pytest.raises(WorkerError, match="got none for .* Finished cells are kept: add nodes"):
        ray_tasks._room(run)


class Gone(Exception):
    """An error of Ray's own."""


def ray_that(raylet=None, nodes=lambda: [node(2)], wait=None, get=None, here="n"):
    """A Ray whose raylet has this exit code, and whose calls do as they are told."""
    process = SimpleNamespace(process=SimpleNamespace(poll=lambda: raylet))
    return SimpleNamespace(
        nodes=nodes, wait=wait, get=get, exceptions=SimpleNamespace(RayError=Gone, RuntimeEnvSetupError=KeyError),
        get_runtime_context=lambda: SimpleNamespace(get_node_id=lambda: here),
        _private=SimpleNamespace(worker=SimpleNamespace(_global_node=SimpleNamespace(all_processes={"raylet": [process]}))),
    )  # fmt: skip


def raising(error):
    def call(*_, **__):
        raise error

    return call


def at_work(ray, job, ours=True):
    return ray_tasks._Run(
        ray, "", "toy", lambda event: None, None, deque(), ours=ours, running={iter([1]): job}
    )


@pytest.mark.parametrize("ours", [True, False])
@pytest.mark.parametrize(
    "ray",
    [
        ray_that(raylet=-9),
        ray_that(nodes=lambda: [{**node(2, alive=False), "NodeID": "n"}, {**node(2), "NodeID": "other"}]),
        ray_that(nodes=raising(Gone("rpc failed"))),
        ray_that(nodes=raising(ConnectionError("no head"))),
    ],
    ids=["raylet killed", "own node dead", "no answer", "no head"],
)
def test_a_ray_that_ended_is_one_sentence_at_once(ray, ours, job):
    with pytest.raises(WorkerError, match="expected Ray to live as long as the run.* Finished cells are kept"):
        ray_tasks._room(at_work(ray, job, ours))


def test_no_node_can_join_a_ray_of_our_own(job):
    with pytest.raises(WorkerError, match="one that ended on this machine"):
        ray_tasks._room(at_work(ray_that(nodes=lambda: []), job))


@pytest.mark.parametrize(
    "ray",
    [
        ray_that(wait=raising(Gone("x"))),
        ray_that(raylet=1, wait=lambda *a, **k: (a[0], []), get=raising(Gone("task lost"))),
        ray_that(wait=lambda *a, **k: (a[0], []), get=raising(ConnectionError("lost"))),
    ],
    ids=["wait", "a task lost with the raylet", "get"],
)
def test_a_ray_that_ends_while_it_is_listened_to_costs_no_cell_its_tries(ray, job):
    run = at_work(ray, job)
    with pytest.raises(WorkerError, match="expected Ray to live as long as the run"):
        ray_tasks._listen(run)
    assert not run.tries


def test_the_command_ends_with_exit_code_one(monkeypatch, capsys, tmp_path):
    from overparam.cli import main

    monkeypatch.setattr("overparam.data.fingerprint", lambda name, download=False: "0" * 16)
    monkeypatch.setattr("overparam.sweep.ray_tasks.run_ray", raising(ray_cluster.gone("ended on this machine")))
    with pytest.raises(SystemExit) as ended:
        main(["run", str(TOY), "--out", str(tmp_path), "--on", "ray"])
    assert ended.value.code == 1
    assert "Finished cells are kept" in capsys.readouterr().err.replace("\n", " ")


def test_a_study_that_vanished_or_changed_ends_the_run_in_words(job, tmp_path):
    ray_tasks._study.cache_clear()
    (event,) = ray_tasks._stack(str(tmp_path / "gone.py"), job.to_dict())
    assert event["event"] == "fatal"
    assert "found nothing at" in event["error"]


def test_ray_s_workers_are_not_given_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, "", str(tmp_path)])
    added = ray_cluster._Asked()
    added.extend([str(tmp_path), sys.path[0]])
    assert added == [one for one in [sys.path[0]] if one in ray_cluster.search_path()]
    call = clean_first("json", "dumps")
    assert (call("x"), str(tmp_path) in sys.path, "" in sys.path) == ('"x"', False, False)
    assert list(clean_first("builtins", "range", stream=True)(3)) == [0, 1, 2]
    assert call.__module__ == "__main__", "so that Ray sends its text"
