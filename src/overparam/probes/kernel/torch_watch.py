"""A pass of a module of PyTorch watched: where its parameters enter, and in which operations.

Every function of PyTorch that the pass calls is seen, whichever module calls it, so a weight that is also used outside of
its module, shared by two, or handed to a function such as multi-head attention is found. Nothing of the module is changed.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from overparam.probes.kernel.torch_sites import Meeting, met

try:
    import torch
    from torch.overrides import TorchFunctionMode
except ModuleNotFoundError:  # an optional extra: this module is of use with it alone
    torch = None
    TorchFunctionMode = object

CONSTANT, PARAMETER, INPUT = 0, 1, 2
WHOLE = ("t", "transpose", "permute", "view", "reshape", "flatten", "unflatten", "contiguous", "squeeze", "unsqueeze",
         "__get__", "swapaxes", "swapdims", "movedim", "view_as", "reshape_as")  # fmt: skip
PARTS = (
    "chunk",
    "split",
    "narrow",
    "__getitem__",
    "unbind",
    "select",
    "expand",
    "tensor_split",
    "expand_as",
    "flip",
)
SCALED = ("mul", "__mul__", "__rmul__", "div", "__truediv__", "neg", "__neg__")


@dataclass(frozen=True, eq=False)
class Tag:
    """What is known of a tensor.

    Attributes:
        kind: ``CONSTANT``, ``PARAMETER`` (of parameters and constants alone) or ``INPUT``.
        names: of the parameters that a ``PARAMETER`` depends on.
        pick: picks its entries from those of its one parameter, where nothing else happened to them; None otherwise.
        whole: whether these are all of them, each once.
        scale: what the entries were multiplied with.
    """

    kind: int
    names: frozenset[str] = frozenset()
    pick: Callable[[Any], Any] | None = None
    whole: bool = False
    scale: float = 1.0


@dataclass(frozen=True, eq=False)
class Site:
    """Where a parameter, or what was made of parameters alone, meets inputs.

    Attributes:
        number: in the order of the pass.
        leaf: the tensor that enters.
        tag: of it.
        meeting: what happens there; None for an operation that is not known.
    """

    number: int
    leaf: Any
    tag: Tag
    meeting: Meeting | None


class Watch(TorchFunctionMode):
    """Sees every function that is called while it is entered.

    Attributes:
        sites: in the order of the pass.
    """

    def __init__(self, trained: dict[str, Any], held: dict[str, Any]) -> None:
        super().__init__()
        self.sites: list[Site] = []
        self._tags: dict[int, Tag] = {}
        self._alive: list[Any] = []  # so that no other tensor gets the same id
        for name, one in trained.items():
            self._mark(one, Tag(PARAMETER, frozenset({name}), lambda array: array, True))
        for one in held.values():
            self._mark(one, Tag(CONSTANT))

    def result(self, outputs: Any) -> Tag:
        """What is known of the outputs of the pass."""
        return self._tag(outputs)

    def __torch_function__(self, function: Any, kinds: Any, args: Any = (), kwargs: Any = None) -> Any:
        """See a call."""
        named = kwargs or {}
        tensors = _tensors([args, named])
        tags = [self._tag(one) for one in tensors]
        enters = [tag.kind == PARAMETER for tag in tags]
        depends = any(tag.kind == INPUT for tag in tags)
        if any(enters) and depends:
            return self._meeting(function, args, named, tensors, tags)
        found = function(*args, **named)
        for at, one in enumerate(_tensors([found])):
            if any(enters):
                self._mark(one, self._derived(function, args, named, tags, one, at))
            elif id(one) not in self._tags or depends:
                self._mark(one, Tag(INPUT if depends else CONSTANT))
        return found

    def _meeting(self, function: Any, args: Any, named: Any, tensors: list[Any], tags: list[Tag]) -> Any:
        meets = [(one, tag) for one, tag in zip(tensors, tags, strict=True) if tag.kind == PARAMETER]
        known = met(function, args, named, {id(one) for one, _ in meets})
        inner = _opened(function) if known is None else None
        if inner is not None:
            with self:
                found = inner(*args, **named)
        else:
            found = function(*args, **named)
            moved = any(one.requires_grad for one in _tensors([found]))
            meetings = known(found) if known is not None and moved and isinstance(found, torch.Tensor) else {}
            for one, tag in meets if moved else ():
                for meeting in meetings.get(id(one), [None]):
                    self.sites.append(Site(len(self.sites), one, tag, meeting))
        for one in _tensors([found]):
            if inner is None or id(one) not in self._tags:
                self._mark(one, Tag(INPUT))
        return found

    def _derived(self, function: Any, args: Any, named: Any, tags: list[Tag], found: Any, at: int) -> Tag:
        """What is known of a tensor made of parameters and constants."""
        if not found.requires_grad:
            return Tag(CONSTANT)
        names = frozenset().union(*(tag.names for tag in tags))
        plain = Tag(PARAMETER, names)
        name = getattr(function, "__name__", "")
        first = tags[0]
        if first.pick is None or not args or not isinstance(args[0], torch.Tensor):
            return plain
        if name in SCALED and len(tags) == 1 and all(isinstance(one, int | float) for one in args[1:]):
            by = -1.0 if "neg" in name else float(args[1]) if len(args) > 1 else 1.0
            return replace(first, scale=first.scale / by if "div" in name else first.scale * by)
        if name not in (*WHOLE, *PARTS) or len(tags) != 1:
            return plain
        parent = first.pick

        def pick(array: Any) -> Any:
            return _tensors([function(parent(array), *args[1:], **named)])[at]

        return replace(first, pick=pick, whole=first.whole and name in WHOLE)

    def _tag(self, tensor: Any) -> Tag:
        return self._tags.get(id(tensor), Tag(INPUT))

    def _mark(self, tensor: Any, tag: Tag) -> None:
        self._tags[id(tensor)] = tag
        self._alive.append(tensor)


def _tensors(nest: Any) -> list[Any]:
    """All tensors of a nest of arguments, in order."""
    if isinstance(nest, torch.Tensor):
        return [nest]
    if isinstance(nest, dict):
        return [found for one in nest.values() for found in _tensors(one)]
    if isinstance(nest, tuple | list):
        return [found for one in nest for found in _tensors(one)]
    return []


_OPENED: dict[Any, Any] = {}


def _opened(function: Any) -> Any:
    """A function of PyTorch that is written in Python, such that the functions that it calls are seen; None for others.

    Such functions hand themselves to whoever watches, and would not be seen into: this copy does not.
    """
    if not isinstance(function, types.FunctionType) or not function.__module__.startswith("torch."):
        return None
    if function not in _OPENED:
        words = {one: _never for one in function.__globals__ if one.startswith("has_torch_function")}
        copy = types.FunctionType(
            function.__code__,
            {**function.__globals__, **words},
            function.__name__,
            function.__defaults__,
            function.__closure__,
        )
        copy.__kwdefaults__ = function.__kwdefaults__
        _OPENED[function] = copy if words else None
    return _OPENED[function]


def _never(*_: Any) -> bool:
    return False
