"""Releases of the packages that are installed. Standard library only."""

from __future__ import annotations

import functools
from importlib.metadata import PackageNotFoundError, version
from typing import Any


def release(value: Any) -> str:
    """The release of the package that a function or class comes from; empty where it comes from no package.

    >>> release(len)
    ''
    """
    return _release(str(getattr(value, "__module__", "")).partition(".")[0])


@functools.cache
def _release(package: str) -> str:
    try:
        return version(package)
    except (PackageNotFoundError, ValueError):  # no package, or no name
        return ""
