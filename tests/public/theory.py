"""The lines of risks, times and data."""

from __future__ import annotations

import numpy as np

from tests.public.case import Case, Law

X = np.array([[1.0, 0.25, -0.5], [0.5, -1.0, 0.75], [-0.25, 0.5, 1.0], [0.75, 1.0, 0.5]])
Y = np.array([1.0, -0.5, 0.25, 2.0])
K = X @ X.T + np.eye(4)
LAM = np.array([2.0, 1.0, 0.5, 0.25, 0.125, 0.0625])
V2 = np.array([1.0, 0.5, 0.25, 0.125, 0.5, 0.25])
B = np.array([1.0, -0.5, 0.25, 0.5, 0.125, -0.25])
A = np.cos(np.arange(1, 19)).reshape(2, 3, 3)
U = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, -0.5]])

PEAK = "at a peak without a penalty"
SPECTRUM = {"eigenvalues": LAM, "coefficients_squared": V2, "n": 3}
FEATURES = {"eigenvalues": LAM, "coefficients": B, "n": 3}


def _risk(exponent: float = 1.0, *, ridge: bool = False) -> tuple[Law, ...]:
    """Linear in the energies; the unit of the eigenvalues is that of the penalty, or none."""
    return (
        Law({"coefficients_squared": 1, "noise": 1}, exponent),
        Law({"eigenvalues": 1, "ridge": 1} if ridge else {"eigenvalues": 1}, 0),
    )


EARLY = {
    "times": np.array([0.0, 1.0, 5.0, np.inf]),
    "scales": np.array([1.0, 0.5]),
    "coefficients": np.array([1.0, -2.0]),
    "rates": np.array([0.5, 0.25]),
    "noise": 0.5,
    "samples": 20,
}
STUDENTS = {
    "students": np.array([[1.0, 0.5], [0.25, 1.0]]),
    "teachers": np.array([[1.0, 0.0], [0.5, -0.5]]),
    "weights": np.array([1.0, -0.5]),
    "teacher_weights": np.array([0.5, 1.0]),
}
SMALL = "sizes above 1e50, or below 1e-100, are refused: no student has them"
NOISY = {
    "kernel": K,
    "given": Y,
    "clean": -Y,
    "times": np.array([0.0, 1.0, 3.0]),
    "rate": 0.125,
    "start": Y / 4,
}
CASES = {
    "theory.zhou2021.population_loss": Case(
        STUDENTS,
        arrays="students teachers weights teacher_weights",
        laws=(Law({"students": 1, "teachers": 1}, 2, refused=SMALL, scales=(-150, 150)),),
    ),
    "theory.zhou2021.population_gradient": Case(
        STUDENTS,
        arrays="students teachers weights teacher_weights",
        laws=(Law({"students": 1, "teachers": 1}, 1, refused=SMALL, scales=(-150, 150)),),
    ),
    "theory.zhou2021.population_path": Case(
        {**STUDENTS, "times": np.array([0.0, 2.0]), "rate": 0.125},
        arrays="students teachers times weights teacher_weights",
        numbers="rate",
        lean=True,
    ),
    "theory.zhou2021.assumptions": Case(STUDENTS, arrays="students teachers weights teacher_weights"),
    "theory.li2020.early_stopping": Case(
        NOISY,
        arrays="kernel given clean times start",
        numbers="rate",
        infinite="a time may be",
        laws=(
            Law(
                {"given": 1, "clean": 1, "start": 1},
                2,
                lambda found: (found.clean_error, found.loss),
                scales=(-200, 200),
            ),
        ),
    ),
    "theory.li2020.assumptions": Case(NOISY, arrays="kernel given"),
    "theory.li2020.mode_energies": Case(
        {"kernel": K, "residuals": np.stack([Y, -0.5 * Y])},
        arrays="kernel residuals",
        laws=(Law({"residuals": 1}, 2, scales=(-200, 200)),),
    ),
    "theory.li2020.top_alignment": Case(
        {"kernel": K, "labels": Y, "top": 2},
        arrays="kernel labels",
        sizes="top",
        laws=(Law({"labels": 1}, 0, scales=(-200, 200)),),
    ),
    "theory.bartlett2020.benign_ranks": Case(
        {"eigenvalues": LAM, "n": 2},
        arrays="eigenvalues",
        sizes="n",
        laws=(
            Law({"eigenvalues": 1}, 0, lambda found: found.r),
            Law({"eigenvalues": 1}, 0, lambda found: found.R),
        ),
    ),
    "theory.bartlett2020.assumptions": Case({"eigenvalues": LAM, "n": 2}, arrays="eigenvalues", sizes="n"),
    "theory.belkin2020.weak_features_risk": Case(
        {"coefficients": B, "n": 4, "widths": np.array([0, 1, 4, 6]), "noise": 0.5},
        arrays="coefficients widths",
        numbers="noise",
        sizes="n",
        infinite="next to p = n",
        laws=(Law({"coefficients": 0.5, "noise": 1}, 1), Law({"coefficients": 1, "noise": 2}, 2)),
    ),
    "theory.belkin2020.assumptions": Case(
        {"coefficients": B, "n": 4, "widths": np.array([0, 1, 6])}, arrays="coefficients widths", sizes="n"
    ),
    "theory.hastie2022.isotropic_risk": Case(
        {"ratio": np.array([0.5, 1.0, 2.0]), "signal": 1.0, "noise": 0.5},
        arrays="ratio",
        numbers="signal noise",
        infinite="at p = n, with noise",
        laws=(Law({"signal": 1, "noise": 1}, 1),),
    ),
    "theory.hastie2022.isotropic_ridge_risk": Case(
        {"ratio": np.array([0.5, 1.0, 2.0]), "signal": 1.0, "noise": 0.5, "ridge": 0.1},
        arrays="ratio",
        numbers="signal noise ridge",
        laws=(Law({"signal": 1, "noise": 1}, 1),),
    ),
    "theory.hastie2022.ridgeless_risk": Case(
        {**FEATURES, "noise": 0.5},
        arrays="eigenvalues coefficients",
        numbers="noise",
        sizes="n",
        infinite=PEAK,
        laws=(Law({"coefficients": 0.5, "noise": 1}, 1), Law({"eigenvalues": 1, "noise": 1}, 1)),
    ),
    "theory.hastie2022.ridge_risk": Case(
        {**FEATURES, "ridge": 0.1, "noise": 0.5},
        arrays="eigenvalues coefficients",
        numbers="ridge noise",
        sizes="n",
        lean=True,
        infinite=PEAK,
        laws=(
            Law({"coefficients": 0.5, "noise": 1}, 1),
            Law({"eigenvalues": 1, "noise": 1, "ridge": 1}, 1),
        ),
    ),
    "theory.hastie2022.assumptions": Case(FEATURES, arrays="eigenvalues coefficients", sizes="n"),
    "theory.hastie2022.isotropic_assumptions": Case({"ratio": np.array([0.5, 2.0])}, arrays="ratio"),
    "theory.heckel2021.early_stopped_risk": Case(
        EARLY,
        arrays="times scales coefficients rates",
        numbers="noise",
        sizes="samples",
        laws=(
            Law({"coefficients": 0.5, "noise": 0.5}, 1),
            Law({"scales": 0.5, "rates": -1, "noise": 0.5}, 1),
        ),
    ),
    "theory.heckel2021.expected_risk": Case(
        {
            "x": X,
            "coefficients": B[:3],
            "scales": LAM[:3],
            "rates": LAM[:3] / 4,
            "noise": 0.5,
            "times": [0, 1, 9],
        },
        arrays="x coefficients scales rates times",
        numbers="noise",
        other={"x": "rates"},
        laws=(Law({"coefficients": 0.5, "noise": 0.5}, 1),),
    ),
    "theory.heckel2021.left_after": Case(
        {"times": np.array([0.0, 1.0, 5.0]), "moves": np.array([0.5, 1.5])},
        arrays="times moves",
        other={"moves": "times"},
    ),
    "theory.heckel2021.assumptions": Case(
        EARLY, arrays="scales coefficients rates", sizes="samples", other={"scales": "coefficients"}
    ),
    "theory.holzmuller2021.noise_floor": Case(
        {"n": 4, "p": np.array([0, 3, 4, 9]), "noise": 0.5},
        arrays="p",
        numbers="noise",
        sizes="n",
        laws=(Law({"noise": 1}, 1),),
    ),
    "theory.holzmuller2021.assumptions": Case(
        {"n": 4, "p": np.array([3, 9]), "features": X}, arrays="p features", sizes="n"
    ),
    "theory.label_variance.estimate_noise": Case(
        {"eigenvalues": LAM, "energy": np.stack([V2, V2], axis=1)},
        arrays="eigenvalues energy",
        slow=True,
        laws=(
            Law({"eigenvalues": 1}, 0, lambda found: found.variance),
            Law({"energy": 1}, 1, lambda found: (found.variance, found.low, found.high)),
        ),
    ),
    "theory.least_squares.least_squares_descent": Case(
        {"x": X, "y": Y, "start": np.array([0.5, 0.0, 1.0]), "step": 0.1},
        arrays="x y start",
        numbers="step",
        laws=(
            Law({"y": 1, "start": 1}, 1, lambda found: found.limit, scales=(-400, 400)),
            Law({"y": 1, "start": 1}, 0, lambda found: found.rate, scales=(-400, 400)),
            Law({"x": 0.5, "step": -1}, 0, lambda found: found.factors),
        ),
    ),
    "theory.least_squares.descent_residuals": Case(
        {"x": X, "y": Y, "times": np.array([0.0, 1.0, 50.0, np.inf]), "step": 0.1},
        arrays="x y times",
        numbers="step",
        laws=(Law({"y": 1}, 1, scales=(-400, 400)), Law({"x": 0.5, "step": -1}, 0)),
    ),
    "theory.least_squares.assumptions": Case({"x": X, "y": Y}, arrays="x y"),
    "theory.marchenko1967.condition": Case(
        {"rows": 3, "columns": 5}, sizes="rows columns", infinite="at rows = columns"
    ),
    "theory.marchenko1967.descent_iterations": Case(
        {"kappa": 3.0, "tolerance": 0.25}, numbers="kappa tolerance", infinite="for an infinite kappa"
    ),
    "theory.marchenko1967.mean_descent_iterations": Case(
        {"singular": LAM, "tolerance": 0.25},
        arrays="singular",
        numbers="tolerance",
        laws=(Law({"singular": 1}, 0),),
    ),
    "theory.marchenko1967.assumptions": Case({"rows": 3, "columns": 5}, sizes="rows columns"),
    "theory.matrix_recovery.local_dimension": Case({"d": 4, "r": 2}, sizes="d r"),
    "theory.matrix_recovery.local_rank": Case({"n": 5, "d": 4}, sizes="n d", other={"d": "n"}),
    "theory.matrix_recovery.burer_monteiro_rank": Case({"n": 5}, sizes="n"),
    "theory.matrix_recovery.measurements": Case(
        {"a": A, "u": U},
        arrays="a u",
        laws=(Law({"a": 1}, 1, scales=(-60, 60)), Law({"u": 1}, 2, scales=(-60, 60))),
    ),
    "theory.matrix_recovery.recovery_jacobian": Case(
        {"a": A, "u": U}, arrays="a u", laws=(Law({"a": 1, "u": 1}, 2, scales=(-60, 60)),)
    ),
    "theory.matrix_recovery.recovery_lipschitz": Case(
        {"a": A}, arrays="a", laws=(Law({"a": 1}, 1, scales=(-60, 60)),)
    ),
    "theory.matrix_recovery.local_fit": Case(
        {"a": A, "u": U, "y": Y[:2]},
        arrays="a u y",
        infinite="h where the Jacobian has fewer than n independent rows",
        laws=(Law({"a": 1, "y": 1}, 0, lambda found: found.h, scales=(-60, 60)),),
    ),
    "theory.matrix_recovery.assumptions": Case({"a": A, "u": U, "y": Y[:2]}, arrays="a u y"),
    "theory.nakkiran2021.optimal_ridge_risk": Case(
        {**SPECTRUM, "widths": np.array([2, 3, 6]), "noise": 0.5},
        arrays="eigenvalues coefficients_squared widths",
        numbers="noise",
        sizes="n",
        infinite="the penalty, where predicting nothing is best",
        slow=True,
        laws=(
            Law({"coefficients_squared": 1, "noise": 1}, 1, lambda found: found.risk, 1e-9),
            Law({"eigenvalues": 1}, 0, lambda found: found.risk, 1e-9),
            Law({"eigenvalues": 1}, 1, lambda found: found.ridge, 1e-5),
        ),
    ),
    "theory.nakkiran2021.isotropic_optimal_ridge": Case(
        {"d": 4, "signal": 1.0, "noise": 0.5},
        numbers="signal noise",
        sizes="d",
        laws=(Law({"signal": 1, "noise": 1}, 0),),
    ),
    "theory.nakkiran2021.assumptions": Case(
        {**SPECTRUM, "widths": np.array([2, 6])}, arrays="eigenvalues coefficients_squared widths", sizes="n"
    ),
    "theory.polyak.polyak_ratio": Case(
        {"jacobian": X, "residual": Y},
        arrays="jacobian residual",
        laws=(
            Law(
                {"residual": 1},
                0,
                lambda found: (found.ratio, found.stuck, found.bound),
                scales=(-1000, -500, 460),
            ),
            Law({"jacobian": 1}, 2, lambda found: (found.ratio, found.upper), scales=(-400, 400)),
        ),
    ),
    "theory.polyak.assumptions": Case({"jacobian": X, "residual": Y}, arrays="jacobian residual"),
    "theory.simon2023.random_feature_risk": Case(
        {**SPECTRUM, "widths": np.array([2, 3, 6, np.inf]), "ridge": 0.1, "noise": 0.5},
        arrays="eigenvalues coefficients_squared widths",
        numbers="ridge noise",
        sizes="n",
        lean=True,
        infinite=PEAK,
        laws=_risk(ridge=True),
    ),
    "theory.simon2023.kernel_ridge_risk": Case(
        {**SPECTRUM, "noise": 0.5, "ridge": 0.1},
        arrays="eigenvalues coefficients_squared",
        numbers="ridge noise",
        sizes="n",
        lean=True,
        infinite=PEAK,
        laws=_risk(ridge=True),
    ),
    "theory.simon2023.risk_parts": Case(
        {**SPECTRUM, "widths": np.array([2, 3, 6, np.inf]), "ridge": 0.0, "noise": 0.5},
        arrays="eigenvalues coefficients_squared widths",
        numbers="noise",
        sizes="n",
        infinite=PEAK,
        laws=(
            Law({"coefficients_squared": 1, "noise": 1}, 1, lambda found: found.total),
            Law({"eigenvalues": 1}, 0, lambda found: found.variance),
        ),
    ),
    "theory.simon2023.assumptions": Case(
        {**SPECTRUM, "widths": np.array([2, 6])}, arrays="eigenvalues coefficients_squared widths", sizes="n"
    ),
    "theory.empirical.spectrum_of_kernel": Case(
        {"kernel": K, "targets": Y[:, None]},
        arrays="kernel targets",
        laws=(Law({"kernel": 1}, 1, lambda found: found.eigenvalues, scales=(-900, 900)),),
    ),
    "theory.empirical.spectrum_of_features": Case(
        {"features": X, "targets": Y[:, None]},
        arrays="features targets",
        laws=(Law({"features": 1}, 2, lambda found: found.eigenvalues, scales=(-400, 400)),),
    ),
    "theory.activations.leaky_relu": Case(
        {"negative": 0.25}, numbers="negative", infinite="the curvature, at the kink"
    ),
    "theory.activations.sine": Case({"frequency": 2.0}, numbers="frequency"),
    "theory.activations.activation": Case(
        {"name": "relu"}, choices="name", other={"name": "activation"}, infinite="the curvature, at the kink"
    ),
    "theory.yun2019.bad_minimum": Case(  # two inputs, so that no linear model fits
        {"x": X[:, :2], "y": Y, "widths": [2, 2], "slope": 0.25, "seed": 1},
        arrays="x y",
        numbers="slope",
        sizes="seed",
    ),
    "theory.yun2019.assumptions": Case({"x": X[:, :2], "y": Y, "widths": [2]}, arrays="x y"),
}
