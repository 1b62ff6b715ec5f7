"""Probe times: the steps at which a run is looked at."""

from __future__ import annotations

from overparam.core.checked import count


def probe_times(steps: int, probes: int) -> tuple[int, ...]:
    """Steps at which a run is looked at: 0, 1, then evenly in the logarithm, ending at ``steps``.

    Early times that would fall on one step are spread to the next ones, so that there are exactly
    ``min(probes, steps + 1)`` of them.

    Args:
        steps: length of the run.
        probes: number of times wanted, at least 2.

    Returns:
        Increasing step numbers.

    Raises:
        UsageError: numbers that are no counts, or fewer than two times.

    >>> probe_times(1000, 7)
    (0, 1, 4, 16, 63, 251, 1000)
    >>> probe_times(3, 30)
    (0, 1, 2, 3)
    """
    steps, probes = count(steps, "steps"), count(probes, "probes", 2)
    if probes == 2:
        return (0, steps)
    times = [0, 1]
    while times[-1] < steps:
        left = probes - len(times)
        ideal = times[-1] * (steps / times[-1]) ** (1 / left) if left > 0 else steps
        times.append(min(steps, max(times[-1] + 1, round(ideal))))
    return tuple(times)


def even_times(steps: int, probes: int) -> tuple[int, ...]:
    """Steps at which a run is looked at: evenly from 0 to ``steps``.

    Args:
        steps: length of the run.
        probes: number of times wanted, at least 2.

    Raises:
        UsageError: numbers that are no counts, or fewer than two times.

    >>> even_times(10, 5)
    (0, 3, 5, 8, 10)
    """
    steps, probes = count(steps, "steps"), count(probes, "probes", 2)
    many = min(probes, steps + 1)
    return tuple(sorted({(2 * i * steps + many - 1) // (2 * (many - 1)) for i in range(many)}))
