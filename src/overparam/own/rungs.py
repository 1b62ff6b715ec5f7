"""What the rungs of the width ladder ask of one data set: obstacles, one strong fit, and widths in print."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from jaxtyping import Float64

from overparam.own.instance import Instance, flow_certificate
from overparam.theory.activations import Activation
from overparam.theory.kernels.covariance import covariance
from overparam.theory.widths import PublishedWidth, flow_width, lemma_width, published_widths, separation
from overparam.training.levenberg_marquardt import levenberg_marquardt

FIT = 1e-3  # |r| over its start: a training loss of a millionth
BUDGET = 200  # systems solved by Levenberg-Marquardt
DEEPEST = 1e-10  # |r| over its start at which the optimizer stops
UNIT_NORM = 1e-6

Rows = Float64[np.ndarray, "n features"]


def obstacle(x: Rows, y: Float64[np.ndarray, " n"]) -> str:
    """A sentence on data that no network of this form can fit; empty if none is known.

    >>> obstacle(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([1.0, -1.0]))
    'Rows 0 and 1 of x are equal and their targets differ: no network fits both. Leave one of them out.'
    """
    zero = np.flatnonzero(~x.any(axis=1))
    if len(zero):
        return (
            f"Row {zero[0]} of x is zero: without biases its output does not depend on the weights. Leave it out, or "
            "append a constant feature."
        )
    order = np.lexsort(x.T)
    for a, b in pairwise(order):
        if np.array_equal(x[a], x[b]):
            i, j = sorted((int(a), int(b)))
            what = (
                "with equal targets: the Jacobian never has full rank, so nothing can be certified"
                if y[a] == y[b]
                else "and their targets differ: no network fits both"
            )
            return f"Rows {i} and {j} of x are equal {what}. Leave one of them out.".replace(
                "equal with", "equal, with"
            )
    return ""


def fitted_and_proved(instance: Instance) -> tuple[bool, bool]:
    """Whether Levenberg-Marquardt fits from this start, and whether a certificate fires on its way.

    Args:
        instance: where to start.

    Returns:
        A training loss of a millionth of its start was reached; an iterate was certified.
    """
    act, shape = instance.activation, instance.weights.shape
    proved = [False]
    bound = flow_certificate(instance).lipschitz if act.smooth else math.inf

    def visit(_: int, theta: np.ndarray, r: np.ndarray) -> bool:
        w = theta.reshape(shape)
        if not proved[0] and math.isfinite(bound):
            smallest = float(np.linalg.eigvalsh(instance.kernel(w))[0])
            if bound * float(np.linalg.norm(r)) < smallest:  # worth a proof: h < 1 by an estimate
                proved[0] = flow_certificate(instance, w).certified
        return proved[0] and float(np.linalg.norm(r)) <= FIT * start

    start = float(np.linalg.norm(instance.residual()))
    found = levenberg_marquardt(
        lambda t: instance.residual(t.reshape(shape)),
        lambda t: instance.jacobian(t.reshape(shape)),
        instance.weights.ravel(),
        tolerance=DEEPEST,
        iterations=BUDGET,
        visit=visit,
    )
    return found.norm <= FIT * start, proved[0]


def in_print(x: Rows, act: Activation) -> tuple[tuple[PublishedWidth, ...], float | None, float | None]:
    """Published widths and the two explicit laws for inputs of norm 1; nothing for others."""
    n, d = x.shape
    if np.abs(np.linalg.norm(x, axis=1) - 1).max() > UNIT_NORM:
        return (), None, None
    norm = float(np.linalg.norm(x, 2))

    def smallest(of: str | Activation) -> float:
        return max(0.0, float(np.linalg.eigvalsh(covariance(x, of))[0]))

    relu, apart = smallest("relu"), min(separation(x), math.sqrt(2))  # one row has no pair
    if not act.smooth:
        return published_widths(n, d, norm, apart, relu_smallest=relu).rows, None, None
    own = smallest(act)
    rows = published_widths(n, d, norm, apart, smallest=own, relu_smallest=relu).rows
    if own == 0:
        return rows, None, None
    kappa = math.sqrt(d / n) * norm / own
    return rows, flow_width(n, d, kappa, act.largest_curvature), lemma_width(n, d, kappa, act.largest_curvature)
