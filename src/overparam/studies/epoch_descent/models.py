"""The names of the models: ``linear``, ``mlp-61`` (hidden width), ``cnn-50`` (channels)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from overparam.core import UsageError

FAMILIES = {"mlp": "multi-layer perceptron", "cnn": "convolutional network"}
LINEAR = "linear"


def family_and_size(model: str) -> tuple[str, int]:
    """Split a model's name into its family and its size; the linear model has size 0.

    Raises:
        UsageError: the name is none of a model.

    >>> family_and_size("mlp-61"), family_and_size("linear")
    (('mlp', 61), ('linear', 0))
    """
    if model == LINEAR:
        return LINEAR, 0
    found = re.fullmatch(rf"({'|'.join(FAMILIES)})-([1-9]\d*)", model)
    if found is None:
        raise UsageError(
            f"unknown model '{model}': expected 'linear', or a network with its size such as 'mlp-61' (units of "
            "both hidden layers) or 'cnn-50' (channels of all three layers)."
        )
    return found[1], int(found[2])


def of_family(models: Iterable[str], family: str) -> list[str]:
    """The models of one family, smallest first.

    >>> of_family(["mlp-200", "linear", "cnn-50", "mlp-61"], "mlp")
    ['mlp-61', 'mlp-200']
    """
    return sorted((m for m in models if family_and_size(m)[0] == family), key=lambda m: family_and_size(m)[1])
