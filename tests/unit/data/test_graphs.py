"""Graphs: what is refused, laws of what is drawn, and files of edges."""

import gzip
import sys

import numpy as np
import pytest

from overparam.core import DataError, UsageError
from overparam.data import fingerprint, load
from overparam.data.graphs import KINDS, draw_graph, from_edges, named_graph, read_edges


def test_neighbours_are_those_of_the_list_both_ways():
    graph = from_edges([(3, 0), (0, 1), (1, 2)])
    assert (graph.nodes, graph.edges) == (4, 3)
    assert [graph.neighbours[graph.starts[v] : graph.starts[v + 1]].tolist() for v in range(4)] == [
        [1, 3],
        [0, 2],
        [1],
        [0],
    ]
    assert graph.pairs.tolist() == [[0, 1], [0, 3], [1, 2]]
    assert from_edges(np.array([[0.0, 1.0]])).edges == 1


@pytest.mark.parametrize(
    ("pairs", "nodes", "text"),
    [
        (
            [(0, 1), (1, 1)],
            None,
            "edges between two nodes, got 1 from a node to itself, first at node 1. Leave them out",
        ),
        ([(0, 1), (1, 0)], None, "each edge once, got 1 again, first 0 to 1"),
        ([(0, 1), (3, 4)], None, "an edge at every node, got 1 isolated, first node 2. Leave them out"),
        ([(0, 1)], 3, "an edge at every node, got 1 isolated, first node 2"),
        ([(0, 5)], 3, "node numbers below 3, got 5"),
        ([(0, 0.5)], None, "rows of two node numbers"),
        ([(0, -1)], None, "rows of two node numbers"),
        ([("a", "b")], None, "rows of two node numbers"),
        ([], None, "rows of two node numbers"),
        ([(0, 1, 2)], None, "rows of two node numbers"),
    ],
)
def test_a_graph_that_is_none_is_refused_with_what_to_do(pairs, nodes, text):
    with pytest.raises(DataError, match=text):
        from_edges(pairs, nodes)


def test_drawn_graphs_keep_their_law_and_come_again():
    for kind in KINDS[:3]:
        graph = draw_graph(kind, 600, 3)
        assert graph.nodes == 600
        assert graph.degrees.min() >= 1
        assert abs(graph.edges - 1800) < 5 * 1800**0.5
        again, other = draw_graph(kind, 600, 3), draw_graph(kind, 600, 4)
        assert (graph.neighbours == again.neighbours).all()
        assert graph.neighbours.shape != other.neighbours.shape or (graph.neighbours != other.neighbours).any()
    hubs = {kind: draw_graph(kind, 600, 3).degrees.max() for kind in KINDS[:3]}
    assert hubs["power-law"] > 2 * max(hubs["random-edges"], hubs["communities"])
    inside = np.array([a // 60 == b // 60 for a, b in draw_graph("communities", 600, 3).pairs]).mean()
    assert inside == pytest.approx(0.9, abs=0.04)
    assert (draw_graph("karate").nodes, draw_graph("karate").edges) == (34, 78)
    assert (draw_graph("les-miserables").nodes, draw_graph("les-miserables").edges) == (77, 254)


def test_what_cannot_be_drawn_is_refused(monkeypatch):
    with pytest.raises(UsageError, match="unknown graph 'ring'. Choose one of power-law"):
        draw_graph("ring", 100)
    with pytest.raises(UsageError, match="nodes: expected a whole number of at least 20, got 5"):
        draw_graph("power-law", 5)
    monkeypatch.setitem(sys.modules, "networkx", None)
    with pytest.raises(UsageError, match=r"expected networkx, .* pip install 'overparam\[graphs\]'"):
        draw_graph("power-law", 100)
    assert from_edges([(0, 1)]).nodes == 2  # needs no networkx


def test_a_file_of_edges_is_read_with_its_names(tmp_path):
    file = tmp_path / "friends.txt"
    file.write_text(
        "# who knows whom\nann bob\nbob,carl  # a remark\n% another\n\ncarl\tdora\n", encoding="utf-8"
    )
    graph = read_edges(file)
    assert graph.names == ("ann", "bob", "carl", "dora")
    assert graph.pairs.tolist() == [[0, 1], [1, 2], [2, 3]]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ann bob 3\n", "line 1: expected two names, got 3"),
        ("ann,,bob\n", "line 1: expected two names, got 2 in 'ann,,bob'"),
        (",bob\n", "line 1: expected two names, got 1"),
        (",\n", "line 1: expected two names, got 0"),
        ("ann lee,bob\n", "line 1: expected two names, got 3 .* Names have no spaces"),
        ('"ann",bob\nann,carl\n', "line 1: expected names without quotes"),
        ("'ann' bob\n", "line 1: expected names without quotes"),
        ("c b#1\nd b#2\n", "got 'b#1'. Take these out; a remark has a space before its #"),  # not one node b
        ("x/a%20b x/a%20c\n", "got 'x/a%20b'"),
        ("1; 2\n2; 3\n", "got '1;'"),  # not the nodes '2' and '2;'
        ("1: 2\n2: 3\n", "got '1:'"),
        ("(1, 2)\n(2, 3)\n", r"got '\(1'"),
        ("source,target\n", "looks like a heading first: 'source target'"),
        ("id1 id2\nann bob\n", "looks like a heading first: 'id1 id2'"),
        ("ann bob\nann\n", "line 2: expected two names, got 1"),
        ("# nothing\n", "at least one edge, got none"),
        ("ann bob\nbob ann\n", "each edge once, got 1 again, first 'ann' to 'bob'"),
        ("ann bob\nbob bob\n", "from a node to itself, first at node 'bob'"),
        (
            "Source Target\nann bob\n",
            "looks like a heading first: 'Source Target'. Put # before it; if it is an edge",
        ),
        ("person,friend\n1,2\n2,3\n", "looks like a heading first: 'person friend'"),
    ],
)
def test_a_file_that_is_no_graph_is_refused(tmp_path, text, told):
    file = tmp_path / "edges.txt"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=told) as found:
        read_edges(file)
    assert found.value.args[0].startswith(f"'{file}'")
    with pytest.raises(DataError, match=r"missing.txt': expected a text file with an edge a line, got none"):
        read_edges(tmp_path / "missing.txt")
    with pytest.raises(DataError, match="expected a text file with an edge a line, got a folder"):
        read_edges(tmp_path)
    file.write_bytes(gzip.compress(b"ann bob"))
    with pytest.raises(DataError, match="got bytes that are no UTF-8. Unpack it"):
        read_edges(file)


def test_a_first_line_that_may_be_an_edge_is_one(tmp_path):
    file = tmp_path / "edges.txt"
    for text in (
        "ann bob\ncarl dora\n",
        "source target\ntarget dora\n",
        "a b\n",
        "x 1\n1 2\n",
        "7 8\nann bob\n",
    ):
        file.write_text(
            "\ufeff" + text, encoding="utf-8"
        )  # the mark that editors put first is no part of a name
        assert read_edges(file).names == tuple(dict.fromkeys(text.split()))


def test_a_file_is_a_graph_by_its_name_and_read_anew_where_it_changed(tmp_path):
    file = tmp_path / "friends.edges"
    file.write_text("0 1\n1 2\n", encoding="utf-8")
    first = fingerprint(str(file))
    assert named_graph(str(file)).edges == 2
    file.write_text("0 1\n1 2\n2 3\n", encoding="utf-8")
    assert named_graph(str(file)).edges == 3
    assert fingerprint(str(file)) != first
    assert named_graph("karate").nodes == 34
    with pytest.raises(DataError, match="got a list of edges. The study graph-coverage takes it"):
        load(str(file))
    with pytest.raises(
        DataError, match=r"missing.edges': expected a text file with an edge a line, got none there"
    ):
        fingerprint(str(tmp_path / "missing.edges"))


def test_a_law_of_graphs_is_a_name_without_examples():
    assert len({fingerprint(kind) for kind in KINDS}) == len(KINDS)
    with pytest.raises(
        DataError, match="expected examples with labels, got a law of graphs. The study graph-coverage"
    ):
        load("power-law")
