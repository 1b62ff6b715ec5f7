"""Tables for ``overparam ls --recipes``: the published settings side by side, and one of them with its places."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from overparam.cli.listing import table_of
from overparam.training.published import RECIPES, Published, find
from overparam.training.published.catalog import WITHOUT

NOT_KNOWN = "not known here"
RECALLED = "recalled, not checked"
FIELDS: Mapping[str, str] = {
    "network": "network",
    "init": "initial weights",
    "data": "data",
    "n": "examples",
    "augmentation": "augmentation",
    "loss": "loss",
    "smoothing": "smoothing",
    "optimizer": "optimizer",
    "learning_rate": "learning rate",
    "layer_rates": "rates by layer",
    "momentum": "momentum",
    "weight_decay": "weight decay",
    "batch": "batch",
    "sampling": "sampling",
    "schedule": "schedule",
    "length": "length",
    "stop_error": "stops",
    "pruning": "pruning",
}
_OPTIONAL = ("smoothing", "layer_rates", "stop_error", "pruning")  # shown where there is some
_CALLED = {"sgd": "SGD", "adam": "Adam", "gd": "GD"}


def recipes(name: str = "") -> RenderableType:
    """Every published setting, those whose names begin so, or one with the place of every number and the call.

    Raises:
        UsageError: no setting has that name, and none begins so.
    """
    listed = tuple(one for one in RECIPES.values() if one.name.startswith(name.lower()))
    if name in RECIPES or not listed:
        return _one(find(name))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0)
    for head, width in (
        ("recipe, source", 22),
        ("network", 16),
        ("optimizer", 11),
        ("batch", 6),
        ("schedule", 12),
        ("length", 8),
    ):
        table.add_column(head, width=width, overflow="fold")
    for one in listed:
        table.add_row(
            f"{one.name}\n[bright_black]{escape(one.source)}[/]",
            escape(_network(one)),
            escape(f"{_short(one, 'optimizer')} {_short(one, 'learning_rate')}"),
            escape(_short(one, "batch")),
            escape(_short(one, "schedule")),
            escape(_short(one, "length")),
        )
    marks = "* recalled from the literature, not checked; ? not known here, and asked for; - none named"
    none = f"No learning rate is known here of: {'; '.join(WITHOUT)}."
    more = "overparam ls --recipes NAME for a whole setting, where every number was read, and the call"
    below = [marks, more] if name else [marks, none, more]
    return Group(table, *(Text(line, "bright_black") for line in below))


def _network(one: Published) -> str:
    return one.network.partition(",")[0].partition(";")[0]


def _one(one: Published) -> RenderableType:
    table = table_of("what", "value", "where it was read")
    for field, words in FIELDS.items():
        value = told(one, field)
        if field == "sampling" and one.sampling == "epochs" and not _recalled(one, field):
            continue
        if value or field not in _OPTIONAL:
            table.add_row(words, escape(value or NOT_KNOWN), escape(_place(one, field)))
    if one.build is not None:
        table.add_row("as a call", escape(f"overparam.models.{one.build}"), "")
    parts: list[RenderableType] = [
        Text(f"{one.name}: {one.source}", "bold"), Text(one.citation), table,
    ]  # fmt: skip
    if one.place:
        parts.append(Text(f"read: {one.place}.", "bright_black"))
    if one.notes:
        parts.append(Text(one.notes))
    others = [find(name) for name in one.beside]
    if others:
        parts.append(_beside(one, others))
    return Group(*parts, Text(call(one)))


def _beside(one: Published, others: list[Published]) -> RenderableType:
    table = table_of("not to be confused with", "what it has instead")
    for other in others:
        lines = [
            f"{words}: {_short(other, field)}" for field, words in FIELDS.items() if _differ(one, other, field)
        ]
        if _network(other) != _network(one):
            lines.insert(0, _network(other))
        table.add_row(other.name, escape("; ".join(lines)) or "other data")
    return table


def _differ(one: Published, other: Published, field: str) -> bool:
    if field in ("network", "init", "data", "augmentation", "pruning"):
        return False
    if field in ("momentum", "weight_decay"):
        return bool((getattr(one, field) or 0.0) != (getattr(other, field) or 0.0))
    constant = ("constant", "none named")
    return told(one, field) != told(other, field) and not {told(one, field), told(other, field)} <= {*constant}


def call(one: Published) -> str:
    """The Python that makes the recipe, and the network where the package has it; what must be given is left open."""
    asked = ", ".join(f"{name}=..." for name in one.asks)
    lines = [
        "",
        "import overparam",
        f'setting = overparam.published("{one.name}")',
        f"recipe = setting.recipe({asked})",
    ]
    if one.build is not None:
        lines.append(f"network = setting.model({'width=...' if one.build.swept else ''})")
    return "\n".join(lines)


def told(one: Published, field: str) -> str:
    """One attribute in words; empty where it is not known or there is none."""
    if field == "length":
        if one.steps is not None:
            return f"{one.steps:,} steps"
        return "" if one.epochs is None else f"{one.epochs:,} epochs"
    value: Any = getattr(one, field)
    if field == "learning_rate":
        ours = (
            "" if one.loss_share == 1 else f", which is {value * one.loss_share:g} for the loss as it is here"
        )
        return one.rate_text or ("" if value is None else f"{value:g}{ours}")
    if field in ("momentum", "weight_decay"):
        return "none named" if value is None else f"{value:g}"
    if field == "schedule":
        return str(value.text)
    if field == "optimizer":
        return "" if value is None else _CALLED[value]
    if field == "sampling":
        return "with replacement" if value == "replacement" else "every epoch anew"
    if field == "layer_rates":
        return ", ".join(f"{name} x{factor:g}" for name, factor in value.items())
    if field == "stop_error":
        return "" if value is None else f"at a training error of {value:g}"
    if field == "batch":
        return "all examples" if one.optimizer == "gd" else "" if value is None else f"{value:,}"
    return (
        ""
        if value is None
        else f"{value:,}"
        if isinstance(value, int)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )


def _short(one: Published, field: str) -> str:
    """The same for a column: ``?`` where it is not known, ``*`` behind what is recalled."""
    value = told(one, field)
    if field == "learning_rate":
        rate = one.learning_rate
        value = (
            f"{rate:g}"
            if isinstance(rate, float)
            else one.rate_text.partition(" ")[0]
            if rate
            else "rule"
            if one.rate_text
            else ""
        )
    if field == "length":
        value = value.replace(",000 ", "k ").replace(" epochs", " ep")
    if field == "schedule":
        value = one.schedule.short or value.replace("none named", "-")
    if field == "batch" and one.optimizer == "gd":
        value = "all"
    return f"{value or '?'}{'*' if _recalled(one, field) else ''}"


def _recalled(one: Published, field: str) -> bool:
    names = ("epochs", "steps") if field == "length" else (field,)
    return any(name in one.recalled for name in names)


def _place(one: Published, field: str) -> str:
    if _recalled(one, field):
        return RECALLED
    value = told(one, field)
    if not value or value == "none named":
        return ""
    return "read"
