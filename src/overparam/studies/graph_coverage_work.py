"""The work of graph-coverage: solvers trained on small graphs, timed beside greedy choice on a larger one.

Times are processor time of this process from the graph to the chosen nodes, the median of some repetitions; training is apart.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse

from overparam.core import DataError, Params, Progress
from overparam.data.graphs import KINDS, Graph, draw_graph, from_edges, named_graph
from overparam.data.stream import stream
from overparam.graphs.cover import Cover, covered
from overparam.graphs.gcomb import SETS, Solver, by_degree, lessons, near_of, solve, train, untrained
from overparam.graphs.greedy import Choice, greedy, lazy_greedy
from overparam.graphs.influence import exact_spread, imm, reverse_sets, spread
from overparam.graphs.structure2vec import solve_by_embedding, train_embedding

REPEATS = 5
SMALL, GRAPHS = 50, 20  # nodes, and number, of the graphs that the learned baseline is trained on
LOCAL, SCORES = (0, 0, 0, 0, 1, 0, 0), (0, 0, 0, 0, 0, 1, 0)  # weights of Q that look at one thing alone
LAWS = KINDS[:3]  # graphs that can be drawn anew
CHECKED = 5  # tiny graphs whose best nodes are found by trying all


def timed(run: Callable[[], Any], times: int = REPEATS) -> tuple[Any, float]:
    """What a function returns, and the median of the processor seconds of some calls."""
    found, took = None, []
    for _ in range(times):
        start = time.process_time()
        found = run()
        took.append(time.process_time() - start)
    return found, max(float(np.median(took)), 1e-6)


def lesson_kind(cell: Params) -> str:
    """The law of the graphs that are trained on: the graph's own, or a power law for one that is not drawn."""
    return str(cell["data"]) if cell["data"] in LAWS else "power-law"


def run(cell: Params, progress: Progress) -> dict[str, Any]:
    """One graph, one problem: all solvers at all budgets, and networks of all widths.

    Raises:
        DataError: a budget beyond the nodes of the graph.
    """
    graph = named_graph(cell["data"], cell["nodes"], cell["seed"])
    budgets, most = list(cell["budget"]), max(cell["budget"])
    if most > graph.nodes:
        raise DataError(
            f"--budgets: expected at most the {graph.nodes:,} nodes of the graph, got {most:,}. Take smaller ones."
        )
    taught_on = draw_graph(lesson_kind(cell), cell["train_nodes"], cell["seed"] + 10**6)
    problem, p, seed = cell["problem"], cell["chance"], cell["seed"]
    taught, lesson = timed(lambda: lessons(taught_on, problem, _turns(cell, graph.nodes), seed, chance=p), 1)
    sets = (
        reverse_sets(graph, p, cell["sets"], stream("graph judges", seed)) if problem == "influence" else None
    )
    judge = Judge(graph, near_of(problem, graph), sets)
    trained: dict[int, tuple[Solver, float]] = {}
    for place, width in enumerate(cell["width"]):
        trained[width] = timed(
            lambda width=width: train(taught, width=width, steps=cell["steps"], seed=seed),  # type: ignore[misc]
            1,
        )
        progress(0.5 * (place + 1) / len(cell["width"]))
    solver, training = trained[max(trained)]
    found = compared(cell, judge, solver, lambda share: progress(0.5 + 0.4 * share))
    found["train_seconds"] = lesson + training
    found |= widths(trained, judge, most, found["lazy_share"][-1], found["lazy_seconds"][-1], seed)
    found |= kept(solver, graph, budgets, judge.best)
    found |= checks(seed)
    return {"budget": budgets, **found}


def _turns(cell: Params, nodes: int) -> int:
    """Nodes that are chosen by lot on the training graph: the same share as at the largest budget, and a quarter more."""
    share = 1.25 * max(cell["budget"]) / nodes
    return int(min(cell["train_nodes"] // 2, max(20, np.ceil(share * cell["train_nodes"]))))


class Judge:
    """How good some nodes are: the share of elements covered, or of the nodes that are active on average."""

    def __init__(self, graph: Graph, near: Cover, sets: Cover | None) -> None:
        self.graph, self.near, self.sets = graph, near, sets
        self.best: np.ndarray = np.zeros(0, np.int64)

    def share(self, nodes: Any) -> float:
        """Between 0 and 1."""
        if self.sets is not None:
            return spread(self.sets, nodes)[0] / self.graph.nodes
        return covered(self.near, nodes) / self.near.elements


def compared(cell: Params, judge: Judge, solver: Solver, progress: Progress) -> dict[str, Any]:
    """Every solver at every budget: share, share over that of lazy greedy choice, seconds, and edges looked at."""
    graph, problem, seed, p = judge.graph, cell["problem"], cell["seed"], cell["chance"]
    budgets, many = list(cell["budget"]), SETS * graph.nodes

    def lazy(k: int) -> Choice:
        if problem == "influence":
            return lazy_greedy(reverse_sets(graph, p, many, stream("graph ris", seed)), k)
        return lazy_greedy(near_of(problem, graph), k)

    ways: dict[str, Callable[[int], Choice]] = {"lazy": lazy, "gcomb": lambda k: solve(solver, graph, k, seed)}
    if problem == "influence":
        ways["imm"] = lambda k: imm(graph, p, k, stream("graph imm", seed), error=cell["error"])[0]
    rows: dict[str, list[Any]] = {}
    for place, k in enumerate(budgets):
        for name, way in ways.items():
            found, seconds = timed(lambda way=way, k=k: way(k), 1 if name == "imm" else REPEATS)  # type: ignore[misc]
            _note(rows, name, judge.share(found.nodes), seconds, found.edges)
            if name == "lazy":
                judge.best = found.nodes
        progress(0.5 * (place + 1) / len(budgets))
    if problem != "influence":
        learned(rows, cell, judge)
    order, drawn = by_degree(graph), stream("graph random", seed)
    anyhow = [drawn.permutation(graph.nodes) for _ in range(5)]
    for k in budgets:
        _share(rows, "degree", judge.share(order[:k]))
        _share(rows, "random", float(np.mean([judge.share(one[:k]) for one in anyhow])))
        _share(rows, "local", judge.share(solve(solver, graph, k, seed, q=LOCAL).nodes))
        _share(rows, "top", judge.share(solve(solver, graph, k, seed, q=SCORES).nodes))
        _share(rows, "untrained", judge.share(solve(untrained(solver, seed), graph, k, seed).nodes))
    for name in [one.removesuffix("_share") for one in rows if one.endswith("_share")]:
        rows[f"{name}_quality"] = [
            a / b for a, b in zip(rows[f"{name}_share"], rows["lazy_share"], strict=True)
        ]
    return {name: row for name, row in rows.items() if name != "lazy_quality" and not _inner(name)}


def _inner(name: str) -> bool:
    return name.endswith("_share") and not name.startswith(("lazy", "gcomb", "random"))


def _share(rows: dict[str, list[Any]], name: str, share: float) -> None:
    rows.setdefault(f"{name}_share", []).append(share)


def _note(rows: dict[str, list[Any]], name: str, share: float, seconds: float, edges: int) -> None:
    _share(rows, name, share)
    rows.setdefault(f"{name}_seconds", []).append(seconds)
    rows.setdefault(f"{name}_edges", []).append(edges)


def learned(rows: dict[str, list[Any]], cell: Params, judge: Judge) -> None:
    """The learned baseline: trained on small graphs, then one course of choices, each of which costs the same."""
    problem, seed = cell["problem"], cell["seed"]
    small = [draw_graph(lesson_kind(cell), SMALL, 10**6 + GRAPHS * seed + i) for i in range(GRAPHS)]
    weights = train_embedding(
        small, [near_of(problem, one) for one in small], turns=8, steps=cell["s2v_steps"], seed=seed
    )
    times = [time.process_time()]
    found = solve_by_embedding(
        weights, judge.graph, judge.near, max(cell["budget"]), lambda: times.append(time.process_time())
    )
    step = max(float(np.median(np.diff(times))), 1e-6)
    for k in cell["budget"]:
        edges = round(found.edges * k / len(found.nodes))
        _note(rows, "s2v", judge.share(found.nodes[:k]), k * step, edges)


def widths(
    trained: dict[int, tuple[Solver, float]], judge: Judge, budget: int, best: float, lazy: float, seed: int
) -> dict[str, Any]:
    """Networks of all widths at the largest budget: quality with all, and by scores alone; what is left; time."""
    rows: dict[str, list[float]] = {name: [] for name in ("quality", "top_quality", "left", "slower")}
    for solver, _ in trained.values():
        found, seconds = timed(lambda solver=solver: solve(solver, judge.graph, budget, seed))  # type: ignore[misc]
        rows["quality"].append(judge.share(found.nodes) / best)
        rows["top_quality"].append(judge.share(solve(solver, judge.graph, budget, seed, q=SCORES).nodes) / best)
        rows["left"].append(solver.left)
        rows["slower"].append(seconds / lazy)
    return {"width": list(trained), **{f"width_{name}": row for name, row in rows.items()}}


def kept(solver: Solver, graph: Graph, budgets: list[int], best: np.ndarray) -> dict[str, Any]:
    """The share of the nodes that pruning keeps, and of the nodes that lazy greedy chooses that are among them."""
    good = [solver.good_nodes(graph, k) for k in budgets]
    return {
        "kept_nodes": [len(one) / graph.nodes for one in good],
        "kept_picks": [float(np.isin(best[:k], one).mean()) for k, one in zip(budgets, good, strict=True)],
    }


def checks(seed: int) -> dict[str, Any]:
    """Tiny covers: choices in which lazy and plain greedy differ, greedy over the best, and random sets against all worlds."""
    rng, differ, worst = stream("graph checks", seed), 0, 1.0
    for place in range(CHECKED):
        tiny = draw_graph("power-law" if place % 2 else "random-edges", 20, CHECKED * seed + place)
        drawn = Cover(sparse.csr_matrix((rng.random_sample((14, 30)) < 0.2).astype(np.int32)))
        for cover in (near_of("coverage", tiny), near_of("vertex-cover", tiny), drawn):
            plain, fast = greedy(cover, cover.nodes), lazy_greedy(cover, cover.nodes)
            differ += int((plain.nodes != fast.nodes).sum() + (plain.gains != fast.gains).sum())
        worst = min(worst, float(greedy(drawn, 4).gains.sum()) / most_covered(drawn, 4))
    tree = [(i, int(rng.randint(i))) for i in range(1, 9)]
    extra = sorted(set(itertools.combinations(range(9), 2)) - {(b, a) for a, b in tree})
    world = from_edges([*tree, *(extra[i] for i in rng.permutation(len(extra))[:3])])
    sets = reverse_sets(world, 0.3, 4000, rng)
    off = []
    for chosen in ([0], [3, 5], [1, 2, 8]):
        mean, error = spread(sets, chosen)
        off.append(abs(mean - exact_spread(world, chosen, 0.3)) / error)
    return {"lazy_differs": differ, "worst_greedy": worst, "ris_off": max(off)}


def most_covered(cover: Cover, budget: int) -> int:
    """The most elements that any nodes of a budget cover, by trying all."""
    masks = [sum(1 << int(e) for e in cover.of(node)) for node in range(cover.nodes)]
    best = 0
    for group in itertools.combinations(masks, budget):
        union = 0
        for mask in group:
            union |= mask
        best = max(best, union.bit_count())
    return best
