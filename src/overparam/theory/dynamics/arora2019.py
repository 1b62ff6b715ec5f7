"""Arora et al. (2019): a bound of the test loss of wide two-layer networks, from the kernel and the targets alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from overparam.theory.assumption import Assumption, checked
from overparam.theory.dynamics.inputs import residuals_of
from overparam.theory.dynamics.kernel import UNSEEN
from overparam.theory.dynamics.make import kernel_dynamics
from overparam.theory.inputs import length, nonnegative
from overparam.theory.theorem import Theorem

CITATION = (
    "S. Arora, S. Du, W. Hu, Z. Li and R. Wang, Fine-grained analysis of optimization and generalization for "
    "overparameterized two-layer neural networks, ICML 2019 (theorem 5.1; constants recalled, not checked)."
)


@dataclass(frozen=True)
class GeneralisationBound:
    """A bound of the test loss, and whether it says anything.

    Attributes:
        value: ``sqrt(2 y^T H^-1 y / n)``, in the unit of y; infinite where a part of y lies in directions in which
            the kernel is zero.
        vacuous: at least ``largest``, the loss that needs no training; so it says nothing.
        largest: the loss that needs no training, in the unit of y.
        condition: condition number of the kernel: about as many digits of ``value`` are lost as it has.
        null_share: share of ``|y|^2`` in directions in which the kernel is zero.
    """

    value: float
    vacuous: bool
    largest: float
    condition: float
    null_share: float


def generalisation_bound(kernel: ArrayLike, y: ArrayLike, largest: float | None = None) -> GeneralisationBound:
    """Bound of the expected test loss of a wide two-layer ReLU network, leading term, in the unit of y.

    ``sqrt(2 y^T H^-1 y / n)``; the theorem adds ``O(sqrt(log(n / (lambda_0 delta)) / n))``, whose constant is not
    known to us and which is left out here. The loss is any that is 1-Lipschitz and bounded by 1.

    Args:
        kernel: H, ``E[phi'(w.x) phi'(w.z)] x.z`` for inputs of norm 1 (the hidden layer is trained), shape
            ``(n, n)``.
        y: targets, shape ``(n,)``.
        largest: loss that needs no training, from which on the bound is vacuous; None: the range of y.

    Returns:
        The bound with its condition number. Noise in y makes it grow with n instead of falling.

    Raises:
        DataError: a kernel that is none, or targets of another length.
        UsageError: a negative ``largest``.

    Assumptions: independent samples, inputs of norm 1, small initial outputs, infinite width.

    References: Arora et al. 2019, theorem 5.1 (recalled).

    >>> generalisation_bound([[0.5, 0.0], [0.0, 0.5]], [0.3, -0.3]).value
    0.6
    """
    trajectory = kernel_dynamics(kernel)
    targets = residuals_of(y, len(trajectory.eigenvalues), "y").reshape(len(trajectory.eigenvalues), -1)
    share = trajectory.null_share(targets)
    roots = np.sqrt(trajectory.eigenvalues[: trajectory.rank])[:, None]
    whitened = length((trajectory.vectors[:, : trajectory.rank].T @ targets) / roots)
    value = math.inf if share > UNSEEN else float(f"{math.sqrt(2.0 / len(targets)) * whitened:.15g}")
    trivial = float(np.ptp(targets)) if largest is None else nonnegative(largest, "largest")
    return GeneralisationBound(value, value >= trivial, trivial, trajectory.condition, share)


def assumptions(kernel: ArrayLike, y: ArrayLike, **_: object) -> tuple[Assumption, ...]:
    """What the bound asks, checked on the numbers given where that is possible.

    Args: as for :func:`generalisation_bound`.

    References: Arora et al. 2019.

    >>> assumptions([[1.0, 1.0], [1.0, 1.0]], [1.0, 0.0])[1].state
    'fails'
    """
    found = kernel_dynamics(kernel)
    return (
        Assumption(
            "wide network",
            "The network is two-layer, wide enough, its hidden layer trained from small outputs.",
            "unchecked",
            "only kernel and targets are given here",
        ),
        checked(
            "regular kernel",
            "The smallest eigenvalue of the kernel is above rounding.",
            found.null == 0,
            f"{found.null} directions of eigenvalue zero, condition number {found.condition:.3g}",
        ),
    )


THEOREM = Theorem(
    "arora-bound",
    generalisation_bound,
    {"kernel": 0.5 * np.eye(4) + 0.1, "y": np.array([0.5, -0.5, 1.0, 0.0])},
    assumptions,
    CITATION,
    "where a part of y lies in directions in which the kernel is zero",
)
