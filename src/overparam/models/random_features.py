"""Random features: a first layer that is drawn once and never trained, nested over its width, in float64.

Two maps, without a factor that depends on the width, so that coefficients of nested widths share one unit:

    Fourier   phi_k(x) = cos(<v_k, x> + b_k),  v_k ~ N(0, scale^2 I),  b_k ~ U[0, 2 pi)
    ReLU      phi_k(x) = max(0, <v_k, x>),     v_k uniform on the unit sphere

Directions are drawn in blocks of fixed size, each from its own seeded generator: features 0..N-1 are the same
whatever N, and any range of features can be had without the ones before it. numpy promises that the numbers of
``RandomState`` never change, so neither do results.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist, pdist

from overparam.core.checked import all_finite, exponent_of, numbers, positive, representable
from overparam.core.errors import DataError, UsageError, unknown

Kind = Literal["fourier", "relu"]

KINDS: tuple[str, ...] = ("fourier", "relu")
DRAW = 256
_PAIRED_ROWS = 2000
_STREAM = 53


@dataclass(frozen=True)
class RandomFeatures:
    """An endless nested sequence of random features.

    Attributes:
        kind: ``fourier`` or ``relu``.
        dim: number of inputs.
        seed: of the draw.
        scale: standard deviation of the Fourier directions, in one over the unit of x; unused by ReLU.

    Raises:
        UsageError: an unknown kind, no inputs, or a scale that is not positive.

    References: A. Rahimi and B. Recht, Random features for large-scale kernel machines, NeurIPS 2007;
        M. Belkin, D. Hsu, S. Ma and S. Mandal, PNAS 116 (2019), supplement (the ReLU features).

    >>> features = RandomFeatures("relu", dim=3, seed=0)
    >>> x = np.eye(3)
    >>> bool((features(x, 0, 10) == features(x, 0, 900)[:, :10]).all())
    True
    """

    kind: str
    dim: int
    seed: int
    scale: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise unknown("features", self.kind, KINDS)
        if self.dim < 1:
            raise UsageError(
                f"expected at least 1 input, got dim={self.dim}. Give x of shape (samples, inputs)."
            )
        if self.kind == "fourier" and not (np.isfinite(self.scale) and self.scale > 0):
            raise UsageError(
                f"expected a positive scale, got {self.scale!r}. See fourier_scale(x) for a default."
            )

    def directions(
        self, start: int, stop: int
    ) -> tuple[Float64[np.ndarray, "features inputs"], Float64[np.ndarray, " features"]]:
        """Return directions of shape ``(stop - start, dim)`` and phases of shape ``(stop - start,)``.

        Args:
            start: first feature.
            stop: one past the last feature.
        """
        if not 0 <= start <= stop:
            raise UsageError(f"expected 0 <= start <= stop, got features {start} to {stop}.")
        drawn = [self._draw(b) for b in range(start // DRAW, -(-stop // DRAW))]
        if not drawn:
            return np.empty((0, self.dim)), np.empty(0)
        first = (start // DRAW) * DRAW
        v = np.concatenate([d[0] for d in drawn])[start - first : stop - first]
        b = np.concatenate([d[1] for d in drawn])[start - first : stop - first]
        return v, b

    def _draw(
        self, block: int
    ) -> tuple[Float64[np.ndarray, "features inputs"], Float64[np.ndarray, " features"]]:
        rng = np.random.RandomState([self.seed, _STREAM, KINDS.index(self.kind), block])
        v = rng.standard_normal((DRAW, self.dim))
        if self.kind == "fourier":
            return v * self.scale, rng.uniform(0.0, 2 * np.pi, DRAW)
        return v / np.linalg.norm(v, axis=1, keepdims=True), np.zeros(DRAW)

    def __call__(self, x: ArrayLike, start: int, stop: int) -> Float64[np.ndarray, "n features"]:
        """Return features ``start`` to ``stop - 1`` of each sample.

        Args:
            x: inputs, shape ``(samples, dim)``.
            start: first feature.
            stop: one past the last feature.

        Returns:
            Shape ``(samples, stop - start)``, no unit.
        """
        rows = _rows(x)
        if rows.shape[1] != self.dim:
            raise DataError(
                f"expected x with {self.dim} inputs, got {rows.shape[1]}. Use the x the map was made for."
            )
        v, b = self.directions(start, stop)
        z = rows @ v.T
        if self.kind == "fourier":
            z += b
            return np.cos(z, out=z)
        return np.maximum(z, 0.0, out=z)

    def kernel(self, x: ArrayLike, z: ArrayLike) -> Float64[np.ndarray, "n m"]:
        """Return ``E phi(x) phi(z)``, the limit of the mean over features, shape ``(len(x), len(z))``."""
        return fourier_kernel(x, z, self.scale) if self.kind == "fourier" else relu_kernel(x, z)


def fourier_scale(x: ArrayLike) -> float:
    """Two over the median distance between two samples: the default scale, in one over the unit of x.

    Args:
        x: inputs, shape ``(samples, dim)``; distances are taken among the first 2,000.

    Raises:
        DataError: fewer than two samples, or half of them are the same point.

    >>> fourier_scale([[0.0], [1.0], [2.0]])
    2.0
    """
    rows = _rows(x)[:_PAIRED_ROWS]
    e = exponent_of(rows)
    median = float(np.median(pdist(np.ldexp(rows, -e)))) if len(rows) > 1 else 0.0
    if not median > 0:
        raise DataError(
            f"x: expected samples at a positive median distance, got {median:g} over {len(rows)} samples. "
            "Give a scale, or remove repeated samples."
        )
    with np.errstate(over="ignore"):
        return float(representable(np.ldexp(2.0 / median, -e), "x"))


def fourier_kernel(x: ArrayLike, z: ArrayLike, scale: float) -> Float64[np.ndarray, "n m"]:
    """Limit of the Fourier features: ``exp(-scale^2 |x - z|^2 / 2) / 2``, no unit.

    Args:
        x: shape ``(n, dim)``.
        z: shape ``(m, dim)``.
        scale: standard deviation of the directions.

    Returns:
        Shape ``(n, m)``.

    References: Rahimi and Recht 2007, theorem of Bochner.

    >>> fourier_kernel([[0.0, 0.0]], [[0.0, 0.0]], 1.0).tolist()
    [[0.5]]
    """
    a, b = _pair(x, z)
    width = positive(scale, "scale")
    e = max(exponent_of(a), exponent_of(b))
    with np.errstate(over="ignore"):
        width = min(float(np.ldexp(width, e)), 1e150)  # beyond it, all but equal points are at a distance
    a, b = np.ldexp(a, -e), np.ldexp(b, -e)
    squared = a @ b.T
    squared *= -2.0
    squared += np.einsum("ij,ij->i", a, a)[:, None]
    squared += np.einsum("ij,ij->i", b, b)[None, :]
    np.maximum(squared, 0.0, out=squared)
    squared *= -0.5 * width**2
    np.exp(squared, out=squared)
    squared *= 0.5
    return squared


def relu_kernel(x: ArrayLike, z: ArrayLike) -> Float64[np.ndarray, "n m"]:
    """Limit of the ReLU features: the arc-cosine kernel of order one over the number of inputs d.

    ``|x| |z| (sin t + (pi - t) cos t) / (2 pi d)`` with the angle ``t = 2 atan2(|u - u'|, |u + u'|)`` on unit
    vectors, which keeps its digits for near-duplicates where ``arccos`` loses them. The factor 1/d comes from
    directions on the unit sphere instead of N(0, I).

    Args:
        x: shape ``(n, d)``.
        z: shape ``(m, d)``.

    Returns:
        Shape ``(n, m)``, in the squared unit of x.

    References: Y. Cho and L. Saul, Kernel methods for deep learning, NeurIPS 2009.

    >>> relu_kernel([[3.0]], [[3.0], [-3.0]]).round(12).tolist()
    [[4.5, 0.0]]
    """
    a, b = _pair(x, z)
    for rows, name in ((a, "x"), (b, "z")):
        numbers(rows, name, 1e-140, 1e140)
    size_a, size_b = np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1)
    ua = a / np.where(size_a > 0, size_a, 1.0)[:, None]
    ub = b / np.where(size_b > 0, size_b, 1.0)[:, None]
    angle = 2 * np.arctan2(cdist(ua, ub), cdist(ua, -ub))
    shape = np.sin(angle) + (np.pi - angle) * np.cos(angle)
    return np.maximum(size_a[:, None] * size_b[None, :] * shape, 0.0) / (2 * np.pi * a.shape[1])


def _pair(
    x: ArrayLike, z: ArrayLike
) -> tuple[Float64[np.ndarray, "n inputs"], Float64[np.ndarray, "m inputs"]]:
    a, b = _rows(x), _rows(z, "z")
    if a.shape[1] != b.shape[1]:
        raise DataError(f"z: expected {a.shape[1]} inputs, as in x, got {b.shape[1]}.")
    return a, b


def _rows(x: ArrayLike, name: str = "x") -> Float64[np.ndarray, "n inputs"]:
    rows = numbers(x, name, high=1e300)
    if rows.ndim != 2 or not rows.shape[1]:
        raise DataError(
            f"{name}: expected {name} of shape (samples, inputs), got {rows.shape}. Flatten each sample first."
        )
    all_finite(rows, name)
    return rows
