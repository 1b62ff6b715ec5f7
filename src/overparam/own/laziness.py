"""The output scale from which gradient flow is proved to fit, and how far the kernel moves there, measured.

Large output scales are called lazy, because the kernel moves less the larger they are. That it hardly moves is not what
the certificate proves: it bounds the distance and lets the Jacobian change by nearly as much as its smallest singular
value.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from overparam.core.errors import UsageError
from overparam.own.descent import descend
from overparam.own.instance import Instance, checked_instance, flow_certificate

LARGEST_SCALE = 2.0**60
DRIFT_STEPS = 20_000
DRIFT_TOLERANCE = 1e-3


@dataclass(frozen=True)
class LazyScale:
    """From which output scale on gradient flow is proved to converge to zero loss.

    Attributes:
        width: hidden units.
        scale: factor of the output of the network given, at which it is certified; None if none was found.
        reason: what stands in the way, if the scale is None.
    """

    width: int
    scale: float | None
    reason: str = ""


def lazy_scale(instance: Instance) -> LazyScale:
    """Smallest factor of the output, within 1 %, at which gradient flow is certified for a network that starts at 0.

    With output ``a f``, J and its Lipschitz constant are a times those of f, so that
    ``h = L_1 |y| / (a sigma_1^2)`` is at most 1/2 from ``a = 2 L_1 |y| / sigma_1^2`` on: every network with a Jacobian
    of rank n is certified at some scale. The certificate takes L on the ball that it needs, so it asks for a little
    less. Where f is exactly 0 at the start, what is proved at one scale is proved at every larger one: on the same ball
    ``a (sigma_1 R - L_1 R^2/2) >= |y|`` still holds.

    Args:
        instance: a network whose outputs are 0 at the start, see ``antisymmetric`` in
            :func:`~overparam.own.instance.draw_instance`.

    Returns:
        A scale at which the certificate holds, for this certificate: a sharper one may need less.

    Raises:
        UsageError: outputs that are not 0 at the start.

    References: L. Chizat, E. Oyallon and F. Bach, On lazy training in differentiable programming, NeurIPS 2019, for the
        role of the scale; the number is that of the certificate.
    """
    start = float(np.linalg.norm(checked_instance(instance).residual() + instance.y))
    if not start <= 1e-12 * float(np.linalg.norm(instance.y)):
        raise UsageError(
            f"lazy_scale: expected a network that is 0 at the start, got outputs of norm {start:.3g}. "
            "Draw it with antisymmetric=True."
        )
    found = flow_certificate(instance)
    if not found.sigma > 0:
        return LazyScale(instance.width, None, found.reason)
    low, high = 0.0, 1.0
    while not flow_certificate(instance.scaled(high)).certified:
        low, high = high, 4 * high
        if high > LARGEST_SCALE:
            return LazyScale(instance.width, None, f"not certified up to a scale of {LARGEST_SCALE:g}")
    while not low and flow_certificate(instance.scaled(high / 4)).certified:
        high /= 4
    low = low or high / 4
    while high > 1.01 * low:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if flow_certificate(instance.scaled(middle)).certified else (middle, high)
    return LazyScale(instance.width, high)


def kernel_drift(instance: Instance) -> float | None:
    """Relative change of the kernel ``|G_T - G_0|_F / |G_0|_F`` over gradient descent; None if it does not fit.

    Descent with step ``1 / lambda_max(G_0)`` until the residual is a thousandth of its start, at most 20,000 steps.

    Args:
        instance: where to start.
    """
    start = checked_instance(instance).kernel()
    top = float(np.linalg.eigvalsh(start)[-1])
    if not 0 < top < math.inf:
        return None
    step = 1.0 / top
    trajectory = descend(instance, step, DRIFT_STEPS, tolerance=DRIFT_TOLERANCE)
    if trajectory.diverged or trajectory.norms[-1] > DRIFT_TOLERANCE * trajectory.norms[0]:
        return None
    change = instance.kernel(trajectory.weights) - start
    return float(np.linalg.norm(change) / np.linalg.norm(start))
