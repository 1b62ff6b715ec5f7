"""How much memory this machine has."""

from __future__ import annotations

import os

SHARE = 0.6


def total_memory() -> float:
    """Bytes of memory of this machine, or 8e9 where the system does not tell."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (ValueError, OSError, AttributeError):
        return 8e9


def memory_budget() -> float:
    """Bytes that may be used unless a person says otherwise: 60 % of the machine's memory."""
    return SHARE * total_memory()
