"""A number that a model of JAX computes along a direction of its parameters, with derivatives by reverse passes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from overparam.core.errors import UsageError
from overparam.operators.batches import Batch
from overparam.operators.derivatives import Along, detached, own_rules
from overparam.operators.telling import told_of


class JaxAlong(Along):
    """In float64, where the pass does not cast to another type itself; nothing but what is asked for is compiled."""

    def __init__(
        self, forward: Callable[..., Any], trained: Mapping[str, Any], held: Mapping[str, Any], batch: Batch
    ) -> None:
        rng = np.random.default_rng(0)
        with jax.enable_x64(True):
            start = {name: _wide(one) for name, one in trained.items()}
            moved = {name: one * rng.normal(size=one.shape) for name, one in start.items()}
            if not any(bool(one.any()) for one in moved.values()):
                moved = {name: jnp.asarray(rng.normal(size=one.shape)) for name, one in start.items()}
            rest = {name: _wide(one) for name, one in held.items()}
            args = jax.tree.map(_wide, batch.args)
            named = jax.tree.map(_wide, dict(batch.named))
            found = jax.eval_shape(forward, {**rest, **start}, *args, **named)
            self.exact = found.dtype == np.float64
            u = jnp.asarray(rng.normal(size=found.shape), found.dtype)

        def outputs(own: Any) -> Any:
            return forward({**rest, **own}, *args, **named)

        def at(t: Any) -> Any:
            return {name: one + t * moved[name] for name, one in start.items()}

        def number(own: Any) -> Any:
            return jnp.vdot(u, outputs(own))

        def slopes(t: Any) -> Any:
            """Value, slope and its size by the gradient of the parameters."""
            value, gradient = jax.value_and_grad(number)(at(t))
            parts = [gradient[name] * moved[name] for name in start]
            squares = sum(jnp.sum(one * one) for one in parts)
            return value, sum(jnp.sum(one) for one in parts), jnp.sqrt(squares)

        def pushed() -> Any:
            _, back = jax.vjp(outputs, start)
            return jnp.vdot(u, jax.vjp(back, jnp.zeros_like(u))[1]((moved,))[0])

        self._known: dict[float, tuple[float, float, float]] = {}
        self._slopes, self._pushed = jax.jit(slopes), jax.jit(pushed)
        self._bend = jax.jit(jax.grad(lambda t: slopes(t)[1]))
        self.size = self._at(0.0)[2]

    def _at(self, t: float) -> tuple[float, float, float]:
        if t not in self._known:
            with jax.enable_x64(True):
                value, slope, size = self._slopes(jnp.float64(t))
            self._known[t] = float(value), float(slope), float(size)
        return self._known[t]

    def value(self, t: float) -> float:
        """The number."""
        return self._at(t)[0]

    def slope(self, t: float) -> float:
        """Its derivative by t."""
        return self._at(t)[1]

    def pushed(self) -> float:
        """``<u, J v>`` at 0."""
        with jax.enable_x64(True):
            return float(self._pushed())

    def bend(self) -> float:
        """The second derivative by t at 0."""
        with jax.enable_x64(True):
            return float(self._bend(jnp.float64(0.0)))


def _wide(leaf: Any) -> Any:
    """Floats in float64, everything else as it is."""
    floats = hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.floating)
    return jnp.asarray(np.asarray(leaf), jnp.float64) if floats else leaf


def told_derivatives(part: str, name: str, found: tuple[list[str], bool], line: Callable[[], Along]) -> str:
    """What is to be said of derivatives of a person's own and of stopped gradients in a pass or a loss; or nothing.

    Args:
        part: what is looked at, in words: the pass or the loss.
        name: of the argument, for messages.
        found: names of functions with derivatives of their own, and whether gradients are stopped.
        line: makes the number along a direction that is differentiated.

    Raises:
        UsageError: a derivative that is wrong, or cannot be derived.
    """
    names, stops = found
    if not names and not stops:
        return ""
    with told_of(f"{name}: expected a {part} that can be derived twice"):
        along = line()
        if not names:
            return detached(along, part)
        fault, note = own_rules(
            along, part, ", ".join(names[:3]), "jax.test_util.check_grads", "x + stop_gradient(f(x) - x)"
        )
    if fault:
        raise UsageError(f"{name}: expected {fault}")
    return note
