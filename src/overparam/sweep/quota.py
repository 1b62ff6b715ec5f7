"""How much of the processors a container may use: the limit of its control group. Standard library only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

GROUPS, OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def cpu_quota(groups: Path = GROUPS, own: Path = OWN) -> float | None:
    """Processors that this process may use at a time by the limits of its control groups; None where there is none.

    Args:
        groups: where the system shows the groups, those of version 2 or the controllers of version 1.
        own: the file that names the groups of this process.
    """
    found = [limit for folder in _folders(groups, own) if (limit := _limit(folder)) is not None]
    return min(found, default=None)


def _folders(groups: Path, own: Path) -> Iterator[Path]:
    """The folders of the groups that this process is in, each with those above it."""
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        lines = ["0::/", "0:cpu:/"]
    for line in lines:
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if controllers and "cpu" not in controllers.split(","):
            continue
        for top in (groups / controllers, groups / "cpu") if controllers else (groups,):
            inside = Path(path.lstrip("/"))
            yield from (top / part for part in (inside, *inside.parents))


def _limit(folder: Path) -> float | None:
    try:
        if (folder / "cpu.max").is_file():
            quota, period = (folder / "cpu.max").read_text(encoding="utf-8").split()
        else:
            quota, period = (
                (folder / f"cpu.cfs_{name}_us").read_text(encoding="utf-8") for name in ("quota", "period")
            )
        limit = float(quota) / float(period)
    except (OSError, ValueError, ZeroDivisionError):  # no limit is the word max, or -1
        return None
    return limit if limit > 0 else None
