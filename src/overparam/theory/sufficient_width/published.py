"""How wide is wide enough, in print: sufficient widths of published theorems with their constants set to 1.

Theorems of the form "gradient descent fits the data once the width is at least C n^6 / lambda^4" leave C open. With
C = 1 they can be compared with each other and with a width that is proved for the data at hand; they are then no
theorems any more, and every row says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64

from overparam.core.errors import UsageError
from overparam.theory.assumption import Assumption, checked
from overparam.theory.inputs import count, nonnegative
from overparam.theory.sufficient_width.laws import nearest

CONSTANT = "constant set to 1, not a theorem"
Seen = Literal["recalled, not checked", "from an abstract", "from a talk's slides"]
Network = Literal["smooth", "ReLU"]

OYMAK = (
    "S. Oymak and M. Soltanolkotabi, Toward moderate overparameterization: global convergence guarantees for training "
    "shallow neural networks, IEEE Journal on Selected Areas in Information Theory 1(1):84-105, 2020, arXiv:1902.04674."
)
SLIDES = (
    "M. Soltanolkotabi, Towards demystifying overparameterization in deep learning, talk, Institut Henri Poincare, "
    "4 April 2019 (table of widths)."
)
DU = (
    "S. S. Du, X. Zhai, B. Poczos and A. Singh, Gradient descent provably optimizes over-parameterized neural networks, "
    "ICLR 2019, arXiv:1810.02054."
)
DU_DEEP = (
    "S. S. Du, J. D. Lee, H. Li, L. Wang and X. Zhai, Gradient descent finds global minima of deep neural networks, "
    "ICML 2019, arXiv:1811.03804."
)
ALLEN_ZHU = (
    "Z. Allen-Zhu, Y. Li and Z. Song, A convergence theory for deep learning via over-parameterization, ICML 2019, "
    "arXiv:1811.03962."
)
ZOU_GU = (
    "D. Zou and Q. Gu, An improved analysis of training over-parameterized deep neural networks, NeurIPS 2019, "
    "arXiv:1906.04688."
)
EFTEKHARI = (
    "A. Eftekhari, C. Song and V. Cevher, Nearly minimal over-parametrization of shallow neural networks, "
    "arXiv:1910.03948, 2019."
)
SONG = (
    "C. Song, A. Ramezani-Kebrya, T. Pethick, A. Eftekhari and V. Cevher, Subquadratic overparameterization for shallow "
    "neural networks, NeurIPS 2021, arXiv:2111.01875."
)


@dataclass(frozen=True)
class PublishedWidth:
    """A sufficient width in print, with its constant set to 1.

    Attributes:
        name: short name.
        width: hidden units; infinite where the formula is.
        formula: with n samples, d features, ``lambda``, ``|X|``, ``kappa``, separation ``delta`` and depth H.
        network: whose theorem it is, smooth activations or ReLU.
        seen: how far the formula was seen: recalled, in an abstract, or on slides.
        citation: authors, title, where.
        note: always that the constant is set to 1.
    """

    name: str
    width: float
    formula: str
    network: Network
    seen: Seen
    citation: str
    note: str = CONSTANT


@dataclass(frozen=True, eq=False)
class WidthTable:
    """Published sufficient widths for one data set, ascending.

    Attributes:
        rows: the formulas with their values.
        widths: the values, hidden units, shape ``(points,)``.
    """

    rows: tuple[PublishedWidth, ...]
    widths: Float64[np.ndarray, " points"]


@dataclass(frozen=True)
class _Numbers:
    n: int
    d: int
    smallest: float | Fraction
    norm: float | Fraction
    kappa: float | Fraction
    separation: float | Fraction
    depth: int


def _over(value: Any, by: Any) -> Any:
    if by == 0:
        return math.inf
    return (Fraction(value) if isinstance(by, Fraction) else value) / by


_Formula = Callable[[_Numbers], Any]


def _value(formula: _Formula, given: _Numbers) -> float:
    """The width; powers of extreme numbers are taken in fractions, and what is beyond float64 is infinite."""
    sizes = (given.smallest, given.norm, given.kappa, given.separation)
    if max(given.n, given.d) < 1e12 and given.depth < 1e6 and all(v == 0 or 1e-40 < v < 1e40 for v in sizes):
        return float(formula(given))
    smallest, norm, kappa, separation = (Fraction(v) if math.isfinite(v) else v for v in sizes)
    try:
        found = formula(replace(given, smallest=smallest, norm=norm, kappa=kappa, separation=separation))
        return nearest(Fraction(found)) if math.isfinite(found) else math.inf
    except OverflowError:
        return math.inf


_SMOOTH: tuple[tuple[str, str, Seen, str, _Formula], ...] = (
    (
        "Oymak-Soltanolkotabi",
        "kappa^2 n^2 / d",
        "recalled, not checked",
        OYMAK,
        lambda a: (a.kappa * a.n) ** 2 / a.d,
    ),
    ("talk, generic data", "n^2 / d", "from a talk's slides", SLIDES, lambda a: a.n**2 / a.d),
    (
        "Du et al., deep",
        "n^4 / lambda^4",
        "recalled, not checked",
        DU_DEEP,
        lambda a: _over(a.n**4, a.smallest**4),
    ),
    ("Song et al.", "n^(3/2)", "from an abstract", SONG, lambda a: a.n**1.5),
    ("Eftekhari et al.", "n", "from an abstract", EFTEKHARI, lambda a: float(a.n)),
)
_RELU: tuple[tuple[str, str, Seen, str, _Formula], ...] = (
    (
        "Oymak-Soltanolkotabi, ReLU",
        "n |X|^6 / lambda^4",
        "recalled, not checked",
        OYMAK,
        lambda a: _over(a.n * a.norm**6, a.smallest**4),
    ),
    (
        "talk, ReLU",
        "kappa^6 n^4 / d^3",
        "from a talk's slides",
        SLIDES,
        lambda a: a.kappa**6 * a.n**4 / a.d**3,
    ),
    (
        "talk, ReLU, separated data",
        "n^12 / delta^4",
        "from a talk's slides",
        SLIDES,
        lambda a: _over(a.n**12, a.separation**4),
    ),
    ("Du et al.", "n^6 / lambda^4", "recalled, not checked", DU, lambda a: _over(a.n**6, a.smallest**4)),
    (
        "Allen-Zhu et al.",
        "n^24 (its powers of H and 1/delta left out)",
        "from an abstract",
        ALLEN_ZHU,
        lambda a: float(a.n) ** 24,
    ),
    (
        "Zou-Gu",
        "n^8 H^12 / delta^4",
        "recalled, not checked",
        ZOU_GU,
        lambda a: _over(a.n**8 * float(a.depth) ** 12, a.separation**4),
    ),
)


def published_widths(
    n: int,
    d: int,
    norm: float,
    separation: float,
    *,
    smallest: float | None = None,
    relu_smallest: float | None = None,
    depth: int = 1,
) -> WidthTable:
    """Widths that published theorems ask for on this data, in hidden units, with every constant set to 1.

    Constants, logarithms and factors of the failure probability are set to 1, so that no row is a theorem: the rows
    show powers of n, not guarantees. Powers and symbols are those of :attr:`PublishedWidth.formula`, with
    ``kappa = sqrt(d / n) |X| / lambda``. The talk's table prints n^4 for the row of Du et al., deep, and n^25 for that
    of Allen-Zhu et al.; the abstract of Zou and Gu quotes the latter as n^24.

    Args:
        n: training samples.
        d: features.
        norm: largest singular value ``|X|`` of the inputs, rows of norm 1.
        separation: ``delta`` from :func:`~overparam.theory.sufficient_width.separation.separation`.
        smallest: ``lambda``, smallest eigenvalue of the kernel ``E[phi'(Xw) phi'(Xw)^T] o X X^T`` of a smooth
            activation; None leaves its rows out.
        relu_smallest: the same for ReLU; None leaves its rows out.
        depth: hidden layers H.

    Returns:
        The table, ascending; infinite where lambda or delta is 0.

    Raises:
        UsageError: a number out of range, or no eigenvalue at all.

    References: the citation of each row; most were recalled and not checked, as each row says.

    >>> table = published_widths(10, 5, 1.5, 0.4, smallest=0.1)
    >>> table.rows[0].name, table.rows[0].width, table.rows[0].note
    ('Eftekhari et al.', 10.0, 'constant set to 1, not a theorem')
    """
    n, d, depth = count(n, "n"), count(d, "d"), count(depth, "depth")
    norm, separation = nonnegative(norm, "norm"), nonnegative(separation, "separation")
    if smallest is None and relu_smallest is None:
        raise UsageError("smallest, relu_smallest: expected at least one of them, got neither.")
    rows = []
    parts: tuple[tuple[Network, float | None, tuple[tuple[str, str, Seen, str, _Formula], ...]], ...] = (
        ("smooth", smallest, _SMOOTH),
        ("ReLU", relu_smallest, _RELU),
    )
    for network, value, formulas in parts:
        if value is None:
            continue
        lam = nonnegative(value, "smallest" if network == "smooth" else "relu_smallest")
        spread = math.sqrt(nearest(Fraction(d, n))) * norm if norm else 0.0
        given = _Numbers(n, d, lam, norm, _over(spread, lam), separation, depth)
        rows += [
            PublishedWidth(name, _value(make, given), formula, network, seen, citation)
            for name, formula, seen, citation, make in formulas
        ]
    rows.sort(key=lambda row: row.width)
    return WidthTable(tuple(rows), np.array([row.width for row in rows]))


def published_assumptions(
    n: int, d: int, norm: float, separation: float, **others: float | None
) -> tuple[Assumption, ...]:
    """What the published theorems ask, as far as it can be seen here.

    Args: as for :func:`published_widths`.

    References: the citations of the rows.

    >>> published_assumptions(10, 5, 1.5, 0.4)[0].state
    'fails'
    """
    apart = nonnegative(separation, "separation")
    return (
        checked("constants", "The constants of the theorems are known.", False, CONSTANT),
        checked(
            "separation",
            "No two inputs are multiples of one another.",
            apart > 0,
            f"smallest distance up to sign {apart:.4g}",
        ),
        Assumption("norms", "Every input has norm 1.", "unchecked", "only |X| is given here"),
    )
