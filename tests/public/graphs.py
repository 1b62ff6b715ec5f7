"""The lines of graphs and of choosing their nodes."""

from __future__ import annotations

from overparam.data.graphs import from_edges
from overparam.graphs.cover import neighbourhoods
from tests.public.case import Case

PATH = from_edges([(0, 1), (1, 2), (2, 3)])

CASES = {
    "data.graphs.draw_graph": Case(
        {"kind": "power-law", "nodes": 30, "seed": 0}, sizes="nodes seed", choices="kind", lean=True
    ),
    "graphs.greedy.greedy": Case({"cover": neighbourhoods(PATH), "budget": 2}, sizes="budget"),
    "graphs.greedy.lazy_greedy": Case({"cover": neighbourhoods(PATH), "budget": 2}, sizes="budget"),
}
