"""The verb ``overparam diagnose``: a function of one's own gives a network and its data, and coded questions are answered."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from overparam.cli.app import Whole, say, say_path, write_out
from overparam.cli.quantity import quantity
from overparam.cli.source import Given, arguments_of, check_file, function_of
from overparam.core.errors import UsageError

LABELS = "OP003"


def _known() -> tuple[str, ...]:
    from overparam.own.diagnosis import diagnose as ask

    return tuple(inspect.signature(ask).parameters)


WANTED = Given("diagnose", ("model", "train", "test"), 2, _known)


def diagnose(
    source: str,
    /,
    *,
    budget: str = "",
    only: str = "",
    seed: Whole | None = None,
    html: Path | None = None,
    json: Annotated[Path | None, Parameter(name="--json")] = None,
    labels: Path | None = None,
) -> int:
    """Ask coded questions about a trained network: wider, pruned, mislabelled, flat, lazy, stopped too late.

    Says what each check would cost, then runs those that fit into the budget, the cheapest first. Ctrl-C keeps what is
    finished.

    Parameters
    ----------
    source
        module:function, or FILE.py:function: a function of yours without arguments that returns (model, train),
        (model, train, test), or a dict of the arguments of overparam.diagnose, such as params, build and fit.
    budget
        Time for all checks together, for instance 90s or 10min; by default 60s.
    only
        Codes of checks, for instance OP003,OP008; by default all.
    seed
        Of every draw; by default 0.
    html
        File to write a page to, ending in .html.
    json
        File to write plain values to, ending in .json.
    labels
        File to write the ranked labels to, ending in .csv.
    """
    given: dict[str, Any] = {}
    if budget:
        given["budget"] = quantity("budget", budget)
    if only:
        given["only"] = _codes(only)
    if seed is not None:
        given["seed"] = seed
    files = {".html": ("--html", html), ".json": ("--json", json), ".csv": ("--labels", labels)}
    for ending, (option, path) in files.items():
        if path is not None:
            check_file(option, path, ending)
    if labels is not None and "only" in given and LABELS not in given["only"]:
        raise UsageError(f"--labels: expected {LABELS}, which ranks them, among --only, got {only}. Add it.")
    try:
        arguments = arguments_of(source, function_of(source, WANTED), WANTED)
    except KeyboardInterrupt:
        say(f"interrupted in {source}, before any check.", err=True)
        return 130
    try:
        from overparam.api.diagnose import diagnose as ask

        found = ask(**{**arguments, **given})
    except TypeError as error:
        odd = WANTED.unknown(arguments)
        if not odd:
            raise
        raise UsageError(
            f"{source}: expected arguments of overparam.diagnose, got '{odd[0]}'.{odd[1]}"
        ) from error
    except KeyboardInterrupt:
        say("interrupted while the network was opened, before any check.", err=True)
        return 130
    write_out(f"{found}\n")
    missing = False
    for option, path in files.values():
        if path is not None:
            if option == "--labels" and found.labels is None:
                say(f"labels: none were ranked: {found[LABELS].words}", err=True)
                missing = True
                continue
            say_path(option.removeprefix("--").replace("html", "page"), found.save(path))
    return 130 if found.stopped else int(missing)


def _codes(text: str) -> list[str]:
    codes = [one.strip().upper() for one in text.split(",") if one.strip()]
    if not codes:
        raise UsageError(f"--only: expected codes such as OP003,OP008, got '{text}'.")
    return codes
