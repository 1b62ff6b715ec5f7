"""Influence: exact worlds against hand and simulation, random sets against exact worlds, IMM's guarantee."""

import itertools
import math

import numpy as np
import pytest

from overparam.core import DataError, UsageError
from overparam.data.graphs import draw_graph, from_edges
from overparam.graphs.greedy import lazy_greedy
from overparam.graphs.influence import exact_spread, imm, reverse_sets, spread

TINY = from_edges([(0, 1), (1, 2), (2, 3), (3, 0), (1, 3), (3, 4), (4, 5), (5, 6)])


def simulated(graph, chosen, p, runs, rng):
    """Cascades forwards, one coin a try."""
    sizes = []
    for _ in range(runs):
        active, front = set(chosen), list(chosen)
        while front:
            node = front.pop()
            for other in graph.neighbours[graph.starts[node] : graph.starts[node + 1]].tolist():
                if other not in active and rng.random() < p:
                    active.add(other)
                    front.append(other)
        sizes.append(len(active))
    return np.mean(sizes), np.std(sizes) / math.sqrt(runs)


def test_exact_spread_on_a_path_a_triangle_and_by_simulation():
    p = 0.3
    assert exact_spread(from_edges([(0, 1), (1, 2)]), [0], p) == pytest.approx(1 + p + p * p)
    assert exact_spread(from_edges([(0, 1), (1, 2), (2, 0)]), [0], p) == pytest.approx(
        1 + 2 * (p + p * p - p**3)
    )
    assert exact_spread(TINY, list(range(7)), p) == pytest.approx(7)
    mean, error = simulated(TINY, [0, 5], p, 4000, np.random.default_rng(0))
    assert abs(exact_spread(TINY, [0, 5], p) - mean) < 5 * error


@pytest.mark.parametrize("chosen", [[3], [0, 6], [1, 4, 5]])
def test_random_sets_estimate_the_exact_spread(chosen):
    mean, error = spread(reverse_sets(TINY, 0.4, 20_000, np.random.RandomState(1)), chosen)
    assert abs(mean - exact_spread(TINY, chosen, 0.4)) < 5 * error
    assert error < 0.1


def test_sets_hold_their_root_and_no_node_twice():
    sets = reverse_sets(draw_graph("power-law", 100, 0), 0.1, 3000, np.random.RandomState(0))
    assert sets.elements == 3000
    assert (np.asarray(sets.incidence.sum(axis=0)).ravel() >= 1).all()
    assert sets.incidence.max() == 1
    rare = reverse_sets(draw_graph("power-law", 100, 0), 1e-9, 3000, np.random.RandomState(0))
    assert rare.incidence.nnz == 3000


@pytest.mark.parametrize("seed", range(3))
def test_imm_is_within_its_guarantee_of_the_best(seed):
    best = max(exact_spread(TINY, list(two), 0.4) for two in itertools.combinations(range(7), 2))
    found, sets = imm(TINY, 0.4, 2, np.random.RandomState(seed), error=0.3)
    assert exact_spread(TINY, found.nodes, 0.4) >= (1 - 1 / math.e - 0.3) * best
    assert sets > 100
    assert imm(TINY, 0.4, 2, np.random.RandomState(seed), error=0.15)[1] > 2 * sets


def test_imm_beats_chance_and_agrees_with_many_sets():
    graph = draw_graph("power-law", 300, 1)
    judge = reverse_sets(graph, 0.05, 20_000, np.random.RandomState(9))
    found, _ = imm(graph, 0.05, 10, np.random.RandomState(0))
    many = lazy_greedy(reverse_sets(graph, 0.05, 10_000, np.random.RandomState(2)), 10)
    assert spread(judge, found.nodes)[0] == pytest.approx(spread(judge, many.nodes)[0], rel=0.08)
    assert spread(judge, found.nodes)[0] > 1.5 * spread(judge, np.arange(290, 300))[0]


def test_what_has_no_spread_is_refused():
    with pytest.raises(UsageError, match="at most 16 edges, got 78"):
        exact_spread(draw_graph("karate"), [0], 0.1)
    with pytest.raises(UsageError, match="chance"):
        exact_spread(TINY, [0], 1.5)
    with pytest.raises(DataError, match="each node once"):
        exact_spread(TINY, [0, 0], 0.5)
    with pytest.raises(UsageError, match="budget: expected at most the 7 nodes, got 8"):
        imm(TINY, 0.4, 8, np.random.RandomState(0))
    with pytest.raises(UsageError, match="error: expected a number below 1, got 2"):
        imm(TINY, 0.4, 2, np.random.RandomState(0), error=2.0)
    with pytest.raises(UsageError, match="expected a guarantee for at most 4,000,000 sets"):
        imm(TINY, 0.4, 2, np.random.RandomState(0), error=1e-3)
    with pytest.raises(UsageError, match="sets: expected a whole number of at most"):
        reverse_sets(TINY, 0.4, 10**8, np.random.RandomState(0))
