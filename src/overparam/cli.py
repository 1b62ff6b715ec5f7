"""The command line: ``overparam ls | run | show | report | data | doctor``. Every heavy import is lazy.

The verbs of stores (``pack | gc | merge | query``) are in :mod:`overparam.cli_store`, ``risk`` is in
:mod:`overparam.cli_risk`.

Exit codes: 0 finished, whatever the verdicts; 1 something failed; 2 bad usage; 130 interrupted.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

from cyclopts import App, CycloptsError, Parameter
from rich.console import Console
from rich.markup import escape

from overparam import cli_risk, cli_store
from overparam.errors import OverparamError, UsageError, unknown
from overparam.quantity import quantity
from overparam.study import Study

out_console = Console()
err_console = Console(stderr=True)

app = App(
    name="overparam",
    help="A laboratory for over-parameterized learning: claims, verdicts, and a page to look at.",
    version=lambda: __import__("overparam").__version__,
    console=out_console,
    error_console=err_console,
    suppress_keyboard_interrupt=False,
)
data_app = App(name="data", help="The data sets: what is here, where it lies, and how to fetch it.")
app.command(data_app)
for _verb in (*cli_store.VERBS, cli_risk.risk):
    app.command(_verb)

Out = Annotated[Path, Parameter(help="Results folder.")]


@app.command
def ls(study: str = "", /, *, stored: bool = False, out: Out = Path("runs")) -> int:
    """List the studies; with a name, its claims, profiles and axes; with --stored, what the results folder holds.

    Parameters
    ----------
    study
        A study's name.
    stored
        List stored cells and runs instead.
    out
        Results folder, for --stored.
    """
    from overparam import listing

    if stored:
        out_console.print(listing.stored(out, study))
    elif study:
        from overparam.registry import find

        out_console.print(listing.study(find(study)))
    else:
        out_console.print(listing.studies())
    return 0


@app.command
def run(
    *studies: str,
    profile: str = "quick",
    out: Out = Path("runs"),
    workers: int | None = None,
    memory: str = "",
    time_limit: str = "",
    on: str = "processes",
    dry_run: bool = False,
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
    axes
        Values of the study's axes, for instance --seeds 10 --widths 9,27,104 --noise 0,0.2 --data digits.
    """
    from overparam.display import plan_table, progress_of, verdict_table
    from overparam.sweep.executors import executor
    from overparam.sweep.run import execute, make_plan

    if not studies:
        raise UsageError("run: expected the name of a study, got none. See `overparam ls`.")
    from overparam.registry import find

    executor(on)
    _check_options([find(s) for s in studies], axes)
    budget = quantity("memory", memory) if memory else None
    limit = quantity("time-limit", time_limit) if time_limit else None
    plans = [
        make_plan(s, profile, out=out, workers=workers, memory=budget, overrides=axes)
        for s in dict.fromkeys(studies)
    ]
    if dry_run:
        for plan in plans:
            out_console.print(plan_table(plan))
        return 0
    failed = 0
    for plan in plans:
        with progress_of(plan, on, err_console) as listen:
            record = execute(plan, on=on, limit=limit, listen=listen)
        failed += len(record["failures"])
        page = _write_page(record, out)
        out_console.print(verdict_table(record))
        _say_path("page", page)
    if failed:
        err_console.print(
            f"[red]{failed} cells failed[/]; their tracebacks are on the page and under {escape(str(out))}/*/failed. "
            "The same command tries them again.",
            highlight=False,
        )
    return 1 if failed else 0


@app.command
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
        A study's name.
    profile
        Name of a profile or run; by default the newest.
    out
        Results folder.
    as_json
        Print a JSON list of claims.
    """
    from overparam.display import verdict_table
    from overparam.result import claim_row

    record = _record(study, profile, out)
    if as_json:
        _print_json([claim_row(v) for v in record["verdicts"]])
    else:
        out_console.print(verdict_table(record))
    return 0


@app.command
def report(study: str, /, *, profile: str = "", out: Out = Path("runs"), chart: str = "", to: str = "") -> int:
    """Write the page of a stored run again, or one of its charts as a picture.

    Parameters
    ----------
    study
        A study's name.
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

        target = Path(to or f"{study}-{chart}.png")
        save(record, chart, target)
        _say_path("chart", target)
        return 0
    _say_path("page", _write_page(record, out, Path(to) if to else None))
    return 0


@data_app.command(name="ls")
def data_ls() -> int:
    """List the data sets and whether they are at hand."""
    from overparam.data import describe
    from overparam.listing import datasets

    out_console.print(datasets(describe()))
    return 0


@data_app.command
def fetch(name: str, /) -> int:
    """Fetch a data set into the cache folder, with a progress bar; checksums are kept.

    Parameters
    ----------
    name
        Name of a data set.
    """
    from overparam.data import fetch as fetch_data

    sys.stdout.write(f"{fetch_data(name)}\n")
    return 0


@data_app.command
def where(name: str, /) -> int:
    """Print where a data set lies.

    Parameters
    ----------
    name
        Name of a data set, or a path.
    """
    from overparam.data import where as where_data

    sys.stdout.write(f"{where_data(name)}\n")
    return 0


@data_app.default
def data() -> int:
    """List the data sets and whether they are at hand."""
    return data_ls()


@app.command
def doctor(store: Path | None = None, /) -> int:
    """Show versions, devices, threads and folders, and say what is wrong; with a results folder, examine that.

    Parameters
    ----------
    store
        A results folder, for instance runs.
    """
    from overparam import doctor as room

    table, problems = room.examine() if store is None else room.examine_store(store)
    out_console.print(table)
    for problem in problems:
        err_console.print(f"[red]problem[/] {escape(problem)}", highlight=False)
    return 1 if problems else 0


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the command line."""
    before = 0

    def ended(*_: object) -> NoReturn:
        """Once: workers are ended and finished cells kept. Again: leave at once; workers end with their parent."""
        nonlocal before
        before += 1
        if before == 1:
            raise KeyboardInterrupt
        if sys.stderr.isatty():
            os.write(2, b"\x1b[?25h")  # a progress display hides the cursor
        os.write(2, b"\ninterrupted again: finished cells are kept.\n")
        os._exit(130)

    signal.signal(signal.SIGTERM, ended)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, ended)
    sys.exit(_main(sys.argv[1:] if arguments is None else list(arguments)))


def _main(arguments: list[str]) -> int:
    try:
        names = [a for a in arguments if not a.startswith("-")][:1]
        known = ("ls", "run", "show", "report", "data", "doctor", "pack", "gc", "merge", "query", "risk")
        if names and arguments[0] == names[0] and names[0] not in known:
            raise unknown("command", names[0], known, "See `overparam --help`.")
        code = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        err_console.print(f"[red]error[/] {escape(_explained(arguments) or str(error))}", highlight=False)
        err_console.print("See `overparam --help`, or `overparam COMMAND --help`.", highlight=False)
        return 2
    except BrokenPipeError:
        return 0
    except UsageError as error:
        err_console.print(f"[red]error[/] {escape(str(error))}", highlight=False)
        return 2
    except OverparamError as error:
        err_console.print(f"[red]error[/] {escape(str(error))}", highlight=False)
        return 1
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        err_console.print(f"[red]error[/] {escape(f'{error.strerror or error}{where}')}", highlight=False)
        return 1
    except KeyboardInterrupt:
        signal.signal(
            signal.SIGINT, signal.SIG_IGN
        )  # the message comes whole, however often the key is pressed
        err_console.print(
            "interrupted: finished cells are kept; the same command goes on from here.", highlight=False
        )
        return 130
    return code if isinstance(code, int) else 0


def _explained(arguments: Sequence[str]) -> str:
    """Look for a misspelt option of ``run`` behind a parse error; empty if there is none."""
    from overparam.registry import find

    if arguments[:1] != ["run"]:
        return ""
    names = [word for word in arguments[1:2] if not word.startswith("-")]
    options = [word[2:].split("=")[0] for word in arguments[1:] if word.startswith("--") and len(word) > 2]
    try:
        _check_options([find(name) for name in names], options)
    except UsageError as error:
        return str(error)
    return ""


def _record(study: str, profile: str, out: Path) -> dict[str, Any]:
    from overparam.api import load

    result = load(study, profile, out=out)
    if result.remark:
        err_console.print(f"[yellow]note[/] {escape(result.remark)}", highlight=False)
    return dict(result.record)


def _check_options(studies: Sequence[Study], options: Iterable[str]) -> None:
    """Answer a misspelt option with the nearest of the command's own options and the studies' axes."""
    own = ("profile", "out", "workers", "memory", "time-limit", "on", "dry-run", "help")
    for study in studies:
        axes = [name for axis in study.axes for name in (axis.option, axis.name.replace("_", "-"))]
        for option in options:
            if option.replace("_", "-") not in (*axes, *own):
                known = [f"--{name}" for name in dict.fromkeys((*(a.option for a in study.axes), *own))]
                raise unknown("option", f"--{option}", known, f"See `overparam ls {study.name}` for the axes.")


def _write_page(record: dict[str, Any], out: Path, to: Path | None = None) -> Path:
    from overparam.report.page import write

    return write(record, to or out / record["study"] / f"{record['run']}.html")


def _say_path(what: str, path: Path) -> None:
    out_console.print(f"{what}: {escape(str(path))}", highlight=False, soft_wrap=True)


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
