"""The laboratory from Python: :func:`run` and :func:`load`."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from overparam.api.result import Result
from overparam.core import disk
from overparam.core.commands import command, to_run
from overparam.core.errors import DamageWarning, DiskError, StoreError, UsageError

if TYPE_CHECKING:
    from overparam.core import Study
    from overparam.data import Dataset
    from overparam.sweep.run import Plan


def run(
    study: str | os.PathLike[str] | Study,
    profile: str = "quick",
    *,
    out: str | Path = "runs",
    on: str = "processes",
    workers: int | None = None,
    memory: float | None = None,
    limit: float | None = None,
    progress: bool = True,
    page: bool = True,
    data: str | os.PathLike[str] | Dataset | tuple[Any, ...] | list[Any] | None = None,
    **axes: Any,
) -> Result:
    """Run a study, or what is left of it, and judge its claims.

    The same call again computes nothing; more seeds or widths extend what is stored.

    Args:
        study: its name, the path of its file, or a :class:`~overparam.core.parts.Study`.
        profile: ``quick``, ``laptop`` or ``paper``.
        out: results folder.
        on: ``processes`` (one worker a core or GPU), ``inline`` (in this process), ``ray`` (Ray on this machine),
            ``ray=auto`` or ``ray=HOST:PORT`` (a running cluster), with ``,gpus=0.5`` for half a GPU a task.
        workers: number of workers; by default one a GPU, else one a core; on a cluster all it has room for.
        memory: bytes that one stack may take.
        limit: seconds that one stack may take; by default 20 times what is expected, and at least 15 minutes.
        progress: show a progress display on the standard error stream.
        page: write the HTML page.
        data: a data set's name or path, a list of such, a Dataset, or a pair ``(x, y)`` or a quadruple
            ``(x, y, x_test, y_test)`` of arrays, which is stored under ``out/data``.
        **axes: values of the study's axes, for instance ``widths=[9, 27]``, ``seeds=10``.

    Returns:
        The result: verdicts, a tidy table, the path of the page.

    Raises:
        UsageError: an unknown name, or a value out of range.
        DataError: a data set that is not at hand.
        StoreError: the results folder cannot be written.
    """
    from overparam.sweep.run import make_plan

    overrides = dict(axes)
    if data is not None:
        overrides["data"] = _data_names(data, Path(out))
    plan = make_plan(study, profile, out=out, workers=workers, memory=memory, overrides=overrides)
    return finish(plan, on=on, limit=limit, progress=progress, page=page)


def finish(plan: Plan, *, on: str, limit: float | None, progress: bool, page: bool, remark: str = "") -> Result:
    """Compute what a plan leaves to do, judge, and write the page.

    Args:
        plan: what is to be run.
        on: executor, as for :func:`run`.
        limit: seconds that one stack may take.
        progress: show a progress display, and the remark, on the standard error stream.
        page: write the HTML page.
        remark: something to know about the run.
    """
    from overparam.sweep.run import execute

    if progress:
        from overparam.api.progress import note, progress_of

        if remark:
            note(remark)
        with progress_of(plan, on) as listen:
            record = execute(plan, on=on, limit=limit, listen=listen)
    else:
        record = execute(plan, on=on, limit=limit)
    result = Result(record, plan.out, remark)
    if page:
        from overparam.report.page import write
        from overparam.store import RecordStore

        write(record, RecordStore(plan.out).page(record))
    return result


def gallery(out: str | Path = "runs", to: str | Path | None = None) -> Path:
    """Write one page that shows all stored runs and links their pages.

    Records that cannot be read are named on it, and by a :class:`~overparam.core.errors.DamageWarning`.

    Args:
        out: results folder.
        to: the file; by default ``gallery.html`` in the results folder. Links are relative to it.

    Returns:
        The path of the file.

    Raises:
        UsageError: nothing is stored there, or a file that is no page.
        StoreError: a file cannot be read or written.
    """
    from overparam.report.gallery import write
    from overparam.store import RecordStore

    folder = Path(out)
    target = folder / "gallery.html" if to is None else Path(to)
    store = RecordStore(folder)
    records: list[tuple[Path, dict[str, Any]]] = []
    damaged = []
    for study in store.studies():
        for path in store.runs(study):
            try:
                record = store.read(path)
                store.page(record)
                records.append((path, record))
            except DiskError:
                raise
            except (StoreError, FileNotFoundError) as error:
                damaged.append(f"{study}/{path.name}")
                warnings.warn(str(error), DamageWarning, stacklevel=2)
    if not records:
        raise UsageError(
            f"gallery: expected stored runs in {out}, got none. Run `{command('run', 'random-features', out=out)}` "
            "first, or name another folder with --out."
        )
    return write(records, damaged, target)


def load(study: str | os.PathLike[str], run: str = "", *, out: str | Path = "runs") -> Result:
    """Return a stored run of a study, given by its name or the path of its file.

    It is the newest, or the newest whose name begins with ``run``.

    A run whose rules have changed since is judged again from its stored cells, and its page written again; one
    whose computation has changed since is marked ``stale`` in ``result.remark``.

    Raises:
        UsageError: there is none.
        StoreError: its record is damaged, or its cells are gone.
    """
    from overparam.core.registry import find, get, in_file
    from overparam.store import RecordStore
    from overparam.sweep.judge import rejudge

    own = find(study) if in_file(study) else None
    name = os.fspath(study) if own is None else own.name
    store = RecordStore(Path(out))
    record = store.latest(name, run, lambda: to_run(os.fspath(study), run, out))
    for why in store.unknown(name, run):
        warnings.warn(
            f"{why} An older run is given: nothing tells which is newer.", DamageWarning, stacklevel=2
        )
    known = own or get(name)
    if known is None:
        return Result(record, Path(out))
    if known.cell_version != record["cell_version"]:
        remark = f"stale: computed by version {record['cell_version']}, now {known.cell_version}; run it again"
        return Result(record, Path(out), remark)
    if not rejudge(known, record):
        return Result(record, Path(out))
    from overparam.report.page import write
    from overparam.sweep.record import reconclude

    remark = "judged again from the stored cells: the rules have changed"
    result = Result(reconclude(known, record, out), Path(out), remark)
    write(dict(result.record), store.page(result.record))
    return result


def _data_names(data: Any, out: Path) -> list[str]:
    from overparam.data import Dataset, from_arrays, save
    from overparam.store.schema import inside
    from overparam.sweep.key import slug

    if isinstance(data, str | os.PathLike):
        return [os.fspath(data)]
    if isinstance(data, list | tuple) and data and all(isinstance(name, str | os.PathLike) for name in data):
        return [os.fspath(name) for name in data]
    if isinstance(data, tuple) and len(data) in (2, 4):
        data = from_arrays(*data, name="arrays")
    if isinstance(data, Dataset):
        inside(out, out / "data")
        path = out / "data" / f"{slug({'data': data.name})[5:]}-{data.fingerprint}.npz"
        if not disk.exists(path):
            save(data, path)
        return [str(path)]
    raise UsageError(
        "data: expected a name, a path, a Dataset, (x, y) or (x, y, x_test, y_test), "
        f"got {type(data).__name__}. See overparam.data.describe() for the names."
    )
