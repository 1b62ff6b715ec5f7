"""The commands whose every operation on a file is made to fail: how their folder is made, and how they are called."""

import contextlib
import io
import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import overparam.report.gallery
import overparam.report.page
import overparam.sweep.environment
import overparam.sweep.processes
import overparam.sweep.run
from overparam.cli import entry
from overparam.cli.app import app
from overparam.core import disk
from overparam.core.atomic import json_text
from overparam.core.errors import OverparamError, StoreError
from overparam.core.registry import find
from overparam.sweep.jobs import job_from_dict, run_job

TOY = str(Path(__file__).parents[1] / "toy_study.py")
SMALL = ("--noise", "0.2", "--widths", "8,16", "--data", "gaussian", "--workers", "1")


_PARSED = {}


def typed(arguments, **options):
    """The app, which reads the same words only once."""
    key = tuple(arguments)
    if key not in _PARSED:
        _PARSED[key] = app.parse_args(arguments, exit_on_error=False, print_error=False)
    command, bound, _ = _PARSED[key]
    return command(*bound.args, **bound.kwargs)


def stand_in():
    """Put what is quick in the place of what is slow and touches no results folder; for a program of its own alone."""
    overparam.sweep.environment._git = lambda *_: None
    overparam.sweep.run.refuse = lambda study: None  # that the study is sound is not asked again
    overparam.report.gallery.thumbnail = lambda *_: ""  # its ids count the pictures of a process
    overparam.report.page.render = json_text  # a page is drawn from its record alone: here it is the record
    overparam.sweep.processes._start = start
    entry.app = typed


class Died(BaseException):
    """A worker ended; nothing that it does afterwards reaches the disk."""


class Worker:
    """Stands in the place of a worker process: does its jobs at once, on the same disk."""

    working = False

    def __init__(self, reference, events):
        self.study, self.events, self.code = find(reference), events, None
        self.stdin, self.worker = self, None

    def write(self, line):
        Worker.working = True
        try:
            run_job(
                self.study, job_from_dict(json.loads(line)), lambda event: self.events.put((self.worker, event))
            )
        except StoreError as error:
            self.events.put((self.worker, {"event": "fatal", "error": str(error)}))
            self._end(0)
        except Died:
            disk._do.alive()
            self._end(-9)
        finally:
            Worker.working = False

    def _end(self, code):
        self.code = code
        self.events.put((self.worker, None))

    def flush(self):
        pass

    close = terminate = kill = flush

    def poll(self):
        return self.code

    def wait(self, timeout=None):
        return self.code or 0


def start(reference, slot, workers, events):
    process = Worker(reference, events)
    process.worker = overparam.sweep.processes._Worker(slot, process, io.BytesIO())
    return process.worker


@dataclass(frozen=True)
class Case:
    """A command.

    Attributes:
        words: what is typed, with FOLDER for the folder it works on; results lie in ``FOLDER/out``.
        before: commands that make the folder.
        call: a function in place of a command.
        prepare: what else makes the folder.
        code: exit code of the undisturbed command.
        goes: names of cells that it removes.
        spare: paths that it can do without.
        faults: what else can befall it.
    """

    words: tuple[str, ...] = ()
    before: tuple[tuple[str, ...], ...] = ()
    call: Callable[[Path], object] | None = None
    prepare: Callable[[Path], object] = lambda folder: None
    code: int = 0
    goes: str = "no cell"
    spare: str = "nothing"
    faults: tuple[str, ...] = ()

    def make(self, folder):
        """Make the folder."""
        folder.mkdir()
        for words in self.before:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as said:
                code = self._typed(words, folder)
            assert code == 0, (words, said.getvalue())
        self.prepare(folder)

    def command(self, folder):
        """Run the command; return its exit code."""
        return self._typed(self.words, folder) if self.call is None else self._called(folder)

    @staticmethod
    def _typed(words, folder):
        return entry._main([word.replace("FOLDER", str(folder)) for word in words])

    def _called(self, folder):
        os.environ["OVERPARAM_CACHE"] = str(folder / "cache")
        try:
            self.call(folder)
        except KeyboardInterrupt:
            return 130
        except OverparamError as error:
            sys.stderr.write(f"error {error}\n")
            return 1
        return 0


def toy(out="out", seeds="1", on="inline", *more):
    return ("run", TOY, "--out", f"FOLDER/{out}", "--on", on, "--seeds", seeds, *SMALL, *more)


def at(*words):
    return (*words, "--out", "FOLDER/out")


def arrays(folder):
    import numpy as np

    from overparam.data.cache import cached_arrays

    found, facts = cached_arrays("key", lambda: ({"x": np.arange(9.0), "y": np.zeros(0)}, {"form": "PNG"}))
    assert found["x"].tolist() == list(range(9)), found
    assert (found["y"].size, facts) == (0, {"form": "PNG"})


def half_arrays(folder):
    """An entry of the cache that was damaged, and one that a killed program had begun."""
    os.environ["OVERPARAM_CACHE"] = str(folder / "cache")
    arrays(folder)
    (folder / "cache/data/arrays/key/x.npy").write_bytes(b"half")
    begun = folder / f"cache/data/arrays/.{0:032x}.tmp"
    begun.mkdir()
    (begun / "x.npy").write_bytes(b"")
    for path in (begun / "x.npy", begun):
        os.utime(path, (1, 1))


def own_arrays(folder):
    import numpy as np

    import overparam

    os.environ["OVERPARAM_CACHE"] = str(folder / "cache")
    x = np.arange(40.0).reshape(20, 2)
    overparam.run(
        TOY,
        out=folder / "out",
        on="inline",
        data=(x, (x[:, 0] > 20).astype(int)),
        seeds=1,
        widths=[8],
        noise=0.2,
        progress=False,
    )


def download(folder):
    from overparam.data import files, hub

    hub._download = _downloaded
    hub.fetch(hub.SETS["mnist"])
    assert files.find("mnist", "ylecun/mnist", "mnist") is not None


def _downloaded(spec, target, progress):
    (target / spec.config).mkdir(parents=True, exist_ok=True)
    for split in ("train", "test"):
        (target / spec.config / f"{split}-00000-of-00001.parquet").write_bytes(split.encode())


def litter(folder):
    """What gc removes: of each kind one."""
    base = folder / "out" / "toy"
    (base / "cells" / "a.damaged").write_text("{")
    for place in (base, base / "register", base / "cells", folder / "out"):
        old = place / ".0.tmp"
        old.write_text("")
        os.utime(old, (1, 1))
    (base / "failed").mkdir(exist_ok=True)
    name = next(iter(sorted((base / "cells").glob("*.json")))).name
    (base / "failed" / name).write_text("{}")
    shutil.copytree(base / "cells", folder / "out" / "double-descent" / "cells")


def hurt(folder):
    """Damage a cell."""
    path = sorted((folder / "out/toy/cells").glob("*.json"))[0]
    path.write_bytes(path.read_bytes()[:40])


def forget(folder):
    """Lose the register, as in a folder of an older version."""
    shutil.rmtree(folder / "out/toy/register")


ONE, TWO = toy(), toy("out", "2")
CASES = {
    "run": Case(toy("out", "1")),
    "more": Case(TWO, (ONE,)),
    "workers": Case(toy("out", "2", "processes"), faults=("worker",)),
    "failing": Case(toy("out", "1", "inline", "--fault", "raise"), code=1),
    "damaged": Case(ONE, (ONE,), prepare=hurt),
    "old": Case(ONE, (ONE,), prepare=forget),
    "unpacked": Case(TWO, (ONE, at("pack"))),
    "pack": Case(at("pack"), (TWO,)),
    "repack": Case(at("pack"), (ONE, at("pack"), TWO)),
    "unpack": Case(at("pack", "--unpack"), (ONE, at("pack"))),
    "gc": Case(at("gc", "--yes"), (ONE,), prepare=litter),
    "merge": Case(at("merge", "FOLDER/other"), (ONE, toy("other", "2"))),
    "merge packed": Case(at("merge", "FOLDER/other"), (toy("other", "2"), ("pack", "--out", "FOLDER/other"))),
    "report": Case(at("report", "toy"), (ONE,)),
    "gallery": Case(at("gallery"), (ONE,)),
    "show": Case(at("show", "toy"), (ONE,)),
    "stored": Case(at("ls", "--stored"), (ONE, at("pack"))),
    "query": Case(at("query", "SELECT * FROM toy"), (ONE,)),
    "doctor": Case(("doctor", "FOLDER/out"), (ONE,)),
    "own arrays": Case(call=own_arrays),
    "arrays": Case(call=arrays, spare="cache"),
    "damaged arrays": Case(call=arrays, prepare=half_arrays, spare="cache"),
    "download": Case(call=download),
}
