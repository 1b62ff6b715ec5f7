"""The three products of :mod:`overparam.models.tiles` as operations that JAX differentiates into one another.

Loops with pieces written in place have no derivative that JAX could find by itself, but the products need none: each is
linear in both arguments, and what transposes one of them is one of the other two. So derivatives of every order and
direction stay what they are for slices and matrix products.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import jax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from overparam.models import tiles


def _operation(name: str, form: Callable[..., Any]) -> Any:
    """An operation of two arrays with whole numbers as settings, batched by JAX's own batching of its form."""
    operation = Primitive(name)

    def abstract(*arrays: Any, **settings: Any) -> Any:
        shapes = [jax.ShapeDtypeStruct(one.shape, one.dtype) for one in arrays]
        found = jax.eval_shape(functools.partial(form, **settings), *shapes)
        return arrays[0].update(shape=found.shape, dtype=found.dtype, weak_type=False)

    def batched(arrays: Any, axes: Any, **settings: Any) -> Any:
        return jax.vmap(functools.partial(form, **settings), tuple(axes))(*arrays), 0

    operation.def_impl(jax.jit(form, static_argnames=_settings(form)))
    operation.def_abstract_eval(abstract)
    batching.primitive_batchers[operation] = batched
    mlir.register_lowering(operation, mlir.lower_fun(form, multiple_results=False))
    return operation


def _settings(form: Callable[..., Any]) -> list[str]:
    return [one.name for one in inspect.signature(form).parameters.values() if one.kind is one.KEYWORD_ONLY]


convolution_p = _operation("convolution_in_pieces", tiles.convolution)
correlation_p = _operation("correlation_in_pieces", tiles.correlation)
pullback_p = _operation("pullback_in_pieces", tiles.pullback)


def _convolution(x: Any, kernel: Any, stride: int, padding: int) -> Any:
    return convolution_p.bind(x, kernel, stride=stride, padding=padding)


def _correlation(x: Any, g: Any, taps: tuple[int, ...], stride: int, padding: int) -> Any:
    return correlation_p.bind(x, g, taps=taps, stride=stride, padding=padding)


def _pullback(g: Any, kernel: Any, space: tuple[int, ...], stride: int, padding: int) -> Any:
    return pullback_p.bind(g, kernel, space=space, stride=stride, padding=padding)


def _shape(undefined: Any) -> tuple[int, ...]:
    return tuple(undefined.aval.shape)


ad.defbilinear(
    convolution_p,
    lambda t, x, kernel, **how: _pullback(t, kernel, space=_shape(x)[1:-1], **how),
    lambda t, x, kernel, **how: _correlation(x, t, taps=_shape(kernel)[2:], **how),
)
ad.defbilinear(
    correlation_p,
    lambda t, x, g, taps, **how: _pullback(g, t, space=_shape(x)[1:-1], **how),
    lambda t, x, g, taps, **how: _convolution(x, t, **how),
)
ad.defbilinear(
    pullback_p,
    lambda t, g, kernel, space, **how: _convolution(t, kernel, **how),
    lambda t, g, kernel, space, **how: _correlation(t, g, taps=_shape(kernel)[2:], **how),
)


def in_pieces(x: tiles.Maps, kernel: tiles.Kernel, stride: int, padding: int) -> Any:
    """The form of :func:`~overparam.models.convolution.convolve` for large maps of images on a CPU.

    Args:
        x: as in :func:`~overparam.models.convolution.convolve`.
        kernel: as there, over two axes of space.
        stride: as there.
        padding: as there.
    """
    return _convolution(x, kernel, stride, padding)
