"""How much the loss can rise in a small box around the parameters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.optimize import minimize

from overparam.core.checked import count, positive, shown
from overparam.core.errors import DataError, UsageError, unknown
from overparam.operators import Model
from overparam.probes.curvature.products import generator_of

BOXES = ("keskar", "scaled")
MOST = 10_000  # steps and starts


@dataclass(frozen=True, eq=False)
class Sharpness:
    """The largest rise of the loss in a box that was found.

    Attributes:
        percent: ``100 (highest - loss) / (1 + loss)``; the largest rise is at least this.
        loss: at the parameters.
        highest: the largest loss that was found.
        step: where, from the parameters, shape ``(size,)``.
        eps: of the box.
        box: in words.
        norm: Euclidean norm of the parameters.
        gradients: how many passes with gradient were made.
        optimizer: in words.
    """

    percent: float
    loss: float
    highest: float
    step: np.ndarray = field(repr=False)
    eps: float
    box: str
    norm: float
    gradients: int
    optimizer: str


def sharpness(
    model: Any,
    *,
    eps: float = 1e-3,
    box: str = "keskar",
    steps: int = 10,
    starts: int = 3,
    seed: int | np.random.Generator = 0,
) -> Sharpness:
    r"""Largest rise of the loss in a box around the parameters, in percent of one plus the loss; a bound from below.

    .. math:: \phi = 100 \max_{|z_i| \le \epsilon (|w_i| + 1)} \frac{L(w + z) - L(w)}{1 + L(w)}

    The maximum is looked for by L-BFGS-B from the parameters themselves, where a minimum has no slope, and from random points of
    the box; each is followed by steps to the corner that the gradient points to, as long as they rise. What is found is a bound
    from below, so compare networks at the same options.

    Args:
        model: of :func:`overparam.operators.open_model`, with a loss.
        eps: half width of the box, relative to ``|w_i| + 1``.
        box: ``keskar``, or ``scaled`` for ``|z_i| <= eps |w_i|``: rescaling the weights of a network without changing its
            outputs changes the first, and not the second.
        steps: iterations of L-BFGS-B a start, and of the corner steps.
        starts: random starts beside the parameters themselves.
        seed: of the starts; or a generator of NumPy.

    Returns:
        The rise and where it was found, with the norm of the parameters beside.

    Raises:
        UsageError: a number that is none, an unknown box, a model without a loss, a loss of -1 or less, or a box in which the
            loss is not finite.

    Cost: about ``2 (starts + 1) (steps + 2)`` gradients over the data.

    References: N. Keskar, D. Mudigere, J. Nocedal, M. Smelyanskiy and P. Tang, On large-batch training for deep learning:
        generalization gap and sharp minima, ICLR 2017, arXiv:1609.04836, metric 2.1, in the whole space (recalled: eps 1e-3 and
        5e-4, ten iterations of L-BFGS-B); L. Dinh, R. Pascanu, S. Bengio and Y. Bengio, Sharp minima can generalize for deep
        nets, ICML 2017, for rescaling; J. Kwon, J. Kim, H. Park and I. Choi, ASAM, ICML 2021, for boxes relative to the weights.

    Squared loss of one weight w = 0 at input 2 and target 0, so ``L = 2 z^2``: in the box of 0.5 it rises to 0.5.

    >>> from overparam.models import linear
    >>> from overparam.operators import open_model
    >>> x, y = np.array([[2.0]], np.float32), np.zeros(1, np.float32)
    >>> weight = {"output": {"weight": np.zeros((1, 1), np.float32)}}
    >>> sharpness(open_model(linear(1, 1, bias=False), (x, y), params=weight), eps=0.5).percent
    50.0
    """
    if not isinstance(model, Model):
        raise UsageError(f"model: expected one of open_model(...), got {type(model).__name__}.")
    if not isinstance(box, str) or box not in BOXES:
        raise unknown("box", box if isinstance(box, str) else shown(box), BOXES)
    half, steps, starts = positive(eps, "eps"), count(steps, "steps", 1, MOST), count(starts, "starts", 0, MOST)
    rng = generator_of(seed)
    center = model.vector().astype(np.float64)
    with np.errstate(over="ignore"):
        edge = half * (np.abs(center) + (1.0 if box == "keskar" else 0.0))
    if not np.isfinite(edge).all():
        raise _too_wide(half)
    rise = _Rise(model, center, half)
    start, slope = rise.at_center()
    if start <= -1:
        raise UsageError(
            f"loss: expected one above -1, because the rise is divided by 1 + loss, got {start:g}."
        )
    points = [np.zeros_like(center), *(edge * rng.uniform(-1, 1, len(center)) for _ in range(starts))]
    best, highest = points[0], start
    for at in points:
        z, value, slope = rise.climbed(at, edge, steps)
        z, value = rise.cornered(z, value, slope, edge, steps)
        if value > highest:
            best, highest = z, value
    words = "|z_i| <= eps (|w_i| + 1)" if box == "keskar" else "|z_i| <= eps |w_i|"
    told = f"L-BFGS-B, {steps} iterations, from the parameters and {starts} random points, then up to {steps} steps to corners"
    percent = 100 * ((highest - start) / (1 + start))
    if not np.isfinite(percent):
        raise _too_wide(half)
    return Sharpness(
        percent, start, highest, best, half, words,
        float(np.linalg.norm(center)), rise.made, told,
    )  # fmt: skip


def _too_wide(eps: float) -> UsageError:
    return UsageError(
        f"eps: expected a box in which the loss is finite, got {eps:g}, in which it is not. Take a smaller one."
    )


class _Rise:
    """The loss and its gradient around a point, counted."""

    def __init__(self, model: Model, center: np.ndarray, eps: float) -> None:
        self.model, self.center, self.eps, self.made = model, center, eps, 0

    def at_center(self) -> tuple[float, np.ndarray]:
        self.made += 1
        loss, slope = self.model.loss_and_gradient()
        return float(loss), slope.astype(np.float64)

    def __call__(self, z: np.ndarray) -> tuple[float, np.ndarray]:
        self.made += 1
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                loss, slope = self.model.at(self.center + z).loss_and_gradient()
        except DataError as error:
            raise _too_wide(self.eps) from error
        return float(loss), slope.astype(np.float64)

    def climbed(self, start: np.ndarray, edge: np.ndarray, steps: int) -> tuple[np.ndarray, float, np.ndarray]:
        """The highest point of L-BFGS-B from a start, with its loss and slope; in units of the box."""
        live = edge > 0
        size = np.where(live, edge, 1.0)
        seen: list[tuple[float, np.ndarray, np.ndarray]] = []

        def down(unit: np.ndarray) -> tuple[float, np.ndarray]:
            z = np.where(live, unit * size, 0.0)
            loss, slope = self(z)
            seen.append((loss, z, slope))
            return -loss, np.where(live, -slope * size, 0.0)

        minimize(
            down, np.where(live, start / size, 0.0), jac=True, method="L-BFGS-B", bounds=[(-1.0, 1.0)] * len(start),
            options={"maxiter": steps, "maxfun": 2 * steps},
        )  # fmt: skip
        loss, z, slope = max(seen, key=lambda one: one[0])
        return z, loss, slope

    def cornered(
        self, z: np.ndarray, value: float, slope: np.ndarray, edge: np.ndarray, steps: int
    ) -> tuple[np.ndarray, float]:
        """Steps to the corner that the slope points to, while they rise; exact for a loss that is linear in the box."""
        for _ in range(steps):
            corner = np.where(slope == 0, z, edge * np.sign(slope))
            if np.array_equal(corner, z):
                break
            higher, slope = self(corner)
            if higher <= value:
                break
            z, value = corner, higher
        return z, value
