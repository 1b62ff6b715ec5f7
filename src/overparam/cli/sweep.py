"""The verb ``overparam sweep``: a sweep over the width of a family of networks, as :func:`overparam.width_sweep`."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from overparam.cli.app import Out, Whole, console, say_path, told_failed
from overparam.cli.quantity import quantity
from overparam.core.errors import UsageError, nearest

_NUMBERS = ("steps", "learning_rate", "batch", "momentum", "weight_decay", "optimizer", "schedule", "loss")


def sweep(
    family: str,
    /,
    *,
    data: str,
    widths: str,
    seeds: str = "5",
    noise: str = "0,0.15",
    n: Whole = 0,
    recipe: str = "",
    steps: Whole | None = None,
    learning_rate: float | None = None,
    batch: Whole | None = None,
    momentum: float | None = None,
    weight_decay: float | None = None,
    optimizer: str | None = None,
    schedule: str | None = None,
    loss: str | None = None,
    arm: list[str] | None = None,
    probe: list[str] | None = None,
    name: str = "",
    title: str = "",
    version: str = "",
    out: Out = Path("runs"),
    workers: Whole | None = None,
    memory: str = "",
    time_limit: str = "",
    on: Annotated[str, Parameter(name="--on")] = "",
    dry_run: bool = False,
) -> int:
    """Sweep the width of a family of networks: error and loss against width, judged claims, one page.

    The same command again computes nothing; more --seeds or --widths extend what is stored.

    Parameters
    ----------
    family
        Name of a family, such as resnet18, or FILE.py:FUNCTION, a function of yours from a width to a network.
    data
        Name of a data set, or the path of a file or folder of your own.
    widths
        At least 3, for instance 2,4,8,16.
    seeds
        Their number, or a list such as 3,7.
    noise
        Shares of training labels that are replaced; 0 is the negative control.
    n
        Training samples; 0 for all.
    recipe
        Name of a published recipe, or FILE.py:NAME, a Recipe of yours; the options below change it. By default SGD
        with momentum 0.9, learning rate 0.01, batch 100, 20,000 steps.
    steps
        Training steps.
    learning_rate
        Learning rate.
    batch
        Samples in a minibatch; 0 for all.
    momentum
        Momentum.
    weight_decay
        Weight decay.
    optimizer
        sgd, adam or gd.
    schedule
        constant, cosine, inverse_sqrt or step.
    loss
        cross_entropy or squared; or FILE.py:FUNCTION, a loss of yours.
    arm
        An axis with several values, each judged apart: --arm learning_rate=0.01,0.1, --arm depth=2,4 (an argument of the
        family), or --arm recipe=NAME,NAME. May be repeated.
    probe
        What else is measured: a name as overparam ls --probes lists it, a file with a PROBE, or FILE.py:FUNCTION. May be
        repeated.
    name
        Name of the results; by default that of the family.
    title
        Heading of the page.
    version
        Any text; another one has everything computed anew.
    out
        Results folder.
    workers
        Worker processes; by default one a GPU, else one a core.
    memory
        Memory that one stack may take, for instance 2GB.
    time_limit
        Time that one stack may take, for instance 30min.
    on
        Executor, as for overparam run: processes, inline or ray.
    dry_run
        Print cells, done, to do, and the expected time and memory; compute nothing.
    """
    from overparam.api.width_sweep.run import prepare
    from overparam.cli.display import plan_table, verdict_table
    from overparam.sweep.executors import executor

    if on:
        executor(on)
    budget = quantity("memory", memory) if memory else None
    limit = quantity("time-limit", time_limit) if time_limit else None
    told = (steps, learning_rate, batch, momentum, weight_decay, optimizer, schedule, loss)
    changes: dict[str, Any] = {
        key: value for key, value in zip(_NUMBERS, told, strict=True) if value is not None
    }
    if "batch" in changes:
        changes["batch"] = changes["batch"] or None
    if "loss" in changes:
        changes["loss"] = _of(changes["loss"], "loss")
    chosen = _recipe_of(recipe, data, n, changes)
    given: dict[str, Any] = {
        "data": data, "widths": _numbers("widths", widths, int), "noise": _numbers("noise", noise, float),
        "seeds": _seeds(seeds), "n": n, "name": name, "title": title, "version": version,
        "arms": _arms(arm or (), data, n, changes), "probes": _probes(probe or ()),
    }  # fmt: skip
    if given["arms"] and "recipe" in given["arms"]:
        if recipe:
            raise UsageError(
                "--recipe: expected it in --arm recipe=... alone, got it beside it. Leave --recipe out."
            )
    else:
        given["recipe"] = chosen
    numbers = {key: value for key, value in zip(_NUMBERS, told, strict=True) if value is not None}
    again = _again(
        family, data, {"widths": widths, "seeds": seeds, "noise": noise, "n": n, "recipe": recipe, **numbers},
        {"arm": arm or (), "probe": probe or ()}, {"name": name, "title": title, "version": version},
    )  # fmt: skip
    ready = prepare(
        _of(family, "family"), out=out, on=on, workers=workers, memory=budget, again=again,
        **{key: value for key, value in given.items() if value not in (None, "")},
    )  # fmt: skip
    if dry_run:
        console().print(plan_table(ready.plan))
        return 0
    result = ready.finish(limit=limit)
    record = dict(result.record)
    console().print(verdict_table(record, console().width))
    if result.page is not None:
        say_path("page", result.page)
    return told_failed(len(record["failures"]), out)


def _again(
    family: str, data: str, options: Mapping[str, Any], several: Mapping[str, Sequence[str]], last: Mapping[str, str]
) -> str:  # fmt: skip
    """The command that repeats a sweep, files without their folders; what is at its default is left out."""
    from overparam.core import data_name

    usual = {"seeds": "5", "noise": "0,0.15", "n": 0, "recipe": "", "name": "", "title": "", "version": ""}
    words = [_shown(family), "--data", data_name.shown(data)]
    for key, value in {**options, **last}.items():
        if value != usual.get(key):
            words += [
                f"--{key.replace('_', '-')}",
                _shown(str(value)) if key in ("recipe", "loss") else str(value),
            ]
    for key, values in several.items():
        for value in values:
            words += [f"--{key}", ",".join(_shown(one) for one in value.split(","))]
    return shlex.join(["overparam", "sweep", *words])


def _shown(text: str) -> str:
    before, sign, after = text.rpartition("=")
    return f"{before}{sign}{Path(after).name}" if _holds(after) else text


def _of(text: str, what: str) -> Any:
    """A name as it is, or what stands behind ``FILE.py:NAME``."""
    if not _holds(text):
        return text
    from overparam.api.width_sweep.source import in_file, module_of

    path, _, name = text.partition(".py:") if ".py:" in text else (text[:-3], "", "")
    held = vars(module_of(f"{path}.py"))
    if not name:
        own = [key for key, one in held.items() if callable(one) and _made_in(one, held)]
        shown = f"{path}.py:{own[0] if own else 'FUNCTION'}"
        raise UsageError(f"{what}: expected a file and what it holds, such as {shown}, got {text}.")
    if name not in held:
        raise UsageError(f"{what}: {path}.py holds no '{name}'.{nearest(name, held)}")
    return in_file(f"{path}.py", name)


def _holds(text: str) -> bool:
    return ".py:" in text or text.endswith(".py")


def _made_in(one: Any, held: Mapping[str, Any]) -> bool:
    return getattr(one, "__module__", None) == held["__name__"]


def _recipe_of(text: str, data: str, n: int, changes: Mapping[str, Any]) -> Any:
    """A recipe by its name or from a file, changed; None where nothing is said of it."""
    from overparam.training import Recipe

    if not text:
        from overparam.api.width_sweep.study import USUAL
        from overparam.data.targets import numeric

        loss = {"loss": "squared"} if numeric(data) else {}
        own = {"momentum": 0.0} if changes.get("optimizer") == "adam" else {}
        whole = {"batch": None} if changes.get("optimizer") == "gd" else {}
        return dataclasses.replace(USUAL, **{**loss, **own, **whole, **changes}) if changes else None
    if _holds(text):
        found = _of(text, "recipe")
        if not isinstance(found, Recipe):
            raise UsageError(f"recipe: expected a Recipe as {text}, got {type(found).__name__}.")
        return dataclasses.replace(found, **changes) if changes else found
    from overparam.data import shape_of
    from overparam.training.published import find

    return find(text).recipe(n=n or shape_of(data).train, **changes)


def _arms(given: Sequence[str], data: str, n: int, changes: Mapping[str, Any]) -> dict[str, Any] | None:
    found: dict[str, Any] = {}
    for text in given:
        axis, sign, listed = text.partition("=")
        axis, values = axis.strip().replace("-", "_"), _split(listed)
        if not sign or not axis or not values:
            raise UsageError(
                f"--arm: expected an axis with its values, such as learning_rate=0.01,0.1, got '{text}'."
            )
        if axis in found:
            raise UsageError(
                f"--arm: expected each axis once, got '{axis}' twice. Write all its values behind one."
            )
        if axis == "recipe":
            names = [one.rpartition(":")[2] for one in values]
            twice = next((one for i, one in enumerate(names) if one in names[:i]), None)
            if twice is not None:
                raise UsageError(f"--arm: expected recipes with names of their own, got '{twice}' twice.")
            found[axis] = {
                key: _recipe_of(one, data, n, changes) for key, one in zip(names, values, strict=True)
            }
        else:
            found[axis] = tuple(map(_value, values))
    return found or None


def _value(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _probes(given: Sequence[str]) -> Any:
    names = [one for text in given for one in _split(text)]
    own = [one for one in names if ".py:" in one]
    if not own:
        return tuple(names) or None
    if len(own) < len(names):
        raise UsageError(
            "--probe: expected names alone or functions of yours alone, got both. Make two sweeps."
        )
    return {one.rpartition(":")[2]: _of(one, "probe") for one in own}


def _seeds(text: str) -> int | tuple[int, ...]:
    found = _numbers("seeds", text, int)
    return found[0] if len(found) == 1 and "," not in text else found


def _numbers(option: str, text: str, kind: Callable[[str], Any]) -> tuple[Any, ...]:
    try:
        found = tuple(kind(one) for one in _split(text))
    except ValueError:
        found = ()
    if not found:
        what = "whole numbers" if kind is int else "numbers"
        raise UsageError(f"--{option}: expected {what} with commas between them, got '{text}'.")
    return found


def _split(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]
