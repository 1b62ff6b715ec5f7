"""Graphs: drawn from three laws, two that are well known, or read from a list of edges; undirected, without weights.

Drawing needs networkx, the optional extra ``graphs``; reading, and everything that is done with a graph, does not.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from overparam.core.checked import count, shown
from overparam.core.errors import DataError, UsageError
from overparam.data.stream import stream

KINDS = ("power-law", "random-edges", "communities", "karate", "les-miserables")
EDGES = 3  # a node of drawn graphs has twice as many neighbours on average
BLOCKS = 10  # communities
MOST = 10_000_000  # nodes
SUFFIXES = (".edges", ".edgelist")  # of files that are lists of edges by their name
HEADINGS = frozenset(
    ["source", "target", "from", "to", "src", "dst", "u", "v", "node1", "node2", "fromnodeid", "tonodeid",
     "node_1", "node_2", "id1", "id2", "id_1", "id_2", "source_id", "target_id", "from_id", "to_id", "head", "tail"]
)  # fmt: skip
REMARK = re.compile(r"(?:^|(?<=[\s,]))[#%]")  # not within a name
EMPTY = re.compile(r"^\s*,|,\s*,")  # a field without a name
ODD = re.compile(r"[\"#%;|\x00]|^[(\[{<]|:$|^'.*'$")  # what belongs to another format, and to no name


@dataclass(frozen=True, eq=False)
class Graph:
    """An undirected graph: the neighbours of node v are ``neighbours[starts[v]:starts[v + 1]]``, ascending.

    Attributes:
        starts: (nodes + 1,) where each node's neighbours start.
        neighbours: (2 edges,) node numbers.
        names: what the nodes are called; empty where they are numbers.
    """

    starts: np.ndarray
    neighbours: np.ndarray
    names: tuple[str, ...] = ()

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return len(self.starts) - 1

    @property
    def edges(self) -> int:
        """Number of edges, each counted once."""
        return len(self.neighbours) // 2

    @functools.cached_property
    def degrees(self) -> np.ndarray:
        """Neighbours of each node, ``(nodes,)``."""
        return np.diff(self.starts)

    @functools.cached_property
    def sources(self) -> np.ndarray:
        """The node that each entry of ``neighbours`` belongs to, ``(2 edges,)``."""
        return np.repeat(np.arange(self.nodes), self.degrees)

    @property
    def pairs(self) -> np.ndarray:
        """The edges ``(edges, 2)``, the smaller node first."""
        both = np.stack([self.sources, self.neighbours], axis=1)
        return both[both[:, 0] < both[:, 1]]


def from_edges(pairs: Any, nodes: int | None = None) -> Graph:
    """The graph of a list of edges.

    Args:
        pairs: (edges, 2) node numbers from 0.
        nodes: how many there are; by default one more than the largest number.

    Raises:
        DataError: not two whole numbers a row, a number beyond the nodes, an edge from a node to itself, an edge that is
            there twice, or a node without an edge.
        UsageError: nodes is not a whole number.

    >>> graph = from_edges([(0, 1), (2, 1)])
    >>> graph.nodes, graph.edges, graph.degrees.tolist()
    (3, 2, [1, 2, 1])
    """
    try:
        rows = np.asarray(pairs)
        fits = rows.ndim == 2 and rows.shape[1] == 2 and len(rows) > 0 and rows.dtype.kind in "iuf"
        fits = fits and bool(np.isfinite(rows).all() and (rows == np.rint(rows)).all() and (rows >= 0).all())
        fits = fits and not isinstance(pairs, np.ma.MaskedArray) and bool(rows.max() < 2**31)
    except Exception:
        fits = False
    if not fits:
        raise DataError(
            f"pairs: expected rows of two node numbers from 0, got {shown(pairs)}. Number the nodes first."
        )
    rows = rows.astype(np.int64)
    total = int(rows.max()) + 1 if nodes is None else count(nodes, "nodes", low=2)
    if rows.max() >= total:
        raise DataError(
            f"pairs: expected node numbers below {total}, got {rows.max()}. Number the nodes from 0."
        )
    return _graph(rows, total, ())


def _graph(rows: np.ndarray, total: int, names: tuple[str, ...], given: str = "pairs") -> Graph:
    """Checks and sorts edges whose numbers are below the total; ``given`` is what a refusal calls them."""

    def told(node: Any) -> str:
        return repr(names[node]) if names else str(node)

    loops = np.flatnonzero(rows[:, 0] == rows[:, 1])
    if len(loops):
        raise DataError(
            f"{given}: expected edges between two nodes, got {len(loops)} from a node to itself, first at node "
            f"{told(rows[loops[0], 0])}. Leave them out."
        )
    ordered = np.sort(rows, axis=1)
    keys, first, times = np.unique(ordered[:, 0] * total + ordered[:, 1], return_index=True, return_counts=True)
    if len(keys) < len(rows):
        a, b = ordered[first[np.argmax(times > 1)]]
        raise DataError(
            f"{given}: expected each edge once, got {len(rows) - len(keys)} again, first {told(a)} to {told(b)}. Edges have no "
            "direction and no weight here: give each once."
        )
    seen = np.bincount(rows.ravel(), minlength=total)
    if (seen == 0).any():
        raise DataError(
            f"{given}: expected an edge at every node, got {int((seen == 0).sum())} isolated, first node "
            f"{told(int(np.argmin(seen)))}. Leave them out and number the others anew."
        )
    both = np.concatenate([rows, rows[:, ::-1]])
    order = np.lexsort((both[:, 1], both[:, 0]))
    starts = np.concatenate([[0], np.cumsum(seen)])
    return Graph(starts, both[order, 1], names)


def read_edges(path: str | Path) -> Graph:
    """The graph of a file with two names a line, separated by spaces, a tab or a comma.

    ``#`` or ``%`` at the start of a line or after a space starts a remark.
    Nodes are numbered in the order in which they come; :attr:`Graph.names` has their names.

    Raises:
        DataError: no such file, a line without two names, a name in quotes or brackets, a heading that is no edge, no edges, or
            what :func:`from_edges` refuses.
    """
    file = Path(path).expanduser()
    named = f"'{file}'"
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise DataError(
            f"{named}: expected a text file with an edge a line, got bytes that are no UTF-8. Unpack it, or save it as UTF-8."
        ) from None
    except OSError as error:
        got = "a folder" if file.is_dir() else f"none ({type(error).__name__})"
        raise DataError(
            f"{named}: expected a text file with an edge a line, got {got}. Check the path."
        ) from None
    return _graph(*_numbered(lines, named), named)


def _numbered(lines: Iterable[str], named: str) -> tuple[np.ndarray, int, tuple[str, ...]]:
    numbers: dict[str, int] = {}
    rows = []
    for place, line in enumerate(lines, 1):
        text = REMARK.split(line)[0]
        words = text.replace(",", " ").split()
        if not words and "," not in text:
            continue
        where = f"{named}, line {place}"
        if len(words) != 2 or EMPTY.search(text):
            raise DataError(
                f"{where}: expected two names, got {len(words)} in {shown(line)}. Names have no spaces, and edges no weights, "
                "here."
            )
        for word in words:
            if ODD.search(word):
                raise DataError(
                    f"{where}: expected names without quotes, brackets around them, # % ; | or a colon at the end, got "
                    f"{shown(word)}. Take these out; a remark has a space before its #."
                )
        rows.append([numbers.setdefault(word, len(numbers)) for word in words])
    if not rows:
        raise DataError(f"{named}: expected at least one edge, got none. Write two names a line.")
    if _heading(tuple(numbers), rows):
        raise DataError(
            f"{named}: expected edges alone, got what looks like a heading first: {shown(' '.join(list(numbers)[:2]))}. Put # "
            "before it; if it is an edge, put another line first."
        )
    return np.array(rows, np.int64), len(numbers), tuple(numbers)


def _heading(names: tuple[str, ...], rows: list[list[int]]) -> bool:
    """Whether the first line is no edge: its names come nowhere else, and are words for ends, or words among numbers."""
    if len(names) < 2 or any(node < 2 for row in rows[1:] for node in row):
        return False
    words = all(name.lower() in HEADINGS for name in names[:2])
    return words or (
        len(rows) > 1
        and all(name.isdigit() for name in names[2:])
        and not any(name.isdigit() for name in names[:2])
    )


def is_file(name: str) -> bool:
    """Whether a name is that of a list of edges: it ends in one of :data:`SUFFIXES`."""
    return name.lower().endswith(SUFFIXES)


def named_graph(name: str, nodes: int = 0, seed: int = 0) -> Graph:
    """The graph of a file, as :func:`read_edges`, or one that is drawn, as :func:`draw_graph`.

    Args:
        name: a path that ends in ``.edges`` or ``.edgelist``, or one of :data:`KINDS`.
        nodes: how many are drawn; of no effect for a file.
        seed: of the draw.

    Raises:
        DataError: as :func:`read_edges`.
        UsageError: as :func:`draw_graph`.
    """
    if not is_file(name):
        return draw_graph(name, nodes, seed)
    return _read_once(name, fingerprint(name))


@functools.lru_cache(maxsize=2)
def _read_once(path: str, content: str) -> Graph:
    """The graph of a file; its content's fingerprint is there so that a changed file is read anew."""
    del content
    return read_edges(path)


def draw_graph(kind: str, nodes: int = 0, seed: int = 0) -> Graph:
    """A graph of one of :data:`KINDS`.

    ``power-law`` is preferential attachment with three edges a new node (Barabasi and Albert 1999); ``random-edges`` has as many
    edges between any nodes (Erdos and Renyi 1959); ``communities`` ten groups of equal size, with nine of ten edges inside
    (stochastic block model). Nodes that come out isolated are joined to one other. ``karate`` and ``les-miserables`` are the
    graphs of 34 and 77 people that networkx ships.

    Args:
        kind: the name.
        nodes: how many; of no effect for the last two.
        seed: of the draw.

    Raises:
        UsageError: an unknown name, fewer than 20 nodes, a bad seed, or networkx is missing.

    References: Barabasi and Albert 1999; Holland, Laskey and Leinhardt 1983.
    """
    if kind not in KINDS:
        raise UsageError(f"kind: unknown graph {shown(kind)}. Choose one of {', '.join(KINDS)}.")
    rng = stream(f"graph {kind}", seed)
    networkx = _networkx()
    if kind in ("karate", "les-miserables"):
        shipped = networkx.karate_club_graph() if kind == "karate" else networkx.les_miserables_graph()
        numbered = networkx.convert_node_labels_to_integers(shipped)
        return from_edges(np.array(numbered.edges()), len(numbered))
    total, draw = count(nodes, "nodes", low=20, high=MOST), int(rng.randint(2**31 - 1))
    if kind == "power-law":
        found = networkx.barabasi_albert_graph(total, EDGES, seed=draw)
    elif kind == "random-edges":
        found = networkx.gnm_random_graph(total, EDGES * total, seed=draw)
    else:
        sizes = [len(part) for part in np.array_split(np.arange(total), BLOCKS)]
        inside, outside = 0.9 * 2 * EDGES / (total / BLOCKS), 0.1 * 2 * EDGES / (total - total / BLOCKS)
        chances = np.full((BLOCKS, BLOCKS), outside) + (min(1.0, inside) - outside) * np.eye(BLOCKS)
        found = networkx.stochastic_block_model(sizes, chances.tolist(), seed=draw)
    rows = np.array(found.edges(), np.int64)
    alone = np.flatnonzero(np.bincount(rows.ravel(), minlength=total) == 0)
    others = (alone + rng.randint(1, total, len(alone))) % total
    return from_edges(_once(np.concatenate([rows, np.stack([alone, others], axis=1)])), total)


def _once(rows: np.ndarray) -> np.ndarray:
    return np.unique(np.sort(rows, axis=1), axis=0)


def fingerprint(kind: str) -> str:
    """16 hexadecimal digits that stand for a law of graphs, or for the content of a list of edges.

    Raises:
        DataError: no such file.
    """
    if is_file(kind):
        file = Path(kind).expanduser()
        if not file.is_file():
            got = "a folder" if file.is_dir() else "none there"
            raise DataError(f"'{file}': expected a text file with an edge a line, got {got}. Check the path.")
        return hashlib.sha256(b"edges 1 " + file.read_bytes()).hexdigest()[:16]
    return hashlib.sha256(f"graph {kind} 1".encode()).hexdigest()[:16]


def no_examples(kind: str) -> Any:
    """Say that a graph has no examples with labels.

    Raises:
        DataError: always.
    """
    got = "a list of edges" if is_file(kind) else "a law of graphs"
    raise DataError(
        f"data set {shown(kind)}: expected examples with labels, got {got}. "
        "The study graph-coverage takes it, and overparam.data.graphs.named_graph returns the graph."
    )


def _networkx() -> Any:
    """The library that draws graphs.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import networkx
    except ModuleNotFoundError:
        raise UsageError(
            "graphs: expected networkx, which draws them, and it is not installed. Install it with "
            "pip install 'overparam[graphs]'."
        ) from None
    return networkx
