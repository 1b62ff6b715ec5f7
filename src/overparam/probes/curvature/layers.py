"""The curvature of each layer alone: largest eigenvalue and trace of its diagonal block."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from overparam.core.checked import count, positive, shown
from overparam.core.errors import UsageError, unknown
from overparam.operators.layout import Layout
from overparam.operators.linear import Layers
from overparam.probes.curvature.eigenvalues import DENSE, leading
from overparam.probes.curvature.products import Block, generator_of, products_of
from overparam.probes.curvature.trace import Trace, signs, standard_error

BY = ("layer", "array")
LIMIT = 200  # products for one eigenvalue
MOST = 1_000_000  # samples


@dataclass(frozen=True)
class LayerCurvature:
    """The diagonal block of one layer.

    Attributes:
        name: of the layer.
        arrays: names of its parameters, those that were asked for.
        size: how many numbers they hold.
        top: eigenvalue of largest size of the block; unit: loss over squared parameters.
        residual: an eigenvalue lies within that distance of it.
        converged: whether the residual is below the tolerance.
        trace: of the block.
    """

    name: str
    arrays: tuple[str, ...]
    size: int
    top: float
    residual: float
    converged: bool
    trace: Trace


def per_layer(
    model: Any,
    *,
    of: str = "hessian",
    layers: Layers = None,
    by: str = "layer",
    samples: int = 32,
    tolerance: float = 1e-3,
    scaled: bool = False,
    seed: int | np.random.Generator = 0,
) -> tuple[LayerCurvature, ...]:
    r"""Largest eigenvalue and trace of every layer's diagonal block of the Hessian; unit: loss over squared parameters.

    All traces come from the same products: for random signs z of all parameters the part ``z_l^T (H z)_l`` of a layer has the
    mean ``tr H_ll``. Blocks of up to 64 rows are written out and exact.

    Args:
        model: of :func:`overparam.operators.open_model`, with a loss.
        of: ``hessian`` or ``gauss_newton``.
        layers: patterns of names of parameters that are looked at; None for all.
        by: ``layer``, or ``array`` for every array of parameters alone.
        samples: products for the traces, at least 2.
        tolerance: of the residual of an eigenvalue, as a share of it.
        scaled: whether rows and columns are multiplied by the sizes of their parameters, see
            :func:`~overparam.probes.curvature.eigenvalues.top_eigenvalues`.
        seed: of random vectors; or a generator of NumPy.

    Returns:
        One a layer, in the order of the parameters.

    Raises:
        UsageError: a number that is no count, an unknown name, patterns that cover nothing, or a model without a loss.
        DataError: second derivatives that are not finite.

    Cost: ``samples`` products, and some 15 to 60 a layer; each is one of the whole network, so that nothing is compiled anew.

    References: as for :func:`~overparam.probes.curvature.eigenvalues.top_eigenvalues` and
        :func:`~overparam.probes.curvature.trace.trace`.

    >>> from overparam.models import linear
    >>> from overparam.operators import open_model
    >>> x, y = np.array([[2.0, 0.0], [0.0, 4.0]], np.float32), np.zeros(2, np.float32)
    >>> weight = {"output": {"weight": np.zeros((1, 2), np.float32), "bias": np.zeros(1, np.float32)}}
    >>> for one in per_layer(open_model(linear(2, 1), (x, y), params=weight), by="array"):
    ...     print(one.name, one.top, one.trace.estimate)
    output/bias 1.0 1.0
    output/weight 8.0 10.0
    """
    samples, share = count(samples, "samples", 2, MOST), positive(tolerance, "tolerance")
    if share >= 1:
        raise UsageError(f"tolerance: expected a share of the eigenvalue below 1, got {shown(tolerance)}.")
    if not isinstance(by, str) or by not in BY:
        raise unknown("by", by if isinstance(by, str) else shown(by), BY)
    rng, whole = generator_of(seed), products_of(model, of, None, scaled)
    groups = _groups(whole.model.layout, layers, by)
    places = {name: _places(whole.model.layout, arrays) for name, arrays in groups.items()}
    parts = {name: np.empty(samples) for name in groups}
    if any(len(where) > DENSE for where in places.values()):
        for at in range(samples):
            z = signs(rng, whole.size)
            each = z * whole(z)
            for name, where in places.items():
                parts[name][at] = each[where].sum()
    return tuple(
        _layer(name, arrays, Block(whole, places[name]), parts[name], share, rng)
        for name, arrays in groups.items()
    )


def _layer(
    name: str, arrays: tuple[str, ...], block: Block, parts: np.ndarray, share: float, rng: np.random.Generator
) -> LayerCurvature:
    if block.size <= DENSE:
        matrix = block.dense()
        values = np.linalg.eigvalsh(matrix)
        top = float(values[np.abs(values).argmax()])
        rounding = abs(top) * block.size * float(np.finfo(block.dtype).eps)
        total = Trace(math.fsum(np.diag(matrix)), 0.0, 0, block.size, "exact: the block was written out")
        return LayerCurvature(name, arrays, block.size, top, rounding, True, total)
    found = leading(block, 1, "magnitude", share, LIMIT, rng)
    total = Trace(
        float(parts.mean()), standard_error(parts), len(parts), len(parts), "random signs, all layers at once"
    )
    top, residual = float(found.values[0]), float(found.residuals[0])
    return LayerCurvature(name, arrays, block.size, top, residual, found.converged, total)


def _groups(layout: Layout, layers: Layers, by: str) -> dict[str, tuple[str, ...]]:
    """Names of arrays by layer, or each alone, those that patterns cover."""
    kept = layout.names if layers is None else layout.matching(layers)
    if by == "array":
        return {name: (name,) for name in kept}
    found = {
        layer: tuple(name for name in names if name in set(kept)) for layer, names in layout.layers.items()
    }
    return {layer: names for layer, names in found.items() if names}


def _places(layout: Layout, names: tuple[str, ...]) -> np.ndarray:
    return np.concatenate([np.arange(layout.slices[name].start, layout.slices[name].stop) for name in names])
