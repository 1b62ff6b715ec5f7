"""The lines of kernels and of the dynamics on them."""

from __future__ import annotations

import math

import numpy as np

from overparam.models import mlp
from overparam.theory.kernels import fully_connected
from tests.public.case import Case, Law
from tests.public.theory import K, U, X, Y

W = np.array([[0.5, -1.0, 0.25], [1.0, 0.5, -0.5], [0.25, 0.75, 1.0], [-0.5, 0.25, 0.5], [1.0, -0.25, 0.75]])
V = np.array([1.0, -0.5, 0.25, 0.5, -1.0])
NET = fully_connected(2, "relu")
LIPSCHITZ = "the slope or curvature, where it has no bound"
TIMES = np.array([0.0, 1.0, 10.0, math.inf])
ROWS = (Law({"x": 0.5}, 1, scales=(-200, 200)),)  # kernels of relu are quadratic in the inputs
ORDERS = {"x": X, "activation": "tanh", "orders": 4}
SIZES = {"n": 4, "norm": 1.5, "smallest": 0.25, "largest_slope": 1.0, "failure": 0.1}

CASES = {
    "theory.dynamics.arora2019.generalisation_bound": Case(
        {"kernel": K, "y": Y, "largest": 2.0},
        arrays="kernel y",
        numbers="largest",
        infinite="where a part of y lies where the kernel is zero",
        laws=(
            Law({"y": 1}, 1, lambda found: found.value, scales=(-900, 450)),
            Law({"kernel": 1}, -0.5, lambda found: found.value, scales=(-900, 400)),
            Law({"kernel": 1}, 0, lambda found: found.condition, scales=(-900, 400)),
        ),
    ),
    "theory.dynamics.arora2019.assumptions": Case({"kernel": K, "y": Y}, arrays="kernel"),
    "theory.dynamics.du2019.neuron_movement": Case(
        {"smallest": 0.5, "n": 4, "residual": 2.0, "widths": np.array([16, 64]), "slope": 1.0},
        arrays="widths",
        numbers="smallest residual slope",
        sizes="n",
        infinite="where lambda_0 is 0",
        laws=(Law({"residual": 1, "smallest": 1}, 0), Law({"smallest": 1}, -1)),
    ),
    "theory.dynamics.du2019.sufficient_width": Case(
        {"smallest": 0.5, "n": 4, "failure": 0.1},
        numbers="smallest failure",
        sizes="n",
        infinite="where lambda_0 is 0",
        laws=(Law({"smallest": 1}, -4, scales=(-200, 200)),),
    ),
    "theory.dynamics.du2019.assumptions": Case(
        {"smallest": 0.5, "n": 4, "residual": 2.0, "widths": [16]}, numbers="smallest"
    ),
    "theory.dynamics.ensemble.ensemble": Case(
        {
            "ntk": K,
            "nngp": K / 2,
            "y": Y,
            "times": TIMES,
            "rate": 0.1,
            "cross_ntk": X[:2] @ X.T,
            "cross_nngp": X[:2] @ X.T / 2,
            "test_nngp": K[:2, :2] / 2,
            "loss": "mean",
        },
        arrays="ntk nngp y times cross_ntk cross_nngp test_nngp",
        numbers="rate",
        choices="loss",
        lean=True,
        laws=(
            Law({"y": 1}, 1, lambda found: found.mean, scales=(-400, 400)),
            Law({"ntk": 1, "cross_ntk": 1, "rate": -1}, 0, lambda found: found.mean, scales=(-400, 400)),
            Law(
                {"nngp": 1, "cross_nngp": 1, "test_nngp": 1},
                1,
                lambda found: found.covariance,
                scales=(-400, 400),
            ),
        ),
    ),
    "theory.dynamics.ensemble.assumptions": Case(
        {"ntk": K, "nngp": K, "y": Y, "times": [0], "rate": 0.1}, arrays="ntk", numbers="rate"
    ),
    "theory.dynamics.linearised.linearised_loss": Case(
        {"kernel": K, "y": Y, "times": TIMES, "rate": 0.1},
        arrays="kernel y times",
        numbers="rate",
        laws=(
            Law({"y": 0.5}, 1, scales=(-900, 900)),
            Law({"kernel": 1, "rate": -1}, 0, scales=(-900, 450)),
        ),
    ),
    "theory.dynamics.linearised.assumptions": Case(
        {"kernel": K, "y": Y, "times": TIMES, "rate": 0.1}, arrays="kernel y", numbers="rate"
    ),
    "theory.dynamics.make.kernel_dynamics": Case(
        {"kernel": K, "loss": "mean", "outputs": 2},
        arrays="kernel",
        choices="loss",
        sizes="outputs",
        laws=(
            Law({"kernel": 1}, 1, lambda found: found.eigenvalues, scales=(-900, 450)),
            Law({"kernel": 1}, 0, lambda found: found.condition, scales=(-900, 450)),
            Law({"kernel": 1}, -1, lambda found: found.largest_step(), scales=(-900, 450)),
            Law({"kernel": 1}, -1, lambda found: found.time_to(Y, 0.01), scales=(-900, 450)),
            Law({"kernel": 1}, -0.5, lambda found: found.distance(Y, [math.inf]), scales=(-900, 450)),
            Law({"kernel": 1}, -1, lambda found: found.dual(Y, [math.inf]), scales=(-900, 450)),
        ),
    ),
    "theory.dynamics.make.feature_dynamics": Case(
        {"features": X, "loss": "mean", "outputs": 2},
        arrays="features",
        choices="loss",
        sizes="outputs",
        laws=(Law({"features": 0.5}, 1, lambda found: found.eigenvalues, scales=(-800, 800)),),
    ),
    "theory.kernels.closed_duals.rectified": Case({"negative": 0.25}, numbers="negative"),
    "theory.kernels.closed_duals.sine": Case({"frequency": 2.0}, numbers="frequency"),
    "theory.kernels.closed_duals.polynomial": Case({"coefficients": [1.0, 0.5]}, arrays="coefficients"),
    "theory.kernels.concentration.jacobian_gram": Case(
        {"weights": W, "output": V, "x": X, "activation": "tanh"},
        arrays="weights output x",
        choices="activation",
        laws=(Law({"output": 1}, 2, scales=(-400, 400)),),
    ),
    "theory.kernels.concentration.concentration_ratio": Case(
        {"weights": W, "output": V, "x": X, "activation": "relu"},
        arrays="weights output x",
        choices="activation",
        laws=(
            Law({"output": 1}, 0, scales=(-400, 400)),
            Law({"x": 1}, 0, scales=(-300, 300)),
        ),
        lean=True,
    ),
    "theory.kernels.concentration.chernoff_width": Case(
        SIZES,
        numbers="norm smallest largest_slope failure",
        sizes="n",
        infinite="where lambda is 0 or the slope unbounded",
        laws=(Law({"norm": 1, "smallest": 2}, 0, scales=(-400, 400)),),
    ),
    "theory.kernels.concentration.chernoff_assumptions": Case(SIZES, numbers="smallest largest_slope"),
    "theory.kernels.conditioning.conditioning": Case(
        {"x": X, "activation": "relu", "y": Y},
        arrays="x y",
        choices="activation",
        infinite="kappa, where the covariance is singular",
        laws=(
            Law({"x": 1}, -1, lambda found: found.kappa, scales=(-300, 300)),
            Law({"y": 1}, 0, lambda found: found.lost_share, scales=(-900, 300)),
        ),
        lean=True,
    ),
    "theory.kernels.covariance.covariance": Case(
        {"x": X, "activation": "relu"}, arrays="x", choices="activation", laws=ROWS
    ),
    "theory.kernels.covariance.cross_covariance": Case(
        {"x": X, "z": X[:2], "activation": "relu"}, arrays="x z", choices="activation"
    ),
    "theory.kernels.covariance.second_moment": Case(
        {"x": X, "activation": "relu", "z": X[:2]}, arrays="x z", choices="activation"
    ),
    "theory.kernels.covariance.two_layer_ntk": Case(
        {"x": X, "activation": "relu"}, arrays="x", choices="activation", laws=ROWS
    ),
    "theory.kernels.deep.kernels": Case(
        {"layers": NET, "x": X, "z": X[:2], "get": "both", "memory": 1e9, "threads": 1},
        arrays="x z",
        numbers="memory",
        choices="get",
        sizes="threads",
        laws=(Law({"x": 1, "z": 1}, 2, lambda found: (found.ntk, found.nngp), scales=(-190, 190)),),
    ),
    "theory.kernels.deep.assumptions": Case({"layers": NET, "x": X}),
    "theory.kernels.duals.dual_activation": Case(
        {"function": "relu", "first": np.array(1.0), "second": np.array(2.0), "covariance": np.array(0.5)},
        arrays="first second covariance",
        choices="function",
        other={"function": "activation", "first": "covariance", "second": "covariance"},
    ),
    "theory.kernels.duals.dual_of": Case(
        {"function": "relu"}, choices="function", other={"function": "activation"}
    ),
    "theory.kernels.duals.assumptions": Case(
        {"function": "relu"}, choices="function", other={"function": "activation"}
    ),
    "theory.kernels.hermite.slope_coefficients": Case(
        {"activation": "tanh", "orders": 4, "norm": 1.5},
        numbers="norm",
        sizes="orders",
        choices="activation",
        other={"norm": "row norms"},
        lean=True,
    ),
    "theory.kernels.hermite.hermite_covariance": Case(
        ORDERS, arrays="x", sizes="orders", choices="activation", lean=True
    ),
    "theory.kernels.hermite.hermite_terms": Case(
        ORDERS, arrays="x", sizes="orders", choices="activation", lean=True
    ),
    "theory.kernels.hermite.hermite_bound": Case(
        ORDERS, arrays="x", sizes="orders", choices="activation", lean=True
    ),
    "theory.kernels.layers.output_shape": Case({"layers": NET, "space": (4,)}),
    "theory.kernels.networks.fully_connected": Case(
        {"depth": 2, "function": "relu", "weight_std": 1.5, "bias_std": 0.5},
        numbers="weight_std bias_std",
        sizes="depth",
        choices="function",
        other={"function": "activation"},
    ),
    "theory.kernels.networks.dense_network": Case({"form": mlp(2, (3,), 1, parametrisation="ntk").form}),
    "theory.kernels.schur.schur_bounds": Case(
        {"a": K, "b": K[::-1, ::-1]},
        arrays="a b",
        laws=(
            Law(
                {"a": 1, "b": 1},
                2,
                lambda found: (found.lower, found.upper, found.smallest),
                scales=(-400, 400),
            ),
        ),
    ),
    "theory.kernels.schur.schur_assumptions": Case({"a": K, "b": K}, arrays="a b"),
    "theory.kernels.singular.with_constant": Case({"x": X}, arrays="x"),
    "theory.kernels.singular.why_singular": Case(
        {"x": X, "activation": "relu"}, arrays="x", choices="activation"
    ),
    "theory.kernels.theorems.kernel_assumptions": Case({"x": X, "activation": "relu"}),
    "theory.kernels.theorems.row_assumptions": Case(
        {"x": X, "activation": "relu"}, arrays="x", choices="activation"
    ),
}
assert U.shape
