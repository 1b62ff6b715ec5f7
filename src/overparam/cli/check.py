"""The verb ``overparam check``: all faults of a study, found before anything is computed."""

from __future__ import annotations

from rich.markup import escape

from overparam.cli.app import Whole, console, say
from overparam.core.errors import UsageError


def check(*studies: str, trials: Whole = 0) -> int:
    """Look for faults in studies, with file and line; nothing is computed. Exit code 2 if there is one.

    Parameters
    ----------
    studies
        Names of studies, or paths of Python files that hold one.
    trials
        Also judge every claim on so many draws of its planted worlds, and print how often it was supported.
    """
    from overparam.api.progress import count
    from overparam.core.registry import find
    from overparam.core.statements import same_numbers
    from overparam.sweep.check import check as look

    if not studies:
        raise UsageError("check: expected the name or the file of a study, got none. See `overparam ls`.")
    faulty = 0
    for reference in studies:
        study = find(reference)
        found = look(study)
        for fault in found:
            say(escape(str(fault)), err=True)
        if found:
            say(f"[red]{escape(study.name)}: {count(len(found), 'fault')}[/]", err=True)
            faulty += 1
            continue
        say(f"{escape(study.name)}: no faults; {count(len(study.claims), 'statement')} with planted worlds")
        for names in same_numbers(study.claims):
            say(f"  {escape(', '.join(names))} read a number in common: they are one measurement")
        if trials:
            _calibrate(study.claims, trials)
    return 2 if faulty else 0


def _calibrate(claims: object, trials: int) -> None:
    from rich import box
    from rich.table import Table

    from overparam.core.testing import supported

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("statement", "planted world", f"supported of {trials}"):
        table.add_column(name, overflow="fold")
    for claim in claims:  # type: ignore[attr-defined]
        for world, count in supported(claim, trials).items():
            table.add_row(escape(claim.name), escape(world), str(count))
    console().print(table)
