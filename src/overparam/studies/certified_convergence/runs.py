"""Runs of gradient descent from certified starts, every step held against what was proved."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

OVER = (
    0.5,
    1.2,
    2.0,
    5.0,
    10.0,
    15.0,
    20.0,
)  # output scales over the certified one; the first is not certified
DRAWN = {"near": 1, "far": 4}  # runs whose course is kept, by place in OVER
STEPS = 20_000
GOAL = 1e-3
DEEP = 1e-5  # |r| over its start where a run stops
ALLOWED = 1 + 1e-9
PROGRESS = [10 ** (-3 + i * 3 / 40) for i in range(41)]  # of the promised steps, where a course is kept
UNIT = 1e3  # of the targets, where the printed potential is judged


def certified_runs(
    x: Any, y: Any, activation: str, seed: int, report: Callable[[float], None]
) -> dict[str, Any]:
    """Values of all runs of a cell: one number a run in the lists, and two courses.

    Args:
        x: inputs, shape ``(n, features)``.
        y: targets, shape ``(n,)``.
        activation: a smooth one.
        seed: draws the weights.
        report: told the fraction done.
    """
    from overparam.own.instance import draw_instance
    from overparam.own.laziness import kernel_drift, lazy_scale

    width = 3 * len(x) + len(x) % 2
    base = draw_instance(x, y, activation, width, seed, scale=1.0, antisymmetric=True)
    other = draw_instance(x, y, activation, width, seed + 100_000, scale=1.0, antisymmetric=True)
    lazy = lazy_scale(base)
    if lazy.scale is None:
        return {"certified": [], "failed": [], "run_width": width, "lazy_scale": None}
    out: dict[str, Any] = {"over": list(OVER), "run_width": width, "lazy_scale": lazy.scale}
    out["drift"] = kernel_drift(base.scaled(lazy.scale))
    for i, over in enumerate(OVER):
        factor = over * lazy.scale
        found, course = one_run(base.scaled(factor), other.scaled(factor), seed)
        for name, value in found.items():
            out.setdefault(name, []).append(value)
        for name, place in DRAWN.items():
            if place == i and course is not None:
                out |= {f"{name}_{what}": line for what, line in course.items()}
                out["progress"] = PROGRESS
        report((i + 1) / len(OVER))
    return out


def one_run(start: Any, other: Any, seed: int) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """One run: what was proved of it, the worst of every inequality, and its course over the promised steps."""
    import numpy as np

    from overparam.own.descent import descend, linear_course
    from overparam.theory.certificates import certify_two_layer
    from overparam.theory.certificates.dense import two_layer
    from overparam.theory.certificates.run_check import key_lemma
    from overparam.theory.certificates.shortest_path import shortest_path

    def certify(step: float | None, flow: bool = False) -> Any:
        return certify_two_layer(
            start.weights, start.output, start.x, start.y, start.activation, step=step, flow=flow
        )

    found = certify(None)
    if not found.certified:
        names = (
            "failed", "cut", "contraction_over", "fast_over", "linear_over", "wrong_over", "path_over", "distance_over",
            "potential_rise", "printed_rise", "shortest", "nearest", "detour",
        )  # fmt: skip
        lemmas = [f"{arm}lemma{i}" for arm in ("", "printed_") for i in (1, 2, 3, 4)]
        return {"certified": 0, "h": found.h, "lemma_applies": 0, **dict.fromkeys((*names, *lemmas))}, None
    bend = lipschitz_everywhere(start)
    beta = (
        math.sqrt(float(np.linalg.eigvalsh(start.kernel())[-1])) * ALLOWED
        + 8 * bend * found.residual / found.sigma
    )
    step = min(found.step, 1 / (2 * beta**2) / ALLOWED)  # beta on the ball of the key lemma
    found = certify(step)
    premises = key_lemma(found.sigma, beta, bend, found.residual, step)
    promised = math.ceil(math.log(GOAL) / math.log(found.rate))
    course = descend(start, step, min(promised, STEPS), tolerance=DEEP)
    norms, path, distances = course.norms, course.path, course.distances
    times = np.arange(len(norms))
    envelope = found.envelope(times)
    reached = promised > STEPS or norms[-1] <= GOAL * norms[0] * ALLOWED
    distance_over = float(max(distances.max(), path[-1]) / found.distance)
    kept = float((norms / envelope).max()) <= ALLOWED and distance_over <= ALLOWED
    factors = norms[1:] / norms[:-1]
    linear = linear_course(start.kernel(), course.residuals[0], step, len(norms))
    wrong = linear_course(other.kernel(), course.residuals[0], step, len(norms))
    begin, end = (two_layer(w, start.output, start.activation) for w in (start.weights, course.weights))
    way = shortest_path(begin, end, start.x, start.y)
    rest = way.to_interpolation - way.travelled
    weight = found.kept * (
        found.sigma - found.lipschitz * path[:-1]
    )  # positive: the path ends before sigma / L
    drop = norms[1:] - norms[:-1]
    printed = 0.5 * (1 - step * beta**2)
    values = {
        "certified": 1,
        "h": found.h,
        "cut": int(promised > STEPS),
        "failed": int(course.diverged or not (reached and kept)),
        "contraction_over": float(factors.max() - found.rate),
        "fast_over": float(factors.max() - (1 - 4 * (1 - found.rate))),
        "linear_over": _off(course.residuals, linear, found.h),
        "wrong_over": _off(course.residuals, wrong, found.h),
        "path_over": float(path[-1] / found.distance),
        "distance_over": distance_over,
        "potential_rise": float((drop + weight * course.lengths).max() / norms[0]),
        "printed_rise": float((drop / UNIT + printed * course.lengths).max() / (norms[0] / UNIT)),
        "shortest": way.ratio,
        "nearest": way.nearest / way.lower,
        "detour": detour(start, way.travelled, seed) / way.lower,
        "lemma_applies": int(premises.applies),
        **lemma("", course, premises, beta, rest),
        **lemma(
            "printed_",
            descend(start, 2 * beta, 200),
            key_lemma(found.sigma, beta, bend, found.residual, 2 * beta),
            beta,
            0.0,
        ),
    }
    share = np.array(PROGRESS)
    places = np.rint(share * promised).astype(int)
    lines = {
        "course": [float(norms[t] / norms[0]) if t < len(norms) else None for t in places],
        "envelope": (found.envelope(places) / norms[0]).tolist(),
        "linear": [float(np.linalg.norm(linear[t]) / norms[0]) if t < len(norms) else None for t in places],
    }
    return values, lines


def lemma(arm: str, course: Any, premises: Any, beta: float, rest: float) -> dict[str, float]:
    """The four inequalities of the key lemma, each as measured over bound; ``rest`` leads from the end to a fit."""
    import numpy as np

    norms = course.norms
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        factor = 2 * math.log(max(premises.rate, 1e-150))
        decrease = 2 * np.log(norms / norms[0]) - np.arange(len(norms)) * factor
    away = float(course.distances[-1]) - rest
    found = (
        math.exp(min(float(np.nan_to_num(decrease, nan=1e3, posinf=1e3).max()), 25.0)),
        float(course.distances.max()) / premises.radius,
        norms[0] / (beta * away) if away > 0 else math.inf,
        float(course.path[-1]) / premises.radius,
    )
    return {f"{arm}lemma{i}": float(value) for i, value in enumerate(found, start=1)}


def _off(measured: Any, predicted: Any, h: float) -> float:
    import numpy as np

    return float(np.linalg.norm(measured - predicted, axis=1).max() / (h * np.linalg.norm(measured[0])))


def lipschitz_everywhere(start: Any) -> float:
    """``B2 |v|_inf tau(X)``, a Lipschitz constant of the Jacobian at all weights."""
    import numpy as np

    from overparam.theory.certificates import fourth_moment

    tau = fourth_moment(start.x, iterations=0).upper
    return start.activation.largest_curvature * float(np.abs(start.output).max()) * tau


def detour(start: Any, distance: float, seed: int) -> float:
    """Distance to an interpolator found from a start that was moved at random by twice ``distance``."""
    import numpy as np

    from overparam.data.stream import stream
    from overparam.training.levenberg_marquardt import levenberg_marquardt

    move = stream("certified-convergence detour", seed).standard_normal(start.weights.shape)
    moved = start.weights + move * (2 * distance / np.linalg.norm(move))
    shape = start.weights.shape
    found = levenberg_marquardt(
        lambda t: start.residual(t.reshape(shape)), lambda t: start.jacobian(t.reshape(shape)), moved.ravel()
    )
    return float(np.linalg.norm(found.params.reshape(shape) - start.weights))
