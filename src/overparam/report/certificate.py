"""A certificate as a small table for notebooks: plain HTML, no script, no request."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

ROWS = {
    "sigma": "smallest singular value of the Jacobian, at least",
    "beta": "its norm {where}, at most",
    "lipschitz": "its Lipschitz constant on the ball, at most",
    "residual": "norm of the residual, at most",
    "h": "h, certified for gradient flow below 1/2",
    "distance": "distance and path, at most",
    "step": "step",
    "largest_step": "largest certified step (0: none)",
    "rate": "factor of the norm of the residual {pace}, at most",
}


def fragment(certificate: Mapping[str, Any]) -> str:
    """Return the verdict, the numbers and the conditions as one HTML fragment."""
    where = "on the ball" if certificate["certified"] else "at the start"
    pace = "a unit of time" if certificate["method"] == "gradient flow" else "a step"
    texts = certificate.get("shown_texts", {})
    numbers = "".join(
        f"<tr><td>{escape(ROWS[name].format(where=where, pace=pace))}</td>"
        f"<td>{escape(texts[name]) if name in texts else _number(certificate[name])}</td></tr>"
        for name in certificate["shown_fields"]
    )
    conditions = "".join(
        f"<tr><td>{escape(a['sentence'])}</td><td>{a['state']}: {escape(a['detail'])}</td></tr>"
        for a in certificate["assumptions"]
    )
    rounding = "".join(
        f"<tr><td>rounding: {escape(name)}</td><td>{_number(value)}</td></tr>"
        for name, value in certificate["rounding"].items()
    )
    said = [*certificate["notes"], *([certificate["scope"]] if "scope" in certificate else [])]
    notes = "".join(f"<p>{escape(one)}</p>" for one in said)
    return (
        f"<div><p><b>{certificate['verdict']}</b> ({certificate['method']}): {escape(certificate['reason'])}</p>"
        f"<table>{numbers}{conditions}{rounding}</table>{notes}</div>"
    )


def _number(value: float | None) -> str:
    return "no bound" if value is None else f"{value:.6g}"
