"""What a person asked of :func:`overparam.prune`: everything that a mask at another density is found from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from overparam.core.checked import shown
from overparam.core.errors import UsageError, unknown
from overparam.models.network import Network, PyTree
from overparam.pruning.at_init import AT_INIT, at_init, gradient
from overparam.pruning.criteria import CRITERIA, Criterion, Weights, criterion_of
from overparam.pruning.mask import Mask
from overparam.pruning.measured import Arrays
from overparam.pruning.select import check_told_apart, choose
from overparam.training.losses import EachLoss

ONCE = ("grasp", "synflow")  # find their mask by themselves, before training
COMPETE = (*AT_INIT, *ONCE)  # whose sources let layers compete


@dataclass(frozen=True, eq=False)
class Asked:
    """The arguments of :func:`overparam.prune`, checked.

    Attributes:
        network: the network.
        params: its weights.
        arrays: the data, or None.
        criterion: which weights are kept.
        scope: ``layer``, ``global`` or ``even``.
        rates: densities of layers of their own, by pattern.
        leave: patterns of layers that are not pruned.
        initial: weights at initialisation, or None.
        mask: what is kept so far.
        rule: the loss.
        key: draws what is random.
    """

    network: Network
    params: PyTree
    arrays: Arrays | None
    criterion: str | Criterion
    scope: str
    rates: Mapping[str, float] | None
    leave: Any
    initial: PyTree | None
    mask: Mask
    rule: str | EachLoss
    key: Any

    @property
    def name(self) -> str:
        """Name of the criterion."""
        return self.criterion if isinstance(self.criterion, str) else self.criterion.name

    def needed(self, what: str) -> Arrays:
        """The data.

        Args:
            what: for what, in words.

        Raises:
            UsageError: none were given.
        """
        if self.arrays is None:
            raise UsageError(
                f"data: expected a data set for {what}, got none. Call prune(network, params, data, ...)."
            )
        return self.arrays

    def at(
        self,
        density: float,
        *,
        params: PyTree = None,
        mask: Mask | None = None,
        rates: Mapping[str, float] | None = None,
    ) -> Mask:
        """The mask at a density.

        Args:
            density: the share of the weights that the mask keeps which stay.
            params: present weights; None: those that were given.
            mask: what is kept so far; None: the one that was given.
            rates: shares of layers of their own; None: those that were given.

        Raises:
            UsageError: an unknown criterion, or one without what it needs.
            DataError: weights or scores that are no numbers, or scores that are all 0.
        """
        now, first = self.params if params is None else params, self.mask if mask is None else mask
        own, begun = self.rates if rates is None else rates, now if self.initial is None else self.initial
        x, y = (None, None) if self.arrays is None else (self.arrays.x, self.arrays.y)
        if isinstance(self.criterion, str) and self.criterion in ONCE:
            if own:
                raise UsageError(
                    f"rates: expected none for criterion '{self.criterion}', got {shown(own)}. Use leave=."
                )
            return at_init(
                self.criterion,
                self.network,
                begun,
                density,
                x,
                y,
                first,
                scope=self.scope,
                leave=self.leave,
                key=self.key,
                rule=self.rule,
            )
        if isinstance(self.criterion, str) and self.criterion not in CRITERIA:
            raise unknown(
                "criterion",
                self.criterion,
                (*CRITERIA, *ONCE),
                "Or give a Criterion(name, formula, source, needs, score).",
            )
        rule, slope, initial = criterion_of(self.criterion), None, self.initial
        if "gradient" in rule.needs:
            if self.arrays is None:
                raise UsageError(
                    f"criterion '{rule.name}': expected data, from which its gradient is found, got none. Give data=."
                )
            slope, initial = gradient(self.network, begun, x, y, first, rule=self.rule), begun
        seen = Weights(initial, now, first, slope, self.key)
        if isinstance(self.criterion, str) and not rule.whole and density < 1:
            check_told_apart(rule(seen), first, rule.name)
        return choose(rule, seen, density, self.scope, rates=own, leave=self.leave)
