"""A family: a function from a width to a network, checked, and a name for what it is."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import inspect
import itertools
import math
import operator
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from overparam.core.code import work_of
from overparam.core.errors import DataError, OverparamError, UsageError
from overparam.models.check import check_network, layout
from overparam.models.network import Network
from overparam.models.passes import check_rows, ours, told
from overparam.models.state import split
from overparam.own.packaged import Packaged

Make = Callable[..., Any]
Shapes = tuple[tuple[str, tuple[int, ...], str], ...]
_ASKED = (
    "a Network, an object with init(key) -> params and apply(params, x) -> outputs, or the pair of these, with the names of "
    "its state behind them if it has one,"
)


@dataclass(frozen=True)
class Family:
    """A function from a width to a network.

    Attributes:
        make: the person's function, or a family of the package.
        version: their own mark of what the source does not show.
        arguments: keyword arguments that the function is called with besides the width.
    """

    make: Make
    version: str = ""
    arguments: tuple[tuple[str, Any], ...] = ()

    @property
    def name(self) -> str:
        """Name of the function, or ``family`` where it has none."""
        if isinstance(self.make, Packaged):
            return self.make.name
        name = getattr(_unwrapped(self.make), "__name__", type(self.make).__name__)
        return "family" if name == "<lambda>" else name

    @property
    def tag(self) -> str:
        """Name of the function and eight hexadecimal digits of its code, what that depends on, and version."""
        known = ("package", self.name) if isinstance(self.make, Packaged) else work_of(self.make)
        text = repr((known, self.version))
        return f"{self.name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"

    def at(self, **arguments: Any) -> Family:
        """The same family called with keyword arguments."""
        key = tuple(sorted(arguments.items()))
        return self._at.setdefault(key, dataclasses.replace(self, arguments=key)) if key else self

    @functools.cached_property
    def _at(self) -> dict[tuple[tuple[str, Any], ...], Family]:
        return {}

    @property
    def keywords(self) -> dict[str, Any]:
        """Arguments of the function besides the width that have a number or a text as default, by name."""
        if isinstance(self.make, Packaged):
            return _plain(self.make.keywords)
        try:
            given = list(inspect.signature(self.make).parameters.values())[1:]
        except (TypeError, ValueError):
            return {}
        return _plain(
            {
                one.name: one.default
                for one in given
                if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
            }
        )

    def wrong(self, expected: str, got: Any, advice: str = "") -> UsageError:
        """An error about the function; an exception is told by its first line."""
        if isinstance(got, Exception):
            got = told(got)
        return UsageError(f"family '{self.name}': expected {expected}, got {got}.{advice and f' {advice}'}")

    def bare(self, width: int, inputs: int = 1, outputs: int = 1) -> Network:
        """The network at a width, its ``init`` not yet called; its state is what the person declared.

        Args:
            width: the width.
            inputs: features of an example.
            outputs: outputs.

        Raises:
            UsageError: the function raised, or returned something else than a network.
        """
        try:
            made = self.make(width, **dict(self.arguments))
        except Exception as error:
            if isinstance(self.make, Packaged) and isinstance(error, OverparamError):
                raise
            told = "Call it with this width by itself to see where."
            raise self.wrong(f"a network for width {width}", error, told) from error
        parts = made if isinstance(made, tuple) and len(made) in (2, 3) and all(map(callable, made[:2])) else ()
        init, apply, state = (
            (*parts, ())[:3] if parts else (getattr(made, name, None) for name in ("init", "apply", "state"))
        )
        if not (callable(init) and callable(apply)):
            raise self.wrong(f"{_ASKED} at width {width}", type(made).__name__)
        name = ", ".join([f"{self.name} width {width}", *(f"{key} {value}" for key, value in self.arguments)])
        if isinstance(made, Network):
            return dataclasses.replace(made, name=name, inputs=inputs, outputs=outputs, form=None)
        return Network(name, init, apply, inputs, outputs, state=() if state is None else state)

    @functools.cached_property
    def _shapes(self) -> dict[int, Shapes]:
        return {}

    def shapes(self, width: int) -> Shapes:
        """Path, shape and type of every array of the trained parameters at a width; nothing is computed.

        Raises:
            UsageError: ``init`` cannot be called with a key alone, or gives something that cannot be trained.
        """
        if width not in self._shapes:
            network = self.bare(width)
            with self._own_errors():
                trained, _ = split(network.state, layout(network))
            self._shapes[width] = _described(trained)
        return self._shapes[width]

    def held(self, width: int) -> tuple[Any, ...]:
        """What the network at a width holds constant: its declaration, then path, shape and type; empty if nothing."""
        network = self.bare(width)
        if not network.state:
            return ()
        with self._own_errors():
            _, rest = split(network.state, layout(network))
        return (network.state, *_described(rest))

    @contextlib.contextmanager
    def _own_errors(self) -> Iterator[None]:
        """Errors about a network, told of the family."""
        try:
            yield
        except (UsageError, DataError) as error:
            told = str(error).partition(": ")
            raise type(error)(f"family '{self.name}': {told[2] if told[0] == 'network' else error}") from error

    def size(self, width: int) -> int:
        """Number of parameters at a width."""
        return sum(math.prod(shape) for _, shape, _ in self.shapes(width))

    def network(self, width: int, inputs: int, outputs: int) -> Network:
        """The network at a width, checked: its outputs by their shape, and at the first width row by row.

        Args:
            width: the width.
            inputs: features of an example; images come as flat rows.
            outputs: outputs asked for.

        Raises:
            UsageError: ``apply`` does not take ``(batch, inputs)`` to ``(batch, outputs)`` in float32, or the outputs of a
                row depend on other rows.
        """
        made = self.bare(width, inputs, outputs)
        init, apply = made.init, made.apply
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
        with self._own_errors():
            check_network(made)
            if not ours(made) and not self._looked:
                check_rows(made, jax.jit(init)(jax.random.key(0)), jnp.ones((1, inputs)))
                self._looked.append(width)
        return made

    @functools.cached_property
    def _looked(self) -> list[int]:
        return []

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
            The folder to search, the module and the function's name there, or None; and why not. Three empty texts for
            a family of the package.
        """
        if isinstance(self.make, Packaged):
            return ("", "", ""), ""
        return importable(self.make, "family")


def importable(make: Any, what: str) -> tuple[tuple[str, str, str] | None, str]:
    """Whether a fresh Python can import a function; as :meth:`Family.importable`, for what is called ``what``."""
    cannot = "worker processes cannot import"
    module, name = str(getattr(make, "__module__", None)), getattr(make, "__qualname__", "")
    if not inspect.isfunction(make) and not inspect.isclass(make):
        return None, f"{cannot} an object; make the {what} a function in a module of its own"
    if "<" in name:
        return None, f"{cannot} a lambda or a function inside a function; put the {what} into a module"
    file = getattr(sys.modules.get(module), "__file__", None)
    if module == "__main__" or file is None or not file.endswith(".py"):
        return (
            None,
            f"{cannot} a {what} from a notebook or from the program itself; import it from a module",
        )
    found: Any = sys.modules[module]
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is not make:
        return None, f"{cannot} the {what}: {module}.{name} is something else"
    return (root_of(module, file), module, name), ""


def root_of(module: str, file: str) -> str:
    """The folder from which a module is imported by its name."""
    path = Path(file).resolve()
    return str(path.parents[module.count(".") + (path.name == "__init__.py")])


def _plain(defaults: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in defaults.items() if type(value) in (int, float, str)}


def _described(tree: Any) -> Shapes:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return tuple((jax.tree_util.keystr(path), tuple(x.shape), str(x.dtype)) for path, x in leaves)


def _unwrapped(make: Any) -> Any:
    """The function inside of ``functools.partial`` and of decorators."""
    while isinstance(make, functools.partial):
        make = make.func
    return inspect.unwrap(make)
