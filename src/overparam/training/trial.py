"""A person's own loss, schedule, optimizer, augmentation and training pass tried on shapes, before anything is trained."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from overparam.core.errors import OverparamError, UsageError
from overparam.models.check import layout
from overparam.models.network import Network
from overparam.models.passes import ours, told
from overparam.models.state import split
from overparam.training.recipe import Recipe
from overparam.training.statistics import STATISTICS, refreshed
from overparam.training.streams import draw
from overparam.training.update import direction, rate_factors

_CHUNK = 1 << 20  # steps whose factors are looked at together


def check_parts(network: Network, recipe: Recipe, n: int, y: Any, y_test: Any, begun: int) -> None:
    """Raise unless every part of a recipe and a network's training pass can make a step; only shapes are looked at.

    Args:
        network: the network.
        recipe: how to train.
        n: training examples.
        y: labels or targets of one member.
        y_test: test labels or targets.
        begun: step at which the run begins.

    Raises:
        UsageError: a part that fails, is no pure function, or gives something of another shape; batches of one where
            batches normalise.
    """
    batch = n if recipe.batch is None else recipe.batch
    params = layout(network)
    trained = split(network.state, params)[0]
    rate_factors(recipe, trained)
    _check_passes(network, params, batch)
    if callable(recipe.schedule):
        _check_schedule(recipe, begun)
    if recipe.stream is not None:
        _check_stream(recipe, network, y)
    if recipe.augment is not None:
        _check_augment(recipe, network, batch)
    if callable(recipe.loss):
        for size, given in ((batch, y), (n, y), (1, y), (len(y_test), y_test)):
            _check_loss(recipe, network, size, given)
    if not isinstance(recipe.optimizer, str):
        _check_optimizer(recipe, trained)


def _check_passes(network: Network, params: Any, batch: int) -> None:
    if network.moments is not None and batch == 1:
        raise UsageError(
            f"batch: expected at least 2 examples where batches normalise, as in '{network.name}', got 1: a batch of one has "
            "no variance."
        )
    if ours(network):
        return
    rows = _floats(batch, network.inputs)
    if network.training is not None:
        found = _pure("network.training", network.training, params, rows, jax.random.key(0))
        if _sort(found) != _sort(_floats(batch, network.outputs)):
            raise UsageError(
                f"network: expected training(params, x, key) of '{network.name}' to give outputs of shape "
                f"{(batch, network.outputs)} of float32, as apply does, got {_told(found)}."
            )
    if network.moments is not None:
        whole = _shape("network.moments", lambda p, x: refreshed(network, p, x), params, rows)
        if jax.tree.map(_sort, whole) != jax.tree.map(_sort, params) or STATISTICS not in network.state:
            raise UsageError(
                f"network: expected moments(params, x) of '{network.name}' to give mean and variance (or square) of every layer "
                f"in params['{STATISTICS}'], which hold mean and variance and are declared, state=('{STATISTICS}',), got "
                "others."
            )


def _check_schedule(recipe: Recipe, begun: int) -> None:
    schedule: Callable[..., Any] = recipe.schedule
    factor = _pure("schedule", schedule, jnp.int32(0))
    real = _is(factor, jnp.floating) or _is(factor, jnp.integer)
    if getattr(factor, "shape", None) != () or not real:
        raise UsageError(f"schedule: expected one real number for a step, got {_told(factor)}.")
    look = jax.jit(jax.vmap(lambda t: jnp.asarray(schedule(t), jnp.float32)))
    size = min(_CHUNK, recipe.steps - begun)
    for first in range(begun, recipe.steps, size):
        steps = np.minimum(first + np.arange(size, dtype=np.int32), recipe.steps - 1)
        factors = np.asarray(look(steps))
        bad = np.flatnonzero(~(np.isfinite(factors) & (factors >= 0)))
        if len(bad):
            raise UsageError(
                f"schedule: expected finite factors of at least 0 at every step, got {factors[bad[0]]:g} at step "
                f"{steps[bad[0]]}."
            )


def _check_augment(recipe: Recipe, network: Network, batch: int) -> None:
    rows = _floats(batch, network.inputs)
    found = _pure("augment", recipe.augment, jax.random.key(0), rows)
    if _sort(found) != _sort(rows):
        raise UsageError(
            f"augment: expected inputs of shape {rows.shape} and {rows.dtype} back, got {_told(found)}."
        )


def _check_loss(recipe: Recipe, network: Network, size: int, y: Any) -> None:
    given = jax.ShapeDtypeStruct((size, *y.shape[1:]), y.dtype)
    losses = _pure("loss", recipe.loss, _floats(size, network.outputs), given)
    if _sort(losses) != ((size,), np.dtype(np.float32)):
        raise UsageError(
            f"loss: expected one number an example, shape ({size},) of float32 for a batch of {size}, got {_told(losses)}. "
            "Leave the mean over the batch to training."
        )


def _check_stream(recipe: Recipe, network: Network, y: Any) -> None:
    """A minibatch of a stream is like one of the training set."""
    stream: Callable[..., Any] = recipe.stream  # type: ignore[assignment]
    batch: int = recipe.batch  # type: ignore[assignment]
    held = split(network.state, layout(network))[1]
    drawn = _pure("stream", lambda key, held: draw(stream, key, batch, held), jax.random.key(0), held)
    if not isinstance(drawn, tuple) or len(drawn) != 2:
        raise UsageError(f"stream: expected a pair (x, y), got {type(drawn).__name__}.")
    want = ((recipe.batch, network.inputs), np.dtype(np.float32)), ((recipe.batch, *y.shape[1:]), y.dtype)
    for name, found, sort in zip(("x", "y"), drawn, want, strict=True):
        if _sort(found) != sort:
            raise UsageError(
                f"stream: expected {name} of shape {sort[0]} and {sort[1]}, as the training set has it, got {_told(found)}."
            )


def _check_optimizer(recipe: Recipe, params: Any) -> None:
    rule = direction(recipe)
    before = _shape("optimizer", rule.init, params)
    moved, after = _shape("optimizer", lambda p, s: rule.update(p, s, p), params, before)
    for what, found, want in (("updates", moved, params), ("state", after, before)):
        same = str(jax.tree.structure(found)) == str(jax.tree.structure(want))
        if not same or jax.tree.map(_sort, found) != jax.tree.map(_sort, want):
            like = (
                "updates of the parameters' shapes and types"
                if what == "updates"
                else "a state that keeps its shapes and types"
            )
            raise UsageError(f"optimizer: expected {like}, got others. A transformation may not change them.")


def _pure(name: str, function: Any, *arguments: Any) -> Any:
    """Shape and type of what a person's function gives; it must be the same program each time."""
    texts = []
    for _ in range(2):
        # a new function each time, so that it is traced again
        program, found = _tried(name, lambda: jax.make_jaxpr(_again(function), return_shape=True)(*arguments))
        texts.append(re.sub(r"0x[0-9a-f]+", "", str(program.jaxpr)) + _constants(program.consts))
    if texts[0] != texts[1]:
        raise UsageError(
            f"{name}: expected a pure function, got another result each time it is called (numpy.random, random, or a value "
            "that it changes). It is compiled once: draw from the key, count by the step."
        )
    if "callback" in texts[0]:
        raise UsageError(f"{name}: expected JAX functions alone, got a callback into Python. Use jax.numpy.")
    return found


def _again(function: Any) -> Callable[..., Any]:
    inner = (
        function.__wrapped__ if hasattr(function, "lower") and hasattr(function, "__wrapped__") else function
    )
    return lambda *given: inner(*given)


def _constants(values: Any) -> str:
    keys = [_is(one, jax.dtypes.prng_key) for one in values]
    return repr([
        np.asarray(jax.random.key_data(one) if key else one).tobytes()
        for one, key in zip(values, keys, strict=True)
    ])  # fmt: skip


def _shape(name: str, function: Any, *arguments: Any) -> Any:
    return _tried(name, lambda: jax.eval_shape(function, *arguments))


def _tried(name: str, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except OverparamError:
        raise
    except Exception as error:
        raise UsageError(
            f"{name}: expected a pure JAX function, got {told(error)}. Call it by itself on small arrays to see where."
        ) from error


def _floats(*shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, jnp.float32)


def _sort(leaf: Any) -> Any:
    return getattr(leaf, "shape", None), getattr(leaf, "dtype", None)


def _is(leaf: Any, kind: Any) -> bool:
    return jnp.issubdtype(getattr(leaf, "dtype", np.dtype(object)), kind)


def _told(found: Any) -> str:
    shape = getattr(found, "shape", None)
    return type(found).__name__ if shape is None else f"shape {shape} of {found.dtype}"
