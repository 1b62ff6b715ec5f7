"""Write the findings: studies/findings.json, findings.md and the ledger in README.md. ``make findings STORE=runs``.

``python docs/findings.py FOLDER`` judges every study at its deciding profile in that results folder. A study with cells
that are not stored keeps its last entry and is named; ``--compute`` computes them first. ``--text`` writes the two texts
again from findings.json.
"""

import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from overparam.core import findings, tallies
from overparam.core.errors import OverparamError
from overparam.core.kinds import word
from overparam.core.ledger import LEDGER
from overparam.core.looks import FIRST_LOOK
from overparam.core.registry import ships, studies
from overparam.core.totals import Row, rows

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
PAGE = HERE / "findings.md"
BEGIN, END = "<!-- findings -->", "<!-- end of findings -->"
Entry = Mapping[str, Any]
HEAD = """# Findings

What every study found in the profile that decides, on seeds that nobody had looked at. *Claims* are what a source says,
and their verdicts are the ones that count. *Checks* are what is proved: they test this package. *Questions* are ours. A
claim that did not replicate stands here like any other, and first. The same by lines of the ledger is in the README and in
`overparam ls --ledger`; rules, controls and preconditions are on each study's page (`overparam run STUDY --profile
laptop`). Of a statement with several parts the one that decides is shown.
"""
TITLES = {"claim": "Claims", "check": "Checks", "question": "Questions"}


def shipped_studies() -> dict[str, Any]:
    """The studies of the package by name."""
    return {name: study for name, study in studies().items() if ships(study)}


def known(found: Mapping[str, Any]) -> dict[str, list[str]]:
    """Numbers of the lines that each study answers."""
    return {name: [n for claim in study.claims for n in claim.ledger] for name, study in found.items()}


def judged(store: Path, *, compute: bool) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Judge every study in a results folder: new entries by name, and why others have none."""
    from overparam.sweep.run import execute, make_plan

    fresh, kept = {}, {}
    for name, study in shipped_studies().items():
        try:
            plan = make_plan(name, study.decides, out=store, download=compute)
            todo = len(plan.cells) - len(plan.done)
            if todo and not compute:
                kept[name] = f"{todo} of {len(plan.cells)} cells are not stored in {store}"
                continue
            record = execute(plan, on="processes" if plan.stacks else "inline")
        except OverparamError as error:
            kept[name] = str(error)
            continue
        except Exception as error:  # one study's mistake leaves the others theirs
            kept[name] = f"{type(error).__name__}: {error}"
            continue
        if record["failures"]:
            kept[name] = f"{len(record['failures'])} cells failed"
            continue
        fresh[name] = findings.entry(record)
    return fresh, kept


def of_older_rules(entry: Entry, study: Any) -> list[str]:
    """Names of the statements of an entry whose rule is no longer the study's, and of those that it lacks."""
    now = {
        claim.name: (claim.rule_version, claim.fingerprint)
        for claim in study.claims
        if not claim.profiles or study.decides in claim.profiles
    }
    then = {one["statement"]: (one["version"], one["fingerprint"]) for one in entry["verdicts"]}
    return sorted(name for name in now.keys() | then.keys() if now.get(name) != then.get(name))


def cell(text: str) -> str:
    """Text inside a table."""
    return " ".join(text.split()).replace("|", "/")


def measured(one: Entry) -> list[str]:
    """The cells of a table for what was measured: effect, interval, cut-offs, n."""
    if one["effect"] is None:
        return [cell(one["reason"]), "", "", ""]
    ends = tallies.interval(one)
    level = "" if ends == "none" or one["level"] == FIRST_LOOK else f" ({100 * one['level']:g} %)"
    return [cell(tallies.effect(one)), ends + level, tallies.asked(one), str(one["n"])]


def line(cells: Iterable[str]) -> str:
    """A line of a table."""
    return f"| {' | '.join(cells)} |"


def statement(one: Entry) -> str:
    """A verdict as a line of a study's table."""
    name = f"`{one['statement']}`, {one['data']}: {cell(one['sentence'])}"
    scope = f" Outside the source's scope: {cell(one['outside'])}" if one.get("outside") else ""
    return line(
        (name + scope, " ".join(one["ledger"]), f"**{word(one['kind'], one['status'])}**", *measured(one))
    )


def section(entry: Entry) -> str:
    """One study."""
    cells = entry["cells"]
    facts = (
        f"Profile `{entry['profile']}`{', ' + entry['mark'] if entry['mark'] else ''}, {seeds(entry['seeds'])}, "
        f"{cells['ok'] + cells['diverged']} cells{diverged(cells['diverged'])}, {minutes(entry['minutes'])} of computation "
        f"on one core, {entry['date']}."
    )
    told = "; ".join(tallies.of_kind(k, entry["verdicts"]) for k in TITLES if any(of(k, entry["verdicts"])))
    parts = [f"## `{entry['study']}`", entry["question"], facts, f"In short: {told}."]
    if entry["below"]:
        parts.append("**Fewer seeds than planned: estimates, no verdicts.**")
    for kind, title in TITLES.items():
        chosen = list(of(kind, entry["verdicts"]))
        if chosen:
            head = line(("statement", "line", "verdict", "measured", f"{interval_name()}", "asked", "n"))
            parts.append("\n".join([f"### {title}", "", head, "|---" * 7 + "|", *map(statement, chosen)]))
    return "\n\n".join(parts)


def interval_name() -> str:
    """The heading of the intervals: their level, where a line does not say another."""
    return f"{100 * FIRST_LOOK:g} % interval"


def of(kind: str, verdicts: Iterable[Entry]) -> Iterable[Entry]:
    """The verdicts of a kind."""
    return (one for one in verdicts if one["kind"] == kind)


def seeds(values: Sequence[int]) -> str:
    """Seeds in words.

    >>> seeds([100, 101, 102]), seeds([3, 7])
    ('seeds 100 to 102', 'seeds 3, 7')
    """
    if len(values) > 1 and list(values) == list(range(values[0], values[0] + len(values))):
        return f"seeds {values[0]} to {values[-1]}"
    return f"seeds {', '.join(map(str, values))}"


def diverged(count: int) -> str:
    """Cells that diverged, in words."""
    return f" ({count} diverged)" if count else ""


def minutes(value: float) -> str:
    """A time in words."""
    return f"{value:.1f} minutes" if value < 10 else f"{value:.0f} minutes"


def against(entries: Sequence[Entry]) -> str:
    """The claims that are contradicted and the checks that fail, of every study."""
    found = [
        (entry["study"], one)
        for entry in entries
        for one in entry["verdicts"]
        if one["status"] == "contradicted" and one["kind"] != "question"
    ]
    if not found:
        return "## Contradicted\n\nNo claim is contradicted, and no check fails."
    head = ("statement", "line", "measured", interval_name(), "asked", "n")
    body = [
        line(
            (
                f"`{study}.{one['statement']}`, {one['data']}: {cell(one['sentence'])}",
                " ".join(one["ledger"]),
                *measured(one),
            )
        )
        for study, one in found
    ]
    return "\n".join(["## Contradicted", "", line(head), "|---" * len(head) + "|", *body])


def page(entries: Sequence[Entry], table: Sequence[Row]) -> str:
    """The page of findings."""
    said = paragraphs(tallies.totals(table, entries))
    return "\n\n".join(part.strip() for part in (HEAD, said, against(entries), *map(section, entries))) + "\n"


def ledger(entries: Sequence[Entry], table: Sequence[Row]) -> str:
    """The ledger for the README: totals, and one line for each of the 63 statements and of those named under one."""
    said = paragraphs(tallies.totals(table, entries))
    body = [
        line(
            (
                one.line.number,
                cell(one.line.sentence) + remark(one),
                ", ".join(f"`{name}`" for name in one.studies),
                verdict(one),
            )
        )
        for row in table
        for one in (row, *row.under)
    ]
    sources = dict.fromkeys((one.source, one.document) for one in LEDGER.values())
    firsts = [next(row.line.number for row in table if row.line.source == name) for name, _ in sources]
    where = ", ".join(f"{name} from {first}" for (name, _), first in zip(sources, firsts, strict=True))
    head = line(("line", "what the source says", "studies", "verdict"))
    return "\n".join(
        [
            said,
            "",
            paragraphs([f"The sources: {where}. In italics, what the print lacks."]),
            "",
            head,
            "|---" * 4 + "|",
            *body,
        ]
    )


def paragraphs(texts: Iterable[str]) -> str:
    """Paragraphs in lines of at most 120 characters."""
    return "\n\n".join(
        textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False) for text in texts
    )


def remark(row: Row) -> str:
    """What the printed statement lacks, how it is read, or why no experiment can answer it."""
    told = row.line.unmeasured if row.verdict == "no experiment" else row.line.note
    return f" *{cell(told)}*" if told else ""


def verdict(row: Row) -> str:
    """The verdict of a line, with what speaks against it by name."""
    if row.verdict in ("no study yet", "not run", "no experiment"):
        return row.verdict
    names = f"; against: {', '.join(f'`{name}`' for name in row.against)}" if row.against else ""
    return f"**{row.verdict}**{row.words.removeprefix(row.verdict)}{names}"


def texts(found: Mapping[str, Entry]) -> tuple[str, str]:
    """The page of findings, and the part of the README between its marks."""
    entries = [found[name] for name in sorted(found)]
    table = rows(entries, known(shipped_studies()))
    return page(entries, table), ledger(entries, table)


def write(found: Mapping[str, Entry]) -> None:
    """Write both texts."""
    told, between = texts(found)
    PAGE.write_text(told, encoding="utf-8")
    before, rest = README.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    README.write_text(f"{before}{BEGIN}\n{between}\n{END}{after}", encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    """Judge, write, and say which studies kept their last entry."""
    options = {one for one in arguments if one.startswith("--")}
    folders = [Path(one) for one in arguments if not one.startswith("--")]
    if options - {"--compute", "--text"} or len(folders) != ("--text" not in options):
        sys.stderr.write("expected: python docs/findings.py FOLDER [--compute], or --text\n")
        return 2
    last = findings.read(findings.FILE)
    found = shipped_studies()
    entries = {name: entry for name, entry in last.items() if name in found}
    if folders:
        fresh, kept = judged(folders[0], compute="--compute" in options)
        entries |= fresh
        findings.FILE.write_text(findings.text(entries.values()), encoding="utf-8")
        for name, why in kept.items():
            what = f"keeps its entry of {last[name]['date']}" if name in last else "has no entry"
            sys.stdout.write(f"{name} {what}: {why}\n")
        sys.stdout.write(f"judged {len(fresh)} of {len(found)} studies\n")
    for name, entry in entries.items():
        older = of_older_rules(entry, found[name])
        if older:
            sys.stdout.write(f"{name}: the entry is of other rules for {', '.join(older)}\n")
    write(entries)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
