"""The lines of what learns, what is learnt, what is measured, and of a person's own network and data."""

from __future__ import annotations

import functools
from typing import Any

import jax
import numpy as np

from overparam.models import linear, two_layer
from overparam.models.network import Network
from overparam.own.instance import draw_instance
from overparam.probes.norms import norm
from overparam.training import Member, Recipe
from tests.public.case import Case, Law
from tests.public.theory import K, X, Y

WIDE = two_layer(3, 4, activation="tanh", parametrisation="ntk")
PARAMS = WIDE.init(jax.random.key(0))
START = draw_instance(np.eye(3), [1.0, -1.0, 0.5], "tanh", 4, 0)
LABELS = np.array([0.0, 1.0, 0.0, 1.0])
SEEDS = np.array([1.0, 2.0, 4.0, 3.5, 2.5])
GRID = [1.0, 2.0, 4.0]
LABELS = "texts are class labels"
NO_MEAN = "the mean where a value is missing or infinite, or where there is none"
MISSING = dict.fromkeys(
    (f"{name}: NaN" for name in ("values", "numerator", "denominator", "y", "line")),
    "seeds that diverged are shown so",
)
LEVEL = {"values": SEEDS, "level": 0.9}


def columns(start: int, stop: int) -> Any:
    """The features of :data:`X` as a function of their places."""
    return X[:, start:stop]


@functools.cache
def _narrow() -> Network:
    return linear(3, 1)


CASES = {
    # core.stats
    "core.stats.mean_interval": Case(
        LEVEL,
        missing=NO_MEAN,
        infinite=NO_MEAN,
        accepts=MISSING,
        arrays="values",
        numbers="level",
        laws=(Law({"values": 1}, 1, lambda found: (found.mean, found.low, found.high), scales=(-900, 900)),),
    ),
    "core.stats.quantile": Case({"level": 0.9, "freedom": 4}, numbers="level", sizes="freedom"),
    "core.stats.geometric_interval": Case(
        LEVEL,
        missing=NO_MEAN,
        infinite=NO_MEAN,
        accepts=MISSING,
        arrays="values",
        numbers="level",
        laws=(Law({"values": 1}, 1, lambda found: found.mean, 1e-11, scales=(-900, 900)),),
    ),
    "core.stats.sign_interval": Case(
        {"differences": SEEDS - 2.2, "level": 0.9},
        arrays="differences",
        numbers="level",
        missing="the share of no seeds",
    ),
    "core.stats.ratio_of_means": Case(
        {"numerator": SEEDS, "denominator": SEEDS[::-1].copy(), "level": 0.9},
        missing=NO_MEAN,
        infinite=NO_MEAN,
        accepts=MISSING,
        arrays="numerator denominator",
        numbers="level",
        laws=(
            Law({"numerator": 1, "denominator": 1}, 0, lambda found: (found.mean, found.low, found.high)),
            Law({"numerator": 1}, 1, lambda found: (found.mean, found.low, found.high)),
        ),
    ),
    "core.stats.prediction_interval": Case(
        LEVEL, arrays="values", numbers="level", laws=(Law({"values": 1}, 1, scales=(-900, 900)),)
    ),
    "core.stats.leave_one_out": Case(
        {"y": K, "pick": np.argmax}, arrays="y", missing=NO_MEAN, infinite=NO_MEAN, accepts=MISSING
    ),
    "core.stats.first_at_most": Case(
        {"x": GRID, "line": np.array([3.0, 2.0, 1.0]), "cutoff": 2.0},
        arrays="line",
        numbers="cutoff",
        accepts=MISSING,
    ),
    "core.crossing.crossing": Case(
        {
            "x": GRID,
            "line": np.array([3.0, 2.0, 1.0]),
            "level": 1.5,
            "never": 8.0,
            "at_once": 1.0,
            "scale": "log",
        },
        arrays="x line",
        numbers="level",
        choices="scale",
        accepts=MISSING,
        laws=(Law({"x": 1}, 1), Law({"line": 1, "level": 1}, 0)),
    ),
    "core.stats.grid_cell": Case({"x": GRID, "index": 1}, arrays="x", laws=(Law({"x": 1}, 1),)),
    "core.stats.place_interval": Case(
        {"x": GRID, "places": [0, 1, 1, 2], "level": 0.9},
        arrays="x",
        numbers="level",
        laws=(Law({"x": 1}, 1, lambda found: (found.mean, found.low, found.high), 1e-11),),
    ),
    # data
    "data.synthetic.gaussian": Case({"n": 4, "d": 3, "n_test": 2, "seed": 0}, sizes="n d n_test seed"),
    "data.synthetic.sphere": Case({"n": 4, "d": 3, "n_test": 2, "seed": 0}, sizes="n d n_test seed"),
    "data.clusters.clusters": Case(
        {"n": 6, "d": 4, "clusters": 3, "classes": 2, "radius": 0.1, "n_test": 2, "seed": 0},
        sizes="n d clusters classes n_test seed",
        numbers="radius",
    ),
    "data.components.components": Case(
        {"n": 6, "d": 3, "classes": 2, "parts": 2, "spread": 5.0, "within": 1.0, "n_test": 2, "seed": 0},
        sizes="n d classes parts n_test seed",
        numbers="spread within",
    ),
    "data.structure.structure": Case(
        {"x": X, "y": np.array([0, 1, 0, 1]), "parts": 1, "unit": False},
        arrays="x",
        sizes="parts",
        infinite="ratios to a separation of 0 are",
        laws=(Law({"x": 1}, 1, lambda found: (found.separation, found.diameter), scales=(-300, 300)),),
    ),
    "data.teachers.teacher": Case(
        {
            "inputs": 4,
            "nodes": 2,
            "outputs": 2,
            "decay": 1.0,
            "bias": -0.1,
            "grid": [-1.0, 0.5, 1.0],
            "seed": 0,
        },
        sizes="inputs nodes outputs seed",
        numbers="decay bias",
        arrays="grid",
    ),
    "data.teachers.deep_teacher": Case(
        {"inputs": 3, "outputs": 2, "widths": [3], "scale": 1.0, "decay": 0.5, "rows": 20, "seed": 0},
        sizes="inputs outputs rows seed",
        numbers="scale decay",
    ),
    "data.teachers.check_not_parallel": Case({"weights": X, "biases": Y}, arrays="weights biases"),
    "data.target_noise.target_noise": Case(
        {"y": Y, "rate": 0.5, "seed": 0}, arrays="y", numbers="rate", sizes="seed"
    ),
    "data.rows.unit_rows": Case({"x": X}, arrays="x", laws=(Law({"x": 1}, 0, scales=(-900, 900)),)),
    "data.stream.whole_seed": Case({"seed": 3}, sizes="seed"),
    # models
    "models.activations.activation": Case({"name": "relu"}, choices="name", other={"name": "activation"}),
    "models.initialisations.initialisation": Case(
        {"name": "torch"}, choices="name", other={"name": "init|initialisation"}
    ),
    "models.parametrisations.parametrisation": Case(
        {"name": "ntk"}, choices="name", other={"name": "parametrisation"}
    ),
    "models.linear.linear": Case(
        {"inputs": 3, "outputs": 2, "init": "torch"},
        sizes="inputs outputs",
        choices="init",
        other={"init": "initialisation"},
    ),
    "models.mlp.mlp": Case(
        {
            "inputs": 3,
            "widths": (4,),
            "outputs": 2,
            "activation": "relu",
            "parametrisation": "ntk",
            "gain": 1.0,
        },
        sizes="inputs outputs",
        numbers="gain",
        choices="activation parametrisation",
    ),
    "pruning.stages.stages": Case({"densities": (0.5, 0.2), "output": 0.5}, numbers="output"),
    "models.residual_mlp.residual_mlp": Case(
        {"inputs": 3, "width": 4, "outputs": 2}, sizes="inputs width outputs"
    ),
    "models.two_layer.two_layer": Case(
        {"inputs": 3, "width": 4, "outputs": 2, "activation": "relu", "parametrisation": "ntk", "gain": 1.0},
        sizes="inputs width outputs",
        numbers="gain",
        choices="activation parametrisation",
    ),
    "models.two_layer.output_signs": Case({"width": 4, "outputs": 2}, sizes="width outputs"),
    "models.cnn.cnn": Case(
        {"shape": (4, 4, 1), "channels": (2,), "outputs": 2, "pool_every": 1, "gain": 1.0},
        sizes="outputs pool_every",
        numbers="gain",
    ),
    "models.cnn.cnn1d": Case(
        {"length": 12, "channels": (2,), "outputs": 2, "kernels": (3,), "stride": 2, "padding": 1, "gain": 1.0},
        sizes="length outputs stride padding",
        numbers="gain",
        other={"length": "length|kernels", "stride": "stride|length"},
    ),
    "models.convolution.output_length": Case(
        {"length": 8, "taps": 3, "stride": 2, "padding": 1},
        sizes="length taps stride padding",
    ),
    "models.random_features.fourier_scale": Case(
        {"x": X}, arrays="x", laws=(Law({"x": 1}, -1, scales=(-400, 400)),)
    ),
    "models.random_features.fourier_kernel": Case(
        {"x": X, "z": X[:2], "scale": 1.5},
        arrays="x z",
        numbers="scale",
        laws=(Law({"x": 1, "z": 1, "scale": -1}, 0, scales=(-400, 400)),),
    ),
    "models.random_features.relu_kernel": Case(
        {"x": X, "z": X[:2]}, arrays="x z", laws=(Law({"x": 1, "z": 1}, 2, scales=(-400, 400)),)
    ),
    # training
    "training.closed_form.kernel_solution": Case(
        {"kernel": K, "kernel_test": X[:2] @ X.T, "y": Y[:, None]},
        arrays="kernel kernel_test y",
        laws=(
            Law(
                {"kernel": 1, "kernel_test": 1},
                0,
                lambda found: (found.predictions, found.predictions),
                scales=(-900, 900),
            ),
            Law({"y": 1}, 1, lambda found: found.predictions, scales=(-900, 900)),
            Law({"kernel": 1}, 0, lambda found: found.condition, scales=(-900, 900)),
        ),
    ),
    "training.closed_form.min_norm": Case(
        {"train": columns, "test": columns, "y": Y[:, None], "y_test": Y[:, None], "widths": [1, 3]},
        arrays="y y_test",
        missing="the condition of a matrix of rank 0",
    ),
    "training.closed_form.ridge": Case(
        {
            "train": columns,
            "test": columns,
            "y": Y[:, None],
            "y_test": Y[:, None],
            "widths": [1, 3],
            "penalties": [0.1, 1.0],
        },
        arrays="y y_test penalties",
    ),
    "training.orders.steps_per_epoch": Case({"n": 8, "batch": 2}, sizes="n batch"),
    "training.times.probe_times": Case({"steps": 20, "probes": 4}, sizes="steps probes"),
    "training.times.even_times": Case({"steps": 20, "probes": 4}, sizes="steps probes"),
    "training.choice.one_by_one": Case({"network": _narrow(), "form": "map"}, choices="form"),
    "training.statistics.refresh": Case(
        {"network": _narrow(), "params": _narrow().init(jax.random.key(0)), "x": X, "batch": 2},
        arrays="x",
        sizes="batch",
        slow=True,
    ),
    "training.full_batch.log_steps": Case({"steps": 20, "many": 4}, sizes="steps many"),
    "training.losses.loss": Case({"name": "squared"}, choices="name", other={"name": "loss"}),
    "training.levenberg_marquardt.levenberg_marquardt": Case(
        {
            "residual": lambda theta: X[:, : len(theta)] @ theta - Y,
            "jacobian": lambda theta: X[:, : len(theta)],
            "start": np.zeros(3),
            "tolerance": 1e-8,
            "iterations": 3,
        },
        arrays="start",
        numbers="tolerance",
        sizes="iterations",
    ),
    "training.stack.train": Case(
        {
            "network": _narrow(),
            "recipe": Recipe(2, 0.1, loss="squared", optimizer="gd", probes=2),
            "members": [Member(0, Y.astype(np.float32))],
            "x": X,
            "x_test": X[:2],
            "y_test": Y[:2].astype(np.float32),
        },
        arrays="x x_test y_test",
        slow=True,
    ),
    # probes
    "probes.norms.norm": Case({"tree": {"a": np.ones(2)}}),
    # own
    "own.risk.risk_curve": Case(
        {"y": Y, "features": X, "n": 2, "widths": [1, 2, 3], "ridge": 0.1, "noise": 0.25},
        arrays="y features widths",
        numbers="ridge noise",
        sizes="n",
        infinite="at a peak without a penalty; the best penalty where predicting nothing is best",
        accepts={"y: texts of numbers": LABELS, "y: list of texts": LABELS},
        slow=True,
        laws=(
            Law({"features": 1, "ridge": 2}, 0, lambda found: (found.risk, found.signal), scales=(-400, 400)),
            Law({"y": 1, "noise": 2}, 2, lambda found: (found.risk, found.variance), scales=(-400, 400)),
        ),
    ),
    "own.risk.find_peak": Case({"risk": np.array([3.0, 1.0, 5.0, 0.5])}, arrays="risk"),
    "own.predict.predict": Case(
        {
            "network": WIDE,
            "x": X,
            "y": Y,
            "x_test": X[:2],
            "params": PARAMS,
            "rate": 0.01,
            "steps": [0, 1, 10],
            "loss": "mean",
        },
        arrays="x y x_test steps",
        numbers="rate",
        choices="loss",
        slow=True,
        infinite="the step at which a loss is reached, where it never is",
    ),
    "own.descent.descend": Case(
        {"instance": START, "step": 0.1, "steps": 3, "tolerance": 1e-9},
        numbers="step tolerance",
        sizes="steps",
        infinite="residuals of descent that diverges",
        missing="the same",
    ),
    "own.descent.linear_course": Case(
        {"kernel": K, "start": Y, "step": 0.1, "times": 3}, arrays="kernel start", numbers="step", sizes="times"
    ),
}
assert norm
