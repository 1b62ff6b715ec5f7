"""The register: which rule, profile and work stands behind each version of each study of the package.

``studies/register.json`` holds their fingerprints with versions, dates and reasons. ``make check`` compares it with the
studies and fails where something changed without a new version and its reason; ``make register`` writes it, and
refuses in the same cases. Run as ``python -m overparam.core.register [--write]``. Standard library only.

The reasons of a statement's versions are its ``history``, those of the deciding profile ``profile_history``, those of
the work's code ``work_history``; a change of the code that changes results raises ``cell_version`` besides.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from overparam.core.atomic import write_text
from overparam.core.code import digest, value_of, work_of
from overparam.core.documents import Damaged, content, loads
from overparam.core.errors import UsageError
from overparam.core.expression import Expression
from overparam.core.parts import Study
from overparam.core.registry import ships, studies
from overparam.core.rule import Rule
from overparam.core.statements import Claim
from overparam.core.syntax import PACKAGE

FILE = PACKAGE / "studies" / "register.json"
FIRST = "first"
PARTS = ("rule", "arm", "control", "needs")
WORDS = {"rule": "the rule", "arm": "the arm", "control": "the control", "needs": "what is needed"}
Entry = dict[str, Any]


def snapshot(found: Iterable[Study]) -> Entry:
    """Studies as they are now: fingerprints, versions and the reasons of each version, nothing else."""
    return {
        study.name: {
            "profile": _profile(study),
            "work": _work(study),
            "statements": {claim.name: _statement(claim, study.decides) for claim in study.claims},
        }
        for study in found
    }


def _statement(claim: Claim, decides: str) -> Entry:
    return {
        "reasons": [FIRST, *claim.history],
        "cut-offs": cut_offs(claim.rule),
        "decided": not claim.profiles or decides in claim.profiles,
        **claim.fingerprints,
    }


def _profile(study: Study) -> Entry:
    name = study.decides
    axes = dict(study.profiles[name].axes) if name in study.profiles else {}
    values = {axis: ", ".join(str(value_of(one)) for one in some) for axis, some in sorted(axes.items())}
    return {
        "reasons": [FIRST, *study.profile_history], "decides": name, "axes": values,
        "fingerprint": digest((name, value_of(axes))),
    }  # fmt: skip


def _work(study: Study) -> Entry:
    return {
        "reasons": [FIRST, *study.work_history], "cell_version": study.cell_version,
        "fingerprint": digest(work_of(study.work, study.file)),
    }  # fmt: skip


def cut_offs(rule: Rule) -> list[str]:
    """The cut-offs of a rule in words, one text a comparison."""
    told = []
    for cut in rule.cuts:
        found = ((one.name, getattr(cut, one.name)) for one in fields(cut) if one.name != "number")
        kept = [
            (name.replace("_", " "), value)
            for name, value in found
            if isinstance(value, Expression | float | int | str) and value is not False and value != ""
        ]
        told.append(", ".join(f"{name} {_shown(value)}" for name, value in kept if name != "slack" or value))
    return told


def _shown(value: Any) -> str:
    if isinstance(value, Expression):
        return value.words
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def differences(registered: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What changed without a new version, one sentence each; empty where the register may be written.

    Args:
        registered: the content of the register.
        now: from :func:`snapshot`.
    """
    known, retired = registered.get("studies", {}), registered.get("retired", {})
    found = []
    for name, was in sorted(known.items()):
        if name not in now:
            found += [_gone(name)] if name not in retired else []
            continue
        found += _changed_profile(name, was["profile"], now[name]["profile"])
        found += _changed_work(name, was["work"], now[name]["work"])
        here = now[name]["statements"]
        for claim, entry in sorted(was["statements"].items()):
            full = f"{name}.{claim}"
            if claim in here:
                found += _changed_statement(full, entry, here[claim])
            elif full not in retired:
                found.append(_gone(full))
    there = {*now, *(f"{name}.{claim}" for name, one in now.items() for claim in one["statements"])}
    return found + [
        f"{name}: retired in the register, and there again. Give it another name."
        for name in sorted(there & set(retired))
    ]


def missing(registered: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What the register does not hold yet: new studies, new statements, new versions; one sentence each."""
    known = registered.get("studies", {})
    found = []
    for name, study in sorted(now.items()):
        if name not in known:
            found.append(f"{name}: not in the register. Run `make register`.")
            continue
        pairs = {name: known[name]["profile"], f"{name} (work)": known[name]["work"]}
        here = {name: study["profile"], f"{name} (work)": study["work"]}
        pairs |= {f"{name}.{claim}": entry for claim, entry in known[name]["statements"].items()}
        here |= {f"{name}.{claim}": entry for claim, entry in study["statements"].items()}
        found += [
            f"{full}: {'its new version is ' if full in pairs else ''}not in the register. Run `make register`."
            for full, entry in here.items()
            if full not in pairs or _newer(pairs[full], entry)
        ]  # fmt: skip
    return found


def _gone(name: str) -> str:
    return (
        f'{name}: in the register, and no longer there. Add "{name}": "the reason" to its section "retired" in '
        f"{FILE.parent.name}/{FILE.name}, then run `make register`."
    )


def _newer(was: Mapping[str, Any], here: Mapping[str, Any]) -> bool:
    return len(here["reasons"]) > len(was["versions"])


def _history(full: str, was: Mapping[str, Any], here: Mapping[str, Any], field: str) -> list[str]:
    """A version that went down, and reasons of older versions that were rewritten."""
    before = [one["reason"] for one in was["versions"]]
    if len(here["reasons"]) < len(before):
        return [
            f"{full}: the version went down from {len(before)} to {len(here['reasons'])}. Put the reasons back into "
            f"{field}=: {'; '.join(before[len(here['reasons']) :])}"
        ]
    pairs = zip(before, here["reasons"], strict=False)
    return [
        f'{full}: the reason of version {number} was rewritten: it was "{old}", it is "{new}". Put it back in {field}=, '
        "and say more in a new version."
        for number, (old, new) in enumerate(pairs, 1)
        if old != new
    ]


def _changed_statement(full: str, was: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    found = _history(full, was, here, "history")
    last = was["versions"][-1]
    if found or _newer(was, here):
        return found
    parts = [part for part in PARTS if here[part] != last.get(part, here[part])]
    told = [_told(part, last, here) for part in parts]
    if here["decided"] != last.get("decided", here["decided"]):
        told.append("whether the deciding profile judges it")
    advice = "without a new version. Add its reason to history=, then run `make register`."
    return [f"{full}: {' and '.join(told)} changed {advice}"] if told else []


def _told(part: str, was: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    if part != "rule":
        return WORDS[part]
    old, new = was.get("cut-offs", []), here["cut-offs"]
    if len(old) == len(new) and old != new:
        pairs = [f'cut-off "{a}" to "{b}"' for a, b in zip(old, new, strict=True) if a != b]
        return f"{WORDS[part]} ({', '.join(pairs)})"
    return f"{WORDS[part]} ({'number of comparisons' if len(old) != len(new) else 'what it compares'})"


def _changed_profile(name: str, was: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    found, last = _history(name, was, here, "profile_history"), was["versions"][-1]
    if found or _newer(was, here) or here["fingerprint"] == last["fingerprint"]:
        return found
    old, new = last["axes"], here["axes"]
    axes = [axis for axis in sorted({*old, *new}) if old.get(axis) != new.get(axis)]
    what = ", ".join(axes) if last["decides"] == here["decides"] else f"it is {here['decides']} now"
    return [
        f"{name}: the deciding profile changed ({what}) without a new version. Add its reason to profile_history=, then "
        "run `make register`."
    ]


def _changed_work(name: str, was: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    found, last = _history(name, was, here, "work_history"), was["versions"][-1]
    if here["cell_version"] < last["cell_version"]:
        return [
            *found,
            f"{name}: cell_version went down from {last['cell_version']} to {here['cell_version']}.",
        ]
    if found or _newer(was, here):
        return found
    what = "cell_version" if here["cell_version"] > last["cell_version"] else "the code of its work"
    same = here["fingerprint"] == last["fingerprint"] and here["cell_version"] == last["cell_version"]
    advice = "Raise cell_version where results change; in any case add the reason to work_history=, then run"
    return [] if same else [f"{name}: {what} changed without a reason. {advice} `make register`."]


def renewed(registered: Mapping[str, Any], now: Mapping[str, Any], date: str) -> Entry:
    """The register with all that is new, dated; versions that it holds stay as they are.

    Raises:
        UsageError: something changed without a new version.
    """
    found = differences(registered, now)
    if found:
        raise UsageError("\n".join(found))
    known, retired = registered.get("studies", {}), dict(registered.get("retired", {}))
    for name, reason in retired.items():
        if isinstance(reason, str):
            retired[name] = {"date": date, "reason": reason}
    made = {}
    for name, study in now.items():
        was = known.get(name, {})
        before = was.get("statements", {})
        claims = {claim: _written(before.get(claim), one, date) for claim, one in study["statements"].items()}
        parts = {part: _written(was.get(part), study[part], date) for part in ("profile", "work")}
        made[name] = {**parts, "statements": claims}
    return {"disclosed": registered.get("disclosed", {}), "retired": retired, "studies": made}


def _written(was: Mapping[str, Any] | None, here: Mapping[str, Any], date: str) -> Entry:
    """The versions of one thing: those known, then the new ones; what an older one asked for is known to none."""
    versions: list[Entry] = [dict(one) for one in was["versions"]] if was else []
    content = {key: value for key, value in here.items() if key != "reasons"}
    reasons = here["reasons"]
    for number in range(len(versions) + 1, len(reasons) + 1):
        last = number == len(reasons)
        when = date if last or was else f"before {date}"
        versions.append(
            {"version": number, "date": when, "reason": reasons[number - 1], **(content if last else {})}
        )
    return {"versions": versions}


def stamp(verdict: Mapping[str, Any], registered: Mapping[str, Any]) -> Entry:
    """What the register says of the rule of a verdict; empty where it does not hold the statement.

    Args:
        verdict: a verdict as it is stored.
        registered: the content of the register.

    Returns:
        ``version`` and ``date`` of the newest version, whether the rule is the ``same``, and what is ``disclosed``: past
        changes that no version tells of.
    """
    study, _, claim = verdict["claim"].partition(".")
    held = registered.get("studies", {}).get(study, {}).get("statements", {}).get(claim)
    if held is None:
        return {}
    last, said = held["versions"][-1], registered.get("disclosed", {})
    parts = {part: last[part] for part in PARTS}
    return {
        "version": last["version"],
        "date": last["date"],
        "same": digest(parts) == verdict["rule_fingerprint"],
        "disclosed": [said[name] for name in (study, verdict["claim"]) if name in said],
    }


def read(path: Path = FILE) -> Entry:
    """The register; an empty one where there is no file.

    Raises:
        UsageError: the file is damaged.
    """
    try:
        found = loads(content(path))
        if not isinstance(found, dict):
            raise Damaged("no JSON object")
        return found
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{path}: expected the register of the studies, got {error}. Take it from git."
        ) from error


def write(registered: Mapping[str, Any], path: Path = FILE) -> None:
    """Write the register, sorted."""
    write_text(path, json.dumps(registered, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def main(given: Sequence[str]) -> str:
    """Compare the register with the studies, or write it; return what is wrong, empty if nothing."""
    now = snapshot(study for study in studies().values() if ships(study))
    registered = read()
    if "--write" not in given:
        return "\n".join([*differences(registered, now), *missing(registered, now)])
    try:
        write(renewed(registered, now, time.strftime("%Y-%m-%d")))
    except UsageError as error:
        return f"the register was not written:\n{error}"
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) or 0)
