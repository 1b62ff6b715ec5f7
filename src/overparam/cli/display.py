"""What a person sees in the terminal: plan and verdict table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from overparam.api.progress import about, count, duration
from overparam.core.diagnosis import tally
from overparam.core.digits import together
from overparam.core.formulas import as_text
from overparam.core.kinds import GROUPS, SIGNS, word
from overparam.core.looks import LEVELS
from overparam.core.words import moment

if TYPE_CHECKING:
    from overparam.sweep.run import Plan

PAGE = 80  # characters of a terminal of which nothing is known
COLOURS = {
    "supported": "green",
    "contradicted": "red",
    "inconclusive": "yellow",
    "not_applicable": "bright_black",
}


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
        table.add_row(
            "damaged", f"{count(len(plan.damaged), 'cell file')} that cannot be read, to be computed again"
        )
    if plan.otherwise:
        table.add_row("again", told_otherwise(plan))
    table.add_row("time", f"{about(plan.seconds)} on {count(plan.workers, 'worker')} (an estimate)")
    table.add_row("memory", f"about {plan.bytes / 1e9:.2g} GB for the arrays (an estimate)")
    table.add_row("results", escape(str(plan.out / selection.study.name)))
    return table


def power_table(plan: Plan) -> RenderableType:
    """What the planned seeds can see of every statement, and what they would need."""
    from overparam.sweep.powers import powers

    selection, found = plan.selection, powers(plan)
    seeds = len(selection.study.profiles[selection.profile].axes.get("seed", (0,)))
    head = f"{selection.study.name} · {selection.profile}: {count(seeds, 'planned seed')}, 97 % intervals, 90 % power"
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name, justify in (("statement", "left"), ("cut-off", "right"), ("sees", "right"), ("planted", "right"),
                          ("seeds for it", "right"), ("spread of a seed", "left")):  # fmt: skip
        table.add_column(name, justify=justify, overflow="fold")  # type: ignore[arg-type]
    rest = []
    for one in found:
        if one.why:
            rest.append(f"{one.claim}: {one.why}")
            continue
        cut, seen, planted = together(one.cut, one.seen, one.planted)
        unit = f" {one.unit}" if one.unit else ""
        needed = str(one.needed) if one.needed else "> 10,000"
        table.add_row(
            escape(one.claim),
            cut,
            escape(f"{seen}{unit}"),
            escape(f"{planted}{unit}"),
            needed,
            escape(f"{one.spread:.2g} ({one.source})"),
        )
    lines: list[RenderableType] = [Text(head, "bold")]
    lines += [table] if table.row_count else []
    return Group(*lines, Text("\n".join(rest), "bright_black"))


def told_otherwise(plan: Plan) -> str:
    """Why cells that seem to be stored are computed again: what else than their parameters was part of their names."""
    return (
        f"{count(plan.otherwise, 'cell')} with these parameters, stored when the code of this study, its data or its "
        "cell_version was another (or by an overparam that did not look at the code): kept, and computed again"
    )


def verdict_table(record: Mapping[str, Any], width: int = PAGE) -> RenderableType:
    """The verdicts of a run, claims, checks and questions apart: two lines a statement, the second what was measured.

    Where the columns are wider than the terminal, the units go into the second lines, and then the names too.

    Args:
        record: the stored record.
        width: characters of the terminal.
    """
    head = f"{record['title']} · {record['profile']}" + (f" · {record['mark']}" if record["mark"] else "")
    several = len({v["data"] for v in record["verdicts"]}) > 1
    titles = ("verdict", "statement", "effect", _interval_title(record), "asked", "n")
    rows, wide, moved = _fitted(record["verdicts"], titles, width)
    titles = (titles[0], "" if "name" in moved else titles[1], *titles[2:])
    lines: list[RenderableType] = [Text(head, style="bold"), Text(_columns(titles, wide), style="bright_black")]
    for kind, heading in GROUPS.items():
        of_kind = [(v, row) for v, row in zip(record["verdicts"], rows, strict=True) if kind_of(v) == kind]
        if of_kind and len({kind_of(v) for v in record["verdicts"]}) > 1:
            lines.append(Text(heading, style="italic"))
        for verdict, row in of_kind:
            line = Text(_columns(row, wide))
            line.stylize(COLOURS[verdict["status"]], 0, wide[0])
            line.stylize("bold", wide[0] + 2, wide[0] + 2 + wide[1])
            below = _joined(_own_mark(verdict, record["mark"]), _below(verdict))
            below = f"{verdict['data']}: {below}" if several else below
            below = _with_moved(verdict, below, moved)
            lines += [line, Padding(Text(below, style="bright_black"), (0, 0, 0, wide[0] + 2))]
    cells = record["cells"]
    said = [f"{count(cells['total'], 'cell')}{_computed(record)}"]
    said += [f"{cells[k]} {k}" for k in ("diverged", "failed", "damaged", "missing") if cells.get(k)]
    lines += _causes(record)
    return Group("", *lines, Text("\n".join([", ".join(said), *_more_seeds(record)]), style="bright_black"))


def _computed(record: Mapping[str, Any]) -> str:
    """How many cells the run computed and how long that took; for a run that found all of them, how long it took then."""
    cells, took = record["cells"], duration(record["seconds"])
    stored = cells["ok"] + cells["diverged"] - cells["computed"]
    if cells["computed"]:
        told = "computed" if cells["total"] == 1 else f"{cells['computed']} of them computed"
        return f", {told} in {took}" + (f", {stored} from the store" if stored > 0 else "")
    if stored <= 0:
        return f", none computed in {took}"
    when = f", the last of them {moment(record['finished'])}" if record.get("finished") else ""
    whole = "from the store" if stored == 1 else "all from the store"
    every = whole if stored == cells["total"] else f"{stored} from the store"
    return f", {every} (computing took {duration(record.get('compute_seconds', 0.0))}{when})"


def kind_of(verdict: Mapping[str, Any]) -> str:
    """Claim, check or question."""
    return str(verdict.get("kind", "claim"))


def _interval_title(record: Mapping[str, Any]) -> str:
    level = next((v["level"] for v in record["verdicts"] if "level" in v), 0.95)
    return f"{100 * level:g} % interval"


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
    """What was planned, and which later look would tell where the interval is too wide now."""
    planned = record.get("planned")
    if planned is None:
        return []
    if planned["below"]:
        first, last = planned["first"], planned["first"] + planned["count"] - 1
        return [
            f"below plan: {planned['have']} of {planned['count']} planned seeds, {first} to {last}: estimates, no verdicts"
        ]
    told = []
    for verdict in record["verdicts"]:
        if verdict["status"] == "inconclusive" and verdict.get("needed"):
            name, rung = verdict["claim"].split(".", 1)[1], verdict["needed"] // planned["count"]
            level = 100 * LEVELS[rung]
            told.append(
                f"{name}: the look at {verdict['needed']} seeds ({level:g} % intervals) would tell at this effect"
            )
    return list(dict.fromkeys(told))


def _own_mark(verdict: Mapping[str, Any], of_run: str) -> str:
    """What is special about a verdict, beside what is about its whole run."""
    return str(verdict.get("mark", "")).removeprefix(of_run).removeprefix(", ")


def _below(verdict: Mapping[str, Any]) -> str:
    """What was measured; or why, where the numbers alone do not tell it."""
    return as_text(verdict["reason"] if _explained(verdict) else verdict["label"])


def _joined(mark: str, below: str) -> str:
    """A mark before what it is about, unless that begins with it."""
    return below if below.startswith(f"{mark}:") else " · ".join(filter(None, (mark, below)))


def _explained(verdict: Mapping[str, Any]) -> bool:
    """Whether the verdict comes from something else than its own numbers, such as a control."""
    part = _binding(verdict)
    return part is None or part["status"] != verdict["status"]


def _binding(verdict: Mapping[str, Any]) -> Mapping[str, Any] | None:
    same = (p for p in verdict["parts"] if (p["label"], p["effect"]) == (verdict["label"], verdict["effect"]))
    return next(same, None)


def _row(verdict: Mapping[str, Any], moved: frozenset[str] = frozenset()) -> tuple[str, ...]:
    claim = "" if "name" in moved else verdict["claim"].split(".", 1)[1]
    status = f"{SIGNS[verdict['status']]} {word(kind_of(verdict), verdict['status'])}"
    if verdict["status"] == "not_applicable" and verdict["effect"] is None:
        return (status, claim, "", "", "", "")
    part = _binding(verdict) or {"at_least": None, "at_most": None}
    unit = f" {verdict['unit']}" if verdict["unit"] and "unit" not in moved else ""
    ends = (verdict["low"], verdict["high"], part["at_least"], part["at_most"])
    effect, low, high, least, most = together(verdict["effect"], *ends)
    interval = "none" if verdict["low"] is None or verdict["low"] == verdict["high"] else f"{low} to {high}"
    return (status, claim, f"{effect}{unit}", interval, _asked(part, least, most), str(verdict["n"]))


def _fitted(
    verdicts: Sequence[Mapping[str, Any]], titles: Sequence[str], width: int
) -> tuple[list[tuple[str, ...]], list[int], frozenset[str]]:
    """The rows with the widths of their columns, and what had to leave them: ``unit``, ``name``."""
    rows: list[tuple[str, ...]] = []
    wide: list[int] = []
    for moved in (frozenset[str](), frozenset({"unit"}), frozenset({"unit", "name"})):
        rows = [_row(v, moved) for v in verdicts]
        heads = (titles[0], "" if "name" in moved else titles[1], *titles[2:])
        wide = [max(len(text) for text in (head, *(row[i] for row in rows))) for i, head in enumerate(heads)]
        if sum(wide) + 2 * (len(wide) - 1) <= width:
            break
    return rows, wide, moved


def _with_moved(verdict: Mapping[str, Any], below: str, moved: frozenset[str]) -> str:
    """The second line with what the first has no room for."""
    if "name" in moved:
        below = f"{verdict['claim'].split('.', 1)[1]}: {below}"
    unit = str(verdict["unit"] or "").strip("()")
    needed = "unit" in moved and unit and verdict["effect"] is not None and not _explained(verdict)
    return f"{below} ({unit})" if needed and not below.startswith(unit) else below


def _columns(texts: Sequence[str], wide: Sequence[int]) -> str:
    left = (True, True, False, False, False, False)
    cells = (t.ljust(w) if is_left else t.rjust(w) for t, w, is_left in zip(texts, wide, left, strict=True))
    return "  ".join(cells).rstrip()


def _asked(part: Mapping[str, Any], least: str, most: str) -> str:
    if part.get("decided"):
        return "trend" if part.get("told", "").startswith("from") else "some point"
    if part["at_least"] is not None and part["at_most"] is not None:
        return f"{least} to {most}"
    if part["at_least"] is None and part["at_most"] is None:
        return ""
    return f"≥ {least}" if part["at_least"] is not None else f"≤ {most}"
