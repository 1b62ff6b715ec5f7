"""Over the width: the length of the way, the room that is proved for it, and the units of ReLU that switch."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

GOAL = 1e-2
STEPS = 20_000
NARROWEST = 128
SWITCH_GOALS = (0.3, 0.1, 0.01)
PUSH = 0.05  # of |W_0|


def sizes(low: int, high: int) -> list[int]:
    """Powers of two.

    >>> sizes(128, 1024)
    [128, 256, 512, 1024]
    """
    return [2**i for i in range(round(math.log2(low)), math.floor(math.log2(high)) + 1)]


def path_lengths(
    x: Any, y: Any, activation: str, seed: int, widest: int, report: Callable[[float], None]
) -> dict[str, Any]:
    """Length of the way to 1 % of the residual over ``|W_0|``, at shrinking and at fixed output weights."""
    import numpy as np

    from overparam.own.instance import draw_instance

    fixed = float(np.linalg.norm(y)) / math.sqrt(len(x) * NARROWEST)
    out: dict[str, list[Any]] = {"width": sizes(NARROWEST, widest), "path": [], "fixed_path": []}
    for i, k in enumerate(out["width"]):
        out["path"].append(_length(draw_instance(x, y, activation, k, seed)))
        same = draw_instance(x, y, activation, k, seed, scale=fixed, antisymmetric=True)
        out["fixed_path"].append(_length(same))
        report((i + 1) / len(out["width"]))
    return {**out, "theory_path": [None if out["path"][0] is None else _half(out, k) for k in out["width"]]}


def _half(out: dict[str, list[Any]], k: int) -> float:
    return float(out["path"][0] * math.sqrt(out["width"][0] / k))


def _length(start: Any) -> float | None:
    import numpy as np

    from overparam.own.descent import descend

    step = 0.5 / float(np.linalg.eigvalsh(start.kernel())[-1])
    course = descend(start, step, STEPS, tolerance=GOAL)
    if course.diverged or course.norms[-1] > GOAL * course.norms[0]:
        return None
    return float(course.path[-1] / np.linalg.norm(start.weights))


def rooms(x: Any, y: Any, activation: str, seed: int, widest: int) -> dict[str, Any]:
    """``1/(2h)`` with the Lipschitz constant that holds everywhere, at shrinking and at fixed output weights."""
    import numpy as np

    from overparam.own.instance import draw_instance, flow_certificate
    from overparam.studies.certified_convergence.runs import lipschitz_everywhere

    fixed = float(np.linalg.norm(y)) / math.sqrt(len(x) * NARROWEST)
    out: dict[str, Any] = {"law_width": sizes(4 * NARROWEST, 4 * widest), "room": [], "fixed_room": []}
    for k in out["law_width"]:
        for name, start in (
            ("room", draw_instance(x, y, activation, k, seed)),
            ("fixed_room", draw_instance(x, y, activation, k, seed, scale=fixed, antisymmetric=True)),
        ):
            found = flow_certificate(start)
            h = lipschitz_everywhere(start) * found.residual / found.sigma**2 if found.sigma > 0 else math.inf
            out[name].append(0.5 / h if math.isfinite(h) else None)
    return out


def switching(x: Any, y: Any, seed: int, widest: int, report: Callable[[float], None]) -> dict[str, Any]:
    """Share of (sample, unit) pairs of a ReLU network whose sign changes, and the exact worst case for the movement.

    Output weights are +1 and -1, two of each unit, so that the outputs start at 0.
    """
    import numpy as np

    from overparam.data.stream import stream
    from overparam.own.instance import draw_instance

    names = ("switched", "switched_over", "pushed_switched", "pushed_switched_over")
    out: dict[str, Any] = {"switch_width": sizes(2 * NARROWEST, 2 * widest), **{name: [] for name in names}}
    for i, k in enumerate(out["switch_width"]):
        start = draw_instance(x, y, "relu", k, seed, scale=1.0, antisymmetric=True)
        share, over = _trained(start)
        out["switched"].append(share)
        out["switched_over"].append(over)
        move = stream(f"certified-convergence push {k}", seed).standard_normal(start.weights.shape)
        move *= PUSH * np.linalg.norm(start.weights) / np.linalg.norm(move)
        share, over = _counted(start, start.weights + move)
        out["pushed_switched"].append(share)
        out["pushed_switched_over"].append(over)
        report((i + 1) / len(out["switch_width"]))
    first = out["switched"][0]
    out["theory_switched"] = [
        None if first is None else first * (out["switch_width"][0] / k) ** (1 / 3) for k in out["switch_width"]
    ]
    return out


def _trained(start: Any) -> tuple[float | None, float | None]:
    from dataclasses import replace

    import numpy as np

    from overparam.own.descent import descend

    step = 0.5 / float(np.linalg.eigvalsh(start.kernel())[-1])
    here, worst, share = start, 0.0, None
    whole = float(np.linalg.norm(start.residual()))
    for goal in SWITCH_GOALS:
        left = float(np.linalg.norm(here.residual())) / whole
        course = descend(here, step, STEPS, tolerance=min(1.0, goal / left))
        if course.diverged or course.norms[-1] > goal * whole * (1 + 1e-9):
            return None, None
        here = replace(here, weights=course.weights)
        share, over = _counted(start, course.weights)
        worst = max(worst, over)
    return share, worst


def _counted(start: Any, weights: Any) -> tuple[float, float]:
    """Share of switched pairs, and the most of a sample over its bound (0 where both are 0)."""
    import numpy as np

    from overparam.theory.certificates.dense import evaluate, two_layer
    from overparam.theory.certificates.relu import switches

    network = two_layer(start.weights, start.output, start.activation)
    found = switches(network, evaluate(network, start.x))
    moved = float(np.linalg.norm(weights - start.weights)) * (1 + 1e-12)
    each = (((start.x @ start.weights.T) > 0) != ((start.x @ weights.T) > 0)).sum(axis=1)
    allowed = found.counts(moved)
    over = [
        0.0 if a == 0 else (a / b if b else math.inf)
        for a, b in zip(each.tolist(), allowed.tolist(), strict=True)
    ]
    return float(each.sum() / (len(start.x) * len(start.weights))), max(over)
