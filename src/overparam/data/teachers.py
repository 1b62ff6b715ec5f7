"""Teacher networks: relu networks whose outputs are the targets, with nodes of unequal strength, and generic inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64
from numpy.typing import ArrayLike

from overparam.core.checked import all_finite, count, nonnegative, numbers, positive, real, shown
from overparam.core.errors import DataError, UsageError
from overparam.data.stream import stream

GRID = (-0.5, -0.25, 0.0, 0.25, 0.5)
PARALLEL = 1e-6  # sine of an angle below which two nodes count as one
MOST = 10**8  # numbers of a teacher, and of the inputs on which medians are taken
STEEPEST = 100.0  # exponent of a decay
LARGEST = 1e100  # size of weights, biases and inputs; its inverse is the smallest
_TRIES = 1000


@dataclass(frozen=True, eq=False)
class Teacher:
    """A dense relu network that gives the targets.

    Attributes:
        weights: of every layer from the input side, each of shape ``(units, inputs)``.
        biases: of every layer, each of shape ``(units,)``.
        decay: exponent p with which the fan-out of node i was divided by ``(i + 1)^p``.

    Raises:
        DataError: layers that do not follow one another, or two nodes of the lowest layer that are parallel.
    """

    weights: tuple[Float64[np.ndarray, "_ _"], ...]
    biases: tuple[Float64[np.ndarray, " _"], ...]
    decay: float = 0.0

    def __post_init__(self) -> None:
        """Check shapes and that no two nodes of the lowest layer are one."""
        weights = tuple(numbers(w, "weights", high=LARGEST) for w in self.weights)
        biases = tuple(numbers(b, "biases", high=LARGEST) for b in self.biases)
        if len(weights) < 2 or len(weights) != len(biases):
            raise DataError(
                f"teacher: expected weights and biases of at least 2 layers, got {len(weights)} and {len(biases)}."
            )
        for at, (w, b) in enumerate(zip(weights, biases, strict=True)):
            wanted = weights[at - 1].shape[0] if at else w.shape[-1] if w.ndim else 0
            if w.ndim != 2 or not w.size or w.shape[1] != wanted or b.shape != w.shape[:1]:
                raise DataError(
                    f"teacher: expected layer {at + 1} with weights (units, {wanted}) and one bias a unit, got {w.shape} and "
                    f"{b.shape}."
                )
            all_finite(w, "weights")
            all_finite(b, "biases")
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "biases", biases)
        check_not_parallel(weights[0], biases[0])

    @property
    def inputs(self) -> int:
        """Number of features."""
        return int(self.weights[0].shape[1])

    @property
    def outputs(self) -> int:
        """Number of targets."""
        return int(self.weights[-1].shape[0])

    @property
    def widths(self) -> tuple[int, ...]:
        """Nodes of the hidden layers."""
        return tuple(int(w.shape[0]) for w in self.weights[:-1])

    @property
    def strengths(self) -> Float64[np.ndarray, " units"]:
        """Norm of the fan-out of every node of the lowest layer: how much of the targets hangs on it."""
        return np.asarray(np.linalg.norm(self.weights[1], axis=0))

    @property
    def params(self) -> dict[str, dict[str, Float32[np.ndarray, " ..."]]]:
        """The same as parameters of ``mlp(inputs, widths, outputs)``."""
        names = [*(f"hidden{i + 1}" for i in range(len(self.weights) - 1)), "output"]
        return {
            name: {"weight": w.astype(np.float32), "bias": b.astype(np.float32)}
            for name, w, b in zip(names, self.weights, self.biases, strict=True)
        }

    def hidden(self, x: ArrayLike) -> tuple[Float64[np.ndarray, "n ..."], ...]:
        """Activations of every hidden layer on inputs ``(n, features)``, from the input side.

        Raises:
            DataError: inputs of another shape.
        """
        rows = numbers(x, "x")
        if rows.ndim != 2 or rows.shape[1] != self.inputs:
            raise DataError(f"x: expected shape (n, {self.inputs}), got {rows.shape}.")
        found = []
        for w, b in zip(self.weights[:-1], self.biases[:-1], strict=True):
            rows = np.maximum(rows @ w.T + b, 0.0)
            found.append(rows)
        return tuple(found)

    def targets(self, x: ArrayLike) -> Float64[np.ndarray, "n classes"]:
        """Outputs on inputs ``(n, features)``: shape ``(n, outputs)``."""
        return np.asarray(self.hidden(x)[-1] @ self.weights[-1].T + self.biases[-1])

    def examples(self, n: int, *, scale: float = 1.0, seed: int = 0, tag: str = "train") -> Any:
        """Generic inputs ``N(0, scale^2 I)`` with their targets.

        Args:
            n: how many.
            scale: standard deviation of every feature, above 0.
            seed: which draw.
            tag: draws of two tags are independent, as for ``train`` and ``test``.

        Returns:
            Inputs, float32, shape ``(n, features)``, and targets of exactly these, shape ``(n, outputs)``.
        """
        n, scale = count(n, "n", 1), positive(scale, "scale")
        x = (scale * stream(f"teacher inputs {tag}", seed).standard_normal((n, self.inputs))).astype(np.float32)
        return x, self.targets(x).astype(np.float32)

    def observed(self, x: ArrayLike) -> Float64[np.ndarray, " units"]:
        """How well inputs show every node of the lowest layer: the smaller of the shares on which it is on and off.

        0 means that no input lies on one of its sides, so that nothing tells its boundary.
        """
        on = (self.hidden(x)[0] > 0).mean(axis=0)
        return np.asarray(np.minimum(on, 1.0 - on))


def teacher(
    inputs: int = 100,
    nodes: int = 10,
    outputs: int = 50,
    *,
    decay: float = 1.0,
    bias: float = -0.1,
    grid: Sequence[float] = GRID,
    seed: int = 0,
) -> Teacher:
    """A two-layer teacher as in Tian's sweep: unit nodes with entries from a grid, and fan-outs that decay.

    Hidden weights are drawn from the grid until no two nodes are parallel, then scaled to norm 1; output weights are drawn
    from the grid, and the fan-out of node i (from 0) is divided by ``(i + 1)^decay``: node 0 is the strongest. The grid is
    missing in the published code; the one here is that of its sibling repository, and a guess.

    Args:
        inputs: features d.
        nodes: hidden nodes m.
        outputs: number of targets.
        decay: exponent p, at least 0.
        bias: of every node and every output.
        grid: numbers that weights are drawn from.
        seed: which draw.

    Raises:
        UsageError: a value outside its range.
        DataError: a grid with too few numbers for nodes that are not parallel, or with which a node has no fan-out.

    References:
        Y. Tian, arXiv:1909.13458; code facebookresearch/luckmatters, student_specialization, recon_two_layer.py.

    >>> one = teacher(20, 5, 3, decay=1.0)
    >>> one.widths, np.linalg.norm(one.weights[0], axis=1).round(12).tolist()
    ((5,), [1.0, 1.0, 1.0, 1.0, 1.0])
    """
    d, m, c = count(inputs, "inputs"), count(nodes, "nodes"), count(outputs, "outputs")
    _check_size(m * (d + c), "inputs, nodes, outputs")
    p, values, shift = _decay(decay), _grid(grid), real(bias)
    if not abs(shift) <= LARGEST:
        raise UsageError(f"bias: expected a number of at most {LARGEST:g} in size, got {shown(bias)}.")
    random = stream("two-layer teacher", seed)
    hidden: list[Any] = []
    for _ in range(m):
        for _ in range(_TRIES):
            row = values[random.randint(len(values), size=d)]
            if row.any() and not any(_parallel(row, other) for other in hidden):
                break
        else:
            raise DataError(
                f"teacher: expected a grid with {m} nodes of {d} inputs no two of which are parallel, got "
                f"{shown(list(grid))}. Take more inputs, a finer grid or fewer nodes."
            )
        hidden.append(row / np.linalg.norm(row))
    out = values[random.randint(len(values), size=(c, m))]
    for _ in range(_TRIES):
        empty = ~out.any(axis=0)
        if not empty.any():
            break
        out[:, empty] = values[random.randint(len(values), size=(c, int(empty.sum())))]
    return Teacher(
        (np.stack(hidden), out / (1.0 + np.arange(m)) ** p), (np.full(m, shift), np.full(c, shift)), p
    )


def deep_teacher(
    inputs: int = 20,
    widths: Sequence[int] = (50, 75, 100, 125),
    outputs: int = 100,
    *,
    scale: float = 10.0,
    decay: float = 0.0,
    rows: int = 10_240,
    seed: int = 0,
) -> Teacher:
    """A teacher of several layers as in Tian's multilayer experiment: every node is on for half of the inputs.

    Rows of weights are Gaussian and scaled to norm 1; layer by layer the median over ``rows`` inputs ``N(0, scale^2 I)`` is
    subtracted as a bias, and the outputs are brought to mean 0 and standard deviation 1 on these inputs. With a decay the
    fan-out of node i of every hidden layer is divided by ``(i + 1)^decay``.

    Args:
        inputs: features.
        widths: hidden nodes from the input side.
        outputs: number of targets.
        scale: standard deviation of the inputs.
        decay: exponent p, at least 0.
        rows: inputs on which medians are taken, at least 2.
        seed: which draw.

    Raises:
        UsageError: a value outside its range.
        DataError: a layer in which an output does not vary.

    References: as for :func:`teacher`; recon_multilayer.py. The law of its weights is taken as Gaussian.

    >>> one = deep_teacher(5, (6, 7), 2, rows=1000)
    >>> x, y = one.examples(4000, scale=10.0)
    >>> bool(np.abs(y.mean(axis=0)).max() < 0.2), bool(np.abs(one.observed(x) - 0.5).max() < 0.06)
    (True, True)
    """
    sizes = [count(inputs, "inputs"), *(count(w, "widths") for w in widths), count(outputs, "outputs")]
    if len(sizes) < 3:
        raise UsageError("widths: expected at least one hidden layer, got none.")
    p, spread, many = _decay(decay), positive(scale, "scale"), count(rows, "rows", 2)
    if not 1 / LARGEST <= spread <= LARGEST:
        raise UsageError(f"scale: expected a number from {1 / LARGEST:g} to {LARGEST:g}, got {shown(scale)}.")
    _check_size(max(max(a * b for a, b in pairwise(sizes)), many * max(sizes)), "inputs, widths, outputs, rows")
    random = stream("deep teacher", seed)
    h = spread * random.standard_normal((many, sizes[0]))
    weights, biases = [], []
    for at, (a, b) in enumerate(pairwise(sizes)):
        w = random.standard_normal((b, a))
        w /= np.linalg.norm(w, axis=1, keepdims=True)
        w = w / (1.0 + np.arange(a)) ** p if at else w
        z = h @ w.T
        last = at == len(sizes) - 2
        shift, size = (z.mean(axis=0), z.std(axis=0)) if last else (np.median(z, axis=0), np.ones(b))
        if not (size > 0).all():
            raise DataError("teacher: expected outputs that vary, got one that does not. Take wider layers.")
        weights.append(w / size[:, None])
        biases.append(-shift / size)
        h = np.maximum(z - shift, 0.0)
    return Teacher(tuple(weights), tuple(biases), p)


def check_not_parallel(weights: ArrayLike, biases: ArrayLike | None = None) -> None:
    """Refuse nodes of a layer of which two have one boundary, or one has none.

    A node is ``relu(w . x + b)``; two are parallel where ``(w, b)`` and ``(w', b')`` differ by a factor of either sign. No
    data can tell which of the two a student has found, and what is proved on alignment is false for them.

    Args:
        weights: shape ``(nodes, features)``.
        biases: shape ``(nodes,)``; None are zeros.

    Raises:
        DataError: two nodes that are parallel, a node without weights, or arrays that do not fit.

    >>> check_not_parallel([[1.0, 0.0], [0.0, 1.0]])
    """
    w = numbers(weights, "weights", high=LARGEST)
    b = np.zeros(w.shape[:1]) if biases is None else numbers(biases, "biases", high=LARGEST)
    if w.ndim != 2 or not w.size or b.shape != w.shape[:1]:
        raise DataError(
            f"weights, biases: expected shapes (nodes, features) and (nodes,), got {w.shape} and {b.shape}."
        )
    all_finite(w, "weights")
    all_finite(b, "biases")
    for i, row in enumerate(w):
        if not row.any():
            raise DataError(f"weights: expected nodes with a direction, got node {i} with weights of 0.")
    whole = np.column_stack([w, b])
    for i in range(len(whole)):
        for j in range(i):
            if _parallel(whole[i], whole[j]):
                raise DataError(
                    f"weights: expected no two nodes that are parallel, got {j} and {i}. Leave one of them out, or merge them."
                )


def _parallel(a: Float64[np.ndarray, " features"], b: Float64[np.ndarray, " features"]) -> bool:
    """Whether two vectors differ by a factor of either sign, up to an angle of about 1e-6."""
    a, b = a / np.abs(a).max(), b / np.abs(b).max()
    u, v = a / np.linalg.norm(a), b / np.linalg.norm(b)
    return bool(min(np.linalg.norm(u - v), np.linalg.norm(u + v)) < PARALLEL)


def _grid(grid: Sequence[float]) -> Float64[np.ndarray, " points"]:
    given = numbers(grid, "grid", 1 / LARGEST, LARGEST)
    if given.ndim != 1:
        raise UsageError(f"grid: expected a list of numbers, got {shown(grid)}.")
    all_finite(given, "grid")
    values = np.unique(given)
    if len(values) < 2:
        raise UsageError(f"grid: expected at least two different numbers, got {shown(list(grid))}.")
    return values


def _decay(decay: float) -> float:
    p = nonnegative(decay, "decay")
    if p > STEEPEST:
        raise UsageError(f"decay: expected an exponent of at most {STEEPEST:g}, got {shown(decay)}.")
    return p


def _check_size(size: int, names: str) -> None:
    if size > MOST:
        raise UsageError(f"{names}: expected at most {MOST:,} numbers in an array, got {size:,}.")
