r"""Two-layer relu students of a relu teacher on Gaussian inputs: the loss of the whole population, in closed form.

With u . x and v . x jointly Gaussian, and theta the angle of u and v,

    E[relu(u.x) relu(v.x)] = |u||v| (sin theta + (pi - theta) cos theta) / (2 pi)
                           = u.v / 2 + |u||v| (sin theta - theta cos theta) / (2 pi).

In the second form nothing cancels where a student is near a teacher: the first term sums to ``|sum c_k u_k|^2 / 4``, and the
second is of order theta^3. So a loss of 1e-25 keeps its digits where there is one teacher, and one near 1e-17 times the
squared norms where there are several.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core.errors import DataError, UsageError
from overparam.theory.assumption import Assumption, checked
from overparam.theory.inputs import all_finite, numbers, positive, times_of
from overparam.theory.kernels.row_angles import angles, rows_of
from overparam.theory.kinked_flow import flow
from overparam.theory.theorem import Theorem

CITATION = (
    "M. Zhou, R. Ge and C. Jin, A local convergence theory for mildly over-parameterized two-layer neural network, COLT "
    "2021, arXiv:2102.02410; closed form: Y. Cho and L. Saul, Kernel methods for deep learning, NeurIPS 2009."
)
PARALLEL = 1e-6  # radians
MOST_STEPS = 1_000_000  # of descent
_SMALL = 0.05  # radians: below, differences of sines are summed as series
_LARGEST = 1e50


@dataclass(frozen=True, eq=False)
class PopulationPath:
    """Students on the way down the population loss.

    Attributes:
        times: of gradient flow, or steps.
        loss: the population loss at these, shape ``(times,)``.
        gradient: the norm of its gradient, shape ``(times,)``.
        angle: the largest angle of a student of norm above 1e-3 to the nearest teacher, radians, shape ``(times,)``.
        students: their weights, shape ``(times, units, features)``.
    """

    times: Float64[np.ndarray, " times"]
    loss: Float64[np.ndarray, " times"]
    gradient: Float64[np.ndarray, " times"]
    angle: Float64[np.ndarray, " times"]
    students: Float64[np.ndarray, "times units features"]


def population_loss(
    students: ArrayLike,
    teachers: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    teacher_weights: ArrayLike | None = None,
) -> float:
    r"""Mean of half the squared error over standard normal inputs, in squared units of the target.

    .. math:: L = \tfrac12 E_{x \sim N(0, I)} \big(\sum_i a_i \,relu(w_i \cdot x) - \sum_j b_j \,relu(v_j \cdot x)\big)^2

    Args:
        students: rows w_i, shape ``(units, features)``.
        teachers: rows v_j, shape ``(m, features)``.
        weights: a_i, shape ``(units,)``; None are ones.
        teacher_weights: b_j, shape ``(m,)``; None are ones.

    Returns:
        The loss; never below 0.

    Raises:
        DataError: arrays that are no finite numbers or do not fit together, or sizes above 1e50.

    Assumptions: see :func:`assumptions`.

    References: Cho and Saul 2009, equations 3 and 6 for order 1 (numbers recalled); setting: Zhou, Ge and Jin 2021, section 2
        (recalled).

    >>> round(population_loss([[2.0, 0.0]], [[1.0, 0.0]]), 12)  # E relu(g)^2 = 1/2
    0.25
    >>> population_loss([[0.25, 0.0], [0.75, 0.0]], [[1.0, 0.0]])
    0.0
    """
    w, v, a, b = _given(students, teachers, weights, teacher_weights)
    return _loss_and_gradient(w, v, a, b)[0]


def population_gradient(
    students: ArrayLike,
    teachers: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    teacher_weights: ArrayLike | None = None,
) -> Float64[np.ndarray, "units features"]:
    r"""Gradient of :func:`population_loss` in the students.

    With c_k = a_k for students and -b_k for teachers, u_k all of them and hats for unit vectors,

    .. math:: a_i \Big(\tfrac12 \sum_k c_k u_k
              + \tfrac1{2\pi} \sum_k c_k |u_k| (\sin\theta_{ik} \hat w_i - \theta_{ik} \hat u_k)\Big)

    Args: as for :func:`population_loss`.

    Returns:
        Shape ``(units, features)``. The loss has no gradient at a student of norm 0; there the one of smallest norm along the
        student's own direction, 0, stands for the second sum.

    Raises:
        DataError: as for :func:`population_loss`.

    References: own derivation from the closed form; theta in the sense of Kahan, see ``theory.kernels.row_angles``.

    >>> population_gradient([[2.0, 0.0]], [[1.0, 0.0]]).tolist()  # d/dw (w - 1)^2 / 4
    [[0.5, 0.0]]
    """
    w, v, a, b = _given(students, teachers, weights, teacher_weights)
    return _loss_and_gradient(w, v, a, b)[1]


def population_path(
    students: ArrayLike,
    teachers: ArrayLike,
    times: ArrayLike,
    *,
    rate: float | None = None,
    weights: ArrayLike | None = None,
    teacher_weights: ArrayLike | None = None,
) -> PopulationPath:
    """Gradient flow or gradient descent on the population loss; output weights stay as they are.

    A student can shrink to norm 0, where the loss has a kink. As descent in small steps does, it then leaves along a direction
    in which the loss falls, or stays while there is none.

    With one teacher and two or more students the loss falls as T^-3, with one student exponentially: more students are not
    faster.

    Args:
        students: where they begin, shape ``(units, features)``.
        teachers: shape ``(m, features)``.
        times: ascending, of flow, or whole numbers of steps with ``rate``.
        rate: step of gradient descent; None is gradient flow (solved to a relative 1e-10).
        weights: as for :func:`population_loss`.
        teacher_weights: as for :func:`population_loss`.

    Returns:
        Loss, gradient, largest angle and students at the times.

    Raises:
        DataError: as for :func:`population_loss`.
        UsageError: times that are infinite, too long to follow or do not ascend, a rate that is no positive number, or one
            with which the loss grows beyond all bounds.

    References: W. Xu and S. Du, Over-parameterization exponentially slows down gradient descent for learning a single neuron,
        COLT 2023, arXiv:2302.10034 (the rate T^-3; recalled).

    >>> path = population_path([[2.0, 0.0]], [[1.0, 0.0]], [0.0, 4.0])  # w - 1 falls as exp(-t / 2)
    >>> bool(abs(path.loss[1] / path.loss[0] / math.exp(-4) - 1) < 1e-8)
    True
    """
    w, v, a, b = _given(students, teachers, weights, teacher_weights)
    whole = rate is not None
    at = times_of(times, whole=whole)
    if np.isinf(at).any() or (np.diff(at) <= 0).any():
        raise UsageError(f"times: expected finite ones that ascend, got {at.tolist()[:6]}.")
    path = (
        flow(_loss_and_gradient, w, v, a, b, at)
        if rate is None
        else _descent(w, v, a, b, at, positive(rate, "rate"))
    )
    left = [
        one.any(axis=1) | (~w.any(axis=1) if rate is None else True) for one in path
    ]  # all but those that stay at 0
    found = [_loss_and_gradient(one[some], v, a[some], b) for one, some in zip(path, left, strict=True)]
    return PopulationPath(
        at,
        np.array([loss for loss, _ in found]),
        np.array([np.linalg.norm(gradient) for _, gradient in found]),
        np.array([_largest_angle(one, v) for one in path]),
        path,
    )


def _descent(w: Any, v: Any, a: Any, b: Any, times: Any, rate: float) -> Any:
    if times[-1] > MOST_STEPS:
        raise UsageError(
            f"times: expected at most {MOST_STEPS:,} steps, got {times[-1]:g}. Leave out rate= for the flow."
        )
    found, now, first = [], w, _loss_and_gradient(w, v, a, b)[0]
    for step in range(int(times[-1]) + 1):
        if step in times:
            found.append(now)
        with np.errstate(over="ignore", invalid="ignore"):
            loss, gradient = _loss_and_gradient(now, v, a, b)
        if not loss <= 1e6 * max(first, 1e-300) + 1e6 * float(np.square(v).sum()):
            raise UsageError(
                f"rate: expected one with which the loss falls, got {rate:g} and a loss of {loss:.3g} at step {step}. Take a "
                "smaller one; it scales with 1/students."
            )
        now = now - rate * gradient
    return np.stack(found)


def _loss_and_gradient(w: Any, v: Any, a: Any, b: Any) -> tuple[float, Any]:
    units, signs = np.concatenate([w, v]), np.concatenate([a, -b])
    size = np.sqrt(np.square(units).sum(axis=1))
    unit = units / np.where(size > 0, size, 1.0)[:, None]
    apart = unit[:, None] - unit  # differences first: no digit is lost where a student is near a teacher
    theta = 2.0 * np.arctan2(_norms(apart), _norms(unit[:, None] + unit))
    sine = np.sin(theta)
    total = signs @ units
    scaled = signs * size
    # differences of sines of small angles as series: no digit is lost
    small = theta < _SMALL
    t2 = np.square(theta)
    cube = theta * t2
    q = np.where(
        small,
        cube / 3 * (1 - t2 / 10 * (1 - t2 / 28 * (1 - t2 / 54))),
        sine - theta * np.cos(theta),
    )
    loss = 0.25 * float(total @ total) + float(scaled @ q @ scaled) / (4 * math.pi)
    k = len(w)
    # sin(t) w - t u = t (w - u) - (t - sin t) w, with unit vectors w and u
    lag = np.where(small, cube / 6 * (1 - t2 / 20 * (1 - t2 / 42 * (1 - t2 / 72))), theta - sine)
    turn = scaled * theta[:k]
    pull = np.einsum("ik,ikd->id", turn, apart[:k]) - (lag[:k] @ scaled)[:, None] * unit[:k]
    pull[size[:k] == 0] = 0.0
    return max(loss, 0.0), a[:, None] * (0.5 * total + pull / (2 * math.pi))


def _norms(vectors: Any) -> Any:
    return np.sqrt(np.einsum("ikd,ikd->ik", vectors, vectors))


def _largest_angle(w: Any, v: Any) -> float:
    kept = w[np.linalg.norm(w, axis=1) > 1e-3]
    return float(angles(kept, v).angle.min(axis=1).max()) if len(kept) else 0.0


def _given(students: ArrayLike, teachers: ArrayLike, a: ArrayLike | None, b: ArrayLike | None) -> Any:
    w, v = rows_of(students, "students"), rows_of(teachers, "teachers")
    if w.shape[1] != v.shape[1]:
        raise DataError(f"teachers: expected {w.shape[1]} features, as students have, got {v.shape[1]}.")
    found = []
    for name, given, rows in (("weights", a, w), ("teacher_weights", b, v)):
        out = np.ones(len(rows)) if given is None else numbers(given, name, high=_LARGEST)
        if out.shape != (len(rows),):
            raise DataError(f"{name}: expected one number a unit, shape ({len(rows)},), got {out.shape}.")
        all_finite(out, name)
        found.append(out)
    if max(np.abs(w).max(), np.abs(v).max()) > _LARGEST:
        raise DataError(
            f"students, teachers: expected entries below {_LARGEST:g} in size, got larger ones. Rescale."
        )
    return w, v, *found


def assumptions(
    students: ArrayLike,
    teachers: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    teacher_weights: ArrayLike | None = None,
) -> tuple[Assumption, ...]:
    """What the closed form and the local theory ask.

    Args: as for :func:`population_loss`.

    References: Zhou, Ge and Jin 2021 (separated teachers, at least as many students; recalled).

    >>> [one.state for one in assumptions([[1.0, 0.0]], [[1.0, 0.0], [2.0, 0.0]])]
    ['unchecked', 'fails', 'fails']
    """
    w, v, _, _ = _given(students, teachers, weights, teacher_weights)
    between = angles(v).angle[np.triu_indices(len(v), 1)]
    least = float(np.minimum(between, math.pi - between).min()) if len(between) else math.pi / 2
    return (
        Assumption(
            "Gaussian inputs",
            "Inputs are standard normal, and the loss is that of the whole population.",
            "unchecked",
            "no inputs are given",
        ),
        checked(
            "separated teachers",
            "No two teachers are parallel.",
            least > PARALLEL,
            f"least angle between two lines {least:.3g} radians",
        ),
        checked(
            "enough students",
            "There are at least as many students as teachers.",
            len(w) >= len(v),
            f"{len(w)} students, {len(v)} teachers",
        ),
    )


THEOREMS = (
    Theorem(
        "relu-population-loss",
        population_loss,
        {"students": ((1.0, 0.5), (0.2, 1.0)), "teachers": ((1.0, 0.0),)},
        assumptions,
        CITATION,
    ),
)
