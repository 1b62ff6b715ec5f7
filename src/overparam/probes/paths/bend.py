"""The bend of a Bezier curve, trained so that the loss stays low on the whole curve."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray
from numpy.typing import ArrayLike

from overparam.core.checked import count
from overparam.core.errors import UsageError
from overparam.models.network import Inputs, Network, Outputs, PyTree
from overparam.models.state import join, leaves, split
from overparam.probes.paths.ends import checked_ends
from overparam.probes.paths.path import combined
from overparam.training import Checkpoint, Member, Recipe, Trained, train
from overparam.training.statistics import STATISTICS

FROM, TO, BEND, HELD = "from", "to", "bend", "held"


def learned_bends(
    network: Network,
    pairs: Sequence[tuple[PyTree, PyTree]],
    recipe: Recipe,
    x: ArrayLike,
    y: ArrayLike | Sequence[ArrayLike],
    *,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> tuple[tuple[PyTree, ...], tuple[Trained, ...]]:
    """The bends of the Bezier curves of several pairs of networks, trained side by side as one stack.

    In every step one t is drawn evenly from 0 to 1 for each pair, and its bend takes a step down the loss of a minibatch at that
    point of the curve. Both ends stay as they are. A bend starts in the middle of its pair.

    Args:
        network: of all.
        pairs: parameters of both ends of each curve.
        recipe: how to train; weight decay acts on the bend.
        x: training examples, shape ``(n, inputs)``.
        y: their labels or targets; or a list of them, one a pair.
        seed: draws t and the minibatches; the pair of number i takes ``seed + i``.
        progress: called now and then with the fraction of steps done.

    Returns:
        The bends, one a pair, as parameters of the network, and the runs: their ``train_loss`` is that of the middle of the
        curve, t = 1/2. A bend that diverged is returned as it stands, and its run says so.

    Raises:
        UsageError: no pairs, parameters of other shapes, a recipe that cannot be used.
        DataError: parameters or examples that are missing, infinite or do not fit.

    References: T. Garipov et al., Loss surfaces, mode connectivity, and fast ensembling of DNNs, NeurIPS 2018, equation 2 (t is
        uniform, not weighted by the length of the curve) and section 3.
    """
    if isinstance(pairs, str | bytes) or not isinstance(pairs, Sequence) or not pairs:
        raise UsageError("pairs: expected pairs of parameters (a, b) in a list, got none.")
    first = count(seed, "seed", 0, 2**32 - 1 - len(pairs))
    if not isinstance(recipe, Recipe):
        raise UsageError(f"recipe: expected Recipe(steps, learning_rate, ...), got {type(recipe).__name__}.")
    several = isinstance(y, list | tuple) and len(y) == len(pairs) and np.ndim(y[0]) > 0
    members, starts, ends = [], [], []
    for i, pair in enumerate(pairs):
        if isinstance(pair, str | bytes) or not isinstance(pair, Sequence) or len(pair) != 2:
            raise UsageError(
                f"pairs: expected two networks (a, b) in every pair, got {type(pair).__name__} as pair {i}."
            )
        a, b = checked_ends(network, pair, (f"a of pair {i}", f"b of pair {i}"))
        (own, held), (other, _) = split(network.state, a), split(network.state, b)
        kept = {name: leaf for name, leaf in leaves(held) if not _statistic(network, name)}
        state = jax.tree.map(_single, {FROM: own, TO: other, **({HELD: kept} if kept else {})})
        members.append(Member(first + i, np.asarray(y[i] if several else y), state=state))
        middle = jax.tree.map(_single, combined([0.5, 0.5], [own, other]))
        statistics = {STATISTICS: a[STATISTICS]} if network.moments is not None else {}
        starts.append(Checkpoint({BEND: middle, **state, **statistics}))
        ends.append(a)
    curve, rows = curve_of(network), np.asarray(x)
    aims = members[0].y
    runs = train(
        curve, recipe, members, rows, rows[:2], aims[:2], start=starts, keep_params=True, progress=progress
    )
    bends = []
    for run, a in zip(runs, ends, strict=True):
        assert run.params is not None
        bends.append(join(run.params[BEND], split(network.state, a)[1]))
    return tuple(bends), runs


@functools.lru_cache(maxsize=64)
def curve_of(network: Network) -> Network:
    """The network that is trained: its parameters are a bend, both ends are held; in training t is drawn, else it is 1/2.

    Args:
        network: of the ends.
    """
    like = split(network.state, jax.eval_shape(network.init, jax.random.key(0)))[1]
    names, structure = [name for name, _ in leaves(like)], jax.tree.structure(like)
    kept, tracked = [one for one in names if not _statistic(network, one)], network.moments is not None

    def at(params: PyTree, t: Any) -> PyTree:
        weights = ((1 - t) ** 2, 2 * t * (1 - t), t**2)
        trained = jax.tree.map(
            lambda *each: sum(w * leaf for w, leaf in zip(weights, each, strict=True)),
            params[FROM], params[BEND], params[TO],
        )  # fmt: skip
        if not names:
            return trained
        held = dict(params.get(HELD, {}))
        held |= {f"{STATISTICS}/{name}": leaf for name, leaf in leaves(params.get(STATISTICS, {}))}
        return join(trained, jax.tree.unflatten(structure, [held[name] for name in names]))

    def init(key: PRNGKeyArray) -> PyTree:
        params = network.init(key)
        own, held = split(network.state, params)
        rest = {name: leaf for name, leaf in leaves(held) if name in kept}
        found = {BEND: own, FROM: own, TO: own, **({HELD: rest} if rest else {})}
        return {**found, STATISTICS: params[STATISTICS]} if tracked else found

    def apply(params: PyTree, x: Inputs) -> Outputs:
        return network.apply(at(params, 0.5), x)

    def training(params: PyTree, x: Inputs, key: PRNGKeyArray) -> Outputs:
        own, inner = jax.random.split(key)
        here = at(params, jax.random.uniform(own, (), x.dtype))
        return network.apply(here, x) if network.training is None else network.training(here, x, inner)

    def moments(params: PyTree, x: Inputs) -> PyTree:
        assert network.moments is not None
        return network.moments(at(params, 0.5), x)

    state = (FROM, TO, *((HELD,) if kept else ()), *((STATISTICS,) if tracked else ()))
    return Network(
        f"curve of {network.name}", init, apply, network.inputs, network.outputs, block=network.block, state=state,
        training=training, moments=moments if tracked else None,
    )  # fmt: skip


def _statistic(network: Network, path: str) -> bool:
    return network.moments is not None and path.startswith(f"{STATISTICS}/")


def _single(leaf: Any) -> Any:
    kinds = hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.floating)
    return np.asarray(leaf, np.float32) if kinds else leaf
