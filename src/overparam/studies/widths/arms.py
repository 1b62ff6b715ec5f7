"""One arm of a width sweep as arrays over width, with the end of its left part and its fit point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from overparam.core import Evidence, MissingEvidence
from overparam.studies.levels import most_noise, one_setting

if TYPE_CHECKING:
    from overparam.core.stats import Array

UNDERFIT = 20.0  # percent of the mean measure of fit: the left part of the curve lies at or above it
FITTED = 1.0  # percent of the mean measure of fit: the fit point is the first width at or below it


@dataclass(frozen=True)
class Reading:
    """How the cells of a width sweep are read.

    The *measure of fit* places the fit point. Under cross-entropy it is the train error. Under squared loss it is
    the train loss as a share of the loss of the best constant prediction: a network may have every label right
    long before it passes through the targets.

    Attributes:
        loss: what the networks are trained on.
        labels: whether the targets are classes, so that there is an error; else they are numbers.
        single: axes that may have one value only, in what a rule judges.
        regularisers: what the recipe does besides lowering the loss, in words; empty if nothing.
        unseen: what may regularise without showing in the recipe, in words; empty if nothing.
    """

    loss: Literal["cross_entropy", "squared"] = "cross_entropy"
    labels: bool = True
    single: tuple[str, ...] = ("n", "steps", "batch", "learning_rate", "momentum", "noise_kind")
    regularisers: tuple[str, ...] = ()
    unseen: str = ""

    @property
    def fit_metric(self) -> str:
        """Name of the measure of fit among a cell's values, a share."""
        return "train_error" if self.loss == "cross_entropy" else "train_loss_share"

    @property
    def fit_words(self) -> str:
        """The measure of fit in words."""
        return (
            "train error" if self.loss == "cross_entropy" else "train loss (as a share of the best constant's)"
        )

    @property
    def noise_words(self) -> str:
        """What is replaced in an arm with noise."""
        return "label noise" if self.labels else "target noise"

    @property
    def clean_words(self) -> str:
        """The arm without noise."""
        return "clean labels" if self.labels else "clean targets"

    @property
    def shares(self) -> tuple[str, ...]:
        """Metrics that are shares, read in percentage points."""
        errors = ("test_error", "train_error", "best_test_error") if self.labels else ()
        return tuple(dict.fromkeys((*errors, self.fit_metric)))

    @property
    def metrics(self) -> tuple[str, ...]:
        """Every metric that rules read."""
        return (*self.shares, "test_loss", "best_test_loss")

    def arm(self, evidence: Evidence, noise: float) -> Arm:
        """Read one arm.

        Args:
            evidence: the finished cells of a run.
            noise: the rate of noise that selects the arm.

        Raises:
            MissingEvidence: the arm has no cells, no complete seed, or mixes several settings.
        """
        from overparam.core.lines import align_seeds

        one_setting(evidence, self.single)
        found = align_seeds(evidence, "width", *self.metrics, noise=noise)
        lines = {
            metric: line * (100.0 if metric in self.shares else 1.0)
            for metric, line in zip(self.metrics, found.lines, strict=True)
        }
        widths = tuple(int(x) for x in found.x)
        rows = evidence.where(noise=noise).rows
        sizes = {
            params["width"]: int(values["parameters"]) for params, values in rows if "parameters" in values
        }
        return Arm(
            self,
            noise,
            widths,
            tuple(sizes[width] for width in widths),
            int(rows[0][1].get("n", rows[0][0].get("n"))),
            found.seeds,
            found.dropped,
            lines,
        )

    def noisy(self, evidence: Evidence) -> Arm:
        """The arm with the most noise.

        Raises:
            MissingEvidence: no cell has noise.
        """
        return self.arm(evidence, most_noise(evidence, 0.15, self.noise_words))

    def clean(self, evidence: Evidence) -> Arm:
        """The arm with the labels or targets as given.

        Raises:
            MissingEvidence: there is no such cell.
        """
        return self.arm(evidence, 0.0)


@dataclass(frozen=True)
class Arm:
    """All cells at one rate of noise, paired by seed.

    Attributes:
        reading: how it was read.
        noise: the rate of noise.
        widths: width, ascending, length ``points``.
        parameters: number of trained parameters at each width.
        n: number of training samples.
        seeds: the seeds that are finite at every width, length ``seeds``.
        dropped: the seeds left out because a cell is missing or diverged.
        lines: metric name to an array of shape ``(seeds, points)``; shares in percentage points.
    """

    reading: Reading
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
        return f"{self.noise:.0%} {self.reading.noise_words}" if self.noise > 0 else self.reading.clean_words

    @property
    def per_sample(self) -> tuple[float, ...]:
        """Parameters per training sample at each width."""
        return tuple(p / self.n for p in self.parameters)

    @property
    def fit(self) -> tuple[float, ...]:
        """Mean measure of fit at each width, in percent."""
        return tuple(float(v) for v in self.lines[self.reading.fit_metric].mean(axis=0))

    @property
    def left_end(self) -> int:
        """Index of the first width past the left part: mean measure of fit below 20 %.

        Raises:
            MissingEvidence: every width, or none, lies in the left part.
        """
        index = next((i for i, value in enumerate(self.fit) if value < UNDERFIT), None)
        if not index:
            what, more = ("no width", "smaller") if index == 0 else ("every width", "larger")
            raise MissingEvidence(
                f"at {self.name} {what} has a mean {self.reading.fit_words} of at least {UNDERFIT:g} %: "
                f"the left part of the curve cannot be told apart. Add {more} widths."
            )
        return index

    @property
    def fit_point(self) -> int:
        """Index of the fit point: the first width with a mean measure of fit of at most 1 %.

        Raises:
            MissingEvidence: no width fits.
        """
        index = next((i for i, value in enumerate(self.fit) if value <= FITTED), None)
        if index is None:
            raise MissingEvidence(
                f"at {self.name} no width reaches a mean {self.reading.fit_words} of {FITTED:g} % (lowest: "
                f"{min(self.fit):.1f} %). Add larger widths or more steps."
            )
        return index
