"""One cell: the whole curve over nested widths, in closed form, with the ridge arm and the kernel limit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from overparam.core import Estimate, Outcome, Params, Progress
from overparam.studies.progress import one_by_one, within
from overparam.studies.rounding import rounded

DIGITS = 7
FLOOR = 1e-9  # of the initial loss; a smaller training loss is rounding
PENALTIES = tuple(10.0 ** (k / 4) for k in range(-32, 9))  # 1e-8 to 1e2 of the mean squared feature length
PLAIN_SHARE = 0.4  # of a cell's time, when ridge is solved too
WHY_FROM = 0.3  # of a cell's time, before the ablations
KEPT = 1e9  # bytes of features that are kept, as in overparam.training.nested
KNOWN = {"digits": (64, 597), "mnist1d": (40, 1000)}  # inputs and test samples; else those of MNIST


def work(cells: Sequence[Params], report: Progress) -> list[Outcome]:
    """Solve the cells of a stack one after another."""
    return one_by_one(solve, cells, report)


def solve(cell: Params, report: Progress) -> Outcome:
    """Solve every width of one cell: minimum norm, tuned ridge if asked for, and the ridgeless kernel.

    Args:
        cell: parameters of the study's axes.
        report: told the fraction done.
    """
    import numpy as np

    from overparam.data import label_noise, load, subset
    from overparam.models.random_features import RandomFeatures, fourier_scale
    from overparam.studies.random_features.why import explain, population, predict
    from overparam.training.closed_form import kernel_solution, min_norm, ridge
    from overparam.training.nested import held, squared_loss, zero_one_error

    whole = load(cell["data"])
    n_test = min(cell["n_test"] or whole.n_test, whole.n_test)
    data = subset(whole, cell["n"], n_test, seed=cell["seed"])
    x = data.x.reshape(data.n, -1).astype(np.float64)
    x_test = data.x_test.reshape(data.n_test, -1).astype(np.float64)
    labels, _ = label_noise(data.y, cell["noise"], data.classes, seed=cell["seed"])
    y, y_test = np.eye(data.classes)[labels], np.eye(data.classes)[data.y_test]

    scale = (cell["scale"] or fourier_scale(x)) if cell["features"] == "fourier" else 1.0
    phi = RandomFeatures(cell["features"], x.shape[1], cell["seed"], scale)

    widest = max(cell["width"])
    train = held(lambda start, stop: phi(x, start, stop), data.n, widest)
    test = held(lambda start, stop: phi(x_test, start, stop), data.n_test, widest)
    tuned = cell["ridge"] == "tuned"
    reached = WHY_FROM if cell["why"] == "all" else 1.0
    share = reached * (PLAIN_SHARE if tuned else 1.0)
    fits = min_norm(train, test, y, y_test, cell["width"], progress=within(report, 0.0, share))
    initial = float(np.square(y).sum(axis=1).mean())
    kept = [max(f.train_loss, FLOOR * initial) for f in fits]
    limit = kernel_solution(phi.kernel(x, x), phi.kernel(x_test, x), y)
    limit_loss = squared_loss(limit.predictions, y_test)
    values: dict[str, Any] = {
        "width": [f.width for f in fits],
        "ratio": [f.width / data.n for f in fits],
        "train_loss": kept,
        "train_loss_ratio": [loss / initial for loss in kept],
        "test_loss": [f.test_loss for f in fits],
        "train_error": [f.train_error for f in fits],
        "test_error": [f.test_error for f in fits],
        "norm": [f.norm for f in fits],
        "rank": [f.rank for f in fits],
        "limit_test_loss": [limit_loss] * len(fits),
        "kernel_test_loss": limit_loss,
        "kernel_test_error": zero_one_error(limit.predictions, y_test),
        "kernel_rank": limit.rank,
        "initial_loss": initial,
        "condition": max((f.condition for f in fits if f.rank), default=None),
        "scale": scale if cell["features"] == "fourier" else None,
        "n_test": data.n_test,
    }
    if tuned:
        best = ridge(train, test, y, y_test, cell["width"], PENALTIES, progress=within(report, share, reached))
        values |= {
            "ridge_test_loss": [f.test_loss for f in best],
            "ridge_test_error": [f.test_error for f in best],
            "ridge_norm": [f.norm for f in best],
            "ridge_lambda": [f.penalty for f in best],
        }
    if cell["why"] == "all":
        pool = population(whole, data.n, data.n_test, cell["seed"])
        told = within(report, reached, 1.0)
        values |= explain(train, test, y, y_test, phi, pool, cell["width"], told)
        if cell["noise"] == 0:
            values |= predict(phi, pool, data.n, cell["width"])
    report(1.0)
    return Outcome({name: rounded(value, DIGITS) for name, value in values.items()}, note=_remark(fits, data.n))


def estimate(cell: Params) -> Estimate:
    """Expected cost of a cell on one core: operations over measured rates, and the largest arrays."""
    n, widths, tuned = cell["n"], cell["width"], cell["ridge"] == "tuned"
    inputs, all_tests = KNOWN.get(cell["data"], (784, 10_000))
    n_test = min(cell["n_test"] or all_tests, all_tests)
    largest, outputs, arms = max(widths), 10, 2 if tuned else 1
    kept = [rows * largest if 8 * rows * largest <= KEPT else 0 for rows in (n, n_test)]
    passes = (1 if kept[0] else 2 * arms) * n + (1 if kept[1] else arms) * n_test
    drawn = passes * largest * (2 * inputs / 4e10 + 1e-8)
    solved = arms * n**2 * largest + sum(n**3 / 3 if w > n else w * n**2 / 10 for w in widths) + 2 * n**3
    applied = arms * 2 * (2 * n + n_test) * outputs * sum(widths)
    shrunk = len(widths) * n**2 * (8 * n + 6 * outputs * len(PENALTIES)) if tuned else 0
    kernel = n * (n + n_test) * (2 * inputs + 100 + 2 * outputs)
    seconds = 0.05 + drawn + (solved + applied + shrunk + kernel) / 3e10
    explained, held = _cost_of_why(n, n_test, inputs, widths) if cell["why"] == "all" else (0.0, 0.0)
    arrays = 3.2 * n**2 + n * n_test + 3 * 1024 * (n + n_test) + 2 * inputs * (n + n_test)
    arrays += 2 * outputs * len(widths) * (n + n_test) + (
        2 * n**2 + 3 * n * outputs * len(PENALTIES) if tuned else 0
    )
    return Estimate(seconds + explained, 1.5e8 + 8.0 * (arrays + held + sum(kept)))


def _cost_of_why(n: int, n_test: int, inputs: int, widths: Sequence[int]) -> tuple[float, float]:
    """Seconds and numbers held by the arm ``why``: a decomposition a width, one QR and one spectrum."""
    many, largest = 3 * n, max(widths)
    ideal = max((w for w in widths if w < many), default=0)
    drawn = ideal * many * (2 * inputs / 4e10 + 1e-8)
    modes = sum(10 * min(w, n) ** 3 + 4 * n_test * min(w, n) ** 2 for w in widths)
    crossed = 2 * largest * n * (n + n_test)
    spectra = 4 * many * ideal**2 + 6 * many**3
    held = max(7 * many**2, 3 * many * ideal, 6 * n * (n + n_test) + 4 * n**2)
    return 0.3 + drawn + (modes + crossed + spectra) / 3.3e10, held


def _remark(fits: Sequence[Any], n: int) -> str:
    short = [f for f in fits if f.rank < min(f.width, n)]
    if not short:
        return ""
    at = min(short, key=lambda f: abs(math.log(f.width / n)))
    return (
        f"features are rank-deficient on the training inputs at {len(short)} of {len(fits)} widths: "
        f"rank {at.rank} at width {at.width}"
    )
