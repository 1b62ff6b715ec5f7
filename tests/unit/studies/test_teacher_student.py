"""The study of teachers and students: what is read from correlations, and a tiny cell."""

import itertools

import numpy as np
import pytest

from overparam import data
from overparam.core import UsageError
from overparam.studies import teacher_student_work as work
from overparam.studies.teacher_student import STUDY, akaike, aligning
from overparam.sweep.plan import stacks
from overparam.sweep.select import select

SMALL = {
    "d": 6, "nodes": 4, "outputs": 3, "factors": (0.5, 1.0), "n": 64, "steps": 60, "batch": 8, "deep_factor": 1,
}  # fmt: skip


def cell(**change):
    return {axis.name: axis.default for axis in STUDY.axes} | SMALL | change


@pytest.fixture(scope="module")
def found():
    told = []
    outcomes = STUDY.work([cell(seed=1000, decay=0.0), cell(seed=1000, decay=1.0)], told.append)
    assert told == sorted(told)
    return [one.values for one in outcomes]


@pytest.mark.slow
def test_a_cell_has_values_that_the_study_names_over_its_own_lists(found):
    equal, unequal = found
    widths = {name for name in STUDY.values if name.rsplit("_", 1)[-1] in ("2", "5", "10")}
    assert set(equal) == set(STUDY.values) - {n for n in widths if not n.endswith("0_5")}
    assert set(unequal) == set(equal)
    assert set(unequal["deep_miss"]) == {None}
    assert len(equal["deep_miss"]) == len(equal["step"]) == len(equal["gradient_0_5"])
    assert equal["factor"] == [0.5, 1.0]
    assert equal["step"][-1] == 60
    assert len(equal["found_1"]) == len(equal["strength"]) == 4


@pytest.mark.slow
def test_what_a_cell_holds_does_not_depend_on_the_seeds_beside_it(found):
    beside = STUDY.work([cell(seed=1001, decay=0.0), cell(seed=1000, decay=1.0)], lambda _: None)[1].values
    for name in ("loss_1", "gradient_0_5"):
        assert beside[name] == pytest.approx(found[1][name], rel=1e-3, nan_ok=True)


def test_cells_of_one_seed_share_teachers_but_for_their_fan_outs(found):
    equal, unequal = found
    ratio = np.array(equal["strength"]) / np.array(unequal["strength"])
    assert ratio == pytest.approx([1, 2, 3, 4], rel=1e-5)


def test_cells_of_one_seed_share_the_inputs_that_each_had_by_itself():
    cells = [cell(seed=seed, decay=decay) for seed in (1000, 1001) for decay in (0.0, 1.0)]
    teachers = [data.teacher(6, 4, 3, decay=one["decay"], seed=one["seed"]) for one in cells]
    sets = work.examples(teachers, cells, scale=1.5)
    for one, own, (x, y) in zip(teachers, cells, sets, strict=True):
        alone = one.examples(64, scale=1.5, seed=own["seed"])
        assert np.array_equal(x, alone[0])
        assert np.array_equal(y, alone[1])
    assert sets[0][0] is sets[1][0]
    assert sets[2][0] is sets[3][0] is not sets[0][0]
    assert not np.array_equal(sets[0][1], sets[1][1])


def test_a_stack_of_the_published_sweep_is_the_six_decays_of_a_seed():
    planned = stacks(STUDY, select(STUDY, "paper").cells())
    assert len(planned) == 3 * 32
    for one in planned:
        assert len({(own["seed"], own["nodes"]) for own in one.cells}) == 1
        assert [own["decay"] for own in one.cells] == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]


@pytest.mark.parametrize("profile", ["quick", "laptop"])
def test_stacks_of_the_smaller_profiles_are_those_in_which_they_were_judged(profile):
    """A cell is measured on the test inputs of the first seed of its stack, so these stacks must stay."""
    cells = select(STUDY, profile).cells()
    found = {tuple((one["decay"], one["seed"]) for one in stack.cells) for stack in stacks(STUDY, cells)}
    assert found == {
        tuple((one["decay"], one["seed"]) for one in cells[at : at + 8]) for at in range(0, len(cells), 8)
    }


def test_the_start_is_small_and_learns_nothing_in_sixty_steps(found):
    assert found[0]["cover_time"] == [60, 60]
    assert found[0]["never"] == [4, 4]
    assert found[0]["order"] == [0.0, 0.0]  # all are tied


def test_nodes_that_are_never_learnt_are_tied_after_all_others():
    assert work.order([10, 20, 30, 40]) == pytest.approx(1.0)
    assert work.order([40, 30, 20, 10]) == pytest.approx(-1.0)
    # ranks 1, 2, 3.5, 3.5 against 1 to 4: covariance 4.5/4, variances 4.5/4 and 5/4
    assert work.order([10, 20, 99, 99]) == pytest.approx((4.5 / 5) ** 0.5)
    assert work.order([7, 7, 7]) == 0.0


def test_a_node_is_learnt_at_the_first_probe_time_above_the_level():
    best = np.array([[0.1, 0.95, 0.2], [0.9, 0.5, 0.3], [0.99, 0.99, 0.89]])
    assert work.learnt_at(best, [1, 10, 100]) == [10, 1, None]


def test_the_time_of_coverage_lies_between_probe_times_where_the_last_node_needed_passes_the_level():
    best = np.array(
        [[0.1] * 5, [0.99, 0.99, 0.99, 0.90, 0.2], [1.0, 1.0, 1.0, 1.0, 0.3]]
    )  # four of five are needed
    assert work.covered_at(best, [1, 10, 100], 100) == pytest.approx(
        10**1.5
    )  # half of the way from 0.90 to 1.00
    assert work.covered_at(best[:2], [1, 10], 70) == 70  # never
    assert work.covered_at(best[2:], [100], 100) == 100  # at once


def test_sizes_are_means_over_bins_of_correlation():
    values = {"student_correlation": [[0.1, 0.2, 0.96, 0.99]] * 4, "size": [[1.0, 3.0, 4.0, 8.0]] * 4}
    shape = work.l_shape(values, slice(None), [20, 40, 60, 80])  # the first and the last
    assert shape["thin"] == pytest.approx(2.0 / 6.0)
    assert shape["thin_first"] == pytest.approx(2.0 / 6.0)
    assert shape["size"] == [2.0, None, None, None, None, None, 6.0] * 2
    assert shape["size_step"] == [20] * 7 + [80] * 7
    assert shape["correlation"] == pytest.approx([*np.convolve(work.BINS, [0.5, 0.5], "valid")] * 2)


def test_a_power_law_is_told_from_an_exponential():
    times = np.geomspace(20, 12_000, 40)
    noise = np.exp(0.05 * np.random.default_rng(0).standard_normal((2, 40)))
    power, exponential = akaike(np.stack([50 / times**0.7, 10 * np.exp(-times / 2000)]) * noise, times)
    assert power > 10
    assert exponential < -10


def test_the_power_of_alignment_is_read_from_the_second_half_and_above_rounding():
    g = np.geomspace(100, 1, 40)[None]
    miss = 1e-3 * g**1.5
    miss[0, :20] = 0.9
    assert aligning(g, miss) == pytest.approx([1.5])
    assert np.isnan(aligning(1e-5 * g / 100, miss)[0])


def test_probe_times_ascend_to_the_last_step():
    for steps in (1, 10, 12_000):
        times = work.probe_times(steps)
        assert times[-1] == steps
        assert list(times) == sorted(set(times))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"d": 2, "nodes": 9}, r"--nodes: expected at most 8 in 2 dimensions.*parallel, got 9\. Raise --d\."),
        ({"d": 3, "nodes": 50}, "--nodes: expected at most 49 in 3 dimensions"),
        ({"factors": (1.0, 3.0)}, r"--factors: expected some of 0\.5, 1, 2, 5, 10, each once, got 1, 3\."),
        ({"factors": (1.0, 1.0)}, "--factors: expected some of .*each once, got 1, 1"),
        ({"n": 8, "batch": 16}, "--batch: expected at most 8, as many as examples, got 16"),
    ],
)
def test_sizes_that_cannot_be_are_refused_before_any_work(change, words):
    with pytest.raises(UsageError, match=words):
        STUDY.estimate(cell(seed=1000, **change))


def test_so_many_nodes_as_lines_can_be_drawn():
    """The count of lines by brute force, and a teacher that has them all."""
    grid = [np.array(w, float) for w in itertools.product((-2, -1, 0, 1, 2), repeat=2) if any(w)]
    lines = {tuple(np.round(w / np.linalg.norm(w) * np.sign(w[np.flatnonzero(w)[0]]), 9)) for w in grid}
    assert len(lines) == 8
    assert data.teacher(2, 8, 3, seed=1000).widths == (8,)
    STUDY.estimate(cell(seed=1000, d=2, nodes=8))


def test_the_published_sweep_costs_hours():
    inside = {axis.name for axis in STUDY.axes if axis.inside_cell}
    paper = {
        name: given if name in inside else given[0] for name, given in STUDY.profiles["paper"].axes.items()
    }
    many = STUDY.profiles["paper"].axes
    seconds = [
        STUDY.estimate(cell(**paper | {"nodes": m, "decay": p})).seconds
        for m in many["nodes"]
        for p in many["decay"]
    ]
    assert 3600 < 32 * sum(seconds) < 100 * 3600
