"""What a network of dense layers computes, said in constants, for theorems that must know it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32


@dataclass(frozen=True, eq=False)
class DenseForm:
    """``f(x) = s_L W_L phi(... phi(s_1 W_1 x + b_1) ...) + b_L``.

    Attributes:
        activation: name in :func:`~overparam.models.activations.activation`.
        sizes: inputs, widths of the hidden layers, outputs.
        scales: s_l, one forward factor a weight matrix.
        bias: whether the trained layers have biases b_l.
        law: name of the initialisation in :func:`~overparam.models.initialisations.initialisation`.
        signs: the fixed last matrix, entries +1 and -1, where it is not trained (there is no b_L then); else None.
    """

    activation: str
    sizes: tuple[int, ...]
    scales: tuple[float, ...]
    bias: bool
    law: str
    signs: Float32[np.ndarray, "classes units"] | None = None
