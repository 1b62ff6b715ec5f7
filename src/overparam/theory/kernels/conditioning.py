"""How well conditioned a data set is for a two-layer network: smallest eigenvalue with a proof, and kappa."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core.errors import DataError
from overparam.theory.activations import Activation
from overparam.theory.activations import activation as activation_of
from overparam.theory.certificates.rump import smallest_eigenvalue_bound
from overparam.theory.inputs import numbers
from overparam.theory.kernels.concentration import chernoff_width
from overparam.theory.kernels.covariance import covariance_of
from overparam.theory.kernels.row_angles import Angles, angles, rows_of
from overparam.theory.kernels.singular import Reason, reasons

FORMED = 10  # roundings of an entry, on top of the n of an eigenvalue


@dataclass(frozen=True)
class Conditioning:
    """The covariance of a data set in numbers.

    Attributes:
        activation: name of phi.
        rows: n.
        features: d.
        smallest: smallest eigenvalue of the covariance, computed, in squared units of x.
        error: bound on its error in float64.
        lower: at most the true smallest eigenvalue; 0 where nothing is proved.
        largest: largest eigenvalue.
        norm: spectral norm of X.
        kappa: ``sqrt(d/n) norm / smallest``; infinite where the covariance is singular.
        singular: an exact cause is known, or ``smallest <= (n + 10) eps largest``: float64 cannot tell it from zero.
        zero_directions: number of eigenvalues at most ``(n + 10) eps largest``, or that the causes count, if more.
        closest: smallest angle between two rows, or between one and the opposite of another, in radians; pi/2 if
            there are no two.
        why_singular: the causes, by name; empty if it is not singular.
        lost_share: share of ``|y|^2`` in these directions, which no training near the start removes; None without y.
        largest_slope: ``sup |phi'|``, infinite where there is none.
    """

    activation: str
    rows: int
    features: int
    smallest: float
    error: float
    lower: float
    largest: float
    norm: float
    kappa: float
    singular: bool
    zero_directions: int
    closest: float
    why_singular: tuple[Reason, ...]
    lost_share: float | None
    largest_slope: float

    def chernoff_width(self, failure: float = 0.05) -> float:
        """Hidden units that suffice for half of the smallest eigenvalue; infinite where there is no such width.

        Args:
            failure: probability allowed for a draw of the weights that falls below half.
        """
        if self.singular:
            return math.inf
        return chernoff_width(self.rows, self.norm, self.smallest, self.largest_slope, failure)

    def __str__(self) -> str:
        """The numbers and the causes, a line each."""
        head = f"{self.rows} rows of {self.features} features, {self.activation}"
        if not self.singular:
            return (
                f"{head}: kappa {self.kappa:.4g}; smallest eigenvalue {self.smallest:.4g} +- {self.error:.1g}, "
                f"at least {self.lower:.4g}; norm {self.norm:.4g}"
            )
        lines = [f"{head}: singular, {self.zero_directions} directions of eigenvalue zero"]
        lines += [f"- {one.name}: {one.sentence} {one.remedy}" for one in self.why_singular]
        if self.lost_share is not None:
            lines.append(f"- share of |y|^2 in these directions: {self.lost_share:.4g}")
        return "\n".join(lines)


def conditioning(x: ArrayLike, activation: str | Activation, y: ArrayLike | None = None) -> Conditioning:
    r"""How well conditioned rows are for training the hidden layer of a wide two-layer network.

    .. math:: \kappa(X) = \sqrt{d/n}\, \frac{\|X\|}{\lambda(X)}, \qquad \lambda(X) = \lambda_{min}(\Sigma(X))

    Args:
        x: shape ``(n, features)``. The theorems ask for unit rows; other rows are measured as they are.
        activation: phi.
        y: targets, shape ``(n,)`` or ``(n, outputs)``, for the share that stays.

    Returns:
        The numbers, a proved lower bound, and the causes of a zero eigenvalue.

    Raises:
        DataError: inputs that are no finite table, or targets of another length.
        UsageError: as :func:`~overparam.theory.kernels.covariance.covariance`.

    References:
        S. Oymak and M. Soltanolkotabi, arXiv:1902.04674, definition 1.2 (number recalled, not checked).

    >>> found = conditioning(np.eye(3), "relu")
    >>> round(found.kappa, 12), round(found.smallest, 12), found.lower <= 0.5, found.why_singular
    (2.0, 0.5, True, ())
    >>> print(conditioning([[1.0, 0.0], [1.0, 0.0]], "relu").why_singular[0].name)
    duplicated rows
    """
    rows = rows_of(x)
    targets = None if y is None else _targets(y, len(rows))
    act = activation_of(activation)
    geometry = angles(rows)
    matrix, forming = covariance_of(geometry, rows.shape[1], act)
    values, vectors = (np.linalg.eigvalsh(matrix), None) if targets is None else np.linalg.eigh(matrix)
    n, d = rows.shape
    norm, largest = float(np.linalg.norm(rows, 2)), float(values[-1])
    floor = (n + FORMED) * float(np.finfo(np.float64).eps) * largest
    causes = list(reasons(rows, geometry, act))
    known = sum(one.directions for one in causes)
    zeros = max(known, int((values <= floor).sum()))
    closest = _closest(geometry)
    if zeros > known:
        causes.append(_below_rounding(zeros - known, float(values[0]), floor, closest, n, d))
    smallest = float(values[0])
    lower = smallest_eigenvalue_bound(matrix, forming) if not known else 0.0
    lost = None
    if targets is not None and vectors is not None:
        size = float((targets**2).sum())
        lost = float(((vectors[:, :zeros].T @ targets) ** 2).sum()) / size if size else 0.0
    return Conditioning(
        act.name, n, d, smallest, floor + forming, lower, largest, norm,
        math.inf if zeros else math.sqrt(d / n) * norm / smallest,
        zeros > 0, zeros, closest, tuple(causes), lost, act.largest_slope,
    )  # fmt: skip


def _targets(y: ArrayLike, n: int) -> Float64[np.ndarray, "n inputs"]:
    out = numbers(y, "y", high=1e100)
    if out.ndim not in (1, 2) or len(out) != n:
        raise DataError(f"y: expected shape ({n},) or ({n}, outputs), one target a row of x, got {out.shape}.")
    if not np.isfinite(out).all():
        raise DataError("y: expected finite numbers, got some that are missing or infinite.")
    return out.reshape(n, -1)


def _closest(geometry: Angles) -> float:
    short = np.minimum(geometry.angle, np.pi - geometry.angle)
    np.fill_diagonal(short, 0.5 * np.pi)
    return float(short.min())


def _below_rounding(directions: int, smallest: float, floor: float, closest: float, n: int, d: int) -> Reason:
    return Reason(
        "below rounding",
        directions,
        (),
        f"no exact cause; the smallest eigenvalue, computed {smallest:.2g}, is not above its rounding, {floor:.2g} "
        f"({n} rows of {d} features; the closest two are {closest:.2g} rad apart, up to sign).",
        "Use fewer rows, rows that are farther apart, more features, or an activation with slower decaying "
        "Hermite coefficients (relu).",
    )
