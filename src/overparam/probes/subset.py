"""How well a member fits a part of its training set: chosen rows, or those that a rule names."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from overparam.core.errors import DataError, UsageError
from overparam.models.network import Network, PyTree
from overparam.probes.probe import Probe
from overparam.training.evaluate import Examples, Targets, fit
from overparam.training.loop import Measured, TestExamples, TestTargets
from overparam.training.losses import Loss

Rule = Callable[[Any, Any], Any]


def subset(name: str, where: Sequence[int] | Rule | str) -> Probe:
    """The loss and the error on a part of the training set, for instance on the labels that were replaced.

    A checkpoint can be kept at its crossing: ``keep={"fits": Keep(value="clean_loss", at_most=0.1)}``.

    Args:
        name: names the part; the numbers are ``<name>_loss`` and, for labels, ``<name>_error``.
        where: rows of the training set, the same for all members; or a pure function ``(x, y)`` of a member's own
            training set that gives one number an example: True and False, or weights of at least 0; or the name of such
            numbers that the member's network holds (:func:`overparam.models.holding`).

    Returns:
        A probe for :func:`overparam.training.train`. Where no row counts its numbers are NaN.

    Raises:
        UsageError: a name that cannot be one, or that training itself has; rows that are no whole numbers.
        DataError: no rows, or one twice; when measured, a row beyond the training set or a rule of another shape.

    >>> sorted(subset("first", [0, 1]).values)
    ['first_error', 'first_loss']
    """
    if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]*", name) or name in ("train", "test"):
        raise UsageError(
            f"name: expected a name for a part of the training set (a-z, 0-9, _; not train or test), got {name!r}."
        )
    chosen = where if callable(where) else None if isinstance(where, str) else _Rows(where)

    def measure(
        network: Network, loss: Loss, params: PyTree, params0: PyTree, x: Examples, y: Targets,
        x_test: TestExamples, y_test: TestTargets,
    ) -> Measured:  # fmt: skip
        counted = jnp.asarray(_held(params, where, name) if chosen is None else chosen(x, y))
        if counted.shape != (x.shape[0],):
            raise DataError(
                f"probe '{name}': expected one number an example from its rule, shape ({x.shape[0]},), got "
                f"{counted.shape}."
            )
        mean, error = fit(network, loss, params, x, y, counted.astype(jnp.float32))
        values = {f"{name}_loss": mean}
        return values if error is None else {**values, f"{name}_error": error}

    return Probe(
        name,
        {
            f"{name}_loss": f"Mean loss on the part '{name}' of the training set, in the unit of the loss.",
            f"{name}_error": f"Share of labels of the part '{name}' that are not predicted, from 0 to 1.",
        },
        measure,
    )


def _held(params: PyTree, where: Any, name: str) -> Any:
    """The numbers that a member's network holds under a name."""
    if not isinstance(params, dict) or where not in params:
        raise UsageError(
            f"probe '{name}': expected a network that holds '{where}', got one without. Train holding(network, {where}=...)."
        )
    return params[where]


class _Rows:
    """Rows by number, as a rule."""

    def __init__(self, rows: Sequence[int]) -> None:
        """Check the rows."""
        found = np.asarray(rows)
        if found.shape == (0,):
            raise DataError("where: expected at least one row, got none.")
        if found.ndim != 1 or found.dtype.kind not in "iu" or (found < 0).any():
            raise UsageError(
                "where: expected row numbers from 0 in a list, or a function (x, y) -> which count."
            )
        if len(np.unique(found)) < len(found):
            raise DataError("where: expected every row once, got a row twice.")
        self.rows = found

    def __call__(self, x: Any, y: Any) -> Any:
        """1 for the rows, 0 for the others."""
        if self.rows.max() >= x.shape[0]:
            raise DataError(f"where: expected rows below {x.shape[0]}, got {self.rows.max()}.")
        counted = np.zeros(x.shape[0], np.float32)
        counted[self.rows] = 1.0
        return counted
