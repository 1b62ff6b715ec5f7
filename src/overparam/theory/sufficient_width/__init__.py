"""Sufficient widths: those in print with constant 1, two laws with explicit constants, and the separation of data."""

from overparam.theory.sufficient_width.laws import flow_width, law_assumptions, lemma_width
from overparam.theory.sufficient_width.published import (
    OYMAK,
    PublishedWidth,
    WidthTable,
    published_assumptions,
    published_widths,
)
from overparam.theory.sufficient_width.separation import separation
from overparam.theory.theorem import Theorem

__all__ = ["PublishedWidth", "WidthTable", "flow_width", "lemma_width", "published_widths", "separation"]

_LAW = {"n": 20, "d": 10, "kappa": 30.0, "curvature": 0.25, "start": 1.1}
THEOREMS = (
    Theorem(
        "published-widths",
        published_widths,
        {"n": 20, "d": 10, "norm": 2.2, "separation": 0.5, "smallest": 0.03, "relu_smallest": 0.07},
        published_assumptions,
        "Collected from nine publications; the rows cite them.",
        "where lambda or delta is 0",
    ),
    Theorem("lazy-flow-width", flow_width, _LAW, law_assumptions, OYMAK),
    Theorem("key-lemma-width", lemma_width, _LAW, law_assumptions, OYMAK),
)
