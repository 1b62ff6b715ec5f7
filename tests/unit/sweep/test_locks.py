import os
import subprocess
import sys

import pytest

from overparam.core import disk
from overparam.sweep.locks import Locks

pytest.importorskip("fcntl")


def test_a_cell_is_claimed_by_one_run_at_a_time(tmp_path):
    one, other = Locks(tmp_path / "locks"), Locks(tmp_path / "locks")
    assert one.take(["a", "b"])
    assert not other.take(["c", "b"])
    assert one.take(["c"])  # the other has kept nothing of what it could not have whole
    one.release(["a", "b"])
    assert other.take(["b"])
    one.close()
    other.close()
    assert os.listdir(tmp_path) == []


def test_locks_end_with_their_holder(tmp_path):
    code = (
        "import sys; from pathlib import Path; from overparam.sweep.locks import Locks\n"
        "locks = Locks(Path(sys.argv[1])); print(locks.take(['a']), flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "True\n"
        assert not Locks(tmp_path).take(["a"])
        holder.kill()
    assert Locks(tmp_path).take(["a"])


def test_without_locks_everything_may_be_taken(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    assert Locks(tmp_path / "file" / "locks").take(["a"])

    def unsupported(*_):
        raise OSError("no locks on this file system")

    monkeypatch.setattr(disk.fcntl, "flock", unsupported)
    assert Locks(tmp_path).take(["a"])
    monkeypatch.setattr(disk, "fcntl", None)
    assert Locks(tmp_path).take(["a"])
