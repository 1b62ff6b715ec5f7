"""The order of hidden units in which one network is closest to another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment

from overparam.core.checked import count, shown
from overparam.core.errors import UsageError, unknown
from overparam.models.activations import activation
from overparam.models.mlp import affine
from overparam.models.network import Network, PyTree
from overparam.probes.paths.ends import checked_ends
from overparam.probes.paths.units import Arrays, Units, named, permuted, rows_of, tree_of, units_of
from overparam.training import inputs

ROUNDS = 100
STARTS = 5
BY = ("weights", "activations")


@dataclass(frozen=True, eq=False)
class Aligned:
    """A network with its hidden units in another order; it computes the same function.

    Attributes:
        params: of the network, in the new order.
        layers: names of the hidden layers.
        orders: for each of them which unit of the network stands at each place.
        distance: Euclidean, between the weights of both networks in the new order.
        before: the same in the old order.
        by: ``weights`` or ``activations``.
        optimal: whether no order is closer by what was compared: for one hidden layer, and for activations; else no layer alone
            can be improved.
    """

    params: PyTree
    layers: tuple[str, ...]
    orders: tuple[np.ndarray, ...]
    distance: float
    before: float
    by: str
    optimal: bool


def aligned(
    network: Network,
    a: PyTree,
    b: PyTree,
    *,
    by: str = "weights",
    x: ArrayLike | None = None,
    starts: int = STARTS,
    seed: int = 0,
) -> Aligned:
    r"""The network b with its hidden units in the order that is closest to a.

    By weights the order minimises ``|a - P b|^2`` layer by layer until no layer improves, from several orders of the layers and
    random first permutations, of which the closest result is kept; with one hidden layer the first is the best there is. By
    activations it maximises the correlations of paired units over the examples, layer by layer at once. Each layer is an
    assignment problem, solved exactly.

    Args:
        network: of :func:`overparam.models.mlp`, ``two_layer``, ``cnn`` or ``cnn1d``.
        a: parameters of the network that stays.
        b: parameters of the one whose units change places.
        by: ``weights``, or ``activations`` for networks of dense layers.
        x: examples for activations, shape ``(n, inputs)``.
        starts: from how many first orders the closest is looked for, where there are several hidden layers.
        seed: of the orders.

    Returns:
        The permuted network: the same function as b, up to rounding.

    Raises:
        UsageError: a network whose units are tied to others, an unknown word, examples that are missing.
        DataError: parameters that are missing or infinite, examples that do not fit.

    References: S. Ainsworth, J. Hayase and S. Srinivasa, Git Re-Basin, ICLR 2023, algorithm 1 (weights) and section 3.1
        (activations); the hidden layers' best joint order is hard to find (lemma 1).

    A network and a shuffled copy of itself.

    >>> from overparam.models import mlp
    >>> network = mlp(2, (2,), 1, bias=False)
    >>> a = {"hidden1": {"weight": np.array([[1.0, 2.0], [3.0, 4.0]])}, "output": {"weight": np.array([[5.0, 6.0]])}}
    >>> b = {"hidden1": {"weight": np.array([[3.0, 4.0], [1.0, 2.0]])}, "output": {"weight": np.array([[6.0, 5.0]])}}
    >>> found = aligned(network, a, b)
    >>> found.distance, found.orders[0].tolist()
    (0.0, [1, 0])
    """
    if not isinstance(by, str) or by not in BY:
        raise unknown("by", by if isinstance(by, str) else shown(by), BY)
    a, b = checked_ends(network, (a, b))
    many, first = count(starts, "starts", 1, 10_000), count(seed, "seed", 0)
    units = units_of(network)
    if not units:
        raise UsageError(
            f"network: expected one whose hidden units can change places (mlp, two_layer with a trained output, cnn or cnn1d), "
            f"got '{network.name}'. Units behind sums over skip connections or with fixed signs are tied to others; a "
            "straight path needs no order."
        )
    ours, theirs = named(a), named(b)
    weighed = by == "weights"
    orders = (
        by_weights(ours, theirs, units, starts=many, seed=first)
        if weighed
        else _by_activations(network, a, b, x)
    )
    turned = permuted(theirs, units, orders)
    return Aligned(
        tree_of(turned, b), tuple(one.layer for one in units), tuple(orders), apart(ours, turned), apart(ours, theirs),
        by, by == "activations" or len(units) == 1,
    )  # fmt: skip


def apart(one: Arrays, other: Arrays) -> float:
    """Euclidean distance of two networks in named arrays.

    >>> apart({"w": np.array([0.0, 0.0])}, {"w": np.array([3.0, 4.0])})
    5.0
    """
    return float(np.sqrt(sum(_square(one[name], other[name]) for name in one)))


def _square(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.square(np.asarray(a, np.float64) - np.asarray(b, np.float64)).sum())


def by_weights(
    ours: Arrays, theirs: Arrays, units: Sequence[Units], *, starts: int = STARTS, seed: int = 0
) -> list[np.ndarray]:
    """For every layer the order of their units that brings their arrays closest to ours.

    Args:
        ours: arrays by name.
        theirs: those whose units change places.
        units: the hidden layers.
        starts: first orders that are tried.
        seed: of them.
    """
    ours, theirs = (
        {name: np.asarray(one, np.float64) for name, one in side.items()} for side in (ours, theirs)
    )
    rng, best, found = np.random.default_rng(seed), np.inf, [np.arange(one.size) for one in units]
    for start in range(starts if len(units) > 1 else 1):
        orders = [rng.permutation(one.size) if start else np.arange(one.size) for one in units]
        orders = _improved(ours, theirs, units, orders, rng)
        distance = apart(ours, permuted(theirs, units, orders))
        if distance < best:
            best, found = distance, orders
    return found


def _improved(
    ours: Arrays, theirs: Arrays, units: Sequence[Units], orders: list[np.ndarray], rng: np.random.Generator
) -> list[np.ndarray]:
    """Orders of which no layer alone can be improved."""
    turned = permuted(theirs, units, orders)
    for _ in range(ROUNDS):
        changed = False
        for at in rng.permutation(len(units)):
            gain = sum(
                rows_of(ours[place.name], place) @ rows_of(turned[place.name], place).T
                for place in units[at].places
            )
            step = linear_sum_assignment(gain, maximize=True)[1]
            better = gain[np.arange(len(step)), step].sum() - np.trace(gain)
            if better > 1e-12 * np.abs(gain).sum():
                turned = permuted(turned, [units[at]], [step])
                orders[at] = orders[at][step]
                changed = True
        if not changed:
            break
    return orders


def _by_activations(network: Network, a: PyTree, b: PyTree, x: Any) -> list[np.ndarray]:
    form = network.form
    if form is None:
        raise UsageError(
            f"by: expected 'weights' for '{network.name}', which is not of dense layers alone, got 'activations'."
        )
    if x is None:
        raise UsageError("x: expected examples for by='activations', got None.")
    rows = inputs.examples("x", x, network)
    return by_activations(*(_hidden(form, one, rows) for one in (a, b)))


def _hidden(form: Any, params: PyTree, rows: np.ndarray) -> list[np.ndarray]:
    """What every hidden layer gives, shape ``(n, units)`` each."""
    act, columns, found = activation(form.activation), rows.T, []
    for layer, scale in zip(range(len(form.sizes) - 2), form.scales, strict=False):
        columns = act(affine(params[f"hidden{layer + 1}"], scale, columns))
        found.append(np.asarray(columns.T, np.float64))
    return found


def by_activations(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """For every layer the order of their units whose outputs correlate best with ours.

    Args:
        ours: outputs of every hidden layer, shape ``(n, units)`` each.
        theirs: those of the other network.

    >>> a = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 0.0]])
    >>> by_activations([a], [a[:, ::-1]])[0].tolist()
    [1, 0]
    """
    found = []
    for one, other in zip(ours, theirs, strict=True):
        left, right = (side - side.mean(axis=0) for side in (one, other))
        sizes = np.linalg.norm(left, axis=0)[:, None] * np.linalg.norm(right, axis=0)
        gain = np.divide(left.T @ right, sizes, out=np.zeros_like(sizes), where=sizes > 0)
        found.append(linear_sum_assignment(gain, maximize=True)[1])
    return found
