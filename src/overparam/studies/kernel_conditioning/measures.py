"""What a cell measures on one set of rows: kappa and its bounds, Monte-Carlo Gram matrices, Jacobians, widths."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from overparam.studies.rows import unit

TERMS = 20  # of the Hermite series
BLOCK = 4096  # units drawn at once
PAIRS = 24  # of rows at which the series is compared with an independent integral
SMALL_WIDTH = 16  # units of the network whose Jacobian is taken


def activation_named(name: str) -> Any:
    """The activation of the study's axis; ``sine2`` is sin(2z)."""
    from overparam.theory.activations import activation, sine

    return sine(2.0) if name == "sine2" else activation(name)


def offset(x: Any) -> float:
    """Squared norm of the mean row over the mean squared norm of rows, from 0 to 1."""
    return float((x.mean(axis=0) ** 2).sum() / (x**2).sum(axis=1).mean())


def flat_rows(n: int, dimensions: int, seed: int) -> Any:
    """Rows uniform on the unit sphere of so many dimensions, another draw than the data's."""
    from overparam.data.stream import stream

    return unit(stream(f"kernel-flat-{dimensions}", seed).standard_normal((n, dimensions)))


def kappa_seen(x: Any, act: Any, features: int | None = None) -> float:
    """``sqrt(d/n) |X| / lambda``, with rounding in place of a lambda that is below it: then a lower bound.

    Args:
        x: rows.
        act: phi.
        features: d, if rows stand for such in a space of more features.
    """
    from overparam.theory.kernels import conditioning

    return _kappa(conditioning(x, act), features)


def _kappa(found: Any, features: int | None = None) -> float:
    d = features or found.features
    floor = 2.0**-52 * found.rows * found.largest
    return float(math.sqrt(d / found.rows) * found.norm / max(found.smallest, floor))


def at_size(x: Any, act: Any) -> dict[str, Any]:
    """Kappa, the smallest eigenvalue, its bounds, and whether lemma, series and Schur's bounds hold.

    The controls: the lemma with the whole weight of the slope on its term, and Schur's lower bound for a matrix that
    is not positive semi-definite (XX^T - I). A bound of zero, or below rounding, is None.
    """
    import numpy as np

    from overparam.theory.kernels import (
        conditioning,
        covariance,
        hermite_bound,
        schur_bounds,
        slope_coefficients,
    )
    from overparam.theory.kernels.covariance import slope_moment
    from overparam.theory.kernels.row_angles import angles

    found = conditioning(x, act)
    slopes = slope_moment(angles(x), act)[0]
    inner = x @ x.T
    inner = 0.5 * (inner + inner.T)
    least = float(np.linalg.eigvalsh(inner**2)[0])
    lemma = float(slope_coefficients(act, 2)[1]) ** 2 * max(least, 0.0)
    weight = float(slopes.diagonal().mean())
    tiny = len(x) * 2.0**-52 * found.largest
    schur = schur_bounds(slopes, inner)
    slack = 1e-12 * float(np.linalg.norm(slopes, 2) * np.linalg.norm(inner, 2))
    minus = np.linalg.eigvalsh(slopes * (inner - np.diag(inner.diagonal())))[0]
    return {
        "kappa": _kappa(found),
        "singular": int(found.singular),
        "smallest": found.smallest,
        "proved": found.lower,
        "norm": found.norm,
        "hermite": hermite_bound(x, act, TERMS).lower or None,
        "lemma": lemma if lemma > tiny else None,
        "schur": schur.lower or None,
        "lemma_held": int(lemma <= found.smallest + tiny),
        "full_held": int(weight * least <= found.smallest + tiny),
        "series_held": int(series_holds(x, act, covariance(x, act))),
        "schur_held": int(schur.lower <= schur.smallest + slack and schur.largest <= schur.upper + slack),
        "minus_held": int(float(minus) >= -slack),
    }


def series_holds(x: Any, act: Any, closed: Any) -> bool:
    """Whether the first 20 Hermite terms differ from an independent value by at most the tail, at some pairs.

    The independent value is a plane integral by Gauss-Hermite quadrature with 160 x 160 nodes; for relu, whose slope
    jumps, the closed form in the angle. Rounding allowed: 1e-10.

    Args:
        x: unit rows.
        act: phi.
        closed: the covariance of x.
    """
    import numpy as np

    from overparam.theory.kernels import hermite_covariance

    cut, rest = hermite_covariance(x, act, TERMS)
    if not act.smooth:
        return bool((np.abs(closed - cut) <= rest + 1e-10).all())
    inner = np.clip(x @ x.T, -1.0, 1.0)
    order = np.argsort(-np.abs(np.triu(inner, 1)), axis=None)
    places = [(0, 0), *(divmod(int(k), len(x)) for k in order[: PAIRS - 1])]
    nodes, weights = np.polynomial.hermite_e.hermegauss(160)
    weights = weights / weights.sum()
    first = act.slope(nodes)
    for i, j in places:
        c = float(inner[i, j])
        second = act.slope(c * nodes[:, None] + math.sqrt(1 - c * c) * nodes[None, :])
        want = float((weights * first) @ second @ weights) * c
        if abs(want - cut[i, j]) > rest[i, j] + 1e-10:
            return False
    return True


def monte_carlo(x: Any, act: Any, units: int, random: Any) -> dict[str, float]:
    """Largest difference of a Monte-Carlo Gram matrix from the covariance, times sqrt(units), over its largest entry.

    ``folded``, the control, takes absolute values of the weights.
    """
    import numpy as np

    from overparam.theory.kernels import covariance

    limit, inner = covariance(x, act), x @ x.T
    w = random.standard_normal((x.shape[1], units))
    out = {}
    for name, weights in (("gram_error", w), ("folded_error", np.abs(w))):
        slopes = act.slope(x @ weights)
        gram = (slopes @ slopes.T) / units * inner
        out[name] = float(math.sqrt(units) * np.abs(gram - limit).max() / np.abs(limit).max())
    return out


def jacobian(x: Any, name: str, act: Any, seed: int) -> dict[str, float]:
    """Largest difference between the Jacobian by automatic differentiation and its formula, as a power of ten.

    Relative to the largest entry, for J and for J J^T, whichever is worse; float64, random unequal output weights.
    ``plain_jacobian`` leaves the output weights out of J J^T, as the slides do.
    """
    import jax
    import jax.numpy as jnp
    import numpy as np

    from overparam.data.stream import stream
    from overparam.models.activations import activation
    from overparam.theory.kernels import jacobian_gram

    random = stream("kernel-jacobian", seed)
    w, v = random.standard_normal((SMALL_WIDTH, x.shape[1])), random.standard_normal(SMALL_WIDTH)
    phi = (lambda z: jnp.sin(2.0 * z)) if name == "sine2" else activation(name)
    with jax.enable_x64(True):
        rows, outer = jnp.asarray(x), jnp.asarray(v)
        found = jax.jacrev(lambda weights: phi(rows @ weights.T) @ outer)(jnp.asarray(w))
        j = np.asarray(found, dtype=np.float64).reshape(len(x), -1)
    formula = (v * act.slope(x @ w.T))[:, :, None] * x[:, None, :]
    gram = j @ j.T
    ones = np.ones_like(v)
    apart = max(_relative(formula.reshape(len(x), -1), j), _relative(jacobian_gram(w, v, x, act), gram))
    return {
        "jacobian_log": math.log10(max(apart, 1e-20)),
        "plain_jacobian_log": math.log10(_relative(jacobian_gram(w, ones, x, act), gram)),
    }


def _relative(a: Any, b: Any) -> float:
    return float(abs(a - b).max() / abs(b).max())


def widths(x: Any, act: Any, draws: int, random: Any, report: Callable[[float], None]) -> dict[str, Any]:
    """Smallest eigenvalue of the k-unit Gram matrix over its limit, on a doubling ladder up to the Chernoff width.

    Args:
        x: unit rows, as many as features or fewer.
        act: phi.
        draws: independent draws of the weights.
        random: generator.
        report: told the fraction done.

    Returns:
        ``width``, the ladder below the Chernoff width, and over it the mean and the lowest twentieth over draws, and
        the half line; ``chernoff``, the width that the bound asks; ``kept``, the draws with at least half there;
        ``starved``, those at ``ceil(n/d)`` units; ``needed``, the smallest width of the ladder from which on at least
        95 % of the draws have half; and ``pessimism``, chernoff over needed.
    """
    import numpy as np

    from overparam.theory.kernels import conditioning

    n, d = x.shape
    found = conditioning(x, act)
    chernoff = math.ceil(found.chernoff_width())
    first = -(-n // d)
    ladder = [first]
    while 2 * ladder[-1] < chernoff:
        ladder.append(2 * ladder[-1])
    ladder.append(chernoff)
    inner = x @ x.T
    ratios = np.empty((draws, len(ladder)))
    for draw in range(draws):
        gram, have = np.zeros((n, n)), 0
        for step, k in enumerate(ladder):
            while have < k:
                more = min(BLOCK, k - have)
                slopes = act.slope(x @ random.standard_normal((d, more)))
                gram += slopes @ slopes.T
                have += more
            ratios[draw, step] = np.linalg.eigvalsh(gram / k * inner)[0] / found.smallest
        report((draw + 1) / draws)
    good = (ratios >= 0.5).mean(axis=0) >= 0.95
    needed = next(k for i, k in enumerate(ladder) if good[i:].all() or i == len(ladder) - 1)
    return {
        "width": ladder[:-1],
        "kept_mean": ratios[:, :-1].mean(axis=0),
        "kept_low": np.quantile(ratios[:, :-1], 0.05, axis=0),
        "half": [0.5] * (len(ladder) - 1),
        "chernoff": chernoff,
        "kept": int((ratios[:, -1] >= 0.5).sum()),
        "starved": int((ratios[:, 0] >= 0.5).sum()),
        "drawn": draws,
        "needed": needed,
        "pessimism": chernoff / needed,
    }
