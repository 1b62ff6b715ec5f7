"""What nodes cover: an incidence of nodes and elements, read both ways.

Maximum coverage, vertex cover and influence are one problem with other elements: nodes, edges, or random sets of nodes.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from overparam.core.checked import count, shown
from overparam.core.errors import DataError, UsageError
from overparam.data.graphs import Graph


@dataclass(frozen=True, eq=False)
class Cover:
    """Which elements each node covers.

    Attributes:
        incidence: (nodes, elements) sparse, an entry 1 where a node covers an element; row indices ascend.
    """

    incidence: Any

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return int(self.incidence.shape[0])

    @property
    def elements(self) -> int:
        """Number of elements."""
        return int(self.incidence.shape[1])

    @functools.cached_property
    def covering(self) -> Any:
        """The other way round: (elements, nodes) sparse."""
        return self.incidence.T.tocsr()

    @property
    def sizes(self) -> np.ndarray:
        """Elements that each node covers, ``(nodes,)``."""
        return np.diff(self.incidence.indptr)

    def of(self, node: int) -> np.ndarray:
        """The elements that a node covers."""
        rows = self.incidence
        return rows.indices[rows.indptr[node] : rows.indptr[node + 1]]


def cover_of(starts: np.ndarray, elements: np.ndarray, total: int) -> Cover:
    """A cover from the elements of each node, node after node, ascending."""
    ones = np.ones(len(elements), np.int32)
    shape = (len(starts) - 1, total)
    return Cover(sparse.csr_matrix((ones, elements.astype(np.int32), starts.astype(np.int32)), shape=shape))


def neighbourhoods(graph: Graph) -> Cover:
    """Maximum coverage: a node covers itself and its neighbours.

    >>> from overparam.data.graphs import from_edges
    >>> neighbourhoods(from_edges([(0, 1), (1, 2)])).sizes.tolist()
    [2, 3, 2]
    """
    own = np.arange(graph.nodes)
    rows, columns = np.concatenate([graph.sources, own]), np.concatenate([graph.neighbours, own])
    return _made(rows, columns, (graph.nodes, graph.nodes))


def incident_edges(graph: Graph) -> Cover:
    """Vertex cover under a budget: a node covers the edges that end at it.

    >>> from overparam.data.graphs import from_edges
    >>> incident_edges(from_edges([(0, 1), (1, 2)])).sizes.tolist()
    [1, 2, 1]
    """
    pairs = graph.pairs
    return _made(pairs.ravel(), np.repeat(np.arange(len(pairs)), 2), (graph.nodes, len(pairs)))


def _made(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> Cover:
    made = sparse.csr_matrix((np.ones(len(rows), np.int32), (rows, columns)), shape=shape)
    made.sort_indices()
    return Cover(made)


def covered(cover: Cover, chosen: Any) -> int:
    """How many elements some nodes cover together.

    Args:
        cover: nodes and elements.
        chosen: node numbers, each once.

    Raises:
        DataError: not node numbers, one beyond the nodes, or one that is there twice.

    >>> from overparam.data.graphs import from_edges
    >>> covered(neighbourhoods(from_edges([(0, 1), (1, 2), (2, 3)])), [0, 1])
    3
    """
    own = chosen_nodes(chosen, cover.nodes)
    return int((cover.incidence[own].sum(axis=0) > 0).sum())


def chosen_nodes(chosen: Any, nodes: int) -> np.ndarray:
    """Node numbers as an array, checked.

    Raises:
        DataError: not node numbers, one beyond the nodes, or one that is there twice.
    """
    try:
        own = np.asarray(chosen)
        fits = own.ndim == 1 and (own.dtype.kind in "iu" or not own.size)
        fits = fits and not isinstance(chosen, np.ma.MaskedArray)
    except Exception:
        fits = False
    if not fits:
        raise DataError(
            f"chosen: expected a list of node numbers, got {shown(chosen)}. Number the nodes from 0."
        )
    own = own.astype(np.int64)
    if own.size and not (own.min() >= 0 and own.max() < nodes):
        raise DataError(
            f"chosen: expected node numbers from 0 to {nodes - 1}, got {shown(chosen)}. Leave out the others."
        )
    if len(np.unique(own)) < len(own):
        raise DataError(f"chosen: expected each node once, got {shown(chosen)}. Leave out what is repeated.")
    return own


def budget_of(budget: Any, nodes: int) -> int:
    """A budget that the nodes allow.

    Raises:
        UsageError: not a whole number from 1 to the number of nodes.

    >>> budget_of(3, 5)
    3
    """
    whole = count(budget, "budget", low=1)
    if whole > nodes:
        raise UsageError(
            f"budget: expected at most the {nodes:,} nodes, got {whole:,}. Take fewer, or a larger graph."
        )
    return whole
