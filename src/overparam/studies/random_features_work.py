"""The work of random-features: the curve over nested widths in closed form, and why there is a peak.

The prediction on a test input is a sum over singular modes of ``(1 / s_r) (x . v_r) (u_r . Y)``. Take the ideal fit, the
best that N features can do on the population, and its residual e on the training samples. Then the prediction is that of
the ideal fit, less what the training samples do not show of it, plus the sum over modes of
``(1 / s_r) (x . v_r) (u_r . e)``. The peak needs all three factors (Schaeffer et al. 2023). Each ablation takes one away:

    cut       modes whose s is below half the median s are left out
    ideal     the training targets are those of the ideal fit, so e = 0
    leading   the test features are projected on the n/2 leading modes of the training features
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from overparam.core import MissingEvidence, Outcome, Params, Progress, each_cell, outcome, within
from overparam.core.errors import DataError
from overparam.data import label_noise, load, shape_of, subset
from overparam.models.random_features import RandomFeatures, fourier_scale
from overparam.theory.empirical import spectrum_of_kernel
from overparam.theory.population import population_risk
from overparam.training.closed_form import kernel_solution, min_norm, ridge
from overparam.training.nested import held, squared_loss, zero_one_error
from overparam.training.singular_modes import modes, nested_projections

FLOOR = 1e-9  # of the initial loss; a smaller training loss is rounding
PENALTIES = tuple(10.0 ** (k / 4) for k in range(-32, 9))  # 1e-8 to 1e2 of the mean squared feature length
CUT = 0.5  # of the median singular value
LEADING = 0.5  # modes kept by the test features, in units of n
POPULATION = 3  # samples that stand for the population, in units of n


@each_cell
def solve(cell: Params, progress: Progress) -> Outcome:
    """Solve every width of one cell: minimum norm, tuned ridge if asked for, the ridgeless kernel, and why."""
    whole, seed, widths = load(cell["data"]), cell["seed"], cell["width"]
    fourier, tuned, why = cell["features"] == "fourier", cell["ridge"] == "tuned", cell["why"] == "all"
    data = subset(whole, cell["n"], min(cell["n_test"] or whole.n_test, whole.n_test), seed=seed)
    x, x_test = (some.reshape(len(some), -1).astype(np.float64) for some in (data.x, data.x_test))
    labels, _ = label_noise(data.y, cell["noise"], data.classes, seed=seed)
    y, y_test = np.eye(data.classes)[labels], np.eye(data.classes)[data.y_test]
    scale = (cell["scale"] or fourier_scale(x)) if fourier else 1.0
    phi = RandomFeatures(cell["features"], x.shape[1], seed, scale)
    train = held(lambda start, stop: phi(x, start, stop), data.n, max(widths))
    test = held(lambda start, stop: phi(x_test, start, stop), data.n_test, max(widths))
    reached = 0.3 if why else 1.0
    share = reached * (0.4 if tuned else 1.0)
    fits = min_norm(train, test, y, y_test, widths, progress=within(progress, 0.0, share))
    initial = float(np.square(y).sum(axis=1).mean())
    kept = [max(fit.train_loss, FLOOR * initial) for fit in fits]
    limit = kernel_solution(phi.kernel(x, x), phi.kernel(x_test, x), y)
    limit_loss = squared_loss(limit.predictions, y_test)
    values: dict[str, Any] = {
        **{name: [getattr(fit, name) for fit in fits]
           for name in ("width", "test_loss", "train_error", "test_error", "norm", "rank")},
        "ratio": [width / data.n for width in widths], "train_loss": kept,
        "train_loss_ratio": [loss / initial for loss in kept], "limit_test_loss": [limit_loss] * len(fits),
        "kernel_test_loss": limit_loss, "kernel_test_error": zero_one_error(limit.predictions, y_test),
        "kernel_rank": limit.rank, "initial_loss": initial, "n_test": data.n_test,
        "condition": max((fit.condition for fit in fits if fit.rank), default=None), "scale": scale if fourier else None,
    }  # fmt: skip
    if tuned:
        best = ridge(train, test, y, y_test, widths, PENALTIES, progress=within(progress, share, reached))
        names = {"test_loss": "test_loss", "test_error": "test_error", "norm": "norm", "lambda": "penalty"}
        values |= {f"ridge_{name}": [getattr(fit, own) for fit in best] for name, own in names.items()}
    if why:
        pool = population(whole, data.n, data.n_test, seed)
        values["population"] = len(pool[0])
        values |= explain(train, test, y, y_test, phi, pool, widths, within(progress, reached, 1.0))
        values |= predict(phi, pool, data.n, widths) if cell["noise"] == 0 else {}
    progress(1.0)
    short = [fit for fit in fits if fit.rank < min(fit.width, data.n)]
    note = ""
    if short:
        at = min(short, key=lambda fit: abs(math.log(fit.width / data.n)))
        note = (f"features are rank-deficient on the training inputs at {len(short)} of {len(fits)} widths: rank "
                f"{at.rank} at width {at.width}")  # fmt: skip
    return outcome(values, digits=7, note=note)


def population(whole: Any, n: int, n_test: int, seed: int) -> tuple[Any, Any]:
    """Inputs and clean one-hot targets of at most 3 n samples: the training samples, test samples, and others."""
    tests = min(n_test, (POPULATION - 1) * n)
    numbers = replace(whole, x=np.arange(whole.n)[:, None], x_test=np.arange(whole.n_test)[:, None])
    drawn = subset(numbers, n, tests, seed=seed)
    more = subset(numbers, min(whole.n, POPULATION * n - tests), tests, seed=seed)
    train, test = drawn.x.ravel().astype(int), drawn.x_test.ravel().astype(int)
    rest = np.setdiff1d(more.x.ravel().astype(int), train)
    inputs = np.concatenate([whole.x[train], whole.x_test[test], whole.x[rest]])
    labels = np.concatenate([whole.y[train], whole.y_test[test], whole.y[rest]])
    return inputs.reshape(len(inputs), -1).astype(np.float64), np.eye(whole.classes)[labels]


def derived(data: str, n: int, n_test: int) -> int:
    """Size of the population of a cell that was computed before it was stored with it.

    Raises:
        MissingEvidence: the data set is not at hand.
    """
    tests = min(n_test, (POPULATION - 1) * n)
    try:
        return tests + max(n, min(shape_of(data).train, POPULATION * n - tests))
    except DataError:
        raise MissingEvidence(
            f"no finished cell has 'population', and {data} is not at hand. Compute them again."
        ) from None


def explain(
    train: Any, test: Any, y: Any, y_test: Any, phi: Any, pool: tuple[Any, Any], widths: Any, progress: Progress
) -> dict[str, list[Any]]:
    """Test losses of the three ablations, effective parameters, and the untouched loss up to n features and from n on."""
    n, (others, targets), rows = len(y), pool, []
    below = [w for w in widths if w < len(others)]
    ideal = nested_projections(phi(others, 0, below[-1]), targets, below, n) if below else {}
    for mode in modes(train, test, n, len(y_test), widths):
        cut, lead = np.flatnonzero(mode.size >= CUT * np.median(mode.size)), slice(0, max(1, int(LEADING * n)))
        loss = squared_loss(mode.predict(y), y_test)
        rows.append({
            "cut_test_loss": squared_loss(mode.predict(y, cut), y_test),
            "ideal_test_loss": squared_loss(mode.predict(ideal.get(mode.width, targets[:n])), y_test),
            "leading_test_loss": squared_loss(mode.predict(y, lead), y_test),
            "train_parameters": mode.train_parameters, "test_parameters": mode.test_parameters,
            "below_test_loss": loss if mode.width <= n else None, "beyond_test_loss": loss if mode.width >= n else None,
        })  # fmt: skip
        progress(len(rows) / len(widths))
    return {name: [row[name] for row in rows] for name in rows[0]}


def predict(phi: Any, pool: tuple[Any, Any], n: int, widths: Any) -> dict[str, Any]:
    """Test losses from the spectrum of the limit kernel: minimum norm, best ridge, minimum norm at equal eigenvalues."""
    k, (inputs, targets) = np.asarray(widths, dtype=np.float64), pool
    spectrum = spectrum_of_kernel(phi.kernel(inputs, inputs), targets)
    white = replace(spectrum, eigenvalues=np.full(spectrum.samples, spectrum.eigenvalues.mean()))
    asked = {"theory": (spectrum, 0.0), "theory_ridge": (spectrum, None), "white": (white, 0.0)}
    return {f"{name}_test_loss": population_risk(of, n, k, r, 0.0).total for name, (of, r) in asked.items()}
