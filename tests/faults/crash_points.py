"""Run a command once for each operation on a file, there failing, and look at what is left and how it goes on.

A program of its own, without JAX, so that it can fork: ``python tests/faults/crash_points.py EVERY COMMAND,...
[FAULT ...]``, with EVERY as in :func:`enumerate_points`. It prints one line a broken promise, and after each command
how many operations and runs it had.
"""

import contextlib
import errno
import io
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from overparam.core import disk
from overparam.core.atomic import sweep
from overparam.data import files
from overparam.store import CellStore, packs
from overparam.store.garbage import find_garbage, remove_garbage, root_garbage
from overparam.store.inspect import inspect
from tests.faults import commands

WRITES = ("create", "write", "flush", "replace", "rename", "link", "make", "sync")
CHANGES = (*WRITES, "remove")
READS = ("open", "read", "list", "look at")
LASTING = {"ENOSPC": WRITES, "EROFS": CHANGES}  # a full disk stays full, until somebody looks after it
REFUSED = {
    "ENOSPC": WRITES,
    "EROFS": CHANGES,
    "EACCES": (*CHANGES, *READS),
    "EIO": (*CHANGES, *READS),
    "lock": ("lock",),
}
FAULTS = (*REFUSED, "short", "torn", "death", "interrupt")
DEAD = 66  # exit code of a process that died on purpose


@dataclass
class Trouble:
    """Stands in the place of ``disk._do``: lets every operation through but one, and notes them all."""

    at: int = -1
    fault: str = ""
    trace: list[tuple[str, Path]] = field(default_factory=list)
    dead: bool = False

    def alive(self):
        """Another worker takes over."""
        self.dead = False

    def __call__(self, what, path, act, *arguments):
        if self.dead:
            raise commands.Died
        number = len(self.trace)
        self.trace.append((what, Path(path)))
        if number == self.at and self.fault in ("short", "torn", "death", "interrupt"):
            if self.fault in ("short", "torn"):
                done = act(bytes(arguments[0])[: max(1, len(arguments[0]) // 2)])
                if self.fault == "short":
                    return done
            if self.fault == "interrupt":
                raise KeyboardInterrupt
            os._exit(DEAD)
        if number == self.at and self.fault == "worker" and commands.Worker.working:
            self.dead = True
            raise commands.Died
        lasting = number > self.at >= 0 and what in LASTING.get(self.fault, ())
        if (number == self.at and self.fault != "worker") or lasting:
            code = getattr(errno, self.fault, errno.ENOLCK)
            raise OSError(code, os.strerror(code))
        return None if what in ("flush", "sync") else act(*arguments)  # the disk is not waited for

    def fits(self, what):
        """Whether a fault can befall an operation."""
        if self.fault in ("short", "torn"):
            return what == "write"
        return what in REFUSED.get(self.fault, (what,))


@dataclass
class Said:
    """How a command ended."""

    code: int
    text: str
    trace: list[tuple[str, Path]]


def forget():
    """Forget what this process has read; a command starts with nothing."""
    for memory in (packs.names, packs.index, packs._group, files._checksum):
        memory.cache_clear()


def run(command: Callable[[], int], trouble: Trouble) -> Said:
    """Run a command with some trouble; where it dies, in a process of its own."""
    if trouble.fault in ("torn", "death") and trouble.at >= 0:
        forget()
        child = os.fork()
        if child == 0:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                disk._do = trouble
                command()
            os._exit(0)
        return Said(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), "", [])
    said = io.StringIO()
    forget()
    real, disk._do = disk._do, trouble
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
            code = command()
    finally:
        disk._do = real
    return Said(code, said.getvalue(), trouble.trace)


TIMES = ("created", "seconds", "compute_seconds", "finished", "at", "computed", "sha256", "stack")


def plain(value):
    """A document without what depends on the clock and on how many runs it took."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items() if key not in TIMES}
    return [plain(one) for one in value] if isinstance(value, list) else value


def look(folder):
    """What lies in a folder, by path: text without times; temporary files apart."""
    found, temporary = {}, []
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.name.startswith(".") or any(part.startswith(".") for part in path.relative_to(folder).parts):
            temporary.append(path)
        elif path.is_dir():
            found[name] = "folder"
        elif path.suffix == ".parquet" and path.parent.name == "packs":
            found[f"{path.parent.relative_to(folder)}/{path.name[5:]}"] = path.read_bytes()
        elif path.suffix in (".json", ".html"):
            try:
                document = plain(json.loads(path.read_bytes()))
            except ValueError:
                half = "half a file: " if path.suffix == ".json" else ""
                found[name] = half + str(path.read_bytes())
                continue
            if path.parent.name not in ("cells", "failed", "register"):
                document.pop("sequence", 0)
            found[name] = document
        else:
            found[name] = path.read_bytes()
    return found, temporary


def cells(folder):
    """Every finished cell by study and name, with its very text."""
    found = {}
    for store in stores(folder):
        whole, _ = store.readable(sorted(store.names()))
        found |= {(store.study, name): text for name, text in store.texts(whole)}
    return found


def stores(folder):
    """The studies in a results folder."""
    return [CellStore(folder, path.name) for path in folder.glob("*") if path.is_dir()]


def broken(case, trouble, said, expected, before, folder):
    """The promises that a run in trouble, and the one after it, did not keep."""
    died = trouble.fault in ("torn", "death")
    if died and said.code != DEAD:
        yield f"ended with {said.code} instead of dying"
    elif trouble.fault == "interrupt" and said.code != 130:
        yield f"ended with {said.code}, not 130: {said.text}"
    elif not died and trouble.fault != "interrupt" and said.code not in (0, 1):
        yield f"ended with {said.code}: {said.text}"
    elif (
        said.code == 1
        and case.code == 0
        and not re.search(r"error .*expected |problem |note ", " ".join(said.text.split()))
    ):
        yield f"no sentence: {said.text!r}"
    if "Traceback" in said.text or "Exception ignored" in said.text:
        yield f"a traceback: {said.text}"
    out = folder / "out"
    wrong = complaints(folder) - complaints(folder.parent / "before")
    if wrong:
        yield f"a reader sees {wrong}"
    kept = cells(out)
    lost = [name for name in before if name not in kept and not re.search(case.goes, str(name))]
    if lost:
        yield f"lost {lost}"
    if said.code == 0 and not died:
        now, _ = look(folder)
        now = {name: one for name, one in now.items() if name in expected or one != "folder"}
        now |= {name: one for name, one in expected.items() if re.match(case.spare, name)}
        if now != expected:
            yield f"ended with 0 and another result: {difference(expected, now)}"
    after = run(lambda: case.command(folder), Trouble())
    if after.code != case.code:
        yield f"the same command afterwards ended with {after.code}: {after.text}"
    now, temporary = look(folder)
    if now != expected:
        yield f"the same command afterwards gave another result: {difference(expected, now)}"
    later = cells(out)
    changed = [name for name, text in kept.items() if name in later and later[name] != text]
    if changed:
        yield f"changed {changed}"
    for path in temporary:
        os.utime(path, (1, 1), follow_symlinks=False)
    for store in stores(out):
        remove_garbage(store, find_garbage(store, None))
        remove_garbage(store, root_garbage(out))
    for place in {path.parent for path in temporary if "cache" in path.parts}:
        sweep(place)
    _, left = look(folder)
    if left:
        yield f"nobody knows {[str(path.relative_to(folder)) for path in left]}"


def complaints(folder):
    """What a reader sees that is wrong."""
    out, found = folder / "out", set()
    for store in stores(out):
        seen = inspect(out, store.study)
        found |= {*map(str, (*seen.damaged, *seen.broken, *seen.newer, *seen.foreign))}
    found |= {
        f"{folder / name}: half a file" for name, one in look(folder)[0].items() if "half a" in str(one)[:10]
    }
    return {text.replace(str(folder), "") for text in found}


def difference(expected, now):
    """Paths that differ between two folders, each with the place where they part."""
    return [
        f"{key}: {_parting(str(expected.get(key)), str(now.get(key)))}"
        for key in sorted({*expected, *now})
        if expected.get(key) != now.get(key)
    ]


def _parting(one, other):
    at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
    return f"...{one[max(0, at - 40) : at + 40]}... became ...{other[max(0, at - 40) : at + 40]}..."


def disorder(trace):
    """What a power cut could undo: content may reach the disk after the name, and names in any order, unless flushed."""
    written, named = (
        {},
        set(),
    )  # by folder the temporary file that is being written; folders with names not yet flushed
    for what, path in trace:
        if what == "create":
            written[path] = False
        elif what == "flush" and path in written:
            written[path] = True
        elif what == "flush":
            named.discard(path)
        elif what == "sync":
            written, named = dict.fromkeys(written, True), set()
        elif what in ("replace", "link") and path.suffix != ".damaged":
            named.add(path.parent)
            if not all(done for one, done in written.items() if one.parent == path.parent):
                yield f"{path.name} gets its name before it is on the disk"
        elif what == "remove" and path in written:
            del written[path]
        elif (
            what == "remove" and path.suffix in (".json", ".parquet") and path.parent.name != "failed" and named
        ):
            yield f"{path.name} is removed before what stands for it has its name on the disk"
    yield from (
        f"the names in {place.name} are not on the disk at the end" for place in named if place.name == "cells"
    )


def enumerate_points(case, faults, every):
    """Yield what is broken, then the counts, of a command that is run once for each operation and fault.

    Args:
        case: the command.
        faults: names of what goes wrong.
        every: 1 for all pairs of an operation and a fault, n for each n-th; 0 for each operation with one fault, in turn.
    """
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as scratch:
        root = Path(scratch)
        case.make(root / "before")
        folder = root / "now"  # always the same, since some names depend on where a folder lies
        shutil.copytree(root / "before", folder)
        before = cells(root / "before" / "out")
        whole = run(lambda: case.command(folder), Trouble())
        if whole.code != case.code:
            yield f"undisturbed it ended with {whole.code}: {whole.text}"
        expected, left = look(folder)
        shutil.rmtree(folder)
        if left:
            yield f"undisturbed it left {left}"
        yield from disorder(whole.trace)
        runs, turn = 0, 0
        for at, (what, path) in enumerate(whole.trace):
            fitting = [fault for fault in faults if Trouble(at, fault).fits(what)]
            for fault in [fitting[at % len(fitting)]] if not every else fitting:
                trouble = Trouble(at, fault)
                turn += 1
                if every and turn % every:
                    continue
                runs += 1
                shutil.copytree(root / "before", folder)
                said = run(lambda: case.command(folder), trouble)
                for promise in broken(case, trouble, said, expected, before, folder):
                    yield f"{fault} at {at}, {what} {path.relative_to(folder)}: {promise}"
                shutil.rmtree(folder)
        yield {"operations": len(whole.trace), "runs": runs}


def main(given):
    """Say what is broken, a line each, and last how much was tried."""
    every, names, *faults = given
    for name in names.split(","):
        began, case = time.process_time(), commands.CASES[name]
        tried = faults or (*FAULTS, *case.faults)
        for said in enumerate_points(case, tried, int(every)):
            if isinstance(said, dict):
                said = json.dumps({"command": name, **said, "seconds": round(time.process_time() - began, 2)})
            sys.stdout.write(f"{said}\n")
            sys.stdout.flush()
    assert "jax" not in sys.modules


if __name__ == "__main__":
    commands.stand_in()
    main(sys.argv[1:])
