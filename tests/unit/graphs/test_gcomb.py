"""GCOMB's pipeline: lessons, the network by hand, pruning, Q-learning, and the whole on graphs of another size."""

import numpy as np
import pytest

from overparam.core import UsageError
from overparam.data.graphs import draw_graph, from_edges
from overparam.data.stream import stream
from overparam.graphs import q_learning
from overparam.graphs.cover import Cover, covered, neighbourhoods
from overparam.graphs.gcomb import PROBLEMS, Solver, by_degree, lessons, near_of, solve, train, untrained
from overparam.graphs.greedy import greedy
from overparam.graphs.q_learning import Episode, choose, learn_q, sampled
from overparam.graphs.scorer import features, initial, score, train_scorer

GRAPH = draw_graph("power-law", 120, 7)


@pytest.fixture(scope="module")
def solver():
    return train(lessons(GRAPH, "coverage", 12, 0, runs=5), width=8, steps=200, episodes=15, turns=6)


def by_loops(weights, graph, node):
    """The network as it is written: two layers of means over neighbours."""
    x = features(graph)

    def near(v):
        return graph.neighbours[graph.starts[v] : graph.starts[v + 1]]

    def first(v):
        return np.maximum(
            x[v] @ weights["own"] + x[near(v)].mean(axis=0) @ weights["near"] + weights["bias"], 0
        )

    mean = np.mean([first(u) for u in near(node)], axis=0)
    second = np.maximum(first(node) @ weights["own2"] + mean @ weights["near2"] + weights["bias2"], 0)
    return float(second @ weights["out"][:, 0])


def test_the_network_is_two_layers_of_means_over_neighbours():
    weights = {name: one + 0.01 for name, one in initial(5, 0).items()}
    nodes = np.array([0, 3, 119])
    assert score(weights, GRAPH, nodes) == pytest.approx([by_loops(weights, GRAPH, v) for v in nodes], rel=1e-4)


def test_training_lowers_the_error_that_numpy_measures():
    nodes, target = np.arange(0, 120, 2), np.sqrt(GRAPH.degrees[::2] / GRAPH.degrees.max())
    weights, left = train_scorer(GRAPH, nodes, target, width=16, steps=200, seed=0)
    error = np.mean((score(weights, GRAPH, nodes) - target) ** 2) / np.var(target)
    assert left == pytest.approx(error, rel=1e-2)
    assert left < 0.1
    few = train_scorer(GRAPH, nodes, target, width=16, steps=2, seed=0)[1]
    assert few > 3 * left


def test_lessons_follow_greedy_choice_and_ranks_hold_what_was_chosen():
    taught = lessons(GRAPH, "coverage", 12, 0, runs=5)
    best = greedy(taught.reward, 12)
    assert taught.goodness.max() == 1.0
    assert taught.goodness[best.nodes[0]] > 0.5
    assert (np.diff(taught.ranks) >= 0).all()
    place = np.argsort(by_degree(GRAPH))
    chosen = np.flatnonzero(taught.goodness)
    assert place[chosen].max() + 1 == round(taught.ranks[-1] * GRAPH.nodes)
    assert GRAPH.degrees[by_degree(GRAPH)].tolist() == sorted(GRAPH.degrees, reverse=True)


def test_pruning_keeps_the_nodes_of_largest_degree_up_to_the_learnt_rank():
    pruned = Solver("coverage", initial(2, 0), np.array([0.01, 0.1]), np.array([0.05, 0.5]), np.zeros(7), 0.0)
    assert pruned.good_nodes(GRAPH, 12).tolist() == by_degree(GRAPH)[:60].tolist()
    assert len(pruned.good_nodes(GRAPH, 1)) == 6
    assert len(pruned.good_nodes(GRAPH, 119)) == 119  # never fewer than are to be chosen


def test_without_scores_and_sampling_the_choice_is_greedy():
    near = neighbourhoods(GRAPH)
    alone = choose(near, np.zeros(120), np.array([0, 0, 0, 0, 1.0, 0, 0]), 10)
    assert alone.nodes.tolist() == greedy(near, 10).nodes.tolist()
    scores = np.linspace(0, 1, 120)
    assert choose(near, scores, np.array([0, 0, 0, 0, 0, 1.0, 0]), 3).nodes.tolist() == [119, 118, 117]


def test_what_is_pooled_shifts_no_choice():
    weights, scores = np.array([3.0, -2.0, 1.0, 5.0, 0.7, 0.4, 1.0]), np.random.default_rng(0).random(120)
    near, course = neighbourhoods(GRAPH), []
    now = Episode(near, scores, near, np.arange(120))
    for _ in range(8):
        course.append(int(np.argmax(np.where(now.open, now.features() @ weights, -np.inf))))
        now.take(course[-1])
    assert choose(near, scores, weights, 8).nodes.tolist() == course


def test_q_learning_values_what_is_paid(monkeypatch):
    """Where nothing after a choice counts, the fitted Q is the least-squares fit of what is paid."""
    near, scores = neighbourhoods(GRAPH), GRAPH.degrees / GRAPH.degrees.max()
    weights = learn_q(near, scores, near, np.arange(120), budget=8, episodes=40, rng=stream("test", 0))
    assert weights[4] + weights[5] > 0.1
    monkeypatch.setattr(q_learning, "DISCOUNT", 0.0)
    weights = learn_q(near, scores, near, np.arange(120), budget=8, episodes=150, rng=stream("test", 0))
    now = Episode(near, scores, near, np.arange(120))
    seen = now.features() @ weights
    paid = near.sizes / near.sizes.max()
    assert np.corrcoef(seen, paid)[0, 1] > 0.95


def test_sampling_keeps_the_share_and_prefers_what_good_nodes_cover():
    near = neighbourhoods(GRAPH)
    scores = np.zeros(120)
    scores[0] = 1.0
    kept = sampled(near, scores, 0.3, np.random.RandomState(0))
    elements = np.unique(kept.incidence.indices)
    assert len(elements) == 36
    share = np.isin(near.of(0), elements).mean()
    assert share > 2 * np.isin(np.setdiff1d(np.arange(120), near.of(0)), elements).mean()
    assert (kept.incidence.toarray() <= near.incidence.toarray()).all()
    whole = sampled(near, scores, 1.0, np.random.RandomState(0))
    assert (whole.incidence.toarray() == near.incidence.toarray()).all()


def test_the_trained_pipeline_is_near_greedy_on_a_larger_graph(solver):
    other = draw_graph("power-law", 400, 8)
    cover = neighbourhoods(other)
    found = solve(solver, other, 20, 0)
    assert len(set(found.nodes.tolist())) == 20
    assert covered(cover, found.nodes) >= 0.95 * greedy(cover, 20).gains.sum()
    assert solve(solver, other, 20, 0).nodes.tolist() == found.nodes.tolist()
    blind = untrained(solver, 3)
    assert (blind.weights["own"] == solver.weights["own"]).all()
    assert (blind.weights["out"] != solver.weights["out"]).any()


def test_what_cannot_be_solved_is_refused(solver):
    with pytest.raises(UsageError, match="budget: expected at most the 3 nodes, got 4"):
        solve(solver, from_edges([(0, 1), (1, 2)]), 4)
    with pytest.raises(
        UsageError, match="problem: unknown 'clique'. Choose one of coverage, vertex-cover, influence"
    ):
        near_of("clique", GRAPH)
    with pytest.raises(UsageError, match="width: expected a whole number of at least 1, got 0"):
        initial(0, 0)
    assert isinstance(near_of(PROBLEMS[1], GRAPH), Cover)
