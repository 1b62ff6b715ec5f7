"""NNGP and NTK kernels of infinitely wide networks, block by block within a stated memory."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike, DTypeLike

from overparam.core.errors import DataError, UsageError
from overparam.theory.assumption import Assumption, checked
from overparam.theory.inputs import count, positive, shown
from overparam.theory.kernels.inputs import examples, map_state, own_state, variances, vector_state
from overparam.theory.kernels.layers import (
    Activate,
    AveragePool,
    Conv,
    Dense,
    Layer,
    LayerNorm,
    flat,
    output_shape,
    pools,
    volume,
)
from overparam.theory.kernels.recursion import State, run
from overparam.theory.theorem import Theorem

Get = Literal["both", "nngp", "ntk"]
Kernel = Float[np.ndarray, "n m"]
Block = Float[np.ndarray, "..."]
CITATION = (
    "J. Lee, Y. Bahri, R. Novak, S. Schoenholz, J. Pennington and J. Sohl-Dickstein, Deep neural networks as Gaussian "
    "processes, ICLR 2018; A. Jacot, F. Gabriel and C. Hongler, Neural tangent kernel, NeurIPS 2018; S. Arora, S. S. "
    "Du, W. Hu, Z. Li, R. Salakhutdinov and R. Wang, On exact computation with an infinitely wide neural net, NeurIPS "
    "2019 (convolutions, pooling)."
)
_ITEMS = 1 << 18  # numbers in one array of a block: what stays in a core's cache
_LIVE = 14  # arrays of a block that are alive at once, at most


@dataclass(frozen=True, eq=False)
class KernelPair:
    """The two kernels of one network, for one output unit.

    Attributes:
        nngp: covariance of the output at random weights, shape ``(n, m)``; None if it was not asked for.
        ntk: neural tangent kernel, the same.
    """

    nngp: Kernel | None
    ntk: Kernel | None


def kernels(
    layers: Sequence[Layer],
    x: ArrayLike,
    z: ArrayLike | None = None,
    *,
    get: Get = "both",
    dtype: DTypeLike = np.float64,
    memory: float = 4e9,
    threads: int | None = None,
    progress: Callable[[float], object] | None = None,
) -> KernelPair:
    """NNGP and NTK of an infinitely wide network between examples, in squared units of the output.

    ``K = E[f(x) f(z)]`` and ``Theta = E[<df(x)/dtheta, df(z)/dtheta>]`` for one output, as all widths grow. Behind
    weights ``K' = w^2 K + b^2``, ``Theta' = K' + w^2 Theta``; behind an activation ``K' = E[phi(u) phi(v)]``,
    ``Theta' = Theta E[phi'(u) phi'(v)]``; convolutions and pooling average over positions. Conventions are those of
    the neural-tangents package: inputs enter as ``x.z / channels``, ``weight_std`` and ``bias_std`` are factors of
    standard normal parameters, and the gradient is with respect to those.

    Without ``z`` only half of the matrix is computed, and it is exactly symmetric. Accuracy in float64 is that of the
    closed forms, about 1e-14, also for relu networks of vectors on rows an angle of 1e-12 apart or opposite; between
    maps the angle of near-duplicates is known to 1e-8. float32 gives 1e-6. A zero row gives zeros, if no layer has a
    bias.

    Args:
        layers: the network, first layer first; see :mod:`~overparam.theory.kernels.layers`.
        x: examples, shape ``(n, features)``, or ``(n, *space, channels)`` for convolutions.
        z: other examples of that shape, ``(m, ...)``; None is x itself.
        get: which kernels to give; the other is None.
        dtype: numpy's float32 or float64; the examples are converted.
        memory: bytes this may take, results and blocks together.
        threads: how many threads share the work; None is OMP_NUM_THREADS, or one a core.
        progress: is told the share of the work that is done, from 0 to 1, after every block; of a long computation the
            first shares and their times tell how long it will take.

    Returns:
        Kernels of shape ``(n, n)`` or ``(n, m)``. Averaging with :class:`~overparam.theory.kernels.layers.AveragePool`
        takes time and blocks in proportion to the square of the number of positions.

    Raises:
        DataError: examples of another shape, none, or with missing numbers.
        UsageError: a network without such a kernel, or more memory than allowed; nothing was computed.

    Assumptions: all widths go to infinity, one after the other; weights are independent standard normals.

    References:
        NNGP: Lee et al. 2018, equations 4 and 5. NTK: Jacot, Gabriel and Hongler 2018, theorem 1. Convolutions,
        flatten and pooling: Novak et al. 2019; Arora et al. 2019, section 4.

    One hidden relu layer, one input of norm sqrt(features): 1/2, and 1/2 from each layer's weights.

    >>> from overparam.theory.kernels import Activate, Dense
    >>> kernels((Dense(), Activate("relu"), Dense()), [[1.0, 1.0]])
    KernelPair(nngp=array([[0.5]]), ntk=array([[1.]]))
    """
    if not isinstance(get, str) or get not in ("both", "nngp", "ntk"):
        raise UsageError(f"get: expected both, nngp or ntk, got {shown(get)}.")
    try:
        kind = np.dtype(dtype)
    except TypeError:
        raise UsageError(f"dtype: expected float32 or float64, got {shown(dtype)}.") from None
    if kind not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise UsageError(f"dtype: expected float32 or float64, got {kind}.")
    first = examples(x, "x", kind)
    second = first if z is None else examples(z, "z", kind)
    if first.shape[1:] != second.shape[1:]:
        raise DataError(f"z: expected examples of shape {first.shape[1:]}, as in x, got {second.shape[1:]}.")
    left = output_shape(layers, first.shape[1:-1])
    if left:
        raise UsageError(
            f"layers: expected an output without positions, got {left}. End with Flatten() or AveragePool(), then "
            "Dense(). For vectors give x of shape (n, features)."
        )
    memory = positive(memory, "memory")
    workers = _threads() if threads is None else count(threads, "threads")
    edge = _edge(tuple(layers), (first, second), get, memory, workers)
    out = {name: np.empty((len(first), len(second)), kind) for name in ("nngp", "ntk") if get in (name, "both")}
    with np.errstate(over="ignore", invalid="ignore"):
        job = _Job(tuple(layers), first, second, z is None, out)
    done, (high, wide) = 0, (-(-len(one) // edge) for one in (first, second))
    blocks = high * (high + 1) // 2 if z is None else high * wide
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(first), edge):
            rows = slice(start, min(start + edge, len(first)))
            columns = range(start if z is None else 0, len(second), edge)
            work = job.panel(rows, columns.start)
            for _ in pool.map(work, [slice(at, min(at + edge, len(second))) for at in columns]):
                done += 1
                if progress is not None:
                    progress(done / blocks)
    if not all(np.isfinite(one).all() for one in out.values()):
        raise UsageError(
            f"x: expected inputs whose kernel is finite in {kind}, got entries up to "
            f"{max(np.abs(first).max(), np.abs(second).max()):.3g} and a kernel that overflows. Scale the inputs or "
            "weight_std down."
        )
    return KernelPair(out.get("nngp"), out.get("ntk"))


def _threads() -> int:
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _edge(layers: tuple[Layer, ...], given: tuple[Block, Block], get: Get, memory: float, workers: int) -> int:
    """Examples along one side of a block; refuses what does not fit the memory."""
    (n, m), item = (len(one) for one in given), given[0].dtype.itemsize
    places = volume(given[0].shape[1:-1]) ** (2 if pools(layers) else 1)
    result = (2 if get == "both" else 1) * n * m * item
    edge = max(1, min(math.isqrt(_ITEMS // places), max(n, m)))

    def needed(edge: int) -> int:
        panel = 0 if given[0].ndim > 2 else edge * m * item
        return result + panel + workers * _LIVE * edge * edge * places * item

    while edge > 1 and needed(edge) > memory:
        edge //= 2
    if needed(edge) > memory:
        raise UsageError(
            f"memory: expected at least {needed(edge) / 1e9:.3g} GB for {n:,} x {m:,} examples in "
            f"{given[0].dtype} ({result / 1e9:.3g} GB of it the result), got {memory / 1e9:.3g} GB. Allow more with "
            "memory=..., ask for one kernel with get=..., use float32, or fewer examples."
        )
    return edge


class _Job:
    """One call: its examples, what is known of them beforehand, and where results go."""

    def __init__(
        self, layers: tuple[Layer, ...], x: Block, z: Block, same: bool, out: dict[str, Block]
    ) -> None:
        self.layers, self.x, self.z, self.same, self.out = layers, x, z, same, out
        self.pairs, self.vectors = pools(layers), x.ndim == 2
        self.angles = any(isinstance(one, Activate) and one.dual.kinked for one in flat(layers))
        if self.vectors:
            self.qx = variances(x)
            self.qz = self.qx if same else variances(z)
            self.scaled = z.T / np.asarray(x.shape[1], x.dtype)
        self.pooled = _pooled_variances(layers, x), _pooled_variances(layers, z) if not same else None

    def panel(self, rows: slice, start: int) -> Callable[[slice], None]:
        """Return what computes and stores the columns it is given, of these rows."""
        products = self.x[rows] @ self.scaled[:, start:] if self.vectors else None

        def work(columns: slice) -> None:
            with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is said at the end
                block(columns)

        def block(columns: slice) -> None:
            if products is None:
                state = map_state(self.x[rows], self.z[columns], self.pairs)
            else:
                cov = np.ascontiguousarray(products[:, columns.start - start : columns.stop - start])
                same = self.same and rows == columns
                qx, qz = self.qx[rows], self.qz[columns]
                state = (
                    vector_state(self.x[rows], self.z[columns], qx, qz, cov, same)
                    if self.angles
                    else State(cov, qx[:, None], qz[None, :])
                )
            self.store(run(self.layers, self.given(state, rows, columns)), rows, columns)

        return work

    def given(self, state: State, rows: slice, columns: slice) -> State:
        """The block, with what it must be told: which kernels, and variances behind pooling."""
        first, second = self.pooled
        if first is not None:
            second = first if second is None else second
            state = replace(state, pooled=(first[rows, None], second[None, columns]))
        return replace(state, wanted="ntk" in self.out, same=self.same and rows == columns)

    def store(self, state: State, rows: slice, columns: slice) -> None:
        """Write a block, and its mirror image below the diagonal."""
        for name, matrix in self.out.items():
            value = state.cov if name == "nngp" else state.ntk
            value = np.zeros_like(state.cov) if value is None else value
            if self.same and rows == columns:
                below = np.tril_indices(len(value), -1)
                value[below] = value.T[below]
            elif self.same:
                matrix[columns, rows] = value.T
            matrix[rows, columns] = value


def _pooled_variances(layers: tuple[Layer, ...], x: Block) -> Block | None:
    """Variances behind the pooling, one an example; None if no later layer asks for them."""
    places = [at for at, layer in enumerate(layers) if isinstance(layer, AveragePool)]
    if not places or not any(isinstance(one, Activate | LayerNorm) for one in flat(layers[places[0] :])):
        return None
    step = max(1, _ITEMS // volume(x.shape[1:-1]) ** 2)
    parts = [
        run(layers[: places[0] + 1], own_state(x[start : start + step])).cov for start in range(0, len(x), step)
    ]
    return np.concatenate(parts)


def assumptions(layers: Sequence[Layer], x: ArrayLike, **_: object) -> tuple[Assumption, ...]:
    """What the limit asks.

    Args: as for :func:`kernels`.

    References: Jacot, Gabriel and Hongler 2018, theorem 1.

    >>> from overparam.theory.kernels import Dense
    >>> [one.state for one in assumptions((Dense(),), [[1.0]])]
    ['unchecked', 'unchecked', 'holds']
    """
    shape = np.shape(x)
    return (
        Assumption(
            "infinite width",
            "All hidden layers are infinitely wide.",
            "unchecked",
            "at width k entries differ by about 1/sqrt(k), more with depth: compare with a measured kernel",
        ),
        Assumption(
            "ntk parametrisation",
            "Parameters are standard normal at the start, and 1/sqrt(fan_in) stands in front of weights.",
            "unchecked",
            "other parametrisations have other limits",
        ),
        checked(
            "gaussian inputs of activations",
            "Every activation, norm and sum follows weights of its own.",
            output_shape(layers, shape[1:-1]) == (),
            f"{len(layers)} layers",
        ),
    )


_X = np.random.default_rng(0).standard_normal((3, 4, 2))
THEOREMS = (
    Theorem(
        "deep-kernels",
        kernels,
        {"layers": (Dense(1.4), Activate("relu"), Dense(1.4, 0.1), Activate("erf"), Dense()), "x": _X[:, :, 0]},
        assumptions,
        CITATION,
    ),
    Theorem(
        "convolutional-kernels",
        kernels,
        {"layers": (Conv((3,)), Activate("relu"), AveragePool(), Dense()), "x": _X},
        assumptions,
        CITATION,
    ),
)
