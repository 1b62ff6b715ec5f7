"""Stacked training: members of one shape trained as one array program."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from overparam.models.check import check_network
from overparam.models.network import Network
from overparam.training import inputs
from overparam.training.loop import ProbeFunction, advance, measure
from overparam.training.losses import loss
from overparam.training.measures import check_probes
from overparam.training.member import Checkpoint, Member, Trained
from overparam.training.minibatches import Feed
from overparam.training.recipe import Recipe, probe_times
from overparam.training.start import begin, take


def train(
    network: Network,
    recipe: Recipe,
    members: Sequence[Member],
    x: NDArray[np.floating],
    x_test: NDArray[np.floating],
    y_test: NDArray[np.generic],
    *,
    probes: Mapping[str, ProbeFunction] | None = None,
    progress: Callable[[float], None] | None = None,
    keep_params: bool = False,
    start: Sequence[Checkpoint] | None = None,
) -> tuple[Trained, ...]:
    """Train a stack of members on shared examples, each with its own labels, seed and learning rate.

    One compiled program serves the whole run. A member's run depends on its own seed, labels and learning rate
    alone, up to rounding (about 1e-6) between stacks of different size; a run that is split with ``start``
    equals the whole one bit for bit.

    A member whose training loss is not finite at a probe time has diverged: it is recorded, nothing is raised,
    and the others are untouched. A member that meets ``recipe.stop_error`` or ``recipe.stop_loss`` at a probe
    time is frozen there; the run ends when all have stopped or diverged.

    Args:
        network: the network.
        recipe: how to train.
        members: one entry a member.
        x: training examples, shape ``(n, inputs)``.
        x_test: test examples, shape ``(n_test, inputs)``; only probes see them.
        y_test: test labels or targets, of the kind of the members'.
        probes: what to measure at the probe times besides training loss and error, usually
            ``overparam.probes.standard()``. A probe gives scalars by name.
        progress: called now and then with the fraction of steps done, from 0 to 1.
        keep_params: whether to return every member's checkpoint.
        start: one checkpoint a member, all of one step; None starts from ``network.init(key(seed))``.

    Returns:
        One :class:`~overparam.training.member.Trained` a member, in their order.

    Raises:
        DataError: arrays that do not fit together or the network.
        UsageError: a batch larger than the training set, a negative seed, labels that the loss cannot take,
            checkpoints that do not fit, a probe that gives no scalars, or a network whose outputs depend on other rows.

    >>> from overparam.models import linear
    >>> x = np.eye(2, dtype=np.float32)
    >>> recipe = Recipe(steps=3, learning_rate=1.0, optimizer="gd", loss="squared", probes=2)
    >>> network = linear(2, 1, bias=False, init="zeros")
    >>> (run,) = train(network, recipe, [Member(0, np.array([1.0, 2.0]))], x, x, np.zeros(2), keep_params=True)
    >>> run.params["output"]["weight"].tolist()  # 1 - (1 - 1/2)^3 = 7/8 of the targets
    [[0.875, 1.75]]
    """
    check_network(network)
    inputs.check_recipe(recipe)
    x, x_test = inputs.examples("x", x, network), inputs.examples("x_test", x_test, network)
    y = jnp.asarray(inputs.stacked_targets(members, len(x), network, recipe))
    y_test = inputs.targets("y_test", y_test, len(x_test), network, recipe)
    rates = jnp.asarray(inputs.learning_rates(members, recipe))
    step = 0 if start is None else inputs.first_step(start, members, network, recipe)
    feed = Feed([m.seed for m in members], len(x), recipe.batch, step, recipe.steps)
    params, slots, origin = begin(network, recipe, members, start, x)
    shared, test = jnp.asarray(x), (jnp.asarray(x_test), jnp.asarray(y_test))
    named = check_probes(network, recipe, probes, (x, y[0], x_test, y_test))
    times = (step, *(t for t in probe_times(recipe.steps, recipe.probes) if t > step))
    record = _Record(members, recipe, times)
    begun = step
    for time in times:
        while step < time:
            rows, base, end = feed.segment(step, time)
            params, slots = advance(
                params, slots, rates, y, shared, rows, base, step, end, network=network, recipe=recipe
            )
            step = end
            if progress is not None:
                jax.block_until_ready(params)
                progress((step - begun) / (recipe.steps - begun))
        found = measure(
            params, origin, y, shared, *test, network=network, criterion=loss(recipe.loss), probes=named
        )
        ended = record.add({name: np.asarray(value, np.float64) for name, value in found.items()})
        if keep_params:
            last = record.all_ended or time == times[-1]
            wanted = [i for i in range(len(members)) if i not in record.ends] if last else ended
            record.ends.update(take(wanted, params, slots, origin, step))
        if record.all_ended:
            break
    if progress is not None:
        progress(1.0)
    return record.trained()


class _Record:
    """The values of all members over the probe times, and who has ended where."""

    def __init__(self, members: Sequence[Member], recipe: Recipe, times: Sequence[int]) -> None:
        self._members, self._recipe, self._times = members, recipe, times
        self._lines: dict[str, Float64[np.ndarray, "members times"]] = {}
        self._row = 0
        self._stopped: dict[int, int] = {}
        self._diverged: dict[int, int] = {}
        self.ends: dict[int, Checkpoint] = {}

    @property
    def all_ended(self) -> bool:
        return len(self._stopped) + len(self._diverged) == len(self._members)

    def add(self, found: Mapping[str, Float64[np.ndarray, " members"]]) -> list[int]:
        """Note one probe time; return the members that ended at it."""
        time = self._times[self._row]
        running = [i for i in range(len(self._members)) if i not in self._stopped and i not in self._diverged]
        for name, values in found.items():
            # Later times are filled in advance: what a stopped member shows from here on.
            line = self._lines.setdefault(name, np.full((len(self._members), len(self._times)), np.nan))
            line[running, self._row :] = values[running, None]
        self._row += 1
        ended = []
        for i in running:
            if not np.isfinite(found["train_loss"][i]):
                self._diverged[i] = time
                for line in self._lines.values():
                    line[i, self._row - 1 :] = np.nan
            elif self._meets(found, i):
                self._stopped[i] = time
            else:
                continue
            ended.append(i)
        return ended

    def _meets(self, found: Mapping[str, Float64[np.ndarray, " members"]], i: int) -> bool:
        rules = (("train_error", self._recipe.stop_error), ("train_loss", self._recipe.stop_loss))
        return any(limit is not None and found[name][i] <= limit for name, limit in rules)

    def trained(self) -> tuple[Trained, ...]:
        steps = np.asarray(self._times, np.int64)
        return tuple(
            Trained(
                member.seed,
                steps,
                {name: line[i].copy() for name, line in self._lines.items()},
                self._diverged.get(i),
                self._stopped.get(i),
                self.ends.get(i),
            )
            for i, member in enumerate(self._members)
        )
