"""Squared loss on a fixed kernel: residuals, predictions, distance and times to fit, from one eigendecomposition.

A model that is linear in its parameters, ``f(x) = f_0(x) + J(x) (theta - theta_0)``, has the kernel
``K(x, z) = J(x) J(z)^T``. Gradient descent with step eta on ``|r|^2 / (2 c)``, r = f - y on the training inputs and c
1 or the number of samples, gives

    r_t = (I - eta K / c)^t r_0,     theta_t - theta_0 = -J^T a_t,     f_t(x) = f_0(x) - K(x, X) a_t
    a_t = K^+ (I - (I - eta K / c)^t) r_0

and gradient flow the same with ``exp(-t K / c)``. In directions where the kernel is zero nothing is ever learnt:
their residual stays, and they add nothing to other predictions. All is derived in one line from the eigenvectors.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core.errors import DataError, NullSpaceWarning, UsageError
from overparam.theory.dynamics.factors import Factors, descent_factors, flow_factors
from overparam.theory.dynamics.inputs import (
    LARGEST,
    Residuals,
    Square,
    Times,
    matrix_of,
    residuals_of,
    step_of,
    times_of,
)
from overparam.theory.inputs import (
    all_finite,
    exponent_of,
    length,
    nonnegative,
    numbers,
    real,
    representable,
    shown,
)

OverTime = Float64[np.ndarray, "times n ..."]
TestOverTime = Float64[np.ndarray, "times n_test ..."]
_END = 1e307
UNSEEN = 1e-24
"""Share of the residual in directions of eigenvalue zero below which it counts as rounding."""


@dataclass(frozen=True, eq=False)
class KernelDynamics:
    """A kernel matrix in its eigenvectors; what is predicted follows from it for any residual, step and time.

    Attributes:
        eigenvalues: descending; those up to ``cutoff`` are set to exactly 0.
        vectors: eigenvectors in columns.
        cutoff: largest eigenvalue that cannot be told from 0, the rounding of the given numbers times their count.
        divisor: c above: 1 for the loss ``|r|^2 / 2``, the number of samples for its mean.
    """

    eigenvalues: Float64[np.ndarray, " n"]
    vectors: Square
    cutoff: float
    divisor: float

    @property
    def rank(self) -> int:
        """Number of eigenvalues above the cut-off."""
        return int((self.eigenvalues > 0).sum())

    @property
    def null(self) -> int:
        """Number of directions in which nothing is learnt."""
        return len(self.eigenvalues) - self.rank

    @property
    def condition(self) -> float:
        """Largest eigenvalue over the smallest; infinite where one is zero."""
        return math.inf if self.null else float(self.eigenvalues[0] / self.eigenvalues[-1])

    def largest_step(self, momentum: float = 0.0) -> float:
        """Step above which gradient descent diverges: ``2 c / lam_max``, with heavy-ball momentum b ``(1 + b)`` times.

        Args:
            momentum: b, from 0 to below 1, of ``theta' = theta - eta grad + b (theta - previous)``.

        Raises:
            UsageError: a momentum outside of these bounds.

        References: B. Polyak, Some methods of speeding up the convergence of iteration methods, 1964.

        >>> from overparam.theory.dynamics import kernel_dynamics
        >>> kernel_dynamics([[4.0]]).largest_step(), kernel_dynamics([[4.0]]).largest_step(0.5)
        (0.5, 0.75)
        """
        heavy = real(momentum)
        if not 0 <= heavy < 1:
            raise UsageError(f"momentum: expected a number from 0 to below 1, got {shown(momentum)}.")
        top = float(self.eigenvalues[0])
        return 2.0 * (1.0 + heavy) * self.divisor / top if top > 0 else math.inf

    def null_share(self, residual: ArrayLike) -> float:
        """Share of ``|r|^2`` in the directions in which nothing is learnt, from 0 to 1.

        >>> from overparam.theory.dynamics import kernel_dynamics
        >>> round(kernel_dynamics([[1.0, 1.0], [1.0, 1.0]]).null_share([1.0, 0.0]), 9)  # the same input twice
        0.5
        """
        r = residuals_of(residual, len(self.eigenvalues))
        r = np.ldexp(r, -exponent_of(r))
        total = float(np.square(r).sum())
        return float(np.square(self.vectors[:, self.rank :].T @ r).sum()) / total if total > 0 else 0.0

    def residual(self, residual: ArrayLike, times: ArrayLike, rate: float | None = None) -> OverTime:
        """Training residuals ``r_t = f_t - y`` at the given times.

        Args:
            residual: r_0, shape ``(n,)`` or ``(n, outputs)``.
            times: steps (whole numbers), or times of gradient flow; infinity is allowed.
            rate: step of gradient descent; None is gradient flow.

        Returns:
            Shape ``(times, n)`` or ``(times, n, outputs)``, in the unit of y. At infinity what lies in directions
            of eigenvalue zero stays, and a ``NullSpaceWarning`` says how much.

        Raises:
            DataError: residuals of another length, or not finite.
            UsageError: bad times or a bad rate, or a rate with which the residual grows without bound.

        >>> from overparam.theory.dynamics import kernel_dynamics
        >>> kernel_dynamics([[2.0, 0.0], [0.0, 1.0]]).residual([1.0, 1.0], [1], rate=0.25).tolist()
        [[0.5, 0.75]]
        """
        rate = step_of(rate)
        r, t = self._given(residual, times, rate)
        left, _ = self._factors(t, rate)
        kept, null = self.vectors[:, : self.rank], self.vectors[:, self.rank :]
        moving = np.einsum("nr,tr,r...->tn...", kept, left, kept.T @ r, optimize=True)
        return moving + null @ (null.T @ r)

    def dual(self, residual: ArrayLike, times: ArrayLike, rate: float | None = None) -> OverTime:
        """Weights a_t of the training samples: ``theta_t = theta_0 - J^T a_t`` and ``f_t(x) = f_0(x) - K(x, X) a_t``.

        Args: as for :meth:`residual`.

        Returns:
            Shape ``(times, n)`` or ``(times, n, outputs)``, in the unit of y over that of the kernel.

        >>> from overparam.theory.dynamics import kernel_dynamics
        >>> kernel_dynamics([[2.0]]).dual([3.0], [math.inf]).tolist()
        [[1.5]]
        """
        rate = step_of(rate)
        r, t = self._given(residual, times, rate)
        _, gone = self._factors(t, rate)
        kept = self.vectors[:, : self.rank]
        scaled = gone / self.eigenvalues[: self.rank]
        with np.errstate(over="ignore", invalid="ignore"):
            found = np.einsum("nr,tr,r...->tn...", kept, scaled, kept.T @ r, optimize=True)
        return np.asarray(representable(found, "residual, kernel"))

    def predict(
        self,
        start: ArrayLike,
        cross: ArrayLike,
        residual: ArrayLike,
        times: ArrayLike,
        rate: float | None = None,
    ) -> TestOverTime:
        """Predictions on other inputs, ``f_t(x) = f_0(x) - K(x, X) a_t``.

        Args:
            start: f_0 on the other inputs, shape ``(n_test,)`` or ``(n_test, outputs)``.
            cross: K between them and the training inputs, shape ``(n_test, n)``.
            residual: r_0 = f_0 - y on the training inputs, ``(n,)`` or ``(n, outputs)``.
            times: as for :meth:`residual`.
            rate: as for :meth:`residual`.

        Returns:
            Shape ``(times, n_test)`` or ``(times, n_test, outputs)``, in the unit of y.

        Raises:
            DataError: shapes that do not go together, or numbers that are not finite.

        >>> from overparam.theory.dynamics import kernel_dynamics
        >>> kernel_dynamics([[2.0]]).predict([0.0], [[1.0]], [-4.0], [math.inf]).tolist()
        [[2.0]]
        """
        k = matrix_of(cross, "cross")
        f0 = numbers(start, "start", high=LARGEST)
        all_finite(f0, "start")
        want = (k.shape[0], *residuals_of(residual, len(self.eigenvalues)).shape[1:])
        if k.shape[1] != len(self.eigenvalues) or f0.shape != want:
            raise DataError(
                f"cross and start: expected shapes (n_test, {len(self.eigenvalues)}) and {want}, got {k.shape} "
                f"and {f0.shape}. Rows of cross are test inputs, columns training inputs."
            )
        weights = self.dual(residual, times, rate)
        with np.errstate(over="ignore", invalid="ignore"):
            found = f0 - np.einsum("mn,tn...->tm...", k, weights, optimize=True)
        return np.asarray(representable(found, "cross, residual, kernel"))

    def loss(self, residual: ArrayLike, times: ArrayLike, rate: float | None = None) -> Times:
        """Training loss ``|r_t|^2 / (2 c)``, in squared units of y.

        Args: as for :meth:`residual`.

        Returns:
            Shape ``(times,)``.

        >>> from overparam.theory.dynamics import kernel_dynamics
        >>> kernel_dynamics([[1.0]]).loss([2.0], [0, math.inf]).tolist()
        [2.0, 0.0]
        """
        rate = step_of(rate)
        r, t = self._given(residual, times, rate)
        left, _ = self._factors(t, rate)
        weights, floor, e = self._energies(r)
        with np.errstate(over="ignore", under="ignore"):
            found = np.ldexp((np.square(left) @ weights + floor) / (2.0 * self.divisor), 2 * e)
        return np.asarray(representable(found, "residual"))

    def distance(self, residual: ArrayLike, times: ArrayLike, rate: float | None = None) -> Times:
        """Distance ``|theta_t - theta_0|`` that the parameters have gone, in their unit, shape ``(times,)``.

        Args: as for :meth:`residual`.

        At infinity it is the distance of the nearest parameters that fit, ``sqrt(r_0^T K^-1 r_0)``; in a singular
        kernel that of the nearest least-squares solution.

        >>> from overparam.theory.dynamics import kernel_dynamics
        >>> kernel_dynamics([[4.0]]).distance([2.0], [math.inf]).tolist()
        [1.0]
        """
        rate = step_of(rate)
        r, t = self._given(residual, times, rate)
        _, gone = self._factors(t, rate)
        weights, _, e = self._energies(r)
        moved = gone * np.sqrt(weights) / np.sqrt(self.eigenvalues[: self.rank])
        with np.errstate(over="ignore"):
            found = np.ldexp([length(one) for one in moved], e)
        return np.asarray(representable(found, "residual, kernel"))

    def time_to(self, residual: ArrayLike, loss: float, rate: float | None = None) -> float:
        """First time at which the training loss is at most ``loss``; infinite if it is not before 1e307.

        Args:
            residual: r_0, shape ``(n,)`` or ``(n, outputs)``.
            loss: asked for, in squared units of y.
            rate: step of gradient descent, below :meth:`largest_step`; None is gradient flow.

        Returns:
            A whole number of steps, or a time of gradient flow (to about 12 digits).

        Raises:
            UsageError: a negative loss, or a rate at or above the stability limit.

        >>> from overparam.theory.dynamics import kernel_dynamics
        >>> kernel_dynamics([[1.0]]).time_to([1.0], 0.5 * 0.25, rate=0.5)  # the residual is halved each step
        1.0
        """
        asked, rate = nonnegative(loss, "loss"), step_of(rate)
        r, _ = self._given(residual, [0], rate)
        if rate is not None and rate >= self.largest_step():
            raise UsageError(f"rate: expected one below {self.largest_step():.6g}, the limit, got {rate:.6g}.")
        weights, floor, e = self._energies(r)
        with np.errstate(over="ignore"):
            wanted = 2.0 * self.divisor * float(np.ldexp(asked, -2 * e))
        moved = weights > 0
        weights, lam = weights[moved], self.eigenvalues[: self.rank][moved]
        if (float(weights.sum()) + floor) * (1 - 1e-12) <= wanted:  # the start itself, up to rounding
            return 0.0
        if wanted <= floor:
            return math.inf
        speeds = lam / self.divisor * (1.0 if rate is None else rate)
        unit = (
            exponent_of(speeds) if rate is None else 0
        )  # of time, in which the fastest direction takes about 1
        speeds = np.ldexp(speeds, -unit)

        def left(time: float) -> float:
            make = flow_factors if rate is None else descent_factors
            return float(np.square(make(speeds, np.array([float(time)]))[0][0]) @ weights) + floor

        high = 1.0
        while left(high) > wanted:
            high *= 2.0
            if high > _END:
                return math.inf
        low = 0.0 if high == 1.0 else high / 2.0
        exact = 1e-13 if rate is None else 0.0
        while high - low > max(exact * high, 0.0 if rate is None else 1.0):
            middle = 0.5 * (low + high) if rate is None else math.floor(0.5 * (low + high))
            if middle in (low, high):
                break
            low, high = (low, middle) if left(middle) <= wanted else (middle, high)
        with np.errstate(over="ignore"):
            return float(np.ldexp(high, -unit))

    def _given(self, residual: ArrayLike, times: ArrayLike, rate: float | None) -> tuple[Residuals, Times]:
        r = residuals_of(residual, len(self.eigenvalues))
        t = times_of(times, whole=step_of(rate) is not None)
        if np.isinf(t).any() and (share := self.null_share(r)) > UNSEEN:
            warnings.warn(
                f"{self.null} of {len(self.eigenvalues)} directions have eigenvalue zero (at most "
                f"{self.cutoff:.3g}); {share:.3g} of the squared residual lies there and is never learnt. Look for "
                "duplicated inputs, opposite inputs, or more samples than parameters.",
                NullSpaceWarning,
                stacklevel=3,
            )
        return r, t

    def _factors(self, times: Times, rate: float | None) -> tuple[Factors, Factors]:
        speeds = self.eigenvalues[: self.rank] / self.divisor
        return flow_factors(speeds, times) if rate is None else descent_factors(rate * speeds, times)

    def _energies(self, r: Residuals) -> tuple[Float64[np.ndarray, " rank"], float, int]:
        """Squared residual in every direction that is learnt, and the sum in those that are not, in units of 4^e; e."""
        e = exponent_of(r)
        squares = np.square(self.vectors.T @ np.ldexp(r, -e)).reshape(len(r), -1).sum(axis=1)
        return squares[: self.rank], float(squares[self.rank :].sum()), e
