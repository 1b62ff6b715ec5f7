"""A small tanh network in float64 with everything that a study of its minima asks for, without compilation.

Networks of some thousand parameters take less time a step in NumPy than a compiled loop takes to compile.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator, eigsh


@dataclass(frozen=True)
class TanhNetwork:
    """A tanh network with one linear output; its parameters are one vector, weights ``(out, in)`` then biases of each layer.

    Attributes:
        sizes: inputs, units of each hidden layer, and 1.
    """

    sizes: tuple[int, ...]

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """Of the weights of each layer."""
        return [*zip(self.sizes[1:], self.sizes, strict=False)]

    @property
    def ends(self) -> list[int]:
        """Where the parameters of each layer begin, and where the last one's end."""
        return [0, *accumulate(a * b + a for a, b in self.shapes)]

    def start(self, rng: Any) -> Any:
        """Normal weights of variance 1 / fan-in, biases 0."""
        parts = []
        for a, b in self.shapes:
            parts += [rng.standard_normal(a * b) / math.sqrt(b), np.zeros(a)]
        return np.concatenate(parts)

    def layers(self, theta: Any) -> list[tuple[Any, Any]]:
        """Weights ``(out, in)`` and biases."""
        return [(theta[at : at + a * b].reshape(a, b), theta[at + a * b : end])
                for at, end, (a, b) in zip(self.ends, self.ends[1:], self.shapes, strict=False)]  # fmt: skip

    def outputs(self, theta: Any, x: Any) -> tuple[Any, list[Any]]:
        """Outputs ``(n,)`` and what every layer gets."""
        at, got = x, []
        layers = self.layers(theta)
        for w, b in layers[:-1]:
            got.append(at)
            at = np.tanh(at @ w.T + b)
        got.append(at)
        w, b = layers[-1]
        return at @ w[0] + b[0], got

    def gradient(self, theta: Any, x: Any, y: Any) -> tuple[float, Any]:
        """Loss ``(1/2n) |f - y|^2`` and its gradient."""
        out, got = self.outputs(theta, x)
        r = out - y
        parts, back = [], (r / len(y))[:, None]
        for (w, _), at in zip(reversed(self.layers(theta)), reversed(got), strict=True):
            parts += [back.sum(axis=0), (back.T @ at).ravel()]
            back = (back @ w) * (1 - at * at)
        return 0.5 * float(r @ r) / len(y), np.concatenate(parts[::-1])

    def jacobian(self, theta: Any, x: Any) -> Any:
        """Derivatives of the outputs, ``(n, params)``."""
        _, got = self.outputs(theta, x)
        parts, back = [], np.ones((len(x), 1))
        for (w, _), at in zip(reversed(self.layers(theta)), reversed(got), strict=True):
            parts += [back, (back[:, :, None] * at[:, None, :]).reshape(len(x), -1)]
            back = (back @ w) * (1 - at * at)
        return np.concatenate(parts[::-1], axis=1)

    def sharpness(self, theta: Any, x: Any, y: Any) -> float:
        """The largest eigenvalue of the Hessian of the loss, by Lanczos on central differences of the gradient."""

        def product(v: Any) -> Any:
            size = float(np.linalg.norm(v))
            step = 1e-4 / size
            up, down = (self.gradient(theta + s * v, x, y)[1] for s in (step, -step))
            return (up - down) / (2 * step)

        p = len(theta)
        begin = np.random.default_rng(0).standard_normal(p)
        values = eigsh(LinearOperator((p, p), matvec=product, dtype=np.float64), k=1, which="LA", tol=1e-5, v0=begin,
                       return_eigenvectors=False)  # fmt: skip
        return float(values[0])
