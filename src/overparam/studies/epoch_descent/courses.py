"""The course of one model at one rate of label noise: lines over epochs, smoothed and paired by seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from overparam.core import Evidence, MissingEvidence
from overparam.studies.epoch_descent.models import FAMILIES, LINEAR, of_family
from overparam.studies.levels import most_noise, one_setting

if TYPE_CHECKING:
    from overparam.core.stats import Array

UNDERFIT = 20.0  # percentage points of mean train error: the left part of the course lies at or above it
SMOOTH = 5  # evaluations in a running mean
METRICS = ("test_error", "test_loss", "train_error")
SINGLE = ("n", "epochs", "batch", "optimizer", "learning_rate", "momentum", "noise_kind")
SINGLE_LINEAR = ("variance", "slow")


@dataclass(frozen=True)
class Course:
    """One model at one rate of label noise over epochs, paired by seed.

    Attributes:
        model: name of the model.
        noise: the rate of label noise.
        epochs: when it was evaluated, ascending, length ``points``.
        seeds: the seeds that are finite throughout, length ``seeds``.
        dropped: the seeds left out because a cell is missing or diverged.
        lines: metric name to an array of shape ``(seeds, points)``, each a running mean over five evaluations;
            errors in percentage points. The train error is as measured.
        left: number of evaluations before the mean train error falls below 20 points.
    """

    model: str
    noise: float
    epochs: tuple[float, ...]
    seeds: tuple[int, ...]
    dropped: tuple[int, ...]
    lines: Mapping[str, Array]
    left: int

    @property
    def name(self) -> str:
        """Model and labels in words."""
        return f"{self.model} with {f'{self.noise:.0%} label noise' if self.noise > 0 else 'clean labels'}"


def course(evidence: Evidence, model: str, noise: float) -> Course:
    """Read the course of one model at one rate of label noise.

    Raises:
        MissingEvidence: no such cells, no complete seed, several settings, or a left part that cannot be told.
    """
    import numpy as np

    from overparam.core.lines import align_seeds, smoothed

    one_setting(evidence, SINGLE)
    found = align_seeds(evidence, "epoch", *METRICS, model=model, noise=noise)
    scaled = {
        metric: line * (1.0 if metric == "test_loss" else 100.0)
        for metric, line in zip(METRICS, found.lines, strict=True)
    }
    lines = {
        metric: line if metric == "train_error" else smoothed(line, SMOOTH) for metric, line in scaled.items()
    }
    below = np.flatnonzero(scaled["train_error"].mean(axis=0) < UNDERFIT)
    read = Course(model, noise, found.x, found.seeds, found.dropped, lines, int(below[0]) if below.size else 0)
    if read.left == 0:
        lowest = float(scaled["train_error"].mean(axis=0).min())
        what = "begins" if below.size else f"never falls (lowest: {lowest:.1f} %)"
        raise MissingEvidence(
            f"the mean train error of {read.name} {what} below {UNDERFIT:g} %: the part of the course before the "
            "labels are fitted cannot be told apart. Train for more epochs, or evaluate earlier."
        )
    return read


def networks(evidence: Evidence, family: str) -> list[str]:
    """The models of a family, smallest first.

    Raises:
        MissingEvidence: there is none.
    """
    found = of_family(evidence.levels("model"), family)
    if not found:
        raise MissingEvidence(
            f"no finished cell is a {FAMILIES[family]}. Run with --models {family}-50, for instance."
        )
    return found


def large(evidence: Evidence, family: str, noise: float | None = None) -> Course:
    """The course of the largest network of a family, with the most label noise unless another rate is given."""
    level = most_noise(evidence) if noise is None else noise
    return course(evidence, networks(evidence, family)[-1], level)


def critical(evidence: Evidence, family: str) -> Course:
    """The course of the smallest network of a family, with the most label noise.

    Raises:
        MissingEvidence: the family has one size only.
    """
    found = networks(evidence, family)
    if len(found) < 2:
        raise MissingEvidence(
            f"'{found[0]}' is the only {FAMILIES[family]}. Run a smaller one, near the fit point, too."
        )
    return course(evidence, found[0], most_noise(evidence))


def linear_lines(evidence: Evidence, *metrics: str) -> Any:
    """Metrics of the linear model with the most label noise over steps, paired by seed.

    Returns:
        :class:`overparam.core.lines.AlignedLines`.

    Raises:
        MissingEvidence: no such cells, no complete seed, or several settings.
    """
    from overparam.core.lines import align_seeds

    one_setting(evidence, SINGLE_LINEAR)
    if LINEAR not in evidence.levels("model"):
        raise MissingEvidence("no finished cell is the linear model. Run with --models linear.")
    return align_seeds(evidence, "step", *metrics, model=LINEAR, noise=most_noise(evidence))
