"""One cell: one experiment for one seed."""

from __future__ import annotations

from collections.abc import Sequence

from overparam.core import Estimate, Outcome, Params, Progress
from overparam.studies.progress import one_by_one

EXPERIMENTS = ("scale", "width", "drift", "ensemble", "targets")


def work(cells: Sequence[Params], report: Progress) -> list[Outcome]:
    """Run the cells of a stack one after another."""
    return one_by_one(solve, cells, report)


def solve(cell: Params, report: Progress) -> Outcome:
    """Run one cell's experiment."""
    from overparam.studies.lazy_training import ensemble, scale, targets, width

    runs = {
        "scale": scale.solve,
        "width": width.solve,
        "drift": width.drift,
        "ensemble": ensemble.solve,
        "targets": targets.solve,
    }
    return runs[cell["experiment"]](cell, report)


def estimate(cell: Params) -> Estimate:
    """Expected cost of a cell on one core: products of the training steps, activations, kernels, compilation."""
    n, d, steps = cell["n"], 64 if cell["data"] == "digits" else cell["d"], cell["steps"]
    if cell["experiment"] == "scale":
        units = 3 * len(cell["scale"]) * cell["units"] * n
        passes, compiled = steps * units, 3.0
        largest = n * cell["units"] * (d + 1)
    elif cell["experiment"] == "width":
        units = 2 * sum(cell["width"]) * n
        passes, compiled = steps * units, 1.5 * len(cell["width"])
        largest = 3 * n * max(cell["width"]) * (d + 1)
    elif cell["experiment"] == "drift":
        widths = [m for m in cell["width"] if m <= cell["widest_deep"]]
        passes = steps * n * sum(2 * m + 3 * m * (1 + m / d) for m in widths)
        compiled = 3.0 * len(widths)
        largest = 3 * n * max(widths, default=1) ** 2 * 2
    elif cell["experiment"] == "ensemble":
        passes, compiled = steps * n * 2 * cell["ensemble_width"] * cell["members"], 3.0
        largest = 8 * cell["ensemble_width"] * d * 50 * 6
    else:
        passes = cell["target_steps"] * cell["samples"] * cell["targets_width"] * 10
        compiled, largest = 2.0, cell["samples"] * cell["targets_width"] * d + 60 * cell["targets_width"] * d
    seconds = compiled + passes * (6 * d / 1.2e10 + 6e-9)
    return Estimate(seconds, 3e8 + 8.0 * largest)
