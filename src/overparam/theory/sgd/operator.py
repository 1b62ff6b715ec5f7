"""Eigenvalues of the maps on matrices that say whether stochastic gradient descent stays at a minimum.

In the eigenvectors of H one step multiplies the second moment M of the distance to the minimum by

    T(M) = M - eta C(M) + eta^2 Q(M),    C(M) = H M + M H,
    Q(M) = (1 - p) H M H + (p/n) sum_i H_i M H_i.

T, Q and C are self-adjoint, and T and Q keep positive semidefinite matrices so. Hence their largest eigenvalue is
their spectral radius, belongs to a positive semidefinite matrix (not orthogonal to the identity), is found from
below by the Lanczos method started at the identity, and is bounded from above by every ``lam`` with
``T(X) <= lam X`` for some positive definite X (Collatz and Wielandt, for the order of matrices). Both ends are
returned: no tolerance has to be believed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy.linalg import LinAlgError, eigh
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from overparam.core.errors import UsageError
from overparam.theory.inputs import nonnegative, positive
from overparam.theory.sgd.minimum import Matrix, Minimum

Map = Callable[[Matrix], Matrix]
FARTHEST = 1e60  # a step over the largest stable one, about; its fourth power is within float64
DENSE = 16  # directions up to which the map is written out as a matrix
_SMOOTHING = 4
_MIXES = (1e-3, 1e-6, 1e-9, 1e-12)


@dataclass(frozen=True)
class Bracket:
    """An eigenvalue between two numbers.

    Attributes:
        low: Rayleigh quotient of a matrix: never above the eigenvalue.
        high: from a positive definite matrix: never below it. Both hold up to rounding.
    """

    low: float
    high: float


def second_moment_step(minimum: Minimum, noise: float, step: float) -> Map:
    """The map T of one step on the second moment.

    Args:
        minimum: curvatures of the samples.
        noise: p of :func:`~overparam.theory.sgd.sampling.batch_noise`.
        step: eta.

    References: L. Wu, C. Ma, W. E, NeurIPS 2018, equation of the second moment (recalled, not checked).
    """
    lam = minimum.curvature
    fixed = 1 - step * (lam[:, None] + lam) + (1 - noise) * step**2 * np.outer(lam, lam)

    def apply(m: Matrix) -> Matrix:
        return fixed * m + (noise * step**2) * minimum.average(m) if noise else fixed * m

    return apply


def second_order(minimum: Minimum, noise: float) -> Map:
    """The map Q, the part of T that grows with the square of the step.

    Args: as for :func:`second_moment_step`.

    References: as for :func:`second_moment_step`.
    """
    fixed = (1 - noise) * np.outer(minimum.curvature, minimum.curvature)

    def apply(m: Matrix) -> Matrix:
        return fixed * m + noise * minimum.average(m) if noise else fixed * m

    return apply


def spectral_radius(minimum: Minimum, noise: float, step: float, edge: float | None = None) -> Bracket:
    """Factor by which the second moment finally grows a step, T restricted to the range of H.

    Below the stable step the smallest eigenvalue of ``1 - T = eta C - eta^2 Q`` is found through its inverse, which
    keeps positive semidefinite matrices so, too: tiny curvatures bring eigenvalues of T that crowd below 1.

    Args:
        minimum: curvatures of the samples.
        noise: p of :func:`~overparam.theory.sgd.sampling.batch_noise`.
        step: eta.
        edge: the largest stable step, where it is known already.

    Raises:
        UsageError: no minimum, a share outside 0 to 1, or a step that is not positive or is beyond all use.

    References: as for :func:`second_moment_step`.

    >>> from overparam.theory.sgd.minimum import minimum_of_features
    >>> spectral_radius(minimum_of_features([[1.0]]), 0.0, 0.5).high
    0.25
    """
    if not isinstance(minimum, Minimum):
        raise UsageError(
            f"minimum: expected a Minimum, as minimum_of_features gives it, got {type(minimum).__name__}."
        )
    noise, step = nonnegative(noise, "noise"), positive(step, "step")
    edge = None if edge is None else positive(edge, "edge", ", or None")
    lam = minimum.curvature
    if noise > 1 or step * float(lam[0]) > FARTHEST:
        raise UsageError(
            f"noise, step: expected a share of at most 1 and a step of at most {FARTHEST:.0e} over the largest curvature "
            f"{lam[0]:.3g}, got {noise:.3g} and {step:.3g}."
        )
    if not noise:
        value = float(np.max((1 - step * lam[[0, -1]]) ** 2))
        return Bracket(value, value)
    step_of = second_moment_step(minimum, noise, step)
    rank = len(lam)
    if rank <= DENSE:
        low, vector = largest(step_of, rank, np.eye(rank))
    else:
        stable = 1 / threshold_ratio(minimum, noise)[0].low if edge is None else edge
        if step < 0.999 * stable:
            _, vector = largest(_inverse(minimum, noise, step), rank, np.diag(1 / lam))
            low = float(np.vdot(vector, step_of(vector)) / np.vdot(vector, vector))
        else:
            low, vector = largest(step_of, rank, np.eye(rank))
    return Bracket(low, max(low, above(step_of, vector)))


def _inverse(minimum: Minimum, noise: float, step: float) -> Map:
    """The inverse of ``1 - T`` below the stable step, by conjugate gradients on ``1 - eta C^{-1/2} Q C^{-1/2}``."""
    root = np.sqrt(minimum.curvature[:, None] + minimum.curvature)
    quadratic = second_order(minimum, noise)

    def apply(m: Matrix) -> Matrix:
        right = m / root
        x, left, way = np.zeros_like(right), right, right
        size = start = float(np.vdot(left, left))
        for _ in range(2000):
            if size <= 1e-28 * start:
                break
            image = way - step * quadratic(way / root) / root
            pace = size / float(np.vdot(way, image))
            x, left = x + pace * way, left - pace * image
            size, before = float(np.vdot(left, left)), size
            way = left + (size / before) * way
        return x / root / step

    return apply


def threshold_ratio(minimum: Minimum, noise: float) -> tuple[Bracket, Matrix]:
    """Largest eigenvalue of ``C^{-1/2} Q C^{-1/2}``, which is 1 over the largest stable step, and its matrix.

    Args:
        minimum: curvatures of the samples.
        noise: p.

    Returns:
        The bracket, and the matrix X with the largest ``<X, Q X> / <X, C X>`` that was found.

    References: R. Mulayoff and T. Michaeli, COLT 2024 (the threshold exists); the form is elementary.
    """
    lam = minimum.curvature
    rank = len(lam)
    if not noise:
        first = np.zeros((rank, rank))
        first[0, 0] = 1.0
        return Bracket(float(lam[0]) / 2, float(lam[0]) / 2), first
    root = np.sqrt(lam[:, None] + lam)
    quadratic = second_order(minimum, noise)
    low, vector = largest(lambda m: quadratic(m / root) / root, rank, np.diag(np.sqrt(2 * lam)))
    # Q C^{-1} keeps matrices positive: C^{-1} solves a Lyapunov equation with H > 0.
    high = above(lambda y: quadratic(y / root**2), vector * root)
    return Bracket(low, max(low, high)), vector / root


def largest(apply: Map, rank: int, start: Matrix) -> tuple[float, Matrix]:
    """Largest eigenvalue of a self-adjoint map of symmetric matrices, from below, and its matrix of trace >= 0.

    Args:
        apply: the map.
        rank: size of the matrices.
        start: symmetric, not orthogonal to the wanted matrix.

    References: Lanczos method, C. Lanczos 1950; R. Lehoucq, D. Sorensen, C. Yang, ARPACK users' guide, 1998.

    >>> largest(lambda m: 2.0 * m, 2, np.eye(2))[0]
    2.0
    """
    if rank <= DENSE:
        matrix, basis = written_out(apply, rank)
        values, vectors = np.linalg.eigh(matrix)
        found = np.tensordot(vectors[:, -1], basis, 1)
    else:

        def flat(v: Float64[np.ndarray, "*shape"]) -> Float64[np.ndarray, " features"]:
            m = v.reshape(rank, rank)
            return apply((m + m.T) / 2).ravel()

        operator = LinearOperator((rank * rank, rank * rank), matvec=flat, dtype=np.float64)
        try:
            values, vectors = eigsh(
                operator, k=1, which="LA", v0=start.ravel(), tol=1e-12, maxiter=1000, ncv=min(30, rank * rank)
            )
        except ArpackNoConvergence as error:
            values, vectors = error.eigenvalues, error.eigenvectors
            if not len(values):
                raise UsageError(
                    "the largest eigenvalue was not found in 1,000 restarts: expected eigenvalues that are apart. "
                    "Scale the features, or leave out directions of tiny curvature."
                ) from error
        found = vectors[:, -1].reshape(rank, rank)
    found = (found + found.T) / 2
    found = found if np.trace(found) >= 0 else -found
    return float(np.vdot(found, apply(found)) / np.vdot(found, found)), found


def written_out(
    apply: Map, rank: int
) -> tuple[Float64[np.ndarray, "directions directions"], Float64[np.ndarray, "directions rank rank"]]:
    """A map as a symmetric matrix in an orthonormal basis of the symmetric matrices, and that basis.

    Args:
        apply: the map.
        rank: size of the matrices.

    References: elementary.
    """
    rows, columns = np.triu_indices(rank)
    basis = np.zeros((len(rows), rank, rank))
    index = np.arange(len(rows))
    weight = np.where(rows == columns, 1.0, np.sqrt(0.5))
    basis[index, rows, columns] = weight
    basis[index, columns, rows] = weight
    images = np.stack([apply(one) for one in basis])
    matrix = np.tensordot(images, basis, ([1, 2], [1, 2]))
    return (matrix + matrix.T) / 2, basis


def above(positive: Map, guess: Matrix) -> float:
    """Upper bound of the spectral radius of a map that keeps positive semidefinite matrices so.

    The smallest ``lam`` with ``map(X) <= lam X`` is a bound for every positive definite X, and no worse for map(X).

    Args:
        positive: the map.
        guess: close to its leading matrix; made positive definite by a small multiple of images of the identity.

    Returns:
        The bound; infinite if no positive definite matrix was found.

    References: Collatz 1942; Wielandt 1950; for cones, M. Krein and M. Rutman 1948.

    >>> round(above(lambda m: np.diag([1.0, 0.5]) @ m @ np.diag([1.0, 0.5]), np.diag([1.0, 0.0])), 6)
    1.0
    """
    values, vectors = np.linalg.eigh(guess)
    lead = (vectors * np.maximum(values, 0.0)) @ vectors.T
    base = np.eye(len(guess))
    for _ in range(_SMOOTHING):
        base = positive(base) + 1e-3 * base * np.trace(positive(base)) / np.trace(base)
        base /= np.trace(base)
    best = np.inf
    for mix in _MIXES:
        x = lead / max(float(np.trace(lead)), 1e-300) + mix * base
        for _ in range(2):
            best = min(best, smallest_factor(positive(x), x))
            x = positive(x)
    return float(best)


def smallest_factor(image: Matrix, x: Matrix) -> float:
    """The smallest ``lam`` with ``image <= lam x``; infinite where x is not positive definite.

    Args:
        image: symmetric.
        x: symmetric.

    References: generalised eigenvalues; elementary.

    >>> round(smallest_factor(np.diag([1.0, 3.0]), np.diag([1.0, 2.0])), 12)
    1.5
    """
    diagonal = np.diagonal(x)
    if not (diagonal > 0).all():
        return np.inf
    unit = 1 / np.sqrt(diagonal)
    weigh = np.outer(unit, unit)
    try:
        return float(eigh(image * weigh, x * weigh, eigvals_only=True)[-1])
    except LinAlgError:
        return np.inf
