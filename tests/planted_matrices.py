"""Symmetric matrices with planted eigenvalues, as products that a probe of curvature takes."""

import numpy as np

from overparam.probes.curvature.products import Symmetric


class Planted(Symmetric):
    """Products with a dense matrix."""

    def __init__(self, matrix, dtype=np.float64):
        self.matrix = np.asarray(matrix).astype(dtype)
        self.size, self.dtype = len(self.matrix), np.dtype(dtype)

    def product(self, vector):
        return (self.matrix @ vector.astype(self.dtype)).astype(np.float64)


def rotated(values, seed=0):
    """A dense matrix with these eigenvalues."""
    q = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(values), len(values))))[0]
    return (q * np.asarray(values)) @ q.T


def spectrum(outliers=10, size=400, low=1.0, seed=0):
    """Eigenvalues of a bulk within 0.1 of zero and outliers from ``low`` to twice that."""
    bulk = np.random.default_rng(seed).uniform(-0.05, 0.1, size - outliers)
    return np.concatenate([np.linspace(low, 2 * low, outliers), bulk])
