"""How the eigenvalues of the Hessian or the Gauss-Newton matrix are spread, by stochastic Lanczos quadrature."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from overparam.core.checked import count, positive, shown
from overparam.core.errors import UsageError, unknown
from overparam.operators.linear import Layers
from overparam.probes.curvature.lanczos import Basis
from overparam.probes.curvature.products import (
    Symmetric,
    check_symmetric,
    columns_that_fit,
    generator_of,
    products_of,
)

SCALES = ("linear", "log")
DENSE = 2048  # rows up to which all eigenvalues are found, where that takes no more products
MOST = 1_000_000  # samples, and points
WIDTHS = 4.0  # of the bump, that the grid goes on beyond the outermost nodes


@dataclass(frozen=True, eq=False)
class Density:
    """The distribution of the eigenvalues of a symmetric matrix, each of weight ``1/size``.

    Attributes:
        grid: eigenvalues, or their decimal logarithms by size on a log scale, shape ``(points,)``.
        density: smoothed by a Gaussian bump; its integral over the grid is 1, on a log scale 1 without ``zero``.
        standard_error: of the density, over the random starts; 0 where all eigenvalues are known.
        nodes: of the quadrature, one array a start, ascending; all eigenvalues where they are known.
        weights: of the nodes, which sum to 1.
        width: standard deviation of the bump, in the unit of the grid.
        scale: ``linear`` or ``log``.
        zero: share that the log scale leaves out as 0: sizes below rounding.
        size: rows of the matrix.
        products: how many products were made.
        exact: whether all eigenvalues are known.
    """

    grid: np.ndarray
    density: np.ndarray = field(repr=False)
    standard_error: np.ndarray = field(repr=False)
    nodes: tuple[np.ndarray, ...] = field(repr=False)
    weights: tuple[np.ndarray, ...] = field(repr=False)
    width: float
    scale: str
    zero: float
    size: int
    products: int
    exact: bool

    def share(self, low: float, high: float) -> tuple[float, float]:
        """Share of the eigenvalues between two numbers, both counted in, and its standard error over the starts.

        Args:
            low: of the eigenvalues, also on a log scale.
            high: at least ``low``.

        Raises:
            UsageError: no such numbers.
        """
        if not float(low) <= float(high):
            raise UsageError(f"low, high: expected two numbers in order, got {shown(low)} and {shown(high)}.")
        found = np.array(
            [w[(n >= low) & (n <= high)].sum() for n, w in zip(self.nodes, self.weights, strict=True)]
        )
        return float(found.mean()), _error(found)

    def above(self, bound: float) -> tuple[int, ...]:
        """How many nodes of each start lie above a bound: outliers that stand apart are counted once each.

        Args:
            bound: an eigenvalue.
        """
        return tuple(int((n > bound).sum()) for n in self.nodes)


def spectral_density(
    model: Any,
    *,
    of: str = "hessian",
    layers: Layers = None,
    steps: int = 80,
    samples: int = 8,
    scale: str = "linear",
    width: float | None = None,
    points: int = 1024,
    scaled: bool = False,
    seed: int | np.random.Generator = 0,
) -> Density:
    r"""Density of the eigenvalues of the Hessian of the loss; unit: one over that of the eigenvalues, or a decade.

    From each of some random starts the Lanczos method gives nodes and weights whose sums are the means of polynomials over the
    spectrum; all vectors are kept orthogonal, so no node appears twice, and a start whose vectors close early ends there.
    Where all eigenvalues take no more products, up to 2,048 rows, they are found instead.

    Args:
        model: of :func:`overparam.operators.open_model`, with a loss.
        of: ``hessian`` or ``gauss_newton``.
        layers: patterns of names of parameters, for their diagonal block; None for all.
        steps: products a start.
        samples: random starts, at least 2.
        scale: ``linear``, or ``log`` for the decimal logarithm of the sizes, of both signs together.
        width: standard deviation of the bump; by default a hundredth of the range of the nodes.
        points: of the grid.
        scaled: whether rows and columns are multiplied by the sizes of their parameters, see
            :func:`~overparam.probes.curvature.eigenvalues.top_eigenvalues`.
        seed: of the starts; or a generator of NumPy.

    Returns:
        Grid, density and its standard error, nodes and weights.

    Raises:
        UsageError: a number that is no count, an unknown name, a grid too coarse for the bump, a model without a loss, or
            vectors beyond memory.
        DataError: second derivatives that are not finite.

    Cost: ``samples * steps`` products, each 2 to 3 gradients over the data; keeps ``steps`` vectors of the parameters.

    References: G. Golub and G. Meurant, Matrices, moments and quadrature with applications (2010), chapter 6; S. Ubaru, J. Chen
        and Y. Saad, Fast estimation of tr(f(A)) via stochastic Lanczos quadrature, SIAM J. Matrix Anal. Appl. 38 (2017),
        section 3; B. Ghorbani, S. Krishnan and Y. Xiao, ICML 2019, arXiv:1901.10159, section 2 (all recalled).

    >>> from overparam.models import linear
    >>> from overparam.operators import open_model
    >>> x, y = np.array([[2.0, 0.0], [0.0, 4.0]], np.float32), np.zeros(2, np.float32)
    >>> weight = {"output": {"weight": np.zeros((1, 2), np.float32)}}
    >>> found = spectral_density(open_model(linear(2, 1, bias=False), (x, y), params=weight))
    >>> found.exact, found.nodes[0].tolist(), found.share(5, 10)
    (True, [2.0, 8.0], (0.5, 0.0))
    """
    steps, samples = count(steps, "steps"), count(samples, "samples", 2, MOST)
    points = count(points, "points", 16, MOST)
    if not isinstance(scale, str) or scale not in SCALES:
        raise unknown("scale", scale if isinstance(scale, str) else shown(scale), SCALES)
    bump = None if width is None else positive(width, "width", ", or None")
    made = products_of(model, of, layers, scaled)
    nodes, weights, exact = quadrature(made, steps, samples, generator_of(seed))
    grid, curves, bump, zero = smoothed(nodes, weights, scale, bump, points, float(np.finfo(made.dtype).eps))
    return Density(
        grid, curves.mean(axis=0), np.array([_error(column) for column in curves.T]), nodes, weights, bump, scale, zero,
        made.size, made.made, exact,
    )  # fmt: skip


Arrays = tuple[np.ndarray, ...]


def quadrature(
    made: Symmetric, steps: int, samples: int, rng: np.random.Generator
) -> tuple[Arrays, Arrays, bool]:
    """Nodes and weights of each start, and whether they are all eigenvalues.

    Args:
        made: the products.
        steps: products a start.
        samples: starts.
        rng: of the starts.

    Raises:
        UsageError: vectors beyond memory, or no symmetric matrix.
    """
    size = made.size
    if size <= min(DENSE, steps * samples):
        values = np.linalg.eigvalsh(made.dense())
        return (values,), (np.full(size, 1 / size),), True
    columns_that_fit(size, made.dtype.itemsize, min(steps, size), "steps")
    nodes, weights = [], []
    for _ in range(samples):
        basis = Basis(made, size, min(steps, size), made.dtype)
        going = basis.start(rng.normal(size=size))
        while going and basis.used < basis.room:
            going = basis.grow()
        values, inside, _ = basis.ritz()
        check_symmetric(basis.gap, float(np.abs(values).max()), made.dtype)
        nodes.append(values)
        weights.append(inside[0] ** 2)
    return tuple(nodes), tuple(weights), False


def smoothed(
    nodes: Arrays, weights: Arrays, scale: str, width: float | None, points: int, eps: float
) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Grid, one density a start, width of the bump, and the share left out as 0.

    Args:
        nodes: of each start.
        weights: of each start.
        scale: of :data:`SCALES`.
        width: of the bump, or None.
        points: of the grid.
        eps: machine epsilon of the products.

    Raises:
        UsageError: a grid too coarse for the bump.
    """
    zero = 0.0
    if scale == "log":
        largest = max(float(np.abs(n).max()) for n in nodes)
        kept = [np.abs(n) > 100 * eps * largest for n in nodes]
        zero = float(np.mean([w[~k].sum() for w, k in zip(weights, kept, strict=True)]))
        weights = tuple(w[k] for w, k in zip(weights, kept, strict=True))
        nodes = tuple(np.log10(np.abs(n[k])) for n, k in zip(nodes, kept, strict=True))
    every = np.concatenate(nodes) if sum(map(len, nodes)) else np.zeros(1)
    low, high = float(every.min()), float(every.max())
    spread = high - low
    if spread <= 100 * eps * max(abs(low), abs(high)):
        spread = max(abs(low), abs(high)) or 1.0
    bump = spread / 100 if width is None else width
    grid = np.linspace(low - WIDTHS * bump, high + WIDTHS * bump, points)
    if grid[1] - grid[0] > bump:
        raise UsageError(
            f"points: expected a grid as fine as the bump of width {bump:.3g}, at least {int((grid[-1] - grid[0]) / bump) + 2:,} "
            f"points, got {points:,}. Take more points or a wider bump."
        )
    factor = 1 / (bump * np.sqrt(2 * np.pi))
    curves = np.stack([
        factor * (np.exp(-(((grid[:, None] - n) / bump) ** 2) / 2) @ w) for n, w in zip(nodes, weights, strict=True)
    ])  # fmt: skip
    return grid, curves, bump, zero


def _error(found: np.ndarray) -> float:
    """Standard error of a mean over starts; 0 where there is one, which is exact."""
    return 0.0 if len(found) < 2 else float(found.std(ddof=1) / np.sqrt(len(found)))
