"""The size of what is left to fit, ``||f - y||``, with a proved bound on its rounding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from overparam.theory.certificates.dense import Evaluation
from overparam.theory.certificates.rounding import UNIT, norm_above, sum_above


@dataclass(frozen=True, eq=False)
class Residual:
    """``f - y`` over all examples and outputs.

    Attributes:
        vector: as computed, one entry an example and output, outputs inner.
        error: bound on the norm of its error.
        norm: proved upper bound of its true norm.
    """

    vector: Float64[np.ndarray, " n"]
    error: float
    norm: float


def residual(evaluation: Evaluation, y: Float64[np.ndarray, "n classes"]) -> Residual:
    """Residual of a network with its rounding, in units of the targets.

    Args:
        evaluation: the network at the inputs.
        y: targets, shape ``(n, outputs)``.

    >>> from overparam.theory.activations import activation
    >>> from overparam.theory.certificates.dense import evaluate, two_layer
    >>> found = evaluate(two_layer([[1.0]], [1.0], activation("identity")), np.array([[2.0]]))
    >>> 1.0 <= residual(found, np.array([[1.0]])).norm < 1.0 + 1e-10
    True
    """
    vector = evaluation.outputs - y
    error = norm_above(evaluation.outputs_error + UNIT * np.abs(vector))
    return Residual(vector.ravel(), error, sum_above(norm_above(vector), error))
