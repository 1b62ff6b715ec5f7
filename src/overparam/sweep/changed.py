"""Verdicts by rules that were changed after their data were seen.

Compared is the rule that judges seeds now with the rules that judged any of these seeds before, on the same data set,
in whatever profile. Where the first of them was another one, the verdict is marked: a changed rule is believed on
fresh seeds. That a person raised the version and gave a reason does not make it another rule, but says so.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from overparam.core.errors import DamageWarning, DiskError, StoreError
from overparam.store import RecordStore
from overparam.store.seen import SeenStore

SILENT = "rule changed after the data, version not raised"
RAISED = "rule changed after the data"
Seen = Mapping[str, Any]
"""``data``, ``seeds`` and ``rules``: what was judged once; see :mod:`overparam.store.seen`."""


def seen_in(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a record says was judged: one entry a data set, empty where the run had no finished cell."""
    if not record["cells"]["ok"] + record["cells"]["diverged"]:
        return []
    seeds: Collection[int] = next((one["values"] for one in record["parameters"] if one["name"] == "seed"), [])
    return seen(record["verdicts"], {verdict["data"]: seeds for verdict in record["verdicts"]})


def seen(verdicts: Iterable[Mapping[str, Any]], seeds: Mapping[str, Collection[int]]) -> list[dict[str, Any]]:
    """What verdicts say was judged: one entry a data set.

    Args:
        verdicts: verdicts as they are stored.
        seeds: the seeds with finished cells, by data set.
    """
    found: dict[str, dict[str, Any]] = {}
    for verdict in verdicts:
        data = verdict["data"]
        if seeds.get(data):
            entry = found.setdefault(data, {"data": data, "seeds": sorted(seeds[data]), "rules": {}})
            entry["rules"][verdict["claim"]] = [verdict["rule_version"], verdict.get("rule_fingerprint", "")]
    return list(found.values())


def mark_of(verdict: Mapping[str, Any], seeds: Collection[int], before: Sequence[Seen]) -> str:
    """What is to be said of the rule of a verdict; empty if nothing.

    Args:
        verdict: a verdict as it is stored.
        seeds: the seeds that it was judged on.
        before: what was judged before, first things first.
    """
    rule = (verdict["rule_version"], verdict.get("rule_fingerprint", ""))
    others = []
    for entry in before:
        known = entry["rules"].get(verdict["claim"])
        if known is None or entry["data"] != verdict["data"] or not set(entry["seeds"]) & set(seeds):
            continue
        if not _another(rule, known):
            break
        others.append(known[0])
    if not others:
        return ""
    return SILENT if any(version >= rule[0] for version in others) else RAISED


def _another(rule: Sequence[Any], known: Sequence[Any]) -> bool:
    """Whether two rules differ: by their fingerprints, or by their versions where one has none."""
    return rule[1] != known[1] if rule[1] and known[1] else rule[0] != known[0]


def marked(
    verdicts: Iterable[Mapping[str, Any]], seeds: Mapping[str, Collection[int]], before: Sequence[Seen]
) -> list[dict[str, Any]]:
    """The verdicts, with what is to be said of their rules added to their marks."""
    found = []
    for verdict in verdicts:
        said = mark_of(verdict, seeds.get(verdict["data"], ()), before)
        found.append({**verdict, "mark": ", ".join(filter(None, (verdict.get("mark", ""), said)))})
    return found


def remembered(
    out: Path, study: str, verdicts: Sequence[Mapping[str, Any]], seeds: Mapping[str, Collection[int]], at: str
) -> list[dict[str, Any]]:
    """Mark the verdicts of a run by what the results folder remembers, and have it remember them.

    Args:
        out: results folder.
        study: name of the study.
        verdicts: the verdicts of the run, as they are stored.
        seeds: the seeds with finished cells, by data set.
        at: the time.

    Returns:
        The verdicts with their marks.
    """
    store = SeenStore(out, study)
    _learn(store, RecordStore(out))
    damaged: list[StoreError] = []
    found = marked(verdicts, seeds, store.read(damaged))
    for error in damaged:
        warnings.warn(str(error), DamageWarning, stacklevel=2)
    store.add(seen(verdicts, seeds), at)
    return found


def _learn(store: SeenStore, records: RecordStore) -> None:
    """Remember what older records say: those of an older version of the package, or after the folder was lost."""
    known = {_key(one) for one in store.read()}
    for path in reversed(records.runs(store.study)):
        try:
            record = records.read(path)
            entries = [one for one in seen_in(record) if _key(one) not in known]
        except DiskError:
            raise
        except (StoreError, FileNotFoundError):
            continue
        store.add(entries, record.get("judged", {}).get("at") or record["created"])


def _key(entry: Seen) -> str:
    return repr(
        (entry["data"], sorted(entry["seeds"]), sorted((k, list(v)) for k, v in entry["rules"].items()))
    )
