"""The mask: which weights of a network are kept, as arrays of 0 and 1 beside its parameters."""

from __future__ import annotations

import json
import os
import types
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, final

import jax
import numpy as np
import safetensors.numpy

from overparam.core import disk
from overparam.core.atomic import write_bytes
from overparam.core.checked import shown
from overparam.core.errors import DataError, UsageError
from overparam.models.check import check_network
from overparam.models.network import Network, PyTree
from overparam.models.state import leaves
from overparam.pruning.arrays import nested, picked, placed, prunable, trained_arrays
from overparam.pruning.draws import chosen, generator
from overparam.pruning.module_format import pruned_copy
from overparam.pruning.share import densities_of, density_of, kept_of

_HOLDS, _MASK = "holds", "mask"  # what the file of a mask says of itself


@final
class Mask:
    """Which weights of a network are kept: arrays of 0 and 1 by the paths of its parameters.

    What a mask does not hold, by default biases, normalisations and all that is not trained, is never pruned. A mask does
    not change. It is a pytree, and ``Member(seed, y, mask=mask)`` trains under it: then the weights, gradients and
    optimizer state where it is 0 stay exactly 0.

    Args:
        arrays: 0 and 1 (or booleans), nested as the parameters are or by path; see :meth:`of` for a check against a
            network.

    Raises:
        UsageError: no array, two of one path, or one whose path is a part of another's.
        DataError: other numbers than 0 and 1.

    >>> mask = Mask({"output": {"weight": [[1, 0, 0, 1], [0, 0, 0, 1]]}})
    >>> mask.kept, mask.total, mask.density
    (3, 8, 0.375)
    """

    __slots__ = ("_arrays",)
    _arrays: Mapping[str, Any]

    def __init__(self, arrays: PyTree) -> None:
        """Copy and check the arrays."""
        named = list(arrays) if isinstance(arrays, Mask) else _by_path(arrays)
        given = dict(named)
        if not given:
            raise UsageError("mask: expected arrays of 0 and 1 by the names of layers, got none.")
        if len(given) < len(named):
            paths = [path for path, _ in named]
            twice = next(path for path in paths if paths.count(path) > 1)
            raise UsageError(f"mask: expected a path of its own for every array, got '{twice}' twice.")
        inside = next((path for path in given if any(other.startswith(f"{path}/") for other in given)), None)
        if inside is not None and len(given) > 1:
            raise UsageError(f"mask: expected an array at '{inside}', got one there and others below it.")
        checked = {path: _zeros_and_ones(path, one) for path, one in given.items()}
        object.__setattr__(self, "_arrays", types.MappingProxyType(checked))

    def __setattr__(self, name: str, value: Any) -> None:
        raise UsageError(
            f"mask: a mask does not change, so {name} cannot be set. Make another one: Mask(arrays)."
        )

    @classmethod
    def full(cls, network: Network, *, but: Any = (), also: Any = ()) -> Mask:
        """The mask that keeps every weight of the dense layers and convolutions.

        Args:
            network: any network.
            but: patterns of arrays that are not pruned at all, such as ``"output"``.
            also: patterns of further arrays, such as ``"*/bias"``.

        Raises:
            UsageError: a pattern that covers nothing, or nothing that may be pruned.

        >>> from overparam.models import mlp
        >>> Mask.full(mlp(784, (300, 100), 10)).total
        266200
        """
        return cls({path: np.ones(shape, np.float32) for path, shape in prunable(network, but, also).items()})

    @classmethod
    def of(cls, tree: PyTree, network: Network) -> Mask:
        """The mask of a tree that is checked against a network.

        Args:
            tree: 0 and 1, nested as the parameters are; what is left out is not pruned.
            network: the network.

        Raises:
            UsageError: arrays that are not those of the network.
            DataError: other numbers than 0 and 1.
        """
        return cls(tree).check(network)

    @classmethod
    def random(
        cls, network: Network, density: float | Mapping[str, float], key: Any, *, but: Any = (), also: Any = ()
    ) -> Mask:
        """A mask that is drawn: in every layer a set of weights of its density, all sets equally likely.

        Args:
            network: any network.
            density: of every layer, or by layer, such as the ``densities`` of another mask; a layer that is not named
                keeps all.
            key: a key of JAX, or a whole number.
            but: as in :meth:`full`.
            also: as in :meth:`full`.

        Raises:
            UsageError: a number that is no density, or no key.

        >>> from overparam.models import mlp
        >>> Mask.random(mlp(10, (20,), 5), {"hidden1": 0.1, "output": 0.33}, 0).densities
        {'hidden1/weight': 0.1, 'output/weight': 0.33}
        """
        shapes = prunable(network, but, also)
        own = (
            densities_of(density, shapes, "density", zero=True)
            if isinstance(density, Mapping)
            else dict.fromkeys(shapes, density_of(density))
        )
        found = {}
        for path, shape in shapes.items():
            size = int(np.prod(shape))
            kept = kept_of(size, own.get(path, 1.0))
            found[path] = chosen(size, kept, shape, generator(key, f"mask of {path}"))
        return cls(found)

    @property
    def arrays(self) -> Mapping[str, Any]:
        """The arrays of 0 and 1, float32, by path."""
        return self._arrays

    @property
    def tree(self) -> PyTree:
        """The same arrays, nested as the network's parameters are."""
        return nested(self._arrays)

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of what may be pruned."""
        return tuple(self._arrays)

    @property
    def kept(self) -> int:
        """How many weights are kept."""
        return sum(int(np.count_nonzero(one)) for one in self._arrays.values())

    @property
    def total(self) -> int:
        """How many weights there are."""
        return sum(int(np.size(one)) for one in self._arrays.values())

    @property
    def density(self) -> float:
        """The share of weights that is kept."""
        return self.kept / self.total

    @property
    def densities(self) -> dict[str, float]:
        """The share of weights that is kept, by path."""
        return {path: int(np.count_nonzero(one)) / np.size(one) for path, one in self._arrays.items()}

    @property
    def collapsed(self) -> tuple[str, ...]:
        """The paths of layers that were pruned to nothing; no signal passes them, so this is a result of its own."""
        return tuple(path for path, density in self.densities.items() if density == 0.0)

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter(self._arrays.items())

    def apply(self, params: PyTree) -> PyTree:
        """Parameters that are 0 where the mask is 0; they may be traced.

        Args:
            params: parameters of the network; what the mask does not hold stays as it is. Or a module of PyTorch, Flax NNX
                or Equinox, of which this is a pruned copy, or the ``state_dict`` of one.

        Raises:
            UsageError: parameters of another network.

        >>> Mask({"w": [[1, 0]]}).apply({"w": np.array([[2.0, 3.0]]), "b": 1.0})
        {'b': 1.0, 'w': array([[2., 0.]])}
        """
        copy = pruned_copy(params, self._arrays)
        if copy is not None:
            return copy
        own = picked(params, self._arrays, "params")
        return placed(params, {path: leaf * self._arrays[path] for path, leaf in own.items()})

    def check(self, network: Network) -> Mask:
        """Return the mask, if its arrays are those of a network.

        Args:
            network: the network.

        Raises:
            UsageError: they are not.
        """
        check_network(network)
        every = trained_arrays(network)
        for path, one in self._arrays.items():
            if path not in every:
                some = ", ".join(list(every)[:6])
                raise UsageError(
                    f"mask: expected arrays of '{network.name}' ({some}), got '{path}'. It belongs to another network."
                )
            if every[path].shape != np.shape(one):
                raise UsageError(
                    f"mask: expected an array of shape {every[path].shape} at {path} of '{network.name}', got "
                    f"{np.shape(one)}. It belongs to another network."
                )
        return self

    def report(self) -> str:
        """Its statistics: a line a layer with shape, weights kept of all, and density; and one for all together.

        >>> print(Mask({"output": {"weight": [[1, 0, 0, 1], [0, 0, 0, 1]]}}).report())
        layer          shape  kept  of  density
        output/weight  2x4    3     8   0.375
        all                   3     8   0.375
        """
        rows = [("layer", "shape", "kept", "of", "density")]
        for path, one in self._arrays.items():
            rows.append(_row(path, "x".join(map(str, np.shape(one))), int(np.count_nonzero(one)), np.size(one)))
        rows.append(_row("all", "", self.kept, self.total))
        wide = [max(len(row[i]) for row in rows) for i in range(5)]
        lines = ("  ".join(f"{cell:<{w}}" for cell, w in zip(row, wide, strict=True)) for row in rows)
        return "\n".join(line.rstrip() for line in lines)

    def save(self, path: str | Path) -> Path:
        """Write the mask to a safetensors file: a boolean tensor a layer, by its path.

        Args:
            path: the file.

        Raises:
            UsageError: no name of a file.
            DiskError: it cannot be written.
        """
        tensors = {name: np.ascontiguousarray(one, dtype=np.bool_) for name, one in self._arrays.items()}
        return write_bytes(_file(path), safetensors.numpy.save(tensors, {_HOLDS: _MASK}))

    @classmethod
    def load(cls, path: str | Path) -> Mask:
        """Read a mask from a safetensors file of tensors of 0 and 1.

        Args:
            path: the file.

        Raises:
            UsageError: no name of a file.
            DataError: no such file, a damaged one, or one that holds something else.
        """
        where = _file(path)
        try:
            content = disk.read_bytes(where)
        except FileNotFoundError:
            raise DataError(f"{path}: expected the file of a mask, got none of that name.") from None
        try:
            return cls(_tensors(content))
        except (UsageError, DataError) as error:
            raise DataError(f"{path}: {error}") from None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mask):
            return NotImplemented
        if set(self.paths) != set(other.paths):
            return False
        return all(np.array_equal(one, other.arrays[path]) for path, one in self._arrays.items())

    def __hash__(self) -> int:
        return hash(tuple(sorted((path, np.shape(one)) for path, one in self._arrays.items())))

    def __repr__(self) -> str:
        try:
            return f"Mask({self.kept:,} of {self.total:,} weights, density {self.density:.6g})"
        except Exception:  # traced, or with leaves that are no arrays
            return f"Mask({', '.join(self.paths)})"

    def __reduce__(self) -> Any:
        return Mask, (dict(self._arrays),)


def is_mask(given: Any) -> Mask:
    """Return a mask.

    Raises:
        UsageError: it is something else.
    """
    if not isinstance(given, Mask):
        raise UsageError(f"mask: expected a Mask, such as Mask.full(network), got {shown(given)}.")
    return given


def mask_for(network: Network, given: Mask | None) -> Mask:
    """The mask that was given for a network, checked; None is the full one.

    Raises:
        UsageError: no mask, or one of another network.
    """
    return Mask.full(network) if given is None else is_mask(given).check(network)


def _file(path: Any) -> Path:
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else b""
    if not isinstance(text, str) or not text or "\0" in text or not Path(text).name:
        raise UsageError(f"path: expected the name of a file, got {shown(path)}.")
    return Path(text)


def _tensors(content: bytes) -> dict[str, Any]:
    """The tensors of a safetensors file, if it does not say that it holds something else than a mask."""
    try:
        size = int.from_bytes(content[:8], "little")
        found = safetensors.numpy.load(content)
        holds = json.loads(content[8 : 8 + size]).get("__metadata__", {}).get(_HOLDS, _MASK)
    except KeyError as error:  # a type that NumPy does not have
        raise DataError(
            f"expected a mask of booleans, whole numbers or floats, got tensors of type {error.args[0]}."
        ) from None
    except Exception as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DataError(f"expected a safetensors file with a mask, got a damaged one ({first}).") from None
    if holds != _MASK:
        raise DataError(f"expected the file of a mask, got one that says that it holds {shown(holds)}.")
    return dict(found)


def _row(name: str, shape: str, kept: int, total: int) -> tuple[str, str, str, str, str]:
    return name, shape, f"{kept:,}", f"{total:,}", f"{kept / total:.6g}"


def _by_path(tree: PyTree) -> list[tuple[str, Any]]:
    """The arrays of a tree by path; a list of plain numbers is an array."""
    if isinstance(tree, Mapping):
        found = []
        for name, one in tree.items():
            below = _by_path(one)
            found += [(f"{name}/{path}" if path else str(name), leaf) for path, leaf in below]
        return found
    if isinstance(tree, list | tuple) and tree:
        entries = jax.tree.leaves(tree)
        if all(isinstance(one, int | float) for one in entries):  # bool is an int
            return [("", tree)]
    return [] if tree is None else leaves(tree)


def _zeros_and_ones(path: str, given: Any) -> Any:
    where = f"mask: {path}" if path else "mask"
    try:
        array = np.array(None) if np.ma.is_masked(given) else np.asarray(given)
    except Exception:
        array = np.array(None)
    if array.dtype.kind not in "fiub" or not array.size or isinstance(given, bool | int | float):
        kind = f"array of {array.dtype}, shape {array.shape}" if isinstance(given, np.ndarray) else type(given)
        got = kind if isinstance(kind, str) else kind.__name__
        raise DataError(f"{where}: expected an array of 0 and 1, got {got}.")
    odd = (array != 0) & (array != 1)
    if odd.any():
        raise DataError(f"{where}: expected 0 and 1 alone, got {shown(array[odd].ravel()[0].item())}.")
    found = np.asarray(array != 0, np.float32)
    found.flags.writeable = False
    return found


def _flatten(mask: Mask) -> tuple[Iterable[Any], tuple[str, ...]]:
    names = tuple(sorted(mask.paths))
    return [mask.arrays[name] for name in names], names


def _flatten_with_keys(mask: Mask) -> tuple[Iterable[tuple[Any, Any]], tuple[str, ...]]:
    arrays, names = _flatten(mask)
    return [(jax.tree_util.DictKey(name), one) for name, one in zip(names, arrays, strict=True)], names


def _unflatten(names: tuple[str, ...], arrays: Iterable[Any]) -> Mask:
    made = object.__new__(Mask)
    object.__setattr__(made, "_arrays", types.MappingProxyType(dict(zip(names, arrays, strict=True))))
    return made


jax.tree_util.register_pytree_with_keys(Mask, _flatten_with_keys, _unflatten, _flatten)
