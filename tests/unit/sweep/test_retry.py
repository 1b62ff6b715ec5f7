import math
from collections import Counter, deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overparam.sweep.retry import again, lost
from overparam.sweep.work import Job


def job(n, number=3):
    cells = tuple({"data": "/private/mine.npz", "seed": i} for i in range(n))
    return Job(number, "out", tuple(f"c{i}" for i in range(n)), tuple(f"f{i}" for i in range(n)), cells)


def names(jobs):
    return [j.names for j in jobs]


def test_what_is_stored_is_not_tried_again():
    assert again(job(3), {"c0", "c1", "c2", "other"}, Counter()) == ((), ())
    jobs, given_up = again(job(4), {"c1"}, Counter(["c0", "c2", "c3"]))
    assert names(jobs) == [("c0", "c2"), ("c3",)]
    assert given_up == ()


def test_a_part_keeps_number_folder_fingerprints_and_cells():
    first, second = again(job(5), (), Counter())[0]
    assert (first.number, first.out, second.number) == (3, "out", 3)
    assert (first.fingerprints, second.fingerprints) == (("f0", "f1", "f2"), ("f3", "f4"))
    assert [c["seed"] for c in first.cells + second.cells] == [0, 1, 2, 3, 4]


def test_a_cell_alone_is_given_up_after_the_last_attempt_and_never_in_company():
    single = job(1)
    assert again(single, (), Counter(c0=1)) == ((single,), ())
    assert again(single, (), Counter(c0=2)) == ((), (single,))
    assert again(single, (), Counter(c0=2), attempts=3) == ((single,), ())
    jobs, given_up = again(job(2), (), Counter(c0=9, c1=9))
    assert names(jobs) == [("c0",), ("c1",)]
    assert given_up == ()


def test_a_lost_cell_says_how_often_and_how_without_folders():
    event = lost(job(1), 2, "signal SIGKILL", ["first line", "last line"])
    assert event["error"] == ("the worker process ended 2 times on this cell (signal SIGKILL): last line")
    assert event["traceback"].splitlines() == [event["error"], "first line", "last line"]
    assert (event["event"], event["job"], event["name"], event["lost"]) == ("failed", 3, "c0", True)
    assert event["params"] == {"data": "mine.npz", "seed": 0}
    assert lost(job(1), 3, "its node died")["error"].endswith("ended 3 times on this cell (its node died)")


def simulate(n, bad, stray):
    """Run a stack of n cells on workers that die on the bad cells, and once each at the strokes ``stray``."""
    waiting, tries, stored, failed, deaths, stroke = deque([job(n)]), Counter(), set(), [], 0, 0
    while waiting:
        now = waiting.popleft()
        stroke += 1
        if stroke in stray or bad & set(now.names):
            deaths += 1
            stored |= (
                set(now.names[:1]) - bad if stroke in stray else set()
            )  # killed after a first cell was stored
            tries.update(now.names)
            jobs, given_up = again(now, stored, tries)
            waiting.extendleft(reversed(jobs))
            failed += [j.names[0] for j in given_up]
        else:
            stored |= set(now.names)
    return stored, failed, deaths


@given(n=st.integers(1, 40), data=st.data())
def test_every_cell_is_stored_or_given_up_once_and_only_the_bad_ones_are_given_up(n, data):
    everything = [f"c{i}" for i in range(n)]
    bad = set(data.draw(st.lists(st.sampled_from(everything), max_size=4)))
    stored, failed, deaths = simulate(n, bad, set())
    assert (stored, sorted(failed)) == (set(everything) - bad, sorted(bad))
    assert deaths <= max(1, len(bad)) * (math.ceil(math.log2(n)) + 2)


@given(n=st.integers(1, 40), stroke=st.integers(1, 3))
def test_one_stray_death_costs_no_cell(n, stroke):
    stored, failed, _ = simulate(n, set(), {stroke})
    assert (len(stored), failed) == (n, [])


@pytest.mark.parametrize("n", [2, 8, 32])
def test_one_bad_cell_costs_about_log2_deaths(n):
    assert simulate(n, {"c0"}, set())[2] == int(math.log2(n)) + 1
