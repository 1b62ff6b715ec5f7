"""The Ray that a run uses: one started here and ended afterwards, or a running cluster, whose nodes are asked first."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import math
import os
import signal
import socket
import uuid
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from overparam.core import disk
from overparam.core.atomic import write_text
from overparam.core.errors import OverparamError, StoreError, UsageError, WorkerError
from overparam.sweep.environment import environment
from overparam.sweep.fresh import clean_first, search_path
from overparam.sweep.processes import ONE_THREAD, THREADS

_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS_SKIP_REGEX": "A worker died or was killed",  # a run tells of it itself
}
_STORE_BYTES = 100_000_000  # Ray's own store of objects carries events only
_ANSWER_SECONDS = 120.0


def ray_module() -> Any:
    """Import Ray.

    Raises:
        UsageError: it is not installed.
    """
    try:
        with _settings():
            return importlib.import_module("ray")
    except ImportError as error:
        raise UsageError(
            f"--on ray: expected the package ray, got: {error}. Install it with `pip install 'overparam[ray]'`, "
            "or use --on processes."
        ) from error


@contextlib.contextmanager
def _settings() -> Iterator[None]:
    """Ray's settings for the while that it is imported or started; what Ray itself sets is taken back too."""
    before = dict(os.environ)
    os.environ.update({name: value for name, value in _SETTINGS.items() if name not in before})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def connected(address: str, cpus: int) -> Iterator[tuple[Any, bool]]:
    """Yield Ray and whether it was started here; what was started or connected here is ended afterwards.

    A program that has called ``ray.init`` itself keeps its own connection.

    Args:
        address: ``auto`` or ``host:port`` of a running cluster, or empty to start a Ray on this machine.
        cpus: CPUs of a Ray started here.

    Raises:
        UsageError: Ray is not installed, or there is no cluster at the address.
    """
    ray = ray_module()
    if ray.is_initialized():
        yield ray, False
        return
    if address and address != "auto":
        _reachable(address)
    own = {"num_cpus": cpus, "include_dashboard": False, "object_store_memory": _STORE_BYTES}
    handler = signal.getsignal(signal.SIGTERM)
    try:
        try:
            with _settings(), warnings.catch_warnings():
                # Ray forks only to start its own programs at once, which harms no thread of JAX
                warnings.filterwarnings("ignore", r"os\.fork\(\) was called", RuntimeWarning)
                ray.init(
                    address=address or "local",
                    log_to_driver=False,
                    logging_level="ERROR",
                    job_config=_job_config(),
                    **({} if address else own),
                )
        except Exception as error:
            raise _no_cluster(address, str(error).strip().split("\n")[0]) from error
        finally:
            with contextlib.suppress(
                ValueError, TypeError
            ):  # Ray takes SIGTERM; only the main thread takes it back
                signal.signal(signal.SIGTERM, handler)
        yield ray, not address
    finally:
        ray.shutdown()


class _Asked(list[str]):
    """Folders for the path of Ray's workers: of those that Ray adds, the ones that are on the path here."""

    def extend(self, more: Iterable[str]) -> None:
        found = search_path()
        super().extend(one for one in more if one in found)


def _job_config() -> Any:
    """Settings of a job that does not put the current folder first on the path of Ray's workers, as Ray does."""
    config = importlib.import_module("ray.job_config").JobConfig()
    for name in ("_py_driver_sys_path", "py_driver_sys_path"):  # as versions of Ray call it
        if hasattr(config, name):
            setattr(config, name, _Asked())
    return config


def _reachable(address: str) -> None:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
    except OSError as error:
        raise _no_cluster(address, f"{error.strerror or error}") from error


def _no_cluster(address: str, got: str) -> UsageError:
    got = got.rstrip(".")
    if not address:
        return UsageError(f"--on ray: expected to start Ray on this machine, got: {got}. Use --on processes.")
    return UsageError(
        f"--on ray={address}: expected a running Ray cluster, got: {got}. Start one with `ray start --head`, run "
        "this command on one of its nodes, and give both the same RAY_AUTH_MODE and token; see docs/cluster.md."
    )


def alive(ray: Any, gpus: float = 0.0) -> list[Mapping[str, Any]]:
    """Return the living nodes that have a slot for a task.

    Raises:
        WorkerError: Ray does not answer.
    """
    try:
        nodes = ray.nodes()
    except Exception as error:
        raise gone(f"does not answer ({type(error).__name__})") from error
    return [node for node in nodes if node["Alive"] and slots([node], gpus)]


def gone(how: str) -> WorkerError:
    """The error for a Ray that ended during a run."""
    return WorkerError(
        f"--on ray: expected Ray to live as long as the run, got one that {how}. Finished cells are kept: start Ray "
        "again where it was not started by this command, and the same command goes on from here."
    )


def raylet_ended(ray: Any) -> bool:
    """Whether the part of Ray that gives this program its workers has ended; False where Ray does not tell.

    The cluster itself notices only after its health checks have failed for some time.
    """
    try:
        node = ray._private.worker._global_node
        started = [one.process for one in node.all_processes.get("raylet", ())] if node is not None else []
        if started and all(one.poll() is not None for one in started):
            return True
        here = ray.get_runtime_context().get_node_id()
        return any(one["NodeID"] == here and not one["Alive"] for one in ray.nodes())
    except Exception:  # a Ray that tells otherwise, or nothing; its tasks and nodes show the rest
        return False


def slots(nodes: Sequence[Mapping[str, Any]], gpus: float) -> int:
    """How many tasks of one CPU and ``gpus`` GPUs the nodes run at a time.

    >>> slots([{"Resources": {"CPU": 4.0, "GPU": 1.0}}, {"Resources": {"CPU": 2.0}}], 0.5)
    2
    """
    count = 0
    for node in nodes:
        cpu, gpu = (node["Resources"].get(kind, 0.0) for kind in ("CPU", "GPU"))
        a_gpu = math.floor(1 / gpus + 1e-9) if 0 < gpus < 1 else 1  # tasks on one GPU; a share never spans two
        count += int(min(cpu, gpu * a_gpu // max(gpus, 1.0) if gpus else math.inf))
    return count


def task_environment(gpus: float) -> dict[str, str]:
    """Environment of a Ray worker: one thread, and the settings of JAX and ours that hold here."""
    env = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("JAX_", "OVERPARAM_")) and name != "OVERPARAM_CORE"
    }
    env.update(dict.fromkeys(THREADS, "1"))
    env["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {ONE_THREAD}".strip()
    if not gpus:
        env.setdefault("JAX_PLATFORMS", "cpu")
    elif gpus < 1:
        share = os.environ.get("XLA_PYTHON_CLIENT_MEM_FRACTION", f"{0.75 * gpus:.3g}")
        env["XLA_PYTHON_CLIENT_MEM_FRACTION"] = share
    return env


def look(reference: str, marker: str, text: str) -> dict[str, Any]:
    """What a node finds: the study, the marker in the results folder, its version, whether JAX can use a GPU there."""
    from overparam.core.registry import find

    answer: dict[str, Any] = {"overparam": environment()["overparam"], "error": "", "study": None}
    with contextlib.suppress(OSError):
        answer["marker"] = disk.read_text(Path(marker)) == text
    plugins = ("jax_cuda12_plugin", "jax_cuda13_plugin")
    answer["gpu"] = any(importlib.util.find_spec(name) for name in plugins)
    try:
        study = find(reference)
        answer["study"] = (study.name, study.cell_version)
    except OverparamError as error:
        answer["error"] = str(error)
    return answer


def check_nodes(ray: Any, nodes: Sequence[Mapping[str, Any]], reference: str, out: str) -> bool:
    """Ask every node whether it can do the work; return whether JAX can use GPUs there.

    Raises:
        StoreError: a node does not see the results folder.
        UsageError: a node lacks overparam or the study, or has another version of either.
    """
    marker = Path(out) / f".{uuid.uuid4().hex}.ray"
    text = uuid.uuid4().hex
    expected = look(reference, str(marker), text)
    write_text(marker, text)
    pinned = importlib.import_module("ray.util.scheduling_strategies").NodeAffinitySchedulingStrategy
    task = ray.remote(num_cpus=0, max_retries=1)(clean_first(__name__, "look"))
    gpu = False
    try:
        asked = {
            node["NodeManagerHostname"] + " " + node["NodeManagerAddress"]: task.options(
                scheduling_strategy=pinned(node["NodeID"], soft=False)
            ).remote(reference, str(marker), text)
            for node in nodes
        }
        for node, answer in asked.items():
            try:
                found = ray.get(answer, timeout=_ANSWER_SECONDS)
            except ray.exceptions.GetTimeoutError as error:
                raise WorkerError(
                    f"node {node}: expected an answer within {_ANSWER_SECONDS:.0f} s, got none. See `ray status`; nothing "
                    "was computed."
                ) from error
            except ray.exceptions.RayError as error:
                raise UsageError(
                    f"node {node}: expected overparam {expected['overparam']} there, got: "
                    f"{str(error).strip().splitlines()[-1]}. Install the same version on every node."
                ) from error
            _same(node, found, expected, out)
            gpu = gpu or found["gpu"]
    finally:
        with disk.quietly():
            disk.unlink(marker, missing_ok=True)
    return gpu


def _same(node: str, found: Mapping[str, Any], expected: Mapping[str, Any], out: str) -> None:
    if not found.get("marker"):
        raise StoreError(
            f"expected a results folder that every node of the cluster sees, got a node ({node}) that does not see "
            f"what was written to {out}. Choose with --out a folder on a file system that all nodes share, mounted "
            "at the same path."
        )
    if found["overparam"] != expected["overparam"]:
        raise UsageError(
            f"node {node}: expected overparam {expected['overparam']}, as here, got {found['overparam']}. "
            "Install the same version on every node."
        )
    if found["error"]:
        raise UsageError(
            f"node {node}: {found['error']} A study's file must lie at the same path on every node."
        )
    if tuple(found["study"]) != tuple(expected["study"]):
        raise UsageError(
            f"node {node}: expected the study {expected['study'][0]} with cell_version {expected['study'][1]}, as "
            f"here, got {found['study'][0]} with {found['study'][1]}. Copy the same file to every node."
        )
