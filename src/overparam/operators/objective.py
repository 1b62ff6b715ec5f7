"""The loss as a sum over examples and what it is divided by: names, functions, means, smoothing, ignored labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from overparam.core.checked import real, shown
from overparam.core.errors import UsageError, unknown
from overparam.operators.batches import Batch
from overparam.operators.reading import check_fitting

NAMES = ("binary_cross_entropy", "cross_entropy", "squared")
REDUCTIONS = ("mean", "sum")
CLOSE = 1e4  # times the machine epsilon: a larger relative difference is no rounding


class Arithmetic(NamedTuple):
    """What losses by name are made of, in a back end's arrays.

    Attributes:
        logsumexp: over the last axis.
        pick: ``pick(outputs, labels)``: the output of each label.
        where: ``where(condition, value, 0)``.
        softplus: ``log(1 + exp(x))``.
    """

    logsumexp: Callable[[Any], Any]
    pick: Callable[[Any, Any], Any]
    where: Callable[[Any, Any], Any]
    softplus: Callable[[Any], Any]


@dataclass(frozen=True, eq=False)
class Objective:
    """A loss over a data set: the sum over its examples, divided by what they count.

    Attributes:
        name: of the loss.
        total: ``total(outputs, targets)``: the sum over the examples of a batch; None where there is no loss.
        counted: ``counted(outputs_shape, batch)``: what a batch adds to the divisor of the mean.
        mean: whether the sum is divided.
        unit: what is counted, in the plural.
        words: smoothing, ignored labels and weights, in words; empty where there are none.
        check: ``check(outputs_shape, targets)`` raises unless targets fit; targets are NumPy arrays.
        ignore: the label of positions that count for nothing; None where every one counts.
        axis: of the outputs' classes; None where the loss is a person's function, which alone knows.
        named: whether it is one of the package, by name.
    """

    name: str
    total: Callable[[Any, Any], Any] | None
    counted: Callable[[tuple[int, ...], Batch], float]
    mean: bool = True
    unit: str = "examples"
    words: str = ""
    check: Callable[[tuple[int, ...], Any], None] | None = None
    ignore: int | None = None
    axis: int | None = None
    named: bool = False

    @property
    def words_of_name(self) -> str:
        """The name as a person reads it."""
        told = {"squared": "half the squared error"} if self.named else {}
        return told.get(self.name, self.name.replace("_", " "))

    def said(self, divisor: float, several: bool = False) -> str:
        """The convention in one sentence.

        Args:
            divisor: what was counted.
            several: whether an example has several positions, which a loss by name counts.
        """
        unit = "positions" if several and self.named else self.unit
        unit = unit.removesuffix("s") if divisor == 1 else unit
        whole = (
            abs(divisor - round(divisor)) < 1e-6 * divisor
        )  # weights of float32 are rounded at the eighth digit
        over = f"{'mean' if self.mean else 'sum'} over {f'{round(divisor):,}' if whole else f'{divisor:,.6g}'} {unit}"
        return f"Loss: {over} of {self.words_of_name}{f', {self.words}' if self.words else ''}."


def named(
    name: str,
    arithmetic: Arithmetic,
    *,
    reduction: str | None = None,
    smoothing: float = 0.0,
    ignore: int | None = None,
) -> Objective:
    """A loss by name. Outputs have their classes or numbers along the last axis.

    - ``cross_entropy``: ``-sum_k t_k log softmax(f)_k`` in nats, a whole label or a distribution a position; with smoothing s
      against ``(1 - s) t + s / K``; positions with the ignored label count for nothing, not even in the mean.
    - ``squared``: ``1/2 sum_k (f_k - t_k)^2``, against numbers or the one-hot vector of a label.
    - ``binary_cross_entropy``: ``sum_k log(1 + exp(f_k)) - t_k f_k``, t from 0 to 1, for several labels at once.

    The mean is over examples; where outputs have axes between the first and the last, over all positions.

    Args:
        name: one of these.
        arithmetic: the back end's.
        reduction: ``mean``, which is the default, or ``sum``.
        smoothing: from 0 to below 1, for cross-entropy.
        ignore: a label that marks positions without one, for cross-entropy.

    Raises:
        UsageError: another name or reduction, or an option that the loss does not have.
    """
    if name not in NAMES:
        raise unknown("loss", name, NAMES, "Or give a function (outputs, targets) -> losses.")
    share = real(smoothing)
    if not 0 <= share < 1 or (share and name != "cross_entropy"):
        raise UsageError(
            f"smoothing: expected a number of at least 0 and below 1, for loss='cross_entropy' alone, got {shown(smoothing)}."
        )
    if ignore is not None and (name != "cross_entropy" or real(ignore) % 1 != 0):
        raise UsageError(
            f"ignore: expected a whole number, for loss='cross_entropy' alone, got {shown(ignore)}."
        )
    mean = check_reduction(reduction) != "sum"

    def total(outputs: Any, targets: Any) -> Any:
        flat = outputs if len(outputs.shape) > 1 else outputs[:, None]
        if _whole(targets) and name != "binary_cross_entropy":
            kept = targets != ignore if ignore is not None else targets == targets
            labels = targets * kept
            at = arithmetic.pick(flat, labels)
            if name == "squared":
                return ((flat * flat).sum(-1) / 2 - at + 0.5).sum()
            each = arithmetic.logsumexp(flat) - at
            if share:
                each = (1.0 - share) * each + share * (arithmetic.logsumexp(flat) - flat.mean(-1))
            return arithmetic.where(kept, each).sum()
        aims = targets.reshape(flat.shape)
        if name == "squared":
            return ((flat - aims) ** 2).sum() / 2
        if name == "binary_cross_entropy":
            return (arithmetic.softplus(flat) - aims * flat).sum()
        aims = (1.0 - share) * aims + share / flat.shape[-1] if share else aims
        return (aims.sum(-1) * arithmetic.logsumexp(flat) - (aims * flat).sum(-1)).sum()

    def counted(shape: tuple[int, ...], batch: Batch) -> float:
        if ignore is not None and _whole(batch.targets):
            return float((batch.targets != ignore).sum())
        return float(np.prod(shape[:-1])) if len(shape) > 1 else float(shape[0])

    words = [f"label smoothing {share:g}"] if share else []
    words += [f"label {ignore} ignored"] if ignore is not None else []
    return Objective(
        name, total, counted, mean, words=", ".join(words), check=lambda s, t: check_fitting(name, ignore, s, t),
        ignore=ignore, axis=-1, named=True,
    )  # fmt: skip


def check_reduction(reduction: str | None) -> str | None:
    """Return ``mean``, ``sum`` or None, or raise.

    Raises:
        UsageError: something else.
    """
    if reduction is not None and (not isinstance(reduction, str) or reduction not in REDUCTIONS):
        raise UsageError(f"reduction: expected 'mean', 'sum' or None, got {shown(reduction)}.")
    return reduction


def without(reduction: str | None = None) -> Objective:
    """No loss: outputs and Jacobians alone."""
    check_reduction(reduction)
    return Objective("none", None, lambda shape, batch: float(batch.count))


def mean_or_sum(
    parts: list[tuple[int, int, float, float, float]], eps: float, asked: str | None, name: str
) -> str:
    """Whether a loss that gives one number a batch is a mean over its examples or their sum.

    Args:
        parts: for each batch: its examples, those of its first piece, the losses of the batch and of both pieces.
        eps: machine epsilon of the losses.
        asked: what the person says; it is verified.
        name: of the loss, for messages.

    Raises:
        UsageError: it is neither, or cannot be told.

    >>> mean_or_sum([(4, 1, 2.5, 1.0, 3.0)], 2e-16, None, "l")
    'mean'
    """
    fits = {"mean": True, "sum": True}
    for n, h, whole, first, second in parts:
        if h:
            size = max(abs(whole), abs(first), abs(second))
            fits["mean"] &= abs(whole - (h * first + (n - h) * second) / n) <= CLOSE * eps * size
            fits["sum"] &= abs(whole - first - second) <= CLOSE * eps * size
    left = [one for one in REDUCTIONS if fits[one]]
    if not left:
        raise UsageError(
            f"loss: expected {name} to be the mean or the sum over the examples of a batch, got a number that is neither "
            "(class weights, ignored labels, losses between examples and shapes that broadcast do that). Return one loss an "
            "example, shape (batch,), "
            "or give loss='cross_entropy' with ignore=."
        )
    if asked is not None and asked not in left:
        raise UsageError(f"reduction: expected '{left[0]}', which {name} was found to be, got '{asked}'.")
    if asked is None and len(left) == 2:
        raise UsageError(
            f"loss: expected batches that tell whether {name} is a mean or a sum over examples, got batches of one example or "
            "losses of 0. Say it: reduction='mean' or reduction='sum'."
        )
    return asked or left[0]


def _whole(targets: Any) -> bool:
    """Whether targets are whole labels."""
    return "int" in str(getattr(targets, "dtype", ""))
