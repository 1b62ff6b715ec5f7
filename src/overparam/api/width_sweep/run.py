"""``overparam.width_sweep``: sweep a family of networks of your own, from Python."""

from __future__ import annotations

import dataclasses
import inspect
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from overparam.api.result import Result
from overparam.api.run import finish
from overparam.api.width_sweep.family import Make, called
from overparam.api.width_sweep.given import name_of
from overparam.api.width_sweep.study import width_sweep_study
from overparam.core import Study
from overparam.core.errors import StoreError
from overparam.store import RecordStore
from overparam.sweep.key import shown_name
from overparam.sweep.run import make_plan
from overparam.training import Recipe

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
    family: Make,
    *,
    data: str | Path | Dataset | tuple[Any, ...],
    widths: Sequence[int],
    name: str = "",
    noise: Sequence[float] = (0.0, 0.15),
    seeds: int | Sequence[int] = 5,
    recipe: Recipe | None = None,
    loss: str | None = None,
    n: int = 0,
    version: str = "",
    title: str = "",
    out: str | Path = "runs",
    on: str = "",
    workers: int | None = None,
    memory: float | None = None,
    limit: float | None = None,
    progress: bool = True,
    page: bool = True,
) -> Result:
    """Sweep the width of your own family of networks: the page, the verdicts and the store of a built-in study.

    The same call again computes nothing; more seeds or widths extend what is stored. A run with only seeds added is
    marked ``extended``.

    Args:
        family: a function from a width to a :class:`~overparam.models.Network`, to an object with
            ``init(key) -> params`` and ``apply(params, x) -> outputs``, or to the pair of the two. Examples come
            to ``apply`` as flat rows.
        data: a name, a path, a Dataset, ``(x, y)`` or ``(x, y, x_test, y_test)``. Targets that are not whole
            numbers make a regression, which has a loss and no error.
        widths: at least 3, ascending.
        name: name of the study in the results folder; by default the function's.
        noise: shares of training labels (or targets) that are replaced; 0 is the negative control.
        seeds: their number, or the seeds.
        recipe: how to train; by default SGD with momentum 0.9, learning rate 0.01, batch 100, 20,000 steps.
        loss: ``cross_entropy`` or ``squared``; by default the recipe's, or ``squared`` for a regression.
        n: training rows; 0 for all.
        version: any text; change it to have everything computed anew when something has changed that the source
            of the function does not show (a closure, a default, a global).
        title: heading of the page.
        out: results folder.
        on: ``processes``, ``inline`` or ``ray``, as for :func:`overparam.run`; by default worker processes where
            they can import the family, else this process, and ``Result.remark`` says so.
        workers: number of workers.
        memory: bytes that one stack may take.
        limit: seconds that one stack may take.
        progress: show a progress display on the standard error stream.
        page: write the HTML page.

    Returns:
        The result: verdicts, causes of a missing peak, a tidy table, the path of the page.

    Raises:
        UsageError: a family, widths or a recipe that cannot be swept; the text says what to do.
        DataError: data that are not at hand or do not fit together.
        StoreError: the results folder cannot be written.
    """
    folder = Path(out)
    stem = name or called(family).replace("_", "-").lower()
    given: dict[str, Any] = {
        "data": name_of(data, stem, folder), "widths": tuple(widths), "name": stem, "noise": tuple(noise),
        "seeds": seeds if isinstance(seeds, int) else tuple(seeds), "recipe": recipe, "loss": loss, "n": n,
        "version": version, "title": title,
    }  # fmt: skip
    study = dataclasses.replace(width_sweep_study(family, **given), rerun_command=_rerun_command(family, given))
    asked = study.profiles["quick"].axes["seed"]
    before = _seeds_before(study, folder)
    if before:
        quick = study.profiles["quick"]
        shorter = dataclasses.replace(quick, axes={**quick.axes, "seed": before})
        study = dataclasses.replace(study, profiles={"quick": shorter})
    overrides = {"seed": list(asked)} if before else {}
    plan = make_plan(study, "quick", out=folder, workers=workers, memory=memory, overrides=overrides)
    where, why = importable(family)
    chosen = on or ("processes" if where else "inline")
    remark = "" if where or on or not plan.stacks else f"computed in this process: {why}"
    with tempfile.TemporaryDirectory() as temporary:
        if where and chosen != "inline":
            path = Path(temporary) / f"{study.name}.py"
            path.write_text(_study_file(where, given), encoding="utf-8")
            plan = dataclasses.replace(plan, reference=str(path))
        return finish(plan, on=chosen, limit=limit, progress=progress, page=page, remark=remark)


def importable(family: Make) -> tuple[tuple[str, str, str] | None, str]:
    """Whether a fresh Python can import a function.

    Returns:
        The folder to search, the module and the function's name there, or None; and why not.
    """
    module, name = getattr(family, "__module__", None), getattr(family, "__qualname__", "")
    if not inspect.isfunction(family) and not inspect.isclass(family):
        return (
            None,
            "worker processes cannot import an object; make the family a function in a module of its own",
        )
    if "<" in name:
        return None, (
            "worker processes cannot import a lambda or a function inside a function; put the family into a module"
        )
    file = getattr(sys.modules.get(module or ""), "__file__", None)
    if module in (None, "__main__") or file is None or not file.endswith(".py"):
        return None, (
            "worker processes cannot import a family from a notebook or from the program itself; put it into a "
            "module of its own and import it from there"
        )
    found: Any = sys.modules[str(module)]
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is not family:
        return None, f"worker processes cannot import the family: {module}.{name} is something else"
    path = Path(file).resolve()
    root = path.parents[str(module).count(".") + (path.name == "__init__.py")]
    return (str(root), str(module), name), ""


def _study_file(where: tuple[str, str, str], given: dict[str, Any]) -> str:
    root, module, function = where
    arguments = ", ".join(f"{key}={value!r}" for key, value in given.items())
    return _FILE.format(
        root=root, module=module, top=function.split(".")[0], function=function, arguments=arguments
    )


def _rerun_command(family: Make, given: dict[str, Any]) -> str:
    shown = {**given, "data": shown_name(given["data"])}
    usual = inspect.signature(width_sweep_study).parameters
    kept = {key: value for key, value in shown.items() if value != usual[key].default}
    return f"overparam.width_sweep({called(family)}, {', '.join(f'{key}={value!r}' for key, value in kept.items())})"


def _seeds_before(study: Study, out: Path) -> tuple[int, ...]:
    """The seeds of the stored run that this one extends, where it differs in nothing else; else none."""
    try:
        record = RecordStore(out).read(RecordStore(out).path(study.name, "quick"))
    except StoreError:
        return ()
    old = {p["name"]: p["values"] for p in record["parameters"]}
    axes = study.profiles["quick"].axes
    new = {axis.name: list(axes.get(axis.name, (axis.default,))) for axis in study.axes}
    new["data"] = [shown_name(value) for value in new["data"]]
    same = all(old.get(key) == values for key, values in new.items() if key != "seed")
    return tuple(old["seed"]) if same and set(old["seed"]) < set(new["seed"]) else ()
