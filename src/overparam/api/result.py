"""What ``overparam.run`` returns: verdicts, a tidy table of cells, the page."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from overparam.core.errors import DamageWarning, OverparamError
from overparam.core.harmless import harmless
from overparam.store import CellStore


@dataclass(frozen=True)
class Result:
    """A finished run.

    Attributes:
        record: everything that was stored about the run, as plain JSON types.
        out: the results folder.
        remark: something to know about a loaded run (stale, judged again), or empty.
    """

    record: Mapping[str, Any]
    out: Path
    remark: str = ""

    @property
    def verdicts(self) -> list[dict[str, Any]]:
        """One short dictionary a claim: claim, ledger, status, effect, low, high, n, rule, and where."""
        return [claim_row(v) for v in self.record["verdicts"]]

    @property
    def diagnoses(self) -> list[dict[str, Any]]:
        """Why an effect is absent: one dictionary a cause: data, name, sentence, state, detail; empty if not asked."""
        found = self.record.get("diagnoses", [])
        return [{"data": one["data"], **item} for one in found for item in one["items"]]

    @property
    def path(self) -> Path:
        """Path of the record."""
        return self.out / self.record["study"] / f"{self.record['run']}.json"

    @property
    def page(self) -> Path:
        """Path of the HTML page."""
        return self.path.with_suffix(".html")

    def table(self) -> list[dict[str, Any]]:
        """Return one row a cell: its parameters, its scalar values and its status, in the order of the axes.

        Lists (curves inside a cell) are left as lists. Cells that cannot be read are left out: a
        :class:`~overparam.core.errors.DamageWarning` names them.
        """
        store = CellStore(self.out, self.record["study"])
        from overparam.sweep.fits import fits_of

        names = list(self.record["cell_names"])
        cells, damaged = store.readable(names, fits_of(self.record["study"]))
        if damaged:
            warnings.warn(store.left_out(damaged, len(names)), DamageWarning, stacklevel=2)
        return [
            {**cell.params, **cell.values, "status": cell.status, "seconds": cell.seconds}
            for cell in cells.values()
        ]

    def to_pandas(self) -> Any:
        """Return the table as a pandas DataFrame (needs ``pip install overparam[pandas]``)."""
        try:
            import pandas
        except ImportError as error:
            raise OverparamError("to_pandas needs pandas: pip install 'overparam[pandas]'.") from error
        return pandas.DataFrame(self.table())

    def to_polars(self) -> Any:
        """Return the table as a polars DataFrame (needs ``pip install overparam[polars]``)."""
        try:
            import polars
        except ImportError as error:
            raise OverparamError("to_polars needs polars: pip install 'overparam[polars]'.") from error
        return polars.DataFrame(self.table(), infer_schema_length=None)

    def _repr_html_(self) -> str:
        from overparam.report.page import summary_html

        return summary_html(dict(self.record))

    def __str__(self) -> str:
        from overparam.api.verdicts import text

        return harmless(f"{text(self.record)}\npage: {self.page}")

    def __repr__(self) -> str:
        counts: dict[str, int] = {}
        for verdict in self.record["verdicts"]:
            counts[verdict["status"]] = counts.get(verdict["status"], 0) + 1
        said = ", ".join(f"{n} {status}" for status, n in counts.items())
        return harmless(f"Result({self.record['study']}, {self.record['run']}: {said}; page {self.page})")


FIELDS = (
    "claim", "ledger", "status", "effect", "low", "high", "n", "rule", "rule_version", "profile", "data",
    "unit", "label", "reason", "mark", "source", "kind", "form", "level",
)  # fmt: skip


EARLIER = {"kind": "claim", "form": "", "level": 0.95}
"""What the records of earlier versions, which lack a field, stand for."""


def claim_row(verdict: Mapping[str, Any]) -> dict[str, Any]:
    """Return the public fields of a stored verdict."""
    return {name: verdict.get(name, EARLIER.get(name)) for name in FIELDS}


def claim_rows(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the public fields of every verdict of a record, and the likely causes of an effect that is absent.

    ``causes`` names what a claim that is explained and not supported may be due to: name, sentence, detail.
    """
    found = {one["data"]: one for one in record.get("diagnoses", [])}
    rows = []
    for verdict in record["verdicts"]:
        one = found.get(verdict["data"])
        explained = one is not None and verdict["claim"] in one["claims"] and verdict["status"] != "supported"
        items = one["items"] if one is not None and explained else []
        causes = [
            {k: item[k] for k in ("name", "sentence", "detail")} for item in items if item["state"] == "likely"
        ]
        rows.append({**claim_row(verdict), "causes": causes})
    return rows
