"""Tables for ``overparam ls --networks``: the families by name, and one network layer by layer."""

from __future__ import annotations

import math
import re
from typing import Any

import jax
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.text import Text

from overparam.cli.app import whole_number
from overparam.cli.listing import table_of
from overparam.core.errors import UsageError
from overparam.models.check import layout
from overparam.models.families import FAMILIES, find, named
from overparam.models.family import COUNTED, Family
from overparam.models.network import Network
from overparam.models.size import parameters
from overparam.models.state import is_held, leaves


def networks(
    name: str = "", *, shape: str = "", outputs: str = "", width: str = "", depth: str = ""
) -> RenderableType:
    """Every family of networks, or one network of a family with its layers; sizes as they are written.

    Raises:
        UsageError: no such family, axis or shape, or sizes without a family.
    """
    if name:
        return _network(find(name), shape, outputs, width, depth)
    given = {"--shape": shape, "--outputs": outputs, "--width": width, "--depth": depth}
    for option, value in given.items():
        if value:
            raise UsageError(
                f"{option}: expected the name of a network with it: overparam ls --networks NAME {option} {value[:40]}"
            )
    table = table_of(
        "network",
        "axes",
        "parameters",
        "what it is, and who described it",
        whole=("network", "axes", "parameters"),
    )
    for one in FAMILIES.values():
        axes = "\n".join(f"{axis} {size.default}" for axis, size in one.axes.items())
        count = (
            f"{parameters(named(one.name, one.shape, one.outputs)):,}\n[bright_black]{_joined(one.shape)}[/]"
        )
        table.add_row(one.name, axes, count, f"{escape(one.title)}\n[bright_black]{escape(one.source)}[/]")
    return Group(
        table,
        Text(
            "overparam ls --networks NAME --shape 32x32x3 --outputs 10 --width 16 for its layers",
            "bright_black",
        ),
    )


def shape_of(text: str) -> tuple[int, ...]:
    """The shape of an example as it is written on the command line.

    Raises:
        UsageError: something else.

    >>> shape_of("32x32x3"), shape_of("784")
    ((32, 32, 3), (784,))
    """
    if not re.fullmatch(r"[0-9]{1,9}(x[0-9]{1,9}){0,2}", text):
        raise UsageError(
            f"--shape: expected height and width, with channels if there are several, or features, such as 28x28, 32x32x3 or "
            f"784, got '{text[:60]}'."
        )
    return tuple(int(one) for one in text.split("x"))


def _whole(option: str, text: str) -> int | None:
    """A size as it is written, None if it is not."""
    return whole_number(f"--{option}", text, 1) if text else None


def _network(one: Family, shape: str, outputs: str, width: str, depth: str) -> RenderableType:
    sizes = shape_of(shape) if shape else one.shape
    many = _whole("outputs", outputs)
    along = {"width": _whole("width", width), "depth": _whole("depth", depth)}
    network = named(one.name, sizes, one.outputs if many is None else many, **along)
    axes = table_of("axis or option", "default", "what it means")
    for axis, size in one.axes.items():
        axes.add_row(f"--{axis}", str(size.default), escape(size.words))
    for option, value in one.options.items():
        axes.add_row(option, escape(str(value)), "in Python: overparam.models.named")
    published = table_of("published", "of", "by", whole=("published", "of"))
    for said in one.published:
        rounded = "about " if said.to > 1 else ""
        own = {"width": said.width, "depth": said.depth, **said.options}
        setting = ", ".join([_joined(said.shape), *(f"{k} {v}" for k, v in own.items() if v is not None)])
        recalled = " (recalled)" if said.recalled else ""
        published.add_row(
            f"{rounded}{said.count:,}",
            escape(setting),
            escape(f"{said.where}; {COUNTED[said.counted]}{recalled}"),
        )
    parts: list[RenderableType] = [Text(f"{one.name}: {one.title}", "bold"), Text(one.source)]
    parts += [axes] if axes.row_count else []
    parts += [published] if published.row_count else []
    return Group(*parts, Text(network.name, "bold"), _layers(network))


def _layers(network: Network) -> RenderableType:
    table = table_of("layer", "shape", "parameters")
    table.columns[2].justify = "right"
    params: dict[str, Any] = layout(network)
    for layer, own in params.items():
        if not jax.tree.leaves(own):
            continue
        parts = [(path, leaf) for path, leaf in leaves(own)]
        held = all(is_held(network.state, f"{layer}/{path}") for path, _ in parts)
        main = next((leaf.shape for path, leaf in parts if path == "weight"), parts[0][1].shape)
        said = f"{sum(math.prod(leaf.shape) for _, leaf in parts):,}"
        shape = "" if held else _joined(main)
        table.add_row(escape(layer), shape, f"({said} held constant)" if held else said)
    table.add_section()
    table.add_row("trained", "", f"{parameters(network):,}")
    return table


def _joined(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
