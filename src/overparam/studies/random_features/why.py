"""Why there is a peak: three ablations and the effective parameters of one cell.

The prediction on a test input is a sum over singular modes of ``(1 / s_r) (x . v_r) (u_r . Y)``. Take the ideal fit,
the best that N features can do on the population, and its residual e on the training samples. Then the prediction
is that of the ideal fit, less what the training samples do not show of it, plus the sum over modes of
``(1 / s_r) (x . v_r) (u_r . e)``. The peak needs all three factors (Schaeffer et al. 2023). Each ablation takes one
away:

    cut       modes whose s is below half the median s are left out
    ideal     the training targets are those of the ideal fit, so e = 0
    leading   the test features are projected on the n/2 leading modes of the training features
"""

from __future__ import annotations

from typing import Any

from overparam.core import Progress

CUT = 0.5  # of the median singular value
LEADING = 0.5  # modes kept by the test features, in units of n
POPULATION = 3  # samples that stand for the population, in units of n
LISTS = (
    *("cut_test_loss", "ideal_test_loss", "leading_test_loss"),
    *("train_parameters", "test_parameters", "below_test_loss", "beyond_test_loss"),
)


def population(whole: Any, n: int, n_test: int, seed: int) -> tuple[Any, Any]:
    """Return the inputs and clean one-hot targets that stand for the population: at most 3 n samples.

    The training samples come first, in their order, then test samples, then samples that were not drawn.

    Args:
        whole: the data set that the cell's samples are drawn from.
        n: number of training samples.
        n_test: number of test samples.
        seed: of the draw.
    """
    from dataclasses import replace

    import numpy as np

    from overparam.data import subset

    tests = min(n_test, (POPULATION - 1) * n)
    numbers = replace(whole, x=np.arange(whole.n)[:, None], x_test=np.arange(whole.n_test)[:, None])
    drawn = subset(numbers, n, tests, seed=seed)
    more = subset(numbers, min(whole.n, POPULATION * n - tests), tests, seed=seed)
    train, test = drawn.x.ravel().astype(int), drawn.x_test.ravel().astype(int)
    rest = np.setdiff1d(more.x.ravel().astype(int), train)
    inputs = np.concatenate([whole.x[train], whole.x_test[test], whole.x[rest]])
    labels = np.concatenate([whole.y[train], whole.y_test[test], whole.y[rest]])
    return inputs.reshape(len(inputs), -1).astype(np.float64), np.eye(whole.classes)[labels]


def explain(
    train: Any, test: Any, y: Any, y_test: Any, phi: Any, pool: tuple[Any, Any], widths: Any, report: Progress
) -> dict[str, list[float | None]]:
    """Return the test losses of the three ablations and the effective parameters, one list over the widths each.

    ``below_test_loss`` and ``beyond_test_loss`` are the untouched test loss up to n features and from n on.

    Args:
        train: features on the training inputs: ``train(a, b)`` has shape ``(n, b - a)``.
        test: the same on the test inputs.
        y: training targets, shape ``(n, classes)``.
        y_test: test targets, shape ``(m, classes)``.
        phi: the random features, ``phi(inputs, start, stop)``.
        pool: inputs and targets of :func:`population`.
        widths: numbers of features, ascending.
        report: told the fraction done.
    """
    import numpy as np

    from overparam.training.nested import squared_loss
    from overparam.training.singular_modes import modes, nested_projections

    n, (others, targets) = len(y), pool
    below = [w for w in widths if w < len(others)]
    ideal = {}
    if below:
        ideal = nested_projections(phi(others, 0, below[-1]), targets, below, n)
    report(0.1)
    found: dict[str, list[float | None]] = {name: [] for name in LISTS}

    for done, mode in enumerate(modes(train, test, n, len(y_test), widths), start=1):
        cut = np.flatnonzero(mode.size >= CUT * np.median(mode.size))
        lead = slice(0, max(1, int(LEADING * n)))
        met = ideal.get(mode.width, targets[:n])
        loss = squared_loss(mode.predict(y), y_test)
        found["cut_test_loss"].append(squared_loss(mode.predict(y, cut), y_test))
        found["ideal_test_loss"].append(squared_loss(mode.predict(met), y_test))
        found["leading_test_loss"].append(squared_loss(mode.predict(y, lead), y_test))
        found["train_parameters"].append(mode.train_parameters)
        found["test_parameters"].append(mode.test_parameters)
        found["below_test_loss"].append(loss if mode.width <= n else None)
        found["beyond_test_loss"].append(loss if mode.width >= n else None)
        report(0.1 + 0.9 * done / len(widths))
    return found


def predict(phi: Any, pool: tuple[Any, Any], n: int, widths: Any) -> dict[str, list[float | None]]:
    """Return the test loss that the spectrum of the limit kernel on the population foretells, one a width.

    ``theory_test_loss`` is that of the minimum norm, ``theory_ridge_test_loss`` that of the best penalty a width, and
    ``white_test_loss`` that of the minimum norm if all eigenvalues were equal.

    Args:
        phi: the random features, for their limit kernel.
        pool: inputs and targets of :func:`population`.
        n: number of training samples.
        widths: numbers of features, ascending.
    """
    from dataclasses import replace

    import numpy as np

    from overparam.theory.empirical import spectrum_of_kernel
    from overparam.theory.population import population_risk

    inputs, targets = pool
    spectrum = spectrum_of_kernel(phi.kernel(inputs, inputs), targets)
    white = replace(spectrum, eigenvalues=np.full(spectrum.samples, spectrum.eigenvalues.mean()))
    k = np.asarray(widths, dtype=np.float64)
    return {
        "theory_test_loss": population_risk(spectrum, n, k, 0.0, 0.0).total.tolist(),
        "theory_ridge_test_loss": population_risk(spectrum, n, k, None, 0.0).total.tolist(),
        "white_test_loss": population_risk(white, n, k, 0.0, 0.0).total.tolist(),
    }
