"""All answers of a checkup in one line each, before their details."""

from __future__ import annotations

from collections.abc import Sequence

from overparam.core.digits import together
from overparam.core.words import MINUS, number
from overparam.own.diagnosis.answer import Answer, Measured

GAP = "  "


def outline(answers: Sequence[Answer], wide: int) -> str:
    """A line an answer: its code, its status, what was asked in a few words, and the effect with its interval.

    Args:
        answers: of a checkup.
        wide: characters a line, at most.

    >>> one = Answer("OP001", "fits the training set", "Does it?", "yes", "It does.", Measured("error", 0.5, "%", 0.1, 0.9))
    >>> print(outline([one, Answer("OP002", "stopping", "And?", "not applicable", "Give log=.")], 80))
    code   answer          question               effect
    OP001  yes             fits the training set  0.5 % (0.1 to 0.9)
    OP002  not applicable  stopping               –
    """
    lines = [("code", "answer", "question", "effect")]
    lines += [(one.code, one.status, one.name, brief(one.effect)) for one in answers]
    columns = [max(map(len, column)) for column in list(zip(*lines, strict=True))[:3]]
    rows = []
    for *first, last in lines:
        row = GAP.join([*(text.ljust(w) for text, w in zip(first, columns, strict=True)), last])
        rows.append(row if len(row) <= wide else f"{row[: wide - 1]}…")
    return "\n".join(rows)


def signed(*values: float | None) -> tuple[str, ...]:
    """Numbers that belong together as texts, with the minus sign that tables have.

    >>> signed(0.67, -2.96, 3.82)
    ('0.67', '−2.96', '3.82')
    """
    return tuple(one.replace("-", MINUS) for one in together(*values))


def brief(one: Measured | None) -> str:
    """A number with its unit and its interval, without what it is.

    >>> brief(Measured("error", 2.5, "%", 1.8, 3.4)), brief(Measured("loss", 0.5, "", 0.25)), brief(None)
    ('2.5 % (1.8 to 3.4)', '0.5 (at least 0.25)', '–')
    """
    if one is None or one.value is None:
        return "–"
    value, low, high = signed(one.value, one.low, one.high)
    unit = f" {one.unit}" if one.unit else ""
    if one.low is None and one.high is None:
        return f"{number(one.value)}{unit}"
    if one.low is None or one.high is None:
        return f"{value}{unit} ({f'at least {low}' if one.high is None else f'at most {high}'})"
    return f"{value}{unit} ({low} to {high})"
