"""The learned baseline: its formula by hand, its choices, and that it learns."""

import numpy as np
import pytest

from overparam.core import UsageError
from overparam.data.graphs import draw_graph, from_edges
from overparam.graphs.cover import incident_edges, neighbourhoods
from overparam.graphs.greedy import greedy
from overparam.graphs.structure2vec import ROUNDS, initial, solve_by_embedding, train_embedding


def by_loops(weights, graph, chosen):
    """Q of every node as it is written."""

    def relu(x):
        return np.maximum(x, 0)

    scale = 1 / graph.degrees.max()
    base = np.array([(v in chosen) * weights["chosen"][0] + scale * graph.degrees[v] * relu(weights["degree"][0])
                     for v in range(graph.nodes)])  # fmt: skip
    h = relu(base)
    for _ in range(ROUNDS - 1):
        near = [graph.neighbours[graph.starts[v] : graph.starts[v + 1]] for v in range(graph.nodes)]
        h = relu(base + scale * np.array([h[one].sum(axis=0) for one in near]) @ weights["near"])
    pooled = relu(h.mean(axis=0) @ weights["all"]) @ weights["out_all"]
    return np.array([float((pooled + relu(one @ weights["own"]) @ weights["out_own"])[0]) for one in h])


def test_choices_have_the_largest_q_of_those_left():
    graph, weights = draw_graph("karate"), initial(6, 0)
    seen = []
    found = solve_by_embedding(weights, graph, neighbourhoods(graph), 5, lambda: seen.append(1))
    chosen = []
    for node in found.nodes.tolist():
        q = by_loops(weights, graph, chosen)
        q[chosen] = -np.inf
        assert q[node] == pytest.approx(q.max(), rel=1e-4, abs=1e-5)
        chosen.append(node)
    assert len(seen) == 5
    assert found.edges == 5 * (ROUNDS - 1) * 2 * graph.edges
    assert found.gains[0] == graph.degrees[found.nodes[0]] + 1


@pytest.mark.slow
def test_it_learns_to_choose_and_carries_over_to_a_larger_graph():
    graphs = [draw_graph("power-law", 24, seed) for seed in range(8)]
    weights = train_embedding(
        graphs, [neighbourhoods(one) for one in graphs], turns=5, steps=120, width=16, seed=1
    )
    other = draw_graph("power-law", 200, 50)
    cover = neighbourhoods(other)
    best = greedy(cover, 8).gains.sum()
    assert solve_by_embedding(weights, other, cover, 8).gains.sum() > 0.9 * best
    start = [solve_by_embedding(initial(16, seed), other, cover, 8).gains.sum() for seed in range(6)]
    assert np.mean(start) < 0.8 * best


def test_what_cannot_be_trained_is_refused():
    small, large = from_edges([(0, 1), (1, 2), (2, 3), (3, 4)]), draw_graph("karate")
    with pytest.raises(UsageError, match=r"graphs of one size with a cover each, got \[5, 34\] nodes"):
        train_embedding([small, large], [incident_edges(small), incident_edges(large)])
    with pytest.raises(UsageError, match="turns: expected fewer than the 5 nodes, got 5"):
        train_embedding([small], [incident_edges(small)], turns=5)
    with pytest.raises(UsageError, match="budget: expected at most the 5 nodes, got 6"):
        solve_by_embedding(initial(4, 0), small, incident_edges(small), 6)
