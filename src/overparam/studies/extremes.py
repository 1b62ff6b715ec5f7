"""Hard checks: the worst of all runs against a cut-off, without any average."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from overparam.core import Evidence, MissingEvidence, Part


def worst(evidence: Evidence, metric: str, label: str, at_most: float, names: Sequence[str]) -> Part:
    """The largest value of a number over all runs, as a part without any spread.

    What is claimed is exact, so one run beyond the cut-off contradicts the claim.

    Args:
        evidence: the finished cells of a run.
        metric: name among a cell's values, of a number or a list of numbers.
        label: in words; the setting of the worst run is added.
        at_most: the cut-off.
        names: axes that tell the settings apart.

    Raises:
        MissingEvidence: no cell has it.

    >>> rows = (({"seed": 0, "n": 5}, {"x": 1.0}), ({"seed": 1, "n": 5}, {"x": [0.0, 3.0]}))
    >>> part = worst(Evidence(rows), "x", "largest x", 2.0, ("n",))
    >>> part.effect, part.status, part.label
    (3.0, 'contradicted', 'largest x of 2 runs (worst: n = 5, seed 1)')
    """
    rows = [(params, _largest(values[metric])) for params, values in evidence.rows if metric in values]
    if not rows:
        raise MissingEvidence(f"no finished cell has '{metric}'. Run the study first.")
    n = len({params["seed"] for params, _ in rows})
    found = [(params, value) for params, value in rows if value is not None]
    if len(found) < len(rows):
        text = f"{label}: not a number in {len(rows) - len(found)} of {len(rows)} runs"
        return Part(text, None, None, None, n, None, at_most)
    params, value = max(found, key=lambda row: row[1])
    where = ", ".join([*(f"{k} = {params[k]}" for k in names if k in params), f"seed {params['seed']}"])
    return Part(f"{label} of {len(rows)} runs (worst: {where})", value, value, value, n, None, at_most)


def _largest(value: Any) -> float | None:
    numbers = list(value) if isinstance(value, list | tuple) else [value]
    return None if not numbers or any(v is None for v in numbers) else float(max(numbers))
