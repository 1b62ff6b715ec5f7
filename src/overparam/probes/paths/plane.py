"""The plane through three networks, with a grid of points on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Float64

from overparam.core.checked import count, nonnegative
from overparam.core.errors import UsageError
from overparam.models.network import Network, PyTree
from overparam.models.state import split
from overparam.probes.paths.ends import checked_ends
from overparam.probes.paths.path import Path

POINTS = 21
MARGIN = 0.25
MOST = 301  # points a side
THIN = 1e-6  # of the first side: a smaller distance from the line is rounding


@dataclass(frozen=True, eq=False)
class Plane:
    """A plane in the space of weights, in coordinates of Euclidean length.

    Attributes:
        path: the points of the grid, row by row, as a path of kind ``plane``: to be given to :func:`along`.
        across: coordinates of the columns along u, which points from the first network to the second.
        up: coordinates of the rows along v, at right angles to u, towards the third.
        corners: where the three networks lie, shape ``(3, 2)``.
    """

    path: Path
    across: Float64[np.ndarray, " columns"]
    up: Float64[np.ndarray, " rows"]
    corners: Float64[np.ndarray, "_ _"]

    def grid(self, values: Float64[np.ndarray, " points"]) -> Float64[np.ndarray, "rows columns"]:
        """Values of the points as rows and columns.

        Args:
            values: one a point, as :func:`along` gives them.
        """
        return np.asarray(values).reshape(len(self.up), len(self.across))

    def projected(self, path: Path) -> tuple[Float64[np.ndarray, "points _"], Float64[np.ndarray, " points"]]:
        """Where the points of a path lie on the plane, and how far they are from it.

        Args:
            path: of networks of the same shape.
        """
        flat = np.stack([_flat(path.network, one) for one in path.anchors])
        a, u, v = self._axes()
        moved = path.weights @ (flat - a)
        on = np.stack([moved @ u, moved @ v], 1)
        off = np.linalg.norm(moved - on @ np.stack([u, v]), axis=1)
        return on, off

    def _axes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        a, b, c = (_flat(self.path.network, one) for one in self.path.anchors)
        u, v, _ = basis(a, b, c)
        return a, u / np.linalg.norm(u), v / np.linalg.norm(v)


def plane(
    network: Network, solutions: Sequence[PyTree], *, points: int = POINTS, margin: float = MARGIN
) -> Plane:
    r"""A grid on the plane through three networks.

    ``u = b - a``, ``v = (c - a) - <c - a, u> u / |u|^2``; a point is ``a + x u / |u| + y v / |v|``. Nothing is rescaled, so
    lengths and angles of the picture are those of the weights.

    Args:
        network: of all three.
        solutions: parameters a, b and c.
        points: of the grid a side.
        margin: around the three, as a share of the longer side of their box.

    Raises:
        UsageError: another number of networks, other shapes, or three on one line.
        DataError: numbers that are missing or infinite.

    References: T. Garipov et al., NeurIPS 2018, section 4 and appendix A.1 (figure 1).

    >>> from overparam.models import linear
    >>> network = linear(2, 1, bias=False)
    >>> found = plane(network, [{"output": {"weight": np.array([w], np.float32)}} for w in ([0, 0], [2, 0], [1, 3])], points=3)
    >>> found.corners.tolist()
    [[0.0, 0.0], [2.0, 0.0], [1.0, 3.0]]
    """
    if isinstance(solutions, str | bytes) or not isinstance(solutions, Sequence) or len(solutions) != 3:
        raise UsageError("solutions: expected the parameters of three networks in a list, got another number.")
    side, share = count(points, "points", 2, MOST), nonnegative(margin, "margin")
    anchors = checked_ends(network, solutions, ("a", "b", "c"))
    a, b, c = (_flat(network, one) for one in anchors)
    grid = lattice(a, b, c, side, share)
    if grid is None:
        raise UsageError(
            "solutions: expected three networks that are not on one line, got two that are equal or a third between two others. "
            "Take another third one."
        )
    return Plane(Path("plane", network, anchors, grid.places, grid.weights), grid.across, grid.up, grid.corners)


@dataclass(frozen=True, eq=False)
class Lattice:
    """A grid on the plane through three points.

    Attributes:
        across: coordinates of the columns.
        up: coordinates of the rows.
        corners: where the three points lie, shape ``(3, 2)``.
        places: coordinates of the grid's points, row by row, shape ``(points, 2)``.
        weights: shares of the three points in each of them, shape ``(points, 3)``; they sum to 1.
    """

    across: np.ndarray
    up: np.ndarray
    corners: np.ndarray
    places: np.ndarray
    weights: np.ndarray


def lattice(a: np.ndarray, b: np.ndarray, c: np.ndarray, side: int, margin: float) -> Lattice | None:
    """A grid of ``side`` by ``side`` points around three flat vectors; None where they lie on one line."""
    u, v, along_u = basis(a, b, c)
    long, high = float(np.linalg.norm(u)), float(np.linalg.norm(v))
    if not long or not high > THIN * max(long, float(np.linalg.norm(c - a))):
        return None
    corners = np.array([[0.0, 0.0], [long, 0.0], [along_u * long, high]])
    low, top = corners.min(axis=0), corners.max(axis=0)
    wide = margin * float((top - low).max())
    across, up = (np.linspace(low[i] - wide, top[i] + wide, side) for i in range(2))
    x, y = (one.ravel() for one in np.meshgrid(across, up))
    third = y / high
    second = x / long - along_u * third
    return Lattice(across, up, corners, np.stack([x, y], 1), np.stack([1 - second - third, second, third], 1))


def basis(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """``b - a``, what of ``c - a`` is at right angles to it, and how many times the first the rest is.

    >>> basis(np.zeros(2), np.array([2.0, 0.0]), np.array([1.0, 3.0]))
    (array([2., 0.]), array([0., 3.]), 0.5)
    """
    u = b - a
    square = float(u @ u)
    share = float((c - a) @ u / square) if square else 0.0
    return u, (c - a) - share * u, share


def _flat(network: Network, params: PyTree) -> np.ndarray:
    trained = jax.tree.leaves(split(network.state, params)[0])
    return np.concatenate([np.asarray(leaf, np.float64).ravel() for leaf in trained])
