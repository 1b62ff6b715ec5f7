"""Pruning at initialisation: SNIP, GraSP and SynFlow, functions of a network, its weights and a few examples."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

from overparam.core.checked import count, positive
from overparam.core.errors import DataError, UsageError, unknown
from overparam.models.check import check_network, check_params, double
from overparam.models.network import Network, PyTree
from overparam.models.state import join, split
from overparam.pruning.arrays import picked
from overparam.pruning.mask import Mask, mask_for
from overparam.pruning.select import check_told_apart, select
from overparam.pruning.share import density_of
from overparam.training import inputs
from overparam.training.evaluate import block_of
from overparam.training.losses import EachLoss, Loss, loss
from overparam.training.recipe import Recipe
from overparam.training.statistics import refresh
from overparam.training.trial import check_parts

TEMPERATURE = 200.0
ROUNDS = 100
_BLOCK = 256  # examples of one gradient; a sum over blocks is the gradient over all

Scores = dict[str, NDArray[np.floating]]


def gradient(
    network: Network,
    params: PyTree,
    x: Any,
    y: Any,
    mask: Mask | None = None,
    *,
    rule: str | EachLoss = "cross_entropy",
) -> PyTree:
    """Gradient of the mean training loss in the weights with which the masked network computes, in float64.

    Args:
        network: the network.
        params: its parameters.
        x: examples, shape ``(n, inputs)``.
        y: labels or targets.
        mask: what is kept; None keeps all.
        rule: the loss, as in :class:`~overparam.training.recipe.Recipe`.

    Returns:
        A tree like the parameters, with None for what the network holds constant.

    Raises:
        UsageError: parameters or a mask of another network, or no data.
        DataError: data that do not fit.
    """
    params, x, y, mask = _given("the gradient", network, params, x, y, mask, rule)
    with jax.enable_x64(True):
        return _summed(_slope, network, loss(rule), _wide(network, _masked(network, mask, params, x)), x, y)


def snip(
    network: Network,
    params: PyTree,
    x: Any,
    y: Any,
    mask: Mask | None = None,
    *,
    rule: str | EachLoss = "cross_entropy",
) -> Scores:
    """SNIP: ``|g w|``, the effect on the loss of a small change of the mask; keep the largest.

    Args:
        network: the network.
        params: its parameters w, usually at initialisation.
        x: examples, shape ``(n, inputs)``; the source takes 10 a class.
        y: labels or targets.
        mask: what is kept; None keeps all.
        rule: the loss.

    Returns:
        Scores in float64 by path.

    Raises:
        UsageError: parameters or a mask of another network, or no data.
        DataError: data that do not fit.

    References: Lee, Ajanthan and Torr, SNIP: single-shot network pruning based on connection sensitivity, ICLR 2019,
        equations 4 and 5, before the division by the sum.
    """
    mask = mask_for(network, mask)
    slope = gradient(network, params, x, y, mask, rule=rule)
    own = picked(params, mask.arrays, "params")
    return {
        path: np.abs(g * np.asarray(own[path])) for path, g in picked(slope, mask.arrays, "gradient").items()
    }


def grasp(
    network: Network,
    params: PyTree,
    x: Any,
    y: Any,
    mask: Mask | None = None,
    *,
    temperature: float = TEMPERATURE,
    rule: str | EachLoss = "cross_entropy",
) -> Scores:
    """GraSP: how much the gradient's norm would fall without a weight; keep the largest.

    With g the gradient of the loss of ``outputs / temperature`` and H its Hessian, the source's importance is ``-w (H g)``
    over the absolute value of the sum of all, and the largest are removed. These scores are minus that, so that, as
    everywhere here, the largest are kept.

    Args:
        network: the network.
        params: its parameters w, usually at initialisation.
        x: examples, shape ``(n, inputs)``; the source takes 10 a class.
        y: labels or targets.
        mask: what is kept; None keeps all.
        temperature: by which outputs are divided.
        rule: the loss.

    Returns:
        Scores in float64 by path.

    Raises:
        UsageError: parameters or a mask of another network, no data, or a temperature that is not positive.
        DataError: data that do not fit.

    References: Wang, Zhang and Grosse, Picking winning tickets before training by preserving gradient flow, ICLR 2020,
        equation 8 and algorithm 1.
    """
    heat = positive(temperature, "temperature")
    params, x, y, mask = _given("GraSP", network, params, x, y, mask, rule)
    with jax.enable_x64(True):
        wide = _wide(network, _masked(network, mask, params, x))
        criterion = _cooled(loss(rule), heat)
        slope = _summed(_slope, network, criterion, wide, x, y)
        curved = _summed(_hessian_times, network, criterion, wide, x, y, slope)
    own = picked(params, mask.arrays, "params")
    found = {path: np.asarray(own[path]) * h for path, h in picked(curved, mask.arrays, "params").items()}
    size = abs(sum(float((one * mask.arrays[path]).sum()) for path, one in found.items())) + 1e-10
    return {path: one / size for path, one in found.items()}


def synflow_scores(network: Network, params: PyTree, mask: Mask | None = None) -> Scores:
    """SynFlow: ``|w dR/dw|`` with R the sum of the outputs for an input of ones and the sizes of all weights.

    Without biases, and with an activation like relu, the scores of every layer sum to R: no layer is starved by its size.

    Args:
        network: the network; what it holds constant counts as it is.
        params: its parameters.
        mask: what is kept; None keeps all.

    Returns:
        Scores in float64 by path.

    Raises:
        UsageError: parameters or a mask of another network.
        DataError: a sum beyond the range of float64.

    References: Tanaka, Kunin, Yamins and Ganguli, Pruning neural networks without any data by iteratively conserving
        synaptic flow, NeurIPS 2020, equation 2 and theorem 1.

    >>> from overparam.models import mlp
    >>> network = mlp(3, (4,), 2, bias=False)
    >>> scores = synflow_scores(network, network.init(jax.random.key(0)))
    >>> sums = [float(one.sum()) for one in scores.values()]
    >>> abs(sums[0] / sums[1] - 1) < 1e-12
    True
    """
    check_network(network)
    check_params(network, params)
    mask = mask_for(network, mask)
    with jax.enable_x64(True):
        return _flow(network, _wide(network, params), mask)


def synflow(
    network: Network,
    params: PyTree,
    density: float,
    mask: Mask | None = None,
    *,
    rounds: int = ROUNDS,
    scope: str = "global",
    leave: Any = (),
    key: Any = 0,
) -> Mask:
    """The mask of SynFlow: after round i of n the density is ``density^((i + 1) / n)``, i from 0.

    A pruned weight never returns.

    Args:
        network: the network.
        params: its parameters.
        density: the share of the weights that ``mask`` keeps which stay.
        mask: what is kept so far; None keeps all.
        rounds: n.
        scope: as in :func:`overparam.pruning.select.select`.
        leave: patterns of layers that are not pruned.
        key: draws between equal scores.

    Raises:
        UsageError: parameters or a mask of another network, or a number that is no density.
        DataError: a sum beyond the range of float64, or scores that are all 0.
    """
    share, many = density_of(density), count(rounds, "rounds")
    check_network(network)
    check_params(network, params)
    first = mask_for(network, mask)
    with jax.enable_x64(True):
        wide, kept = _wide(network, params), first
        for i in range(many):
            wanted = share ** ((i + 1) / many)
            now = wanted * first.kept / max(1, kept.kept)
            rates = None
            if scope == "layer":  # every layer meets its own share of the first mask exactly
                counts = {path: (one.sum(), kept.arrays[path].sum()) for path, one in first}
                rates = {
                    path: min(1.0, wanted * float(a) / max(1.0, float(b))) for path, (a, b) in counts.items()
                }
            if now < 1:
                scores = _flow(network, wide, kept)
                if kept is first:
                    check_told_apart(scores, kept, "synflow")
                kept = select(scores, kept, now, scope, rates=rates, leave=leave, key=key)
    return kept


def at_init(
    method: str,
    network: Network,
    params: PyTree,
    density: float,
    x: Any = None,
    y: Any = None,
    mask: Mask | None = None,
    *,
    scope: str = "global",
    leave: Any = (),
    key: Any = 0,
    rule: str | EachLoss = "cross_entropy",
) -> Mask:
    """The mask of a method of pruning at initialisation, by name.

    Args:
        method: ``snip``, ``grasp`` or ``synflow``.
        network: the network.
        params: its parameters.
        density: the share of the weights that ``mask`` keeps which stay.
        x: examples; SynFlow needs none.
        y: labels or targets.
        mask: what is kept so far; None keeps all.
        scope: as in :func:`overparam.pruning.select.select`.
        leave: patterns of layers that are not pruned.
        key: draws between equal scores.
        rule: the loss.

    Raises:
        UsageError: an unknown method, one without the data that it needs, or a number that is no density.
        DataError: data that do not fit, or scores that are all 0.
    """
    if method == "synflow":
        return synflow(network, params, density, mask, scope=scope, leave=leave, key=key)
    if not isinstance(method, str) or method not in AT_INIT:
        raise unknown("method", method, (*AT_INIT, "synflow"))
    mask = mask_for(network, mask)
    scores = AT_INIT[method](network, params, x, y, mask, rule=rule)
    check_told_apart(scores, mask, method)
    return select(scores, mask, density, scope, leave=leave, key=key)


AT_INIT: Mapping[str, Callable[..., Scores]] = {"snip": snip, "grasp": grasp}


def _given(
    what: str, network: Network, params: PyTree, x: Any, y: Any, mask: Mask | None, rule: str | EachLoss
) -> tuple[PyTree, Any, Any, Mask]:
    check_network(network)
    if x is None or y is None:
        raise UsageError(
            f"x: expected examples and labels, which {what} is found from, got none. Give x and y."
        )
    check_params(network, params)
    examples = inputs.examples("x", x, network)
    recipe = Recipe(1, 1.0, loss=rule)
    targets = inputs.targets("y", y, len(examples), network, recipe)
    if callable(rule):
        check_parts(network, recipe, len(examples), targets, targets, 0)
    return _host(params), examples, targets, mask_for(network, mask)


def _masked(network: Network, mask: Mask, params: PyTree, x: Any) -> PyTree:
    """Parameters under a mask; batch statistics are those of the examples, as wherever a network is measured."""
    found = mask.apply(params)
    return found if network.moments is None else _host(refresh(network, found, x))


@functools.lru_cache(maxsize=64)
def _cooled(criterion: Loss, heat: float) -> Loss:
    """The loss of outputs that are divided by a temperature."""
    return Loss(f"{criterion.name}/{heat:g}", lambda outputs, targets: criterion.each(outputs / heat, targets))


def _summed(
    part: Callable[..., PyTree], network: Network, criterion: Loss, params: PyTree, x: Any, y: Any, *more: Any
) -> Any:
    """The mean over all examples of what is linear in them, a block at a time."""
    trained, held = split(network.state, params)
    size = block_of(network) or _BLOCK
    total = None
    for at in range(0, len(x), size):
        rows = x[at : at + size].astype(np.float64)
        own = jax.tree.map(
            np.asarray, part(network, criterion, trained, held, rows, y[at : at + size], len(x), *more)
        )
        total = own if total is None else jax.tree.map(np.add, total, own)
    return total


@functools.partial(jax.jit, static_argnames=("network", "criterion", "n"))
def _slope(network: Network, criterion: Loss, trained: PyTree, held: PyTree, x: Any, y: Any, n: int) -> PyTree:
    return jax.grad(lambda p: jnp.sum(criterion.each(network.apply(join(p, held), x), y)) / n)(trained)


@functools.partial(jax.jit, static_argnames=("network", "criterion", "n"))
def _hessian_times(
    network: Network, criterion: Loss, trained: PyTree, held: PyTree, x: Any, y: Any, n: int, slope: PyTree
) -> PyTree:
    def own(p: PyTree) -> PyTree:
        return _slope(network, criterion, p, held, x, y, n)

    def along(p: PyTree) -> Any:
        pairs = zip(jax.tree.leaves(own(p)), jax.tree.leaves(slope), strict=True)
        return sum(jnp.vdot(a, lax.stop_gradient(b)) for a, b in pairs)

    return jax.grad(along)(trained)


def _host(params: PyTree) -> PyTree:
    """Parameters as arrays of NumPy; keys stay arrays of JAX."""
    return jax.tree.map(
        lambda leaf: leaf if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else np.asarray(leaf), params
    )


def _wide(network: Network, params: PyTree) -> PyTree:
    """The same in float64."""
    return _host(double(network, params))


def _flow(network: Network, params: PyTree, mask: Mask) -> Scores:
    trained, held = split(network.state, mask.apply(params))
    sizes = jax.tree.map(np.abs, trained)
    slope = picked(_flow_slope(network, sizes, held), mask.arrays, "params")
    own = picked(sizes, mask.arrays, "params")
    found = {path: np.abs(own[path] * np.asarray(slope[path])) for path in mask.paths}
    for path, one in found.items():
        if not np.isfinite(one).all():
            raise DataError(
                f"params: expected sizes whose products along paths are numbers of float64, got an overflow at {path}. "
                "Divide the weights of every layer by a constant: the order of the scores does not change."
            )
    return found


@functools.partial(jax.jit, static_argnames=("network",))
def _flow_slope(network: Network, sizes: PyTree, held: PyTree) -> PyTree:
    ones = jnp.ones((1, network.inputs), jnp.float64)
    return jax.grad(lambda p: jnp.sum(network.apply(join(p, held), ones)))(sizes)
