"""The work of flat-minima: networks that fit the same rows, with an attack set of random labels beside, and their curvature."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from overparam.core import DataError, Outcome, Params, Progress, UsageError, outcome, rounded, within
from overparam.data import Dataset, LabelNoise, coarser, flatten, load
from overparam.models import mlp
from overparam.models.state import leaves
from overparam.operators import open_model
from overparam.probes import standard
from overparam.probes.curvature import spectral_density, top_eigenvalues, trace
from overparam.probes.subset import subset
from overparam.sweep.work import shared
from overparam.training import Keep, Member, Recipe, train

LOOK = 5  # steps between two looks at the loss of the rows that are fitted
TOP, MANY = 10, 20  # eigenvalues that are summed; whose logarithms are
TRACE, STEPS, STARTS = 48, 15, 4  # products of a trace; Lanczos steps and starts of a spectrum
SIDE = 14  # pixels of a side at most
TWIN = 8.0  # a power of two, so that the twin computes the same numbers
SMALL = 0.01  # an eigenvalue below this share of the largest belongs to the bulk
DECADES = tuple(
    np.arange(-8.0, 0.5, 0.5).tolist()
)  # left ends of bins of log10 of |eigenvalue| over the largest
MEASURES = ("top_eigenvalue", "top_sum", "basin", "trace", "scaled_top", "scaled_sum", "sensitivity", "norm")
ENDS = ("none", "half", "most")
LINES = ("step", "loss", "gradient_norm", "test_error", "test_loss", *MEASURES, "trace_error", "bulk", "twin_top", "twin_gap",
         "twin_scaled_gap")  # fmt: skip


def run(cells: Sequence[Params], progress: Progress) -> list[Outcome]:
    """One stack: every seed of one kind of labels, trained with attack sets of every size."""
    given = shared(cells)
    rows, sizes = given["n"], sorted(set(given["attack"]))
    sizes = sizes if given["labels"] == "random" else [sizes[0], sizes[-1]]
    data = checked(coarser(load(given["data"]), SIDE), rows, sizes[-1], given["batch"])
    x, y = data.x[: rows + sizes[-1]], data.y[: rows + sizes[-1]]
    labels = [attacked(y, rows, data.classes, given["labels"], cell["seed"]) for cell in cells]
    network = mlp(data.features, tuple(given["hidden"]), data.classes, init="he")
    probes = {**standard(), "kept": subset("kept", range(rows))}
    found: list[dict[str, list[Any]]] = [{name: [] for name in LINES} for _ in cells]
    spectra: list[list[Any]] = [[] for _ in cells]
    gone = [""] * len(cells)
    ruler: Ruler | None = None
    for place, size in enumerate(sizes):
        recipe = Recipe(
            given["steps"], given["learning_rate"], momentum=given["momentum"], batch=given["batch"],
            probe_at=range(0, given["steps"], LOOK), stop_loss=enough(given["level"], rows, size),
        )  # fmt: skip
        members = [Member(cell["seed"], one[: rows + size]) for cell, one in zip(cells, labels, strict=True)]
        runs = train(
            network, recipe, members, x[: rows + size], data.x_test, data.y_test, probes=probes,
            keep={"fitted": Keep(value="kept_loss", at_most=given["level"])},
            progress=within(progress, place / len(sizes), (place + 0.5) / len(sizes)),
        )  # fmt: skip
        for at, one in enumerate(runs):
            point = one.kept.get("fitted")
            if one.diverged_at is not None:
                gone[at] = f"step {int(one.diverged_at)}"
            if point is None:
                values: dict[str, Any] = dict.fromkeys(LINES)
                top: Any = None
            else:
                ruler = ruler or Ruler(network, data, rows, point.params)
                when = int(np.flatnonzero(np.asarray(one.steps) == point.step)[0])
                values, top = ruler.measured(point.params)
                values |= {"step": int(point.step), "loss": float(one.values["kept_loss"][when])}
                values |= {name: float(one.values[name][when]) for name in ("test_error", "test_loss")}
            spectra[at].append(top)
            for name in LINES:
                found[at][name].append(values[name])
            progress((place + 0.5 + 0.5 * (at + 1) / len(runs)) / len(sizes))
    return [
        outcome({**told(sizes, lines, tops), "parameters": ruler.size if ruler else None}, lost=lost)
        for lines, tops, lost in zip(found, spectra, gone, strict=True)
    ]


def checked(data: Dataset, rows: int, attack: int, batch: int) -> Dataset:
    """The data as vectors, refused where it cannot give the rows that are asked for.

    Raises:
        DataError: fewer training rows than the rows to fit and the attack set together.
        UsageError: a batch larger than the rows to fit.
    """
    if rows + attack > data.n:
        raise DataError(
            f"--n, --attacks: expected at most the {data.n:,} training rows together, got {rows:,} and {attack:,}. Take fewer."
        )
    if batch > rows:
        raise UsageError(
            f"--batch: expected at most the {rows:,} rows to fit, got {batch:,}. Take a smaller batch."
        )
    return flatten(data)


def enough(level: float, rows: int, attack: int) -> float:
    """The mean loss over all rows at which that of the rows to fit is surely at most the level, because no loss is below 0.

    >>> enough(0.01, 512, 512)
    0.005
    """
    return level * rows / (rows + attack)


def attacked(y: Any, rows: int, classes: int, labels: str, seed: int) -> Any:
    """The labels: those of the rows to fit as they are, those of the attack set drawn anew from all classes, or kept.

    >>> attacked(np.arange(4), 2, 4, "true", 0).tolist()
    [0, 1, 2, 3]
    """
    if labels == "true":
        return y
    noise = LabelNoise(1.0, "inclusive", seed)
    return np.concatenate([y[:rows], noise.apply(y, classes)[rows:]])


def twin_of(params: Any, factor: float = TWIN) -> Any:
    """Parameters of the same function: the first layer times a factor, the weights of the second over it.

    A ReLU layer answers c times as much to c times its inputs (c > 0), so the outputs are what they were (Dinh et al. 2017,
    definition 5, recalled).

    Args:
        params: of :func:`overparam.models.mlp` with at least one hidden layer, ReLU.
        factor: above 0.
    """
    names = [f"hidden{i}" for i in range(1, len(params))]
    second = names[1] if len(names) > 1 else "output"
    made = {name: dict(layer) for name, layer in params.items()}
    made[names[0]] = {name: leaf * factor for name, leaf in params[names[0]].items()}
    made[second]["weight"] = params[second]["weight"] / factor
    return made


class Ruler:
    """Measures networks of one shape on the rows that all of them fit, in float64."""

    def __init__(self, network: Any, data: Dataset, rows: int, params: Any) -> None:
        """Open the model once; every network is a point of it."""
        self.network, self.tests = network, jnp.asarray(data.x_test)
        self.model = open_model(
            network, (data.x[:rows], data.y[:rows]), params=params, loss="cross_entropy", dtype="float64"
        )
        self.size = self.model.size

    def at(self, params: Any) -> Any:
        """The model at parameters."""
        return self.model.at(
            self.model.layout.flat({path: np.asarray(leaf, np.float64) for path, leaf in leaves(params)})
        )

    def measured(self, params: Any) -> tuple[dict[str, Any], Any]:
        """Curvature, its twin's, sensitivity and norm of one network, and its largest eigenvalues with the bins of the bulk."""
        model, twin = self.at(params), self.at(twin_of(params))
        slope = model.gradient()
        top = top_eigenvalues(model, MANY, which="largest").values
        scaled = top_eigenvalues(model, TOP, which="largest", scaled=True).values
        whole = trace(model, products=TRACE)
        density = spectral_density(model, steps=STEPS, samples=STARTS)
        ends, others = model.outputs(), twin.outputs()
        beside = float(top_eigenvalues(twin, 1, which="largest", scaled=True).values[0])
        values = {
            "gradient_norm": float(np.linalg.norm(slope)), "top_eigenvalue": float(top[0]), "top_sum": float(top[:TOP].sum()),
            "basin": basin(top), "trace": whole.estimate, "trace_error": whole.standard_error,
            "scaled_top": float(scaled[0]), "scaled_sum": float(scaled.sum()),
            "sensitivity": sensitivity(self.network, params, self.tests),
            "norm": float(np.linalg.norm(model.vector())),
            "bulk": density.share(-SMALL * float(top[0]), SMALL * float(top[0]))[0],
            "twin_top": float(top_eigenvalues(twin, 1, which="largest").values[0]),
            "twin_gap": float(np.abs(ends - others).max() / np.abs(ends).max()),
            "twin_scaled_gap": abs(beside / float(scaled[0]) - 1),
        }  # fmt: skip
        return values, (top, bins(density, float(top[0])))


def basin(values: NDArray[np.float64]) -> float | None:
    r"""Log-volume of a basin by its largest eigenvalues, ``-1/2 sum log lambda_i``, in nats; None where one is not above 0.

    The volume in which a quadratic loss stays below a level is ``prod lambda_i^(-1/2)`` times what all networks of a shape
    share. The eigenvalues that are left out are near 0, where their logarithms are noise.

    Args:
        values: eigenvalues, largest first.

    References: Wu and Zhu 2017, section on the volume of basins (recalled).

    >>> round(basin(np.array([4.0, 1.0])), 4)  # -log(4) / 2
    -0.6931
    """
    return None if min(values) <= 0 else float(-0.5 * np.log(values).sum())


def bins(density: Any, largest: float) -> list[float]:
    """Shares of the eigenvalues by the logarithm of their size over the largest; what is below the first bin counts there."""
    edges = [*DECADES[1:], math.inf]
    shares = np.zeros(len(DECADES))
    for nodes, weights in zip(density.nodes, density.weights, strict=True):
        sizes = np.log10(np.maximum(np.abs(nodes) / largest, 10.0 ** DECADES[0]))
        np.add.at(shares, np.minimum(np.searchsorted(edges, sizes, side="right"), len(DECADES) - 1), weights)
    return [float(one) for one in shares / len(density.nodes)]


def sensitivity(network: Any, params: Any, x: Any) -> float:
    """Mean Frobenius norm of the derivative of the class probabilities by the input, over rows.

    Args:
        network: the network.
        params: its parameters.
        x: rows, shape ``(n, inputs)``.

    References: Novak et al., Sensitivity and generalization in neural networks, ICLR 2018 (recalled).
    """
    return float(_sensitivity(params, x, network=network))


def _norms(params: Any, x: Any, *, network: Any) -> Any:
    def chances(row: Any) -> Any:
        return jax.nn.softmax(network.apply(params, row[None])[0])

    return jnp.mean(jax.vmap(lambda row: jnp.linalg.norm(jax.jacrev(chances)(row)))(x))


_sensitivity = jax.jit(_norms, static_argnames="network")


def told(sizes: Sequence[int], lines: dict[str, list[Any]], tops: Sequence[Any]) -> dict[str, Any]:
    """What one cell stores: lines over the attack set, spectra of three networks, and how well each measure follows the error."""
    values: dict[str, Any] = {"attack": list(sizes), **{name: rounded(line, 6) for name, line in lines.items()}}
    for name, at in zip(ENDS, (0, len(sizes) // 2, len(sizes) - 1), strict=True):
        values[f"top_{name}"] = [None] * MANY if tops[at] is None else rounded(tops[at][0], 5)
        values[f"bulk_{name}"] = [None] * len(DECADES) if tops[at] is None else rounded(tops[at][1], 5)
    less = [None if one is None else -one for one in lines["basin"]]  # a smaller basin goes with a larger error
    follows = {
        name: follow(lines[name], lines["test_error"], logarithm=True) for name in MEASURES if name != "basin"
    }
    follows["basin"] = follow(less, lines["test_error"], logarithm=False)
    values |= {f"follows_{name}": one for name, one in follows.items()}
    return values | {
        "rank": list(range(1, MANY + 1)), "decade": list(DECADES), "measure": list(range(1, len(MEASURES) + 1)),
        "follows": [follows[name] for name in MEASURES],
    }  # fmt: skip


def follow(line: Sequence[Any], error: Sequence[Any], *, logarithm: bool) -> float | None:
    """Correlation of a measure, or of its logarithm, with the test error over the networks of one seed; None without three.

    >>> round(follow([1.0, 10.0, 100.0], [0.0, 1.0, 2.0], logarithm=True), 6)
    1.0
    """
    pairs = [
        (a, b)
        for a, b in zip(line, error, strict=True)
        if a is not None and b is not None and (a > 0 or not logarithm)
    ]
    if len(pairs) < 3:
        return None
    a, b = np.asarray(pairs, np.float64).T
    a = np.log(a) if logarithm else a
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(np.corrcoef(a, b)[0, 1])
