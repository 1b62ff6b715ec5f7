"""One cell: certified runs, impossible tasks, paths and the ladder of widths; for relu the units that switch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from overparam.core import Estimate, Outcome, Params, Progress
from overparam.studies.certified_convergence import afterwards, data, impossible, runs, widths
from overparam.studies.progress import one_by_one, within
from overparam.studies.rounding import rounded

DRAWS = 3  # of the weights, for the ladder of a cell
RUNGS = ("rank", "fit", "afterwards", "beforehand")
SMOOTH = ("Eftekhari et al.", "talk, generic data", "Song et al.", "Oymak-Soltanolkotabi", "Du et al., deep")
RELU = "relu"
DIGITS = 6


def work(cells: Sequence[Params], report: Progress) -> list[Outcome]:
    """Measure the cells of a stack one after another."""
    return one_by_one(measure, cells, report)


def measure(cell: Params, report: Progress) -> Outcome:
    """Measure one cell.

    Args:
        cell: parameters of the study's axes.
        report: told the fraction done.
    """
    x, y = data.examples(cell)
    activation, seed, widest = cell["activation"], cell["seed"], cell["widest"]
    if activation == RELU:
        return _outcome(widths.switching(x, y, seed, widest, report))
    out = runs.certified_runs(x, y, activation, seed, within(report, 0.0, 0.3))
    out |= impossible.attempts(x, y, activation, seed, out["lazy_scale"])
    out |= afterwards.fired(x, y, activation, seed)
    out |= widths.path_lengths(x, y, activation, seed, widest, within(report, 0.35, 0.6))
    out |= widths.rooms(x, y, activation, seed, widest)
    out |= ladder(x, y, cell, within(report, 0.65, 0.9))
    if cell["data"] == "digits":
        raw_x, raw_y = data.examples(cell, raw=True)
        raw = ladder(raw_x, raw_y, cell, within(report, 0.9, 1.0), draws=1)
        out |= {f"raw_{name}": raw[name] for name in RUNGS}
        missing = [None] * (len(out["rung"]) - len(raw["rung"]))  # no widths in print where norms differ from 1
        out["raw_rung_width"] = [*raw["rung_width"], *missing]
    return _outcome(out)


def _outcome(values: dict[str, Any]) -> Outcome:
    return Outcome({name: rounded(value, DIGITS) for name, value in values.items()})


def ladder(x: Any, y: Any, cell: Params, report: Progress, draws: int = DRAWS) -> dict[str, Any]:
    """The rungs of the ladder of one data set as values."""
    from overparam.own.required_widths import width_ladder

    seeds = range(draws * cell["seed"], draws * cell["seed"] + draws)
    found = width_ladder(x, y, cell["activation"], seeds=seeds, largest=cell["largest"], progress=report)
    out: dict[str, Any] = {name: found[name].width for name in RUNGS}
    each = found["beforehand"].each or (None, None)
    out |= {"draw0": each[0], "draw1": each[1] if draws > 1 else None}
    smooth = [row for row in found.published if row.network == "smooth"]
    relu = [row for row in found.published if row.network == "ReLU"]
    smooth.sort(key=lambda row: SMOOTH.index(row.name))
    relu.sort(key=lambda row: row.name)
    out |= {
        "flow_law": found.flow_law,
        "lemma_law": found.lemma_law,
        "smooth_formula": [row.name for row in smooth],
        "smooth_width": [row.width for row in smooth],
        "relu_formula": [row.name for row in relu],
        "relu_width": [row.width for row in relu],
        "count_formula": ["parameters = samples"],
        "count_width": [max(1.0, len(x) / x.shape[1])],
    }
    steps = [*(out[name] for name in RUNGS), found.flow_law, found.lemma_law, *out["smooth_width"]]
    return {**out, "rung": list(range(1, len(steps) + 1)), "rung_width": steps}


def estimate(cell: Params) -> Estimate:
    """Expected cost of a cell on one core."""
    n = cell["n"]
    if cell["activation"] == RELU:
        return Estimate(0.1 + 1e-5 * n * cell["widest"], 3e8)
    path = 5e-5 * n * cell["widest"]
    top = 2e-7 * n * cell["largest"] * DRAWS * (2.5 if cell["data"] == "digits" else 1.0)
    features = 64 if cell["data"] == "digits" else cell["d"]
    return Estimate(1.0 + path + top, 3e8 + 40.0 * n * cell["largest"] + 16.0 * features * cell["largest"])
