"""A number that a model of JAX computes along a direction of its parameters, with derivatives by reverse passes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from overparam.core.errors import UsageError
from overparam.operators.batches import Batch
from overparam.operators.derivatives import Along, detached, own_rules, rules_beside
from overparam.operators.jax_look import own_rule
from overparam.operators.jax_plain import without_rules
from overparam.operators.telling import told_of

Change = Callable[[Callable[..., Any]], Callable[..., Any]]
TOOL = "jax.test_util.check_grads"


class JaxAlong(Along):
    """In float64 where the pass takes it, else in the type of its parameters; nothing but what is asked for is compiled.

    Args:
        forward: ``forward(arrays, *args, **named)``: outputs, or one number.
        trained: what is moved, by name.
        held: other arrays by name.
        batch: a few examples.
        beside: see ``scale`` of ``Along``: what is added to it.
    """

    def __init__(
        self,
        forward: Callable[..., Any],
        trained: Mapping[str, Any],
        held: Mapping[str, Any],
        batch: Batch,
        beside: float = 0.0,
    ) -> None:
        try:
            self._prepare(np.float64, forward, trained, held, batch)
        except Exception:  # a type that is written into the pass, as of what a scan begins with
            self._prepare(next(iter(trained.values())).dtype, forward, trained, held, batch)
        self._known: dict[float, tuple[float, float, float, float]] = {}
        _, _, self.size, scale = self._at(0.0)
        self.scale = scale + beside

    def _prepare(
        self,
        kind: Any,
        forward: Callable[..., Any],
        trained: Mapping[str, Any],
        held: Mapping[str, Any],
        batch: Batch,
    ) -> None:
        rng, self.wide, self.kind = np.random.default_rng(0), kind == np.float64, kind

        def cast(leaf: Any) -> Any:
            """Floats in one type, everything else as it is."""
            floats = hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.floating)
            return jnp.asarray(np.asarray(leaf), kind) if floats else leaf

        with jax.enable_x64(self.wide):
            start = {name: cast(one) for name, one in trained.items()}
            drawn = {name: jnp.asarray(rng.normal(size=one.shape), kind) for name, one in start.items()}
            moved = {name: one * drawn[name] for name, one in start.items()}
            if not any(bool(one.any()) for one in moved.values()):
                moved = drawn
            rest = {name: cast(one) for name, one in held.items()}
            args = jax.tree.map(cast, batch.args)
            named = jax.tree.map(cast, dict(batch.named))
            found = jax.eval_shape(forward, {**rest, **start}, *args, **named)
            self.exact = found.dtype == np.float64
            u = jnp.asarray(rng.normal(size=found.shape), found.dtype)

        def outputs(own: Any) -> Any:
            return forward({**rest, **own}, *args, **named)

        def at(t: Any) -> Any:
            return {name: one + t * moved[name] for name, one in start.items()}

        def number(own: Any) -> Any:
            found = outputs(own)
            return jnp.vdot(u, found), jnp.abs(u * found).sum()

        def slopes(t: Any) -> Any:
            """Value, slope, its size by the gradient of the parameters, and size of the outputs."""
            (value, scale), gradient = jax.value_and_grad(number, has_aux=True)(at(t))
            parts = [gradient[name] * moved[name] for name in start]
            squares = sum(jnp.sum(one * one) for one in parts)
            return value, sum(jnp.sum(one) for one in parts), jnp.sqrt(squares), scale

        def pushed() -> Any:
            _, back = jax.vjp(outputs, start)
            return jnp.vdot(u, jax.vjp(back, jnp.zeros_like(u))[1]((moved,))[0])

        self._slopes, self._pushed = jax.jit(slopes), jax.jit(pushed)
        self._bend = jax.jit(jax.grad(lambda t: slopes(t)[1]))
        with jax.enable_x64(self.wide):
            jax.eval_shape(slopes, jnp.asarray(0.0, kind))

    def _at(self, t: float) -> tuple[float, float, float, float]:
        if t not in self._known:
            with jax.enable_x64(self.wide):
                value, slope, size, scale = self._slopes(jnp.asarray(t, self.kind))
            self._known[t] = float(value), float(slope), float(size), float(scale)
        return self._known[t]

    def value(self, t: float) -> float:
        """The number."""
        return self._at(t)[0]

    def slope(self, t: float) -> float:
        """Its derivative by t."""
        return self._at(t)[1]

    def pushed(self) -> float:
        """``<u, J v>`` at 0."""
        with jax.enable_x64(self.wide):
            return float(self._pushed())

    def bend(self) -> float:
        """The second derivative by t at 0."""
        with jax.enable_x64(self.wide):
            return float(self._bend(jnp.asarray(0.0, self.kind)))


def told_derivatives(
    part: str, name: str, found: tuple[list[str], bool], line: Callable[[Change], Along]
) -> tuple[str, ...]:
    """Sentences about derivatives of a person's own and stopped gradients in a pass or a loss.

    Where gradients are stopped, differences tell nothing of rules beside them: those are compared with the derivatives by JAX of
    what they compute.

    Args:
        part: what is looked at, in words: the pass or the loss.
        name: of the argument, for messages.
        found: names of functions with derivatives of their own, and whether gradients are stopped.
        line: makes the number along a direction that is differentiated, of a function that is changed so.

    Raises:
        UsageError: a derivative that is wrong, or cannot be derived.
    """
    names, stops = found
    if not names and not stops:
        return ()
    with told_of(f"{name}: expected a {part} that can be derived twice"):
        along = line(lambda run: run)
        apart = detached(along, part) if stops else ""
        if not names:
            return (apart,) if apart else ()
        own = ", ".join(names[:3])
        if apart:
            along.bend()  # which must be possible; by JAX alone it need not be
            try:
                fault, note = rules_beside(
                    along, line(lambda run: without_rules(run, own_rule)), part, own, TOOL
                )
            except (
                Exception
            ):  # what the functions compute cannot be derived by JAX, as a loop that ends by a condition
                fault, note = rules_beside(along, None, part, own, TOOL)
        else:
            fault, note = own_rules(along, part, own, own, TOOL, "s(x) + stop_gradient(f(x) - s(x))")
    if fault:
        raise UsageError(f"{name}: expected {fault}")
    return (note, apart) if apart else (note,)
