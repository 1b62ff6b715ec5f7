"""Does more parameters hurt, when and why: the predicted risk curve of a person's own data.

>>> import numpy as np
>>> from overparam import risk_curve
>>> rng = np.random.default_rng(0)
>>> x = rng.normal(size=(300, 40))
>>> curve = risk_curve(features=x, y=x[:, 0] + rng.normal(size=300), n=30, widths=[10, 30, 90])
>>> curve.peak_width
30
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core.errors import DataError, UsageError
from overparam.data.arrays import as_array
from overparam.data.classes import MANY
from overparam.own.risk_values import RiskCurve
from overparam.theory import bartlett2020, holzmuller2021, simon2023
from overparam.theory.assumption import Assumption, checked
from overparam.theory.empirical import Spectrum, spectrum_of_features, spectrum_of_kernel
from overparam.theory.inputs import (
    SQUARABLE,
    columns_of,
    count,
    exponent_of,
    nonnegative,
    numbers,
    penalty_of,
    real,
    representable,
    shown,
    vector,
    widths_of,
)
from overparam.theory.label_variance import NoiseEstimate, estimate_noise
from overparam.theory.population import population_risk

PERCENT_OF_N = (
    *(5, 10, 20, 30, 40, 50, 60, 70, 80, 86, 90, 94, 97, 100, 103, 106, 110, 116, 125),
    *(150, 200, 300, 450, 700, 1000, 1400, 2000),
)
CITATION = simon2023.CITATION
_ORDINARY = 400  # exponents of two within which squares of features keep their digits


def risk_curve(
    *,
    y: Any,
    features: ArrayLike | None = None,
    kernel: ArrayLike | None = None,
    n: int | None = None,
    widths: Sequence[int] | None = None,
    ridge: float | Literal["optimal"] = 0.0,
    noise: float | None = None,
) -> RiskCurve:
    """Predicted test error of least squares or ridge on k random features, from a person's own data.

    The model at width k draws k random features whose limit kernel is the one given, or that of the features
    given (``Phi Phi^T / D``); its spectrum and the targets' coefficients are read off the samples.

    Args:
        y: targets of the samples: whole numbers, text and booleans are class labels and become one-hot; other
            numbers, of shape ``(samples,)`` or ``(samples, outputs)``, are taken as they are. A data set stands for
            its training labels.
        features: shape ``(samples, D)``; or else
        kernel: kernel matrix, shape ``(samples, samples)``, positive semidefinite.
        n: number of training samples to predict for, less than the number of samples; by default a fifth of it.
        widths: ascending numbers of features k; by default from 0.05 n to 20 n.
        ridge: penalty, added to ``(1/k) Phi Phi^T``; 0 is minimum norm, ``"optimal"`` the best one a width.
        noise: variance of the labels' noise, summed over outputs; estimated by marginal likelihood when None. It
            splits the error into parts, and does not change it.

    Returns:
        The curve with its parts, bounds, best penalties and assumptions.

    Raises:
        UsageError: both or none of features and kernel, or a number out of range.
        DataError: shapes that do not fit, missing numbers, one class, constant targets, a kernel that is not
            positive semidefinite, or nothing but zeros.

    References: Simon et al. 2023; Nakkiran et al. 2021; Holzmüller 2021; Bartlett et al. 2020.

    >>> eye = np.eye(40)
    >>> curve = risk_curve(kernel=eye, y=np.tile([0.0, 1.0], 20), n=8, widths=[4, 8, 20], noise=0.1)
    >>> curve.peak_width, curve.peak_risk, len(curve.table())
    (8, inf, 3)
    """
    if (features is None) == (kernel is None):
        raise UsageError(
            f"risk_curve: expected features or kernel, got {'both' if features is not None else 'neither'}."
        )
    targets = targets_of(y)
    many = len(targets)
    samples = max(1, many // 5) if n is None else count(n, "n")
    if samples >= many:
        raise UsageError(
            f"n: expected fewer training samples than the {many} samples that give the spectrum, got {samples}. "
            "A spectrum of n samples cannot tell what lies outside of them."
        )
    k = _ascending(widths, samples)
    penalty: float | str = ridge if isinstance(ridge, str) else penalty_of(ridge)
    if isinstance(penalty, str) and penalty != "optimal":
        raise UsageError(f"ridge: expected a number of at least 0, or 'optimal', got {shown(penalty)}.")
    given = None if noise is None else nonnegative(noise, "noise")
    numbers(targets, "y", *SQUARABLE)
    shift = 0
    if kernel is not None:
        spectrum = spectrum_of_kernel(kernel, targets)
    else:
        rows = columns_of(features, "features", many)
        features, shift = _ordinary(rows)
        spectrum = spectrum_of_features(features, targets)
        if not isinstance(penalty, str):
            with np.errstate(over="ignore"):
                penalty = penalty_of(representable(np.ldexp(penalty, -2 * shift), "ridge, features"))
    zero = float(np.square(targets).sum() / many)
    if given is not None and given > zero:
        raise UsageError(
            f"noise: expected at most the targets' mean square {zero:.6g}, got {given:g}. It is summed over outputs."
        )
    how = (
        estimate_noise(spectrum.eigenvalues, spectrum.energy)
        if given is None
        else NoiseEstimate(given, given, given, "given")
    )
    curve = _predict(spectrum, how, samples, k, penalty, zero, features, targets.shape[1])
    return _in_units_of(curve, shift, ridge) if shift else curve


def _ordinary(rows: Float64[np.ndarray, "n features"]) -> tuple[Float64[np.ndarray, "n features"], int]:
    """Features over a power of two, if their squares would leave the range of float64; and its exponent."""
    e = exponent_of(rows)
    return (np.ldexp(rows, -e), e) if abs(e) > _ORDINARY else (rows, 0)


def _in_units_of(curve: RiskCurve, shift: int, ridge: float | str) -> RiskCurve:
    """Penalties in the unit of the features given; one that is no number of float64 is given as the nearest."""
    best = []
    for one in curve.optimal_ridge:
        with np.errstate(over="ignore"):
            back = float(np.ldexp(one, 2 * shift))
        best.append(one if one == 0 or math.isinf(one) else min(max(back, 5e-324), 1.7e308))
    return dataclasses.replace(
        curve, optimal_ridge=tuple(best), ridge=ridge if isinstance(ridge, str) else real(ridge)
    )


def _predict(
    spectrum: Spectrum,
    noise: NoiseEstimate,
    n: int,
    k: Float64[np.ndarray, " points"],
    ridge: float | str,
    zero: float,
    features: ArrayLike | None,
    outputs: int,
) -> RiskCurve:
    s2, everywhere = noise.variance, np.append(k, np.inf)
    best = population_risk(spectrum, n, everywhere, None, s2)
    used = best if isinstance(ridge, str) else population_risk(spectrum, n, everywhere, ridge, s2)
    risk = used.total
    widths = tuple(int(w) for w in k)
    peak = find_peak(risk[:-1])
    ranks = bartlett2020.benign_ranks(spectrum.operator, n)
    return RiskCurve(
        widths=widths,
        risk=_floats(risk[:-1]),
        signal=_floats(used.signal[:-1]),
        variance=_floats(used.variance[:-1]),
        floor=_floats(holzmuller2021.noise_floor(n, k, s2)),
        optimal_risk=_floats(best.total[:-1]),
        optimal_ridge=_floats(best.ridge[:-1]),
        kernel_risk=float(risk[-1]),
        peak_width=None if peak is None else widths[peak[1]],
        peak_risk=None if peak is None else float(risk[peak[1]]),
        rises_from=None if peak is None else widths[peak[0]],
        n=n,
        samples=spectrum.samples,
        outputs=outputs,
        ridge=ridge,
        noise=noise,
        zero_risk=zero,
        rank=spectrum.rank,
        ranks={"r_0": float(ranks.r[0]), "R_0": float(ranks.R[0]), "k_star": dict(ranks.k_star)},
        assumptions=_assumptions(spectrum, noise, n, k, ridge, features),
        citation=CITATION,
    )


def _assumptions(
    spectrum: Spectrum,
    noise: NoiseEstimate,
    n: int,
    k: Float64[np.ndarray, " points"],
    ridge: float | str,
    features: ArrayLike | None,
) -> tuple[Assumption, ...]:
    samples, tail = spectrum.samples, spectrum.tail(spectrum.samples // 2)
    framework = simon2023.assumptions(spectrum.operator, np.zeros(samples), n, k)
    near = [f"{w:g}" for w in k if abs(w / n - 1) <= 0.1]
    floor = holzmuller2021.assumptions(n, k, features)
    return (
        *framework[:2],
        checked(
            "enough samples",
            "The spectrum comes from at least 5 n samples, so that its first n eigenvalues are close to the kernel's.",
            samples >= 5 * n,
            f"{samples} samples, n = {n}",
        ),
        checked(
            "short tail",
            "The smaller half of the eigenvalues holds at most 5 % of the trace; nothing is padded, and what lies "
            "beyond the samples acts as a penalty through them.",
            tail <= 0.05,
            f"{100 * tail:.3g} % of the trace",
        ),
        checked(
            "numerical rank",
            "No eigenvalue is lost in rounding.",
            spectrum.rank == samples,
            f"rank {spectrum.rank} of {samples}; eigenvalues up to {spectrum.cutoff:.2g} count as 0, and targets there "
            "as out of reach",
        ),
        checked(
            "no repeated samples",
            "No sample repeats another.",
            spectrum.repeated == 0,
            f"{spectrum.repeated} repeat an earlier one",
        ),
        checked(
            "off the peak",
            "No width within 10 % of n, where the formula is least exact (asked without a penalty).",
            not near or ridge != 0,
            f"widths inside: {', '.join(near) or 'none'}",
        ),
        Assumption(
            "homoscedastic noise",
            "Label noise has one variance and no relation to x; one-hot labels have this only roughly.",
            "unchecked",
            f"noise variance {noise.variance:.4g}, {noise.how}; what the kernel cannot represent counts as noise",
        ),
        *(Assumption(f"floor: {one.name}", one.sentence, one.state, one.detail) for one in floor),
    )


def find_peak(risk: ArrayLike) -> tuple[int, int] | None:
    """Return the places of the lowest value before the highest inner peak, and of that peak; None without one.

    A peak is a point above its neighbours, and by more than 1 % above the lowest value on either side.

    Args:
        risk: errors, at least 0, infinity included, shape ``(points,)``.

    Raises:
        DataError: what is no list of such numbers.

    >>> find_peak(np.array([3.0, 1.0, 5.0, 0.5])), find_peak(np.array([3.0, 2.0, 1.0]))
    ((1, 2), None)
    """
    risk = vector(risk, "risk", infinite=True)
    found = None
    for i in range(1, len(risk) - 1):
        left, right = float(risk[:i].min()), float(risk[i + 1 :].min())
        top = risk[i] >= risk[i - 1] and risk[i] >= risk[i + 1] and risk[i] > 1.01 * max(left, right)
        if top and (found is None or risk[i] > risk[found[1]]):
            found = int(np.argmin(risk[:i])), i
    return found


def targets_of(y: Any) -> Float64[np.ndarray, "n classes"]:
    """Return targets as columns: labels one-hot, other numbers as they are.

    Args:
        y: anything that holds values: lists, arrays, series, a frame of one column, or a data set.

    Raises:
        DataError: another shape, missing numbers, one class, nearly as many classes as samples, or targets that are
            constant.

    >>> targets_of([0, 2, 0]).tolist(), targets_of([0.5, 1.0]).tolist()
    ([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]], [[0.5], [1.0]])
    >>> targets_of(["b", "a"]).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    raw = as_array(y.y if hasattr(y, "y") and hasattr(y, "classes") else y, "y").values
    if raw.ndim not in (1, 2) or raw.dtype.kind not in "fiubUS" or len(raw) < 2:
        raise DataError(
            f"y: expected numbers of shape (samples,) or (samples, outputs) with at least 2 samples, got "
            f"{raw.dtype} of shape {raw.shape}."
        )
    if raw.dtype.kind != "f" and raw.size == len(raw):
        return _one_hot(raw.ravel())
    if raw.dtype.kind in "US":
        raise DataError(f"y: expected one label a sample, got text of shape {raw.shape}. Choose one column.")
    values = raw.astype(np.float64).reshape(len(raw), -1)
    bad = int((~np.isfinite(values)).sum())
    if bad or not values.size:
        raise DataError(
            f"y: expected finite numbers, got {bad} that are missing or infinite. Drop these samples."
        )
    if not np.ptp(values, axis=0).any():
        raise DataError("y: expected targets that vary, got a constant. There is nothing to learn.")
    return values


def _one_hot(labels: Any) -> Float64[np.ndarray, "n classes"]:
    classes = np.unique(labels)
    if len(classes) < 2:
        raise DataError(
            f"y: expected labels of at least 2 classes, got {classes[0]} everywhere. For whole numbers that are "
            "no labels, give floats."
        )
    if len(classes) > MANY and 2 * len(classes) > len(labels):
        raise DataError(
            f"y: expected labels that many samples share, got {len(classes):,} different ones among {len(labels):,}. "
            "For whole numbers that are no labels, give floats."
        )
    return (labels[:, None] == classes[None, :]).astype(np.float64)


def _ascending(widths: Sequence[int] | None, n: int) -> Float64[np.ndarray, " points"]:
    if widths is None:
        return np.unique(np.maximum(1, [n * p // 100 for p in PERCENT_OF_N])).astype(np.float64)
    k = widths_of(widths)
    if np.isinf(k).any() or (np.diff(k) <= 0).any():
        raise UsageError(
            f"widths: expected ascending whole numbers, got {shown(k.tolist())}. Sort them, drop repeats."
        )
    return k


def _floats(values: Float64[np.ndarray, " points"]) -> tuple[float, ...]:
    return tuple(float(v) for v in values)
