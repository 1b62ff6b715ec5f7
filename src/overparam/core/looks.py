"""Planned seeds and looks: which seeds decide, and at what level. Standard library only.

Seeds are planned from the power that is wanted. More seeds are further looks at 2, 4 and 8 times the plan, each with a
smaller error, so that all looks together err in no more than 4.75 %. The rung follows from the plan and from how many
consecutive seeds there are, not from history; between rungs the last full rung decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

FIRST_LOOK = 0.97
"""Level of an interval at the planned number of seeds."""
LEVELS = {1: FIRST_LOOK, 2: 0.99, 4: 0.995, 8: 0.9975}
"""Multiple of the plan to level."""
FIRST_SEED = 100
"""The first planned seed: 0 to 99 were judged by earlier versions of the rules, 1000 and up are pilots."""
FRESH = "version 2: the planned seeds start at 100; seeds 0 to 19 were judged by earlier rules, and count as pilots."
"""Why the planned seeds of a profile changed, for its history."""


FIRST_PILOT = 1000
"""The first seed of pilots, on which sizes and recipes are chosen and nothing is judged."""


def planned(count: int) -> tuple[int, ...]:
    """The planned seeds of a profile: so many from ``FIRST_SEED`` on, which no pilot has seen.

    >>> planned(3)
    (100, 101, 102)
    """
    return tuple(range(FIRST_SEED, FIRST_SEED + count))


@dataclass(frozen=True)
class Look:
    """What is judged.

    Attributes:
        seeds: the seeds that decide; empty below the plan.
        rung: multiple of the plan.
        level: confidence level of an interval.
        plan: the planned seeds.
        have: how many of the planned seeds there are, counted from the first without a gap.
    """

    seeds: tuple[int, ...]
    rung: int
    level: float
    plan: tuple[int, ...]
    have: int

    @property
    def below(self) -> bool:
        """Whether there are fewer seeds than planned."""
        return not self.seeds

    @property
    def words(self) -> str:
        """What decides, in words."""
        first = self.plan[0]
        if self.below:
            return f"below plan: {self.have} of {len(self.plan)} planned seeds ({first} to {self.plan[-1]})"
        return f"{len(self.seeds)} seeds from {first}, {100 * self.level:g} % intervals"


def look(plan: Sequence[int], seeds: Iterable[int]) -> Look:
    """Which of the seeds decide, and at what level.

    Args:
        plan: the planned seeds of the profile; where they are not consecutive, they are the only look.
        seeds: the seeds that there are.

    >>> look(range(100, 105), range(100, 112)).level, look(range(100, 105), range(100, 112)).seeds[-1]
    (0.99, 109)
    >>> look(range(100, 105), range(3)).words
    'below plan: 0 of 5 planned seeds (100 to 104)'
    """
    wanted, there = tuple(plan), set(seeds)
    first, count = wanted[0], len(wanted)
    if wanted != tuple(range(first, first + count)):
        have = sum(seed in there for seed in wanted)
        return Look(wanted if have == count else (), 1, FIRST_LOOK, wanted, have)
    have = 0
    while first + have in there:
        have += 1
    rung = max((times for times in LEVELS if times * count <= have), default=0)
    if not rung:
        return Look((), 1, FIRST_LOOK, wanted, have)
    return Look(tuple(range(first, first + rung * count)), rung, LEVELS[rung], wanted, have)
