"""A pool that training sets are drawn from, nested in their size, with shifted copies of signals as augmentation."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from overparam.core.errors import DataError, UsageError
from overparam.data.catalog import load
from overparam.data.dataset import flatten
from overparam.data.label_noise import LabelNoise
from overparam.data.stream import stream

SHIFT, SCALE = 5, 0.1  # a copy is moved by 1 to 5 places and multiplied by 0.9 to 1.1


class Pool(NamedTuple):
    """Where training sets are drawn from: all samples of a data set but some test samples that are kept aside.

    Attributes:
        x: inputs ``(copies * size, features)``: the samples, then their first copies, and so on.
        y: true labels of all rows of x.
        x_test: inputs of the test samples kept aside.
        y_test: their labels.
        classes: number of classes.
        size: number of samples.
    """

    x: Any
    y: Any
    x_test: Any
    y_test: Any
    classes: int
    size: int

    def training_set(self, seed: int, n: int) -> Any:
        """The n samples that a seed trains on; those of a smaller n are the first of them.

        Raises:
            DataError: there are not so many.
        """
        if n > self.size:
            raise DataError(
                f"expected at least {n:,} samples to draw from, got {self.size:,}. Lower --n or --n-test."
            )
        return stream("training-samples", seed).permutation(self.size)[:n]

    def rows(self, chosen: Any) -> Any:
        """Rows of x that belong to the chosen samples, copies included."""
        return np.concatenate([chosen + start for start in range(0, len(self.x), self.size)])

    def labels(self, rate: float, kind: Any, seed: int) -> Any:
        """Labels of all rows of x with noise: one draw a seed, the same for a sample and its copies."""
        noisy = LabelNoise(rate, kind, seed).apply(self.y[: self.size], self.classes)
        return np.tile(noisy, len(self.x) // self.size)


def pool(name: str, n_test: int, copies: int = 1) -> Pool:
    """Load a data set as a pool; each of its samples occurs ``copies`` times."""
    whole = load(name)
    if copies > 1 and len(whole.shape) != 1:
        raise UsageError(
            f"shifted copies: expected signals of shape (features,), got samples of shape {whole.shape}. "
            "Train without copies, or use mnist1d."
        )
    data = flatten(whole)
    x, y = np.concatenate([data.x, data.x_test[n_test:]]), np.concatenate([data.y, data.y_test[n_test:]])
    rows = np.concatenate([x, *(moved(x, copy) for copy in range(1, copies))])
    return Pool(rows, np.tile(y, copies), data.x_test[:n_test], data.y_test[:n_test], data.classes, len(y))


def moved(x: Any, copy: int) -> Any:
    """Copies of signals, each moved around the end and scaled; one draw for good, the same for every seed."""
    n, features = x.shape
    random = stream("shifted-copies", copy)
    shifts = random.randint(1, SHIFT + 1, size=n) * random.choice([-1, 1], size=n)
    scales = 1.0 + SCALE * random.uniform(-1.0, 1.0, size=n)
    places = (np.arange(features) - shifts[:, None]) % features
    return (np.take_along_axis(x, places, axis=1) * scales[:, None]).astype(x.dtype)
