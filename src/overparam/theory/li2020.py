r"""Early stopping under label noise on a fixed kernel: when the clean labels are fitted best, and what each mode holds.

On squared loss with a kernel of eigenpairs (l_j, u_j), mode j of the given labels is fitted to the share
:math:`a_j = 1 - (1 - \eta l_j)^t`. With s_j the clean labels' part and n_j the noise's, the error to the CLEAN labels is
:math:`\sum_j (-(1 - a_j) s_j + a_j n_j)^2`: it falls while modes of signal are learnt, and rises with those of noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core.errors import DataError
from overparam.theory.assumption import Assumption, checked
from overparam.theory.dynamics.inputs import LARGEST, residuals_of
from overparam.theory.dynamics.kernel import UNSEEN
from overparam.theory.dynamics.make import kernel_dynamics
from overparam.theory.inputs import all_finite, count, exponent_of, numbers
from overparam.theory.theorem import Theorem

CITATION = (
    "M. Li, M. Soltanolkotabi and S. Oymak, Gradient descent with early stopping is provably robust to label noise for "
    "overparameterized neural networks, AISTATS 2020, arXiv:1903.11680."
)


@dataclass(frozen=True, eq=False)
class EarlyStop:
    """When to stop, as the kernel predicts it from clean and given labels.

    Attributes:
        times: the times asked about.
        clean_error: mean squared error to the clean labels on the training inputs at these, in squared units of y.
        loss: training loss on the given labels, the mean of half the squared residuals, at these.
        distance: how far the parameters have gone at these.
        best: the time of the least clean error; the first one of equals.
        least: that error.
        gained: error at the last time less the least: what stopping saves.
    """

    times: Float64[np.ndarray, " times"]
    clean_error: Float64[np.ndarray, " times"]
    loss: Float64[np.ndarray, " times"]
    distance: Float64[np.ndarray, " times"]
    best: float
    least: float
    gained: float


def early_stopping(
    kernel: ArrayLike,
    given: ArrayLike,
    clean: ArrayLike,
    times: ArrayLike,
    *,
    rate: float | None = None,
    start: ArrayLike | None = None,
) -> EarlyStop:
    """Error to the clean labels over training on the given ones, and the time at which it is least.

    Args:
        kernel: tangent kernel of the training inputs at the start, shape ``(n, n)``.
        given: the labels that are trained on, as numbers, shape ``(n,)`` or ``(n, outputs)``.
        clean: the labels without noise, of the same shape.
        times: steps of gradient descent on half the sum of squares, or times of flow; infinity is allowed.
        rate: step of gradient descent; None is gradient flow. For a mean over n examples give ``rate / n``.
        start: outputs at the start, of the labels' shape; None are zeros.

    Returns:
        The curves at the times, and the best of these.

    Raises:
        DataError: a kernel that is none, or labels that do not fit.
        UsageError: bad times, or a rate with which training diverges.

    References: Li, Soltanolkotabi and Oymak 2020, the decomposition of the residual along the kernel (own derivation, exact
        for the linear model; the theorem's constants are not used).

    >>> found = early_stopping(np.diag([1.0, 0.01]), [1.0, 1.0], [1.0, 0.0], [0, 1, 10, 1000], rate=1.0)
    >>> found.best, found.clean_error.round(4).tolist()  # noise on the slow mode
    (1.0, [0.5, 0.0001, 0.0046, 0.5])
    """
    dynamics = kernel_dynamics(kernel)
    n = len(dynamics.eigenvalues)
    y, true = residuals_of(given, n, "given"), residuals_of(clean, n, "clean")
    first = np.zeros_like(y) if start is None else residuals_of(start, n, "start")
    if y.shape != true.shape or y.shape != first.shape:
        raise DataError(
            f"given, clean, start: expected one shape, got {y.shape}, {true.shape} and {first.shape}."
        )
    left = dynamics.residual(first - y, times, rate)
    off = left + (y - true)
    clean_error = np.square(off).reshape(len(off), -1).sum(axis=1) / n
    best = int(clean_error.argmin())
    at = np.atleast_1d(np.asarray(times, dtype=np.float64))
    return EarlyStop(
        at,
        clean_error,
        dynamics.loss(first - y, times, rate) / n,
        dynamics.distance(first - y, times, rate),
        float(at[best]),
        float(clean_error[best]),
        float(clean_error[-1] - clean_error[best]),
    )


def mode_energies(kernel: ArrayLike, residuals: ArrayLike) -> Float64[np.ndarray, "times n"]:
    """Squared size of residuals along every eigenvector of a kernel, the fastest first, in squared units of y.

    Of a network's measured residuals at several times it shows which modes it has learnt; their sum is the squared norm.
    Directions of equal eigenvalues share their energy in a way that rounding decides: sum over them.

    Args:
        kernel: shape ``(n, n)``.
        residuals: shape ``(times, n)``, or ``(times, n, outputs)`` whose outputs are summed.

    Returns:
        Shape ``(times, n)``, by descending eigenvalue.

    Raises:
        DataError: a kernel that is none, or residuals of another shape.

    References: elementary; the modes are those of Li, Soltanolkotabi and Oymak 2020.

    >>> mode_energies(np.diag([1.0, 4.0]), [[3.0, 2.0]]).tolist()
    [[4.0, 9.0]]
    """
    dynamics = kernel_dynamics(kernel)
    n = len(dynamics.eigenvalues)
    r = numbers(residuals, "residuals", high=LARGEST)
    if r.ndim not in (2, 3) or r.shape[1] != n or not r.size:
        raise DataError(f"residuals: expected shape (times, {n}) or (times, {n}, outputs), got {r.shape}.")
    all_finite(r, "residuals")
    e = exponent_of(r)
    along = np.einsum("nj,tn...->tj...", dynamics.vectors, np.ldexp(r, -e))
    return np.ldexp(np.square(along).reshape(len(r), n, -1).sum(axis=2), 2 * e)


def top_alignment(kernel: ArrayLike, labels: ArrayLike, top: int) -> float:
    """Share of the squared labels in the span of the kernel's leading eigenvectors, from 0 to 1.

    On clustered inputs clean labels lie almost whole in as many modes as there are clusters, and noise does not.

    Args:
        kernel: shape ``(n, n)``.
        labels: shape ``(n,)`` or ``(n, outputs)``, not all 0.
        top: number of eigenvectors, 1 to n.

    Raises:
        DataError: a kernel that is none, or labels that do not fit or are all 0.
        UsageError: another number of eigenvectors.

    References: as for :func:`early_stopping`.

    >>> round(top_alignment(np.diag([4.0, 1.0]), [3.0, 4.0], 1), 12)
    0.36
    """
    dynamics = kernel_dynamics(kernel)
    n = len(dynamics.eigenvalues)
    y = residuals_of(labels, n, "labels")
    count(top, "top", 1, n)
    y = np.ldexp(y, -exponent_of(y))
    whole = float(np.square(y).sum())
    if whole == 0:
        raise DataError("labels: expected numbers that are not all 0, got only zeros.")
    return min(1.0, float(np.square(dynamics.vectors[:, :top].T @ y).sum()) / whole)


def assumptions(
    kernel: ArrayLike,
    given: ArrayLike,
    clean: ArrayLike,
    times: ArrayLike,
    *,
    rate: float | None = None,
    start: ArrayLike | None = None,
) -> tuple[Assumption, ...]:
    """What the prediction asks: a kernel that stays, and no label in a direction that is never learnt.

    Args: as for :func:`early_stopping`.

    References: as for :func:`early_stopping`.

    >>> [one.state for one in assumptions(np.eye(2), [1.0, 1.0], [1.0, 0.0], [1.0])]
    ['unchecked', 'holds']
    """
    dynamics = kernel_dynamics(kernel)
    share = dynamics.null_share(residuals_of(given, len(dynamics.eigenvalues), "given"))
    return (
        Assumption(
            "lazy training",
            "The network's kernel does not change during training.",
            "unchecked",
            "a single kernel is given",
        ),
        checked(
            "no null space",
            "The given labels have no part where the kernel is zero.",
            share <= UNSEEN,
            f"share {share:.3g}",
        ),
    )


THEOREMS = (
    Theorem(
        "early-stopping-under-label-noise",
        early_stopping,
        {
            "kernel": ((2.0, 0.5), (0.5, 1.0)),
            "given": (1.0, -1.0),
            "clean": (1.0, 1.0),
            "times": (0.0, 1.0, 10.0),
        },
        assumptions,
        CITATION,
    ),
)
