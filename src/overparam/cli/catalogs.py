"""Tables for ``overparam ls --probes`` and ``--theorems``."""

from __future__ import annotations

import inspect

import numpy as np
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.text import Text

from overparam.cli.listing import table_of
from overparam.probes.catalog import available as all_probes
from overparam.probes.catalog import find as find_probe
from overparam.theory.catalog import available as all_theorems
from overparam.theory.catalog import find as find_theorems
from overparam.theory.theorem import Theorem


def probes(name: str = "") -> RenderableType:
    """What can be measured on a trained network: every probe, or one of them by its name or file."""
    table = table_of("probe", "value", "what it is")
    for probe in [find_probe(name)] if name else all_probes().values():
        for i, (value, words) in enumerate(probe.values.items()):
            table.add_row("" if i else probe.name, value, escape(words))
    return Group(
        table, Text("overparam run STUDY --probe NAME measures it at the end of training", "bright_black")
    )


def theorems(name: str = "") -> RenderableType:
    """What is predicted, with its source: every theorem, or one of them (or those of a file) with its example."""
    if not name:
        table = table_of("theorem", "what it gives", "source")
        for one in all_theorems().values():
            first = (inspect.getdoc(one.function) or "").partition("\n")[0]
            table.add_row(one.name, escape(first), escape(one.citation))
        return Group(
            table,
            Text("overparam ls --theorems NAME for its formula, assumptions and an example", "bright_black"),
        )
    return Group(*(part for one in find_theorems(name) for part in _theorem(one)))


def _theorem(one: Theorem) -> list[RenderableType]:
    doc = inspect.getdoc(one.function) or ""
    given = one.example
    value = one.function(**given)
    asked = table_of("assumption", "state", "on the example")
    for assumption in one.assumptions(**given):
        asked.add_row(assumption.name, assumption.state, escape(assumption.detail))
    call = ", ".join(
        f"{key}={np.array2string(np.asarray(v), threshold=6, precision=4)}" for key, v in given.items()
    )
    shown = (
        str(value)
        if not isinstance(value, np.ndarray | float)
        else np.array2string(np.asarray(value), precision=6)
    )
    head = f"{one.name}: {one.citation}"
    name = one.function.__name__
    return [Text(head, "bold"), Text(doc), Text(f"{name}({call}) = {shown}"), asked]
