"""The study on switches: the count of pairs against all subsets, and a real small cell."""

from itertools import combinations

import numpy as np
import pytest

from overparam.core import Evidence
from overparam.data.signed import signed_examples
from overparam.own.instance import draw_instance
from overparam.studies.relu_switches import STUDY, WORLD, counted
from overparam.sweep.judge import judge


@pytest.fixture(scope="module")
def start():
    return draw_instance(*signed_examples("sphere", 4, 3, 0), "relu", 8, 0, scale=1.0, antisymmetric=True)


def verdicts(evidence):
    found = judge(STUDY, evidence, profile="laptop", data="planted")
    return {verdict.claim.partition(".")[2]: verdict for verdict in found}


def test_a_world_in_which_all_is_true_is_answered_with_its_controls():
    evidence = WORLD(np.random.default_rng(0))
    found = verdicts(evidence)
    assert {verdict.status for verdict in found.values()} == {"supported"}
    assert all(verdict.control["ok"] for verdict in found.values())
    one = verdicts(Evidence(evidence.rows[:1]))
    assert {name: verdict.status for name, verdict in one.items()} == {
        "switches": "inconclusive", "falls": "inconclusive", "allowed": "supported"}  # fmt: skip


def test_what_is_seen_on_one_data_set_is_not_refuted_on_another():
    many = verdicts(WORLD.but(switched=[0.9] * 7)(np.random.default_rng(0)))
    assert many["switches"].status == "inconclusive"
    assert many["falls"].status == "contradicted"  # a question of ours: no
    beyond = verdicts(WORLD.but(pushed_switched_over=[0.1, 1.01, *[0.1] * 5])(np.random.default_rng(0)))
    assert beyond["allowed"].status == "contradicted"


def test_switches_against_all_subsets(start):
    """The worst case of a sample: the largest set of units whose squared distances sum to at most the movement."""
    x = start.x
    move = np.random.default_rng(0).standard_normal(start.weights.shape)
    for size in (0.1, 0.5, 1.5):
        moved = start.weights + size * move / np.linalg.norm(move)
        share, over = counted(start, moved)
        flips = ((x @ start.weights.T > 0) != (x @ moved.T > 0)).sum(axis=1)
        away = (np.abs(x @ start.weights.T) / np.linalg.norm(x, axis=1)[:, None]) ** 2
        most = [
            max(m for m in range(9) for some in combinations(range(8), m) if sum(row[list(some)]) <= size**2)
            for row in away
        ]
        assert share == pytest.approx(flips.sum() / 32)
        assert over == pytest.approx(max(0.0 if f == 0 else f / m for f, m in zip(flips, most, strict=True)))
        assert over <= 1


def test_the_bound_on_switches_is_reached(start):
    """Where all weights change sign every pair switches, as many as the movement allows: the check is not empty."""
    assert counted(start, -start.weights) == (1.0, 1.0)


def test_a_small_cell():
    cell = {axis.name: axis.default for axis in STUDY.axes} | {"n": 6, "d": 8, "widest": 512}
    values = STUDY.work([cell], lambda _: None)[0].values
    assert set(values) == set(STUDY.values)
    assert values["switch_width"] == [256, 512, 1024]
    assert all(over <= 1 for over in values["switched_over"])
    assert values["theory_switched"][0] == values["switched"][0]
