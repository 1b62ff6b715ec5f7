"""What must hold of a network and of its parameters, checked in one place at every entrance."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from overparam.core.errors import DataError, UsageError
from overparam.models.network import Network, PyTree
from overparam.models.passes import check_pass, in_double, ours, told
from overparam.models.state import is_held, leaves, split, undeclared

CAST = 'jax.tree.map(lambda a: a.astype("float32"), params)'
_CAST_INIT = (
    CAST.replace("params)", "init(key))") + " in init, or build the module with param_dtype=jnp.float32"
)
_ARRAYS = (jax.Array, np.ndarray, np.generic, bool, int, float, complex)


def check_network(network: object) -> None:
    """Raise unless a network was given whose parameters can be trained and whose outputs are what it says.

    The ``init`` and ``apply`` of another package are traced, nothing is computed, and each network is looked at once.

    Raises:
        UsageError: something else; parameters that are no float32 arrays; what looks like state and is not declared;
            outputs of another shape or kind; a pass in a narrower type, or another one each time.
    """
    _checked(_given(network), in_double())


def layout(network: Network) -> PyTree:
    """Shape and type of every array that ``network.init`` gives, found without computing; what is held included.

    Args:
        network: any network.

    Raises:
        UsageError: ``init`` fails, or gives what cannot be trained; the text says how to declare or cast it.

    >>> from overparam.models import linear
    >>> layout(linear(3, 2))["output"]["weight"].shape
    (2, 3)
    """
    return _layout(_given(network), in_double())


def check_params(
    network: Network, params: PyTree, name: str = "params", *, single: bool = False, finite: bool = True
) -> None:
    """Raise unless parameters are those of a network: structure, shapes, real finite numbers of at least 32 bits.

    Args:
        network: any network.
        params: what is checked; float64 is as good as float32.
        name: of the argument, for messages.
        single: whether they are used in float32, so that float64 numbers must be representable there.
        finite: whether they must be finite.

    Raises:
        UsageError: another structure, shape or kind of number.
        DataError: numbers that are missing or infinite.
    """
    want = layout(network)
    expected, found = leaves(want), leaves(params)
    here: Any = jax.tree.structure(params)
    if here != jax.tree.structure(want):
        raise UsageError(
            f"{name}: expected the structure that init of '{network.name}' gives, got {_other(want, params)}."
        )
    for (path, one), (_, other) in zip(expected, found, strict=True):
        where = f"{name}: {path}" if path else name
        if not isinstance(other, _ARRAYS):
            raise UsageError(f"{where}: expected an array, got {type(other).__name__}.")
        if one.shape != np.shape(other):
            raise UsageError(
                f"{where}: expected an array of shape {one.shape}, got {np.shape(other)}. Give the parameters of one "
                "network."
            )
        dtype = _dtype(other)
        check_kind(other, where)
        if jnp.issubdtype(one.dtype, jnp.floating):
            _check_numbers(other, dtype, where, single, finite)
        elif not _same_kind(dtype, one.dtype):
            raise UsageError(f"{where}: expected {one.dtype}, as init gives it, got {dtype}.")


def check_kind(values: Any, name: str, cast: str = "") -> None:
    """Raise if numbers have a floating-point type of fewer than 32 bits, or if some are masked.

    Args:
        values: an array, or a type.
        name: of the argument, for the message.
        cast: how to cast it; by default that of a tree of parameters.

    Raises:
        UsageError: bfloat16, float16 or a narrower type, or a masked array that hides some.

    >>> check_kind(np.float16, "x", 'x.astype("float32")')
    Traceback (most recent call last):
        ...
    overparam.core.errors.UsageError: x: expected float32 or float64, got float16, which has 3 digits. Cast it if its rounding is meant: x.astype("float32").
    """  # noqa: E501
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise UsageError(
            f"{name}: expected an array without a mask, got one that hides {np.ma.count_masked(values)} numbers. Fill "
            "them, values.filled(0.0), or leave those rows out."
        )
    dtype = values if isinstance(values, np.dtype | type) else getattr(values, "dtype", None)
    if dtype is None or not jnp.issubdtype(dtype, jnp.floating) or jnp.finfo(dtype).bits >= 32:
        return
    digits = {16: "3 digits"}.get(jnp.finfo(dtype).bits, "1 digit")
    raise UsageError(
        f"{name}: expected float32 or float64, got {np.dtype(dtype).name}, which has {digits}. "
        f"Cast it if its rounding is meant: {cast or CAST}."
    )


def double(network: Network, params: PyTree) -> PyTree:
    """Variables with their floats in float64; call it and use them inside ``jax.enable_x64(True)``.

    Args:
        network: any network.
        params: its parameters; what is held may have other kinds of arrays, which stay.
    """

    def wide(leaf: Any) -> Any:
        return (
            jnp.asarray(np.asarray(leaf), jnp.float64) if jnp.issubdtype(_dtype(leaf), jnp.floating) else leaf
        )

    return jax.tree.map(wide, params)


def _given(network: object) -> Network:
    if not isinstance(network, Network):
        raise UsageError(
            f"network: expected a network such as two_layer(...) or mlp(...), got {type(network).__name__}."
        )
    try:
        hash(network)
    except TypeError:
        raise UsageError(
            f"network: expected plain functions as init and apply of '{network.name}', got one that cannot be hashed, "
            "such as a bound method of a module. Wrap it: apply=lambda params, x: ..."
        ) from None
    return network


@functools.lru_cache(maxsize=512)
def _checked(network: Network, double: bool) -> None:
    for name, size in (("inputs", network.inputs), ("outputs", network.outputs)):
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
            raise UsageError(f"network: expected {name} of at least 1 in '{network.name}', got {size!r}.")
    params = _layout(network, double)
    if not ours(network):
        check_pass(network, params)


@functools.lru_cache(maxsize=512)
def _layout(network: Network, double: bool) -> PyTree:
    def arrays(key: Any) -> PyTree:
        made = network.init(key)
        for path, leaf in leaves(made):
            text = isinstance(leaf, np.ndarray | np.generic) and leaf.dtype.kind in "OUSMm"
            if text or not isinstance(leaf, _ARRAYS):
                raise UsageError(
                    f"network: expected arrays from init of '{network.name}', got {type(leaf).__name__} at "
                    f"'{path or 'the root'}'. Keep what is no array outside: for a module, "
                    "params, static = eqx.partition(model, eqx.is_inexact_array), and combine them inside apply."
                )
        return made

    try:
        found = jax.eval_shape(arrays, jax.random.key(0))
    except UsageError:
        raise
    except Exception as error:
        raise UsageError(
            f"network: expected init(key) -> params of '{network.name}', got {told(error)}. Bind every other argument "
            "beforehand: init=lambda key: model.init(key, x)."
        ) from error
    _check_leaves(network, found)
    return found


def _check_leaves(network: Network, found: PyTree) -> None:
    named = leaves(found)
    unmet = [
        one for one in network.state if not any(is_held((one.removeprefix("!"),), path) for path, _ in named)
    ]
    if unmet:
        tops = ", ".join(dict.fromkeys(path.partition("/")[0] for path, _ in named)) or "nothing"
        raise UsageError(
            f"state: '{unmet[0]}' names nothing that init of '{network.name}' gives; at the root there is {tops}. "
            "A pattern goes from the root, '*/name' reaches any depth."
        )
    odd: dict[str, str] = {}
    for pattern, path in undeclared(network.state, found):
        odd.setdefault(pattern, path)
    if odd:
        patterns = (*network.state, *odd)
        path = next(iter(odd.values()))
        raise UsageError(
            f"network: '{path}' of '{network.name}' looks like state that training must not touch. Declare it: "
            f"Network(..., state={patterns!r}); if it is to be trained, state=({'!' + next(iter(odd))!r},)."
        )
    trained = jax.tree.leaves(split(network.state, found)[0])
    if sum(leaf.size for leaf in trained) == 0:
        held = "nothing but what is held constant" if named else "no array"
        raise UsageError(f"network: expected parameters to train from init of '{network.name}', got {held}.")
    for path, leaf in named:
        kind = getattr(leaf.dtype, "name", str(leaf.dtype))
        check_kind(leaf.dtype, f"network: {path} of '{network.name}'", _CAST_INIT)
        if is_held(network.state, path) or jnp.issubdtype(leaf.dtype, jnp.floating):
            continue
        advice = (
            "Give real and imaginary part as two arrays."
            if jnp.issubdtype(leaf.dtype, jnp.complexfloating)
            else f"If it is state, declare it: Network(..., state={(*network.state, _pattern(path))!r})."
        )
        raise UsageError(
            f"network: expected parameters that are arrays of floats from init of '{network.name}', got {kind} at "
            f"'{path}'. {advice}"
        )


def _pattern(path: str) -> str:
    return path.partition("/")[0] if path.count("/") < 2 else path


def _check_numbers(values: Any, dtype: Any, where: str, single: bool, finite: bool) -> None:
    if not jnp.issubdtype(dtype, jnp.floating):
        raise UsageError(f"{where}: expected an array of floats, got {dtype}.")
    if isinstance(values, jax.core.Tracer):
        return
    array = np.asarray(values)
    bad = int((~np.isfinite(array)).sum())
    if bad and finite:
        raise DataError(f"{where}: expected finite numbers, got {bad} that are missing or infinite.")
    if single and array.dtype.itemsize > 4 and not in_double():
        with np.errstate(over="ignore", under="ignore"):
            narrow = array.astype(np.float32)
        if not np.array_equal(narrow.astype(array.dtype), array, equal_nan=True):
            raise UsageError(
                f"{where}: expected float32, in which training is done, got {dtype} with digits that float32 does not "
                f"hold. Round them: {CAST}."
            )


def _dtype(leaf: Any) -> Any:
    return leaf.dtype if hasattr(leaf, "dtype") else np.asarray(leaf).dtype


def _same_kind(one: Any, other: Any) -> bool:
    kinds = (jnp.bool_, jnp.integer, jnp.floating, jnp.complexfloating, jax.dtypes.prng_key)
    return any(jnp.issubdtype(one, kind) and jnp.issubdtype(other, kind) for kind in kinds)


def _other(want: PyTree, found: PyTree) -> str:
    """In what the structure of parameters differs, in words."""
    expected, given = [path for path, _ in leaves(want)], [path for path, _ in leaves(found)]
    missing = [path for path in expected if path not in set(given)]
    more = [path for path in given if path not in set(expected)]
    if not given:
        return f"{type(found).__name__} without any array"
    if missing or more:
        said = [f"no '{_few(missing)}'"] if missing else []
        said += [f"'{_few(more)}' besides" if not missing else f"'{_few(more)}'"] if more else []
        return " but ".join(said)
    return f"another kind of container ({_container(found)} for {_container(want)})"


def _few(paths: list[str]) -> str:
    return "', '".join(paths[:3]) + ("', ..." if len(paths) > 3 else "")


def _container(tree: PyTree) -> str:
    inner = next(_walk(tree), None)
    return type(tree).__name__ + (f" of {type(inner).__name__}" if inner is not None else "")


def _walk(tree: PyTree) -> Iterator[Any]:
    values = tree.values() if isinstance(tree, Mapping) else tree if isinstance(tree, list | tuple) else ()
    yield from values
