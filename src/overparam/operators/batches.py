"""What is measured on: arrays, a data set or a loader, read as batches of inputs and targets with their counts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from overparam.core.checked import count, shown
from overparam.core.errors import DataError, UsageError
from overparam.operators.telling import told_of

TARGETS = ("y", "target", "targets", "label", "labels")
BATCH = 256


@dataclass(frozen=True, eq=False)
class Batch:
    """Some examples.

    Attributes:
        args: what the model is called with, each with the examples along its first axis.
        named: the same by keyword.
        targets: what the loss compares with; None where there are none.
        count: number of examples.
    """

    args: tuple[Any, ...]
    named: Mapping[str, Any] = field(default_factory=dict)
    targets: Any = None
    count: int = 0

    def mapped(self, change: Callable[[Any], Any]) -> Batch:
        """The same examples with every array changed."""
        return replace(
            self,
            args=tuple(walk(one, change) for one in self.args),
            named={name: walk(one, change) for name, one in self.named.items()},
            targets=None if self.targets is None else walk(self.targets, change),
        )

    def rows(self, start: int, stop: int) -> Batch:
        """Some of the examples."""
        part = self.mapped(lambda leaf: leaf[start:stop] if _length(leaf) == self.count else leaf)
        return replace(part, count=min(stop, self.count) - start)

    def leaves(self) -> list[Any]:
        """Every array of the inputs, then of the targets."""
        found: list[Any] = []

        def take(leaf: Any) -> Any:
            found.append(leaf)
            return leaf

        self.mapped(take)
        return found


@dataclass(frozen=True, eq=False)
class Batches:
    """Examples that can be gone through again and again, in batches.

    Attributes:
        given: the arrays or the loader.
        once: makes one pass over it.
        loader: whether somebody else makes the batches.
    """

    given: Any
    once: Callable[[], Iterator[Batch]]
    loader: bool

    def __iter__(self) -> Iterator[Batch]:
        return self.once()


def batches_of(data: Any, batch: int | None = None, targets: str | None = None, name: str = "data") -> Batches:
    """Batches of what a person gave.

    Args:
        data: ``(inputs, targets)`` as two arrays with the examples along the first axis; inputs alone; an object with ``x`` and
            ``y``, such as a :class:`~overparam.data.Dataset`; or a loader: anything that can be gone through again
            and yields such pairs, or mappings in which the targets have one of the usual names.
        batch: examples a batch, for arrays alone; 256 by default.
        targets: the key of the targets in mappings, where it is another one.
        name: of the argument, for messages.

    Raises:
        UsageError: something else.
        DataError: no examples, or inputs and targets of different lengths.
    """
    pair = _pair(data, targets, name)
    if pair is not None:
        size = BATCH if batch is None else count(batch, "batch")
        whole = _batch(pair, targets, name)
        return Batches(data, lambda: (whole.rows(at, at + size) for at in range(0, whole.count, size)), False)
    if batch is not None:
        raise UsageError(
            "batch: expected None for a loader, which makes its own batches. Give it to the loader."
        )
    if isinstance(data, str | bytes) or not hasattr(data, "__iter__"):
        raise UsageError(
            f"{name}: expected (inputs, targets) as two arrays, or a loader of such batches, got {type(data).__name__}. A data "
            "set goes into a loader."
        )
    if isinstance(data, tuple | list) and len(data) == 2 and any(_is_list(one) for one in data):
        raise UsageError(
            f"{name}: expected (inputs, targets) as two arrays, got {' and '.join(type(one).__name__ for one in data)}. Give "
            "arrays: numpy.asarray(...) or torch.tensor(...)."
        )
    odd = next((one for one in (data if isinstance(data, tuple) else (data,)) if _is_table(one)), None)
    if odd is not None:
        raise UsageError(
            f"{name}: expected (inputs, targets) as two arrays, got a table, {type(odd).__name__}. Give its numbers: "
            "table.to_numpy()."
        )
    if hasattr(data, "__next__"):
        raise UsageError(
            f"{name}: expected a loader that can be gone through again and again, got {type(data).__name__}, which gives "
            "its batches once. Give list(...) of it, or an object whose __iter__ starts anew."
        )

    def once() -> Iterator[Batch]:
        found = 0
        for at, one in _each(data, name):
            made = _batch(one, targets, f"{name}: batch {at}")
            found += made.count
            yield made
        if not found:
            raise DataError(f"{name}: expected at least one example, got a loader that yields none.")

    return Batches(data, once, True)


def _each(data: Any, name: str) -> Iterator[tuple[int, Any]]:
    """Batches of a loader with their places; what goes wrong inside it is told."""
    at, batches = 0, None
    while True:
        with told_of(f"{name}: expected batch {at} of {type(data).__name__}"):
            batches = iter(data) if batches is None else batches
            try:
                one = next(batches)
            except StopIteration:
                return
        yield at, one
        at += 1


def walk(tree: Any, change: Callable[[Any], Any]) -> Any:
    """A nest of tuples, lists and mappings with its leaves changed."""
    if isinstance(tree, Mapping):
        return {name: walk(one, change) for name, one in tree.items()}
    if isinstance(tree, tuple | list):
        return type(tree)(walk(one, change) for one in tree) if type(tree) in (tuple, list) else tuple(
            walk(one, change) for one in tree
        )  # fmt: skip
    return change(tree)


def row_marks(batch: Batch, host: Callable[[Any], np.ndarray]) -> list[str]:
    """A mark of the content of each example.

    Args:
        batch: the examples.
        host: an array of any kind as one of NumPy.
    """
    marks = [hashlib.blake2b(digest_size=12) for _ in range(batch.count)]
    for leaf in batch.leaves():
        if _length(leaf) == batch.count:
            for mark, row in zip(marks, np.ascontiguousarray(host(leaf)), strict=True):
                mark.update(np.asarray(row).tobytes())
    return [mark.hexdigest() for mark in marks]


def check_same(first: list[list[str]], second: list[list[str]], given: Any, name: str = "data") -> None:
    """Raise unless two passes over a loader gave the same batches.

    Args:
        first: the marks of the examples of each batch of the first pass.
        second: those of the second.
        given: the loader, for the message.
        name: of the argument, for the message.

    Raises:
        UsageError: they differ; the text says in what.
    """
    if first == second:
        return
    one, other = ([mark for batch in marks for mark in batch] for marks in (first, second))
    what = f"{name}: expected the same batches in every pass over {type(given).__name__}, got "
    if sorted(one) == sorted(other):
        raise UsageError(
            f"{what}the same {len(one):,} examples in another order: the loader shuffles. Give one that does not, "
            "DataLoader(..., shuffle=False)."
        )
    if len(one) == len(other) and not set(one) & set(other):
        raise UsageError(
            f"{what}{len(one):,} examples with other numbers: the loader augments at random. Give one without random transforms."
        )
    raise UsageError(
        f"{what}{len(one):,} examples and then {len(other):,}, not all the same: the loader draws them anew, "
        "augments some, or shuffles and drops the last batch. Give one with shuffle=False and drop_last=False."
    )


def _pair(data: Any, targets: str | None, name: str) -> Any:
    """What a person gave as one batch of everything; None for a loader."""
    if isinstance(data, tuple | list) and len(data) == 2 and all(_is_array(one) or one is None for one in data):
        return tuple(data)
    if _is_array(data):
        return (data, None)
    if isinstance(data, Mapping):
        return data
    if all(hasattr(data, part) for part in ("x", "y", "x_test", "y_test")):
        return (data.x, data.y)
    if isinstance(data, tuple | list) and not len(data):
        raise DataError(f"{name}: expected at least one example, got {shown(data)}.")
    return None


def _batch(given: Any, targets: str | None, name: str) -> Batch:
    if isinstance(given, Mapping):
        made = _of_mapping(given, targets, name)
    elif isinstance(given, tuple | list) and len(given) == 2:
        inputs = given[0]
        made = Batch(tuple(inputs) if isinstance(inputs, tuple) else (inputs,), {}, given[1])
    elif _is_array(given):
        made = Batch((given,))
    else:
        got = f"{len(given)} parts" if isinstance(given, tuple | list) else type(given).__name__
        raise UsageError(
            f"{name}: expected (inputs, targets) or a mapping, got {got}. Several inputs go into one tuple: "
            "((first, second), targets)."
        )
    leaves = made.leaves()
    odd = next((one for one in leaves if not _is_array(one)), None)
    if odd is not None or not leaves:
        raise UsageError(f"{name}: expected arrays, got {type(odd).__name__ if leaves else 'none'}.")
    odd = next(
        (
            one
            for one in leaves
            if str(getattr(one, "layout", "torch.strided")) != "torch.strided" or _nested(one)
        ),
        None,
    )
    if odd is not None:
        raise UsageError(
            f"{name}: expected dense arrays, got a {'nested' if _nested(odd) else 'sparse'} one. Give x.to_dense(), or "
            "x.to_padded_tensor(0.0)."
        )
    lengths = [_length(one) for one in leaves]
    size = _length(leaves[-1] if made.targets is not None else leaves[0])
    if size == 0:
        raise DataError(f"{name}: expected at least one example, got none.")
    if size is None or lengths[0] != size:
        raise DataError(
            f"{name}: expected inputs and targets with the examples along the first axis, got {lengths[0]} inputs and "
            f"{size} targets."
        )
    if set(lengths) != {size}:
        shape = next(tuple(one.shape) for one in leaves if _length(one) != size)
        raise DataError(
            f"{name}: expected every input with its {size} examples along the first axis, got one of shape {shape}. What is the "
            "same for all examples belongs to the model: lambda x: model(x, mask)."
        )
    return replace(made, count=size)


def _of_mapping(given: Mapping[str, Any], targets: str | None, name: str) -> Batch:
    keys = [str(one) for one in given]
    if targets is not None and targets not in given:
        raise UsageError(f"{name}: expected the targets under '{targets}', got the keys {', '.join(keys)}.")
    ours = [targets] if targets is not None else [one for one in keys if one in TARGETS]
    if len(ours) > 1 or len(ours) == len(keys):
        raise UsageError(
            f"{name}: expected inputs and one of the keys {', '.join(TARGETS)} for the targets, got {', '.join(keys)}. Name it: "
            "targets='...'."
        )
    if not ours:
        raise UsageError(
            f"{name}: expected targets under one of the keys {', '.join(TARGETS)}, got {', '.join(keys) or 'none'}. Name "
            "theirs: targets='...'."
        )
    rest = {name: value for name, value in given.items() if name != ours[0]}
    if len(rest) == 1:
        return Batch((next(iter(rest.values())),), {}, given[ours[0]])
    return Batch((), rest, given[ours[0]])


def _is_array(value: Any) -> bool:
    return _nested(value) or (hasattr(value, "shape") and hasattr(value, "dtype"))


def _is_list(value: Any) -> bool:
    """Whether something is a list of numbers, texts, or lists of them, where an array is meant."""
    while isinstance(value, list | tuple) and len(value):
        value = value[0]
    return isinstance(value, int | float | str)


def _is_table(value: Any) -> bool:
    """Whether something is a table of columns, as pandas and polars have."""
    return hasattr(value, "columns") and hasattr(value, "shape") and not hasattr(value, "dtype")


def _nested(leaf: Any) -> bool:
    return getattr(leaf, "is_nested", False) is True


def _length(leaf: Any) -> int | None:
    return int(leaf.shape[0]) if len(leaf.shape) else None
