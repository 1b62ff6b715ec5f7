"""Random streams that never change: one per (tag, seed), on numpy's frozen legacy generator."""

from __future__ import annotations

import hashlib
import operator
from typing import Any

import numpy as np

from overparam.core.checked import shown
from overparam.core.errors import UsageError


def stream(tag: str, seed: int) -> np.random.RandomState:
    """Return the random stream of a purpose and a seed.

    Results are found again by their settings, so the numbers drawn from the settings must stay the same
    for good; numpy promises that for ``RandomState`` only. Streams of different tags are unrelated
    although they share a seed, and numpy's global state is left alone.

    Args:
        tag: what the stream is for, for instance ``"label-noise"``.
        seed: 0 to 2**32 - 1.

    Returns:
        A fresh generator.

    Raises:
        UsageError: the seed is not a whole number in that range.

    References:
        NumPy Enhancement Proposal 19 (the compatibility promise for ``RandomState``).

    >>> draws = [stream(tag, 0).randint(1000) for tag in ("a", "a", "b")]
    >>> draws[0] == draws[1], draws[0] == draws[2]
    (True, False)
    """
    digest = hashlib.sha256(tag.encode()).digest()
    return np.random.RandomState([whole_seed(seed), int.from_bytes(digest[:4], "big")])


def whole_seed(seed: Any) -> int:
    """Return the seed as an int, or raise UsageError naming the range that is allowed."""
    try:
        value = -1 if isinstance(seed, bool) else operator.index(seed)
    except Exception:
        value = -1
    if not 0 <= value < 2**32:
        raise UsageError(f"seed: expected a whole number from 0 to {2**32 - 1}, got {shown(seed)}.")
    return value
