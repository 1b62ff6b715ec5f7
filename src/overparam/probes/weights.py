"""How many directions a weight matrix uses, and how many training added: singular values, stable and effective rank."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Float64
from scipy import linalg

from overparam.core.checked import shown
from overparam.core.errors import UsageError
from overparam.models.network import Network, PyTree
from overparam.models.state import split
from overparam.operators import Model
from overparam.operators.pairs import check_model, check_pair
from overparam.operators.seen import see
from overparam.operators.unfolding import Unfolding
from overparam.probes.probe import Probe
from overparam.training.evaluate import Examples, Targets
from overparam.training.loop import Measured, TestExamples, TestTargets
from overparam.training.losses import Loss


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The singular values of one array as a matrix; of several blocks, those of all blocks together.

    Attributes:
        values: descending, in the unit of the weights.
        shape: ``(blocks, rows, columns)``: blocks are groups of a convolution or heads; rows are outputs, columns inputs
            and taps.
        kind: ``dense``, ``convolution``, ``table``, ``unfolded`` or ``matrix``, see
            :class:`~overparam.operators.unfolding.Unfolding`.
    """

    values: Float64[np.ndarray, " rank"]
    shape: tuple[int, int, int]
    kind: str

    @property
    def spectral(self) -> float:
        """Largest singular value, in the unit of the weights. Of a convolution it is that of the unfolded kernel."""
        return float(self.values[0])

    @property
    def frobenius(self) -> float:
        """Root of the sum of squares, in the unit of the weights."""
        return float(length(self.values))

    @property
    def stable_rank(self) -> float:
        """``||W||_F^2 / ||W||_2^2``: directions counted by their square, from 1 to the rank; 0 of a matrix of zeros.

        References: M. Rudelson and R. Vershynin, Sampling from large matrices, Journal of the ACM 54 (2007) (recalled).
        """
        return stable_rank(self.values)

    @property
    def effective_rank(self) -> float:
        """``exp(H)``, H the entropy of the singular values divided by their sum; from 1 to the rank, 0 of a matrix of zeros.

        References: O. Roy and M. Vetterli, The effective rank, EUSIPCO 2007, definition 1.
        """
        return effective_rank(self.values)


@dataclass(frozen=True, eq=False)
class WeightSpectra:
    """Spectra of a model's weights and of what training added to them.

    Attributes:
        weights: by name of the array.
        updates: the same of end minus start; empty where no start was given.
        left_out: arrays of several axes without a spectrum, each with the reason. Vectors have none and are not named.
    """

    weights: Mapping[str, Spectrum]
    updates: Mapping[str, Spectrum]
    left_out: Mapping[str, str]


def length(vectors: Float64[np.ndarray, "*shape"]) -> np.ndarray:
    """Euclidean length along the last axis, of numbers of any size.

    Args:
        vectors: shape ``(..., numbers)``.

    >>> f"{length(np.array([3e200, 4e200])):.3e}"
    '5.000e+200'
    """
    top = np.abs(vectors).max(axis=-1, initial=0.0, keepdims=True)
    sizes = np.linalg.norm(vectors / np.where(top > 0, top, 1.0), axis=-1)
    return np.asarray(sizes * top[..., 0])


def stable_rank(values: Float64[np.ndarray, " rank"]) -> float:
    """``sum s^2 / max s^2`` of singular values, a number of directions; 0 where all are 0.

    Args:
        values: at least 0.

    >>> stable_rank(np.array([2.0, 1.0, 1.0]))
    1.5
    """
    top = float(np.max(values, initial=0.0))
    return float(np.square(values / top).sum()) if top > 0 else 0.0


def effective_rank(values: Float64[np.ndarray, " rank"]) -> float:
    """``exp(-sum p log p)``, ``p = s / sum s``, of singular values, a number of directions; 0 where all are 0.

    Args:
        values: at least 0.

    References: O. Roy and M. Vetterli, The effective rank, EUSIPCO 2007, definition 1.

    >>> round(effective_rank(np.array([3.0, 3.0, 3.0, 0.0])), 12)
    3.0
    """
    top = float(np.max(values, initial=0.0))
    if top == 0:
        return 0.0
    share = values / top
    share = share[share > 0] / share.sum()
    return float(np.exp(-(share * np.log(share)).sum()))


def weight_spectra(
    model: Model,
    start: Model | None = None,
    *,
    layers: str | tuple[str, ...] | list[str] | None = None,
    unfold: Mapping[str, tuple[int, ...]] | None = None,
) -> WeightSpectra:
    """Singular values, stable and effective rank of every weight, and of what training added to it.

    A kernel of a convolution is unfolded to outputs x (inputs, taps), as it enters the product of a patch; which axes these
    are is watched in a pass. Its spectral norm is not that of the convolution as a map between images, which is up to the root
    of the number of taps larger. Groups and heads are blocks. A power law of the spectrum, as weightwatcher fits, is left
    out: its exponent hangs on where the tail is said to begin.

    Cost: one pass over two examples, and one SVD a matrix, ``O(rows columns min(rows, columns))``.

    Args:
        model: of :func:`overparam.operators.open_model`.
        start: the same before training; the spectra of the difference are then found too.
        layers: patterns of names; None for all.
        unfold: for arrays of three or more axes, the axes that are outputs, instead of what was watched.

    Raises:
        UsageError: no models, models of other arrays, patterns that cover nothing, or axes that an array does not have.
        DataError: parameters that are missing or infinite.

    References: ranks see :class:`Spectrum`.
    """
    if start is None:
        check_pair(model, model, ("model", "model"))
    else:
        check_pair(start, model, ("start", "model"))
    names = check_model(model).layout.names if layers is None else model.layout.matching(layers)
    hows, left_out = unfoldings(model, names, unfold)
    end = model.layout.named(model.vector().astype(np.float64))
    begin = {} if start is None else start.layout.named(start.vector().astype(np.float64))
    return WeightSpectra(
        {name: spectrum(end[name], how) for name, how in hows.items()},
        {name: spectrum(end[name] - begin[name], how) for name, how in hows.items() if begin},
        left_out,
    )


def unfoldings(
    model: Model, names: tuple[str, ...], unfold: Mapping[str, tuple[int, ...]] | None = None
) -> tuple[dict[str, Unfolding], dict[str, str]]:
    """How each array of several axes is a matrix, and which are left out, each with the reason.

    Args:
        model: of :func:`overparam.operators.open_model`.
        names: of arrays.
        unfold: axes that are outputs, by name.

    Raises:
        UsageError: an unknown name, or axes that the array does not have.
    """
    shapes = dict(zip(model.layout.names, model.layout.shapes, strict=True))
    asked = {} if unfold is None else dict(unfold)
    for name, axes in asked.items():
        size = len(shapes.get(name, ()))
        whole = isinstance(axes, tuple | list) and all(type(one) is int and 0 <= one < size for one in axes)
        if name not in shapes or not whole or not 0 < len(set(axes)) == len(axes) < size:
            raise UsageError(
                f"unfold: expected names of arrays of several axes, each with the axes that are outputs, such as (0,), got "
                f"'{name}': {shown(axes)}. Arrays are: {', '.join(list(shapes)[:6])}{', ...' if len(shapes) > 6 else ''}."
            )
    several = [name for name in names if len(shapes[name]) > 1 and min(shapes[name]) > 0]
    seen = see(model) if any(name not in asked for name in several) else None
    hows: dict[str, Unfolding] = {}
    left_out: dict[str, str] = {}
    for name in several:
        every = range(len(shapes[name]))
        if name in asked:
            rows = tuple(asked[name])
            hows[name] = Unfolding(rows, tuple(one for one in every if one not in rows), kind="unfolded")
        elif seen is not None and name in seen.unfoldings:
            hows[name] = seen.unfoldings[name]
        elif len(shapes[name]) == 2:
            hows[name] = Unfolding((0,), (1,), kind="matrix")
        else:
            why = (
                "it enters no product by itself"
                if seen is None
                else seen.unclear.get(name, "it enters no product")
            )
            left_out[name] = f"{why}: say which axes are outputs, unfold={{'{name}': (0,)}}"
    return hows, left_out


def spectrum(array: Float64[np.ndarray, "*shape"], how: Unfolding) -> Spectrum:
    """The singular values of an array as a matrix.

    Args:
        array: of a parameter, or a difference.
        how: it is unfolded.

    >>> spectrum(np.diag([3.0, 4.0]), Unfolding((0,), (1,))).values.tolist()
    [4.0, 3.0]
    """
    matrices = how.matrices(array)
    values = np.concatenate([linalg.svdvals(one) for one in matrices])
    return Spectrum(np.sort(values)[::-1], matrices.shape, how.kind)


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
    """Stable and effective rank of a member's weights and of their updates, mean over its weight matrices.

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
        ``stable_rank``, ``effective_rank``, ``update_stable_rank`` and ``update_effective_rank``, numbers of directions;
        of an update of zero they are 0.
    """
    here, start = (jax.tree.leaves(split(network.state, tree)[0]) for tree in (params, params0))
    found: dict[str, list[Any]] = {}
    for end, begin in zip(here, start, strict=True):
        if end.ndim < 2:
            continue
        for name, array in (("", end), ("update_", end - begin)):
            values = jnp.linalg.svd(array.reshape(len(array), -1), compute_uv=False)
            for kind, number in (("stable_rank", _stable(values)), ("effective_rank", _effective(values))):
                found.setdefault(name + kind, []).append(number)
    return {name: sum(numbers) / len(numbers) for name, numbers in found.items()}


def _stable(values: Float[Array, " rank"]) -> Array:
    share = values / jnp.where(values[0] > 0, values[0], 1.0)
    return jnp.sum(jnp.square(share))


def _effective(values: Float[Array, " rank"]) -> Array:
    total = jnp.sum(values)
    share = values / jnp.where(total > 0, total, 1.0)
    logs = jnp.where(share > 0, share * jnp.log(jnp.where(share > 0, share, 1.0)), 0.0)
    return jnp.where(total > 0, jnp.exp(-jnp.sum(logs)), 0.0)


PROBE = Probe(
    "weights",
    {
        "stable_rank": "Squared Frobenius over squared spectral norm of a weight, mean over weights, in directions.",
        "effective_rank": "Exponential of the entropy of a weight's singular values, mean over weights, in directions.",
        "update_stable_rank": "Stable rank of a weight less its value at initialisation, mean over weights, in directions.",
        "update_effective_rank": "Effective rank of a weight less its value at initialisation, mean, in directions.",
    },
    measure,
)
