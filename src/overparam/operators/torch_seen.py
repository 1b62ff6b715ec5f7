"""The pass of a module of PyTorch, operation by operation: which arrays enter which products, and the inputs of ReLUs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from overparam.core.errors import UsageError
from overparam.operators.batches import Batch
from overparam.operators.recorder import Gate, Recorder, Seen, axis_of, by_example
from overparam.operators.torch_model import TorchModel
from overparam.operators.unfolding import Unfolding

try:
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
except ModuleNotFoundError:  # an optional extra: this module is of use with it alone
    torch = None
    TorchDispatchMode = object

# what passes its first argument above zero, and gives 0 or a multiple of it below
_RELUS = frozenset({"relu", "leaky_relu", "prelu", "_prelu_kernel", "rrelu_with_noise"})
# products: places of the factors among the arguments
_PRODUCTS = {
    "mm": (0, 1),
    "bmm": (0, 1),
    "addmm": (1, 2),
    "baddbmm": (1, 2),
    "mv": (0, 1),
    "addmv": (1, 2),
    "dot": (0, 1),
}


def see(model: TorchModel) -> Seen:
    """What a pass is made of; cost: one pass over two copies of the first example.

    Args:
        model: of PyTorch.
    """
    recorder = Recorder()
    with model.quiet():
        _pass(model, _copies(next(iter(model.batches())), 2), recorder, keep=False)
    return recorder.seen()


def gates(model: TorchModel) -> Iterator[list[Gate]]:
    """The inputs of every ReLU, batch by batch.

    Args:
        model: of PyTorch.

    Raises:
        UsageError: a part that was scripted or compiled, the inside of which cannot be watched.
    """
    closed = [name for name, one in model.module.named_modules() if isinstance(one, torch.jit.ScriptModule)]
    if closed:
        raise UsageError(
            f"model: expected modules of Python, in which every ReLU can be watched, got a scripted one at '{closed[0]}'. Give "
            "the module it came from."
        )
    with model.quiet():
        first = next(iter(model.batches()))
        shorter, longer = (_pass(model, _copies(first, count), Recorder(), keep=True) for count in (2, 3))
        axes = [
            axis_of(tuple(a.shape), tuple(b.shape))
            for a, b in zip(shorter.values(), longer.values(), strict=True)
        ]
        if not axes:
            return
        for batch in model.batches():
            values = _pass(model, batch, Recorder(), keep=True)
            if list(values) != list(shorter):
                raise UsageError(
                    f"model: expected the same ReLUs in every pass, got {len(shorter)} for two examples and {len(values)} for "
                    f"{batch.count}. A pass that branches on its input has no fixed pattern."
                )
            yield [
                Gate(name, *by_example(model.host(values[name]), axis))
                for name, axis in zip(shorter, axes, strict=True)
            ]


def _copies(batch: Batch, count: int) -> Batch:
    """The first example several times."""
    return batch.mapped(
        lambda leaf: leaf[:1].repeat_interleave(count, 0) if tuple(leaf.shape[:1]) == (batch.count,) else leaf
    )


def _pass(model: TorchModel, batch: Batch, recorder: Recorder, keep: bool) -> dict[str, Any]:
    held = {name: one for name, one in model.held.items() if one.numel()}
    names = {one.untyped_storage().data_ptr(): name for name, one in (*held.items(), *model.trained.items())}
    shapes = {name: tuple(one.shape) for name, one in (*held.items(), *model.trained.items())}
    fresh, model.fresh = model.fresh, False
    kept = {name: one.clone() for name, one in model.held.items()} if fresh else {}
    try:
        with _Watch(recorder, names, shapes, keep) as watch:
            model.batch_outputs(batch)
    finally:
        model.fresh = fresh
        for name, one in kept.items():
            model.held[name].copy_(one)
    return watch.gates


class _Watch(TorchDispatchMode):
    """Tells the recorder what every operation does with the arrays of a model."""

    def __init__(self, recorder: Recorder, names: dict[int, str], shapes: Any, keep: bool) -> None:
        super().__init__()
        self.recorder, self.names, self.shapes, self.keep = recorder, names, shapes, keep
        self.gates: dict[str, Any] = {}
        self.statistics: set[int] = set()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        words = dict(kwargs or {})
        name = function.overloadpacket.__name__
        plain = name.removesuffix("_")
        self.recorder.operations.add(plain)
        if _is_relu(plain, args, words):
            self.gates[self.recorder.gate()] = args[0].detach().clone() if self.keep else None
        self._products(plain, args)
        return function(*args, **words)

    def _products(self, name: str, args: Any) -> None:
        if name in _PRODUCTS:
            left, right = (args[i] for i in _PRODUCTS[name])
            named = [(one, side) for one, side in ((left, "left"), (right, "right")) if self._name(one)]
            for one, side in named:
                self.recorder.product(self._name(one), self._of_product(one, side, name))
            if not named:
                self.recorder.product(None, None)
            if name.startswith("add"):
                self._sum(args[0])
        elif name == "convolution":
            weight, turned, groups = args[1], args[6], args[8]
            out, inputs = (1, 0) if turned else (0, 1)
            taps = tuple(range(2, weight.dim()))
            how = Unfolding((out,), (inputs, *taps), (), groups, "columns" if turned else "rows", "convolution")
            known = self._name(weight)
            whole = known is not None and self.shapes[known] == tuple(weight.shape)
            self.recorder.product(known, how if whole else None)
            self._sum(args[2])
        elif name == "embedding" and self._name(args[0]) and args[0].dim() == 2:
            self.recorder.table(self._name(args[0]))  # type: ignore[arg-type]
        elif name in ("add", "sub"):
            for one in args[:2]:
                self._sum(one)
        elif name in ("lstm", "gru", "rnn_tanh", "rnn_relu", "mkldnn_rnn_layer"):
            self.recorder.product(None, None)

    def _sum(self, one: Any) -> None:
        name = self._name(one)
        if name is not None:
            self.recorder.sum(name)

    def _name(self, one: Any) -> str | None:
        """The array of the model that a tensor is a view of."""
        if not isinstance(one, torch.Tensor) or not one.numel():
            return None
        return self.names.get(one.untyped_storage().data_ptr())

    def _of_product(self, one: Any, side: str, name: str) -> Unfolding | None:
        """The unfolding of a view that is a factor of a product, from its strides."""
        known = self._name(one)
        assert known is not None
        axes = _axes_of(one, self.shapes[known])
        if axes is None:
            return None
        if one.dim() == 3:
            blocks, first, second = axes
        elif one.dim() == 2:
            blocks, (first, second) = (), axes
        else:
            blocks, (first,), second = (), axes, ()
        rows, columns = (first, second) if side == "left" else (second, first)
        return Unfolding(rows, columns, blocks, kind="dense" if len(self.shapes[known]) == 2 else "unfolded")


def _axes_of(one: Any, shape: tuple[int, ...]) -> list[tuple[int, ...]] | None:
    """For every axis of a view the axes of the whole, contiguous array that it runs over; None for a part of it."""
    if one.numel() != int(np.prod(shape)):
        if not (one.dim() == 3 and one.stride(0) == 0 and one[0].numel() == int(np.prod(shape))):
            return None
        inner = _axes_of(one[0], shape)
        return None if inner is None else [(), *inner]
    steps = [int(np.prod(shape[i + 1 :])) for i in range(len(shape))]
    found: list[tuple[int, ...]] = []
    for size, step in zip(one.shape, one.stride(), strict=True):
        taken: tuple[int, ...] = ()
        have, last = 1, step
        while have < size:
            nexts = [i for i, at in enumerate(steps) if at == last and shape[i] > 1 and i not in taken]
            if not nexts:
                return None
            taken = (nexts[0], *taken)
            have *= shape[nexts[0]]
            last = step * have
        if have != size:
            return None
        found.append(taken)
    ones = tuple(i for i, size in enumerate(shape) if size == 1)
    if found and ones:
        found[-1] = (*found[-1], *ones)
    return found


def _is_relu(name: str, args: Any, words: dict[str, Any]) -> bool:
    def given(place: int, word: str) -> Any:
        return args[place] if len(args) > place else words.get(word)

    if not args or not isinstance(args[0], torch.Tensor) or not args[0].is_floating_point():
        return False
    if name in _RELUS:
        return True
    if name == "threshold":
        return bool(given(1, "threshold") == 0 and given(2, "value") == 0)
    if name == "hardtanh":
        return bool(given(1, "min_val") == 0)
    if name in ("clamp", "clamp_min"):
        return bool(given(1, "min") == 0)
    if name in ("maximum",):
        return any(isinstance(one, torch.Tensor) and not one.any() for one in args[1:2])
    return False
