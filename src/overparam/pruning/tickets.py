"""Is there a ticket in one's own network: iterative pruning beside its controls, at given densities, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from overparam.core.checked import shown
from overparam.core.errors import UsageError, unknown
from overparam.core.looks import FIRST_LOOK
from overparam.core.stats import Interval, mean_interval
from overparam.models.check import check_network
from overparam.models.network import Network, PyTree
from overparam.pruning.arrays import called
from overparam.pruning.at_init import gradient
from overparam.pruning.criteria import Criterion, Weights, check_by_density, criterion_of
from overparam.pruning.draws import chosen, generator
from overparam.pruning.iterative import built, check_compaction, first_round, next_round
from overparam.pruning.mask import Mask, mask_for
from overparam.pruning.measured import PROBES, Arrays, arrays_of
from overparam.pruning.rounds import DENSE, Arm, Line, Round, seeds_of
from overparam.pruning.select import choose
from overparam.pruning.share import densities_in, rates_of
from overparam.pruning.stages import steps_to
from overparam.pruning.table import columns, percentages, points_apart, written
from overparam.training import Checkpoint, Member, Recipe, train
from overparam.training.inputs import check_recipe

TICKET = "ticket"
CONTROLS = ("one_shot", "reinit", "random")
Build = Callable[[int], PyTree]


@dataclass(frozen=True, eq=False)
class Tickets:
    """Tickets of a network and their controls.

    Attributes:
        network: the network.
        criterion: name of the criterion.
        seeds: one a member.
        densities: of every layer after each pruning, as asked for.
        metric: ``test_error``, or ``test_loss`` for targets.
        found: the metric at the end of training, by arm, density and seed; the arm ``dense`` has density 1.
        rounds: the dense round and those of the tickets, with masks and weights.
        lost: seed, arm and density of runs that diverged or did not begin.
    """

    network: Network = field(repr=False)
    criterion: str
    seeds: tuple[int, ...]
    densities: tuple[float, ...]
    metric: str
    found: Mapping[tuple[str, float], Mapping[int, float]] = field(repr=False)
    rounds: tuple[Round, ...] = field(repr=False)
    lost: tuple[tuple[int, str, float], ...] = ()

    @property
    def arms(self) -> tuple[str, ...]:
        """The ticket and its controls."""
        return tuple(dict.fromkeys(arm for arm, _ in self.found if arm != DENSE))

    def interval(self, arm: str, density: float = 1.0, *, minus: str | None = None) -> Interval:
        """Mean over seeds with its interval: of the accuracy (of the loss for targets), or of a paired difference.

        Args:
            arm: ``ticket``, a control, or ``dense`` at density 1.
            density: one of those that were asked for.
            minus: the arm whose value of the same seed is subtracted, at the same density; ``dense`` at density 1.

        Raises:
            UsageError: an unknown arm, or another density.
        """
        own = self._values(arm, density)
        if minus is not None:
            other = self._values(minus, 1.0 if minus == DENSE else density)
            own = {seed: own[seed] - other[seed] for seed in own if seed in other}
        return mean_interval(list(own.values()), FIRST_LOOK)

    def masks(self, density: float) -> dict[int, Mask]:
        """The tickets' masks by seed.

        Args:
            density: one of those that were asked for.

        Raises:
            UsageError: another density.
        """
        self._values(TICKET, density)
        return {line.seed: line.mask for line in self.rounds[1 + self.densities.index(density)].lines}

    def __str__(self) -> str:
        """Two tables: every arm at every density, and the ticket minus each control, paired by seed."""
        many = len(self.seeds)
        what = "accuracy in %" if self._labels else "loss"
        ends = f"n = {many} seeds, {100 * FIRST_LOOK:g} % intervals" if many > 1 else "one seed: no interval"
        head = f"Tickets of '{self.network.name}' by {self.criterion}: test {what}, {ends}"
        dense = self.interval(DENSE)
        rows = [("density", *self.arms), ("1", *[f"{self._cell(dense)} (dense)", *[""] * (len(self.arms) - 1)])]
        rows += [
            (f"{density:.4g}", *(self._cell(self.interval(arm, density)) for arm in self.arms))
            for density in self.densities
        ]
        parts = [head, *columns(rows)]
        if many > 1:
            unit = "points" if self._labels else "loss"
            others = (DENSE, *(arm for arm in self.arms if arm != TICKET))
            rows = [("density", *others)]
            for density in self.densities:
                apart = (self.interval(TICKET, density, minus=arm) for arm in others)
                rows.append((f"{density:.4g}", *(self._cell(one, apart=True) for one in apart)))
            parts += [f"The ticket minus each, in {unit}, paired by seed", *columns(rows)]
        parts += [f"lost: seed {seed} of {arm} at density {density:.4g}" for seed, arm, density in self.lost]
        for one, density in zip(self.rounds[1:], self.densities, strict=True):
            for line in one.lines:
                if line.mask.collapsed:
                    parts.append(
                        f"collapsed: {', '.join(line.mask.collapsed)} at density {density:.4g}, seed {line.seed}"
                    )
        return "\n".join(parts)

    @property
    def _labels(self) -> bool:
        return self.metric == "test_error"

    def _cell(self, one: Interval, *, apart: bool = False) -> str:
        if not one.n:
            return "lost"
        form = points_apart if apart and self._labels else percentages if self._labels else written
        ends = None if one.low is None or one.high is None else (one.low, one.high)
        value, span = form(one.mean, ends)
        fewer = f"n = {one.n}" if one.n < len(self.seeds) else ""
        inside = ", ".join(part for part in (span, fewer) if part)
        return f"{value} ({inside})" if inside else value

    def _values(self, arm: str, density: float) -> dict[int, float]:
        if not isinstance(arm, str) or arm not in (DENSE, *self.arms):
            raise unknown("arm", arm, (DENSE, *self.arms))
        if (arm, density) not in self.found:
            known = ", ".join(f"{one:g}" for name, one in self.found if name == arm)
            raise UsageError(f"density: expected one of {known} for '{arm}', got {shown(density)}.")
        return {seed: 1 - v if self._labels else v for seed, v in self.found[arm, density].items()}


def tickets(
    network: Network | Callable[[int], tuple[Network, PyTree]],
    recipe: Recipe,
    data: Any,
    seeds: Sequence[int],
    densities: Sequence[float],
    *,
    build: Build | None = None,
    criterion: str | Criterion = "large_final",
    scope: str = "layer",
    rates: Mapping[str, float] | None = None,
    leave: Any = (),
    rewind: int = 0,
    mask: Mask | None = None,
    controls: Sequence[str] = CONTROLS,
    compaction: bool | str = False,
) -> Tickets:
    """Search for tickets by iterative pruning, and train the controls that say what is special about them.

    The dense network is trained; then, for each density: prune by the trained weights, set the others back, train again.
    At every density the controls have as many weights and the same training:

    - ``one_shot``: the dense run pruned to that density at once, its weights set back;
    - ``reinit``: the ticket's mask, with the initial weights of another seed;
    - ``random``: the ticket's weights, with a mask that is drawn and has the ticket's density in every layer.

    Args:
        network: the network; or a function ``build(seed)`` that gives it with its initial weights, ``(network, params)``.
        recipe: how to train, in every round.
        data: a Dataset, or arrays ``(x, y, x_test, y_test)``.
        seeds: one a member; five or more for an interval that says something.
        densities: shares of the weights that are kept, of those that ``mask`` keeps, falling.
        build: initial weights of a seed; None takes ``network.init``. ``reinit`` takes those of
            other seeds, the smallest whole numbers that are not among these.
        criterion: which weights are kept.
        scope: ``layer``, ``global`` or ``even``.
        rates: densities of layers of their own at the last pruning, by pattern.
        leave: patterns of layers that are not pruned.
        rewind: step of the dense run to whose weights rounds go back.
        mask: what may be pruned at all; None: the weights of all layers.
        controls: which; none: the ticket alone.
        compaction: as in :func:`~overparam.pruning.iterative.next_round`, for the tickets.

    Raises:
        UsageError: an unknown name, a number out of its range, a function that fails or does not look at its seed, or what
            does not fit.
        DataError: data that do not fit.

    References: Frankle and Carbin, The lottery ticket hypothesis, ICLR 2019, sections 2 and 4.
    """
    every = seeds_of(seeds)
    network, build = _pair(network, build, every[0])
    check_recipe(recipe)
    arrays = arrays_of(data, network, recipe.loss)
    first = mask_for(network, mask)
    rule, wanted = check_by_density(criterion), _controls(controls)
    falling = densities_in(densities, falling=True)
    left = (leave,) if isinstance(leave, str) else leave
    rates_of(rates, left, first.paths)
    check_compaction(compaction, network)
    arms = [Arm(TICKET, rule, keep, scope, own, tuple(left)) for keep, own in steps_to(falling, rates)]
    fresh = _fresh(network, build, every) if "reinit" in wanted else {}
    rounds = [first_round(network, recipe, _tuple(arrays), every, rewind=rewind, mask=mask, build=build)]
    metric = "test_error" if "test_error" in rounds[0].lines[0].run.values else "test_loss"
    found: dict[tuple[str, float], dict[int, float]] = {(DENSE, 1.0): {}}
    lost: list[tuple[int, str, float]] = []

    def note(arm: str, density: float, seed: int, run: Any) -> None:
        if run.diverged_at is None:
            found[arm, density][seed] = float(run.values[metric][-1])
        else:
            lost.append((seed, arm, density))

    for line in rounds[0].lines:
        note(DENSE, 1.0, line.seed, line.run)
    reached: dict[str, float] = {}
    for arm, density in zip(arms, falling, strict=True):
        rounds.append(next_round(network, recipe, _tuple(arrays), rounds[-1], [arm], compaction=compaction))
        found |= {(name, density): {} for name in (TICKET, *wanted)}
        lost += [(seed, TICKET, density) for seed, _ in rounds[-1].lost]
        for line in rounds[-1].lines:
            note(TICKET, density, line.seed, line.run)
        reached = {pattern: reached.get(pattern, 1.0) * rate for pattern, rate in arm.rates.items()}
        once = Arm("one_shot", rule, density, scope, reached, arm.leave)
        at_once = _at_once(network, recipe, arrays, rounds[0], once) if once.name in wanted else {}
        own = _starts(wanted, rounds, at_once, fresh)
        for (name, seed, _, _), run in zip(own, _trained(network, recipe, arrays, own, rewind), strict=True):
            note(name, density, seed, run)
    return Tickets(
        network, rule.name, every, falling, metric, found, tuple(rounds), tuple(lost),
    )  # fmt: skip


Start = tuple[str, int, Mask, PyTree]  # arm, seed, mask, and the weights before they are masked


def _starts(
    wanted: Sequence[str], rounds: Sequence[Round], at_once: Mapping[int, Mask], fresh: Mapping[int, PyTree]
) -> list[Start]:
    """What the controls of a density start with."""
    dense: dict[int, Line] = {line.seed: line for line in rounds[0].lines}
    found: list[Start] = []
    for line in rounds[-1].lines:
        seed, begun = line.seed, dense[line.seed]
        for name in wanted:
            if name == "reinit":
                found.append((name, seed, line.mask, fresh[seed]))
            elif name == "random":
                mask = _drawn(line.mask, begun.mask, (seed, rounds[-1].number))
                found.append((name, seed, mask, begun.point))
            else:
                found.append((name, seed, at_once[seed], begun.point))
    return found


def _at_once(network: Network, recipe: Recipe, data: Arrays, first: Round, arm: Arm) -> dict[int, Mask]:
    """Masks of the dense runs, pruned to a density at once."""
    found, rule = {}, criterion_of(arm.criterion)
    for line in first.lines:
        if line.run.diverged_at is not None:
            continue
        slope = None
        if "gradient" in rule.needs:
            slope = gradient(network, line.start, data.x, data.y, line.mask, rule=recipe.loss)
        seen = Weights(line.start, line.run.params, line.mask, slope, (line.seed, 0))
        found[line.seed] = choose(rule, seen, arm.keep, arm.scope, rates=arm.rates or None, leave=arm.leave)
    return found


def _drawn(mask: Mask, among: Mask, key: Any) -> Mask:
    """A mask of the same densities, drawn among the weights that may be kept at all."""
    found = {}
    for path, one in mask:
        places = np.flatnonzero(among.arrays[path].ravel())
        many = int(np.count_nonzero(one))
        found[path] = chosen(places, many, one.shape, generator(key, f"random ticket of {path}"))
    return Mask(found)


def _trained(
    network: Network, recipe: Recipe, data: Arrays, own: Sequence[Start], rewind: int
) -> Sequence[Any]:
    if not own:
        return []
    members = [Member(seed, data.y, mask=mask) for _, seed, mask, _ in own]
    starts = [Checkpoint(mask.apply(params), rewind) for _, _, mask, params in own]
    return train(network, recipe, members, data.x, data.x_test, data.y_test, probes=PROBES, start=starts)


def _fresh(network: Network, build: Build | None, seeds: Sequence[int]) -> dict[int, PyTree]:
    """Initial weights of as many other seeds: the smallest whole numbers that are none of them."""
    others = [number for number in range(2 * len(seeds)) if number not in seeds]
    if build is None:
        return {
            seed: jax.tree.map(_host, network.init(jax.random.key(other)))
            for seed, other in zip(seeds, others, strict=False)
        }
    found = {seed: built(network, build, other) for seed, other in zip(seeds, others, strict=False)}
    first, second = (jax.tree.leaves(one) for one in (built(network, build, seeds[0]), found[seeds[0]]))
    if all(np.array_equal(a, b) for a, b in zip(first, second, strict=True) if _is_float(a)):
        raise UsageError(
            f"build: expected other weights from another seed, got the same from build({seeds[0]}) and build({others[0]}). "
            "Let it draw by its seed, or leave out the control: controls=('one_shot', 'random')."
        )
    return found


def _is_float(leaf: Any) -> bool:
    return bool(jax.dtypes.issubdtype(leaf.dtype, np.floating))


def _host(leaf: Any) -> Any:
    return leaf if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key) else np.asarray(leaf)


def _pair(network: Any, build: Build | None, seed: int) -> tuple[Network, Build | None]:
    """The network and how its weights are built, where one function gives both."""
    if isinstance(network, Network) or not callable(network):
        check_network(network)
        return network, build
    if build is not None:
        raise UsageError(
            "build: expected none where the first argument is a function that builds the network, got some. Give one."
        )
    pair = called("network", f"(network, params) from build({seed!r})", network, seed)
    if not isinstance(pair, tuple) or len(pair) != 2 or not isinstance(pair[0], Network):
        raise UsageError(f"network: expected (network, params) from build({seed!r}), got {shown(pair)}.")
    check_network(pair[0])
    return pair[0], network


def _controls(given: Any) -> tuple[str, ...]:
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise UsageError(f"controls: expected names in a tuple, such as {CONTROLS}, got {shown(given)}.")
    for one in given:
        if not isinstance(one, str) or one not in CONTROLS:
            raise unknown("control", one, CONTROLS)
    return tuple(dict.fromkeys(given))


def _tuple(data: Arrays) -> tuple[Any, Any, Any, Any]:
    return data.x, data.y, data.x_test, data.y_test
