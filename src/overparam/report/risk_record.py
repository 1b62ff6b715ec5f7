"""A predicted risk curve as plain values for its page, and as text for a terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from overparam.report.words import number

if TYPE_CHECKING:
    from overparam.own.risk import RiskCurve

_LINES = (
    ("risk", "predicted test error", False),
    ("variance", "part from label noise", False),
    ("optimal_risk", "best penalty at each width", False),
    ("floor", "Holzmüller's floor for the noise part", True),
    ("kernel", "kernel: many features", True),
)
_SHOWN = 16


def record(curve: RiskCurve) -> dict[str, Any]:
    """Return a curve as plain JSON types: infinite values are None, and said in words."""
    said = {
        "training samples n": str(curve.n),
        "samples of the spectrum": f"{curve.samples}, rank {curve.rank}",
        "outputs": str(curve.outputs),
        "penalty": _penalty(curve),
        "noise variance": _noise(curve),
        "error of predicting nothing": number(curve.zero_risk),
        "error of the kernel": _value(curve.kernel_risk),
        "peak": "none" if curve.peak_width is None else f"width {curve.peak_width}: {_value(curve.peak_risk)}",
        "effective ranks": _ranks(curve),
    }
    return {
        "study": "risk",
        "title": "Predicted risk curve",
        "question": "Do more parameters hurt, when, and why?",
        "answer": curve.answer,
        "facts": said,
        "columns": [
            "width k",
            "error",
            "without noise",
            "from noise",
            "floor",
            "best penalty: error",
            "penalty",
        ],
        "rows": [[_value(v) for v in row.values()] for row in curve.table()],
        "charts": [_chart(curve)],
        "assumptions": [
            {"name": a.name, "sentence": a.sentence, "state": a.state, "detail": a.detail}
            for a in curve.assumptions
        ],
        "citations": _citations(curve),
    }


def text(curve: RiskCurve) -> str:
    """Return a curve as text: the answer, a thinned table, facts, assumptions, source."""
    made = record(curve)
    rows = curve.table()
    step = max(1, -(-len(rows) // _SHOWN))
    kept = [i for i in range(len(rows)) if i % step == 0 or rows[i]["width"] == curve.peak_width]
    lines = [[*made["columns"]], *(made["rows"][i] for i in kept)]
    wide = [max(len(line[c]) for line in lines) for c in range(len(lines[0]))]
    table = ["  ".join(v.rjust(w) for v, w in zip(line, wide, strict=True)) for line in lines]
    asked = [f"  {a['state']:<9}  {a['name']}: {a['detail']}" for a in made["assumptions"]]
    facts = [f"  {name}: {value}" for name, value in made["facts"].items()]
    return "\n".join(
        [curve.answer, "", *table, "", *facts, "", "assumptions", *asked, "", f"after {curve.citation}"]
    )


def _value(value: float | None) -> str:
    return "infinite" if value is not None and math.isinf(value) else number(value)


def _penalty(curve: RiskCurve) -> str:
    if isinstance(curve.ridge, str):
        return "the best one at each width"
    return "none: minimum norm" if curve.ridge == 0 else f"{number(curve.ridge)}, added to the kernel matrix"


def _noise(curve: RiskCurve) -> str:
    found = curve.noise
    if found.how == "given":
        return f"{number(found.variance)}, given"
    return (
        f"{number(found.variance)}, 95 % interval {number(found.low)} to {number(found.high)} ({found.how}, "
        f"{curve.samples} samples)"
    )


def _ranks(curve: RiskCurve) -> str:
    stars = ", ".join(f"{'none' if k is None else k} (b = {b})" for b, k in curve.ranks["k_star"].items())
    return f"r_0 {number(curve.ranks['r_0'])}, R_0 {number(curve.ranks['R_0'])}, k* {stars}"


def _chart(curve: RiskCurve) -> dict[str, Any]:
    values = {name: list(getattr(curve, name)) for name, _, _ in _LINES if name != "kernel"}
    values["kernel"] = [curve.kernel_risk] * len(curve.widths)
    x: dict[str, list[float]] = {"width": list(curve.widths), "ratio": [w / curve.n for w in curve.widths]}
    gaps = "" if all(map(math.isfinite, curve.risk)) else " The error is infinite where the line is broken."
    return {
        "name": "risk",
        "title": "Predicted error against width",
        "note": f"Squared error summed over outputs, on noisy labels, at n = {curve.n}.{gaps}",
        "x": [
            {"name": "width", "title": "random features k", "log": True},
            {"name": "ratio", "title": "random features per training sample k/n", "log": True},
        ],
        "y_title": "squared error",
        "y_log": True,
        "arm": "",
        "arm_title": "",
        "lines": [],
        "series": [
            {
                "label": label, "metric": name, "dashed": dashed, "arm": None, "data": "theory", "x": x,
                "mean": [v if math.isfinite(v) else None for v in values[name]],
                "low": [None] * len(x["width"]), "high": [None] * len(x["width"]), "n": [0] * len(x["width"]),
                "seeds": [], "seed_names": [], "average": "arithmetic",
            }
            for name, label, dashed in _LINES
            if name != "floor" or curve.noise.variance > 0
        ],
    }  # fmt: skip


def _citations(curve: RiskCurve) -> list[str]:
    from overparam.theory import bartlett2020, holzmuller2021, nakkiran2021, noise

    named = [curve.citation, nakkiran2021.CITATION, holzmuller2021.CITATION, bartlett2020.CITATION]
    return [*named, noise.CITATION] if curve.noise.how != "given" else named
