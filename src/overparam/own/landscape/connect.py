"""Whether two of your own networks are joined by a path of low loss: straight, with units aligned, with a learned bend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from overparam.core.checked import count, nonnegative, positive, probability, shown
from overparam.core.errors import UsageError, unknown
from overparam.core.words import number, wrapped
from overparam.own.landscape.curve import learned_bend
from overparam.own.landscape.fact import WIDE, Fact, Measured, lines_of, plain
from overparam.own.landscape.opened import opened_model
from overparam.own.landscape.order import aligned_vector
from overparam.own.landscape.pair import Pair, opened_pair
from overparam.own.landscape.points import Points
from overparam.own.landscape.surface import Surface, surface_of
from overparam.probes.paths import Along, Barrier, barrier

PATHS = ("straight", "aligned", "bezier")
TOLERANCE = 0.02  # of the error: what Frankle et al. call stable
SHARE = 0.05  # of the larger loss of the ends, where there is no error


@dataclass(frozen=True, eq=False)
class Joined:
    """One path between two networks.

    Attributes:
        name: ``straight``, ``aligned`` or ``bezier``.
        status: ``found``, ``not found`` or ``not tried``.
        words: how the path was made, or why it was not.
        along: loss and error at its points; None where it was not tried.
        loss: the barrier of the loss above the larger end.
        error: that of the error; None where targets are no labels.
        test: the barriers on held-out examples, by ``loss`` and ``error``; empty without.
    """

    name: str
    status: str
    words: str
    along: Along | None = None
    loss: Barrier | None = None
    error: Barrier | None = None
    test: dict[str, Barrier] | None = None

    def facts(self) -> tuple[Fact, ...]:
        """Its barriers with their intervals."""
        found = []
        for where, of, one in (
            ("", "loss", self.loss), ("", "error", self.error),
            *((" on held-out examples", of, one) for of, one in (self.test or {}).items()),
        ):  # fmt: skip
            if one is not None:
                by, unit = (100.0, "points") if of == "error" else (1.0, "")
                found.append(
                    Fact(f"Barrier of the {of}{where}", by * one.value, unit, by * one.low, by * one.high,
                         f"Highest at t = {one.t:.3g}.")
                )  # fmt: skip
        return tuple(found)


@dataclass(frozen=True, eq=False)
class Connection(Measured):
    """What :func:`connect` found.

    Attributes:
        paths: one entry a path.
        of: what decides: ``error`` or ``loss``.
        tolerance: of its barrier, in its unit.
        level: of the intervals.
        same: whether both networks have equal parameters.
        distance: Euclidean, between both.
        surface: the plane through both and a third network; None where it was not asked for.
        head: the networks and the data in a sentence.
        verdict: which paths were found, in a sentence.
        notes: what was found at opening, and what the numbers rest on.
    """

    paths: tuple[Joined, ...]
    of: str
    tolerance: float
    level: float
    same: bool
    distance: float
    surface: Surface | None
    head: str
    verdict: str
    notes: tuple[str, ...]

    def __getitem__(self, name: str) -> Joined:
        """A path by its name."""
        for one in self.paths:
            if one.name == name:
                return one
        raise unknown("path", name if isinstance(name, str) else shown(name), [one.name for one in self.paths])

    @property
    def found(self) -> bool:
        """Whether a path within the tolerance was found; False proves nothing."""
        return any(one.status == "found" for one in self.paths)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types: schema ``overparam.connect``, version 1."""
        return {
            "schema": "overparam.connect",
            "version": 1,
            "kind": "connect",
            "title": "Paths between two networks",
            "question": "Is there a path of low loss between these two networks?",
            "head": self.head,
            "verdict": self.verdict,
            "of": self.of,
            "tolerance": self.tolerance,
            "level": self.level,
            "same": self.same,
            "distance": self.distance,
            "paths": [_plain(one) for one in self.paths],
            "surface": None if self.surface is None else self.surface.to_dict(),
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        """All of it in lines of at most 80 characters."""
        lines = [line for one in (self.head, self.verdict) for line in wrapped(one, 0, WIDE).splitlines()]
        for one in self.paths:
            lines += ["", *wrapped(f"{one.name.upper()}  {one.status}. {one.words}", 2, WIDE).splitlines()]
            lines += lines_of(one.facts(), 2)
        lines += [
            "",
            "notes",
            *(line for one in self.notes for line in wrapped(f"- {one}", 2, WIDE).splitlines()),
        ]
        return "\n".join(lines)


def connect(
    a: Any,
    b: Any,
    data: Any,
    test: Any = None,
    *,
    params: Any = None,
    paths: Any = PATHS,
    points: int = 41,
    tolerance: float | None = None,
    of: str | None = None,
    steps: int = 300,
    learning_rate: float | None = None,
    plane: int = 0,
    level: float = 0.95,
    seed: int = 0,
    **options: Any,
) -> Connection:
    """Look for a path of low loss between two of your own networks, and say found or not found at a stated tolerance.

    Three paths are tried: the straight line; the straight line after the hidden units of b were put into the order that is
    closest to a (where units can change places, which is tried by their outputs); and the Bezier curve with a learned bend, to
    b in its own order. Statistics of BatchNorm are found anew at every point; trained weights alone are summed. A path that was
    found shows that the two are connected, at the points of its grid; one that was not found shows nothing.

    Args:
        a: a module of PyTorch, Flax or Equinox, a function or a network of the package.
        b: another of the same architecture.
        data: ``(inputs, targets)``, a data set or a loader, on which both were trained; the bend is trained on it.
        test: held-out examples, on which barriers are measured as well.
        params: a pair, the parameters of a and of b, for functions and networks that do not hold their own.
        paths: which of ``straight``, ``aligned`` and ``bezier``.
        points: of the grid of each path.
        tolerance: largest barrier, above the larger end, of a path that counts as found; the whole interval must lie within. By
            default 0.02 of the error, or 5 % of the larger loss where targets are no labels.
        of: ``error`` or ``loss``, which of the two decides; by default the error where there is one.
        steps: of the training of the bend.
        learning_rate: of Adam for the bend; by default 3 % of the root mean square difference of the weights.
        plane: points a side of a picture of the plane through both networks and the bend (or the aligned network); 0 for none.
        level: of the intervals.
        seed: of every draw.
        options: of :func:`overparam.open_model`: ``loss``, ``batch``, ``dtype``, ``frozen`` and others.

    Returns:
        The paths with their barriers; ``str()`` gives a text, ``save`` a page, a text or JSON.

    Raises:
        UsageError: networks of other architectures, types, names or held arrays; an option that cannot be taken.
        DataError: parameters that are missing or infinite, data that do not fit.

    References: T. Garipov et al., NeurIPS 2018; J. Frankle et al., ICML 2020; S. Ainsworth et al., Git Re-Basin, ICLR 2023.

    >>> from overparam.models import linear
    >>> x, y = np.array([[1.0], [2.0]], np.float32), np.array([0.0, 0.0], np.float32)
    >>> ends = [{"output": {"weight": np.full((1, 1), w, np.float32)}} for w in (-1.0, 1.0)]
    >>> found = connect(linear(1, 1, bias=False), linear(1, 1, bias=False), (x, y), params=ends, paths="straight")
    >>> float(found["straight"].along.loss[20]), found["straight"].loss.value  # a parabola with its minimum between
    (0.0, 0.0)
    """
    asked = _paths(paths)
    many, taken = count(points, "points", 3, 10_000), count(steps, "steps", 1)
    share, first = probability(level, "level"), count(seed, "seed", 0)
    side = 0 if plane == 0 and plane is not False else count(plane, "plane", 3, 201)
    limit = None if tolerance is None else nonnegative(tolerance, "tolerance")
    rate = None if learning_rate is None else positive(learning_rate, "learning_rate")
    if of is not None and of not in ("loss", "error"):
        raise unknown("of", of if isinstance(of, str) else shown(of), ("loss", "error"))
    pair = opened_pair(a, b, data, params, options)
    train = Points(pair.model, pair.refresh)
    train.check_sum()
    held_out = None if test is None else _held_out(a, test, params, options, pair)
    if of == "error" and not train.labels:
        raise UsageError(
            "of: expected 'loss', because targets are no labels of one class an example, got 'error'."
        )
    judged = of or ("error" if train.labels else "loss")
    if limit is None and judged == "error":
        limit = TOLERANCE
    found: list[Joined] = []
    anchors: dict[str, np.ndarray] = {}
    for name in asked:
        made, rows, words = _path(name, pair, many, taken, rate, first)
        if made is None:
            found.append(Joined(name, "not tried", words))
            continue
        anchors[name] = rows
        t = np.linspace(0.0, 1.0, many)
        along = train.along(t, made, rows)
        if limit is None:
            limit = SHARE * max(abs(along.loss[0]), abs(along.loss[-1]))
        found.append(_judged(name, words, along, held_out, (t, made, rows), judged, limit, share, first))
    if limit is None:
        limit = TOLERANCE
    third = (
        anchors["bezier"][1] if "bezier" in anchors else anchors["aligned"][1] if "aligned" in anchors else None
    )
    surface = None
    if side and third is not None and not pair.same:
        surface = surface_of(train, pair, third, "bend" if "bezier" in anchors else "aligned b", side, many)
    remarks = dict.fromkeys(line for one in found if one.along is not None for line in one.along.remarks)
    return Connection(
        tuple(found), judged, float(limit), share, pair.same, float(np.linalg.norm(pair.a - pair.b)), surface,
        f"Two networks with {pair.model.size:,} parameters on {pair.model.examples:,} examples, "
        f"{number(float(np.linalg.norm(pair.a - pair.b)))} apart.",
        _verdict(found, judged, limit, pair.same, share), (*remarks, *pair.notes),
    )  # fmt: skip


def _paths(given: Any) -> tuple[str, ...]:
    asked = (given,) if isinstance(given, str) else given
    if not isinstance(asked, tuple | list) or not asked:
        raise UsageError(f"paths: expected some of {', '.join(PATHS)}, got {shown(given)}.")
    for one in asked:
        if not isinstance(one, str) or one not in PATHS:
            raise unknown("paths", one if isinstance(one, str) else shown(one), PATHS)
    return tuple(one for one in PATHS if one in asked)


def _held_out(a: Any, test: Any, params: Any, options: Any, pair: Pair) -> Points:
    own = {} if params is None else {"params": params[0]}
    model = opened_model(a, test, {**options, **own}, "test")
    model.check_loss()
    return Points(model, pair.refresh)  # statistics are those of the examples of training


def _path(
    name: str, pair: Pair, points: int, steps: int, rate: float | None, seed: int
) -> tuple[np.ndarray | None, np.ndarray, str]:
    """Weights of the anchors at the points, the anchors, and how they were made or why not."""
    t = np.linspace(0.0, 1.0, points)
    line = np.stack([1 - t, t], 1)
    if name == "straight":
        return line, np.stack([pair.a, pair.b]), "The straight line."
    if name == "aligned":
        vector, words = aligned_vector(pair, seed)
        return (None, pair.a[None], words) if vector is None else (line, np.stack([pair.a, vector]), words)
    bend, words = learned_bend(pair, pair.b, steps=steps, learning_rate=rate, seed=seed)
    if bend is None:
        return None, pair.a[None], words
    return np.stack([(1 - t) ** 2, 2 * t * (1 - t), t**2], 1), np.stack([pair.a, bend, pair.b]), words


def _judged(
    name: str, words: str, along: Along, held_out: Points | None, path: Any, judged: str, limit: float, level: float,
    seed: int,
) -> Joined:  # fmt: skip
    kinds = ("loss", "error") if along.error is not None else ("loss",)
    known = {of: barrier(along, of=of, level=level, seed=seed) for of in kinds}
    test: dict[str, Barrier] = {}
    if held_out is not None:
        beside = held_out.along(*path)
        test = {of: barrier(beside, of=of, level=level, seed=seed) for of in kinds}
    one = known[judged]
    if one.value <= limit < one.high:
        words += (
            f" Its barrier lies within the tolerance; the interval, from {one.n:,} examples, reaches beyond."
        )
    return Joined(name, one.said(limit), words, along, known["loss"], known.get("error"), test)


def _verdict(found: list[Joined], judged: str, limit: float, same: bool, level: float) -> str:
    size = f"{number(100 * limit)} points of error" if judged == "error" else f"{number(limit)} of the loss"
    if same:
        return "The two networks have equal parameters: the same network twice, and the barrier is 0."
    good = [one.name for one in found if one.status == "found"]
    tried = [one.name for one in found if one.status == "not found"]
    said = f"a rise of at most {size} above the larger end, with a {100 * level:g} % interval"
    if good:
        rest = f" Not found: {', '.join(tried)}." if tried else ""
        return f"Found: {', '.join(good)}, with {said}.{rest}"
    if not tried:
        return "No path could be tried."
    return f"Not found ({', '.join(tried)}), with {said}. That a path was not found does not show that there is none."


def _plain(one: Joined) -> dict[str, Any]:
    along = one.along
    rows = {}
    if along is not None:
        rows = {
            "t": [float(v) for v in along.t],
            "loss": [plain(v) for v in along.loss],
            "error": None if along.error is None else [plain(v) for v in along.error],
        }
    return {
        "name": one.name, "status": one.status, "words": one.words, **rows,
        "facts": [fact.to_dict() for fact in one.facts()],
    }  # fmt: skip
