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

HANGS = 600  # seconds after which something hangs: no time that anything is expected to take
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


@pytest.fixture
def places(tmp_path_factory, monkeypatch):
    """A folder where processes of the study leave a link at each place of the work that they come to."""
    folder = tmp_path_factory.mktemp("places")
    os.mkfifo(folder / "pipe")
    monkeypatch.setenv("FAULTS_PLACES", str(folder))
    return folder


def start(out, *, fault, workers=2):
    """Start a run as a program of its own."""
    command = [sys.executable, "-m", "overparam.cli", "run", STUDY, "--out", str(out), "--fault", fault]
    process = subprocess.Popen(
        [*command, "--workers", str(workers)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    _STARTED.append(process)
    return process


def finish(process):
    """Wait for a program; return its exit code and all it said."""
    said, errors = process.communicate(timeout=HANGS)
    return process.returncode, said + errors


def wait_for(condition, process):
    """Wait until something is so, which a program that runs brings about."""
    deadline = time.monotonic() + HANGS
    while not condition():
        if process.poll() is not None and not condition():
            raise AssertionError(f"it ended: {finish(process)}")
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def held(process, places, out):
    """Wait until one worker is held in the midst of its stack and the other has stored the rest.

    Returns:
        The number of that worker's process, and the finished cells.
    """
    link = places / "held"
    wait_for(lambda: link.is_symlink() and len(cells(out)) == 20, process)
    return int(link.readlink().name), cells(out)


def workers(process):
    """Process numbers of the workers of a run."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_text().split("\0")
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:  # it has ended meanwhile
            continue
        if parent == process.pid and "overparam.sweep.worker" in words:
            found.append(int(folder.name))
    return found


def alive(pid):
    """Whether a process runs; one that nobody has asked how it ended does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in ("Z", "X")
    except OSError:
        return False
