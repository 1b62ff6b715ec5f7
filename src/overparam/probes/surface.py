"""The loss along a line from start to end, and on a plane: through three networks or along two random directions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from overparam.core.checked import count, real, shown
from overparam.core.errors import OverparamError, UsageError
from overparam.operators import Model
from overparam.operators.pairs import check_pair, check_same_data
from overparam.probes.held import between, check_visible, differing
from overparam.probes.margins import margins_of
from overparam.probes.weights import length, unfoldings

STATISTICS = ("interpolate", "start", "end")


@dataclass(frozen=True, eq=False)
class LossLine:
    """Loss and error at ``(1 - t) start + t end``.

    Attributes:
        at: t, ascending; 0 and 1 are among them.
        loss: in the loss's own convention, infinite where it is not finite.
        error: share of labels that are not predicted, a tie counts; None where targets are no labels.
        barrier: largest excess of the loss over the straight line between the ends, at the t from 0 to 1 that were measured.
        error_barrier: the same of the error, over the mean of both ends; None as above.
        worst: t of the barrier of the loss.
        length: Euclidean distance of the ends, in the unit of the parameters.
        notes: which statistics were used.
    """

    at: Float64[np.ndarray, " points"]
    loss: Float64[np.ndarray, " points"]
    error: Float64[np.ndarray, " points"] | None
    barrier: float
    error_barrier: float | None
    worst: float
    length: float
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class LossPlane:
    """Loss and error at ``centre + x u + y v``.

    Attributes:
        x: steps along u, ascending.
        y: steps along v, ascending.
        loss: in the loss's own convention, infinite where it is not finite, shape ``(len(y), len(x))``.
        error: share of labels that are not predicted; None where targets are no labels.
        directions: u and v, shape ``(2, parameters)``: of length 1 in the plane of three networks, else one that gives every
            unit the length of its weights.
        places: ``(x, y)`` of the given networks.
        notes: what the directions are, and which statistics were used.
    """

    x: Float64[np.ndarray, " columns"]
    y: Float64[np.ndarray, " rows"]
    loss: Float64[np.ndarray, "rows columns"]
    error: Float64[np.ndarray, "rows columns"] | None
    directions: Float64[np.ndarray, "directions params"]
    places: Mapping[str, tuple[float, float]]
    notes: tuple[str, ...]


def loss_line(
    start: Model,
    end: Model,
    *,
    points: int = 21,
    reach: tuple[float, float] = (-0.25, 1.25),
    statistics: str = "interpolate",
) -> LossLine:
    """Loss and error along the straight line from one network to another, and beyond both.

    Running statistics and what else is held are no parameters. Those that differ are interpolated as the parameters are, so
    that both ends are the given networks; or those of one end are held everywhere. They are never computed anew: with batch
    normalisation a barrier between two trained networks is partly one of the statistics.

    Cost: one pass over the data a point, about ``points (reach[1] - reach[0])`` of them.

    Args:
        start: a model with targets.
        end: the same network on the same data with other parameters.
        points: from t = 0 to t = 1, both counted, at least 3.
        reach: first and last t, at most 0 and at least 1.
        statistics: ``interpolate``, ``start`` or ``end``.

    Raises:
        UsageError: no models, models of other arrays, data or loss, a model without a loss, other options, or statistics that are
            hidden inside of a model and differ.
        DataError: parameters that are missing or infinite.

    References: I. Goodfellow, O. Vinyals and A. Saxe, ICLR 2015 (the line); J. Frankle, G. K. Dziugaite, D. Roy and M. Carbin,
        ICML 2020, section 2 (the barrier of the error over the mean of the ends).
    """
    check_pair(start, end)
    start.check_loss()
    end.check_loss()
    check_same_data(start, end, ("start", "end"))
    if start.convention != end.convention:
        raise UsageError(f"end: expected the loss of start, '{start.convention}', got '{end.convention}'.")
    number = count(points, "points")
    if number < 3:
        raise UsageError(f"points: expected at least 3, got {number}.")
    low, high = _pair(reach, "reach")
    if not (low <= 0 and high >= 1):
        raise UsageError(
            f"reach: expected a first t of at most 0 and a last of at least 1, got {shown(reach)}."
        )
    if not isinstance(statistics, str) or statistics not in STATISTICS:
        raise UsageError(f"statistics: expected one of {', '.join(STATISTICS)}, got {shown(statistics)}.")
    if statistics == "interpolate":
        check_visible(start, end)
    step = 1 / (number - 1)
    inner = np.linspace(0.0, 1.0, number)
    before = np.linspace(low, 0.0, max(2, round(-low / step) + 1))[:-1] if low < 0 else np.zeros(0)
    after = np.linspace(1.0, high, max(2, round((high - 1) / step) + 1))[1:] if high > 1 else np.zeros(0)
    at = np.concatenate([before, inner, after])
    found = [_measured(between(start, end, float(t), statistics)) for t in at]
    loss = np.array([one for one, _ in found])
    error = None if found[0][1] is None else np.array([one for _, one in found], np.float64)
    inside = (at >= 0) & (at <= 1)
    ends = [int(np.flatnonzero(at == t)[0]) for t in (0.0, 1.0)]
    with np.errstate(invalid="ignore"):
        excess = loss[inside] - ((1 - at[inside]) * loss[ends[0]] + at[inside] * loss[ends[1]])
    excess = np.where(np.isnan(excess), np.inf, excess)
    return LossLine(
        at, loss, error, float(excess.max()),
        None if error is None else float(error[inside].max() - error[ends].mean()),
        float(at[inside][excess.argmax()]), float(length(end.vector().astype(np.float64) - start.vector())),
        _said(start, end, statistics),
    )  # fmt: skip


def loss_plane(
    centre: Model,
    second: Model | None = None,
    third: Model | None = None,
    *,
    points: int = 11,
    reach: tuple[float, float] | None = None,
    seed: int = 0,
) -> LossPlane:
    """Loss and error on a plane through three networks, or along two random directions from one.

    Through three: u points from the centre to the second, v is the part of the way to the third that is at right angles to it,
    both of length 1. From one: two draws from a normal distribution, of which the weights into every unit are given the length
    that they have in the network; vectors (biases, scales of normalisations) and arrays that enter no product stay. Two
    such directions are two of very many: the picture says nothing about the others. Running statistics are those of the centre.

    Cost: ``points^2`` passes over the data.

    Args:
        centre: a model with targets.
        second: the same network with other parameters; None for random directions.
        third: another; None for random directions.
        points: along each direction, at least 3.
        reach: first and last step along both directions; None takes -1 to 1, or for three networks what holds all of them and
            a fifth beyond.
        seed: of the random directions.

    Raises:
        UsageError: no models, models of other arrays or data, one that is given without the other, three on one line, a
            model without a loss, or other options.
        DataError: parameters that are missing or infinite.

    References: H. Li, Z. Xu, G. Taylor, C. Studer and T. Goldstein, NeurIPS 2018, section 4 (filter normalisation); T. Garipov
        et al., NeurIPS 2018, appendix A.2 (the plane of three, recalled).
    """
    check_pair(centre, centre, ("centre", "centre"))
    centre.check_loss()
    number = count(points, "points")
    if number < 3:
        raise UsageError(f"points: expected at least 3, got {number}.")
    if (second is None) != (third is None):
        name = "second" if second is None else "third"
        raise UsageError(f"{name}: expected three networks, or one alone for random directions, got two.")
    base = centre.vector().astype(np.float64)
    if second is None or third is None:
        low, high = _pair((-1.0, 1.0) if reach is None else reach, "reach")
        u, v = (_direction(centre, base, count(seed, "seed", 0), k) for k in (0, 1))
        places = {"centre": (0.0, 0.0)}
        notes: tuple[str, ...] = (
            "Random directions; the weights into every unit have the length of the network's.",
        )
        x = y = np.linspace(low, high, number)
    else:
        for one, name in ((second, "second"), (third, "third")):
            check_pair(centre, one, ("centre", name))
            check_same_data(centre, one, ("centre", name))
        u, v, places = _basis(base, second.vector().astype(np.float64), third.vector().astype(np.float64))
        x, y = (_span([one[k] for one in places.values()], reach, number) for k in (0, 1))
        notes = ("The plane through three networks, in units of Euclidean length.",)
        for one, name in ((second, "second"), (third, "third")):
            if differing(centre, one):
                notes += (
                    f"Held are the statistics of the centre: those of {name} differ ({differing(centre, one)[0]}), so at its "
                    "place the loss is not its own.",
                )
    found = [[_measured(centre.at(base + a * u + b * v)) for a in x] for b in y]
    loss = np.array([[one for one, _ in row] for row in found])
    error = None if found[0][0][1] is None else np.array([[one for _, one in row] for row in found], np.float64)
    return LossPlane(x, y, loss, error, np.stack([u, v]), places, notes)


def _measured(model: Model) -> tuple[float, float | None]:
    """Loss in its own convention and share of labels that are not predicted; infinite and 1 where outputs are not finite."""
    total, wrong, labels = 0.0, 0, 0
    with model.quiet(), np.errstate(all="ignore"):
        assert model.objective.total is not None
        for batch in model.batches():
            outputs = model.batch_outputs(batch)
            total += float(model.host(model.objective.total(outputs, batch.targets)))
            scores = np.asarray(model.host(outputs), np.float64)
            try:
                _, margin, kept = margins_of(model.objective, scores, np.asarray(model.host(batch.targets)))
            except OverparamError:
                labels = -1
                continue
            if labels >= 0:
                wrong += int((~(margin[kept] > 0)).sum())
                labels += int(kept.sum())
    loss = total / model.divisor
    return (loss if np.isfinite(loss) else np.inf), (wrong / labels if labels > 0 else None)


def _direction(model: Model, base: np.ndarray, seed: int, number: int) -> np.ndarray:
    """A random direction with the weights into every unit as long as the network's, and 0 elsewhere."""
    found = np.zeros(model.size)
    rng = np.random.default_rng([seed, number])
    hows, _ = unfoldings(model, model.layout.names)
    shapes = dict(zip(model.layout.names, model.layout.shapes, strict=True))
    if not hows:
        raise UsageError(
            "centre: expected a network with weights of at least two axes, got vectors alone. Give three networks."
        )
    for name, how in hows.items():
        cut = model.layout.slices[name]
        draw, own = rng.standard_normal(cut.stop - cut.start), base[cut]
        where = how.matrices(np.arange(draw.size).reshape(shapes[name]))
        sizes = [np.linalg.norm(one[where], axis=-1, keepdims=True) for one in (own, draw)]
        scaled = np.zeros_like(draw)
        scaled[where] = draw[where] * sizes[0] / sizes[1]
        found[cut] = scaled
    return found


def _basis(
    first: np.ndarray, second: np.ndarray, third: np.ndarray
) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    one, other = second - first, third - first
    far = float(np.linalg.norm(one))
    if far == 0:
        raise UsageError("second: expected another network than the centre, got the same parameters.")
    u = one / far
    along = float(other @ u)
    rest = other - along * u
    rest -= (rest @ u) * u
    height = float(np.linalg.norm(rest))
    if height <= 1e-6 * max(far, float(np.linalg.norm(other))):
        raise UsageError(
            "third: expected a network off the line of the other two, got one on it. Use loss_line for a line."
        )
    return u, rest / height, {"centre": (0.0, 0.0), "second": (far, 0.0), "third": (along, height)}


def _span(places: list[float], reach: Any, number: int) -> np.ndarray:
    if reach is not None:
        low, high = _pair(reach, "reach")
        return np.linspace(low, high, number)
    low, high = min(places), max(places)
    return np.linspace(low - (high - low) / 5, high + (high - low) / 5, number)


def _pair(given: Any, name: str) -> tuple[float, float]:
    good = isinstance(given, tuple | list | np.ndarray) and len(given) == 2
    low, high = (real(one) for one in given) if good else (np.nan, np.nan)
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise UsageError(
            f"{name}: expected two finite numbers, the first below the second, got {shown(given)}."
        )
    return low, high


def _said(start: Model, end: Model, statistics: str) -> tuple[str, ...]:
    names = differing(start, end)
    if not names:
        return ()
    how = "are interpolated" if statistics == "interpolate" else f"are those of {statistics} everywhere"
    return (f"Held arrays that differ ('{names[0]}', {len(names)} in all) {how}; they are not computed anew.",)
