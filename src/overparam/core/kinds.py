"""What each kind of statement is called, and its statuses in words. Standard library only."""

from __future__ import annotations

GROUPS = {
    "claim": "Claims: what a source says",
    "check": "Checks: what is proved",
    "question": "Questions: our own",
}
"""Kind to the heading over its statements."""
SIGNS = {"supported": "✓", "contradicted": "✗", "inconclusive": "?", "not_applicable": "–"}
"""Status to the sign before it in plain text."""
WORDS = {
    "check": {"supported": "passes", "contradicted": "fails", "inconclusive": "undecided"},
    "question": {"supported": "yes", "contradicted": "no", "inconclusive": "open"},
}


def word(kind: str, status: str) -> str:
    """A status in the words of the kind.

    >>> word("check", "supported"), word("question", "contradicted"), word("claim", "not_applicable")
    ('passes', 'no', 'not applicable')
    """
    return WORDS.get(kind, {}).get(status, status.replace("_", " "))
