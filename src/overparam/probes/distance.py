"""How far every layer and unit has moved since initialisation: absolute and relative, Frobenius and spectral."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float64

from overparam.models.network import Network, PyTree
from overparam.models.state import split
from overparam.operators import Model
from overparam.operators.pairs import check_pair
from overparam.probes.probe import Probe
from overparam.probes.weights import Spectrum, length, spectrum, unfoldings
from overparam.training.evaluate import Examples, Targets
from overparam.training.loop import Measured, TestExamples, TestTargets
from overparam.training.losses import Loss


@dataclass(frozen=True, eq=False)
class Moved:
    """How far one array, or all arrays of a layer, moved.

    Attributes:
        frobenius: Euclidean norm of end minus start, in the unit of the parameters.
        relative: that over the norm of the start; None where the start is 0.
        spectral: largest singular value of end minus start; None for vectors, layers and arrays that cannot be unfolded.
        relative_spectral: that over the largest singular value of the start; None where there is none.
        units: Euclidean norm of the weights into each unit, end minus start, one a row of the unfolding; None as above.
        relative_units: those over the norms of the start; infinite where a unit started at 0 and moved, 0 where it did not.
    """

    frobenius: float
    relative: float | None
    spectral: float | None = None
    relative_spectral: float | None = None
    units: Float64[np.ndarray, " units"] | None = None
    relative_units: Float64[np.ndarray, " units"] | None = None


@dataclass(frozen=True, eq=False)
class Distances:
    """How far a model moved.

    Attributes:
        whole: all parameters as one vector.
        layers: by layer, all its arrays as one vector.
        arrays: by name of the array.
        shares: of the squared distance of the whole, by layer; empty where nothing moved.
    """

    whole: Moved
    layers: Mapping[str, Moved]
    arrays: Mapping[str, Moved]
    shares: Mapping[str, float]


def distance(start: Model, end: Model, *, unfold: Mapping[str, tuple[int, ...]] | None = None) -> Distances:
    """Distance of the parameters from their start: whole, by layer, by array and by unit; in the unit of the parameters.

    ``|W - W_0|_F`` and ``|W - W_0|_2``, each also over that of ``W_0``. Where an update has low rank the relative spectral
    distance is larger than the relative Frobenius one. A rescaling of layers that leaves the network as it is changes all
    of them.

    Cost: one pass over two examples, and two SVDs a matrix.

    Args:
        start: the model before training.
        end: the same network with other parameters.
        unfold: as in :func:`~overparam.probes.weights.weight_spectra`.

    Raises:
        UsageError: no models, or models of other arrays.
        DataError: parameters that are missing or infinite.

    References: Y. Li and Y. Liang, NeurIPS 2018, figures on the distance from initialisation (relative, Frobenius).
    """
    check_pair(start, end)
    before, after = (one.vector().astype(np.float64) for one in (start, end))
    begin, finish = start.layout.named(before), end.layout.named(after)
    hows, _ = unfoldings(end, end.layout.names, unfold)
    arrays = {name: _array(begin[name], finish[name], hows.get(name)) for name in end.layout.names}
    layers = {
        layer: _vector(*(np.concatenate([side[name].ravel() for name in names]) for side in (begin, finish)))
        for layer, names in end.layout.layers.items()
    }
    whole = _vector(before, after)
    total = whole.frobenius
    shares = {layer: (one.frobenius / total) ** 2 for layer, one in layers.items()} if total > 0 else {}
    return Distances(whole, layers, arrays, shares)


def _vector(before: np.ndarray, after: np.ndarray) -> Moved:
    moved, size = float(length(after - before)), float(length(before))
    return Moved(moved, moved / size if size > 0 else None)


def _array(before: np.ndarray, after: np.ndarray, how: Any) -> Moved:
    plain = _vector(before.ravel(), after.ravel())
    if how is None:
        return plain
    change: Spectrum = spectrum(after - before, how)
    top = spectrum(before, how).spectral
    units, sizes = (length(how.matrices(one)).ravel() for one in (after - before, before))
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.where(units > 0, units / sizes, 0.0)
    return Moved(
        plain.frobenius,
        plain.relative,
        change.spectral,
        change.spectral / top if top > 0 else None,
        units,
        relative,
    )


def measure(
    network: Network,
    loss: Loss,
    params: PyTree,
    params0: PyTree,
    x: Examples,
    y: Targets,
    x_test: TestExamples,
    y_test: TestTargets,
) -> Measured:
    """How far the weight matrices of a member moved, relative to their start, in two norms and at most of any unit.

    Args:
        network: tells what is held constant and does not count.
        loss: not used.
        params: the member's parameters; arrays of two or more axes count, outputs first.
        params0: its parameters at initialisation.
        x: not used.
        y: not used.
        x_test: not used.
        y_test: not used.

    Returns:
        ``frobenius_moved`` and ``spectral_moved``: ``|W - W_0| / |W_0|``, mean over weights; ``unit_moved``: the largest
        ``|w - w_0| / |w_0|`` of any unit. Not finite where a start is 0.
    """
    here, start = (jax.tree.leaves(split(network.state, tree)[0]) for tree in (params, params0))
    pairs = [
        (a.reshape(len(a), -1), b.reshape(len(b), -1)) for a, b in zip(here, start, strict=True) if a.ndim > 1
    ]
    frobenius = [jnp.linalg.norm(a - b) / jnp.linalg.norm(b) for a, b in pairs]
    spectral = [jnp.linalg.norm(a - b, 2) / jnp.linalg.norm(b, 2) for a, b in pairs]
    units = [jnp.max(jnp.linalg.norm(a - b, axis=1) / jnp.linalg.norm(b, axis=1)) for a, b in pairs]
    return {
        "frobenius_moved": sum(frobenius) / len(pairs),
        "spectral_moved": sum(spectral) / len(pairs),
        "unit_moved": jnp.max(jnp.stack(units)),
    }


PROBE = Probe(
    "distance",
    {
        "frobenius_moved": "Frobenius norm of a weight's change over that of its start, mean over weights, a ratio.",
        "spectral_moved": "Spectral norm of a weight's change over that of its start, mean over weights, a ratio.",
        "unit_moved": "Largest change of the weights into one unit over their norm at the start, a ratio.",
    },
    measure,
)
