"""Lee et al. (2019): the training loss of a linearised network, as a theorem with its assumptions."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from overparam.theory.assumption import Assumption, checked
from overparam.theory.dynamics.inputs import Times, residuals_of, step_of
from overparam.theory.dynamics.kernel import UNSEEN
from overparam.theory.dynamics.make import kernel_dynamics
from overparam.theory.theorem import Theorem

CITATION = (
    "J. Lee, L. Xiao, S. S. Schoenholz, Y. Bahri, R. Novak, J. Sohl-Dickstein and J. Pennington, Wide neural "
    "networks of any depth evolve as linear models under gradient descent, NeurIPS 2019 (the linear model)."
)


def linearised_loss(kernel: ArrayLike, y: ArrayLike, times: ArrayLike, rate: float | None = None) -> Times:
    """Training loss ``|y - f_t|^2 / 2`` of a linearised model that starts at f_0 = 0, in squared units of y.

    ``sum_i (1 - eta lam_i)^(2 t) (u_i . y)^2 / 2`` over the eigenvalues and eigenvectors of the kernel.

    Args:
        kernel: on the training inputs, shape ``(n, n)``.
        y: targets, shape ``(n,)`` or ``(n, outputs)``.
        times: steps, or times of gradient flow; infinity is allowed.
        rate: step of gradient descent; None is gradient flow.

    Returns:
        Shape ``(times,)``.

    Raises:
        DataError: a kernel that is none, or targets of another length.
        UsageError: bad times or a bad rate.

    References: S. Arora, S. Du, W. Hu, Z. Li and R. Wang, Fine-grained analysis of optimization and generalization
        for overparameterized two-layer neural networks, ICML 2019, theorem 4.1 (for wide two-layer networks up to
        an error that falls with width); here exact for the linear model.

    >>> linearised_loss(np.eye(2), [1.0, 1.0], [0, 1], rate=0.5).tolist()
    [1.0, 0.25]
    """
    found = kernel_dynamics(kernel)
    return found.loss(residuals_of(y, len(found.eigenvalues), "y"), times, rate)


def assumptions(
    kernel: ArrayLike, y: ArrayLike, times: ArrayLike, rate: float | None = None
) -> tuple[Assumption, ...]:
    """What the closed form asks, checked on the numbers given where that is possible.

    Args: as for :func:`linearised_loss`.

    References: Lee et al. 2019.

    >>> assumptions(np.eye(2), [1.0, 1.0], [0], rate=3.0)[1].state
    'fails'
    """
    found = kernel_dynamics(kernel)
    y = residuals_of(y, len(found.eigenvalues), "y")
    limit, step = found.largest_step(), step_of(rate)
    said = "gradient flow" if step is None else f"step {step:.4g}, limit {limit:.4g}"
    return (
        Assumption(
            "linear model",
            "The kernel does not change during training.",
            "unchecked",
            "a network's kernel moves; measure how far",
        ),
        checked("stable step", "The step is below 2 / largest eigenvalue.", step is None or step < limit, said),
        checked(
            "regular kernel",
            "No part of the targets lies where the kernel is zero.",
            found.null_share(y) <= UNSEEN,
            f"{found.null} directions of eigenvalue zero, {found.null_share(y):.3g} of |y|^2 there",
        ),
    )


_GRID = np.linspace(-1, 1, 6)
THEOREM = Theorem(
    "kernel-descent",
    linearised_loss,
    {
        "kernel": np.exp(-(np.subtract.outer(_GRID, _GRID) ** 2)),
        "y": np.sin(3 * _GRID),
        "times": (0, 1, 10, 1000, math.inf),
        "rate": 0.3,
    },
    assumptions,
    CITATION,
)
