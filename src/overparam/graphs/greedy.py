"""Greedy choice of nodes: plain, lazy, and drawn in proportion to what each node adds."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Any

import numpy as np

from overparam.core.checked import count
from overparam.graphs.cover import Cover, budget_of

MODE_OF = 10_000  # draws of which GCOMB's released code takes the most frequent node


@dataclass(frozen=True)
class Choice:
    """Nodes that were chosen one after another.

    Attributes:
        nodes: (budget,) node numbers, in the order of choice.
        gains: (budget,) elements that each added when it was chosen.
        evaluated: how often a node was asked what it would add.
        edges: how many pairs of a node and an element were looked at.
    """

    nodes: np.ndarray
    gains: np.ndarray
    evaluated: int
    edges: int


class Gains:
    """What every node would add to those chosen so far, kept up to date: ``now`` has one number a node."""

    def __init__(self, cover: Cover) -> None:
        self.cover = cover
        self.now = cover.sizes.astype(np.int64)
        self.left = np.ones(cover.elements, bool)
        self.edges = 0

    def take(self, node: int) -> int:
        """Choose a node; return what it added."""
        own = self.cover.of(node)
        fresh = own[self.left[own]]
        self.left[fresh] = False
        rows = self.cover.covering
        starts, ends = rows.indptr[fresh], rows.indptr[fresh + 1]
        touched = rows.indices[spans(starts, ends - starts)]
        self.edges += len(own) + len(touched)
        self.now -= np.bincount(touched, minlength=len(self.now))
        return len(fresh)


def spans(starts: Any, lengths: Any) -> np.ndarray:
    """The numbers of several stretches, one after another.

    >>> spans([0, 5], [2, 3]).tolist()
    [0, 1, 5, 6, 7]
    """
    lengths = np.asarray(lengths, np.int64)
    before = np.cumsum(lengths) - lengths
    return np.arange(int(lengths.sum())) + np.repeat(np.asarray(starts, np.int64) - before, lengths)


def greedy(cover: Cover, budget: int) -> Choice:
    """Plain greedy choice: each time the node that adds most, the first of equals.

    What it covers is at least (1 - 1/e) of the most that any nodes of the budget do.

    Args:
        cover: nodes and elements.
        budget: nodes to choose.

    Raises:
        UsageError: the budget is not from 1 to the number of nodes.

    References: Nemhauser, Wolsey and Fisher 1978, theorem 4.2.

    >>> from overparam.data.graphs import from_edges
    >>> from overparam.graphs.cover import neighbourhoods
    >>> greedy(neighbourhoods(from_edges([(0, 1), (1, 2), (3, 4)])), 2).nodes.tolist()
    [1, 3]
    """
    most, gains = budget_of(budget, cover.nodes), Gains(cover)
    open_, nodes, added = np.ones(cover.nodes, bool), [], []
    for _ in range(most):
        node = int(np.argmax(np.where(open_, gains.now, -1)))
        open_[node] = False
        nodes.append(node)
        added.append(gains.take(node))
    return Choice(np.array(nodes), np.array(added), most * cover.nodes, gains.edges)


def lazy_greedy(cover: Cover, budget: int) -> Choice:
    """The nodes of :func:`greedy`, asking few of them again: what a node adds can only fall (CELF).

    Args:
        cover: nodes and elements.
        budget: nodes to choose.

    Raises:
        UsageError: the budget is not from 1 to the number of nodes.

    References: Minoux 1978; Leskovec et al. 2007.

    >>> from overparam.data.graphs import from_edges
    >>> from overparam.graphs.cover import neighbourhoods
    >>> found = lazy_greedy(neighbourhoods(from_edges([(0, 1), (1, 2), (3, 4)])), 2)
    >>> found.nodes.tolist(), found.gains.tolist(), found.evaluated
    ([1, 3], [3, 2], 8)
    """
    most, sizes = budget_of(budget, cover.nodes), cover.sizes
    heap = [(-size, node, 0) for node, size in enumerate(sizes.tolist())]
    heapq.heapify(heap)
    left = np.ones(cover.elements, bool)
    nodes: list[int] = []
    added: list[int] = []
    evaluated, edges = cover.nodes, cover.nodes
    while len(nodes) < most:
        gain, node, when = heap[0]
        if when == len(nodes):
            heapq.heappop(heap)
            left[cover.of(node)] = False
            nodes.append(node)
            added.append(-gain)
        else:
            own = cover.of(node)
            heapq.heapreplace(heap, (-int(np.count_nonzero(left[own])), node, len(nodes)))
            evaluated, edges = evaluated + 1, edges + len(own)
    return Choice(np.array(nodes), np.array(added), evaluated, edges)


def probabilistic_greedy(cover: Cover, budget: int, rng: np.random.RandomState, draws: int = MODE_OF) -> Choice:
    """Greedy choice by lot: each time the most frequent of some nodes drawn in proportion to what they add.

    One draw is the choice by lot that GCOMB's paper describes; ten thousand are what its released code makes.

    Args:
        cover: nodes and elements.
        budget: most nodes to choose; it ends where nothing is left to add.
        rng: of the draws.
        draws: of which the most frequent node is taken.

    Raises:
        UsageError: the budget is not from 1 to the number of nodes, or draws is not a positive number.

    References: Manchanda et al. 2020, section 3.
    """
    most, many, gains = budget_of(budget, cover.nodes), count(draws, "draws"), Gains(cover)
    nodes, added = [], []
    for _ in range(most):
        total = gains.now.sum()
        if total <= 0:
            break
        node = int(np.argmax(rng.multinomial(many, gains.now / total)))
        nodes.append(node)
        added.append(gains.take(node))
    return Choice(np.array(nodes, np.int64), np.array(added, np.int64), len(nodes) * cover.nodes, gains.edges)
