"""What a function of JAX computes, as a mark: two traces of a pure function have the same."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np


def mark_of(function: Callable[..., Any], *args: Any) -> str:
    """A mark of the operations of a function, how they are joined, and of the constants in them; nothing is compiled.

    Random numbers that do not come from the arguments, and values that a call changes, are constants of a trace, other ones in
    the next.

    Args:
        function: of arrays.
        args: what it is traced with.

    >>> import jax.numpy as jnp
    >>> mark_of(jnp.sin, 1.0) == mark_of(jnp.sin, 2.0), mark_of(jnp.sin, 1.0) == mark_of(jnp.cos, 1.0)
    (True, False)
    """
    mark = hashlib.blake2b(digest_size=16)
    closed = jax.make_jaxpr(lambda *given: function(*given))(*args)
    for part in _parts(closed.jaxpr, closed.consts):
        mark.update(part)
    return mark.hexdigest()


def primitives(function: Callable[..., Any], *args: Any) -> Iterator[Any]:
    """Every operation of a function, those of inner functions as well.

    Args:
        function: of arrays.
        args: what it is traced with.
    """
    yield from _equations(jax.make_jaxpr(lambda *given: function(*given))(*args).jaxpr)


def _equations(jaxpr: Any) -> Iterator[Any]:
    for equation in jaxpr.eqns:
        yield equation
        for inner in _inner(equation):
            yield from _equations(inner.jaxpr if hasattr(inner, "consts") else inner)


def _parts(jaxpr: Any, constants: Any) -> Iterator[bytes]:
    numbers: dict[int, int] = {}

    def name(variable: Any) -> bytes:
        if hasattr(variable, "val"):
            return _bytes(variable.val)
        return str(numbers.setdefault(id(variable), len(numbers))).encode()

    for one in (*jaxpr.constvars, *jaxpr.invars):
        yield name(one) + str(one.aval).encode()
    yield from (_bytes(one) for one in constants)
    for equation in jaxpr.eqns:
        yield equation.primitive.name.encode()
        yield from (name(one) for one in equation.invars)
        yield from (name(one) + str(one.aval).encode() for one in equation.outvars)
        yield from (f"{key}={value}".encode() for key, value in equation.params.items() if _is_plain(value))
        for inner in _inner(equation):
            closed = hasattr(inner, "consts")
            yield from _parts(inner.jaxpr if closed else inner, inner.consts if closed else ())
    yield from (name(one) for one in jaxpr.outvars)


def _inner(equation: Any) -> Iterator[Any]:
    """The functions that an operation calls."""
    for value in equation.params.values():
        for one in value if isinstance(value, tuple | list) else (value,):
            if hasattr(one, "eqns") or hasattr(one, "jaxpr"):
                yield one


def _is_plain(value: Any) -> bool:
    """Whether a parameter of an operation is written the same in every trace."""
    return isinstance(value, int | float | str | bool | type(None)) or (
        isinstance(value, tuple) and all(_is_plain(one) for one in value)
    )


def _bytes(value: Any) -> bytes:
    if hasattr(value, "dtype") and jax.dtypes.issubdtype(value.dtype, jax.dtypes.extended):
        value = jax.random.key_data(value)
    array = np.asarray(value)
    return f"{array.dtype}{array.shape}".encode() + array.tobytes()
