import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overparam.core import Axis
from overparam.core.errors import UsageError
from overparam.core.registry import find
from overparam.sweep.key import cell_name, identity
from overparam.sweep.plan import stacks
from overparam.sweep.select import select
from tests.conftest import TOY

STUDY = find(str(TOY))


def test_a_profile_gives_the_grid_in_the_order_of_the_axes(toy):
    cells = select(toy, "quick").cells()
    assert len(cells) == 3 * 2 * 3
    assert cells[0] == {"data": "digits", "width": 8, "noise": 0.0, "fault": "none", "seed": 0}


@pytest.mark.parametrize(
    ("overrides", "mark", "run"),
    [
        ({}, "", "quick"),
        ({"widths": "8,16,32"}, "", "quick"),
        ({"seeds": "5"}, "extended", "quick+seed=0-to-4"),
        ({"seeds": "2"}, "exploratory", "quick+seed=0-1"),
        ({"seeds": "7,9"}, "exploratory", "quick+seed=7-9"),
        ({"noise": [0.0, 0.3]}, "exploratory", "quick+noise=0.0-0.3"),
        ({"widths": (8,), "seeds": 4}, "exploratory", "quick+width=8,seed=0-to-3"),
    ],
)
def test_overrides_are_marked(toy, overrides, mark, run):
    selection = select(toy, "quick", overrides)
    assert (selection.mark, selection.run) == (mark, run)


@pytest.mark.parametrize(
    ("given", "seeds", "text"),
    [
        ("5", (0, 1, 2, 3, 4), "5"),
        (5, (0, 1, 2, 3, 4), "5"),
        ("7,", (7,), "7,"),
        ([7], (7,), "7,"),
        ("9,3", (3, 9), "3,9"),
    ],
)
def test_seeds_are_a_count_or_a_list_and_can_be_written_again(toy, given, seeds, text):
    selection = select(toy, "quick", {"seeds": given})
    assert selection.axes["seed"] == seeds
    assert selection.overrides == {"seeds": text}
    assert select(toy, "quick", selection.overrides).axes == selection.axes


def test_two_runs_never_share_a_name(toy):
    long = [",".join(str(w) for w in (*range(1000, 1040), last)) for last in (2000, 3000)]
    names = [select(toy, "quick", {"widths": text, "noise": n}).run for text in long for n in ("0.1", "0.2")]
    assert len(set(names)) == 4
    paths = [select(toy, "quick", {"data": f"{folder}/mine.npz"}).run for folder in ("a", "b")]
    assert len(set(paths)) == 2
    assert all(name.startswith("quick+data=mine.npz-") for name in paths)
    assert all(len(name) <= 90 for name in names + paths)


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("digits,mnist", ("digits", "mnist")),
        ("gaussian:n=700,d=20,seed=0", ("gaussian:n=700,d=20,seed=0",)),
        ("digits,sphere:n=9,d=2,mnist1d", ("digits", "sphere:n=9,d=2", "mnist1d")),
    ],
)
def test_data_sets_are_named_with_their_options(toy, given, names):
    selection = select(toy, "quick", {"data": given})
    assert selection.axes["data"] == names
    assert select(toy, "quick", selection.overrides).axes == selection.axes


def test_an_axis_given_twice_is_refused(toy):
    with pytest.raises(UsageError, match="--widths: expected it once, got it twice"):
        select(toy, "quick", {"widths": 9, "width": 16})


def test_a_profile_means_the_same_as_the_option_it_equals(toy):
    whole = dataclasses.replace(toy.profiles["quick"], axes={**toy.profiles["quick"].axes, "noise": (0,)})
    study = dataclasses.replace(toy, profiles={"quick": whole})
    assert repr(select(study, "quick").axes["noise"]) == repr(
        select(study, "quick", {"noise": "0"}).axes["noise"]
    )


def test_a_subset_of_the_profiles_data_sets_is_not_exploratory(toy):
    profile = dataclasses.replace(
        toy.profiles["quick"], axes={**toy.profiles["quick"].axes, "data": ("a", "b")}
    )
    both = dataclasses.replace(toy, profiles={"quick": profile})
    assert select(both, "quick", {"data": "b"}).mark == ""
    assert select(both, "quick", {"data": "c"}).mark == "exploratory"


@pytest.mark.parametrize(
    ("overrides", "text"),
    [
        ({"widths": "0"}, "--widths: expected a whole number of at least 1, got '0'"),
        ({"noise": "1.5"}, "--noise: expected a number from 0 to 1, got '1.5'"),
        ({"noise": "-0.1"}, "--noise: expected a number from 0 to 1, got '-0.1'"),
        ({"wdths": "3"}, "unknown option '--wdths'. Did you mean '--widths'"),
        ({"seeds": "0"}, "--seeds: expected a whole number of at least 1, got '0'"),
        (
            {"seeds": "1001"},
            "--seeds: expected a count of at most 1000, from seed 0 on, got 1001, which reaches the pilot seeds",
        ),
        ({"widths": ""}, "--widths: expected a whole number of at least 1, got nothing"),
    ],
)
def test_bad_overrides_are_answered(toy, overrides, text):
    with pytest.raises(UsageError) as caught:
        select(toy, "quick", overrides)
    assert text in str(caught.value)


def test_an_unknown_profile_names_the_nearest(toy):
    with pytest.raises(UsageError, match="unknown profile 'quik'. Did you mean 'quick'"):
        select(toy, "quik")


def test_stacks_agree_on_what_they_must_and_the_dearest_comes_first(toy):
    planned = stacks(toy, select(toy, "quick").cells())
    assert [stack.cells[0]["width"] for stack in planned] == [32, 16, 8]
    assert all(len({cell["width"] for cell in stack.cells}) == 1 for stack in planned)
    assert sum(len(stack.cells) for stack in planned) == 18


def test_stacks_are_split_to_fit_the_memory(toy):
    planned = stacks(toy, select(toy, "quick").cells(), memory=2.5e6)
    assert {len(stack.cells) for stack in planned} == {2}
    with pytest.raises(UsageError, match="expected to need 0.0 GB, got a budget of 0.0 GB"):
        stacks(toy, select(toy, "quick").cells(), memory=10)


params = st.fixed_dictionaries(
    {
        "data": st.just("digits"),
        "width": st.integers(1, 10**6),
        "noise": st.floats(0, 1),
        "fault": st.sampled_from(["none", "raise", "die", "diverge"]),
        "seed": st.integers(0, 10**6),
    }
)


@given(params, params)
def test_names_are_equal_exactly_when_parameters_are(one, other):
    names = [cell_name(STUDY, p, "f" * 16) for p in (one, other)]
    assert (names[0] == names[1]) == (one == other)
    assert all(
        set(n) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789=.,_+-") for n in names
    )
    assert all(len(n) <= 100 for n in names)


@given(params)
def test_a_name_survives_a_json_round_trip_of_its_parameters(one):
    again = json.loads(json.dumps(one))
    assert cell_name(STUDY, one, "f") == cell_name(STUDY, again, "f")


def test_a_new_axis_at_its_default_orphans_no_result(toy):
    one = select(toy, "quick").cells()[0]
    wider = dataclasses.replace(toy, axes=(*toy.axes, Axis("extra", "New.", float, default=1.0)))
    assert cell_name(wider, {**one, "extra": 1.0}, "f") == cell_name(toy, one, "f")
    assert cell_name(wider, {**one, "extra": 2.0}, "f") != cell_name(toy, one, "f")


def test_data_and_computation_are_part_of_the_key_and_the_profile_is_not(toy):
    one = select(toy, "quick").cells()[0]
    assert cell_name(toy, one, "f") != cell_name(toy, one, "g")
    assert cell_name(toy, one, "f") != cell_name(dataclasses.replace(toy, cell_version=2), one, "f")
    assert "quick" not in json.dumps(identity(toy, one, "f"))


def test_a_stack_is_split_so_that_a_kill_costs_at_most_half_an_hour(toy):
    cells = [{"data": "digits", "width": 60_000, "noise": 0.0, "fault": "none", "seed": s} for s in range(8)]
    assert [(len(stack.cells), stack.seconds) for stack in stacks(toy, cells)] == [
        (3, 1800),
        (3, 1800),
        (2, 1200),
    ]
    longer = [{**cell, "width": 1_000_000} for cell in cells]  # a cell of 10,000 s cannot be split
    assert [len(stack.cells) for stack in stacks(toy, longer)] == [1] * 8


def test_cells_that_share_examples_make_a_stack_of_their_own_where_two_such_sets_do_not_fit(toy):
    noises = (0.0, 0.1, 0.2)
    cells = [
        {"data": "digits", "width": 8, "noise": p, "fault": "none", "seed": s} for p in noises for s in range(4)
    ]
    study = dataclasses.replace(toy, stack_by=("data", "width", "fault"), stack_whole=("noise",), stack_limit=5)

    def found(some, study=study):
        return [[(cell["seed"], cell["noise"]) for cell in stack.cells] for stack in stacks(study, some)]

    assert sorted(found(cells)) == [[(s, p) for p in noises] for s in range(4)]
    # what is left of a set, of which one noise is stored, goes with the others that are left, in their order
    left = [cell for cell in cells if (cell["seed"], cell["noise"]) not in ((0, 0.1), (1, 0.2))]
    assert [(0, 0.0), (1, 0.0), (1, 0.1), (0, 0.2)] in found(left)
    assert len(found(left)) == 3
    # three are half of six, and more than two: the plan is that without sets
    for limit in (6, 2):
        small = dataclasses.replace(study, stack_limit=limit)
        assert found(cells, small) == found(cells, dataclasses.replace(small, stack_whole=()))
