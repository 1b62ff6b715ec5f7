"""Each operation on a file fails once, in every way; the same command afterwards gives the uninterrupted result."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("crash_points.py")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="dies in a forked process")
WAYS = ("EIO", "ENOSPC", "death", "interrupt", "EROFS", "worker")  # in turn, one at each operation
OTHERS = (
    "more,failing,damaged,old,unpacked,pack,repack,unpack,gc,merge,merge packed,report,gallery,show,stored,query,"
    "doctor,own arrays,arrays,damaged arrays,download"
)


def tried(every, commands, *faults):
    """Run the script; return how much it tried by command, after it has found nothing wrong."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(every), commands, *faults],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line for line in lines if not line.startswith("{")] == []
    found = [json.loads(line) for line in lines]
    assert [one["command"] for one in found] == commands.split(",")
    return {one["command"]: one for one in found}


def test_a_small_sweep_goes_on_after_each_of_its_operations_failed_once():
    found = tried(0, "run", *WAYS)
    assert found["run"]["runs"] == found["run"]["operations"] > 50


@pytest.mark.slow
def test_a_small_sweep_of_workers_goes_on_after_each_of_its_operations_failed_once():
    found = tried(0, "workers", *WAYS)
    assert found["workers"]["runs"] == found["workers"]["operations"] > 90


@pytest.mark.slow
def test_no_command_loses_anything_where_one_of_its_operations_fails():
    found = tried(23, OTHERS)
    assert sum(one["operations"] for one in found.values()) > 700
    assert sum(one["runs"] for one in found.values()) > 40


@pytest.mark.long
@pytest.mark.parametrize("command", ["run", "workers", *OTHERS.split(",")])
def test_every_operation_fails_in_every_way(command):
    found = tried(1, command)
    assert found[command]["runs"] > found[command]["operations"]
