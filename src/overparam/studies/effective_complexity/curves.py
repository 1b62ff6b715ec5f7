"""One arm of the study as arrays: errors over width with their critical widths, or EMC over width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from overparam.core import Evidence, MissingEvidence
from overparam.studies.effective_complexity.search import crossing
from overparam.studies.levels import one_setting

if TYPE_CHECKING:
    from overparam.core.stats import Array

UNDERFIT = 20.0  # percentage points of mean train error: the left part of the curve lies at or above it
SINGLE = (
    *("n", "noise", "noise_kind", "steps", "batch", "learning_rate", "momentum", "tolerance", "draws"),
    *("copies", "n_test"),
)


@dataclass(frozen=True)
class Sizes:
    """An arm that trains every width, paired by seed.

    Attributes:
        arm: its name.
        widths: hidden widths, ascending, length ``points``.
        samples: training samples, copies not counted.
        seeds: the seeds that are finite at every width.
        dropped: the seeds left out because a cell is missing or diverged.
        train: train error, shape ``(seeds, points)``, in percentage points.
        test: test error, the same.
        tolerance: the train error that counts as learnt, in percentage points.
    """

    arm: str
    widths: tuple[int, ...]
    samples: int
    seeds: tuple[int, ...]
    dropped: tuple[int, ...]
    train: Array
    test: Array
    tolerance: float

    @property
    def critical(self) -> tuple[float, ...]:
        """Critical width of each seed: 0 if it lies below the grid, infinity if above."""
        return tuple(crossing(self.widths, line.tolist(), self.tolerance) for line in self.train)

    @property
    def fitting(self) -> tuple[int, ...]:
        """Index of the smallest width that each seed learns at; the number of widths if there is none."""
        return tuple(
            next((i for i, error in enumerate(line) if error <= self.tolerance), len(self.widths))
            for line in self.train
        )

    @property
    def left_end(self) -> int:
        """Index of the first width past the left part: mean train error below 20 points.

        Raises:
            MissingEvidence: every width, or none, lies in the left part.
        """
        line = self.train.mean(axis=0)
        index = next((i for i, error in enumerate(line) if error < UNDERFIT), None)
        if not index:
            what, more = ("no width", "smaller") if index == 0 else ("every width", "larger")
            raise MissingEvidence(
                f"in the arm '{self.arm}' {what} has a mean train error of at least {UNDERFIT:g} %: the left part "
                f"of the curve cannot be told apart. Add {more} widths."
            )
        return index

    @property
    def peaks(self) -> tuple[int, ...]:
        """Index of each seed's largest test error right of the left minimum of the mean line."""
        from overparam.core.lines import peak_places

        return tuple(int(i) for i in peak_places(self.test, self.left_end))


@dataclass(frozen=True)
class Searched:
    """An arm that searches for EMC, paired by seed.

    Attributes:
        arm: its name.
        widths: the widths searched, ascending.
        samples: the study's n.
        seeds: the seeds, ascending.
        emc: EMC in samples, one row a seed; None where the search hit an end of the grid.
        censored: -1, 0 or 1, one row a seed: EMC below the grid, inside, or above.
    """

    arm: str
    widths: tuple[int, ...]
    samples: int
    seeds: tuple[int, ...]
    emc: tuple[tuple[float | None, ...], ...]
    censored: tuple[tuple[int, ...], ...]

    @property
    def inside(self) -> tuple[int, ...]:
        """Indices of the widths at which no search hit an end of the grid."""
        return tuple(i for i in range(len(self.widths)) if not any(row[i] for row in self.censored))

    def at(self, index: int, seeds: tuple[int, ...]) -> list[float]:
        """EMC at one width for these seeds; the width must be inside."""
        row = {seed: line[index] for seed, line in zip(self.seeds, self.emc, strict=True)}
        return [float(row[seed] or 0.0) for seed in seeds]


def sizes(evidence: Evidence, arm: str) -> Sizes:
    """Read an arm that trains every width.

    Raises:
        MissingEvidence: the arm has no cells, no complete seed, or mixes several settings.
    """
    from overparam.core.lines import align_seeds

    one_setting(evidence, SINGLE)
    _there(evidence, arm)
    found = align_seeds(evidence, "width", "train_error", "test_error", arm=arm)
    params, values = evidence.where(arm=arm).rows[0]
    return Sizes(
        arm,
        tuple(int(width) for width in found.x),
        int(values["samples"]),
        found.seeds,
        found.dropped,
        100.0 * found.lines[0],
        100.0 * found.lines[1],
        100.0 * float(params["tolerance"]),
    )


def searched(evidence: Evidence, arm: str) -> Searched:
    """Read an arm that searches for EMC.

    Raises:
        MissingEvidence: the arm has no cells, mixes several settings, or searched other widths for some seeds.
    """
    one_setting(evidence, SINGLE)
    rows: list[tuple[Any, Any]] = sorted(_there(evidence, arm).rows, key=lambda row: row[0]["seed"])
    widths = {tuple(int(width) for width in values["emc_width"]) for _, values in rows}
    if len(widths) > 1:
        raise MissingEvidence(f"the arm '{arm}' searched different widths for different seeds. Run it again.")
    return Searched(
        arm,
        widths.pop(),
        int(rows[0][1]["samples"]),
        tuple(params["seed"] for params, _ in rows),
        tuple(tuple(values["emc"]) for _, values in rows),
        tuple(tuple(values["emc_censored"]) for _, values in rows),
    )


def _there(evidence: Evidence, arm: str) -> Evidence:
    kept = evidence.where(arm=arm)
    if not kept.rows:
        raise MissingEvidence(f"no finished cell of the arm '{arm}'. Run with --arms that name it.")
    return kept
