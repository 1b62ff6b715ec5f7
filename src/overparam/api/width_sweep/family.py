"""A family: a user's function from a width to a network, checked, and a name for what it is."""

from __future__ import annotations

import ast
import functools
import hashlib
import inspect
import itertools
import math
import operator
import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import CodeType
from typing import Any

import jax
import jax.numpy as jnp

from overparam.core.errors import UsageError
from overparam.models.network import Network

Make = Callable[[int], Any]
_ASKED = (
    "a Network, an object with init(key) -> params and apply(params, x) -> outputs, or the pair (init, apply)"
)


@dataclass(frozen=True)
class Family:
    """A function from a width to a network.

    Attributes:
        make: the user's function.
        version: the user's own mark of what the source does not show.
    """

    make: Make
    version: str = ""

    @property
    def tag(self) -> str:
        """Name of the function and eight hexadecimal digits of its source and version."""
        text = f"{source_of(self.make)}\n{self.version}"
        return f"{called(self.make)}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"

    def pair(self, width: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """The functions ``init`` and ``apply`` at a width.

        Raises:
            UsageError: the function raised, or returned something else than a network.
        """
        try:
            made = self.make(width)
        except Exception as error:
            raise UsageError(
                f"family '{called(self.make)}': expected a network for width {width}, got "
                f"{type(error).__name__}: {error}. Call it with this width by itself to see where."
            ) from error
        if isinstance(made, tuple) and len(made) == 2 and all(map(callable, made)):
            return made
        init, apply = getattr(made, "init", None), getattr(made, "apply", None)
        if not (callable(init) and callable(apply)):
            raise UsageError(
                f"family '{called(self.make)}': expected {_ASKED} at width {width}, got {type(made).__name__}."
            )
        return init, apply

    @functools.cached_property
    def _shapes(self) -> dict[int, tuple[tuple[str, tuple[int, ...], str], ...]]:
        return {}

    def shapes(self, width: int) -> tuple[tuple[str, tuple[int, ...], str], ...]:
        """Path, shape and type of every array of the parameters at a width; nothing is computed.

        Raises:
            UsageError: ``init`` cannot be called with a key alone, or gives something that cannot be trained.
        """
        if width not in self._shapes:
            init, _ = self.pair(width)
            try:
                found = jax.eval_shape(init, jax.random.key(0))
            except Exception as error:
                raise UsageError(
                    f"family '{called(self.make)}': expected init(key) -> params at width {width}, got "
                    f"{type(error).__name__}: {_first_line(error)}. Bind every other argument beforehand."
                ) from error
            leaves = jax.tree_util.tree_leaves_with_path(found)
            made = tuple((jax.tree_util.keystr(path), tuple(x.shape), str(x.dtype)) for path, x in leaves)
            odd = [f"{path} ({kind})" for path, _, kind in made if not kind.startswith(("float", "bfloat"))]
            if odd or not made:
                what = f"{', '.join(odd)}" if odd else "no array"
                raise UsageError(
                    f"family '{called(self.make)}': expected parameters that are arrays of floats at width {width}, "
                    f"got {what}. Keep everything that is not trained outside of the parameters."
                )
            self._shapes[width] = made
        return self._shapes[width]

    def size(self, width: int) -> int:
        """Number of parameters at a width."""
        return sum(math.prod(shape) for _, shape, _ in self.shapes(width))

    def network(self, width: int, inputs: int, outputs: int) -> Network:
        """The network at a width, checked on two rows of zeros.

        Args:
            width: the width.
            inputs: features of an example; images come as flat rows.
            outputs: outputs asked for.

        Raises:
            UsageError: ``apply`` does not take ``(batch, inputs)`` to ``(batch, outputs)``.
        """
        init, apply = self.pair(width)
        self.shapes(width)
        rows = jax.ShapeDtypeStruct((2, inputs), jnp.float32)
        try:
            found = jax.eval_shape(lambda key, x: apply(init(key), x), jax.random.key(0), rows)
        except Exception as error:
            raise UsageError(
                f"family '{called(self.make)}': expected apply(params, x) to take x of shape (batch, {inputs}) at "
                f"width {width}, got {type(error).__name__}: {_first_line(error)}. Examples come as flat rows: "
                "reshape them inside apply."
            ) from error
        shape = getattr(found, "shape", None)
        if shape != (2, outputs):
            raise UsageError(
                f"family '{called(self.make)}': expected outputs of shape (batch, {outputs}) at width {width}, one for "
                f"each {'class' if outputs > 1 else 'target'} of the data, got "
                f"{'(batch' + ''.join(f', {n}' for n in shape[1:]) + ')' if shape else type(found).__name__} "
                f"for a batch of 2. Change the last layer."
            )
        made = self.make(width)
        block = made.block if isinstance(made, Network) else None
        return Network(f"{called(self.make)} width {width}", init, apply, inputs, outputs, block)


def check_widths(family: Family, widths: Sequence[int]) -> tuple[int, ...]:
    """Return the widths if they ascend and the networks grow with them.

    Raises:
        UsageError: fewer than 3 widths, not ascending, or a network that does not grow.
    """
    try:
        given = tuple(operator.index(w) for w in widths)
    except TypeError:
        given = ()
    if len(given) < 3 or min(given) < 1:
        raise UsageError(
            f"widths: expected at least 3 whole numbers from 1 on, got {list(widths)}. Add widths around the "
            "interpolation threshold."
        )
    if list(given) != sorted(set(given)):
        better = ", ".join(map(str, sorted(set(given))))
        raise UsageError(f"widths: expected ascending widths, each once, got {list(given)}. Give [{better}].")
    sizes = [family.size(width) for width in given]
    if len(set(sizes)) == 1:
        raise UsageError(
            f"family '{called(family.make)}': expected more parameters at larger widths, got {sizes[0]:,} at each of "
            f"{', '.join(map(str, given))}: it ignores its width. Use the argument for the size of its layers."
        )
    for (a, p), (b, q) in itertools.pairwise(zip(given, sizes, strict=True)):
        if q <= p:
            raise UsageError(
                f"family '{called(family.make)}': expected more parameters at larger widths, got {p:,} at width {a} "
                f"and {q:,} at width {b}. Leave one of them out, or let the network grow with its width."
            )
    return given


def called(make: Make) -> str:
    """Name of the function, or ``family`` where it has none."""
    name = getattr(unwrapped(make), "__name__", type(make).__name__)
    return "family" if name == "<lambda>" else name


def unwrapped(make: Any) -> Any:
    """The function inside of ``functools.partial`` and of decorators."""
    while isinstance(make, functools.partial):
        make = make.func
    return inspect.unwrap(make)


def source_of(make: Make) -> str:
    """What the source of a function says, without comments and layout.

    A lambda, and a function without source, give their compiled code instead; an object that is called, the source
    of its class. Closures, defaults made elsewhere and globals do not show.
    """
    inner = unwrapped(make)
    bound = ""
    if isinstance(make, functools.partial):
        bound = re.sub(r" at 0x[0-9a-f]+", "", f"{make.args!r} {sorted(make.keywords.items())!r}")
    code = getattr(inner, "__code__", None)
    if code is not None and code.co_name == "<lambda>":
        return _compiled(code) + bound
    try:
        text = inspect.getsource(inner if code is not None or inspect.isclass(inner) else type(inner))
        return ast.unparse(ast.parse(textwrap.dedent(text))) + bound
    except (OSError, TypeError, SyntaxError):
        return (_compiled(code) if code is not None else type(inner).__qualname__) + bound


def _compiled(code: CodeType) -> str:
    constants = [_compiled(c) if isinstance(c, CodeType) else _constant(c) for c in code.co_consts]
    return repr((code.co_code.hex(), code.co_names, constants))


def _constant(value: Any) -> str:
    return repr(sorted(map(repr, value))) if isinstance(value, frozenset) else repr(value)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0].rstrip(".")
