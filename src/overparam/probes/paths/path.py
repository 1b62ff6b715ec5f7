"""A path between networks: every point is a weighted sum of a few networks, so a path is a matrix of weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core.checked import all_finite, count, numbers, shown
from overparam.core.errors import UsageError
from overparam.models.network import Network, PyTree
from overparam.models.state import join, split
from overparam.probes.paths.ends import checked_ends

POINTS = 25
MOST = 100_000  # points
KINDS = ("straight", "polygon", "bezier", "plane")


@dataclass(frozen=True, eq=False)
class Path:
    """Points that are weighted sums of some networks of one shape.

    Attributes:
        kind: ``straight``, ``polygon``, ``bezier`` or ``plane``.
        network: of all of them.
        anchors: parameters of the networks that are summed.
        t: where each point lies: 0 at the first end, 1 at the last; places of a plane have two numbers.
        weights: of the anchors at each point, shape ``(points, anchors)``; each row sums to 1.
    """

    kind: str
    network: Network
    anchors: tuple[PyTree, ...]
    t: Float64[np.ndarray, "points ..."]
    weights: Float64[np.ndarray, "points _"]

    def __len__(self) -> int:
        """How many points there are."""
        return len(self.weights)

    def params(self, index: int) -> PyTree:
        """The parameters at a point, in the type of the first network's; what is held is that of the first.

        Args:
            index: of the point.
        """
        trained, held = split(self.network.state, self.anchors[0])
        parts = [trained, *(split(self.network.state, one)[0] for one in self.anchors[1:])]
        return join(combined(self.weights[index], parts), held)


def combined(weights: Sequence[float] | np.ndarray, trees: Sequence[PyTree]) -> PyTree:
    """The weighted sum of trees, formed in float64 and rounded to the type of the first.

    Args:
        weights: one a tree.
        trees: of one structure.

    >>> combined([0.25, 0.75], [{"w": np.array([4.0])}, {"w": np.array([0.0])}])
    {'w': array([1.])}
    """
    import jax

    def summed(*leaves: Any) -> np.ndarray:
        found = sum(w * np.asarray(leaf, np.float64) for w, leaf in zip(weights, leaves, strict=True))
        return np.asarray(found, np.asarray(leaves[0]).dtype)

    return jax.tree.map(summed, *trees)


def straight(network: Network, a: PyTree, b: PyTree, points: int | ArrayLike = POINTS) -> Path:
    """The straight line ``(1 - t) a + t b``.

    Args:
        network: of both.
        a: parameters at t = 0.
        b: parameters at t = 1.
        points: how many, evenly from 0 to 1; or the t themselves, also below 0 and above 1.

    Raises:
        UsageError: parameters of other shapes, held arrays that differ, points that are none.
        DataError: numbers that are missing or infinite.

    References: I. Goodfellow, O. Vinyals and A. Saxe, Qualitatively characterizing neural network optimization problems, ICLR
        2015; N. Keskar et al., ICLR 2017, figure 3, draws t from -1 to 2.

    >>> from overparam.models import linear
    >>> network = linear(1, 1, bias=False)
    >>> ends = [{"output": {"weight": np.full((1, 1), w, np.float32)}} for w in (0.0, 4.0)]
    >>> [float(straight(network, *ends, 5).params(i)["output"]["weight"][0, 0]) for i in range(5)]
    [0.0, 1.0, 2.0, 3.0, 4.0]
    """
    t = places(points)
    return Path("straight", network, checked_ends(network, (a, b)), t, np.stack([1 - t, t], 1))


def polygon(network: Network, corners: Sequence[PyTree], points: int | ArrayLike = 61) -> Path:
    """Straight lines from corner to corner; every line takes the same share of t.

    Args:
        network: of all corners.
        corners: parameters, at least two; the first is t = 0, the last t = 1.
        points: how many, evenly from 0 to 1 (the corners are among them where (points - 1) is a multiple of the lines); or
            the t themselves, from 0 to 1.

    Raises:
        UsageError: fewer than two corners, parameters of other shapes, held arrays that differ, points that are none.
        DataError: numbers that are missing or infinite.

    References: T. Garipov et al., NeurIPS 2018, equation 3 (one bend).
    """
    t = places(points, inside=True)
    anchors = checked_ends(network, corners)
    lines = len(anchors) - 1
    return Path("polygon", network, anchors, t, hats(t * lines, len(anchors)))


def hats(at: Float64[np.ndarray, " points"], many: int) -> Float64[np.ndarray, "points _"]:
    """Weights of corners 0, 1, 2, ... for places between them.

    >>> hats(np.array([0.0, 0.25, 1.5]), 3).tolist()
    [[1.0, 0.0, 0.0], [0.75, 0.25, 0.0], [0.0, 0.5, 0.5]]
    """
    return np.maximum(0.0, 1.0 - np.abs(at[:, None] - np.arange(many)))


def bezier(network: Network, a: PyTree, bend: PyTree, b: PyTree, points: int | ArrayLike = 61) -> Path:
    """The quadratic Bezier curve ``(1-t)^2 a + 2 t (1-t) c + t^2 b``.

    Args:
        network: of all three.
        a: parameters at t = 0.
        bend: c, see :func:`~overparam.probes.paths.learned_bends`; the curve does not pass through it.
        b: parameters at t = 1.
        points: how many, evenly from 0 to 1; or the t themselves, from 0 to 1.

    Raises:
        UsageError: parameters of other shapes, held arrays that differ, points that are none.
        DataError: numbers that are missing or infinite.

    References: T. Garipov, P. Izmailov, D. Podoprikhin, D. Vetrov and A. Wilson, Loss surfaces, mode connectivity, and fast
        ensembling of DNNs, NeurIPS 2018, equation 4.

    The curve of a bend in the middle is the straight line.

    >>> from overparam.models import linear
    >>> network = linear(1, 1, bias=False)
    >>> trees = [{"output": {"weight": np.full((1, 1), w, np.float32)}} for w in (0.0, 2.0, 4.0)]
    >>> [float(bezier(network, *trees, 5).params(i)["output"]["weight"][0, 0]) for i in range(5)]
    [0.0, 1.0, 2.0, 3.0, 4.0]
    """
    t = places(points, inside=True)
    return Path(
        "bezier", network, checked_ends(network, (a, bend, b)), t, np.stack([(1 - t) ** 2, 2 * t * (1 - t), t**2], 1)
    )  # fmt: skip


def places(points: Any, inside: bool = False) -> Float64[np.ndarray, " points"]:
    """The t of a path: evenly from 0 to 1, or as given, ascending.

    Args:
        points: how many, at least 2; or the t themselves.
        inside: whether t must lie from 0 to 1.

    Raises:
        UsageError: something else.

    >>> places(5).tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    if np.ndim(points) == 0:
        return np.linspace(0.0, 1.0, count(points, "points", 2, MOST))
    t = numbers(points, "points")
    all_finite(t, "points")
    if t.ndim != 1 or not 2 <= t.size <= MOST or not (np.diff(t) > 0).all():
        raise UsageError(
            f"points: expected how many, at least 2, or ascending places t in a list, got {shown(points)}."
        )
    if inside and (t[0] < 0 or t[-1] > 1):
        raise UsageError(
            f"points: expected places t from 0 to 1 of a curve between two ends, got {t[0]:g} to {t[-1]:g}."
        )
    return t
