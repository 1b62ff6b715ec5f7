"""Formulas between dollars: in letters for a terminal, as MathML for a page."""

from xml.etree import ElementTree

import pytest

from overparam.core.errors import UsageError
from overparam.core.formulas import as_text, parse, split
from overparam.report.formula import marked_up

KNOWN = {
    r"$\max_j |1 - \eta s_j^2|$": "max_j |1 − η s_j²|",
    r"$\lVert W_t - W_0 \rVert \le \frac{4\beta}{\alpha}$": "‖W_t − W₀‖ ≤ (4β)/α",
    r"$O(m^{-1/2})$": "O(m^(−1/2))",
    r"$\sqrt{k n}$": "√(k n)",
    r"$\hat{y} = \text{const} + x$": "ŷ = const + x",
    r"$\kappa(J^\top J)$": "κ(J^⊤J)",
    r"$-1 < 2x$": "−1 < 2x",
}


@pytest.mark.parametrize("formula", KNOWN)
def test_letters(formula):
    assert as_text(formula) == KNOWN[formula]


@pytest.mark.parametrize("formula", KNOWN)
def test_markup_is_well_formed_and_holds_every_letter(formula):
    tree = ElementTree.fromstring(str(marked_up(formula)))
    assert tree.tag == "math"
    shown = "".join(tree.itertext())
    wanted = {c for c in KNOWN[formula] if c.isalpha()} - set("ŷ")
    assert wanted <= {*shown}


def test_limits_stand_below_and_exponents_above():
    assert "<munder><mi>max</mi><mi>j</mi></munder>" in str(marked_up(r"$\max_j a$"))
    assert "<msubsup><mi>s</mi><mi>j</mi><mn>2</mn></msubsup>" in str(marked_up("$s_j^2$"))


def test_money_is_no_formula():
    assert split("costs 5 $ or more") == [(False, "costs 5 $ or more")]
    assert as_text("costs 5 $ or more") == "costs 5 $ or more"


@pytest.mark.parametrize(
    ("formula", "said"),
    [(r"\bad", r"unknown \\bad"), ("{a", "closing"), ("a}", "without its beginning"), ("a^", "too early")],
)
def test_what_is_not_known_is_an_error_for_who_writes_it_and_plain_for_who_reads(formula, said):
    with pytest.raises(UsageError, match=said):
        parse(formula)
    assert as_text(f"so ${formula}$ is") == f"so ${formula}$ is"
    assert "<math>" not in str(marked_up(f"so ${formula}$ is"))


def test_words_around_a_formula_are_text():
    assert str(marked_up("<b> $a<b$ & 1e-06")) == (
        "&lt;b&gt; <math><mrow><mi>a</mi><mo>&lt;</mo><mi>b</mi></mrow></math> &amp; 10⁻⁶"
    )
