"""Data as pruning takes them, and how well weights do on their test part."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from scipy.stats import binomtest
from scipy.stats import t as student

from overparam.core.errors import DataError, UsageError
from overparam.core.looks import FIRST_LOOK
from overparam.data import Dataset, flatten
from overparam.models.network import Network, PyTree
from overparam.pruning.table import percentages, written
from overparam.training import inputs, refresh
from overparam.training.evaluate import fit
from overparam.training.loop import Measured, ProbeFunction
from overparam.training.losses import EachLoss, Loss, loss
from overparam.training.recipe import Recipe
from overparam.training.trial import check_parts


@dataclass(frozen=True, eq=False)
class Arrays:
    """Training and test examples as rows.

    Attributes:
        x: training examples, shape ``(n, inputs)``.
        y: labels or targets.
        x_test: test examples.
        y_test: their labels or targets.
    """

    x: Any
    y: Any
    x_test: Any
    y_test: Any


def arrays_of(data: Any, network: Network, rule: str | EachLoss = "cross_entropy") -> Arrays:
    """Arrays of a data set, checked against a network.

    Args:
        data: a :class:`~overparam.data.Dataset`, or arrays ``(x, y, x_test, y_test)``.
        network: the network.
        rule: the loss, which says what targets may be.

    Raises:
        UsageError: something else.
        DataError: arrays that do not fit together or the network.
    """
    if isinstance(data, Dataset):
        flat = flatten(data)
        parts = (flat.x, flat.y, flat.x_test, flat.y_test)
    elif isinstance(data, tuple | list) and len(data) == 4:
        parts = tuple(data)
    else:
        got = f"{len(data)} parts" if isinstance(data, tuple | list) else type(data).__name__
        raise UsageError(f"data: expected a Dataset, or arrays (x, y, x_test, y_test), got {got}.")
    recipe = Recipe(1, 1.0, loss=rule)
    for name, part in zip(("x", "y", "x_test", "y_test"), parts, strict=True):
        if part is None:
            raise DataError(f"data: expected arrays (x, y, x_test, y_test), got no {name}. Give all four.")
    x, x_test = inputs.examples("x", parts[0], network), inputs.examples("x_test", parts[2], network)
    y = inputs.targets("y", parts[1], len(x), network, recipe)
    y_test = inputs.targets("y_test", parts[3], len(x_test), network, recipe)
    if callable(rule):
        check_parts(network, recipe, len(x), y, y_test, 0)
    return Arrays(x, y, x_test, y_test)


@dataclass(frozen=True)
class Fit:
    """How well weights do on the test part.

    Attributes:
        loss: mean loss.
        accuracy: share of labels that are predicted, from 0 to 1; None for targets.
        n: number of test examples.
        spread: standard deviation over examples of what is averaged, where that is not 0 or 1 an example; None where it is,
            or is not known.
    """

    loss: float
    accuracy: float | None
    n: int = 0
    spread: float | None = None

    def interval(self, level: float = FIRST_LOOK) -> tuple[float, float] | None:
        """Ends of an interval over test examples of the accuracy, or of the loss for targets; None where there is none.

        Args:
            level: confidence level.
        """
        if self.spread is not None:
            value = self.loss if self.accuracy is None else self.accuracy
            half = float(student.ppf((1 + level) / 2, self.n - 1)) * self.spread / math.sqrt(self.n)
            return value - half, value + half
        if self.accuracy is None:
            return None
        ends = binomtest(round(self.accuracy * self.n), self.n).proportion_ci(level, method="exact")
        return float(ends.low), float(ends.high)


def told_fit(fit: Fit) -> str:
    """Loss or accuracy in words.

    Args:
        fit: of a network.

    >>> told_fit(Fit(0.5, 0.8, 10))
    'accuracy 80.0 % (41.2 to 98.1, n = 10)'
    """
    ends = fit.interval()
    if fit.accuracy is None:
        return f"loss {written(fit.loss, ends)[0]}, n = {fit.n}"
    value, span = percentages(fit.accuracy, ends)
    return f"accuracy {value} % ({span}, n = {fit.n})"


def fit_of(network: Network, params: PyTree, data: Arrays, rule: str | EachLoss = "cross_entropy") -> Fit:
    """Loss and accuracy on the test part; batch statistics are found anew from the training part.

    Args:
        network: the network.
        params: its parameters.
        data: the data.
        rule: the loss.
    """
    now = refresh(network, params, data.x)
    mean, error = _fit(network, loss(rule), now, data.x_test, data.y_test)
    n = len(data.x_test)
    return Fit(float(mean), None if error is None else 1 - round(float(error) * n) / n, n)


@functools.partial(jax.jit, static_argnames=("network", "criterion"))
def _fit(network: Network, criterion: Loss, params: PyTree, x: Any, y: Any) -> Any:
    return fit(network, criterion, params, x, y)


def on_test(
    network: Network, criterion: Loss, params: PyTree, params0: PyTree, x: Any, y: Any, x_test: Any, y_test: Any
) -> Measured:
    """A probe: ``test_loss`` and, for labels, ``test_error``."""
    mean, error = fit(network, criterion, params, x_test, y_test)
    return {"test_loss": mean} | ({} if error is None else {"test_error": error})


PROBES: dict[str, ProbeFunction] = {"on_test": on_test}


def finite(params: PyTree) -> bool:
    """Whether all floating-point numbers of some parameters are finite."""
    floats = (leaf for leaf in jax.tree.leaves(params) if jax.numpy.issubdtype(leaf.dtype, jax.numpy.floating))
    return all(bool(np.isfinite(np.asarray(leaf)).all()) for leaf in floats)
