"""What the cells of a sweep over widths or samples compute: one stack of networks, measured while it is trained.

Imported inside work functions, never at the top of a study.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from overparam.core.claim import Params
from overparam.core.errors import UsageError
from overparam.core.parts import Estimate, Outcome, Progress
from overparam.sweep.work import Task, cost, dense, outcome, task

BY_STEP = ("test_error", "test_loss", "train_error", "train_loss")


MOST = 500  # numbers of one probe that a cell stores
DRAWN = 8  # that a chart shows


def swept(
    stack: Task, network: Any, recipe: Any, progress: Progress, probes: Mapping[str, Any] | None = None, **fixed: Any
) -> list[Outcome]:  # fmt: skip
    """Train a network from the seed of every cell, and keep its measurements.

    Args:
        stack: data and labels.
        network: the network, of any family.
        recipe: how to train, with the number of probe times.
        progress: told the fraction done.
        probes: what is measured; by default the standard probes. Values that begin with ``probe_`` are those of a
            person, kept at the end (numbers and vectors) and at the probe times (numbers).
        fixed: further values that every cell holds.

    Returns:
        One outcome a cell: errors as shares, losses, at the end, at the probe times (``_by_step``) and, for those of the
        test set, at the best of them (``best_``); the norm of the parameters and their distance from the start. A
        diverged cell keeps its lines and has no ends.
    """
    from overparam.models import parameters

    size = parameters(network)
    sizes = {"parameters": size, "outputs": network.outputs, "parameters_per_sample": size / len(stack.data.x)}
    found = []
    for curve, labels in zip(stack.curves(network, recipe, progress, probes), stack.facts, strict=True):
        names = [name for name in BY_STEP if name in curve.values]
        tests = [name for name in names if name.startswith("test_")]
        ends = {**curve.ends(*names, "norm", "distance"), **curve.best(*tests)}
        own = [name for name in curve.values if name.startswith("probe_")] if probes is not None else []
        check_probes({name: curve.values[name][-1] for name in own})
        told = [f"{name}: {len(ends[name])} numbers, stored and not drawn" for name in own if _many(ends[name])]
        plain = [name for name in own if not isinstance(curve.values[name][0], list)]
        lines = {"step": curve.steps, **curve.lines(*names, *plain, suffix="_by_step")}
        found.append(
            outcome({**sizes, **fixed, **labels, **ends, **lines}, lost=curve.lost, note="; ".join(told))
        )
    return found


def _many(value: Any) -> bool:
    return isinstance(value, list) and len(value) > DRAWN


def check_probes(values: Mapping[str, Any]) -> None:
    """Raise unless what the probes of a person give, by ``probe_`` and a name, are numbers or short vectors.

    Raises:
        UsageError: it is something that a cell cannot store.

    >>> check_probes({"probe_norms": [1.0, 2.0], "probe_rank": 3, "kernel": [[1.0]]})
    """
    for name, value in values.items():
        shape = np.shape(value)
        if name.startswith("probe_") and (len(shape) > 1 or (shape and not 0 < shape[0] <= MOST)):
            got = f"an array of shape {shape}" if len(shape) > 1 else f"{shape[0]:,} numbers"
            raise UsageError(
                f"probes: expected a number, or a vector of at most {MOST} numbers, as '{name.removeprefix('probe_')}', got "
                f"{got}. Measure what sums it up; overparam.train gives whole arrays."
            )


def mlp_cells(cells: Sequence[Params], progress: Progress) -> list[Outcome]:
    """Train ReLU networks with two hidden layers of one width by SGD on the cross-entropy.

    Members of one seed share initialisation and minibatch order across rates of noise, and the noise of one seed is the
    same at every width.
    """
    from overparam.models import mlp
    from overparam.training import Recipe

    stack = task(cells)
    same, data = stack.shared, stack.data
    own = {name: same[name] for name in ("steps", "learning_rate", "momentum", "batch")}
    return swept(stack, mlp(data.features, (same["width"],) * 2, data.classes), Recipe(**own), progress)


def mlp_cost(cell: Params) -> Estimate:
    """Expected cost of one such cell."""
    from overparam.data import shape_of

    shape = shape_of(str(cell["data"]))
    return cost(cell, dense(shape.features, cell["width"], cell["width"], shape.classes))
