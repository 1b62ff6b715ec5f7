"""In what shape a stack under masks is trained: full, that of the round before, or the smallest; and unused features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overparam.models.network import Network, PyTree
from overparam.pruning.compact import Compact, compact_stack, products
from overparam.pruning.mask import Mask

_RATE = 5e10  # floating-point operations a second that a smaller step saves on one core, roughly
_COMPILE = 2.0  # seconds that compiling one training takes, roughly


@dataclass(frozen=True)
class Shape:
    """The shape in which a round was trained.

    Attributes:
        sizes: features by ``inputs`` and units by layer, as in ``Compact.sizes``; none in full shape.
        missed: seconds that a smaller shape is predicted to have saved since this one was compiled.
    """

    sizes: Mapping[str, int] = field(default_factory=dict)
    missed: float = 0.0


def cut_stack(
    network: Network,
    params: Sequence[PyTree],
    masks: Sequence[Mask],
    steps: int,
    batch: int,
    before: Shape | None = None,
    *,
    silent: NDArray[np.bool_] | None = None,
) -> tuple[list[Compact] | None, Shape]:
    """Members of a stack, cut where that pays.

    A smaller shape is compiled when what it saves now, and would have saved in the rounds since the last compilation,
    exceeds a compilation: so the two cost at most about twice what they would if the rounds to come were known.

    Args:
        network: a chain.
        params: parameters of every member.
        masks: mask of every member.
        steps: steps of the training to come.
        batch: examples of a minibatch.
        before: the shape in which the round before was trained; None: the full one.
        silent: features that are 0 in every example, as in :func:`~overparam.pruning.compact.compact`.

    Returns:
        One a member, or None where they are trained in full shape; and the shape.

    Raises:
        UsageError: what :func:`~overparam.pruning.compact.compact_stack` refuses.

    References: the rule is that of renting or buying, Karlin, Manasse, Rudolph and Sleator, Competitive snoopy caching,
        Algorithmica 3, 1988.
    """
    small, last = compact_stack(network, params, masks, silent=silent), before or Shape()
    least = small[0].sizes
    if any(name not in least or size < least[name] for name, size in last.sizes.items()):
        last = Shape()  # masks that keep what those of the round before did not
    same = compact_stack(network, params, masks, least=last.sizes, silent=silent) if last.sizes else None
    fewer = products(network if same is None else same[0].network) - products(small[0].network)
    missed = last.missed + 6.0 * fewer * batch * steps * len(masks) / _RATE
    if missed > _COMPILE:
        return small, Shape(least)
    return same, Shape(last.sizes, missed)


def silent_features(network: Network, *sets: Any) -> NDArray[np.bool_] | None:
    """Which features are 0 in every example; their weights get no gradient, and add nothing to any output.

    Args:
        network: a network of dense layers of this package; of others no feature is said to be silent.
        sets: examples, each of shape ``(n, inputs)``.

    Returns:
        Shape ``(inputs,)``; None where there is none.

    >>> from overparam.models import mlp
    >>> silent_features(mlp(3, (4,), 2), np.array([[0, 1, 0]]), np.array([[0, 0, 2]])).tolist()
    [True, False, False]
    """
    if network.form is None:
        return None
    found = ~np.any([np.asarray(x).any(axis=0) for x in sets], axis=0)
    return found if found.any() else None
