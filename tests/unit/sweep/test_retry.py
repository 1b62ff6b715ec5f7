from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overparam.sweep.jobs import Job
from overparam.sweep.retry import ATTEMPTS, again, smaller


def job(count, notes=()):
    names = tuple(f"cell-{i}" for i in range(count))
    return Job(7, "runs", names, names, tuple({"seed": i} for i in range(count)), 60.0, notes)


@pytest.mark.parametrize(("halve", "sizes"), [(True, [3, 2]), (False, [1, 1, 1, 1, 1])])
def test_a_stack_is_halved_or_taken_apart(halve, sizes):
    parts, lost = again(job(6), ["cell-2"], Counter(), "signal SIGKILL", halve=halve)
    assert [len(part.names) for part in parts] == sizes
    assert [name for part in parts for name in part.names] == [f"cell-{i}" for i in (0, 1, 3, 4, 5)]
    assert all(part.cells[0] == {"seed": int(part.names[0][5:])} for part in parts)
    assert {(part.number, part.limit, part.notes) for part in parts} == {
        (7, 60.0, ("6 cells together: signal SIGKILL",))
    }
    assert lost == []


def test_a_cell_is_given_up_when_a_worker_has_ended_twice_on_it_alone():
    tries = Counter()
    (once,), lost = again(job(1), [], tries, "exit code 3", halve=True)
    assert (once.notes, lost) == (("alone: exit code 3",), [])
    assert again(once, [], tries, "exit code 3", halve=True) == ([], [0])
    assert again(job(1), ["cell-0"], Counter(), "exit code 3", halve=False) == ([], [])


@pytest.mark.parametrize(
    ("stored", "text"),
    [([], "6 cells together: signal SIGKILL, tried again with 3"),
     (["cell-2", "cell-5"], "6 cells together, 4 of them unfinished: signal SIGKILL, tried again with 2")],
)  # fmt: skip
def test_what_is_said_tells_how_many_cells_are_left(stored, text):
    parts, _ = again(job(6), stored, Counter(), "signal SIGKILL", halve=True)
    assert smaller(job(6), parts, "signal SIGKILL") == {"event": "smaller", "job": 7, "text": text}


@given(st.integers(1, 20), st.sets(st.integers(0, 19)), st.sets(st.integers(0, 19), max_size=3), st.booleans())
def test_every_cell_ends_stored_or_given_up_and_only_bad_ones_are(count, stored, bad, halve):
    """Workers end on any job that holds a bad cell, and store all cells of any other."""
    tries, waiting, given_up, ended = Counter(), [job(count)], set(), 0
    stored = {f"cell-{i}" for i in stored}
    bad = {f"cell-{i}" for i in bad if i < count} - stored
    while waiting:
        one = waiting.pop()
        if bad & set(one.names):
            ended += 1
            smaller, lost = again(one, stored, tries, "exit code 3", halve=halve)
            waiting += smaller
            given_up |= {one.names[i] for i in lost}
        else:
            stored |= set(one.names)
    assert given_up == bad
    assert stored | given_up >= {f"cell-{i}" for i in range(count)}
    assert ended <= (1 if not halve else 5 * len(bad)) + ATTEMPTS * len(bad)
