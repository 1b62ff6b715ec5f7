"""Covers and greedy choice against brute force."""

import itertools
import math

import numpy as np
import pytest
from scipy import sparse

from overparam.core import DataError, UsageError
from overparam.data.graphs import draw_graph, from_edges
from overparam.graphs.cover import Cover, covered, incident_edges, neighbourhoods
from overparam.graphs.greedy import Gains, greedy, lazy_greedy, probabilistic_greedy, spans


def random_cover(seed, nodes=9, elements=20, share=0.25):
    rng = np.random.default_rng(seed)
    return Cover(sparse.csr_matrix((rng.random((nodes, elements)) < share).astype(np.int32)))


def by_hand(cover, budget):
    """Greedy choice as it is defined, on sets."""
    sets = [set(cover.of(node).tolist()) for node in range(cover.nodes)]
    chosen, done = [], set()
    for _ in range(budget):
        rest = [node for node in range(cover.nodes) if node not in chosen]
        chosen.append(max(rest, key=lambda node: (len(sets[node] - done), -node)))
        done |= sets[chosen[-1]]
    return chosen, len(done)


@pytest.mark.parametrize("seed", range(8))
def test_lazy_and_plain_greedy_choose_what_the_definition_does_and_keep_the_bound(seed):
    cover = random_cover(seed)
    for budget in (1, 3, 9):
        chosen, size = by_hand(cover, budget)
        for found in (greedy(cover, budget), lazy_greedy(cover, budget)):
            assert found.nodes.tolist() == chosen
            assert found.gains.sum() == size == covered(cover, chosen)
    most = max(covered(cover, list(group)) for group in itertools.combinations(range(9), 3))
    assert greedy(cover, 3).gains.sum() >= (1 - 1 / math.e) * most


def test_the_bound_is_nearly_reached_where_greedy_is_misled():
    """Two rows of three cover all twelve; greedy takes the seven in the middle first."""
    rows = [{0, 1, 2, 3, 4, 5}, {6, 7, 8, 9, 10, 11}, {2, 3, 4, 5, 6, 7, 8}]
    full = np.array([[int(e in row) for e in range(12)] for row in rows])
    found = greedy(Cover(sparse.csr_matrix(full)), 2)
    assert found.nodes.tolist() == [2, 1]
    assert found.gains.sum() == 10


@pytest.mark.parametrize("kind", ["power-law", "random-edges", "communities", "karate"])
def test_lazy_greedy_is_plain_greedy_on_graphs_and_asks_less(kind):
    graph = draw_graph(kind, 200, 5)
    for cover in (neighbourhoods(graph), incident_edges(graph)):
        plain, lazy = greedy(cover, 30), lazy_greedy(cover, 30)
        assert plain.nodes.tolist() == lazy.nodes.tolist()
        assert plain.gains.tolist() == lazy.gains.tolist()
        assert lazy.evaluated < plain.evaluated
        assert covered(cover, lazy.nodes) == lazy.gains.sum()


def test_covers_of_a_small_graph():
    graph = from_edges([(0, 1), (1, 2), (2, 3)])
    assert [neighbourhoods(graph).of(v).tolist() for v in range(4)] == [[0, 1], [0, 1, 2], [1, 2, 3], [2, 3]]
    assert [incident_edges(graph).of(v).tolist() for v in range(4)] == [[0], [0, 1], [1, 2], [2]]
    assert covered(incident_edges(graph), [0, 3]) == 2
    assert covered(incident_edges(graph), []) == 0


def test_gains_are_those_that_are_counted_anew():
    cover = random_cover(1, 12, 30)
    gains, done = Gains(cover), set()
    for node in (3, 7, 0):
        assert gains.take(node) == len(set(cover.of(node).tolist()) - done)
        done |= set(cover.of(node).tolist())
        assert gains.now.tolist() == [len(set(cover.of(v).tolist()) - done) for v in range(12)]
    assert spans([4, 0], [2, 0]).tolist() == [4, 5]


def test_choice_by_lot_is_in_proportion_to_gains_and_greedy_in_the_limit():
    cover = random_cover(2)
    rng = np.random.RandomState(0)
    first = [probabilistic_greedy(cover, 1, rng, draws=1).nodes[0] for _ in range(2000)]
    share = np.bincount(first, minlength=9) / 2000
    expected = cover.sizes / cover.sizes.sum()
    assert (np.abs(share - expected) < 5 * np.sqrt(expected * (1 - expected) / 2000)).all()
    found = probabilistic_greedy(cover, 9, rng, draws=10**7)
    assert found.gains.tolist() == greedy(cover, 9).gains.tolist()[: len(found.gains)]
    assert found.gains.min() > 0


@pytest.mark.parametrize(
    "choose", [greedy, lazy_greedy, lambda c, b: probabilistic_greedy(c, b, np.random.RandomState(0))]
)
def test_a_budget_beyond_the_nodes_is_refused(choose):
    with pytest.raises(
        UsageError, match="budget: expected at most the 9 nodes, got 10. Take fewer, or a larger graph"
    ):
        choose(random_cover(0), 10)
    with pytest.raises(UsageError, match="budget: expected a whole number of at least 1, got 0"):
        choose(random_cover(0), 0)


@pytest.mark.parametrize(
    ("chosen", "text"),
    [
        ([1, 1], "each node once"),
        ([9], "from 0 to 8"),
        ([-1], "from 0 to 8"),
        ("ab", "list of node numbers"),
        ([0.5], "numbers"),
    ],
)
def test_nodes_that_are_none_or_repeated_are_refused(chosen, text):
    with pytest.raises(DataError, match=text):
        covered(random_cover(0), chosen)
