"""What is learnt: a few inputs with labels +1 and -1, or with ten targets of rising difficulty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from overparam.core import Params
from overparam.studies.rows import unit

TARGETS = (
    "linear", "tilted", "linear + quadratic", "square", "product", "absolute value", "sine", "sign",
    "odd cubic", "random",
)  # fmt: skip
LINEAR, RANDOM = 0, 9
"""Places of the easiest target and of random labels among the ten, for generated inputs."""


@dataclass(frozen=True, eq=False)
class Task:
    """Inputs and labels in float64: ``x`` (n, features), ``y`` (n,) of +1 and -1, and the same for the test part."""

    x: Any
    y: Any
    x_test: Any
    y_test: Any
    classes: Any
    classes_test: Any


def task(cell: Mapping[str, Any], n: int, n_test: int) -> Task:
    """The inputs of a cell: drawn or chosen by its seed, as they come or centred and scaled to norm 1.

    Args:
        cell: with ``data``, ``inputs``, ``d`` and ``seed``.
        n: training samples.
        n_test: test samples, at most 500.

    Returns:
        Labels are +1 for the upper half of the classes, -1 for the lower.
    """
    import numpy as np

    from overparam.data import flatten, load
    from overparam.data.stream import stream

    if cell["data"] == "digits":
        whole = flatten(load("digits"))
        rng = stream("lazy-training", cell["seed"])
        train, test = rng.permutation(len(whole.y))[:n], rng.permutation(len(whole.y_test))[:n_test]
        x, labels = whole.x[train], whole.y[train]
        x_test, labels_test = whole.x_test[test], whole.y_test[test]
        half = 5
    else:
        made = load(f"{cell['data']}:n={n},d={cell['d']},n_test={n_test},seed={cell['seed']}")
        x, labels, x_test, labels_test, half = made.x, made.y, made.x_test, made.y_test, 1
    x, x_test = x.astype(np.float64), x_test.astype(np.float64)
    if cell["inputs"] == "unit":
        if cell["data"] == "digits":
            mean = x.mean(axis=0)
            x, x_test = x - mean, x_test - mean
        x, x_test = unit(x), unit(x_test)
    signs, signs_test = (np.where(part >= half, 1.0, -1.0) for part in (labels, labels_test))
    return Task(x, signs, x_test, signs_test, labels, labels_test)


def ten_targets(cell: Params, given: Task) -> tuple[Any, Any]:
    """Ten targets on the same inputs, each of mean square 1 on the training part.

    For digits: each digit against the rest. For generated inputs: functions of a few coordinates, from linear to an
    odd cubic, and random labels.

    Returns:
        Arrays of shape ``(10, n)`` and ``(10, n_test)``.
    """
    import numpy as np

    from overparam.data.stream import stream

    if cell["data"] == "digits":
        every = np.arange(10)[:, None]
        return (
            np.where(given.classes[None] == every, 1.0, -1.0),
            np.where(given.classes_test[None] == every, 1.0, -1.0),
        )
    rng = stream("lazy-training-random", cell["seed"])
    root = given.x.shape[1] ** 0.5

    def values(x: Any) -> Any:
        a, b, c = (root * x[:, k] for k in range(3))
        rows = (
            a, a + 0.5 * b - 0.3, a + b * c, a**2 - b**2, a * b, np.abs(a), np.sin(2 * (a + b)),
            np.sign(a * b), a * b * c, rng.standard_normal(len(x)),
        )  # fmt: skip
        return np.stack(rows)

    train, test = values(given.x), values(given.x_test)
    size = np.sqrt(np.mean(train**2, axis=1, keepdims=True))
    return train / size, test / size
