"""From a trained member to what its cell stores, and what training it is expected to cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from overparam.core import Estimate, Outcome
from overparam.studies.rounding import rounded

PROBES = 30
TEST = 12_000  # test samples at most, for the estimate
_DIGITS = 6
_STEP = 8e-6  # seconds a member-step before any arithmetic, one core
_RATE = 80e9  # floating-point operations a second of a stacked step, one core
_BLOCK = 512  # samples measured at a time
_START = 3.0  # seconds to compile a stack


def cost(
    p: int, units: int, inputs: int, *, n: int, batch: int, steps: int, flops: float | None = None
) -> Estimate:
    """Expected cost of training one member.

    A training step takes 3 f b floating-point operations (f of one forward pass of one example, 2 p for a dense
    network; b samples), a probe f (n + test samples); 8 microseconds a step go to everything else. The two figures
    are fits to measurements of two-hidden-layer networks of widths 2 to 300 on one core.

    Args:
        p: number of parameters.
        units: numbers held for one example in a forward pass.
        inputs: features of an example.
        n: training samples.
        batch: samples in a minibatch.
        steps: training steps.
        flops: operations of one forward pass of one example; None for ``2 p``.

    >>> round(cost(4663, 144, 40, n=4000, batch=100, steps=20_000).seconds, 2)
    1.22
    """
    forward = 2.0 * p if flops is None else flops
    rows = n + TEST
    seconds = steps * (_STEP + 3.0 * forward * batch / _RATE) + PROBES * forward * rows / _RATE + _START / 10
    return Estimate(seconds, 4.0 * (8.0 * p + 3.0 * max(batch, _BLOCK) * units + 4.0 * n + rows * inputs))


def outcome(member: Any, fixed: Mapping[str, Any], by_step: Sequence[str]) -> Outcome:
    """What a cell stores of a trained member: its lines over the probe times, their ends, its best times, its norms.

    Args:
        member: an :class:`overparam.training.Trained`.
        fixed: values that do not come from training.
        by_step: the metrics kept at every probe time; each test metric also at its best time.

    Returns:
        The outcome; a diverged member keeps its lines and no ends.
    """
    lines = {name: [short(v) for v in member.values[name]] for name in by_step}
    kept = {
        **{name: line[-1] for name, line in lines.items()},
        **{f"best_{name}": _smallest(line) for name, line in lines.items() if name.startswith("test_")},
        **{name: short(member.values[name][-1]) for name in ("norm", "distance")},
    }
    diverged = member.diverged_at is not None
    values = {
        **fixed,
        **(dict.fromkeys(kept) if diverged else kept),
        "step": [int(step) for step in member.steps],
        **{f"{name}_by_step": line for name, line in lines.items()},
    }
    if diverged:
        return Outcome(values, "diverged", f"training diverged at step {int(member.diverged_at)}")
    return Outcome(values)


def short(value: Any) -> float | None:
    """A number to six significant digits; None where it is not finite."""
    return None if value is None else rounded(float(value), _DIGITS)


def _smallest(line: Sequence[float | None]) -> float | None:
    return min((value for value in line if value is not None), default=None)
