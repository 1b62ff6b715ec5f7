"""The exact mean of stochastic gradient descent on a linear model, for every batch size, with nothing simulated.

The model has the kernel matrix ``G = J J^T`` on n samples and the residual ``r = f - y``; a step is
``theta - (eta/B) sum_{i in S} J_i^T r_i`` with a batch S drawn anew each time. Then ``M = E[r r^T]`` obeys

    M+ = M - (eta/n)(G M + M G) + (eta/n)^2 G [(1 - p) M + p n D(M)] G

with p of :func:`~overparam.theory.sgd.sampling.batch_noise` and D(M) the diagonal of M: for several outputs its
blocks of ``outputs x outputs``, one a sample. Labels are arbitrary; where the model cannot fit them (fewer
parameters than samples) the recursion shows the floor that the batch noise leaves. Proof: the gradient of a batch is
``(n/B) J^T P r / n`` with a random diagonal P of counts, and E[P_i P_j] / B^2 is ``(1-p)/n^2`` for two samples and
``(1-p)/n^2 + p/n`` for one; M and P are independent.

M is kept in the eigenvectors of G, where all but D(M) acts entry by entry. What no step changes then stays as it is
to the last digit, and small losses keep their digits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64
from numpy.typing import ArrayLike

from overparam.core.errors import DataError, UsageError
from overparam.theory.assumption import Assumption, checked
from overparam.theory.inputs import array_of, count
from overparam.theory.sgd.sampling import batch_noise, finite, kernel_matrix, positive_step
from overparam.theory.theorem import Theorem

Moment = Float64[np.ndarray, "n n"]
HUGE = 1e250
FITTED = 1e-12  # share of the residual outside of the kernel's range that counts as none


@dataclass(frozen=True, eq=False)
class SgdMoments:
    """Expected trajectory of stochastic gradient descent; infinite from where it exceeds 1e250 on.

    Attributes:
        times: numbers of steps done.
        loss: ``E (1/2) ||r_t||^2``, the sum over samples and outputs, in squared units of the target.
        mean_loss: ``(1/2) ||E r_t||^2``: what gradient descent with the same step has; the rest is batch noise.
        distance: expected squared distance in parameters to the nearest solution, ``tr(G^+ M)``, where the targets
            can be fitted; otherwise to the least squares solution.
        mean_residual: ``E r_t``, shape ``(times, samples * outputs)``.
        final: M at the last time, shape ``(samples * outputs, samples * outputs)``.
    """

    times: tuple[int, ...]
    loss: Float64[np.ndarray, " times"]
    mean_loss: Float64[np.ndarray, " times"]
    distance: Float64[np.ndarray, " times"]
    mean_residual: Float64[np.ndarray, "times n"]
    final: Moment


def expected_course(
    kernel: ArrayLike,
    residual: ArrayLike,
    batch: int,
    step: float,
    steps: int,
    outputs: int = 1,
    replacement: bool = False,
    times: ArrayLike | None = None,
) -> SgdMoments:
    """Exact expected loss of stochastic gradient descent on a linear model, in squared units of the target.

    Args:
        kernel: ``G = J J^T``, shape ``(samples * outputs, samples * outputs)``, sample by sample.
        residual: ``f - y`` at the start, shape ``(samples,)``, ``(samples, outputs)`` or flattened so.
        batch: B, samples a step.
        step: eta; it multiplies the gradient of the batch's mean of ``(1/2) ||r_i||^2``.
        steps: number of steps.
        outputs: number of outputs.
        replacement: whether batches are drawn with replacement.
        times: ascending numbers of steps at which values are kept; all by default.

    Returns:
        The trajectory; two matrix products of size ``samples * outputs`` a step.

    Raises:
        DataError: shapes that do not fit, missing numbers, a kernel that is not positive semidefinite.
        UsageError: a batch larger than the set, a step that is not above 0, times outside 0 to steps.

    Assumptions: the model is linear in its parameters; batches are independent and of one size.

    References: elementary; equal to the sum over all batches. For interpolating models it is the second-moment
        recursion of R. Mulayoff and T. Michaeli, Exact mean square linear stability analysis for SGD, COLT 2024.

    One sample of two, each orthogonal to the other: a step of 1 fits it, so half of the loss is left.

    >>> expected_course([[1.0, 0.0], [0.0, 1.0]], [1.0, 1.0], batch=1, step=1.0, steps=2).loss.tolist()
    [1.0, 0.5, 0.25]
    """
    g = kernel_matrix(kernel, outputs)
    r = start_of(residual, len(g))
    samples = len(g) // outputs
    p, step = batch_noise(samples, batch, replacement), positive_step(step)
    kept = _times(times, count(steps, "steps", 0))
    start = coordinates(g, r)
    seen = start.values > 0
    back = np.where(seen, 1 / np.where(seen, start.values, 1.0), 0.0)
    loss, distance = np.full(len(kept), np.inf), np.full(len(kept), np.inf)
    final = np.full_like(g, np.inf)
    place = 0
    for t, moment in enumerate(second_moments(start, p, step, outputs)):
        if t == kept[place]:
            loss[place] = np.trace(moment) / 2
            distance[place] = np.diagonal(moment) @ back
            place += 1
        if place == len(kept):
            final = start.basis @ moment @ start.basis.T
            final = (final + final.T) / 2
            break
    with np.errstate(over="ignore", invalid="ignore"):
        shrink = (1 - step * start.values / samples)[None, :] ** kept[:, None]
        mean = np.nan_to_num((shrink * start.residual) @ start.basis.T, nan=np.inf)
        mean_loss = ((shrink * start.residual) ** 2).sum(axis=1) / 2
    return SgdMoments(tuple(kept.tolist()), loss, mean_loss, distance, mean, final)


@dataclass(frozen=True, eq=False)
class Coordinates:
    """A residual in eigenvectors of the kernel; all that lies in its null space is one direction.

    Attributes:
        values: eigenvalues of G, 0 for the last direction where the residual leaves the range.
        basis: orthonormal columns, shape ``(samples * outputs, directions)``.
        residual: coordinates of the residual, shape ``(directions,)``.
    """

    values: Float64[np.ndarray, " directions"]
    basis: Float64[np.ndarray, "n directions"]
    residual: Float64[np.ndarray, " directions"]


def coordinates(kernel: Moment, residual: Float64[np.ndarray, " n"]) -> Coordinates:
    """The residual in the range of the kernel, and what lies outside of it.

    Args:
        kernel: G, checked, shape ``(samples * outputs, samples * outputs)``.
        residual: shape ``(samples * outputs,)``.

    References: elementary; eigenvalues up to 50 times rounding count as 0.

    >>> coordinates(np.diag([4.0, 0.0]), np.array([3.0, 2.0])).values.tolist()
    [4.0, 0.0]
    """
    values, vectors = np.linalg.eigh(kernel)
    kept = values > 50 * len(kernel) * np.finfo(np.float64).eps * max(float(values[-1]), 1e-300)
    values, basis = values[kept], vectors[:, kept]
    inside = basis.T @ residual
    outside = residual - basis @ inside
    size = float(np.linalg.norm(outside))
    if size > FITTED * float(np.linalg.norm(residual)) or not kept.any():
        values = np.append(values, 0.0)
        basis = np.column_stack([basis, outside / max(size, 1e-300)])
        inside = np.append(inside, size)
    return Coordinates(values, basis, inside)


def second_moments(start: Coordinates, noise: float, step: float, outputs: int = 1) -> Iterator[Moment]:
    """``E[r_t r_t^T]`` in the coordinates of the start, for t = 0, 1, 2, ... until an entry exceeds 1e250.

    Args:
        start: residual in eigenvectors of the kernel.
        noise: p of :func:`~overparam.theory.sgd.sampling.batch_noise`.
        step: eta.
        outputs: number of outputs.

    References: as for :func:`expected_course`.
    """
    samples = len(start.basis) // outputs
    with np.errstate(over="ignore", invalid="ignore"):
        lam = start.values * (step / samples)
        fixed = 1 - (lam[:, None] + lam) + (1 - noise) * np.outer(lam, lam)
        pulled = start.basis * lam
    moment = np.outer(start.residual, start.residual)
    while True:
        yield moment
        with np.errstate(over="ignore", invalid="ignore"):  # a trajectory that leaves float64 ends below
            moment = fixed * moment + (noise * samples) * by_sample(start.basis, pulled, moment, outputs)
        if not np.abs(moment).max() < HUGE:
            return


def by_sample(
    basis: Float64[np.ndarray, "n directions"],
    pulled: Float64[np.ndarray, "n directions"],
    moment: Float64[np.ndarray, "directions directions"],
    outputs: int = 1,
) -> Float64[np.ndarray, "directions directions"]:
    """``A^T D(V M V^T) A`` with D the block diagonal, one block of ``outputs x outputs`` a sample.

    Args:
        basis: V.
        pulled: A.
        moment: M.
        outputs: size of a block.

    References: elementary.

    >>> by_sample(np.eye(2), np.eye(2), np.array([[2.0, 7.0], [7.0, 3.0]])).tolist()
    [[2.0, 0.0], [0.0, 3.0]]
    """
    left = basis @ moment
    if outputs == 1:
        out = pulled.T @ ((left * basis).sum(axis=1)[:, None] * pulled)
    else:
        shape = (-1, outputs, basis.shape[1])
        blocks = left.reshape(shape) @ basis.reshape(shape).transpose(0, 2, 1)
        out = pulled.T @ (blocks @ pulled.reshape(shape)).reshape(pulled.shape)
    return (out + out.T) / 2


def start_of(residual: ArrayLike, rows: int) -> Float64[np.ndarray, " n"]:
    """Return a residual as one vector, sample by sample.

    Raises:
        DataError: another number of entries than the kernel has rows, or missing numbers.
    """
    r = finite(residual, "residual", (1, 2), "(samples,) or (samples, outputs)").ravel()
    if len(r) != rows:
        raise DataError(
            f"residual: expected {rows} entries, one a row of the kernel, got {len(r)}. With several outputs the "
            "kernel has samples * outputs rows."
        )
    return r


def _times(times: ArrayLike | None, steps: int) -> Int64[np.ndarray, " times"]:
    if times is None:
        return np.arange(steps + 1, dtype=np.int64)
    kept = np.atleast_1d(array_of(times, "times"))
    whole = kept.ndim == 1 and kept.size and kept.dtype.kind in "iu"
    if not whole or kept[0] < 0 or kept[-1] > steps or (np.diff(kept) <= 0).any():
        raise UsageError(f"times: expected ascending whole numbers from 0 to {steps}, got {kept.tolist()}.")
    return kept.astype(np.int64)


def assumptions(
    kernel: ArrayLike, residual: ArrayLike, outputs: int = 1, **_: object
) -> tuple[Assumption, ...]:
    """What the exact mean asks, checked where the numbers allow it.

    Args: as for :func:`expected_course`.

    References: as for :func:`expected_course`.

    >>> [one.state for one in assumptions([[1.0, 0.0], [0.0, 0.0]], [1.0, 1.0])]
    ['unchecked', 'unchecked', 'fails']
    """
    g = kernel_matrix(kernel, outputs)
    r = start_of(residual, len(g))
    start = coordinates(g, r)
    left = float(start.residual[start.values == 0] @ start.residual[start.values == 0]) / max(
        float(r @ r), 1e-300
    )
    lost = len(g) - int((start.values > 0).sum())
    return (
        Assumption(
            "linear model",
            "The model is linear in its parameters; a network is so only near where its kernel was taken.",
            "unchecked",
            "only a kernel is given here",
        ),
        Assumption(
            "independent batches",
            "Every batch is drawn anew; an epoch's shuffled order has another mean.",
            "unchecked",
            "a property of the training loop",
        ),
        checked(
            "can be fitted",
            "The residual lies in the range of the kernel, so that the loss can reach 0.",
            left == 0,
            f"{left:.3g} of its squared length lies outside, in the {lost} directions that no step changes",
        ),
    )


_J = np.random.default_rng(0).standard_normal((5, 9))
THEOREMS = (
    Theorem(
        "sgd-expected-loss",
        expected_course,
        {"kernel": _J @ _J.T, "residual": np.ones(5), "batch": 2, "step": 0.05, "steps": 20},
        assumptions,
        "R. Mulayoff and T. Michaeli, Exact mean square linear stability analysis for SGD, COLT 2024, "
        "arXiv:2306.07850 (the second moment); here in the residual, for any labels.",
        "where it exceeds 1e250",
    ),
)
