"""From scores to a mask: how many weights each layer keeps, exactly, and which."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overparam.core.checked import shown
from overparam.core.errors import DataError, UsageError, unknown
from overparam.models.network import PyTree
from overparam.models.state import leaves
from overparam.pruning.arrays import numbers_of
from overparam.pruning.criteria import Criterion, Weights, criterion_of
from overparam.pruning.draws import generator
from overparam.pruning.mask import Mask, is_mask
from overparam.pruning.share import check_patterns, density_of, fits, kept_of, rates_of

SCOPES = ("layer", "global", "even")


def select(
    scores: PyTree,
    mask: Mask,
    density: float,
    scope: str = "layer",
    *,
    rates: Mapping[str, float] | None = None,
    leave: Any = (),
    key: Any = 0,
) -> Mask:
    """Prune the kept weights with the lowest scores.

    A density is the share of the weights that ``mask`` keeps which stay: from a full mask it is the density of the result,
    and 0.8 a round gives 0.64 after two. Of n kept weights exactly ``floor(n (1 - density))`` are pruned; a pruned weight
    never returns; which of equal scores go is drawn from the key. A layer may be left with nothing: see
    ``Mask.collapsed``.

    Args:
        scores: an array of the shape of the weights for everything that the mask holds, nested or by path.
        mask: what is kept so far.
        density: the share of it that stays.
        scope: ``layer``: every layer keeps that share of its own; ``global``: the layers compete, and the share is met by
            all together; ``even``: the share is met by all together, and all layers end at one density (a layer that was
            below it keeps all it has).
        rates: shares of layers of their own, by pattern, such as ``{"output": 0.9}``; they do not compete.
        leave: patterns of layers that are not pruned; they do not compete.
        key: draws between equal scores.

    Returns:
        The new mask.

    Raises:
        UsageError: scores of another network, a number that is no density, an unknown scope, or a pattern that covers
            nothing.
        DataError: a score that is no number.

    >>> mask = select({"w": np.array([[3.0, 1.0], [2.0, 4.0]])}, Mask({"w": np.ones((2, 2))}), 0.5)
    >>> mask.arrays["w"].tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    is_mask(mask)
    if not isinstance(scope, str) or scope not in SCOPES:
        raise unknown("scope", scope, SCOPES)
    ranked = _ranked(scores, mask)
    shares = dict.fromkeys(mask.paths, density_of(density))
    own = rates_of(rates, leave, mask.paths)
    shares.update(own)
    counts = {path: int(np.count_nonzero(one)) for path, one in mask}
    stay = {path: kept_of(counts[path], shares[path]) for path in mask.paths}
    pool = [path for path in mask.paths if path not in own]
    found = dict(mask.arrays)
    if scope == "global" and pool:
        found.update(_pooled(ranked, mask, pool, kept_of(sum(counts[p] for p in pool), shares[pool[0]]), key))
        pool_done = set(pool)
    else:
        if scope == "even" and pool:
            sizes = {path: int(mask.arrays[path].size) for path in pool}
            stay.update(_even(counts, sizes, pool, kept_of(sum(counts[p] for p in pool), shares[pool[0]])))
        pool_done = set()
    for path, one in mask:
        if path not in pool_done:
            found[path] = _best(ranked[path], one, stay[path], key, path)
    return Mask(found)


def choose(
    criterion: str | Criterion,
    weights: Weights,
    density: float,
    scope: str = "layer",
    *,
    rates: Mapping[str, float] | None = None,
    leave: Any = (),
) -> Mask:
    """The mask of a criterion: its scores, and the selection by them.

    Args:
        criterion: a name in :data:`~overparam.pruning.criteria.CRITERIA`, or one of your own.
        weights: what it looks at; ``weights.mask`` is what is kept so far, ``weights.key`` draws.
        density: the share of it that stays, see :func:`select`; a criterion that decides by itself does not read it.
        scope: as in :func:`select`.
        rates: as in :func:`select`.
        leave: as in :func:`select`.

    Raises:
        UsageError: an unknown criterion, one without what it needs, or what :func:`select` refuses.
        DataError: a score that is no number.
    """
    rule = criterion_of(criterion)
    if not isinstance(scope, str) or scope not in SCOPES:
        raise unknown("scope", scope, SCOPES)
    if not isinstance(weights, Weights):
        raise UsageError(f"weights: expected Weights(initial, final, mask, ...), got {shown(weights)}.")
    seen = dataclasses.replace(weights, pooled=scope == "global")
    scores = rule(seen)
    mask = seen.mask
    assert mask is not None
    if not rule.whole:
        return select(scores, mask, density, scope, rates=rates, leave=leave, key=weights.key)
    if rates:
        raise UsageError(
            f"rates: expected none for criterion '{rule.name}', which decides by itself how many stay, got {shown(rates)}."
        )
    left = check_patterns(leave, mask.paths, "leave")
    ranked = _ranked(scores, mask)
    return Mask(
        {
            path: one if any(fits(pattern, path) for pattern in left) else one * (ranked[path] > 0)
            for path, one in mask
        }
    )


def check_told_apart(scores: PyTree, mask: Mask, name: str) -> None:
    """Raise where every weight that is kept has the score 0: a mask by such scores would be a draw.

    Under a mask that has collapsed no signal passes, and all gradients are 0; that is a result, and passes.

    Args:
        scores: by path, nested or not.
        mask: what is kept so far.
        name: of the criterion, for the message.

    Raises:
        UsageError: scores of another network.
        DataError: a score that is no number, or all of them are 0.
    """
    ranked = _ranked(scores, mask)
    if mask.collapsed or any(np.any(ranked[path][one == 1]) for path, one in mask):
        return
    raise DataError(
        f"criterion '{name}': expected scores that tell weights apart, got 0 for all {mask.kept:,} weights, so that the mask "
        "would be a random one. The loss may not depend on any of them (dead units, vanishing gradients), or none has moved: "
        "give other weights or examples, or ask for criterion='random'."
    )


def _ranked(scores: PyTree, mask: Mask) -> dict[str, NDArray[np.floating]]:
    """Scores by path, checked."""
    named = dict(leaves(scores))
    odd = [path for path in named if path not in mask.arrays]
    missing = [path for path in mask.paths if path not in named]
    if odd or missing:
        some = ", ".join(mask.paths[:6])
        got = f"none for '{missing[0]}'" if missing else f"some for '{odd[0]}'"
        raise UsageError(f"scores: expected one array for each of {some}, which the mask holds, got {got}.")
    found = {}
    for path, one in mask:
        values = numbers_of(named[path], f"scores: {path}")
        if values.shape != one.shape:
            raise UsageError(f"scores: expected shape {one.shape} at {path}, got {values.shape}.")
        bad = int(np.isnan(values[one == 1]).sum()) if values.dtype.kind == "f" else 0
        if bad:
            raise DataError(
                f"scores: expected numbers at {path}, got {bad} that are NaN. The weights or the gradient may have "
                "diverged."
            )
        found[path] = values
    return found


def _pooled(
    ranked: Mapping[str, NDArray[np.floating]], mask: Mask, pool: list[str], stay: int, key: Any
) -> dict[str, NDArray[np.floating]]:
    """The best of several layers together."""
    flat = np.concatenate([ranked[path].ravel() for path in pool])
    old = np.concatenate([mask.arrays[path].ravel() for path in pool])
    best, found, at = _best(flat, old, stay, key, "all layers"), {}, 0
    for path in pool:
        one = mask.arrays[path]
        found[path] = best[at : at + one.size].reshape(one.shape)
        at += one.size
    return found


def _best(
    values: NDArray[np.floating], old: NDArray[np.floating], stay: int, key: Any, where: str
) -> NDArray[np.floating]:
    """A mask of exactly ``stay`` of the kept weights: those with the largest scores, equal ones drawn."""
    kept = np.flatnonzero(old.ravel())
    new = np.zeros(old.size, np.float32)
    if stay:
        own = values.ravel()[kept]
        at = len(kept) - stay
        edge = np.partition(own, at)[at]
        above, ties = np.flatnonzero(own > edge), np.flatnonzero(own == edge)
        wanted = stay - len(above)
        if wanted < len(ties):
            ties = generator(key, f"ties of {where}").permutation(ties)[:wanted]
        new[kept[above]] = 1.0
        new[kept[ties]] = 1.0
    return new.reshape(old.shape)


def _even(counts: Mapping[str, int], sizes: Mapping[str, int], pool: list[str], stay: int) -> dict[str, int]:
    """How many weights each layer keeps so that all have one density, or all they had; the sum is exact."""
    open_, left, found = list(pool), stay, {}
    while open_:
        density = left / sum(sizes[path] for path in open_)
        full = [path for path in open_ if counts[path] <= density * sizes[path]]
        if not full:
            break
        for path in full:
            found[path] = counts[path]
            left -= counts[path]
            open_.remove(path)
    if open_:
        shares = {path: density * sizes[path] for path in open_}
        found.update({path: int(share) for path, share in shares.items()})
        rest = left - sum(found[path] for path in open_)
        for path in sorted(open_, key=lambda path: -(shares[path] % 1))[:rest]:
            found[path] += 1
    return found
