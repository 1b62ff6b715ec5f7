"""Full-batch gradient descent on ``|r|^2 / 2`` in float64 for a stack of networks, and their tangent kernels.

Call everything here inside ``jax.enable_x64(True)``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float64, PRNGKeyArray
from numpy.typing import ArrayLike

from overparam.core.checked import count
from overparam.core.errors import UsageError
from overparam.models.check import check_network, double
from overparam.models.network import Network, PyTree
from overparam.models.passes import check_one_pass

Model = Callable[[PyTree, Any], Any]


@dataclass(frozen=True, eq=False)
class Descent:
    """A trained stack.

    Attributes:
        steps: probe steps.
        params: parameters at the probe steps, leaves with a leading axis of members.
        losses: ``|r|^2 / 2`` before every step, shape ``(steps, members)``.
    """

    steps: tuple[int, ...]
    params: tuple[PyTree, ...]
    losses: Float64[np.ndarray, "steps members"]

    def member(self, probe: int, which: int) -> PyTree:
        """Parameters of one member at one probe."""
        return jax.tree.map(lambda leaf: leaf[which], self.params[probe])


@functools.lru_cache(maxsize=64)
def scalar_model(network: Network, doubled: bool = False) -> Model:
    """A scalar function of parameters and inputs, ``(n, features) -> (n,)``: the network's first output.

    Args:
        network: the network.
        doubled: ``(f(p, x) - f(q, x)) / sqrt 2`` of two copies that start equal: the output starts at exactly 0, and
            the kernel at initialisation is that of one copy.

    Raises:
        UsageError: a network with state, because every number of its parameters would be trained, or one that trains by
            another pass.
    """
    check_network(network)
    check_one_pass(network, "gradient descent on all examples")
    if network.state:
        raise UsageError(
            f"network: expected one without state, because this descent trains every number, got '{network.name}' with "
            f"state={network.state!r}. Close over the state: apply=lambda params, x: apply({{**params, **state}}, x)."
        )

    def single(params: Any, x: Any) -> Any:
        return network.apply(params, x)[:, 0]

    def pair(params: Any, x: Any) -> Any:
        return (single(params[0], x) - single(params[1], x)) * 2**-0.5

    return pair if doubled else single


def draw(network: Network, key: PRNGKeyArray, doubled: bool = False) -> PyTree:
    """Initial parameters in float64; two equal copies if doubled."""
    check_network(network)
    one = double(network, network.init(key))
    return (one, one) if doubled else one


@functools.lru_cache(maxsize=64)
def _program(model: Model) -> Any:
    def half(params: Any, x: Any, y: Any, scale: Any) -> Any:
        r = scale * model(params, x) - y
        return 0.5 * jnp.sum(r * r)

    slope = jax.vmap(jax.value_and_grad(half), in_axes=(0, None, 0, 0))

    @jax.jit
    def advance(params: Any, losses: Any, x: Any, y: Any, rates: Any, scales: Any, low: Any, high: Any) -> Any:
        def step(t: Any, carry: Any) -> Any:
            now, seen = carry
            value, grad = slope(now, x, y, scales)
            moved = jax.tree.map(lambda leaf, g: leaf - rates.reshape(-1, *(1,) * (g.ndim - 1)) * g, now, grad)
            return moved, seen.at[t].set(value)

        return jax.lax.fori_loop(low, high, step, (params, losses))

    return advance


def descend(
    model: Model,
    params: PyTree,
    x: ArrayLike,
    y: ArrayLike,
    rates: ArrayLike,
    scales: ArrayLike,
    probes: Sequence[int],
    progress: Callable[[float], None],
) -> Descent:
    """Train a stack of members by gradient descent and keep their parameters at the probe steps.

    Args:
        model: a scalar function, see :func:`scalar_model`.
        params: leaves with a leading axis of members.
        x: shape ``(n, features)``.
        y: shape ``(members, n)``.
        rates: step of every member, shape ``(members,)``.
        scales: factor of every member's output, shape ``(members,)``.
        probes: ascending steps; the last is the end.
        progress: told the fraction done.

    >>> with jax.enable_x64(True):
    ...     run = descend(lambda p, x: x @ p, jnp.zeros((1, 1)), [[1.0]], [[1.0]], [0.5], [1.0], (0, 2), lambda _: None)
    >>> run.losses[:, 0].tolist(), float(run.member(1, 0)[0])  # the residual halves each step
    ([0.5, 0.125], 0.75)
    """
    program, end = _program(model), probes[-1]
    x, y, rates, scales = (jnp.asarray(v, jnp.float64) for v in (x, y, rates, scales))
    losses = jnp.zeros((end, len(rates)))
    kept, at = [], 0
    for probe in probes:
        params, losses = program(params, losses, x, y, rates, scales, at, probe)
        kept.append(params)
        at = probe
        progress(probe / end)
    return Descent(tuple(probes), tuple(kept), np.asarray(losses))


@functools.lru_cache(maxsize=64)
def _jacobian_program(model: Model) -> Any:
    @jax.jit
    def rows(params: Any, x: Any) -> Any:
        tree = jax.jacrev(model)(params, x)
        return jnp.concatenate([leaf.reshape(len(x), -1) for leaf in jax.tree.leaves(tree)], axis=1)

    return rows


def model_jacobian(model: Model, params: PyTree, x: ArrayLike) -> Float64[np.ndarray, "n params"]:
    """Jacobian of the outputs in all parameters of one member, shape ``(n, params)``."""
    return np.asarray(_jacobian_program(model)(params, jnp.asarray(x, jnp.float64)))


def flat_params(params: PyTree) -> Float64[np.ndarray, " params"]:
    """All parameters of one member as a vector, in the order of the Jacobian's columns."""
    return np.concatenate([np.asarray(leaf).ravel() for leaf in jax.tree.leaves(params)])


def log_steps(steps: int, many: int = 8) -> tuple[int, ...]:
    """Probe steps: 0, then evenly in the logarithm up to the last.

    Raises:
        UsageError: numbers that are no counts, or fewer than two steps to choose.

    >>> log_steps(100, 3)
    (0, 1, 10, 100)
    """
    steps, many = count(steps, "steps"), count(many, "many", 2, 1_000_000)
    return (0, *sorted({max(1, round(steps ** (k / (many - 1)))) for k in range(many)}))
