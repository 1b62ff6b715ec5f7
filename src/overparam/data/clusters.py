"""Clusters on the unit sphere with labels: data on which early stopping is provably robust to label noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int32

from overparam.core.checked import count, shown
from overparam.core.errors import DataError, UsageError
from overparam.data.dataset import Dataset, digest
from overparam.data.settings import Settings, between, name_of, settings_of
from overparam.data.stream import stream, whole_seed

TITLE = "Clusters on the unit sphere"
DEFAULTS: Settings = {
    "n": 200, "d": 20, "clusters": 10, "classes": 2, "radius": 0.1, "separated": 1, "n_test": 1000, "seed": 0,
}  # fmt: skip
MOST = 500_000_000  # numbers, 4 GB in float64
FARTHEST = 1e6  # radius: at that size a centre has no trace left


@dataclass(frozen=True, eq=False)
class Clusters:
    """Inputs around unit centres, and what is known of their geometry.

    Attributes:
        data: the data set; its rows have norm 1.
        centres: unit vectors, shape ``(clusters, features)``.
        own: the cluster of every training row, shape ``(n,)``.
        own_test: the cluster of every test row.
        separation: least distance of two centres.
        diameter: twice the largest distance of a row of either part from its centre.
    """

    data: Dataset
    centres: Float64[np.ndarray, "m features"]
    own: Int32[np.ndarray, " n"]
    own_test: Int32[np.ndarray, " n_test"]
    separation: float
    diameter: float


def clusters(
    n: int = 200,
    d: int = 20,
    clusters: int = 10,
    *,
    classes: int = 2,
    radius: float = 0.1,
    separated: bool = True,
    n_test: int = 1000,
    seed: int = 0,
) -> Clusters:
    r"""Clusters of a radius around unit centres, a class each.

    Centres are independent and uniform on the unit sphere; cluster j has class ``j mod classes``. A row of a cluster with
    centre c is ``(c + radius * u) / |c + radius * u|`` with u uniform in the unit ball of the directions at right angles
    to c. So every row has norm 1 and lies at most ``radius`` from its centre, at every radius; at a radius of 3 and more
    little is left of the centre, which makes the control in which clustering vanishes. Training rows are spread over the
    clusters as evenly as they go, test rows are drawn from a cluster at random.

    Args:
        n: training rows, at least one a cluster.
        d: dimension, at least 2.
        clusters: number of clusters, at least ``classes``.
        classes: number of classes K, at least 2.
        radius: largest distance of a row from its centre, at least 0.
        separated: refuse centres that are not farther apart than ``2 * radius``; False makes them all the same.
        n_test: test rows.
        seed: which draw.

    Returns:
        The data set with its geometry.

    Raises:
        UsageError: a value outside its range, fewer rows than clusters, or fewer clusters than classes.
        DataError: centres closer than the diameter of a cluster.

    References:
        M. Li, M. Soltanolkotabi, S. Oymak, Gradient descent with early stopping is provably robust to label noise for
        overparameterized neural networks, AISTATS 2020, arXiv:1903.11680: clusterable data of unit norm (recalled).

    >>> made = clusters(50, 10, 4, radius=0.05)
    >>> made.data.x.shape, made.centres.shape, bool(made.diameter <= 0.1 < made.separation)
    ((50, 10), (4, 10), True)
    >>> int(np.bincount(made.own).max() - np.bincount(made.own).min())
    1
    """
    if not isinstance(separated, bool):
        raise UsageError(f"separated: expected True or False, got {shown(separated)}.")
    given: Settings = {
        "n": n, "d": d, "clusters": clusters, "classes": classes, "radius": radius, "separated": int(separated),
        "n_test": n_test, "seed": seed,
    }  # fmt: skip
    return draw(given)


def draw(settings: Mapping[str, Any]) -> Clusters:
    """Return the clusters of all settings; see :func:`clusters`."""
    kept = _checked(settings)
    n, d, many, classes, n_test = (int(kept[key]) for key in ("n", "d", "clusters", "classes", "n_test"))
    radius, random = float(kept["radius"]), stream("clusters", int(kept["seed"]))
    centres = random.standard_normal((many, d))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    separation = _separation(centres)
    if kept["separated"] and not separation > 2 * radius:
        raise DataError(
            f"clusters: expected centres farther apart than the diameter of a cluster, {2 * radius:g}, got two at a distance "
            f"of {separation:.3g}. Take a smaller radius, fewer clusters or more dimensions, or separated=0 to let them meet."
        )
    own = random.permutation(np.arange(n) % many).astype(np.int32)
    own_test = random.randint(0, many, size=n_test).astype(np.int32)
    x = _around(centres[np.concatenate([own, own_test])], radius, random)
    far = float(np.linalg.norm(x - centres[np.concatenate([own, own_test])], axis=1).max())
    inputs = x.astype(np.float32)
    name = name_of("clusters", kept)
    data = Dataset(
        name=name,
        title=f"{TITLE}: {many} of radius {radius:g}, n = {n}, d = {d}",
        x=inputs[:n],
        y=own % classes,
        x_test=inputs[n:],
        y_test=own_test % classes,
        classes=classes,
        fingerprint=fingerprint(kept),
        notes=f"Generated: {many} clusters of {classes} classes, rows of norm 1 at most {far:.3g} from their centre, centres at "
        f"least {separation:.3g} apart, no noise, seed {kept['seed']}.",
    )
    return Clusters(data, centres, own, own_test, separation, 2 * far)


def options(text: str) -> Settings:
    """Return the settings written in a name, checked; see :func:`overparam.data.settings.settings_of`."""
    return _checked(settings_of("clusters", text, DEFAULTS, "n=200,d=20,clusters=10,radius=0.1"))


def fingerprint(settings: Mapping[str, Any]) -> str:
    """Return the fingerprint: the settings determine every value."""
    return digest("clusters v1", name_of("clusters", _checked(settings)))


def _checked(given: Mapping[str, Any]) -> Settings:
    """The settings in the order of the defaults, each in its range."""
    sizes = {key: count(given[key], f"clusters: {key}", 1) for key in ("n", "n_test", "clusters")}
    d, classes = count(given["d"], "clusters: d", 2), count(given["classes"], "clusters: classes", 2)
    if (sizes["n"] + sizes["n_test"] + sizes["clusters"]) * d > MOST:
        raise UsageError(
            f"clusters: expected n, n_test and d with at most {MOST:,} numbers in all, got {shown(given['n'])}, "
            f"{shown(given['n_test'])} and {shown(given['d'])}. Generate fewer rows or features."
        )
    if sizes["clusters"] < classes:
        raise UsageError(
            f"clusters: expected at least one a class, {classes}, got clusters={sizes['clusters']}. Take fewer classes."
        )
    if sizes["n"] < sizes["clusters"]:
        raise UsageError(
            f"n: expected clusters with at least one training row each, {sizes['clusters']}, got n={sizes['n']}. Generate more "
            "rows, or fewer clusters."
        )
    return {
        "n": sizes["n"], "d": d, "clusters": sizes["clusters"], "classes": classes,
        "radius": between("clusters", "radius", given["radius"], 0.0, FARTHEST),
        "separated": count(given["separated"], "clusters: separated (1 or 0)", 0, 1),
        "n_test": sizes["n_test"], "seed": whole_seed(given["seed"]),
    }  # fmt: skip


def _around(centres: Any, radius: float, random: np.random.RandomState) -> Any:
    """Rows of norm 1 at most ``radius`` from their centres, one a row."""
    n, d = centres.shape
    beside = random.standard_normal((n, d))
    beside -= (beside * centres).sum(axis=1, keepdims=True) * centres
    length = np.linalg.norm(beside, axis=1, keepdims=True)
    size = radius * random.uniform(size=(n, 1)) ** (1.0 / (d - 1))
    x = centres + size * (beside / np.where(length > 0, length, 1.0))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def _separation(centres: Any) -> float:
    """Least distance of two rows; infinite for one."""
    if len(centres) < 2:
        return np.inf
    gaps = [np.linalg.norm(centres[i + 1 :] - centres[i], axis=1).min() for i in range(len(centres) - 1)]
    return float(min(gaps))
