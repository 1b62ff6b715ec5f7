"""What every benchmark shares: child processes on their own cores, spreads, goals, and the result file.

Standard library only at the top, because the peers' Python imports it too.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC")
ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
SKIPPED = 77  # exit code of a benchmark whose peer is not there
BUSY = 1.1  # wall clock over processor time of one-thread work; more means that something else ran


def cores() -> list[int]:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


class Child:
    """A process that answers requests, one JSON line each, pinned to some cores."""

    def __init__(self, command: Sequence[str], on: Sequence[int], threads: int | None = None) -> None:
        count = len(on) if threads is None else threads
        env = {**os.environ, **dict.fromkeys(THREADS, str(count))}
        if count == 1:
            env["XLA_FLAGS"] = f"{env.get('XLA_FLAGS', '')} {ONE_THREAD}".strip()
        pin = (lambda: os.sched_setaffinity(0, set(on))) if hasattr(os, "sched_setaffinity") else None
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the child
        self._process = subprocess.Popen(
            list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True, env=env,
            preexec_fn=pin,
        )  # fmt: skip

    def send(self, do: str, **request: Any) -> None:
        """Give a request; it is worked on while others are given theirs."""
        self._process.stdin.write(json.dumps({"do": do, **request}) + "\n")
        self._process.stdin.flush()

    def receive(self) -> Any:
        """Wait for the answer to the oldest request."""
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._log.seek(0)
            raise RuntimeError("a child ended:\n" + self._log.read().decode(errors="replace")[-2000:])
        return json.loads(line)

    def ask(self, do: str, **request: Any) -> Any:
        """Give a request and wait for its answer."""
        self.send(do, **request)
        return self.receive()

    def close(self) -> None:
        """End the child."""
        self._process.stdin.close()
        self._process.stdout.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


class Children:
    """Children by name, ended together."""

    def __init__(self) -> None:
        self._children: list[Child] = []

    def __enter__(self) -> "Children":
        return self

    def start(self, command: Sequence[str], on: Sequence[int], threads: int | None = None) -> Child:
        """Start one more."""
        self._children.append(Child(command, on, threads))
        return self._children[-1]

    def __exit__(self, *error: object) -> None:
        for child in self._children:
            child.close()


def serve(functions: Mapping[str, Callable[..., Any]]) -> None:
    """Answer requests until standard input ends; whatever a library prints goes to the log."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1) as channel:
        os.dup2(2, 1)
        for line in sys.stdin:
            request = json.loads(line)
            channel.write(json.dumps(functions[request.pop("do")](**request)) + "\n")


class Clock:
    """Wall-clock and processor seconds of a block."""

    def __enter__(self) -> "Clock":
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *error: object) -> None:
        self.wall, self.cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu

    def seconds(self) -> dict[str, float]:
        """Both, as plain numbers."""
        return {"wall": self.wall, "cpu": self.cpu}


def peak_bytes() -> int:
    """Largest memory this process has held."""
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def spread(values: Iterable[float]) -> dict[str, float]:
    """Median and range.

    >>> spread([3.0, 1.0, 2.0])
    {'median': 2.0, 'low': 1.0, 'high': 3.0, 'n': 3}
    """
    kept = list(values)
    return {"median": median(kept), "low": min(kept), "high": max(kept), "n": len(kept)}


def ratios(ours: Sequence[float], peers: Sequence[float]) -> dict[str, float]:
    """How many times longer the peer takes, repeat by repeat: median and range."""
    return spread(p / o for o, p in zip(ours, peers, strict=True))


def goal(
    text: str,
    found: Mapping[str, float],
    unit: str,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
) -> dict[str, Any]:
    """One number against its goal; it is met when the median is.

    >>> goal("faster", spread([2.0]), "x", at_least=3.0)["met"]
    False
    """
    low = at_least is None or found["median"] >= at_least
    high = at_most is None or found["median"] <= at_most
    asked = {"at_least": at_least, "at_most": at_most}
    return {"text": text, **found, "unit": unit, **asked, "met": None if at_least == at_most else low and high}


def number(value: float | str | None) -> str:
    """Three digits for a person.

    >>> number(1234.5), number(0.01234), number(3.456), number(12)
    ('1,234', '0.0123', '3.46', '12')
    """
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def shown(found: Mapping[str, float], unit: str = "") -> str:
    """Median with its range.

    >>> shown(spread([1.0, 2.0, 3.0]), "s")
    '2 s (1 to 3, n = 3)'
    """
    head = " ".join(filter(None, (number(found["median"]), unit)))
    return f"{head} ({number(found['low'])} to {number(found['high'])}, n = {found['n']})"


def processor() -> str:
    """Model of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    wide = "with" if any(line.startswith("flags") and "avx512f" in line for line in lines) else "without"
    return f"{names[0]} ({platform.machine()}, {wide} AVX-512)" if names else platform.machine()


def describe(peers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The machine, the code and the moment of a measurement.

    Args:
        peers: versions of the peers' packages, where they run in a Python of their own.
    """
    from overparam.core.memory import total_memory
    from overparam.sweep.environment import environment

    return {
        **environment(),
        "processor": processor(),
        "cores": len(cores()),
        "memory_gb": round(total_memory() / 1e9, 1),
        "peers": dict(peers or {}),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "load_average": [round(v, 2) for v in os.getloadavg()],
    }


def arguments(text: str | None, repeats: int = 3) -> argparse.ArgumentParser:
    """The options that all benchmarks share."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, help=f"repeats (default {repeats}; 1 with --quick)")
    parser.add_argument("--quick", action="store_true", help="small sizes: whether it runs, not how fast")
    parser.add_argument("--full", action="store_true", help="also what takes many minutes or much memory")
    parser.add_argument("--peer", default="", help="Python that has the packages of peers.txt")
    parser.add_argument("--out", type=Path, help="folder for the result file; without it nothing is written")
    parser.add_argument("--worker", default="", help=argparse.SUPPRESS)
    parser.set_defaults(usual_repeats=repeats)
    return parser


def repeats(args: argparse.Namespace) -> int:
    """How often to measure."""
    return args.repeats or (1 if args.quick else args.usual_repeats)


def finish(args: argparse.Namespace, result: dict[str, Any]) -> None:
    """Print the goals, and write the result file if a folder was given.

    ``result`` has ``benchmark``, ``title``, ``question``, ``environment``, ``conditions`` (text by name), ``goals``
    (see :func:`goal`), ``bars`` (charts), ``tables`` and ``notes``.
    """
    result["quick"] = bool(args.quick)
    result["environment"]["load_average_after"] = [round(v, 2) for v in os.getloadavg()]
    for line in result["goals"]:
        print(f"{line['text']}: {shown(line, line['unit'])}{asked(line)}")
    for note in result["notes"]:
        print(f"note: {note}")
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
        text = json.dumps(result, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        (args.out / f"{result['benchmark']}.json").write_text(text, encoding="utf-8")


def asked(line: Mapping[str, Any]) -> str:
    """A goal in words, and whether it is met."""
    if line["met"] is None:
        return ""
    bound = f"at least {number(line['at_least'])}" if line["at_least"] is not None else ""
    bound += f"at most {number(line['at_most'])}" if line["at_most"] is not None else ""
    return f"; goal {bound}: {'met' if line['met'] else 'MISSED'}"


def skip(why: str) -> None:
    """End a benchmark that cannot be run here; that is no failure, and an older result file stays."""
    print(f"skipped: {why}")
    raise SystemExit(SKIPPED)


def busy(slowness: Iterable[float]) -> list[str]:
    """A note when one-thread work took clearly longer than its processor time."""
    worst = max(slowness, default=1.0)
    if worst <= BUSY:
        return []
    return [
        f"Something else ran on these cores: one-thread work took up to {worst:.2f} times its processor time. "
        "Ratios of processor time are steadier than those of wall-clock time."
    ]
