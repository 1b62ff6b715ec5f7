"""Gradient descent on linear least squares: where it ends, how fast, and how long its way is.

``L(theta) = (1/2) |X theta - y|^2``, ``theta <- theta - eta X^T (X theta - y)``. With the singular value
decomposition ``X = U S V^T`` every component moves by itself: its error is multiplied by ``q_j = 1 - eta s_j^2`` a
step, and what is orthogonal to the rows of X never moves. So descent ends at the closest solution,

    limit = theta_0 + X^+ (y - X theta_0),

the component j walks ``|c_j| eta s_j^2 / (1 - |q_j|)`` in all, and up to the step ``1/|X|^2`` it never turns back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core.errors import DataError, UsageError
from overparam.theory.assumption import Assumption, checked
from overparam.theory.dynamics.factors import descent_factors
from overparam.theory.inputs import all_finite, length, numbers, real, shown, times_of
from overparam.theory.theorem import Theorem

CITATION = (
    "M. Soltanolkotabi, Towards demystifying overparameterization in deep learning, talk, Institut Henri Poincaré, "
    "Paris, 4 April 2019 (over-parametrized linear least squares)."
)


@dataclass(frozen=True, eq=False)
class Descent:
    """Gradient descent on least squares, solved.

    Attributes:
        limit: where it ends, shape ``(features,)``: of all least-squares solutions the closest to the start.
        distance: Euclidean distance from the start to the limit, in units of the parameters.
        residual: ``|X limit - y|``, in units of y; rounding where the labels can be fitted.
        rank: rank of X; singular values up to ``max(n, p) * 2.2e-16`` of the largest count as zero.
        singular: nonzero singular values, descending, shape ``(rank,)``.
        components: ``|c_j|``, how far each singular component has to go, shape ``(rank,)``.
        step: the step eta.
        largest_step: ``2 / |X|^2``; descent converges below it.
        factors: ``1 - eta s_j^2``, what is left of each component's error after a step, shape ``(rank,)``.
        rate: ``max_j |1 - eta s_j^2|``: the error of theta shrinks at least by this factor a step.
        walks: way that each component walks, ``|c_j| eta s_j^2 / (1 - |q_j|)``, shape ``(rank,)``.
        path_low: the path is at least this long (Minkowski): ``sqrt(sum walks^2)``.
        path_high: the path is at most this long (triangle): ``sum walks``, at most ``sqrt(rank)`` times as much.
        monotone: whether no component turns back, ``eta <= 1/|X|^2``; then path/distance is at most sqrt(rank).
        interpolates: whether the limit fits every label: X has rank n.
        said: in words, what the limit is.
    """

    limit: Float64[np.ndarray, " features"]
    distance: float
    residual: float
    rank: int
    singular: Float64[np.ndarray, " rank"]
    components: Float64[np.ndarray, " rank"]
    step: float
    largest_step: float
    factors: Float64[np.ndarray, " rank"]
    rate: float
    walks: Float64[np.ndarray, " rank"]
    path_low: float
    path_high: float
    monotone: bool
    interpolates: bool
    said: str


def least_squares_descent(
    x: ArrayLike, y: ArrayLike, start: ArrayLike | None = None, step: float | None = None
) -> Descent:
    r"""Limit, rate and path length of gradient descent on :math:`\frac12|X\theta-y|^2`, in closed form.

    :math:`\theta_\infty = \theta_0 + X^+(y - X\theta_0)`; the error of the component j after t steps is
    :math:`c_j (1-\eta s_j^2)^t`.

    Args:
        x: inputs X, shape ``(n, features)``.
        y: labels, shape ``(n,)``.
        start: where descent starts, shape ``(features,)``; zero if not given.
        step: eta, positive and below ``2 / |X|^2``; ``1 / |X|^2`` if not given.

    Returns:
        The solved descent. With fewer independent rows than labels it says that the limit is the closest
        least-squares solution, and its ``residual`` is what cannot be fitted.

    Raises:
        DataError: shapes that do not fit, missing or infinite numbers, or inputs that are all zero.
        UsageError: a step that is not positive, or with which descent does not converge.

    Assumptions: exact arithmetic, the whole data set in every step.

    References: the slides of CITATION name the three properties (global convergence, the closest optimum, a short
        path); the formulas are the standard solution of a linear iteration, and the two bounds on the path follow
        from the triangle inequality.

    Two labels of independent inputs; the third parameter stays where it is.

    >>> found = least_squares_descent([[1, 0, 0], [0, 2, 0]], [1, 2], start=[0, 0, 5])
    >>> found.limit.tolist(), found.rate, round(found.path_high / found.distance, 4)
    ([1.0, 1.0, 5.0], 0.75, 1.4142)
    """
    a, labels, theta = _inputs(x, y, start)
    u, s, vt = _decomposed(a)
    largest = 2.0 / float(s[0]) ** 2
    eta = 0.5 * largest if step is None else _step(step, largest)
    left = labels - a @ theta
    signed = (u.T @ left) / s
    limit = theta + vt.T @ signed
    components = np.abs(signed)
    factors = 1.0 - eta * np.square(s)
    move = eta * np.square(s)
    walks = components * np.where(move <= 1, 1.0, move / np.where(move <= 1, 1.0, 2.0 - move))
    n, rank = a.shape[0], len(s)
    return Descent(
        limit=limit,
        distance=length(signed),
        residual=length(a @ limit - labels),
        rank=rank,
        singular=s,
        components=components,
        step=eta,
        largest_step=largest,
        factors=factors,
        rate=float(np.abs(factors).max()),
        walks=walks,
        path_low=length(walks),
        path_high=float(walks.sum()),
        monotone=bool(eta <= 0.5 * largest),
        interpolates=rank == n,
        said=_said(n, a.shape[1], rank),
    )


def descent_residuals(
    x: ArrayLike, y: ArrayLike, times: ArrayLike, start: ArrayLike | None = None, step: float | None = None
) -> Float64[np.ndarray, " times"]:
    """Length of the residual ``|X theta_t - y|`` after t steps, in units of y.

    ``sqrt(sum_j (q_j^t u_j.r_0)^2 + |r_perp|^2)``, with ``r_perp`` what no solution can fit.

    Args:
        x: inputs X, shape ``(n, features)``.
        y: labels, shape ``(n,)``.
        times: numbers of steps, shape ``(times,)``.
        start: where descent starts, shape ``(features,)``; zero if not given.
        step: eta; ``1 / |X|^2`` if not given.

    Returns:
        Shape ``(times,)``.

    Raises:
        DataError: as for :func:`least_squares_descent`.
        UsageError: a step with which descent does not converge, or a negative time.

    References: as for :func:`least_squares_descent`.

    >>> descent_residuals([[1.0, 0.0]], [1.0], [0, 1, 2], step=0.5).tolist()
    [1.0, 0.5, 0.25]
    """
    a, labels, theta = _inputs(x, y, start)
    u, s, _ = _decomposed(a)
    largest = 2.0 / float(s[0]) ** 2
    eta = 0.5 * largest if step is None else _step(step, largest)
    t = times_of(times, whole=False)
    r = labels - a @ theta
    along = u.T @ r
    rest = r - u @ along if len(s) < len(r) else np.zeros(1)
    left = np.abs(descent_factors(eta * np.square(s), t)[0]) * along
    return np.sqrt(np.square(left).sum(axis=1) + rest @ rest)


def _inputs(x: ArrayLike, y: ArrayLike, start: ArrayLike | None) -> tuple[Any, Any, Any]:
    """The inputs as float64, checked."""
    a = numbers(x, "x", 1e-140, 1e140)
    if a.ndim != 2 or 0 in a.shape:
        raise DataError(f"x: expected shape (n, features), got {a.shape}. Give one row an example.")
    labels = numbers(y, "y", high=1e140)
    if labels.shape != a.shape[:1]:
        raise DataError(
            f"y: expected shape ({a.shape[0]},), one label a row of x, got {labels.shape}. "
            "Solve several outputs one at a time."
        )
    theta = np.zeros(a.shape[1]) if start is None else numbers(start, "start", high=1e140)
    if theta.shape != a.shape[1:]:
        raise DataError(f"start: expected shape ({a.shape[1]},), one number a column of x, got {theta.shape}.")
    for name, array in (("x", a), ("y", labels), ("start", theta)):
        all_finite(array, name)
    if not a.any():
        raise DataError("x: expected some number that is not 0; with none every theta is as good as any other.")
    return a, labels, theta


def _decomposed(a: Float64[np.ndarray, "n features"]) -> tuple[Any, Any, Any]:
    """The singular value decomposition, cut at the numerical rank."""
    u, s, vt = np.linalg.svd(a, full_matrices=False)
    rank = int((s > max(a.shape) * np.finfo(np.float64).eps * s[0]).sum())
    return u[:, :rank], s[:rank], vt[:rank]


def _step(step: float, largest: float) -> float:
    eta = real(step)
    if not 0 < eta < largest:
        raise UsageError(
            f"step: expected a positive number below 2 / |X|^2 = {largest:.6g}, got {shown(step)}; "
            "with a larger one gradient descent does not converge."
        )
    return eta


def _said(n: int, p: int, rank: int) -> str:
    if rank == n:
        return "of all parameters that fit every label, the closest to the start"
    why = (
        f"{n} labels, but only {p} parameters"
        if n > p
        else f"rank {rank} of {n} rows: some rows depend on others"
    )
    return f"of all least-squares solutions the closest to the start; labels cannot all be fitted ({why})"


def assumptions(
    x: ArrayLike, y: ArrayLike, start: ArrayLike | None = None, **_: object
) -> tuple[Assumption, ...]:
    """What the statement of the slides asks, checked on the data.

    Args: as for :func:`least_squares_descent`.

    References: the slides of CITATION ask for n <= p; full rank is added.

    >>> [one.state for one in assumptions([[1.0], [1.0]], [0.0, 1.0])]
    ['fails', 'fails']
    """
    a, _labels, _theta = _inputs(x, y, start)
    n, p = a.shape
    rank = len(_decomposed(a)[1])
    return (
        checked("n <= p", "There are at least as many parameters as labels.", n <= p, f"n = {n}, p = {p}"),
        checked(
            "full row rank",
            "No row of X is a combination of others; otherwise the limit is the closest least-squares solution.",
            rank == n,
            f"rank {rank} of {n}",
        ),
    )


_X = np.cos(np.outer(np.arange(1, 4), np.arange(1, 7)))
THEOREMS = (
    Theorem(
        "least-squares-descent",
        least_squares_descent,
        {"x": _X, "y": np.array([1.0, -1.0, 2.0]), "start": np.ones(6)},
        assumptions,
        CITATION,
    ),
)
