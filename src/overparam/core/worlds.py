"""Planted worlds: cells with known curves and noise, in which a rule must be right. Standard library at the top."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from overparam.core.claim import Evidence

if TYPE_CHECKING:
    import numpy as np

Noise = Literal["normal", "t3", "ar", "skew"]
Knots = Sequence[tuple[float, float]]
"""A curve by points ``(along, value)``, joined on logarithmic axes (or straight, for values that may be 0)."""


@dataclass(frozen=True)
class World:
    """Planted cells: one curve a metric, one number a scalar.

    Anything that is given as a function takes the values of the arms as keyword arguments.

    Attributes:
        over: the axis or list along which lines run, and its values.
        along: a list of the cells and its values, along which knots are given; by default that of ``over``.
        arms: axes that are crossed, with their values.
        lines: metric to knots, to a list of values, or to a function that returns either.
        numbers: name to a number, or to a function that returns one; these are the same for every seed, unless
            they have a spread.
        spread: standard deviation between the points of a line (or of a number) by metric: of the logarithm, or of
            the value for the metrics in ``straight``.
        level: standard deviation of each seed's own level, on the same scale, shared by the metrics with a spread.
        straight: metrics whose noise is added and whose knots are joined straight, so that they may be 0 or below.
        lists: lists that every cell holds as they are.
        fixed: axes with one value.
        apart: one cell a point, with ``over`` an axis; else one cell a line.
        seeds: number of seeds.
        noise: its shape, of mean 0 and variance 1: ``normal``; ``t3`` (Student's t at 3 degrees of freedom); ``ar``
            (normal, each point of a line correlated 0.8 with the next); ``skew`` (a gamma of skewness 1).
    """

    over: tuple[str, Sequence[float]] = ("x", (1.0,))
    along: tuple[str, Sequence[float]] | None = None
    arms: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    lines: Mapping[str, Any] = field(default_factory=dict)
    numbers: Mapping[str, Any] = field(default_factory=dict)
    spread: Mapping[str, float] = field(default_factory=dict)
    level: float = 0.0
    straight: tuple[str, ...] = ()
    lists: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    apart: bool = False
    seeds: int = 5
    noise: Noise = "normal"

    def but(self, **changes: Any) -> World:
        """The same world with other curves, numbers, arms or fixed axes, by their names.

        A name that is none of a world's own is sought among the arms, the numbers and the lists; any other is a line.
        """
        own: dict[str, Any] = {}
        for name, value in changes.items():
            shape = name == "noise" and isinstance(value, str)  # else the rate of noise, an arm of many studies
            if shape or name in ("over", "along", "level", "straight", "apart", "seeds"):
                own[name] = value
            elif name in ("spread", "arms", "numbers", "lists", "fixed", "lines"):
                own[name] = {**own.get(name, getattr(self, name)), **value}
            else:
                room = next(
                    (r for r in ("arms", "numbers", "lists", "fixed") if name in getattr(self, r)), "lines"
                )
                own[room] = {**own.get(room, getattr(self, room)), name: value}
        return replace(self, **own)

    def __call__(self, rng: np.random.Generator) -> Evidence:
        """Draw the cells."""
        rows: list[tuple[dict[str, Any], dict[str, Any]]] = []
        names, levels = list(self.arms), list(self.arms.values())
        for values in itertools.product(*levels):
            arms = dict(zip(names, values, strict=True))
            for seed in range(self.seeds):
                rows += self._cells(arms, seed, rng)
        return Evidence(tuple(rows))

    def _cells(
        self, arms: Mapping[str, Any], seed: int, rng: np.random.Generator
    ) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        level = self.level * float(self._noise(1, rng)[0])
        x, values = self.over
        lines = {name: self._line(name, curve, arms, level, rng) for name, curve in self.lines.items()}
        if self.along:
            lines[self.along[0]] = list(self.along[1])
        numbers = {name: self._number(name, value, arms, level, rng) for name, value in self.numbers.items()}
        params = {"data": "planted", **self.fixed, **arms, "seed": seed}
        lists = {name: list(value) for name, value in self.lists.items()}
        if not self.apart:
            own = {x: list(values)} if self.lines else {}
            return [(params, {**own, **lines, **numbers, **lists})]
        return [
            ({**params, x: value}, {**{name: line[i] for name, line in lines.items()}, **numbers, **lists})
            for i, value in enumerate(values)
        ]

    def _line(
        self, name: str, curve: Any, arms: Mapping[str, Any], level: float, rng: np.random.Generator
    ) -> list[float]:
        import numpy as np

        curve = curve(**arms) if callable(curve) else curve
        x = np.asarray((self.along or self.over)[1], dtype=float)
        noise = (
            level + self.spread[name] * self._noise(len(x), rng) if name in self.spread else np.zeros(len(x))
        )
        straight = name in self.straight
        if isinstance(curve[0], tuple):
            at, y = np.asarray(curve, dtype=float).T
            y = np.interp(np.log(x), np.log(at), y if straight else np.log(y))
        else:
            y = np.asarray(curve, dtype=float)
            y = y if straight else np.log(y)
        return (y + noise if straight else np.exp(y + noise)).tolist()

    def _noise(self, points: int, rng: np.random.Generator) -> np.ndarray:
        """Noise of mean 0 and variance 1 along a line."""
        import numpy as np

        if self.noise == "t3":
            return rng.standard_t(3, points) / np.sqrt(3)
        if self.noise == "skew":
            return (rng.gamma(4.0, size=points) - 4.0) / 2.0
        drawn = rng.standard_normal(points)
        if self.noise == "ar":
            for i in range(1, points):
                drawn[i] = 0.8 * drawn[i - 1] + 0.6 * drawn[i]
        return drawn

    def _number(
        self, name: str, value: Any, arms: Mapping[str, Any], level: float, rng: np.random.Generator
    ) -> Any:
        import numpy as np

        found = value(**arms) if callable(value) else value
        if name not in self.spread:
            return found
        noise = level + self.spread[name] * float(self._noise(1, rng)[0])
        return float(found + noise if name in self.straight else found * np.exp(noise))


def power_law(exponent: float, factor: float = 1.0) -> Knots:
    """A planted curve ``factor x^exponent``, for x from 1e-6 to 1e6.

    >>> import numpy as np
    >>> world = World(("width", (4, 9)), lines={"gap": power_law(-0.5)})
    >>> np.round(world(np.random.default_rng(0)).rows[0][1]["gap"], 6).tolist()
    [0.5, 0.333333]
    """
    return tuple((x, factor * x**exponent) for x in (1e-6, 1e6))


@dataclass(frozen=True)
class Together:
    """Several planted worlds as the cells of one run."""

    worlds: tuple[Callable[[np.random.Generator], Evidence], ...]

    def but(self, **changes: Any) -> Together:
        """The same worlds, each changed alike."""
        return Together(tuple(one.but(**changes) if hasattr(one, "but") else one for one in self.worlds))

    def __call__(self, rng: np.random.Generator) -> Evidence:
        """Draw the cells of each."""
        return Evidence(tuple(row for world in self.worlds for row in world(rng).rows))


def together(*worlds: Callable[[np.random.Generator], Evidence]) -> Together:
    """Several planted worlds as the cells of one run."""
    return Together(worlds)
