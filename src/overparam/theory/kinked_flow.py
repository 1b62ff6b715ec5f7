"""Gradient flow of relu students through the kink of the loss at norm 0.

Near norm 0 a student w = r u changes the loss by ``r g(u)``, to first order, with g of its direction alone. A student that
shrinks to 0 does so where g is above 0. It leaves along a direction in which g is below 0, or stays while there is none: what
descent with ever smaller steps does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from overparam.core.errors import UsageError

GONE = 1e-9
"""Norm of a student, over the largest entry of a teacher, below which it counts as 0."""
MOST_SLOPES = 100_000
"""Gradients of one flow."""
_TURNS = 300  # steps of the search for a direction in which the loss falls
_SLOW = (
    1e-6  # speed, over the largest entry of a teacher, below which a student does not reach 0 but tends to it
)
_RISES = 1e-9  # slope, over the largest that there is, that counts as falling

Slope = Callable[[Any, Any, Any, Any], tuple[float, Any]]


def flow(slope: Slope, w: Any, v: Any, a: Any, b: Any, times: Any) -> Any:
    """Follow the flow and return the students at the times, shape ``(times, units, features)``.

    Args:
        slope: loss and gradient in the students, of students, teachers and the output weights of both.
        w: students at time 0, shape ``(units, features)``.
        v: teachers, shape ``(m, features)``.
        a: output weights of the students.
        b: those of the teachers.
        times: ascending and finite.

    Raises:
        UsageError: a flow that asks for too many gradients, or that the solver gives up.
    """
    from scipy.integrate import solve_ivp

    size = float(np.abs(v).max())
    asked, least = 0, GONE * size

    def falls(_: float, flat: Any, some: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked > MOST_SLOPES:
            raise UsageError(
                f"times: expected a flow that can be followed with {MOST_SLOPES:,} gradients, got times up to {times[-1]:g} for "
                "students and teachers of these sizes. Take shorter times."
            )
        return -slope(flat.reshape(-1, w.shape[1]), v, a[some], b)[1].ravel()

    def way(students: Any, some: Any, one: int, starts: Any) -> tuple[Any, float]:
        return way_out(slope, students, v, a[some], b, float(a[one]), starts)

    found, now, students = np.zeros((len(times), *w.shape)), 0.0, w.copy()
    found[times == 0] = w
    alive = np.ones(len(w), bool)
    while now < times[-1]:
        some, gone = np.flatnonzero(alive), np.flatnonzero(~alive)
        shape = (len(some), w.shape[1])
        if not len(some):
            break
        events = [_event(partial(_size, shape, i, least)) for i in range(len(some))]
        events += [_event(partial(_rise, way, shape, some, int(one), v, _RISES * size)) for one in gone]
        solved = solve_ivp(
            falls, (now, times[-1]), students[some].ravel(), method="LSODA", dense_output=True, events=events, rtol=1e-10,
            atol=1e-14 * size, args=(some,),
        )  # fmt: skip
        if not solved.success:
            raise UsageError(
                f"times: expected a flow that can be followed, got '{solved.message}'. Take shorter times."
            )
        then = float(solved.t[-1])
        inside = (times > now) & (times <= then)
        if inside.any():
            found[np.ix_(inside, alive)] = solved.sol(times[inside]).T.reshape(-1, *shape)
        now, students[some] = then, solved.y[:, -1].reshape(shape)
        pull = np.zeros_like(w)
        pull[some] = falls(then, students[some].ravel(), some).reshape(shape)
        pull = -pull
        met = np.array([len(at) > 0 for at in solved.t_events])
        if not met.any():
            break
        for one in np.concatenate([some, gone])[met]:
            first = -students[one] / np.linalg.norm(students[one]) if alive[one] else None
            slow = first is not None and float(pull[one] @ first) > -_SLOW * size
            alive[one], students[one] = False, 0.0
            if slow:  # it comes ever nearer to a saddle at 0, and never gets there
                continue
            rest = np.flatnonzero(alive)
            starts = _starts(students[rest], v)
            towards, rise = way(students[rest], rest, one, starts if first is None else first[None])
            if rise > -_RISES * size and first is not None:
                towards, rise = way(students[rest], rest, one, starts)
            if rise <= -_RISES * size:
                alive[one], students[one] = True, 2 * least * towards
    return found


def way_out(
    slope: Slope, students: Any, v: Any, a: Any, b: Any, weight: float, starts: Any
) -> tuple[Any, float]:
    """The direction in which the loss falls fastest for a student that leaves 0, and its slope g there.

    Args:
        slope: as for :func:`flow`.
        students: the others, shape ``(units, features)``.
        v: teachers.
        a: output weights of the others.
        b: those of the teachers.
        weight: output weight of the student.
        starts: unit vectors from which the search begins, shape ``(starts, features)``.
    """
    tiny = 1e-12 * float(np.abs(v).max())
    best, lowest = starts[0], np.inf
    for u in starts:
        for _ in range(_TURNS):
            gradient = slope(np.vstack([students, tiny * u]), v, np.append(a, weight), b)[1][-1]
            rise = float(gradient @ u)
            turn = gradient - rise * u
            whole = float(np.linalg.norm(gradient))
            if np.linalg.norm(turn) <= 1e-7 * whole:
                break
            u = u - turn / whole
            u = u / np.linalg.norm(u)
        if rise < lowest:
            best, lowest = u, rise
    return best, lowest


def _starts(students: Any, v: Any) -> Any:
    """Directions of the teachers and of what the students lack to them, both ways."""
    lack = v.sum(axis=0) - students.sum(axis=0)
    rows = np.vstack([v, lack[None]])
    sizes = np.linalg.norm(rows, axis=1)
    rows = rows[sizes > 0] / sizes[sizes > 0, None]
    return np.vstack([rows, -rows])


def _size(shape: Any, student: int, least: float, flat: Any) -> float:
    return float(np.linalg.norm(flat.reshape(shape)[student])) - least


def _rise(way: Any, shape: Any, some: Any, one: int, v: Any, margin: float, flat: Any) -> float:
    students = flat.reshape(shape)
    return float(way(students, some, one, _starts(students, v))[1]) + margin


def _event(value: Callable[[Any], float]) -> Any:
    """An event that ends a part of the flow where a value falls through 0."""

    def crossed(_: float, flat: Any, some: Any) -> float:
        return value(flat)

    crossed.terminal, crossed.direction = True, -1  # type: ignore[attr-defined]
    return crossed
