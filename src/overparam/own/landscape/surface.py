"""Loss and error on the plane through two of your own networks and a third."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from overparam.own.landscape.fact import plain
from overparam.own.landscape.pair import Pair
from overparam.own.landscape.points import Points
from overparam.probes.paths.plane import MARGIN, lattice


@dataclass(frozen=True, eq=False)
class Surface:
    """A picture of a plane, in lengths of the weights.

    Attributes:
        across: coordinates of the columns.
        up: coordinates of the rows.
        loss: at the points, shape ``(rows, columns)``.
        error: likewise; None where there is none.
        names: of the three networks.
        corners: where they lie, shape ``(3, 2)``.
        curve: where the Bezier curve or the straight line lies, shape ``(points, 2)``.
    """

    across: np.ndarray
    up: np.ndarray
    loss: np.ndarray
    error: np.ndarray | None
    names: tuple[str, str, str]
    corners: np.ndarray
    curve: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {
            "across": self.across.tolist(),
            "up": self.up.tolist(),
            "loss": [[plain(v) for v in row] for row in self.loss],
            "error": None if self.error is None else self.error.tolist(),
            "names": list(self.names),
            "corners": self.corners.tolist(),
            "curve": self.curve.tolist(),
        }


def surface_of(
    points: Points, pair: Pair, third: np.ndarray, name: str, side: int, many: int
) -> Surface | None:
    """Measure the plane through both networks and a third; None where they are on one line.

    Args:
        points: evaluates the model.
        pair: the two networks.
        third: parameters of the third.
        name: of the third.
        side: points a side.
        many: points of the curve.
    """
    grid = lattice(pair.a, pair.b, third, side, MARGIN)
    if grid is None:
        return None
    corners = grid.corners
    found = points.along(grid.places, grid.weights, np.stack([pair.a, pair.b, third]), each=False)
    t = np.linspace(0.0, 1.0, many)[:, None]
    curve = (
        (1 - t) ** 2 * corners[0] + 2 * t * (1 - t) * corners[2] + t**2 * corners[1]
        if name == "bend"
        else (1 - t) * corners[0] + t * corners[2]
    )
    shape = (side, side)
    return Surface(
        grid.across, grid.up, found.loss.reshape(shape), None if found.error is None else found.error.reshape(shape),
        ("a", "b", name), corners, curve,
    )  # fmt: skip
