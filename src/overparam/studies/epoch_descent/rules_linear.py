"""The rules on the linear model: how many minima its risk has over time, and how near the theory comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from overparam.core import Evidence, Finding
from overparam.studies.epoch_descent.courses import SMOOTH, linear_lines

if TYPE_CHECKING:
    import numpy as np

DIP = 5.0  # per cent: what the risk rises by on both sides of a minimum that counts
NEAR = 20.0  # per cent: how far the measured risk may be from the theory


def depths(line: np.ndarray) -> list[float]:
    """Depths of the local minima inside a line, deepest first, in per cent of the minimum.

    A minimum's depth is what the line rises by, before it falls below that minimum or ends, on the side where
    this is less (the prominence of a peak, upside down and on a logarithmic scale). The two ends of a line are no
    minima.

    Args:
        line: positive, shape ``(points,)``.

    >>> import numpy as np
    >>> [round(d, 6) for d in depths(np.array([9.0, 2.0, 4.0, 1.0, 3.0]))]
    [200.0, 100.0]
    >>> depths(np.array([3.0, 2.0, 1.0]))
    []
    """
    import numpy as np
    from scipy.signal import find_peaks

    _, found = find_peaks(-np.log(line), prominence=0.0)
    return sorted((float(100.0 * np.expm1(p)) for p in found["prominences"]), reverse=True)


def minima(evidence: Evidence, count: int, metric: str) -> Finding:
    """The risk over time has exactly ``count`` minima: the last of them is deep enough, the next one is not.

    Each seed's own smoothed line is read, since every design has its own times.
    """
    import numpy as np

    from overparam.core.lines import smoothed
    from overparam.core.stats import mean_interval, part

    (lines,) = linear_lines(evidence, metric).lines
    found = [[*depths(line), 0.0, 0.0, 0.0] for line in smoothed(lines, SMOOTH)]
    deep = np.array([each[: count + 1] for each in found])
    names = ("deepest", "second deepest", "third deepest")
    parts = (
        part(
            f"depth of the {names[count - 1]} minimum",
            mean_interval(deep[:, count - 1]),
            at_least=DIP,
            unit="%",
        ),
        part(f"depth of the {names[count]} minimum", mean_interval(deep[:, count]), at_most=DIP, unit="%"),
    )
    each = ", ".join(str(sum(depth >= DIP for depth in depths)) for depths in found)
    return Finding(parts, f"Minima of at least {DIP:g} % by seed: {each}.")


def theory(evidence: Evidence, metric: str = "theory") -> Finding:
    """Largest distance of the measured risk from the theory over all times, each seed at its own worst time."""
    import numpy as np

    from overparam.core.stats import mean_interval, part

    found = linear_lines(evidence, "risk", metric)
    risk, predicted = found.lines
    away = 100.0 * np.abs(np.log(risk / predicted))
    worst = int(away.mean(axis=0).argmax())
    label = "largest distance of the risk from the theory"
    return Finding(
        (part(label, mean_interval(100.0 * np.expm1(away.max(axis=1) / 100.0)), at_most=NEAR, unit="%"),),
        f"On average they are farthest apart at step {found.x[worst]:,.0f}.",
    )
