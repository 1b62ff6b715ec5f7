"""The work of learning-curves: learners on samples of known distributions, and their exact expectations beside them.

Every error is that of one training set, exactly: the mass of the points on which the learner is wrong. So no test set is
drawn, and a mean over training sets is compared with its expectation alone.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import ndtr

from overparam.core import Params, Progress
from overparam.data.stream import stream
from overparam.theory.bousquet2021 import (
    LearningCurve,
    finite_error,
    integer_threshold_error,
    least_threshold_error,
    memorizer_error,
    tail_mass,
    threshold_error,
)

TAILS = {"power_1": ("power", 1.0), "power_03": ("power", 0.3), "power_01": ("power", 0.1), "log": ("log", 1.0),
         "loglog": ("loglog", 1.0)}  # fmt: skip
FAR = tuple(10**k for k in range(1, 13))  # samples at which the exact curves' exponents are read
LOWEST = 1e-5  # drawn no lower
SURE = 100  # training sets expected to err, from which a mean is compared with its expectation
ALONE = 2.0**50  # points beyond are met once: each has a probability below 1e-15


def law(points: int) -> Any:
    """Probabilities 1, 2, ... of so many points, over their sum."""
    weights = np.arange(1.0, points + 1)
    return weights / weights.sum()


def finite(rng: Any, p: Any, sizes: Any, trials: int) -> Any:
    """Mass that is unseen after each number of samples, shape ``(trials, sizes)``."""
    drawn = rng.choice(len(p), size=(trials, max(sizes)), p=p)
    left = np.zeros((trials, len(sizes)))
    for point, mass in enumerate(p):
        hit = drawn == point
        first = np.where(hit.any(axis=1), hit.argmax(axis=1), max(sizes))
        left += mass * (first[:, None] >= np.asarray(sizes))
    return left


def integers(rng: Any, ratio: float, target: float, sizes: Any, trials: int) -> Any:
    """Error of the least threshold on the whole numbers that agrees, shape ``(trials, sizes)``."""
    drawn = rng.geometric(1 - ratio, size=(trials, max(sizes)))
    largest = np.maximum.accumulate(np.where(drawn < target, drawn, 0), axis=1)[:, np.asarray(sizes) - 1]
    return ratio ** largest.astype(float) - (0.0 if target == math.inf else ratio ** (target - 1))


def thresholds(rng: Any, targets: Any, sizes: Any) -> Any:
    """Error of the middle of the gap around each target, all in probability, shape ``(trials, sizes)``."""
    drawn, c = ndtr(rng.standard_normal((len(targets), max(sizes)))), np.asarray(targets)[:, None]
    at = np.asarray(sizes) - 1
    low = np.maximum.accumulate(np.where(drawn < c, drawn, 0.0), axis=1)[:, at]
    high = np.minimum.accumulate(np.where(drawn >= c, drawn, 1.0), axis=1)[:, at]
    return np.abs((low + high) / 2 - c)


def draw_points(uniform: Any, tail: str, exponent: float) -> Any:
    """The least point beyond which there is at most the given mass, as a float; infinity where it has no place."""
    with np.errstate(over="ignore", divide="ignore"):
        if tail == "power":
            beyond = uniform ** (-1 / exponent)
        else:
            length = 1 / uniform if tail == "log" else np.exp(1 / uniform - 1)
            beyond = np.exp(length - 1)
    return np.maximum(np.ceil(beyond - 1), 1.0)


def memorizer(rng: Any, tail: str, exponent: float, sizes: Any, trials: int) -> Any:
    """Mass that is unseen after each number of samples, on infinitely many points, shape ``(trials, sizes)``."""
    most, at = max(sizes), np.asarray(sizes) - 1
    left = np.empty((trials, len(sizes)))
    for trial in range(trials):
        points = draw_points(1 - rng.uniform(size=most), tail, exponent)
        points = np.where(points < ALONE, points, 0.0)
        distinct, first = np.unique(points, return_index=True)
        real = distinct > 0
        mass = tail_mass(distinct[real] - 1, tail, exponent) - tail_mass(distinct[real], tail, exponent)
        gained = np.zeros(most)
        gained[first[real]] = mass
        left[trial] = 1 - np.cumsum(gained)[at]
    return left


def distance(errors: Any, expected: LearningCurve, sure: Any = True) -> float:
    """Largest distance of a mean over training sets from its expectation, in standard errors, where ``sure``."""
    spread = expected.deviation / math.sqrt(len(errors))
    off = np.abs(errors.mean(axis=0) - expected.error)
    keep = np.broadcast_to(np.asarray(sure), off.shape) & (spread > 0)
    return float((off[keep] / spread[keep]).max(initial=0.0))


def averaged(sizes: Any) -> LearningCurve:
    """The middle of the gap, over uniform targets: a uniform place in a gap g has a mean square error of g^2 / 12."""
    n = np.asarray(sizes, float)
    return LearningCurve(n, least_threshold_error(n), 1 / np.sqrt(2 * (n + 2) * (n + 3)))


def exponents() -> dict[str, list[float]]:
    """The exact curves' local exponents: log2 of the error at 2 n over that at n."""
    far = np.array(FAR, float)
    found = {}
    for name, (tail, a) in TAILS.items():
        error = memorizer_error(np.concatenate([far, 2 * far]), tail, a).error
        found[f"exponent_{name}"] = [float(one) for one in np.log2(error[len(far) :] / error[: len(far)])]
    return found


def run(cell: Params, progress: Progress) -> dict[str, Any]:
    """All curves of one seed."""
    few, sizes, trials, repeats = list(cell["few"]), list(cell["n"]), cell["trials"], cell["repeats"]
    ratio, target, p = 0.5, float(cell["first"]), law(cell["points"])
    found: dict[str, Any] = {"few": few, "samples": sizes, "far": list(FAR), **exponents()}
    farthest = []

    def keep(name: str, errors: Any, expected: LearningCurve, sure: Any = True) -> None:
        found[name] = [float(one) for one in errors.mean(axis=0)]
        found[f"{name}_exact"] = [float(one) for one in expected.error]
        farthest.append(distance(errors, expected, sure))

    def rng(name: str) -> Any:
        return stream(f"learning curves {name}", cell["seed"])

    slowest = np.log1p(-p.min()), np.log1p(-((1 - ratio) * ratio ** (target - 2)))
    sure = [trials * np.exp(np.asarray(few) * one) >= SURE for one in slowest]
    keep("few_finite", finite(rng("finite"), p, few, trials), finite_error(few, p), sure[0])
    keep("few_integers", integers(rng("integers"), ratio, target, few, trials),
         integer_threshold_error(few, ratio, target), sure[1])  # fmt: skip
    progress(0.2)
    place = cell["place"]
    keep(
        "threshold",
        thresholds(rng("thresholds"), np.full(repeats, place), sizes),
        threshold_error(sizes, place),
    )
    targets = rng("targets").uniform(size=repeats)
    keep("average", thresholds(rng("average"), targets, sizes), averaged(sizes))
    keep(
        "negative",
        integers(rng("negative"), ratio, math.inf, sizes, repeats),
        integer_threshold_error(sizes, ratio),
    )
    progress(0.3)
    for i, (name, (tail, a)) in enumerate(TAILS.items()):
        keep(name, memorizer(rng(name), tail, a, sizes, repeats), memorizer_error(sizes, tail, a))
        progress(0.3 + 0.14 * (i + 1))
    drawn = finite_error(sizes, p).error
    least = [n for n, error in zip(sizes, drawn, strict=True) if error > LOWEST]
    seen = finite(rng("drawn"), p, least or [1], trials).mean(axis=0)
    found["drawn_finite"] = [max(float(one), LOWEST) for one in seen[: len(least)]] + [LOWEST] * (
        len(sizes) - len(least)
    )
    found["drawn_finite_exact"] = [max(float(one), LOWEST) for one in drawn]
    bends = {
        f"bend_{name}": found[f"exponent_{name}"][-1] / found[f"exponent_{name}"][2]
        for name in ("log", "loglog")
    }
    off = [
        abs(found[f"exponent_{name}"][-1] + a / (1 + a)) for name, (tail, a) in TAILS.items() if tail == "power"
    ]
    return found | {"farthest": farthest, "power_off": off, **bends}
