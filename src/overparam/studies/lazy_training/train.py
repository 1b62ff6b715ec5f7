"""Full-batch gradient descent on ``|r|^2 / 2`` in float64 for a stack of networks, and their tangent kernels.

Everything here runs inside ``jax.enable_x64``; numpy and JAX are imported by the callers' functions.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from overparam.core import Outcome, Progress

Model = Callable[[Any, Any], Any]


@dataclass(frozen=True, eq=False)
class Run:
    """A trained stack: parameters at the probe steps (leaves with a leading axis of members) and every loss."""

    steps: tuple[int, ...]
    params: tuple[Any, ...]
    losses: Any

    def member(self, probe: int, which: int) -> Any:
        """Parameters of one member at one probe."""
        import jax

        return jax.tree.map(lambda leaf: leaf[which], self.params[probe])


@functools.lru_cache(maxsize=64)
def model_of(network: Any, doubled: bool) -> Model:
    """A scalar function of parameters and inputs, ``(n, features) -> (n,)``.

    Doubled: ``(f(p, x) - f(q, x)) / sqrt 2`` of two copies that start equal: the output starts at exactly 0, and the
    kernel at initialisation is that of one copy.
    """

    def single(params: Any, x: Any) -> Any:
        return network.apply(params, x)[:, 0]

    def pair(params: Any, x: Any) -> Any:
        return (single(params[0], x) - single(params[1], x)) * 2**-0.5

    return pair if doubled else single


def start(network: Any, key: Any, doubled: bool) -> Any:
    """Initial parameters in float64; two equal copies if doubled."""
    import jax
    import jax.numpy as jnp

    one = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), network.init(key))
    return (one, one) if doubled else one


@functools.lru_cache(maxsize=64)
def _program(model: Model) -> Any:
    import jax
    import jax.numpy as jnp

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
    model: Model, params: Any, x: Any, y: Any, rates: Any, scales: Any, probes: Sequence[int], report: Progress
) -> Run:
    """Train a stack of members by gradient descent and keep their parameters at the probe steps.

    Args:
        model: from :func:`model_of`.
        params: leaves with a leading axis of members.
        x: shape ``(n, features)``.
        y: shape ``(members, n)``.
        rates: step of every member, shape ``(members,)``.
        scales: factor of every member's output, shape ``(members,)``.
        probes: ascending steps; the last is the end.
        report: told the fraction done.
    """
    import jax.numpy as jnp
    import numpy as np

    program, end = _program(model), probes[-1]
    x, y, rates, scales = (jnp.asarray(v, jnp.float64) for v in (x, y, rates, scales))
    losses = jnp.zeros((end, len(rates)))
    kept, at = [], 0
    for probe in probes:
        params, losses = program(params, losses, x, y, rates, scales, at, probe)
        kept.append(params)
        at = probe
        report(probe / end)
    return Run(tuple(probes), tuple(kept), np.asarray(losses))


@functools.lru_cache(maxsize=64)
def _jacobian_program(model: Model) -> Any:
    import jax
    import jax.numpy as jnp

    @jax.jit
    def rows(params: Any, x: Any) -> Any:
        tree = jax.jacrev(model)(params, x)
        return jnp.concatenate([leaf.reshape(len(x), -1) for leaf in jax.tree.leaves(tree)], axis=1)

    return rows


def jacobian(model: Model, params: Any, x: Any) -> Any:
    """Jacobian of the outputs in all parameters, a float64 numpy array of shape ``(n, parameters)``."""
    import jax.numpy as jnp
    import numpy as np

    return np.asarray(_jacobian_program(model)(params, jnp.asarray(x, jnp.float64)))


def flat(params: Any) -> Any:
    """All parameters of one member as a float64 vector, in the order of the Jacobian's columns."""
    import jax
    import numpy as np

    return np.concatenate([np.asarray(leaf).ravel() for leaf in jax.tree.leaves(params)])


def probes(steps: int, many: int = 8) -> tuple[int, ...]:
    """Probe steps: 0, then evenly in the logarithm up to the last.

    >>> probes(100, 3)
    (0, 1, 10, 100)
    """
    return (0, *sorted({max(1, round(steps ** (k / (many - 1)))) for k in range(many)}))


def finished(values: dict[str, Any], remark: str = "") -> Outcome:
    """An outcome: diverged, with the metrics named, where a list of measurements holds a missing number.

    Steps to fit and bounds may be missing without divergence: not reached, or infinite.

    >>> finished({"width": [2, 4], "moved": [0.5, None]}).note
    'training diverged: moved at 1 of 2'
    """
    lost = {
        name: sum(v is None for v in line)
        for name, line in values.items()
        if isinstance(line, list) and None in line and not name.endswith(("steps", "bound"))
    }
    if not lost:
        return Outcome(values, note=remark)
    said = ", ".join(f"{name} at {many} of {len(values[name])}" for name, many in lost.items())
    return Outcome(values, "diverged", f"training diverged: {said}" + (f"; {remark}" if remark else ""))
