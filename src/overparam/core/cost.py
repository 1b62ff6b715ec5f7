"""What a cell is expected to cost that is computed by itself: measured constants, for every study the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from overparam.core.parts import Estimate

STEP = 8e-6  # seconds a member-step
RATE = 80e9  # floating-point operations a second
DOUBLE = 0.4  # share of RATE that float64 factorisations and products of large matrices reach
NARROW = 0.15  # share of RATE that float64 steps of small networks reach
START = 3.0  # seconds to compile a stack


def computed(
    flops: float,
    numbers: float,
    *,
    speed: float = DOUBLE,
    steps: float = 0.0,
    step: float = STEP,
    starts: float = 0.0,
) -> Estimate:
    """Expected cost of a cell that is computed by itself: a closed form, or descent in float64.

    Args:
        flops: floating-point operations.
        numbers: float64 numbers held at a time.
        speed: share of RATE: ``DOUBLE`` for large matrices, ``NARROW`` for the steps of small networks.
        steps: steps of a loop.
        step: seconds a step before any arithmetic; in a loop of numpy about twice ``STEP``.
        starts: programs to compile.

    Returns:
        Seconds on one core, and bytes; numpy, scipy and JAX themselves take some 150 MB.

    >>> computed(3.2e10, 0).seconds
    1.1
    """
    return Estimate(0.1 + starts * START / 2 + steps * step + flops / (RATE * speed), 1.5e8 + 8.0 * numbers)


def descent(
    cell: Mapping[str, Any], units: float, held: float, *, n: int | None = None, steps: int | None = None,
    starts: float = 2.0,
) -> Estimate:  # fmt: skip
    """Expected cost of full-batch descent of small networks in float64, a dozen operations a weight and sample.

    Args:
        cell: with ``data``, ``d`` (of generated inputs), ``n`` and ``steps``, unless they are given.
        units: hidden units of all networks that are trained; other layers count as more units.
        held: float64 numbers held beside 160 MB.
        n: training rows.
        steps: steps of a training.
        starts: programs to compile.

    >>> round(descent({"data": "sphere", "d": 10, "n": 32, "steps": 400}, 10_000, 0).seconds, 1)
    4.5
    """
    d = 64 if cell["data"] == "digits" else cell["d"]
    passes = units * (cell["n"] if n is None else n) * (cell["steps"] if steps is None else steps)
    return computed(passes * (6 * d + 72), 2e7 + held, speed=NARROW, starts=starts)
