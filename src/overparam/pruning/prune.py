"""Prune one's own network by any criterion, retrain it, and see accuracy against density."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from overparam.core.checked import shown
from overparam.core.errors import DataError, UsageError, unknown
from overparam.models.check import check_network, check_params
from overparam.models.network import Network, PyTree
from overparam.pruning.at_init import AT_INIT, at_init, gradient
from overparam.pruning.criteria import CRITERIA, Criterion, Weights, criterion_of
from overparam.pruning.iterative import iterate
from overparam.pruning.mask import Mask, mask_for
from overparam.pruning.measured import Arrays, Fit, arrays_of, finite, fit_of
from overparam.pruning.rounds import Round
from overparam.pruning.select import choose
from overparam.pruning.share import density_of
from overparam.training import Checkpoint, Member, Recipe, refresh, train
from overparam.training.losses import EachLoss

_BY_DATA = (*AT_INIT, "synflow")


@dataclass(frozen=True)
class Point:
    """A point of the curve of accuracy against density.

    Attributes:
        density: the share of weights that is kept.
        loss: mean loss on the test part.
        accuracy: share of its labels that are predicted, from 0 to 1; None for targets.
        collapsed: layers that were pruned to nothing.
    """

    density: float
    loss: float
    accuracy: float | None
    collapsed: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Pruned:
    """A network under a mask.

    Attributes:
        network: the network.
        params: its weights, 0 where the mask is.
        mask: which weights are kept.
        before: loss and accuracy on the test part before pruning; None without data.
        after: the same now.
        criterion: name of the criterion.
    """

    network: Network
    params: PyTree
    mask: Mask
    before: Fit | None
    after: Fit | None
    criterion: str
    _asked: Mapping[str, Any] = field(repr=False)

    @property
    def density(self) -> float:
        """The share of weights that is kept."""
        return self.mask.density

    def retrain(self, recipe: Recipe, seed: int = 0, *, start: PyTree | None = None) -> Pruned:
        """Train on under the mask; pruned weights stay exactly 0.

        Args:
            recipe: how to train; its loss is also what ``after`` is measured by.
            seed: draws the minibatches.
            start: weights to start from, for instance initial ones, which rewinds; None takes the present ones.

        Raises:
            UsageError: no data were given, or weights of another network.
            DataError: training diverged.
        """
        data = self._data("retrain")
        begun = self.params if start is None else start
        check_params(self.network, begun, "start")
        (run,) = train(
            self.network,
            recipe,
            [Member(seed, data.y, mask=self.mask)],
            data.x,
            data.x_test,
            data.y_test,
            keep_params=True,
            start=[Checkpoint(begun)],
        )
        if run.diverged_at is not None or not finite(run.params):
            raise DataError(
                f"recipe: expected a training that stays finite, got one that diverged by step {run.diverged_at or recipe.steps}."
                " Lower its learning rate."
            )
        after = fit_of(self.network, run.params, data, recipe.loss)
        return replace(self, params=run.params, after=after)

    def curve(self, densities: Sequence[float]) -> tuple[Point, ...]:
        """Accuracy against density: the weights that were given, pruned anew to each density, without training.

        Args:
            densities: shares of weights that are kept.

        Raises:
            UsageError: no data were given, or a number that is no density.
        """
        data = self._data("curve")
        if isinstance(densities, str) or not np.iterable(densities):
            raise UsageError(f"densities: expected numbers in a list, got {shown(densities)}.")
        found = []
        for density in densities:
            one = _masked(density=density_of(density, "densities"), **self._asked["how"])
            own = fit_of(self.network, one.apply(self._asked["how"]["params"]), data, self._asked["rule"])
            found.append(Point(one.density, own.loss, own.accuracy, one.collapsed))
        return tuple(found)

    def search(
        self,
        recipe: Recipe,
        seeds: Sequence[int],
        rounds: int,
        *,
        build: Callable[[int], PyTree] | None = None,
        **more: Any,
    ) -> list[Round]:
        """Search for a ticket of this network: :func:`~overparam.pruning.iterative.iterate` with its data and criterion.

        Args:
            recipe: how to train.
            seeds: one a member.
            rounds: how often is pruned.
            build: initial weights of a seed; None takes ``network.init``.
            more: further arguments of ``iterate``.

        Raises:
            UsageError: no data were given, or what ``iterate`` refuses.
        """
        data = self._data("search")
        if not {"arms", "criterion"} & set(more) and self.criterion in CRITERIA:
            more["criterion"] = self.criterion
        parts = (data.x, data.y, data.x_test, data.y_test)
        return iterate(self.network, recipe, parts, seeds, rounds, build=build, **more)

    def _data(self, what: str) -> Arrays:
        if self._asked["data"] is None:
            raise UsageError(
                f"data: expected a data set for {what}, got none. Call prune(network, params, data, ...)."
            )
        found: Arrays = self._asked["data"]
        return found

    def __repr__(self) -> str:
        parts = [f"Pruned('{self.network.name}', density {self.density:.6g} by {self.criterion}"]
        for name, one in (("before", self.before), ("after", self.after)):
            if one is not None:
                parts.append(f"{name} {_told(one)}")
        if self.mask.collapsed:
            parts.append(f"collapsed: {', '.join(self.mask.collapsed)}")
        return ", ".join(parts) + ")"


def prune(
    network: Network,
    params: PyTree,
    data: Any = None,
    criterion: str | Criterion = "large_final",
    density: float = 0.2,
    *,
    scope: str | None = None,
    rates: Mapping[str, float] | None = None,
    leave: Any = (),
    initial: PyTree | None = None,
    mask: Mask | None = None,
    loss: str | EachLoss = "cross_entropy",
    key: Any = 0,
) -> Pruned:
    """Prune a network of one's own in one shot.

    Args:
        network: the network: one of this package, or ``Network(name, init, apply, inputs, outputs)`` around functions of
            any JAX library.
        params: its weights, trained or not.
        data: a Dataset, or arrays ``(x, y, x_test, y_test)``; None where nothing is measured and the criterion needs none.
        criterion: a name in :func:`~overparam.pruning.criteria.criterion_of`, or ``grasp`` or ``synflow``.
        density: the share of the weights that is kept.
        scope: ``layer``: in every layer; ``global``: layers compete; ``even``: all layers end at one density. None, as the
            sources have it: ``global`` for ``snip``, ``grasp`` and ``synflow``, else ``layer``.
        rates: densities of layers of their own, by pattern.
        leave: patterns of layers that are not pruned.
        initial: weights at initialisation, for criteria that read them; the gradient of ``snip`` and ``grad`` is taken
            there, else at ``params``.
        mask: what is kept so far; None: all weights of dense layers and convolutions.
        loss: the loss of the network.
        key: draws what is random: a key of JAX, or a whole number.

    Returns:
        The network under its mask, with loss and accuracy before and after; ``retrain``, ``curve`` and ``search`` go on.

    Raises:
        UsageError: an unknown name, a criterion without what it needs, a number that is no density, or weights or a mask of
            another network.
        DataError: data that do not fit, or scores that are no numbers.

    >>> import jax
    >>> from overparam.models import mlp
    >>> network = mlp(3, (10,), 2)
    >>> prune(network, network.init(jax.random.key(0)), density=0.3).mask.densities
    {'hidden1/weight': 0.3, 'output/weight': 0.3}
    """
    check_network(network)
    check_params(network, params)
    share = density_of(density)
    if initial is not None:
        check_params(network, initial, "initial")
    arrays = None if data is None else arrays_of(data, network, loss)
    first = mask_for(network, mask)
    how: dict[str, Any] = {
        "network": network,
        "params": params,
        "data": arrays,
        "criterion": criterion,
        "scope": scope or ("global" if isinstance(criterion, str) and criterion in _BY_DATA else "layer"),
        "rates": rates,
        "leave": leave,
        "initial": initial,
        "mask": first,
        "rule": loss,
        "key": key,
    }
    found = _masked(density=share, **how)
    cut = found.apply(params)
    before = after = None
    if arrays is not None:
        before = fit_of(network, first.apply(params), arrays, loss)
        cut = refresh(network, cut, arrays.x)
        after = fit_of(network, cut, arrays, loss)
    name = criterion if isinstance(criterion, str) else criterion.name
    return Pruned(network, cut, found, before, after, name, {"how": how, "data": arrays, "rule": loss})


def _masked(
    network: Network, params: PyTree, data: Arrays | None, criterion: str | Criterion, density: float, scope: str,
    rates: Mapping[str, float] | None, leave: Any, initial: PyTree | None, mask: Mask, rule: str | EachLoss, key: Any,
) -> Mask:  # fmt: skip
    x, y = (None, None) if data is None else (data.x, data.y)
    begun = params if initial is None else initial
    if isinstance(criterion, str) and criterion in ("grasp", "synflow"):
        if rates:
            raise UsageError(
                f"rates: expected none for criterion '{criterion}', got {shown(rates)}. Use leave=."
            )
        return at_init(
            criterion, network, begun, density, x, y, mask, scope=scope, leave=leave, key=key, rule=rule
        )
    if isinstance(criterion, str) and criterion not in CRITERIA:
        raise unknown("criterion", criterion, (*CRITERIA, *_BY_DATA))
    own = criterion_of(criterion)
    slope = None
    if "gradient" in own.needs:
        if data is None:
            raise UsageError(
                f"criterion '{own.name}': expected data, from which its gradient is found, got none. Give data=."
            )
        slope = gradient(network, begun, x, y, mask, rule=rule)
        seen = Weights(begun, params, mask, slope, key)
    else:
        seen = Weights(initial, params, mask, None, key)
    return choose(own, seen, density, scope, rates=rates, leave=leave)


def _told(fit: Fit) -> str:
    return f"loss {fit.loss:.4g}" if fit.accuracy is None else f"accuracy {100 * fit.accuracy:.1f} %"
