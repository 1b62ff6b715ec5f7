"""The lines of capacity bounds, learning curves and the bound for fixed functions."""

from __future__ import annotations

import numpy as np

from tests.public.case import Case, Law

WEIGHTS = [np.array([[1.0, 0.5], [0.25, -1.0], [0.5, 0.5]]), np.array([[1.0, -0.5, 0.25]])]
X = np.array([[1.0, 0.5], [-0.25, 0.75], [0.5, -1.0]])
ROWS = "rows above 1e50, or below 1e-50, are refused: products of layers leave float64"
HEIGHT = Law({"x": 1}, 1, refused=ROWS, scales=(-100, 100))
CHAIN = {"weights": WEIGHTS, "x": X}
BETWEEN = {**CHAIN, "margin": 0.5, "references": [0.5 * one for one in WEIGHTS]}
NOISY = {"error": 0.125, "divergence": 2.0, "n": 100, "draws": 50, "choices": 3}
SAMPLES = np.array([0.0, 1.0, 20.0])
CASES = {
    "theory.capacity.layers_of": Case({"weights": WEIGHTS}),
    "theory.capacity.rows_of": Case({"x": X, "inputs": 2}, arrays="x"),
    "theory.capacity.margin_gap": Case(
        {"complexity": 0.5, "margin": 0.25, "n": 100, "delta": 0.0625},
        numbers="complexity margin delta",
        sizes="n",
        laws=(Law({"complexity": 1, "margin": 1}, 0, scales=(-200, 200)),),
    ),
    "theory.capacity.fixed_before": Case({"weights": WEIGHTS}),
    "theory.golowich2018.frobenius_complexity": Case(CHAIN, arrays="x", laws=(HEIGHT,)),
    "theory.golowich2018.assumptions": Case(CHAIN, arrays="x"),
    "theory.neyshabur2015.path_norm": Case({"weights": WEIGHTS}),
    "theory.neyshabur2015.path_complexity": Case(CHAIN, arrays="x", laws=(HEIGHT,)),
    "theory.neyshabur2015.assumptions": Case(CHAIN, arrays="x"),
    "theory.bartlett2017.spectral_complexity": Case({"weights": WEIGHTS}),
    "theory.bartlett2017.spectral_gap": Case(
        BETWEEN,
        arrays="x",
        numbers="margin",
        laws=(Law({"x": 1, "margin": 1}, 0, refused=ROWS, scales=(-100, 100)),),
    ),
    "theory.bartlett2017.assumptions": Case(BETWEEN, arrays="x", numbers="margin"),
    "theory.bartlett2019.vc_dimension": Case({"sizes": (2, 3, 1)}),
    "theory.bartlett2019.vc_gap": Case({"dimension": 3.0, "n": 100, "delta": 0.0625}, numbers="dimension delta", sizes="n"),
    "theory.bartlett2019.assumptions": Case({"sizes": (2, 3, 1)}),
    "theory.dziugaite2017.gaussian_kl": Case(
        {"mean": np.array([1.0, 2.0]), "prior_mean": np.array([0.5, 1.0]), "spread": 0.5, "prior_spread": 0.25},
        arrays="mean prior_mean",
        numbers="spread prior_spread",
        laws=(
            Law({"mean": 1, "prior_mean": 1, "spread": 1, "prior_spread": 1}, 0, scales=(-100, 100)),
        ),
    ),
    "theory.dziugaite2017.kl_inverse": Case({"error": 0.25, "bound": 0.5}, numbers="error bound"),
    "theory.dziugaite2017.pac_bayes": Case(NOISY, numbers="error divergence", sizes="n draws choices"),
    "theory.dziugaite2017.assumptions": Case(NOISY, numbers="error divergence", sizes="n draws choices"),
    "theory.barron1993.linear_floor": Case({"functions": 3, "family": 8}, sizes="functions family"),
    "theory.barron1993.average_error": Case(
        {"features": X, "family": np.array([[1.0], [2.0], [-0.5]])}, arrays="features family",
        laws=(Law({"family": 1}, 0, scales=(-100, 100)), Law({"features": 1}, 0, scales=(-100, 100))),
    ),
    "theory.barron1993.assumptions": Case({"functions": 3, "family": 8}, sizes="functions family"),
    "theory.bousquet2021.finite_error": Case(
        {"samples": SAMPLES, "probabilities": np.array([0.5, 0.25, 0.25])}, arrays="samples probabilities"
    ),
    "theory.bousquet2021.integer_threshold_error": Case(
        {"samples": SAMPLES, "ratio": 0.5, "target": 3.0}, arrays="samples", numbers="ratio target"
    ),
    "theory.bousquet2021.threshold_error": Case({"samples": SAMPLES, "target": 0.25}, arrays="samples", numbers="target"),
    "theory.bousquet2021.least_threshold_error": Case({"samples": SAMPLES}, arrays="samples"),
    "theory.bousquet2021.tail_mass": Case(
        {"points": SAMPLES, "tail": "power", "exponent": 0.5}, arrays="points", numbers="exponent", choices="tail"
    ),
    "theory.bousquet2021.memorizer_error": Case(
        {"samples": SAMPLES, "tail": "power", "exponent": 0.5}, arrays="samples", numbers="exponent", choices="tail", lean=True
    ),
    "theory.bousquet2021.assumptions": Case(
        {"samples": SAMPLES, "tail": "log", "exponent": 1.0}, arrays="samples", numbers="exponent", choices="tail"
    ),
}  # fmt: skip
