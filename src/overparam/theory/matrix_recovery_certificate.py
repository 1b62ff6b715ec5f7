"""A proof, rounding included, that gradient descent on a factor fits every label of a matrix recovery problem."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from overparam.theory.assumption import Assumption
from overparam.theory.certificates.certificate import Certificate
from overparam.theory.certificates.certify import certify_jacobian
from overparam.theory.certificates.rounding import UNIT, above, gamma, norm_above, row_norms_above
from overparam.theory.certificates.rump import largest_eigenvalue_bound
from overparam.theory.matrix_recovery import checked_labels, checked_problem, measurements, recovery_jacobian
from overparam.theory.theorem import Theorem

CITATION = (
    "The interpolation condition L |r| / sigma^2 < 1/2 of the certificates, with the Lipschitz constant of matrix "
    "recovery; own derivation, not refereed."
)


def certify_recovery(
    a: ArrayLike, u: ArrayLike, y: ArrayLike, *, step: float | None = None, flow: bool = False
) -> Certificate:
    r"""Whether gradient descent from U provably fits every label, in exact arithmetic.

    The loss is :math:`\frac12\sum_i (y_i - \langle A_i, UU^\top\rangle)^2`. The Jacobian's Lipschitz constant is at most
    :math:`2\sqrt{\lambda_{\max}([\langle \mathrm{sym} A_i, \mathrm{sym} A_j\rangle])}`, everywhere.

    Args:
        a: matrices A_i, shape ``(n, d, d)``; their float64 values are taken as exact.
        u: factor U, shape ``(d, r)``.
        y: labels, shape ``(n,)``.
        step: of gradient descent; None takes half the largest that is certified.
        flow: whether the statement is for gradient flow instead.

    Returns:
        The certificate. Where there are more labels than ``d q - q (q - 1)/2``, it is refused: sigma is 0.

    Raises:
        DataError: shapes that do not fit, or missing numbers.
        UsageError: a step that is not positive.

    References: as in CITATION. Entries of J are sums of at most d products, values sums of d^2 products of sums of r:
        their errors are bounded by gamma_m times the norms of the factors.

    >>> certify_recovery([[[1.0]]], [[2.0]], [5.0]).verdict, certify_recovery([[[1.0]]], [[2.0]], [-1.0]).verdict
    ('certified', 'not certified')
    """
    matrices, factor = checked_problem(a, u)
    labels = checked_labels(y, len(matrices))
    (n, d, _), r = matrices.shape, factor.shape[1]
    doubled = matrices + matrices.transpose(0, 2, 1)
    size = norm_above(factor)
    each = row_norms_above(matrices.reshape(n, -1))
    off = above(gamma(d + 4) * norm_above(doubled) * size)
    errors = gamma(d * d + r + 6) * (each * size * size + np.abs(labels))
    found = certify_jacobian(
        recovery_jacobian(matrices, factor),
        measurements(matrices, factor) - labels,
        proved_lipschitz(doubled),
        jacobian_error=off,
        residual_error=above(norm_above(errors)),
        step=step,
        flow=flow,
    )
    return replace(found, notes=("The Lipschitz constant and both errors were proved from the matrices.",))


def proved_lipschitz(doubled: Any) -> float:
    """Proved upper bound of the Jacobian's Lipschitz constant, ``sqrt(lambda_max([<A_i + A_i^T, A_j + A_j^T>]))``.

    Args:
        doubled: the computed ``A_i + A_i^T``, shape ``(n, d, d)``.
    """
    rows = doubled.reshape(len(doubled), -1)
    gram = rows @ rows.T
    gram = np.tril(gram) + np.tril(gram, -1).T
    total = norm_above(rows)
    top = largest_eigenvalue_bound(gram, gamma(rows.shape[1] + 4) * above(total * total))
    return above(math.sqrt(top) + 2 * UNIT * total)


def assumptions(a: ArrayLike, u: ArrayLike, y: ArrayLike, **_: object) -> tuple[Assumption, ...]:
    """The conditions of the certificate.

    Args: as for :func:`certify_recovery`.

    References: as in CITATION.
    """
    return certify_recovery(a, u, y).assumptions


_A = np.cos(np.arange(1, 28)).reshape(3, 3, 3)
_U = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, -0.5]])
THEOREMS = (
    Theorem(
        "matrix-recovery-certificate",
        certify_recovery,
        {"a": _A, "u": _U, "y": measurements(_A, _U) + 1e-3},
        assumptions,
        CITATION,
        "the distance, where nothing is proved",
    ),
)
