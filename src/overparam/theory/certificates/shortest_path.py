"""Whether training ends near the nearest network that fits: a proved lower bound on the distance to every such one.

If theta fits every target then ``||r_0 + J_0 D|| <= L ||D||^2/2`` with ``D = theta - theta_0``. Paired with any w with
``w.r_0 > 0``: ``w.r_0 <= q ||D|| + (L/2) ||w|| ||D||^2``, ``q = ||J_0^T w||``, and so
``||D|| >= 2 (w.r_0)/(q + sqrt(q^2 + 2 L ||w|| w.r_0))``. The best w is near ``(J_0 J_0^T)^{-1} r_0``; any w is a proof.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from overparam.theory.certificates.certify import certify_dense
from overparam.theory.certificates.deep_lipschitz import NetworkLipschitz
from overparam.theory.certificates.dense import Dense, checked_network, difference, evaluate, moved
from overparam.theory.certificates.examples import examples
from overparam.theory.certificates.jacobian import entry_error, gram_of, times, transpose_times
from overparam.theory.certificates.residual import residual
from overparam.theory.certificates.rounding import (
    UNIT,
    above,
    below,
    exponent_of,
    gamma,
    norm_above,
    scaled_above,
    scaled_below,
)
from overparam.theory.certificates.words import at_least, at_most
from overparam.theory.inputs import count, nonnegative


@dataclass(frozen=True)
class ShortestPath:
    """How far a trained network went, and how far any network that fits the targets must be.

    Attributes:
        travelled: distance of the parameters from the start.
        to_interpolation: bound on the distance of an exactly interpolating network from the start, ``travelled`` plus
            what is left at the end; infinite where the end is not certified.
        lower: proved lower bound of the distance from the start to every network that fits every target.
        ratio: ``to_interpolation / lower``, a proved upper bound; 1 is the shortest path.
        nearest: distance of the nearest such network that Newton steps on the constraint find, not a proof; infinite
            where they do not converge.
        radius: the ball around the start on which L was used; beyond it nothing is nearer than this.
    """

    travelled: float
    to_interpolation: float
    lower: float
    ratio: float
    nearest: float
    radius: float

    def __str__(self) -> str:
        lines = [f"travelled {self.travelled:.6g}"]
        if math.isfinite(self.to_interpolation):
            lines.append(
                f"an exact interpolator lies at most {at_least(self.to_interpolation)} from the start (proved)"
            )
        else:
            lines.append("the end is not certified: no exact interpolator is proved to be near")
        if self.lower > 0:
            lines.append(f"every interpolator lies at least {at_most(self.lower)} from the start (proved)")
        else:
            lines.append("no lower bound of the distance to an interpolator is proved")
        if math.isfinite(self.ratio):
            lines.append(f"so that one is at most {at_least(self.ratio, 4)} times as far as the nearest")
        if math.isfinite(self.nearest):
            lines.append(f"nearest interpolator found: {self.nearest:.6g} (not a proof)")
        return "\n  ".join(lines)


def distance_bound(network: Dense, x: ArrayLike, y: ArrayLike, radius: float = math.inf) -> float:
    """Proved lower bound of the distance from a network to every one that fits every target, in parameter units.

    Args:
        network: the start.
        x: inputs, shape ``(n, features)``.
        y: targets, shape ``(n,)`` or ``(n, outputs)``.
        radius: of the ball on which the Lipschitz constant is taken; the bound is at most this. Infinite needs a
            constant that holds everywhere.

    Returns:
        ``min(radius, 2 (w.r_0)/(q + sqrt(q^2 + 2 L ||w|| w.r_0)))``, rounded down; 0 where nothing is proved.

    Raises:
        UsageError: shapes that do not fit, integer labels.
        DataError: numbers that are missing or infinite.

    References: derived in the module's docstring.

    >>> from overparam.theory.activations import activation
    >>> from overparam.theory.certificates.dense import two_layer
    >>> line = two_layer([[1.0]], [1.0], activation("identity"))
    >>> round(distance_bound(line, [[2.0]], [6.0]), 9)
    2.0
    """
    checked_network(network)
    if not (isinstance(radius, float) and radius == math.inf):
        radius = nonnegative(radius, "radius")
    inputs, targets, _ = examples(x, y, network.weights[0].shape[1], len(network.weights[-1]))
    found = evaluate(network, inputs)
    left = residual(found, targets)
    bend = NetworkLipschitz(network, found)(radius)
    w = _weights(gram_of(found.blocks)[0], left.vector)
    if w is None or not math.isfinite(bend):
        return 0.0
    # w, r_0 and J in units in which they lie between 1/2 and 1
    w, of_r = np.ldexp(w, -exponent_of(w)), exponent_of(left.vector)
    size, r, error = norm_above(w), np.ldexp(left.vector, -of_r), scaled_above(left.error, -of_r)
    pulled = float(w @ r)
    # w.r_0 with the rounding of the product and the error of r_0
    pulled -= above(gamma(len(w) + 2) * float(np.abs(w) @ np.abs(r)) + above(size * error))
    if not pulled > 0:
        return 0.0
    back = norm_above(np.concatenate([part.ravel() for part in transpose_times(found.blocks, w)]))
    whole = norm_above(np.concatenate([part.ravel() for part in _absolute(found.blocks, w)]))
    of_j = exponent_of(whole)
    back, whole, off = (scaled_above(one, -of_j) for one in (back, whole, entry_error(found.blocks)))
    lost = gamma(sum(found.blocks[0].signals.shape[:2]) + 8) * whole
    q = above(back + above(lost) + above(size * off))
    params = of_r - of_j
    bend = scaled_above(bend, params - of_j)
    bound = below(2 * pulled) / above(q + above(math.sqrt(above(q * q + above(2 * bend * size) * pulled))))
    return min(radius, scaled_below(below(bound), params))


def shortest_path(start: Dense, end: Dense, x: ArrayLike, y: ArrayLike) -> ShortestPath:
    """How much farther than the nearest interpolating network the one is to which a training run led, with a proof.

    Distances are straight lines from the start: the length of the way itself is not measured.

    Args:
        start: network before training.
        end: the same network after training.
        x: inputs, shape ``(n, features)``.
        y: targets, shape ``(n,)`` or ``(n, outputs)``.

    Raises:
        UsageError: shapes that do not fit, integer labels, networks of other sizes.
        DataError: numbers that are missing or infinite.

    References: derived in the module's docstring.
    """
    checked_network(start, "start")
    checked_network(end, "end")
    step = np.concatenate([part.ravel() for part in difference(end, start)])
    travelled = norm_above(step)  # entries are differences, each rounded once
    travelled = above(travelled * (1 + 2 * UNIT))
    arrived = certify_dense(end, x, y, flow=True)
    total = above(travelled + arrived.distance)
    found, radius = distance_bound(start, x, y), math.inf
    for factor in (1.0, 1.5, 2.0):
        reach = factor * (total if math.isfinite(total) else travelled)
        local = distance_bound(start, x, y, reach) if reach > 0 else 0.0
        if local > found:
            found, radius = local, reach
    ratio = above(total / found) if found > 0 else math.inf
    return ShortestPath(travelled, total, found, ratio, nearest_interpolator(start, x, y), radius)


def nearest_interpolator(network: Dense, x: ArrayLike, y: ArrayLike, rounds: int = 50) -> float:
    """Distance to the nearest network that fits every target, by ``D <- J^+ (J D - r)``; infinite if it does not settle.

    A local solution of float64 arithmetic, not a proof.

    Args:
        network: the start.
        x: inputs, shape ``(n, features)``.
        y: targets, shape ``(n,)`` or ``(n, outputs)``.
        rounds: most iterations.

    Raises:
        UsageError: shapes that do not fit, integer labels, no number of rounds.
        DataError: numbers that are missing or infinite.
    """
    checked_network(network)
    rounds = count(rounds, "rounds", 0)
    inputs, targets, _ = examples(x, y, network.weights[0].shape[1], len(network.weights[-1]))
    direction, before = difference(network, network), math.inf
    for _ in range(rounds):
        found = evaluate(moved(network, direction), inputs)
        left = residual(found, targets)
        gram, _, exponent = gram_of(found.blocks)
        w = _weights(gram, times(found.blocks, direction) - left.vector)
        if w is None:
            return math.inf
        with np.errstate(over="ignore"):
            w = np.ldexp(w, -2 * exponent)
        new = transpose_times(found.blocks, w) if np.isfinite(w).all() else [np.full(1, math.inf)]
        if not all(np.isfinite(part).all() for part in new):
            return math.inf
        with np.errstate(over="ignore"):
            change = math.sqrt(sum(float(np.sum((a - b) ** 2)) for a, b in zip(new, direction, strict=True)))
            size = math.sqrt(sum(float(np.sum(a * a)) for a in new))
        if not math.isfinite(size):
            return math.inf
        direction = new
        if change <= 1e-10 * size or (change <= 1e-7 * size and change >= before):
            return size
        before = change
    return math.inf


def _weights(gram: np.ndarray, vector: np.ndarray) -> np.ndarray | None:
    try:
        w = cho_solve(cho_factor(gram, check_finite=False), vector, check_finite=False)
    except LinAlgError:
        return None
    return w if np.isfinite(w).all() else None


def _absolute(blocks: tuple, w: np.ndarray) -> list[np.ndarray]:
    """``|J|^T |w|`` in blocks."""
    found = []
    for block in blocks:
        weighted = np.einsum("nou,no->nu", np.abs(block.signals), np.abs(w).reshape(block.signals.shape[:2]))
        found.append(weighted.T @ np.abs(block.inputs))
    return found
