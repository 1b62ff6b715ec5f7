"""Target noise: a fixed share of numeric training targets replaced once, the same ones for every model."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32
from numpy.typing import ArrayLike

from overparam.core.checked import all_finite, numbers, real, shown
from overparam.core.errors import DataError, UsageError
from overparam.data.stream import stream


def target_noise(
    y: ArrayLike, rate: float, *, seed: int
) -> tuple[Float32[np.ndarray, "n ..."], Bool[np.ndarray, " n"]]:
    """Replace exactly ``round(share * n)`` of n training targets by the targets of rows drawn at random.

    The counterpart of inclusive label noise for numbers: the targets keep their distribution and lose their tie to the
    inputs. Positions are drawn without replacement, the rows they come from with replacement; one draw a seed, cut
    at the rate, so noise is nested. A share ``r`` of targets of variance v adds a squared error of ``2 r v`` on average.

    Args:
        y: training targets, shape ``(n,)`` or ``(n, targets)``.
        rate: share of targets to replace, 0 to 1.
        seed: which draw.

    Returns:
        The targets with noise, float32, of the same shape, and which were replaced, bool, shape ``(n,)``.

    Raises:
        UsageError: a rate outside [0, 1].
        DataError: targets of another shape, missing, infinite, or above what float32 holds.

    >>> noisy, replaced = target_noise(np.arange(10.0), 0.3, seed=0)
    >>> int(replaced.sum()), bool(np.all(noisy[~replaced] == np.arange(10.0)[~replaced]))
    (3, True)
    """
    share = real(rate)
    if not 0 <= share <= 1:
        raise UsageError(f"target noise: expected a rate from 0 to 1 (a share of targets), got {shown(rate)}.")
    values = numbers(y, "y", high=float(np.finfo(np.float32).max))
    if values.ndim not in (1, 2) or not values.size:
        raise DataError(f"y: expected shape (n,) or (n, targets), got {values.shape}.")
    all_finite(values, "y")
    clean = values.astype(np.float32)
    n = len(clean)
    random = stream("target-noise", seed)
    order, drawn = random.permutation(n), random.randint(0, n, size=n)
    replaced = np.zeros(n, dtype=np.bool_)
    replaced[order[: round(share * n)]] = True
    noisy = clean.copy()
    noisy[replaced] = clean[drawn][replaced]
    return noisy, replaced
