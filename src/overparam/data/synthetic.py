"""Gaussian and spherical inputs with labels from a linear teacher: data as theory assumes it."""

from __future__ import annotations

import operator
from typing import cast

import numpy as np

from overparam.core.checked import shown
from overparam.core.errors import UsageError
from overparam.data.dataset import Dataset, digest
from overparam.data.settings import settings_of
from overparam.data.stream import stream, whole_seed

TITLES = {"gaussian": "Gaussian inputs", "sphere": "Inputs on the unit sphere"}
MOST = 500_000_000  # numbers, 4 GB in float64
DEFAULTS = {"n": 200, "d": 20, "n_test": 1000, "seed": 0}
_LAWS = {"gaussian": "standard normal inputs N(0, I)", "sphere": "inputs uniform on the unit sphere"}


def gaussian(n: int = 200, d: int = 20, *, n_test: int = 1000, seed: int = 0) -> Dataset:
    """Return standard normal inputs with two classes from a linear teacher.

    The rows are independent draws of N(0, I) in d dimensions. The teacher is a direction w, uniform on the
    unit sphere and the same for both parts; the label is 1 where ``w . x > 0``, without noise.

    Args:
        n: training rows.
        d: dimension.
        n_test: test rows.
        seed: which teacher and which draw.

    Returns:
        A data set with inputs of shape ``(n, d)``.

    Raises:
        UsageError: a count below 1 or a seed out of range.

    >>> data = gaussian(50, 3, n_test=10)
    >>> data.x.shape, data.x_test.shape, data.classes, data.name
    ((50, 3), (10, 3), 2, 'gaussian:n=50,d=3,n_test=10,seed=0')
    """
    return make("gaussian", {"n": n, "d": d, "n_test": n_test, "seed": seed})


def sphere(n: int = 200, d: int = 20, *, n_test: int = 1000, seed: int = 0) -> Dataset:
    """Return inputs uniform on the unit sphere with two classes from a linear teacher.

    As ``gaussian``, every row divided by its Euclidean norm, so that each has norm 1 (the assumption of most
    theorems on wide networks).

    Args:
        n: training rows.
        d: dimension.
        n_test: test rows.
        seed: which teacher and which draw.

    Returns:
        A data set with inputs of shape ``(n, d)``.

    Raises:
        UsageError: a count below 1 or a seed out of range.

    >>> bool(np.allclose((sphere(50, 3).x ** 2).sum(axis=1), 1.0))
    True
    """
    return make("sphere", {"n": n, "d": d, "n_test": n_test, "seed": seed})


def options(family: str, text: str) -> dict[str, int]:
    """Return the settings written as ``n=200,d=20,seed=0``; what is left out takes its default.

    Raises:
        UsageError: an unknown setting, one that is given twice, or a value that is no whole number in range.

    >>> options("gaussian", "d=5")
    {'n': 200, 'd': 5, 'n_test': 1000, 'seed': 0}
    """
    found = cast(dict[str, int], settings_of(family, text, DEFAULTS, "n=200,d=20,seed=0"))
    _check(family, found)
    return found


def full_name(family: str, settings: dict[str, int]) -> str:
    """Return the name with every setting spelt out."""
    return f"{family}:" + ",".join(f"{key}={settings[key]}" for key in DEFAULTS)


def fingerprint(family: str, settings: dict[str, int]) -> str:
    """Return the fingerprint: the settings determine every value."""
    return digest("synthetic v1", full_name(family, settings))


def make(family: str, settings: dict[str, int]) -> Dataset:
    """Return the data set of a family and its settings."""
    _check(family, settings)
    n, d, n_test, seed = (settings[key] for key in DEFAULTS)
    random = stream(family, seed)
    teacher = random.standard_normal(d)
    x = random.standard_normal((n + n_test, d))
    if family == "sphere":
        x /= np.linalg.norm(x, axis=1, keepdims=True)
    y = (x @ teacher > 0).astype(np.int32)
    inputs = x.astype(np.float32)
    return Dataset(
        name=full_name(family, settings),
        title=f"{TITLES[family]}, n = {n}, d = {d}",
        x=inputs[:n],
        y=y[:n],
        x_test=inputs[n:],
        y_test=y[n:],
        classes=2,
        fingerprint=fingerprint(family, settings),
        notes=f"Generated: {_LAWS[family]}, labels from a linear teacher, no noise, seed {seed}.",
    )


def _check(family: str, settings: dict[str, int]) -> None:
    sizes = []
    for key in ("n", "d", "n_test"):
        try:
            sizes.append(0 if isinstance(settings[key], bool) else operator.index(settings[key]))
        except Exception:
            sizes.append(0)
        if sizes[-1] < 1:
            raise UsageError(
                f"{family}: expected {key} to be a whole number of at least 1, got {shown(settings[key])}."
            )
    n, d, n_test = sizes
    if (n + n_test) * d > MOST:
        raise UsageError(
            f"{family}: expected n, d, n_test with at most {MOST:,} numbers in all, got ({shown(n)} + {shown(n_test)}) x "
            f"{shown(d)}. Generate fewer rows or features."
        )
    whole_seed(settings["seed"])
