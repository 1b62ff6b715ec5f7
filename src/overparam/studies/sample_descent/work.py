"""One cell: least squares of a fixed size on ever more samples, in closed form, with tuned ridge beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from overparam.core import Estimate, Outcome, Params, Progress, UsageError
from overparam.studies.progress import one_by_one
from overparam.studies.rounding import rounded

LINEAR = "gaussian"
PENALTIES = tuple(10.0 ** (k / 4) for k in range(-32, 17))  # 1e-8 to 1e4 of the mean squared feature length
FLOOR = 1e-9  # of the initial loss; a smaller training loss is rounding
KNOWN = {
    "digits": (64, 597, 1200),
    "mnist1d": (40, 1000, 4000),
}  # inputs, test and training samples; else MNIST's


@dataclass(frozen=True, eq=False)
class Problem:
    """Nested training sets of one problem and how a solution is tested.

    Attributes:
        draw: gives the features ``(n, N)`` and targets ``(n, outputs)`` of the first n samples.
        x_test: test features, shape ``(test samples, N)``.
        y_test: test targets, shape ``(test samples, outputs)``.
        scale: the test loss is this times the mean squared error on the test samples, plus ``floor``.
        floor: variance of the noise in a new target.
        classes: whether outputs are classes, so that a 0-1 error makes sense.
        sizes: numbers of training samples, ascending.
        note: what was left out.
    """

    draw: Callable[[int], tuple[Any, Any]]
    x_test: Any
    y_test: Any
    scale: float
    floor: float
    classes: bool
    sizes: tuple[int, ...]
    note: str = ""


def work(cells: Sequence[Params], report: Progress) -> list[Outcome]:
    """Solve the cells of a stack one after another."""
    return one_by_one(solve, cells, report)


def solve(cell: Params, report: Progress) -> Outcome:
    """Solve every number of samples of one cell: minimum norm, and ridge tuned by leave-one-out error.

    Args:
        cell: parameters of the study's axes.
        report: told the fraction done.
    """
    from overparam.training.closed_form import min_norm, ridge

    problem = linear(cell) if cell["data"] == LINEAR else classes(cell)
    features = cell["features"]
    lines: dict[str, list[Any]] = {}

    def test(start: int, stop: int) -> Any:
        return problem.x_test[:, start:stop]

    for done, n in enumerate(problem.sizes):
        x, y = problem.draw(n)

        def train(start: int, stop: int, x: Any = x) -> Any:
            return x[:, start:stop]

        (plain,) = min_norm(train, test, y, problem.y_test, [features])
        (tuned,) = ridge(train, test, y, problem.y_test, [features], PENALTIES)
        found = {
            "n": n,
            "ratio": n / features,
            "train_loss": max(plain.train_loss, FLOOR * float((y**2).sum(axis=1).mean())),
            "test_loss": problem.scale * plain.test_loss + problem.floor,
            "norm": plain.norm,
            "rank": plain.rank,
            "ridge_test_loss": problem.scale * tuned.test_loss + problem.floor,
            "ridge_penalty": tuned.penalty,
        }
        if problem.classes:
            found |= {"test_error": plain.test_error, "ridge_test_error": tuned.test_error}
        else:
            found["theory_test_loss"] = predicted(n, features, cell["noise"])
        for name, value in found.items():
            lines.setdefault(name, []).append(rounded(value))
        report((done + 1) / len(problem.sizes))
    return Outcome(lines, note=problem.note)


def predicted(n: int, features: int, noise: float) -> float:
    """The exact expected risk of the linear problem: all features are used, their coefficients have length 1."""
    import numpy as np

    from overparam.theory.belkin2020 import weak_features_risk

    b = np.full(features, features**-0.5)
    return float(weak_features_risk(b, n, [features], noise=noise**2)[0])


def linear(cell: Params) -> Problem:
    """Linear regression: y = <b, x> + noise, x ~ N(0, I) in N dimensions, b uniform on the unit sphere.

    The test loss is exact: for standard normal inputs it is the squared distance from b plus the noise variance. So
    the "test samples" are the unit vectors and their targets the entries of b.
    """
    import numpy as np

    from overparam.data import load
    from overparam.data.stream import stream

    size, sizes, seed = cell["features"], tuple(cell["n"]), cell["seed"]
    x = load(f"{LINEAR}:n={sizes[-1]},d={size},n_test=1,seed={seed}").x.astype(np.float64)
    random = stream("sample-descent", seed)
    b: Any = random.standard_normal(size)
    b /= np.linalg.norm(b)
    y = (x @ b + cell["noise"] * random.standard_normal(sizes[-1]))[:, None]
    return Problem(
        lambda n: (x[:n], y[:n]), np.eye(size), b[:, None], float(size), cell["noise"] ** 2, False, sizes
    )


def classes(cell: Params) -> Problem:
    """Classification with random Fourier features: one-hot targets, the data set's own test samples.

    Numbers of samples that the data set does not have are left out, and the note says so.

    Raises:
        UsageError: the data set has fewer samples than the smallest number asked for.
    """
    import numpy as np

    from overparam.data import flatten, label_noise, load, subset
    from overparam.data.stream import stream
    from overparam.models.random_features import RandomFeatures, fourier_scale

    whole = flatten(load(cell["data"]))
    sizes = tuple(n for n in cell["n"] if n <= whole.n)
    if not sizes:
        raise UsageError(
            f"--n: expected some number of samples up to {whole.n:,}, all that {whole.title} has, got "
            f"{cell['n'][0]:,} and more."
        )
    seed = cell["seed"]
    labels, _ = label_noise(whole.y, cell["label_noise"], whole.classes, seed=seed)
    order = stream("sample-descent-rows", seed).permutation(whole.n)[: sizes[-1]]
    x = whole.x[order].astype(np.float64)
    y = np.eye(whole.classes)[labels[order]]
    tested = subset(whole, whole.n, min(cell["n_test"] or whole.n_test, whole.n_test), seed=seed)
    phi = RandomFeatures("fourier", whole.features, seed, fourier_scale(x))
    features, size = phi(x, 0, cell["features"]), cell["features"]
    missing = len(cell["n"]) - len(sizes)
    note = f"{whole.title} has {whole.n:,} samples: {missing} larger numbers were left out" if missing else ""
    return Problem(
        lambda n: (features[:n], y[:n]),
        phi(tested.x_test.astype(np.float64), 0, size),
        np.eye(whole.classes)[tested.y_test],
        1.0, 0.0, True, sizes, note,
    )  # fmt: skip


def estimate(cell: Params) -> Estimate:
    """Expected cost of a cell on one core: an eigendecomposition of an n x n matrix a number of samples."""
    size = cell["features"]
    inputs, n_test, most = (size, size, max(cell["n"])) if cell["data"] == LINEAR else KNOWN.get(
        cell["data"], (784, 10_000, 60_000)
    )  # fmt: skip
    sizes = [n for n in cell["n"] if n <= most] or [cell["n"][0]]
    n_test = min(cell["n_test"] or n_test, n_test)
    outputs = 1 if cell["data"] == LINEAR else 10
    solved = sum(9.0 * n**3 + 4.0 * n * n * size + 6.0 * n * n * len(PENALTIES) * outputs for n in sizes)
    applied = len(sizes) * 4.0 * n_test * size * outputs
    drawn = (max(sizes) + n_test) * size * (2.0 * inputs + 100)
    seconds = 0.1 + (solved + applied + drawn) / 6e10
    arrays = (
        3.0 * max(sizes) ** 2 + 2 * max(sizes) * (len(PENALTIES) * outputs + size) + n_test * (size + inputs)
    )
    return Estimate(seconds, 1.5e8 + 8.0 * arrays)
