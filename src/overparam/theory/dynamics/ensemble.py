"""Lee et al. (2019): mean and covariance over initialisations of infinitely wide networks trained by gradient descent.

At initialisation the outputs of infinitely wide networks are Gaussian with covariance K (often called NNGP), and
training moves them on the fixed kernel T (the tangent kernel): ``f_t(x) = f_0(x) - T(x, X) a_t`` with weights a_t
linear in ``f_0(X) - y``. So with ``A = T(x, X) T^+ (I - D)``, ``D = (I - eta T)^t`` or ``exp(-t T)``,

    mean  = A y,     covariance = K(x, x) - A K(X, x) - K(x, X) A^T + A K(X, X) A^T

and on the training inputs ``(I - D) y`` and ``D K D``. Derived from the line above; equations 14 to 16 of the paper,
whose numbers were recalled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core.errors import DataError, UsageError
from overparam.theory.assumption import Assumption, checked
from overparam.theory.dynamics.inputs import Square, matrix_of, residuals_of, step_of, symmetric_of, times_of
from overparam.theory.dynamics.linearised import CITATION
from overparam.theory.dynamics.make import Loss, dynamics_of
from overparam.theory.inputs import no_negative, representable
from overparam.theory.theorem import Theorem

Means = Float64[np.ndarray, "times n ..."]
Covariances = Float64[np.ndarray, "times n n"]


@dataclass(frozen=True, eq=False)
class Ensemble:
    """What infinitely wide networks predict over random initialisations, at each time; outputs are independent.

    Attributes:
        mean: shape ``(times, n)`` or ``(times, n, outputs)``, in the unit of y.
        covariance: between inputs, the same for every output, shape ``(times, n, n)``, in squared units of y.
    """

    mean: Means
    covariance: Covariances

    @property
    def sd(self) -> Float64[np.ndarray, "times n"]:
        """Standard deviation over initialisations; variances that rounding made negative count as 0."""
        return np.sqrt(np.maximum(np.diagonal(self.covariance, axis1=1, axis2=2), 0.0))


def ensemble(
    ntk: ArrayLike,
    nngp: ArrayLike,
    y: ArrayLike,
    times: ArrayLike,
    rate: float | None = None,
    cross_ntk: ArrayLike | None = None,
    cross_nngp: ArrayLike | None = None,
    test_nngp: ArrayLike | None = None,
    loss: Loss = "half sum",
) -> Ensemble:
    """Mean and covariance over initialisations, on the training inputs or on others.

    Args:
        ntk: tangent kernel T on the training inputs, shape ``(n, n)``.
        nngp: covariance K of the outputs at initialisation, shape ``(n, n)``.
        y: targets, shape ``(n,)`` or ``(n, outputs)``.
        times: steps, or times of gradient flow; infinity is allowed.
        rate: step of gradient descent; None is gradient flow.
        cross_ntk: T between other inputs and the training inputs, shape ``(n_test, n)``. With the next two the
            result is on the other inputs, without the three on the training inputs.
        cross_nngp: K between them, shape ``(n_test, n)``.
        test_nngp: K on the other inputs, shape ``(n_test, n_test)``.
        loss: ``half sum`` or ``mean``, as for :func:`~overparam.theory.dynamics.kernel_dynamics`.

    Returns:
        Means and covariances at every time. Where the tangent kernel is zero an initialisation's own output stays,
        so that the covariance there does not fall to 0.

    Raises:
        DataError: shapes that do not go together, or numbers that are not finite.
        UsageError: one or two of the three matrices for other inputs, bad times, or a bad rate.

    Assumptions: infinite width, Gaussian initialisation with mean zero, every parameter trained, a step below the
        stability limit.

    References: Lee et al. 2019, equations 14 to 16 (numbers recalled); derived above.

    >>> found = ensemble([[2.0]], [[1.0]], [3.0], [0, 1], rate=0.25)  # D is 1, then 1/2
    >>> found.mean.tolist(), found.sd.tolist()
    ([[0.0], [1.5]], [[1.0], [0.5]])
    """
    trajectory = dynamics_of(ntk, "ntk", loss)
    n = len(trajectory.eigenvalues)
    k, targets = _covariance(nngp, "nngp"), residuals_of(y, n, "y")
    if k.shape != (n, n):
        raise DataError(f"nngp: expected shape ({n}, {n}), as the tangent kernel, got {k.shape}.")
    other = [cross_ntk, cross_nngp, test_nngp]
    if any(one is None for one in other) and not all(one is None for one in other):
        raise UsageError("expected cross_ntk, cross_nngp and test_nngp together, or none of them.")
    times_of(times, whole=rate is not None)
    if cross_ntk is None or cross_nngp is None or test_nngp is None:
        left = trajectory.residual(np.eye(n), times, rate)
        with np.errstate(over="ignore", invalid="ignore"):
            mean = targets - np.einsum("tnm,m...->tn...", left, targets)
            return _ensemble(mean, left @ k @ left.transpose(0, 2, 1))
    t_cross, k_cross = matrix_of(cross_ntk, "cross_ntk"), matrix_of(cross_nngp, "cross_nngp")
    k_test = _covariance(test_nngp, "test_nngp")
    want = (len(k_test), n)
    if t_cross.shape != want or k_cross.shape != want:
        raise DataError(
            f"cross_ntk and cross_nngp: expected shape {want}, got {t_cross.shape} and {k_cross.shape}. "
            "Rows are test inputs, columns training inputs."
        )
    dual = trajectory.dual(np.eye(n), times, rate)
    with np.errstate(over="ignore", invalid="ignore"):
        weights = np.einsum("mn,tnk->tmk", t_cross, dual)
        mixed = weights @ k_cross.T
        covariance = k_test - mixed - mixed.transpose(0, 2, 1) + weights @ k @ weights.transpose(0, 2, 1)
        return _ensemble(np.einsum("tmn,n...->tm...", weights, targets), covariance)


def _ensemble(mean: Means, covariance: Covariances) -> Ensemble:
    representable(mean, "y, ntk, cross_ntk")
    return Ensemble(mean, representable(_symmetric(covariance), "nngp, ntk, cross_ntk"))


def _covariance(values: ArrayLike, name: str) -> Square:
    out = symmetric_of(values, name)
    no_negative(np.linalg.eigvalsh(out), float(np.abs(out).max()), values, name)
    return out


def _symmetric(matrices: Covariances) -> Covariances:
    return 0.5 * (matrices + matrices.transpose(0, 2, 1))


def assumptions(
    ntk: ArrayLike, nngp: ArrayLike, y: ArrayLike, times: ArrayLike, rate: float | None = None, **_: object
) -> tuple[Assumption, ...]:
    """What the formula asks, checked on the numbers given where that is possible.

    Args: as for :func:`ensemble`.

    References: Lee et al. 2019.

    >>> assumptions([[2.0]], [[1.0]], [3.0], [0], rate=0.25)[1].state
    'holds'
    """
    limit, step = dynamics_of(ntk, "ntk").largest_step(), step_of(rate)
    return (
        Assumption(
            "infinite width",
            "Networks are infinitely wide, with Gaussian outputs at initialisation.",
            "unchecked",
            "only the kernels are given here",
        ),
        checked(
            "stable step",
            "The step is below 2 / largest eigenvalue of the tangent kernel.",
            step is None or step < limit,
            "gradient flow" if step is None else f"step {step:.4g}, limit {limit:.4g}",
        ),
    )


_GRID = np.linspace(-1, 1, 5)
_KERNEL = np.exp(-(np.subtract.outer(_GRID, _GRID) ** 2))
THEOREM = Theorem(
    "kernel-ensemble",
    ensemble,
    {
        "ntk": _KERNEL + np.eye(5),
        "nngp": _KERNEL,
        "y": np.sin(3 * _GRID),
        "times": (0, 1, 10, math.inf),
        "rate": 0.2,
    },
    assumptions,
    CITATION,
)
