"""Parametrisations: which constant stands in front of each weight matrix, and so how fast features move."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from overparam.core.errors import UsageError, unknown

Scales = Callable[[Sequence[int], float], tuple[float, ...]]


@dataclass(frozen=True)
class Parametrisation:
    """A rule for the forward scale of every weight matrix.

    Attributes:
        name: name of the rule.
        init: the initialisation it is defined with.
        scales: ``scales(sizes, gain)``; sizes are ``(inputs, widths..., outputs)``; one factor a weight matrix.
    """

    name: str
    init: str
    scales: Scales


def _standard(sizes: Sequence[int], gain: float) -> tuple[float, ...]:
    if gain != 1.0:
        raise UsageError(
            f"gain: expected 1 with parametrisation 'standard', got {gain:g}. "
            "Choose an initialisation instead, or parametrisation='ntk'."
        )
    return (1.0,) * (len(sizes) - 1)


def _ntk(sizes: Sequence[int], gain: float) -> tuple[float, ...]:
    return tuple(gain / math.sqrt(size) for size in sizes[:-1])


def _ntk_unit(sizes: Sequence[int], gain: float) -> tuple[float, ...]:
    return (gain, *_ntk(sizes[1:], gain))


def _mean_field(sizes: Sequence[int], gain: float) -> tuple[float, ...]:
    if len(sizes) != 3:
        raise UsageError(
            f"parametrisation 'mean_field': expected one hidden layer, got {len(sizes) - 2}. "
            "Use two_layer, or parametrisation='ntk' for deeper networks."
        )
    return (gain / math.sqrt(sizes[0]), 1 / sizes[1])


PARAMETRISATIONS: Mapping[str, Parametrisation] = {
    rule.name: rule
    for rule in (
        Parametrisation("standard", "torch", _standard),
        Parametrisation("ntk", "normal", _ntk),
        Parametrisation("ntk_unit", "normal", _ntk_unit),
        Parametrisation("mean_field", "normal", _mean_field),
    )
}


def parametrisation(name: str) -> Parametrisation:
    """The parametrisation of that name. A layer computes ``scale * W h + b``.

    ========== ================================ =========================== ==============
    name       first layer                      later layers                entries
    ========== ================================ =========================== ==============
    standard   1                                1                           as ``init``
    ntk        gain / sqrt(fan_in)              gain / sqrt(fan_in)         N(0, 1)
    ntk_unit   gain                             gain / sqrt(fan_in)         N(0, 1)
    mean_field gain / sqrt(fan_in)              1 / width                   N(0, 1)
    ========== ================================ =========================== ==============

    ``ntk`` is meant for inputs of norm about sqrt(inputs) (standardised features), ``ntk_unit`` for inputs of
    norm 1: with the same parameters, the first at ``sqrt(inputs) x`` is the second at ``x``. With relu,
    ``gain=sqrt(2)`` keeps the second moment of the pre-activations over depth. ``mean_field`` has one hidden
    layer,
    ``f(x) = (1/m) sum_j a_j phi(gain w_j.x / sqrt(d) + b_j)``: gradients of a neuron shrink like 1/m, so the
    learning rate that keeps features moving as m grows is proportional to m.

    Args:
        name: one of the names above.

    Returns:
        The rule.

    Raises:
        UsageError: no parametrisation has that name.

    References:
        ntk: Jacot, Gabriel, Hongler, Neural tangent kernel, NeurIPS 2018, section 2 (their beta is 1 here).
        ntk_unit: Du, Zhai, Poczos, Singh, Gradient descent provably optimizes over-parameterized neural
        networks, ICLR 2019, equation 1. mean_field: Mei, Montanari, Nguyen, A mean field view of the landscape
        of two-layer neural networks, PNAS 2018, equation 1 (there without the fixed factor 1/sqrt(d)).
    """
    if not isinstance(name, str) or name not in PARAMETRISATIONS:
        raise unknown("parametrisation", name, PARAMETRISATIONS)
    return PARAMETRISATIONS[name]
