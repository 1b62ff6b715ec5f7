"""The kernel by a method, checked; where the check fails, by explicit rows of the parameters at fault, or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from overparam.core.errors import UsageError
from overparam.operators.telling import told_of
from overparam.probes.kernel.asked import Asked
from overparam.probes.kernel.assemble import assemble
from overparam.probes.kernel.plan import Plan, ShortMemory, plan
from overparam.probes.kernel.products import by_products, planned
from overparam.probes.kernel.source import Source
from overparam.probes.kernel.verify import allowed, culprits, verified

TRIES = 4  # sources that are looked at: walked into, not walked into, with rows of what failed
FEW = 4  # names of parameters in a note


@dataclass(frozen=True, eq=False)
class Prepared:
    """A method that was looked at on the model and fits the memory.

    Attributes:
        method: its name.
        source: of its factors; None for products.
        plan: blocks and peak of memory.
        notes: one sentence each.
    """

    method: str
    source: Source | None
    plan: Plan
    notes: tuple[str, ...]


def prepare(ask: Asked, method: str) -> Prepared:
    """A method, ready to run.

    Args:
        ask: what is asked.
        method: ``structured``, ``rows`` or ``products``.

    Raises:
        UsageError: it does not fit the memory, or does not give the derivatives of this model.
    """
    if method == "products":
        return Prepared(method, None, planned(ask), ())
    with ask.first.quiet(), told_of(f"model: expected derivatives of its layers by method='{method}'"):
        source = source_of(ask, method)
        wrong: list[str] = []
        for _ in range(TRIES):
            ready = plan(ask, source)
            bad = culprits(ask, source, ready)
            if not bad:
                break
            other = source.without(bad)
            if other is None:
                break
            wrong, source = list(bad), other
    if bad:
        raise UsageError(
            f"method: expected derivatives that method='{method}' can be made of, got others than those of the model at "
            f"{_few(bad)}. Ask for method='products'."
        )
    found = (
        f"The structured form was not that of the model at {_few(tuple(wrong))}: repaired and checked again."
    )
    return Prepared(method, source, ready, (*source.notes, *((found,) if wrong else ())))


def source_of(ask: Asked, method: str) -> Source:
    """The source of factors of a method for the back end of a model."""
    structured = method == "structured"
    made: Any
    if ask.first.back_end == "torch":
        from overparam.probes.kernel.torch_rows import TorchRows
        from overparam.probes.kernel.torch_source import TorchStructured

        made = TorchStructured if structured else TorchRows
    else:
        from overparam.probes.kernel.jax_rows import JaxRows
        from overparam.probes.kernel.jax_source import JaxStructured

        made = JaxStructured if structured else JaxRows
    if structured:
        return made(ask.first, ask.chosen, ask.wide, ask.outputs == "full", ask.second.examples)
    return made(ask.first, ask.chosen, ask.wide)


def chosen(ask: Asked) -> Prepared:
    """The method that is asked for, or the first that fits: structured, rows, products.

    Raises:
        UsageError: none does; the text says with how much memory one would.
    """
    if ask.method != "auto":
        return prepare(ask, ask.method)
    failed: list[UsageError] = []
    for method in ("structured", "rows", "products"):
        try:
            found = prepare(ask, method)
        except UsageError as error:
            failed.append(error)
            continue
        why = tuple(f"Not by another method: {one}" for one in failed if not isinstance(one, ShortMemory))
        less = tuple(
            f"Not by a faster method, which takes {one.least:.2g} bytes of memory."
            for one in failed
            if isinstance(one, ShortMemory)
        )
        return Prepared(found.method, found.source, found.plan, (*found.notes, *why, *less[:1]))
    short = [one for one in failed if isinstance(one, ShortMemory)]
    raise min(short, key=lambda one: one.least) if short else failed[-1]


def computed(ask: Asked, ready: Prepared) -> tuple[np.ndarray, float]:
    """The kernel, and the relative error of a product with it.

    Raises:
        UsageError: the product is not that of the operators.
    """
    with told_of(f"model: expected derivatives of all examples by method='{ready.method}'"):
        if ready.source is None:
            matrix = by_products(ask)
        else:
            with ask.first.quiet():
                matrix = assemble(ask, ready.source, ready.plan)
        error = verified(ask, matrix)
    if not error <= allowed(ask):
        raise UsageError(
            f"method: expected a kernel whose product with a vector is J (J^T u), got a relative error of {error:.2g} with "
            f"method='{ready.method}'; {allowed(ask):.1g} is allowed. Ask for method='products', or in float64."
        )
    return matrix, error


def _few(names: tuple[str, ...]) -> str:
    quoted = [f"'{one}'" for one in names[:FEW]]
    return ", ".join(quoted) + (f" and {len(names) - FEW} more" if len(names) > FEW else "")
