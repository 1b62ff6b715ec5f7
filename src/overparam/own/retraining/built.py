"""What ``build(width)`` gives, of any framework: a model with its initial parameters, drawn by a seed."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from overparam.core.checked import count
from overparam.core.errors import OverparamError, UsageError
from overparam.models.network import Network
from overparam.models.passes import told
from overparam.operators.jax_adapt import MODES, framework_of
from overparam.pruning.module_format import Subject, subject_of
from overparam.pruning.module_train import seeded, takes

LARGEST = 2**16  # width up to which the one of a model is looked for
WANTED = (
    "a model: a module of PyTorch, Flax or Equinox, a Network, a pair (init, apply), or (model, params) where the model does "
    "not hold its parameters"
)


@dataclass(frozen=True, eq=False)
class Built:
    """A model at a width with its initial parameters.

    Attributes:
        model: as :func:`overparam.operators.open_model` takes it.
        params: its parameters; None for modules that hold them.
        subject: the same as named arrays.
        made: exactly what ``build`` returned.
    """

    model: Any
    params: Any
    subject: Subject
    made: Any


@dataclass(eq=False)
class Family:
    """A person's function from a width to a model.

    Attributes:
        build: ``build(width)``; of its arguments ``seed`` is given where it has it. The generators of Python, NumPy and
            PyTorch are at the seed while it is called.
        example: a first batch of inputs, ``(args, named)``, from which Flax Linen reads shapes; None where none is needed.
        frozen: patterns of names of parameters that are held.
        call: further arguments by keyword of every call of a model.
    """

    build: Callable[..., Any]
    example: tuple[tuple[Any, ...], Mapping[str, Any]] | None = None
    frozen: Any = ()
    call: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        """Raise unless it is a function.

        Raises:
            UsageError: it is not.
        """
        if not callable(self.build):
            raise UsageError(
                f"build: expected a function from a width to a model, got {type(self.build).__name__}."
            )
        self._sizes: dict[int, int] = {}

    def at(self, width: int, seed: int = 0) -> Built:
        """The model at a width, drawn by a seed.

        Args:
            width: the width.
            seed: of at least 0.

        Raises:
            UsageError: the function fails, or gives something else than a model.
        """
        width = count(width, "width")
        with seeded(seed):
            try:
                made = self.build(width, **({"seed": seed} if takes(self.build, "seed") else {}))
            except OverparamError:
                raise
            except Exception as error:
                raise UsageError(f"build: expected {WANTED} from build({width}), got {told(error)}.") from error
            model, params = self._parts(made, width, seed)
        try:
            subject = subject_of(model, params, frozen=self.frozen, call=self.call)
        except OverparamError as error:
            text = str(error).removeprefix("model: ").removeprefix("params: ")
            raise type(error)(f"build: at width {width}: {text}") from error
        return Built(model, params, subject, made)

    def size(self, width: int) -> int:
        """How many parameters that are trained there are at a width."""
        if width not in self._sizes:
            self._sizes[width] = self.at(width).subject.layout.size
        return self._sizes[width]

    def check_seeds(self, width: int) -> None:
        """Raise unless another seed gives other initial weights.

        Raises:
            UsageError: it does not.
        """
        one, other = (self.at(width, seed).subject for seed in (0, 1))
        if all(np.array_equal(one.arrays[name], other.arrays[name]) for name in one.layout.names):
            raise UsageError(
                f"build: expected other initial weights for another seed, got the same in two calls of build({width}). Take the "
                "seed: build(width, seed)."
            )

    def width_of(self, shapes: Mapping[str, tuple[int, ...]], largest: int = LARGEST) -> int | None:
        """The width at which the family has a model's shapes; None where there is none.

        Args:
            shapes: of the model's parameters, by name.
            largest: up to which it is looked for.
        """
        size = sum(math.prod(shape) for shape in shapes.values())
        low, high = 0, 1
        while self.size(high) < size:
            low, high = high, 2 * high
            if high > largest:
                return None
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.size(middle) < size else (low, middle)
        layout = self.at(high).subject.layout
        return high if sorted(layout.shapes) == sorted(shapes.values()) else None

    def _parts(self, made: Any, width: int, seed: int) -> tuple[Any, Any]:
        """Model and parameters."""
        key = jax.random.key(seed)
        if (
            isinstance(made, tuple | list)
            and len(made) == 2
            and not callable(made[1])
            and framework_of(made[0])
        ):
            return made[0], made[1]
        kind = framework_of(made)
        if not kind:
            got = f"{len(made)} parts" if isinstance(made, tuple | list) else type(made).__name__
            raise UsageError(f"build: expected {WANTED} from build({width}), got {got}.")
        if isinstance(made, Network):
            return made, made.init(key)
        if kind == "function":
            if not isinstance(made, tuple | list):
                raise UsageError(
                    f"build: expected (apply, params) or (init, apply) from build({width}), got a function alone, whose "
                    "parameters nobody knows."
                )
            return made, self._called(made[0], (key,), {}, width)
        if kind == "linen":
            if self.example is None:
                raise UsageError(
                    f"build: expected (module, params) from build({width}), got a Linen module whose shapes nobody knows."
                )
            args, named = self.example
            more = {**named, **_modes(made), **(self.call or {})}
            return made, self._called(made.init, (key, *args), more, width)
        return made, None

    def _called(self, init: Any, args: tuple[Any, ...], named: Mapping[str, Any], width: int) -> Any:
        try:
            return init(*args, **named)
        except Exception as error:
            raise UsageError(
                f"build: expected a model whose init gives its parameters at width {width}, got {told(error)}."
            ) from error


def _modes(module: Any) -> dict[str, Any]:
    """Arguments of a call that say that it is one of evaluation."""
    known = inspect.signature(type(module).__call__).parameters
    return {name: value for name, value in MODES.items() if name in known}
