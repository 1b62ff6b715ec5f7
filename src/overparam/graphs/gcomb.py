"""GCOMB: nodes scored by a graph network trained on greedy choices by lot, noise pruned, the rest chosen by Q-learning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from overparam.core.checked import count
from overparam.core.errors import UsageError
from overparam.data.graphs import Graph
from overparam.data.stream import stream
from overparam.graphs.cover import Cover, budget_of, incident_edges, neighbourhoods
from overparam.graphs.greedy import Choice, probabilistic_greedy
from overparam.graphs.influence import reverse_sets
from overparam.graphs.q_learning import choose, learn_q, sampled
from overparam.graphs.scorer import Weights, score, train_scorer

PROBLEMS = ("coverage", "vertex-cover", "influence")
SHARE = 0.75  # of the neighbourhood that is sampled, as in the released code
SETS = 10  # random sets a node, from which influence is learnt


def near_of(problem: str, graph: Graph) -> Cover:
    """What a node covers by itself: its edges for a vertex cover, else itself and its neighbours.

    Raises:
        UsageError: an unknown problem.
    """
    if problem not in PROBLEMS:
        raise UsageError(f"problem: unknown {problem!r}. Choose one of {', '.join(PROBLEMS)}.")
    return incident_edges(graph) if problem == "vertex-cover" else neighbourhoods(graph)


@dataclass(frozen=True)
class Lessons:
    """What greedy choices by lot on a training graph teach.

    Attributes:
        graph: the training graph.
        problem: one of :data:`PROBLEMS`.
        near: what nodes cover by themselves.
        reward: what is to be covered.
        goodness: (nodes,) share of all gains that a node had over the runs, over the largest.
        budgets: shares of the nodes that are chosen, ascending.
        ranks: the share of the nodes, in the order of their degrees, that holds all that were chosen at each budget.
    """

    graph: Graph
    problem: str
    near: Cover
    reward: Cover
    goodness: np.ndarray
    budgets: np.ndarray
    ranks: np.ndarray


def lessons(
    graph: Graph, problem: str, budget: int, seed: int, *, chance: float = 0.05, runs: int = 20
) -> Lessons:
    """Choose nodes of a training graph by lot, many times.

    Args:
        graph: the training graph.
        problem: one of :data:`PROBLEMS`.
        budget: nodes of a run.
        seed: of the draws.
        chance: that a node activates a neighbour, for influence.
        runs: how many.

    Raises:
        UsageError: a bad number or name.

    References: Manchanda et al. 2020, section 3 (in part recalled).
    """
    near, many, times = near_of(problem, graph), budget_of(budget, graph.nodes), count(runs, "runs")
    rng = stream(f"graph lessons {problem}", seed)
    reward = reverse_sets(graph, chance, SETS * graph.nodes, rng) if problem == "influence" else near
    place = np.empty(graph.nodes, np.int64)
    place[by_degree(graph)] = np.arange(graph.nodes)
    good, furthest = np.zeros(graph.nodes), np.zeros(many)
    for _ in range(times):
        found = probabilistic_greedy(reward, many, rng)
        np.add.at(good, found.nodes, found.gains)
        reached = np.maximum.accumulate(place[found.nodes])
        reached = np.concatenate([reached, np.full(many - len(reached), reached[-1])])
        furthest = np.maximum(furthest, reached)
    budgets = np.arange(1, many + 1) / graph.nodes
    return Lessons(graph, problem, near, reward, good / good.max(), budgets, (furthest + 1) / graph.nodes)


def by_degree(graph: Graph) -> np.ndarray:
    """Node numbers by falling degree, the first of equals first."""
    return np.argsort(-graph.degrees, kind="stable")


@dataclass(frozen=True)
class Solver:
    """A trained pipeline.

    Attributes:
        problem: that it was trained on.
        weights: of the network that scores nodes.
        budgets, ranks: which share of the nodes is kept at which share of chosen ones.
        q: (7,) weights of the Q function.
        left: mean square error of the scores over their variance on the training graph.
    """

    problem: str
    weights: Weights
    budgets: np.ndarray
    ranks: np.ndarray
    q: np.ndarray
    left: float

    def good_nodes(self, graph: Graph, budget: int) -> np.ndarray:
        """The nodes that are kept, by falling degree, at least as many as the budget."""
        share = float(np.interp(budget / graph.nodes, self.budgets, self.ranks))
        kept = min(graph.nodes, max(budget, int(np.ceil(share * graph.nodes))))
        return by_degree(graph)[:kept]


def train(
    taught: Lessons, *, width: int, steps: int = 300, episodes: int = 40, turns: int = 15, seed: int = 0
) -> Solver:
    """Train the network that scores nodes, then the Q function.

    Args:
        taught: from :func:`lessons`.
        width: units of both layers of the network.
        steps: of its training.
        episodes: of Q-learning.
        turns: choices of an episode.
        seed: of the initial weights and the draws.

    Raises:
        UsageError: a bad number.
    """
    graph = taught.graph
    kept = max(count(turns, "turns") + 1, int(np.ceil(taught.ranks[-1] * graph.nodes)))
    nodes = by_degree(graph)[:kept]
    weights, left = train_scorer(graph, nodes, taught.goodness[nodes], width=width, steps=steps, seed=seed)
    scores, rng = score(weights, graph, nodes), stream(f"graph q-learning {width}", seed)
    near = sampled(Cover(taught.near.incidence[nodes]), scores, SHARE, rng)
    turns = min(turns, len(nodes) - 1)
    q = learn_q(near, scores, taught.reward, nodes, budget=turns, episodes=count(episodes, "episodes"), rng=rng)
    return Solver(taught.problem, weights, taught.budgets, taught.ranks, q, left)


def solve(
    solver: Solver, graph: Graph, budget: int, seed: int = 0, *, q: Sequence[float] | None = None
) -> Choice:
    """Choose nodes of a graph.

    Args:
        solver: a trained pipeline.
        graph: any graph.
        budget: nodes to choose.
        seed: of the sample of the neighbourhood.
        q: other weights of the Q function, for instance all 0 but that of the neighbourhood.

    Returns:
        The choice; its edges count those of the network's two layers.

    Raises:
        UsageError: the budget is not from 1 to the number of nodes.
    """
    nodes = solver.good_nodes(graph, budget_of(budget, graph.nodes))
    scores = score(solver.weights, graph, nodes)
    rng = stream("graph sample", seed)
    near = sampled(Cover(near_of(solver.problem, graph).incidence[nodes]), scores, SHARE, rng)
    found = choose(near, scores, solver.q if q is None else np.asarray(q, np.float64), budget)
    looked = len(graph.neighbours) + int(graph.degrees[nodes].sum()) + found.edges
    return Choice(nodes[found.nodes], found.gains, found.evaluated, looked)


def untrained(solver: Solver, seed: int) -> Solver:
    """The same pipeline with a network whose outgoing weights are drawn anew: the control of what it learnt."""
    out = solver.weights["out"]
    drawn = stream("graph untrained", seed).standard_normal(out.shape).astype(out.dtype)
    weights: Mapping[str, np.ndarray] = {**solver.weights, "out": drawn}
    return Solver(solver.problem, weights, solver.budgets, solver.ranks, solver.q, solver.left)
