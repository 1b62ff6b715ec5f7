"""A function of JAX with the derivatives of what it computes in place of a person's own ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax

RULES = ("custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr")


def without_rules(run: Callable[..., Any], own: Callable[[Any], bool]) -> Callable[..., Any]:
    """The same function, where operations with a rule of a person's are what they compute, to be derived by JAX.

    Gradients that are stopped beside them stay stopped; those that are stopped inside of them do not, because a rule replaces
    the derivative of all that is inside.

    Args:
        run: a function of arrays.
        own: whether an operation has a rule of a person's.

    >>> import jax.numpy as jnp
    >>> wrong = jax.custom_jvp(lambda x: x**2)
    >>> wrong.defjvp(lambda at, moved: (at[0]**2, moved[0])) is None
    False
    >>> float(jax.grad(wrong)(3.0)), float(jax.grad(without_rules(wrong, lambda _: True))(3.0))
    (1.0, 6.0)
    """

    def plain(*args: Any, **named: Any) -> Any:
        closed, shape = jax.make_jaxpr(lambda given, more: run(*given, **more), return_shape=True)(args, named)
        found = _run(closed.jaxpr, closed.consts, jax.tree.leaves((args, named)), own, False)
        return jax.tree.unflatten(jax.tree.structure(shape), found)

    return plain


def _run(
    jaxpr: Any, constants: Sequence[Any], args: Sequence[Any], own: Callable[[Any], bool], inside: bool
) -> list[Any]:
    known: dict[Any, Any] = dict(zip(jaxpr.constvars, constants, strict=True))
    known.update(zip(jaxpr.invars, args, strict=True))

    def read(variable: Any) -> Any:
        return variable.val if hasattr(variable, "val") else known[variable]

    for equation in jaxpr.eqns:
        given, name = [read(one) for one in equation.invars], equation.primitive.name
        inner = equation.params.get("call_jaxpr")
        if name in RULES and hasattr(inner, "consts") and own(equation):
            found = _run(inner.jaxpr, inner.consts, given, own, True)
        elif name == "stop_gradient" and inside:
            found = given
        else:
            found = _bound(equation, given, own, inside)
        known.update(zip(equation.outvars, found, strict=True))
    return [read(one) for one in jaxpr.outvars]


def _bound(equation: Any, given: list[Any], own: Callable[[Any], bool], inside: bool) -> list[Any]:
    """What an operation gives, with the functions in it changed too; a library's rules stay whole."""
    change = equation.primitive.name not in RULES
    changed = {key: _changed(one, own, inside) if change else one for key, one in equation.params.items()}
    bound: Any = equation.primitive.get_bind_params(changed)
    functions, params = bound if isinstance(bound, tuple) else ((), bound)  # by the version of JAX
    found = equation.primitive.bind(*functions, *given, **params)
    return list(found) if equation.primitive.multiple_results else [found]


def _changed(value: Any, own: Callable[[Any], bool], inside: bool) -> Any:
    if isinstance(value, tuple) and any(hasattr(one, "jaxpr") for one in value):
        return tuple(_changed(one, own, inside) for one in value)
    closed = hasattr(value, "jaxpr") and hasattr(value, "consts")
    if not closed and not hasattr(value, "eqns"):
        return value
    jaxpr, constants = (value.jaxpr, value.consts) if closed else (value, ())

    def again(*args: Any) -> list[Any]:
        return _run(jaxpr, constants, args, own, inside)

    made = jax.make_jaxpr(again)(
        *[jax.ShapeDtypeStruct(one.aval.shape, one.aval.dtype) for one in jaxpr.invars]
    )
    return made if closed else made.jaxpr
