"""Criteria: which weights are worth keeping, as scores of which the largest stay; pure functions of the weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overparam.core.checked import shown
from overparam.core.errors import UsageError, unknown
from overparam.models.network import PyTree
from overparam.pruning.arrays import called, finite_of, picked
from overparam.pruning.draws import generator
from overparam.pruning.mask import Mask
from overparam.pruning.share import flag

Array = NDArray[np.floating]
Scores = dict[str, Array]
ZHOU = "Zhou, Lan, Liu and Yosinski, Deconstructing lottery tickets, NeurIPS 2019, section 3"


@dataclass(frozen=True, eq=False)
class Weights:
    """What a criterion may look at; trees are like the network's parameters.

    Attributes:
        initial: weights at the start of the run.
        final: weights at its end.
        mask: which weights were kept so far; the others get a score that nobody reads.
        gradient: gradient of the mean training loss in the weights, at ``initial``.
        key: draws what is random: a key of JAX, or a whole number.
        pooled: whether layers compete with one another, so that percentiles are over all of them.
    """

    initial: PyTree | None = None
    final: PyTree | None = None
    mask: Mask | None = None
    gradient: PyTree | None = None
    key: Any = 0
    pooled: bool = False


@dataclass(frozen=True)
class Criterion:
    """A rule that scores weights.

    Attributes:
        name: its name.
        formula: the score in words; w0 is the initial weight, w the final one.
        source: where it comes from.
        needs: the names of what it reads of :class:`Weights`.
        score: the arrays that it needs, all layers of one kind in a dict, and the weights, to scores by path.
        whole: whether it decides by itself which weights stay, those with a positive score, at whatever density.

    Raises:
        UsageError: a name that is no text, needs that :class:`Weights` does not have, or a score that is no function.
    """

    name: str
    formula: str
    source: str
    needs: tuple[str, ...]
    score: Callable[[Weights, Mapping[str, Scores]], Scores]
    whole: bool = False

    def __post_init__(self) -> None:
        """Check every part."""
        if not isinstance(self.name, str) or not self.name:
            raise UsageError(f"criterion: expected a name, got {shown(self.name)}.")
        if not isinstance(self.needs, tuple | list) or not all(
            isinstance(one, str) and one in _WORDS for one in self.needs
        ):
            raise UsageError(
                f"criterion '{self.name}': expected needs among {tuple(_WORDS)} in a tuple, got {shown(self.needs)}."
            )
        if not callable(self.score):
            raise UsageError(
                f"criterion '{self.name}': expected a function score(weights, found), got {shown(self.score)}."
            )
        object.__setattr__(self, "needs", tuple(self.needs))
        flag(self.whole, f"criterion '{self.name}': whole")

    def __call__(self, weights: Weights) -> Scores:
        """The scores of all weights that the mask holds, by path.

        Args:
            weights: what the criterion may look at.

        Raises:
            UsageError: something that it needs is missing, or belongs to another network; or its function fails.
            DataError: numbers of kept weights that are missing or infinite.

        >>> mask = Mask({"w": [[1, 1, 1]]})
        >>> seen = Weights({"w": np.array([[1.0, -2.0, 0.5]])}, {"w": np.array([[-3.0, 1.0, 0.0]])}, mask)
        >>> CRITERIA["magnitude_increase"](seen)["w"].tolist()
        [[2.0, -1.0, -0.5]]
        """
        if not isinstance(weights, Weights) or not isinstance(weights.mask, Mask):
            raise UsageError(
                f"criterion '{self.name}': expected Weights(..., mask=Mask.full(network)), got {shown(weights)}."
            )
        found = {}
        for name in self.needs:
            tree = getattr(weights, name)
            if tree is None:
                raise UsageError(
                    f"criterion '{self.name}': expected {_WORDS[name]}, which it scores by ({self.formula}), got none. "
                    f"Give {name}=."
                )
            if name != "key":
                own = picked(tree, weights.mask.arrays, name)
                found[name] = {
                    path: finite_of(leaf, f"{name}: {path}", weights.mask.arrays[path] == 1)
                    for path, leaf in own.items()
                }
        what = f"criterion '{self.name}'"
        scores: Scores = called(what, "scores by path from score(weights, found)", self.score, weights, found)
        return scores


_WORDS = {
    "initial": "the weights at the start of the run",
    "final": "the weights at the end of the run",
    "gradient": "the gradient at the start, for which data are needed",
    "key": "a key",
}


def _each(rule: Callable[..., Array], *needs: str) -> Callable[[Weights, Mapping[str, Scores]], Scores]:
    def score(weights: Weights, found: Mapping[str, Scores]) -> Scores:
        assert weights.mask is not None
        return {path: rule(*(found[name][path] for name in needs)) for path in weights.mask.paths}

    return score


def _same(initial: Array, final: Array) -> NDArray[np.bool_]:
    return np.sign(initial) == np.sign(final)


def _increase(initial: Array, final: Array) -> Array:
    return np.abs(final) - np.abs(initial)


def _random(weights: Weights, found: Mapping[str, Scores]) -> Scores:
    """Distinct ranks in an order that is drawn; over all layers together, so that it does for a pool of them."""
    assert weights.mask is not None
    order = generator(weights.key, "random scores").permutation(weights.mask.total).astype(np.float64)
    scores, at = {}, 0
    for path, one in weights.mask:
        scores[path] = order[at : at + one.size].reshape(one.shape)
        at += one.size
    return scores


def _both(sign: float) -> Callable[[Weights, Mapping[str, Scores]], Scores]:
    """The smaller of two percentiles: those of both sizes among the weights that are kept."""

    def score(weights: Weights, found: Mapping[str, Scores]) -> Scores:
        assert weights.mask is not None
        ranks = [_percentiles(found[name], weights.mask, sign, weights.pooled) for name in ("initial", "final")]
        return {path: np.minimum(ranks[0][path], ranks[1][path]) for path in weights.mask.paths}

    return score


def _percentiles(values: Scores, mask: Mask, sign: float, pooled: bool) -> Scores:
    """Share of the kept weights whose ``sign |w|`` lies below that of a weight; equal ones have equal shares."""
    sizes = {path: sign * np.abs(one.astype(np.float64)) for path, one in values.items()}
    kept = {path: np.sort(sizes[path][mask.arrays[path] == 1]) for path in sizes}
    everyone = np.sort(np.concatenate([*kept.values(), []])) if pooled else None
    found: Scores = {}
    for path, one in sizes.items():
        among = kept[path] if everyone is None else everyone
        found[path] = np.searchsorted(among, one.ravel()).reshape(one.shape) / max(1, len(among))
    return found


_BOTH = ("initial", "final")
_MADE = (
    Criterion("large_final", "|w|", ZHOU, ("final",), _each(np.abs, "final")),
    Criterion("small_final", "-|w|", ZHOU, ("final",), _each(lambda w: -np.abs(w), "final")),
    Criterion("large_init", "|w0|", ZHOU, ("initial",), _each(np.abs, "initial")),
    Criterion("small_init", "-|w0|", ZHOU, ("initial",), _each(lambda w: -np.abs(w), "initial")),
    Criterion(
        "large_init_large_final",
        "kept where |w0| and |w| both exceed their own p-th percentile, p such that the density is met: the smaller of "
        "the two percentile ranks",
        ZHOU,
        _BOTH,
        _both(1.0),
    ),
    Criterion(
        "small_init_small_final",
        "kept where -|w0| and -|w| both exceed their own p-th percentile, p such that the density is met",
        ZHOU,
        _BOTH,
        _both(-1.0),
    ),
    Criterion("magnitude_increase", "|w| - |w0|", ZHOU, _BOTH, _each(_increase, *_BOTH)),
    Criterion("movement", "|w - w0|", ZHOU, _BOTH, _each(lambda a, b: np.abs(b - a), *_BOTH)),
    Criterion("random", "distinct ranks in a random order", ZHOU, ("key",), _random),
    Criterion(
        "large_final_same_sign",
        "|w| where w and w0 have one sign, else 0",
        ZHOU,
        _BOTH,
        _each(lambda a, b: np.where(_same(a, b), np.abs(b), 0.0), *_BOTH),
    ),
    Criterion(
        "large_final_diff_sign",
        "|w| where w and w0 have different signs, else 0",
        ZHOU,
        _BOTH,
        _each(lambda a, b: np.where(_same(a, b), 0.0, np.abs(b)), *_BOTH),
    ),
    Criterion(
        "magnitude_increase_same_sign",
        "|w| - |w0| where w and w0 have one sign, else 0; so a changed sign outranks a weight that shrank",
        ZHOU,
        _BOTH,
        _each(lambda a, b: np.where(_same(a, b), _increase(a, b), 0.0), *_BOTH),
    ),
    Criterion(
        "magnitude_increase_diff_sign",
        "|w| - |w0| where w and w0 have different signs, else 0; so a kept sign outranks a weight that shrank",
        ZHOU,
        _BOTH,
        _each(lambda a, b: np.where(_same(a, b), 0.0, _increase(a, b)), *_BOTH),
    ),
    Criterion(
        "same_sign",
        "all weights of which w and w0 have one sign, at whatever density",
        ZHOU,
        _BOTH,
        _each(lambda a, b: _same(a, b).astype(np.float32), *_BOTH),
        whole=True,
    ),
    Criterion(
        "diff_sign",
        "all weights of which w and w0 have different signs, at whatever density",
        ZHOU,
        _BOTH,
        _each(lambda a, b: (~_same(a, b)).astype(np.float32), *_BOTH),
        whole=True,
    ),
    Criterion(
        "snip",
        "|g w0|, g the gradient of the training loss at the start",
        "Lee, Ajanthan and Torr, SNIP, ICLR 2019, equation 5, without its normalisation, which changes no order",
        ("gradient", "initial"),
        _each(lambda g, a: np.abs(g * a), "gradient", "initial"),
    ),
    Criterion(
        "grad",
        "|g|, g the gradient of the training loss at the start",
        ZHOU,
        ("gradient",),
        _each(np.abs, "gradient"),
    ),
)

CRITERIA: Mapping[str, Criterion] = {one.name: one for one in _MADE}


def criterion_of(criterion: str | Criterion) -> Criterion:
    r"""The criterion of that name; a criterion of one's own is passed on.

    ============================ =======================================================
    name                         score, of which the largest are kept
    ============================ =======================================================
    large_final                  \|w\|
    small_final                  -\|w\|
    large_init                   \|w0\|
    small_init                   -\|w0\|
    large_init_large_final       both above one common percentile
    small_init_small_final       both below one common percentile
    magnitude_increase           \|w\| - \|w0\|
    movement                     \|w - w0\|
    random                       a random order
    large_final_same_sign        \|w\| where the sign is that of w0, else 0
    large_final_diff_sign        \|w\| where it is not, else 0
    magnitude_increase_same_sign \|w\| - \|w0\| where the sign is that of w0, else 0
    magnitude_increase_diff_sign \|w\| - \|w0\| where it is not, else 0
    same_sign                    all whose sign is that of w0, at whatever density
    diff_sign                    all whose sign is not, at whatever density
    snip                         \|g w0\|
    grad                         \|g\|
    ============================ =======================================================

    Args:
        criterion: a name, or a :class:`Criterion`.

    Raises:
        UsageError: no criterion has that name.
    """
    if isinstance(criterion, Criterion):
        return criterion
    if not isinstance(criterion, str) or criterion not in CRITERIA:
        raise unknown(
            "criterion", criterion, CRITERIA, "Or give a Criterion(name, formula, source, needs, score)."
        )
    return CRITERIA[criterion]


def check_by_density(criterion: str | Criterion) -> Criterion:
    """The criterion, if it keeps as many weights as it is told; one that decides by itself has no curve over density.

    Args:
        criterion: a name, or a :class:`Criterion`.

    Raises:
        UsageError: no criterion has that name, or it decides by itself how many weights stay.
    """
    found = criterion_of(criterion)
    if found.whole:
        raise UsageError(
            f"criterion: expected one that keeps the share it is told, got '{found.name}', which decides by itself how many "
            "weights stay, at whatever density. Take another one, or prune(...) once."
        )
    return found
