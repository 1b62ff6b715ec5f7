"""How sharp the loss is at the parameters of your own network, by every usual measure, with what each is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from overparam.core.checked import count, positive
from overparam.core.errors import DataError
from overparam.core.words import number, wrapped
from overparam.operators import Model
from overparam.own.landscape.fact import WIDE, Fact, Measured, lines_of
from overparam.own.landscape.opened import opened_model
from overparam.probes.curvature import sharpness as box_sharpness
from overparam.probes.curvature import subspace_sharpness, top_eigenvalues, trace

DIMENSIONS = 100
EPS = 1e-3
FALL = 0.01  # share of the loss that one step may take off at what is called a minimum
ROUNDING = 50.0  # times the machine epsilon of the loss: a smaller fall is rounding


@dataclass(frozen=True, eq=False)
class Flatness(Measured):
    """What :func:`sharpness` found.

    Attributes:
        loss: at the parameters.
        gradient_norm: Euclidean.
        fall: what one step of 1 / lambda_max down the gradient takes off the loss, as a share of it; None without curvature.
        minimum: whether that is at most 1 %, and no eigenvalue is clearly negative.
        eigenvalues: the largest of the Hessian, descending; unit: loss over squared parameters.
        residuals: an eigenvalue lies within that distance of each.
        smallest: the smallest eigenvalue.
        trace: of the Hessian.
        trace_interval: its 95 % interval.
        scaled: largest eigenvalue of ``|w| H |w|``, which rescaling layers without changing the outputs leaves as it is.
        along_weights: ``w . H w``, likewise.
        box: Keskar's sharpness in percent, at least, in the whole space.
        subspace: the same in a random subspace.
        facts: all of it with words.
        head: the model and its data in a sentence.
        verdict: whether this is a minimum, in a sentence.
        notes: what was found at opening, the convention of the loss among it.
    """

    loss: float
    gradient_norm: float
    fall: float | None
    minimum: bool
    eigenvalues: tuple[float, ...]
    residuals: tuple[float, ...]
    smallest: float
    trace: float
    trace_interval: tuple[float, float]
    scaled: float
    along_weights: float
    box: float
    subspace: float
    facts: tuple[Fact, ...]
    head: str
    verdict: str
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types: schema ``overparam.sharpness``, version 1."""
        return {
            "schema": "overparam.sharpness",
            "version": 1,
            "kind": "sharpness",
            "title": "Sharpness",
            "question": "How sharp is the loss at these parameters, and is this a minimum?",
            "head": self.head,
            "verdict": self.verdict,
            "minimum": self.minimum,
            "eigenvalues": list(self.eigenvalues),
            "residuals": list(self.residuals),
            "facts": [one.to_dict() for one in self.facts],
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        """All of it in lines of at most 80 characters."""
        lines = [*wrapped(self.head, 0, WIDE).splitlines(), *wrapped(self.verdict, 0, WIDE).splitlines(), ""]
        lines += lines_of(self.facts)
        lines += [
            "",
            "notes",
            *(line for one in self.notes for line in wrapped(f"- {one}", 2, WIDE).splitlines()),
        ]
        return "\n".join(lines)


def sharpness(
    model: Any,
    data: Any = None,
    *,
    k: int = 5,
    eps: float = EPS,
    dimensions: int = DIMENSIONS,
    steps: int = 10,
    seed: int = 0,
    **options: Any,
) -> Flatness:
    r"""How sharp the loss of your own network is: curvature, Keskar's box, and twins that rescaling leaves as they are.

    Sharpness alone says nothing: multiplying one layer and dividing the next leaves a ReLU network as it is and changes
    eigenvalues, trace and box at will. Beside them stand ``w . H w`` and the largest eigenvalue of ``|w| H |w|``, which it
    leaves as they are. Where one step down the gradient takes more than 1 % off the loss, or an eigenvalue is clearly negative,
    the parameters are no minimum, and the answer says so with the gradient norm.

    Args:
        model: a module of PyTorch, Flax or Equinox, a function with ``params=``, a network of the package with ``params=``; or
            one of :func:`overparam.open_model`, without ``data``.
        data: ``(inputs, targets)``, a data set or a loader.
        k: how many eigenvalues.
        eps: half width of Keskar's box, relative to ``|w_i| + 1``.
        dimensions: of the random subspace; where there are fewer parameters, as many as these.
        steps: iterations of L-BFGS-B a start.
        seed: of every draw.
        options: of :func:`overparam.open_model`: ``params``, ``loss``, ``frozen``, ``batch``, ``dtype`` and others.

    Returns:
        The measures; ``str()`` gives a text, ``save`` a page, a text or JSON.

    Raises:
        UsageError: a model, loss or option that cannot be taken, or a model without a loss.
        DataError: parameters, outputs or losses that are missing or infinite, data that do not fit.

    References: N. Keskar et al., ICLR 2017, metric 2.1; L. Dinh et al., Sharp minima can generalize for deep nets, ICML 2017;
        T. Liang, T. Poggio, A. Rakhlin and J. Stokes, Fisher-Rao metric, geometry, and complexity of neural networks, AISTATS
        2019 (``w . H w`` for the Gauss-Newton part); J. Kwon et al., ASAM, ICML 2021 (``|w| H |w|``).

    Squared loss of one weight w = 1 at input 2 and target 2, a minimum with ``H = 4``.

    >>> from overparam.models import linear
    >>> x, y = np.array([[2.0]], np.float32), np.array([2.0], np.float32)
    >>> weight = {"output": {"weight": np.ones((1, 1), np.float32)}}
    >>> found = sharpness(linear(1, 1, bias=False), (x, y), params=weight)
    >>> found.eigenvalues, found.along_weights, found.minimum
    ((4.0,), 4.0, True)
    """
    many, half = count(k, "k"), positive(eps, "eps")
    wide, steps, seed = count(dimensions, "dimensions"), count(steps, "steps"), count(seed, "seed", 0)
    opened = opened_model(model, data, options)
    opened.check_loss()
    loss, gradient = (np.asarray(one, np.float64) for one in opened.loss_and_gradient())
    value, norm = float(loss), float(np.linalg.norm(gradient))
    top = top_eigenvalues(opened, many, which="largest", seed=seed)
    least = top_eigenvalues(opened, 1, which="smallest", seed=seed)
    whole = trace(opened, seed=seed)
    scaled = top_eigenvalues(opened, 1, which="largest", scaled=True, seed=seed)
    center = opened.vector()
    along = float(center.astype(np.float64) @ opened.product("hessian", center).astype(np.float64))
    box = box_sharpness(opened, eps=half, steps=steps, seed=seed)
    part = subspace_sharpness(opened, eps=half, dimensions=wide, steps=steps, seed=seed)
    first, lowest = float(top.values[0]), float(least.values[0])
    fall = _fall(opened, value, gradient, first)
    bent = lowest < -max(float(least.residuals[0]), 1e-3 * abs(first))
    minimum = not bent and (norm == 0 or (fall is not None and fall <= FALL))
    low, high = whole.interval()
    unit = "loss over squared parameters"
    known = "" if top.converged else " Not all have converged."
    listed = ", ".join(
        f"{number(float(v))} ± {number(float(r), 2)}" for v, r in zip(top.values, top.residuals, strict=True)
    )
    facts = (
        Fact("Loss", value),
        Fact("Gradient norm", norm, words=_fallen(fall, first)),
        Fact("Largest eigenvalue", first, unit, first - float(top.residuals[0]), first + float(top.residuals[0]),
             f"The {len(top.values)} largest: {listed}.{known}"),
        Fact("Smallest eigenvalue", lowest, unit, lowest - float(least.residuals[0]), lowest + float(least.residuals[0])),
        Fact("Trace", whole.estimate, unit, low, high, "Exact." if whole.exact else f"95 % interval, {whole.method}."),
        Fact("Largest eigenvalue of |w| H |w|", float(scaled.values[0]), "loss",
             words="Rescaling layers without changing the outputs leaves it as it is."),
        Fact("w . H w", along, "loss", words="Likewise."),
        Fact("Keskar's sharpness", box.percent, "%", at_least=True,
             words=f"100 (max L - L) / (1 + L) in the box {box.box}, eps = {half:g}; a search, so a bound from below."),
        Fact("The same in a random subspace", part.percent, "%", at_least=True, words=f"{part.box}."),
    )  # fmt: skip
    return Flatness(
        value, norm, fall, minimum, tuple(map(float, top.values)), tuple(map(float, top.residuals)), lowest,
        whole.estimate, (low, high), float(scaled.values[0]), along, box.percent, part.percent, facts,
        f"A model with {opened.size:,} parameters on {opened.examples:,} examples.",
        _verdict(minimum, bent, norm, fall, lowest), opened.notes,
    )  # fmt: skip


def _fall(model: Model, loss: float, gradient: np.ndarray, top: float) -> float | None:
    """What one step of 1 / lambda_max takes off the loss, as a share of it; None where there is no curvature."""
    if top <= 0 or not gradient.any():
        return None if gradient.any() else 0.0
    try:
        after = model.at(model.vector().astype(np.float64) - gradient / top).loss()
    except DataError:
        return 0.0
    fall = loss - float(after)
    if fall <= ROUNDING * float(np.finfo(model.dtype).eps) * abs(loss):
        return 0.0
    return fall / abs(loss) if loss else 0.0


def _fallen(fall: float | None, top: float) -> str:
    if fall is None:
        return "No direction is curved upwards, so no step belongs to it."
    return f"One step of 1 / {number(top)} down the gradient takes {number(100 * fall, 3)} % off the loss."


def _verdict(minimum: bool, bent: bool, norm: float, fall: float | None, lowest: float) -> str:
    if minimum:
        return "A minimum, as far as one step down the gradient and the smallest eigenvalue tell."
    why = []
    if fall is None or fall > FALL:
        took = (
            "the loss is not curved upwards"
            if fall is None
            else f"one step takes {number(100 * fall, 3)} % off the loss"
        )
        why.append(f"the gradient norm is {number(norm)} and {took}")
    if bent:
        why.append(f"the smallest eigenvalue is {number(lowest)}")
    return (
        f"Not a minimum: {'; '.join(why)}. Curvature there is that of a point on the way, and stability thresholds or volumes "
        "of a minimum do not apply."
    )
