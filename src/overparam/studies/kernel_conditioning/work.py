"""One cell: one draw of rows, its covariance for one activation at every size, and finite widths at n = d."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from overparam.core import Estimate, Outcome, Params, Progress, UsageError
from overparam.studies.kernel_conditioning import measures
from overparam.studies.progress import one_by_one
from overparam.studies.rounding import rounded
from overparam.studies.rows import unit

ACTIVATIONS = ("relu", "softplus", "gelu", "tanh", "sine2")
DIGITS = 64  # features
FLAT = 6  # dimensions of the control's rows


def work(cells: Sequence[Params], report: Progress) -> list[Outcome]:
    """Solve the cells of a stack one after another."""
    return one_by_one(solve, cells, report)


def solve(cell: Params, report: Progress) -> Outcome:
    """Measure every size of one cell and its controls.

    Args:
        cell: parameters of the study's axes.
        report: told the fraction done.

    Raises:
        UsageError: two ratios give the same number of rows, or all give more rows than there are.
    """
    from overparam.data.stream import stream

    act = measures.activation_named(cell["activation"])
    drawn = rows(cell)
    x = drawn["x"]
    sizes = counts(x.shape[1], cell["ratio"], len(x))
    flat = measures.flat_rows(len(x), min(FLAT, x.shape[1]), cell["seed"])
    lines: dict[str, list[Any]] = {}
    for done, n in enumerate(sizes):
        found = measures.at_size(x[:n], act)
        found |= measures.monte_carlo(x[:n], act, cell["units"], stream(f"kernel-weights-{n}", cell["seed"]))
        found["flat_kappa"] = measures.kappa_seen(flat[:n], act, x.shape[1])
        if cell["data"] == "digits":
            for name in ("raw", "uncentred", "ball", "ball_centred"):
                found[f"{name}_kappa"] = measures.kappa_seen(drawn[name][:n], act)
            found["uncentred_ratio"] = found["uncentred_kappa"] / found["kappa"]
            found["ball_ratio"] = found["ball_kappa"] / found["ball_centred_kappa"]
        found |= {"rows": n, "ratio": n / x.shape[1]}
        for name, value in found.items():
            lines.setdefault(name, []).append(rounded(value))
        report(0.6 * (done + 1) / len(sizes))
    at_d = next((k for n, k in zip(sizes, lines["kappa"], strict=True) if n >= x.shape[1]), None)
    values: dict[str, Any] = {
        **lines,
        "theory_kappa": [at_d if n >= x.shape[1] else None for n in sizes],
        "features": x.shape[1],
        "offset": rounded(drawn["offset"]),
        **rounded_all(measures.jacobian(x[: min(10, len(x))], cell["activation"], act, cell["seed"])),
    }
    square = x[: min(len(x), x.shape[1])]
    random = stream("kernel-widths", cell["seed"])
    values |= rounded_all(measures.widths(square, act, cell["draws"], random, lambda f: report(0.6 + 0.4 * f)))
    singular = [n for n, one in zip(sizes, lines["singular"], strict=True) if one]
    note = f"float64 cannot tell the covariance from a singular one at n = {singular}" if singular else ""
    return Outcome(values, note=note)


def rounded_all(values: dict[str, Any]) -> dict[str, Any]:
    """Every value rounded."""
    return {name: rounded(value) for name, value in values.items()}


def counts(d: int, ratios: Sequence[float], most: int) -> list[int]:
    """Numbers of rows for the ratios n/d, ascending, up to as many as there are.

    Raises:
        UsageError: two ratios round to one number, or there are not enough rows for any.

    >>> counts(20, (0.5, 1.0, 5.0), 100)
    [10, 20, 100]
    """
    sizes = [max(2, round(ratio * d)) for ratio in ratios]
    if any(a >= b for a, b in pairwise(sizes)):
        raise UsageError(
            f"--ratios: expected ascending ratios that give different numbers of rows at d = {d}, got {sizes}. "
            "Leave some out, or use more features."
        )
    sizes = [n for n in sizes if n <= most]
    if not sizes:
        raise UsageError(
            f"--ratios: expected at most {most} rows, got more at every ratio. Use smaller ratios."
        )
    return sizes


def rows(cell: Params) -> dict[str, Any]:
    """The rows of a cell, float64, and what the controls need.

    Returns:
        ``x``, unit rows; ``offset``, the share of the mean row in the mean squared norm; for digits also ``raw`` and
        ``uncentred`` rows, and ``ball`` and ``ball_centred``: rows on the sphere, before and after centring.
    """
    import numpy as np

    from overparam.data import load
    from overparam.data.stream import stream

    if cell["data"] == "sphere":
        most = counts(cell["d"], cell["ratio"], 10**9)[-1]
        x = load(f"sphere:n={most},d={cell['d']},n_test=1,seed={cell['seed']}").x.astype(np.float64)
        return {"x": unit(x), "offset": measures.offset(x)}
    raw = load("digits").x.reshape(-1, DIGITS).astype(np.float64)
    order = stream("kernel-digits", cell["seed"]).permutation(len(raw))
    most = max(counts(DIGITS, cell["ratio"], len(raw)))
    chosen = raw[order[:most]]
    ball = measures.flat_rows(most, DIGITS, cell["seed"])
    return {
        "x": unit(chosen - raw.mean(axis=0)),
        "offset": measures.offset(raw),
        "raw": chosen,
        "uncentred": unit(chosen),
        "ball": ball,
        "ball_centred": unit(ball - ball.mean(axis=0)),
    }


def estimate(cell: Params) -> Estimate:
    """Expected cost of a cell on one core: eigenvalues and Monte-Carlo Gram matrices of every size, then widths."""
    digits = cell["data"] == "digits"
    d = DIGITS if digits else cell["d"]
    sizes = [max(2.0, ratio * d) for ratio in cell["ratio"]]
    series = 1 if cell["activation"] in ("relu", "sine2") else 4
    kernels = sum((12 if digits else 7) * (4 * n**3 / 1e10 + series * 60 * n * n / 1e9) for n in sizes)
    drawn = sum(2 * cell["units"] * n * (2 * n / 2e10 + 2e-8) for n in sizes)
    wide = {"relu": 1e3, "softplus": 5e3, "gelu": 1.6e3, "tanh": 2.2e3, "sine2": 450}[cell["activation"]]
    wide *= (12 if digits else 1) * d / 40
    widths = cell["draws"] * wide * d * (2 * d / 2e10 + 4e-8)
    largest = max(sizes)
    return Estimate(0.3 + kernels + drawn + widths, 4e8 + 8.0 * (14 * largest**2 + 3 * largest * cell["units"]))
