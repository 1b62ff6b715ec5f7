"""How statistics of batches are found anew at other parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from overparam.core.errors import DataError


@dataclass(frozen=True, eq=False)
class Refresh:
    """How statistics of batches are found anew.

    Attributes:
        names: of the held arrays that are.
        found: from a vector of parameters to all held arrays.
        batchwise: whether gradients can be taken while batches normalise themselves.
        layers: of PyTorch, which are put into that mode.
    """

    names: tuple[str, ...]
    found: Callable[[np.ndarray], Mapping[str, Any]]
    batchwise: bool
    layers: tuple[Any, ...] = ()


def check_counted(total: int) -> None:
    """Raise unless some batch had at least two examples.

    Args:
        total: examples of such batches.

    Raises:
        DataError: none had.
    """
    if not total:
        raise DataError("data: expected batches of at least 2 examples, where batches normalise, got none.")
