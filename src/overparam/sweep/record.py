"""From the stored cells of a run to its record: evidence, verdicts, curves, provenance."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from overparam.core import Evidence, Params, Study, clean, data_name
from overparam.core.commands import again
from overparam.core.errors import DamageWarning, StoreError
from overparam.core.looks import look
from overparam.core.register import read, stamp
from overparam.core.registry import ships
from overparam.store import Cell, CellStore, RecordStore
from overparam.sweep.changed import remembered
from overparam.sweep.curves import draw
from overparam.sweep.diagnose import diagnoses
from overparam.sweep.environment import environment
from overparam.sweep.fits import fits
from overparam.sweep.judge import judge
from overparam.sweep.key import shown_probes
from overparam.sweep.select import Selection


@dataclass(frozen=True)
class Finished:
    """What was asked for: the selection with the names and data fingerprints of its cells, and those this run computed."""

    selection: Selection
    names: tuple[str, ...]
    fingerprints: tuple[str, ...]
    computed: frozenset[str]


def conclude(
    finished: Finished,
    out: Path,
    reference: str,
    failures: Sequence[Mapping[str, Any]],
    seconds: float,
    executor: Mapping[str, Any],
) -> dict[str, Any]:
    """Judge the stored cells of a run and write its record.

    Data sets of the user's own are named by their files, without folders, so that a record can be passed on.
    """
    selection, study = finished.selection, finished.selection.study
    expected = dict(zip(finished.names, selection.cells(), strict=True))
    store = CellStore(out, study.name)
    cells, damaged = store.readable(list(finished.names), fits(study, expected))
    if damaged:
        warnings.warn(store.left_out(damaged, len(finished.names)), DamageWarning, stacklevel=3)
    called = _called(selection, finished.fingerprints)
    rows: list[tuple[Params, Cell]] = [
        ({**params, "data": called[params["data"]]}, cells[name])
        for name, params in zip(finished.names, selection.cells(), strict=True)
        if name in cells
    ]
    diverged = [(params, cell) for params, cell in rows if cell.status == "diverged"]
    failed = sum(f["name"] not in cells for f in failures)
    now, shown = environment(), {**selection.axes, **shown_probes(selection.axes)}
    record = {
        "study": study.name,
        "reference": shown_file(reference) or study.name,
        "title": study.title,
        "question": study.question,
        "profile": selection.profile,
        "profile_help": study.profiles[selection.profile].help,
        "mark": selection.mark,
        "overrides": {**selection.overrides, **_own(selection, called)},
        "again": study.rerun_command,
        "created": _now(),
        "seconds": round(seconds, 2),
        "compute_seconds": round(sum(cell.seconds for cell in cells.values()), 2),
        "finished": max((str(cell.document.get("finished", "")) for cell in cells.values()), default=""),
        "cells": {
            "total": len(finished.names),
            "ok": len(cells) - len(diverged),
            "diverged": len(diverged),
            "failed": failed,
            "missing": max(0, len(finished.names) - len(cells) - failed - len(damaged)),
            "computed": len(finished.computed & cells.keys()),
            **({"damaged": len(damaged)} if damaged else {}),
        },
        "parameters": [
            {
                "name": axis.name,
                "help": axis.help,
                "values": [called.get(v, v) if axis.name == "data" else v for v in shown[axis.name]],
            }
            for axis in study.axes
        ],
        **_meaning(
            study, selection.profile, selection.mark, list(called.values()), rows, selection.axes["seed"], out
        ),
        "sources": [
            {"key": s.key, "citation": s.citation, "url": s.url, "bibtex": s.bibtex} for s in study.sources
        ],
        "differences": list(study.differences),
        "failures": [{k: f[k] for k in ("params", "error", "traceback")} for f in failures],
        "diverged": [{"params": dict(params), "note": cell.note} for params, cell in diverged],
        "notes": sorted({cell.note for _, cell in rows if cell.note and cell.status == "ok"}),
        "environment": {**now, "device": _devices(rows), **executor},
        "judged": {"at": _now(), "commit": now["commit"], "dirty": now["dirty"]},
        "cell_version": study.cell_version,
        "cell_names": list(finished.names),
    }
    records = RecordStore(out)
    return records.read(records.write(selection.run, clean(record)))


def reconclude(study: Study, record: Mapping[str, Any], out: str | Path) -> dict[str, Any]:
    """Judge a stored run again with the study's present rules; no cell is computed, no data set is needed.

    Where, when and how the cells were computed stays as recorded.

    Raises:
        StoreError: the cells of the run are no longer all there, or some cannot be read.
    """
    records = RecordStore(Path(out))
    store, names = CellStore(Path(out), study.name), list(record["cell_names"])
    cells, damaged = store.readable(names, fits(study))
    wanted = record["cells"]["ok"] + record["cells"]["diverged"]
    if damaged or len(cells) < wanted:
        why = f" {store.left_out(damaged, len(names))}" if damaged else ""
        raise StoreError(
            f"expected the {wanted} cells of this run in {out}, got {len(cells)}.{why} "
            f"Run {again(record, out, study)} to complete them."
        )
    fixed = {axis.name: axis.default for axis in study.axes}
    data: list[Any] = next((p["values"] for p in record["parameters"] if p["name"] == "data"), [])
    if record["profile"] not in study.profiles or not all(isinstance(name, str) for name in data):
        raise StoreError(
            f"{records.path(study.name, record['run'])}: expected a run in a profile of '{study.name}' with names of data "
            f"sets, got the profile '{record['profile']}' and {data!r:.80}. Run the study again."
        )
    rows: list[tuple[Params, Cell]] = [
        ({**fixed, **cell.params, "data": _among(data, cell)}, cell) for cell in cells.values()
    ]
    now = environment()
    judged = {
        **record,
        **_meaning(
            study,
            record["profile"],
            record["mark"],
            data,
            rows,
            sorted({params["seed"] for params, _ in rows}),
            Path(out),
        ),
        "judged": {"at": _now(), "commit": now["commit"], "dirty": now["dirty"]},
    }
    records = RecordStore(Path(out))
    return records.read(records.write(record["run"], clean(judged)))


def shown_file(reference: str) -> str:
    """A study's name, or the name of its file without its folders."""
    return Path(reference).name if reference.endswith(".py") else reference


def _meaning(
    study: Study,
    profile: str,
    mark: str,
    data: Sequence[str],
    rows: Sequence[tuple[Params, Cell]],
    seeds: Sequence[int],
    out: Path,
) -> dict[str, Any]:
    plan = study.profiles[profile].axes.get("seed", (study.axis("seed").default,))
    chosen = look(plan, seeds)
    evidence = {
        name: Evidence(
            tuple((params, _values(study, params, cell)) for params, cell in rows if params["data"] == name)
        )
        for name in data
    }
    verdicts = [
        verdict.to_dict()
        for name, found in evidence.items()
        for verdict in judge(study, found, profile=profile, data=name, mark=mark, look=chosen)
    ]
    finished = {data: {params["seed"] for params, _ in found.rows} for data, found in evidence.items()}
    return {
        "planned": {
            "first": chosen.plan[0],
            "count": len(chosen.plan),
            "have": chosen.have,
            "rung": chosen.rung,
            "level": chosen.level,
            "below": chosen.below,
            "decides": study.decides == profile or len(study.profiles) == 1,
        },
        "verdicts": _registered(study, remembered(out, study.name, verdicts, finished, _now())),
        "charts": draw(study, evidence),
        "diagnoses": diagnoses(study, evidence, verdicts),
    }


def _registered(study: Study, verdicts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The verdicts of a study of the package with what the register says of their rules."""
    held = read() if ships(study) else {}
    return [{**verdict, "registered": stamp(verdict, held)} if held else verdict for verdict in verdicts]


def _values(study: Study, params: Params, cell: Cell) -> Mapping[str, Any]:
    """A cell's values, with the digest of its labels where a cell made earlier lacks it: nothing is trained for that."""
    if not study.first_rows or "wrong_labels" not in cell.values or "labels_digest" in cell.values:
        return cell.values
    from overparam.data import labels_digest

    return {**cell.values, "labels_digest": labels_digest(params, cell.document.get("data_fingerprint"))}


def _called(selection: Selection, fingerprints: Sequence[str]) -> dict[str, str]:
    """What each data set is called in the record: two files of one name are told apart by their fingerprints."""
    prints = {cell["data"]: f for cell, f in zip(selection.cells(), fingerprints, strict=True)}
    names = [data_name.shown(data) for data in selection.axes["data"]]
    return {
        data: name if names.count(name) == 1 else f"{name} ({prints[data][:6]})"
        for data, name in zip(selection.axes["data"], names, strict=True)
    }


def _among(names: Sequence[str], cell: Cell) -> str:
    plain = str(cell.params["data"])
    told_apart = f"{plain} ({cell.document.get('data_fingerprint', '')[:6]})"
    return told_apart if told_apart in names else plain


def _own(selection: Selection, called: Mapping[str, str]) -> dict[str, str]:
    if "data" not in selection.changed or all(name == given for given, name in called.items()):
        return {}
    return {
        selection.study.axis("data").option: ",".join(data_name.shown(name) for name in selection.axes["data"])
    }


def _devices(rows: Sequence[tuple[Params, Cell]]) -> str:
    found = {cell.document.get("environment", {}).get("device", "") for _, cell in rows} - {""}
    return ", ".join(sorted(found)) or "cpu"


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
