"""What a person sees in the terminal: plan and verdict table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from overparam.api.progress import count, duration
from overparam.core.diagnosis import tally

if TYPE_CHECKING:
    from overparam.sweep.run import Plan

MARKS = {
    "supported": ("✓", "green"),
    "contradicted": ("✗", "red"),
    "inconclusive": ("?", "yellow"),
    "not_applicable": ("–", "bright_black"),
}


def number(value: float | None) -> str:
    """A number to three significant digits, or a dash."""
    return "–" if value is None else f"{value:.3g}"


def plan_table(plan: Plan) -> RenderableType:
    """What a run will do: cells, done, to do, time and memory."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column()
    selection = plan.selection
    mark = f" ({selection.mark})" if selection.mark else ""
    table.add_row("study", escape(f"{selection.study.name}, profile {selection.profile}{mark}"))
    for axis in selection.study.axes:
        values = selection.axes[axis.name]
        table.add_row(f"--{axis.option}", escape(", ".join(str(v) for v in values)))
    todo = len(plan.names) - len(plan.done)
    table.add_row(
        "cells", f"{len(plan.names)}: {len(plan.done)} done, {todo} to do in {count(len(plan.stacks), 'stack')}"
    )
    if plan.damaged:
        table.add_row("damaged", f"{len(plan.damaged)} cell files cannot be read and are computed again")
    table.add_row("time", f"about {duration(plan.seconds)} on {count(plan.workers, 'worker')} (an estimate)")
    table.add_row("memory", f"about {plan.bytes / 1e9:.2g} GB for the arrays (an estimate)")
    table.add_row("results", escape(str(plan.out / selection.study.name)))
    return table


def verdict_table(record: Mapping[str, Any]) -> RenderableType:
    """The verdicts of a run: two lines a claim, the numbers and below them what was measured."""
    head = f"{record['title']} · {record['profile']}" + (f" · {record['mark']}" if record["mark"] else "")
    several = len({v["data"] for v in record["verdicts"]}) > 1
    rows = [_row(v) for v in record["verdicts"]]
    titles = ("verdict", "claim", "effect", "95 % interval", "asked", "n")
    wide = [max(len(text) for text in (title, *(row[i] for row in rows))) for i, title in enumerate(titles)]
    lines: list[RenderableType] = [Text(head, style="bold"), Text(_columns(titles, wide), style="bright_black")]
    for verdict, row in zip(record["verdicts"], rows, strict=True):
        line = Text(_columns(row, wide))
        line.stylize(MARKS[verdict["status"]][1], 0, wide[0])
        line.stylize("bold", wide[0] + 2, wide[0] + 2 + wide[1])
        below = f"{verdict['data']}: {_below(verdict)}" if several else _below(verdict)
        lines += [line, Padding(Text(below, style="bright_black"), (0, 0, 0, wide[0] + 2))]
    cells = record["cells"]
    took = duration(record["seconds"])
    said = [f"{count(cells['total'], 'cell')}, {cells['computed']} of them computed in {took}"]
    said += [f"{cells[k]} {k}" for k in ("diverged", "failed", "missing") if cells[k]]
    lines += _causes(record)
    return Group("", *lines, Text("\n".join([", ".join(said), *_more_seeds(record)]), style="bright_black"))


def _causes(record: Mapping[str, Any]) -> list[RenderableType]:
    """The likely causes of an absent effect, and how many were looked at; nothing where the effect is there."""
    lines: list[RenderableType] = []
    for one in record.get("diagnoses", []):
        if not one["open"]:
            continue
        where = f" on {one['data']}" if len(record["diagnoses"]) > 1 else ""
        lines.append(Text(f"why no peak{where}? {tally(one['items'])}", style="bold"))
        likely = [item for item in one["items"] if item["state"] == "likely"]
        told = [f"likely: {item['sentence']} {item['detail']}" for item in likely]
        told = told or ["none of the causes that were checked is there"]
        lines += [Padding(Text(text), (0, 0, 0, 2)) for text in told]
    return lines


def _more_seeds(record: Mapping[str, Any]) -> list[str]:
    """What to do where an interval is too wide to tell."""
    wide = [v["n"] for v in record["verdicts"] if v["status"] == "inconclusive" and not _explained(v)]
    if not wide:
        return []
    seeds = max(5, 2 * max(wide))
    return [f"inconclusive: --seeds {seeds} computes only the new seeds and narrows the intervals"]


def _below(verdict: Mapping[str, Any]) -> str:
    """What was measured; or why, where the numbers alone do not tell it."""
    return verdict["reason"] if _explained(verdict) else verdict["label"]


def _explained(verdict: Mapping[str, Any]) -> bool:
    """Whether the verdict comes from something else than its own numbers, such as a control."""
    part = _binding(verdict)
    return part is None or part["status"] != verdict["status"]


def _binding(verdict: Mapping[str, Any]) -> Mapping[str, Any] | None:
    same = (p for p in verdict["parts"] if (p["label"], p["effect"]) == (verdict["label"], verdict["effect"]))
    return next(same, None)


def _row(verdict: Mapping[str, Any]) -> tuple[str, ...]:
    claim = verdict["claim"].split(".", 1)[1]
    status = f"{MARKS[verdict['status']][0]} {verdict['status'].replace('_', ' ')}"
    if verdict["status"] == "not_applicable":
        return (status, claim, "", "", "", "")
    unit = f" {verdict['unit']}" if verdict["unit"] else ""
    effect, low, high = together(verdict["effect"], verdict["low"], verdict["high"])
    interval = "none" if verdict["low"] is None or verdict["low"] == verdict["high"] else f"{low} to {high}"
    return (status, claim, f"{effect}{unit}", interval, _asked(verdict), str(verdict["n"]))


def together(*values: float | None) -> tuple[str, ...]:
    """Numbers that belong together, to three significant digits of the largest; tiny ones with an exponent.

    >>> together(-8.19e-09, 1e-12)
    ('-8.19e-09', '1.00e-12')
    >>> together(-0.00002, -0.34, 0.34), together(2.2, 2.17, 2.23), together(None), together(1942.0, 129.0, 29200.0)
    (('0', '-0.34', '0.34'), ('2.2', '2.17', '2.23'), ('–',), ('1942', '129', '29200'))
    """
    largest = max((abs(v) for v in values if v is not None), default=0.0)
    if 0 < largest < 1e-4:
        return tuple("–" if v is None else f"{v:.2e}" for v in values)
    digits = 3 if largest == 0 else max(0, 2 - math.floor(math.log10(largest)))
    texts = ("–" if v is None else f"{v:.{digits}f}" for v in values)
    return tuple(
        t.rstrip("0").rstrip(".").replace("-0", "0") if "." in t and float(t) == 0 else _trim(t) for t in texts
    )


def _trim(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def _columns(texts: Sequence[str], wide: Sequence[int]) -> str:
    left = (True, True, False, False, False, False)
    cells = (t.ljust(w) if is_left else t.rjust(w) for t, w, is_left in zip(texts, wide, left, strict=True))
    return "  ".join(cells).rstrip()


def _asked(verdict: Mapping[str, Any]) -> str:
    part = _binding(verdict)
    if part is None:
        return ""
    low, high = part["at_least"], part["at_most"]
    if low is not None and high is not None:
        return f"{number(low)} to {number(high)}"
    return f"≥ {number(low)}" if low is not None else f"≤ {number(high)}"
