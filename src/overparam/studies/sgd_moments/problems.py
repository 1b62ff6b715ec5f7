"""The problems of the study: inputs, targets, and the gradients of a linear model or of a two-layer network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from overparam.core import Params
from overparam.studies.rows import unit

UNITS = 32  # hidden units, in pairs that cancel at the start
NEARNESS = 0.05  # the network's h: curvature * residual / smallest singular value squared
ACTIVATION = "tanh"


@dataclass(frozen=True, eq=False)
class Problem:
    """One problem in float64.

    Attributes:
        x: inputs, shape ``(n, d)``.
        y: targets, shape ``(n,)``.
        features: gradients of the outputs at the start, shape ``(n, params)``.
        kernel: their Gram matrix, shape ``(n, n)``.
        h: 0 for a linear model; for a network how far from linear it is.
        weights: of the hidden layer at the start, shape ``(units, d)``; None for a linear model.
        output: of the last layer, shape ``(units,)``; None for a linear model.
    """

    x: Any
    y: Any
    features: Any
    kernel: Any
    h: float = 0.0
    weights: Any = None
    output: Any = None


def problem(cell: Params, n: int, model: str = "") -> Problem:
    """Build the problem of a cell with n samples.

    Args:
        cell: parameters of the study's axes.
        n: number of samples.
        model: in place of the cell's.
    """
    from overparam.data.stream import stream

    x, labels = inputs(cell, n)
    if (model or cell["model"]) == "linear":
        y = x @ stream("sgd-moments-target", cell["seed"]).standard_normal(x.shape[1])
        return Problem(x, y, x, x @ x.T)
    return network(x, labels, cell["seed"])


def inputs(cell: Params, n: int) -> tuple[Any, Any]:
    """Inputs of shape ``(n, d)`` and labels +-1; digits are even or odd, the sphere has a linear teacher.

    ``centred`` takes the mean of these n inputs away and divides each by its length.

    Args:
        cell: parameters of the study's axes.
        n: number of samples.
    """
    import numpy as np

    from overparam.data import load
    from overparam.data.dataset import flatten, subset

    if cell["data"] == "sphere":
        found = load(f"sphere:n={n},d={cell['d']},n_test=1,seed={cell['seed']}")
    else:
        found = subset(flatten(load(cell["data"])), n, 1, seed=cell["seed"])
    x = found.x.reshape(n, -1).astype(np.float64)
    if cell["inputs"] == "centred":
        x = unit(x - x.mean(axis=0))
    return x, 2.0 * (found.y % 2) - 1.0


def network(x: Any, y: Any, seed: int) -> Problem:
    """A two-layer network whose output is 0 at the start, with the output scale that makes h the one asked for.

    ``f = nu sum_l (phi(w_l.x) - phi(w'_l.x))`` with ``w'_l = w_l`` at the start, inputs of root mean square length
    1; ``h = L ||y|| / sigma^2`` falls as 1/nu, so one nu gives the h wanted.

    Args:
        x: inputs, shape ``(n, d)``.
        y: targets, shape ``(n,)``.
        seed: draws the weights.
    """
    import numpy as np

    from overparam.data.stream import stream
    from overparam.theory.activations import activation
    from overparam.theory.certificates.lipschitz import fourth_moment

    x = x / np.sqrt((x**2).sum(axis=1).mean())
    act = activation(ACTIVATION)
    half = stream("sgd-moments-weights", seed).standard_normal((UNITS // 2, x.shape[1]))
    weights = np.concatenate([half, half])
    signs = np.concatenate([np.ones(UNITS // 2), -np.ones(UNITS // 2)])
    slopes = act.slope(x @ weights.T)
    smallest = np.linalg.eigvalsh((slopes @ slopes.T) * (x @ x.T))[0]
    curvature = act.largest_curvature * fourth_moment(x).upper
    if smallest <= 0:
        scale, h = 1.0, np.inf
    else:
        scale = curvature * np.linalg.norm(y) / (smallest * NEARNESS)
        h = NEARNESS
    output = scale * signs
    features = ((slopes * output)[:, :, None] * x[:, None, :]).reshape(len(x), -1)
    return Problem(x, y, features, features @ features.T, float(h), weights, output)


def wide_kernel(x: Any, seed: int) -> Any:
    """Kernel of a tanh network with n^2 first-layer weights, the order of width that the theorem on the rate asks for.

    Args:
        x: inputs, shape ``(n, d)``; they are divided by their root mean square length.
        seed: draws the weights.

    Returns:
        Shape ``(n, n)``, of output weights of size ``1/sqrt(units)``.
    """
    from overparam.data.stream import stream
    from overparam.theory.activations import activation

    n, d = x.shape
    x = x / ((x**2).sum(axis=1).mean()) ** 0.5
    units = max(2, -(-n * n // d))
    slopes = activation(ACTIVATION).slope(x @ stream("sgd-moments-wide", seed).standard_normal((d, units)))
    return (slopes @ slopes.T / units) * (x @ x.T)


def crowded(x: Any, seed: int) -> Any:
    """The same inputs with every second one moved next to the one before it, at 1/n of its length.

    Args:
        x: inputs, shape ``(n, d)``.
        seed: draws the directions.
    """
    import numpy as np

    from overparam.data.stream import stream

    n, d = x.shape
    away = stream("sgd-moments-crowded", seed).standard_normal((n, d))
    away *= np.linalg.norm(x, axis=1, keepdims=True) / np.linalg.norm(away, axis=1, keepdims=True) / n
    out = x.copy()
    out[1::2] = x[: 2 * (n // 2) : 2] + away[1::2]
    return out
