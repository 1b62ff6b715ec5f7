"""Write findings.md and the table of README.md, the verdicts of stored runs: ``python docs/findings.py FOLDER ...``.

Each folder is a results folder; of each study the newest ``laptop`` run is taken, else the newest of any profile.
"""

import sys
from pathlib import Path

from overparam.core.registry import studies
from overparam.report import words
from overparam.store import RecordStore

HERE = Path(__file__).parent
BEGIN, END = "<!-- findings -->", "<!-- end of findings -->"
HEAD = """# Findings so far

Each study's `laptop` profile on a machine with 2 cores, no accelerator. A claim that did not replicate stands here like
any other. Effects of several parts show the part that decides; rules, controls and preconditions are on each study's page
(`overparam run STUDY --profile laptop`).
"""


def records(folders):
    """The chosen record of each study, in the order of the studies' names."""
    found = {}
    for folder in folders:
        store = RecordStore(Path(folder))
        for study in store.studies():
            if study not in studies():
                continue
            for path in store.runs(study):
                record = store.read(path)
                rank = (not record["mark"], record["profile"] == "laptop", record["created"])
                if study not in found or rank > found[study][0]:
                    found[study] = (rank, record)
    return {study: found[study][1] for study in sorted(found)}


def number(value):
    """Three digits."""
    return "" if value is None else f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def asked(part):
    """The cut-offs of a part."""
    low, high = part.get("at_least"), part.get("at_most")
    if low is not None and high is not None:
        return f"{number(low)} to {number(high)}"
    return f"≥ {number(low)}" if low is not None else f"≤ {number(high)}" if high is not None else ""


def row(verdict):
    """One claim as a line of a table."""
    part = next((p for p in verdict["parts"] if p["label"] == verdict["label"]), {})
    if verdict["effect"] is None:
        cells = [verdict["reason"], "", "", ""]
    else:
        interval = "" if verdict["low"] is None else f"{number(verdict['low'])} to {number(verdict['high'])}"
        if verdict["low"] is not None and verdict["low"] == verdict["high"]:
            interval = "none"  # a worst case or a count
        unit = f" {verdict['unit']}" if verdict["unit"] else ""
        cells = [
            f"{verdict['label']}: {number(verdict['effect'])}{unit}",
            interval,
            asked(part),
            str(verdict["n"]),
        ]
    name = verdict["claim"].split(".", 1)[1]
    status = verdict["status"].replace("_", " ")
    return (
        "| "
        + " | ".join(c.replace("|", "/") for c in (f"`{name}`, {verdict['data']}", f"**{status}**", *cells))
        + " |"
    )


def section(record):
    """One study."""
    cells, minutes = record["cells"], record["compute_seconds"] / 60
    seeds = next(len(p["values"]) for p in record["parameters"] if p["name"] == "seed")
    facts = (
        f"Profile `{record['profile']}`{', ' + record['mark'] if record['mark'] else ''}: {cells['ok']} cells, "
        f"{cells['diverged']} diverged, {seeds} seeds, {minutes:.1f} minutes of computation on one core."
    )
    lines = [f"## `{record['study']}`", "", record["question"], "", facts, ""]
    lines += ["| claim, data | verdict | measured | 95 % interval | asked | n |", "|---|---|---|---|---|---|"]
    return "\n".join([*lines, *map(row, record["verdicts"])])


def summary(found):
    """Counts of verdicts, one line a study."""
    lines = ["| study | question | verdicts |", "|---|---|---|"]
    lines += [f"| `{name}` | {r['question']} | {words.summary(r['verdicts'])} |" for name, r in found.items()]
    return "\n".join(lines)


def counts(found):
    """Counts of verdicts in columns, one line a study."""
    from overparam.report.words import STATUSES

    lines = [
        "| study | " + " | ".join(s.replace("_", " ") for s in STATUSES) + " |",
        "|---" * (1 + len(STATUSES)) + "|",
    ]
    for name, r in found.items():
        tally = dict(words.tally(r["verdicts"]))
        lines.append(f"| `{name}` | " + " | ".join(str(tally.get(s, "")) for s in STATUSES) + " |")
    return "\n".join(lines)


def main():
    found = records(sys.argv[1:])
    parts = [HEAD, summary(found), *map(section, found.values())]
    (HERE / "findings.md").write_text("\n\n".join(part.strip() for part in parts) + "\n", encoding="utf-8")
    readme = HERE.parent / "README.md"
    before, rest = readme.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    readme.write_text(f"{before}{BEGIN}\n{counts(found)}\n{END}{after}", encoding="utf-8")
    sys.stdout.write(counts(found) + "\n")


if __name__ == "__main__":
    main()
