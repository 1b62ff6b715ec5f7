"""The work of bias-variance: many fits of each size on training sets without common rows, and the parts of their error."""

from __future__ import annotations

from typing import Any

import numpy as np

from overparam.core import DataError, Params, Progress, within
from overparam.data import Dataset, flatten, load
from overparam.data.label_noise import LabelNoise
from overparam.data.stream import stream
from overparam.models import mlp
from overparam.training import Member, Recipe, train

PARTS = ("risk", "bias", "variance", "variance_data", "variance_seed")
CUT = 1e-10  # relative: singular values below it count as zero


def solve(cell: Params, progress: Progress) -> dict[str, Any]:
    """The parts of the error of one family, a line over its sizes, from the training sets of one seed.

    Raises:
        DataError: fewer training samples than the sets ask for together.
    """
    sets, starts, n, seed = (int(cell[key]) for key in ("sets", "starts", "n", "seed"))
    data = flatten(load(cell["data"]))
    rows, labels = split(data, sets, n, float(cell["noise"]), seed)
    target = expected(data.y_test, data.classes, float(cell["noise"]))
    sizes = [
        int(one) for one in cell[{"features": "features", "width": "widths", "depth": "depths"}[cell["family"]]]
    ]
    lines: dict[str, list[float]] = {}
    for at, size in enumerate(sizes):
        part = within(progress, at / len(sizes), (at + 1) / len(sizes))
        if cell["family"] == "features":
            fits, loss = features(data, rows, labels, size, starts, seed)
        else:
            hidden = (size,) if cell["family"] == "width" else (int(cell["deep_width"]),) * size
            fits, loss = networks(data, rows, labels, hidden, starts, cell, part)
        parts = decompose(fits, target)
        truth = drawn(target, seed, at)
        votes = np.eye(data.classes)[fits.argmax(axis=-1)]
        errors = decompose(votes, target)
        found = {
            "train_loss": loss,
            **parts,
            **{f"{name}_01": value / 2 for name, value in errors.items()},
            "drawn": float(np.square(fits - truth).sum(axis=-1).mean()),
            "drawn_01": float(np.square(votes - truth).sum(axis=-1).mean() / 2),
        }
        for name, value in found.items():
            lines.setdefault(name, []).append(value)
    lines["no_variance"] = [spread + noise_of(target) for spread in lines["bias"]]
    lines["total"] = [one + noise_of(target) for one in lines["risk"]]
    noise = noise_of(target)
    many = len(sizes)
    return {"size": sizes, "noise": [noise] * many, "noise_01": [noise / 2] * many, **lines}


def split(data: Dataset, sets: int, n: int, noise: float, seed: int) -> tuple[list[Any], list[Any]]:
    """Rows of the training sets, none in two of them, and their labels with noise (inclusive).

    Raises:
        DataError: fewer training samples than that.
    """
    if sets * n > len(data.x):
        raise DataError(
            f"--n, --sets: expected at most the {len(data.x):,} training samples of {data.title} together, got {sets} x {n}. "
            "Ask for fewer."
        )
    order = stream("bias-variance", seed).permutation(len(data.x))
    rows = [order[k * n : (k + 1) * n] for k in range(sets)]
    given = LabelNoise(noise, "inclusive", seed).apply(data.y, data.classes)
    return rows, [given[own] for own in rows]


def expected(labels: Any, classes: int, noise: float) -> Any:
    """Mean of the one-hot label of each row under inclusive noise, shape ``(n, classes)``: what the best predictor gives.

    >>> expected(np.array([1]), 2, 0.5).tolist()
    [[0.25, 0.75]]
    """
    return (1.0 - noise) * np.eye(classes)[np.asarray(labels)] + noise / classes


def noise_of(target: Any) -> float:
    """Variance of one-hot labels around their mean, summed over classes, mean over rows."""
    return float(np.mean(1.0 - np.square(target).sum(axis=1)))


def drawn(target: Any, seed: int, at: int) -> Any:
    """One-hot labels of the test rows, drawn anew with the noise that the training labels have."""
    random = stream(f"bias-variance-test {at}", seed)
    picks = (np.cumsum(target, axis=1) < random.random_sample((len(target), 1))).sum(axis=1)
    return np.eye(target.shape[1])[np.minimum(picks, target.shape[1] - 1)]


def decompose(fits: Any, target: Any) -> dict[str, float]:
    r"""Squared error of fits to the mean of the target, parted into squared bias and variance without bias of their own.

    With predictions :math:`f_{ks}` after training on set k from start s, and m the mean of the target, the mean product
    of :math:`f_{ks} - m` and :math:`f_{k's'} - m` over sets :math:`k \ne k'` has the squared bias as its mean; over one set
    and :math:`s \ne s'` that and the variance that the draw of the set brings; the mean square has all of it. The
    noise of the target itself comes on top.

    Args:
        fits: predictions, shape ``(sets, starts, rows, outputs)``, at least 2 sets.
        target: mean of the target, shape ``(rows, outputs)``.

    Returns:
        ``risk``, ``bias``, ``variance``, and of the variance ``variance_data`` and ``variance_seed`` (0 with one start), in
        squared units summed over outputs, mean over rows. Parts can come out below 0. With one-hot predictions these are
        twice the parts of the 0-1 error.

    References: R. Kohavi, D. Wolpert, Bias plus variance decomposition for zero-one loss functions, ICML 1996; Z. Yang et
        al., Rethinking bias-variance trade-off for generalization of neural networks, ICML 2020 (estimator over disjoint
        training sets); the parts of the variance are those of B. Neal et al., arXiv:1810.08591.

    >>> parts = decompose(np.array([1.0, 3.0]).reshape(2, 1, 1, 1), np.array([[0.0]]))
    >>> parts["risk"], parts["bias"], parts["variance"]  # mean square 5, product 3, unbiased variance 2
    (5.0, 3.0, 2.0)
    """
    off = np.asarray(fits, float) - target
    sets, starts, rows = off.shape[:3]
    risk = float(np.square(off).sum() / (sets * starts * rows))
    own = off.sum(axis=1)  # over starts
    whole = float(np.square(own.sum(axis=0)).sum())
    each = float(np.square(own).sum())
    bias = (whole - each) / (sets * (sets - 1) * starts**2 * rows)
    squares = float(np.square(off).sum())
    same_set = (each - squares) / (sets * starts * (starts - 1) * rows) if starts > 1 else risk
    return {
        "risk": risk,
        "bias": bias,
        "variance": risk - bias,
        "variance_data": same_set - bias,
        "variance_seed": risk - same_set,
    }


def features(data: Dataset, rows: Any, labels: Any, size: int, starts: int, seed: int) -> tuple[Any, float]:
    """Least squares of least norm on random ReLU features: predictions on the test rows, and the mean squared training error.

    Inputs are taken less the mean of the pool, so that a feature is on for about half of the rows. Features that are on for a
    few rows alone have large weights, and a squared error without a useful mean.
    """
    fits, losses = [], []
    middle = np.asarray(data.x, float).mean(axis=0)
    for k, (own, y) in enumerate(zip(rows, labels, strict=True)):
        line = []
        for s in range(starts):
            random = stream(f"bias-variance-features {k} {s}", seed)
            weights = random.standard_normal((data.features, size)) / np.sqrt(data.features)
            phi, phi_test = (np.maximum((x - middle) @ weights, 0.0) for x in (data.x[own], data.x_test))
            onto = np.eye(data.classes)[y]
            found = np.linalg.lstsq(phi, onto, rcond=CUT)[0]
            losses.append(float(np.square(phi @ found - onto).sum(axis=1).mean()))
            line.append(phi_test @ found)
        fits.append(line)
    return np.asarray(fits), float(np.mean(losses))


def networks(
    data: Dataset,
    rows: Any,
    labels: Any,
    hidden: tuple[int, ...],
    starts: int,
    cell: Params,
    progress: Progress,
) -> tuple[Any, float]:
    """Trained networks: predictions on the test rows, and the mean squared training error."""
    import jax

    seed, sets = int(cell["seed"]), len(rows)
    net = mlp(data.features, hidden, data.classes)
    recipe = Recipe(
        steps=cell["steps"], learning_rate=cell["learning_rate"], optimizer="adam", batch=cell["batch"], loss="squared",
        probes=2)  # fmt: skip
    members = [
        Member(
            1_000_000 + (seed * sets + k) * starts + s,
            np.eye(data.classes, dtype=np.float32)[labels[k]],
            x=data.x[rows[k]],
        )
        for k in range(sets)
        for s in range(starts)
    ]
    runs = train(
        net, recipe, members, data.x, data.x_test, np.eye(data.classes, dtype=np.float32)[data.y_test],
        progress=progress, keep_params=True)  # fmt: skip
    outputs = jax.jit(net.apply)
    fits, losses = [], []
    for run, member in zip(runs, members, strict=True):
        fits.append(np.asarray(outputs(run.params, data.x_test), np.float64))
        given = np.asarray(outputs(run.params, member.x), np.float64)
        losses.append(float(np.square(given - member.y).sum(axis=1).mean()))
    shape = (sets, starts, *fits[0].shape)
    return np.reshape(np.asarray(fits), shape), float(np.mean(losses))
