"""Iterative pruning: train, prune, set the weights back, and again; seeds and arms side by side."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from overparam.core.checked import count, shown
from overparam.core.errors import UsageError
from overparam.models.check import check_network, check_params
from overparam.models.network import Network, PyTree
from overparam.pruning.actions import Action, action_of
from overparam.pruning.arrays import called
from overparam.pruning.at_init import gradient
from overparam.pruning.chain import chain
from overparam.pruning.compact import Compact, compact_stack
from overparam.pruning.criteria import Criterion, Weights, criterion_of
from overparam.pruning.held import Held, Hold, hold_of
from overparam.pruning.mask import Mask, mask_for
from overparam.pruning.measured import PROBES, Arrays, arrays_of, finite
from overparam.pruning.rounds import DENSE, Arm, Line, Round, arms_of, seeds_of
from overparam.pruning.select import choose
from overparam.pruning.shape import Shape, cut_stack, silent_features
from overparam.pruning.share import rates_of
from overparam.training import Checkpoint, Keep, Member, Recipe, Trained, train
from overparam.training.inputs import check_recipe
from overparam.training.loop import ProbeFunction

_POINT = "rewinding point"


def first_round(
    network: Network,
    recipe: Recipe,
    data: Any,
    seeds: Sequence[int],
    *,
    rewind: int = 0,
    mask: Mask | None = None,
    build: Callable[[int], PyTree] | None = None,
    probes: Mapping[str, ProbeFunction] | None = None,
    form: str = "auto",
) -> Round:
    """The dense run, which all arms share.

    Args:
        network: the network.
        recipe: how to train.
        data: a Dataset, or arrays ``(x, y, x_test, y_test)``.
        seeds: one a member.
        rewind: step to whose weights later rounds go back.
        mask: what may be pruned at all; None: the weights of all layers.
        build: initial weights of a seed; None takes ``network.init``.
        probes: what to measure; None measures the test part.
        form: as in :func:`overparam.training.train`.

    Raises:
        UsageError: a step to go back to that is not before the last, seeds that are none, or what does not fit.
        DataError: data that do not fit.
    """
    check_network(network)
    check_recipe(recipe)
    _check_rewind(rewind, recipe)
    arrays = arrays_of(data, network, recipe.loss)
    first = mask_for(network, mask)
    seeds = seeds_of(seeds)
    starts = None if build is None else [Checkpoint(built(network, build, seed)) for seed in seeds]
    runs = train(
        network,
        recipe,
        [Member(seed, arrays.y, mask=None if first.density == 1 else first) for seed in seeds],
        arrays.x,
        arrays.x_test,
        arrays.y_test,
        probes=PROBES if probes is None else probes,
        keep_params=True,
        start=starts,
        keep={_POINT: Keep(step=rewind), "start": Keep(step=0)},
        form=form,
    )
    lines = []
    for seed, run in zip(seeds, runs, strict=True):
        begun = run.kept["start"].params
        point = run.kept.get(_POINT)
        if point is None and run.diverged_at is None:
            raise UsageError(
                f"rewind: expected a step that the run of seed {seed} reaches, got {rewind}; it stopped at "
                f"{run.stopped_at}. Lower it, or train without a stopping rule."
            )
        lines.append(
            Line(int(seed), DENSE, Held(first, None, begun), begun if point is None else point.params, run)
        )
    return Round(0, tuple(lines), rewind=int(rewind))


def built(network: Network, build: Callable[[int], PyTree], seed: int) -> PyTree:
    """Initial weights of a seed, checked.

    Args:
        network: the network.
        build: a person's function from a seed to weights, or to ``(network, params)``.
        seed: the seed.

    Raises:
        UsageError: the function fails, or gives weights of another network.
        DataError: weights that are missing or infinite.
    """
    if not callable(build):
        raise UsageError(f"build: expected a function from a seed to weights, got {shown(build)}.")
    found = called("build", f"weights of '{network.name}' from build({seed})", build, seed)
    if isinstance(found, tuple) and len(found) == 2 and isinstance(found[0], Network):
        if found[0] != network:
            raise UsageError(
                f"build({seed}): expected the network '{network.name}' itself with its weights, got another one, "
                f"'{found[0].name}'. Make the network once, outside of build."
            )
        found = found[1]
    check_params(network, found, f"build({seed})", single=True)
    return found


def next_round(
    network: Network,
    recipe: Recipe,
    data: Any,
    before: Round,
    arms: Sequence[Arm] = (Arm(),),
    *,
    rewind: int | None = None,
    probes: Mapping[str, ProbeFunction] | None = None,
    compaction: bool | str = False,
    form: str = "auto",
) -> Round:
    """Prune once more, set the weights back and train; a function of the round before alone.

    Args:
        network: the network.
        recipe: how to train.
        data: a Dataset, or arrays ``(x, y, x_test, y_test)``.
        before: the round before.
        arms: ways to prune; after the dense run every seed goes into each of them.
        rewind: step to which weights and the order of minibatches go back; None: the one that the first round kept, and
            no other will do.
        probes: what to measure; None measures the test part. With ``compaction`` they see the smaller network.
        compaction: whether inputs and units that no kept weight reads, and inputs that are 0 in all examples, are cut out
            while training; ``"auto"``: where that is predicted to save more than a compilation, see
            :func:`~overparam.pruning.shape.cut_stack`, and the network is one that can be cut.
        form: as in :func:`overparam.training.train`.

    Raises:
        UsageError: arms that are none, or others than the round before knows, a step that was not kept, or what does not
            fit.
        DataError: data that do not fit.
    """
    check_network(network)
    check_recipe(recipe)
    named = arms_of(arms)
    if not isinstance(before, Round):
        raise UsageError(f"before: expected what first_round or next_round gave, got {shown(before)}.")
    back = before.rewind if rewind is None else count(rewind, "rewind", 0)
    if back != before.rewind:
        raise UsageError(
            f"rewind: expected {before.rewind}, the step whose weights the first round kept, got {back}. Run "
            f"first_round(..., rewind={back})."
        )
    _check_rewind(back, recipe)
    arrays = arrays_of(data, network, recipe.loss)
    check_compaction(compaction, network)
    going, lost = [], list(before.lost)
    for line in before.lines:
        own = list(named) if before.number == 0 else [line.arm]
        if own[0] not in named:
            raise UsageError(
                f"arms: expected one named '{line.arm}', as in the round before, got {', '.join(named)}."
            )
        alive = line.run.diverged_at is None and line.run.params is not None and finite(line.run.params)
        for name in own:
            if alive:
                going.append((line, named[name]))
            else:
                lost.append((line.seed, name))
    besides = set(named) - {line.arm for line in before.lines} - {arm for _, arm in before.lost}
    if before.number and besides:
        raise UsageError(
            f"arms: expected arms of the round before, got '{min(besides)}' besides. Give it from the first pruning on."
        )
    if not going:
        return Round(before.number + 1, (), tuple(lost), back)
    helds = [pruned(network, line, arm, before.number + 1, arrays, recipe) for line, arm in going]
    members = [
        Member(line.seed, arrays.y, mask=held.mask, offset=held.offset)
        for (line, _), held in zip(going, helds, strict=True)
    ]
    starts = [Checkpoint(held.start, back) for held in helds]
    measured = PROBES if probes is None else probes
    runs, shape = _trained(network, recipe, arrays, members, starts, measured, compaction, form, before.shape)
    lines = [
        Line(line.seed, arm.name, held, line.point, run)
        for (line, arm), held, run in zip(going, helds, runs, strict=True)
    ]
    return Round(before.number + 1, tuple(lines), tuple(lost), back, shape)


def pruned(network: Network, line: Line, arm: Arm, number: int, data: Arrays, recipe: Recipe) -> Held:
    """The mask of a line's next round, what becomes of pruned weights, and where the kept ones start.

    Args:
        network: the network.
        line: the line, trained.
        arm: how to prune.
        number: of the next round.
        data: training data, for criteria that need a gradient.
        recipe: its loss counts there.
    """
    rule, action, hold = criterion_of(arm.criterion), action_of(arm.mask1), hold_of(arm.mask0)
    key, final = (line.seed, number), line.run.params
    slope = None
    if "gradient" in rule.needs:
        slope = gradient(network, line.start, data.x, data.y, line.mask, rule=recipe.loss)
    weights = Weights(line.start, final, line.mask, slope, key)
    mask = choose(rule, weights, arm.keep, arm.scope, rates=arm.rates or None, leave=arm.leave)
    # what starts at 0 because it shrank stays so: a rewound round starts where the one before did
    back = line.point if line.arm == DENSE else line.start
    begun = back if action.name == "rewind" else line.point
    return hold(mask, back, final, key, start=action(begun, mask, key), before=line.held)


def iterate(
    network: Network,
    recipe: Recipe,
    data: Any,
    seeds: Sequence[int],
    rounds: int,
    keep: float = 0.8,
    criterion: str | Criterion = "large_final",
    scope: str = "layer",
    *,
    rates: Mapping[str, float] | None = None,
    leave: tuple[str, ...] = (),
    mask1: str | Action = "rewind",
    mask0: str | Hold = "zero",
    arms: Sequence[Arm] | None = None,
    rewind: int = 0,
    mask: Mask | None = None,
    build: Callable[[int], PyTree] | None = None,
    probes: Mapping[str, ProbeFunction] | None = None,
    compaction: bool | str = False,
    form: str = "auto",
) -> list[Round]:
    """Iterative pruning: a dense run, and ``rounds`` times: prune, set the weights back, train.

    One-shot pruning is one round with ``keep`` the density. With ``rewind=k`` (late resetting) weights go back to those of
    the dense run at step k, and training goes on from there with the minibatches that followed; the optimizer begins
    afresh. The first round and each later one can be had, and stored, apart: :func:`first_round`, :func:`next_round`.

    Args:
        network: the network.
        recipe: how to train, in every round.
        data: a Dataset, or arrays ``(x, y, x_test, y_test)``.
        seeds: one a member.
        rounds: how often is pruned.
        keep: the share of the kept weights that a round leaves.
        criterion: which.
        scope: ``layer``, ``global`` or ``even``.
        rates: shares of layers of their own, by pattern.
        leave: patterns of layers that are not pruned.
        mask1: what kept weights start a round with.
        mask0: what becomes of pruned weights.
        arms: several ways to prune, instead of the seven arguments before.
        rewind: step to whose weights rounds go back.
        mask: what may be pruned at all; None: the weights of all layers.
        build: initial weights of a seed; None takes ``network.init``.
        probes: what to measure; None measures the test part.
        compaction: see :func:`next_round`.
        form: as in :func:`overparam.training.train`.

    Returns:
        The dense round and ``rounds`` others.

    Raises:
        UsageError: an unknown name, a number out of its range, or what does not fit.
        DataError: data that do not fit.

    References: Frankle and Carbin, The lottery ticket hypothesis, ICLR 2019, section 2; late resetting: Frankle,
        Dziugaite, Roy and Carbin, Stabilizing the lottery ticket hypothesis, arXiv:1903.01611.
    """
    many = count(rounds, "rounds")
    left = (leave,) if isinstance(leave, str) else leave
    given = (
        arms
        if arms is not None
        else (Arm("ticket", criterion, keep, scope, {} if rates is None else rates, left, mask1, mask0),)
    )
    check_network(network)
    paths = mask_for(network, mask).paths
    check_compaction(compaction, network)
    for arm in arms_of(given).values():  # before the first hour of training, not after it
        if criterion_of(arm.criterion).whole and arm.rates:
            raise UsageError(
                f"rates: expected none for criterion '{criterion_of(arm.criterion).name}', got some."
            )
        rates_of(arm.rates, arm.leave, paths)
    more: dict[str, Any] = {"rewind": rewind, "probes": probes, "form": form}
    found = [first_round(network, recipe, data, seeds, mask=mask, build=build, **more)]
    for _ in range(many):
        found.append(next_round(network, recipe, data, found[-1], given, compaction=compaction, **more))
    return found


def _trained(
    network: Network,
    recipe: Recipe,
    data: Arrays,
    members: Sequence[Member],
    starts: Sequence[Checkpoint],
    probes: Mapping[str, ProbeFunction],
    compaction: bool | str,
    form: str,
    before: Shape,
) -> tuple[Sequence[Trained], Shape]:
    """Train under masks, in full shape or cut; and that shape."""
    cut: list[Compact] | None
    shape = Shape()
    full: Mapping[str, Any] = {"probes": probes, "keep_params": True, "form": form}
    wanted = compaction is True or (compaction == "auto" and _can_be_cut(network))
    if wanted and all(member.offset is None for member in members):
        params, masks = [start.params for start in starts], [Mask(member.mask) for member in members]
        steps, batch = recipe.steps - starts[0].step, recipe.batch or len(data.x)
        silent = silent_features(network, data.x, data.x_test) if _moves_by_gradients(recipe) else None
        if compaction is True:
            smallest = compact_stack(network, params, masks, silent=silent)
            cut, shape = smallest, Shape(smallest[0].sizes)
        else:
            cut, shape = cut_stack(network, params, masks, steps, batch, before, silent=silent)
        if cut is not None:
            small = cut[0]
            runs = train(
                small.network,
                recipe,
                [dataclasses.replace(m, mask=c.mask) for m, c in zip(members, cut, strict=True)],
                small.rows(data.x),
                small.rows(data.x_test),
                data.y_test,
                start=[Checkpoint(c.params, start.step) for c, start in zip(cut, starts, strict=True)],
                **full,
            )
            return [_expanded(run, one) for run, one in zip(runs, cut, strict=True)], shape
    return train(network, recipe, members, data.x, data.x_test, data.y_test, start=starts, **full), shape


def _moves_by_gradients(recipe: Recipe) -> bool:
    """Whether a weight whose input is always 0 stays where it is, and inputs are those of the training set."""
    plain = isinstance(recipe.optimizer, str) and not recipe.weight_decay
    return plain and recipe.augment is None and recipe.stream is None


def _can_be_cut(network: Network) -> bool:
    """Whether it is a chain of layers."""
    try:
        chain(network)
    except UsageError:
        return False
    return True


def check_compaction(compaction: Any, network: Network) -> None:
    """Raise unless it is said whether to cut a network, and one that is to be cut can be.

    Args:
        compaction: True, False or ``auto``.
        network: the network.

    Raises:
        UsageError: something else, or a network that is no chain where it is True.
    """
    if not isinstance(compaction, bool) and not (isinstance(compaction, str) and compaction == "auto"):
        raise UsageError(f"compaction: expected True, False or 'auto', got {shown(compaction)}.")
    if compaction is True:
        chain(network)


def _expanded(run: Trained, cut: Compact) -> Trained:
    """A run with its checkpoint in full shape; the optimizer's state belongs to the cut one, and goes."""
    point = run.checkpoint
    if point is None:
        return run
    params = cut.expand(point.params)
    return dataclasses.replace(run, checkpoint=Checkpoint(params, point.step))


def _check_rewind(rewind: Any, recipe: Recipe) -> None:
    if not 0 <= count(rewind, "rewind", 0) < recipe.steps:
        raise UsageError(
            f"rewind: expected a step from 0 to {recipe.steps - 1}, before the last of the recipe, got {rewind}."
        )
