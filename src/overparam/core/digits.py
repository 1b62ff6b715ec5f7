"""Numbers as a person reads them: those that belong together, with digits enough to tell them apart. Standard library."""

from __future__ import annotations

import itertools
import math

MOST_DIGITS = 9
FAR_APART = 1e3  # an interval over so many orders has three significant digits at each end
MEASURED = 3  # the effect and the ends of its interval come first


def together(*values: float | None) -> tuple[str, ...]:
    """An effect, the ends of its interval, and cut-offs, as texts.

    To three significant digits of the interval, or more until what differs looks different. Tiny and huge ones have an
    exponent; None is a dash.

    >>> together(4.71, 3.9962, 5.58, 4.0)
    ('4.710', '3.996', '5.580', '4.000')
    >>> together(0.000229, 0.000167, 0.000313, 1.0)
    ('0.000229', '0.000167', '0.000313', '1')
    >>> together(0.043, 0.00021, 10.7, 1.5)
    ('0.0430', '0.000210', '10.7', '1.50')
    >>> together(1.0, None, None, 1.005)
    ('1.000', '–', '–', '1.005')
    >>> together(-8.19e-09, 1e-12)
    ('-8.19e-09', '1.00e-12')
    >>> together(-0.00002, -0.34, 0.34), together(2.2, 2.17, 2.23), together(None), together(1942.0, 129.0, 29200.0)
    (('0', '-0.34', '0.34'), ('2.2', '2.17', '2.23'), ('–',), ('1942', '129', '29200'))
    """
    known = [v for v in values if v is not None and math.isfinite(v)]
    measured = [v for v in values[:MEASURED] if v is not None and math.isfinite(v)]
    largest = max((abs(v) for v in measured), default=0.0) or max((abs(v) for v in known), default=0.0)
    smallest = min((abs(v) for v in measured if v), default=largest)
    if largest > FAR_APART * smallest and smallest >= 1e-4 and largest < 1e7:
        return tuple("–" if v is None else _plain(v, _digits(v)) for v in values)
    if 0 < largest < 1e-4 or largest >= 1e7:
        for digits in range(2, MOST_DIGITS):
            texts = tuple("–" if v is None else "0" if v == 0 else f"{v:.{digits}e}" for v in values)
            if _apart(values, texts):
                break
        return texts
    first = 3 if largest == 0 else _digits(largest)
    for digits in range(first, first + MOST_DIGITS):
        texts = tuple("–" if v is None else _plain(v, digits) for v in values)
        if _apart(values, texts):
            break
    return tuple(_trim(text) for text in texts) if digits == first else texts


def _digits(value: float) -> int:
    """Digits behind the point that show three significant ones."""
    return max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0


def _plain(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    return text[1:] if text.startswith("-") and float(text) == 0 else text


def _trim(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def _apart(values: tuple[float | None, ...], texts: tuple[str, ...]) -> bool:
    """Whether an interval's end, or an effect without an interval, and a cut-off that differ are printed as different."""
    effect, *rest = zip(values, texts, strict=True)
    if all(one is None for one in values[1:MEASURED]):
        rest = [effect, *rest]
    return all(
        a[0] == b[0] or a[0] is None or b[0] is None or a[1] != b[1] or _equal(a[0], b[0])
        for a, b in itertools.combinations(rest, 2)
    )


def _equal(a: float, b: float) -> bool:
    return a != a or b != b or abs(a - b) <= 1e-9 * max(abs(a), abs(b))
