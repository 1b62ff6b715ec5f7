"""The verdicts of a run as plain text: what ``print(result)`` shows."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from overparam.core.formulas import as_text
from overparam.core.kinds import GROUPS, SIGNS, word

WIDE = 80


def text(record: Mapping[str, Any]) -> str:
    """Title, then claims, checks and questions with their status and the reason with its numbers; 80 columns.

    Args:
        record: a stored run, as plain JSON types.
    """
    mark = f" ({record['mark']})" if record["mark"] else ""
    lines = [f"{record['title']}: {record['profile']}{mark}"]
    for kind, heading in GROUPS.items():
        of_kind = [one for one in record["verdicts"] if one.get("kind", "claim") == kind]
        lines += [heading] if of_kind else []
        for verdict in of_kind:
            name = verdict["claim"].split(".", 1)[1]
            data = f", {verdict['data']}" if len({one["data"] for one in record["verdicts"]}) > 1 else ""
            status = word(kind, verdict["status"])
            lines.append(f"  {SIGNS[verdict['status']]} {name}{data}: {status}")
            lines += textwrap.wrap(
                _sentence(as_text(verdict["reason"])), WIDE, initial_indent=" " * 4, subsequent_indent=" " * 4
            )
    return "\n".join(lines)


def _sentence(reason: str) -> str:
    """A reason with a capital and a full stop."""
    whole = reason[:1].upper() + reason[1:]
    return whole if whole.endswith(".") else f"{whole}."
