"""The work of structured-data: Li and Liang's network at one width, and how far training takes it from its start."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from overparam.core import DataError, Outcome, Params, Progress, outcome, rounded, within
from overparam.core.crossing import crossing
from overparam.data import Dataset, LabelNoise, flatten, load, structure
from overparam.data.clusters import options as cluster_options
from overparam.data.components import make, options
from overparam.data.rows import unit_rows
from overparam.data.stream import stream
from overparam.models.network import Network
from overparam.probes.probe import Probe
from overparam.probes.weights import stable_rank
from overparam.sweep.work import shared
from overparam.training import Keep, Member, Recipe, train

BASE = 16  # the width at which both scalings of the learning rate agree
COMPARED = 2000  # rows of real data whose separation and diameter are measured
KERNEL_ROWS = 20  # training rows whose tangent kernel is looked at
KEPT = 0.95  # share of the squared singular values that a rank counts
LISTED = 64  # singular values that are stored
ONCE = ("moved", "flips")
ENOUGH = 0.05  # test error for which samples are counted
TIMES = (1, 2, 4)  # samples a component that are tried
CHANGED_AT = 256  # the width at which the need is found for other dimensions and numbers of components too
CHANGES = {"need": {}, "need_far": {"d": 4}, "need_parts": {"parts": 4}}  # factors of the settings


def run(cells: Sequence[Params], progress: Progress) -> list[Outcome]:
    """One outcome a cell: errors as shares, distances over their starts, ranks in directions.

    Data sets of one shape share a compiled program, which takes longer than the training itself: so all are in one stack.
    """
    found: dict[int, Outcome] = {}
    names = list(dict.fromkeys(str(cell["data"]) for cell in cells))
    for at, name in enumerate(names):
        own = [i for i, cell in enumerate(cells) if cell["data"] == name]
        part = within(progress, at / len(names), (at + 1) / len(names))
        found.update(zip(own, _of_one([cells[i] for i in own], part), strict=True))
    return [found[i] for i in range(len(cells))]


def _of_one(cells: Sequence[Params], progress: Progress) -> list[Outcome]:
    """The outcomes of cells of one data set."""
    common = shared(cells)
    width = int(common["width"])
    drawn = [sample(str(common["data"]), int(common["n"]), int(cell["seed"])) for cell in cells]
    first = drawn[0]
    net = li_liang(first.features, width, first.classes)
    recipe = Recipe(
        steps=common["steps"], learning_rate=1.0, batch=common["batch"], loss="cross_entropy",
        sampling="replacement", probes=common["probe_times"])  # fmt: skip
    members = []
    for cell, data in zip(cells, drawn, strict=True):
        noise = LabelNoise(float(cell["training"] == "random-labels"), "inclusive", cell["seed"])
        rate = cell["rate"] / (BASE if cell["training"] == "constant-rate" else width)
        y = noise.apply(data.y, data.classes)
        members.append(Member(cell["seed"], y, learning_rate=rate, x=data.x))
    trained = train(
        net, recipe, members, first.x, first.x_test, first.y_test, probes={"way": WAY},
        progress=within(progress, 0.0, 0.5), keep_params=True, keep={"start": Keep(step=0)})  # fmt: skip
    found = [_outcome(*one) for one in zip(cells, drawn, members, trained, strict=True)]
    return _with_needs(cells, found, within(progress, 0.5, 1.0))


def _with_needs(cells: Sequence[Params], found: list[Outcome], progress: Progress) -> list[Outcome]:
    """The same with the samples needed, where components are drawn, labels given, and the rate falls with the width."""
    asked = [
        i
        for i, cell in enumerate(cells)
        if cell["training"] == "plain" and parted(cell["data"])[0] == "components"
    ]
    width = cells[0]["width"]
    names = [name for name in CHANGES if name == "need" or width == CHANGED_AT]
    for i in asked:
        settings = options(parted(cells[i]["data"])[1])
        none = 2.0 * TIMES[-1] * settings["classes"] * settings["parts"]  # what stands where none suffices
        found[i] = replace(found[i], values={**found[i].values, "need_none": none})
    for at, name in enumerate(names if asked else ()):
        part = within(progress, at / len(names), (at + 1) / len(names))
        values = needs([cells[i] for i in asked], CHANGES[name], part)
        for i, value in zip(asked, values, strict=True):
            found[i] = replace(found[i], values={**found[i].values, name: value})
    return found


def needs(cells: Sequence[Params], change: Mapping[str, int], progress: Progress) -> list[float]:
    """The samples at which the test error of each cell's network is first at most 5 %, all trained in one stack.

    Between two numbers that were tried it is interpolated in the logarithm. Where none suffices it is twice the largest.
    Rows are repeated up to one number, so that drawing with replacement is drawing from the fewer.

    Args:
        cells: of one width, on components.
        change: factors of settings of the components, for instance ``{"d": 4}``.
        progress: told the fraction done.
    """
    common = shared(cells)
    settings = options(parted(common["data"])[1])
    settings = {**settings, **{key: int(settings[key]) * factor for key, factor in change.items()}}
    many = int(settings["classes"]) * int(settings["parts"])
    width = int(common["width"])
    net = li_liang(int(settings["d"]), width, int(settings["classes"]))
    recipe = Recipe(
        steps=common["steps"], learning_rate=common["rate"] / width, batch=common["batch"], loss="cross_entropy",
        sampling="replacement", probes=2)  # fmt: skip
    sets = [made({**settings, "n": many * k, "seed": cell["seed"]}) for cell in cells for k in TIMES]
    times = TIMES[-1] * -(
        -int(common["batch"]) // (TIMES[-1] * many)
    )  # so many samples a component hold a minibatch
    members = [
        Member(cell["seed"], np.tile(one.y, times // k), x=np.tile(one.x, (times // k, 1)))
        for (cell, k), one in zip(((cell, k) for cell in cells for k in TIMES), sets, strict=True)
    ]
    runs = train(
        net, recipe, members, sets[0].x, sets[0].x_test, sets[0].y_test, progress=progress, keep_params=True
    )
    errors = []
    for run_, one in zip(runs, sets, strict=True):
        if run_.diverged_at is not None or run_.params is None:
            errors.append(1.0)
            continue
        hidden, outer = (
            np.asarray(run_.params[layer]["weight"], np.float64) for layer in ("hidden1", "output")
        )
        errors.append(wrong(hidden, outer, one.x_test, one.y_test))
    tried = [many * k for k in TIMES]
    each = (errors[i : i + len(TIMES)] for i in range(0, len(errors), len(TIMES)))
    return [crossing(tried, one, ENOUGH, x_scale="log", never=2.0 * tried[-1]) for one in each]


def parted(name: Any) -> tuple[str, str]:
    """The name of a data set and its settings."""
    head, _, tail = str(name).partition(":")
    return head, tail


def made(settings: Mapping[str, Any]) -> Dataset:
    """Components with rows of norm 1."""
    found = make(settings)
    return replace(found, x=unit_rows(found.x), x_test=unit_rows(found.x_test))


@functools.lru_cache(maxsize=64)
def sample(name: str, n: int, seed: int) -> Dataset:
    """A data set with rows of norm 1: components are drawn anew for every seed, of others the seed chooses the rows.

    Raises:
        DataError: fewer samples than asked for, or than classes.

    >>> sample("components:d=20,classes=3", 12, 1000).x.shape
    (12, 20)
    """
    head, tail = parted(name)
    if head == "components":
        return made({**options(tail), "n": n, "seed": seed})
    found = flatten(load(name))
    if n > len(found.x):
        raise DataError(
            f"--n: expected at most the {len(found.x):,} training samples of {name}, got {n:,}. Ask for fewer."
        )
    rows = stream("structured-data", seed).permutation(len(found.x))[:n]
    found = replace(found, x=found.x[rows], y=found.y[rows])
    if n < found.classes:
        raise DataError(
            f"--n: expected at least one sample for each of the {found.classes} classes of {name}, got {n}. Ask for more."
        )
    return replace(found, x=unit_rows(found.x), x_test=unit_rows(found.x_test))


@functools.lru_cache(maxsize=64)
def li_liang(inputs: int, width: int, classes: int) -> Network:
    """``f_i(x) = sum_r a_ir relu(w_r.x)`` with ``w_r ~ N(0, I/m)`` trained and ``a_ir ~ N(0, 1)`` held.

    References: Y. Li, Y. Liang, NeurIPS 2018, section 2; the spread of the start is 1/sqrt(m) as on the slides.

    >>> import jax
    >>> li_liang(3, 8, 2).init(jax.random.key(0))["output"]["weight"].shape
    (2, 8)
    """
    import jax
    import jax.numpy as jnp

    def init(key: Any) -> Any:
        one, two = jax.random.split(key)
        return {
            "hidden1": {"weight": jax.random.normal(one, (width, inputs)) / np.sqrt(width).astype(np.float32)},
            "output": {"weight": jax.random.normal(two, (classes, width))},
        }

    def apply(params: Any, x: Any) -> Any:
        return (params["output"]["weight"] @ jax.nn.relu(params["hidden1"]["weight"] @ jnp.transpose(x))).T

    return Network(f"Li-Liang {inputs}-{width}-{classes}", init, apply, inputs, classes, state=("output",))


def _way(
    network: Any, loss: Any, params: Any, params0: Any, x: Any, y: Any, x_test: Any, y_test: Any
) -> Mapping[str, Any]:
    import jax.numpy as jnp

    end, start = params["hidden1"]["weight"], params0["hidden1"]["weight"]
    return {
        "moved": jnp.linalg.norm(end - start) / jnp.linalg.norm(start),
        "flips": jnp.mean((x @ end.T > 0) != (x @ start.T > 0)),
    }


WAY = Probe(
    "way",
    {"moved": "Frobenius distance from the start over its norm, a ratio.",
     "flips": "Share of pairs of a training sample and a unit whose ReLU switched, from 0 to 1."},
    _way,
)  # fmt: skip


def _outcome(cell: Params, data: Dataset, member: Any, found: Any) -> Outcome:
    if found.diverged_at is not None:
        return outcome({}, lost=f"step {int(found.diverged_at)}")
    start, end = found.kept["start"].params, found.params
    first, last, outer = (
        np.asarray(one, np.float64) for one in (start["hidden1"]["weight"], end["hidden1"]["weight"], end["output"]["weight"])
    )  # fmt: skip
    values = {
        "train_error": wrong(last, outer, data.x, member.y),
        "test_error": wrong(last, outer, data.x_test, data.y_test),
        **{name: float(found.values[name][-1]) for name in ONCE},
        **spectra(first, last),
        **gradients(first, last, outer, data.x, member.y),
        **geometry(str(cell["data"]), int(cell["n"]), int(cell["seed"])),
    }
    lines = {
        "step": [int(one) for one in found.steps],
        **{f"{name}_by_step": found.values[name] for name in ONCE},
    }
    return outcome(rounded({**values, **lines}, 6), lost="")


def wrong(hidden: Any, outer: Any, x: Any, y: Any) -> float:
    """Share of rows whose largest output is not that of their label, from 0 to 1."""
    return float(np.mean((np.maximum(x @ hidden.T, 0.0) @ outer.T).argmax(axis=1) != y))


def directions(values: Any, share: float = KEPT) -> int:
    """The fewest singular values whose squares hold a share of the sum of all; 0 of a matrix of zeros.

    >>> directions([2.0, 1.0, 0.1])
    2
    """
    squares = np.square(np.sort(np.asarray(values, float))[::-1])
    total = squares.sum()
    return int(np.searchsorted(np.cumsum(squares), share * total) + 1) if total > 0 else 0


def spectra(first: Any, last: Any) -> dict[str, Any]:
    """Ranks of the weights at the start, of the weights at the end and of the accumulated update, and the spectra.

    Args:
        first: weights at the start, shape ``(units, inputs)``.
        last: at the end.
    """
    begin, end, update = (np.linalg.svd(one, compute_uv=False) for one in (first, last, last - first))
    return {
        "rank_start": directions(begin),
        "rank_weights": directions(end),
        "rank_update": directions(update),
        "stable_start": stable_rank(begin),
        "stable_update": stable_rank(update),
        "moved_spectral": float(update[0] / begin[0]),
        "index": list(range(1, min(LISTED, len(end)) + 1)),
        "spectrum_weights": [float(one) for one in (end / end[0])[:LISTED]],
        "spectrum_update": [float(one) for one in (update / max(update[0], 1e-300))[:LISTED]],
    }


def gradients(first: Any, last: Any, outer: Any, x: Any, y: Any) -> dict[str, float]:
    r"""What the tangent kernel says about gradients: how much of its smallest eigenvalue is left, and whether its law holds.

    With residual r, softmax less one-hot labels, and kernel G of n rows and k outputs, the gradient of the mean
    cross-entropy has :math:`n^2 |g|^2 / |r|^2` between the extreme eigenvalues of G. The gradient is found from the rows,
    not from G.

    Args:
        first: weights at the start, shape ``(units, inputs)``.
        last: weights at the end.
        outer: output weights, shape ``(classes, units)``.
        x: rows; the first 20 are read.
        y: their labels.

    Returns:
        ``lowest``, smallest over largest eigenvalue at the start; ``kept``, smallest at the end over that at the start (0
        where that is 0 up to rounding); ``gradient_low`` and ``gradient_high``, the margins
        over the largest eigenvalue, at least 0 up to rounding.
    """
    x, y = np.asarray(x[:KERNEL_ROWS], np.float64), np.asarray(y[:KERNEL_ROWS])
    begin, end = (np.linalg.eigvalsh(kernel(one, outer, x)) for one in (first, last))
    on = x @ last.T > 0
    logits = np.where(on, x @ last.T, 0.0) @ outer.T
    chance = np.exp(logits - logits.max(axis=1, keepdims=True))
    chance /= chance.sum(axis=1, keepdims=True)
    residual = chance - np.eye(len(outer))[y]
    slope = ((residual @ outer) * on).T @ x / len(x)
    size = np.square(slope).sum() * len(x) ** 2 / np.square(residual).sum()
    return {
        "lowest": float(max(begin[0], 0.0) / begin[-1]),
        "kept": float(max(end[0], 0.0) / begin[0]) if begin[0] > 1e-12 * begin[-1] else 0.0,
        "gradient_low": float((size - end[0]) / end[-1]),
        "gradient_high": float((end[-1] - size) / end[-1]),
    }


def kernel(hidden: Any, outer: Any, x: Any) -> Any:
    """Tangent kernel of the hidden layer, shape ``(rows * classes, rows * classes)``, rows first.

    >>> kernel(np.array([[1.0, 0.0]]), np.array([[2.0]]), np.array([[3.0, 4.0]])).tolist()
    [[100.0]]
    """
    on = (x @ hidden.T > 0).astype(np.float64)
    features = (on[:, None, :] * outer[None]).reshape(-1, hidden.shape[0])
    return (features @ features.T) * np.kron(x @ x.T, np.ones((len(outer), len(outer))))


@functools.lru_cache(maxsize=64)
def geometry(name: str, n: int, seed: int) -> dict[str, float]:
    """Separation, diameter over separation, what the theorem allows, and whether its assumption holds (1) or not (0).

    Of data that are not generated up to 2,000 rows are compared, the training samples among them: the theorem is about their
    law. The number of components a class is that of the generator; it is 1 where none is known.
    """
    head, tail = parted(name)
    if head == "components":
        data, parts = sample(name, n, seed), int(options(tail)["parts"])
    else:
        data, parts = sample(name, max(n, min(COMPARED, len(load(name).x))), seed), 1
        if head == "clusters":
            settings = cluster_options(tail)
            parts = -(-int(settings["clusters"]) // int(settings["classes"]))
    found = structure(data.x, data.y, parts)
    return {
        "separation": found.separation,
        "diameter_ratio": found.ratio_at_least,
        "allowed_ratio": found.allowed,
        "parts_needed": found.parts_at_least,
        "structured": float(found.state == "holds"),
    }
