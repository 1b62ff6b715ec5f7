"""What must hold of a network's forward pass: its outputs, its precision, that it is a function, and row by row."""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from overparam.core.errors import OverparamError, UsageError
from overparam.models.network import AnyArray, Network, PyTree
from overparam.models.state import join, split

ROWS = 3
APART = 1e4  # times the machine epsilon: a larger relative change of an output is no rounding
_SEEN: weakref.WeakSet[Network] = weakref.WeakSet()
_TO_SINGLE = "a cast to float32"
_CALLBACKS = ("pure_callback", "io_callback")


def ours(network: Network) -> bool:
    """Whether a network's forward pass is one of this package, tested by itself."""
    return str(getattr(network.apply, "__module__", "")).startswith("overparam.models.")


def in_double() -> bool:
    """Whether JAX keeps float64 where it is called: inside ``jax.enable_x64(True)``, or by a person's own setting.

    >>> in_double()
    False
    """
    return jax.dtypes.canonicalize_dtype(np.float64) == np.float64


def told(error: Exception) -> str:
    """An exception by its name and first line."""
    first = (str(error).strip().splitlines() or [""])[0].rstrip(".")
    return f"{type(error).__name__}: {first}"


def check_pass(network: Network, params: PyTree) -> None:
    """Raise unless ``apply`` takes ``(batch, inputs)`` to ``(batch, outputs)`` in at least float32, the same each time.

    Args:
        network: any network.
        params: shapes and types of its variables.

    Raises:
        UsageError: it fails, or gives something else; a part of it is in a narrower type or calls back into Python;
            two passes differ.
    """
    rows = jax.ShapeDtypeStruct((ROWS, network.inputs), jnp.float64 if in_double() else jnp.float32)
    try:
        program, found = jax.make_jaxpr(_fresh(network.apply), return_shape=True)(params, rows)
    except OverparamError:
        raise
    except Exception as error:
        raise UsageError(
            f"network: expected apply(params, x) of '{network.name}' to take x of shape (batch, {network.inputs}), got "
            f"{told(error)}. Examples come as flat rows: reshape them inside apply, and bind every other argument."
        ) from error
    _check_outputs(network, found)
    _check_precision(network, program.jaxpr)
    if _text(program) != _text(jax.make_jaxpr(_fresh(network.apply))(params, rows)):
        raise _changes(network, "apply", "Take random numbers from keys that params hold.")
    key = jax.random.key(0)
    if _text(jax.make_jaxpr(_fresh(network.init))(key)) != _text(jax.make_jaxpr(_fresh(network.init))(key)):
        raise _changes(network, "init", "Draw everything from the key: jax.random.normal(key, shape).")


def check_one_pass(network: Network, who: str) -> None:
    """Raise if a network trains by another pass than it is evaluated with, where a function takes the two for one.

    Args:
        network: any network.
        who: the function, for the message.

    Raises:
        UsageError: the network has a training pass of its own, or statistics of batches.
    """
    if network.training is not None or network.moments is not None:
        raise UsageError(
            f"{who}: expected a network that trains by the pass with which it is evaluated, got '{network.name}', which draws "
            "or normalises by batches in training. Say that it shall not: dataclasses.replace(network, training=None, "
            "moments=None) keeps its statistics as they are."
        )


def check_rows(network: Network, params: PyTree, x: AnyArray) -> None:
    """Raise if the output of a row depends on the other rows or on its place, as in batch normalisation in training.

    Three rows are sent through twice, next to different others, at parameters a little off the given ones. A network
    is looked at once.

    Args:
        network: any network.
        params: its variables.
        x: inputs, shape ``(n, inputs)``.

    Raises:
        UsageError: it does.
    """
    if ours(network) or network in _SEEN:
        return
    random = np.random.default_rng(0)
    first = np.asarray(x[:1])
    others = np.asarray(
        (1.0 + np.abs(first).max()) * random.standard_normal((4, network.inputs)) + first, first.dtype
    )
    trained, held = split(network.state, params)
    near = join(jax.tree.map(lambda leaf: _moved(leaf, random), trained), held)
    go = jax.jit(lambda p, rows: network.apply(p, rows))
    one = np.asarray(go(near, np.concatenate([first, others[:2]])))[0]
    two = np.asarray(go(near, np.concatenate([others[2:], first])))[-1]
    size = np.abs(one).max()
    if not (np.isfinite(size) and np.isfinite(two).all()):
        return
    gap = float(np.abs(one - two).max() / size) if size else float(np.abs(two).max() > 0)
    if gap > APART * np.finfo(one.dtype).eps:
        raise UsageError(
            f"network: expected every output of '{network.name}' to depend on its own row alone, got a relative change of "
            f"{gap:.2g} when the other rows changed. Batch normalisation in training mode and dropout do that: evaluate "
            "with running statistics and without dropout (train=False), and declare state=('batch_stats',)."
        )
    _SEEN.add(network)


def _check_outputs(network: Network, found: Any) -> None:
    want = f"an array of floats of shape (batch, {network.outputs}) from apply of '{network.name}'"
    shape = getattr(found, "shape", None)
    if shape is None:
        kind = type(found).__name__
        advice = (
            "With mutable collections Flax returns outputs and updates: evaluate with train=False and return the first."
            if isinstance(found, tuple)
            else "Return the outputs alone."
        )
        raise UsageError(f"network: expected {want}, got {kind}. {advice}")
    if shape != (ROWS, network.outputs):
        got = (
            "("
            + ", ".join(["batch" if n == ROWS else str(n) for n in shape[:1]] + [*map(str, shape[1:])])
            + ")"
        )
        got = got.replace("(batch)", "(batch,)")
        advice = (
            "Return outputs[:, None]."
            if shape == (ROWS,) and network.outputs == 1
            else f"Change the last layer, or give outputs={shape[-1]}."
            if len(shape) == 2 and shape[0] == ROWS
            else "Flatten what follows the batch."
        )
        raise UsageError(f"network: expected {want}, got {got} for a batch of {ROWS}. {advice}")
    if not jnp.issubdtype(found.dtype, jnp.floating):
        raise UsageError(f"network: expected {want}, got {found.dtype}.")


def _check_precision(network: Network, program: Any) -> None:
    for step in _steps(program):
        name = step.primitive.name
        if name in _CALLBACKS:
            raise UsageError(
                f"network: expected apply of '{network.name}' to be of JAX functions alone, got a callback into Python "
                "(no derivative is known of it). Write it with jax.numpy."
            )
        kind = _narrow(step)
        if kind == _TO_SINGLE:
            raise UsageError(
                f"network: expected apply of '{network.name}' to compute in the float64 that it is given here, got {kind}: "
                "the result would be good to 7 digits. Build the module with dtype=None, and remove casts in apply."
            )
        if kind:
            raise UsageError(
                f"network: expected apply of '{network.name}' to compute in float32 or float64, got {kind} in {name}: "
                "gradients and kernels would be good to 3 digits. Build the module with dtype=None or "
                "dtype=jnp.float32, and remove casts in apply."
            )


def _narrow(step: Any) -> str:
    """The narrow type in which a step computes, or to which it rounds; empty if none."""
    for out in step.outvars:
        dtype = getattr(out.aval, "dtype", None)
        if dtype is not None and jnp.issubdtype(dtype, jnp.floating) and jnp.finfo(dtype).bits < 32:
            return str(dtype)
    if step.primitive.name == "convert_element_type":
        before, after = step.invars[0].aval, step.outvars[0].aval
        if before.dtype == np.float64 and after.dtype == np.float32 and not before.weak_type:
            return _TO_SINGLE
    if step.primitive.name == "reduce_precision" and step.params.get("mantissa_bits", 23) < 23:
        return f"{step.params['mantissa_bits']} bits"
    found = re.search(r"\b(B?F16|TF32|F8)\w*", str(step.params.get("precision", "")))
    return found.group(0) if found else ""


def _steps(program: Any) -> Iterator[Any]:
    """Every step of a traced program, those of inner programs included."""
    for step in program.eqns:
        yield step
        for value in step.params.values():
            for inner in value if isinstance(value, tuple | list) else (value,):
                inner = getattr(inner, "jaxpr", inner)
                if hasattr(inner, "eqns"):
                    yield from _steps(inner)


def _text(program: Any) -> tuple[Any, ...]:
    """A traced program and its constants as plain values; addresses in memory are left out."""
    return (
        re.sub(r"0x[0-9a-f]+", "", str(program.jaxpr)),
        *(np.asarray(_plain(one)).tobytes() for one in program.consts),
    )


def _plain(value: Any) -> Any:
    keys = hasattr(value, "dtype") and jnp.issubdtype(value.dtype, jax.dtypes.prng_key)
    return jax.random.key_data(value) if keys else value


def _fresh(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function as another object, so that it is traced again."""
    inner = getattr(function, "__wrapped__", function) if hasattr(function, "lower") else function
    return lambda *given: inner(*given)


def _changes(network: Network, what: str, advice: str) -> UsageError:
    return UsageError(
        f"network: expected {what} of '{network.name}' to be a pure function, got another result each time it is called "
        f"(numpy.random, random, or a value that it changes). {advice}"
    )


def _moved(leaf: Any, random: np.random.Generator) -> Any:
    array = np.asarray(leaf)
    size = 0.1 * (np.abs(array).mean() if array.size else 0.0) or 0.1
    return np.asarray(array + size * random.standard_normal(array.shape), array.dtype)
