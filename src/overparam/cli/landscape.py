"""The verbs ``overparam connect`` and ``overparam sharpness``: the landscape between your own networks, or around one."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from overparam.cli.app import Whole, say, say_path, write_out
from overparam.cli.source import Given, arguments_of, check_file, function_of
from overparam.core.errors import UsageError

Json = Annotated[Path | None, Parameter(name="--json")]


def _known(verb: str) -> tuple[str, ...]:
    import overparam

    here, opening = (
        inspect.signature(one).parameters for one in (getattr(overparam, verb), overparam.open_model)
    )
    return tuple(dict.fromkeys([*(one for one in here if one != "options"), *opening]))


PAIR = Given("connect", ("a", "b", "data", "test"), 3, functools.partial(_known, "connect"))
ONE = Given("sharpness", ("model", "data"), 2, functools.partial(_known, "sharpness"))


def connect(
    source: str,
    /,
    *,
    paths: str = "",
    points: Whole | None = None,
    of: str = "",
    tolerance: str = "",
    steps: Whole | None = None,
    plane: Whole | None = None,
    level: str = "",
    seed: Whole | None = None,
    html: Path | None = None,
    json: Json = None,
) -> int:
    """Look for a path of low loss between two networks of yours: straight, with units aligned, with a learned bend.

    Says found or not found; that a path was not found does not show that there is none.

    Parameters
    ----------
    source
        module:function, or FILE.py:function: a function of yours without arguments that returns (a, b, data),
        (a, b, data, test), or a dict of the arguments of overparam.connect, such as params, a pair.
    paths
        Which of straight, aligned and bezier, for instance straight,bezier; by default all.
    points
        Of the grid of each path; by default 41.
    of
        error or loss, which of the two decides; by default the error where there is one.
    tolerance
        Largest barrier that counts as found, for instance 0.02.
    steps
        Of the training of the bend; by default 300.
    plane
        Points a side of a picture of the plane; by default none.
    level
        Of the intervals; by default 0.95.
    seed
        Of every draw; by default 0.
    html
        File to write a page to, ending in .html.
    json
        File to write plain values to, ending in .json.
    """
    asked: dict[str, Any] = {"points": points, "steps": steps, "plane": plane, "seed": seed, "of": of or None}
    asked |= {
        "paths": _names(paths),
        "tolerance": _number("tolerance", tolerance),
        "level": _number("level", level),
    }
    return _answer(source, PAIR, asked, html, json)


def sharpness(
    source: str,
    /,
    *,
    k: Annotated[Whole | None, Parameter(name="--k")] = None,
    eps: str = "",
    dimensions: Whole | None = None,
    steps: Whole | None = None,
    seed: Whole | None = None,
    html: Path | None = None,
    json: Json = None,
) -> int:
    """Measure how sharp the loss of a network of yours is: eigenvalues, trace, Keskar's box, and what rescaling leaves.

    Says where the parameters are no minimum, with the gradient norm.

    Parameters
    ----------
    source
        module:function, or FILE.py:function: a function of yours without arguments that returns (model, data), or a
        dict of the arguments of overparam.sharpness, such as params and loss.
    k
        How many eigenvalues; by default 5.
    eps
        Half width of Keskar's box, relative to the size of each weight plus 1.
    dimensions
        Of the random subspace.
    steps
        Of the search in the box, for every start; by default 10.
    seed
        Of every draw; by default 0.
    html
        File to write a page to, ending in .html.
    json
        File to write plain values to, ending in .json.
    """
    asked = {"k": k, "eps": _number("eps", eps), "dimensions": dimensions, "steps": steps, "seed": seed}
    return _answer(source, ONE, asked, html, json)


def _answer(source: str, wanted: Given, asked: dict[str, Any], html: Path | None, json: Path | None) -> int:
    """Ask the function for the networks, measure, print and write; the exit code."""
    files = {".html": ("--html", "page", html), ".json": ("--json", "json", json)}
    for ending, (option, _, path) in files.items():
        if path is not None:
            check_file(option, path, ending)
    try:
        arguments = arguments_of(source, function_of(source, wanted), wanted)
    except KeyboardInterrupt:
        say(f"interrupted in {source}, before anything was measured.", err=True)
        return 130
    try:
        import overparam

        measure: Callable[..., Any] = getattr(overparam, wanted.verb)
        found = measure(**{**arguments, **{name: value for name, value in asked.items() if value is not None}})
    except KeyboardInterrupt:
        say(f"interrupted while it was measured: {wanted.verb} keeps nothing of a part.", err=True)
        return 130
    write_out(f"{found}\n")
    for _, what, path in files.values():
        if path is not None:
            say_path(what, found.save(path))
    return 0


def _names(text: str) -> tuple[str, ...] | None:
    if not text:
        return None
    names = tuple(one.strip().lower() for one in text.split(",") if one.strip())
    if not names:
        raise UsageError(f"--paths: expected names such as straight,bezier, got '{text}'.")
    return names


def _number(option: str, text: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UsageError(f"--{option}: expected a number such as 0.02, got '{text}'.")
    return value
