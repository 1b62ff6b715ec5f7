"""The expected trajectory of stochastic gradient descent on your own network, from its linearisation, without a run.

>>> import numpy as np
>>> from overparam.models import linear
>>> network = linear(2, 1, bias=False)
>>> params = {"output": {"weight": np.zeros((1, 2))}}
>>> curve = sgd_curve(network, params, np.eye(2), np.ones(2), batch=1, step=1.0, steps=2)
>>> curve.loss.tolist(), round(curve.bounds[0].exact, 9)
([[0.5, 0.25, 0.125]], 2.0)
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core import clean
from overparam.core.errors import DataError, OverparamError, UsageError
from overparam.core.shown import Shown
from overparam.models import Network
from overparam.models.check import check_kind, check_network, check_params, double
from overparam.models.passes import check_one_pass
from overparam.own.certify import certify
from overparam.own.jacobian import check_variables, empirical_kernel
from overparam.theory.assumption import Assumption, checked
from overparam.theory.inputs import array_of, count
from overparam.theory.sgd import StepBounds, batch_guarantee, batch_noise, expected_course, minimum_of_kernel
from overparam.theory.sgd.moments import assumptions as course_assumptions
from overparam.theory.sgd.sampling import finite, positive_step
from overparam.theory.sgd.threshold import bounds_of

PyTree = Any
NEAR = 0.1  # h up to which runs were seen to follow the linearisation
MOST_ROWS = 2_000
MOST_STEPS = 100_000_000
LOSSES = ("mean", "mean squared error")
_POINTS = 40


@dataclass(frozen=True, eq=False)
class SgdCurve(Shown):
    """What stochastic gradient descent is expected to do from given parameters, if the network stays near linear.

    Attributes:
        batches: batch sizes.
        steps: the step of each, in the units of the loss's gradient.
        times: numbers of steps done.
        loss: expected training loss, ``mean over examples of (1/2) ||f - y||^2`` whatever the loss that is trained,
            shape ``(batch, times)``.
        descent: the same of gradient descent with that step: the rest is batch noise.
        bounds: the largest stable step of each batch size with its bounds, in the same units as ``steps``.
        critical: Ma, Bassily and Belkin's critical batch size; infinite where all eigenvalues are equal.
        h: how far from linear the network can be (curvature times residual over the smallest singular value squared);
            None where it is not known, infinite where the gradients of the outputs depend on each other.
        allowance: ``2 h`` times the first loss: how far a measured mean may lie from ``loss`` for that reason. A
            heuristic, not a bound; None without h.
        assumptions: what the prediction asks, each with what was found.
    """

    drawn_by = "table"

    batches: tuple[int, ...]
    steps: tuple[float, ...]
    times: tuple[int, ...]
    loss: Float64[np.ndarray, "batch times"]
    descent: Float64[np.ndarray, "batch times"]
    bounds: tuple[StepBounds, ...]
    critical: float
    h: float | None
    allowance: float | None
    assumptions: tuple[Assumption, ...]

    def table(self) -> list[dict[str, float]]:
        """Return one row a batch size: step, largest stable step with bounds, and the last expected loss."""
        return [
            {
                "batch": batch,
                "step": step,
                "largest stable step": bounds.exact,
                "at least": bounds.sufficient,
                "at most": bounds.necessary,
                "first loss": float(line[0]),
                "last loss": float(line[-1]),
            }
            for batch, step, bounds, line in zip(self.batches, self.steps, self.bounds, self.loss, strict=True)
        ]

    @property
    def answer(self) -> str:
        """Which batch sizes are stable with their steps, and how far the prediction can be trusted, in words."""
        stable = [
            b for b, s, one in zip(self.batches, self.steps, self.bounds, strict=True) if s < one.exact_low
        ]
        listed = ", ".join(str(b) for b in stable) or "none"
        if self.h is None:
            trust = "How close the network stays to its linearisation is not known."
        elif self.h <= NEAR:
            trust = f"h = {self.h:.3g}: the network is close to its linearisation there."
        else:
            trust = f"h = {self.h:.3g}, above {NEAR:g}: training may leave the linearisation."
        return f"Stable with its step: batch {listed} (of {len(self.batches)} given). {trust}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types; what is infinite is None."""
        return dict(clean(dataclasses.asdict(self) | {"answer": self.answer}))

    def shown(self) -> dict[str, Any]:
        """Return what is drawn: the answer, the table as texts, the margins and the assumptions."""
        rows = self.table()
        return {
            "answer": self.answer,
            "columns": [*rows[0]],
            "rows": [[_shown(value) for value in row.values()] for row in rows],
            "remark": self._margins(),
            "assumptions": [vars(one) for one in self.assumptions],
        }

    def __str__(self) -> str:
        rows = self.table()
        lines = [[*rows[0]], *([_shown(value) for value in row.values()] for row in rows)]
        wide = [max(len(line[c]) for line in lines) for c in range(len(lines[0]))]
        table = ["  ".join(v.rjust(w) for v, w in zip(line, wide, strict=True)) for line in lines]
        asked = [f"  {a.state:9} {a.name}: {a.detail}" for a in self.assumptions]
        return "\n".join([self.answer, "", *table, "", self._margins(), "", "assumptions", *asked])

    def _margins(self) -> str:
        critical = f"Critical batch size m* = {_shown(self.critical)}."
        if self.allowance is None:
            return f"{critical} No allowance for curvature is known."
        return (
            f"{critical} Allowance for curvature 2 h L_0 = {_shown(self.allowance)} (heuristic, not a bound)."
        )


def sgd_curve(
    network: Network,
    params: PyTree,
    x: ArrayLike,
    y: ArrayLike,
    *,
    batch: int | Sequence[int] | None = None,
    step: float | Sequence[float] | None = None,
    steps: int | None = None,
    loss: str = "mean",
    replacement: bool = False,
) -> SgdCurve:
    """Expected loss of stochastic gradient descent from these parameters, for each batch size, with stable steps.

    The network is replaced by its linearisation at ``params``; on that the numbers are exact means over all batches.

    Args:
        network: any network.
        params: its parameters; float32 is cast exactly.
        x: inputs, shape ``(n, features)``.
        y: targets, shape ``(n,)`` for one output or ``(n, outputs)``; numbers, not class labels.
        batch: one or several batch sizes; by default 1, about sqrt(n), and n.
        step: one step, or one a batch size; by default half of the largest stable one of each.
        steps: number of steps; by default 20 n.
        loss: whose gradient is followed: the ``mean`` over a batch of ``(1/2) ||f - y||^2`` (the loss ``squared`` of
            :mod:`overparam.training`), or ``mean squared error`` over a batch and outputs, as PyTorch has it.
        replacement: whether batches are drawn with replacement.

    Returns:
        Curves, stable steps and what the prediction asks.

    Raises:
        UsageError: shapes that do not fit, class labels, a batch larger than n, a step that is not above 0, more than
            2,000 outputs in all, numbers of fewer than 32 bits, or a network whose outputs depend on other rows or
            that trains by another pass.
        DataError: numbers that are missing or infinite, or gradients that are all 0.

    References: :mod:`overparam.theory.sgd`.
    """
    if not isinstance(loss, str) or loss not in LOSSES:
        raise UsageError(f"loss: expected one of {', '.join(LOSSES)}, got {loss!r}.")
    check_network(network)
    check_one_pass(network, "sgd_curve")
    check_params(network, params)
    for name, values in (("x", x), ("y", y)):
        check_kind(values, name, f'{name}.astype("float32")')
    inputs = finite(x, "x", (2,), "(n, features)")
    n, out = len(inputs), network.outputs
    if inputs.shape[1] != network.inputs:
        raise UsageError(f"x: expected shape (n, {network.inputs}), got {inputs.shape}.")
    if n * out > MOST_ROWS:
        raise UsageError(
            f"x: expected at most {MOST_ROWS} outputs in all, got {n} examples of {out}: every step multiplies "
            "matrices of that size. Give a sample of the examples."
        )
    check_variables(network, params, inputs)
    residual = _outputs(network, params, inputs) - _targets(y, n, out)
    kernel = empirical_kernel(network, params, inputs)
    minimum = minimum_of_kernel(kernel, out)
    factor = 1.0 if loss == "mean" else 2.0 / out
    sizes = _sizes(batch, n)
    noises = [batch_noise(n, one, replacement) for one in sizes]
    bounds = [bounds_of(minimum, p) for p in noises]
    etas = _steps(step, [one.exact / 2 for one in bounds], sizes, factor)
    last = 20 * n if steps is None else count(steps, "steps", 0)
    if last > MOST_STEPS:
        raise UsageError(f"steps: expected at most {MOST_STEPS:,}, got {last}. Every step is worked out.")
    times = np.unique(np.concatenate([[0, last], np.geomspace(1, max(1, last), _POINTS).round()])).astype(int)
    times = times[times <= last]
    trajectories = [
        expected_course(kernel, residual, one, eta, last, out, replacement, times)
        for one, eta in zip(sizes, etas, strict=True)
    ]
    h, why = _nearness(network, params, inputs, y)
    first = float(trajectories[0].loss[0]) / n
    return SgdCurve(
        batches=tuple(sizes),
        steps=tuple(eta / factor for eta in etas),
        times=tuple(times.tolist()),
        loss=np.stack([one.loss / n for one in trajectories]),
        descent=np.stack([one.mean_loss / n for one in trajectories]),
        bounds=tuple(_scaled(one, factor) for one in bounds),
        critical=batch_guarantee(minimum, 1).critical,
        h=h,
        allowance=None if h is None else 2 * h * first,
        assumptions=(
            _linear(h, why),
            *course_assumptions(kernel, residual, out)[1:],
            checked(
                "two-sided",
                "The largest stable steps are known to a relative 1e-6.",
                all(one.exact_high - one.exact_low <= 1e-6 * one.exact_high for one in bounds),
                f"largest gap {max(one.exact_high / one.exact_low - 1 for one in bounds):.2g}",
            ),
        ),
    )


def _nearness(
    network: Network, params: PyTree, x: Float64[np.ndarray, "n features"], y: ArrayLike
) -> tuple[float | None, str]:
    try:
        return certify(network, params, x, y, flow=True).h, ""
    except OverparamError as error:
        return None, str(error)


def _linear(h: float | None, why: str) -> Assumption:
    sentence = f"The network stays close to its linearisation: h is at most {NEAR:g} (seen, not proved)."
    if h is None:
        return Assumption("linear model", sentence, "unchecked", why)
    return checked("linear model", sentence, h <= NEAR, f"h = {h:.4g}")


def _outputs(
    network: Network, params: PyTree, x: Float64[np.ndarray, "n features"]
) -> Float64[np.ndarray, "n classes"]:
    with jax.enable_x64(True):
        found = np.asarray(network.apply(double(network, params), jnp.asarray(x)), dtype=np.float64)
    bad = int((~np.isfinite(found)).sum())
    if bad:
        raise DataError(f"params: expected finite outputs, got {bad} that are missing or infinite.")
    return found


def _targets(y: ArrayLike, n: int, outputs: int) -> Float64[np.ndarray, "n classes"]:
    if array_of(y, "y").dtype.kind in "iub":
        raise UsageError(
            f"y: expected numbers of shape ({n}, {outputs}), got class labels. Make them one-hot, for "
            "instance np.eye(classes)[y], two classes also as 2.0 * y - 1; whole numbers to fit: y.astype(float)."
        )
    found = finite(y, "y", (1, 2), f"({n},) or ({n}, {outputs})")
    if found.size != n * outputs or len(found) != n:
        raise UsageError(f"y: expected shape ({n}, {outputs}), got {found.shape}.")
    return found.reshape(n, outputs)


def _sizes(batch: int | Sequence[int] | None, n: int) -> list[int]:
    if batch is None:
        return sorted({1, max(1, round(math.sqrt(n))), n})
    sizes = [count(one, "batch") for one in _several(batch)]
    if not sizes:
        raise UsageError(
            "batch: expected at least one batch size, got none. Leave it out for 1, about sqrt(n) and n."
        )
    return sizes


def _several(given: Any) -> list[Any]:
    """The entries of a list or an array of one dimension, or the one thing that was given."""
    many = np.ndim(given) == 1 if isinstance(given, np.ndarray) else isinstance(given, Sequence)
    return list(given) if many and not isinstance(given, str) else [given]


def _steps(step: Any, half: list[float], sizes: list[int], factor: float) -> list[float]:
    if step is None:
        return half
    several = isinstance(step, Sequence | np.ndarray) and not isinstance(step, str | bytes)
    given = [positive_step(one) for one in (_several(step) if several else [step] * len(sizes))]
    if len(given) != len(sizes):
        raise UsageError(f"step: expected one, or one a batch size ({len(sizes)}), got {len(given)}.")
    return [one * factor for one in given]


def _scaled(bounds: StepBounds, factor: float) -> StepBounds:
    """The same bounds for steps in other units."""
    if factor == 1.0:
        return bounds
    names = (
        "exact", "exact_low", "exact_high", "sufficient", "necessary", "descent", "trace", "direction", "wu_necessary"
    )  # fmt: skip
    changed: dict[str, Any] = {name: getattr(bounds, name) / factor for name in names}
    return dataclasses.replace(
        bounds, **changed, sharpness=bounds.sharpness * factor, nonuniformity=bounds.nonuniformity * factor
    )


def _shown(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "infinite"
