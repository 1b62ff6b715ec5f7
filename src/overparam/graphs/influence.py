"""Influence on a graph by independent cascades: exact in small graphs, and by reverse-reachable sets (RIS, IMM).

A chosen node is active, and every active node activates each neighbour once, with one probability. The spread is the expected
number of active nodes at the end.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.special import gammaln

from overparam.core.checked import count, positive, probability
from overparam.core.errors import UsageError
from overparam.data.graphs import Graph
from overparam.graphs.cover import Cover, budget_of, chosen_nodes, cover_of
from overparam.graphs.greedy import Choice, greedy, spans

MOST_EDGES = 16  # whose 2^edges worlds are enumerated
ROOTS = 1024  # of reverse-reachable sets that are grown side by side
MOST_SETS = 4_000_000


def exact_spread(graph: Graph, chosen: Any, chance: float) -> float:
    """The spread of some nodes, by all worlds in which each edge is live or not.

    Args:
        graph: of at most 16 edges.
        chosen: node numbers.
        chance: that a node activates a neighbour.

    Returns:
        The expected number of active nodes.

    Raises:
        DataError: node numbers that are none, or repeated.
        UsageError: too many edges, or no probability.

    References: Kempe, Kleinberg and Tardos 2003, section 2 (live edges).

    >>> from overparam.data.graphs import from_edges
    >>> exact_spread(from_edges([(0, 1), (1, 2)]), [0], 0.5)
    1.75
    """
    own, p, pairs = chosen_nodes(chosen, graph.nodes), probability(chance, "chance"), graph.pairs
    if len(pairs) > MOST_EDGES:
        raise UsageError(
            f"graph: expected at most {MOST_EDGES} edges, got {len(pairs)}. Use spread() on random sets."
        )
    total = 0.0
    for live in itertools.product((False, True), repeat=len(pairs)):
        active = np.zeros(graph.nodes, bool)
        active[own] = True
        used = pairs[np.array(live)]
        while True:
            ends = active[used]
            fresh = used[ends.any(axis=1) & ~ends.all(axis=1)]
            if not len(fresh):
                break
            active[fresh.ravel()] = True
        total += p ** sum(live) * (1 - p) ** (len(pairs) - sum(live)) * active.sum()
    return float(total)


def reverse_sets(graph: Graph, chance: float, sets: int, rng: np.random.RandomState) -> Cover:
    """Random reverse-reachable sets: each has the nodes that would have reached one random node, and is covered by them.

    The spread of any nodes is the number of nodes times the share of sets they cover, on average over the draw.

    Args:
        graph: the graph.
        chance: that a node activates a neighbour.
        sets: how many.
        rng: of the draw.

    Raises:
        UsageError: a bad number.

    References: Borgs et al. 2014.
    """
    p, many = probability(chance, "chance"), count(sets, "sets", high=MOST_SETS)
    pieces = [_grown(graph, p, min(ROOTS, many - start), rng) for start in range(0, many, ROOTS)]
    owners = np.concatenate([one + ROOTS * i for i, (one, _) in enumerate(pieces)])
    return _covers(graph.nodes, np.concatenate([nodes for _, nodes in pieces]), owners, many)


def _covers(nodes: int, members: np.ndarray, owners: np.ndarray, sets: int) -> Cover:
    order = np.lexsort((owners, members))
    starts = np.concatenate([[0], np.cumsum(np.bincount(members, minlength=nodes))])
    return cover_of(starts, owners[order], sets)


def _grown(graph: Graph, p: float, roots: int, rng: np.random.RandomState) -> tuple[np.ndarray, np.ndarray]:
    """Sets side by side: the number of the set, and the node, of every member."""
    seen = np.zeros((roots, graph.nodes), bool)
    owner, node = np.arange(roots), rng.randint(graph.nodes, size=roots)
    found = []
    while len(owner):
        seen[owner, node] = True
        found.append((owner, node))
        lengths = graph.degrees[node]
        live = np.flatnonzero(rng.random_sample(int(lengths.sum())) < p)
        ends = graph.neighbours[spans(graph.starts[node], lengths)[live]]
        owner = np.repeat(owner, lengths)[live]
        fresh = ~seen[owner, ends]
        keys = np.unique(owner[fresh] * graph.nodes + ends[fresh])
        owner, node = np.divmod(keys, graph.nodes)
    return np.concatenate([one for one, _ in found]), np.concatenate([one for _, one in found])


def spread(sets: Cover, chosen: Any) -> tuple[float, float]:
    """The spread of some nodes estimated by random sets, with its standard error.

    Args:
        sets: from :func:`reverse_sets`, drawn without a look at the nodes.
        chosen: node numbers.

    Returns:
        Expected number of active nodes, and its standard error.

    Raises:
        DataError: node numbers that are none, or repeated.
    """
    own = chosen_nodes(chosen, sets.nodes)
    hit = float((sets.incidence[own].sum(axis=0) > 0).mean())
    return sets.nodes * hit, sets.nodes * math.sqrt(hit * (1 - hit) / sets.elements)


def imm(
    graph: Graph, chance: float, budget: int, rng: np.random.RandomState, *, error: float = 0.5
) -> tuple[Choice, int]:
    """Influence maximization by martingales: as many random sets as a guarantee asks for, then greedy choice on them.

    With probability at least 1 - 1/nodes the spread is at least (1 - 1/e - error) times the largest.

    Args:
        graph: the graph.
        chance: that a node activates a neighbour.
        budget: nodes to choose.
        rng: of the draws.
        error: of the guarantee; 0.5 in the source's comparison.

    Returns:
        The choice, whose edges count those of the sets too, and the number of sets.

    Raises:
        UsageError: a bad number, or a guarantee that asks for more than four million sets.

    References: Tang, Shi and Xiao 2015, algorithms 1 to 3, with the sets drawn anew for the choice (Chen 2018).
    """
    k, p, n = budget_of(budget, graph.nodes), probability(chance, "chance"), graph.nodes
    eps = positive(error, "error")
    if eps >= 1:
        raise UsageError(f"error: expected a number below 1, got {eps:g}. Take 0.5.")
    grown = _Grown(graph, p, rng)
    least, edges = 1.0, 0
    for x, asked in _rounds(n, k, eps):
        grown.to(asked)
        found = greedy(grown.cover, k)
        edges += found.edges
        reached = n * found.gains.sum() / grown.cover.elements
        if reached >= (1 + math.sqrt(2) * eps) * x:
            least = reached / (1 + math.sqrt(2) * eps)
            break
    a, b = _terms(n, k)
    sets = math.ceil(2 * n * ((1 - 1 / math.e) * a + b) ** 2 / eps**2 / least)
    last = _Grown(graph, p, rng)
    last.to(sets)
    found = greedy(last.cover, k)
    edges += found.edges + grown.edges + last.edges
    return Choice(found.nodes, found.gains, found.evaluated, edges), sets


class _Grown:
    """Random sets of which more are drawn when they are asked for."""

    def __init__(self, graph: Graph, p: float, rng: np.random.RandomState) -> None:
        self.graph, self.p, self.rng = graph, p, rng
        self.owners: list[np.ndarray] = []
        self.members: list[np.ndarray] = []
        self.sets = self.edges = 0

    def to(self, sets: int) -> None:
        if sets > MOST_SETS:
            raise UsageError(
                f"error: expected a guarantee for at most {MOST_SETS:,} sets, it asks for {sets:,}. Take a larger error."
            )
        while self.sets < sets:
            roots = min(ROOTS, sets - self.sets)
            owner, node = _grown(self.graph, self.p, roots, self.rng)
            self.owners.append(owner + self.sets)
            self.members.append(node)
            self.sets += roots
            self.edges += int(self.graph.degrees[node].sum())

    @property
    def cover(self) -> Cover:
        return _covers(self.graph.nodes, np.concatenate(self.members), np.concatenate(self.owners), self.sets)


def _terms(n: int, k: int) -> tuple[float, float]:
    """The terms alpha and beta of the guarantee, with the failure probability 1/n shared by both halves."""
    choices = float(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))
    sure = math.log(n) + math.log(2) + math.log(2)
    return math.sqrt(sure), math.sqrt((1 - 1 / math.e) * (choices + sure))


def _rounds(n: int, k: int, eps: float) -> Iterator[tuple[float, int]]:
    """Guesses of the largest spread, falling by halves, with the sets that each asks for."""
    choices = float(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))
    own = math.sqrt(2) * eps
    for i in range(1, max(2, math.ceil(math.log2(n)))):
        x = n / 2**i
        asked = (
            (2 + 2 * own / 3) * (choices + math.log(2 * n) + math.log(max(1.0, math.log2(n)))) * n / own**2 / x
        )
        yield x, math.ceil(asked)
