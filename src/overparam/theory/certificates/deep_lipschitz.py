"""How fast the Jacobian of a network of any depth can change, when all layers are trained: a recursion over layers.

On a ball of radius R around the parameters, for a unit direction, with ``w_l = s_l (||W_l|| + R)`` and
``q_l = s_l^2 a_{l-1}^2`` (one more if the layer has a bias)::

    D_l^2 <= B1^2 (q_l + w_l^2 D_{l-1}^2)                              first derivative of h_l
    H_l   <= B1 (w_l H_{l-1} + s_l D_{l-1}) + B2 (q_l + w_l^2 D_{l-1}^2)   second derivative
    a_l   <= |h_l| + R D_l                                             size of h_l on the ball
    H_out <= w_L H_H + s_L D_H  (fixed last layer: s_L ||V|| H_H),  L <= sqrt(sum_i H_out,i^2)

The bound grows exponentially in depth, which is enough where the residual is tiny.
"""

from __future__ import annotations

import math

import numpy as np

from overparam.theory.certificates.dense import Dense, Evaluation
from overparam.theory.certificates.lipschitz import HiddenLipschitz
from overparam.theory.certificates.rounding import (
    above,
    exponent_of,
    gamma,
    norm_above,
    row_norms_above,
    scaled_above,
)
from overparam.theory.certificates.rump import largest_eigenvalue_bound


def spectral_norm_bound(matrix: np.ndarray) -> float:
    """Largest singular value, rounded up.

    >>> 2.0 <= spectral_norm_bound(np.diag([2.0, 1.0])) < 2.0000001
    True
    """
    exponent = exponent_of(matrix)
    small = np.ldexp(matrix, -exponent)
    gram = small @ small.T if matrix.shape[0] <= matrix.shape[1] else small.T @ small
    gram = np.tril(gram) + np.tril(gram, -1).T
    size = norm_above(small)
    forming = gamma(max(matrix.shape) + 4) * above(size * size)
    return scaled_above(min(size, above(math.sqrt(largest_eigenvalue_bound(gram, forming)))), exponent)


class DeepLipschitz:
    """The constant of a network with all hidden layers trained, as a function of the radius of a ball."""

    def __init__(self, network: Dense, evaluation: Evaluation) -> None:
        self._network = network
        self._norms = [spectral_norm_bound(weight) for weight in network.weights]
        self._sizes = [
            row_norms_above(np.abs(h) + e)
            for h, e in zip(evaluation.hidden, evaluation.hidden_error, strict=True)
        ]

    def __call__(self, radius: float) -> float:
        """The constant on the ball of that radius, rounded up; infinite without a bound on slope and curvature."""
        with np.errstate(over="ignore", invalid="ignore"):
            found = self._bound(radius)
        return math.inf if math.isnan(found) else found

    def _bound(self, radius: float) -> float:
        network, act = self._network, self._network.activation
        if len(network.weights) == 1:
            return 0.0
        if not (math.isfinite(radius) and act.smooth and math.isfinite(act.largest_slope)):
            return math.inf
        b1, b2 = act.largest_slope, act.largest_curvature
        first = np.zeros_like(self._sizes[0])
        second = np.zeros_like(first)
        size = self._sizes[0]
        for layer in range(len(network.weights) - 1):
            scale, bias = abs(network.scales[layer]), network.biases[layer] is not None
            w = scale * (self._norms[layer] + radius)
            q = (scale * size) ** 2 + bias
            moved = q + (w * first) ** 2
            second = b1 * (w * second + scale * first) + b2 * moved
            first = b1 * np.sqrt(moved)
            size = self._sizes[layer + 1] + radius * first
        scale = abs(network.scales[-1])
        if network.trained_output:
            out = scale * (self._norms[-1] + radius) * second + scale * first
        else:
            out = scale * self._norms[-1] * second
        return above(above(norm_above(out)))


class NetworkLipschitz:
    """The least of the constants that are known for a network, as a function of the radius of a ball."""

    def __init__(self, network: Dense, evaluation: Evaluation) -> None:
        self._bounds: list[HiddenLipschitz | DeepLipschitz] = []
        self._known: dict[float, float] = {}
        if len(network.weights) != 2 or network.trained_output:
            self._bounds.append(DeepLipschitz(network, evaluation))
        if len(network.weights) == 2:
            self._bounds.append(HiddenLipschitz(network, evaluation))

    def __call__(self, radius: float) -> float:
        """The constant on the ball of that radius (infinite: everywhere), rounded up.

        Radii are rounded up to a grid of four a doubling, so that few are worked out.
        """
        if 0 < radius < 1e300:
            radius = max(radius, 2.0 ** (math.ceil(4 * math.log2(radius)) / 4))
        if radius not in self._known:
            with np.errstate(
                over="ignore", invalid="ignore"
            ):  # so large a ball has no bound, or the global one
                self._known[radius] = min(bound(radius) for bound in self._bounds)
        return self._known[radius]
