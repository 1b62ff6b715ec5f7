import os

import pytest

from overparam.sweep import claims as room
from overparam.sweep.claims import Claims

pytest.importorskip("fcntl")


def test_a_cell_is_claimed_by_one_run_at_a_time(tmp_path):
    one, other = Claims(tmp_path / "claims"), Claims(tmp_path / "claims")
    assert one.take(["a", "b"])
    assert not other.take(["c", "b"])
    assert one.take(["c"])  # the other has kept nothing of what it could not have whole
    one.release(["a", "b"])
    assert other.take(["b"])
    one.close()
    other.close()
    assert os.listdir(tmp_path) == []


def test_claims_end_with_their_holder(tmp_path):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        Claims(tmp_path).take(["a"])
        os.write(writer, b"x")
        os.kill(os.getpid(), 9)
    os.read(reader, 1)
    os.waitpid(child, 0)
    assert Claims(tmp_path).take(["a"])


def test_without_locks_everything_may_be_taken(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    assert Claims(tmp_path / "file" / "claims").take(["a"])

    def unsupported(*_):
        raise OSError("no locks on this file system")

    monkeypatch.setattr(room.fcntl, "flock", unsupported)
    assert Claims(tmp_path).take(["a"])
    monkeypatch.setattr(room, "fcntl", None)
    assert Claims(tmp_path).take(["a"])
