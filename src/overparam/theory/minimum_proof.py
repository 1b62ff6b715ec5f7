"""Whether a piecewise linear network is at a local minimum that is not global: each condition in exact arithmetic.

Where every unit is on at every example, in a whole box around the parameters, the network is affine in its inputs there. If its
residuals are those of least squares, no parameters of the box have a smaller loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from overparam.theory.assumption import Assumption, checked
from overparam.theory.exact_networks import Exact, box, forward, half_mean_square


@dataclass(frozen=True, eq=False)
class MinimumProof:
    """What was proved of a network, each condition in exact arithmetic.

    Attributes:
        certified: whether the parameters are a local minimum that is not global.
        reason: one sentence: what is proved, or which condition fails.
        gradient: largest entry of the gradient in size; 0 means exactly 0.
        margin: least that any unit gets at any example.
        radius: every parameter may move by up to this, all at once, and no loss is smaller than the one here. So the Hessian
            has no negative eigenvalue. It holds for the parameters rounded to float64 too, which lie in the box.
        loss: ``(1/2n) sum r^2`` there, as a fraction.
        lower: the loss of other parameters of the same network, as a fraction; None if none was found.
        assumptions: the conditions, each with what was found.
    """

    certified: bool
    reason: str
    gradient: Fraction
    margin: Fraction
    radius: float
    loss: Fraction
    lower: Fraction | None
    assumptions: tuple[Assumption, ...]


def prove(layers: Any, better: Any, x: Exact, y: Exact, slope: Fraction) -> MinimumProof:
    """Check in exact arithmetic that a network is at a local minimum and that another of its shape has a smaller loss.

    It looks at the numbers alone, not at how they were made.

    Args:
        layers: pairs of exact weights ``(out, in)`` and biases ``(out,)``, hidden layers and one output.
        better: another such network; empty if there is none.
        x: inputs, shape ``(n, inputs)``.
        y: targets, shape ``(n,)``.
        slope: of the activation below 0.

    References: Yun, Sra and Jadbabaie 2019, theorem 1 (recalled); the box is elementary.
    """
    before, out = forward(layers, x, slope)
    r = out + -y
    margin = min(z.least() for z in before)
    on = margin > 0
    # all units on: every gradient entry is a backward weight times one of these sums, over n
    sums = [at.T @ Exact(r.top[:, None], r.under) for at in (x, *before)]
    total = Exact(np.array([r.top.sum()], dtype=object), r.under)
    back, slopes = layers[-1][0], [Fraction(1)]
    for weight, _ in reversed(layers[:-1]):
        slopes.insert(0, max(abs(one) for one in back.fractions()))
        back = back @ weight
    every = [max([*(abs(one) for one in part.fractions()), abs(total.fractions()[0])]) for part in sums]
    gradient = max(a * b for a, b in zip(slopes, every, strict=True)) / len(r.top)
    linear = sums[0].zero and total.zero  # r is orthogonal to inputs and constant: least squares
    rho = box(layers, before, x) if on else Fraction(0)
    near = all(
        abs(Fraction(float(one)) - one) <= rho for pair in layers for part in pair for one in part.fractions()
    )
    loss = half_mean_square(r)
    lower = half_mean_square(forward(better, x, slope)[1] + -y) if better else None
    strict = lower is not None and lower < loss
    told = (
        checked("all on", "Every unit gets more than 0 at every example.", on, f"least {float(margin):.3g}"),
        checked("stationary", "The gradient is exactly 0.", on and gradient == 0, f"largest entry {float(gradient):.3g}"),
        checked("least squares", "Residuals are orthogonal to the inputs and sum to 0, so no affine function is better.",
                linear, "exactly" if linear else "not orthogonal"),
        checked("box", "In a box around the parameters every unit stays on.", rho > 0, f"half width {float(rho):.3g}"),
        checked("rounded", "The parameters rounded to float64 lie in the box.", rho > 0 and near, "yes" if near else "no"),
        checked("not global", "Other parameters of the same network have a smaller loss.", strict,
                f"{float(lower):.6g} against {float(loss):.6g}" if lower is not None else "none were found"),
    )  # fmt: skip
    failed = [one.name for one in told if one.state != "holds"]
    reason = (
        f"Proved: no parameters within {float(rho):.3g} of these have a loss below {float(loss):.6g}; others have "
        f"{float(lower or 0):.6g}."
        if not failed
        else f"Not proved: {', '.join(failed)}."
    )
    return MinimumProof(not failed, reason, gradient, margin, float(rho), loss, lower if strict else None, told)
