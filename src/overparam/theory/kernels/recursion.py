"""What each layer does to the kernels of a block of example pairs: the NNGP and NTK recursions.

Arrays have positions first and examples last, so that windows are shifted sums of contiguous memory:

    vectors                       (a, b)
    same positions, for flatten   (*space, a, b)
    pairs, for pooling            (s1, s1', s2, s2', ..., a, b)

Variances broadcast against that. A block of single examples with themselves has one axis of examples, not two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from overparam.theory.kernels.convolution_patches import window_mean
from overparam.theory.kernels.gaussian_moments import Pair, inverse_root
from overparam.theory.kernels.layers import (
    Activate,
    AveragePool,
    Conv,
    Dense,
    Flatten,
    Layer,
    LayerNorm,
    Residual,
)

Block = Float[np.ndarray, "..."]


@dataclass(frozen=True, eq=False)
class State:
    """Kernels of one block between two layers.

    Attributes:
        cov: NNGP kernel, the covariance of one unit at two inputs.
        q1: its value at the first input with itself; broadcasts.
        q2: the same for the second.
        ntk: NTK; None is 0, or not asked for.
        gap: ``sqrt(q1 q2) - cov`` to relative accuracy, or None.
        anti: ``sqrt(q1 q2) + cov`` likewise.
        space: positions along each spatial axis.
        pairs: whether all pairs of positions are there.
        wanted: whether the NTK is asked for.
        same: whether rows and columns are the same examples.
        pooled: variances behind the pooling, of rows and of columns, where a later layer asks for them.
    """

    cov: Block
    q1: Block
    q2: Block
    ntk: Block | None = None
    gap: Block | None = None
    anti: Block | None = None
    space: tuple[int, ...] = ()
    pairs: bool = False
    wanted: bool = True
    same: bool = False
    pooled: tuple[Block, Block] | None = None

    def axes(self) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]], list[tuple[int, ...]]]:
        """For each spatial axis, its axes in cov, in q1 and in q2."""
        each = range(len(self.space))
        if not self.pairs:
            same: list[tuple[int, ...]] = [(s,) for s in each]
            return same, same, same
        return [(2 * s, 2 * s + 1) for s in each], [(2 * s,) for s in each], [(2 * s + 1,) for s in each]

    def own(self) -> str:
        """Indices, as einsum reads them, of inputs with themselves; empty if there are none in this block."""
        if not self.same:
            return ""
        places = "abcdefgh"[: len(self.space)]
        doubled = "".join(2 * one for one in places) if self.pairs else places
        return f"{doubled}{'z' * (self.cov.ndim - len(doubled))}->{places}z"


def run(layers: Sequence[Layer], state: State) -> State:
    """Take a block through the layers, from the inputs on.

    Args:
        layers: checked with :func:`~overparam.theory.kernels.layers.output_shape`.
        state: the block before them.

    Returns:
        The block behind them.

    References: Jacot et al. 2018, theorem 1; Lee et al. 2018; Arora et al. 2019, section 4 (convolutions).

    >>> one = np.ones((1, 1))
    >>> out = run((Dense(), Activate("relu"), Dense()), State(one, one, one))
    >>> out.cov.tolist(), out.ntk.tolist()
    ([[0.5]], [[1.0]])
    """
    for layer in layers:
        state = _step(layer, state)
    return state


def _step(layer: Layer, state: State) -> State:
    match layer:
        case Dense():
            return _weights(state, layer.weight_std, layer.bias_std, layer.trained)
        case Conv():
            return _weights(_convolved(layer, state), layer.weight_std, layer.bias_std, True)
        case Activate():
            return _activated(layer, state)
        case LayerNorm():
            q1, q2 = state.q1 + layer.epsilon, state.q2 + layer.epsilon
            i1, i2 = inverse_root(q1), inverse_root(q2)
            scaled = (None if one is None else one * i1 * i2 for one in (state.cov, state.ntk, state.gap))
            cov, ntk, gap = scaled
            if layer.epsilon > 0:
                q1, q2 = state.q1 / q1, state.q2 / q2
            else:
                q1, q2 = (q1 > 0).astype(q1.dtype), (q2 > 0).astype(q2.dtype)
            assert cov is not None
            return replace(state, cov=cov, q1=q1, q2=q2, ntk=ntk, gap=gap, anti=None)
        case Flatten():
            return _flattened(state)
        case AveragePool():
            return _pooled(state)
        case Residual():
            return _sum(run(layer.branch, state), run(layer.shortcut, state))


def _weights(state: State, weight_std: float, bias_std: float, trained: bool) -> State:
    w, b = weight_std**2, bias_std**2
    cov, gap, anti, q1, q2 = state.cov, state.gap, state.anti, state.q1, state.q2
    if w != 1:
        cov, q1, q2 = w * cov, w * q1, w * q2
        gap, anti = (None if one is None else w * one for one in (gap, anti))
    if b:
        if gap is not None:
            # sqrt((q1 + b)(q2 + b)) - (sqrt(q1 q2) + b), without cancellation
            radius = np.sqrt(q1) * np.sqrt(q2)
            spread = np.square(np.sqrt(q1) - np.sqrt(q2))
            spread *= b
            spread /= np.sqrt(q1 + b) * np.sqrt(q2 + b) + radius + b
            gap = gap + spread
            anti = None if anti is None else anti + spread + 2 * b
        cov, q1, q2 = cov + b, q1 + b, q2 + b
    ntk = state.ntk
    if state.wanted:
        if ntk is not None and w != 1:
            ntk = w * ntk
        if trained:
            ntk = cov if ntk is None else cov + ntk
    return replace(state, cov=cov, q1=q1, q2=q2, gap=gap, anti=anti, ntk=ntk)


def _convolved(layer: Conv, state: State) -> State:
    on, on1, on2 = state.axes()
    cov = window_mean(layer, state.cov, on, state.space)
    ntk = None if state.ntk is None else window_mean(layer, state.ntk, on, state.space)
    q1 = window_mean(layer, state.q1, on1, state.space)
    q2 = window_mean(layer, state.q2, on2, state.space)
    space = tuple(layer.geometry(axis, size)[0] for axis, size in enumerate(state.space))
    return replace(state, cov=cov, ntk=ntk, q1=q1, q2=q2, gap=None, anti=None, space=space)


def _activated(layer: Activate, state: State) -> State:
    dual = layer.dual
    pair = Pair(state.cov, state.q1, state.q2, state.gap, state.anti, state.own())
    moved = dual.pair(pair, state.ntk is not None)
    q1, q2 = dual.variance(state.q1), dual.variance(state.q2)
    ntk = (
        None
        if state.ntk is None or moved.slope is None
        else np.multiply(moved.slope, state.ntk, out=moved.slope)
    )
    return replace(state, cov=moved.cov, gap=moved.gap, anti=None, q1=q1, q2=q2, ntk=ntk)


def _flattened(state: State) -> State:
    axes = tuple(range(len(state.space)))
    cov, q1, q2 = (one.mean(axis=axes, dtype=one.dtype) for one in (state.cov, state.q1, state.q2))
    ntk = None if state.ntk is None else state.ntk.mean(axis=axes, dtype=state.ntk.dtype)
    return replace(state, cov=cov, q1=q1, q2=q2, ntk=ntk, gap=None, anti=None, space=())


def _pooled(state: State) -> State:
    axes = tuple(range(2 * len(state.space)))
    cov = state.cov.mean(axis=axes, dtype=state.cov.dtype)
    ntk = None if state.ntk is None else state.ntk.mean(axis=axes, dtype=state.ntk.dtype)
    # A block of examples with themselves knows its variances; other blocks were given them, or need none.
    q1, q2 = state.pooled or (cov, cov)
    return replace(state, cov=cov, q1=q1, q2=q2, ntk=ntk, gap=None, anti=None, space=(), pairs=False)


def _sum(first: State, second: State) -> State:
    gap = None
    if first.gap is not None and second.gap is not None:
        # by Cauchy's inequality, each term of the sum is positive
        cross = np.square(np.sqrt(first.q1) * np.sqrt(second.q2) - np.sqrt(first.q2) * np.sqrt(second.q1))
        below = np.sqrt(first.q1 + second.q1) * np.sqrt(first.q2 + second.q2)
        below = below + np.sqrt(first.q1) * np.sqrt(first.q2) + np.sqrt(second.q1) * np.sqrt(second.q2)
        gap = first.gap + second.gap + np.divide(cross, below, out=np.zeros_like(cross), where=below > 0)
    ntks = [one.ntk for one in (first, second) if one.ntk is not None]
    ntk = None if not ntks else ntks[0] if len(ntks) == 1 else ntks[0] + ntks[1]
    q1, q2 = first.q1 + second.q1, first.q2 + second.q2
    return replace(first, cov=first.cov + second.cov, q1=q1, q2=q2, gap=gap, anti=None, ntk=ntk)
