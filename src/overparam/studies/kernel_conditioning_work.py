"""One cell of kernel-conditioning: a draw of rows, its covariance at every size, and finite widths at n = d."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from overparam.core import Outcome, Params, Progress, UsageError, each_cell, outcome, within
from overparam.data import load
from overparam.data.rows import unit_rows
from overparam.data.stream import stream
from overparam.models.activations import activation as model_activation
from overparam.theory import kernels
from overparam.theory.activations import activation, sine
from overparam.theory.kernels.covariance import slope_moment
from overparam.theory.kernels.row_angles import angles

DIGITS, FLAT = 64, 6  # features; dimensions of the rows that are not generic
TERMS, PAIRS = 20, 24  # of the Hermite series, and pairs of rows at which it is tested
BLOCK = 4096  # units drawn at once


@each_cell
def solve(cell: Params, progress: Progress) -> Outcome:
    """Measure every size of one cell, then finite widths at n = d."""
    seed, name, drawn = cell["seed"], cell["activation"], rows(cell)
    act = sine(2.0) if name == "sine2" else activation(name)
    x, extra = drawn["x"], sorted(drawn.keys() - {"x", "offset"})
    d = x.shape[1]
    sizes, flat, found = counts(d, cell["ratio"], len(x)), sphere(len(x), min(FLAT, d), seed), []
    for done, n in enumerate(sizes):
        one = {"rows": n, "ratio": n / d, **at_size(x[:n], act)}
        one |= monte_carlo(x[:n], act, cell["units"], stream(f"kernel-weights-{n}", seed))
        one["flat_kappa"] = kappa(kernels.conditioning(flat[:n], act), d)
        one |= {f"{kind}_kappa": kappa(kernels.conditioning(drawn[kind][:n], act)) for kind in extra}
        if extra:
            one["uncentred_ratio"] = one["uncentred_kappa"] / one["kappa"]
            one["ball_ratio"] = one["ball_kappa"] / one["ball_centred_kappa"]
        found.append(one)
        progress(0.6 * (done + 1) / len(sizes))
    at_d = next((one["kappa"] for one in found if one["rows"] >= d), None)
    values = {
        **{name: [one[name] for one in found] for name in found[0]},
        "theory_kappa": [at_d if n >= d else None for n in sizes], "features": d, "offset": drawn["offset"],
        **jacobian(x[:10], name, act, seed),
        **widths(x[:d], act, cell["draws"], stream("kernel-widths", seed), within(progress, 0.6, 1.0))}  # fmt: skip
    singular = [one["rows"] for one in found if one["singular"]]
    note = f"float64 cannot tell the covariance from a singular one at n = {singular}" if singular else ""
    return outcome(values, digits=7, note=note)


def counts(d: int, ratios: Any, most: int) -> list[int]:
    """Numbers of rows for the ratios n/d, ascending, up to as many as there are."""
    sizes = [max(2, round(ratio * d)) for ratio in ratios]
    if any(a >= b for a, b in pairwise(sizes)):
        asked = f"ascending ratios that give different numbers of rows at d = {d}, got {sizes}"
        raise UsageError(f"--ratios: expected {asked}. Leave some out, or use more features.")
    if sizes[0] > most:
        asked = f"at most {most} rows, got more at every ratio"
        raise UsageError(f"--ratios: expected {asked}. Use smaller ratios.")
    return [n for n in sizes if n <= most]


def rows(cell: Params) -> dict[str, Any]:
    """Unit rows ``x``, float64; ``offset``, the squared norm of the mean row over the mean squared norm, before centring.

    For digits also ``raw`` and ``uncentred`` (of norm 1), and on the sphere ``ball`` and ``ball_centred``.
    """
    seed, d = cell["seed"], cell["d"]
    if cell["data"] == "sphere":
        most = counts(d, cell["ratio"], 10**9)[-1]
        given = unit_rows(load(f"sphere:n={most},d={d},n_test=1,seed={seed}").x.astype(np.float64))
    else:
        given = load("digits").x.reshape(-1, DIGITS).astype(np.float64)
    mean = given.mean(axis=0)
    found = {"x": given, "offset": float((mean**2).sum() / (given**2).sum(axis=1).mean())}
    if cell["data"] == "sphere":
        return found
    most = counts(DIGITS, cell["ratio"], len(given))[-1]
    raw, ball = given[stream("kernel-digits", seed).permutation(len(given))[:most]], sphere(most, DIGITS, seed)
    found |= {"x": unit_rows(raw - mean), "raw": raw, "uncentred": unit_rows(raw)}
    return found | {"ball": ball, "ball_centred": unit_rows(ball - ball.mean(axis=0))}


def sphere(n: int, dimensions: int, seed: int) -> Any:
    """Rows uniform on the unit sphere of so many dimensions, another draw than the data's."""
    return unit_rows(stream(f"kernel-flat-{dimensions}", seed).standard_normal((n, dimensions)))


def kappa(found: kernels.Conditioning, features: int = 0) -> float:
    """``sqrt(d/n) |X| / lambda``; a lambda below rounding is replaced by it, then kappa is a lower bound."""
    least = max(found.smallest, 2.0**-52 * found.rows * found.largest)
    return math.sqrt((features or found.features) / found.rows) * found.norm / least


def at_size(x: Any, act: Any) -> dict[str, Any]:
    """Kappa, the smallest eigenvalue, its bounds (None at zero or below rounding), and whether they hold.

    Controls: the lemma with the slope's whole weight on its term, and Schur's lower bound for XX^T without its diagonal.
    """
    found, inner = kernels.conditioning(x, act), 0.5 * (x @ x.T + (x @ x.T).T)
    slopes = slope_moment(angles(x), act)[0]
    least = float(np.linalg.eigvalsh(inner**2)[0])
    lemma = float(kernels.slope_coefficients(act, 2)[1]) ** 2 * max(least, 0.0)
    tiny = len(x) * 2.0**-52 * found.largest
    schur = kernels.schur_bounds(slopes, inner)
    slack = 1e-12 * float(np.linalg.norm(slopes, 2) * np.linalg.norm(inner, 2))
    minus = float(np.linalg.eigvalsh(slopes * (inner - np.diag(inner.diagonal())))[0])
    return {
        "kappa": kappa(found), "singular": int(found.singular), "smallest": found.smallest, "proved": found.lower,
        "norm": found.norm, "hermite": kernels.hermite_bound(x, act, TERMS).lower or None,
        "lemma": lemma if lemma > tiny else None, "schur": schur.lower or None,
        "lemma_held": int(lemma <= found.smallest + tiny),
        "full_held": int(float(slopes.diagonal().mean()) * least <= found.smallest + tiny),
        "series_held": int(series_holds(x, act, kernels.covariance(x, act))),
        "schur_held": int(schur.lower <= schur.smallest + slack and schur.largest <= schur.upper + slack),
        "minus_held": int(minus >= -slack)}  # fmt: skip


def series_holds(x: Any, act: Any, closed: Any) -> bool:
    """Whether 20 Hermite terms are within their tail and 1e-10 of an independent value of the covariance.

    That is a plane integral with 160 x 160 Gauss-Hermite nodes, at the pairs of rows closest in angle; for relu, whose
    slope jumps, the closed form in the angle at all pairs.
    """
    cut, rest = kernels.hermite_covariance(x, act, TERMS)
    if not act.smooth:
        return bool((np.abs(closed - cut) <= rest + 1e-10).all())
    inner = np.clip(x @ x.T, -1.0, 1.0)
    order = np.argsort(-np.abs(np.triu(inner, 1)), axis=None)[: PAIRS - 1]
    nodes, weights = np.polynomial.hermite_e.hermegauss(160)
    weights = weights / weights.sum()

    def apart(i: int, j: int) -> float:
        c = float(inner[i, j])
        second = act.slope(c * nodes[:, None] + math.sqrt(1 - c * c) * nodes[None, :])
        return abs(float((weights * act.slope(nodes)) @ second @ weights) * c - cut[i, j]) - rest[i, j]

    return all(apart(i, j) <= 1e-10 for i, j in ((0, 0), *(divmod(int(k), len(x)) for k in order)))


def gram(x: Any, act: Any, w: Any) -> Any:
    """``J J^T`` of a network with output weights 1 and hidden weights w, of shape ``(d, units)``."""
    return kernels.jacobian_gram(w.T, np.ones(w.shape[1]), x, act)


def monte_carlo(x: Any, act: Any, units: int, random: Any) -> dict[str, float]:
    """Largest difference of a random Gram matrix from the covariance, times sqrt(units), over its largest entry."""
    limit, w = kernels.covariance(x, act), random.standard_normal((x.shape[1], units))
    scale = math.sqrt(units) / float(np.abs(limit).max())
    plain, folded = (scale * float(np.abs(gram(x, act, one) / units - limit).max()) for one in (w, np.abs(w)))
    return {"gram_error": plain, "folded_error": folded}


def jacobian(x: Any, name: str, act: Any, seed: int) -> dict[str, float]:
    """Largest difference of J and of J J^T from their formulas, over the largest entry, as a power of ten.

    J is by automatic differentiation in float64, for 16 units; ``plain`` leaves the unequal output weights out of J J^T.
    """
    random = stream("kernel-jacobian", seed)
    w, v = random.standard_normal((16, x.shape[1])), random.standard_normal(16)
    phi = (lambda z: jnp.sin(2.0 * z)) if name == "sine2" else model_activation(name)
    with jax.enable_x64(True):
        inputs, outer = jnp.asarray(x), jnp.asarray(v)
        found = jax.jacrev(lambda weights: phi(inputs @ weights.T) @ outer)(jnp.asarray(w))
        j = np.asarray(found, dtype=np.float64).reshape(len(x), -1)
    formula = ((v * act.slope(x @ w.T))[:, :, None] * x[:, None, :]).reshape(len(x), -1)

    def apart(a: Any, b: Any) -> float:
        return math.log10(max(float(abs(a - b).max() / abs(b).max()), 1e-20))

    worst = max(apart(formula, j), apart(kernels.jacobian_gram(w, v, x, act), j @ j.T))
    return {"jacobian_log": worst, "plain_jacobian_log": apart(gram(x, act, w.T), j @ j.T)}


def widths(x: Any, act: Any, draws: int, random: Any, progress: Progress) -> dict[str, Any]:
    """Smallest eigenvalue of the k-unit Gram matrix over its limit, on a doubling ladder up to the Chernoff width.

    ``kept`` counts the draws with at least half at that width, ``starved`` at ``ceil(n/d)`` units; ``needed`` is the
    smallest width from which on at least 95 % of the draws have half.
    """
    found = kernels.conditioning(x, act)
    chernoff, ladder = math.ceil(found.chernoff_width()), [-(-len(x) // x.shape[1])]
    while 2 * ladder[-1] < chernoff:
        ladder.append(2 * ladder[-1])
    ladder.append(chernoff)
    ratios = np.empty((draws, len(ladder)))
    for draw in range(draws):
        total, have = np.zeros((len(x), len(x))), 0
        for step, k in enumerate(ladder):
            while have < k:
                more = min(BLOCK, k - have)
                total, have = total + gram(x, act, random.standard_normal((x.shape[1], more))), have + more
            ratios[draw, step] = np.linalg.eigvalsh(total / k)[0] / found.smallest
        progress((draw + 1) / draws)
    half, below = (ratios >= 0.5).sum(axis=0), ratios[:, :-1]
    good = half / draws >= 0.95
    needed = next(k for i, k in enumerate(ladder) if good[i:].all() or i == len(ladder) - 1)
    return {
        "width": ladder[:-1], "kept_mean": below.mean(axis=0), "kept_low": np.quantile(below, 0.05, axis=0),
        "half": [0.5] * (len(ladder) - 1), "chernoff": chernoff, "kept": int(half[-1]), "starved": int(half[0]),
        "drawn": draws, "needed": needed, "pessimism": chernoff / needed}  # fmt: skip
