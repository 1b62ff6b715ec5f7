"""A network: a pair of pure functions ``init(key) -> params`` and ``apply(params, x) -> outputs``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jax import Array
from jaxtyping import Float, PRNGKeyArray

from overparam.core.checked import real, shown
from overparam.core.errors import UsageError
from overparam.models.form import DenseForm

MOST = 2_000_000_000  # inputs, units or outputs
PyTree = Any
AnyArray = Array | np.ndarray  # NumPy arrays may be given to everything that is not compiled by itself
Inputs = Float[AnyArray, "batch features"]
Outputs = Float[AnyArray, "batch classes"]
Columns = Float[AnyArray, "features batch"]
Init = Callable[[PRNGKeyArray], PyTree]
Apply = Callable[[PyTree, Inputs], Outputs]
TrainingPass = Callable[[PyTree, Inputs, PRNGKeyArray], Outputs]
Moments = Callable[[PyTree, Inputs], PyTree]


@dataclass(frozen=True)
class Network:
    """Two pure functions and their sizes; everything in the package works on such a pair.

    Attributes:
        name: what a person reads, for instance ``mlp 40-16-16-10 relu``.
        init: ``init(key) -> params``; a pytree of float32 arrays, by convention a dict of named layers, each a
            dict of arrays. A dense layer's ``weight`` has shape ``(outputs, inputs)``, a convolution's
            ``(outputs, inputs, taps, ...)``. What ``state`` names may hold arrays of any other kind.
        apply: ``apply(params, x) -> outputs``, from ``(batch, inputs)`` to ``(batch, outputs)``; a function of the
            network as it is evaluated, in which the output of a row depends on that row alone.
        inputs: number of features of an example.
        outputs: number of outputs (classes, or 1 for a scalar function).
        block: on a CPU, how many examples training and evaluation send through at a time, one member after
            another; None sends a whole minibatch of all members. Results differ by rounding only. Worth setting
            where the intermediate values of a minibatch are far larger than the cache, as in a convolution.
        form: for dense layers, what exactly is computed; None where nothing is known but the functions. Theorems
            that need the structure (certificates, infinite widths) read it.
        state: which parts of ``params`` are held constant (running statistics, masks, counters, keys), as patterns
            of their paths: ``("batch_stats",)``; see :mod:`overparam.models.state`. They reach ``apply`` as
            ``init`` gave them, each member of a stack has its own, and they enter no optimizer, gradient, count,
            norm, kernel or certificate.
        training: ``training(params, x, key) -> outputs``, the pass whose loss training descends, where it is another
            than ``apply``: a batch normalises itself, dropout is drawn from the key. None: ``apply``. Kernels, Jacobians
            and probes are those of ``apply``, with the statistics that the parameters hold.
        moments: ``moments(params, x)``: mean and mean square of what every normalisation meets when ``x`` normalises
            itself, as ``{layer: {"mean": ..., "square": ...}}``; the statistics that ``apply`` reads, under
            ``params["statistics"]``, are found from it (:func:`overparam.training.refresh`). None: there are none.

    Raises:
        UsageError: a declaration that is not a tuple of patterns.
    """

    name: str
    init: Init
    apply: Apply
    inputs: int
    outputs: int
    block: int | None = None
    form: DenseForm | None = None
    state: tuple[str, ...] = ()
    training: TrainingPass | None = None
    moments: Moments | None = None

    def __post_init__(self) -> None:
        """Take one pattern for a tuple of one."""
        given = (self.state,) if isinstance(self.state, str) else self.state
        if not isinstance(given, tuple | list) or not all(
            isinstance(one, str) and one.strip("!") for one in given
        ):
            raise UsageError(
                f"state: expected names of what is held constant, such as ('batch_stats',), got {self.state!r}."
            )
        object.__setattr__(self, "state", tuple(given))


def check_size(what: str, value: int) -> int:
    """Return a size of at least 1, or raise.

    Args:
        what: name of the argument, for the message.
        value: the size asked for.

    Returns:
        The size as an int.

    Raises:
        UsageError: the value is not a whole number from 1 to two thousand million, which is more than any layer holds.
    """
    number = real(value)
    whole = int(number) if number == np.floor(number) and 1 <= number <= MOST else 0
    if not whole:
        bound = f"at most {MOST:,}" if number > MOST else "at least 1"
        raise UsageError(
            f"{what}: expected a whole number of {bound}, got {shown(value)}. Give a positive size."
        )
    return whole


def check_sizes(
    what: str, values: Any, expected: str = "a sequence of whole numbers, such as (16, 16)"
) -> tuple[int, ...]:
    """Return sizes of at least 1, one a layer or axis, or raise.

    Args:
        what: name of the argument, for the message.
        values: the sizes asked for.
        expected: what they are, for the message.

    Raises:
        UsageError: no sequence, or something in it that is no size.

    >>> check_sizes("widths", [16, 8])
    (16, 8)
    """
    listed = isinstance(values, Sequence) and not isinstance(values, str | bytes | bytearray)
    if not (listed or (isinstance(values, np.ndarray) and values.ndim == 1)):
        raise UsageError(f"{what}: expected {expected}, got {shown(values)}.")
    return tuple(check_size(what, value) for value in values)


def in_proportion(published: int, width: int, base: int) -> int:
    """A published size scaled by ``width / base``, rounded, halves up, and at least 1.

    >>> in_proportion(48, 96, 96), in_proportion(48, 3, 96), in_proportion(48, 1, 96)
    (48, 2, 1)
    """
    return max(1, (2 * published * width + base) // (2 * base))


def check_flag(what: str, value: Any) -> bool:
    """Return True or False, or raise.

    Raises:
        UsageError: it is neither, as text that spells one.
    """
    if not isinstance(value, bool | np.bool_):
        raise UsageError(f"{what}: expected True or False, got {shown(value)}.")
    return bool(value)


def check_name(what: str, value: Any) -> str:
    """Return a name, or raise.

    Raises:
        UsageError: it is no text, or empty.
    """
    if not isinstance(value, str) or not value:
        raise UsageError(f"{what}: expected a name, got {shown(value)}.")
    return value


def check_gain(value: Any) -> float:
    """Return a factor of scales, or raise.

    Raises:
        UsageError: it is not positive and of a size that float32 has.
    """
    number = real(value)
    if not 1e-30 <= number <= 1e30:
        raise UsageError(f"gain: expected a positive number from 1e-30 to 1e30, got {shown(value)}.")
    return number
