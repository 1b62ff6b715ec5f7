"""Cells that were finished when a study was still a part of another one: found by their old keys, and adopted."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from overparam.core import Params, Study, clean
from overparam.store import CellStore
from overparam.sweep.fits import values_fit
from overparam.sweep.jobs import shown_params
from overparam.sweep.key import former_digests


def former_cells(
    study: Study,
    out: Path,
    cells: Sequence[Params],
    names: Sequence[str],
    fingerprints: Sequence[str],
    present: Collection[str],
) -> dict[str, str]:
    """Look for the finished cells of the study that this one was a part of.

    Args:
        study: the study.
        out: results folder.
        cells: parameters of its cells.
        names: their names.
        fingerprints: their data fingerprints.
        present: names of the cells that are stored under the study's own name.

    Returns:
        Name of a cell to its name in the former study's store, for readable ones that are not present.
    """
    if study.formerly is None:
        return {}
    store = CellStore(out, study.formerly.study)
    by_digest = {name.rpartition("--")[2]: name for name in store.names()}
    wanted = {}
    for params, name, fingerprint in zip(cells, names, fingerprints, strict=True):
        old = next(
            (by_digest[one] for one in former_digests(study, params, fingerprint) if one in by_digest), None
        )
        if name not in present and old is not None:
            wanted[name] = old
    readable, _ = store.heads(sorted(set(wanted.values())), values_fit(study))
    return {name: old for name, old in wanted.items() if old in readable}


def adopt(study: Study, out: Path, adopted: Mapping[str, str], params: Mapping[str, Params]) -> None:
    """Store the cells of the former study under the names that they have now; the old files stay.

    Args:
        study: the study.
        out: results folder.
        adopted: from :func:`former_cells`.
        params: parameters of each cell by its name.
    """
    if study.formerly is None or not adopted:
        return
    cells, _ = CellStore(out, study.formerly.study).readable(sorted(set(adopted.values())))
    store = CellStore(out, study.name)
    for name, old in adopted.items():
        if old not in cells:
            continue  # damaged since it was found: the next run computes it
        own = {"study": study.name, "cell_version": study.cell_version, "params": shown_params(params[name])}
        came = {"formerly": {"study": study.formerly.study, "name": old}}
        found = {
            key: value for key, value in cells[old].document.items() if key not in ("schema", "cell", "sha256")
        }
        store.write(name, clean({**found, **own, **came}))
