"""Attempts to certify what cannot be: data that nothing fits, and targets out of reach of a bounded activation."""

from __future__ import annotations

from typing import Any

from overparam.studies.certified_convergence.data import contradicting
from overparam.studies.certified_convergence.runs import OVER

UNITS = 12
REACH = 0.9  # largest output over largest target


def attempts(x: Any, y: Any, activation: str, seed: int, scale: float | None) -> dict[str, Any]:
    """Certificates given on impossible tasks, one entry an attempt.

    Args:
        x: inputs, shape ``(n, features)``.
        y: targets, shape ``(n,)``.
        activation: a smooth one.
        seed: draws the weights.
        scale: the output scale from which the possible task is certified.
    """
    from overparam.own.instance import draw_instance, flow_certificate

    width = 3 * len(x) + len(x) % 2
    x_bad, y_bad = contradicting(x, y)
    base = draw_instance(x_bad, y_bad, activation, width, seed, scale=1.0, antisymmetric=True)
    given = [int(flow_certificate(base.scaled(over * (scale or 1.0))).certified) for over in OVER]
    if activation == "tanh":
        given += saturating(x, y, seed)
    return {"impossible_certified": given, "impossible_failed": [0] * len(given)}


def saturating(x: Any, y: Any, seed: int) -> list[int]:
    """Certificates on the way of Levenberg-Marquardt where the outputs of tanh cannot reach the targets."""
    import numpy as np

    from overparam.own.instance import draw_instance, flow_certificate
    from overparam.training.levenberg_marquardt import levenberg_marquardt

    nu = REACH * float(np.abs(y).max()) / UNITS
    start = draw_instance(x, y, "tanh", UNITS, seed, scale=nu)
    shape = start.weights.shape
    given: list[int] = []

    def visit(_: int, theta: Any, r: Any) -> bool:
        given.append(int(flow_certificate(start, theta.reshape(shape)).certified))
        return False

    levenberg_marquardt(
        lambda t: start.residual(t.reshape(shape)),
        lambda t: start.jacobian(t.reshape(shape)),
        start.weights.ravel(),
        iterations=60,
        visit=visit,
    )
    return given
