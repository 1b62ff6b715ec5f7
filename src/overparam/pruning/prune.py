"""Prune one's own network by any criterion, retrain it, and see accuracy against density."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from overparam.core.errors import UsageError
from overparam.models.check import check_network, check_params
from overparam.models.network import Network, PyTree
from overparam.pruning.asked import COMPETE, ONCE, Asked
from overparam.pruning.criteria import Criterion, check_by_density
from overparam.pruning.curve import Curve, in_steps, measured, retrained, trained
from overparam.pruning.loaders import loss_for, whole_data
from overparam.pruning.mask import Mask, mask_for
from overparam.pruning.measured import Fit, arrays_of, fit_of, told_fit
from overparam.pruning.module_prune import OPTIONS, PrunedModel, prune_model
from overparam.pruning.rounds import seeds_of
from overparam.pruning.share import density_of, flag
from overparam.pruning.tickets import Tickets, tickets
from overparam.training import Recipe, refresh
from overparam.training.inputs import check_recipe
from overparam.training.losses import loss as loss_of


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
    _asked: Asked = field(repr=False)

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
        data = self._asked.needed("retrain")
        begun = self.params if start is None else start
        (params,) = trained(self._asked, recipe, data, [(seed, self.mask, begun)])
        return replace(self, params=params, after=fit_of(self.network, params, data, recipe.loss))

    def curve(
        self,
        densities: Sequence[float],
        recipe: Recipe | None = None,
        seeds: Sequence[int] = (0,),
        *,
        steps: bool = False,
        start: PyTree | None = None,
    ) -> Curve:
        """Accuracy against density: the weights that were given, pruned to each density.

        Without a recipe they are measured as they are. With one they are trained on at each density: pruned to it at once,
        or, with ``steps``, from the density before. Printed, it is a table with an interval at every density.

        Args:
            densities: shares of weights that are kept; with ``steps`` falling.
            recipe: how to train after pruning; None: not at all.
            seeds: of the minibatches, one a run; of several the mean is given.
            steps: whether each density is reached from the weights trained at the one before.
            start: weights that every training starts from, such as the initial ones, which rewinds; None: those that
                were pruned.

        Raises:
            UsageError: no data were given, a number that is no density, or what asks for a recipe without one.
            DataError: training diverged.
        """
        asked, step = self._asked, flag(steps, "steps")
        if asked.criterion not in ONCE:
            check_by_density(asked.criterion)
        if recipe is None:
            if step or start is not None or seeds_of(seeds) != (0,):
                raise UsageError(
                    "recipe: expected how to train, for steps, start or seeds, got none. Give recipe=."
                )
            return measured(asked, densities)
        check_recipe(recipe)
        return (in_steps if step else retrained)(asked, densities, recipe, seeds_of(seeds), start)

    def search(
        self,
        recipe: Recipe,
        seeds: Sequence[int],
        densities: Sequence[float],
        *,
        build: Callable[[int], PyTree] | None = None,
        criterion: str | Criterion | None = None,
        **more: Any,
    ) -> Tickets:
        """Is there a ticket in this network: :func:`~overparam.pruning.tickets.tickets` with what ``prune`` was given.

        Data, criterion, scope, rates, layers that are left, and the mask before pruning are those of ``prune``; the
        weights are not: a search begins at initial ones.

        Args:
            recipe: how to train.
            seeds: one a member.
            densities: shares of weights that are kept, falling.
            build: initial weights of a seed; None takes ``network.init``.
            criterion: another criterion; None: that of ``prune``.
            more: further arguments of ``tickets``.

        Raises:
            UsageError: no data were given, a criterion that needs no training, or what ``tickets`` refuses.
        """
        asked = self._asked
        data, rule = asked.needed("search"), asked.criterion if criterion is None else criterion
        if isinstance(rule, str) and rule in ONCE:
            raise UsageError(
                f"criterion: expected one that reads trained weights, got '{rule}', which finds its mask before training. "
                "Give search(..., criterion='large_final')."
            )
        own = {"scope": asked.scope, "rates": asked.rates, "leave": asked.leave, "mask": asked.mask, **more}
        parts = (data.x, data.y, data.x_test, data.y_test)
        return tickets(self.network, recipe, parts, seeds, densities, build=build, criterion=rule, **own)

    def __repr__(self) -> str:
        parts = [f"Pruned('{self.network.name}', density {self.density:.6g} by {self.criterion}"]
        for name, one in (("before", self.before), ("after", self.after)):
            if one is not None:
                parts.append(f"{name} {told_fit(one)}")
        if self.mask.collapsed:
            parts.append(f"collapsed: {', '.join(self.mask.collapsed)}")
        return ", ".join(parts) + ")"


def prune(
    model: Any,
    params: PyTree = None,
    data: Any = None,
    criterion: str | Criterion = "large_final",
    density: float = 0.2,
    *,
    test: Any = None,
    scope: str | None = None,
    rates: Mapping[str, float] | None = None,
    leave: Any = (),
    also: Any = (),
    initial: Any = None,
    mask: Any = None,
    loss: Any = None,
    key: Any = 0,
    **opening: Any,
) -> Pruned | PrunedModel:
    """Prune a network of one's own in one shot; it is not changed.

    Args:
        model: a :class:`~overparam.Network`, or any model that :func:`~overparam.operators.open_model` takes: a function
            ``apply(params, x)`` of JAX, a module of Flax Linen, Flax NNX or Equinox, or a ``torch.nn.Module``, which PyTorch
            itself measures on its own device.
        params: its weights, trained or not; None for modules that hold them.
        data: training data: arrays ``(x, y)``, a loader, or a data set or arrays ``(x, y, x_test, y_test)`` that hold test
            data too; None where nothing is measured and the criterion needs none.
        criterion: a name in :func:`~overparam.pruning.criteria.criterion_of`, or ``grasp`` or ``synflow``.
        density: the share of the weights that is kept; ``same_sign`` and ``diff_sign`` decide by themselves, and the result
            says what stayed.
        test: test data; without any, loss and accuracy are those of the training data, which is said.
        scope: ``layer``: in every layer; ``global``: layers compete; ``even``: all layers end at one density. None, as the
            sources have it: ``global`` for ``snip``, ``grasp`` and ``synflow``, else ``layer``.
        rates: densities of layers of their own, by pattern.
        leave: patterns of layers that are not pruned.
        also: patterns of arrays that are pruned although they are no weights of a layer, such as biases and embeddings.
        initial: weights at initialisation, for criteria that read them; the gradient of ``snip`` and ``grad`` is taken
            there, else at ``params``. A model or parameters of the same kind.
        mask: what may be pruned at all, or an earlier mask, to prune further; None: the weights of all dense layers and
            convolutions.
        loss: as in :func:`~overparam.operators.open_model`; of a Network as in :class:`~overparam.training.recipe.Recipe`, or
            ``binary_cross_entropy``. None: cross-entropy for labels, squared loss for numbers.
        key: draws what is random: a key of JAX, or a whole number.
        opening: for models that are no Network further arguments of ``open_model``: ``batch``, ``call``, ``evaluation``,
            ``frozen``, ``ignore``, ``reduction``, ``smoothing``; for all ``targets``, the key of targets in mappings.

    Returns:
        The mask, and the model under it; it can be retrained, and give the whole curve. :class:`Pruned` for a Network, which
        can also search for tickets, :class:`~overparam.pruning.module_prune.PrunedModel` for others.

    Raises:
        UsageError: weights of another network, an unknown criterion or one without what it needs, a number that is no density.
        DataError: weights or data that are missing or infinite, or data that do not fit.

    >>> import jax
    >>> from overparam.models import mlp
    >>> network = mlp(3, (10,), 2)
    >>> prune(network, network.init(jax.random.key(0)), density=0.3).mask.densities
    {'hidden1/weight': 0.3, 'output/weight': 0.3}
    """
    odd = next((name for name in opening if name not in OPTIONS), None)
    if odd is not None:
        raise TypeError(f"prune() got an unexpected keyword argument '{odd}'")
    if not isinstance(model, Network):
        return prune_model(
            model, params, data, criterion, density,
            test=test, scope=scope, rates=rates, leave=leave, also=also, initial=initial, mask=mask, loss=loss, key=key,
            options=opening,
        )  # fmt: skip
    for name in opening:
        if name != "targets":
            raise UsageError(f"{name}: expected it for models that are no Network, got it with '{model.name}'.")
    network = model
    check_network(network)
    check_params(network, params)
    share = density_of(density)
    if initial is not None:
        check_params(network, initial, "initial")
    if data is None and test is not None:
        raise UsageError(f"data: expected training data with test= for '{network.name}', got none.")
    parts = None if data is None else whole_data(data, test, opening.get("targets"))
    rule = loss_for(loss, None if parts is None else parts[1])
    arrays = None if parts is None else arrays_of(parts, network, rule)
    if also and mask is not None:
        raise UsageError("also: expected none with mask=, which says what may be pruned. Give one of the two.")
    first = Mask.full(network, also=also) if also else mask_for(network, mask)
    loss_of(rule)
    by_name = isinstance(criterion, str) and criterion in COMPETE
    default = "global" if by_name else "layer"
    asked = Asked(
        network,
        params,
        arrays,
        criterion,
        default if scope is None else scope,
        rates,
        leave,
        initial,
        first,
        rule,
        key,
    )
    found = asked.at(share)
    cut = found.apply(params)
    before = after = None
    if arrays is not None:
        before = fit_of(network, first.apply(params), arrays, rule)
        cut = refresh(network, cut, arrays.x)
        after = fit_of(network, cut, arrays, rule)
    return Pruned(network, cut, found, before, after, asked.name, asked)
