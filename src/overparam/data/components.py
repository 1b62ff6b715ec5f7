"""Classes of several components, Gaussian around random means: the structured data of Li and Liang's experiment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from overparam.core.checked import count, shown
from overparam.core.errors import UsageError
from overparam.data.dataset import Dataset, digest
from overparam.data.settings import Settings, between, name_of, settings_of
from overparam.data.stream import stream, whole_seed

TITLE = "Classes of Gaussian components"
DEFAULTS: Settings = {
    "n": 1000, "d": 1000, "classes": 10, "parts": 2, "spread": 5.0, "within": 1.0, "n_test": 1000, "seed": 0,
}  # fmt: skip
MOST = 500_000_000  # numbers, 4 GB in float64
_LARGEST = 1e6


def components(
    n: int = 1000,
    d: int = 1000,
    classes: int = 10,
    parts: int = 2,
    *,
    spread: float = 5.0,
    within: float = 1.0,
    n_test: int = 1000,
    seed: int = 0,
) -> Dataset:
    r"""Classes of several Gaussian components, each around a random mean.

    Component j of class i has the law ``N(mu_ij, within^2/d I)`` with ``mu_ij ~ N(0, spread^2/d I)``. Training rows are
    spread over classes and components as evenly as they go; test rows are drawn from a component at random. With the
    published spread of 5 one row a component is enough to tell the classes; ``spread = 1`` makes it a matter of n and width.
    :func:`overparam.data.structure` measures whether the theorem's assumption holds.

    Args:
        n: training rows, at least one a component.
        d: dimension.
        classes: number of classes k, at least 2.
        parts: components a class, l.
        spread: expected norm of a mean, sigma_0.
        within: expected distance from the mean, sigma, above 0.
        n_test: test rows.
        seed: which draw.

    Returns:
        The data set; inputs are not scaled to norm 1.

    Raises:
        UsageError: a value outside its range, or fewer rows than components.

    References:
        Y. Li, Y. Liang, Learning overparameterized neural networks via stochastic gradient descent on structured data,
        NeurIPS 2018, arXiv:1808.01204, section on experiments (all defaults recalled).

    >>> made = components(40, 30, 3, 2, n_test=9)
    >>> made.x.shape, made.classes, np.bincount(made.y).tolist()
    ((40, 30), 3, [14, 13, 13])
    """
    return make({
        "n": n, "d": d, "classes": classes, "parts": parts, "spread": spread, "within": within, "n_test": n_test,
        "seed": seed,
    })  # fmt: skip


def make(settings: Mapping[str, Any]) -> Dataset:
    """Return the data set of all settings; see :func:`components`."""
    kept = _checked(settings)
    n, d, classes, parts, n_test = (int(kept[key]) for key in ("n", "d", "classes", "parts", "n_test"))
    random, many = stream("components", int(kept["seed"])), classes * parts
    means = random.standard_normal((many, d)) * (kept["spread"] / np.sqrt(d))
    own = random.permutation(np.arange(n) % many)
    own = np.concatenate([own, random.randint(0, many, size=n_test)])
    x = means[own] + random.standard_normal((n + n_test, d)) * (kept["within"] / np.sqrt(d))
    inputs, y = x.astype(np.float32), (own % classes).astype(np.int32)
    return Dataset(
        name=name_of("components", kept),
        title=f"{TITLE}: {classes} x {parts}, n = {n}, d = {d}",
        x=inputs[:n],
        y=y[:n],
        x_test=inputs[n:],
        y_test=y[n:],
        classes=classes,
        fingerprint=fingerprint(kept),
        notes=f"Generated: {classes} classes of {parts} components N(mean, {kept['within']:g}^2/d I), means "
        f"N(0, {kept['spread']:g}^2/d I), no noise, seed {kept['seed']}.",
    )


def options(text: str) -> Settings:
    """Return the settings written in a name, checked; see :func:`overparam.data.settings.settings_of`."""
    return _checked(settings_of("components", text, DEFAULTS, "n=100,d=80,spread=1"))


def fingerprint(settings: Mapping[str, Any]) -> str:
    """Return the fingerprint: the settings determine every value."""
    return digest("components v1", name_of("components", _checked(settings)))


def _checked(given: Mapping[str, Any]) -> Settings:
    """The settings in the order of the defaults, each in its range."""
    sizes = {key: count(given[key], f"components: {key}", 1) for key in ("n", "d", "parts", "n_test")}
    classes = count(given["classes"], "components: classes", 2)
    many = classes * sizes["parts"]
    if (sizes["n"] + sizes["n_test"] + many) * sizes["d"] > MOST:
        raise UsageError(
            f"components: expected n, n_test and d with at most {MOST:,} numbers in all, got {shown(given['n'])}, "
            f"{shown(given['n_test'])} and {shown(given['d'])}. Generate fewer rows or features."
        )
    if sizes["n"] < many:
        raise UsageError(
            f"n: expected components with at least one training row each, {many}, got n={sizes['n']}. Generate more rows, or "
            "fewer classes or components."
        )
    return {
        "n": sizes["n"], "d": sizes["d"], "classes": classes, "parts": sizes["parts"],
        "spread": between("components", "spread", given["spread"], 0.0, _LARGEST),
        "within": between("components", "within", given["within"], 0.0, _LARGEST, open_low=True),
        "n_test": sizes["n_test"], "seed": whole_seed(given["seed"]),
    }  # fmt: skip
