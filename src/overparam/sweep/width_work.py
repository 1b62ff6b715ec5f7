"""What the cells of a sweep over widths or samples compute: one stack of networks, measured while it is trained.

Imported inside work functions, never at the top of a study.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from overparam.core.claim import Params
from overparam.core.parts import Estimate, Outcome, Progress
from overparam.sweep.work import Task, cost, dense, outcome, task

BY_STEP = ("test_error", "test_loss", "train_error", "train_loss")


def swept(stack: Task, network: Any, recipe: Any, progress: Progress, **fixed: Any) -> list[Outcome]:
    """Train a network from the seed of every cell, and keep its measurements.

    Args:
        stack: data and labels.
        network: the network, of any family.
        recipe: how to train, with the number of probe times.
        progress: told the fraction done.
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
    for curve, labels in zip(stack.curves(network, recipe, progress), stack.facts, strict=True):
        names = [name for name in BY_STEP if name in curve.values]
        tests = [name for name in names if name.startswith("test_")]
        ends = {**curve.ends(*names, "norm", "distance"), **curve.best(*tests)}
        lines = {"step": curve.steps, **curve.lines(*names, suffix="_by_step")}
        found.append(outcome({**sizes, **fixed, **labels, **ends, **lines}, lost=curve.lost))
    return found


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
