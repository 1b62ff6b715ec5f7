"""What the disk answers and what it refuses, and that files appear whole or not at all."""

import errno
import io
import os

import pytest

from overparam.core import atomic, disk
from overparam.core.errors import DiskError, StoreError

CALLS = {
    "open": lambda path: disk.open_read(path),
    "read": lambda path: disk.read_bytes(path),
    "create": lambda path: disk.create(path),
    "replace": lambda path: disk.replace(path, path.with_name("b")),
    "rename": lambda path: disk.rename(path, path.with_name("b")),
    "link": lambda path: disk.link(path, path.with_name("b")),
    "remove": lambda path: disk.unlink(path, missing_ok=True),
    "make": lambda path: disk.mkdir(path / "c"),
    "list": lambda path: disk.listed(path.parent),
    "look at": lambda path: disk.exists(path),
    "lock": lambda path: disk.lock(path),
}


@pytest.fixture
def refuse(monkeypatch):
    """Have one kind of operation fail from now on."""
    real = disk._do

    def wrong(name, code):
        def do(what, path, act, *arguments):
            if what == name:
                raise OSError(code, os.strerror(code))
            return real(what, path, act, *arguments)

        monkeypatch.setattr(disk, "_do", do)

    return wrong


@pytest.mark.parametrize(
    "code", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EACCES, errno.EDQUOT, errno.ESTALE]
)
@pytest.mark.parametrize("name", CALLS)
def test_what_the_disk_refuses_is_a_sentence_that_names_the_file(tmp_path, refuse, name, code):
    path = tmp_path / "a"
    path.write_text("{}")
    refuse(name, code)
    with pytest.raises(DiskError) as told:
        CALLS[name](path)
    assert isinstance(told.value, StoreError)
    assert isinstance(told.value, OSError)
    assert told.value.errno == code
    assert str(told.value).startswith(f"expected to {name} {tmp_path}")
    assert f"got: {os.strerror(code)}. " in str(told.value)
    assert str(told.value).endswith(".")


def test_absent_there_already_and_locked_are_answers(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(FileNotFoundError):
        disk.read_bytes(tmp_path / "b")
    with pytest.raises(FileExistsError):
        disk.link(tmp_path / "a", tmp_path / "a")
    assert disk.listed(tmp_path / "b") == []
    with pytest.raises(DiskError, match="expected to create .*A folder above it is gone"):
        disk.create(tmp_path / "b" / "c")
    (tmp_path / "nowhere").symlink_to("b/c")
    with pytest.raises(DiskError, match="expected to write .*or a link to nothing"):
        atomic.write_text(tmp_path / "nowhere" / "study" / "x.json", "")
    assert not disk.exists(tmp_path / "a" / "b")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert not disk.is_file(tmp_path / "loop")
    held = disk.lock(tmp_path / "lock")
    with pytest.raises(BlockingIOError):
        disk.lock(tmp_path / "lock")
    disk.unlock(held)
    disk.unlock(disk.lock(tmp_path / "lock"))


def test_a_lock_whose_file_was_removed_meanwhile_is_taken_anew(tmp_path, monkeypatch):
    path, real, seen = tmp_path / "lock", disk._do, []

    def do(what, at, act, *arguments):
        if what == "lock" and not seen:
            seen.append(at)
            path.unlink()
        return real(what, at, act, *arguments)

    monkeypatch.setattr(disk, "_do", do)
    held = disk.lock(path)
    assert os.path.samestat(os.fstat(held), path.stat())
    disk.unlock(held)


def test_nobody_writes_to_a_file_past_the_door(tmp_path):
    np = pytest.importorskip("numpy")
    with disk.create(tmp_path / "a.npy") as file:
        with pytest.raises(io.UnsupportedOperation):
            file.fileno()
        np.save(file, np.arange(5))
        disk.fsync(file)
    assert np.load(tmp_path / "a.npy").tolist() == [0, 1, 2, 3, 4]
    with disk.open_read(tmp_path / "a.npy") as file:
        assert np.load(file).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("name", ["make", "create", "write", "flush", "replace"])
def test_a_file_that_cannot_be_written_leaves_the_old_one_and_nothing_beside_it(tmp_path, refuse, name):
    path = atomic.write_text(tmp_path / "a", "old")
    refuse(name, errno.ENOSPC)
    with pytest.raises(
        DiskError, match=rf"expected to write {path}, got: No space left on device\. Free some space"
    ):
        atomic.write_text(path, "new")
    assert os.listdir(tmp_path) == ["a"]
    assert path.read_text() == "old"


def test_a_file_that_cannot_be_tidied_up_does_not_hide_the_first_error(tmp_path, monkeypatch):
    real = disk._do

    def do(what, path, act, *arguments):
        if what in ("write", "remove"):
            raise OSError({"write": errno.ENOSPC, "remove": errno.EIO}[what], "no")
        return real(what, path, act, *arguments)

    monkeypatch.setattr(disk, "_do", do)
    with pytest.raises(DiskError) as told:
        atomic.write_text(tmp_path / "a", "x")
    assert told.value.errno == errno.ENOSPC


def test_many_files_get_their_names_after_all_contents_are_on_the_disk(tmp_path, monkeypatch):
    real, trace = disk._do, []

    def do(what, path, act, *arguments):
        trace.append(what)
        return real(what, path, act, *arguments)

    monkeypatch.setattr(disk, "_do", do)
    assert atomic.write_many(tmp_path, ((name, b"xy") for name in "abc")) == 6
    assert "".join(sorted(os.listdir(tmp_path))) == "abc"
    order = [what for what in trace if what in ("write", "sync", "replace", "flush")]
    assert order == ["write"] * 3 + ["sync"] + ["replace"] * 3 + ["flush"]


def test_what_a_killed_program_had_begun_is_removed_after_an_hour(tmp_path):
    old, young, folder, theirs = (tmp_path / f".{n}.tmp" for n in ("0" * 32, "1" * 32, "2" * 32, "notes"))
    folder.mkdir()
    for path in (old, young, folder / "x", theirs):
        path.write_text("")
    for path in (old, folder / "x", folder, theirs):
        os.utime(path, (1, 1))
    atomic.sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {young.name, theirs.name}
