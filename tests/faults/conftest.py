"""Runs of the study of faults, in this process and as a program, and what they should have found."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from overparam.sweep.run import execute, make_plan
from tests.toy_study import STUDY as TOY

_STARTED = []
STUDY = str(Path(__file__).with_name("study.py"))


@pytest.fixture(scope="session")
def truth(tmp_path_factory):
    """Values of an uninterrupted run, by width and seed."""
    out = tmp_path_factory.mktemp("truth")
    execute(make_plan(STUDY, out=out), on="inline")
    return values(out)


@pytest.fixture
def out(whole, tmp_path, monkeypatch):
    """A copy of a file's ``whole`` results folder, with something outside that must not be touched."""
    monkeypatch.setattr("overparam.core.registry.get", lambda name: TOY if name == "toy" else None)
    monkeypatch.setattr("overparam.cli.doctor.studies", lambda: {"toy": TOY})
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "mine.txt").write_text("mine")
    return shutil.copytree(whole, tmp_path / "store")


@pytest.fixture(autouse=True)
def _nothing_runs_on():
    yield
    while _STARTED:
        process = _STARTED.pop()
        process.kill()
        process.communicate()


def values(out):
    """The stored values by width and seed; every file must be whole."""
    found = {}
    for path in sorted((Path(out) / "faults" / "cells").glob("*.json")):
        document = json.loads(path.read_text())
        found[document["params"]["width"], document["params"]["seed"]] = document["values"]
    return found


def cells(out):
    """The bytes of every finished cell."""
    return {path.name: path.read_bytes() for path in (Path(out) / "faults" / "cells").glob("*.json")}


def start(out, *, fault="slow", workers=2, log=None):
    """Start a run as a program of its own."""
    command = [sys.executable, "-m", "overparam.cli", "run", STUDY, "--out", str(out), "--fault", fault]
    environment = {**os.environ, **({"FAULTS_LOG": str(log)} if log else {})}
    process = subprocess.Popen(
        [*command, "--workers", str(workers)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    _STARTED.append(process)
    return process


def finish(process, timeout=120):
    """Wait for a program; return its exit code and all it said."""
    said, errors = process.communicate(timeout=timeout)
    return process.returncode, said + errors


def wait_for(condition, timeout=60):
    """Wait until something is so."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def workers(process):
    """Process numbers of the workers of a run."""
    return [pid for pid, parent in _workers() if parent == process.pid]


def running():
    """Whether any worker of this study runs."""
    return bool(_workers())


def _workers():
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_text().split("\0")
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:  # it has ended meanwhile
            continue
        if "overparam.sweep.worker" in words and STUDY in words:
            found.append((int(folder.name), parent))
    return found
