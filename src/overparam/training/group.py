"""Members whose training sets and minibatches have one size: checked and measured first, then trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import jax
import jax.numpy as jnp
import numpy as np

from overparam.models.network import Network, PyTree
from overparam.training import inputs
from overparam.training import members as stacks
from overparam.training.constants import Constants, stacked_constants
from overparam.training.first_look import check_start
from overparam.training.loop import Probes, advance, measure
from overparam.training.losses import loss
from overparam.training.measures import check_probes
from overparam.training.member import Checkpoint, Member, Trained
from overparam.training.minibatches import Feed
from overparam.training.recipe import Recipe
from overparam.training.record import Keep, Record, due_times
from overparam.training.start import begin, take
from overparam.training.trial import check_parts


@dataclass(frozen=True)
class Task:
    """What all members of a run share.

    Attributes:
        network: the network.
        recipe: how to train.
        x: shared examples; None where every member has its own.
        x_test: test examples.
        y_test: test labels or targets.
        probes: functions by name, or None.
        keep: further checkpoints by name.
        keep_params: whether the ends of runs are kept.
        one_by_one: whether members come one after another.
    """

    network: Network
    recipe: Recipe
    x: Any
    x_test: Any
    y_test: Any
    probes: Any
    keep: Mapping[str, Keep]
    keep_params: bool
    one_by_one: bool


@final
class Group:
    """Members that are trained as one stack."""

    def __init__(
        self,
        task: Task,
        members: Sequence[Member],
        own_x: Sequence[Any],
        start: Sequence[Checkpoint] | None,
        numbers: Sequence[int],
    ) -> None:
        """Check everything and measure the start; nothing is trained.

        Args:
            task: what all members of the run share.
            members: those of the group.
            own_x: their own examples, None for those that have none.
            start: their checkpoints, or None.
            numbers: their numbers among all members.

        Raises:
            DataError: arrays that do not fit together or the network, or a loss that is not finite at the start.
            UsageError: anything else that cannot be trained.
        """
        network, recipe = task.network, stacks.with_batch(task.recipe, members[0])
        self._task, self._recipe, self._members = task, recipe, members
        shared = all(one is None for one in own_x)
        each = 1 if shared else stacks.sharing(members, own_x)
        self._x = task.x
        if not shared:  # members of a set share examples; a single set has no axis of its own
            sets = np.stack([task.x if one is None else one for one in own_x[::each]])
            self._x = jnp.asarray(sets[0] if each == len(members) > 1 else sets)
            shared = self._x.ndim == 2
        n = self._x.shape[-2]
        self._y = jnp.asarray(stacks.stacked_targets(members, n, network, recipe, numbers))
        y_test = inputs.targets("y_test", task.y_test, len(task.x_test), network, recipe)
        self._test = (task.x_test, jnp.asarray(y_test))
        self._rates = jnp.asarray(stacks.learning_rates(members, recipe))
        seeds = [m.seed if m.order is None else m.order for m in members[::each]]
        self._orders = jnp.asarray(seeds if len(set(seeds)) > 1 else seeds[:1], jnp.uint32)
        self._step = 0 if start is None else start[0].step
        self._feed = Feed(
            seeds, n, None if recipe.stream else recipe.batch, self._step, recipe.steps, recipe.sampling
        )
        check_parts(network, recipe, n, self._y[0], y_test, self._step)
        first = np.asarray(self._x if shared else self._x[0])
        self._probes: Probes = check_probes(
            network, recipe, task.probes, (first, self._y[0], task.x_test, y_test)
        )
        self._own: Constants = stacked_constants(network, members, numbers)
        self._params, self._slots, self._origin = begin(
            network, recipe, members, start, first, self._own, numbers
        )
        check_start(network, recipe, self._params, self._x, self._y, self._own, numbers)
        self._times = due_times(recipe, task.keep, self._step)
        self._record = Record(members, recipe, self._times, task.keep)
        self._look()

    def run(self, progress: Callable[[float], None]) -> tuple[Trained, ...]:
        """Train to the end.

        Args:
            progress: called now and then with the fraction of steps done.
        """
        begun, recipe = self._step, self._recipe
        for time in self._times[1:]:
            if self._record.all_ended:
                break
            while self._step < time:
                rows, base, end = self._feed.segment(self._step, time)
                self._params, self._slots = advance(
                    self._params, self._slots, self._rates, self._orders, self._own, self._y, self._x, rows, base,
                    self._step, end, network=self._task.network, recipe=recipe, one_by_one=self._task.one_by_one,
                )  # fmt: skip
                self._step = end
                jax.block_until_ready(self._params)
                progress((end - begun) / (recipe.steps - begun))
            self._look()
        progress(1.0)
        return self._record.trained()

    def _look(self) -> None:
        """Measure at a probe time, and keep what is due."""
        self._params, values = measure(
            self._params, self._origin, self._own, self._y, self._x, *self._test, network=self._task.network,
            criterion=loss(self._recipe.loss, self._recipe.smoothing), probes=self._probes, batch=self._recipe.batch,
            one_by_one=self._task.one_by_one,
        )  # fmt: skip
        found, record = {name: np.asarray(value, np.float64) for name, value in values.items()}, self._record
        ended = record.add(found)
        for name, due in record.to_keep(found, self._step).items():
            for i, point in self._take(due).items():
                record.kept[i][name] = point
        if self._task.keep_params:
            last = record.all_ended or self._step == self._times[-1]
            wanted = [i for i in range(len(self._members)) if i not in record.ends] if last else ended
            record.ends.update(self._take(wanted))

    def _take(self, wanted: Sequence[int]) -> dict[int, Checkpoint]:
        states: tuple[PyTree, PyTree, PyTree] = (self._params, self._slots, self._origin)
        return take(wanted, *states, self._step)
