"""A family: a person's function from a width to a network, checked, and a name for what it is."""

from __future__ import annotations

import functools
import hashlib
import inspect
import itertools
import math
import operator
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from overparam.core.code import work_of
from overparam.core.errors import UsageError
from overparam.models.network import Network

Make = Callable[[int], Any]
Shapes = tuple[tuple[str, tuple[int, ...], str], ...]
_ASKED = "a Network, an object with init(key) -> params and apply(params, x) -> outputs, or the pair of these"


@dataclass(frozen=True)
class Family:
    """A function from a width to a network.

    Attributes:
        make: the person's function.
        version: their own mark of what the source does not show.
    """

    make: Make
    version: str = ""

    @property
    def name(self) -> str:
        """Name of the function, or ``family`` where it has none."""
        name = getattr(_unwrapped(self.make), "__name__", type(self.make).__name__)
        return "family" if name == "<lambda>" else name

    @property
    def tag(self) -> str:
        """Name of the function and eight hexadecimal digits of its code, what that depends on, and version."""
        text = repr((work_of(self.make), self.version))
        return f"{self.name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"

    def wrong(self, expected: str, got: Any, advice: str = "") -> UsageError:
        """An error about the function; an exception is told by its first line."""
        if isinstance(got, Exception):
            told = (str(got).strip().splitlines() or [""])[0].rstrip(".")
            got = f"{type(got).__name__}: {told}"
        return UsageError(f"family '{self.name}': expected {expected}, got {got}.{advice and f' {advice}'}")

    def pair(self, width: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """The functions ``init`` and ``apply`` at a width.

        Raises:
            UsageError: the function raised, or returned something else than a network.
        """
        try:
            made = self.make(width)
        except Exception as error:
            told = "Call it with this width by itself to see where."
            raise self.wrong(f"a network for width {width}", error, told) from error
        if isinstance(made, tuple) and len(made) == 2 and all(map(callable, made)):
            return made
        init, apply = getattr(made, "init", None), getattr(made, "apply", None)
        if not (callable(init) and callable(apply)):
            raise self.wrong(f"{_ASKED} at width {width}", type(made).__name__)
        return init, apply

    @functools.cached_property
    def _shapes(self) -> dict[int, Shapes]:
        return {}

    def shapes(self, width: int) -> Shapes:
        """Path, shape and type of every array of the parameters at a width; nothing is computed.

        Raises:
            UsageError: ``init`` cannot be called with a key alone, or gives something that cannot be trained.
        """
        if width not in self._shapes:
            init, _ = self.pair(width)
            try:
                found = jax.eval_shape(init, jax.random.key(0))
            except Exception as error:
                asked = f"init(key) -> params at width {width}"
                raise self.wrong(asked, error, "Bind every other argument beforehand.") from error
            leaves = jax.tree_util.tree_leaves_with_path(found)
            made = tuple((jax.tree_util.keystr(path), tuple(x.shape), str(x.dtype)) for path, x in leaves)
            odd = [f"{path} ({kind})" for path, _, kind in made if not kind.startswith(("float", "bfloat"))]
            if odd or not made:
                asked = f"parameters that are arrays of floats at width {width}"
                told = "Keep everything that is not trained outside of the parameters."
                raise self.wrong(asked, ", ".join(odd) or "no array", told)
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
            asked = f"apply(params, x) to take x of shape (batch, {inputs}) at width {width}"
            told = "Examples come as flat rows: reshape them inside apply."
            raise self.wrong(asked, error, told) from error
        shape = getattr(found, "shape", None)
        if shape != (2, outputs):
            each = f"one for each {'class' if outputs > 1 else 'target'} of the data"
            got = f"({', '.join(map(str, ('batch', *shape[1:])))})" if shape else type(found).__name__
            asked = f"outputs of shape (batch, {outputs}) at width {width}, {each}"
            raise self.wrong(asked, f"{got} for a batch of 2", "Change the last layer.")
        made = self.make(width)
        block = made.block if isinstance(made, Network) else None
        return Network(f"{self.name} width {width}", init, apply, inputs, outputs, block)

    def check_widths(self, widths: Sequence[int]) -> tuple[int, ...]:
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
        better = sorted(set(given))
        if list(given) != better:
            raise UsageError(f"widths: expected ascending widths, each once, got {list(given)}. Give {better}.")
        sizes, asked = [self.size(width) for width in given], "more parameters at larger widths"
        if len(set(sizes)) == 1:
            got = f"{sizes[0]:,} at each of {', '.join(map(str, given))}: it ignores its width"
            raise self.wrong(asked, got, "Use the argument for the size of its layers.")
        for (a, p), (b, q) in itertools.pairwise(zip(given, sizes, strict=True)):
            if q <= p:
                told = "Leave one of them out, or let the network grow with its width."
                raise self.wrong(asked, f"{p:,} at width {a} and {q:,} at width {b}", told)
        return given

    def importable(self) -> tuple[tuple[str, str, str] | None, str]:
        """Whether a fresh Python can import the function.

        Returns:
            The folder to search, the module and the function's name there, or None; and why not.
        """
        make, cannot = self.make, "worker processes cannot import"
        module, name = str(getattr(make, "__module__", None)), getattr(make, "__qualname__", "")
        if not inspect.isfunction(make) and not inspect.isclass(make):
            return None, f"{cannot} an object; make the family a function in a module of its own"
        if "<" in name:
            return None, f"{cannot} a lambda or a function inside a function; put the family into a module"
        file = getattr(sys.modules.get(module), "__file__", None)
        if module == "__main__" or file is None or not file.endswith(".py"):
            return (
                None,
                f"{cannot} a family from a notebook or from the program itself; import it from a module",
            )
        found: Any = sys.modules[module]
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is not make:
            return None, f"{cannot} the family: {module}.{name} is something else"
        path = Path(file).resolve()
        root = path.parents[module.count(".") + (path.name == "__init__.py")]
        return (str(root), module, name), ""


def _unwrapped(make: Any) -> Any:
    """The function inside of ``functools.partial`` and of decorators."""
    while isinstance(make, functools.partial):
        make = make.func
    return inspect.unwrap(make)
