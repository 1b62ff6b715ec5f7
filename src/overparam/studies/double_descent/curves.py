"""One arm of the study as arrays over width, with the end of its left part and its fit point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from overparam.study import Evidence, MissingEvidence

if TYPE_CHECKING:
    from overparam.stats import Array

UNDERFIT = 20.0  # percentage points of mean train error: the left part of the curve lies at or above it
FITTED = 1.0  # percentage points of mean train error: the fit point is the first width at or below it
ERRORS = ("test_error", "train_error", "best_test_error")
LOSSES = ("test_loss", "best_test_loss")
SINGLE = ("n", "steps", "batch", "learning_rate", "momentum", "noise_kind")


@dataclass(frozen=True)
class Arm:
    """All cells at one label noise, paired by seed.

    Attributes:
        noise: the rate of label noise.
        widths: hidden width, ascending, length ``points``.
        parameters: number of trained parameters at each width.
        n: number of training samples.
        seeds: the seeds that are finite at every width, length ``seeds``.
        dropped: the seeds left out because a cell is missing or diverged.
        lines: metric name to an array of shape ``(seeds, points)``; errors in percentage points.
    """

    noise: float
    widths: tuple[int, ...]
    parameters: tuple[int, ...]
    n: int
    seeds: tuple[int, ...]
    dropped: tuple[int, ...]
    lines: Mapping[str, Array]

    @property
    def name(self) -> str:
        """The arm in words."""
        return f"{self.noise:.0%} label noise" if self.noise > 0 else "clean labels"

    @property
    def per_sample(self) -> tuple[float, ...]:
        """Parameters per training sample at each width."""
        return tuple(p / self.n for p in self.parameters)

    def first_trained_below(self, cutoff: float, *, strict: bool) -> int | None:
        """Index of the first width whose mean train error is below (or at most) the cut-off, in points."""
        line = self.lines["train_error"].mean(axis=0)
        hits = [i for i, value in enumerate(line) if value < cutoff or (not strict and value == cutoff)]
        return hits[0] if hits else None

    @property
    def left_end(self) -> int:
        """Index of the first width past the left part: mean train error below 20 points.

        Raises:
            MissingEvidence: every width, or none, lies in the left part.
        """
        index = self.first_trained_below(UNDERFIT, strict=True)
        if not index:
            what, more = ("no width", "smaller") if index == 0 else ("every width", "larger")
            raise MissingEvidence(
                f"at {self.name} {what} has a mean train error of at least {UNDERFIT:g} %: "
                f"the left part of the curve cannot be told apart. Add {more} widths."
            )
        return index

    @property
    def fit_point(self) -> int:
        """Index of the fit point: the first width with a mean train error of at most 1 point.

        Raises:
            MissingEvidence: no width fits.
        """
        index = self.first_trained_below(FITTED, strict=False)
        if index is None:
            lowest = float(self.lines["train_error"].mean(axis=0).min())
            raise MissingEvidence(
                f"at {self.name} no width reaches a mean train error of {FITTED:g} % (lowest: {lowest:.1f} %). "
                "Add larger widths or more steps."
            )
        return index


def arm(evidence: Evidence, noise: float) -> Arm:
    """Read one arm.

    Args:
        evidence: the finished cells of a run.
        noise: the rate of label noise that selects the arm.

    Raises:
        MissingEvidence: the arm has no cells, no complete seed, or mixes several settings.
    """
    from overparam.peaks import paired

    for axis in SINGLE:
        levels = evidence.levels(axis)
        if len(levels) > 1:
            listed = ", ".join(str(level) for level in levels)
            raise MissingEvidence(f"a rule judges one value of '{axis}', got {listed}. Run them one at a time.")
    metrics = (*ERRORS, *LOSSES)
    found = paired(evidence, "width", *metrics, noise=noise)
    lines = {
        metric: line * (100.0 if metric in ERRORS else 1.0)
        for metric, line in zip(metrics, found.lines, strict=True)
    }
    widths = tuple(int(x) for x in found.x)
    rows = evidence.where(noise=noise).rows
    sizes = {params["width"]: int(values["parameters"]) for params, values in rows if "parameters" in values}
    return Arm(
        noise,
        widths,
        tuple(sizes[width] for width in widths),
        int(rows[0][0]["n"]),
        found.seeds,
        found.dropped,
        lines,
    )


def noisy(evidence: Evidence) -> Arm:
    """The arm with the most label noise.

    Raises:
        MissingEvidence: no cell has label noise.
    """
    levels = [level for level in evidence.levels("noise") if level > 0]
    if not levels:
        raise MissingEvidence("no finished cell has label noise. Run with --noise 0,0.15.")
    return arm(evidence, max(levels))


def clean(evidence: Evidence) -> Arm:
    """The arm with the labels as published.

    Raises:
        MissingEvidence: no cell has clean labels.
    """
    return arm(evidence, 0.0)
