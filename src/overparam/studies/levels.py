"""What rules ask of the axes of a run before they read it: one setting, and the arm with the most label noise."""

from __future__ import annotations

from collections.abc import Iterable

from overparam.core import Evidence, MissingEvidence


def one_setting(evidence: Evidence, axes: Iterable[str]) -> None:
    """Refuse cells of several settings.

    Args:
        evidence: the finished cells of a run.
        axes: the axes that are no arm.

    Raises:
        MissingEvidence: one of them has several values among the cells.
    """
    for axis in axes:
        levels = evidence.levels(axis)
        if len(levels) > 1:
            listed = ", ".join(str(level) for level in levels)
            raise MissingEvidence(f"a rule judges one value of '{axis}', got {listed}. Run them one at a time.")


def most_noise(evidence: Evidence, like: float = 0.2, words: str = "label noise") -> float:
    """The largest rate of label noise.

    Args:
        evidence: the finished cells of a run.
        like: the rate that the message proposes.
        words: what the noise is called.

    Raises:
        MissingEvidence: no cell has any.

    >>> most_noise(Evidence((({"noise": 0.0}, {}), ({"noise": 0.15}, {}))))
    0.15
    """
    level = max(evidence.levels("noise"), default=0.0)
    if level <= 0:
        raise MissingEvidence(f"no finished cell has {words}. Run with --noise 0,{like:g}.")
    return float(level)
