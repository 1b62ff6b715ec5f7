"""How fast the Jacobian of a network can change: proved Lipschitz constants of J in spectral norm.

Two layers, only the first trained, phi' Lipschitz: ``L <= B2 max_l ||V_:,l|| tau(X)`` with
``tau(X) = sup_{||z||=1} sqrt(sum_i (x_i.z)^4)``, because the second derivative does not couple units. A bias is one more
input that is always 1. Everything is rounded up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core.errors import DataError, UsageError
from overparam.theory.assumption import Assumption, checked
from overparam.theory.certificates.dense import Dense, Evaluation
from overparam.theory.certificates.exact import float64
from overparam.theory.certificates.rounding import (
    UNDERFLOW,
    UNIT,
    above,
    exponent_of,
    gamma,
    norm_above,
    row_norms_above,
    scaled_above,
    scaled_below,
)
from overparam.theory.certificates.rump import largest_eigenvalue_bound
from overparam.theory.inputs import all_finite, count, numbers
from overparam.theory.theorem import Theorem

Matrix = Float64[np.ndarray, "n features"]
CITATION = (
    "M. Soltanolkotabi, A. Javanmard, J. D. Lee, Theoretical insights into the optimization landscape of "
    "over-parameterized shallow neural networks, IEEE Trans. Inf. Theory 65 (2019), for ||X|| max_i ||x_i||; "
    "S. Oymak and M. Soltanolkotabi, Toward moderate overparameterization, IEEE JSAIT 1 (2020), arXiv:1902.04674."
)
MOST_ITERATIONS = 10_000
_ALL_UNITS = 3e8  # multiplications
_NEARLY = 0.98  # where the local constant is this share of the global one, larger balls take the global one


@dataclass(frozen=True)
class FourthMoment:
    """``tau(X) = sup_{||z||=1} sqrt(sum_i (x_i.z)^4)``, in squared units of the inputs, bounded in several ways.

    Attributes:
        upper: the least of the three upper bounds.
        lower: a value that is reached; between the two lies tau.
        spectral: ``||X|| max_i ||x_i||``.
        hadamard: ``sqrt(lambda_max(K o K))``, ``K = X X^T``.
        centred: ``||s||/d + sqrt((1 - 1/d) lambda_max(K o K - s s^T/d))``, ``s_i = ||x_i||^2``.
    """

    upper: float
    lower: float
    spectral: float
    hadamard: float
    centred: float


def fourth_moment(x: ArrayLike, iterations: int = 100) -> FourthMoment:
    """Bounds on ``sup_{||z||=1} sqrt(sum_i (x_i.z)^4)``, in squared units of the inputs.

    Args:
        x: inputs, shape ``(n, features)``.
        iterations: steps of ``z <- X^T (X z)^3`` for the lower bound.

    Returns:
        Three upper bounds, rounded up, their minimum, and a lower bound.

    Raises:
        DataError: no matrix of finite real numbers.
        UsageError: more than 10,000 iterations, or no whole number of them.

    Assumptions: none beyond float64.

    References: the first bound is that of Oymak and Soltanolkotabi 2020; the other two are derived here:
        ``sum_i (x_i.z)^4 = ||A vec(z z^T)||^2`` with rows ``x_i (x) x_i``, and ``z z^T`` has the trace 1.

    >>> found = fourth_moment(np.eye(3))
    >>> round(found.upper, 9), round(found.lower, 9)
    (1.0, 1.0)
    """
    x = float64(x, "x")
    if x.ndim != 2 or not x.size:
        raise DataError(f"x: expected shape (n, features), got {x.shape}.")
    all_finite(x, "x")
    iterations = count(iterations, "iterations", 0)
    if iterations > MOST_ITERATIONS:
        raise UsageError(f"iterations: expected at most {MOST_ITERATIONS:,}, got {iterations}.")
    exponent = exponent_of(x)
    found = _of_size_one(np.ldexp(x, -exponent), iterations)
    upper = (
        scaled_above(one, 2 * exponent) for one in (found.upper, found.spectral, found.hadamard, found.centred)
    )
    least, *others = upper
    return FourthMoment(least, scaled_below(found.lower, 2 * exponent), *others)


def _of_size_one(x: Matrix, iterations: int) -> FourthMoment:
    """The bounds for inputs whose largest entry lies between 1/2 and 1."""
    n, d = x.shape
    sizes = row_norms_above(x)
    kernel = x @ x.T
    kernel = np.tril(kernel) + np.tril(kernel, -1).T
    small = kernel if n <= d else x.T @ x
    small = np.tril(small) + np.tril(small, -1).T
    forming = gamma(max(n, d) + 4) * above(norm_above(x) ** 2)
    norm = above(math.sqrt(largest_eigenvalue_bound(small, forming)))
    squared = kernel * kernel
    fourth = above(norm_above(sizes * sizes) ** 2)  # trace of K o K, rounded up
    off = gamma(2 * d + 12) * fourth
    s = kernel.diagonal()
    centred = squared - np.outer(s, s) / d
    rest = largest_eigenvalue_bound(centred, 3 * off)
    first = above(norm * float(sizes.max(initial=0.0)))
    second = above(math.sqrt(largest_eigenvalue_bound(squared, off)))
    third = above(norm_above(sizes * sizes) / d + math.sqrt((1 - 1 / d) * rest))
    return FourthMoment(min(first, second, third), _reached(x, iterations), first, second, third)


def _reached(x: Matrix, iterations: int) -> float:
    """Best value of the power iteration from the row and the direction where it is largest."""
    starts = [x[np.argmax(np.einsum("ij,ij->i", x, x))], np.linalg.svd(x, full_matrices=False)[2][0]]
    best = 0.0
    for start in starts:
        z = start
        for _ in range(iterations):
            size = np.linalg.norm(z)
            if not 1e-290 < size < math.inf:
                break
            z = z / size
            best = max(best, float(np.sqrt(np.sum((x @ z) ** 4))))
            z = x.T @ (x @ z) ** 3
    return best * (1 - 1e-12)


class HiddenLipschitz:
    """The constant of a two-layer network whose first layer is trained, as a function of the radius of a ball.

    On a ball of radius R around the parameters the pre-activation of unit l and example i moves by at most
    ``R ||x_i||``, so the curvature is bounded by its largest value there. If the output is trained too, with scale s, the
    quadratic form is at most ``C a^2 + 2 s B1 ||X|| a b`` with ``a^2 + b^2 = 1`` and ``C`` as before, with
    ``||V_:,l|| + R``.
    """

    def __init__(self, network: Dense, evaluation: Evaluation) -> None:
        inputs, error = evaluation.blocks[0].inputs, norm_above(evaluation.blocks[0].inputs_error)
        self.moment = fourth_moment(inputs)
        self._exponent = exponent_of(inputs)
        self._flat = math.inf
        self._network = network
        self._z, self._z_error = evaluation.preactivations[0], evaluation.preactivations_error[0]
        self._root = above(math.sqrt(self.moment.upper) + error)
        self._sizes = row_norms_above(inputs) + error
        self._columns = row_norms_above(network.weights[1].T.copy())
        self._norm = above(norm_above(inputs) + error)
        inputs, error = np.ldexp(inputs, -self._exponent), scaled_above(error, -self._exponent)
        if network.trained_output:
            small = inputs.T @ inputs if len(inputs) > inputs.shape[1] else inputs @ inputs.T
            small = np.tril(small) + np.tril(small, -1).T
            forming = gamma(max(inputs.shape) + 4) * above(norm_above(inputs) ** 2)
            norm = above(math.sqrt(largest_eigenvalue_bound(small, forming)) + error)
            self._norm = scaled_above(norm, self._exponent)
        with np.errstate(over="ignore"):
            off = np.ldexp(evaluation.blocks[0].inputs_error, -self._exponent) + UNDERFLOW
            weighted, sizes = np.abs(inputs) + off, np.ldexp(self._sizes, -self._exponent)
            # entrywise bound of |K| o |K| that also covers the rounding of the inputs; both over 2^exponent
            kernel = (
                np.abs(inputs @ inputs.T)
                + gamma(inputs.shape[1] + 4) * (weighted @ weighted.T)
                + 2 * error * (sizes[:, None] + sizes[None, :])
            )
            self._squared = kernel * kernel * (1 + gamma(8))

    def __call__(self, radius: float) -> float:
        """The constant on the ball of that radius (infinite: everywhere), rounded up."""
        act = self._network.activation
        if not act.smooth:
            return math.inf
        scale = abs(self._network.scales[1])
        grown = radius if self._network.trained_output else 0.0
        columns = scale * (self._columns + grown)
        tau = above(self._root * self._root)
        hidden = above(act.largest_curvature * float(columns.max()) * tau) if act.largest_curvature else 0.0
        if radius < self._flat and math.isfinite(hidden) and hidden > 0:
            reach = (radius * self._sizes)[:, None] + self._z_error
            reach = reach * (1 + 1e-12) + 1e-300
            # a frequency multiplies the rounding of z
            steep = act.largest_slope if act.period else act.largest_curvature
            unsure = 64 * UNIT * act.largest_curvature * (1 + steep * (np.abs(self._z) + reach))
            bound = (act.local_curvature(self._z - reach, self._z + reach) + unsure) * columns
            local = min(hidden, self._perron(bound), above(float(bound.max()) * tau))
            if local > _NEARLY * hidden:
                self._flat = radius
            hidden = local
        if not self._network.trained_output:
            return hidden
        if not math.isfinite(hidden) or not math.isfinite(act.largest_slope):
            return math.inf
        mixed = scale * act.largest_slope * self._norm
        return above(0.5 * (hidden + math.hypot(hidden, 2 * mixed)))

    def _perron(self, bound: np.ndarray, rounds: int = 3) -> float:
        """``max_l sqrt(lambda_max(D_l (K o K) D_l))`` by ``rho(A) <= max_i (A v)_i / v_i`` for positive v.

        Above a size one column stands for all units: their largest entries, example by example.
        """
        if bound.size * len(bound) > _ALL_UNITS:
            bound = bound.max(axis=1, keepdims=True)
        largest = float(bound.max())
        if not (1e-290 < largest < math.inf and 1e-200 < self._squared.max() < math.inf):  # for underflow below
            return math.inf
        scaled = bound / largest + 1e-9  # larger entries, larger root
        vector = scaled.copy()
        for _ in range(rounds):
            vector = scaled * (self._squared @ (scaled * vector))
            vector = vector / vector.max(axis=0) + 1e-9
        ratio = scaled * (self._squared @ (scaled * vector)) / vector
        found = above(largest * math.sqrt(float(ratio.max()) * (1 + gamma(len(bound) + 16))))
        return scaled_above(found, 2 * self._exponent)


def assumptions(x: ArrayLike, **_: object) -> tuple[Assumption, ...]:
    """What the bound asks: finite inputs.

    Args:
        x: inputs, shape ``(n, features)``.

    References: none.

    >>> assumptions(np.eye(2))[0].state
    'holds'
    """
    finite = bool(np.isfinite(numbers(x, "x")).all())
    return (checked("finite inputs", "All inputs are finite numbers.", finite, f"shape {np.shape(x)}"),)


THEOREMS = (Theorem("fourth-moment-of-inputs", fourth_moment, {"x": np.eye(3, 2)}, assumptions, CITATION),)
