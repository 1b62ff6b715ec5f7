"""Simulations of actual regressions, independent of the formulas: samples are drawn, systems are solved."""

import numpy as np


def settled(values):
    """Mean over repetitions and its standard error, along the first axis."""
    lines = np.asarray(values, dtype=np.float64)
    return lines.mean(axis=0), lines.std(axis=0, ddof=1) / np.sqrt(len(lines))


def weak_features(coefficients, n, widths, noise, repetitions, seed=0):
    """Least squares on the first p Gaussian features; the error is exact given the fit (features are isotropic)."""
    rng = np.random.default_rng(seed)
    b = np.asarray(coefficients)
    lines = []
    for _ in range(repetitions):
        x = rng.standard_normal((n, len(b)))
        y = x @ b + np.sqrt(noise) * rng.standard_normal(n)
        line = []
        for p in widths:
            off = b.copy()
            off[:p] -= np.linalg.lstsq(x[:, :p], y, rcond=0)[0]
            line.append(off @ off + noise)
        lines.append(line)
    return settled(lines)


def covariance(eigenvalues, coefficients, n, noise, repetitions, ridge=0.0, seed=0):
    """Minimum norm, or ridge with the penalty on the mean square, under a diagonal covariance."""
    rng = np.random.default_rng(seed)
    lam, b = np.asarray(eigenvalues), np.asarray(coefficients)
    out = []
    for _ in range(repetitions):
        x = rng.standard_normal((n, len(lam))) * np.sqrt(lam)
        y = x @ b + np.sqrt(noise) * rng.standard_normal(n)
        ridged = x.T @ np.linalg.solve(x @ x.T + n * ridge * np.eye(n), y)
        fit = ridged if ridge else np.linalg.lstsq(x, y, rcond=0)[0]
        out.append([lam @ (fit - b) ** 2 + noise])
    mean, error = settled(out)
    return mean[0], error[0]


def random_features(eigenvalues, coefficients_squared, n, widths, ridge, noise, repetitions, seed=0):
    """Ridge on k Gaussian random features of eigenfunctions that are Gaussian on the samples.

    A feature is ``sum_i sqrt(lam_i) w_i phi_i(x)`` with w standard normal, so that ``(1/k) Phi Phi^T`` tends to the
    kernel. The test error is exact given the fit, because the eigenfunctions are orthonormal.
    """
    rng = np.random.default_rng(seed)
    root, v = np.sqrt(eigenvalues), np.sqrt(coefficients_squared)
    lines = []
    for _ in range(repetitions):
        phi = rng.standard_normal((n, len(root)))
        y = phi @ v + np.sqrt(noise) * rng.standard_normal(n)
        line = []
        for k in widths:
            if np.isinf(k):
                maps, seen = root, phi * root
            else:
                maps = rng.standard_normal((len(root), int(k))) * root[:, None] / np.sqrt(k)
                seen = phi @ maps
            if ridge:
                weights = seen.T @ np.linalg.solve(seen @ seen.T + ridge * np.eye(n), y)
            else:
                weights = np.linalg.lstsq(seen, y, rcond=0)[0]
            fit = maps * weights if np.isinf(k) else maps @ weights
            line.append((fit - v) @ (fit - v) + noise)
        lines.append(line)
    return settled(lines)


def noise_part(n, widths, noise, repetitions, inputs=5, test=300, seed=0):
    """Excess of least squares on tanh features that label noise causes: targets are noise alone."""
    rng = np.random.default_rng(seed)
    lines = []
    for _ in range(repetitions):
        line = []
        for p in widths:
            w, c = rng.standard_normal((inputs, p)), rng.standard_normal(p)
            x, z = rng.standard_normal((n, inputs)), rng.standard_normal((test, inputs))
            inverse = np.linalg.pinv(np.tanh(x @ w + c), rcond=0)
            line.append(noise * np.square(np.tanh(z @ w + c) @ inverse).sum() / test)
        lines.append(line)
    return settled(lines)
