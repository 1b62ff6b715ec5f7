"""The pool that training samples are drawn from, its labels, and the shifted copies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SHIFT = 5  # most places by which a copy is moved, either way
SCALE = 0.1  # a copy is multiplied by a number from 1 - SCALE to 1 + SCALE


@dataclass(frozen=True, eq=False)
class Pool:
    """Where every training set of the study is drawn from.

    Attributes:
        x: inputs, shape ``(copies * size, features)``: the samples, then their first copies, and so on.
        y: true labels of the samples, shape ``(size,)``.
        x_test: inputs of the test samples kept aside.
        y_test: their labels.
        classes: number of classes.
        size: number of samples.
        copies: how often each sample occurs in x, itself included.
    """

    x: Any
    y: Any
    x_test: Any
    y_test: Any
    classes: int
    size: int
    copies: int

    def order(self, seed: int) -> Any:
        """The order in which a seed draws samples; its first n are its training set, so they are nested in n."""
        from overparam.data.stream import stream

        return stream("training-samples", seed).permutation(self.size)

    def rows(self, chosen: Any) -> Any:
        """Rows of x that belong to the chosen samples, copies included."""
        import numpy as np

        return np.concatenate([chosen + copy * self.size for copy in range(self.copies)])

    def labels(self, rate: float, kind: Any, seed: int) -> Any:
        """Labels of all rows of x with noise: one draw a seed, the same for a sample and its copies."""
        import numpy as np

        from overparam.data import label_noise

        return np.tile(label_noise(self.y, rate, self.classes, kind=kind, seed=seed)[0], self.copies)


def pool(name: str, n_test: int, copies: int = 1) -> Pool:
    """Load a data set as a pool: all its samples but ``n_test`` test samples that are kept aside.

    Args:
        name: name or path of the data set.
        n_test: test samples kept aside, the first ones; all of them if there are no more.
        copies: how often each sample occurs, itself included.

    Raises:
        UsageError: copies of data that are not signals: a shifted row of pixels is no shifted image.
    """
    import numpy as np

    from overparam.core import UsageError
    from overparam.data import flatten, load

    whole = load(name)
    if copies > 1 and len(whole.shape) != 1:
        raise UsageError(
            f"the arm 'shifted': expected signals of shape (features,), got samples of shape {whole.shape}. "
            "Leave the arm out (--arms base,clean,samples,epochs), or use mnist1d."
        )
    data = flatten(whole)
    kept = min(n_test, data.n_test)
    x = np.concatenate([data.x, data.x_test[kept:]])
    y = np.concatenate([data.y, data.y_test[kept:]])
    rows = np.concatenate([x, *(moved(x, copy) for copy in range(1, copies))])
    return Pool(rows, y, data.x_test[:kept], data.y_test[:kept], data.classes, len(y), copies)


def moved(x: Any, copy: int) -> Any:
    """Copies of signals, each moved by 1 to 5 places either way around the end and scaled by 0.9 to 1.1.

    Args:
        x: signals, shape ``(n, features)``.
        copy: which copy; one draw for good, the same for every seed.

    Returns:
        Array of the same shape and type.
    """
    import numpy as np

    from overparam.data.stream import stream

    n, features = x.shape
    random = stream("shifted-copies", copy)
    shifts = random.randint(1, SHIFT + 1, size=n) * random.choice([-1, 1], size=n)
    scales = 1.0 + SCALE * random.uniform(-1.0, 1.0, size=n)
    places = (np.arange(features) - shifts[:, None]) % features
    return (np.take_along_axis(x, places, axis=1) * scales[:, None]).astype(x.dtype)
