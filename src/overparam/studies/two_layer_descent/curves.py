"""One arm of the study as arrays over width, in units of the threshold nK, with its fit point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from overparam.core import Evidence, MissingEvidence
from overparam.studies.levels import one_setting

if TYPE_CHECKING:
    from overparam.core.lines import Lines

WINDOW = (0.75, 1.35)  # of p/(nK), where the peak is claimed to lie
SMOOTH = 5  # widths in the running mean
FITTED = 1e-2  # training loss over that of zero outputs: at most 2 % of the labels can then be missed
SINGLE = ("n", "steps", "batch", "learning_rate", "momentum", "schedule", "spread")


@dataclass(frozen=True)
class Arm:
    """All cells at one rate of label noise, in one arm of weight reuse, paired by seed.

    Attributes:
        noise: rate of label noise.
        widths: hidden units, ascending, length ``points``.
        ratio: parameters over nK at each width.
        seeds: the seeds that are finite at every width, length ``seeds``.
        dropped: the seeds left out because a width is missing or diverged.
        loss: squared test loss, mean over samples and outputs, shape ``(seeds, points)``.
        error: test error in percentage points, shape ``(seeds, points)``.
    """

    noise: float
    widths: tuple[int, ...]
    ratio: tuple[float, ...]
    seeds: tuple[int, ...]
    dropped: tuple[int, ...]
    loss: Lines
    error: Lines

    @property
    def name(self) -> str:
        """The rate of noise in words."""
        return f"{self.noise:.0%} label noise" if self.noise > 0 else "clean labels"

    @property
    def smooth_loss(self) -> Lines:
        """The test loss as a running mean over five widths, shape ``(seeds, points)``."""
        from overparam.core.lines import smoothed

        return smoothed(self.loss, SMOOTH)

    @property
    def left(self) -> int:
        """Number of widths to the left of the window.

        Raises:
            MissingEvidence: no width lies there, or none lies beyond.
        """
        count = sum(ratio < WINDOW[0] for ratio in self.ratio)
        if not 0 < count < len(self.ratio) - 1:
            raise MissingEvidence(
                f"expected widths on both sides of p = {WINDOW[0]:g} nK, got {count} of {len(self.ratio)} to the "
                "left. Change --widths."
            )
        return count

    @property
    def window(self) -> tuple[int, ...]:
        """Indices of the widths in the window."""
        return tuple(i for i, ratio in enumerate(self.ratio) if WINDOW[0] <= ratio <= WINDOW[1])

    @property
    def last_below(self) -> int:
        """Index of the last width with fewer than nK parameters, which has one to its right and one to its left.

        Raises:
            MissingEvidence: the widths do not surround the threshold.
        """
        index = sum(ratio < 1 for ratio in self.ratio) - 1
        if not 0 < index < len(self.ratio) - 1:
            raise MissingEvidence("expected two widths below p = nK and one above. Change --widths.")
        return index


def arm(evidence: Evidence, noise: float, prefix: str = "") -> Arm:
    """Read one arm.

    Args:
        evidence: the finished cells of a run.
        noise: rate of label noise.
        prefix: ``""`` without reuse, ``"below_"`` or ``"continuous_"``.

    Raises:
        MissingEvidence: the arm has no cells, no complete seed, or mixes several settings.
    """
    from overparam.core.lines import align_seeds

    one_setting(evidence, SINGLE)
    found = align_seeds(evidence, "width", f"{prefix}test_loss", f"{prefix}test_error", noise=noise)
    ratio = evidence.curve("ratio", "width", noise=noise).y[0]
    loss, error = found.lines
    widths = tuple(int(x) for x in found.x)
    return Arm(noise, widths, ratio, found.seeds, found.dropped, loss, 100.0 * error)


def fit_point(evidence: Evidence, noise: float) -> int:
    """Index of the fit point without reuse: the first width whose mean training loss is small enough.

    Raises:
        MissingEvidence: no width fits.
    """
    from overparam.core.lines import align_seeds

    (line,) = align_seeds(evidence, "width", "train_loss_ratio", noise=noise).lines
    mean = line.mean(axis=0)
    hits = [i for i, value in enumerate(mean) if value <= FITTED]
    if not hits:
        raise MissingEvidence(
            f"at {noise:.0%} label noise no width reaches a training loss of {FITTED:g} of that of zero outputs "
            f"(smallest: {mean.min():.2g}). Add larger widths or more steps."
        )
    return hits[0]
