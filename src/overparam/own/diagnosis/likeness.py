"""How alike a network finds two examples: its tangent kernel, or that of the layer in which its outputs are linear."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from overparam.core.errors import UsageError
from overparam.operators.model import Model
from overparam.own.diagnosis.context import Pace
from overparam.own.diagnosis.ridge import cosine
from overparam.own.diagnosis.rows import on_rows
from overparam.probes.kernel import kernel_cost, tangent_kernel

RATE = 1e10  # multiplications a second of one core that are counted on
CHANGE = (
    1e-3  # relative: outputs are linear in a layer if they are the product of the Jacobian with it up to this
)
LOOKED = 8


@dataclass(frozen=True)
class Kind:
    """Which kernel.

    Attributes:
        layers: patterns of the parameters to derive by; None for all.
        words: in a few words.
    """

    layers: tuple[str, ...] | None
    words: str


def kind_of(model: Model, examples: int, seconds: float, pace: Pace) -> tuple[Kind, float]:
    """The whole tangent kernel where it fits the time, else that of one layer; and about how long it takes.

    Args:
        model: the network.
        examples: that the kernel is of.
        seconds: that it may take.
        pace: of passes.
    """
    whole = _seconds(model, examples, None, pace)
    if whole <= seconds:
        return Kind(None, "tangent kernel, mean over outputs"), whole
    name = readout(model)
    layers = tuple(model.layout.layers[name])
    return Kind(layers, f"tangent kernel of the layer {name}"), _seconds(model, examples, layers, pace, False)


def kernel_of(model: Model, kind: Kind) -> np.ndarray:
    """The kernel between all examples of a model, each divided by its length, float64, shape ``(n, n)``.

    Args:
        model: on the examples.
        kind: which kernel.
    """
    found = tangent_kernel(model, outputs="mean", layers=kind.layers).matrix.astype(np.float64)
    found = (found + found.T) / 2
    return cosine(found, np.diag(found), np.diag(found))


def readout(model: Model) -> str:
    """The layer in which the outputs are linear: the last one for which ``J_layer w_layer`` is the outputs themselves.

    Where there is none (a scale or normalisation stands behind), the last layer.

    Args:
        model: the network.
    """
    some = on_rows(model, np.arange(min(LOOKED, model.examples)))
    outputs, vector = some.outputs().ravel().astype(np.float64), some.vector()
    names = list(model.layout.layers)
    for name in reversed(names):
        part = np.zeros_like(vector)
        for array in model.layout.layers[name]:
            part[model.layout.slices[array]] = vector[model.layout.slices[array]]
        moved = some.product("jacobian", part).astype(np.float64)
        if np.linalg.norm(moved - outputs) <= CHANGE * np.linalg.norm(outputs):
            return name
    return names[-1]


def _seconds(
    model: Model, examples: int, layers: tuple[str, ...] | None, pace: Pace, look: bool = True
) -> float:
    """About how long a kernel takes: reverse passes, then products of rows or of factors."""
    outputs = math.prod(model.output_shape)
    passes = examples * min(outputs, 64) * pace.gradient
    layout = model.layout if layers is None else model.layout.only(layers)
    thin = sum(outputs * shape[0] + math.prod(shape[1:]) for shape in layout.shapes if shape)
    quick = passes + examples**2 * thin / RATE
    if not look:
        return quick
    try:
        found = kernel_cost(
            on_rows(model, np.arange(min(LOOKED, model.examples))), outputs="mean", layers=layers
        )
    except UsageError:
        return math.inf
    if found.method == "structured":
        return quick
    if found.method == "rows":
        return passes + examples**2 / 2 * outputs * layout.size / RATE
    return 2 * examples**2 * pace.gradient * outputs
