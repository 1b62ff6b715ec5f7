"""The study of graphs: a world in which all is true, brute force, times, and small cells of every problem."""

import itertools
import json

import numpy as np
import pytest

from overparam.core import DataError, UsageError, clean
from overparam.data.graphs import KINDS, SUFFIXES, draw_graph, from_edges
from overparam.graphs.cover import covered, neighbourhoods
from overparam.studies.graph_coverage import PROBLEMS, STUDY, WIDER, WORLD
from overparam.studies.graph_coverage_work import checks, most_covered, run, timed
from overparam.sweep.judge import judge

SMALL = {
    "nodes": 120,
    "train_nodes": 80,
    "budget": (3, 6),
    "width": (2, 4),
    "sets": 2000,
    "steps": 40,
    "s2v_steps": 12,
}


def cell(**change):
    return {axis.name: axis.default for axis in STUDY.axes} | SMALL | change


def test_a_world_in_which_all_is_true_is_answered_with_its_controls():
    world, other = WORLD.but(lazy_seconds=[0.018] * 4), "wider"
    found = judge(STUDY, world(np.random.default_rng(0)), profile="laptop", data="planted")
    assert len(found) == len(STUDY.claims)
    for verdict in found:
        if not verdict.claim.endswith(other):
            assert (verdict.status, verdict.control["ok"]) == ("supported", True), verdict.reason
    found = judge(STUDY, WIDER(np.random.default_rng(0)), profile="laptop", data="planted")
    assert [verdict.status for verdict in found if verdict.claim.endswith(other)] == ["supported"]


@pytest.mark.parametrize(
    "problem", [PROBLEMS[2], *(pytest.param(one, marks=pytest.mark.slow) for one in PROBLEMS[:2])]
)
def test_a_small_cell_holds_what_is_declared(problem):
    told = []
    (found,) = STUDY.work([cell(problem=problem)], told.append)
    assert told == sorted(told)
    values = found.values
    assert set(values) <= set(STUDY.values)
    assert ("imm_seconds" in values) == (problem == "influence") != ("s2v_seconds" in values)
    assert len(json.dumps(clean(values), allow_nan=False)) < 9_000
    assert values["budget"] == [3, 6]
    assert values["width"] == [2, 4]
    assert values["lazy_differs"] == 0
    assert values["random_quality"][-1] < values["gcomb_quality"][-1] < 1.3
    if problem != "influence":
        assert max(values["gcomb_quality"]) <= 1.2
        assert values["s2v_edges"][1] == 2 * values["s2v_edges"][0]
    assert all(0 < one < 5 for one in values["gcomb_seconds"])
    again = run(cell(problem=problem), lambda _: None)
    same = [name for name in values if "seconds" not in name and "slower" not in name]
    for name in same:
        assert again[name] == pytest.approx(values[name], rel=1e-4), name


@pytest.mark.slow
def test_all_values_come_from_some_problem():
    seen = set()
    for problem in ("coverage", "influence"):
        seen |= set(run(cell(problem=problem, steps=2, s2v_steps=1), lambda _: None))
    assert seen == set(STUDY.values)


def test_the_most_that_is_covered_is_found_by_trying_all():
    cover = neighbourhoods(from_edges([(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 0), (1, 4)]))
    best = max(covered(cover, list(two)) for two in itertools.combinations(range(6), 2))
    assert most_covered(cover, 2) == best == 6
    found = [checks(seed) for seed in (1000, 1001, 1002, 1003)]
    assert {one["lazy_differs"] for one in found} == {0}
    assert 0.6321 < min(one["worst_greedy"] for one in found) < 1.0
    assert 0 < max(one["ris_off"] for one in found) < 5


def test_time_is_the_least_of_the_calls():
    calls = []
    found, seconds = timed(lambda: calls.append(sum(range(10 ** (5 - 2 * len(calls))))), 2)
    assert (found, len(calls)) == (None, 2)
    assert seconds < 1e-3


def test_budgets_that_no_graph_has_are_refused():
    with pytest.raises(UsageError, match="--budgets: expected at most the 34 nodes of the graph, got 40"):
        STUDY.estimate(cell(data="karate", budget=(10, 40)))
    with pytest.raises(UsageError, match=r"--budgets: expected budgets that ascend, got \[6, 3\]"):
        STUDY.estimate(cell(budget=(6, 3)))
    with pytest.raises(UsageError, match="--widths: expected widths that ascend"):
        STUDY.estimate(cell(width=(4, 4)))
    with pytest.raises(DataError, match="--budgets: expected at most the 34 nodes"):
        run(cell(data="karate", budget=(10, 40)), lambda _: None)


@pytest.mark.slow
def test_a_graph_that_networkx_ships_is_solved():
    found = run(cell(data="karate", budget=(2, 4), steps=10, s2v_steps=2), lambda _: None)
    assert found["lazy_share"][1] > found["lazy_share"][0] > 0.5


def test_the_names_of_the_axis_are_those_of_the_graphs():
    axis = STUDY.axis("data")
    assert (axis.choices, axis.suffixes) == (KINDS, SUFFIXES)
    assert axis.check("friends.edges") == "friends.edges"
    with pytest.raises(
        UsageError, match=r"one of power-law, .*, or the path of a file \(.edges, .edgelist\), got 'a.txt'"
    ):
        axis.check("a.txt")


def test_a_graph_of_ones_own_is_solved(tmp_path):
    file = tmp_path / "friends.edges"
    file.write_text("".join(f"p{a} p{b}\n" for a, b in draw_graph("karate").pairs), encoding="utf-8")
    own, shipped = (cell(data=one, budget=(2, 4), steps=2, s2v_steps=1) for one in (str(file), "karate"))
    assert STUDY.estimate(own) == STUDY.estimate(shipped)
    with pytest.raises(UsageError, match="--budgets: expected at most the 34 nodes of the graph, got 40"):
        STUDY.estimate({**own, "budget": (10, 40)})
    found, other = (run(one, lambda _: None) for one in (own, shipped))
    assert found["lazy_share"] == other["lazy_share"]
