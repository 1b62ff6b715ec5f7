"""The work of feature-correction: two layers of squares, trained jointly, layer by layer, and not; kernels; a bound.

The target is ``sum_j z_j + alpha sum_j z_j z_{j+1}`` (the last pair closes the ring) with ``z_j`` the product of two inputs of
its own, and the student ``a . h + b . g + e`` with ``h = (W x)^2`` and ``g = (V h + c)^2``: it holds the target exactly.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from scipy import linalg

from overparam.core import Params, Progress, within
from overparam.data.stream import stream
from overparam.theory.barron1993 import average_error, linear_floor

PENALTIES = (1e-5, 1e-3, 1e-1)  # of the mean diagonal of the kernel
TEST = 4000
CUBE, DEGREE = 10, 4  # inputs and degree of the family of the bound
FEW = (20, 50, 100, 150, 200)  # samples of its kernel
PARTS = ("W", "V", "a", "b", "c", "e")
STAGES = {"layer1": ("W", "a", "e"), "joint": PARTS, "random": ("V", "a", "b", "c", "e"),
          "layerwise": ("V", "a", "b", "c", "e"), "unfrozen": PARTS, "longer": ("W", "a", "e")}  # fmt: skip


def first_level(x: Any, products: int) -> Any:
    """The products ``z_j = x_{2j-1} x_{2j}``, shape ``(rows, products)``."""
    return x[:, 0 : 2 * products : 2] * x[:, 1 : 2 * products : 2]


def target(x: Any, products: int, alpha: float) -> Any:
    """The composition, shape ``(rows,)``."""
    z = first_level(x, products)
    return z.sum(axis=1) + alpha * (z * np.roll(z, -1, axis=1)).sum(axis=1)


def variance(products: int, alpha: float) -> float:
    """Its variance: every product of different inputs has variance 1; two products make one pair, counted twice."""
    return products + alpha**2 * (products if products > 2 else 4.0)


def outputs(p: Any, x: Any) -> Any:
    """The student, shape ``(rows,)``."""
    h = jnp.square(x @ p["W"].T)
    return h @ p["a"] + jnp.square(h @ p["V"].T + p["c"]) @ p["b"] + p["e"]


def start(rng: Any, d: int, width: int, second: int) -> dict[str, Any]:
    """Random parameters; the second layer's output weights are small."""
    made = {
        "W": rng.standard_normal((width, d)) / math.sqrt(d), "V": rng.standard_normal((second, width)) / math.sqrt(width),
        "a": 0.1 * rng.standard_normal(width) / math.sqrt(width), "b": 0.1 * rng.standard_normal(second) / math.sqrt(second),
        "c": np.zeros(second), "e": np.zeros(()),
    }  # fmt: skip
    return {name: np.asarray(value, np.float32) for name, value in made.items()}


@functools.lru_cache(maxsize=4)
def program(steps: int, rate: float) -> Any:
    """Adam with a cosine schedule on members side by side, each with masks of what is trained."""
    optimizer = optax.adam(optax.cosine_decay_schedule(rate, steps))

    def one(p: Any, mask: Any, x: Any, y: Any, order: Any) -> Any:
        def step(i: Any, state: Any) -> Any:
            now, moments = state
            rows = order[i]

            def loss(q: Any) -> Any:
                return jnp.mean(jnp.square(outputs(q, x[rows]) - y[rows]))

            update, moments = optimizer.update(jax.grad(loss)(now), moments)
            return {k: now[k] + mask[k] * update[k] for k in now}, moments

        return jax.lax.fori_loop(0, steps, step, (p, optimizer.init(p)))[0]

    return jax.jit(jax.vmap(one, in_axes=(0, 0, None, None, None)))


def train(starts: list[Any], arms: list[str], x: Any, y: Any, order: Any, steps: int, rate: float) -> list[Any]:
    """Members after training; each arm trains the parts of its stage alone."""
    stacked = {k: np.stack([p[k] for p in starts]) for k in PARTS}
    mask = {k: np.array([float(k in STAGES[arm]) for arm in arms], np.float32) for k in PARTS}
    found = program(steps, rate)(stacked, mask, x, y, order)
    return [{k: np.asarray(found[k][i]) for k in PARTS} for i in range(len(starts))]


def alignment(w: Any, products: int) -> float:
    r"""Mean share of the true products that a linear map of the first layer's features explains, on Gaussian inputs.

    A centred form :math:`x^T A x` has the covariance :math:`2 tr(A B)` with another, so that this is the mean squared length
    of the projection of the products' unit matrices on the span of the units' :math:`w w^T`: the mean of the squared cosines
    of the principal angles of both spans, where these are at least as many units. Exact; no samples.
    """
    w = np.asarray(w, float)
    d = w.shape[1]
    i, j = np.triu_indices(d)
    scale = np.where(i == j, 1.0, math.sqrt(2.0))
    spans = w[:, i] * w[:, j] * scale
    forms = np.zeros((products, len(i)))
    for k in range(products):
        forms[k, np.flatnonzero((i == 2 * k) & (j == 2 * k + 1))] = 1.0
    _, s, basis = np.linalg.svd(spans, full_matrices=False)
    basis = basis[s > 1e-7 * s[0]]
    return float(np.square(forms @ basis.T).sum(axis=1).mean())


def polynomial(x: Any, z: Any) -> Any:
    """The kernel ``(1 + x . z / d)^4``."""
    return np.square(np.square(1 + x @ z.T / x.shape[1]))


def tangent(x: Any, z: Any) -> Any:
    """The tangent kernel of a wide relu network with two hidden layers, without biases."""
    size = np.linalg.norm(x, axis=1)[:, None] * np.linalg.norm(z, axis=1)[None, :]
    cosine = np.clip(x @ z.T / size, -1.0, 1.0)
    kernel = cosine
    for _ in range(2):
        angle = np.arccos(cosine)
        slope = 1 - angle / np.pi
        cosine = np.clip(slope * cosine + np.sqrt(1 - np.square(cosine)) / np.pi, -1.0, 1.0)
        kernel = cosine + kernel * slope
    return size * kernel / x.shape[1]


def ridge(kernel: Any, x: Any, y: Any, x_test: Any, y_test: Any) -> float:
    """The least test error over the penalties, mean squared: chosen on the test set, in the kernel's favour."""
    gram, cross = kernel(x, x), kernel(x_test, x)
    mean = float(np.trace(gram)) / len(gram)
    best = math.inf
    for penalty in PENALTIES:
        held = gram.copy()
        held[np.diag_indices_from(held)] += penalty * mean
        factor = linalg.cho_factor(held, lower=True, overwrite_a=True, check_finite=False)
        best = min(
            best, float(np.square(cross @ linalg.cho_solve(factor, y, check_finite=False) - y_test).mean())
        )
    return best


def nested(
    x: Any, y: Any, check: Any, rng: Any, begin: dict[str, Any], cell: Params, progress: Progress
) -> dict[str, tuple[float, float]]:
    """All arms at one width: error of each and alignment of its first layer; ``check`` gives both for parameters.

    The first layer is trained alone, then the second behind it, frozen or not; ``longer`` trains the first alone as long as
    all stages of ``unfrozen`` together.
    """
    steps, rate, n = cell["steps"], cell["rate"], len(x)

    def go(starts: list[Any], arms: list[str]) -> list[Any]:
        order = rng.randint(0, n, size=(steps, cell["batch"])).astype(np.int32)
        return train(starts, arms, x, y, order, steps, rate)

    alone = {**begin, "b": np.zeros_like(begin["b"])}
    layer1, joint, random = go([alone, begin, begin], ["layer1", "joint", "random"])
    progress(0.5)
    layerwise, longer = go([{**layer1, "b": begin["b"]}, layer1], ["layerwise", "longer"])
    progress(0.75)
    unfrozen, longer = go([layerwise, longer], ["unfrozen", "longer"])
    progress(1.0)
    ends = {"start": begin, "layer1": layer1, "joint": joint, "random": random, "layerwise": layerwise, "longer": longer,
            "unfrozen": unfrozen}  # fmt: skip
    return {name: check(p) for name, p in ends.items()}


def bound(seed: int) -> dict[str, Any]:
    """Kernel ridge on few points of the cube, averaged over all products of four of its ten coordinates, exactly."""
    cube = np.array(list(itertools.product((-1.0, 1.0), repeat=CUBE)))
    family = np.stack(
        [cube[:, list(one)].prod(axis=1) for one in itertools.combinations(range(CUBE), DEGREE)], axis=1
    )
    picked = stream("feature correction cube", seed).permutation(len(cube))
    found: dict[str, Any] = {"few": list(FEW), "floor": [linear_floor(n, family.shape[1]) for n in FEW]}
    for name, kernel in (("polynomial", polynomial), ("tangent", tangent)):
        errors, spans = [], []
        for n in FEW:
            rows = picked[:n]
            cross, gram = kernel(cube, cube[rows]), kernel(cube[rows], cube[rows])
            ridge_ = gram + 1e-3 * np.trace(gram) / n * np.eye(n)
            answers = cross @ np.linalg.solve(ridge_, family[rows])
            errors.append(float(np.square(answers - family).mean()))
            spans.append(average_error(cross, family))
        found |= {f"{name}_average": errors, f"{name}_span": spans}
    every = [found[f"{name}_{what}"] for name in ("polynomial", "tangent") for what in ("average", "span")]
    return found | {"below": float(np.max(np.array(found["floor"]) - np.array(every)))}


def run(cell: Params, progress: Progress) -> dict[str, Any]:
    """All widths of one seed on one training set, the kernels on it, and the bound."""
    d, products, alpha, n, seed = cell["d"], cell["products"], cell["alpha"], cell["n"], cell["seed"]
    rng = stream("feature correction data", seed)
    x = rng.standard_normal((n + TEST, d))
    y, size = target(x, products, alpha), variance(products, alpha)
    x32, y32 = x.astype(np.float32), y.astype(np.float32)

    def check(p: Any) -> tuple[float, float]:
        off = np.asarray(outputs(p, x32[n:]), float) - y[n:]
        return float(np.square(off).mean() / size), alignment(p["W"], products)

    found: dict[str, Any] = {"width": list(cell["width"])}
    for i, width in enumerate(cell["width"]):
        draws = stream(f"feature correction {width}", seed)
        begin = start(draws, d, width, cell["second"])
        part = within(progress, 0.8 * i / len(cell["width"]), 0.8 * (i + 1) / len(cell["width"]))
        for name, (error, aligned) in nested(x32[:n], y32[:n], check, draws, begin, cell, part).items():
            found.setdefault(name, []).append(error)
            found.setdefault(f"aligned_{name}", []).append(aligned)
    for name, kernel in (("polynomial", polynomial), ("tangent", tangent)):
        error = ridge(kernel, x[:n], y[:n], x[n:], y[n:]) / size
        found[name] = [error] * len(cell["width"])
    found["kernel"] = [min(found["polynomial"][0], found["tangent"][0])] * len(cell["width"])
    found["spans"] = [
        abs(one - 1.0)
        for one, width in zip(found["aligned_start"], cell["width"], strict=True)
        if width >= d * (d + 1) // 2
    ]
    progress(1.0)
    return found | bound(seed)
