"""The verbs ``overparam ls | run | show | report | data | doctor``. Every heavy import is lazy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from rich.markup import escape

from overparam.cli.app import Out, Whole, console, say, say_path, told_failed, write_json, write_out
from overparam.cli.quantity import quantity
from overparam.core import Study
from overparam.core.commands import command, reference_of
from overparam.core.errors import UsageError, unknown


def ls(
    name: str = "",
    /,
    *,
    stored: bool = False,
    probes: bool = False,
    theorems: bool = False,
    networks: bool = False,
    recipes: bool = False,
    ledger: bool = False,
    shape: str = "",
    outputs: str = "",
    width: str = "",
    depth: str = "",
    out: Path | None = None,
) -> int:
    """List the studies; with a name, its claims, profiles and axes.

    With --probes, --theorems, --networks or --recipes list those, and with a name (or the path of a file, or the beginning of
    a recipe's name) one of them in full; with --stored list what the results folder holds; with --ledger list what the
    sources say with the verdict on each line.

    Parameters
    ----------
    name
        A study's name or the path of its .py file; or that of a probe or theorem; or the name of a network or recipe; or a
        line of the ledger such as L53.
    stored
        List stored cells and runs instead.
    probes
        List what can be measured on a trained network: overparam run STUDY --probe NAME.
    theorems
        List what is predicted, with its source.
    networks
        List the networks by name, with their axes, parameters and sources; with a name, its layers.
    recipes
        List the published settings: optimizer, rate, batch, schedule and length, and where each number was read.
    ledger
        List the 63 statements of the sources, the studies that answer each, and its verdict.
    shape
        Shape of one example for a network, such as 32x32x3 or 784.
    outputs
        Outputs of a network.
    width
        Size of a network along its axis of width.
    depth
        Size of a network along its axis of depth.
    out
        Results folder: for --stored (by default runs), and for --ledger (by default the findings that come with the
        package).
    """
    from overparam.cli import listing

    study = name
    if stored + probes + theorems + networks + recipes + ledger > 1:
        raise UsageError(
            "ls: expected one of --stored, --probes, --theorems, --networks, --recipes and --ledger, got several. Leave the "
            "others out."
        )
    sizes = {"shape": shape, "outputs": outputs, "width": width, "depth": depth}
    given = [name for name, value in sizes.items() if value]
    if given and not networks:
        raise UsageError(
            f"--{given[0]}: expected --networks and a network's name with it. See `overparam ls --networks`."
        )
    if probes or theorems:
        from overparam.cli import catalogs

        console().print(catalogs.probes(name) if probes else catalogs.theorems(name))
    elif networks:
        from overparam.cli.networks import networks as all_networks

        console().print(all_networks(name, shape=shape, outputs=outputs, width=width, depth=depth))
    elif recipes:
        from overparam.cli import recipes as published

        console().print(published.recipes(name))
    elif ledger:
        from overparam.cli.ledger import all_lines, one_line

        console().print(one_line(name, out) if name else all_lines(out))
    elif stored:
        from overparam.core.registry import name_of

        console().print(listing.stored(out or Path("runs"), name_of(study)))
    elif study:
        from overparam.core.registry import find

        console().print(listing.study(find(study)))
    else:
        console().print(listing.studies())
    return 0


def run(
    *studies: str,
    profile: str = "quick",
    out: Out = Path("runs"),
    workers: Whole | None = None,
    memory: str = "",
    time_limit: str = "",
    on: str = "processes",
    dry_run: bool = False,
    plan: bool = False,
    **axes: str,
) -> int:
    """Run studies: compute what is missing, judge their claims, write one page each.

    The same command again computes nothing; more --seeds or --widths extend what is stored. Any axis of a study
    is an option: see `overparam ls STUDY`.

    Parameters
    ----------
    studies
        Names of studies, or paths of Python files that hold one.
    profile
        quick, laptop or paper.
    out
        Results folder.
    workers
        Worker processes; by default one a GPU, else one a core; on a running cluster all it has room for.
    memory
        Memory that one stack may take, for instance 2GB.
    time_limit
        Time that one stack may take before its worker is ended and its cells are tried one by one, for instance 90s,
        30min or 2h; by default 20 times what is expected, and at least 15 minutes.
    on
        Executor: processes, inline (in this process), ray (Ray on this machine), or ray=auto or ray=HOST:PORT (a
        running cluster); ray=auto,gpus=0.5 asks for half a GPU a task.
    dry_run
        Print cells, done, to do, and the expected time and memory; compute nothing.
    plan
        Print for each statement the effect that the planned seeds can see, and the seeds for 90 % power; compute nothing.
    axes
        Values of the study's axes, for instance --seeds 10 --widths 9,27,104 --noise 0,0.2 --data digits.
    """
    from overparam.api.progress import progress_of
    from overparam.cli.display import plan_table, power_table, told_otherwise, verdict_table
    from overparam.sweep.executors import executor
    from overparam.sweep.run import execute, make_plan

    if not studies:
        raise UsageError("run: expected the name of a study, got none. See `overparam ls`.")
    from overparam.core.registry import find

    executor(on)
    check_options([find(s) for s in studies], axes)
    budget = quantity("memory", memory) if memory else None
    limit = quantity("time-limit", time_limit) if time_limit else None
    plans = [
        make_plan(s, profile, out=out, workers=workers, memory=budget, overrides=axes)
        for s in dict.fromkeys(studies)
    ]
    if dry_run or plan:
        for one in plans:
            console().print(*([plan_table(one)] if dry_run else []), *([power_table(one)] if plan else []))
        return 0
    failed = 0
    for one in plans:
        if one.otherwise:
            say(told_otherwise(one), err=True)
        with progress_of(one, on, console(err=True)) as listen:
            record = execute(one, on=on, limit=limit, listen=listen)
        failed += len(record["failures"])
        page = _write_page(record, out)
        console().print(verdict_table(record, console().width))
        say_path("page", page)
    return told_failed(failed, out)


def show(
    study: str,
    /,
    *,
    profile: str = "",
    out: Out = Path("runs"),
    as_json: Annotated[bool, Parameter(name="--json")] = False,
) -> int:
    """Show the verdicts of a stored run, the newest first.

    Parameters
    ----------
    study
        A study's name, or the path of its .py file.
    profile
        Name of a profile or run; by default the newest.
    out
        Results folder.
    as_json
        Print a JSON list of claims.
    """
    from overparam.api.result import claim_rows
    from overparam.cli.display import verdict_table

    record = _record(study, profile, out)
    if as_json:
        write_json(claim_rows(record))
    else:
        console().print(verdict_table(record, console().width))
    return 0


def report(study: str, /, *, profile: str = "", out: Out = Path("runs"), chart: str = "", to: str = "") -> int:
    """Write the page of a stored run again, or one of its charts as a picture.

    Parameters
    ----------
    study
        A study's name, or the path of its .py file.
    profile
        Name of a profile or run; by default the newest.
    out
        Results folder.
    chart
        Name of a chart: write it alone, to --to.
    to
        File to write: .html for the page, .svg, .png or .pdf for a chart.
    """
    kinds = (".svg", ".png", ".pdf", ".json") if chart else (".html", ".htm")
    if to and Path(to).suffix not in kinds:
        what = f"the chart '{chart}'" if chart else "the page (name a chart with --chart for a picture)"
        raise UsageError(f"--to: expected a file ending in {', '.join(kinds)} for {what}, got '{to}'.")
    record = _record(study, profile, out)
    if chart:
        from overparam.report.charts import save

        target = Path(to or f"{record['study']}-{chart}.png")
        save(record, chart, target)
        say_path("chart", target)
        return 0
    say_path("page", _write_page(record, out, Path(to) if to else None))
    return 0


def data_ls() -> int:
    """List the data sets and whether they are at hand."""
    from overparam.cli.listing import datasets
    from overparam.data import describe

    console().print(datasets(describe()))
    return 0


def fetch(name: str, /) -> int:
    """Fetch a data set into the cache folder, with a progress bar; checksums are kept.

    Parameters
    ----------
    name
        Name of a data set.
    """
    from overparam.data import fetch as fetch_data

    write_out(f"{fetch_data(name)}\n")
    return 0


def where(name: str, /) -> int:
    """Print where a data set lies.

    Parameters
    ----------
    name
        Name of a data set, or a path.
    """
    from overparam.data import where as where_data

    write_out(f"{where_data(name)}\n")
    return 0


def data() -> int:
    """List the data sets and whether they are at hand."""
    return data_ls()


def doctor(store: Path | None = None, /, *, fix: bool = False) -> int:
    """Show versions, devices, threads and folders, and say what is wrong; with a results folder, examine that.

    Parameters
    ----------
    store
        A results folder, for instance runs.
    fix
        Set aside what is damaged there: it gets a name that ends in .damaged, and the next run computes it again.
    """
    from overparam.cli import doctor as room

    if fix:
        if store is None:
            raise UsageError(
                "doctor: expected a results folder to set right, got none. Name it: doctor runs --fix."
            )
        for before, now in room.set_aside(store):
            say(f"set aside {escape(str(before))}: now {escape(now.name)}")
    table, problems = room.examine() if store is None else room.examine_store(store)
    console().print(table)
    for problem in problems:
        console(err=True).print(f"[red]problem[/] {escape(problem)}", highlight=False)
    return 1 if problems else 0


def _record(study: str, profile: str, out: Path) -> dict[str, Any]:
    from overparam.api.run import load

    result = load(study, profile, out=out)
    if result.remark:
        console(err=True).print(f"[yellow]note[/] {escape(result.remark)}", highlight=False)
    return dict(result.record)


def check_options(studies: Sequence[Study], options: Iterable[str]) -> None:
    """Answer a misspelt option with the nearest of the command's own options and the studies' axes."""
    own = ("profile", "out", "workers", "memory", "time-limit", "on", "dry-run", "plan", "help")
    for study in studies:
        axes = [name for axis in study.axes for name in (axis.option, axis.name.replace("_", "-"))]
        for option in options:
            if option.replace("_", "-") not in (*axes, *own):
                known = [f"--{name}" for name in dict.fromkeys((*(a.option for a in study.axes), *own))]
                raise unknown(
                    "option", f"--{option}", known, f"See `{command('ls', reference_of(study))}` for the axes."
                )


def _write_page(record: dict[str, Any], out: Path, to: Path | None = None) -> Path:
    from overparam.report.page import write
    from overparam.store import RecordStore

    return write(record, to or RecordStore(out).page(record))
