"""``overparam.width_sweep``: sweep a family of networks of your own, from Python."""

from __future__ import annotations

import dataclasses
import inspect
import tempfile
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from overparam.api.result import Result
from overparam.api.run import finish
from overparam.api.width_sweep.source import command, written
from overparam.api.width_sweep.study import width_sweep_study
from overparam.core import data_name
from overparam.core.errors import DamageWarning, DiskError, StoreError, UsageError, nearest
from overparam.core.parts import Study
from overparam.data.targets import stored
from overparam.own.family import Family, Make
from overparam.store import RecordStore
from overparam.sweep.run import Plan, make_plan

if TYPE_CHECKING:
    from overparam.data import Dataset


@dataclass(frozen=True)
class Prepared:
    """A sweep before anything is computed.

    Attributes:
        plan: which cells are to do.
        on: executor.
        text: the file that worker processes import; empty where they are not asked for or cannot.
        remark: something to know about the run.
    """

    plan: Plan
    on: str
    text: str = ""
    remark: str = ""

    def finish(self, *, limit: float | None = None, progress: bool = True, page: bool = True) -> Result:
        """Compute what is to do, judge, and write the page; see :func:`width_sweep`."""
        with tempfile.TemporaryDirectory() as temporary:
            plan = self.plan
            if self.text:
                path = Path(temporary) / f"{plan.selection.study.name}.py"
                path.write_text(self.text, encoding="utf-8")
                plan = dataclasses.replace(plan, reference=str(path))
            return finish(plan, on=self.on, limit=limit, progress=progress, page=page, remark=self.remark)


def width_sweep(
    family: Make | str, *, data: str | Path | Dataset | tuple[Any, ...], widths: Sequence[int], out: str | Path = "runs",
    on: str = "", workers: int | None = None, memory: float | None = None, limit: float | None = None,
    progress: bool = True, page: bool = True, **more: Any,
) -> Result:  # fmt: skip
    """Sweep the width of a family of networks: the page, the verdicts and the store of a built-in study.

    The same call again computes nothing; more seeds or widths extend what is stored. A run with only seeds added is
    marked ``extended``.

    Args:
        family: a function from a width to a network, or the name of a family of the package, as for
            :func:`width_sweep_study`.
        data: a name, a path, a Dataset, ``(x, y)`` or ``(x, y, x_test, y_test)``. Targets that are not whole
            numbers make a regression, which has a loss and no error.
        widths: at least 3, ascending.
        out: results folder.
        on: ``processes``, ``inline`` or ``ray``, as for :func:`overparam.run`; by default worker processes where
            they can import the family and the functions of recipe and probes, else this process, and ``Result.remark``
            says so.
        workers: number of workers.
        memory: bytes that one stack may take.
        limit: seconds that one stack may take.
        progress: show a progress display on the standard error stream.
        page: write the HTML page.
        more: ``name``, ``noise``, ``seeds``, ``recipe``, ``loss``, ``n``, ``version``, ``title``, ``arms`` and ``probes``,
            as for :func:`width_sweep_study`.

    Returns:
        The result: verdicts, causes of a missing peak, a tidy table, the path of the page.

    Raises:
        UsageError: a family, widths, arms, probes or a recipe that cannot be swept; the text says what to do.
        DataError: data that are not at hand or do not fit together.
        StoreError: the results folder cannot be written.
    """
    ready = prepare(family, data=data, widths=widths, out=out, on=on, workers=workers, memory=memory, **more)
    return ready.finish(limit=limit, progress=progress, page=page)


def prepare(
    family: Make | str, *, data: Any, widths: Sequence[int], out: str | Path = "runs", on: str = "",
    workers: int | None = None, memory: float | None = None, again: str = "", **more: Any,
) -> Prepared:  # fmt: skip
    """The plan of a sweep and who computes it; nothing is computed.

    The arguments are those of :func:`width_sweep`, and ``again``, the command that repeats it, where it was no call.

    Raises:
        UsageError: a family, widths, arms, probes or a recipe that cannot be swept; the text says what to do.
        DataError: data that are not at hand or do not fit together.
    """
    usual = inspect.signature(width_sweep_study).parameters
    odd = next((key for key in more if key not in usual), None)
    if odd is not None:
        raise UsageError(f"width_sweep: unexpected argument '{odd}'.{nearest(odd, usual)}")
    folder = Path(out)
    stem = more.get("name") or stem_of(family)
    lists = {"noise": _listed("noise", more["noise"])} if "noise" in more else {}
    if isinstance(more.get("seeds"), Iterable):
        lists["seeds"] = _listed("seeds", more["seeds"])
    own: dict[str, Any] = {
        "data": stored(data, stem, folder / "data"),
        "widths": _listed("widths", widths),
        "name": stem,
    }
    given = {**own, **more, **lists, "name": stem}
    study = width_sweep_study(family, **given)
    made = study.extra_identity.__self__.family  # type: ignore[union-attr]
    called = repr(made.name) if isinstance(family, str) else made.name
    study = dataclasses.replace(study, rerun_command=again or command(called, given, usual))
    quick = study.profiles["quick"]
    before = _seeds_before(study, folder)
    if before:
        shorter = dataclasses.replace(quick, axes={**quick.axes, "seed": before})
        study = dataclasses.replace(study, profiles={"quick": shorter})
    overrides = {"seed": list(quick.axes["seed"])} if before else {}
    plan = make_plan(study, "quick", out=folder, workers=workers, memory=memory, overrides=overrides)
    text, why = written(made, study, given)
    chosen = on or ("processes" if text else "inline")
    remark = "" if text or on or not plan.stacks else f"computed in this process: {why}"
    return Prepared(plan, chosen, text if chosen != "inline" else "", remark)


def stem_of(family: Any) -> str:
    """The name of a study of a family, where none is given."""
    name = family if isinstance(family, str) else Family(family).name
    return name.replace("_", "-").lower()


def _listed(key: str, given: Any) -> tuple[Any, ...]:
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise UsageError(f"{key}: expected a list of numbers, got {given!r}.")
    return tuple(given)


def _seeds_before(study: Study, out: Path) -> tuple[int, ...]:
    """The seeds of the stored run that this one extends, where it differs in nothing else; else none."""
    try:
        record = RecordStore(out).read(RecordStore(out).path(study.name, "quick"))
    except FileNotFoundError:
        return ()
    except DiskError:
        raise
    except StoreError as error:
        warnings.warn(f"{error} What it extended is not known.", DamageWarning, stacklevel=3)
        return ()
    old = {p["name"]: p["values"] for p in record["parameters"]}
    axes = study.profiles["quick"].axes
    new = {axis.name: list(axes.get(axis.name, (axis.default,))) for axis in study.axes}
    new["data"] = [data_name.shown(value) for value in new["data"]]
    usual = {axis.name: axis.default if axis.inside_cell else (axis.default,) for axis in study.axes}
    same = all(old.get(key, list(usual[key])) == values for key, values in new.items() if key != "seed")
    return tuple(old["seed"]) if same and set(old["seed"]) < set(new["seed"]) else ()
