"""Compaction: what no kept weight reads is cut out, exactly, and put back later."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from overparam.core.checked import array_of, shown
from overparam.core.errors import DataError, UsageError
from overparam.models.activations import activation
from overparam.models.check import check_params
from overparam.models.network import Network, PyTree
from overparam.pruning.arrays import placed
from overparam.pruning.chain import Link, chain, narrower, same_outputs
from overparam.pruning.mask import Mask, is_mask
from overparam.pruning.share import flag

Indices = Mapping[str, NDArray[np.intp]]
_TOLERANCE = 1e-4  # of the outputs' size: what sums in another order differ by in float32
INPUTS = "inputs"  # how the features are called among the sizes of a network


@dataclass(frozen=True, eq=False)
class Compact:
    """A network without the inputs and units that no kept weight reads.

    Attributes:
        network: the smaller network.
        params: its parameters.
        mask: its mask.
        inputs: numbers of the features that it reads; :meth:`rows` picks them.
        units: numbers of the units that are left, by layer.
        whole: the network that was cut.
    """

    network: Network
    params: PyTree
    mask: Mask
    inputs: NDArray[np.intp]
    units: Indices
    whole: Network
    _params: PyTree
    _mask: Mask
    _shifts: Mapping[str, Any]

    def rows(self, x: Any) -> Any:
        """Examples with the features that the smaller network reads.

        Args:
            x: examples, shape ``(n, inputs)`` with the features of the whole network.

        Raises:
            DataError: another shape, or no numbers.
        """
        given = array_of(x, "x")
        if given.ndim != 2 or given.shape[1] != self.whole.inputs:
            raise DataError(f"x: expected shape (n, {self.whole.inputs}), got {given.shape}.")
        return given if self.network.inputs == self.whole.inputs else given[:, self.inputs]

    def expand(self, params: PyTree) -> PyTree:
        """Parameters in full shape; what was cut out has the value that it had.

        Args:
            params: parameters of the smaller network, for instance after training.

        Raises:
            UsageError: parameters of another network.
        """
        check_params(self.network, params, finite=False)
        found = {}
        for link, rows, columns in self._cuts():
            for part in ("weight", "bias") if link.bias else ("weight",):
                whole = np.array(self._params[link.name][part])
                own = np.asarray(params[link.name][part])
                if part == "weight":
                    whole[np.ix_(rows, columns)] = own
                elif link.name in self._shifts:  # biases hold what was folded into them
                    whole[rows] = whole[rows] + (own - np.asarray(self.params[link.name]["bias"]))
                else:
                    whole[rows] = own
                found[f"{link.name}/{part}"] = whole
        return placed(self._params, found)

    def expand_mask(self, mask: Mask) -> Mask:
        """A mask in full shape; what was cut out is kept as it was.

        Args:
            mask: a mask of the smaller network.

        Raises:
            UsageError: a mask of another network.
        """
        is_mask(mask).check(self.network)
        found = dict(self._mask.arrays)
        for link, rows, columns in self._cuts():
            if link.weight in mask.arrays:
                whole = np.array(found[link.weight])
                whole[np.ix_(rows, columns)] = mask.arrays[link.weight]
                found[link.weight] = whole
            if f"{link.name}/bias" in mask.arrays:
                whole = np.array(found[f"{link.name}/bias"])
                whole[rows] = mask.arrays[f"{link.name}/bias"]
                found[f"{link.name}/bias"] = whole
        return Mask(found)

    @property
    def sizes(self) -> dict[str, int]:
        """How many features and how many units of every layer are left, by ``inputs`` and the layers' names."""
        return {INPUTS: len(self.inputs)} | {name: len(one) for name, one in self.units.items()}

    @property
    def saving(self) -> float:
        """Share of the multiplications of a forward pass that are saved, each layer's counted at one place."""
        return 1 - products(self.network) / products(self.whole)

    def _cuts(self) -> list[tuple[Link, NDArray[np.intp], NDArray[np.intp]]]:
        return _cuts(chain(self.whole), self.inputs, self.units)


def compact(
    network: Network,
    params: PyTree,
    mask: Mask,
    *,
    fold: bool = False,
    units: Mapping[str, int] | None = None,
    inputs: Sequence[int] | None = None,
    silent: NDArray[np.bool_] | None = None,
) -> Compact:
    """Cut out inputs and units without kept outgoing weights; outputs and training stay equal up to rounding.

    Such a unit has no effect on the outputs, and neither it nor its incoming weights get any gradient. Its weights are
    retained, for criteria that read them later: :meth:`Compact.expand`. A unit without kept incoming weights still has its
    bias as an input, and stays; with ``fold`` what it adds is written into the biases of the next layer, and it goes too,
    which keeps the outputs, and not the course of further training. Of a layer that is pruned to nothing one unit stays.

    Args:
        network: a chain of dense layers, or of convolutions and dense layers; of images no features are cut.
        params: its parameters.
        mask: which weights are kept; weights elsewhere count as 0.
        fold: whether units without kept incoming weights go; for dense layers.
        units: least number of units that stay, by layer, so that members of a stack have one shape.
        inputs: features that stay in any case.
        silent: which features are 0 in every example that will be seen, shape ``(inputs,)``, see :func:`silent_features`;
            they go, whatever reads them.

    Raises:
        UsageError: a network that is no chain, parameters or a mask of another one, or sizes beyond the network's.

    >>> from overparam.models import mlp
    >>> network = mlp(2, (3,), 1, activation="relu")
    >>> params = network.init(jax.random.key(0))
    >>> mask = Mask({"hidden1": {"weight": [[1, 0], [1, 1], [0, 1]]}, "output": {"weight": [[1, 0, 0]]}})
    >>> small = compact(network, params, mask)
    >>> small.network.name, small.inputs.tolist(), small.units["hidden1"].tolist()
    ('mlp 2-3-1 relu cut to 1-1-1', [0], [0])
    """
    is_mask(mask)
    mask.check(network)
    check_params(network, params)
    links = chain(network)
    host = jax.tree.map(np.asarray, mask.apply(params))
    kept = {link.name: _kept(link, mask) for link in links}
    read, features = _read(links, kept)
    if units is not None and not isinstance(units, Mapping):
        raise UsageError(f"units: expected numbers by layer, such as {{'hidden1': 10}}, got {shown(units)}.")
    least = dict(units or {})
    if set(least) - set(read):
        raise UsageError(
            f"units: expected layers among {', '.join(read)}, got {shown(sorted(set(least) - set(read)))}."
        )
    padded = {name: _at_least(one, least.get(name, 1), name) for name, one in read.items()}
    shifts: dict[str, Any] = {}
    if flag(fold, "fold"):
        if any(path.endswith("/bias") for path in mask.paths):
            raise UsageError(
                "fold: expected a mask of weights alone, got one that prunes biases. Use fold=False."
            )
        needed = {name: np.zeros(len(one), np.bool_) for name, one in read.items()}
        while True:  # a unit that has to stay, so that its layer is not empty, is not folded away
            shifts = _fold(network, links, kept, read, needed, host)
            gone = {name: one for name, (_, one) in shifts.items()}
            left, features = _read(links, kept, gone)
            padded = {name: _at_least(one, least.get(name, 1), name) for name, one in left.items()}
            back = {
                before.name: padded[before.name] & gone[link.name]
                for before, link in itertools.pairwise(links)
                if link.name in gone
            }
            if not any(one.any() for one in back.values()):
                break
            needed = {name: one | back.get(name, False) for name, one in needed.items()}
    first = links[0]
    features = _heard(features, silent)
    if first.conv:
        features = np.ones(first.inputs, np.bool_)
    elif inputs is not None:
        features[_features(inputs, first.inputs)] = True
    features = _at_least(features, 1, INPUTS)
    alive = {name: np.flatnonzero(one) for name, one in padded.items()}
    chosen = np.flatnonzero(features)
    cut, small_mask = {}, {}
    for link, rows, columns in _cuts(links, chosen, alive):
        layer = host[link.name]
        cut[link.name] = {"weight": np.asarray(layer["weight"])[np.ix_(rows, columns)]}
        if link.bias:
            bias = np.asarray(layer["bias"])
            cut[link.name]["bias"] = (bias + shifts[link.name][0] if link.name in shifts else bias)[rows]
        if link.weight in mask.arrays:
            small_mask[link.weight] = mask.arrays[link.weight][np.ix_(rows, columns)]
        if f"{link.name}/bias" in mask.arrays:
            small_mask[f"{link.name}/bias"] = mask.arrays[f"{link.name}/bias"][rows]
    small = narrower(network, {link.name: len(alive[link.name]) for link in links}, len(chosen))
    if (
        network.form is None
        and silent is None
        and not same_outputs(network, host, small, cut, chosen, _TOLERANCE)
    ):
        raise UsageError(
            f"network: expected a chain of layers that read one another alone, got '{network.name}', which computes "
            "something else without the units that its mask cuts off. Train it under its mask in full shape."
        )
    full = jax.tree.map(np.asarray, params)
    return Compact(
        small, cut, Mask(small_mask), chosen, alive, network, full, mask, {n: s for n, (s, _) in shifts.items()}
    )


def compact_stack(
    network: Network,
    params: Sequence[PyTree],
    masks: Sequence[Mask],
    *,
    least: Mapping[str, int] | None = None,
    silent: NDArray[np.bool_] | None = None,
) -> list[Compact]:
    """Members of a stack, cut to one shape: the largest that any needs; who needs less keeps some units that nobody reads.

    They read the same features, those that any of them reads, so that they share examples.

    Args:
        network: a chain.
        params: parameters of every member.
        masks: mask of every member.
        least: least number of features and units, as in ``Compact.sizes``, for instance those of a stack that was trained
            before, so that nothing is compiled anew.
        silent: as in :func:`compact`.

    Returns:
        One a member, all with the same network.

    Raises:
        UsageError: what :func:`compact` refuses, or another number of masks than of members.
    """
    if not all(isinstance(one, list | tuple) for one in (params, masks)):
        raise UsageError(f"params: expected parameters and masks in lists, one a member, got {shown(params)}.")
    if len(params) != len(masks) or not params:
        raise UsageError(
            f"masks: expected one a member, for at least one member, got {len(masks)} for {len(params)}."
        )
    links = chain(network)
    units = dict.fromkeys((link.name for link in links), 1)
    features = np.zeros(links[0].inputs, np.bool_)
    for mask in masks:
        is_mask(mask).check(network)
        read, own = _read(links, {link.name: _kept(link, mask) for link in links})
        units = {name: max(size, int(read[name].sum())) for name, size in units.items()}
        features |= own
    features = _heard(features, silent)
    asked = dict(least or {})
    if set(asked) - {INPUTS, *units}:
        raise UsageError(
            f"least: expected numbers by {INPUTS}, {', '.join(units)}, got {shown(sorted(asked))}."
        )
    features = _at_least(features, asked.get(INPUTS, 1), INPUTS)
    units = {name: max(size, asked.get(name, 1)) for name, size in units.items()}
    chosen = np.flatnonzero(features).tolist()
    return [
        compact(network, one, mask, units=units, inputs=chosen, silent=silent)
        for one, mask in zip(params, masks, strict=True)
    ]


def _kept(link: Link, mask: Mask) -> NDArray[np.bool_]:
    """Whether a unit has a kept weight from an input, shape ``(units, inputs)``."""
    if link.weight not in mask.arrays:
        return np.ones((link.units, link.inputs), np.bool_)
    kept: NDArray[np.bool_] = np.any(link.by_input(mask.arrays[link.weight]) != 0, axis=2)
    return kept


def _read(
    links: list[Link],
    kept: Mapping[str, NDArray[np.bool_]],
    gone: Mapping[str, NDArray[np.bool_]] | None = None,
) -> tuple[dict[str, NDArray[np.bool_]], NDArray[np.bool_]]:
    """Which units of every layer, and which features, have an effect on the outputs; those folded away have none."""
    alive: NDArray[np.bool_] = np.ones(links[-1].units, np.bool_)
    read = {links[-1].name: alive}
    for link, before in zip(links[:0:-1], links[-2::-1], strict=True):
        alive = np.asarray(kept[link.name][alive].any(axis=0))
        if gone and link.name in gone:
            alive = alive & ~gone[link.name]
        read[before.name] = alive
    return read, np.asarray(kept[links[0].name][alive].any(axis=0))


def _fold(
    network: Network,
    links: list[Link],
    kept: Mapping[str, NDArray[np.bool_]],
    read: Mapping[str, NDArray[np.bool_]],
    needed: Mapping[str, NDArray[np.bool_]],
    host: PyTree,
) -> dict[str, tuple[Any, NDArray[np.bool_]]]:
    """By layer, what is added to its biases, and which of its inputs are constants that this stands for."""
    form = network.form
    if form is None or form.signs is not None:
        raise UsageError(
            f"fold: expected a network of trained dense layers, such as mlp(...), got '{network.name}'. Use fold=False."
        )
    act, shifts = activation(form.activation), {}
    constant, shift = np.zeros(links[0].inputs, np.bool_), np.zeros(links[0].units)
    for at, (link, after) in enumerate(itertools.pairwise(links)):
        lone = ~(kept[link.name] & ~constant).any(axis=1)
        own = np.asarray(host[link.name]["bias"], np.float64) if link.bias else np.zeros(link.units)
        value = np.asarray(act(np.asarray(own + shift, np.float32)), np.float64)
        lone = lone & read[link.name] & ~needed[link.name] & (after.bias | (value == 0))
        weight = np.asarray(host[after.name]["weight"], np.float64)
        shift = form.scales[at + 1] * (weight[:, lone] @ value[lone])
        constant = lone
        if lone.any():
            shifts[after.name] = (shift.astype(np.float32) if after.bias else 0.0, lone)
    return shifts


def _at_least(alive: NDArray[np.bool_], size: int, name: str) -> NDArray[np.bool_]:
    """The units that are read, and the first others up to a number."""
    if not isinstance(size, int | np.integer) or isinstance(size, bool) or not 0 < size <= len(alive):
        raise UsageError(f"units: expected a number from 1 to {len(alive)} for {name}, got {shown(size)}.")
    alive = alive.copy()
    alive[np.flatnonzero(~alive)[: max(0, int(size) - int(alive.sum()))]] = True
    return alive


def _heard(features: NDArray[np.bool_], silent: Any) -> NDArray[np.bool_]:
    """The features without those that are silent."""
    if silent is None:
        return features
    found = np.asarray(silent)
    if found.dtype != np.bool_ or found.shape != features.shape:
        raise UsageError(
            f"silent: expected a boolean a feature, shape {features.shape}, got {found.dtype} of shape {found.shape}."
        )
    return features & ~found


def _features(given: Sequence[int], many: int) -> NDArray[np.intp]:
    found = np.asarray(given)
    if found.ndim != 1 or (
        found.size and (found.dtype.kind not in "iu" or found.min() < 0 or found.max() >= many)
    ):
        raise UsageError(f"inputs: expected numbers of features from 0 to {many - 1}, got {shown(given)}.")
    return found.astype(np.intp)


def _cuts(
    links: list[Link], features: NDArray[np.intp], units: Indices
) -> list[tuple[Link, NDArray[np.intp], NDArray[np.intp]]]:
    """Every layer with the rows and columns of its weight that stay."""
    found, before = [], features
    for link in links:
        found.append((link, units[link.name], link.columns(before)))
        before = units[link.name]
    return found


def products(network: Network) -> int:
    """Multiplications of a forward pass of one example through a chain, each layer's counted at one place."""
    return sum(link.units * link.inputs * link.places * link.taps for link in chain(network))
