"""Layer specifications for the NNGP and NTK recursions: immutable, and nothing is computed here.

The NTK parametrisation throughout: a layer computes ``weight_std / sqrt(fan_in) W h + bias_std b`` with all entries of
W and b drawn from N(0, 1), and those are what is trained. ``weight_std = 1``, ``bias_std = 0`` unless said otherwise.

>>> from overparam.theory.kernels import Activate, Conv, Dense, Flatten, output_shape
>>> output_shape((Conv((3, 3)), Activate("relu"), Flatten(), Dense()), (8, 8))
()
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from overparam.core.errors import UsageError
from overparam.theory.activations import Activation
from overparam.theory.inputs import count, nonnegative
from overparam.theory.kernels.duals import dual_of
from overparam.theory.kernels.gaussian_moments import Dual

Padding = Literal["SAME", "VALID", "CIRCULAR"]
PADDINGS: tuple[str, ...] = ("SAME", "VALID", "CIRCULAR")


@dataclass(frozen=True)
class Dense:
    """``weight_std / sqrt(units) W h + bias_std b``; at every position where there are positions.

    Attributes:
        weight_std: factor of the weights.
        bias_std: factor of the biases; 0 is a layer without.
        trained: whether W and b are parameters; False leaves them at their random values.
    """

    weight_std: float = 1.0
    bias_std: float = 0.0
    trained: bool = True

    def __post_init__(self) -> None:
        for name in ("weight_std", "bias_std"):
            object.__setattr__(self, name, nonnegative(getattr(self, name), name))


@dataclass(frozen=True)
class Conv:
    """A convolution, ``weight_std / sqrt(window x channels) sum_taps W_tap h + bias_std b``.

    Attributes:
        window: taps along each spatial axis.
        stride: steps along each; None is 1.
        padding: ``SAME`` (zeros, output size ``ceil(size / stride)``, the odd zero behind), ``VALID`` or
            ``CIRCULAR`` (as ``SAME``, wrapped around).
        weight_std: factor of the weights.
        bias_std: factor of the biases.
    """

    window: tuple[int, ...]
    stride: tuple[int, ...] | None = None
    padding: Padding = "SAME"
    weight_std: float = 1.0
    bias_std: float = 0.0

    def __post_init__(self) -> None:
        for name in ("window", "stride"):
            value = getattr(self, name)
            if value is not None:
                sizes = tuple(count(one, name) for one in (value if isinstance(value, Sequence) else (value,)))
                object.__setattr__(self, name, sizes)
        if self.stride is None:
            object.__setattr__(self, "stride", (1,) * len(self.window))
        if len(self.steps) != len(self.window):
            raise UsageError(
                f"stride: expected {len(self.window)} numbers, one an axis of the window, got {self.stride}."
            )
        if self.padding not in PADDINGS:
            raise UsageError(f"padding: expected one of {', '.join(PADDINGS)}, got {self.padding!r}.")
        for name in ("weight_std", "bias_std"):
            object.__setattr__(self, name, nonnegative(getattr(self, name), name))

    @property
    def steps(self) -> tuple[int, ...]:
        """The stride, one number an axis."""
        return self.stride or ()

    def geometry(self, axis: int, size: int) -> tuple[int, int]:
        """``(output size, first input position of the first window)`` along one axis.

        Raises:
            UsageError: the window is larger than what it slides over.
        """
        window, step = self.window[axis], self.steps[axis]
        if self.padding == "VALID":
            if window > size:
                raise UsageError(
                    f"Conv: expected a window of at most {size} taps with VALID padding, got {window}. "
                    "Use SAME, or a smaller window."
                )
            return (size - window) // step + 1, 0
        out = -(-size // step)
        total = max((out - 1) * step + window - size, 0)
        return out, -(total // 2)


@dataclass(frozen=True)
class Activate:
    """An activation, entry by entry; a layer with weights comes before it.

    Attributes:
        function: a name or an activation of :mod:`overparam.theory.activations`, or a
            :class:`~overparam.theory.kernels.gaussian_moments.Dual`.
    """

    function: str | Activation | Dual

    def __post_init__(self) -> None:
        dual_of(self.function)

    @property
    def dual(self) -> Dual:
        """Its dual activation."""
        return dual_of(self.function)


@dataclass(frozen=True)
class LayerNorm:
    """Each position's units minus their mean, over the root of their variance + epsilon; behind weights only.

    Attributes:
        epsilon: added to the variance.
    """

    epsilon: float = 1e-12

    def __post_init__(self) -> None:
        nonnegative(self.epsilon, "epsilon")


@dataclass(frozen=True)
class Flatten:
    """All positions become units of one vector."""


@dataclass(frozen=True)
class AveragePool:
    """The mean over all positions (global average pooling). Costs all pairs of positions, not one a position."""


@dataclass(frozen=True)
class Residual:
    """The sum of two paths from one input, such as a block and its shortcut.

    Attributes:
        branch: layers of the first path.
        shortcut: layers of the second; none is the input itself.
    """

    branch: tuple[Layer, ...]
    shortcut: tuple[Layer, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "branch", tuple(self.branch))
        object.__setattr__(self, "shortcut", tuple(self.shortcut))


Layer: TypeAlias = Dense | Conv | Activate | LayerNorm | Flatten | AveragePool | Residual


@dataclass(frozen=True)
class _Seen:
    space: tuple[int, ...]
    gaussian: bool


def output_shape(layers: Sequence[Layer], space: Sequence[int]) -> tuple[int, ...]:
    """Positions that are left behind the layers; ``()`` is a vector of units. Checks that the kernel exists.

    Args:
        layers: the network.
        space: spatial axes of the inputs, ``()`` for vectors.

    Returns:
        Sizes of the spatial axes of the output.

    Raises:
        UsageError: no layers; an activation, norm or sum that does not follow weights, so that its inputs are not
            Gaussian; windows that do not fit the positions; pooling inside a sum.

    References:
        A condition of every recursion of this kind: Lee et al. 2018, section 2.

    >>> output_shape((Conv((3, 3), (2, 2)), Activate("erf"), Conv((3, 3), padding="VALID")), (9, 9))
    (3, 3)
    """
    if not isinstance(layers, Sequence | None):
        raise UsageError(
            f"layers: expected layers of overparam.theory.kernels, got {type(layers).__name__}. For a dense network in "
            "NTK parametrisation they are dense_network(network.form)."
        )
    if not layers:
        raise UsageError("layers: expected at least one, got none. Begin with Dense() or Conv(...).")
    return _walk(tuple(layers), _Seen(tuple(space), False), inside=False).space


def _walk(layers: tuple[Layer, ...], seen: _Seen, inside: bool) -> _Seen:
    for layer in layers:
        seen = _next(layer, seen, inside)
    return seen


def _next(layer: Layer, seen: _Seen, inside: bool) -> _Seen:
    match layer:
        case Dense():
            return _Seen(seen.space, True)
        case Conv():
            if len(layer.window) != len(seen.space):
                raise UsageError(
                    f"Conv: expected {len(layer.window)} spatial axes for the window {layer.window}, "
                    f"got {len(seen.space)}. Inputs have shape (examples, *space, channels)."
                )
            sizes = (layer.geometry(axis, size)[0] for axis, size in enumerate(seen.space))
            return _Seen(tuple(sizes), True)
        case Activate():
            if not seen.gaussian:
                raise UsageError(
                    f"Activate({layer.dual.name!r}): expected Dense or Conv before it, because its inputs must be "
                    "Gaussian. Put one there."
                )
            return _Seen(seen.space, False)
        case LayerNorm():
            if not seen.gaussian:
                raise UsageError(
                    "LayerNorm: expected Dense or Conv before it, because the mean over units must vanish. "
                    "Put it before the activation."
                )
            return seen
        case Flatten() | AveragePool():
            name = type(layer).__name__
            if inside:
                raise UsageError(f"{name}: expected outside of a Residual. Put it behind the sum.")
            if not seen.space:
                raise UsageError(f"{name}: expected spatial axes, got vectors. Leave it out.")
            return _Seen((), False)
        case Residual():
            first, second = _walk(layer.branch, seen, True), _walk(layer.shortcut, seen, True)
            if first.space != second.space:
                raise UsageError(
                    f"Residual: expected two paths that end at the same positions, got {first.space} and "
                    f"{second.space}. Give the shortcut the same strides, such as Conv((1, 1), stride)."
                )
            if not (_ends_in_weights(layer.branch) or _ends_in_weights(layer.shortcut)):
                raise UsageError(
                    "Residual: expected a path that ends with Dense or Conv of its own, so that the two are "
                    "uncorrelated. Put one at the end of the branch."
                )
            return _Seen(first.space, first.gaussian and second.gaussian)
    raise UsageError(f"layers: expected layers of overparam.theory.kernels, got {type(layer).__name__}.")


def _ends_in_weights(path: tuple[Layer, ...]) -> bool:
    if not path:
        return False
    last = path[-1]
    if isinstance(last, Residual):
        ends = [_ends_in_weights(one) for one in (last.branch, last.shortcut)]
        return all(ends) or (any(ends) and _ends_in_weights(path[:-1]))
    if isinstance(last, LayerNorm):
        return _ends_in_weights(path[:-1])
    return isinstance(last, Dense | Conv)


def pools(layers: Sequence[Layer]) -> bool:
    """Whether the network averages over positions, which asks for all pairs of them.

    >>> pools((Dense(),))
    False
    """
    return any(isinstance(layer, AveragePool) for layer in layers)


def flat(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """All layers, those inside sums too.

    >>> len(flat((Dense(), Residual((Dense(), Activate("relu"), Dense())))))
    4
    """
    found: list[Layer] = []
    for layer in layers:
        found += flat((*layer.branch, *layer.shortcut)) if isinstance(layer, Residual) else [layer]
    return tuple(found)


def volume(space: Sequence[int]) -> int:
    """Number of positions.

    >>> volume((8, 8)), volume(())
    (64, 1)
    """
    return math.prod(space)
