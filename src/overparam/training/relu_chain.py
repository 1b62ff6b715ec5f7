"""Deep ReLU chains with fixed ends in float64: descent, tangent kernels and what moves, without compilation.

The network is that of :func:`overparam.models.deep.deep_mlp` with one output, ``f(x) = B relu(W_L ... relu(W_1 relu(A x)))``
with A and B fixed; its loss is ``F = |f - y|^2 / 2`` over all samples. Networks of this size take less time a step in NumPy
than a compiled loop takes to compile.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from overparam.core.checked import all_finite, count, numbers, positive, real, shown
from overparam.core.errors import DataError, UsageError
from overparam.data.stream import stream
from overparam.models.network import check_size

MOST = 20_000  # steps
Matrix = Float64[np.ndarray, "units inputs"]
Columns = Float64[np.ndarray, "units n"]


@dataclass(frozen=True, eq=False)
class Chain:
    """A network seen from behind its first layer.

    Attributes:
        weights: the trained matrices, each of shape ``(width, width)``.
        features: ``relu(A x)``, shape ``(width, n)``.
        output: B, shape ``(width,)``.
    """

    weights: tuple[Matrix, ...]
    features: Columns
    output: Float64[np.ndarray, " units"]

    def at(self, weights: Sequence[Matrix]) -> Chain:
        """The same with other trained matrices."""
        return Chain(tuple(weights), self.features, self.output)


@dataclass(frozen=True, eq=False)
class Pass:
    """A pass over all samples.

    Attributes:
        outputs: shape ``(n,)``.
        into: what every trained layer is given.
        back: derivative of a sample's output by the layer's products ``W h``.
    """

    outputs: Float64[np.ndarray, " n"]
    into: tuple[Columns, ...]
    back: tuple[Columns, ...]

    def gradient(self, residual: Float64[np.ndarray, " n"]) -> list[Matrix]:
        """``J^T r``, one matrix a layer."""
        return [(back * residual) @ into.T for into, back in zip(self.into, self.back, strict=True)]

    def along(self, move: Sequence[Matrix]) -> Float64[np.ndarray, " n"]:
        """``J W'``: the change of the outputs to first order."""
        parts = zip(move, self.into, self.back, strict=True)
        return np.asarray(sum((back * (one @ into)).sum(axis=0) for one, into, back in parts))

    def kernel(self) -> Float64[np.ndarray, "n n"]:
        """``J J^T``: layer by layer the entrywise product of two Gram matrices, of what comes in and of what goes back."""
        return np.asarray(sum((a.T @ a) * (b.T @ b) for a, b in zip(self.into, self.back, strict=True)))


def draw(x: Any, width: int, depth: int, seed: int, *, variance: float = 1.0, scale: float = 1.0) -> Chain:
    """The network at random: entries N(0, 2/width), those of the output N(0, 1).

    Args:
        x: inputs, shape ``(n, features)``.
        width: m.
        depth: trained layers.
        seed: of the weights.
        variance: factor of the variance of trained weights, above 0.
        scale: factor of the output, above 0.

    Raises:
        DataError: inputs that are no finite numbers in rows.
        UsageError: no layers, or no units; a factor that is not above 0.

    References: the law is that of :func:`overparam.models.deep.deep_mlp`.
    """
    width, depth = check_size("width", width), check_size("depth", depth)
    variance, scale = positive(variance, "variance"), positive(scale, "scale")
    x = numbers(x, "x")
    if x.ndim != 2 or 0 in x.shape:
        raise DataError(f"x: expected inputs of shape (n, features), got {x.shape}. Give a row a sample.")
    all_finite(x, "x")
    rng = stream("relu chain", seed)
    spread = math.sqrt(2 / width)
    first = spread * rng.standard_normal((width, x.shape[1]))
    weights = [math.sqrt(variance) * spread * rng.standard_normal((width, width)) for _ in range(depth)]
    return Chain(tuple(weights), np.maximum(first @ x.T, 0), scale * rng.standard_normal(width))


def passed(chain: Chain) -> Pass:
    """One pass forwards and backwards; at a kink the slope is 0, as in automatic differentiation."""
    into, products = [chain.features], []
    for weight in chain.weights:
        products.append(weight @ into[-1])
        into.append(np.maximum(products[-1], 0))
    outputs = chain.output @ into.pop()
    back = [chain.output[:, None] * (products[-1] > 0)]
    for weight, product in zip(chain.weights[:0:-1], products[-2::-1], strict=True):
        back.append((weight.T @ back[-1]) * (product > 0))
    return Pass(outputs, tuple(into), tuple(back[::-1]))


def on(chain: Chain) -> list[np.ndarray]:
    """Which ReLUs of the trained layers are on, each of shape ``(width, n)``."""
    hidden, found = chain.features, []
    for weight in chain.weights:
        product = weight @ hidden
        found.append(product > 0)
        hidden = np.maximum(product, 0)
    return found


@dataclass(frozen=True, eq=False)
class Run:
    """A run, measured before every step.

    Attributes:
        start: the network.
        losses: F.
        ratios: ``|grad F|^2 / (2 F)``.
        kept: networks where F first fell below 1, 1/10, 1/100, ... of ``|y|^2 / 2``, the start first.
        end: the last network.
        kernel: at the start, shape ``(n, n)``.
        rate: of descent.
        size: ``|y|^2 / 2``.
    """

    start: Chain
    losses: Float64[np.ndarray, " steps"]
    ratios: Float64[np.ndarray, " steps"]
    kept: tuple[Chain, ...]
    end: Chain
    kernel: Float64[np.ndarray, "n n"]
    rate: float
    size: float

    def steps_to(self, share: float) -> float | None:
        """Steps to a loss of at most a share of ``|y|^2 / 2``; None if there were not enough."""
        hit = np.flatnonzero(self.losses <= share * self.size)
        return float(max(1, hit[0])) if len(hit) else None


def _targets(y: Any, n: int) -> Float64[np.ndarray, " n"]:
    y = numbers(y, "y")
    if y.shape != (n,):
        raise DataError(f"y: expected shape ({n},), a target a sample, got {y.shape}.")
    all_finite(y, "y")
    if not y.any():
        raise DataError(
            "y: expected some target other than 0, since losses are measured by their size, got none."
        )
    return y


def descend(
    start: Chain, y: Any, share: float, least: float, *, most: int = MOST, rate: float | None = None
) -> Run:
    """Full-batch descent with a step of ``share`` over the largest eigenvalue of the kernel at the start.

    Args:
        start: the network.
        y: targets, shape ``(n,)``.
        share: from 0 to below 2, where a linear model diverges.
        least: loss over ``|y|^2 / 2`` at which the run ends.
        most: steps at most.
        rate: the step itself, in place of ``share``.

    Raises:
        DataError: targets that are not one finite number a sample, or 0 for each; inputs of 0, which move no weight.
        UsageError: a share that is not above 0 and below 2, or a loss, step or number of steps that is not above 0.
    """
    y = _targets(y, start.features.shape[1])
    if not 0 < real(share) < 2:
        raise UsageError(f"share: expected a number above 0 and below 2, got {shown(share)}.")
    least, most = positive(least, "least"), count(most, "most")
    gram = passed(start).kernel()
    largest = float(np.linalg.eigvalsh(gram)[-1])
    if not largest > 0:
        raise DataError(
            "start: expected inputs that move some weight, got a tangent kernel of 0. Draw it from other inputs."
        )
    step = share / largest if rate is None else positive(rate, "rate")
    size = 0.5 * float(np.sum(np.square(y)))
    losses, ratios, kept, here, goal = [], [], [start], start, 1.0
    for _ in range(most):
        seen = passed(here)
        r = seen.outputs - y
        grad = seen.gradient(r)
        loss = 0.5 * float(r @ r)
        losses.append(loss)
        ratios.append(sum(float(np.square(g).sum()) for g in grad) / (2 * loss) if loss else np.nan)
        if loss <= goal * size:
            goal = 10.0 ** (math.floor(math.log10(loss / size) + 1e-12)) if loss else 0.0
            kept += [here] if len(losses) > 1 else []
        if not math.isfinite(loss) or loss <= least * size:
            break
        here = here.at([w - step * g for w, g in zip(here.weights, grad, strict=True)])
    return Run(start, np.array(losses), np.array(ratios), tuple(kept), here, gram, step, size)


def size(move: Sequence[Matrix]) -> float:
    """Frobenius norm of a move of all layers."""
    return math.sqrt(sum(float(np.square(one).sum()) for one in move))


def moves(first: Chain, last: Chain) -> list[Matrix]:
    """Last minus first, layer by layer."""
    return [b - a for a, b in zip(first.weights, last.weights, strict=True)]


def moved(run: Run) -> list[float]:
    """How far every layer moved: spectral norm of end minus start over that of the start."""
    return [
        float(np.linalg.norm(move, 2) / np.linalg.norm(weight, 2))
        for move, weight in zip(moves(run.start, run.end), run.start.weights, strict=True)
    ]


def switched(run: Run) -> float:
    """Share of (sample, ReLU) pairs of the trained layers that are on at one end of the run and off at the other."""
    return float(np.mean([(a != b).mean() for a, b in zip(on(run.start), on(run.end), strict=True)]))


def outside(run: Run, y: Any) -> float:
    """How far ``|grad F|^2 / (2 F)`` lies outside of the extreme squared singular values of J, over the larger; at most 0 inside.

    The largest over the networks that were kept; the singular values are found from J J^T.
    """
    worst = -math.inf
    for chain in run.kept:
        seen = passed(chain)
        r = seen.outputs - y
        ratio = size(seen.gradient(r)) ** 2 / float(r @ r)
        eigenvalues = np.linalg.eigvalsh(seen.kernel())
        worst = max(worst, float(max(eigenvalues[0] - ratio, ratio - eigenvalues[-1]) / eigenvalues[-1]))
    return worst
