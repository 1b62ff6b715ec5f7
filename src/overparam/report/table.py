"""A table with a sentence above it, for notebooks: plain HTML, no script, no request."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any


def fragment(shown: Mapping[str, Any]) -> str:
    """Return ``answer``, the table of ``columns`` and ``rows``, a ``remark`` and ``assumptions`` as one HTML fragment.

    Args:
        shown: ``answer`` is a sentence, ``columns`` and ``rows`` are texts; ``remark``, a sentence, and
            ``assumptions``, each with ``sentence``, ``state`` and ``detail``, may be left out.
    """
    head = "".join(f"<th>{escape(text)}</th>" for text in shown["columns"])
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>" for row in shown["rows"]
    )
    asked = "".join(
        f"<tr><td>{escape(one['sentence'])}</td><td>{one['state']}: {escape(one['detail'])}</td></tr>"
        for one in shown.get("assumptions", ())
    )
    remark = f"<p>{escape(shown['remark'])}</p>" if shown.get("remark") else ""
    return (
        f"<div><p>{escape(shown['answer'])}</p><table><tr>{head}</tr>{body}</table>{remark}"
        f"{f'<table>{asked}</table>' if asked else ''}</div>"
    )
