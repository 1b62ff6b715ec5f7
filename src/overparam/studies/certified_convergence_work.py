"""Runs of the study on certified convergence: certified ones, impossible ones, one certified on its way, paths."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from overparam.data.stream import stream
from overparam.own.descent import descend, linear_course
from overparam.own.instance import draw_instance, flow_certificate, lipschitz_everywhere
from overparam.own.laziness import kernel_drift, lazy_scale
from overparam.theory.certificates import certify_two_layer
from overparam.theory.certificates.dense import two_layer
from overparam.theory.certificates.run_check import key_lemma
from overparam.theory.certificates.shortest_path import shortest_path
from overparam.training.levenberg_marquardt import levenberg_marquardt

OVER = (0.5, 1.2, 2.0, 5.0, 10.0, 15.0, 20.0)  # output scales over the certified one; the first is below it
DRAWN = {1.2: "near", 10.0: "far"}  # runs whose course is kept
STEPS, GOAL, DEEP = 20_000, 1e-3, 1e-5  # most steps; residual over its start: promised, and where a run stops
ALLOWED = 1 + 1e-9
PROGRESS = [10 ** (-3 + i * 3 / 40) for i in range(41)]  # of the promised steps, where a course is kept
UNIT = 1e3  # of the targets, where the printed potential is judged
UNITS, REACH = 12, 0.9  # of tanh networks out of reach: hidden units, and largest output over largest target
GROWTH = 1.25  # between the steps at which a certificate on the way is tried
PATH_GOAL = 1e-2  # of the residual, where a path ends
MEASURED = (
    "failed", "cut", "contraction_over", "fast_over", "linear_over", "wrong_over", "path_over", "distance_over",
    "potential_rise", "printed_rise", "shortest", "nearest", "detour",
    *(f"{step}lemma{i}" for step in ("", "printed_") for i in (1, 2, 3, 4)))  # fmt: skip


def certified_runs(x: Any, y: Any, activation: str, seed: int, progress: Any) -> dict[str, Any]:
    """All runs of a cell over the output scale: one number a run in the lists, and two courses."""
    width = 3 * len(x) + len(x) % 2
    base = draw_instance(x, y, activation, width, seed, scale=1.0, antisymmetric=True)
    other = draw_instance(x, y, activation, width, seed + 100_000, scale=1.0, antisymmetric=True)
    lazy = lazy_scale(base)
    if lazy.scale is None:
        return {"certified": [], "failed": [], "run_width": width, "lazy_scale": None}
    out: dict[str, Any] = {"over": OVER, "run_width": width, "lazy_scale": lazy.scale}
    out |= {"drift": kernel_drift(base.scaled(lazy.scale)), "progress": PROGRESS}
    for i, over in enumerate(OVER):
        found, course = one_run(base.scaled(over * lazy.scale), other.scaled(over * lazy.scale), seed)
        for name, value in found.items():
            out.setdefault(name, []).append(value)
        out |= {f"{DRAWN[over]}_{what}": line for what, line in course.items()} if over in DRAWN else {}
        progress((i + 1) / len(OVER))
    return out


def one_run(start: Any, other: Any, seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """What was proved of a run, the worst of every inequality, and its course over the promised steps."""
    found = certify_two_layer(start.weights, start.output, start.x, start.y, start.activation)
    if not found.certified:
        return {"certified": 0, "h": found.h, "lemma_applies": 0, **dict.fromkeys(MEASURED)}, {}
    bend, kernel = lipschitz_everywhere(start), start.kernel()
    beta = math.sqrt(float(np.linalg.eigvalsh(kernel)[-1])) * ALLOWED + 8 * bend * found.residual / found.sigma
    step = min(found.step, 1 / (2 * beta**2) / ALLOWED)  # beta on the ball of the key lemma
    found = certify_two_layer(start.weights, start.output, start.x, start.y, start.activation, step=step)
    premises, printed = (key_lemma(found.sigma, beta, bend, found.residual, one) for one in (step, 2 * beta))
    promised = math.ceil(math.log(GOAL) / math.log(found.rate))
    course = descend(start, step, min(promised, STEPS), tolerance=DEEP)
    norms, path, residuals = course.norms, course.path, course.residuals
    distance_over = float(max(course.distances.max(), path[-1]) / found.distance)
    reached = promised > STEPS or norms[-1] <= GOAL * norms[0] * ALLOWED
    kept = float((norms / found.envelope(np.arange(len(norms)))).max()) <= ALLOWED and distance_over <= ALLOWED
    factors, drop = norms[1:] / norms[:-1], norms[1:] - norms[:-1]
    linear, wrong = (linear_course(one, residuals[0], step, len(norms)) for one in (kernel, other.kernel()))
    begin, end = (two_layer(w, start.output, start.activation) for w in (start.weights, course.weights))
    way = shortest_path(begin, end, start.x, start.y)
    weight = found.kept * (found.sigma - found.lipschitz * path[:-1])  # > 0: the path ends before sigma / L
    length = 0.5 * (1 - step * beta**2) * course.lengths
    values = {
        "certified": 1, "h": found.h, "cut": int(promised > STEPS), "lemma_applies": int(premises.applies),
        "failed": int(course.diverged or not (reached and kept)), "path_over": float(path[-1] / found.distance),
        "contraction_over": float(factors.max() - found.rate), "distance_over": distance_over,
        "fast_over": float(factors.max() - (1 - 4 * (1 - found.rate))),
        "linear_over": deviation(residuals, linear, found.h), "wrong_over": deviation(residuals, wrong, found.h),
        "potential_rise": float((drop + weight * course.lengths).max() / norms[0]),
        "printed_rise": float((drop / UNIT + length).max() / (norms[0] / UNIT)),
        "shortest": way.ratio, "nearest": way.nearest / way.lower,
        "detour": detour(start, way.travelled, seed) / way.lower,
        **lemma("", course, premises, beta, way.to_interpolation - way.travelled),
        **lemma("printed_", descend(start, 2 * beta, 200), printed, beta, 0.0)}  # fmt: skip
    places = np.rint(np.array(PROGRESS) * promised).astype(int)
    lines = {
        "course": [float(norms[t] / norms[0]) if t < len(norms) else None for t in places],
        "envelope": (found.envelope(places) / norms[0]).tolist(),
        "linear": [float(np.linalg.norm(linear[t]) / norms[0]) if t < len(norms) else None for t in places],
    }
    return values, lines


def lemma(step: str, course: Any, premises: Any, beta: float, rest: float) -> dict[str, float]:
    """The four inequalities of the key lemma, each as measured over bound; ``rest`` leads from the end to a fit."""
    norms, away = course.norms, float(course.distances[-1]) - rest
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        factor = 2 * math.log(max(premises.rate, 1e-150))
        decrease = 2 * np.log(norms / norms[0]) - np.arange(len(norms)) * factor
    found = (
        math.exp(min(float(np.nan_to_num(decrease, nan=1e3, posinf=1e3).max()), 25.0)),
        float(course.distances.max()) / premises.radius,
        norms[0] / (beta * away) if away > 0 else math.inf,
        float(course.path[-1]) / premises.radius,
    )
    return {f"{step}lemma{i}": float(value) for i, value in enumerate(found, start=1)}


def deviation(measured: Any, predicted: Any, h: float) -> float:
    """Largest distance of two courses over ``h |r_0|``."""
    return float(np.linalg.norm(measured - predicted, axis=1).max() / (h * np.linalg.norm(measured[0])))


def flat(start: Any) -> tuple[Any, Any]:
    """Residual and Jacobian as functions of the weights in one row."""
    shape = start.weights.shape
    return lambda t: start.residual(t.reshape(shape)), lambda t: start.jacobian(t.reshape(shape))


def detour(start: Any, distance: float, seed: int) -> float:
    """Distance to an interpolator found from a start that was moved at random by twice ``distance``."""
    move = stream("certified-convergence detour", seed).standard_normal(start.weights.shape)
    moved = start.weights + move * (2 * distance / np.linalg.norm(move))
    found = levenberg_marquardt(*flat(start), moved.ravel())
    return float(np.linalg.norm(found.params - start.weights.ravel()))


def contradicting(x: Any, y: Any) -> tuple[Any, Any]:
    """The same data with the second row made equal to the first and their targets opposite: nothing fits it."""
    x, y = x.copy(), y.copy()
    x[1], y[0], y[1] = x[0], 1.0, -1.0
    return x, y


def impossible(x: Any, y: Any, activation: str, seed: int, scale: float | None) -> dict[str, Any]:
    """Certificates given where nothing fits, over the output scales; for tanh also where the outputs cannot reach y."""
    width = 3 * len(x) + len(x) % 2
    base = draw_instance(*contradicting(x, y), activation, width, seed, scale=1.0, antisymmetric=True)
    given = [int(flow_certificate(base.scaled(over * (scale or 1.0))).certified) for over in OVER]
    given += saturating(x, y, seed) if activation == "tanh" else []
    return {"impossible_certified": given, "impossible_failed": [0] * len(given)}


def saturating(x: Any, y: Any, seed: int) -> list[int]:
    """Certificates on the way of Levenberg-Marquardt where the outputs of tanh cannot reach the targets."""
    start = draw_instance(x, y, "tanh", UNITS, seed, scale=REACH * float(np.abs(y).max()) / UNITS)
    given: list[int] = []

    def visit(_: int, theta: Any, r: Any) -> bool:
        given.append(int(flow_certificate(start, theta.reshape(start.weights.shape)).certified))
        return False

    levenberg_marquardt(*flat(start), start.weights.ravel(), iterations=60, visit=visit)
    return given


def certified_on_the_way(x: Any, y: Any, activation: str, seed: int) -> dict[str, Any]:
    """When a certificate first holds along gradient descent of a narrow network, and the course around that step."""
    start = draw_instance(x, y, activation, 3 * len(x), seed)
    step = 0.5 / float(np.linalg.eigvalsh(start.kernel())[-1])
    out: dict[str, Any] = {"after_h": flow_certificate(start).h}
    here, done, found = start, 0, None
    norms = [float(np.linalg.norm(start.residual()))]
    while found is None and done < STEPS:
        more = max(1, round(done * (GROWTH - 1)))
        course = descend(here, step, more)
        if course.diverged:
            break
        norms += course.norms[1:].tolist()
        here, done = replace(here, weights=course.weights), done + more
        made = certify_two_layer(here.weights, here.output, x, y, here.activation, step=step)
        if not made.certified and made.largest_step > 0:
            made = certify_two_layer(here.weights, here.output, x, y, here.activation)
        found = made if made.certified else None
    if found is None:
        return {**out, "after_certified": [0], "after_failed": [0], "after_step": None}
    course = descend(here, found.step, 9 * done)
    over = (course.norms / found.envelope(np.arange(len(course.norms)))).max()
    norms += course.norms[1:].tolist()
    share = np.geomspace(0.01, 10.0, 41)
    places = np.minimum(np.rint(share * done).astype(int), len(norms) - 1)
    envelope = [float(found.envelope(t - done)[0]) / norms[0] if t >= done else None for t in places]
    return {
        **out, "after_certified": [1], "after_failed": [int(max(over, course.path[-1] / found.distance) > ALLOWED)],
        "after_step": done, "after_residual": norms[done] / norms[0], "after": share,
        "after_course": [norms[t] / norms[0] for t in places], "after_envelope": envelope}  # fmt: skip


def paths(x: Any, y: Any, activation: str, seed: int, widths: list[int], progress: Any) -> dict[str, Any]:
    """Length of the way to 1 % of the residual over ``|W_0|``, at shrinking and at fixed output weights."""
    fixed = float(np.linalg.norm(y)) / math.sqrt(len(x) * widths[0])
    own, same = [], []
    for i, k in enumerate(widths):
        own.append(length(draw_instance(x, y, activation, k, seed)))
        same.append(length(draw_instance(x, y, activation, k, seed, scale=fixed, antisymmetric=True)))
        progress((i + 1) / len(widths))
    law = [None if own[0] is None else own[0] * math.sqrt(widths[0] / k) for k in widths]
    return {"width": widths, "path": own, "fixed_path": same, "theory_path": law}


def length(start: Any) -> float | None:
    """Length of the way over ``|W_0|``; None where the goal is not reached."""
    course = descend(start, 0.5 / float(np.linalg.eigvalsh(start.kernel())[-1]), STEPS, tolerance=PATH_GOAL)
    if course.diverged or course.norms[-1] > PATH_GOAL * course.norms[0]:
        return None
    return float(course.path[-1] / np.linalg.norm(start.weights))
