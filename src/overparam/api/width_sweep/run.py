"""``overparam.width_sweep``: sweep a family of networks of your own, from Python."""

from __future__ import annotations

import dataclasses
import inspect
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from overparam.api.result import Result
from overparam.api.run import finish
from overparam.api.width_sweep.study import width_sweep_study
from overparam.core import data_name
from overparam.core.errors import DamageWarning, DiskError, StoreError
from overparam.core.parts import Study
from overparam.data.targets import stored
from overparam.own.family import Family, Make
from overparam.store import RecordStore
from overparam.sweep.run import make_plan

if TYPE_CHECKING:
    from overparam.data import Dataset

_FILE = '''"""Made for the worker processes of one run, and removed after it."""

import sys

sys.path.append({root!r})

from overparam.training import Recipe
from overparam.api.width_sweep import width_sweep_study
from {module} import {top}

STUDY = width_sweep_study({function}, {arguments})
'''


def width_sweep(
    family: Make, *, data: str | Path | Dataset | tuple[Any, ...], widths: Sequence[int], out: str | Path = "runs",
    on: str = "", workers: int | None = None, memory: float | None = None, limit: float | None = None,
    progress: bool = True, page: bool = True, **more: Any,
) -> Result:  # fmt: skip
    """Sweep the width of your own family of networks: the page, the verdicts and the store of a built-in study.

    The same call again computes nothing; more seeds or widths extend what is stored. A run with only seeds added is
    marked ``extended``.

    Args:
        family: a function from a width to a network, as for :func:`width_sweep_study`.
        data: a name, a path, a Dataset, ``(x, y)`` or ``(x, y, x_test, y_test)``. Targets that are not whole
            numbers make a regression, which has a loss and no error.
        widths: at least 3, ascending.
        out: results folder.
        on: ``processes``, ``inline`` or ``ray``, as for :func:`overparam.run`; by default worker processes where
            they can import the family, else this process, and ``Result.remark`` says so.
        workers: number of workers.
        memory: bytes that one stack may take.
        limit: seconds that one stack may take.
        progress: show a progress display on the standard error stream.
        page: write the HTML page.
        more: ``name``, ``noise``, ``seeds``, ``recipe``, ``loss``, ``n``, ``version`` and ``title``, as for
            :func:`width_sweep_study`.

    Returns:
        The result: verdicts, causes of a missing peak, a tidy table, the path of the page.

    Raises:
        UsageError: a family, widths or a recipe that cannot be swept; the text says what to do.
        DataError: data that are not at hand or do not fit together.
        StoreError: the results folder cannot be written.
    """
    folder, made = Path(out), Family(family)
    stem = more.get("name") or made.name.replace("_", "-").lower()
    lists = {key: tuple(more[key]) for key in ("noise", "seeds") if not isinstance(more.get(key, 0), int)}
    own = {"data": stored(data, stem, folder / "data"), "widths": tuple(widths), "name": stem}
    given = {**own, **more, **lists, "name": stem}
    study = dataclasses.replace(width_sweep_study(family, **given), rerun_command=_command(made.name, given))
    quick = study.profiles["quick"]
    before = _seeds_before(study, folder)
    if before:
        shorter = dataclasses.replace(quick, axes={**quick.axes, "seed": before})
        study = dataclasses.replace(study, profiles={"quick": shorter})
    overrides = {"seed": list(quick.axes["seed"])} if before else {}
    plan = make_plan(study, "quick", out=folder, workers=workers, memory=memory, overrides=overrides)
    where, why = made.importable()
    chosen = on or ("processes" if where else "inline")
    remark = "" if where or on or not plan.stacks else f"computed in this process: {why}"
    with tempfile.TemporaryDirectory() as temporary:
        if where and chosen != "inline":
            path = Path(temporary) / f"{study.name}.py"
            root, module, function = where
            told = {"root": root, "module": module, "function": function, "top": function.split(".")[0]}
            path.write_text(_FILE.format(arguments=_arguments(given), **told), encoding="utf-8")
            plan = dataclasses.replace(plan, reference=str(path))
        return finish(plan, on=chosen, limit=limit, progress=progress, page=page, remark=remark)


def _arguments(given: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value!r}" for key, value in given.items())


def _command(name: str, given: Mapping[str, Any]) -> str:
    usual = inspect.signature(width_sweep_study).parameters
    shown = {**given, "data": data_name.shown(given["data"])}
    kept = {key: value for key, value in shown.items() if key not in usual or value != usual[key].default}
    return f"overparam.width_sweep({name}, {_arguments(kept)})"


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
    same = all(old.get(key) == values for key, values in new.items() if key != "seed")
    return tuple(old["seed"]) if same and set(old["seed"]) < set(new["seed"]) else ()
