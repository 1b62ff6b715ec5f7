"""The rules of the claims on sample-wise double descent: functions of the evidence, cut-offs fixed before the data.

Each rule is applied to every setting (size, noise) among the cells; all parts must hold. ``arm`` is empty for the
minimum-norm solution and ``ridge_`` for tuned ridge.
"""

from __future__ import annotations

from typing import Any

from overparam.core import Check, Evidence, Finding
from overparam.studies import grids

PLACE = (0.9, 1.1)  # of n/N
HEIGHT = 2.0  # loss at N over that at LEFT * N
LEFT = 0.25
WORSE = 1.0  # factor by which more samples raise the loss
RISE = 1.10  # largest factor by which tuned ridge may rise
SETTING = ("features", "noise", "label_noise", "n_test")


def peak(evidence: Evidence, arm: str = "") -> Finding:
    """The test loss is largest at a number of samples within 10 % of N."""
    from overparam.core.stats import part, place_interval

    parts = []
    for setting in grids.settings(evidence, SETTING):
        ratio, loss = _line(evidence, setting, f"{arm}test_loss")
        place = place_interval(ratio.tolist(), loss.argmax(axis=1).tolist())
        label = f"{grids.label(evidence, setting)}place of the largest test loss"
        parts.append(part(label, place, at_least=PLACE[0], at_most=PLACE[1], unit="N"))
    return Finding(tuple(parts))


def height(evidence: Evidence, arm: str = "") -> Finding:
    """The test loss at N samples is at least twice that at a quarter of them."""
    from overparam.core.stats import part, ratio_interval

    parts = []
    for setting in grids.settings(evidence, SETTING):
        ratio, loss = _line(evidence, setting, f"{arm}test_loss")
        times = ratio_interval(
            loss[:, grids.at(ratio, 1.0, "N", "n")], loss[:, grids.at(ratio, LEFT, "N", "n")]
        )
        label = f"{grids.label(evidence, setting)}test loss at N samples over that at N/4"
        parts.append(part(label, times, at_least=HEIGHT))
    return Finding(tuple(parts))


def more_hurts(evidence: Evidence, arm: str = "") -> Finding:
    """Some larger number of samples has a larger test loss than some smaller one.

    The two numbers are those of the largest mean climb of half of the seeds, read at the other half.
    """
    import numpy as np

    from overparam.core.lines import held_out_climb
    from overparam.core.stats import Interval, mean_interval, part

    parts, notes = [], []
    for setting in grids.settings(evidence, SETTING):
        ratio, loss = _line(evidence, setting, f"{arm}test_loss")
        climb, (low, high) = held_out_climb(np.log(loss))
        inner = mean_interval(climb)
        ends = [None if end is None else float(np.exp(end)) for end in (inner.low, inner.high)]
        factor = Interval(float(np.exp(inner.mean)), ends[0], ends[1], inner.n)
        label = f"{grids.label(evidence, setting)}test loss with more samples over that with fewer"
        parts.append(part(label, factor, at_least=WORSE))
        notes.append(f"{grids.label(evidence, setting)}Read from {ratio[low]:.3g} N to {ratio[high]:.3g} N.")
    return Finding(tuple(parts), " ".join(notes))


def no_rise(evidence: Evidence, arm: str = "ridge_") -> Finding:
    """The largest rise of the test loss from any number of samples to a larger one is at most a factor 1.10.

    The two numbers are those of the largest mean rise over all seeds: picking works against the claim.
    """
    import numpy as np

    from overparam.core.lines import largest_climb
    from overparam.core.stats import part, ratio_interval

    parts = []
    for setting in grids.settings(evidence, SETTING):
        _, loss = _line(evidence, setting, f"{arm}test_loss")
        _, (low, high) = largest_climb(np.log(loss))
        label = f"{grids.label(evidence, setting)}largest rise of the test loss with more samples, as a factor"
        parts.append(part(label, ratio_interval(loss[:, high], loss[:, low]), at_most=RISE))
    return Finding(tuple(parts))


def bracketed(evidence: Evidence) -> Check:
    """At least five numbers of samples in [0.8, 1.25] N, one of them within 2 % of N."""
    return grids.bracketed(evidence, SETTING, "N", lambda some, setting: _line(some, setting, "test_loss")[0])


def _line(evidence: Evidence, setting: grids.Setting, metric: str) -> tuple[Any, Any]:
    """Return ``n/N`` of shape ``(points,)`` and the metric of shape ``(seeds, points)``."""
    import numpy as np

    from overparam.core.lines import align_seeds

    found = align_seeds(evidence, "n", metric, **setting)
    return np.asarray(found.x) / setting["features"], found.lines[0]
